// set_device: every node asks for the place that is given.
//
// Before:  y = Relu(x)        After:  y = Relu(x) on "/cpu:0"                      set_device(device="/cpu:0")
// When:    always; with if_default=true only nodes that ask for none
// Keeps:   everything else.   Contract: exact: here every graph runs in one place, whatever its nodes ask for.
// Ends:    every change gives a node the device that it keeps.
// TensorFlow's: the same.
#include "passes/pass.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {
    {.name = "device", .doc = "what nodes ask for: \"/cpu:0\"; empty takes away what they asked for"},
    {.name = "if_default", .kind = PassArg::kFlag, .fallback = "false", .doc = "only nodes that ask for none"}};

Status set_device(Graph& graph, PassContext& context) {
  std::string device = context.args.text("device");
  bool only_default = context.args.flag("if_default");
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    bool stays = node.device == device || (only_default && !node.device.empty());
    if (stays || context.changes >= context.most_changes) continue;
    context.changed(node.name, str_cat("asks for ", quoted(device)));
    graph.set_device(id, device);
  }
  return {};
}

constexpr std::string_view kDoc = R"(Every node asks for the place that is given: set_device(device="/cpu:0").
  Before:  y = Relu(x)        After:  y = Relu(x) on "/cpu:0"
  When:    always; with if_default=true only nodes that ask for none
  Keeps:   everything else.)";

}  // namespace

extern const PassDef pass_set_device;
const PassDef pass_set_device = {
    .name = "set_device", .doc = kDoc, .contract = exact(), .run = set_device, .args = kArgs};

}  // namespace tarn
