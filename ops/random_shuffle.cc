// RandomShuffle: TensorFlow's order for the same seeds.
#include <numeric>

#include "core/op.h"
#include "ops/support/array.h"
#include "ops/support/philox.h"
#include "ops/support/random_stream.h"

namespace tarn {
namespace {

class ShuffleKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    seed_ = static_cast<uint64_t>(c.attr<int64_t>("seed"));
    seed2_ = static_cast<uint64_t>(c.attr<int64_t>("seed2"));
    const Shape& shape = c.input(0).shape;
    if (shape.has_rank() && shape.rank() > 0 && shape.dim(0) > 0) {
      c.request_scratch(static_cast<size_t>(shape.dim(0)) * sizeof(int64_t));
    }
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    const Shape& shape = *x.shape;
    int64_t rows = shape.rank() > 0 ? shape.dim(0) : 1;
    // A row is chosen by one 32-bit number.
    if (rows > UINT32_MAX) return unimplemented("shuffling more than ", UINT32_MAX, " rows");
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (x.count <= 1 || rows <= 1) {  // nothing is drawn
      copy_elements(y.dtype, y.data, x.data, x.count);
      return {};
    }
    TARN_ASSIGN_OR_RETURN(RandomState * state, random_state(c, seed_, seed2_));
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(static_cast<size_t>(rows) * sizeof(int64_t)));
    auto* order = static_cast<int64_t*>(scratch);
    std::iota(order, order + rows, int64_t{0});
    // Each row in turn changes places with one from there on. As TensorFlow: exactly rows - 1 numbers, in whole blocks.
    Philox random(state->reserve(static_cast<uint64_t>(rows - 1 + 3) / 4));
    Philox::Block words{};
    for (int64_t i = 0; i + 1 < rows; ++i) {
      if (i % 4 == 0) words = random.next();
      std::swap(order[i], order[i + words[static_cast<size_t>(i % 4)] % static_cast<uint32_t>(rows - i)]);
    }
    int64_t inner = x.count / rows;
    for (int64_t i = 0; i < rows; ++i) {
      copy_elements(y.dtype, mutable_element_at(y, i * inner), element_at(x, order[i] * inner), inner);
    }
    return {};
  }

 private:
  uint64_t seed_ = 0, seed2_ = 0;
};

constexpr KernelDef kKernels[] = {portable_kernel<ShuffleKernel>()};

constexpr std::string_view kDoc = R"(The rows of a tensor in random order.
  value  T[n, ...]   returns  T, of the same shape
  The same order as TensorFlow's for the same seed and seed2, run after run. Both seeds 0: the session chooses them.
  Source: TensorFlow random_ops RandomShuffle; Fisher and Yates' shuffle on Philox's numbers.)";

}  // namespace

extern const OpDef op_RandomShuffle;
const OpDef op_RandomShuffle = {
    .name = "RandomShuffle",
    .inputs = "value: T",
    .outputs = "output: T",
    .attrs = "seed: int = 0; seed2: int = 0; T: type",
    .traits = kStateful,
    .infer = infer_unchanged,
    .kernels = kKernels,
    .needs = ServiceId::kResources,
};

TARN_OP_FILE(random_shuffle, {&op_RandomShuffle, kDoc, nullptr, "TensorFlow has none: shuffling is for input data"})

}  // namespace tarn
