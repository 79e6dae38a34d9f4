// Roll.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Status judge_lists(const Shape& shift, const Shape& axis) {
  if ((shift.has_rank() && shift.rank() > 1) || (axis.has_rank() && axis.rank() > 1)) {
    return invalid_argument("shift and axis must be scalars or vectors, have shapes ", shift.to_string(), " and ",
                            axis.to_string());
  }
  if (shift.is_compatible_with(axis)) return {};
  return invalid_argument("shift and axis must have the same shape, have ", shift.to_string(), " and ",
                          axis.to_string());
}

Status infer_roll(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(0, 1, "input"));
  TARN_RETURN_IF_ERROR(judge_lists(c.shape(1), c.shape(2)));
  if (std::optional<IntList> axes = IntList::known(c, 2); axes && c.shape(0).has_rank()) {
    for (int64_t i = 0; i < axes->size(); ++i) {
      TARN_RETURN_IF_ERROR(resolve_axis((*axes)[i], c.shape(0).rank(), "axis").status());
    }
  }
  return c.set_output(0, c.shape(0));
}

class RollKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    const Shape& shape = *x.shape;
    if (shape.rank() < 1) return invalid_argument("input must have rank 1 or more, has shape ", shape.to_string());
    TARN_RETURN_IF_ERROR(judge_lists(*c.input(1).shape, *c.input(2).shape));
    IntList shifts = IntList::of(c.input(1)), axes = IntList::of(c.input(2));
    // How far each dim goes, in [0, size); several shifts of one dim add up.
    auto rank = static_cast<size_t>(shape.rank());
    std::vector<int64_t> shift(rank, 0), strides(rank);
    for (int64_t i = 0; i < axes.size(); ++i) {
      TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(axes[i], shape.rank(), "axis"));
      int64_t size = std::max<int64_t>(1, shape.dim(axis));
      int64_t& sum = shift[static_cast<size_t>(axis)];
      sum = (sum + (shifts[i] % size + size) % size) % size;
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count == 0) return {};
    row_strides(shape, strides);
    // Behind the last dim that moves, elements stay together: each line of that dim is two copies.
    int last = shape.rank() - 1;
    while (last > 0 && shift[static_cast<size_t>(last)] == 0) --last;
    int64_t inner = dim_product(shape, last + 1, shape.rank()), size = shape.dim(last);
    int64_t head = shift[static_cast<size_t>(last)];
    c.threads().parallel_for(y.count / (inner * size), std::max<int64_t>(1, kElementsPerRange / (inner * size)),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t line = begin; line < end; ++line) {
                                 int64_t rest = line, from = 0;
                                 for (int d = last - 1; d >= 0; --d) {
                                   auto i = static_cast<size_t>(d);
                                   int64_t at = rest % shape.dim(d) - shift[i];
                                   from += (at < 0 ? at + shape.dim(d) : at) * strides[i];
                                   rest /= shape.dim(d);
                                 }
                                 int64_t to = line * size * inner;
                                 copy_elements(y.dtype, mutable_element_at(y, to),
                                               element_at(x, from + (size - head) * inner), head * inner);
                                 copy_elements(y.dtype, mutable_element_at(y, to + head * inner), element_at(x, from),
                                               (size - head) * inner);
                               }
                             });
    return {};
  }
};

constexpr KernelDef kKernels[] = {portable_kernel<RollKernel>()};

Status roll_gradient(GradContext& c) {
  c.set_grad(0, c.op("Roll", {c.grad(), c.op("Neg", {c.input(1)}), c.input(2)}));
  return {};
}

constexpr std::string_view kDoc = R"(Moves elements along dims; what leaves at one end comes in at the other.
  input  T[...]   shift, axis  scalars, or vectors of one length: dim axis[i] goes shift[i] places up
  returns  T[...], same shape: along a dim, y[(k + shift) mod size] = x[k]
  Errors: InvalidArgument if an axis is outside [-rank, rank) or the lengths differ.
  Source: TensorFlow manip_ops Roll.)";

}  // namespace

extern const OpDef op_Roll;
const OpDef op_Roll = {
    .name = "Roll",
    .inputs = "input: T, shift: Tshift, axis: Taxis",
    .outputs = "output: T",
    .attrs = "T: type; Tshift: {int32, int64}; Taxis: {int32, int64}",
    .infer = infer_roll,
    .kernels = kKernels,
};

TARN_OP_FILE(roll, {&op_Roll, kDoc, roll_gradient})

}  // namespace tarn
