// Multinomial: TensorFlow's draws for the same seeds.
#include <algorithm>
#include <cmath>

#include "core/bit_cast.h"
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/support/array.h"
#include "ops/support/philox.h"
#include "ops/support/random_stream.h"

namespace tarn {
namespace {

Result<Shape> samples_shape(const Shape& logits, int64_t samples) {
  if (logits.rank() != 2) return invalid_argument("logits must have rank 2, have shape ", logits.to_string());
  if (logits.dim(1) == 0) return invalid_argument("logits must have classes, have shape ", logits.to_string());
  for (int d : {0, 1}) {
    if (logits.dim(d) > INT32_MAX) return invalid_argument("logits are too large: ", logits.to_string());
  }
  return Shape{logits.dim(0), samples};
}

Status judge_samples(int64_t samples) {
  return samples >= 0 ? Status() : invalid_argument("num_samples must be >= 0, not ", samples);
}

Status infer_multinomial(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 2, "logits"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 0, "num_samples"));
  int64_t samples = kUnknownDim;
  if (std::optional<IntList> known = IntList::known(c, 1)) {
    samples = (*known)[0];
    TARN_RETURN_IF_ERROR(judge_samples(samples));
  }
  Shape logits = c.shape(0).has_rank() ? c.shape(0) : Shape::unknown_of_rank(2);
  TARN_ASSIGN_OR_RETURN(Shape output, samples_shape(logits, samples));
  return set_output_checked(c, 0, output);
}

// Number i of a stream of doubles in [0, 1): two words each, the first holds the upper bits.
double uniform_at(const RandomState::Position& start, uint64_t i) {
  Philox random(start);
  random.skip(i / 2);
  Philox::Block words = random.next();
  uint64_t high = words[i % 2 * 2], low = words[i % 2 * 2 + 1];
  return bit_cast<double>(uint64_t{1023} << 52 | (high & 0xFFFFFu) << 32 | low) - 1.0;
}

template <class T>
class MultinomialKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    seed_ = static_cast<uint64_t>(c.attr<int64_t>("seed"));
    seed2_ = static_cast<uint64_t>(c.attr<int64_t>("seed2"));
    const Shape& logits = c.input(0).shape;
    if (logits.rank() == 2 && logits.dim(1) > 0 && logits.dim(1) <= INT32_MAX) {
      c.request_scratch(scratch_bytes(logits.dim(1), c.threads()));
    }
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& logits = c.input(0);
    if (c.input(1).shape->rank() != 0) {
      return invalid_argument("input 'num_samples' must be a scalar, has shape ", c.input(1).shape->to_string());
    }
    int64_t samples = c.input(1).item<int32_t>();
    TARN_RETURN_IF_ERROR(judge_samples(samples));
    TARN_ASSIGN_OR_RETURN(Shape shape, samples_shape(*logits.shape, samples));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count == 0) return {};
    int64_t rows = shape.dim(0), classes = logits.shape->dim(1);
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(scratch_bytes(classes, c.threads().threads())));
    TARN_ASSIGN_OR_RETURN(RandomState * state, random_state(c, seed_, seed2_));
    // As TensorFlow: two numbers a sample, samples rounded up to four a row, 256 blocks each.
    uint64_t reserved = static_cast<uint64_t>(rows) * static_cast<uint64_t>((samples + 3) / 4 * 4 * 2) * 256;
    RandomState::Position start = state->reserve(reserved);
    c.threads().parallel_for(rows, std::max<int64_t>(1, kElementsPerRange / 16 / (classes + samples)),
                             [&](int64_t begin, int64_t end, int thread) {
                               double* sums = static_cast<double*>(scratch) + thread * classes;
                               for (int64_t row = begin; row < end; ++row) {
                                 running_sums(logits.as<T>() + row * classes, classes, sums);
                                 for (int64_t i = row * samples; i < (row + 1) * samples; ++i) {
                                   double wanted = uniform_at(start, static_cast<uint64_t>(i)) * sums[classes - 1];
                                   store_int(y, i, std::upper_bound(sums, sums + classes, wanted) - sums);
                                 }
                               }
                             });
    return {};
  }

 private:
  static size_t scratch_bytes(int64_t classes, int threads) {
    return static_cast<size_t>(classes) * static_cast<size_t>(threads) * sizeof(double);
  }

  // sums[j] = e^(x[0] - max) + … + e^(x[j] - max); what is not finite adds nothing.
  static void running_sums(const T* x, int64_t classes, double* sums) {
    T largest = std::numeric_limits<T>::lowest();
    for (int64_t j = 0; j < classes; ++j) {
      if (std::isfinite(x[j])) largest = std::max(largest, x[j]);
    }
    double total = 0;
    for (int64_t j = 0; j < classes; ++j) {
      if (std::isfinite(x[j])) total += std::exp(static_cast<double>(x[j]) - static_cast<double>(largest));
      sums[j] = total;
    }
  }

  uint64_t seed_ = 0, seed2_ = 0;
};

constexpr std::string_view kDoc = R"(Draws classes with the probabilities softmax(logits).
  logits  T[batch, classes]   num_samples  int32, a scalar   returns  output_dtype[batch, num_samples]
  The same draws as TensorFlow's on one thread for the same seed and seed2, on any number of threads here: TensorFlow's
  own depend on how its threads share the rows. Both seeds 0: the session chooses them.
  Logits that are not finite are never drawn; a row with none that is gives the number of classes, as TensorFlow's does.
  Errors: InvalidArgument for num_samples < 0 and for logits without classes.
  Source: TensorFlow random_ops Multinomial.)";

}  // namespace

extern const OpDef op_Multinomial;
const OpDef op_Multinomial = {
    .name = "Multinomial",
    .inputs = "logits: T, num_samples: int32",
    .outputs = "output: output_dtype",
    .attrs =
        "seed: int = 0; seed2: int = 0; T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, "
        "uint32, uint64}; output_dtype: {int32, int64} = int64",
    .traits = kStateful,
    .infer = infer_multinomial,
    .kernels = kKernelsFor<MultinomialKernel, float, double, Half, BFloat16>,
    .needs = ServiceId::kResources,
};

TARN_OP_FILE(multinomial, {&op_Multinomial, kDoc, nullptr, "the output is made of integers"})

}  // namespace tarn
