#include "ops/kernels/depthwise.h"

#include <string>

#include "tests/kernels/kernel_testing.h"

namespace tarn::kernels {
namespace {

using namespace testing;

DepthwiseGeometry geometry(int64_t batch, int64_t h, int64_t w, int64_t c, int64_t multiplier, int64_t filter,
                           int64_t stride, int64_t dilation, bool same) {
  DepthwiseGeometry g;
  g.batch = batch, g.in_h = h, g.in_w = w, g.in_c = c, g.multiplier = multiplier;
  g.filter_h = g.filter_w = filter;
  g.stride_h = g.stride_w = stride;
  g.dilation_h = g.dilation_w = dilation;
  const int64_t extent = (filter - 1) * dilation + 1;
  if (same) {
    g.out_h = (h + stride - 1) / stride, g.out_w = (w + stride - 1) / stride;
    g.pad_top = std::max<int64_t>(0, (g.out_h - 1) * stride + extent - h) / 2;
    g.pad_left = std::max<int64_t>(0, (g.out_w - 1) * stride + extent - w) / 2;
  } else {
    g.out_h = (h - extent) / stride + 1, g.out_w = (w - extent) / stride + 1;
  }
  return g;
}

std::vector<DepthwiseGeometry> geometries() {
  return {
      geometry(2, 14, 14, 64, 1, 3, 1, 1, true), geometry(2, 15, 17, 33, 1, 3, 2, 1, true),
      geometry(1, 11, 9, 5, 1, 5, 1, 1, false),  geometry(1, 12, 12, 20, 1, 3, 1, 2, true),
      geometry(2, 7, 8, 3, 4, 3, 2, 1, true),    geometry(1, 2, 2, 17, 1, 5, 1, 1, true),
      geometry(1, 60, 60, 32, 1, 3, 1, 1, true), geometry(0, 6, 6, 4, 1, 3, 1, 1, true),
      geometry(1, 6, 6, 4, 1, 1, 1, 1, false),   geometry(1, 9, 9, 2, 3, 2, 1, 3, false),
      geometry(1, 7, 7, 48, 1, 3, 1, 1, true),   geometry(2, 13, 23, 40, 1, 3, 2, 1, true),
      geometry(1, 16, 14, 16, 1, 3, 2, 1, true), geometry(1, 9, 11, 19, 1, 3, 1, 1, false),
      geometry(1, 64, 70, 40, 1, 3, 1, 1, true), geometry(1, 64, 70, 40, 1, 3, 2, 1, true),
  };
}

template <class T>
class Depthwise : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Depthwise, Types);

TYPED_TEST(Depthwise, EqualsDoubleReferenceOnEveryIsaAndThreadCount) {
  using T = TypeParam;
  for (const DepthwiseGeometry& g : geometries()) {
    const int64_t out_c = g.in_c * g.multiplier;
    const std::vector<T> x = random_values<T>(g.batch * g.in_h * g.in_w * g.in_c, 1);
    const std::vector<T> filter = random_values<T>(g.filter_h * g.filter_w * out_c, 2);
    const std::vector<T> bias = random_values<T>(out_c, 3);
    for (Activation activation : {Activation::kNone, Activation::kRelu6}) {
      std::vector<Expected> expected(g.batch * g.out_h * g.out_w * out_c);
      for (size_t index = 0; index < expected.size(); ++index) {
        const int64_t channel = int64_t(index) % out_c, j = int64_t(index) / out_c % g.out_w;
        const int64_t i = int64_t(index) / out_c / g.out_w % g.out_h, n = int64_t(index) / out_c / g.out_w / g.out_h;
        for (int64_t h = 0; h < g.filter_h; ++h) {
          for (int64_t w = 0; w < g.filter_w; ++w) {
            const int64_t row = i * g.stride_h - g.pad_top + h * g.dilation_h;
            const int64_t column = j * g.stride_w - g.pad_left + w * g.dilation_w;
            if (row < 0 || row >= g.in_h || column < 0 || column >= g.in_w) continue;
            expected[index].add(double(x[((n * g.in_h + row) * g.in_w + column) * g.in_c + channel / g.multiplier]) *
                                double(filter[(h * g.filter_w + w) * out_c + channel]));
          }
        }
        expected[index].add(bias[channel]);
        double& value = expected[index].value;
        if (activation == Activation::kRelu6) value = std::min(6.0, std::max(0.0, value));
      }
      for (Isa isa : isas_of<T>()) {
        std::vector<T> one;
        for (int threads : {1, 2, 3}) {
          ThreadPool pool(threads);
          std::vector<T> y(expected.size(), T(99));
          depthwise_conv2d<T>(pool, g, x.data(), filter.data(), y.data(), {bias.data(), activation}, isa);
          const std::string what = std::to_string(g.in_h) + "x" + std::to_string(g.in_w) + "x" +
                                   std::to_string(g.in_c) + " multiplier " + std::to_string(g.multiplier) + " " +
                                   isa_name(isa);
          expect_near_all(expected, y, what);
          if (threads == 1) one = y;
          EXPECT_TRUE(same_bits(one, y)) << what;
        }
      }
    }
  }
}

}  // namespace
}  // namespace tarn::kernels
