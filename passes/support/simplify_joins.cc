#include "passes/support/simplify_joins.h"

namespace tarn {
namespace {

struct Concat {
  Wire axis;
  std::vector<Wire> values;
};
Concat concat_of(const Node& node) {
  if (node.is("Concat")) return {node.inputs.front(), {node.inputs.begin() + 1, node.inputs.end()}};
  return {node.inputs.back(), {node.inputs.begin(), node.inputs.end() - 1}};
}

std::optional<int64_t> axis_of(const Simplifier& s, const Concat& concat, int rank) {
  std::optional<std::vector<int64_t>> axis = s.integers(concat.axis);
  if (!axis || axis->size() != 1) return std::nullopt;
  int64_t at = axis->front();
  if (rank >= 0 && (at < -rank || at >= rank)) return std::nullopt;
  return at < 0 && rank >= 0 ? at + rank : at;
}

Status commit_concat(Simplifier& s, NodeId id, const std::vector<Wire>& values, std::string_view what) {
  const Node& node = s.node(id);
  Wire axis = concat_of(node).axis;
  std::vector<Wire> inputs = values;
  inputs.insert(node.is("Concat") ? inputs.begin() : inputs.end(), axis);
  Patch patch = s.rewriter.patch();
  patch.replace_node(
      id,
      patch.add({.name = node.name + "/joined", .op = node.op, .inputs = std::move(inputs), .device = node.device}));
  return s.rewriter.commit(patch, id, what);
}

}  // namespace

Status simplify_concat(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  Concat outer = concat_of(node);
  int rank = node.outputs[0].shape.rank();
  std::optional<int64_t> axis = axis_of(s, outer, rank);
  if (!axis) return {};
  for (size_t i = 0; i < outer.values.size(); ++i) {
    const Shape& shape = s.shape(outer.values[i]);
    bool is_empty = rank >= 0 && shape.rank() == rank && shape.dim(static_cast<int>(*axis)) == 0;
    if (is_empty && s.is_always_computed(outer.values[i])) {
      std::vector<Wire> values = outer.values;
      values.erase(values.begin() + static_cast<std::ptrdiff_t>(i));
      if (values.size() == 1) return s.rewriter.splice(id, values[0], "the rest is empty");
      return commit_concat(s, id, values, str_cat("without input ", i, ", which is empty"));
    }
    const Node* node_inside = s.behind(outer.values[i], {"Concat", "ConcatV2"});
    if (node_inside == nullptr || !s.rewriter.has_one_user(outer.values[i].node)) continue;
    // Both have the same rank.
    Concat inner = concat_of(*node_inside);
    if (axis_of(s, inner, rank) != axis) continue;
    std::vector<Wire> values(outer.values.begin(), outer.values.begin() + static_cast<std::ptrdiff_t>(i));
    values.insert(values.end(), inner.values.begin(), inner.values.end());
    values.insert(values.end(), outer.values.begin() + static_cast<std::ptrdiff_t>(i) + 1, outer.values.end());
    return commit_concat(s, id, values, str_cat("takes what ", quoted(node_inside->name), " joins"));
  }
  return {};
}

Status unpack_packed(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  const Node* pack = s.behind(node.inputs[0], {"Pack"});
  if (pack == nullptr || pack->inputs.size() != node.outputs.size() || s.rewriter.is_output(id) ||
      s.rewriter.context().wants_other_outputs(node.name) || !s.is_always_computed(node.inputs[0]))
    return {};
  if (pack->attrs.get_or<int64_t>("axis", 0) != node.attrs.get_or<int64_t>("axis", 0)) return {};
  std::string what = str_cat("takes apart what ", quoted(pack->name), " packs");
  Patch patch = s.rewriter.patch();
  for (size_t i = 1; i < pack->inputs.size(); ++i) patch.replace({id, static_cast<int>(i)}, pack->inputs[i]);
  patch.replace_node(id, pack->inputs[0]);
  return s.rewriter.commit(patch, id, what);
}

Status pack_unpacked(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  const Node* unpack = s.behind(node.inputs[0], {"Unpack"});
  if (unpack == nullptr || unpack->outputs.size() != node.inputs.size() ||
      unpack->attrs.get_or<int64_t>("axis", 0) != node.attrs.get_or<int64_t>("axis", 0))
    return {};
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] != Wire{node.inputs[0].node, static_cast<int>(i)}) return {};
  }
  return s.rewriter.splice(id, unpack->inputs[0], str_cat("packs what ", quoted(unpack->name), " takes apart"));
}

Status take_packed(Simplifier& s, NodeId id, int64_t at) {
  const Node& node = s.node(id);
  const Node* pack = s.behind(node.inputs[0], {"Pack"});
  if (pack == nullptr || pack->attrs.get_or<int64_t>("axis", 0) != 0) return {};
  auto count = static_cast<int64_t>(pack->inputs.size());
  if (at < 0) at += count;
  if (at < 0 || at >= count || !s.is_always_computed(node.inputs[0])) return {};
  return s.rewriter.splice(id, pack->inputs[static_cast<size_t>(at)],
                           str_cat("element ", at, " of ", quoted(pack->name)));
}

}  // namespace tarn
