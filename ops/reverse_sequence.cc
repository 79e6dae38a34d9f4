// ReverseSequence.
#include "core/op.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

struct Dims {
  int seq, batch;
};

Result<Dims> judge(const Shape& input, const Shape& lengths, int64_t seq_dim, int64_t batch_dim) {
  if (lengths.has_rank() && lengths.rank() != 1) {
    return invalid_argument("seq_lengths must be a vector, has shape ", lengths.to_string());
  }
  TARN_ASSIGN_OR_RETURN(int seq, resolve_axis(seq_dim, input.rank(), "seq_dim"));
  TARN_ASSIGN_OR_RETURN(int batch, resolve_axis(batch_dim, input.rank(), "batch_dim"));
  if (seq == batch) return invalid_argument("batch_dim == seq_dim == ", seq);
  int64_t rows = input.dim(batch);
  if (lengths.has_rank() && rows != kUnknownDim && lengths.dim(0) != kUnknownDim && rows != lengths.dim(0)) {
    return invalid_argument("seq_lengths has ", lengths.dim(0), " elements, but dim ", batch, " of input ",
                            input.to_string(), " has ", rows);
  }
  return Dims{seq, batch};
}

Status judge_length(int64_t length, int64_t size, int64_t row) {
  if (length >= 0 && length <= size) return {};
  return invalid_argument("seq_lengths[", row, "] = ", length, " is not in [0, ", size, "], the size of dim seq_dim");
}

Status infer_reverse_sequence(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "seq_lengths"));
  if (!c.shape(0).has_rank()) return c.set_output(0, Shape::unknown());
  TARN_ASSIGN_OR_RETURN(Dims dims,
                        judge(c.shape(0), c.shape(1), c.attr<int64_t>("seq_dim"), c.attr<int64_t>("batch_dim")));
  Shape output = c.shape(0);
  if (c.shape(1).has_rank() && output.dim(dims.batch) == kUnknownDim) output.set_dim(dims.batch, c.shape(1).dim(0));
  return c.set_output(0, output);
}

class ReverseSequenceKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    seq_dim_ = c.attr<int64_t>("seq_dim");
    batch_dim_ = c.attr<int64_t>("batch_dim");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    const Shape& shape = *x.shape;
    TARN_ASSIGN_OR_RETURN(Dims dims, judge(shape, *c.input(1).shape, seq_dim_, batch_dim_));
    IntList lengths = IntList::of(c.input(1));
    int64_t steps = shape.dim(dims.seq), rows = shape.dim(dims.batch);
    for (int64_t row = 0; row < rows; ++row) TARN_RETURN_IF_ERROR(judge_length(lengths[row], steps, row));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count == 0) return {};
    // [outer, a, middle, b, inner], where a and b are the two dims in their order
    int low = std::min(dims.seq, dims.batch), high = std::max(dims.seq, dims.batch);
    int64_t inner = dim_product(shape, high + 1, shape.rank()), middle = dim_product(shape, low + 1, high);
    int64_t outer = dim_product(shape, 0, low);
    int64_t high_step = inner, low_step = shape.dim(high) * inner * middle, middle_step = shape.dim(high) * inner;
    int64_t seq_step = dims.seq == high ? high_step : low_step, row_step = dims.seq == high ? low_step : high_step;
    int64_t outer_step = low_step * shape.dim(low);
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t m = 0; m < middle; ++m) {
        for (int64_t row = 0; row < rows; ++row) {
          int64_t begin = o * outer_step + m * middle_step + row * row_step, length = lengths[row];
          for (int64_t step = 0; step < steps; ++step) {
            int64_t from = step < length ? length - 1 - step : step;
            copy_elements(x.dtype, mutable_element_at(y, begin + step * seq_step),
                          element_at(x, begin + from * seq_step), inner);
          }
        }
      }
    }
    return {};
  }

 private:
  int64_t seq_dim_ = 0, batch_dim_ = 0;
};

constexpr KernelDef kKernels[] = {portable_kernel<ReverseSequenceKernel>()};

// It undoes itself.
Status reverse_sequence_gradient(GradContext& c) {
  constexpr std::string_view kKept[] = {"seq_dim", "batch_dim"};
  c.set_grad(0, c.op("ReverseSequence", {c.grad(), c.input(1)}, kept_attrs(c, kKept)));
  return {};
}

constexpr std::string_view kDoc = R"(Turns the beginning of each sequence of a batch round; the rest stays.
  input  T[...]   seq_lengths  Tlen[batch]: how many elements along seq_dim are turned round
  returns  T, of the input's shape
  Errors: InvalidArgument for a length beyond seq_dim, dims that are the same or not there.
  Source: TensorFlow array_ops ReverseSequence.)";

}  // namespace

extern const OpDef op_ReverseSequence;
const OpDef op_ReverseSequence = {
    .name = "ReverseSequence",
    .inputs = "input: T, seq_lengths: Tlen",
    .outputs = "output: T",
    .attrs = "seq_dim: int; batch_dim: int = 0; T: type; Tlen: {int32, int64} = int64",
    .infer = infer_reverse_sequence,
    .kernels = kKernels,
};

TARN_OP_FILE(reverse_sequence, {&op_ReverseSequence, kDoc, reverse_sequence_gradient})

}  // namespace tarn
