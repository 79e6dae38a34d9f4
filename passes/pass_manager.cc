#include "passes/pass_manager.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

#include "core/tensor_name.h"
#include "passes/sample_inputs.h"

namespace tarn {

std::string PassContract::to_string() const {
  switch (kind) {
    case Kind::kExact: return "exact";
    case Kind::kRounding: return str_cat("rounding, at most ", max_relative_difference, " of an output's range");
    case Kind::kQuantizing:
      return str_cat("quantizing, at most ", max_relative_difference,
                     " of the range of each constant it changes; what outputs make of that is measured, not bounded");
  }
  return "";
}

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

bool PassContext::wants_other_outputs(std::string_view node_name) const {
  return std::any_of(outputs.begin(), outputs.end(), [&](const std::string& output) {
    Result<TensorName> name = parse_tensor_name(output);
    return name.ok() && name->node == node_name && name->slot > 0;
  });
}

const PassDef* find_pass(std::string_view name) {
  for (const PassDef* pass : pass_table) {
    if (pass->name == name) return pass;
  }
  return nullptr;
}

std::vector<std::string> pass_names() {
  std::vector<std::string> names;
  for (const PassDef* pass : pass_table) names.emplace_back(pass->name);
  return names;
}

namespace {

bool is_word(char c) {
  return isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '/' || c == '-' || c == ':';
}

// A number where the text is one, true/false, else a string.
AttrValue argument_value(const std::string& text) {
  int64_t integer = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), integer);
  if (error == std::errc() && end == text.data() + text.size()) return integer;
  double real = 0;
  auto [real_end, real_error] = std::from_chars(text.data(), text.data() + text.size(), real);
  if (real_error == std::errc() && real_end == text.data() + text.size()) return real;
  if (text == "true" || text == "false") return text == "true";
  return text;
}

}  // namespace

Result<std::vector<PipelineStep>> parse_pipeline(std::string_view text) {
  std::vector<PipelineStep> pipeline;
  size_t i = 0;
  auto skip = [&](std::string_view separators) {
    while (i < text.size() && separators.find(text[i]) != std::string_view::npos) ++i;
  };
  auto word = [&]() -> std::string {
    size_t begin = i;
    if (i < text.size() && text[i] == '"') {
      size_t end = text.find('"', i + 1);
      i = end == std::string_view::npos ? text.size() : end + 1;
      return std::string(text.substr(begin + 1, (end == std::string_view::npos ? text.size() : end) - begin - 1));
    }
    while (i < text.size() && is_word(text[i])) ++i;
    return std::string(text.substr(begin, i - begin));
  };
  for (skip(" \t\n,"); i < text.size(); skip(" \t\n,")) {
    size_t at = i;
    std::string name = word();
    if (name.empty())
      return invalid_argument("pipeline, character ", at + 1, ": expected a pass, found '", text[at], "'");
    const PassDef* pass = find_pass(name);
    if (pass == nullptr) {
      return not_found("pipeline, character ", at + 1, ": there is no pass ", quoted(name),
                       did_you_mean(name, pass_names()));
    }
    PipelineStep step{pass, {}};
    if (i < text.size() && text[i] == '(') {
      ++i;
      for (skip(" ,"); i < text.size() && text[i] != ')'; skip(" ,")) {
        std::string key = word();
        skip(" ");
        if (key.empty() || i >= text.size() || text[i] != '=') {
          return invalid_argument("pipeline, character ", i + 1, ": expected 'argument=value' for ", name);
        }
        ++i;
        skip(" ");
        step.args.set(key, argument_value(word()));
      }
      if (i >= text.size())
        return invalid_argument("pipeline, character ", at + 1, ": '(' of ", name, " is never closed");
      ++i;
    }
    pipeline.push_back(std::move(step));
  }
  return pipeline;
}

std::string pipeline_text(const std::vector<PipelineStep>& pipeline) {
  std::string text;
  for (const PipelineStep& step : pipeline) {
    if (!text.empty()) text += ' ';
    text += step.pass->name;
    if (step.args.empty()) continue;
    std::vector<std::string> args;
    for (const auto& [name, value] : step.args) args.push_back(str_cat(name, "=", value));
    str_append(text, "(", str_join(args), ")");
  }
  return text;
}

namespace {

template <class T>
double largest_difference(const Tensor& a, const Tensor& b) {
  double range = 0, difference = 0;
  std::span<const T> x = a.flat<T>(), y = b.flat<T>();
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

}  // namespace

double relative_difference(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || !(a.shape() == b.shape())) return std::numeric_limits<double>::infinity();
  if (a.dtype() == DType::kFloat) return largest_difference<float>(a, b);
  if (a.dtype() == DType::kDouble) return largest_difference<double>(a, b);
  return a.identical_to(b) ? 0 : std::numeric_limits<double>::infinity();
}

namespace {

// With everything known anew from the inputs on: what a pass changed may tell or untell values and shapes further down.
Status refresh_facts(Graph& graph) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> order, topological_order(graph));
  Problems problems;
  for (NodeId id : order) problems.add(graph.reinfer(id));
  return problems.to_status("");
}

}  // namespace

namespace {

// "x" and "x:0" are one.
bool same_tensor(std::string_view a, std::string_view b) {
  Result<TensorName> x = parse_tensor_name(a), y = parse_tensor_name(b);
  return x.ok() && y.ok() && x->node == y->node && x->slot == y->slot;
}

}  // namespace

Status PassManager::check(const Graph& graph) const {
  Problems problems;
  for (const std::vector<std::string>* names : {&options_.inputs, &options_.outputs}) {
    for (const std::string& name : *names) {
      // An op that this binary does not have shows its outputs by their users only.
      Result<NodeId> id = graph.find_node(name);
      bool is_unknown = id.ok() && graph.node(*id).def == nullptr;
      problems.add(is_unknown ? Status() : graph.find_wire(name).status());
    }
  }
  return problems.to_status("");
}

Result<std::vector<Session::Feed>> PassManager::make_feeds(const Graph& graph) const {
  if (!options_.feeds.empty()) return options_.feeds;
  // Unknown sizes: the first of these that the graph runs with. Images may need to be large, sequences not.
  constexpr SampleSizes kTried[] = {{2, 16}, {2, 64}, {1, 128}, {1, 224}, {1, 299}, {2, 2}, {1, 1}};
  Status first_error;
  for (const SampleSizes& sizes : kTried) {
    TARN_ASSIGN_OR_RETURN(std::vector<Session::Feed> feeds,
                          sample_feeds(graph, options_.inputs, options_.outputs, sizes, options_.seed));
    Status status = fetch(graph, feeds, options_.outputs).status();
    if (status.ok()) return feeds;
    first_error.update(status);
  }
  return first_error.with_context("verification: the graph does not run on made-up inputs; give it real ones");
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

Status beyond_contract(const PassDef& pass, std::string_view what, const std::string& name, double difference) {
  return internal_error(what, " ", quoted(name), " differs by ", difference, " of its range, but the pass promises ",
                        pass.contract.to_string())
      .with_node(name);
}

}  // namespace

Status PassManager::compare(const PassDef& pass, const PassContext& context, const Graph& before, const Graph& after,
                            std::vector<Session::Feed> feeds, PassReport& report) const {
  for (const auto& [name, value] : context.assumptions) {
    std::erase_if(feeds, [&](const Session::Feed& feed) { return same_tensor(feed.first, name); });
    feeds.emplace_back(name, value);
    report.assumed.push_back(str_cat(name, " = ", value.to_string(4)));
  }
  Result<std::vector<Tensor>> a = fetch(before, feeds, options_.outputs);
  if (!a.ok()) return a.status().with_context("running the graph before the pass");
  Result<std::vector<Tensor>> b = fetch(after, feeds, options_.outputs);
  if (!b.ok()) return b.status().with_context("running the graph after the pass");
  report.verified = true;
  bool quantizes = pass.contract.kind == PassContract::Kind::kQuantizing;
  for (size_t i = 0; i < a->size(); ++i) {
    const Tensor &x = (*a)[i], &y = (*b)[i];
    double difference = relative_difference(x, y);
    bool same_form = x.dtype() == y.dtype() && x.shape() == y.shape();
    bool may_tip = pass.contract.kind != PassContract::Kind::kExact && same_form && !dtype_is_floating(x.dtype());
    if (may_tip) continue;
    report.max_relative_difference = std::max(report.max_relative_difference, difference);
    if (difference <= pass.contract.max_relative_difference || (quantizes && std::isfinite(difference))) continue;
    return beyond_contract(pass, "output", options_.outputs[i], difference);
  }
  return quantizes ? compare_constants(pass, context, before, after, report) : Status();
}

Status PassManager::compare_constants(const PassDef& pass, const PassContext& context, const Graph& before,
                                      const Graph& after, PassReport& report) const {
  for (const std::string& name : context.changed_nodes) {
    if (!before.find_wire(name).ok() || !after.find_wire(name).ok()) continue;
    // Weights that wait, in a loop or for a branch, are not to be had without it: the outputs tell of them.
    if (!before.node(*before.find_node(name)).controls.empty()) continue;
    TARN_ASSIGN_OR_RETURN(std::vector<Tensor> x, fetch(before, {}, {name}));
    TARN_ASSIGN_OR_RETURN(std::vector<Tensor> y, fetch(after, {}, {name}));
    double difference = relative_difference(x[0], y[0]);
    report.max_constant_difference = std::max(report.max_constant_difference, difference);
    if (!(difference <= pass.contract.max_relative_difference))
      return beyond_contract(pass, "constant", name, difference);
  }
  return {};
}

Result<std::vector<PassReport>> PassManager::run(Graph& graph, const std::vector<PipelineStep>& pipeline) {
  std::vector<PassReport> reports;
  Status good = refresh_facts(graph);
  if (good.ok()) good = check(graph);
  TARN_RETURN_IF_ERROR(good.with_context("the graph before any pass"));
  std::vector<Session::Feed> feeds;
  if (options_.verify) {
    TARN_ASSIGN_OR_RETURN(feeds, make_feeds(graph));
  }
  for (const PipelineStep& step : pipeline) {
    PassReport report;
    report.pass = step.pass->name;
    report.nodes_before = graph.node_count();
    std::optional<Graph> before;
    if (options_.verify) before = graph;
    PassContext context;
    context.inputs = options_.inputs;
    context.outputs = options_.outputs;
    context.args = step.args;
    auto begin = std::chrono::steady_clock::now();
    Status status = step.pass->run(graph, context);
    report.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    if (status.ok()) status = refresh_facts(graph);
    if (status.ok()) status = check(graph);
    report.nodes_after = graph.node_count();
    report.changes = context.changes;
    report.notes = context.notes;
    if (status.ok() && options_.verify) status = compare(*step.pass, context, *before, graph, feeds, report);
    if (status.ok() && options_.after_pass) status = options_.after_pass(report, graph);
    if (!status.ok()) return status.with_context(str_cat("pass ", step.pass->name));
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace tarn
