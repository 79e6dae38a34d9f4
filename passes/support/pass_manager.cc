#include "passes/support/pass_manager.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>

#include "core/crc32c.h"
#include "core/half.h"
#include "core/random.h"
#include "core/tensor_name.h"
#include "graph/model_info.h"
#include "passes/support/colocation.h"
#include "passes/support/modes.h"
#include "passes/support/sample_inputs.h"

namespace tarn {

std::string PassContract::to_string() const {
  switch (kind) {
    case Kind::kExact: return "exact";
    case Kind::kRounding: return str_cat("rounding, at most ", max_relative_difference, " of an output's range");
    case Kind::kQuantizing:
      return str_cat("quantizing, at most ", max_relative_difference,
                     " of the range of each constant it changes; what outputs make of that is measured, not bounded");
    case Kind::kAsTold: return "does as told: the outputs are what the arguments make of them";
  }
  return "";
}

namespace {

// "a:1" is "b:1" where a is b now.
std::string renamed_tensor(const std::string& tensor, std::string_view from, std::string_view to) {
  Result<TensorName> name = parse_tensor_name(tensor);
  return name.ok() && name->node == from ? str_cat(to, tensor.substr(from.size())) : tensor;
}

}  // namespace

Result<std::vector<NodeId>> PassContext::find(const Graph& graph, const std::vector<std::string>& names) const {
  std::vector<NodeId> ids;
  Problems problems;
  for (const std::string& name : names) {
    Result<NodeId> id = graph.find_node(name);
    if (id.ok()) {
      ids.push_back(*id);
    } else {
      problems.add(id.status());
    }
  }
  TARN_RETURN_IF_ERROR(problems.to_status(""));
  return ids;
}

void PassContext::renamed(std::string_view from, std::string_view to) {
  renames.emplace_back(from, to);
  for (std::vector<std::string>* names : {&inputs, &outputs}) {
    for (std::string& tensor : *names) tensor = renamed_tensor(tensor, from, to);
  }
}

bool PassContext::wants_other_outputs(std::string_view node_name) const {
  return std::any_of(outputs.begin(), outputs.end(), [&](const std::string& output) {
    Result<TensorName> name = parse_tensor_name(output);
    return name.ok() && name->node == node_name && name->slot > 0;
  });
}

const PassDef* find_pass(std::string_view name) {
  for (const PassDef* pass : pass_table) {
    bool is_other = std::find(pass->other_names.begin(), pass->other_names.end(), name) != pass->other_names.end();
    if (pass->name == name || is_other) return pass;
  }
  return nullptr;
}

std::vector<std::string> pass_names() {
  std::vector<std::string> names;
  for (const PassDef* pass : pass_table) names.emplace_back(pass->name);
  return names;
}

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

Status refresh_facts(Graph& graph) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> order, topological_order(graph));
  Problems problems;
  for (NodeId id : order) problems.add(graph.reinfer(id));
  return problems.to_status("");
}

namespace {

// "x" and "x:0" are one.
bool same_tensor(std::string_view a, std::string_view b) {
  Result<TensorName> x = parse_tensor_name(a), y = parse_tensor_name(b);
  return x.ok() && y.ok() && x->node == y->node && x->slot == y->slot;
}

}  // namespace

namespace {

using Assumptions = std::vector<std::pair<std::string, Tensor>>;

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

Status PassManager::check(const Graph& graph, const Ends& ends) const {
  Problems problems;
  for (const std::vector<std::string>* names : {&ends.inputs, &ends.outputs}) {
    for (const std::string& name : *names) {
      // An op that this binary does not have shows its outputs by their users only.
      Result<NodeId> id = graph.find_node(name);
      bool is_unknown = id.ok() && graph.node(*id).def == nullptr;
      problems.add(is_unknown ? Status() : graph.find_wire(name).status());
    }
  }
  return problems.to_status("");
}

Result<std::vector<Session::Feed>> PassManager::make_feeds(const Graph& graph, const Ends& ends) const {
  if (!options_.feeds.empty()) {
    std::vector<Session::Feed> feeds = options_.feeds;
    // Nobody need feed what will be told.
    for (const ModePlaceholder& mode : find_modes(GraphView(graph, ends.inputs, ends.outputs))) {
      const std::string& name = graph.node(mode.node).name;
      bool is_fed = std::any_of(feeds.begin(), feeds.end(),
                                [&](const Session::Feed& feed) { return same_tensor(feed.first, name); });
      if (mode.value && !is_fed && !mode.takes_default) feeds.emplace_back(name, *mode.value);
    }
    return feeds;
  }
  Status first_error;
  TARN_ASSIGN_OR_RETURN(Graph runnable, comparable(graph, {}));
  for (const SampleSizes& sizes : kTriedSizes) {
    TARN_ASSIGN_OR_RETURN(std::vector<Session::Feed> feeds,
                          sample_feeds(graph, ends.inputs, ends.outputs, sizes, options_.seed));
    Status status = fetch(runnable, feeds, ends.outputs).status();
    if (status.ok()) return feeds;
    first_error.update(status);
  }
  return first_error.with_context("verification: the graph does not run on made-up inputs; give it real ones");
}

Status PassManager::follow(const PassContext& context, const Graph& graph, Ends& ends) const {
  for (const auto& [from, to] : context.renames) {
    for (Session::Feed& feed : ends.feeds) feed.first = renamed_tensor(feed.first, from, to);
  }
  ends.inputs = context.inputs;
  ends.outputs = context.outputs;
  if (!options_.verify || !options_.feeds.empty()) return {};
  bool fits = std::all_of(ends.feeds.begin(), ends.feeds.end(), [&](const Session::Feed& feed) {
    Result<Wire> wire = graph.find_wire(feed.first);
    return !wire.ok() || graph.fact(*wire).shape.is_compatible_with(feed.second.shape());
  });
  if (fits) return {};
  TARN_ASSIGN_OR_RETURN(ends.feeds, make_feeds(graph, ends));
  return {};
}

Result<std::vector<Tensor>> PassManager::fetch(const Graph& graph, const std::vector<Session::Feed>& feeds,
                                               const std::vector<std::string>& names) const {
  std::vector<Session::Feed> present;
  for (const Session::Feed& feed : feeds) {
    if (graph.find_wire(feed.first).ok()) present.push_back(feed);
  }
  SessionOptions options;
  options.threads = 1;
  options.seed = options_.seed;
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

Status PassManager::compare(const PassDef& pass, const PassContext& context, const Graph& untold_before,
                            const Graph& untold_after, Ends ends, PassReport& report) const {
  std::vector<Session::Feed>& feeds = ends.feeds;
  for (const auto& [name, value] : context.assumptions)
    report.assumed.push_back(str_cat(name, " = ", value.to_string(4)));
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
    report.compared += x.element_count();
    bool same_form = x.dtype() == y.dtype() && x.shape() == y.shape();
    bool may_tip = pass.contract.kind != PassContract::Kind::kExact && same_form && !dtype_is_floating(x.dtype());
    if (may_tip) continue;
    report.max_relative_difference = std::max(report.max_relative_difference, difference);
    if (difference <= allowed_difference(pass.contract, x.dtype()) || (quantizes && std::isfinite(difference)))
      continue;
    if (pass.contract.kind == PassContract::Kind::kRounding && std::isfinite(difference)) {
      report.rounding_noise = std::max(report.rounding_noise, rounding_noise(before, feeds, ends.outputs[i], x));
      if (difference <= kNoises * report.rounding_noise) continue;
    }
    return beyond_contract(pass, "output", ends.outputs[i], difference, first_difference(pass, before, after, feeds));
  }
  return quantizes ? compare_constants(pass, context, before, after, report) : Status();
}

// How far the output moves when every constant is off by one rounding, as a folded weight is: what a network makes of
// that is its own, and no pass can promise less.
double PassManager::rounding_noise(const Graph& graph, const std::vector<Session::Feed>& feeds,
                                   const std::string& output, const Tensor& value) const {
  constexpr uint64_t kTries = 4;
  double noise = 0;
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
    Result<std::vector<Tensor>> values = fetch(moved, feeds, {output});
    if (!values.ok()) continue;
    double difference = relative_difference(value, (*values)[0]);
    if (std::isfinite(difference)) noise = std::max(noise, difference);
  }
  return noise;
}

Status PassManager::compare_constants(const PassDef& pass, const PassContext& context, const Graph& before,
                                      const Graph& after, PassReport& report) const {
  for (const std::string& name : context.changed_nodes) {
    if (!before.find_wire(name).ok() || !after.find_wire(name).ok()) continue;
    // What is computed, and weights that wait, in a loop or for a branch, are not to be had without what they depend
    // on: the outputs tell of them.
    const Node& node = before.node(*before.find_node(name));
    if (!node.is("Const") || !node.controls.empty()) continue;
    TARN_ASSIGN_OR_RETURN(std::vector<Tensor> x, fetch(before, {}, {name}));
    TARN_ASSIGN_OR_RETURN(std::vector<Tensor> y, fetch(after, {}, {name}));
    double difference = relative_difference(x[0], y[0]);
    report.max_constant_difference = std::max(report.max_constant_difference, difference);
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

// Of the nodes that both graphs have, producers first, and that the pass left as they were, if one of these differs;
// nothing where they can't be asked.
std::string PassManager::first_difference(const PassDef& pass, const Graph& before, const Graph& after,
                                          const std::vector<Session::Feed>& feeds) const {
  Result<std::vector<NodeId>> order = topological_order(before);
  if (!order.ok()) return {};
  std::vector<NodeId> ids;
  std::vector<std::string> names;
  for (NodeId id : *order) {
    const Node& node = before.node(id);
    std::optional<NodeId> other = after.find(node.name);
    bool has_value = node.outputs.size() >= 1 && dtype_is_floating(node.outputs[0].dtype) && !node.outputs[0].is_ref;
    if (!other || !has_value || after.node(*other).outputs.empty()) continue;
    ids.push_back(id);
    names.push_back(node.name);
  }
  // All in one run; one by one where some are within a loop, or on a branch not taken.
  Result<std::vector<Tensor>> all_x = fetch(before, feeds, names), all_y = fetch(after, feeds, names);
  bool at_once = all_x.ok() && all_y.ok();
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
    NodeId other = *after.find(names[i]);
    std::string text = str_cat("; the first node that differs is ", quoted(names[i]), " (", before.node(ids[i]).op,
                               " -> ", after.node(other).op, "), by ", difference);
    if (!is_touched(before, ids[i], after, other)) return text;
    if (touched.empty()) touched = text;
  }
  return touched;
}

int64_t constant_bytes(const Graph& graph) {
  int64_t bytes = 0;
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    if (node.is("Const") && !node.outputs.empty()) bytes += static_cast<int64_t>(node.outputs[0].value.byte_size());
  }
  return bytes;
}

Status PassManager::check_options(const std::vector<PipelineStep>& pipeline) const {
  Problems problems;
  for (const std::string& name : options_.disabled) {
    if (find_pass(name) == nullptr)
      problems.add(not_found("passes to disable: there is no pass ", quoted(name), did_you_mean(name, pass_names())));
  }
  problems.add(steps_to_run(pipeline).status());
  return problems.to_status("");
}

bool PassManager::is_disabled(const PassDef& pass) const {
  return std::any_of(options_.disabled.begin(), options_.disabled.end(),
                     [&](const std::string& name) { return find_pass(name) == &pass; });
}

Result<size_t> PassManager::steps_to_run(const std::vector<PipelineStep>& pipeline) const {
  if (options_.stop_after.empty()) return pipeline.size();
  std::string_view text = options_.stop_after;
  size_t hash = text.find('#');
  const PassDef* pass = find_pass(text.substr(0, hash));
  std::string which = hash == std::string_view::npos ? "1" : std::string(text.substr(hash + 1));
  std::vector<std::string> names;
  std::map<const PassDef*, int> times;
  for (size_t i = 0; i < pipeline.size(); ++i) {
    int time = ++times[pipeline[i].pass];
    if (pipeline[i].pass == pass && which == str_cat(time)) return i + 1;
    names.push_back(time == 1 ? std::string(pipeline[i].pass->name) : str_cat(pipeline[i].pass->name, "#", time));
  }
  return not_found("to stop after: the pipeline has no step ", quoted(text), did_you_mean(text, names));
}

namespace {

// A copy of a node, moved to where shapes are others, says what the node's were: TensorFlow refuses the file over it.
void forget_wrong_output_shapes(Graph& graph) {
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    const AttrValue* recorded = node.attrs.find("_output_shapes");
    if (recorded == nullptr || !recorded->is<std::vector<Shape>>()) continue;
    const auto& shapes = recorded->as<std::vector<Shape>>();
    bool fits = true;
    for (size_t i = 0; i < std::min(shapes.size(), node.outputs.size()); ++i)
      fits = fits && shapes[i].is_compatible_with(node.outputs[i].shape);
    if (!fits) graph.erase_attr(id, "_output_shapes");
  }
}

}  // namespace

Result<PassReport> PassManager::run_step(Graph& graph, const PipelineStep& step, Ends& ends, int most_changes) const {
  PassReport report;
  report.pass = step.pass->name;
  report.nodes_before = graph.node_count();
  report.bytes_before = constant_bytes(graph);
  bool verify = options_.verify && step.pass->contract.kind != PassContract::Kind::kAsTold;
  std::optional<Graph> before;
  if (verify || step.ignore_errors) before = graph;
  PassContext context;
  context.inputs = ends.inputs;
  context.outputs = ends.outputs;
  context.args = step.args;
  context.most_changes = most_changes;
  auto begin = std::chrono::steady_clock::now();
  Status status = step.pass->run(graph, context);
  report.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  // Whatever the pass took out: TensorFlow refuses a file where a node is to stand beside one that is not there.
  if (context.changes > 0) forget_lost_colocation(graph);
  if (status.ok()) status = refresh_facts(graph);
  if (status.ok() && context.changes > 0) forget_wrong_output_shapes(graph);
  Ends ends_before = ends;
  if (status.ok()) status = follow(context, graph, ends);
  if (status.ok()) status = check(graph, ends);
  report.changes = context.changes;
  report.notes = context.notes;
  report.assumptions = context.assumptions;
  PassDef promised = *step.pass;
  if (context.contract) promised.contract = *context.contract;
  if (promised.contract.kind == PassContract::Kind::kAsTold) verify = false;
  if (status.ok() && verify && context.changes > 0) status = compare(promised, context, *before, graph, ends, report);
  report.verified = verify && status.ok();
  if (!status.ok()) {
    if (!step.ignore_errors) return status.with_context(str_cat("pass ", step.pass->name));
    graph = *std::move(before);
    ends = std::move(ends_before);
    report.ignored_error = status.message();
    report.changes = 0;
    report.notes.clear();
  }
  report.nodes_after = graph.node_count();
  report.bytes_after = constant_bytes(graph);
  return report;
}

Result<std::vector<PassReport>> PassManager::run(Graph& graph, const std::vector<PipelineStep>& pipeline) {
  TARN_RETURN_IF_ERROR(check_options(pipeline));
  Ends ends{options_.inputs, options_.outputs, {}};
  Status good = refresh_facts(graph);
  if (good.ok()) good = check(graph, ends);
  TARN_RETURN_IF_ERROR(good.with_context("the graph before any pass"));
  if (options_.verify) {
    TARN_ASSIGN_OR_RETURN(ends.feeds, make_feeds(graph, ends));
  }
  TARN_ASSIGN_OR_RETURN(size_t steps, steps_to_run(pipeline));
  int most_rounds = options_.stop_after.empty() ? options_.most_rounds : 1;
  std::vector<PassReport> reports;
  for (int round = 0, changes = -1; round < most_rounds && changes != 0; ++round) {
    changes = 0;
    for (size_t i = 0; i < steps; ++i) {
      const PassDef& pass = *pipeline[i].pass;
      if (is_disabled(pass)) continue;
      TARN_ASSIGN_OR_RETURN(PassReport report, run_step(graph, pipeline[i], ends));
      report.round = round;
      for (const auto& [name, value] : report.assumptions) {
        bool is_fed_now =
            std::any_of(ends.feeds.begin(), ends.feeds.end(),
                        [&, &name = name](const Session::Feed& feed) { return same_tensor(feed.first, name); });
        if (is_fed_now) feed_instead(ends.feeds, name, value);  // what is left of it by that name is a constant
      }
      if (options_.after_pass)
        TARN_RETURN_IF_ERROR(options_.after_pass(report, graph).with_context(str_cat("pass ", pass.name)));
      changes += report.changes;
      if (report.changes > 0) drop_self_test(graph);
      reports.push_back(std::move(report));
    }
  }
  return reports;
}

Result<std::optional<Culprit>> PassManager::bisect(const Graph& graph, const std::vector<PipelineStep>& pipeline,
                                                   double tolerance) const {
  PassManagerOptions quiet = options_;
  quiet.verify = false;
  quiet.after_pass = nullptr;
  PassManager plain(quiet);
  TARN_RETURN_IF_ERROR(check_options(pipeline));
  TARN_ASSIGN_OR_RETURN(size_t all_steps, steps_to_run(pipeline));
  Ends ends{options_.inputs, options_.outputs, {}};
  TARN_ASSIGN_OR_RETURN(ends.feeds, make_feeds(graph, ends));
  // What the first `steps` steps make of it, the last with at most `changes`: how far is it from the graph?
  Culprit found;
  auto difference_after = [&](size_t steps, int changes) -> Result<double> {
    Graph changed = graph;
    Ends at_first = ends, at_last = ends;
    Assumptions assumptions;
    found.change.clear();
    for (size_t i = 0; i < steps; ++i) {
      if (is_disabled(*pipeline[i].pass)) continue;
      int most = i + 1 == steps ? changes : std::numeric_limits<int>::max();
      TARN_ASSIGN_OR_RETURN(PassReport report, plain.run_step(changed, pipeline[i], at_last, most));
      assumptions.insert(assumptions.end(), report.assumptions.begin(), report.assumptions.end());
      if (i + 1 == steps && !report.notes.empty()) found.change = report.notes.back();
      if (i + 1 == steps) found.pass = report.pass;
    }
    feed_assumed(graph, assumptions, at_first.feeds);
    feed_assumed(changed, assumptions, at_last.feeds);
    TARN_ASSIGN_OR_RETURN(Graph before, comparable(graph, assumptions));
    TARN_ASSIGN_OR_RETURN(Graph after, comparable(changed, assumptions));
    TARN_ASSIGN_OR_RETURN(std::vector<Tensor> x, fetch(before, at_first.feeds, at_first.outputs));
    TARN_ASSIGN_OR_RETURN(std::vector<Tensor> y, fetch(after, at_last.feeds, at_last.outputs));
    double most = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      double difference = relative_difference(x[i], y[i]);
      if (difference > most) found.output = options_.outputs[i];
      most = std::max(most, difference);
    }
    found.difference = most;
    return most;
  };
  constexpr int kAll = std::numeric_limits<int>::max();
  TARN_ASSIGN_OR_RETURN(double all, difference_after(all_steps, kAll));
  if (all <= tolerance) return std::optional<Culprit>();
  size_t good = 0, bad = all_steps;  // numbers of steps
  while (bad - good > 1) {
    size_t middle = (good + bad) / 2;
    TARN_ASSIGN_OR_RETURN(double difference, difference_after(middle, kAll));
    (difference <= tolerance ? good : bad) = middle;
  }
  // How many changes that pass makes, and which of them it is.
  Graph changed = graph;
  Ends last = ends;
  int changes = 0;
  for (size_t i = 0; i < bad; ++i) {
    if (is_disabled(*pipeline[i].pass)) continue;
    TARN_ASSIGN_OR_RETURN(PassReport report, plain.run_step(changed, pipeline[i], last));
    changes = report.changes;
  }
  int fine = 0, wrong = changes;
  while (wrong - fine > 1) {
    int middle = fine + (wrong - fine) / 2;
    TARN_ASSIGN_OR_RETURN(double difference, difference_after(bad, middle));
    (difference <= tolerance ? fine : wrong) = middle;
  }
  TARN_RETURN_IF_ERROR(difference_after(bad, wrong).status());
  found.step = bad - 1;
  return std::optional<Culprit>(found);
}

}  // namespace tarn
