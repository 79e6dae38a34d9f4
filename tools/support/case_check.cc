#include "tools/support/case_check.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>

#include "core/file.h"
#include "graph/npy.h"

namespace tarn {
namespace {

// Ops in the way: the first along the data's way to the outputs, then all of them.
std::string unsupported_text(const GraphRunner& runner, const std::vector<NamedFeed>& feeds,
                             const std::vector<std::string>& fetches) {
  std::vector<std::string> ops = runner.unsupported_ops(feeds, fetches);
  if (ops.empty()) return {};
  if (ops.size() == 1) return ops[0];
  return str_cat(ops[0], " (", ops.size(), " ops not supported: ", str_join(ops), ")");
}

class CaseChecker {
 public:
  CaseChecker(const ModelCase& model, ExecutorKind executor) : model_(model), executor_(executor) {
    result_.name = model.name;
  }

  CaseResult check() {
    if (model_.sets.empty() && model_.hashes.empty() && !model_.train)
      return result_.judge(Verdict::kSkipped, "no golden");
    if (!model_.hashes.empty() && !pass(check_hashes(model_))) return with_summaries();
    if (!model_.sets.empty()) {
      GraphRunnerOptions options;
      options.executor = executor_;
      options.tags = model_.tags;
      std::string checkpoint = model_.kind == "saved_model" ? "" : model_.checkpoint;
      Result<GraphRunner> runner = GraphRunner::load(model_.graph, checkpoint, options);
      if (!runner.ok()) return result_.fail(runner.status());
      for (const CaseSet& set : model_.sets) {
        if (!check_set(*runner, set)) return with_summaries();
      }
      bool is_unfrozen = model_.kind != "frozen";
      if (is_unfrozen && !pass(check_freeze(model_, executor_))) return with_summaries();
    }
    if (model_.train && executor_ == ExecutorKind::kSession) pass(check_training(model_));
    return with_summaries();
  }

 private:
  // False, with the verdict, if something differs or could not be compared.
  bool pass(const Result<PartResult>& part) {
    if (!part.ok()) return result_.fail(part.status()), false;
    if (!part->summary.empty()) summaries_.push_back(part->summary);
    if (!part->difference.empty()) return result_.judge(Verdict::kDiffers, part->difference), false;
    return true;
  }
  CaseResult with_summaries() {
    if (result_.verdict == Verdict::kOk) result_.reason = str_join(summaries_, "; ");
    return result_;
  }

  // False once the verdict is final.
  bool check_set(GraphRunner& runner, const CaseSet& set) {
    Result<std::vector<NamedFeed>> read = read_feeds_of(set);
    if (!read.ok()) return result_.fail(read.status()), false;
    const std::vector<NamedFeed>& feeds = *read;
    std::vector<std::string> fetches;
    for (const CaseTensor& output : set.outputs) fetches.push_back(output.name);
    if (std::string ops = unsupported_text(runner, feeds, fetches); !ops.empty()) {
      return result_.judge(Verdict::kUnsupported, ops), false;
    }
    Result<std::vector<Tensor>> outputs = runner.run(feeds, fetches);
    if (!outputs.ok()) return result_.fail(outputs.status()), false;
    for (size_t i = 0; i < fetches.size(); ++i) {
      Result<Tensor> expected = read_tensor_file(set.outputs[i].path);
      if (!expected.ok()) return result_.fail(expected.status()), false;
      std::string difference;
      if (within_tolerance((*outputs)[i], *expected, {model_.atol, model_.rtol}, result_.largest_difference,
                           difference)) {
        continue;
      }
      // All outputs are compared, so that the largest difference is the case's; the first reason stays.
      if (result_.verdict == Verdict::kOk) {
        result_.judge(Verdict::kDiffers, str_cat(node_text(runner.graph(), fetches[i]), ": ", difference));
      }
    }
    bool has_taps = &set == &model_.sets[0] && !model_.taps.empty();
    if (result_.verdict != Verdict::kOk) {
      if (has_taps || !model_.golden_frozen.empty())
        str_append(result_.reason, "; ", first_difference_text(runner, feeds, has_taps));
      return false;
    }
    if (!has_taps) return true;
    Result<PartResult> taps = check_taps(model_, runner, feeds);
    if (taps.ok() && !taps->difference.empty()) taps->difference = "the outputs agree, but " + taps->difference;
    return pass(taps);
  }

  // The node where it went wrong: beside TensorFlow's freeze any node will do, else one of those recorded.
  std::string first_difference_text(GraphRunner& runner, const std::vector<NamedFeed>& feeds, bool has_taps) const {
    Result<std::string> node = first_difference_from_golden_frozen(model_, runner, feeds, executor_);
    if (node.ok() && node->empty() && has_taps) {
      Result<PartResult> taps = check_taps(model_, runner, feeds);
      node = taps.ok() ? Result<std::string>(taps->difference) : taps.status();
    }
    if (!node.ok()) return std::string(node.status().message());
    if (node->empty()) return "no node that can be compared differs before it";
    return "the first node that differs is " + *node;
  }

  static std::string node_text(const Graph& graph, const std::string& fetch) {
    Result<NodeId> id = graph.find_node(fetch);
    return id.ok() ? str_cat(graph.node(*id).op, " ", quoted(fetch)) : quoted(fetch);
  }

  const ModelCase& model_;
  ExecutorKind executor_;
  CaseResult result_;
  std::vector<std::string> summaries_;
};

template <class T>
bool compare_values(const Tensor& got, const Tensor& expected, Tolerance tolerance, double& largest,
                    std::string& difference) {
  std::span<const T> a = got.flat<T>(), b = expected.flat<T>();
  size_t beyond = 0, first = 0;
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    double d = std::abs(x - y);
    if (std::isnan(d)) d = std::numeric_limits<double>::infinity();
    worst = std::max(worst, d);
    if (d <= tolerance.atol + tolerance.rtol * std::abs(y)) continue;
    if (beyond++ == 0) first = i;
  }
  largest = std::max(largest, worst);
  if (beyond == 0) return true;
  difference = str_cat(beyond, " of ", a.size(), " elements differ, the first is element ", first, ": ",
                       static_cast<double>(a[first]), ", expected ", static_cast<double>(b[first]));
  return false;
}

}  // namespace

bool within_tolerance(const Tensor& got, const Tensor& expected, Tolerance tolerance, double& largest,
                      std::string& difference) {
  if (!(got.shape() == expected.shape()) || got.dtype() != expected.dtype()) {
    difference = str_cat("gives ", dtype_short_name(got.dtype()), got.shape(), ", expected ",
                         dtype_short_name(expected.dtype()), expected.shape());
    return false;
  }
  // Integers are equal, unless the case allows whole steps (an image in 8 bits, atol 3).
  const Tolerance steps{std::floor(tolerance.atol), 0};
  switch (expected.dtype()) {
    case DType::kFloat: return compare_values<float>(got, expected, tolerance, largest, difference);
    case DType::kDouble: return compare_values<double>(got, expected, tolerance, largest, difference);
    case DType::kInt32: return compare_values<int32_t>(got, expected, steps, largest, difference);
    case DType::kInt64: return compare_values<int64_t>(got, expected, steps, largest, difference);
    case DType::kUInt8: return compare_values<uint8_t>(got, expected, steps, largest, difference);
    case DType::kInt8: return compare_values<int8_t>(got, expected, steps, largest, difference);
    case DType::kBool: return compare_values<bool>(got, expected, steps, largest, difference);
    default: break;
  }
  if (got.identical_to(expected)) {
    largest = std::max(largest, 0.0);
    return true;
  }
  difference = str_cat("gives ", got.to_string(), ", expected ", expected.to_string());
  return false;
}

Result<std::vector<NamedFeed>> read_feeds_of(const CaseSet& set, const Graph* only_those_of) {
  std::vector<NamedFeed> feeds;
  for (const CaseTensor& input : set.inputs) {
    if (only_those_of != nullptr && !only_those_of->find_node(input.name).ok()) continue;
    TARN_ASSIGN_OR_RETURN(Tensor tensor, read_tensor_file(input.path));
    feeds.emplace_back(input.name, std::move(tensor));
  }
  return feeds;
}

Tolerance tolerance_within(const Tensor& expected, Tolerance tolerance) {
  double largest = 0;
  auto grow = [&](auto values) {
    for (auto value : values) {
      if (std::isfinite(value)) largest = std::max(largest, std::abs(static_cast<double>(value)));
    }
  };
  grow(expected.flat<float>());
  grow(expected.flat<double>());
  return {tolerance.atol + tolerance.rtol * largest, tolerance.rtol};
}

std::string first_difference(GraphRunner& got, const std::vector<NamedFeed>& feeds, const ExpectedTensor& expected,
                             Tolerance tolerance) {
  const Graph& graph = got.graph();
  std::vector<bool> is_random(static_cast<size_t>(graph.id_limit()));
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    is_random[static_cast<size_t>(id)] = node.def != nullptr && node.def->schema.find_attr("seed2") != nullptr;
  }
  Result<std::vector<NodeId>> order = topological_order(graph);
  for (NodeId id : order.ok() ? *order : graph.ids()) {
    const Node& node = graph.node(id);
    for (const Wire& input : node.inputs) {
      if (is_random[static_cast<size_t>(input.node)]) is_random[static_cast<size_t>(id)] = true;
    }
    if (is_random[static_cast<size_t>(id)]) continue;
    for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
      std::string name = graph.wire_name({id, static_cast<int>(slot)});
      std::optional<Tensor> want = expected(name);
      if (!want) continue;
      Result<std::vector<Tensor>> values = got.run(feeds, {name});
      if (!values.ok()) continue;
      double largest = -1;
      std::string difference;
      if (!within_tolerance((*values)[0], *want, tolerance_within(*want, tolerance), largest, difference))
        return str_cat(node.op, " ", quoted(name), ": ", difference);
    }
  }
  return {};
}

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk: return "ok";
    case Verdict::kDiffers: return "differs";
    case Verdict::kUnsupported: return "unsupported";
    case Verdict::kError: return "error";
    case Verdict::kSkipped: return "skipped";
  }
  return "";
}

CaseResult& CaseResult::judge(Verdict why, std::string what) {
  verdict = why;
  reason = std::move(what);
  return *this;
}

CaseResult& CaseResult::fail(const Status& status) {
  return judge(status.code() == Code::kUnimplemented ? Verdict::kUnsupported : Verdict::kError,
               std::string(status.message()));
}

std::string CaseResult::line() const {
  char number[32] = "-";
  if (largest_difference >= 0) std::snprintf(number, sizeof(number), "%.3g", largest_difference);
  std::string text = str_cat(name, " ", verdict_name(verdict), ", ", number);
  if (reason.empty()) return text;
  // One line a case, whatever the message.
  std::string one_line = reason;
  std::replace(one_line.begin(), one_line.end(), '\n', ' ');
  return str_cat(text, ", ", one_line);
}

CaseResult check_case(const ModelCase& model, ExecutorKind executor) {
  // Ours throws nothing, but memory may run out, and libraries below us throw.
  try {
    return CaseChecker(model, executor).check();
  } catch (const std::exception& error) {
    CaseResult result;
    result.name = model.name;
    result.verdict = Verdict::kError;
    result.reason = str_cat("unexpected: ", printable(error.what()));
    return result;
  }
}

CaseResult worse_of(const CaseResult& session, const CaseResult& engine) {
  if (session.verdict == Verdict::kSkipped) return session;
  CaseResult both = session;
  both.largest_difference = std::max(session.largest_difference, engine.largest_difference);
  bool session_ok = session.verdict == Verdict::kOk, engine_ok = engine.verdict == Verdict::kOk;
  if (session_ok && engine_ok) return both;
  both.verdict = session_ok ? engine.verdict : session.verdict;
  if (!session_ok && !engine_ok && session.reason == engine.reason) return both;
  both.reason = session_ok  ? "engine: " + engine.reason
                : engine_ok ? "session: " + session.reason
                            : str_cat("session: ", session.reason, "; engine: ", engine.reason);
  return both;
}

}  // namespace tarn
