// CTCGreedyDecoder.
#include <vector>

#include "core/op.h"
#include "ops/support/arguments.h"
#include "ops/support/array.h"
#include "ops/support/ctc.h"

namespace tarn {
namespace {

Status infer_greedy(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(CtcSizes sizes, ctc_sizes(c.shape(0), c.shape(1)));
  TARN_RETURN_IF_ERROR(ctc_blank(c.attr<int64_t>("blank_index"), sizes.classes).status());
  TARN_RETURN_IF_ERROR(c.set_output(0, Shape{kUnknownDim, 2}));
  TARN_RETURN_IF_ERROR(c.set_output(1, Shape{kUnknownDim}));
  TARN_RETURN_IF_ERROR(c.set_output(2, Shape{2}));
  return c.set_output(3, Shape{sizes.batch, 1});
}

template <class T>
class GreedyKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    merge_repeated_ = c.attr<bool>("merge_repeated");
    blank_index_ = c.attr<int64_t>("blank_index");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(CtcSizes sizes, ctc_sizes(*c.input(0).shape, *c.input(1).shape));
    TARN_ASSIGN_OR_RETURN(int64_t blank, ctc_blank(blank_index_, sizes.classes));
    TARN_RETURN_IF_ERROR(judge_lengths(c.input(1), sizes));
    TARN_ASSIGN_OR_RETURN(TensorView log_probability, c.output(3, Shape{sizes.batch, 1}));
    const T* inputs = c.input(0).as<T>();
    std::vector<std::vector<int64_t>> sequences(static_cast<size_t>(sizes.batch));
    for (int64_t b = 0; b < sizes.batch; ++b) {
      T sum = 0;
      int64_t before = -1;
      for (int64_t t = 0; t < c.input(1).as<int32_t>()[b]; ++t) {
        const T* row = inputs + (t * sizes.batch + b) * sizes.classes;
        int64_t best = 0;
        for (int64_t k = 1; k < sizes.classes; ++k) {
          if (row[k] > row[best]) best = k;
        }
        sum += -row[best];
        if (best != blank && !(merge_repeated_ && best == before)) sequences[static_cast<size_t>(b)].push_back(best);
        before = best;
      }
      log_probability.as<T>()[b] = sum;
    }
    return store_sequences(c, sequences, 0, 1, 2);
  }

 private:
  bool merge_repeated_ = false;
  int64_t blank_index_ = -1;
};

constexpr KernelDef kKernels[] = {portable_kernel<GreedyKernel<float>>(DType::kFloat),
                                  portable_kernel<GreedyKernel<double>>(DType::kDouble)};

constexpr std::string_view kDoc = R"(The best class of every step, blanks left out: what a CTC network says.
  inputs  T[time, batch, classes], logits   sequence_length  int32[batch]
  returns  decoded_indices  int64[n, 2], decoded_values  int64[n], decoded_shape  int64[2]: a sparse [batch, longest];
           log_probability  T[batch, 1]: minus the sum of the best logits
  blank_index counts from the end if it is negative. merge_repeated makes equal neighbours one.
  Errors: InvalidArgument for shapes, or a sequence longer than the time.   Source: TensorFlow ctc_ops.)";

}  // namespace

extern const OpDef op_CTCGreedyDecoder;
const OpDef op_CTCGreedyDecoder = {
    .name = "CTCGreedyDecoder",
    .inputs = "inputs: T, sequence_length: int32",
    .outputs = "decoded_indices: int64, decoded_values: int64, decoded_shape: int64, log_probability: T",
    .attrs = "merge_repeated: bool = false; blank_index: int = -1; T: {float, double} = float",
    .infer = infer_greedy,
    .kernels = kKernels,
};

TARN_OP_FILE(ctc_greedy_decoder, {&op_CTCGreedyDecoder, kDoc, nullptr, "its outputs are labels; CTC's loss trains"})

}  // namespace tarn
