#include "ops/kernels/elementwise.h"

#include <functional>

#include "tests/kernels/kernel_testing.h"

namespace tarn::kernels {
namespace {

using namespace testing;

// Lengths around every vector width, and one that several threads share.
const std::vector<int64_t> kLengths = {0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 1000, 200'003};

template <class T>
class Elementwise : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Elementwise, Types);

// Runs `kernel` for every ISA, length and 1 to 3 threads; the bits of one thread are the bits of all.
template <class T>
void check(const std::function<void(ThreadPool&, int64_t, std::vector<T>&, Isa)>& kernel,
           const std::function<std::vector<Expected>(int64_t)>& reference) {
  for (int64_t n : kLengths) {
    const std::vector<Expected> expected = reference(n);
    for (Isa isa : isas_of<T>()) {
      std::vector<T> first;
      for (int threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        std::vector<T> out;
        kernel(pool, n, out, isa);
        expect_near_all(expected, out, "n=" + std::to_string(n) + " " + isa_name(isa));
        if (threads == 1) first = out;
        EXPECT_TRUE(same_bits(first, out)) << n << " " << isa_name(isa) << " threads " << threads;
      }
    }
  }
}

TYPED_TEST(Elementwise, ActivationsClampAndPassNan) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN(), inf = std::numeric_limits<T>::infinity();
  const std::vector<T> x = {T(-1), T(0), T(2.5), T(6), T(7), inf, -inf, nan, T(1)};
  const std::vector<T> relu = {0, 0, T(2.5), 6, 7, inf, 0, nan, 1};
  const std::vector<T> relu6 = {0, 0, T(2.5), 6, 6, 6, 0, nan, 1};
  ThreadPool pool(1);
  for (Isa isa : isas_of<T>()) {
    for (const auto& [activation, expected] :
         {std::pair{Activation::kNone, x}, {Activation::kRelu, relu}, {Activation::kRelu6, relu6}}) {
      std::vector<T> y(x.size());
      activate<T>(pool, activation, int64_t(x.size()), x.data(), y.data(), isa);
      for (size_t i = 0; i < x.size(); ++i) {
        EXPECT_TRUE(y[i] == expected[i] || (std::isnan(y[i]) && std::isnan(expected[i])))
            << isa_name(isa) << " element " << i << ": " << y[i] << " for " << x[i];
      }
    }
  }
}

TYPED_TEST(Elementwise, SumsAreActivated) {
  using T = TypeParam;
  for (Activation activation : {Activation::kNone, Activation::kRelu, Activation::kRelu6}) {
    const auto values = [](int64_t n, int seed) {
      std::vector<T> x = random_values<T>(n, seed);
      for (T& value : x) value *= 5;
      if (n > 2) x[1] = std::numeric_limits<T>::quiet_NaN();
      return x;
    };
    check<T>(
        [&](ThreadPool& pool, int64_t n, std::vector<T>& y, Isa isa) {
          const std::vector<T> x = values(n, 1);
          y = values(n, 2);
          add_and_activate<T>(pool, activation, n, x.data(), y.data(), isa);
          if (n <= 2) return;
          EXPECT_TRUE(std::isnan(y[1])) << "NaN passes";
          y[1] = 0;
        },
        [&](int64_t n) {
          const std::vector<T> x = values(n, 1), y = values(n, 2);
          std::vector<Expected> sums(static_cast<size_t>(n));
          for (size_t i = 0; i < sums.size(); ++i) {
            if (n > 2 && i == 1) continue;
            sums[i].add(y[i]);
            sums[i].add(x[i]);
            if (activation != Activation::kNone) sums[i].value = std::max(0.0, sums[i].value);
            if (activation == Activation::kRelu6) sums[i].value = std::min(6.0, sums[i].value);
          }
          return sums;
        });
  }
}

TYPED_TEST(Elementwise, ActivationGradientIsDyInsideTheOpenInterval) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity();
  const std::vector<T> x = {T(-1), T(0), T(2.5), T(6), T(7), inf, -inf, T(-3), T(1)};
  const std::vector<T> dy = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  const std::vector<T> relu = {0, 0, 3, 4, 5, 6, 0, 0, 9};
  const std::vector<T> relu6 = {0, 0, 3, 0, 0, 0, 0, 0, 9};
  ThreadPool pool(1);
  for (Isa isa : isas_of<T>()) {
    for (const auto& [activation, expected] :
         {std::pair{Activation::kNone, dy}, {Activation::kRelu, relu}, {Activation::kRelu6, relu6}}) {
      std::vector<T> dx = dy;  // in place
      activate_grad<T>(pool, activation, int64_t(x.size()), dx.data(), x.data(), dx.data(), isa);
      EXPECT_EQ(dx, expected) << isa_name(isa);
    }
  }
}

TEST(Exp, IsWithinTheStatedUlpsOfTheTrueValue) {
  // Every 997th float of [-104, 89]: all exponents, about four million values.
  std::vector<float> x;
  for (uint32_t bits = 0; bits < 0x42b20000; bits += 997) {
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    x.push_back(value);
    x.push_back(-value);
  }
  ThreadPool pool(1);
  std::vector<float> y(x.size());
  for (Isa isa : available_isas()) {
    exp<float>(pool, int64_t(x.size()), x.data(), y.data(), isa);
    double worst = 0;
    float worst_x = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double truth = std::exp(double(x[i]));
      if (truth > double(std::numeric_limits<float>::max())) continue;
      const float rounded = float(truth);
      const double ulp = double(std::nextafter(rounded, std::numeric_limits<float>::infinity())) - double(rounded);
      const double error = std::abs(double(y[i]) - truth) / ulp;
      if (!(error <= worst)) worst = error, worst_x = x[i];
    }
    EXPECT_LE(worst, isa == Isa::kPortable ? 2.0 : 1.0) << isa_name(isa) << " at x = " << worst_x;
    RecordProperty(std::string("ulp_") + isa_name(isa), std::to_string(worst));
  }
}

TEST(Exp, HandlesOverflowUnderflowAndNan) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {inf, 89.0f, 1e30f, -inf, -104.0f, -1e30f, 0.0f, -0.0f, std::nanf("")};
  ThreadPool pool(1);
  for (Isa isa : available_isas()) {
    std::vector<float> y(x.size());
    exp<float>(pool, int64_t(x.size()), x.data(), y.data(), isa);
    for (int i : {0, 1, 2}) EXPECT_EQ(y[i], inf) << isa_name(isa);
    for (int i : {3, 4, 5}) EXPECT_EQ(y[i], 0.0f) << isa_name(isa);
    for (int i : {6, 7}) EXPECT_EQ(y[i], 1.0f) << isa_name(isa);
    EXPECT_TRUE(std::isnan(y[8])) << isa_name(isa);
  }
}

TYPED_TEST(Elementwise, AxpyAddsInPlace) {
  using T = TypeParam;
  check<T>(
      [](ThreadPool& pool, int64_t n, std::vector<T>& out, Isa isa) {
        const std::vector<T> x = random_values<T>(n, 1);
        out = random_values<T>(n, 2);
        axpy<T>(pool, n, T(-0.25), x.data(), out.data(), isa);
      },
      [](int64_t n) {
        const std::vector<T> x = random_values<T>(n, 1), y = random_values<T>(n, 2);
        std::vector<Expected> expected(n);
        for (int64_t i = 0; i < n; ++i) expected[i].add(y[i]), expected[i].add(-0.25 * x[i]);
        return expected;
      });
}

TYPED_TEST(Elementwise, MomentumFollowsTensorFlow) {
  using T = TypeParam;
  for (bool nesterov : {false, true}) {
    const MomentumOptions<T> options{T(0.125), T(0.75), nesterov};
    check<T>(
        [&](ThreadPool& pool, int64_t n, std::vector<T>& out, Isa isa) {
          const std::vector<T> grad = random_values<T>(n, 1);
          std::vector<T> accum = random_values<T>(n, 2);
          out = random_values<T>(n, 3);
          momentum_update<T>(pool, n, options, grad.data(), accum.data(), out.data(), isa);
          out.insert(out.end(), accum.begin(), accum.end());
        },
        [&](int64_t n) {
          const std::vector<T> grad = random_values<T>(n, 1), accum = random_values<T>(n, 2);
          const std::vector<T> var = random_values<T>(n, 3);
          std::vector<Expected> expected(2 * n);
          for (int64_t i = 0; i < n; ++i) {
            expected[n + i].add(0.75 * accum[i]), expected[n + i].add(grad[i]);
            expected[i].add(var[i]);
            const double decay = nesterov ? 0.75 : 1;  // of the new accum: 0.75 * accum + grad
            if (nesterov) expected[i].add(-0.125 * grad[i]);
            expected[i].add(-0.125 * decay * 0.75 * accum[i]), expected[i].add(-0.125 * decay * grad[i]);
          }
          return expected;
        });
  }
}

TYPED_TEST(Elementwise, AdamFollowsTensorFlow) {
  using T = TypeParam;
  for (bool nesterov : {false, true}) {
    AdamOptions<T> options;
    options.beta1_power = T(0.81);
    options.beta2_power = T(0.998001);
    options.use_nesterov = nesterov;
    check<T>(
        [&](ThreadPool& pool, int64_t n, std::vector<T>& out, Isa isa) {
          const std::vector<T> grad = random_values<T>(n, 1);
          std::vector<T> m = random_values<T>(n, 2), v = random_values<T>(n, 3, 0.1, 1);
          out = random_values<T>(n, 4);
          adam_update<T>(pool, n, options, grad.data(), m.data(), v.data(), out.data(), isa);
          out.insert(out.end(), m.begin(), m.end());
          out.insert(out.end(), v.begin(), v.end());
        },
        [&](int64_t n) {
          const std::vector<T> grad = random_values<T>(n, 1), m = random_values<T>(n, 2);
          const std::vector<T> v = random_values<T>(n, 3, 0.1, 1), var = random_values<T>(n, 4);
          const double b1 = options.beta1, b2 = options.beta2;
          const double rate =
              options.learning_rate * std::sqrt(1 - double(options.beta2_power)) / (1 - double(options.beta1_power));
          std::vector<Expected> expected(3 * n);
          for (int64_t i = 0; i < n; ++i) {
            const double g = grad[i];
            expected[n + i].add(m[i]), expected[n + i].add(g * (1 - b1)), expected[n + i].add(-m[i] * (1 - b1));
            expected[2 * n + i].add(v[i]), expected[2 * n + i].add(g * g * (1 - b2));
            expected[2 * n + i].add(-v[i] * (1 - b2));
            const double first = m[i] + (g - m[i]) * (1 - b1);
            const double second = v[i] + (g * g - v[i]) * (1 - b2);
            const double direction = nesterov ? b1 * first + (1 - b1) * g : first;
            expected[i].add(var[i]);
            expected[i].add(-rate * direction / (std::sqrt(second) + double(options.epsilon)));
          }
          return expected;
        });
  }
}

TYPED_TEST(Elementwise, BiasAndColumnSumsEqualDoubleReference) {
  using T = TypeParam;
  struct Case {
    int64_t rows, columns;
  };
  for (const Case& t : {Case{0, 3}, {1, 1}, {7, 10}, {513, 33}, {5000, 64}, {100'001, 3}, {1030, 100}}) {
    const std::vector<T> x = random_values<T>(t.rows * t.columns, 1), bias = random_values<T>(t.columns, 2);
    std::vector<Expected> biased(x.size()), sums(t.columns);
    for (size_t i = 0; i < x.size(); ++i) {
      biased[i].add(x[i]), biased[i].add(bias[i % t.columns]);
      sums[i % t.columns].add(x[i]);
    }
    for (Isa isa : isas_of<T>()) {
      std::vector<T> one;
      for (int threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        const std::string what = std::to_string(t.rows) + "x" + std::to_string(t.columns) + " " + isa_name(isa);
        std::vector<T> y(x.size()), sum(t.columns);
        bias_add<T>(pool, t.rows, t.columns, x.data(), bias.data(), y.data(), isa);
        expect_near_all(biased, y, what);
        Scratch scratch(column_sums_scratch_bytes<T>(t.rows, t.columns));
        column_sums<T>(pool, t.rows, t.columns, x.data(), sum.data(), scratch.get(), isa);
        expect_near_all(sums, sum, what);
        if (threads == 1) one = sum;
        EXPECT_TRUE(same_bits(one, sum)) << what;
      }
    }
  }
}

}  // namespace
}  // namespace tarn::kernels
