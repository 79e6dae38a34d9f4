// backport_concatv2: ConcatV2, of TensorFlow 1.0, becomes the Concat of before, for runtimes that are older.
//
// Before:  y = ConcatV2(a, b, …, axis)        After:  y = Concat(axis, a, b, …)
// When:    axis is int32; y is no input of the graph
// Keeps:   the name, device and control inputs of y.   Contract: exact.
// Ends:    every change leaves one ConcatV2 less.
// Source:  TensorFlow tools/graph_transforms backport_concatv2, which takes an axis of int64 too: Concat has none.
#include "passes/support/rewriter.h"

namespace tarn {
namespace {

Status backport(Rewriter& r, NodeId id) {
  const Node& node = r.node(id);
  if (!node.is("ConcatV2") || node.def == nullptr || node.inputs.size() < 2 || r.is_input(id)) return {};
  Wire axis = node.inputs.back();
  if (r.fact(axis).dtype != DType::kInt32) return {};
  NodeSpec concat = copy_of(node, "/concat");
  concat.op = "Concat";
  concat.inputs.pop_back();
  concat.inputs.insert(concat.inputs.begin(), axis);
  concat.attrs.erase("Tidx");
  Patch patch = r.patch();
  patch.replace_node(id, patch.add(std::move(concat)));
  return r.commit(patch, id, "ConcatV2 becomes Concat");
}

Status backport_concatv2(Graph& graph, PassContext& context) {
  return rewrite(graph, context, backport);
}

constexpr std::string_view kDoc = R"(ConcatV2 becomes the Concat of before TensorFlow 1.0, for runtimes that are older.
  Before:  y = ConcatV2(a, b, ..., axis)        After:  y = Concat(axis, a, b, ...)
  When:    axis is int32; y is no input of the graph
  Keeps:   the name of y.
  TensorFlow's: takes an axis of int64 too, which Concat does not.)";

}  // namespace

extern const PassDef pass_backport_concatv2;
const PassDef pass_backport_concatv2 = {
    .name = "backport_concatv2", .doc = kDoc, .contract = exact(), .run = backport_concatv2};

}  // namespace tarn
