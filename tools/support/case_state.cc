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
constexpr double kVariableTolerance = 1e-4;  // absolute
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

template <class T>
void compare(const Tensor& got, const Tensor& expected, Elements& elements) {
  std::span<const T> a = got.flat<T>(), b = expected.flat<T>();
  for (size_t i = 0; i < a.size(); ++i) {
    double d = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    ++elements.count;
    if (!(d <= elements.largest)) elements.largest = d;
    if (!(d <= kVariableTolerance)) ++elements.beyond;
  }
}

// Variables of other dtypes than numbers that training moves must be the same.
Elements compare_variables(const Tensor& got, const Tensor& expected) {
  Elements elements;
  switch (expected.dtype()) {
    case DType::kFloat: compare<float>(got, expected, elements); break;
    case DType::kDouble: compare<double>(got, expected, elements); break;
    case DType::kInt32: compare<int32_t>(got, expected, elements); break;
    case DType::kInt64: compare<int64_t>(got, expected, elements); break;
    default:
      elements.count = expected.element_count();
      elements.beyond = got.identical_to(expected) ? 0 : elements.count;
  }
  return elements;
}

std::string number_text(double number) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", number);
  return text;
}

}  // namespace

Result<PartResult> check_hashes(const ModelCase& model) {
  TARN_ASSIGN_OR_RETURN(std::string prefix, find_checkpoint(model.checkpoint));
  TARN_ASSIGN_OR_RETURN(CheckpointReader checkpoint, CheckpointReader::open(prefix));
  PartResult part;
  for (const auto& [name, hash] : model.hashes) {
    TARN_ASSIGN_OR_RETURN(Tensor tensor, checkpoint.read(name));
    if (tensor.dtype() == DType::kString)
      return unimplemented("variable ", quoted(name), " holds strings, of which no hash is defined");
    std::string got = sha256_hex({static_cast<const char*>(tensor.data()), tensor.byte_size()});
    if (!got.starts_with(hash)) {
      part.difference =
          str_cat("variable ", quoted(name), " (", dtype_short_name(tensor.dtype()), tensor.shape(),
                  ") is not what TensorFlow reads: SHA-256 ", got.substr(0, hash.size()), ", expected ", hash);
      return part;
    }
  }
  part.summary = str_cat(model.hashes.size(), " variables exact");
  return part;
}

Result<PartResult> check_training(const ModelCase& model) {
  const TrainCase& train = *model.train;
  std::string checkpoint = model.kind == "saved_model" ? "" : model.checkpoint;
  TARN_ASSIGN_OR_RETURN(GraphRunner runner,
                        GraphRunner::load(model.graph, checkpoint, {.executor = ExecutorKind::kSession}));
  std::vector<NamedFeed> feeds;
  for (const CaseTensor& feed : train.feeds) {
    TARN_ASSIGN_OR_RETURN(Tensor tensor, read_tensor_file(feed.path));
    feeds.emplace_back(feed.name, std::move(tensor));
  }
  PartResult part;
  double tolerance = only_descends(runner.graph(), train.train_op) ? kDescentLossTolerance : kLossTolerance;
  double worst_loss = 0;
  for (size_t step = 0; step < train.losses.size(); ++step) {
    TARN_ASSIGN_OR_RETURN(std::vector<Tensor> loss, runner.run(feeds, {train.loss}));
    if (loss[0].dtype() != DType::kFloat || loss[0].element_count() != 1) {
      part.difference =
          str_cat("loss ", quoted(train.loss), " is ", dtype_short_name(loss[0].dtype()), loss[0].shape());
      return part;
    }
    auto got = static_cast<double>(loss[0].flat<float>()[0]);
    double expected = train.losses[step];
    double difference = got == expected ? 0 : std::abs(got - expected) / std::abs(expected);
    worst_loss = std::max(worst_loss, difference);
    if (!(difference <= tolerance)) {
      part.difference = str_cat("training: after ", step, " steps the loss is ", got, ", expected ", expected,
                                " (relative difference ", difference, ", allowed ", tolerance, ")");
      return part;
    }
    if (step + 1 < train.losses.size()) TARN_RETURN_IF_ERROR(runner.run(feeds, {}, {train.train_op}).status());
  }
  double worst_variable = 0;
  int64_t count = 0, beyond = 0;
  for (const CaseTensor& variable : train.variables_after) {
    TARN_ASSIGN_OR_RETURN(Tensor expected, read_tensor_file(variable.path));
    TARN_ASSIGN_OR_RETURN(Tensor got, runner.session()->variable(variable.name));
    if (got.dtype() != expected.dtype() || !(got.shape() == expected.shape())) {
      part.difference = str_cat("training: variable ", quoted(variable.name), " is ", dtype_short_name(got.dtype()),
                                got.shape(), ", expected ", dtype_short_name(expected.dtype()), expected.shape());
      return part;
    }
    Elements elements = compare_variables(got, expected);
    if (static_cast<double>(elements.beyond) > kFewElements * static_cast<double>(elements.count)) {
      part.difference =
          str_cat("training: of variable ", quoted(variable.name), " ", elements.beyond, " of ", elements.count,
                  " elements differ by more than ", kVariableTolerance, ", the most by ", elements.largest);
      return part;
    }
    worst_variable = std::max(worst_variable, elements.largest);
    count += elements.count;
    beyond += elements.beyond;
  }
  part.summary = str_cat("training, ", train.losses.size() - 1, " steps: losses within ", number_text(worst_loss),
                         " (allowed ", number_text(tolerance), "), variables within ", number_text(worst_variable),
                         ", ", beyond, " of ", count, " elements beyond ", number_text(kVariableTolerance));
  return part;
}

}  // namespace tarn
