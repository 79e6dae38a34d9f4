#include "ops/kernels/softmax.h"

#include "tests/kernels/kernel_testing.h"

namespace tarn::kernels {
namespace {

using namespace testing;

struct Case {
  int64_t rows, columns;
};
const std::vector<Case> kCases = {{0, 5}, {3, 1}, {100, 10}, {7, 16}, {5, 37}, {2, 1000}, {4000, 10}};

// Rows around 80: e^80 is finite, but a sum of a thousand e^89 would not be.
template <class T>
std::vector<T> logits_of(const Case& t) {
  return random_values<T>(t.rows * t.columns, 1, 60, 100);
}

struct Row {
  std::vector<double> probability, log_probability;
};
template <class T>
Row reference_row(const T* x, int64_t n) {
  Row row;
  double largest = x[0], sum = 0;
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, double(x[i]));
  for (int64_t i = 0; i < n; ++i) sum += std::exp(x[i] - largest);
  for (int64_t i = 0; i < n; ++i) {
    row.log_probability.push_back(x[i] - largest - std::log(sum));
    row.probability.push_back(std::exp(row.log_probability.back()));
  }
  return row;
}

// e^x is good to 2 ulp, its argument x - max to half an ulp of up to 40 (relative error of the result: 40 * eps / 2),
// the sum to sqrt(columns) / 2 eps.
template <class T>
Expected probability_term(double value, int64_t columns) {
  Expected e{value, 0, columns};
  e.magnitude = std::abs(value) * 12 + double(std::numeric_limits<T>::min()) / std::numeric_limits<T>::epsilon();
  return e;
}
// A logarithm's absolute error is the sum's relative error, and its own rounding: values up to 40 + log(1000).
Expected log_term(double value, int64_t columns) {
  return {value, std::abs(value) + 1, columns};
}

template <class T>
class Softmax : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Softmax, Types);

TYPED_TEST(Softmax, SoftmaxAndLogSoftmaxEqualDoubleReference) {
  using T = TypeParam;
  for (const Case& t : kCases) {
    const std::vector<T> x = logits_of<T>(t);
    std::vector<Expected> probabilities, logs;
    for (int64_t r = 0; r < t.rows; ++r) {
      const Row row = reference_row(x.data() + r * t.columns, t.columns);
      for (int64_t i = 0; i < t.columns; ++i) {
        probabilities.push_back(probability_term<T>(row.probability[i], t.columns));
        logs.push_back(log_term(row.log_probability[i], t.columns));
      }
    }
    for (Isa isa : isas_of<T>()) {
      std::vector<T> one;
      for (int threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        const std::string what = std::to_string(t.rows) + "x" + std::to_string(t.columns) + " " + isa_name(isa);
        std::vector<T> y = x, z = x;  // in place
        softmax<T>(pool, t.rows, t.columns, y.data(), y.data(), isa);
        expect_near_all(probabilities, y, "softmax " + what);
        log_softmax<T>(pool, t.rows, t.columns, z.data(), z.data(), isa);
        expect_near_all(logs, z, "log_softmax " + what);
        y.insert(y.end(), z.begin(), z.end());
        if (threads == 1) one = y;
        EXPECT_TRUE(same_bits(one, y)) << what;
      }
    }
  }
}

TYPED_TEST(Softmax, CrossEntropyAndItsGradientEqualDoubleReference) {
  using T = TypeParam;
  for (const Case& t : kCases) {
    const std::vector<T> x = logits_of<T>(t);
    std::vector<T> labels = random_values<T>(t.rows * t.columns, 2, 0, 1);
    std::vector<int32_t> classes(t.rows);
    for (int64_t r = 0; r < t.rows; ++r) classes[r] = int32_t(r * 7 % t.columns);
    std::vector<Expected> loss, gradient, sparse_loss, sparse_gradient;
    for (int64_t r = 0; r < t.rows; ++r) {
      T total = 0;
      for (int64_t i = 0; i < t.columns; ++i) total += labels[r * t.columns + i];
      for (int64_t i = 0; i < t.columns; ++i) labels[r * t.columns + i] /= total;
      const Row row = reference_row(x.data() + r * t.columns, t.columns);
      Expected sum;
      for (int64_t i = 0; i < t.columns; ++i) {
        const double label = labels[r * t.columns + i];
        const Expected log_probability = log_term(row.log_probability[i], t.columns);
        sum.value -= label * log_probability.value;
        sum.magnitude += 2 * label * log_probability.magnitude;
        ++sum.terms;
        Expected g = probability_term<T>(row.probability[i], t.columns), s = g;
        g.value -= label, g.magnitude += label;
        s.value -= i == classes[r], s.magnitude += 1;
        gradient.push_back(g), sparse_gradient.push_back(s);
      }
      loss.push_back(sum);
      sparse_loss.push_back(log_term(-row.log_probability[classes[r]], t.columns));
    }
    const std::vector<int64_t> wide(classes.begin(), classes.end());
    for (Isa isa : isas_of<T>()) {
      std::vector<T> one;
      for (int threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        const std::string what = std::to_string(t.rows) + "x" + std::to_string(t.columns) + " " + isa_name(isa);
        std::vector<T> got_loss(t.rows, T(99)), got(x.size(), T(99));
        softmax_cross_entropy<T>(pool, t.rows, t.columns, x.data(), labels.data(), got_loss.data(), got.data(), isa);
        expect_near_all(loss, got_loss, "loss " + what);
        expect_near_all(gradient, got, "gradient " + what);
        std::vector<T> all = got;
        sparse_softmax_cross_entropy<T, int32_t>(pool, t.rows, t.columns, x.data(), classes.data(), got_loss.data(),
                                                 got.data(), isa);
        expect_near_all(sparse_loss, got_loss, "sparse loss " + what);
        expect_near_all(sparse_gradient, got, "sparse gradient " + what);
        all.insert(all.end(), got.begin(), got.end());
        sparse_softmax_cross_entropy<T, int64_t>(pool, t.rows, t.columns, x.data(), wide.data(), got_loss.data(),
                                                 got.data(), isa);
        EXPECT_TRUE(std::equal(got.begin(), got.end(), all.end() - int64_t(got.size()))) << what;
        if (threads == 1) one = all;
        EXPECT_TRUE(same_bits(one, all)) << what;
      }
    }
  }
}

TYPED_TEST(Softmax, MaskedLogitsGetNoProbabilityAndZeroLabelsNoLoss) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity();
  const std::vector<T> x = {-inf, T(1), T(1), -inf};
  const std::vector<T> labels = {0, T(0.5), T(0.5), 0};
  ThreadPool pool(1);
  for (Isa isa : isas_of<T>()) {
    std::vector<T> y(4), loss(1), gradient(4);
    softmax<T>(pool, 1, 4, x.data(), y.data(), isa);
    EXPECT_EQ(y, (std::vector<T>{0, T(0.5), T(0.5), 0})) << isa_name(isa);
    softmax_cross_entropy<T>(pool, 1, 4, x.data(), labels.data(), loss.data(), gradient.data(), isa);
    EXPECT_NEAR(loss[0], std::log(2.0), 1e-6) << isa_name(isa);  // a few float ulps of 0.69
    EXPECT_EQ(gradient, std::vector<T>(4)) << isa_name(isa);
  }
}

TYPED_TEST(Softmax, NanStaysInItsRow) {
  using T = TypeParam;
  for (int64_t columns : {3, 20, 40}) {
    for (int64_t at : {int64_t{0}, columns / 2, columns - 1}) {
      std::vector<T> x = random_values<T>(2 * columns, 1), y(2 * columns);
      x[at] = std::numeric_limits<T>::quiet_NaN();
      ThreadPool pool(1);
      for (Isa isa : isas_of<T>()) {
        softmax<T>(pool, 2, columns, x.data(), y.data(), isa);
        EXPECT_TRUE(std::isnan(y[at])) << isa_name(isa);
        EXPECT_TRUE(std::isnan(y[(at + 1) % columns])) << isa_name(isa);
        for (int64_t i = columns; i < 2 * columns; ++i) EXPECT_FALSE(std::isnan(y[i])) << isa_name(isa);
      }
    }
  }
}

TYPED_TEST(Softmax, LabelOutsideTheClassesMakesItsRowNan) {
  using T = TypeParam;
  const std::vector<T> x = random_values<T>(9, 1);
  const std::vector<int32_t> labels = {3, 1, -1};
  ThreadPool pool(1);
  for (Isa isa : isas_of<T>()) {
    std::vector<T> loss(3), gradient(9);
    sparse_softmax_cross_entropy<T, int32_t>(pool, 3, 3, x.data(), labels.data(), loss.data(), gradient.data(), isa);
    EXPECT_TRUE(std::isnan(loss[0]) && std::isnan(gradient[0]) && std::isnan(loss[2]) && std::isnan(gradient[8]));
    EXPECT_FALSE(std::isnan(loss[1]) || std::isnan(gradient[3]));
  }
}

}  // namespace
}  // namespace tarn::kernels
