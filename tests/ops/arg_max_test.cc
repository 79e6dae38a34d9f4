#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensor search(const Tensor& x, int64_t axis, bool largest) {
  int rank = x.shape().rank();
  if (axis < 0) axis += rank;
  Shape shape;
  int64_t inner = 1;
  for (int i = 0; i < rank; ++i) {
    if (i != axis) shape.add_dim(x.shape().dim(i));
    if (i > axis) inner *= x.shape().dim(i);
  }
  int64_t size = x.shape().dim(static_cast<int>(axis));
  Tensor wide = to_double(x);
  Tensor y = *Tensor::zeros(DType::kDouble, shape);
  for (int64_t i = 0; i < y.element_count(); ++i) {
    auto at = [&](int64_t j) {
      return wide.flat<double>()[static_cast<size_t>((i / inner) * size * inner + j * inner + i % inner)];
    };
    int64_t best = 0;
    for (int64_t j = 1; j < size; ++j) {
      if (largest ? at(j) > at(best) : at(j) < at(best)) best = j;
    }
    y.mutable_flat<double>()[static_cast<size_t>(i)] = static_cast<double>(best);
  }
  return y;
}

TARN_OP_CASES(arg_max) {
  OpCases cases;
  for (const char* op : {"ArgMax", "ArgMin"}) {
    auto reference = [largest = op == std::string("ArgMax")](const Tensors& in, const AttrMap&) {
      return Tensors{search(in[0], (*int_values(in[1]))[0], largest)};
    };
    auto add_case = [&](const char* label, const Shape& shape, int32_t axis, DType output) {
      cases.push_back({.op = op,
                       .label = label,
                       .attrs = {{"output_type", output}},
                       .inputs = {uniform(shape), ints({}, {axis})},
                       .reference = reference});
    };
    add_case("rows", {4, 10}, 1, DType::kInt64);
    add_case("columns", {4, 10}, 0, DType::kInt32);
    add_case("middle", {2, 5, 3}, -2, DType::kInt64);
    add_case("vector", {6}, 0, DType::kInt64);
    add_case("no rows", {0, 3}, 1, DType::kInt64);
    add_case("more than one range", {300, 100}, 1, DType::kInt32);
  }
  return cases;
}

Result<Tensors> run(const char* op, Tensor x, Tensor axis) {
  return evaluate_op(op_table(), op, {}, std::vector<Tensor>{std::move(x), std::move(axis)});
}

TEST(ArgMax, FirstOfEqualsWinsAndNanNever) {
  auto ties = run("ArgMax", Tensor::from<float>({4}, {1, 3, 3, 0}), ints({}, {0}));
  auto nan = run("ArgMax", Tensor::from<float>({3}, {NAN, 1, 2}), ints({}, {0}));
  auto only_nan = run("ArgMin", Tensor::from<float>({2}, {NAN, NAN}), ints({}, {0}));

  ASSERT_TRUE(ties.ok() && nan.ok() && only_nan.ok());
  EXPECT_EQ((*ties)[0].item<int64_t>(), 1);
  EXPECT_EQ((*nan)[0].item<int64_t>(), 2);
  EXPECT_EQ((*only_nan)[0].item<int64_t>(), 0);
}

TEST(ArgMax, RefusesAxesThatAreNotThereAndEmptyDims) {
  auto outside = run("ArgMax", uniform({2, 3}), ints({}, {5}));
  auto empty = run("ArgMax", uniform({2, 0}), ints({}, {1}));
  auto vector = run("ArgMax", uniform({2, 3}), ints({2}, {0, 1}));

  ASSERT_FALSE(outside.ok() || empty.ok() || vector.ok());
  EXPECT_NE(outside.status().message().find("'dimension' is 5, not in [-2, 2)"), std::string::npos)
      << outside.status().message();
  EXPECT_NE(empty.status().message().find("is empty"), std::string::npos);
  EXPECT_NE(vector.status().message().find("must be one number"), std::string::npos);
}

}  // namespace
}  // namespace tarn::testing
