#include "ops/reduction.h"

#include <cstring>

#include "ops/elementwise.h"
#include "ops/gradients.h"

namespace tarn {
namespace {

// The axes of a node that runs: few, so they stay on the stack.
struct Axes {
  int64_t values[kMaxRank];
  size_t count = 0;
  std::span<const int64_t> span() const { return {values, count}; }
};

Status read_axes(const TensorView& tensor, Axes& axes) {
  if (tensor.count > kMaxRank) return invalid_argument("'reduction_indices' holds ", tensor.count, " axes");
  axes.count = static_cast<size_t>(tensor.count);
  for (size_t i = 0; i < axes.count; ++i) {
    axes.values[i] = tensor.dtype == DType::kInt32 ? tensor.as<int32_t>()[i] : tensor.as<int64_t>()[i];
  }
  return {};
}

void append(ReductionPlan::Dims& dims, int64_t size, int64_t stride) {
  dims.size[dims.rank] = size;
  dims.stride[dims.rank] = stride;
  ++dims.rank;
  dims.count *= size;
}

}  // namespace

Status mark_axes(int rank, std::span<const int64_t> axes, std::span<bool> is_reduced) {
  std::fill(is_reduced.begin(), is_reduced.end(), false);
  for (int64_t axis : axes) {
    if (axis < -rank || axis >= rank) {
      return invalid_argument("axis ", axis, " is not in [", -rank, ", ", rank, ") of a tensor of rank ", rank);
    }
    bool& mark = is_reduced[static_cast<size_t>(axis < 0 ? axis + rank : axis)];
    if (mark) return invalid_argument("axis ", axis, " is named twice");
    mark = true;
  }
  return {};
}

Result<ReductionPlan> ReductionPlan::make(const Shape& input, std::span<const int64_t> axes) {
  bool marks[kMaxRank];
  int rank = input.rank();
  std::span<bool> is_reduced(marks, static_cast<size_t>(rank));
  TARN_RETURN_IF_ERROR(mark_axes(rank, axes, is_reduced));
  ReductionPlan plan;
  // Dims merged, outermost first: sizes now, strides after.
  int64_t sizes[2 * kMostDims];
  bool reduced[2 * kMostDims];
  int count = 0;
  for (int i = 0; i < rank; ++i) {
    bool mark = is_reduced[static_cast<size_t>(i)];
    if (!mark) plan.output.add_dim(input.dim(i));
    plan.output_kept.add_dim(mark ? 1 : input.dim(i));
    if (input.dim(i) == 1) continue;
    if (count > 0 && reduced[count - 1] == mark) {
      sizes[count - 1] *= input.dim(i);
      continue;
    }
    if (count == 2 * kMostDims) {
      return unimplemented("reducing ", input, " along more than ", kMostDims, " separate groups of dims");
    }
    sizes[count] = input.dim(i);
    reduced[count++] = mark;
  }
  int64_t strides[2 * kMostDims];
  int64_t stride = 1;
  for (int i = count - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= sizes[i];
  }
  for (int i = 0; i < count; ++i) append(reduced[i] ? plan.reduced : plan.kept, sizes[i], strides[i]);
  plan.inner_kept = count == 0 || !reduced[count - 1];
  if (count == 0) append(plan.kept, 1, 1);
  if (plan.inner_kept) plan.columns = plan.kept.size[plan.kept.rank - 1];
  return plan;
}

Status infer_reduction(InferContext& c) {
  TARN_RETURN_IF_ERROR(
      c.shape(1).has_rank() && c.shape(1).rank() > 1
          ? invalid_argument("'reduction_indices' must be a scalar or a vector, has shape ", c.shape(1))
          : Status());
  const Shape& input = c.shape(0);
  bool keep_dims = c.attr<bool>("keep_dims");
  if (!input.has_rank()) return c.set_output(0, Shape::unknown());
  std::optional<std::vector<int64_t>> axes = c.int_value(1);
  if (!axes) {
    const Shape& axes_shape = c.shape(1);
    if (keep_dims) return c.set_output(0, Shape::unknown_of_rank(input.rank()));
    if (!axes_shape.is_fully_known()) return c.set_output(0, Shape::unknown());
    // No axis may be named twice, so their number is how many dims go.
    int64_t left = input.rank() - axes_shape.elements();
    if (left < 0) {
      return invalid_argument("'reduction_indices' names ", axes_shape.elements(), " axes of a tensor of rank ",
                              input.rank());
    }
    return c.set_output(0, Shape::unknown_of_rank(static_cast<int>(left)));
  }
  bool marks[kMaxRank];
  std::span<bool> is_reduced(marks, static_cast<size_t>(input.rank()));
  TARN_RETURN_IF_ERROR(mark_axes(input.rank(), *axes, is_reduced));
  Shape output;
  for (int i = 0; i < input.rank(); ++i) {
    if (!marks[i]) output.add_dim(input.dim(i));
    if (marks[i] && keep_dims) output.add_dim(1);
  }
  return c.set_output(0, output);
}

void run_reduction(ThreadPool& threads, const ReductionPlan& plan, ReduceRange range, const void* x, void* y) {
  int64_t work = std::max<int64_t>(1, plan.reduced.count);
  threads.parallel_for(plan.kept.count, std::max<int64_t>(1, kElementsPerRange / work),
                       [&](int64_t begin, int64_t end, int) { range(plan, x, y, begin, end); });
}

Status run_reduction_op(RunContext& c, bool keep_dims, ReduceRange range) {
  Axes axes;
  TARN_RETURN_IF_ERROR(read_axes(c.input(1), axes));
  TARN_ASSIGN_OR_RETURN(ReductionPlan plan, ReductionPlan::make(*c.input(0).shape, axes.span()));
  TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, keep_dims ? plan.output_kept : plan.output));
  const TensorView& x = c.input(0);
  if (plan.reduced.count == 1) {  // each of one element, as where a gradient was not broadcast: all give that element
    const auto size = static_cast<int64_t>(dtype_size(x.dtype));
    const auto* from = static_cast<const char*>(x.data);
    auto* to = static_cast<char*>(y.data);
    c.threads().parallel_for(x.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      std::memcpy(to + begin * size, from + begin * size, static_cast<size_t>((end - begin) * size));
    });
    return {};
  }
  run_reduction(c.threads(), plan, range, x.data, y.data);
  return {};
}

Wire broadcastable_to_input(GradContext& c, Wire dy, std::string_view op) {
  if (c.attr<bool>("keep_dims")) return dy;
  const Shape& input = c.fact(c.input(0)).shape;
  std::optional<std::vector<int64_t>> axes = constant_ints(c, c.input(1));
  if (axes && input.has_rank()) {
    // dy -> ExpandDims at each axis that has a kept dim before it; missing leading dims broadcast anyway
    bool marks[kMaxRank];
    std::span<bool> is_reduced(marks, static_cast<size_t>(input.rank()));
    if (!mark_axes(input.rank(), *axes, is_reduced).ok()) return dy;  // refused by infer before
    int leading = 0;
    while (leading < input.rank() && marks[leading]) ++leading;
    for (int i = leading; i < input.rank(); ++i) {
      if (marks[i]) dy = c.op("ExpandDims", {dy, c.constant(Tensor::scalar<int32_t>(i - leading))});
    }
    return dy;
  }
  // The axes come while running: a second reduction that keeps its dims tells the shape.
  Wire kept = c.op(op, {c.input(0), c.input(1)}, {{"keep_dims", true}});
  return c.op("Reshape", {dy, c.op("Shape", {kept})});
}

}  // namespace tarn
