// rename_attribute: an attr gets another name.
//
// Before:  y = Odd(x) {old=3}        After:  y = Odd(x) {new=3}
//                                            rename_attribute(old_attribute_name=old, new_attribute_name=new)
// When:    nodes of the op that is given (op_name), or all of them, that have the attr. One that the op has a default
//          for goes back to it
// Keeps:   the value, and everything else.   Contract: as told.
// Ends:    every change takes the old name away; where the op's default stays behind, there is nothing to rename.
// TensorFlow's: overwrote an attr that had the new name already, and renamed what an op cannot do without; here both
//          are errors which name the nodes.
#include "core/op_schema.h"
#include "passes/pass.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {{.name = "old_attribute_name", .doc = "the attr to rename", .is_required = true},
                             {.name = "new_attribute_name", .doc = "its new name", .is_required = true},
                             {.name = "op_name", .fallback = "*", .doc = "of nodes with this op; *: of every node"}};

// The attr's value goes to `to`, which nobody gave a value.
Status rename(Graph& graph, NodeId id, const std::string& from, const std::string& to, PassContext& context) {
  const Node& node = graph.node(id);
  AttrValue value = *node.attrs.find(from);
  auto default_of = [&](const std::string& attr) -> const AttrSpec* {
    return node.def != nullptr ? node.def->schema.find_attr(attr) : nullptr;
  };
  const AttrSpec* old_spec = default_of(from);
  if (old_spec != nullptr && old_spec->has_default && value == old_spec->default_value) return {};
  if (old_spec != nullptr && !old_spec->has_default)
    return invalid_argument(node_label(node.op, node.name), " cannot do without attr ", quoted(from));
  const AttrValue* taken = node.attrs.find(to);
  const AttrSpec* new_spec = default_of(to);
  bool is_default =
      taken != nullptr && new_spec != nullptr && new_spec->has_default && *taken == new_spec->default_value;
  if (taken != nullptr && !is_default) {
    return already_exists(node_label(node.op, node.name), " has both attr ", quoted(from), ", which is ",
                          value.to_string(), ", and ", quoted(to), ", which is ", taken->to_string());
  }
  if (node.def != nullptr && new_spec == nullptr && !to.starts_with("_")) {
    std::vector<std::string> names;
    for (const AttrSpec& spec : node.def->schema.attrs()) names.emplace_back(spec.name);
    return invalid_argument(node_label(node.op, node.name), " has no attr ", quoted(to), did_you_mean(to, names));
  }
  graph.erase_attr(id, from);
  if (old_spec != nullptr) graph.set_attr(id, from, old_spec->default_value);
  graph.set_attr(id, to, std::move(value));
  context.changed(node.name, str_cat("attr ", quoted(from), " is ", quoted(to), " now"));
  return {};
}

Status rename_attribute(Graph& graph, PassContext& context) {
  std::string from = context.args.text("old_attribute_name"), to = context.args.text("new_attribute_name");
  std::string op = context.args.text("op_name");
  if (from == to) return {};
  Problems problems;
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    if (!node.attrs.contains(from) || (op != "*" && !node.is(op)) || context.changes >= context.most_changes) continue;
    problems.add(rename(graph, id, from, to, context));
  }
  return problems.to_status("");
}

constexpr std::string_view kDoc =
    R"(An attr gets another name: rename_attribute(old_attribute_name=old, new_attribute_name=new, op_name=Odd).
  Before:  y = Odd(x) {old=3}        After:  y = Odd(x) {new=3}
  When:    nodes of the op that is given (op_name), or all of them, that have the attr. One that the op has a default
           for goes back to it. One that the op cannot do without, a new name that the op does not know or that has a
           value already: errors
  Keeps:   the value, and everything else.
  TensorFlow's overwrote what had the new name already.)";

}  // namespace

extern const PassDef pass_rename_attribute;
const PassDef pass_rename_attribute = {
    .name = "rename_attribute", .doc = kDoc, .contract = as_told(), .run = rename_attribute, .args = kArgs};

}  // namespace tarn
