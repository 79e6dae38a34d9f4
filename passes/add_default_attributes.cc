// add_default_attributes: attrs that are not given get their op's defaults, in functions too.
//
// Before:  f(x) = Cast(x) {SrcT=f32, DstT=u8}        After:  f(x) = Cast(x) {SrcT=f32, DstT=u8, Truncate=false}
// When:    nodes of the file's functions, of ops that this binary has. The graph's own nodes have theirs from the
//          moment that a file is read; a file that is written has them too, but for those that readers older than the
//          attr would refuse it over
// Keeps:   attrs that are given.   Contract: exact: who reads a file without an attr takes the default.
// Ends:    every change gives a node an attr that it keeps.
// TensorFlow's: the same.
#include "graph/graph_def.h"
#include "passes/pass.h"

namespace tarn {
namespace {

// How many attrs it got.
int add_defaults(const OpRegistry& ops, pb::NodeDef& node) {
  const OpRegistry::Op* op = ops.find(node.op());
  if (op == nullptr) return 0;
  int added = 0;
  for (const AttrSpec& spec : op->schema.attrs()) {
    if (!spec.has_default || node.attr().contains(spec.name)) continue;
    (*node.mutable_attr())[spec.name] = attr_to_proto(spec.default_value);
    ++added;
  }
  return added;
}

Status add_default_attributes(Graph& graph, PassContext& context) {
  pb::FunctionDefLibrary library;
  if (!library.ParseFromString(graph.library)) return invalid_argument("the graph's functions cannot be read");
  for (pb::FunctionDef& function : *library.mutable_function()) {
    if (context.changes >= context.most_changes) break;
    int added = 0;
    for (pb::NodeDef& node : *function.mutable_node_def()) added += add_defaults(graph.ops(), node);
    if (added > 0)
      context.changed(function.signature().name(), str_cat(added, added == 1 ? " attr" : " attrs", " of its nodes"));
  }
  if (context.changes > 0) graph.library = serialize(library);
  return {};
}

constexpr std::string_view kDoc = R"(Attrs that are not given get their op's defaults, in functions too.
  Before:  f(x) = Cast(x) {SrcT=f32, DstT=u8}        After:  f(x) = Cast(x) {SrcT=f32, DstT=u8, Truncate=false}
  When:    nodes of the file's functions, of ops that this binary has. The graph's own nodes have theirs from the moment
           that a file is read; a file that is written has them too, but for those that readers older than the attr
           would refuse it over
  Keeps:   attrs that are given.)";

}  // namespace

extern const PassDef pass_add_default_attributes;
const PassDef pass_add_default_attributes = {
    .name = "add_default_attributes", .doc = kDoc, .contract = exact(), .run = add_default_attributes};

}  // namespace tarn
