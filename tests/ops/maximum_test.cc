#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors maximum(const Tensors& in, const AttrMap&) {
  return {map2(in[0], in[1], [](double x, double y) { return x > y ? x : y; })};
}

Tensors minimum(const Tensors& in, const AttrMap&) {
  return {map2(in[0], in[1], [](double x, double y) { return x < y ? x : y; })};
}

TARN_OP_CASES(maximum) {
  OpCases cases;
  for (const char* op : {"Maximum", "Minimum"}) {
    auto reference = op == std::string("Maximum") ? maximum : minimum;
    auto add_case = [&](const char* label, Tensor x, Tensor y) {
      cases.push_back({.op = op, .label = label, .inputs = {std::move(x), std::move(y)}, .reference = reference});
    };
    add_case("same shape", uniform({3, 5}), uniform({3, 5}, -1, 1, 2));
    add_case("row", uniform({2, 3, 4}), uniform({4}, -1, 1, 2));
    add_case("both stretched", uniform({2, 1, 4}), uniform({3, 1}, -1, 1, 2));
    add_case("scalar", uniform({}), uniform({2, 3}, -1, 1, 2));
    add_case("empty", uniform({0, 3}), uniform({3}, -1, 1, 2));
  }
  return cases;
}

TEST(Maximum, NanWinsOnEitherSide) {
  Tensor x = Tensor::from<float>({3}, {NAN, 1, 2}), y = Tensor::from<float>({3}, {1, NAN, 1});
  for (const char* op : {"Maximum", "Minimum"}) {
    auto z = evaluate_op(op_table(), op, {}, std::vector<Tensor>{x, y});

    ASSERT_TRUE(z.ok()) << z.status().to_string();
    EXPECT_TRUE(std::isnan((*z)[0].flat<float>()[0])) << op;
    EXPECT_TRUE(std::isnan((*z)[0].flat<float>()[1])) << op;
    EXPECT_FALSE(std::isnan((*z)[0].flat<float>()[2])) << op;
  }
}

}  // namespace
}  // namespace tarn::testing
