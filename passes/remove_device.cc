// remove_device: no node asks for a place.
//
// Before:  y = Relu(x) on "/gpu:0"        After:  y = Relu(x)
// When:    always.   Keeps: everything else.   Contract: exact: here every graph runs in one place.
// Ends:    every change takes a device away.
// TensorFlow's: the same.
#include "passes/pass.h"

namespace tarn {
namespace {

Status remove_device(Graph& graph, PassContext& context) {
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    if (node.device.empty() || context.changes >= context.most_changes) continue;
    context.changed(node.name, str_cat("no longer asks for ", quoted(node.device)));
    graph.set_device(id, "");
  }
  return {};
}

constexpr std::string_view kDoc = R"(No node asks for a place.
  Before:  y = Relu(x) on "/gpu:0"        After:  y = Relu(x)
  When:    always
  Keeps:   everything else.)";

}  // namespace

extern const PassDef pass_remove_device;
const PassDef pass_remove_device = {.name = "remove_device", .doc = kDoc, .contract = exact(), .run = remove_device};

}  // namespace tarn
