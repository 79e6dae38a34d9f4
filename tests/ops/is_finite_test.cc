#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Tensor bools(const Tensor& x, bool (*f)(double)) {
  Tensor y = *Tensor::zeros(DType::kBool, x.shape());
  for (int64_t i = 0; i < x.element_count(); ++i) {
    y.mutable_flat<bool>()[static_cast<size_t>(i)] = f(x.flat<double>()[static_cast<size_t>(i)]);
  }
  return y;
}

TARN_OP_CASES(is_finite) {
  OpCases cases;
  struct Op {
    const char* name;
    bool (*f)(double);
  };
  // An infinity less itself is NaN, and so is NaN.
  for (const Op& op :
       {Op{"IsFinite", [](double x) { return x - x == 0; }}, Op{"IsInf", [](double x) { return x == x && x - x != 0; }},
        Op{"IsNan", [](double x) { return x != x; }}}) {
    auto reference = [f = op.f](const Tensors& in, const AttrMap&) { return Tensors{bools(in[0], f)}; };
    cases.push_back({.op = op.name,
                     .label = "one of each",
                     .inputs = {doubles({2, 4}, {0, 1, -2, INFINITY, -INFINITY, kNan, 1e-7, 60000})},
                     .reference = reference});
    cases.push_back({.op = op.name, .label = "scalar", .inputs = {doubles({}, {INFINITY})}, .reference = reference});
    cases.push_back({.op = op.name, .label = "empty", .inputs = {uniform({0, 2})}, .reference = reference});
  }
  return cases;
}

}  // namespace
}  // namespace tarn::testing
