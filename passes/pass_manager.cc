#include "passes/pass_manager.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <random>

namespace tarn {

std::string PassContract::to_string() const {
  switch (kind) {
    case Kind::kExact: return "exact";
    case Kind::kRounding: return str_cat("rounding, at most ", max_relative_difference, " of an output's range");
    case Kind::kQuantizing: return str_cat("quantizing, at most ", max_relative_difference, " of an output's range");
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

Result<Tensor> sample_tensor(DType dtype, const Shape& shape, uint64_t seed) {
  TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::zeros(dtype, shape));
  std::mt19937_64 random(seed);
  auto unit = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  switch (dtype) {
    case DType::kFloat:
      for (float& v : tensor.mutable_flat<float>()) v = static_cast<float>(unit());
      break;
    case DType::kDouble:
      for (double& v : tensor.mutable_flat<double>()) v = unit();
      break;
    case DType::kInt32:
      for (int32_t& v : tensor.mutable_flat<int32_t>()) v = static_cast<int32_t>(random() & 1);
      break;
    case DType::kInt64:
      for (int64_t& v : tensor.mutable_flat<int64_t>()) v = static_cast<int64_t>(random() & 1);
      break;
    case DType::kUInt8:
      for (uint8_t& v : tensor.mutable_flat<uint8_t>()) v = static_cast<uint8_t>(random());
      break;
    default: break;  // zeros, false, empty
  }
  return tensor;
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

Status PassManager::check(const Graph& graph) const {
  Problems problems;
  Graph copy = graph;
  for (NodeId id : copy.ids()) problems.add(copy.reinfer(id));
  for (const std::vector<std::string>* names : {&options_.inputs, &options_.outputs}) {
    for (const std::string& name : *names) problems.add(graph.find_node(name).status());
  }
  problems.add(topological_order(graph).status());
  return problems.to_status("");
}

Result<std::vector<Session::Feed>> PassManager::make_feeds(const Graph& graph) const {
  if (!options_.feeds.empty()) return options_.feeds;
  constexpr int64_t kUnknownAs = 2;
  std::vector<Session::Feed> feeds;
  auto add = [&](NodeId id) -> Status {
    Fact fact = graph.node(id).outputs[0];
    if (!fact.shape.has_rank()) {
      return invalid_argument("input ", quoted(graph.node(id).name),
                              " has no shape to make values for: give --verify_feed");
    }
    for (int d = 0; d < fact.shape.rank(); ++d) {
      if (fact.shape.dim(d) < 0) fact.shape.set_dim(d, kUnknownAs);
    }
    TARN_ASSIGN_OR_RETURN(Tensor tensor, sample_tensor(fact.dtype, fact.shape, options_.seed + feeds.size()));
    feeds.emplace_back(graph.node(id).name, std::move(tensor));
    return {};
  };
  if (!options_.inputs.empty()) {
    for (const std::string& name : options_.inputs) {
      TARN_ASSIGN_OR_RETURN(NodeId id, graph.find_node(name));
      TARN_RETURN_IF_ERROR(add(id));
    }
    return feeds;
  }
  for (NodeId id : graph.ids()) {
    if (graph.node(id).is("Placeholder")) TARN_RETURN_IF_ERROR(add(id));
  }
  return feeds;
}

Result<std::vector<Tensor>> PassManager::outputs_of(const Graph& graph, const std::vector<Session::Feed>& feeds) const {
  std::vector<Session::Feed> present;
  for (const Session::Feed& feed : feeds) {
    if (graph.find_node(feed.first).ok()) present.push_back(feed);
  }
  SessionOptions options;
  options.threads = 1;
  options.seed = options_.seed;
  Session session(graph, options);
  std::vector<Tensor> outputs;
  TARN_RETURN_IF_ERROR(session.Run(present, options_.outputs, &outputs));
  return outputs;
}

Status PassManager::compare(const PassDef& pass, const Graph& before, const Graph& after,
                            const std::vector<Session::Feed>& feeds, PassReport& report) const {
  Result<std::vector<Tensor>> a = outputs_of(before, feeds);
  if (!a.ok()) return a.status().with_context("running the graph before the pass");
  Result<std::vector<Tensor>> b = outputs_of(after, feeds);
  if (!b.ok()) return b.status().with_context("running the graph after the pass");
  report.verified = true;
  for (size_t i = 0; i < a->size(); ++i) {
    double difference = relative_difference((*a)[i], (*b)[i]);
    report.max_relative_difference = std::max(report.max_relative_difference, difference);
    if (difference <= pass.contract.max_relative_difference) continue;
    return internal_error("output ", quoted(options_.outputs[i]), " differs by ", difference,
                          " of its range, but the pass promises ", pass.contract.to_string())
        .with_node(options_.outputs[i]);
  }
  return {};
}

Result<std::vector<PassReport>> PassManager::run(Graph& graph, const std::vector<PipelineStep>& pipeline) {
  std::vector<PassReport> reports;
  TARN_RETURN_IF_ERROR(check(graph).with_context("the graph before any pass"));
  std::vector<Session::Feed> feeds;
  if (options_.verify) {
    TARN_ASSIGN_OR_RETURN(feeds, make_feeds(graph));
  }
  for (const PipelineStep& step : pipeline) {
    std::string context = str_cat("pass ", step.pass->name);
    PassReport report;
    report.pass = step.pass->name;
    report.nodes_before = graph.node_count();
    std::optional<Graph> before;
    if (options_.verify) before = graph;
    PassContext pass_context;
    pass_context.inputs = options_.inputs;
    pass_context.outputs = options_.outputs;
    pass_context.args = step.args;
    auto begin = std::chrono::steady_clock::now();
    Status status = step.pass->run(graph, pass_context);
    report.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    if (status.ok()) status = check(graph);
    report.nodes_after = graph.node_count();
    report.changes = pass_context.changes;
    report.notes = std::move(pass_context.notes);
    if (status.ok() && options_.verify) status = compare(*step.pass, *before, graph, feeds, report);
    if (status.ok() && options_.after_pass) status = options_.after_pass(report, graph);
    if (!status.ok()) return status.with_context(context);
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace tarn
