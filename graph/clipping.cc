#include "graph/clipping.h"

namespace tarn {
namespace {

// A scope for the parts of the result called `<scope's op name, or name>`.
Scope open(const Scope& scope, std::string_view name) {
  return scope.NewSubScope(scope.op_name().empty() ? name : std::string_view(scope.op_name()));
}

Output add(const Scope& scope, std::string_view op, const std::vector<NodeArg>& args, AttrMap attrs = {}) {
  return AddNode(scope, op, args, std::move(attrs)).output(0);
}

// Whether a limit leaves t the shape it has.
bool check_shape(const Scope& scope, std::string_view what, const Output& t, const Output& limited) {
  if (!scope.ok()) return false;
  if (t.shape().is_compatible_with(limited.shape())) return true;
  scope.UpdateStatus(invalid_argument(what, " ", quoted(scope.prefix()), ": the limits must broadcast to the shape of ",
                                      quoted(t.name()), ", ", t.shape(), "; together they have ", limited.shape()));
  return false;
}

// Every axis, as a constant.
Output axes_const(const Scope& scope, const Output& t, std::vector<int32_t> axes) {
  if (axes.empty() && !t.shape().has_rank()) {
    scope.UpdateStatus(
        invalid_argument("ClipByNorm ", quoted(scope.prefix()), ": the rank of ", quoted(t.name()), " is not known"));
    return {};
  }
  if (axes.empty()) {
    for (int axis = 0; axis < t.shape().rank(); ++axis) axes.push_back(axis);
  }
  return AddConst(scope.WithOpName("Const"), Tensor::vector<int32_t>(axes));
}

}  // namespace

Output ClipByValue(const Scope& scope, const Output& t, const Input& clip_value_min, const Input& clip_value_max) {
  if (!scope.ok() || t.is_none()) return t;
  Scope inner = open(scope, "clip_by_value");
  Output below = add(inner, "Minimum", {t, clip_value_max});
  if (!check_shape(inner, "ClipByValue", t, below)) return {};
  Output y = AddNodeNamed(scope, inner.prefix(), "Maximum", {below, clip_value_min}).output(0);
  return check_shape(inner, "ClipByValue", t, y) ? y : Output();
}

Output ClipByNorm(const Scope& scope, const Output& t, const Input& clip_norm, const std::vector<int32_t>& axes) {
  if (!scope.ok() || t.is_none()) return t;
  Scope inner = open(scope, "clip_by_norm");
  Output squares = add(inner, "Mul", {t, t});
  Output sum = add(inner, "Sum", {squares, axes_const(inner, t, axes)}, {{"keep_dims", true}});
  // norm = sum > 0 ? sqrt(sum) : sum. The root is taken of ones where the sum is 0: its gradient there is not finite.
  Output is_positive = add(inner, "Greater", {sum, 0});
  Output ones = add(inner, "OnesLike", {sum});
  Output root = add(inner, "Sqrt", {add(inner, "Select", {is_positive, sum, ones})});
  Output norm = add(inner, "Select", {is_positive, root, sum});
  Output scaled = add(inner, "Mul", {t, clip_norm});
  if (!check_shape(inner, "ClipByNorm", t, scaled)) return {};
  Output clipped = add(inner, "RealDiv", {scaled, add(inner, "Maximum", {norm, clip_norm})});
  return AddNodeNamed(scope, inner.prefix(), "Identity", {clipped}).output(0);
}

Output GlobalNorm(const Scope& scope, const std::vector<Output>& t_list) {
  if (!scope.ok()) return {};
  Scope inner = open(scope, "global_norm");
  std::vector<Output> halves;  // sum(t^2) / 2
  for (const Output& t : t_list) {
    if (!t.is_none()) halves.push_back(add(inner, "L2Loss", {t}));
  }
  if (halves.empty()) {
    scope.UpdateStatus(invalid_argument("GlobalNorm ", quoted(inner.prefix()), ": there is no tensor to take it of"));
    return {};
  }
  Output all = add(inner.WithOpName("stack"), "Pack", {InputList(halves)});
  Output half = add(inner, "Sum", {all, std::vector<int32_t>{0}});
  return add(inner.WithOpName("global_norm"), "Sqrt", {add(inner, "Mul", {half, 2})});
}

ClippedByGlobalNorm ClipByGlobalNorm(const Scope& scope, const std::vector<Output>& t_list, const Input& clip_norm,
                                     const Output& use_norm) {
  if (!scope.ok()) return {};
  ClippedByGlobalNorm clipped;
  clipped.global_norm = use_norm.is_none() ? GlobalNorm(scope.WithOpName(""), t_list) : use_norm;
  const Output& norm = clipped.global_norm;
  Scope inner = open(scope, "clip_by_global_norm");
  Output limit = clip_norm.is_constant()
                     ? ops::ConstOfType(inner.WithOpName("clip_norm"), clip_norm.constant(), norm.dtype())
                     : clip_norm.output();
  // scale = clip_norm * min(1 / norm, 1 / clip_norm) + (norm - norm); what is added is 0, or NaN if norm is not finite
  Output inverse = add(inner, "RealDiv", {1, norm});
  Output smaller = add(inner, "Minimum", {inverse, add(inner, "RealDiv", {1, limit})});
  Output finite = add(inner, "Mul", {limit, smaller});
  Output scale = add(inner, "Add", {finite, add(inner, "Sub", {norm, norm})});
  Scope results = inner.Reopen(inner.prefix());  // TensorFlow says it twice
  for (size_t i = 0; i < t_list.size() && scope.ok(); ++i) {
    const Output& t = t_list[i];
    clipped.list.push_back(t);
    if (t.is_none()) continue;
    Output factor = t.dtype() == scale.dtype() ? scale : add(inner, "Cast", {scale}, {{"DstT", t.dtype()}});
    clipped.list.back() = add(results.WithOpName("_", i), "Identity", {add(inner, "Mul", {t, factor})});
  }
  return clipped;
}

std::vector<GradAndVar> ClipByGlobalNorm(const Scope& scope, std::vector<GradAndVar> gradients,
                                         const Input& clip_norm) {
  std::vector<Output> list;
  for (const GradAndVar& pair : gradients) list.push_back(pair.gradient);
  std::vector<Output> clipped = ClipByGlobalNorm(scope, list, clip_norm).list;
  if (!scope.ok()) return {};
  for (size_t i = 0; i < gradients.size(); ++i) gradients[i].gradient = clipped[i];
  return gradients;
}

}  // namespace tarn
