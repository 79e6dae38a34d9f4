#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors divide(const Tensors& in, const AttrMap& attrs) {
  bool whole = dtype_is_integer(attrs.get<DType>("T"));
  return {map2(in[0], in[1], [&](double x, double y) { return whole ? std::trunc(x / y) : x / y; })};
}

Tensors floor_divide(const Tensors& in, const AttrMap&) {
  return {map2(in[0], in[1], [](double x, double y) { return std::floor(x / y); })};
}

Tensors floor_mod(const Tensors& in, const AttrMap&) {
  return {map2(in[0], in[1], [](double x, double y) { return x - std::floor(x / y) * y; })};
}

Tensors truncate_divide(const Tensors& in, const AttrMap&) {
  return {map2(in[0], in[1], [](double x, double y) { return std::trunc(x / y); })};
}

Tensors truncate_mod(const Tensors& in, const AttrMap&) {
  return {map2(in[0], in[1], [](double x, double y) { return x - std::trunc(x / y) * y; })};
}

TARN_OP_CASES(divide) {
  OpCases cases;
  struct Op {
    const char* name;
    Tensors (*reference)(const Tensors&, const AttrMap&);
  };
  for (const Op& op :
       {Op{"Div", divide}, Op{"RealDiv", divide}, Op{"FloorDiv", floor_divide}, Op{"FloorMod", floor_mod},
        Op{"TruncateDiv", truncate_divide}, Op{"TruncateMod", truncate_mod}, Op{"Mod", truncate_mod}}) {
    auto add_case = [&](const char* label, Tensor x, Tensor y) {
      cases.push_back(
          {.op = op.name, .label = label, .inputs = {std::move(x), std::move(y)}, .reference = op.reference});
    };
    add_case("same shape", uniform({3, 5}, 0.5, 9), uniform({3, 5}, 0.5, 2, 2));
    add_case("negative divisor", uniform({3, 4}, 0.5, 9), uniform({4}, -2, -0.5, 2));
    add_case("negative dividend", uniform({2, 1, 4}, -9, -0.5), uniform({3, 1}, 0.5, 2, 2));
    add_case("scalar", uniform({2, 3}), uniform({}, 0.5, 2, 2));
    add_case("every pair of signs", doubles({6}, {7, -7, 7, -7, 6.5, -6.5}), doubles({6}, {2, 2, -2, -2, 3, -3}));
    add_case("empty", uniform({0, 3}), uniform({3}, 0.5, 2, 2));
  }
  return cases;
}

template <class T>
Result<Tensors> run(const char* op, T x, T y) {
  return evaluate_op(op_table(), op, {}, std::vector<Tensor>{Tensor::scalar<T>(x), Tensor::scalar<T>(y)});
}

TEST(Divide, IntegerDivisionByZeroNamesTheElement) {
  for (const char* op : {"Div", "FloorDiv", "FloorMod", "TruncateDiv", "TruncateMod", "Mod"}) {
    Tensor x = Tensor::from<int32_t>({2, 2}, {1, 2, 3, 4});
    Tensor y = Tensor::from<int32_t>({2, 2}, {1, 2, 0, 4});

    auto z = evaluate_op(op_table(), op, {}, std::vector<Tensor>{x, y});

    ASSERT_FALSE(z.ok()) << op;
    EXPECT_EQ(z.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(z.status().message(), std::string(op) + " 'evaluate': division by zero: y[1,0] is 0");
  }
}

TEST(Divide, SmallestIntegerByMinusOneWraps) {
  constexpr int32_t kSmallest = std::numeric_limits<int32_t>::min();
  constexpr int64_t kSmallest64 = std::numeric_limits<int64_t>::min();

  EXPECT_EQ((*run<int32_t>("Div", kSmallest, -1))[0].item<int32_t>(), kSmallest);
  EXPECT_EQ((*run<int64_t>("FloorDiv", kSmallest64, -1))[0].item<int64_t>(), kSmallest64);
  EXPECT_EQ((*run<int32_t>("FloorMod", kSmallest, -1))[0].item<int32_t>(), 0);
  EXPECT_EQ((*run<int8_t>("Div", -128, -1))[0].item<int8_t>(), -128);
}

TEST(Divide, FloatingByZeroIsInfiniteOrNan) {
  EXPECT_EQ((*run<float>("RealDiv", 1.0f, 0.0f))[0].item<float>(), INFINITY);
  EXPECT_EQ((*run<double>("Div", -1.0, 0.0))[0].item<double>(), -INFINITY);
  EXPECT_TRUE(std::isnan((*run<float>("FloorMod", 5.3f, 0.0f))[0].item<float>()));
  EXPECT_EQ((*run<float>("FloorDiv", 5.0f, 0.0f))[0].item<float>(), INFINITY);
}

}  // namespace
}  // namespace tarn::testing
