#include "ops/kernels/arithmetic.h"

#include <cmath>
#include <limits>

#include "tests/kernels/kernel_testing.h"

namespace tarn::kernels {
namespace {

using namespace testing;

float one_by_one(Arithmetic op, float a, float b) {
  switch (op) {
    case Arithmetic::kAdd: return a + b;
    case Arithmetic::kSubtract: return a - b;
    case Arithmetic::kMultiply: return a * b;
    case Arithmetic::kDivide: return a / b;
    case Arithmetic::kMaximum: return a > b || a != a ? a : b;
    case Arithmetic::kMinimum: return a < b || a != a ? a : b;
    case Arithmetic::kSquaredDifference: return (a - b) * (a - b);
  }
  return 0;
}

using Function = void (*)(const float*, int64_t, const float*, int64_t, float*, int64_t, Isa);
struct Row {
  Arithmetic op;
  Function function;
};
constexpr Row kAll[] = {{Arithmetic::kAdd, arithmetic<Arithmetic::kAdd>},
                        {Arithmetic::kSubtract, arithmetic<Arithmetic::kSubtract>},
                        {Arithmetic::kMultiply, arithmetic<Arithmetic::kMultiply>},
                        {Arithmetic::kDivide, arithmetic<Arithmetic::kDivide>},
                        {Arithmetic::kMaximum, arithmetic<Arithmetic::kMaximum>},
                        {Arithmetic::kMinimum, arithmetic<Arithmetic::kMinimum>},
                        {Arithmetic::kSquaredDifference, arithmetic<Arithmetic::kSquaredDifference>}};

bool same(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

TEST(Arithmetic, IsTheOperationOfEachElementOnEveryInstructionSet) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const std::vector<float> special = {0.0f, -0.0f, inf, -inf, nan, 1.0f, std::numeric_limits<float>::denorm_min()};
  std::vector<float> a = random_values<float>(200, 1), b = random_values<float>(200, 2);
  size_t at = 0;
  for (float x : special) {
    for (float y : special) a[at] = x, b[at++] = y;
  }
  for (Isa isa : available_isas()) {
    for (const auto& [op, function] : kAll) {
      for (int64_t n : {0, 1, 3, 4, 5, 15, 16, 17, 66}) {
        for (const auto& [a_step, b_step] : {std::pair{1, 1}, {1, 0}, {0, 1}, {0, 0}, {2, 1}, {1, 3}}) {
          std::vector<float> y(static_cast<size_t>(n) + 1, -77);
          function(a.data(), a_step, b.data(), b_step, y.data(), n, isa);
          for (int64_t i = 0; i < n; ++i) {
            const float expected =
                one_by_one(op, a[static_cast<size_t>(i * a_step)], b[static_cast<size_t>(i * b_step)]);
            ASSERT_TRUE(same(y[static_cast<size_t>(i)], expected))
                << isa_name(isa) << " op " << int(op) << " steps " << a_step << " " << b_step << " element " << i
                << ": " << y[static_cast<size_t>(i)] << ", expected " << expected;
          }
          EXPECT_EQ(y[static_cast<size_t>(n)], -77) << "nothing behind them is written";
        }
      }
      // In place, on either side.
      for (bool is_a : {true, false}) {
        std::vector<float> in_place = is_a ? a : b;
        const float* x = is_a ? in_place.data() : a.data();
        const float* z = is_a ? b.data() : in_place.data();
        function(x, 1, z, 1, in_place.data(), 200, isa);
        for (size_t i = 0; i < in_place.size(); ++i) ASSERT_TRUE(same(in_place[i], one_by_one(op, a[i], b[i])));
      }
    }
  }
}

}  // namespace
}  // namespace tarn::kernels
