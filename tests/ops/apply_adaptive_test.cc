// ApplyAdagrad, ApplyAdagradV2, ApplyRMSProp, ApplyCenteredRMSProp, ApplyFtrl, ApplyFtrlV2 and ApplyAdadelta,
// and their like on resource variables.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

double number(const Tensor& x) {
  return to_double(x).item<double>();
}

// Calls step(values of the variables, gradient), which changes the values, for each element. Returns var, then all
// variables, as references of Apply ops do.
template <class Step>
Tensors each_element(const Tensors& in, int variables, int grad, const Step& step) {
  Tensors after;
  for (int v = 0; v < variables; ++v) after.push_back(copy_of(in[static_cast<size_t>(v)]));
  std::span<const double> gradient = in[static_cast<size_t>(grad)].flat<double>();
  for (size_t i = 0; i < gradient.size(); ++i) {
    std::vector<double> values;
    for (Tensor& v : after) values.push_back(v.flat<double>()[i]);
    step(values, gradient[i]);
    for (size_t v = 0; v < after.size(); ++v) after[v].mutable_flat<double>()[i] = values[v];
  }
  Tensors result = {after[0]};
  result.insert(result.end(), after.begin(), after.end());
  return result;
}

Tensors adagrad(const Tensors& in, const AttrMap& attrs) {
  double lr = number(in[2]);
  return each_element(in, 2, 3, [&](std::vector<double>& v, double grad) {
    if (attrs.get<bool>("update_slots")) v[1] += grad * grad;
    v[0] -= lr * grad * std::pow(v[1], -0.5);
  });
}

Tensors adagrad_v2(const Tensors& in, const AttrMap& attrs) {
  double lr = number(in[2]), epsilon = number(in[3]);
  return each_element(in, 2, 4, [&](std::vector<double>& v, double grad) {
    if (attrs.get<bool>("update_slots")) v[1] += grad * grad;
    v[0] -= lr * grad / (std::pow(v[1], 0.5) + epsilon);
  });
}

Tensors rms_prop(const Tensors& in, const AttrMap&) {
  double lr = number(in[3]), rho = number(in[4]), momentum = number(in[5]), epsilon = number(in[6]);
  return each_element(in, 3, 7, [&](std::vector<double>& v, double grad) {
    v[1] = rho * v[1] + (1 - rho) * grad * grad;
    v[2] = momentum * v[2] + lr * grad / std::sqrt(v[1] + epsilon);
    v[0] -= v[2];
  });
}

Tensors centered_rms_prop(const Tensors& in, const AttrMap&) {
  double lr = number(in[4]), rho = number(in[5]), momentum = number(in[6]), epsilon = number(in[7]);
  return each_element(in, 4, 8, [&](std::vector<double>& v, double grad) {
    v[1] = rho * v[1] + (1 - rho) * grad;
    v[2] = rho * v[2] + (1 - rho) * grad * grad;
    v[3] = momentum * v[3] + lr * grad / std::sqrt(v[2] - v[1] * v[1] + epsilon);
    v[0] -= v[3];
  });
}

// McMahan et al. 2013, algorithm 1, with sigma = (n'^p - n^p) / lr. With multiply_linear_by_lr the variable holds
// lr * z.
Tensors ftrl_with(const Tensors& in, const AttrMap& attrs, double shrinkage, double power) {
  double lr = number(in[4]), l1 = number(in[5]), l2 = number(in[6]);
  double unit = attrs.get<bool>("multiply_linear_by_lr") ? lr : 1;
  return each_element(in, 3, 3, [&](std::vector<double>& v, double grad) {
    double before = std::pow(v[1], power), after = std::pow(v[1] + grad * grad, power);
    double z = v[2] / unit + grad + 2 * shrinkage * v[0] - (after - before) / lr * v[0];
    v[0] = std::fabs(z) <= l1 ? 0 : -(z - std::copysign(l1, z)) / (after / lr + 2 * l2);
    v[1] += grad * grad;
    v[2] = z * unit;
  });
}
Tensors ftrl(const Tensors& in, const AttrMap& attrs) {
  return ftrl_with(in, attrs, 0, -number(in[7]));
}
Tensors ftrl_v2(const Tensors& in, const AttrMap& attrs) {
  return ftrl_with(in, attrs, number(in[7]), -number(in[8]));
}

Tensors adadelta(const Tensors& in, const AttrMap&) {
  double lr = number(in[3]), rho = number(in[4]), epsilon = number(in[5]);
  return each_element(in, 3, 6, [&](std::vector<double>& v, double grad) {
    v[1] = rho * v[1] + (1 - rho) * grad * grad;
    double update = std::sqrt((v[2] + epsilon) / (v[1] + epsilon)) * grad;
    v[0] -= lr * update;
    v[2] = rho * v[2] + (1 - rho) * update * update;
  });
}

Tensor scalar(double value) {
  return doubles({}, {value});
}

// 1 - rho loses up to 4 bits of a float at rho = 0.9, as it does in TensorFlow; Ftrl subtracts powers that are close.
constexpr double kCancellation = 16;

TARN_OP_CASES(apply_adaptive) {
  OpCases cases;
  for (const Shape& shape : {Shape{3, 5}, Shape{}, Shape{0, 2}, Shape{5, 9001}}) {
    std::string label = shape.to_string();
    Tensor var = uniform(shape), grad = uniform(shape, -1, 1, 2);
    Tensor positive = uniform(shape, 0.5, 1, 3), small = uniform(shape, -0.3, 0.3, 4), any = uniform(shape, -1, 1, 5);
    auto add_case = [&](const char* op, std::string name, AttrMap attrs, Tensors inputs, auto reference,
                        std::vector<int> refs) {
      cases.push_back({.op = op,
                       .label = std::move(name),
                       .attrs = std::move(attrs),
                       .inputs = std::move(inputs),
                       .reference = reference,
                       .tolerance_factor = kCancellation,
                       .ref_inputs = std::move(refs)});
      cases.push_back(on_resources(cases.back()));
    };
    for (bool update_slots : {true, false}) {
      add_case("ApplyAdagrad", label + (update_slots ? "" : " slots kept"), {{"update_slots", update_slots}},
               {var, positive, scalar(0.1), grad}, adagrad, {0, 1});
      add_case("ApplyAdagradV2", label + (update_slots ? "" : " slots kept"), {{"update_slots", update_slots}},
               {var, positive, scalar(0.1), scalar(0.25), grad}, adagrad_v2, {0, 1});
    }
    add_case("ApplyRMSProp", label, {},
             {var, positive, any, scalar(0.01), scalar(0.9), scalar(0.5), scalar(1e-4), grad}, rms_prop, {0, 1, 2});
    add_case("ApplyCenteredRMSProp", label, {{"use_locking", true}},
             {var, small, positive, any, scalar(0.01), scalar(0.9), scalar(0.5), scalar(1e-4), grad}, centered_rms_prop,
             {0, 1, 2, 3});
    add_case("ApplyAdadelta", label, {},
             {var, positive, uniform(shape, 0.1, 1, 6), scalar(0.1), scalar(0.9), scalar(1e-4), grad}, adadelta,
             {0, 1, 2});
    for (bool multiply : {false, true}) {
      for (double power : {-0.5, -0.75}) {
        if (shape.dims().size() == 2 && shape.dim(1) > 100 && (multiply || power != -0.5)) continue;  // one is enough
        AttrMap attrs = {{"multiply_linear_by_lr", multiply}};
        std::string name = label + " lr_power " + std::to_string(power) + (multiply ? " multiplied" : "");
        add_case("ApplyFtrl", name, attrs,
                 {var, positive, any, grad, scalar(0.5), scalar(0.25), scalar(0.1), scalar(power)}, ftrl, {0, 1, 2});
        add_case("ApplyFtrlV2", name, attrs,
                 {var, positive, any, grad, scalar(0.5), scalar(0.25), scalar(0.1), scalar(0.2), scalar(power)},
                 ftrl_v2, {0, 1, 2});
      }
    }
  }
  return cases;
}

struct Ftrl {
  double lr = 0.1, l1 = 0, l2 = 0, lr_power = -0.5;
};

Status apply_ftrl(const Ftrl& o) {
  Variable var("w"), accum("w/accum"), linear("w/linear");
  for (Variable* v : {&var, &accum, &linear}) v->set_value(uniform({3}, 0.1, 1));
  std::vector<Variable*> variables = {&var, &accum, &linear};
  return evaluate_op(op_table(), "ApplyFtrl", {},
                     std::vector<Tensor>{var.value(), accum.value(), linear.value(), uniform({3}), scalar(o.lr),
                                         scalar(o.l1), scalar(o.l2), scalar(o.lr_power)},
                     {.variables = variables})
      .status();
}

TEST(ApplyFtrl, NamesTheNumberItRefuses) {
  EXPECT_TRUE(apply_ftrl({}).ok());
  const std::pair<const char*, Ftrl> refused[] = {{"'lr'", {.lr = 0}},
                                                  {"'lr'", {.lr = NAN}},
                                                  {"'l1'", {.l1 = -1}},
                                                  {"'l2'", {.l2 = -1}},
                                                  {"'lr_power'", {.lr_power = 0.5}}};
  for (const auto& [name, options] : refused) {
    Status status = apply_ftrl(options);

    EXPECT_EQ(status.code(), Code::kInvalidArgument) << name;
    EXPECT_NE(status.message().find(name), std::string::npos) << status.message();
  }
}

TEST(ApplyAdagrad, RefusesShapesThatDiffer) {
  Variable var("w"), accum("w/accum");
  var.set_value(uniform({3}));
  accum.set_value(uniform({4}, 0.1, 1));
  std::vector<Variable*> variables = {&var, &accum};

  auto step =
      evaluate_op(op_table(), "ApplyAdagrad", {},
                  std::vector<Tensor>{var.value(), accum.value(), scalar(0.1), uniform({3})}, {.variables = variables});

  ASSERT_FALSE(step.ok());
  EXPECT_NE(step.status().message().find("accum"), std::string::npos) << step.status().message();
}

}  // namespace
}  // namespace tarn::testing
