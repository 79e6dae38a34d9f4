#include "ops/kernels/sigmoid.h"

#include <cstring>

#include "tests/kernels/kernel_testing.h"

namespace tarn::kernels {
namespace {

using namespace testing;

using Function = void (*)(ThreadPool&, int64_t, const float*, float*, Isa);

// Every 997th float of [-most, most]: all exponents.
std::vector<float> values_up_to(float most) {
  std::vector<float> x;
  for (uint32_t bits = 0;; bits += 997) {
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!(value <= most)) return x;
    x.push_back(value);
    x.push_back(-value);
  }
}

// The largest error in units of the last place of the true value rounded to float.
double worst_ulp(const std::vector<float>& x, const std::vector<float>& y, double (*truth_of)(double), double from) {
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] < from) continue;
    const double truth = truth_of(double(x[i]));
    const float rounded = std::abs(float(truth));
    const double ulp = double(std::nextafter(rounded, std::numeric_limits<float>::infinity())) - double(rounded);
    const double error = std::abs(double(y[i]) - truth) / ulp;
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

double true_sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}
double true_tanh(double x) {
  return std::tanh(x);
}

TEST(Sigmoid, IsWithinTheStatedUlpsOfTheTrueValue) {
  const std::vector<float> x = values_up_to(110);
  ThreadPool pool(1);
  std::vector<float> y(x.size());
  for (Isa isa : available_isas()) {
    sigmoid<float>(pool, int64_t(x.size()), x.data(), y.data(), isa);
    const double worst = worst_ulp(x, y, true_sigmoid, -87);
    EXPECT_LE(worst, 2.5) << isa_name(isa);
    RecordProperty(std::string("ulp_") + isa_name(isa), std::to_string(worst));
    for (size_t i = 0; i < x.size(); ++i) {
      if (x[i] >= -87) continue;
      ASSERT_LE(std::abs(double(y[i]) - true_sigmoid(double(x[i]))), 1.7e-38) << x[i];
    }
  }
}

TEST(Tanh, IsWithinTheStatedUlpsOfTheTrueValue) {
  const std::vector<float> x = values_up_to(100);
  ThreadPool pool(1);
  std::vector<float> y(x.size());
  for (Isa isa : available_isas()) {
    tarn::kernels::tanh<float>(pool, int64_t(x.size()), x.data(), y.data(), isa);
    const double worst = worst_ulp(x, y, true_tanh, -std::numeric_limits<double>::infinity());
    EXPECT_LE(worst, 1.5) << isa_name(isa);
    RecordProperty(std::string("ulp_") + isa_name(isa), std::to_string(worst));
  }
}

TEST(SigmoidAndTanh, EndsZerosAndNan) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {inf, -inf, 0.0f, -0.0f, std::nanf(""), 1e30f, -1e30f};
  const std::vector<float> sigmoids = {1, 0, 0.5f, 0.5f, 0, 1, 0}, tanhs = {1, -1, 0, -0.0f, 0, 1, -1};
  ThreadPool pool(1);
  for (Isa isa : available_isas()) {
    for (const auto& [function, expected] : {std::pair<Function, const std::vector<float>&>{sigmoid<float>, sigmoids},
                                             {tarn::kernels::tanh<float>, tanhs}}) {
      std::vector<float> y = x;  // in place
      function(pool, int64_t(y.size()), y.data(), y.data(), isa);
      EXPECT_TRUE(std::isnan(y[4])) << isa_name(isa);
      y[4] = 0;
      for (size_t i = 0; i < y.size(); ++i) {
        EXPECT_EQ(y[i], expected[i]) << isa_name(isa) << " of " << x[i];
        EXPECT_EQ(std::signbit(y[i]), std::signbit(expected[i])) << isa_name(isa) << " of " << x[i];
      }
    }
  }
}

TEST(SigmoidAndTanh, LengthsAndThreadsDoNotChangeBits) {
  for (Isa isa : available_isas()) {
    for (Function function : {Function(sigmoid<float>), Function(tarn::kernels::tanh<float>)}) {
      std::vector<float> x = random_values<float>(70'001, 1);
      for (float& value : x) value *= 8;
      ThreadPool one(1), three(3);
      std::vector<float> whole(x.size());
      function(one, int64_t(x.size()), x.data(), whole.data(), isa);
      std::vector<float> shared(x.size());
      function(three, int64_t(x.size()), x.data(), shared.data(), isa);
      EXPECT_TRUE(same_bits(whole, shared)) << isa_name(isa);
      for (int64_t n : {1, 3, 5, 15, 17, 33}) {
        std::vector<float> part(static_cast<size_t>(n));
        function(one, n, x.data(), part.data(), isa);
        EXPECT_TRUE(same_bits(part, std::vector<float>(whole.begin(), whole.begin() + n))) << isa_name(isa) << n;
      }
    }
  }
}

TEST(SigmoidAndTanh, OfDoublesAreTheLibrarys) {
  const std::vector<double> x = random_values<double>(101, 1);
  std::vector<double> y(x.size());
  ThreadPool pool(1);
  sigmoid<double>(pool, 101, x.data(), y.data());
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(y[i], true_sigmoid(x[i]), 4e-16);
  tarn::kernels::tanh<double>(pool, 101, x.data(), y.data());
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(y[i], std::tanh(x[i]), 4e-16);
}

}  // namespace
}  // namespace tarn::kernels
