#include "graph/losses.h"

namespace tarn {
namespace {

// A scope for the parts of the result called `<scope's op name, or name>`.
Scope open(const Scope& scope, std::string_view name) {
  return scope.NewSubScope(scope.op_name().empty() ? name : std::string_view(scope.op_name()));
}

Output output_or_const(const Scope& scope, const Input& input) {
  return input.is_constant() ? ops::Const(scope, input.constant()) : input.output();
}

// The node `<inner's prefix>`: the mean of all of x, which has at least one dim.
Output mean_of_all(const Scope& outer, const Scope& inner, const Output& x) {
  if (!outer.ok()) return {};
  std::vector<int32_t> axes;
  for (int axis = 0; axis < x.shape().rank(); ++axis) axes.push_back(axis);
  if (!x.shape().has_rank()) {
    outer.UpdateStatus(
        invalid_argument("loss ", quoted(inner.prefix()), ": the rank of ", quoted(x.name()), " is not known"));
    return {};
  }
  Output dims = AddConst(inner.WithOpName("Const"), Tensor::vector<int32_t>(axes));
  return AddNodeNamed(outer, inner.prefix(), "Mean", {x, dims}).output(0);
}

Output as_loss(const Scope& scope, const Output& loss) {
  if (!loss.is_none()) scope.collections().add_node(kLosses, loss.op().name());
  return loss;
}

}  // namespace

namespace losses {

Output SoftmaxCrossEntropy(const Scope& scope, const Input& labels, const Input& logits) {
  if (!scope.ok()) return {};
  Scope inner = open(scope, "softmax_cross_entropy_loss");
  Output fixed = AddNode(inner.WithOpName("labels_stop_gradient"), "StopGradient", {labels}).output(0);
  Operation loss = AddNode(inner.WithOpName("xentropy"), "SoftmaxCrossEntropyWithLogits", {logits, fixed});
  return as_loss(scope, mean_of_all(scope, inner, loss.output(0)));
}

Output SparseSoftmaxCrossEntropy(const Scope& scope, const Input& labels, const Input& logits) {
  if (!scope.ok()) return {};
  Scope inner = open(scope, "sparse_softmax_cross_entropy_loss");
  Operation loss = AddNode(inner.WithOpName("xentropy"), "SparseSoftmaxCrossEntropyWithLogits", {logits, labels});
  return as_loss(scope, mean_of_all(scope, inner, loss.output(0)));
}

Output MeanSquaredError(const Scope& scope, const Input& labels, const Input& predictions) {
  if (!scope.ok()) return {};
  Scope inner = open(scope, "mean_squared_error");
  Output error = AddNode(inner, "SquaredDifference", {predictions, labels}).output(0);
  return as_loss(scope, mean_of_all(scope, inner, error));
}

}  // namespace losses

namespace metrics {

Output Accuracy(const Scope& scope, const Input& labels, const Input& logits) {
  if (!scope.ok()) return {};
  Scope inner = open(scope, "accuracy");
  Output wanted = output_or_const(inner.WithOpName("labels"), labels);
  Output best = AddNode(inner, "ArgMax", {logits, 1}, {{"output_type", wanted.dtype()}}).output(0);
  Output hit = AddNode(inner, "Equal", {best, wanted}).output(0);
  Output score = AddNode(inner, "Cast", {hit}, {{"DstT", DType::kFloat}}).output(0);
  return mean_of_all(scope, inner, score);
}

}  // namespace metrics
}  // namespace tarn
