// inline_partitionedcall: calls of functions become the nodes of what they call.
//
// Before:  y = PartitionedCall(x) {f = @f},  f(a) = Relu(Neg(a))
// After:   y/neg = Neg(x);  y/relu = Relu(y/neg);  y = Identity(y/relu)
// When:    PartitionedCall, StatefulPartitionedCall, and nodes named after a function; If, Case and While that are
//          handed variables become Switch, Merge and loop frames on the way. Calls within calls too. What no output
//          needs and cannot be written out stays, and a call that is an input of the graph
// Keeps:   the names of the calls: an Identity (IdentityN, NoOp) stays there that gives what the call gave and waits
//          for what it waited for. The library goes once nothing calls it.   Contract: exact.
// Ends:    at once: what is left calls nothing. Functions that call each other without end are an error.
// Source:  TensorFlow tools/graph_transforms inline_partitionedcall. It took calls without effects alone, one level
//          of them; lost what a call waited for, the functions' control outputs, the names of outputs that were
//          calls, and the types that a function leaves to its caller.
#include <algorithm>

#include "graph/functions.h"
#include "passes/pass.h"

namespace tarn {
namespace {

Status inline_calls(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> outputs, context.find(graph, context.outputs));
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> inputs, context.find(graph, context.inputs));
  // A call that is an input is fed: nothing of what it calls is computed, and who reads it reads what is fed.
  std::vector<NodeId> ids = graph.ids();
  std::erase_if(ids, [&](NodeId id) { return std::find(inputs.begin(), inputs.end(), id) != inputs.end(); });
  // All calls are one change: they are written out together.
  if (context.changes >= context.most_changes || !calls_functions(graph, ids)) return {};
  InlineOptions options;
  if (calls_functions(graph, inputs)) options.only = std::move(ids);
  TARN_ASSIGN_OR_RETURN(Graph flat, inline_functions(graph, outputs, options));
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    std::optional<NodeId> now = flat.find(node.name);
    if (!now || flat.node(*now).op != node.op) context.changed(node.name, str_cat(node.op, " is written out"));
  }
  if (context.changes > 0) graph = std::move(flat);
  return {};
}

constexpr std::string_view kDoc = R"(Calls of functions become the nodes of what they call.
  Before:  y = PartitionedCall(x) {f = @f},  f(a) = Relu(Neg(a))
  After:   y/neg = Neg(x);  y/relu = Relu(y/neg);  y = Identity(y/relu)
  When:    PartitionedCall, StatefulPartitionedCall, and nodes named after a function; If, Case and While that are
           handed variables become Switch, Merge and loop frames on the way. Calls within calls too. No input of
           the graph
  Keeps:   the names of the calls. The library goes once nothing calls it.
  TensorFlow's: took calls without effects alone, one level of them; lost what a call waited for and the names of
           outputs that were calls.)";

}  // namespace

extern const PassDef pass_inline_partitionedcall;
const PassDef pass_inline_partitionedcall = {
    .name = "inline_partitionedcall", .doc = kDoc, .contract = exact(), .run = inline_calls};

}  // namespace tarn
