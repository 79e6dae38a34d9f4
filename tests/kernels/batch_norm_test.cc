#include "ops/kernels/batch_norm.h"

#include "tests/kernels/kernel_testing.h"

namespace tarn::kernels {
namespace {

using namespace testing;

struct Case {
  int64_t rows, channels;
  double center;  // of x: far from 0, a one-pass variance would cancel
};
const std::vector<Case> kCases = {{1, 3, 0}, {50, 5, 0}, {1000, 16, 100}, {3000, 37, -30}, {30'000, 8, 5}};
constexpr double kEpsilon = 1e-3;

template <class T>
class BatchNorm : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(BatchNorm, Types);

template <class T>
struct Results {
  std::vector<T> y, mean, variance, y_inference, dx, dscale, doffset, dx_inference, dscale_inference;

  std::vector<T> all() const {
    std::vector<T> joined;
    for (const auto* part : {&y, &mean, &variance, &y_inference, &dx, &dscale, &doffset, &dx_inference}) {
      joined.insert(joined.end(), part->begin(), part->end());
    }
    return joined;
  }
};

template <class T>
struct Data {
  Case t;
  std::vector<T> x, dy, scale, offset;
  explicit Data(const Case& test_case)
      : t(test_case),
        x(random_values<T>(t.rows * t.channels, 1, t.center - 1, t.center + 1)),
        dy(random_values<T>(t.rows * t.channels, 2)),
        scale(random_values<T>(t.channels, 3, 0.5, 2)),
        offset(random_values<T>(t.channels, 4)) {}

  Results<T> run(int threads, Isa isa) const {
    ThreadPool pool(threads);
    Results<T> r;
    for (auto* part : {&r.y, &r.y_inference, &r.dx, &r.dx_inference}) part->resize(x.size());
    for (auto* part : {&r.mean, &r.variance, &r.dscale, &r.doffset, &r.dscale_inference}) part->resize(t.channels);
    const T epsilon = T(kEpsilon);
    const size_t bytes = batch_norm_scratch_bytes<T>(t.rows, t.channels);
    Scratch a(bytes), b(bytes), c(bytes), d(bytes);
    batch_norm_train<T>(pool, t.rows, t.channels, x.data(), scale.data(), offset.data(), epsilon, r.y.data(),
                        r.mean.data(), r.variance.data(), a.get(), isa);
    batch_norm_inference<T>(pool, t.rows, t.channels, x.data(), scale.data(), offset.data(), r.mean.data(),
                            r.variance.data(), epsilon, r.y_inference.data(), b.get(), isa);
    batch_norm_backward<T>(pool, t.rows, t.channels, dy.data(), x.data(), scale.data(), r.mean.data(),
                           r.variance.data(), epsilon, r.dx.data(), r.dscale.data(), r.doffset.data(), c.get(), isa);
    batch_norm_inference_backward<T>(pool, t.rows, t.channels, dy.data(), x.data(), scale.data(), r.mean.data(),
                                     r.variance.data(), epsilon, r.dx_inference.data(), r.dscale_inference.data(),
                                     r.doffset.data(), d.get(), isa);
    return r;
  }
};

TYPED_TEST(BatchNorm, StatisticsOutputAndGradientsEqualDoubleReference) {
  using T = TypeParam;
  for (const Case& t : kCases) {
    const Data<T> data(t);
    const int64_t rows = t.rows, channels = t.channels;
    std::vector<Expected> mean(channels), variance(channels), dscale(channels), doffset(channels);
    std::vector<Expected> y(data.x.size()), dx(data.x.size()), dx_inference(data.x.size());
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t r = 0; r < rows; ++r) mean[c].add(double(data.x[r * channels + c]) / rows);
      for (int64_t r = 0; r < rows; ++r) {
        const double deviation = data.x[r * channels + c] - mean[c].value;
        variance[c].add(deviation * deviation / rows);
      }
      // An error e of the mean adds e^2; (x - mean) is exact to an ulp of x.
      variance[c].magnitude += 2 * std::abs(t.center) * std::sqrt(variance[c].value) / std::sqrt(double(rows)) +
                               std::pow(tolerance<T>(mean[c]), 2) / std::numeric_limits<T>::epsilon();
      const double inverse = 1 / std::sqrt(variance[c].value + kEpsilon);
      for (int64_t r = 0; r < rows; ++r) {
        const double dy = data.dy[r * channels + c];
        doffset[c].add(dy);
        dscale[c].add(dy * (data.x[r * channels + c] - mean[c].value) * inverse);
      }
      dscale[c].magnitude +=
          tolerance<T>(mean[c]) / std::numeric_limits<T>::epsilon() * inverse * std::abs(doffset[c].value);
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t i = r * channels + c;
        const double normalized = (data.x[i] - mean[c].value) * inverse;
        // An error of the mean shifts every normalized value.
        const double shift = tolerance<T>(mean[c]) / std::numeric_limits<T>::epsilon() * inverse;
        y[i] = {normalized * data.scale[c] + data.offset[c],
                std::abs(data.scale[c]) * (3 * std::abs(normalized) + shift) + std::abs(data.offset[c]), 2};
        const double factor = data.scale[c] * inverse;
        // A relative error of the variance halves in the factor.
        const double relative = 2 + tolerance<T>(variance[c]) / std::numeric_limits<T>::epsilon() * inverse * inverse;
        dx_inference[i] = {factor * data.dy[i], relative * std::abs(factor * data.dy[i]), 2};
        const double spread = relative * std::abs(normalized) + shift;
        dx[i] = {factor * (data.dy[i] - doffset[c].value / rows - normalized * dscale[c].value / rows),
                 relative * factor *
                     (std::abs(data.dy[i]) + doffset[c].magnitude / rows +
                      spread * (std::abs(dscale[c].value) + dscale[c].magnitude) / rows),
                 4};
      }
    }
    for (Isa isa : isas_of<T>()) {
      const Results<T> got = data.run(1, isa);
      const std::string what = std::to_string(rows) + "x" + std::to_string(channels) + " " + isa_name(isa);
      expect_near_all(mean, got.mean, "mean " + what);
      expect_near_all(variance, got.variance, "variance " + what);
      expect_near_all(y, got.y, "y " + what);
      EXPECT_TRUE(same_bits(got.y, got.y_inference)) << what;
      expect_near_all(doffset, got.doffset, "doffset " + what);
      expect_near_all(dscale, got.dscale, "dscale " + what);
      EXPECT_TRUE(same_bits(got.dscale, got.dscale_inference)) << what;
      expect_near_all(dx, got.dx, "dx " + what);
      expect_near_all(dx_inference, got.dx_inference, "dx, constant statistics " + what);
    }
  }
}

TYPED_TEST(BatchNorm, BitsDoNotDependOnThreads) {
  using T = TypeParam;
  for (const Case& t : kCases) {
    const Data<T> data(t);
    for (Isa isa : isas_of<T>()) {
      const std::vector<T> one = data.run(1, isa).all();
      EXPECT_TRUE(same_bits(one, data.run(2, isa).all())) << t.rows << " " << isa_name(isa);
      EXPECT_TRUE(same_bits(one, data.run(3, isa).all())) << t.rows << " " << isa_name(isa);
    }
  }
}

TYPED_TEST(BatchNorm, EmptyBatchGivesZeroStatistics) {
  using T = TypeParam;
  const Data<T> data(Case{0, 5, 0});
  for (Isa isa : isas_of<T>()) {
    const Results<T> got = data.run(2, isa);
    EXPECT_EQ(got.mean, std::vector<T>(5)) << isa_name(isa);
    EXPECT_EQ(got.variance, std::vector<T>(5)) << isa_name(isa);
    EXPECT_EQ(got.dscale, std::vector<T>(5)) << isa_name(isa);
  }
}

}  // namespace
}  // namespace tarn::kernels
