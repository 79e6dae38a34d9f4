#include "graph/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <map>
#include <set>

#include "core/half.h"
#include "graph/algorithms.h"

namespace tarn {
namespace {

bool counts(std::string_view attr, const CompareOptions& options) {
  return options.internal_attrs || !attr.starts_with('_');
}

bool same_attrs(const Node& a, const Node& b, const CompareOptions& options) {
  auto skip = [&](auto at, auto end) {
    while (at != end && !counts(at->first, options)) ++at;
    return at;
  };
  auto x = skip(a.attrs.begin(), a.attrs.end()), y = skip(b.attrs.begin(), b.attrs.end());
  while (x != a.attrs.end() && y != b.attrs.end()) {
    if (x->first != y->first || !(x->second == y->second)) return false;
    x = skip(x + 1, a.attrs.end());
    y = skip(y + 1, b.attrs.end());
  }
  return x == a.attrs.end() && y == b.attrs.end();
}

// Finds which nodes of two graphs belong together.
class Matcher {
 public:
  Matcher(const Graph& first, const Graph& second, const CompareOptions& options)
      : graphs_{&first, &second}, options_(options) {
    for (int side = 0; side < 2; ++side) {
      partners_[side].resize(static_cast<size_t>(graphs_[side]->id_limit()), -1);
      classes_[side].resize(partners_[side].size(), -1);
      Result<std::vector<NodeId>> order = topological_order(*graphs_[side]);
      orders_[side] = order.ok() ? *std::move(order) : graphs_[side]->ids();
    }
  }

  // The partners of the first graph's nodes.
  std::vector<NodeId> match() {
    for (NodeId id : graphs_[0]->ids()) {
      if (std::optional<NodeId> other = graphs_[1]->find(graphs_[0]->node(id).name)) pair(id, *other);
    }
    // What is certain first: each pair found tells its neighbours apart. Where several nodes are alike in everything,
    // it does not matter which goes with which; the order of the file decides.
    constexpr int kMostRounds = 32;
    for (int round = 0; round < kMostRounds; ++round) {
      if (pair_alike(true, true) || pair_alike(true, false) || pair_alike(false, true) || pair_alike(false, false))
        continue;
      break;
    }
    return partners_[0];
  }

 private:
  int& partner(int side, NodeId id) { return partners_[side][static_cast<size_t>(id)]; }
  int& class_of(int side, NodeId id) { return classes_[side][static_cast<size_t>(id)]; }

  void pair(NodeId first, NodeId second) {
    partner(0, first) = second;
    partner(1, second) = first;
  }

  // Pairs nodes without partner that are alike in themselves and in all that leads to them and, with `downstream`, in
  // all that they lead to. Whether there were any.
  bool pair_alike(bool downstream, bool only_certain) {
    classify(downstream);
    std::map<int, std::vector<NodeId>> members[2];
    for (int side = 0; side < 2; ++side) {
      for (NodeId id : graphs_[side]->ids()) {
        // Without its users there is nothing to know a constant or an input by: any 0 would be any other.
        const Node& node = graphs_[side]->node(id);
        bool is_source = node.inputs.empty() && node.controls.empty();
        if (partner(side, id) < 0 && (downstream || !is_source)) members[side][class_of(side, id)].push_back(id);
      }
    }
    bool any = false;
    for (const auto& [number, firsts] : members[0]) {
      auto found = members[1].find(number);
      if (found == members[1].end()) continue;
      const std::vector<NodeId>& seconds = found->second;
      if (only_certain && (firsts.size() != 1 || seconds.size() != 1)) continue;
      for (size_t i = 0; i < std::min(firsts.size(), seconds.size()); ++i) pair(firsts[i], seconds[i]);
      any = true;
    }
    return any;
  }

  // Nodes with a partner are a class of their own, together with it.
  void classify(bool downstream) {
    next_class_ = graphs_[0]->id_limit();
    representatives_.clear();
    for (int side = 0; side < 2; ++side) {
      for (NodeId id : graphs_[side]->ids()) {
        NodeId other = partner(side, id);
        class_of(side, id) = other < 0 ? own_class(graphs_[side]->node(id)) : side == 0 ? id : other;
      }
    }
    refine([&](int side, NodeId id) { return upstream_key(side, id); }, /*backwards=*/false);
    if (downstream) refine([&](int side, NodeId id) { return downstream_key(side, id); }, /*backwards=*/true);
  }

  int own_class(const Node& node) {
    std::string key = str_cat(node.op, "|", node.device, "|", node.inputs.size(), "|", node.controls.size());
    if (const AttrValue* value = node.attrs.find("value"); value != nullptr && value->is<Tensor>()) {
      const Tensor& tensor = value->as<Tensor>();
      str_append(key, "|", dtype_name(tensor.dtype()), tensor.shape(), "|", tensor.to_string(4));
    }
    for (const auto& [representative, number] : representatives_[key]) {
      if (same_attrs(*representative, node, options_)) return number;
    }
    representatives_[key].emplace_back(&node, next_class_);
    return next_class_++;
  }

  template <class KeyOf>
  void refine(const KeyOf& key_of, bool backwards) {
    std::map<std::vector<int>, int> numbers;
    for (int side = 0; side < 2; ++side) {
      std::vector<NodeId> order = orders_[side];
      if (backwards) std::reverse(order.begin(), order.end());
      for (NodeId id : order) {
        if (partner(side, id) >= 0) continue;
        auto [entry, is_new] = numbers.emplace(key_of(side, id), next_class_);
        if (is_new) ++next_class_;
        class_of(side, id) = entry->second;
      }
    }
  }

  std::vector<int> upstream_key(int side, NodeId id) {
    const Node& node = graphs_[side]->node(id);
    std::vector<int> key{class_of(side, id)};
    for (Wire wire : node.inputs) {
      bool is_late = wire.is_none() || is_back_edge(*graphs_[side], id, wire.node);
      key.push_back(is_late ? -1 : class_of(side, wire.node));
      key.push_back(wire.slot);
    }
    auto controls = static_cast<std::ptrdiff_t>(key.size());
    for (NodeId control : node.controls) key.push_back(class_of(side, control));
    std::sort(key.begin() + controls, key.end());
    return key;
  }

  std::vector<int> downstream_key(int side, NodeId id) {
    std::vector<std::vector<int>> uses;
    for (const Use& use : graphs_[side]->uses(id)) {
      bool is_control = use.input == Use::kControl;
      bool is_late = !is_control && is_back_edge(*graphs_[side], use.node, id);
      uses.push_back({is_late ? -1 : class_of(side, use.node), use.input, is_control ? 0 : use.slot});
    }
    std::sort(uses.begin(), uses.end());
    std::vector<int> key{class_of(side, id)};
    for (const std::vector<int>& use : uses) key.insert(key.end(), use.begin(), use.end());
    return key;
  }

  const Graph* graphs_[2];
  const CompareOptions& options_;
  std::vector<NodeId> partners_[2], orders_[2];
  std::vector<int> classes_[2];
  std::map<std::string, std::vector<std::pair<const Node*, int>>> representatives_;
  int next_class_ = 0;
};

std::string attr_text(const AttrValue* value) {
  return value == nullptr ? "none" : printable(value->to_string());
}

// What differs between two nodes that belong together, besides their names.
class NodeComparer {
 public:
  NodeComparer(const Graph& first, const Graph& second, const std::vector<NodeId>& partners,
               const CompareOptions& options)
      : first_(first), second_(second), partners_(partners), options_(options) {}

  std::vector<std::string> compare(NodeId a_id, NodeId b_id) {
    what_.clear();
    const Node& a = first_.node(a_id);
    const Node& b = second_.node(b_id);
    if (a.op != b.op) say("op: ", a.op, " -> ", b.op);
    if (a.device != b.device) say("device: ", quoted(a.device), " -> ", quoted(b.device));
    compare_attrs(a, b);
    compare_inputs(a, b);
    compare_controls(a, b);
    return std::move(what_);
  }

 private:
  template <class... Args>
  void say(const Args&... args) {
    what_.push_back(str_cat(args...));
  }

  void compare_attrs(const Node& a, const Node& b) {
    std::set<std::string_view> names;
    for (const auto& [name, value] : a.attrs) names.insert(name);
    for (const auto& [name, value] : b.attrs) names.insert(name);
    for (std::string_view name : names) {
      const AttrValue* x = a.attrs.find(name);
      const AttrValue* y = b.attrs.find(name);
      if (!counts(name, options_) || (x != nullptr && y != nullptr && *x == *y)) continue;
      if (x != nullptr && y != nullptr && x->is<Tensor>() && y->is<Tensor>()) {
        say(name, ": ", difference_of_values(x->as<Tensor>(), y->as<Tensor>()).text);
      } else {
        say("attr ", name, ": ", attr_text(x), " -> ", attr_text(y));
      }
    }
  }

  void compare_inputs(const Node& a, const Node& b) {
    for (size_t i = 0; i < std::max(a.inputs.size(), b.inputs.size()); ++i) {
      Wire x = i < a.inputs.size() ? a.inputs[i] : Wire{}, y = i < b.inputs.size() ? b.inputs[i] : Wire{};
      if (x.is_none() && y.is_none()) continue;
      bool same = !x.is_none() && !y.is_none() && partner(x.node) == y.node && x.slot == y.slot;
      if (!same) say("input ", i, ": ", wire_text(first_, x), " -> ", wire_text(second_, y));
    }
  }

  void compare_controls(const Node& a, const Node& b) {
    std::set<NodeId> expected;
    for (NodeId control : a.controls) {
      bool kept = std::find(b.controls.begin(), b.controls.end(), partner(control)) != b.controls.end();
      if (!kept) say("control input ", quoted("^" + first_.node(control).name), " -> none");
      expected.insert(partner(control));
    }
    for (NodeId control : b.controls) {
      if (!expected.contains(control)) say("control input none -> ", quoted("^" + second_.node(control).name));
    }
  }

  NodeId partner(NodeId id) const { return partners_[static_cast<size_t>(id)]; }
  static std::string wire_text(const Graph& graph, Wire wire) {
    return wire.is_none() ? "none" : quoted(graph.wire_name(wire));
  }

  const Graph& first_;
  const Graph& second_;
  const std::vector<NodeId>& partners_;
  const CompareOptions& options_;
  std::vector<std::string> what_;
};

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", value);
  return text;
}

template <class T>
double as_double(T value) {
  return static_cast<double>(value);
}
double as_double(Half value) {
  return static_cast<double>(half_to_float(value.bits));
}
double as_double(BFloat16 value) {
  uint32_t bits = uint32_t{value.bits} << 16;
  float wide = 0;
  std::memcpy(&wide, &bits, sizeof(wide));
  return static_cast<double>(wide);
}

template <class T>
void compare_numbers(const Tensor& first, const Tensor& second, ValueDifference& difference) {
  const auto* a = static_cast<const T*>(first.data());
  const auto* b = static_cast<const T*>(second.data());
  for (int64_t i = 0; i < first.element_count(); ++i) {
    double x = as_double(a[i]), y = as_double(b[i]);
    if (std::isfinite(x)) difference.range = std::max(difference.range, std::abs(x));
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    ++difference.differing;
    double apart = std::abs(x - y);
    difference.largest =
        std::max(difference.largest, std::isnan(apart) ? std::numeric_limits<double>::infinity() : apart);
  }
}

// False if the dtype's elements are no numbers with a distance.
bool compare_numbers(const Tensor& first, const Tensor& second, ValueDifference& difference) {
  switch (first.dtype()) {
    case DType::kFloat: compare_numbers<float>(first, second, difference); return true;
    case DType::kDouble: compare_numbers<double>(first, second, difference); return true;
    case DType::kHalf: compare_numbers<Half>(first, second, difference); return true;
    case DType::kBFloat16: compare_numbers<BFloat16>(first, second, difference); return true;
    case DType::kInt8:
    case DType::kQInt8: compare_numbers<int8_t>(first, second, difference); return true;
    case DType::kUInt8:
    case DType::kQUInt8: compare_numbers<uint8_t>(first, second, difference); return true;
    case DType::kInt16:
    case DType::kQInt16: compare_numbers<int16_t>(first, second, difference); return true;
    case DType::kUInt16:
    case DType::kQUInt16: compare_numbers<uint16_t>(first, second, difference); return true;
    case DType::kInt32:
    case DType::kQInt32: compare_numbers<int32_t>(first, second, difference); return true;
    case DType::kUInt32: compare_numbers<uint32_t>(first, second, difference); return true;
    case DType::kInt64: compare_numbers<int64_t>(first, second, difference); return true;
    case DType::kUInt64: compare_numbers<uint64_t>(first, second, difference); return true;
    case DType::kBool: compare_numbers<bool>(first, second, difference); return true;
    default: return false;
  }
}

}  // namespace

ValueDifference difference_of_values(const Tensor& first, const Tensor& second) {
  ValueDifference difference;
  std::string what = str_cat(dtype_short_name(first.dtype()), first.shape());
  difference.comparable = first.dtype() == second.dtype() && first.shape() == second.shape();
  if (!difference.comparable) {
    difference.text = str_cat(what, " -> ", dtype_short_name(second.dtype()), second.shape());
    return difference;
  }
  bool has_distance = compare_numbers(first, second, difference);
  if (!has_distance && !first.identical_to(second)) {
    difference.differing = first.element_count();
    std::span<const std::string> a = first.flat<std::string>(), b = second.flat<std::string>();
    if (!a.empty()) {
      difference.differing = 0;
      for (size_t i = 0; i < a.size(); ++i) difference.differing += a[i] == b[i] ? 0 : 1;
    }
  }
  if (difference.differing == 0) {
    difference.text = first.identical_to(second) ? str_cat(what, ": equal") : str_cat(what, ": equal but for bits");
    return difference;
  }
  difference.text = str_cat(what, ": ", difference.differing, " of ", first.element_count(), " elements differ");
  if (has_distance) str_append(difference.text, ", largest difference ", short_number(difference.largest));
  return difference;
}

GraphComparison compare_graphs(const Graph& first, const Graph& second, const CompareOptions& options) {
  GraphComparison comparison;
  std::optional<std::vector<NodeId>> renaming;
  if (options.by_structure) renaming = find_renaming(first, second);
  comparison.partners = renaming.has_value() ? *std::move(renaming) : Matcher(first, second, options).match();
  NodeComparer comparer(first, second, comparison.partners, options);
  std::vector<bool> has_partner(static_cast<size_t>(second.id_limit()), false);
  for (NodeId id : first.ids()) {
    NodeId other = comparison.partners[static_cast<size_t>(id)];
    if (other < 0) {
      comparison.only_first.push_back(id);
      continue;
    }
    has_partner[static_cast<size_t>(other)] = true;
    if (first.node(id).name != second.node(other).name) comparison.renamed.emplace_back(id, other);
    std::vector<std::string> what = comparer.compare(id, other);
    if (!what.empty()) comparison.changed.push_back({id, other, std::move(what)});
  }
  for (NodeId id : second.ids()) {
    if (!has_partner[static_cast<size_t>(id)]) comparison.only_second.push_back(id);
  }
  if (first.versions.producer != second.versions.producer ||
      first.versions.min_consumer != second.versions.min_consumer) {
    comparison.notes.push_back(str_cat("versions: producer ", first.versions.producer, " -> ", second.versions.producer,
                                       ", min_consumer ", first.versions.min_consumer, " -> ",
                                       second.versions.min_consumer));
  }
  if (first.library != second.library) comparison.notes.emplace_back("the function libraries differ");
  if (first.model_info != second.model_info)
    comparison.notes.emplace_back("what is told of the model beside its nodes (model_info) differs");
  return comparison;
}

}  // namespace tarn
