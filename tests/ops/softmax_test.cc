// Softmax, LogSoftmax, the cross entropies, InTopK and InTopKV2.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// log(softmax) of each row, in double.
Tensor log_softmax(const Tensor& x) {
  Tensor y = to_double(x);
  int64_t columns = x.shape().dim(-1);
  for (int64_t begin = 0; begin < x.element_count(); begin += columns) {
    std::span<double> row = y.mutable_flat<double>().subspan(static_cast<size_t>(begin), static_cast<size_t>(columns));
    double largest = *std::max_element(row.begin(), row.end()), sum = 0;
    for (double v : row) sum += std::exp(v - largest);
    for (double& v : row) v -= largest + std::log(sum);
  }
  return y;
}

Tensor softmax(const Tensor& x) {
  return map(log_softmax(x), [](double v) { return std::exp(v); });
}

// Rows of labels * log_softmax, summed, with the sign turned; and softmax - labels. Both inputs stretched first.
Tensors cross_entropy(const Tensors& in, const AttrMap&) {
  Tensor features = map2(in[0], in[1], [](double x, double) { return x; });
  Tensor labels = map2(in[0], in[1], [](double, double y) { return y; });
  Tensor logs = log_softmax(features);
  Tensor loss = *Tensor::zeros(DType::kDouble, Shape{features.shape().dim(0)});
  for (int64_t i = 0; i < features.element_count(); ++i) {
    auto at = static_cast<size_t>(i);
    loss.mutable_flat<double>()[at / static_cast<size_t>(features.shape().dim(1))] -=
        labels.flat<double>()[at] * logs.flat<double>()[at];
  }
  return {loss, map2(softmax(features), labels, [](double s, double y) { return s - y; })};
}

Tensors sparse_cross_entropy(const Tensors& in, const AttrMap& attrs) {
  Tensor labels = *Tensor::zeros(DType::kDouble, in[0].shape());
  std::vector<int64_t> classes = *int_values(in[1]);
  for (size_t i = 0; i < classes.size(); ++i) {
    labels.mutable_flat<double>()[i * static_cast<size_t>(in[0].shape().dim(1)) + static_cast<size_t>(classes[i])] = 1;
  }
  return cross_entropy({in[0], labels}, attrs);
}

// Distributions: positive, each row summing to 1, since the backprop output is the gradient of the loss only for these.
Tensor distributions(const Shape& shape) {
  return softmax(uniform(shape, -1, 1, 9));
}

TARN_OP_CASES(softmax) {
  OpCases cases;
  for (const Shape& shape : {Shape{3}, Shape{2, 5}, Shape{4, 1}, Shape{2, 2, 3}, Shape{0, 4}, Shape{700, 33}}) {
    double terms = static_cast<double>(shape.dim(-1));
    // Exponentials err by up to 2 units in the last place, and logits of 4 move them by 4 roundings more.
    cases.push_back({.op = "Softmax",
                     .label = shape.to_string(),
                     .inputs = {uniform(shape, -4, 4)},
                     .reference = [](const Tensors& in, const AttrMap&) { return Tensors{softmax(in[0])}; },
                     .sum_length = terms,
                     .tolerance_factor = 4});
    cases.push_back({.op = "LogSoftmax",
                     .label = shape.to_string(),
                     .inputs = {uniform(shape, -4, 4)},
                     .reference = [](const Tensors& in, const AttrMap&) { return Tensors{log_softmax(in[0])}; },
                     .sum_length = terms,
                     .tolerance_factor = 4});
  }
  return cases;
}

TARN_OP_CASES(cross_entropy) {
  OpCases cases;
  auto add_case = [&](const char* label, const Shape& features, const Shape& labels) {
    cases.push_back({
        .op = "SoftmaxCrossEntropyWithLogits",
        .label = label,
        .inputs = {uniform(features, -4, 4), distributions(labels)},
        .reference = cross_entropy,
        .sum_length = static_cast<double>(features.dim(1)),
        .tolerance_factor = 4,
    });
  };
  add_case("4x10", {4, 10}, {4, 10});
  add_case("one row", {1, 3}, {1, 3});
  add_case("one class", {2, 1}, {2, 1});
  add_case("labels repeated", {3, 4}, {1, 4});
  add_case("features repeated", {1, 4}, {3, 4});
  add_case("empty batch", {0, 4}, {0, 4});
  add_case("many rows", {1000, 10}, {1000, 10});
  auto add_sparse = [&](const char* label, const Shape& features, Tensor labels) {
    cases.push_back({.op = "SparseSoftmaxCrossEntropyWithLogits",
                     .label = label,
                     .inputs = {uniform(features, -4, 4), std::move(labels)},
                     .reference = sparse_cross_entropy,
                     .sum_length = static_cast<double>(features.dim(1)),
                     .tolerance_factor = 4});
  };
  add_sparse("int32", {4, 10}, ints({4}, {0, 9, 3, 3}));
  add_sparse("int64", {3, 5}, Tensor::from<int64_t>({3}, {4, 0, 2}));
  add_sparse("one class", {2, 1}, ints({2}, {0, 0}));
  add_sparse("empty batch", {0, 4}, ints({0}, {}));
  return cases;
}

TARN_OP_CASES(in_top_k) {
  auto reference = [](const Tensors& in, const AttrMap& attrs) {
    std::vector<int64_t> targets = *int_values(in[1]);
    int64_t k = in.size() > 2 ? int_list(in[2])[0] : attrs.get<int64_t>("k");
    Tensor y = *Tensor::zeros(DType::kDouble, in[1].shape());
    int64_t columns = in[0].shape().dim(1);
    Tensor predictions = to_double(in[0]);
    for (size_t i = 0; i < targets.size(); ++i) {
      std::span<const double> row =
          predictions.flat<double>().subspan(i * static_cast<size_t>(columns), static_cast<size_t>(columns));
      if (targets[i] < 0 || targets[i] >= columns) continue;
      double target = row[static_cast<size_t>(targets[i])];
      auto above = std::count_if(row.begin(), row.end(), [&](double v) { return v > target; });
      y.mutable_flat<double>()[i] = above < k ? 1 : 0;
    }
    return Tensors{y};
  };
  return {
      {.op = "InTopK",
       .label = "k 1",
       .attrs = {{"k", 1}},
       .inputs = {uniform({4, 5}), ints({4}, {0, 1, 2, 4})},
       .reference = reference},
      {.op = "InTopK",
       .label = "k 2, ties",
       .attrs = {{"k", 2}},
       .inputs = {doubles({2, 3}, {1, 1, 1, 0, 2, 2}), ints({2}, {2, 0})},
       .reference = reference},
      {.op = "InTopK",
       .label = "targets outside",
       .attrs = {{"k", 3}},
       .inputs = {uniform({3, 2}), Tensor::from<int64_t>({3}, {-1, 2, 1})},
       .reference = reference},
      {.op = "InTopKV2",
       .label = "k 2, ties",
       .inputs = {doubles({2, 3}, {1, 1, 1, 0, 2, 2}), ints({2}, {2, 0}), ints({}, {2})},
       .reference = reference},
      {.op = "InTopKV2",
       .label = "targets outside",
       .inputs = {uniform({3, 2}), Tensor::from<int64_t>({3}, {-1, 2, 1}), Tensor::scalar<int64_t>(3)},
       .reference = reference},
      {.op = "InTopKV2",
       .label = "empty",
       .inputs = {uniform({0, 5}), ints({0}, {}), ints({}, {1})},
       .reference = reference},
      {.op = "InTopK",
       .label = "empty",
       .attrs = {{"k", 1}},
       .inputs = {uniform({0, 5}), ints({0}, {})},
       .reference = reference},
  };
}

TEST(Softmax, LargeLogitsDoNotOverflow) {
  Tensor x = Tensor::from<float>({2, 2}, {1000, 999, -1000, -1001});

  auto y = evaluate_op(op_table(), "Softmax", {}, std::vector<Tensor>{x});
  auto logs = evaluate_op(op_table(), "LogSoftmax", {}, std::vector<Tensor>{x});

  ASSERT_TRUE(y.ok() && logs.ok());
  double expected = 1 / (1 + std::exp(-1.0));
  for (int row : {0, 2}) {
    EXPECT_NEAR((*y)[0].flat<float>()[static_cast<size_t>(row)], expected, 1e-6);
    EXPECT_NEAR((*logs)[0].flat<float>()[static_cast<size_t>(row)], std::log(expected), 1e-6);
  }
}

TEST(Softmax, RefusesAScalar) {
  EXPECT_FALSE(evaluate_op(op_table(), "Softmax", {}, std::vector<Tensor>{uniform({})}).ok());
}

TEST(SparseSoftmaxCrossEntropy, NamesTheRowOfABadLabel) {
  for (int32_t label : {99, -1}) {
    auto y = evaluate_op(op_table(), "SparseSoftmaxCrossEntropyWithLogits", {},
                         std::vector<Tensor>{uniform({3, 10}), ints({3}, {0, label, 1})});

    ASSERT_FALSE(y.ok());
    EXPECT_NE(y.status().message().find(str_cat("label ", label, " of row 1 is not in [0, 10)")), std::string::npos)
        << y.status().message();
  }
}

TEST(CrossEntropy, RefusesSizesThatDiffer) {
  auto classes = evaluate_op(op_table(), "SoftmaxCrossEntropyWithLogits", {},
                             std::vector<Tensor>{uniform({3, 10}), uniform({3, 9})});
  auto rows = evaluate_op(op_table(), "SparseSoftmaxCrossEntropyWithLogits", {},
                          std::vector<Tensor>{uniform({3, 10}), ints({2}, {0, 1})});

  EXPECT_FALSE(classes.ok());
  EXPECT_FALSE(rows.ok());
}

}  // namespace
}  // namespace tarn::testing
