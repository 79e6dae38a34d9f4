// Concat, ConcatV2, ConcatOffset.
#include "core/op.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// Where the axis and the values are among the inputs: Concat has the axis first, ConcatV2 last.
struct ConcatInputs {
  int axis, first, count;
};
template <bool axis_first>
ConcatInputs concat_inputs(int input_count) {
  return axis_first ? ConcatInputs{0, 1, input_count - 1} : ConcatInputs{input_count - 1, 0, input_count - 1};
}

// Vectors of integers: shapes are put together so too.
void infer_joined_value(InferContext& c, const ConcatInputs& in) {
  std::vector<int64_t> joined;
  for (int i = in.first; i < in.first + in.count; ++i) {
    std::optional<std::vector<int64_t>> elements = known_elements(c, i);
    if (!elements || c.shape(i).rank() != 1) return;
    joined.insert(joined.end(), elements->begin(), elements->end());
  }
  Shape shape{std::ssize(joined)};
  set_known_elements(c, 0, shape, std::move(joined));
}

template <bool axis_first>
Status infer_concat(InferContext& c) {
  ConcatInputs in = concat_inputs<axis_first>(c.input_count());
  TARN_RETURN_IF_ERROR(expect_single(c, in.axis, "axis"));
  int rank = -1;
  for (int i = in.first; i < in.first + in.count; ++i) {
    if (!c.shape(i).has_rank()) continue;
    if (rank >= 0 && c.shape(i).rank() != rank) {
      return invalid_argument("values must have the same rank: one has ", rank, " dims, values[", i - in.first, "] is ",
                              c.shape(i));
    }
    rank = c.shape(i).rank();
  }
  std::optional<IntList> known = IntList::known(c, in.axis);
  if (rank < 0) return {};
  if (rank == 0) return invalid_argument("can't concatenate scalars (use Pack)");
  if (!known) return c.set_output(0, Shape::unknown_of_rank(rank));
  TARN_ASSIGN_OR_RETURN(int64_t given, single_int(*known, "axis"));
  TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(given, rank, "axis"));
  Shape output = Shape::unknown_of_rank(rank);
  int64_t along = 0;
  for (int i = in.first; i < in.first + in.count; ++i) {
    Shape shape = c.shape(i);
    if (!shape.has_rank()) {
      along = kUnknownDim;
      continue;
    }
    if (shape.dim(axis) == kUnknownDim || along == kUnknownDim) {
      along = kUnknownDim;
    } else if (__builtin_add_overflow(along, shape.dim(axis), &along)) {
      return invalid_argument("the concatenated dim leaves int64");
    }
    shape.set_dim(axis, kUnknownDim);
    Result<Shape> merged = output.merge(shape);
    if (!merged.ok()) {
      return invalid_argument("values must agree in all dims but ", axis, ": ", c.shape(in.first), " against values[",
                              i - in.first, "] ", c.shape(i));
    }
    output = *merged;
  }
  output.set_dim(axis, along);
  infer_joined_value(c, in);
  return set_output_checked(c, 0, output);
}

template <bool axis_first>
class ConcatKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    ConcatInputs in = concat_inputs<axis_first>(c.input_count());
    TARN_ASSIGN_OR_RETURN(int64_t given, single_int(IntList::of(c.input(in.axis)), "axis"));
    const Shape& first = *c.input(in.first).shape;
    TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(given, first.rank(), "axis"));
    Shape output = first;
    int64_t along = 0;
    for (int i = in.first; i < in.first + in.count; ++i) {
      const Shape& shape = *c.input(i).shape;
      bool fits = shape.rank() == first.rank();
      for (int d = 0; d < first.rank() && fits; ++d) fits = d == axis || shape.dim(d) == first.dim(d);
      if (!fits) {
        return invalid_argument("values must agree in all dims but ", axis, ": ", first, " against values[",
                                i - in.first, "] ", shape);
      }
      along += shape.dim(axis);
    }
    output.set_dim(axis, along);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    int64_t inner = dim_product(first, axis + 1, first.rank()), outer = dim_product(first, 0, axis);
    int64_t offset = 0;
    for (int i = in.first; i < in.first + in.count; ++i) {
      int64_t width = c.input(i).shape->dim(axis) * inner;
      StridedCopy copy;
      TARN_RETURN_IF_ERROR(copy.add_dim(outer, along * inner, width));
      TARN_RETURN_IF_ERROR(copy.add_dim(width, 1, 1));
      copy.run(y.dtype, mutable_element_at(y, offset), c.input(i).data, c.threads());
      offset += width;
    }
    return {};
  }
};

Status infer_concat_offset(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_single(c, 0, "concat_dim"));
  Shape shape = Shape{kUnknownDim};
  for (int i = 1; i < c.input_count(); ++i) {
    TARN_RETURN_IF_ERROR(c.expect_rank(i, 1, "shape"));
    TARN_ASSIGN_OR_RETURN(shape, shape.merge(c.shape(i)));
  }
  for (int i = 0; i < c.output_count(); ++i) TARN_RETURN_IF_ERROR(c.set_output(i, shape));
  return {};
}

class ConcatOffsetKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(int64_t given, single_int(IntList::of(c.input(0)), "concat_dim"));
    IntList first = IntList::of(c.input(1));
    TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(given, static_cast<int>(first.size()), "concat_dim"));
    int64_t offset = 0;
    for (int i = 1; i < c.input_count(); ++i) {
      IntList shape = IntList::of(c.input(i));
      if (c.input(i).shape->rank() != 1 || shape.size() != first.size()) {
        return invalid_argument("shape[", i - 1, "] should contain ", first.size(), " elements, but has ",
                                shape.size());
      }
      TARN_ASSIGN_OR_RETURN(TensorView y, c.output(i - 1, *c.input(i).shape));
      for (int64_t d = 0; d < shape.size(); ++d) {
        if (d != axis && shape[d] != first[d]) {
          return invalid_argument("all dims but ", axis, " must match: shape[0] is ", first, ", shape[", i - 1, "] ",
                                  shape);
        }
        if (!store_int(y, d, d == axis ? offset : 0)) return invalid_argument("offset ", offset, " exceeds int32");
      }
      if (__builtin_add_overflow(offset, shape[axis], &offset)) return invalid_argument("the offsets leave int64");
    }
    return {};
  }
};

constexpr KernelDef kConcatKernels[] = {portable_kernel<ConcatKernel<true>>()};
constexpr KernelDef kConcatV2Kernels[] = {portable_kernel<ConcatKernel<false>>()};
constexpr KernelDef kConcatOffsetKernels[] = {portable_kernel<ConcatOffsetKernel>()};

// Each input gets its part of dy: Slice(dy, offset, shape).
template <bool axis_first>
Status concat_gradient(GradContext& c) {
  ConcatInputs in = concat_inputs<axis_first>(c.input_count());
  std::vector<Wire> axis_and_shapes = {c.input(in.axis)};
  if (c.fact(c.input(in.axis)).dtype == DType::kInt64) {
    axis_and_shapes[0] = c.op("Cast", {c.input(in.axis)}, {{"DstT", DType::kInt32}});
  }
  for (int i = in.first; i < in.first + in.count; ++i) axis_and_shapes.push_back(shape_of(c, c.input(i)));
  Wire offsets = c.op("ConcatOffset", axis_and_shapes);
  for (int i = 0; i < in.count; ++i) {
    c.set_grad(in.first + i,
               c.op("Slice", {c.grad(), c.slot(offsets, i), axis_and_shapes[static_cast<size_t>(i) + 1]}));
  }
  return {};
}

constexpr std::string_view kConcatDoc = R"(Joins tensors along one dim (the form of before TensorFlow 1.0).
  concat_dim  int32, a scalar   values  N tensors T[...], equal in all other dims   returns  T[...]
  Errors: InvalidArgument naming two shapes that differ.   Source: TensorFlow array_ops Concat.)";
constexpr std::string_view kConcatV2Doc = R"(Joins tensors along one dim.
  values  N tensors T[...], equal in all other dims   axis  Tidx, a scalar in [-rank, rank)   returns  T[...]
  Errors: InvalidArgument naming two shapes that differ.   Source: TensorFlow array_ops ConcatV2.)";
constexpr std::string_view kConcatOffsetDoc = R"(Where each input of a concatenation begins in the result.
  concat_dim  int32, a scalar   shape  N vectors shape_type[rank]   returns  N vectors: 0 but for concat_dim
  Source: TensorFlow array_ops ConcatOffset.)";

}  // namespace

extern const OpDef op_Concat, op_ConcatV2, op_ConcatOffset;
const OpDef op_Concat = {
    .name = "Concat",
    .inputs = "concat_dim: int32, values: N * T",
    .outputs = "output: T",
    .attrs = "N: int >= 2; T: type",
    .infer = infer_concat<true>,
    .kernels = kConcatKernels,
};
const OpDef op_ConcatV2 = {
    .name = "ConcatV2",
    .inputs = "values: N * T, axis: Tidx",
    .outputs = "output: T",
    .attrs = "N: int >= 2; T: type; Tidx: {int32, int64} = int32",
    .infer = infer_concat<false>,
    .kernels = kConcatV2Kernels,
};
const OpDef op_ConcatOffset = {
    .name = "ConcatOffset",
    .inputs = "concat_dim: int32, shape: N * shape_type",
    .outputs = "offset: N * shape_type",
    .attrs = "N: int >= 2; shape_type: {int32, int64} = int32",
    .infer = infer_concat_offset,
    .kernels = kConcatOffsetKernels,
};

TARN_OP_FILE(concat, {&op_Concat, kConcatDoc, concat_gradient<true>},
             {&op_ConcatV2, kConcatV2Doc, concat_gradient<false>},
             {&op_ConcatOffset, kConcatOffsetDoc, nullptr, "offsets are integers"})

}  // namespace tarn
