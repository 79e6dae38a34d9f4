#include "tools/support/case_check.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <map>

#include "core/file.h"
#include "graph/npy.h"
#include "tools/support/freeze_files.h"
#include "tools/support/npz.h"

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
    if (model_.sets.empty() && model_.hashes.empty() && !model_.train) return verdict(Verdict::kSkipped, "no golden");
    if (!model_.hashes.empty() && !pass(check_hashes(model_))) return result_;
    if (!model_.sets.empty()) {
      GraphRunnerOptions options;
      options.executor = executor_;
      options.tags = model_.tags;
      std::string checkpoint = model_.kind == "saved_model" ? "" : model_.checkpoint;
      Result<GraphRunner> runner = GraphRunner::load(model_.graph, checkpoint, options);
      if (!runner.ok()) return failed(runner.status());
      for (const CaseSet& set : model_.sets) {
        if (!check_set(*runner, set)) return result_;
      }
      if (!model_.golden_frozen.empty() && !check_frozen(model_.sets[0])) return result_;
    }
    if (model_.train && executor_ == ExecutorKind::kSession) pass(check_training(model_, result_.largest_difference));
    return result_;
  }

 private:
  CaseResult verdict(Verdict verdict, std::string reason) {
    result_.verdict = verdict;
    result_.reason = std::move(reason);
    return result_;
  }
  CaseResult failed(const Status& status) {
    Verdict kind = status.code() == Code::kUnimplemented ? Verdict::kUnsupported : Verdict::kError;
    return verdict(kind, std::string(status.message()));
  }

  // False, with the verdict, if something differs or could not be compared.
  bool pass(const Result<std::string>& difference) {
    if (!difference.ok()) return failed(difference.status()), false;
    if (!difference->empty()) return verdict(Verdict::kDiffers, *difference), false;
    return true;
  }

  // Our freeze and TensorFlow's, both run by us.
  bool check_frozen(const CaseSet& set) {
    FreezeFiles files;
    files.graph = model_.graph;
    files.checkpoint = model_.checkpoint;
    files.tags = model_.tags;
    std::vector<std::string> fetches;
    for (const CaseTensor& output : set.outputs) fetches.push_back(output.name);
    files.options.outputs = fetches;
    Result<FrozenGraph> frozen = freeze_files(files);
    if (!frozen.ok()) return failed(frozen.status().with_context("freezing")), false;
    Result<GraphRunner> golden = GraphRunner::load(model_.golden_frozen, "", {.executor = executor_});
    if (!golden.ok()) return failed(golden.status()), false;
    std::vector<NamedFeed> feeds, golden_feeds;
    for (const CaseTensor& input : set.inputs) {
      Result<Tensor> tensor = read_tensor_file(input.path);
      if (!tensor.ok()) return failed(tensor.status()), false;
      // Inputs that an output does not need are in neither freeze.
      if (golden->graph().find_node(input.name).ok()) golden_feeds.emplace_back(input.name, *tensor);
      if (frozen->graph.find_node(input.name).ok()) feeds.emplace_back(input.name, *std::move(tensor));
    }
    Result<std::vector<Tensor>> expected = golden->run(golden_feeds, fetches);
    if (!expected.ok()) return failed(expected.status().with_context("golden_frozen.pb")), false;
    Session session(frozen->graph);
    std::vector<Tensor> got;
    Status status = session.Run(feeds, fetches, &got);
    if (!status.ok()) return failed(status.with_context("the frozen graph")), false;
    for (size_t i = 0; i < fetches.size(); ++i) {
      double largest = -1;
      std::string difference;
      if (within_tolerance(got[i], (*expected)[i], {model_.atol, model_.rtol}, largest, difference)) continue;
      return verdict(Verdict::kDiffers,
                     str_cat("frozen, ", quoted(fetches[i]), " differs from golden_frozen.pb's: ", difference)),
             false;
    }
    return true;
  }

  // The first recorded tensor on the way to the outputs that differs; "" if there is none, or none was recorded.
  std::string first_difference(GraphRunner& runner, const std::vector<NamedFeed>& feeds) const {
    if (model_.taps.empty()) return {};
    Result<std::vector<NamedTensor>> taps = read_npz(model_.taps);
    if (!taps.ok()) return str_cat("; ", taps.status().message());
    std::map<std::string, const Tensor*> by_node;
    for (NamedTensor& tap : *taps) {
      std::replace(tap.name.begin(), tap.name.end(), '|', '/');
      by_node[tap.name.ends_with(":0") ? tap.name.substr(0, tap.name.size() - 2) : tap.name] = &tap.tensor;
    }
    Result<std::vector<NodeId>> order = topological_order(runner.graph());
    for (NodeId id : order.ok() ? *order : std::vector<NodeId>()) {
      const Node& node = runner.graph().node(id);
      auto tap = by_node.find(node.name);
      if (tap == by_node.end()) continue;
      Result<std::vector<Tensor>> got = runner.run(feeds, {node.name});
      if (!got.ok()) continue;
      double largest = -1;
      std::string difference;
      if (!within_tolerance((*got)[0], *tap->second, {model_.atol, model_.rtol}, largest, difference))
        return str_cat("; the first node that differs is ", node.op, " ", quoted(node.name), ": ", difference);
    }
    return "; no recorded node before it differs";
  }

  // False once the verdict is final.
  bool check_set(GraphRunner& runner, const CaseSet& set) {
    std::vector<NamedFeed> feeds;
    for (const CaseTensor& input : set.inputs) {
      Result<Tensor> tensor = read_tensor_file(input.path);
      if (!tensor.ok()) return failed(tensor.status()), false;
      feeds.emplace_back(input.name, *std::move(tensor));
    }
    std::vector<std::string> fetches;
    for (const CaseTensor& output : set.outputs) fetches.push_back(output.name);
    if (std::string ops = unsupported_text(runner, feeds, fetches); !ops.empty()) {
      return verdict(Verdict::kUnsupported, ops), false;
    }
    Result<std::vector<Tensor>> outputs = runner.run(feeds, fetches);
    if (!outputs.ok()) return failed(outputs.status()), false;
    for (size_t i = 0; i < fetches.size(); ++i) {
      Result<Tensor> expected = read_tensor_file(set.outputs[i].path);
      if (!expected.ok()) return failed(expected.status()), false;
      std::string difference;
      if (within_tolerance((*outputs)[i], *expected, {model_.atol, model_.rtol}, result_.largest_difference,
                           difference)) {
        continue;
      }
      // All outputs are compared, so that the largest difference is the case's; the first reason stays.
      if (result_.verdict == Verdict::kOk) {
        std::string where = &set == &model_.sets[0] ? first_difference(runner, feeds) : "";
        verdict(Verdict::kDiffers, str_cat(node_text(runner.graph(), fetches[i]), ": ", difference, where));
      }
    }
    return result_.verdict == Verdict::kOk;
  }

  static std::string node_text(const Graph& graph, const std::string& fetch) {
    Result<NodeId> id = graph.find_node(fetch);
    return id.ok() ? str_cat(graph.node(*id).op, " ", quoted(fetch)) : quoted(fetch);
  }

  const ModelCase& model_;
  ExecutorKind executor_;
  CaseResult result_;
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
