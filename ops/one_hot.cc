// OneHot.
#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// The shape of indices with a dim of `depth` put in at `axis`; -1 is behind the last.
struct Layout {
  Shape output;
  int axis = 0;
};

Result<Layout> one_hot_layout(const Shape& indices, int64_t axis, int64_t depth) {
  if (axis < -1 || axis > indices.rank()) {
    return invalid_argument("attr 'axis' = ", axis, " must be -1 or in [0, ", indices.rank(), "]");
  }
  if (indices.rank() + 1 > kMaxRank) return invalid_argument("the result would have ", indices.rank() + 1, " dims");
  Layout layout;
  layout.axis = axis < 0 ? indices.rank() : static_cast<int>(axis);
  for (int d = 0; d < layout.axis; ++d) layout.output.add_dim(indices.dim(d));
  layout.output.add_dim(depth);
  for (int d = layout.axis; d < indices.rank(); ++d) layout.output.add_dim(indices.dim(d));
  return layout;
}

Status judge_depth(int64_t depth) {
  return depth >= 0 ? Status() : invalid_argument("depth must be >= 0, not ", depth);
}

Status infer_one_hot(InferContext& c) {
  constexpr std::string_view kNames[] = {"depth", "on_value", "off_value"};
  for (int i = 1; i < 4; ++i) TARN_RETURN_IF_ERROR(c.expect_rank(i, 0, kNames[i - 1]));
  int64_t axis = c.attr<int64_t>("axis");
  if (axis < -1) return invalid_argument("attr 'axis' = ", axis, " must be >= -1");
  int64_t depth = kUnknownDim;
  if (std::optional<IntList> known = IntList::known(c, 1)) {
    depth = (*known)[0];
    TARN_RETURN_IF_ERROR(judge_depth(depth));
  }
  if (!c.shape(0).has_rank()) return {};
  TARN_ASSIGN_OR_RETURN(Layout layout, one_hot_layout(c.shape(0), axis, depth));
  return set_output_checked(c, 0, layout.output);
}

class OneHotKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    axis_ = c.attr<int64_t>("axis");
    return {};
  }
  Status run(RunContext& c) const override {
    constexpr std::string_view kNames[] = {"depth", "on_value", "off_value"};
    for (int i = 1; i < 4; ++i) {
      if (c.input(i).shape->rank() == 0) continue;
      return invalid_argument("input '", kNames[i - 1], "' must be a scalar, has ", c.input(i).shape->to_string());
    }
    int64_t depth = c.input(1).item<int32_t>();
    TARN_RETURN_IF_ERROR(judge_depth(depth));
    const Shape& shape = *c.input(0).shape;
    TARN_ASSIGN_OR_RETURN(Layout layout, one_hot_layout(shape, axis_, depth));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, layout.output));
    if (y.count == 0) return {};
    fill_elements(y.dtype, y.data, c.input(3).data, y.count, c.threads());
    // y[p, indices[p, s], s] = on_value; an index out of range leaves its place off.
    IntList indices = IntList::of(c.input(0));
    int64_t behind = dim_product(shape, layout.axis, shape.rank());
    for (int64_t i = 0; i < indices.size(); ++i) {
      int64_t index = indices[i];
      if (index < 0 || index >= depth) continue;
      copy_elements(y.dtype, mutable_element_at(y, (i / behind * depth + index) * behind + i % behind), c.input(2).data,
                    1);
    }
    return {};
  }

 private:
  int64_t axis_ = -1;
};

constexpr KernelDef kKernels[] = {portable_kernel<OneHotKernel>()};

constexpr std::string_view kDoc = R"(Turns each index into a row that is on at the index and off elsewhere.
  indices  TI[...]   depth  int32, a scalar   on_value, off_value  T, scalars
  returns  T[...]: the shape of indices with a dim of size depth put in at attr axis (-1: behind the last)
  An index outside [0, depth) gives a row that is off everywhere.
  Errors: InvalidArgument for a negative depth, naming it, and for an axis out of range.
  Source: TensorFlow array_ops OneHot.)";

}  // namespace

extern const OpDef op_OneHot;
const OpDef op_OneHot = {
    .name = "OneHot",
    .inputs = "indices: TI, depth: int32, on_value: T, off_value: T",
    .outputs = "output: T",
    .attrs = "axis: int = -1; T: type; TI: {uint8, int8, int32, int64} = int64",
    .infer = infer_one_hot,
    .kernels = kKernels,
};

TARN_OP_FILE(one_hot, {&op_OneHot, kDoc, nullptr, "TensorFlow has none, not even for on_value and off_value"})

}  // namespace tarn
