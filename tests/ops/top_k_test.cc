#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// By counting for every element how many of its row come before it.
Tensors largest(const Tensors& in, const AttrMap& attrs) {
  int64_t k = in.size() > 1 ? int_list(in[1])[0] : attrs.get<int64_t>("k");
  const Tensor& x = in[0];
  Shape shape = x.shape();
  shape.set_dim(-1, k);
  auto place = [&](const Index& index) {
    Index candidate = index;
    for (candidate.back() = 0; candidate.back() < x.shape().dim(-1); ++candidate.back()) {
      int64_t before = 0;
      Index other = index;
      for (other.back() = 0; other.back() < x.shape().dim(-1); ++other.back()) {
        double a = at(x, other), b = at(x, candidate);
        before += a > b || (a == b && other.back() < candidate.back()) ? 1 : 0;
      }
      if (before == index.back()) break;
    }
    return candidate;
  };
  DType index_type = attrs.get_or<DType>("index_type", DType::kInt32);
  Tensor values = by_index(shape, [&](const Index& index) { return at(x, place(index)); });
  Tensor indices = by_index(shape, [&](const Index& index) { return static_cast<double>(place(index).back()); });
  return {values, to_dtype(indices, index_type)};
}

TARN_OP_CASES(top_k) {
  Tensor row = uniform({9}), rows = uniform({4, 7}), cube = uniform({2, 3, 5});
  Tensor ties = doubles({2, 6}, {1, 3, 2, 3, 3, 0, 2, 2, 2, 2, 2, 2});
  auto without_gradient = [](OpCase op_case) {
    op_case.check_gradient = false;  // the order of equal values changes with any step
    return op_case;
  };
  return {
      {.op = "TopKV2", .label = "vector", .inputs = {row, ints({}, {4})}, .reference = largest},
      {.op = "TopKV2", .label = "rows", .inputs = {rows, ints({}, {2})}, .reference = largest},
      {.op = "TopKV2", .label = "the largest", .inputs = {cube, ints({}, {1})}, .reference = largest},
      {.op = "TopKV2", .label = "all", .inputs = {cube, Tensor::scalar<int64_t>(5)}, .reference = largest},
      {.op = "TopKV2",
       .label = "int16 indices",
       .attrs = {{"index_type", DType::kInt16}},
       .inputs = {rows, Tensor::scalar<int16_t>(3)},
       .reference = largest},
      {.op = "TopKV2",
       .label = "int64 indices",
       .attrs = {{"index_type", DType::kInt64}},
       .inputs = {rows, ints({}, {3})},
       .reference = largest},
      without_gradient({.op = "TopKV2", .label = "ties", .inputs = {ties, ints({}, {4})}, .reference = largest}),
      {.op = "TopKV2", .label = "k 0", .inputs = {rows, ints({}, {0})}, .reference = largest},
      {.op = "TopKV2", .label = "no rows", .inputs = {uniform({0, 3}), ints({}, {2})}, .reference = largest},
      {.op = "TopKV2", .label = "no columns", .inputs = {uniform({2, 0}), ints({}, {0})}, .reference = largest},
      {.op = "TopK", .label = "vector", .attrs = {{"k", 3}}, .inputs = {row}, .reference = largest},
      {.op = "TopK", .label = "rows", .attrs = {{"k", 7}}, .inputs = {rows}, .reference = largest},
      {.op = "TopK", .label = "cube", .attrs = {{"k", 2}}, .inputs = {cube}, .reference = largest},
  };
}

TEST(TopKV2, NamesTheKItRefuses) {
  auto refusal = [](const Tensor& x, const Tensor& k) {
    Result<Tensors> y = evaluate_op(op_table(), "TopKV2", {}, std::vector{x, k});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  EXPECT_EQ(refusal(iota({2, 3}), ints({}, {99})),
            "TopKV2 'evaluate': input must have at least k = 99 columns, has 3 (input f64[2,3], k i32[])");
  EXPECT_NE(refusal(iota({2, 3}), ints({}, {-1})).find("k must be >= 0, not -1"), std::string::npos);
  EXPECT_NE(refusal(iota({}), ints({}, {0})), "accepted");
  EXPECT_NE(refusal(iota({3}), ints({1}, {1})), "accepted");
}

TEST(TopKV2, RefusesMoreColumnsThanTheIndexTypeCanNumber) {
  AttrMap attrs{{"index_type", DType::kInt16}};

  EXPECT_TRUE(evaluate_op(op_table(), "TopKV2", attrs, std::vector{iota({32768}), ints({}, {1})}).ok());
  Result<Tensors> y = evaluate_op(op_table(), "TopKV2", attrs, std::vector{iota({32769}), ints({}, {1})});

  EXPECT_NE(y.status().message().find("32769 columns"), std::string::npos) << y.status().message();
}

TEST(TopKV2, UnsortedGivesTensorFlowsOrder) {
  struct Row {
    std::vector<float> x;
    int32_t k;
    std::vector<int64_t> places;  // as TensorFlow 2.15 gives them
  };
  std::vector<float> hundred;  // with ties: 37 i mod 29
  for (int i = 0; i < 100; ++i) hundred.push_back(static_cast<float>(37 * i % 29));
  const Row kRows[] = {
      {{4, 6, 2, 7, 3, 5, 9, 0, 8, 1}, 5, {5, 3, 1, 6, 8}},
      {{3, 0, 5, 4, 2, 1}, 5, {5, 4, 2, 3, 0}},
      {{2, 9, 3, 6, 0, 4, 8, 7, 5, 1}, 1, {1}},
      {{5, 4, 9, 0, 8, 2, 1, 6, 7, 3}, 10, {2, 4, 8, 7, 0, 1, 9, 5, 6, 3}},
      {hundred, 9, {54, 94, 25, 65, 36, 7, 47, 18, 76}},
  };
  for (const Row& row : kRows) {
    Tensor x = Tensor::from<float>({static_cast<int64_t>(row.x.size())}, row.x);

    Result<Tensors> y = evaluate_op(op_table(), "TopKV2", {{"sorted", false}}, std::vector{x, ints({}, {row.k})});

    ASSERT_TRUE(y.ok()) << y.status().to_string();
    EXPECT_EQ(int_list((*y)[1]), row.places);
    for (size_t i = 0; i < row.places.size(); ++i)
      EXPECT_EQ((*y)[0].flat<float>()[i], row.x[static_cast<size_t>(row.places[i])]);
  }
}

TEST(TopKV2, PutsNanFirst) {
  Tensor x = Tensor::from<float>({5}, {1, NAN, INFINITY, NAN, -1});

  Tensors y = *evaluate_op(op_table(), "TopKV2", {}, std::vector{x, ints({}, {4})});

  EXPECT_EQ(int_list(y[1]), (std::vector<int64_t>{1, 3, 2, 0}));
}

}  // namespace
}  // namespace tarn::testing
