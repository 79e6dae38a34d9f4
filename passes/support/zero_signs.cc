#include "passes/support/zero_signs.h"

namespace tarn {
namespace {

bool is_taken(const Node& node, Arithmetic arithmetic) {
  DType dtype = node.outputs[0].dtype;
  return arithmetic == Arithmetic::kInteger ? dtype_is_integer(dtype) : dtype_is_floating(dtype);
}

}  // namespace

Status turn_difference(Simplifier& s, NodeId id, Arithmetic arithmetic) {
  Wire x = s.node(id).inputs[0];
  const Node* sub = s.behind(x, {"Sub"});
  if (sub == nullptr || !is_taken(s.node(id), arithmetic) || !s.rewriter.has_one_user(x.node)) return {};
  return replace_with(s, id, "Sub", {sub->inputs[1], sub->inputs[0]}, str_cat("turns ", quoted(sub->name), " round"));
}

Status clamp_once(Simplifier& s, NodeId id, Arithmetic arithmetic) {
  const Node& node = s.node(id);
  if (!is_taken(node, arithmetic)) return {};
  if (node.is("Relu6")) return read_past(s, id, {"Relu"});
  const Node* inner = s.behind(node.inputs[0], {"Relu6"});
  if (inner == nullptr) return {};
  return s.rewriter.splice(id, node.inputs[0], str_cat("what ", quoted(inner->name), " gives is not negative"));
}

}  // namespace tarn
