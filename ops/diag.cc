// Diag and DiagPart.
#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// [a, b] -> [a, b, a, b]
Result<Shape> doubled(const Shape& diagonal) {
  if (!diagonal.has_rank()) return diagonal;
  if (diagonal.rank() < 1 || diagonal.rank() * 2 > kMaxRank) {
    return invalid_argument("diagonal must have rank 1 or more, has shape ", diagonal.to_string());
  }
  Shape output = diagonal;
  for (int d = 0; d < diagonal.rank(); ++d) output.add_dim(diagonal.dim(d));
  return output;
}

// [a, b, a, b] -> [a, b]
Result<Shape> halved(const Shape& input) {
  if (!input.has_rank()) return input;
  int half = input.rank() / 2;
  bool fits = input.rank() >= 2 && input.rank() % 2 == 0;
  for (int d = 0; d < half && fits; ++d) {
    int64_t a = input.dim(d), b = input.dim(d + half);
    fits = a == b || a == kUnknownDim || b == kUnknownDim;
  }
  if (!fits) {
    return invalid_argument("input must have an even number of dims, the first half like the second; its shape is ",
                            input.to_string());
  }
  Shape output;
  for (int d = 0; d < half; ++d) output.add_dim(input.dim(d) == kUnknownDim ? input.dim(d + half) : input.dim(d));
  return output;
}

Status infer_diag(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Shape output, doubled(c.shape(0)));
  return set_output_checked(c, 0, output);
}
Status infer_part(InferContext& c) {
  return c.set_output(0, halved(c.shape(0)));
}

class DiagKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(Shape output, doubled(*x.shape));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    zero_elements(y.dtype, y.data, y.count);
    for (int64_t i = 0; i < x.count; ++i) {
      copy_elements(y.dtype, mutable_element_at(y, i * (x.count + 1)), element_at(x, i), 1);
    }
    return {};
  }
};

class PartKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(Shape output, halved(*x.shape));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    for (int64_t i = 0; i < y.count; ++i) {
      copy_elements(y.dtype, mutable_element_at(y, i), element_at(x, i * (y.count + 1)), 1);
    }
    return {};
  }
};

template <class K>
constexpr KernelDef kKernels[] = {
    portable_kernel<K>(DType::kFloat),    portable_kernel<K>(DType::kDouble), portable_kernel<K>(DType::kHalf),
    portable_kernel<K>(DType::kBFloat16), portable_kernel<K>(DType::kInt32),  portable_kernel<K>(DType::kInt64),
};

Status diag_gradient(GradContext& c) {
  c.set_grad(0, c.op("DiagPart", {c.grad()}));
  return {};
}
Status part_gradient(GradContext& c) {
  c.set_grad(0, c.op("Diag", {c.grad()}));
  return {};
}

constexpr std::string_view kDiagDoc = R"(A tensor with the given diagonal, and zeros elsewhere.
  diagonal  T[a, b, ...]   returns  T[a, b, ..., a, b, ...]: y[i, j, ..., i, j, ...] = diagonal[i, j, ...]
  Errors: InvalidArgument for a scalar.   Source: TensorFlow array_ops Diag.)";
constexpr std::string_view kPartDoc = R"(The diagonal of a tensor.
  input  T[a, b, ..., a, b, ...]   returns  T[a, b, ...]: y[i, j, ...] = input[i, j, ..., i, j, ...]
  Errors: InvalidArgument naming the shape if its halves differ.   Source: TensorFlow array_ops DiagPart.)";
constexpr std::string_view kAttrs = "T: {bfloat16, half, float, double, int32, int64, complex64, complex128}";

}  // namespace

extern const OpDef op_Diag, op_DiagPart;
const OpDef op_Diag = {
    .name = "Diag",
    .inputs = "diagonal: T",
    .outputs = "output: T",
    .attrs = kAttrs,
    .infer = infer_diag,
    .kernels = kKernels<DiagKernel>,
};
const OpDef op_DiagPart = {
    .name = "DiagPart",
    .inputs = "input: T",
    .outputs = "diagonal: T",
    .attrs = kAttrs,
    .infer = infer_part,
    .kernels = kKernels<PartKernel>,
};

TARN_OP_FILE(diag, {&op_Diag, kDiagDoc, diag_gradient}, {&op_DiagPart, kPartDoc, part_gradient})

}  // namespace tarn
