// StridedSlice and StridedSliceGrad: NumPy's x[1:3, ..., ::-1, np.newaxis, 2].
#include "core/op.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

struct Masks {
  uint64_t begin, end, ellipsis, new_axis, shrink_axis;
  static Masks of(const AttrMap& attrs) {
    auto bits = [&](std::string_view name) { return static_cast<uint64_t>(attrs.get<int64_t>(name)); };
    return {bits("begin_mask"), bits("end_mask"), bits("ellipsis_mask"), bits("new_axis_mask"),
            bits("shrink_axis_mask")};
  }
};

// begin, end and strides as far as they are known; they have `count` elements.
struct Bounds {
  int count = 0;
  std::optional<IntList> begin, end, strides;
};

// The slice with every dim of the input spelled out.
struct Plan {
  int64_t begin[kMaxRank], stride[kMaxRank], size[kMaxRank];  // a dim of the input each; size may be unknown
  Shape output;
};

constexpr int kMostSpecs = 32;  // as many bits as TensorFlow's masks have

int64_t clamp(int64_t x, int64_t low, int64_t high) {
  return x < low ? low : x > high ? high : x;
}

// One dim sliced by spec i. Sets begin, stride and size of the plan.
Status plan_dim(int64_t dim, int d, int i, const Bounds& bounds, const Masks& masks, Plan& plan) {
  bool shrink = (masks.shrink_axis >> i & 1) != 0;
  bool from_start = (masks.begin >> i & 1) != 0, to_end = (masks.end >> i & 1) != 0;
  plan.begin[d] = 0;
  plan.stride[d] = 1;
  plan.size[d] = shrink ? 1 : kUnknownDim;
  if (!bounds.strides) return {};
  int64_t stride = (*bounds.strides)[i];
  if (stride == 0) return invalid_argument("strides[", i, "] must not be 0");
  if (shrink && stride < 0) return invalid_argument("strides[", i, "] must be positive where shrink_axis_mask is set");
  plan.stride[d] = stride;
  if (dim == kUnknownDim) {
    // Nothing of it is cut off, or nothing is known.
    return {};
  }
  if (shrink) {
    if (!bounds.begin) return {};
    int64_t index = (*bounds.begin)[i];
    if (index < -dim || index >= dim) {
      return invalid_argument("begin[", i, "]: slice index ", index, " of dimension ", d, " is out of bounds for size ",
                              dim);
    }
    plan.begin[d] = index < 0 ? index + dim : index;
    plan.stride[d] = 1;
    return {};
  }
  if ((!from_start && !bounds.begin) || (!to_end && !bounds.end)) return {};
  // Where a walk may start and stop: [0, dim] forwards, [-1, dim - 1] backwards.
  int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? dim : dim - 1;
  auto place = [&](int64_t x) { return clamp(x < 0 ? x + dim : x, low, high); };
  int64_t begin = from_start ? (stride > 0 ? low : high) : place((*bounds.begin)[i]);
  int64_t end = to_end ? (stride > 0 ? high : low) : place((*bounds.end)[i]);
  int64_t length = end - begin;
  bool empty = length == 0 || (length < 0) != (stride < 0);
  plan.begin[d] = begin;
  plan.size[d] = empty ? 0 : length / stride + (length % stride != 0 ? 1 : 0);
  return {};
}

// Reads the masks as TensorFlow's ValidateStridedSliceOp does. `input` has a rank, perhaps unknown dims.
Status make_plan(const Shape& input, const Bounds& bounds, const Masks& masks, Plan& plan) {
  if (bounds.count > kMostSpecs) return invalid_argument("begin has ", bounds.count, " elements, at most ", kMostSpecs);
  if ((masks.ellipsis & (masks.ellipsis - 1)) != 0)
    return invalid_argument("attr 'ellipsis_mask' is ", masks.ellipsis,
                            ": multiple ellipses in slice spec not allowed");
  // How many dims of the input the specs besides the ellipsis take.
  int taken = 0;
  bool has_ellipsis = false;
  for (int i = 0; i < bounds.count; ++i) {
    if ((masks.ellipsis >> i & 1) != 0) {
      has_ellipsis = true;
    } else if ((masks.new_axis >> i & 1) == 0) {
      ++taken;
    }
  }
  if (taken > input.rank()) {
    return invalid_argument("the slice takes ", taken, " dims, the input ", input.to_string(), " has ", input.rank());
  }
  unsigned d = 0;  // unsigned: gcc 12 imagines a negative one when optimizing
  Shape output;
  auto whole_dims = [&](int n) {
    for (; n > 0; --n, ++d) {
      plan.begin[d] = 0;
      plan.stride[d] = 1;
      plan.size[d] = input.dim(static_cast<int>(d));
      output.add_dim(plan.size[d]);
    }
  };
  for (int i = 0; i < bounds.count; ++i) {
    if ((masks.ellipsis >> i & 1) != 0) {
      whole_dims(input.rank() - taken);
    } else if ((masks.new_axis >> i & 1) != 0) {
      output.add_dim(1);
    } else {
      TARN_RETURN_IF_ERROR(plan_dim(input.dim(static_cast<int>(d)), static_cast<int>(d), i, bounds, masks, plan));
      if ((masks.shrink_axis >> i & 1) == 0) output.add_dim(plan.size[d]);
      ++d;
    }
  }
  if (!has_ellipsis) whole_dims(input.rank() - taken);
  if (output.rank() > kMaxRank) return invalid_argument("the result would have ", output.rank(), " dims");
  plan.output = output;
  return {};
}

// begin, end and strides are inputs `first` to `first` + 2.
Result<std::optional<Bounds>> known_bounds(const InferContext& c, int first) {
  Shape vector{kUnknownDim};
  constexpr std::string_view kNames[] = {"begin", "end", "strides"};
  for (int i = 0; i < 3; ++i) {
    TARN_RETURN_IF_ERROR(c.expect_rank(first + i, 1, kNames[i]));
    TARN_ASSIGN_OR_RETURN(vector, vector.merge(c.shape(first + i)));
  }
  if (vector.dim(0) == kUnknownDim) return std::optional<Bounds>();
  if (vector.dim(0) > kMostSpecs)
    return invalid_argument("begin has ", vector.dim(0), " elements, at most ", kMostSpecs);
  Bounds bounds;
  bounds.count = static_cast<int>(vector.dim(0));
  bounds.begin = IntList::known(c, first);
  bounds.end = IntList::known(c, first + 1);
  bounds.strides = IntList::known(c, first + 2);
  return std::optional<Bounds>(bounds);
}

Result<Bounds> bounds_of(const RunContext& c, int first) {
  Bounds bounds;
  int64_t count = c.input(first).count;
  for (int i = first; i < first + 3; ++i) {
    if (c.input(i).shape->rank() == 1 && c.input(i).count == count) continue;
    return invalid_argument("begin, end and strides must be vectors of one length, have shapes ",
                            c.input(first).shape->to_string(), ", ", c.input(first + 1).shape->to_string(), ", ",
                            c.input(first + 2).shape->to_string());
  }
  if (count > kMostSpecs) return invalid_argument("begin has ", count, " elements, at most ", kMostSpecs);
  bounds.count = static_cast<int>(count);
  bounds.begin = IntList::of(c.input(first));
  bounds.end = IntList::of(c.input(first + 1));
  bounds.strides = IntList::of(c.input(first + 2));
  return bounds;
}

// What is known of a vector is known of its parts: shapes are often taken apart so.
void infer_sliced_value(InferContext& c, const Plan& plan) {
  std::optional<std::vector<int64_t>> elements = known_elements(c, 0);
  if (c.shape(0).rank() != 1 || !elements || !plan.output.is_fully_known()) return;
  std::vector<int64_t> taken;
  for (int64_t k = 0; k < plan.size[0]; ++k) {
    int64_t i = plan.begin[0] + k * plan.stride[0];
    if (i < 0 || i >= std::ssize(*elements)) return;  // the run says it
    taken.push_back((*elements)[static_cast<size_t>(i)]);
  }
  Result<int64_t> count = plan.output.element_count();
  if (count.ok() && *count == static_cast<int64_t>(taken.size())) {
    set_known_elements(c, 0, plan.output, std::move(taken));
  }
}

Status infer_strided_slice(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(std::optional<Bounds> bounds, known_bounds(c, 1));
  if (!bounds || !c.shape(0).has_rank()) return {};
  Plan plan;
  TARN_RETURN_IF_ERROR(make_plan(c.shape(0), *bounds, Masks::of(c.attrs()), plan));
  // Else the plan begins, or steps, somewhere, which does for the sizes alone.
  if (bounds->begin && bounds->strides) infer_sliced_value(c, plan);
  return set_output_checked(c, 0, plan.output);
}

Status infer_grad(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 1, "shape"));
  TARN_ASSIGN_OR_RETURN(std::optional<Bounds> bounds, known_bounds(c, 1));
  std::optional<IntList> dims = IntList::known(c, 0);
  if (!dims) {
    const Shape& shape = c.shape(0);
    if (shape.rank() != 1 || shape.dim(0) == kUnknownDim || shape.dim(0) > kMaxRank) return {};
    return c.set_output(0, Shape::unknown_of_rank(static_cast<int>(shape.dim(0))));
  }
  TARN_ASSIGN_OR_RETURN(Shape output, shape_from(*dims, "shape"));
  if (bounds) {
    Plan plan;
    TARN_RETURN_IF_ERROR(make_plan(output, *bounds, Masks::of(c.attrs()), plan));
    if (!plan.output.is_compatible_with(c.shape(4))) {
      return invalid_argument("dy has shape ", c.shape(4).to_string(), ", the slice ", plan.output.to_string());
    }
  }
  return c.set_output(0, output);
}

// Moves between the slice, which is contiguous, and its places in the whole.
Status copy_slice(RunContext& c, const Shape& whole, const Plan& plan, DType dtype, void* to, const void* from,
                  bool slice_is_target) {
  int64_t whole_stride[kMaxRank];
  row_strides(whole, whole_stride);
  int64_t slice_stride[kMaxRank];
  int64_t stride = 1;
  for (int d = whole.rank() - 1; d >= 0; --d) {
    slice_stride[d] = stride;
    stride *= plan.size[d];
  }
  StridedCopy copy;
  for (int d = 0; d < whole.rank(); ++d) {
    // A step longer than the dim is never taken; its product might leave int64.
    int64_t step = plan.size[d] > 1 ? whole_stride[d] * plan.stride[d] : 0;
    TARN_RETURN_IF_ERROR(slice_is_target ? copy.add_dim(plan.size[d], slice_stride[d], step)
                                         : copy.add_dim(plan.size[d], step, slice_stride[d]));
  }
  copy.run(dtype, to, from, c.threads());
  return {};
}

int64_t slice_offset(const Shape& whole, const Plan& plan) {
  int64_t stride[kMaxRank], offset = 0;
  row_strides(whole, stride);
  for (int d = 0; d < whole.rank(); ++d) offset += plan.begin[d] * stride[d];
  return offset;
}

class StridedSliceKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    masks_ = Masks::of(c.attrs());
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(Bounds bounds, bounds_of(c, 1));
    Plan plan;
    TARN_RETURN_IF_ERROR(make_plan(*x.shape, bounds, masks_, plan));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, plan.output));
    if (y.count == 0) return {};
    return copy_slice(c, *x.shape, plan, y.dtype, y.data, element_at(x, slice_offset(*x.shape, plan)), true);
  }

 private:
  Masks masks_{};
};

class StridedSliceGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    masks_ = Masks::of(c.attrs());
    return {};
  }
  Status run(RunContext& c) const override {
    if (c.input(0).shape->rank() != 1) return invalid_argument("input 'shape' must have rank 1");
    TARN_ASSIGN_OR_RETURN(Shape whole, shape_from(IntList::of(c.input(0)), "shape"));
    TARN_ASSIGN_OR_RETURN(Bounds bounds, bounds_of(c, 1));
    Plan plan;
    TARN_RETURN_IF_ERROR(make_plan(whole, bounds, masks_, plan));
    const TensorView& dy = c.input(4);
    if (!(plan.output == *dy.shape)) {
      return invalid_argument("dy has shape ", dy.shape->to_string(), ", the slice ", plan.output.to_string());
    }
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, whole));
    zero_elements(dx.dtype, dx.data, dx.count);
    if (dy.count == 0) return {};
    return copy_slice(c, whole, plan, dx.dtype, mutable_element_at(dx, slice_offset(whole, plan)), dy.data, false);
  }

 private:
  Masks masks_{};
};

constexpr KernelDef kKernels[] = {portable_kernel<StridedSliceKernel>()};
constexpr KernelDef kGradKernels[] = {portable_kernel<StridedSliceGradKernel>()};

AttrMap mask_attrs(GradContext& c) {
  AttrMap attrs;
  for (const char* name : {"begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"}) {
    attrs.set(name, c.attr<int64_t>(name));
  }
  return attrs;
}

Status strided_slice_gradient(GradContext& c) {
  DType index = c.attr<DType>("Index");
  if (index == DType::kInt16) return unimplemented("the gradient of StridedSlice with int16 indices");
  Wire shape = shape_of(c, c.input(0), index);
  c.set_grad(0, c.op("StridedSliceGrad", {shape, c.input(1), c.input(2), c.input(3), c.grad()}, mask_attrs(c)));
  return {};
}

Status strided_slice_grad_gradient(GradContext& c) {
  c.set_grad(4, c.op("StridedSlice", {c.grad(), c.input(1), c.input(2), c.input(3)}, mask_attrs(c)));
  return {};
}

constexpr std::string_view kDoc = R"(Takes elements at regular steps: NumPy's x[begin:end:stride, ...].
  input  T[...]   begin, end, strides  Index[n], one element a spec   returns  T[...]
  Spec i reads dim d of the input (d = i unless a mask below moves it) from begin to end, end left out; negative
  numbers count from the end; a negative stride walks backwards. Bit i of
    begin_mask, end_mask   begin[i], end[i] is as far as it goes      ellipsis_mask   all dims not spoken of
    new_axis_mask          a new dim of size 1                        shrink_axis_mask   only begin[i], without the dim
  Errors: InvalidArgument for stride 0, two ellipses, too many dims, an index out of range.
  Source: TensorFlow array_ops StridedSlice.)";
constexpr std::string_view kGradDoc = R"(The gradient of StridedSlice: zeros, with dy where the slice was taken.
  shape  Index[rank]: of StridedSlice's input   begin, end, strides  Index[n]   dy  T[...], the slice's shape
  returns  T[shape].   Source: TensorFlow array_ops StridedSliceGrad.)";

}  // namespace

extern const OpDef op_StridedSlice, op_StridedSliceGrad;
const OpDef op_StridedSlice = {
    .name = "StridedSlice",
    .inputs = "input: T, begin: Index, end: Index, strides: Index",
    .outputs = "output: T",
    .attrs =
        "T: type; Index: {int16, int32, int64}; begin_mask: int = 0; end_mask: int = 0; ellipsis_mask: int = 0; "
        "new_axis_mask: int = 0; shrink_axis_mask: int = 0",
    .infer = infer_strided_slice,
    .kernels = kKernels,
};
const OpDef op_StridedSliceGrad = {
    .name = "StridedSliceGrad",
    .inputs = "shape: Index, begin: Index, end: Index, strides: Index, dy: T",
    .outputs = "output: T",
    .attrs =
        "T: type; Index: {int32, int64}; begin_mask: int = 0; end_mask: int = 0; ellipsis_mask: int = 0; "
        "new_axis_mask: int = 0; shrink_axis_mask: int = 0",
    .infer = infer_grad,
    .kernels = kGradKernels,
};

TARN_OP_FILE(strided_slice, {&op_StridedSlice, kDoc, strided_slice_gradient},
             {&op_StridedSliceGrad, kGradDoc, strided_slice_grad_gradient})

}  // namespace tarn
