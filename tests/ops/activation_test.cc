// LeakyRelu, Elu, Selu, Softplus, Softsign and their gradient ops.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// Klambauer et al. 2017, as the paper writes them: scale and alpha apart.
constexpr double kScale = 1.0507009873554804934193349852946;
constexpr double kAlpha = 1.6732632423543772848170429916717;

struct ActivationFunction {
  const char* op;
  double (*f)(double x);
};

// Functions of the C library err by a few units in the last place.
constexpr double kFunctionFactor = 2;

const ActivationFunction kActivations[] = {
    {"Elu", [](double x) { return x < 0 ? std::exp(x) - 1 : x; }},
    {"Selu", [](double x) { return kScale * (x < 0 ? kAlpha * (std::exp(x) - 1) : x); }},
    {"Softplus", [](double x) { return std::log(1 + std::exp(x)); }},
    {"Softsign", [](double x) { return x < 0 ? x / (1 - x) : x / (1 + x); }},
};

struct ActivationGradient {
  const char* op;
  double (*f)(double dy, double value);  // of the input or of the output, whichever the op takes
  double low, high;                      // of the value
};

const ActivationGradient kGradients[] = {
    {"EluGrad", [](double dy, double y) { return y < 0 ? dy * (1 + y) : dy; }, -0.99, 3},
    {"SeluGrad", [](double dy, double y) { return kScale * dy * (y < 0 ? y / kScale + kAlpha : 1); }, -1.75, 3},
    {"SoftplusGrad", [](double dy, double x) { return dy * std::exp(x) / (1 + std::exp(x)); }, -6, 6},
    {"SoftsignGrad", [](double dy, double x) { return dy * std::pow(1 + std::fabs(x), -2); }, -6, 6},
};

Tensors leaky_relu(const Tensors& in, const AttrMap& attrs) {
  double alpha = attrs.get<float>("alpha");
  return {map(in[0], [&](double x) { return x > 0 ? x : alpha * x; })};
}

Tensors leaky_relu_grad(const Tensors& in, const AttrMap& attrs) {
  double alpha = attrs.get<float>("alpha");
  return {map2(in[0], in[1], [&](double dy, double x) { return x > 0 ? dy : alpha * dy; })};
}

TARN_OP_CASES(activation) {
  OpCases cases;
  for (const Shape& shape : {Shape{3, 5}, Shape{}, Shape{2, 0}, Shape{5, 9001}}) {
    std::string label = shape.to_string();
    for (const ActivationFunction& activation : kActivations) {
      auto reference = [f = activation.f](const Tensors& in, const AttrMap&) { return Tensors{map(in[0], f)}; };
      cases.push_back({.op = activation.op,
                       .label = label,
                       .inputs = {uniform(shape, -6, 6)},
                       .reference = reference,
                       .tolerance_factor = kFunctionFactor});
    }
    for (const ActivationGradient& gradient : kGradients) {
      auto reference = [f = gradient.f](const Tensors& in, const AttrMap&) { return Tensors{map2(in[0], in[1], f)}; };
      cases.push_back({.op = gradient.op,
                       .label = label,
                       .inputs = {uniform(shape), uniform(shape, gradient.low, gradient.high, 2)},
                       .reference = reference,
                       .tolerance_factor = kFunctionFactor});
    }
    for (float alpha : {0.2f, 0.0f, 1.5f, -0.5f}) {
      std::string name = label + " alpha " + std::to_string(alpha);
      cases.push_back({.op = "LeakyRelu",
                       .label = name,
                       .attrs = {{"alpha", alpha}},
                       .inputs = {uniform(shape, -6, 6)},
                       .reference = leaky_relu});
      cases.push_back({.op = "LeakyReluGrad",
                       .label = name,
                       .attrs = {{"alpha", alpha}},
                       .inputs = {uniform(shape), uniform(shape, -6, 6, 2)},
                       .reference = leaky_relu_grad});
    }
  }
  return cases;
}

Result<Tensors> run(const char* op, Tensor x) {
  return evaluate_op(op_table(), op, {}, std::vector<Tensor>{std::move(x)});
}

TEST(Activation, NanStaysNan) {
  for (const char* op : {"LeakyRelu", "Elu", "Selu", "Softplus", "Softsign"}) {
    auto y = run(op, Tensor::scalar<float>(NAN));

    ASSERT_TRUE(y.ok()) << y.status().to_string();
    EXPECT_TRUE(std::isnan((*y)[0].item<float>())) << op;
  }
}

TEST(Softplus, DoesNotOverflow) {
  auto y = run("Softplus", Tensor::from<float>({5}, {1000.0f, -1000.0f, INFINITY, -INFINITY, 3e38f}));

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  EXPECT_TRUE((*y)[0].identical_to(Tensor::from<float>({5}, {1000, 0, INFINITY, 0, 3e38f}))) << (*y)[0].to_string();
}

TEST(Elu, KeepsTheDigitsOfSmallNumbers) {
  auto y = run("Elu", Tensor::from<float>({3}, {-1e-10f, 1e-10f, -INFINITY}));

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  EXPECT_TRUE((*y)[0].identical_to(Tensor::from<float>({3}, {-1e-10f, 1e-10f, -1}))) << (*y)[0].to_string();
}

TEST(LeakyRelu, LeaksAFifthUnlessTold) {
  auto y = run("LeakyRelu", Tensor::from<float>({3}, {-5, 0, 5}));

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  EXPECT_TRUE((*y)[0].identical_to(Tensor::from<float>({3}, {-1, 0, 5}))) << (*y)[0].to_string();
}

TEST(LeakyReluGrad, NamesShapesThatDiffer) {
  auto y = evaluate_op(op_table(), "LeakyReluGrad", {}, std::vector<Tensor>{uniform({3}), uniform({4})});

  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.status().code(), Code::kInvalidArgument);
  for (const char* shape : {"[3]", "[4]"}) {
    EXPECT_NE(y.status().message().find(shape), std::string::npos) << y.status().message();
  }
}

}  // namespace
}  // namespace tarn::testing
