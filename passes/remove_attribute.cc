// remove_attribute: nodes no longer have the attr that is given.
//
// Before:  y = Relu(x) {_output_shapes=[[2]]}        After:  y = Relu(x)
// remove_attribute(attribute_name=_output_shapes) When:    nodes of the op that is given (op_name), or all of them. An
// attr that the op has a default for goes back to
//          it, which is what a file without the attr means
// Keeps:   everything else.   Contract: as told.
// Ends:    every change takes an attr away, or gives it the default that it keeps.
// TensorFlow's: also took attrs away that an op cannot do without (T), so that no reader took the file; here that is an
//          error which names the nodes.
#include "core/op_schema.h"
#include "passes/pass.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {{.name = "attribute_name", .doc = "the attr to take away", .is_required = true},
                             {.name = "op_name", .fallback = "*", .doc = "of nodes with this op; *: of every node"}};

Status remove_attribute(Graph& graph, PassContext& context) {
  std::string attr = context.args.text("attribute_name"), op = context.args.text("op_name");
  Problems problems;
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    const AttrValue* value = node.attrs.find(attr);
    if (value == nullptr || (op != "*" && !node.is(op)) || context.changes >= context.most_changes) continue;
    const AttrSpec* spec = node.def != nullptr ? node.def->schema.find_attr(attr) : nullptr;
    if (spec == nullptr) {
      graph.erase_attr(id, attr);
      context.changed(node.name, str_cat("has no attr ", quoted(attr), " anymore"));
    } else if (!spec->has_default) {
      problems.add(invalid_argument(node_label(node.op, node.name), " cannot do without attr ", quoted(attr)));
    } else if (!(*value == spec->default_value)) {
      graph.set_attr(id, attr, spec->default_value);
      context.changed(node.name,
                      str_cat("attr ", quoted(attr), " is ", spec->default_value.to_string(), ", its default"));
    }
  }
  return problems.to_status("");
}

constexpr std::string_view kDoc =
    R"(Nodes no longer have the attr that is given: remove_attribute(attribute_name=_output_shapes, op_name=Relu).
  Before:  y = Relu(x) {_output_shapes=[[2]]}        After:  y = Relu(x)
  When:    nodes of the op that is given (op_name), or all of them. An attr that the op has a default for goes back to
           it, which is what a file without the attr means. One that the op cannot do without is an error
  Keeps:   everything else.
  TensorFlow's took that away too, and no reader took the file.)";

}  // namespace

extern const PassDef pass_remove_attribute;
const PassDef pass_remove_attribute = {
    .name = "remove_attribute", .doc = kDoc, .contract = as_told(), .run = remove_attribute, .args = kArgs};

}  // namespace tarn
