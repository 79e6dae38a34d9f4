#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensor bools(const Shape& shape) {
  return to_dtype(map(uniform(shape, -1, 1, 3), [](double x) { return x > 0 ? 1 : 0; }), DType::kBool);
}

// c * t + (1 - c) * e, all three broadcast. A vector condition of Select chooses rows: then it is made a column first.
Tensors select(const Tensors& in, const AttrMap&) {
  Tensor condition = to_double(in[0]);
  return {map2(map2(condition, in[1], [](double c, double t) { return c * t; }),
               map2(condition, in[2], [](double c, double e) { return (1 - c) * e; }),
               [](double t, double e) { return t + e; })};
}

Tensors select_rows(const Tensors& in, const AttrMap& attrs) {
  Shape column{in[0].element_count()};
  for (int i = 1; i < in[1].shape().rank(); ++i) column.add_dim(1);
  return select({*in[0].reshaped(column), in[1], in[2]}, attrs);
}

TARN_OP_CASES(select) {
  auto t = [](const Shape& shape) { return uniform(shape, -1, 1, 1); };
  auto e = [](const Shape& shape) { return uniform(shape, -1, 1, 2); };
  return {
      {.op = "Select", .label = "same shape", .inputs = {bools({3, 5}), t({3, 5}), e({3, 5})}, .reference = select},
      {.op = "Select", .label = "scalar", .inputs = {bools({}), t({2, 3}), e({2, 3})}, .reference = select},
      {.op = "Select", .label = "rows", .inputs = {bools({4}), t({4, 2, 3}), e({4, 2, 3})}, .reference = select_rows},
      {.op = "Select", .label = "vectors", .inputs = {bools({4}), t({4}), e({4})}, .reference = select},
      {.op = "Select", .label = "empty", .inputs = {bools({0, 2}), t({0, 2}), e({0, 2})}, .reference = select},
      {.op = "SelectV2", .label = "same shape", .inputs = {bools({3, 5}), t({3, 5}), e({3, 5})}, .reference = select},
      {.op = "SelectV2", .label = "all stretched", .inputs = {bools({3, 1}), t({2, 1, 4}), e({})}, .reference = select},
      {.op = "SelectV2", .label = "row condition", .inputs = {bools({4}), t({3, 4}), e({3, 1})}, .reference = select},
      {.op = "SelectV2", .label = "scalars", .inputs = {bools({}), t({}), e({})}, .reference = select},
      {.op = "SelectV2", .label = "empty", .inputs = {bools({1, 2}), t({0, 2}), e({2})}, .reference = select},
  };
}

TEST(Select, LeavesNanOfTheOtherSideAlone) {
  Tensor condition = Tensor::from<bool>({2}, {true, false});
  Tensor t = Tensor::from<float>({2}, {1, NAN}), e = Tensor::from<float>({2}, {NAN, 2});
  for (const char* op : {"Select", "SelectV2"}) {
    auto y = evaluate_op(op_table(), op, {}, std::vector<Tensor>{condition, t, e});

    ASSERT_TRUE(y.ok()) << y.status().to_string();
    EXPECT_TRUE((*y)[0].identical_to(Tensor::from<float>({2}, {1, 2}))) << op;
  }
}

TEST(Select, RefusesAConditionThatFitsNothing) {
  auto y = evaluate_op(op_table(), "Select", {}, std::vector<Tensor>{bools({3}), uniform({2, 3}), uniform({2, 3})});

  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tarn::testing
