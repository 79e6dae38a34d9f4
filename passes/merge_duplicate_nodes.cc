// merge_duplicate_nodes: nodes that compute the same from the same become one.
//
// Before:  a = Relu(x);  b = Relu(x);  y = Add(a, b)        After:  a = Relu(x);  y = Add(a, a)
// When:    same op, device, attrs (but `_class`), inputs (in any order, where the op does not mind) and control inputs;
//          constants bit by bit. Nothing with an effect or a state, no random numbers, no reading of a variable, no
//          control flow; neither is an input; at most one is an output
// Keeps:   the names of inputs and outputs; else that of the first node.   Contract: exact.
// Ends:    every change takes a node away.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "core/crc32c.h"
#include "graph/patch.h"
#include "passes/pass.h"
#include "passes/support/colocation.h"

namespace tarn {
namespace {

bool may_merge(const Graph& graph, const Node& node) {
  constexpr uint32_t kKeep = kStateful | kSourceOp | kWritesRef;
  if (node.def == nullptr || (node.def->def->traits & kKeep) != 0 || node.def->def->needs != ServiceId::kCount)
    return false;
  if (node.is("PlaceholderWithDefault") || node.def->def->control != Control::kNone || node.outputs.empty())
    return false;
  auto is_ref = [](const Fact& fact) { return fact.is_ref; };
  return std::none_of(node.outputs.begin(), node.outputs.end(), is_ref) &&
         std::none_of(node.inputs.begin(), node.inputs.end(),
                      [&](Wire wire) { return wire.is_none() || is_ref(graph.fact(wire)); });
}

bool before(Wire a, Wire b) {
  return a.node != b.node ? a.node < b.node : a.slot < b.slot;
}

std::vector<Wire> ordered_inputs(const Node& node) {
  std::vector<Wire> inputs = node.inputs;
  if (node.has_trait(kCommutative) && inputs.size() >= 2 && before(inputs[1], inputs[0]))
    std::swap(inputs[0], inputs[1]);
  return inputs;
}

std::vector<NodeId> ordered_controls(const Node& node) {
  std::vector<NodeId> controls = node.controls;
  std::sort(controls.begin(), controls.end());
  return controls;
}

// Of constants the bytes count, of other nodes what they read: attrs are compared where these agree.
uint32_t hash_of(const Node& node) {
  uint32_t hash = crc32c(node.op);
  auto add = [&](int64_t number) {
    hash = crc32c(std::string_view(reinterpret_cast<const char*>(&number), sizeof number), hash);
  };
  for (Wire wire : ordered_inputs(node)) {
    add(wire.node);
    add(wire.slot);
  }
  if (!node.is("Const")) return hash;
  const Tensor& value = node.outputs[0].value;
  for (int64_t dim : value.shape().dims()) add(dim);
  if (value.dtype() == DType::kString) {
    for (const std::string& text : value.flat<std::string>()) hash = crc32c(text, hash);
    return hash;
  }
  return crc32c(std::string_view(static_cast<const char*>(value.data()), value.byte_size()), hash);
}

bool same_attrs(const AttrMap& a, const AttrMap& b) {
  auto counts = [](const AttrMap::Entry& entry) { return entry.first != "_class"; };
  auto same = [](const AttrMap::Entry& x, const AttrMap::Entry& y) {
    if (x.first != y.first) return false;
    if (x.second.is<Tensor>() && y.second.is<Tensor>())
      return x.second.as<Tensor>().identical_to(y.second.as<Tensor>());
    return x.second == y.second;
  };
  std::vector<AttrMap::Entry> of_a, of_b;
  std::copy_if(a.begin(), a.end(), std::back_inserter(of_a), counts);
  std::copy_if(b.begin(), b.end(), std::back_inserter(of_b), counts);
  return std::equal(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(), same);
}

bool same_node(const Node& a, const Node& b) {
  return a.op == b.op && a.device == b.device && ordered_inputs(a) == ordered_inputs(b) &&
         ordered_controls(a) == ordered_controls(b) && same_attrs(a.attrs, b.attrs);
}

// Users of `gone` get what `kept` gives.
Status merge(Graph& graph, NodeId gone, NodeId kept, const std::vector<NodeId>& keep,
             std::map<std::string, std::string>& stays, PassContext& context) {
  std::string name = graph.node(gone).name;
  Patch patch(graph);
  patch.keep(keep);
  for (int slot = 1; slot < std::ssize(graph.node(gone).outputs); ++slot) {
    if (graph.use_count({gone, slot}) > 0) patch.replace({gone, slot}, {kept, slot});
  }
  patch.replace_node(gone, {kept, 0});
  TARN_RETURN_IF_ERROR(patch.commit());
  stays[name] = graph.node(kept).name;
  context.changed(name, str_cat("is the same as '", graph.node(kept).name, "'"));
  return {};
}

// Producers come first, so their duplicates are gone by the time a node is looked at.
Status merge_once(Graph& graph, const std::vector<NodeId>& inputs, const std::vector<NodeId>& outputs,
                  std::map<std::string, std::string>& stays, PassContext& context) {
  std::vector<NodeId> keep = outputs;
  keep.insert(keep.end(), inputs.begin(), inputs.end());
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> order, topological_order(graph));
  std::unordered_map<uint32_t, std::vector<NodeId>> seen;
  auto is_one_of = [](const std::vector<NodeId>& ids, NodeId id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  for (NodeId id : order) {
    if (!graph.is_alive(id) || is_one_of(inputs, id) || !may_merge(graph, graph.node(id))) continue;
    std::vector<NodeId>& like = seen[hash_of(graph.node(id))];
    bool is_output = is_one_of(outputs, id);
    auto twin = std::find_if(like.begin(), like.end(), [&](NodeId other) {
      return !(is_output && is_one_of(outputs, other)) && same_node(graph.node(other), graph.node(id));
    });
    if (twin == like.end()) {
      like.push_back(id);
    } else if (is_output) {  // its name stays
      TARN_RETURN_IF_ERROR(merge(graph, *twin, id, keep, stays, context));
      *twin = id;
    } else {
      TARN_RETURN_IF_ERROR(merge(graph, id, *twin, keep, stays, context));
    }
  }
  return {};
}

// What one node became may have become another.
std::string what_stays(const std::map<std::string, std::string>& stays, std::string name) {
  for (auto it = stays.find(name); it != stays.end(); it = stays.find(name)) name = it->second;
  return name;
}

Status merge_duplicate_nodes(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> outputs, context.find(graph, context.outputs));
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> inputs, context.find(graph, context.inputs));
  std::map<std::string, std::string> stays;  // by the name of what is gone
  // Where the second of two stays, being an output, users of the first were looked at before: then once more.
  for (int changes = -1; changes != context.changes;) {
    changes = context.changes;
    TARN_RETURN_IF_ERROR(merge_once(graph, inputs, outputs, stays, context));
  }
  rename_colocation(graph, [&](const std::string& name) { return what_stays(stays, name); });
  return {};
}

constexpr std::string_view kDoc = R"(Nodes that compute the same from the same become one.
  Before:  a = Relu(x);  b = Relu(x);  y = Add(a, b)        After:  a = Relu(x);  y = Add(a, a)
  When:    same op, device, attrs (but _class), inputs (in any order, where the op does not mind) and control inputs;
           constants bit by bit. Nothing with an effect or a state, no random numbers, no reading of a variable, no
           control flow; neither is an input; at most one is an output
  Keeps:   the names of inputs and outputs; else that of the first node.)";

constexpr std::string_view kOtherNames[] = {"merge_duplicates"};

}  // namespace

extern const PassDef pass_merge_duplicate_nodes;
const PassDef pass_merge_duplicate_nodes = {.name = "merge_duplicate_nodes",
                                            .doc = kDoc,
                                            .contract = exact(),
                                            .run = merge_duplicate_nodes,
                                            .other_names = kOtherNames};

}  // namespace tarn
