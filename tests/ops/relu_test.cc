#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors relu(const Tensors& in, const AttrMap&) {
  return {map(in[0], [](double x) { return x > 0 ? x : 0; })};
}

Tensors relu_grad(const Tensors& in, const AttrMap&) {
  return {map2(in[0], in[1], [](double dy, double x) { return x > 0 ? dy : 0; })};
}

TARN_OP_CASES(relu) {
  return {
      {.op = "Relu", .label = "2d", .inputs = {uniform({3, 5})}, .reference = relu},
      {.op = "Relu", .label = "scalar", .inputs = {uniform({}, 0.5, 1)}, .reference = relu},
      {.op = "Relu", .label = "empty", .inputs = {uniform({2, 0, 3})}, .reference = relu},
      {.op = "Relu", .label = "more than one range", .inputs = {uniform({7, 9001})}, .reference = relu},
      {.op = "ReluGrad", .label = "2d", .inputs = {uniform({3, 5}), uniform({3, 5}, -1, 1, 2)}, .reference = relu_grad},
      {.op = "ReluGrad",
       .label = "zero",
       .inputs = {uniform({4}), doubles({4}, {0, 1, -1, 0})},
       .reference = relu_grad},
      {.op = "ReluGrad", .label = "empty", .inputs = {uniform({0}), uniform({0})}, .reference = relu_grad},
  };
}

TEST(Relu, PassesNan) {
  Tensor x = Tensor::from<float>({3}, {-1.0f, NAN, 2.0f});

  auto y = evaluate_op(op_table(), "Relu", {}, std::vector<Tensor>{x});

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  EXPECT_EQ((*y)[0].flat<float>()[0], 0.0f);
  EXPECT_TRUE(std::isnan((*y)[0].flat<float>()[1]));
}

TEST(Relu, NamesOpAndTypesWhenThereIsNoKernel) {
  Tensor x = Tensor::from<int8_t>({1}, {1}).reinterpreted(DType::kQInt8);

  auto y = evaluate_op(op_table(), "Relu", {}, std::vector<Tensor>{x});

  ASSERT_FALSE(y.ok());
  EXPECT_EQ(
      y.status().message(),
      "Relu 'evaluate': op Relu has no kernel for T = qint8 (there is float, double, half, bfloat16, int32, int64, "
      "uint8, int8, int16, uint16, uint32, uint64)");
}

}  // namespace
}  // namespace tarn::testing
