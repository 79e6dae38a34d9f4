#include <gtest/gtest.h>

#include <limits>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors add(const Tensors& in, const AttrMap&) {
  return {map2(in[0], in[1], [](double x, double y) { return x + y; })};
}

Tensors subtract(const Tensors& in, const AttrMap&) {
  return {map2(in[0], in[1], [](double x, double y) { return x - y; })};
}

Tensors add_n(const Tensors& in, const AttrMap&) {
  Tensor sum = to_double(in[0]);
  for (size_t i = 1; i < in.size(); ++i) sum = map2(sum, in[i], [](double x, double y) { return x + y; });
  return {sum};
}

TARN_OP_CASES(add) {
  OpCases cases;
  for (const char* op : {"Add", "AddV2", "Sub"}) {
    auto reference = op == std::string("Sub") ? subtract : add;
    auto add_case = [&](const char* label, Tensor x, Tensor y) {
      cases.push_back({.op = op,
                       .label = label,
                       .inputs = {std::move(x), std::move(y)},
                       .reference = reference,
                       .numbers_only = true});
    };
    add_case("same shape", uniform({3, 5}), uniform({3, 5}, -1, 1, 2));
    add_case("row", uniform({2, 3, 4}), uniform({4}, -1, 1, 2));
    add_case("both stretched", uniform({2, 1, 4}), uniform({3, 1}, -1, 1, 2));
    add_case("leading and inner", uniform({1, 3}), uniform({2, 4, 3}, -1, 1, 2));
    add_case("inner and leading", uniform({5, 1, 3}), uniform({2, 5, 4, 3}, -1, 1, 2));
    add_case("scalar left", uniform({}), uniform({2, 3}, -1, 1, 2));
    add_case("scalar right", uniform({2, 3}), uniform({}, -1, 1, 2));
    add_case("empty", uniform({0, 3}), uniform({1, 3}, -1, 1, 2));
    add_case("more than one range", uniform({5, 9001}), uniform({5, 9001}, -1, 1, 2));
  }
  cases.push_back({.op = "AddN", .label = "one", .inputs = {uniform({2, 3})}, .reference = add_n});
  cases.push_back({.op = "AddN",
                   .label = "three",
                   .inputs = {uniform({2, 3}), uniform({2, 3}, -1, 1, 2), uniform({2, 3}, -1, 1, 3)},
                   .reference = add_n,
                   .sum_length = 3});
  cases.push_back({.op = "AddN",
                   .label = "more than one range",
                   .inputs = {uniform({3, 9001}), uniform({3, 9001}, -1, 1, 2)},
                   .reference = add_n});
  for (const Shape& shape : {Shape{2, 3}, Shape{}, Shape{0, 2}}) {
    cases.push_back({.op = "AccumulateNV2",
                     .label = shape.to_string(),
                     .attrs = {{"shape", shape}},
                     .inputs = {uniform(shape), uniform(shape, -1, 1, 2), uniform(shape, -1, 1, 3)},
                     .reference = add_n,
                     .sum_length = 3});
  }
  cases.push_back({.op = "AddN", .label = "empty", .inputs = {uniform({0}), uniform({0})}, .reference = add_n});
  return cases;
}

TEST(AccumulateNV2, RefusesAnotherShapeThanItsAttr) {
  std::vector<Tensor> inputs{Tensor::from<float>({2}, {1, 2}), Tensor::from<float>({2}, {3, 4})};

  auto sum = evaluate_op(op_table(), "AccumulateNV2", {{"shape", Shape{3}}}, inputs);

  ASSERT_FALSE(sum.ok());
  EXPECT_EQ(sum.status().message(),
            "AccumulateNV2 'evaluate': attr 'shape' is [3], but input 0 has shape [2] "
            "(inputs[0] f32[2], inputs[1] f32[2])");
}

TEST(Add, IntegersWrap) {
  Tensor x = Tensor::from<int32_t>({1}, {std::numeric_limits<int32_t>::max()});
  Tensor y = Tensor::from<int32_t>({1}, {1});

  auto sum = evaluate_op(op_table(), "Add", {}, std::vector<Tensor>{x, y});

  ASSERT_TRUE(sum.ok()) << sum.status().to_string();
  EXPECT_EQ((*sum)[0].item<int32_t>(), std::numeric_limits<int32_t>::min());
}

TEST(Add, NamesBothShapesThatDoNotBroadcast) {
  auto sum = evaluate_op(op_table(), "Add", {}, std::vector<Tensor>{uniform({2, 3}), uniform({4})});

  ASSERT_FALSE(sum.ok());
  EXPECT_NE(sum.status().message().find("[2,3]"), std::string::npos) << sum.status().message();
  EXPECT_NE(sum.status().message().find("[4]"), std::string::npos) << sum.status().message();
}

}  // namespace
}  // namespace tarn::testing
