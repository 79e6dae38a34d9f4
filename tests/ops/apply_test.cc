// ApplyGradientDescent, ApplyMomentum and ApplyAdam, their like on resource variables, and ResourceApplyKerasMomentum.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

double number(const Tensor& x) {
  return to_double(x).item<double>();
}

Tensors gradient_descent(const Tensors& in, const AttrMap&) {
  double alpha = number(in[1]);
  Tensor var = map2(in[0], in[2], [&](double v, double delta) { return v - alpha * delta; });
  return {var, var};
}

Tensors momentum(const Tensors& in, const AttrMap& attrs) {
  double lr = number(in[2]), factor = number(in[4]);
  Tensor accum = map2(in[1], in[3], [&](double a, double grad) { return a * factor + grad; });
  Tensor step = accum;
  if (attrs.get<bool>("use_nesterov"))
    step = map2(accum, in[3], [&](double a, double grad) { return grad + factor * a; });
  Tensor var = map2(in[0], step, [&](double v, double s) { return v - lr * s; });
  return {var, var, accum};
}

// v = momentum * v - lr * g;  w += v, Nesterov: w += momentum * v - lr * g: what Keras' SGD documents.
Tensors keras_momentum(const Tensors& in, const AttrMap& attrs) {
  double lr = number(in[2]), factor = number(in[4]);
  Tensor velocity = map2(in[1], in[3], [&](double v, double grad) { return factor * v - lr * grad; });
  Tensor step = velocity;
  if (attrs.get<bool>("use_nesterov")) {
    step = map2(velocity, in[3], [&](double v, double grad) { return factor * v - lr * grad; });
  }
  return {map2(in[0], step, [](double w, double s) { return w + s; }), velocity};
}

Tensors adam(const Tensors& in, const AttrMap& attrs) {
  double beta1 = number(in[6]), beta2 = number(in[7]), epsilon = number(in[8]);
  double rate = number(in[5]) * std::sqrt(1 - number(in[4])) / (1 - number(in[3]));
  Tensor m = map2(in[1], in[9], [&](double old, double grad) { return beta1 * old + (1 - beta1) * grad; });
  Tensor v = map2(in[2], in[9], [&](double old, double grad) { return beta2 * old + (1 - beta2) * grad * grad; });
  Tensor direction = m;
  if (attrs.get<bool>("use_nesterov")) {
    direction = map2(m, in[9], [&](double a, double grad) { return beta1 * a + (1 - beta1) * grad; });
  }
  Tensor step = map2(direction, v, [&](double d, double s) { return rate * d / (std::sqrt(s) + epsilon); });
  Tensor var = map2(in[0], step, [](double old, double s) { return old - s; });
  return {var, var, m, v};
}

Tensor scalar(double value) {
  return doubles({}, {value});
}

TARN_OP_CASES(apply) {
  OpCases cases;
  for (const Shape& shape : {Shape{3, 5}, Shape{}, Shape{0, 2}, Shape{5, 9001}}) {
    std::string label = shape.to_string();
    Tensor var = uniform(shape), grad = uniform(shape, -1, 1, 2);
    cases.push_back({.op = "ApplyGradientDescent",
                     .label = label,
                     .inputs = {var, scalar(0.1), grad},
                     .reference = gradient_descent,
                     .ref_inputs = {0}});
    cases.push_back(on_resources(cases.back()));
    for (bool use_nesterov : {false, true}) {
      std::string name = label + (use_nesterov ? " Nesterov" : "");
      cases.push_back({.op = "ApplyMomentum",
                       .label = name,
                       .attrs = {{"use_nesterov", use_nesterov}},
                       .inputs = {var, uniform(shape, -1, 1, 3), scalar(0.1), grad, scalar(0.9)},
                       .reference = momentum,
                       .ref_inputs = {0, 1}});
      cases.push_back(on_resources(cases.back()));
      cases.push_back({.op = "ResourceApplyKerasMomentum",
                       .label = name,
                       .attrs = {{"use_nesterov", use_nesterov}},
                       .inputs = {var, uniform(shape, -1, 1, 3), scalar(0.1), grad, scalar(0.9)},
                       .reference = keras_momentum,
                       .ref_inputs = {0, 1}});
      // 1 - beta2 loses up to 10 bits of a float, as it does in TensorFlow.
      cases.push_back({.op = "ApplyAdam",
                       .label = name,
                       .attrs = {{"use_nesterov", use_nesterov}},
                       .inputs = {var, uniform(shape, -1, 1, 3), uniform(shape, 0.1, 1, 4), scalar(0.9 * 0.9),
                                  scalar(0.99 * 0.99), scalar(0.01), scalar(0.9), scalar(0.99), scalar(1e-4), grad},
                       .reference = adam,
                       .tolerance_factor = 8,
                       .ref_inputs = {0, 1, 2}});
      cases.push_back(on_resources(cases.back()));
    }
  }
  return cases;
}

TEST(Apply, RefusesShapesThatDiffer) {
  Variable var("w");
  var.set_value(uniform({3}));
  std::vector<Variable*> variables = {&var};
  auto step = [&](Tensor alpha, Tensor delta) {
    return evaluate_op(op_table(), "ApplyGradientDescent", {},
                       std::vector<Tensor>{var.value(), std::move(alpha), std::move(delta)}, {.variables = variables});
  };

  EXPECT_TRUE(step(scalar(0.1), uniform({3})).ok());
  EXPECT_FALSE(step(scalar(0.1), uniform({4})).ok());
  EXPECT_FALSE(step(uniform({1}), uniform({3})).ok());
}

TEST(Apply, LeavesValuesThatSomebodyHoldsAlone) {
  Variable var("w");
  Tensor held = Tensor::from<float>({2}, {1, 2});
  var.set_value(held);
  std::vector<Variable*> variables = {&var};

  auto step = evaluate_op(op_table(), "ApplyGradientDescent", {},
                          std::vector<Tensor>{held, Tensor::scalar(0.5f), Tensor::from<float>({2}, {2, 2})},
                          {.variables = variables});

  ASSERT_TRUE(step.ok()) << step.status().to_string();
  EXPECT_TRUE(held.identical_to(Tensor::from<float>({2}, {1, 2})));
  EXPECT_TRUE(var.value().identical_to(Tensor::from<float>({2}, {0, 1}))) << var.value().to_string();
}

TEST(Apply, NamesAVariableWithoutAValue) {
  Variable var("layer/w");
  std::vector<Variable*> variables = {&var};

  auto step = evaluate_op(op_table(), "ApplyGradientDescent", {},
                          std::vector<Tensor>{uniform({3}), scalar(0.1), uniform({3})}, {.variables = variables});

  ASSERT_FALSE(step.ok());
  EXPECT_EQ(step.status().code(), Code::kFailedPrecondition);
  EXPECT_NE(step.status().message().find("layer/w"), std::string::npos) << step.status().message();
}

}  // namespace
}  // namespace tarn::testing
