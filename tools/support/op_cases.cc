#include "tools/support/op_cases.h"

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "graph/npy.h"
#include "runtime/evaluate.h"

namespace tarn {
namespace {

using nlohmann::json;

std::vector<OpSuiteTensor> tensors_of(const json& object, const std::string& folder) {
  std::vector<OpSuiteTensor> tensors;
  for (const auto& [name, info] : object.items()) {
    OpSuiteTensor tensor{name, path_join(folder, info.at("file").get<std::string>())};
    if (info.contains("dtype")) {
      tensor.dtype = dtype_from_name(info.at("dtype").get<std::string>()).value_or(DType::kInvalid);
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

OpSuiteCase case_of(const json& object, const std::string& dir) {
  OpSuiteCase op_case;
  op_case.name = object.at("name").get<std::string>();
  std::string folder = path_join(dir, op_case.name);
  op_case.graph = path_join(folder, "graph.pb");
  op_case.inputs = tensors_of(object.at("inputs"), folder);
  op_case.outputs = tensors_of(object.at("outputs"), folder);
  return op_case;
}

Result<Tensor> cast(const Tensor& x, DType to) {
  if (x.dtype() == to) return x;
  TARN_ASSIGN_OR_RETURN(std::vector<Tensor> y,
                        evaluate_op(linked_ops(), "Cast", {{"DstT", to}}, std::vector<Tensor>{x}));
  return y[0];
}

Result<Tensor> read_case_tensor(const OpSuiteTensor& tensor) {
  TARN_ASSIGN_OR_RETURN(Tensor value, read_tensor_file(tensor.path));
  if (tensor.dtype == DType::kBFloat16 && value.dtype() == DType::kFloat) return cast(value, DType::kBFloat16);
  return value;
}

// What within_tolerance() compares as numbers and names the elements of.
DType compared_as(DType dtype) {
  switch (dtype) {
    case DType::kHalf:
    case DType::kBFloat16: return DType::kFloat;
    case DType::kInt16:
    case DType::kUInt16:
    case DType::kUInt32: return DType::kInt64;
    default: return dtype;
  }
}

// A double that was made of floats is good to the roundings of float: the coarsest dtype of the graph counts.
Tolerance graph_tolerance(const Graph& graph) {
  Tolerance tolerance = op_suite_tolerance(DType::kDouble);
  for (NodeId id : graph.ids()) {
    for (const Fact& output : graph.node(id).outputs) {
      Tolerance own = op_suite_tolerance(output.dtype);
      if (own.rtol > tolerance.rtol) tolerance = own;
    }
  }
  return tolerance;
}

bool compare(const Tensor& got, const Tensor& expected, Tolerance tolerance, double& largest, std::string& difference) {
  if (!dtype_is_floating(expected.dtype())) tolerance = op_suite_tolerance(expected.dtype());
  DType wide = compared_as(expected.dtype());
  if (got.dtype() == expected.dtype() && wide != expected.dtype()) {
    Result<Tensor> a = cast(got, wide), b = cast(expected, wide);
    if (a.ok() && b.ok()) return within_tolerance(*a, *b, tolerance, largest, difference);
  }
  return within_tolerance(got, expected, tolerance, largest, difference);
}

class OpCaseChecker {
 public:
  OpCaseChecker(const OpSuiteCase& op_case, ExecutorKind executor) : case_(op_case), executor_(executor) {
    result_.name = op_case.name;
  }

  CaseResult check() {
    // The graphs are tiny: more threads than one cost more than they give.
    Result<GraphRunner> runner = GraphRunner::load(case_.graph, "", {.executor = executor_, .threads = 1});
    if (!runner.ok()) return fail(runner.status());
    std::vector<NamedFeed> feeds;
    for (const OpSuiteTensor& input : case_.inputs) {
      Result<Tensor> tensor = read_case_tensor(input);
      if (!tensor.ok()) return fail(tensor.status());
      feeds.emplace_back(input.name, *std::move(tensor));
    }
    std::vector<std::string> fetches;
    for (const OpSuiteTensor& output : case_.outputs) fetches.push_back(output.name);
    if (std::vector<std::string> ops = runner->unsupported_ops(feeds, fetches); !ops.empty()) {
      return result_.judge(Verdict::kUnsupported, str_join(ops));
    }
    Result<std::vector<Tensor>> outputs = runner->run(feeds, fetches);
    if (!outputs.ok()) return fail(outputs.status());
    tolerance_ = graph_tolerance(runner->graph());
    for (size_t i : in_order(runner->graph())) compare_output(runner->graph(), i, (*outputs)[i]);
    return result_;
  }

 private:
  // The engine names the file, which is the case's: without it both executors say the same.
  CaseResult& fail(const Status& status) {
    result_.fail(status);
    std::string file = str_cat(tarn::quoted(case_.graph), ": ");
    if (result_.reason.starts_with(file)) result_.reason.erase(0, file.size());
    return result_;
  }

  // The outputs, those that others are computed from first: the reason is then the first node that differs.
  std::vector<size_t> in_order(const Graph& graph) const {
    std::vector<size_t> rank(static_cast<size_t>(graph.id_limit())), outputs, rank_of;
    if (Result<std::vector<NodeId>> order = topological_order(graph); order.ok()) {
      for (size_t i = 0; i < order->size(); ++i) rank[static_cast<size_t>((*order)[i])] = i;
    }
    for (const OpSuiteTensor& output : case_.outputs) {
      Result<NodeId> id = graph.find_node(output.name);
      outputs.push_back(rank_of.size());
      rank_of.push_back(id.ok() ? rank[static_cast<size_t>(*id)] : 0);
    }
    std::stable_sort(outputs.begin(), outputs.end(), [&](size_t a, size_t b) { return rank_of[a] < rank_of[b]; });
    return outputs;
  }

  // Every output is compared, so that the largest difference is the case's; the first reason stays.
  void compare_output(const Graph& graph, size_t i, const Tensor& got) {
    Result<Tensor> expected = read_case_tensor(case_.outputs[i]);
    if (!expected.ok()) {
      if (result_.verdict == Verdict::kOk) fail(expected.status());
      return;
    }
    std::string difference;
    if (compare(got, *expected, tolerance_, result_.largest_difference, difference)) return;
    if (result_.verdict != Verdict::kOk) return;
    const std::string& name = case_.outputs[i].name;
    Result<NodeId> id = graph.find_node(name);
    std::string node = id.ok() ? str_cat(graph.node(*id).op, " ", tarn::quoted(name)) : tarn::quoted(name);
    result_.judge(Verdict::kDiffers, str_cat(node, ": ", difference));
  }

  const OpSuiteCase& case_;
  ExecutorKind executor_;
  Tolerance tolerance_{0, 0};
  CaseResult result_;
};

}  // namespace

Tolerance op_suite_tolerance(DType dtype) {
  switch (dtype) {
    case DType::kDouble: return {1e-12, 1e-9};   // 2^-52 is 2.2e-16; series of the special functions lose digits
    case DType::kFloat: return {1e-5, 1e-4};     // 2^-23 is 1.2e-7; whole small networks are among the graphs
    case DType::kHalf: return {1e-3, 4e-3};      // 2^-10 is 9.8e-4
    case DType::kBFloat16: return {1e-2, 3e-2};  // 2^-7 is 7.8e-3
    default: return {0, 0};
  }
}

Result<std::vector<OpSuiteCase>> read_op_suite(const std::string& dir) {
  std::string path = path_join(dir, "index.json");
  TARN_ASSIGN_OR_RETURN(std::string text, read_file(path));
  std::vector<OpSuiteCase> cases;
  // nlohmann-json throws; nothing leaves this function but a Status.
  std::string where = path;
  try {
    json index = json::parse(text);
    for (const json& object : index.at("cases")) {
      where = str_cat(path, ": case ", cases.size());
      if (object.contains("name") && object.at("name").is_string()) {
        str_append(where, " ", tarn::quoted(object.at("name").get<std::string>()));
      }
      cases.push_back(case_of(object, dir));
    }
  } catch (const json::exception& error) {
    return invalid_argument(where, ": ", printable(error.what()));
  }
  if (cases.empty()) return invalid_argument(path, ": it lists no cases");
  return cases;
}

CaseResult check_op_case(const OpSuiteCase& op_case, ExecutorKind executor) {
  // Ours throws nothing, but memory may run out, and libraries below us throw.
  try {
    return OpCaseChecker(op_case, executor).check();
  } catch (const std::exception& error) {
    return {
        .name = op_case.name, .verdict = Verdict::kError, .reason = str_cat("unexpected: ", printable(error.what()))};
  }
}

}  // namespace tarn
