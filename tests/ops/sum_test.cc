// Sum, Mean, Prod, Max, Min, All, Any, L2Loss.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// Collects the elements that share an output, in order, and reduces each list.
template <class F>
Tensor reduce(const Tensor& x, const Tensor& axes, bool keep_dims, const F& f) {
  int rank = x.shape().rank();
  std::set<int64_t> reduced;
  std::vector<int64_t> named = *int_values(axes);
  for (int64_t axis : named) reduced.insert(axis < 0 ? axis + rank : axis);
  Shape shape;
  for (int i = 0; i < rank; ++i) {
    if (!reduced.contains(i)) {
      shape.add_dim(x.shape().dim(i));
    } else if (keep_dims) {
      shape.add_dim(1);
    }
  }
  Tensor y = *Tensor::zeros(DType::kDouble, shape);
  std::vector<std::vector<double>> lists(static_cast<size_t>(y.element_count()));
  Tensor wide = to_double(x);
  for (int64_t i = 0; i < x.element_count(); ++i) {
    int64_t rest = i, output = 0, stride = 1;
    for (int d = rank - 1; d >= 0; --d) {
      int64_t index = rest % x.shape().dim(d);
      rest /= x.shape().dim(d);
      if (reduced.contains(d)) continue;
      output += index * stride;
      stride *= x.shape().dim(d);
    }
    lists[static_cast<size_t>(output)].push_back(wide.flat<double>()[static_cast<size_t>(i)]);
  }
  for (size_t i = 0; i < lists.size(); ++i) y.mutable_flat<double>()[i] = f(lists[i]);
  return y;
}

using Values = std::vector<double>;

double sum(const Values& values) {
  double total = 0;
  for (double v : values) total += v;
  return total;
}
double product(const Values& values) {
  double total = 1;
  for (double v : values) total *= v;
  return total;
}

struct Reduction {
  const char* op;
  double (*f)(const Values&, bool whole);
};

const Reduction kReductions[] = {
    {"Sum", [](const Values& v, bool) { return sum(v); }},
    {"Mean",
     [](const Values& v, bool whole) {
       double mean = sum(v) / static_cast<double>(v.size());
       return whole ? std::trunc(mean) : mean;
     }},
    {"Prod", [](const Values& v, bool) { return product(v); }},
    {"Max", [](const Values& v, bool) { return *std::max_element(v.begin(), v.end()); }},
    {"Min", [](const Values& v, bool) { return *std::min_element(v.begin(), v.end()); }},
    {"All", [](const Values& v, bool) { return double(std::count(v.begin(), v.end(), 0.0) == 0); }},
    {"Any",
     [](const Values& v, bool) { return double(v.size() > static_cast<size_t>(std::count(v.begin(), v.end(), 0.0))); }},
};

Tensor axes(std::initializer_list<int32_t> values) {
  return ints({static_cast<int64_t>(values.size())}, values);
}

TARN_OP_CASES(reductions) {
  OpCases cases;
  for (const Reduction& reduction : kReductions) {
    bool is_boolean = reduction.op == std::string("All") || reduction.op == std::string("Any");
    bool is_product = reduction.op == std::string("Prod");
    auto add_case = [&](const char* label, const Shape& shape, Tensor reduced, bool keep_dims, double length) {
      // Products of many integers leave double's exact range, so they get few small ones.
      Tensor x = is_product ? map(uniform(shape, 1, 3), [](double v) { return std::floor(v); }) : uniform(shape);
      if (is_boolean) x = to_dtype(map(x, [](double v) { return v > -0.6 ? 1 : 0; }), DType::kBool);
      cases.push_back({.op = reduction.op,
                       .label = label,
                       .attrs = {{"keep_dims", keep_dims}},
                       .inputs = {x, std::move(reduced)},
                       .reference =
                           [f = reduction.f](const Tensors& in, const AttrMap& attrs) {
                             bool whole = attrs.contains("T") && dtype_is_integer(attrs.get<DType>("T"));
                             auto g = [&](const Values& values) { return f(values, whole); };
                             return Tensors{reduce(in[0], in[1], attrs.get<bool>("keep_dims"), g)};
                           },
                       .sum_length = length});
    };
    add_case("inner", {3, 5}, axes({1}), false, 5);
    add_case("outer", {3, 5}, axes({0}), false, 3);
    add_case("negative, kept", {2, 3, 4}, axes({-1}), true, 4);
    add_case("middle", {2, 3, 4}, axes({1}), false, 3);
    add_case("around", {2, 3, 4}, axes({2, 0}), false, 8);
    add_case("around, kept", {2, 3, 4}, axes({0, 2}), true, 8);
    add_case("alternating", {2, 3, 2, 3, 2}, axes({0, 2, 4}), false, 8);
    add_case("all", {2, 3, 2}, axes({0, 1, 2}), false, 12);
    add_case("scalar axis", {3, 4}, ints({}, {0}), false, 3);
    add_case("no axis", {2, 3}, axes({}), false, 1);
    add_case("scalar", {}, axes({}), false, 1);
    add_case("size 1", {1, 4, 1}, axes({0, 2}), false, 1);
    add_case("nothing left to give", {0, 3}, axes({1}), false, 3);
    if (is_product) continue;
    add_case("long rows", {3, 40000}, axes({1}), false, 40000);
    add_case("long columns", {9000, 5}, axes({0}), false, 9000);
    add_case("wide", {4, 20000}, axes({0}), false, 4);
  }
  auto l2_loss = [](const Tensors& in, const AttrMap&) {
    double total = 0;
    for (double v : in[0].flat<double>()) total += v * v / 2;
    return Tensors{doubles({}, {total})};
  };
  for (const Shape& shape : {Shape{}, Shape{7}, Shape{3, 50}, Shape{0, 2}}) {
    cases.push_back({.op = "L2Loss",
                     .label = shape.to_string(),
                     .inputs = {uniform(shape)},
                     .reference = l2_loss,
                     .sum_length = 1.0 + static_cast<double>(shape.elements())});
  }
  return cases;
}

Result<Tensors> run(const char* op, Tensor x, Tensor reduced, ThreadPool* threads = nullptr) {
  return evaluate_op(op_table(), op, {}, std::vector<Tensor>{std::move(x), std::move(reduced)}, {.threads = threads});
}

TEST(Reductions, OfNothingGiveTheNeutralElement) {
  Tensor nothing = Tensor::from<float>({2, 0}, {});
  float infinity = std::numeric_limits<float>::infinity();
  for (auto [op, expected] :
       {std::pair("Sum", 0.0f), std::pair("Prod", 1.0f), std::pair("Max", -infinity), std::pair("Min", infinity)}) {
    auto y = run(op, nothing, axes({1}));

    ASSERT_TRUE(y.ok()) << y.status().to_string();
    EXPECT_TRUE((*y)[0].identical_to(Tensor::from<float>({2}, {expected, expected}))) << op;
  }
  auto mean = run("Mean", nothing, axes({1}));
  ASSERT_TRUE(mean.ok()) << mean.status().to_string();
  EXPECT_TRUE(std::isnan((*mean)[0].flat<float>()[1]));
}

TEST(Reductions, MaxAndMinPassNan) {
  for (const char* op : {"Max", "Min"}) {
    for (std::initializer_list<float> values : {std::initializer_list<float>{NAN, 1, 2}, {1, NAN, 2}, {1, 2, NAN}}) {
      auto y = run(op, Tensor::from<float>({3}, values), axes({0}));

      ASSERT_TRUE(y.ok()) << y.status().to_string();
      EXPECT_TRUE(std::isnan((*y)[0].item<float>())) << op;
    }
  }
}

TEST(Reductions, IntegerSumsWrapAndMeansDoNot) {
  Tensor x = Tensor::from<uint8_t>({2}, {200, 100});

  auto total = run("Sum", x, axes({0}));
  auto mean = run("Mean", x, axes({0}));

  ASSERT_TRUE(total.ok() && mean.ok());
  EXPECT_EQ((*total)[0].item<uint8_t>(), 300 % 256);
  EXPECT_EQ((*mean)[0].item<uint8_t>(), 150);
}

TEST(Reductions, GiveTheSameBitsOnAnyNumberOfThreads) {
  Tensor x = to_dtype(uniform({64, 64, 33}), DType::kFloat);
  auto one = run("Sum", x, axes({0, 2}));
  ASSERT_TRUE(one.ok());
  for (int count : {2, 3, 4}) {
    ThreadPool threads(count);

    auto more = run("Sum", x, axes({0, 2}), &threads);

    ASSERT_TRUE(more.ok());
    EXPECT_TRUE((*more)[0].identical_to((*one)[0])) << count << " threads";
  }
}

TEST(Reductions, NameABadAxis) {
  auto outside = run("Sum", uniform({2, 3}), axes({9}));
  auto smallest = run("Max", uniform({2, 3}), axes({std::numeric_limits<int32_t>::min()}));
  auto twice = run("Mean", uniform({2, 3}), axes({1, -1}));

  ASSERT_FALSE(outside.ok() || smallest.ok() || twice.ok());
  EXPECT_NE(outside.status().message().find("axis 9 is not in [-2, 2)"), std::string::npos);
  EXPECT_NE(smallest.status().message().find("axis -2147483648"), std::string::npos);
  EXPECT_NE(twice.status().message().find("axis -1 is named twice"), std::string::npos);
}

TARN_OP_CASES(product_gradients) {
  auto reference = [](const Tensors& in, const AttrMap& attrs) {
    return Tensors{reduce(in[0], in[1], attrs.get<bool>("keep_dims"), [](const Values& v) { return product(v); })};
  };
  return {
      {.op = "Prod",
       .label = "with zeros",  // none, one and two in a column
       .inputs = {doubles({3, 3}, {1.5, 0, 0, -2, 3, 0, 0.5, 2, 4}), axes({0})},
       .reference = reference},
      {.op = "Prod",
       .label = "with a zero, all",
       .inputs = {doubles({4}, {1.5, 0, -2, 3}), axes({0})},
       .reference = reference},
  };
}

}  // namespace
}  // namespace tarn::testing
