// The parts of check_case() that are about variables: their values in the checkpoint, and what training makes of them.
#include <algorithm>
#include <cmath>

#include "core/sha256.h"
#include "graph/checkpoint.h"
#include "graph/npy.h"
#include "graph/variable_values.h"
#include "tools/support/case_check.h"

namespace tarn {
namespace {

// Losses: rounding in another order, over a few steps. Gradient descent multiplies no error by a root or a quotient.
constexpr double kLossTolerance = 1e-4, kDescentLossTolerance = 1e-5;
constexpr double kVariableTolerance = 1e-4;
// Elements of variables that may differ more: where Adam's quotient is of two numbers near zero.
constexpr double kFewElements = 0.001;

bool only_descends(const Graph& graph, const std::string& train_op) {
  Result<NodeId> id = graph.find_node(train_op);
  if (!id.ok()) return false;
  std::vector<bool> needed = ancestors(graph, std::span(&*id, 1));
  bool descends = false;
  for (NodeId node : graph.ids()) {
    const std::string& op = graph.node(node).op;
    bool applies = op.starts_with("Apply") || op.starts_with("ResourceApply") || op.starts_with("SparseApply");
    if (!needed[static_cast<size_t>(node)] || !applies) continue;
    if (!op.ends_with("ApplyGradientDescent")) return false;
    descends = true;
  }
  return descends;
}

struct Elements {
  int64_t count = 0, beyond = 0;
  double largest = 0;
};

// Of the four dtypes that training changes a little; 0 elements for another one.
template <class T>
void compare(const Tensor& got, const Tensor& expected, Elements& elements) {
  std::span<const T> a = got.flat<T>(), b = expected.flat<T>();
  for (size_t i = 0; i < a.size(); ++i) {
    double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]), d = std::abs(x - y);
    ++elements.count;
    elements.largest = std::max(elements.largest, d);
    if (!(d <= kVariableTolerance * std::max(1.0, std::abs(y)))) ++elements.beyond;
  }
}

}  // namespace

Result<std::string> check_hashes(const ModelCase& model) {
  TARN_ASSIGN_OR_RETURN(std::string prefix, find_checkpoint(model.checkpoint));
  TARN_ASSIGN_OR_RETURN(CheckpointReader checkpoint, CheckpointReader::open(prefix));
  for (const auto& [name, hash] : model.hashes) {
    TARN_ASSIGN_OR_RETURN(Tensor tensor, checkpoint.read(name));
    if (tensor.dtype() == DType::kString)
      return str_cat("variable ", quoted(name),
                     " is of strings, whose bytes have no hash: remove it from the manifest");
    std::string got = sha256_hex({static_cast<const char*>(tensor.data()), tensor.byte_size()});
    if (!got.starts_with(hash)) {
      return str_cat("variable ", quoted(name), " (", dtype_short_name(tensor.dtype()), tensor.shape(),
                     ") is not what TensorFlow reads: SHA-256 ", got.substr(0, hash.size()), ", expected ", hash);
    }
  }
  return std::string();
}

Result<std::string> check_training(const ModelCase& model, double& largest) {
  const TrainCase& train = *model.train;
  std::string checkpoint = model.kind == "saved_model" ? "" : model.checkpoint;
  TARN_ASSIGN_OR_RETURN(GraphRunner runner,
                        GraphRunner::load(model.graph, checkpoint, {.executor = ExecutorKind::kSession}));
  std::vector<NamedFeed> feeds;
  for (const CaseTensor& feed : train.feeds) {
    TARN_ASSIGN_OR_RETURN(Tensor tensor, read_tensor_file(feed.path));
    feeds.emplace_back(feed.name, std::move(tensor));
  }
  double tolerance = only_descends(runner.graph(), train.train_op) ? kDescentLossTolerance : kLossTolerance;
  for (size_t step = 0; step < train.losses.size(); ++step) {
    TARN_ASSIGN_OR_RETURN(std::vector<Tensor> loss, runner.run(feeds, {train.loss}));
    if (loss[0].dtype() != DType::kFloat || loss[0].element_count() != 1)
      return str_cat("loss ", quoted(train.loss), " is ", dtype_short_name(loss[0].dtype()), loss[0].shape());
    auto got = static_cast<double>(loss[0].flat<float>()[0]);
    constexpr double kZero = 1e-12;  // a loss of 0 is met by 0
    double expected = train.losses[step], difference = std::abs(got - expected) / std::max(std::abs(expected), kZero);
    largest = std::max(largest, difference);
    if (!(difference <= tolerance)) {
      return str_cat("training: after ", step, " steps the loss is ", got, ", expected ", expected,
                     " (relative difference ", difference, ", allowed ", tolerance, ")");
    }
    if (step + 1 < train.losses.size()) TARN_RETURN_IF_ERROR(runner.run(feeds, {}, {train.train_op}).status());
  }
  for (const CaseTensor& variable : train.variables_after) {
    TARN_ASSIGN_OR_RETURN(Tensor expected, read_tensor_file(variable.path));
    TARN_ASSIGN_OR_RETURN(Tensor got, runner.session()->variable(variable.name));
    if (got.dtype() != expected.dtype() || !(got.shape() == expected.shape()))
      return str_cat("training: variable ", quoted(variable.name), " is ", dtype_short_name(got.dtype()), got.shape());
    Elements elements;
    compare<float>(got, expected, elements);
    compare<double>(got, expected, elements);
    compare<int32_t>(got, expected, elements);
    compare<int64_t>(got, expected, elements);
    bool is_compared = elements.count == expected.element_count();
    if (!is_compared && !got.identical_to(expected)) {
      return str_cat("training: variable ", quoted(variable.name), " is ", got.to_string(), ", expected ",
                     expected.to_string());
    }
    if (static_cast<double>(elements.beyond) > kFewElements * static_cast<double>(elements.count)) {
      return str_cat("training: of variable ", quoted(variable.name), " ", elements.beyond, " of ", elements.count,
                     " elements differ by more than ", kVariableTolerance, ", the most by ", elements.largest);
    }
  }
  return std::string();
}

}  // namespace tarn
