// Transpose and InvertPermutation.
#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// Every dim of [0, n) exactly once. Transpose takes negative dims too, counted from the end, as TensorFlow does.
Status judge_permutation(const IntList& perm, int64_t n, bool may_be_negative) {
  if (perm.size() != n) return invalid_argument("perm ", perm.to_string(), " must have ", n, " elements");
  bool seen[kMaxRank] = {};
  for (int64_t i = 0; i < n; ++i) {
    int64_t d = may_be_negative && perm[i] < 0 ? perm[i] + n : perm[i];
    if (d < 0 || d >= n) return invalid_argument("perm[", i, "] = ", perm[i], " is out of range for ", n, " dims");
    if (seen[d]) return invalid_argument(d, " is duplicated in perm ", perm.to_string());
    seen[d] = true;
  }
  return {};
}

int source_dim(const IntList& perm, int d) {
  int64_t from = perm[d];
  return static_cast<int>(from < 0 ? from + perm.size() : from);
}

Status infer_transpose(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "perm"));
  const Shape& shape = c.shape(0);
  int64_t rank = shape.has_rank() ? shape.rank() : c.shape(1).has_rank() ? c.shape(1).dim(0) : kUnknownDim;
  if (rank == kUnknownDim) return {};
  if (rank > kMaxRank || !c.shape(1).is_compatible_with(Shape{rank})) {
    return invalid_argument("perm must have one element a dim of ", shape.to_string(), ", has shape ",
                            c.shape(1).to_string());
  }
  Shape output = Shape::unknown_of_rank(static_cast<int>(rank));
  if (std::optional<IntList> perm = IntList::known(c, 1)) {
    TARN_RETURN_IF_ERROR(judge_permutation(*perm, rank, true));
    for (int d = 0; d < rank && shape.has_rank(); ++d) output.set_dim(d, shape.dim(source_dim(*perm, d)));
  }
  return c.set_output(0, output);
}

class TransposeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    const Shape& shape = *x.shape;
    IntList perm = IntList::of(c.input(1));
    TARN_RETURN_IF_ERROR(judge_permutation(perm, shape.rank(), true));
    Shape output = shape;
    for (int d = 0; d < shape.rank(); ++d) output.set_dim(d, shape.dim(source_dim(perm, d)));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    if (y.count == 0) return {};
    int64_t from_stride[kMaxRank], to_stride[kMaxRank];
    row_strides(shape, from_stride);
    row_strides(output, to_stride);
    StridedCopy copy;
    for (int d = 0; d < shape.rank(); ++d) {
      TARN_RETURN_IF_ERROR(copy.add_dim(output.dim(d), to_stride[d], from_stride[source_dim(perm, d)]));
    }
    copy.run(y.dtype, y.data, x.data, c.threads());
    return {};
  }
};

Status infer_invert(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 1, "x"));
  std::optional<IntList> perm = IntList::known(c, 0);
  if (perm && perm->size() <= kMaxRank) {
    TARN_RETURN_IF_ERROR(judge_permutation(*perm, perm->size(), false));
    std::vector<int64_t> inverse(static_cast<size_t>(perm->size()));
    for (int64_t i = 0; i < perm->size(); ++i) inverse[static_cast<size_t>((*perm)[i])] = i;
    std::optional<Tensor> value = int_tensor(c.output(0).dtype, c.shape(0), inverse);
    if (value) c.set_value(0, *value);
  }
  return c.set_output(0, c.shape(0));
}

class InvertKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    IntList x = IntList::of(c.input(0));
    if (c.input(0).shape->rank() != 1) {
      return invalid_argument("input 'x' must have rank 1, has shape ", c.input(0).shape->to_string());
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *c.input(0).shape));
    for (int64_t i = 0; i < x.size(); ++i) store_int(y, i, -1);
    IntList inverse = IntList::of(y);
    for (int64_t i = 0; i < x.size(); ++i) {
      if (x[i] < 0 || x[i] >= x.size()) {
        return invalid_argument("x[", i, "] = ", x[i], " is out of range for ", x.size(), " elements");
      }
      if (inverse[x[i]] != -1) return invalid_argument(x[i], " is duplicated in ", x.to_string());
      store_int(y, x[i], i);
    }
    return {};
  }
};

constexpr KernelDef kTransposeKernels[] = {portable_kernel<TransposeKernel>()};
constexpr KernelDef kInvertKernels[] = {portable_kernel<InvertKernel>()};

Status transpose_gradient(GradContext& c) {
  c.set_grad(0, c.op("Transpose", {c.grad(), c.op("InvertPermutation", {c.input(1)})}));
  return {};
}

constexpr std::string_view kTransposeDoc = R"(Orders the dims of a tensor anew.
  x  T[...]   perm  Tperm[rank], each dim once   returns  y  T[...]: dim d of y is dim perm[d] of x
  Errors: InvalidArgument naming the element of perm that is out of range or there twice.
  Source: TensorFlow array_ops Transpose.)";
constexpr std::string_view kInvertDoc = R"(The permutation that undoes x: y[x[i]] = i.
  x  T[n], each of 0 … n - 1 once   returns  y  T[n]
  Source: TensorFlow array_ops InvertPermutation.)";

}  // namespace

extern const OpDef op_Transpose, op_InvertPermutation;
const OpDef op_Transpose = {
    .name = "Transpose",
    .inputs = "x: T, perm: Tperm",
    .outputs = "y: T",
    .attrs = "T: type; Tperm: {int32, int64} = int32",
    .infer = infer_transpose,
    .kernels = kTransposeKernels,
};
const OpDef op_InvertPermutation = {
    .name = "InvertPermutation",
    .inputs = "x: T",
    .outputs = "y: T",
    .attrs = "T: {int32, int64} = int32",
    .infer = infer_invert,
    .kernels = kInvertKernels,
};

TARN_OP_FILE(transpose, {&op_Transpose, kTransposeDoc, transpose_gradient},
             {&op_InvertPermutation, kInvertDoc, nullptr, "a permutation is made of integers"})

}  // namespace tarn
