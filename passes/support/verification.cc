#include "passes/support/verification.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/crc32c.h"
#include "core/half.h"
#include "core/random.h"
#include "core/tensor_name.h"
#include "passes/support/modes.h"
#include "passes/support/pass_manager.h"
#include "passes/support/sample_inputs.h"

namespace tarn {

namespace {

template <class T>
double largest_difference(std::span<const T> x, std::span<const T> y) {
  double range = 0, difference = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    double p = static_cast<double>(x[i]), q = static_cast<double>(y[i]);
    if (std::isnan(p) != std::isnan(q)) return std::numeric_limits<double>::infinity();
    if (std::isnan(p) || p == q) continue;
    if (std::isfinite(p)) range = std::max(range, std::abs(p));
    difference = std::max(difference, std::abs(p - q));
  }
  for (T v : x) {
    if (std::isfinite(static_cast<double>(v))) range = std::max(range, std::abs(static_cast<double>(v)));
  }
  return range > 0 ? difference / range : difference;
}

std::vector<float> widened(const Tensor& tensor) {
  std::vector<float> values;
  bool is_half = tensor.dtype() == DType::kHalf;
  for (uint16_t bits : tensor.flat<uint16_t>()) {
    values.push_back(is_half ? half_to_float(bits) : bfloat16_to_float(bits));
  }
  return values;
}

// A pass may round as often as four roundings of all constants would.
constexpr double kNoises = 4;

// Contracts are told of float32. Where a sum is rounded to fewer digits, and its factors with it, it is a few of those
// that are allowed.
double allowed_difference(const PassContract& contract, DType dtype) {
  constexpr double kRoundings = 8, kHalfRounding = 0x1p-11, kBFloat16Rounding = 0x1p-8;
  if (contract.kind != PassContract::Kind::kRounding) return contract.max_relative_difference;
  double rounding = dtype == DType::kHalf ? kHalfRounding : dtype == DType::kBFloat16 ? kBFloat16Rounding : 0;
  return std::max(contract.max_relative_difference, kRoundings * rounding);
}

}  // namespace

double relative_difference(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || !(a.shape() == b.shape())) return std::numeric_limits<double>::infinity();
  if (a.dtype() == DType::kFloat) return largest_difference(a.flat<float>(), b.flat<float>());
  if (a.dtype() == DType::kDouble) return largest_difference(a.flat<double>(), b.flat<double>());
  if (a.dtype() == DType::kHalf || a.dtype() == DType::kBFloat16) {
    std::vector<float> x = widened(a), y = widened(b);
    return largest_difference(std::span<const float>(x), std::span<const float>(y));
  }
  return a.identical_to(b) ? 0 : std::numeric_limits<double>::infinity();
}

namespace {

// "x" and "x:0" are one.
bool same_tensor(std::string_view a, std::string_view b) {
  Result<TensorName> x = parse_tensor_name(a), y = parse_tensor_name(b);
  return x.ok() && y.ok() && x->node == y->node && x->slot == y->slot;
}

bool has_feed(const std::vector<Session::Feed>& feeds, const std::string& name) {
  return std::any_of(feeds.begin(), feeds.end(),
                     [&](const Session::Feed& feed) { return same_tensor(feed.first, name); });
}

void feed_instead(std::vector<Session::Feed>& feeds, const std::string& name, const Tensor& value) {
  std::erase_if(feeds, [&](const Session::Feed& feed) { return same_tensor(feed.first, name); });
  feeds.emplace_back(name, value);
}

bool is_fed(const Node& node) {
  return node.has_trait(kSourceOp) || node.is("PlaceholderWithDefault");
}

// What passes assume of Placeholders is fed, to the passes after them, too.
void feed_assumed(const Graph& graph, const Assumptions& assumptions, std::vector<Session::Feed>& feeds) {
  for (const auto& [name, value] : assumptions) {
    Result<Wire> wire = graph.find_wire(name);
    if (wire.ok() && is_fed(graph.node(wire->node))) feed_instead(feeds, name, value);
  }
}

// What they assume of what is computed is a constant in its place: within the loop and the branch that it is in, where
// nothing could be fed.
Status tell_assumed(Graph& graph, const Assumptions& assumptions) {
  for (const auto& [name, value] : assumptions) {
    Result<Wire> wire = graph.find_wire(name);
    if (!wire.ok() || is_fed(graph.node(wire->node)) || graph.fact(*wire).dtype != value.dtype()) continue;
    const Node& node = graph.node(wire->node);
    NodeSpec spec{.name = graph.unique_name(node.name + "/assumed"),
                  .op = "Const",
                  .attrs = {{"value", value}, {"dtype", value.dtype()}}};
    if (!node.is("Const") || !node.controls.empty()) spec.controls = {wire->node};
    TARN_ASSIGN_OR_RETURN(NodeId constant, graph.add(std::move(spec)));
    graph.replace_uses(*wire, {constant, 0});
  }
  return {};
}

// Random numbers without a seed get one of their node's name: the same before a pass and after it, whatever else is
// drawn.
void seed_by_name(Graph& graph) {
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    const AttrValue *seed = node.attrs.find("seed"), *seed2 = node.attrs.find("seed2");
    if (seed == nullptr || seed2 == nullptr || *seed != AttrValue(0) || *seed2 != AttrValue(0)) continue;
    graph.set_attr(id, "seed", static_cast<int64_t>(crc32c(node.name)) + 1);
  }
}

// What Print says only its author wanted to read, and sessions have none: its input goes on.
Status pass_prints_by(Graph& graph) {
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    if (!node.is("Print") || node.inputs.empty() || node.inputs[0].is_none()) continue;
    NodeSpec spec{.name = graph.unique_name(node.name + "/passed"),
                  .op = "Identity",
                  .inputs = {node.inputs[0]},
                  .attrs = {{"T", graph.fact(node.inputs[0]).dtype}},
                  .controls = node.controls};
    std::vector<NodeId> waiting;
    for (const Use& use : graph.uses(id)) {
      if (use.input == Use::kControl) waiting.push_back(use.node);
    }
    TARN_ASSIGN_OR_RETURN(NodeId passed, graph.add(std::move(spec)));
    graph.replace_uses({id, 0}, {passed, 0});
    for (NodeId user : waiting) {
      std::vector<NodeId> controls = graph.node(user).controls;
      std::replace(controls.begin(), controls.end(), id, passed);
      graph.set_controls(user, std::move(controls));
    }
  }
  return {};
}

Result<Graph> comparable(const Graph& graph, const Assumptions& assumptions) {
  Graph result = graph;
  TARN_RETURN_IF_ERROR(pass_prints_by(result));
  seed_by_name(result);
  TARN_RETURN_IF_ERROR(tell_assumed(result, assumptions));
  return result;
}

}  // namespace

void feed_on(const Assumptions& assumptions, std::vector<Session::Feed>& feeds) {
  for (const auto& [name, value] : assumptions) {
    if (has_feed(feeds, name)) feed_instead(feeds, name, value);
  }
}

Result<std::vector<Session::Feed>> Verifier::make_feeds(const Graph& graph, const GraphEnds& ends) const {
  if (!given_.empty()) {
    std::vector<Session::Feed> feeds = given_;
    // Nobody need feed what will be told.
    for (const ModePlaceholder& mode : find_modes(GraphView(graph, ends.inputs, ends.outputs))) {
      const std::string& name = graph.node(mode.node).name;
      if (mode.value && !has_feed(feeds, name) && !mode.takes_default) feeds.emplace_back(name, *mode.value);
    }
    return feeds;
  }
  Status first_error;
  TARN_ASSIGN_OR_RETURN(Graph runnable, comparable(graph, {}));
  for (const SampleSizes& sizes : kTriedSizes) {
    TARN_ASSIGN_OR_RETURN(std::vector<Session::Feed> feeds,
                          sample_feeds(graph, ends.inputs, ends.outputs, sizes, seed_));
    Status status = fetch(runnable, feeds, ends.outputs).status();
    if (status.ok()) return feeds;
    first_error.update(status);
  }
  return first_error.with_context("verification: the graph does not run on made-up inputs; give it real ones");
}

Result<std::vector<Tensor>> Verifier::fetch(const Graph& graph, const std::vector<Session::Feed>& feeds,
                                            const std::vector<std::string>& names) const {
  std::vector<Session::Feed> present;
  for (const Session::Feed& feed : feeds) {
    if (graph.find_wire(feed.first).ok()) present.push_back(feed);
  }
  SessionOptions options;
  options.threads = 1;
  options.few_runs = true;
  options.seed = seed_;
  Session session(graph, options);
  (void)session.InitializeTables();  // one that cannot be filled is said to be empty by who reads it
  std::vector<Tensor> values;
  TARN_RETURN_IF_ERROR(session.Run(present, names, &values));
  return values;
}

namespace {

Status beyond_contract(const PassDef& pass, std::string_view what, const std::string& name, double difference,
                       std::string_view where = {}) {
  return internal_error(what, " ", quoted(name), " differs by ", difference, " of its range, but the pass promises ",
                        pass.contract.to_string(), where)
      .with_node(name);
}

}  // namespace

Status Verifier::compare(const PassDef& pass, const PassContext& context, const Graph& untold_before,
                         const Graph& untold_after, GraphEnds ends, Comparison& comparison) const {
  std::vector<Session::Feed>& feeds = ends.feeds;
  for (const auto& [name, value] : context.assumptions)
    comparison.assumed.push_back(str_cat(name, " = ", value.to_string(4)));
  feed_assumed(untold_before, context.assumptions, feeds);
  TARN_ASSIGN_OR_RETURN(Graph before, comparable(untold_before, context.assumptions));
  TARN_ASSIGN_OR_RETURN(Graph after, comparable(untold_after, context.assumptions));
  Result<std::vector<Tensor>> a = fetch(before, feeds, ends.outputs);
  if (!a.ok()) return a.status().with_context("running the graph before the pass");
  Result<std::vector<Tensor>> b = fetch(after, feeds, ends.outputs);
  if (!b.ok()) return b.status().with_context("running the graph after the pass");
  bool quantizes = pass.contract.kind == PassContract::Kind::kQuantizing;
  for (size_t i = 0; i < a->size(); ++i) {
    const Tensor &x = (*a)[i], &y = (*b)[i];
    double difference = relative_difference(x, y);
    comparison.compared += x.element_count();
    bool same_form = x.dtype() == y.dtype() && x.shape() == y.shape();
    bool may_tip = pass.contract.kind != PassContract::Kind::kExact && same_form && !dtype_is_floating(x.dtype());
    if (may_tip) continue;
    comparison.max_relative_difference = std::max(comparison.max_relative_difference, difference);
    if (difference <= allowed_difference(pass.contract, x.dtype()) || (quantizes && std::isfinite(difference)))
      continue;
    if (pass.contract.kind == PassContract::Kind::kRounding && std::isfinite(difference)) {
      // This output's own: another, however noisy, is no excuse for it.
      double noise = rounding_noise(before, feeds, {ends.outputs[i]}, {x})[0];
      comparison.rounding_noise = std::max(comparison.rounding_noise, noise);
      if (difference <= kNoises * noise) continue;
    }
    return beyond_contract(pass, "output", ends.outputs[i], difference, first_difference(pass, before, after, feeds));
  }
  return quantizes ? compare_constants(pass, context, before, after, comparison) : Status();
}

Result<std::vector<double>> Verifier::differences(const Graph& untold_before, GraphEnds ends_before,
                                                  const Graph& untold_after, GraphEnds ends_after,
                                                  const Assumptions& assumptions) const {
  feed_assumed(untold_before, assumptions, ends_before.feeds);
  feed_assumed(untold_after, assumptions, ends_after.feeds);
  TARN_ASSIGN_OR_RETURN(Graph before, comparable(untold_before, assumptions));
  TARN_ASSIGN_OR_RETURN(Graph after, comparable(untold_after, assumptions));
  TARN_ASSIGN_OR_RETURN(std::vector<Tensor> x, fetch(before, ends_before.feeds, ends_before.outputs));
  TARN_ASSIGN_OR_RETURN(std::vector<Tensor> y, fetch(after, ends_after.feeds, ends_after.outputs));
  std::vector<double> differences;
  for (size_t i = 0; i < x.size(); ++i) differences.push_back(relative_difference(x[i], y[i]));
  return differences;
}

// How far each tensor moves when every constant is off by one rounding, as a folded weight is: what a network makes of
// that is its own, and no pass can promise less.
std::vector<double> Verifier::rounding_noise(const Graph& graph, const std::vector<Session::Feed>& feeds,
                                             const std::vector<std::string>& names,
                                             const std::vector<Tensor>& values) const {
  constexpr uint64_t kTries = 4;
  std::vector<double> noise(names.size(), 0.0);
  for (uint64_t seed = 1; seed <= kTries; ++seed) {
    Graph moved = graph;
    Random random(seed);
    for (NodeId id : moved.ids()) {
      const Node& node = moved.node(id);
      const AttrValue* held = node.is("Const") ? node.attrs.find("value") : nullptr;
      if (held == nullptr || !held->is<Tensor>() || held->as<Tensor>().dtype() != DType::kFloat) continue;
      // Numbers alone are steps, epsilons and scales that are written exactly.
      Tensor constant = held->as<Tensor>();
      if (constant.element_count() < 2) continue;
      for (float& number : constant.mutable_flat<float>()) {
        float towards = static_cast<int64_t>(random.next()) < 0 ? -HUGE_VALF : HUGE_VALF;
        if (std::isfinite(number) && number != 0) number = std::nextafter(number, towards);
      }
      moved.set_attr(id, "value", std::move(constant));
    }
    if (!refresh_facts(moved).ok()) continue;
    Result<std::vector<Tensor>> others = fetch(moved, feeds, names);
    if (!others.ok()) continue;
    for (size_t i = 0; i < names.size(); ++i) {
      double difference = relative_difference(values[i], (*others)[i]);
      if (std::isfinite(difference)) noise[i] = std::max(noise[i], difference);
    }
  }
  return noise;
}

Status Verifier::compare_constants(const PassDef& pass, const PassContext& context, const Graph& before,
                                   const Graph& after, Comparison& comparison) const {
  for (const std::string& name : context.changed_nodes) {
    if (!before.find_wire(name).ok() || !after.find_wire(name).ok()) continue;
    // What is computed, and weights that wait, in a loop or for a branch, are not to be had without what they depend
    // on: the outputs tell of them.
    const Node& node = before.node(*before.find_node(name));
    if (!node.is("Const") || !node.controls.empty()) continue;
    TARN_ASSIGN_OR_RETURN(std::vector<Tensor> x, fetch(before, {}, {name}));
    TARN_ASSIGN_OR_RETURN(std::vector<Tensor> y, fetch(after, {}, {name}));
    double difference = relative_difference(x[0], y[0]);
    comparison.max_constant_difference = std::max(comparison.max_constant_difference, difference);
    if (!(difference <= pass.contract.max_relative_difference))
      return beyond_contract(pass, "constant", name, difference);
  }
  return {};
}

namespace {

// A pass that folds a scale into a convolution means its output to be another one.
bool is_touched(const Graph& before, NodeId a, const Graph& after, NodeId b) {
  const Node &x = before.node(a), &y = after.node(b);
  if (x.op != y.op || !(x.attrs == y.attrs) || x.inputs.size() != y.inputs.size()) return true;
  for (size_t i = 0; i < x.inputs.size(); ++i) {
    if (x.inputs[i].is_none() || y.inputs[i].is_none()) return true;
    if (before.wire_name(x.inputs[i]) != after.wire_name(y.inputs[i])) return true;
  }
  return false;
}

}  // namespace

// Of the nodes that both graphs have, producers first, and that the pass left as they were, if one of these differs by
// more than an output may, of what the network makes of a rounding up to there too; nothing where they can't be asked.
std::string Verifier::first_difference(const PassDef& pass, const Graph& before, const Graph& after,
                                       const std::vector<Session::Feed>& feeds) const {
  Result<std::vector<NodeId>> order = topological_order(before);
  if (!order.ok()) return {};
  std::vector<NodeId> ids;
  std::vector<std::string> names;
  for (NodeId id : *order) {
    const Node& node = before.node(id);
    std::optional<NodeId> other = after.find(node.name);
    bool has_value = !node.outputs.empty() && dtype_is_floating(node.outputs[0].dtype) && !node.outputs[0].is_ref;
    if (!other || !has_value || after.node(*other).outputs.empty()) continue;
    ids.push_back(id);
    names.push_back(node.name);
  }
  // All in one run; one by one where some are within a loop, or on a branch not taken.
  Result<std::vector<Tensor>> all_x = fetch(before, feeds, names), all_y = fetch(after, feeds, names);
  bool at_once = all_x.ok() && all_y.ok();
  std::vector<double> all_noise;
  auto noise_of = [&](size_t i, const Tensor& x) {
    if (!at_once) return rounding_noise(before, feeds, {names[i]}, {x})[0];
    if (all_noise.empty()) all_noise = rounding_noise(before, feeds, names, *all_x);
    return all_noise[i];
  };
  bool rounds = pass.contract.kind == PassContract::Kind::kRounding;
  std::string touched;
  for (size_t i = 0; i < ids.size(); ++i) {
    Tensor x, y;
    if (at_once) {
      x = (*all_x)[i], y = (*all_y)[i];
    } else {
      Result<std::vector<Tensor>> one_x = fetch(before, feeds, {names[i]});
      if (!one_x.ok()) continue;
      Result<std::vector<Tensor>> one_y = fetch(after, feeds, {names[i]});
      if (!one_y.ok()) continue;
      x = (*one_x)[0], y = (*one_y)[0];
    }
    double difference = relative_difference(x, y);
    if (difference <= allowed_difference(pass.contract, x.dtype())) continue;
    if (rounds && std::isfinite(difference) && difference <= kNoises * noise_of(i, x)) continue;
    NodeId other = *after.find(names[i]);
    std::string text = str_cat("; the first node that differs is ", quoted(names[i]), " (", before.node(ids[i]).op,
                               " -> ", after.node(other).op, "), by ", difference);
    if (!is_touched(before, ids[i], after, other)) return text;
    if (touched.empty()) touched = text;
  }
  return touched;
}

}  // namespace tarn
