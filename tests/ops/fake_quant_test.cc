// FakeQuantWithMinMaxArgs, …Vars, …VarsPerChannel and their gradient ops.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/ops/eager_gradient.h"
#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// Rounding has no derivative worth having: the gradient is that of moving x into the range, by the gradient op.
constexpr const char* kStraightThrough = "it passes straight through the rounding, where differences see steps";
TARN_OP_GRADIENT_TESTED_APART(FakeQuantWithMinMaxArgs, kStraightThrough);
TARN_OP_GRADIENT_TESTED_APART(FakeQuantWithMinMaxVars, kStraightThrough);
TARN_OP_GRADIENT_TESTED_APART(FakeQuantWithMinMaxVarsPerChannel, kStraightThrough);

// The values that codes stand for, one after another: (code - zero) * step, with `zero` the code nearest to value 0.
std::vector<double> steps_of(double min, double max, const AttrMap& attrs) {
  double lowest = attrs.get<bool>("narrow_range") ? 1 : 0;
  double highest = std::pow(2, static_cast<double>(attrs.get<int64_t>("num_bits"))) - 1;
  // The ops compute in float, and so are steps and zero: a zero that lies halfway must round alike.
  float step = static_cast<float>(max - min) / static_cast<float>(highest - lowest);
  float zero = static_cast<float>(lowest) - static_cast<float>(min) / step;
  zero = std::clamp(std::round(zero), static_cast<float>(lowest), static_cast<float>(highest));
  std::vector<double> values;
  for (double code = lowest; code <= highest; ++code) {
    values.push_back((code - static_cast<double>(zero)) * static_cast<double>(step));
  }
  return values;
}

double nearest(const std::vector<double>& values, double x) {
  return *std::min_element(values.begin(), values.end(),
                           [&](double a, double b) { return std::fabs(a - x) < std::fabs(b - x); });
}

struct Range {
  double min, max;
};
Range args_range(const AttrMap& attrs) {
  return {attrs.get<float>("min"), attrs.get<float>("max")};
}

Tensors args(const Tensors& in, const AttrMap& attrs) {
  Range range = args_range(attrs);
  std::vector<double> values = steps_of(range.min, range.max, attrs);
  return {map(in[0], [&](double x) { return nearest(values, x); })};
}

Tensors args_grad(const Tensors& in, const AttrMap& attrs) {
  Range range = args_range(attrs);
  std::vector<double> values = steps_of(range.min, range.max, attrs);
  return {map2(in[0], in[1], [&](double dy, double x) { return x < values.front() || x > values.back() ? 0 : dy; })};
}

// Channel i of n, of scalars too.
double of_channel(const Tensor& limit, int64_t i) {
  return limit.flat<double>()[limit.shape().rank() == 0 ? 0 : static_cast<size_t>(i)];
}
int64_t channels_of(const Tensors& in, size_t min) {
  return in[min].shape().rank() == 0 ? 1 : in[min].element_count();
}

Tensors vars(const Tensors& in, const AttrMap& attrs) {
  Tensor y = copy_of(in[0]);
  int64_t channels = channels_of(in, 1);
  for (int64_t channel = 0; channel < channels; ++channel) {
    std::vector<double> values = steps_of(of_channel(in[1], channel), of_channel(in[2], channel), attrs);
    for (int64_t i = channel; i < y.element_count(); i += channels) {
      double& v = y.mutable_flat<double>()[static_cast<size_t>(i)];
      v = nearest(values, v);
    }
  }
  return {y};
}

Tensors vars_grad(const Tensors& in, const AttrMap& attrs) {
  Tensor dx = copy_of(in[0]), dmin = *Tensor::zeros(DType::kDouble, in[2].shape()), dmax = copy_of(dmin);
  int64_t channels = channels_of(in, 2);
  for (int64_t channel = 0; channel < channels; ++channel) {
    std::vector<double> values = steps_of(of_channel(in[2], channel), of_channel(in[3], channel), attrs);
    auto k = static_cast<size_t>(channel);
    for (auto i = k; i < in[1].flat<double>().size(); i += static_cast<size_t>(channels)) {
      double x = in[1].flat<double>()[i], dy = in[0].flat<double>()[i];
      if (x < values.front()) dmin.mutable_flat<double>()[k] += dy;
      if (x > values.back()) dmax.mutable_flat<double>()[k] += dy;
      if (x < values.front() || x > values.back()) dx.mutable_flat<double>()[i] = 0;
    }
  }
  return {dx, dmin, dmax};
}

TARN_OP_CASES(fake_quant) {
  OpCases cases;
  struct Case {
    Shape shape;
    float min, max;
    int64_t bits;
    bool narrow;
  };
  // uniform() gives no value within rounding of the middle between two steps of these.
  const Case table[] = {{{3, 5}, -1, 1, 8, false},  {{}, -0.5f, 1.5f, 4, false},      {{2, 0}, -1, 1, 8, false},
                        {{7, 4}, 0, 6, 2, false},   {{3, 8}, -0.1f, 12.75f, 3, true}, {{2, 3, 4}, 0.5f, 2, 5, false},
                        {{4, 3}, -3, -1, 6, false}, {{5, 9001}, -1.3f, 1.1f, 5, true}};
  for (const Case& c : table) {
    std::string label = str_cat(c.shape.to_string(), " to [", c.min, ", ", c.max, "] in ", c.bits, " bits");
    AttrMap quant = {{"num_bits", c.bits}, {"narrow_range", c.narrow}};
    AttrMap with_range = quant;
    with_range.set("min", c.min);
    with_range.set("max", c.max);
    Tensor x = uniform(c.shape, -2, 3, 5), dy = uniform(c.shape, -1, 1, 2);
    Tensor min = doubles({}, {c.min}), max = doubles({}, {c.max});
    // A float step times up to 2^bits codes, twice rounded.
    constexpr double kRoundings = 4;
    cases.push_back({.op = "FakeQuantWithMinMaxArgs",
                     .label = label,
                     .attrs = with_range,
                     .inputs = {x},
                     .reference = args,
                     .tolerance_factor = kRoundings});
    cases.push_back({.op = "FakeQuantWithMinMaxArgsGradient",
                     .label = label,
                     .attrs = with_range,
                     .inputs = {dy, x},
                     .reference = args_grad});
    cases.push_back({.op = "FakeQuantWithMinMaxVars",
                     .label = label,
                     .attrs = quant,
                     .inputs = {x, min, max},
                     .reference = vars,
                     .tolerance_factor = kRoundings});
    cases.push_back({.op = "FakeQuantWithMinMaxVarsGradient",
                     .label = label,
                     .attrs = quant,
                     .inputs = {dy, x, min, max},
                     .reference = vars_grad});  // sums are kept in double
    if (c.shape.rank() == 0) continue;
    Shape channels = {c.shape.dim(c.shape.rank() - 1)};
    Tensor mins = uniform(channels, c.min - 0.2, c.min, 3), maxs = uniform(channels, c.max, c.max + 0.2, 4);
    cases.push_back({.op = "FakeQuantWithMinMaxVarsPerChannel",
                     .label = label,
                     .attrs = quant,
                     .inputs = {x, mins, maxs},
                     .reference = vars,
                     .tolerance_factor = kRoundings});
    cases.push_back({.op = "FakeQuantWithMinMaxVarsPerChannelGradient",
                     .label = label,
                     .attrs = quant,
                     .inputs = {dy, x, mins, maxs},
                     .reference = vars_grad});
  }
  return cases;
}

Result<Tensors> run(const char* op, const AttrMap& attrs, Tensors inputs) {
  return evaluate_op(op_table(), op, attrs, inputs);
}

TEST(FakeQuant, KeepsZeroExactly) {
  for (float min : {-0.1f, -1.0f / 3, 0.3f, -5.0f}) {
    auto y = run("FakeQuantWithMinMaxArgs", {{"min", min}, {"max", 0.7f}}, {Tensor::scalar(0.0f)});

    ASSERT_TRUE(y.ok()) << y.status().to_string();
    EXPECT_EQ((*y)[0].item<float>(), 0.0f) << min;
  }
}

TEST(FakeQuant, AnEmptyRangeAtZeroGivesZerosAndPassesGradients) {
  Tensor x = Tensor::from<float>({2}, {-1, 2}), zero = Tensor::scalar(0.0f);

  auto y = run("FakeQuantWithMinMaxVars", {}, {x, zero, zero});
  auto dx = run("FakeQuantWithMinMaxVarsGradient", {}, {x, x, zero, zero});

  ASSERT_TRUE(y.ok() && dx.ok());
  EXPECT_TRUE((*y)[0].identical_to(Tensor::from<float>({2}, {0, 0}))) << (*y)[0].to_string();
  EXPECT_TRUE((*dx)[0].identical_to(x)) << (*dx)[0].to_string();
  EXPECT_EQ((*dx)[1].item<float>(), 0.0f);
}

TEST(FakeQuant, RefusesBadAttrsAndShapes) {
  Tensor x = Tensor::from<float>({2, 2}, {1, 2, 3, 4}), scalar = Tensor::scalar(1.0f);
  Tensor two = Tensor::from<float>({2}, {1, 2}), three = Tensor::from<float>({3}, {1, 2, 3});
  auto code = [](const Result<Tensors>& result) { return result.status().code(); };

  EXPECT_EQ(code(run("FakeQuantWithMinMaxArgs", {{"num_bits", int64_t{1}}}, {x})), Code::kInvalidArgument);
  EXPECT_EQ(code(run("FakeQuantWithMinMaxArgs", {{"num_bits", int64_t{17}}}, {x})), Code::kInvalidArgument);
  EXPECT_EQ(code(run("FakeQuantWithMinMaxArgs", {{"min", 1.0f}, {"max", 1.0f}}, {x})), Code::kInvalidArgument);
  EXPECT_EQ(code(run("FakeQuantWithMinMaxArgs", {{"min", NAN}}, {x})), Code::kInvalidArgument);
  EXPECT_EQ(code(run("FakeQuantWithMinMaxVars", {}, {x, two, scalar})), Code::kInvalidArgument);
  EXPECT_EQ(code(run("FakeQuantWithMinMaxVarsPerChannel", {}, {x, two, three})), Code::kInvalidArgument);
  EXPECT_EQ(code(run("FakeQuantWithMinMaxVarsPerChannel", {}, {x, scalar, scalar})), Code::kInvalidArgument);
  EXPECT_EQ(code(run("FakeQuantWithMinMaxVarsPerChannel", {}, {scalar, scalar, scalar})), Code::kInvalidArgument);
}

// The gradient function is held to the reference of the gradient op.
TEST(FakeQuant, GradientIsThatOfClamping) {
  const std::pair<const char*, Tensors (*)(const Tensors&, const AttrMap&)> ops[] = {
      {"FakeQuantWithMinMaxArgs", args_grad},
      {"FakeQuantWithMinMaxVars", vars_grad},
      {"FakeQuantWithMinMaxVarsPerChannel", vars_grad}};
  for (const auto& [name, reference] : ops) {
    const OpRegistry::Op& op = *op_table().find(name);
    for (const OpCase* op_case : cases_of(name)) {
      Result<BoundCase> bound = bind_case(op, *op_case, DType::kInvalid);
      ASSERT_TRUE(bound.ok()) << bound.status().to_string();
      Result<Tensors> y = evaluate_node(op, "case", bound->attrs, bound->inputs);
      ASSERT_TRUE(y.ok()) << y.status().to_string();
      Tensor dy = to_dtype(uniform((*y)[0].shape(), -1, 1, 9), DType::kFloat);
      Tensors inputs = {to_double(dy)};
      for (const Tensor& input : bound->inputs) inputs.push_back(to_double(input));
      Tensors want = reference(inputs, bound->attrs);

      for (Known known : {Known::kValues, Known::kShapes, Known::kRanks}) {
        Result<Tensors> got = eager_gradient(op, *bound, *y, {dy}, known);

        ASSERT_TRUE(got.ok()) << name << ": " << got.status().to_string();
        ASSERT_EQ(got->size(), want.size());
        for (size_t i = 0; i < want.size(); ++i) {
          EXPECT_EQ(difference((*got)[i], to_dtype(want[i], DType::kFloat), 2 * dtype_epsilon(DType::kFloat)), "")
              << name << " '" << op_case->label << "', input " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace tarn::testing
