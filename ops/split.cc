// Split and SplitV.
#include "core/op.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Status judge_output_count(const InferContext& c) {
  int64_t wanted = c.attr<int64_t>("num_split");
  if (wanted == c.output_count()) return {};
  return invalid_argument("attr 'num_split' = ", wanted, " is beyond ", c.output_count(), " outputs");
}

// The size of each of `num` equal parts.
Result<int64_t> equal_part(int64_t dim, int64_t num, int axis) {
  if (dim % num == 0) return dim / num;
  return invalid_argument("dim ", axis, " = ", dim, " does not divide into ", num, " parts");
}

Status infer_split(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_output_count(c));
  TARN_RETURN_IF_ERROR(expect_single(c, 0, "split_dim"));
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(1, 1, "value"));
  Shape shape = c.shape(1);
  if (!shape.has_rank()) return {};
  std::optional<IntList> known = IntList::known(c, 0);
  if (known) {
    TARN_ASSIGN_OR_RETURN(int64_t given, single_int(*known, "split_dim"));
    TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(given, shape.rank(), "split_dim"));
    if (shape.dim(axis) != kUnknownDim) {
      TARN_ASSIGN_OR_RETURN(int64_t part, equal_part(shape.dim(axis), c.output_count(), axis));
      shape.set_dim(axis, part);
    }
  } else {
    shape = Shape::unknown_of_rank(shape.rank());
  }
  for (int i = 0; i < c.output_count(); ++i) TARN_RETURN_IF_ERROR(c.set_output(i, shape));
  return {};
}

// What a -1 among the sizes stands for; checks them all.
Result<int64_t> judge_sizes(const IntList& sizes, int64_t dim, int axis) {
  int64_t sum = 0;
  bool has_rest = false;
  for (int64_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == -1) {
      if (has_rest) return invalid_argument("only one of size_splits may be -1, they are ", sizes.to_string());
      has_rest = true;
    } else if (sizes[i] < 0 || __builtin_add_overflow(sum, sizes[i], &sum)) {
      return invalid_argument("size_splits must be >= 0, or one -1, are ", sizes.to_string());
    }
  }
  if (dim != kUnknownDim && (has_rest ? sum > dim : sum != dim)) {
    return invalid_argument("size_splits ", sizes.to_string(), " do not fit dim ", axis, " = ", dim);
  }
  return dim == kUnknownDim ? kUnknownDim : dim - sum;
}

Status infer_split_v(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_output_count(c));
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(0, 1, "value"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "size_splits"));
  if (!c.shape(1).is_compatible_with(Shape{c.output_count()})) {
    return invalid_argument("size_splits must have num_split = ", c.output_count(), " elements, have ",
                            c.shape(1).to_string());
  }
  TARN_RETURN_IF_ERROR(expect_single(c, 2, "split_dim"));
  const Shape& shape = c.shape(0);
  if (!shape.has_rank()) return {};
  std::optional<IntList> known = IntList::known(c, 2), sizes = IntList::known(c, 1);
  int axis = -1;
  int64_t rest = kUnknownDim;
  if (known) {
    TARN_ASSIGN_OR_RETURN(int64_t given, single_int(*known, "split_dim"));
    TARN_ASSIGN_OR_RETURN(axis, resolve_axis(given, shape.rank(), "split_dim"));
    if (sizes) {
      TARN_ASSIGN_OR_RETURN(rest, judge_sizes(*sizes, shape.dim(axis), axis));
    }
  }
  for (int i = 0; i < c.output_count(); ++i) {
    Shape output = axis < 0 ? Shape::unknown_of_rank(shape.rank()) : shape;
    if (axis >= 0) output.set_dim(axis, !sizes ? kUnknownDim : (*sizes)[i] == -1 ? rest : (*sizes)[i]);
    TARN_RETURN_IF_ERROR(c.set_output(i, output));
  }
  return {};
}

// Output i is `size` wide, taken `offset` from the beginning of the axis.
Status take_part(RunContext& c, const TensorView& x, int axis, int i, int64_t offset, int64_t size) {
  Shape output = *x.shape;
  output.set_dim(axis, size);
  TARN_ASSIGN_OR_RETURN(TensorView y, c.output(i, output));
  if (y.count == 0) return {};
  int64_t inner = dim_product(*x.shape, axis + 1, x.shape->rank()), outer = dim_product(*x.shape, 0, axis);
  StridedCopy copy;
  TARN_RETURN_IF_ERROR(copy.add_dim(outer, size * inner, x.shape->dim(axis) * inner));
  TARN_RETURN_IF_ERROR(copy.add_dim(size * inner, 1, 1));
  copy.run(y.dtype, y.data, element_at(x, offset * inner), c.threads());
  return {};
}

class SplitKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    num_ = c.output_count();
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(1);
    TARN_ASSIGN_OR_RETURN(int64_t given, single_int(IntList::of(c.input(0)), "split_dim"));
    TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(given, x.shape->rank(), "split_dim"));
    TARN_ASSIGN_OR_RETURN(int64_t part, equal_part(x.shape->dim(axis), num_, axis));
    for (int i = 0; i < num_; ++i) TARN_RETURN_IF_ERROR(take_part(c, x, axis, i, i * part, part));
    return {};
  }

 private:
  int num_ = 1;
};

class SplitVKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    num_ = c.output_count();
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    IntList sizes = IntList::of(c.input(1));
    if (c.input(1).shape->rank() != 1 || sizes.size() != num_) {
      return invalid_argument("size_splits must be a vector of ", num_, " elements, have shape ",
                              c.input(1).shape->to_string());
    }
    TARN_ASSIGN_OR_RETURN(int64_t given, single_int(IntList::of(c.input(2)), "split_dim"));
    TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(given, x.shape->rank(), "split_dim"));
    TARN_ASSIGN_OR_RETURN(int64_t rest, judge_sizes(sizes, x.shape->dim(axis), axis));
    int64_t offset = 0;
    for (int i = 0; i < num_; ++i) {
      int64_t size = sizes[i] == -1 ? rest : sizes[i];
      TARN_RETURN_IF_ERROR(take_part(c, x, axis, i, offset, size));
      offset += size;
    }
    return {};
  }

 private:
  int num_ = 1;
};

constexpr KernelDef kSplitKernels[] = {portable_kernel<SplitKernel>()};
constexpr KernelDef kSplitVKernels[] = {portable_kernel<SplitVKernel>()};

// The gradients of the parts, joined; `value` and `axis` are the inputs of those names.
void join_gradients(GradContext& c, int value, int axis) {
  int num = static_cast<int>(c.attr<int64_t>("num_split"));
  if (num == 1) {
    c.set_grad(value, c.grad());
    return;
  }
  std::vector<Wire> parts;
  for (int i = 0; i < num; ++i) parts.push_back(grad_or_zeros(c, i));
  parts.push_back(c.input(axis));
  c.set_grad(value, c.op("ConcatV2", parts));
}

Status split_gradient(GradContext& c) {
  join_gradients(c, 1, 0);
  return {};
}

Status split_v_gradient(GradContext& c) {
  join_gradients(c, 0, 2);
  return {};
}

constexpr std::string_view kSplitDoc = R"(Cuts a tensor along a dim into equal parts.
  split_dim  int32, a scalar in [-rank, rank)   value  T[...]   returns  num_split tensors T[...]
  Errors: InvalidArgument if the dim does not divide.   Source: TensorFlow array_ops Split.)";
constexpr std::string_view kSplitVDoc = R"(Cuts a tensor along a dim into parts of given sizes.
  value  T[...]   size_splits  Tlen[num_split], which add up to the dim; one may be -1: the rest
  split_dim  int32, a scalar in [-rank, rank)   returns  num_split tensors T[...]
  Source: TensorFlow array_ops SplitV.)";

}  // namespace

extern const OpDef op_Split, op_SplitV;
const OpDef op_Split = {
    .name = "Split",
    .inputs = "split_dim: int32, value: T",
    .outputs = "output: num_split * T",
    .attrs = "num_split: int >= 1; T: type",
    .infer = infer_split,
    .kernels = kSplitKernels,
};
const OpDef op_SplitV = {
    .name = "SplitV",
    .inputs = "value: T, size_splits: Tlen, split_dim: int32",
    .outputs = "output: num_split * T",
    .attrs = "num_split: int >= 1; T: type; Tlen: {int8, int32, int64} = int64",
    .infer = infer_split_v,
    .kernels = kSplitVKernels,
};

TARN_OP_FILE(split, {&op_Split, kSplitDoc, split_gradient}, {&op_SplitV, kSplitVDoc, split_v_gradient})

}  // namespace tarn
