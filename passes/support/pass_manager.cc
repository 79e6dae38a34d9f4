#include "passes/support/pass_manager.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "core/tensor_name.h"
#include "graph/model_info.h"
#include "passes/support/colocation.h"

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

Status refresh_facts(Graph& graph) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> order, topological_order(graph));
  Problems problems;
  for (NodeId id : order) problems.add(graph.reinfer(id));
  return problems.to_status("");
}

Status PassManager::check(const Graph& graph, const GraphEnds& ends) const {
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

Status PassManager::follow(const PassContext& context, const Graph& graph, GraphEnds& ends) const {
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
  TARN_ASSIGN_OR_RETURN(ends.feeds, verifier().make_feeds(graph, ends));
  return {};
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

Result<PassReport> PassManager::run_step(Graph& graph, const PipelineStep& step, GraphEnds& ends,
                                         int most_changes) const {
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
  GraphEnds ends_before = ends;
  if (status.ok()) status = follow(context, graph, ends);
  if (status.ok()) status = check(graph, ends);
  report.changes = context.changes;
  report.notes = context.notes;
  report.assumptions = context.assumptions;
  PassDef promised = *step.pass;
  if (context.contract) promised.contract = *context.contract;
  if (promised.contract.kind == PassContract::Kind::kAsTold) verify = false;
  if (status.ok() && verify && context.changes > 0)
    status = verifier().compare(promised, context, *before, graph, ends, report);
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
  GraphEnds ends{options_.inputs, options_.outputs, {}};
  Status good = refresh_facts(graph);
  if (good.ok()) good = check(graph, ends);
  TARN_RETURN_IF_ERROR(good.with_context("the graph before any pass"));
  if (options_.verify) {
    TARN_ASSIGN_OR_RETURN(ends.feeds, verifier().make_feeds(graph, ends));
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
      feed_on(report.assumptions, ends.feeds);  // what is left of others by that name is a constant
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
  GraphEnds ends{options_.inputs, options_.outputs, {}};
  TARN_ASSIGN_OR_RETURN(ends.feeds, verifier().make_feeds(graph, ends));
  // What the first `steps` steps make of it, the last with at most `changes`: how far is it from the graph?
  Culprit found;
  auto difference_after = [&](size_t steps, int changes) -> Result<double> {
    Graph changed = graph;
    GraphEnds at_last = ends;
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
    TARN_ASSIGN_OR_RETURN(std::vector<double> differences,
                          verifier().differences(graph, ends, changed, at_last, assumptions));
    double most = 0;
    for (size_t i = 0; i < differences.size(); ++i) {
      if (differences[i] > most) found.output = options_.outputs[i];
      most = std::max(most, differences[i]);
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
  GraphEnds last = ends;
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
