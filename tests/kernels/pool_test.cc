#include "ops/kernels/pool.h"

#include <string>

#include "tests/kernels/kernel_testing.h"

namespace tarn::kernels {
namespace {

using namespace testing;

Pool2DGeometry geometry(int64_t batch, int64_t h, int64_t w, int64_t c, int64_t window, int64_t stride, bool same) {
  Pool2DGeometry g;
  g.batch = batch, g.in_h = h, g.in_w = w, g.channels = c;
  g.window_h = g.window_w = window;
  g.stride_h = g.stride_w = stride;
  if (same) {
    g.out_h = (h + stride - 1) / stride, g.out_w = (w + stride - 1) / stride;
    g.pad_top = std::max<int64_t>(0, (g.out_h - 1) * stride + window - h) / 2;
    g.pad_left = std::max<int64_t>(0, (g.out_w - 1) * stride + window - w) / 2;
  } else {
    g.out_h = (h - window) / stride + 1, g.out_w = (w - window) / stride + 1;
  }
  return g;
}

std::vector<Pool2DGeometry> geometries() {
  std::vector<Pool2DGeometry> all = {
      geometry(3, 28, 28, 32, 2, 2, true),    // Deep MNIST
      geometry(40, 24, 24, 64, 2, 2, false),  // Keras CNN; several threads
      geometry(2, 7, 9, 5, 2, 2, true),       // the last window is clipped
      geometry(2, 7, 9, 17, 2, 2, false),     // the last column lies in no window
      geometry(2, 13, 11, 3, 3, 2, true),     // windows overlap
      geometry(1, 6, 6, 20, 3, 1, true),      // overlap by two
      geometry(1, 9, 9, 4, 2, 3, false),      // gaps
      geometry(2, 5, 4, 6, 1, 1, false),      // identity
      geometry(0, 4, 4, 3, 2, 2, false),      // no images
  };
  Pool2DGeometry whole = geometry(2, 7, 5, 33, 1, 1, false);
  whole.window_h = 7, whole.window_w = 5, whole.out_h = whole.out_w = 1;
  all.push_back(whole);
  return all;
}

std::string name(const Pool2DGeometry& g) {
  std::string text;
  for (int64_t v : {g.batch, g.in_h, g.in_w, g.channels, g.window_h, g.stride_h, g.pad_top}) {
    text += std::to_string(v) + ",";
  }
  return text;
}

// Calls f(index of y, indices of the window's cells in scan order).
template <class F>
void for_each_window(const Pool2DGeometry& g, const F& f) {
  for (int64_t n = 0; n < g.batch; ++n) {
    for (int64_t i = 0; i < g.out_h; ++i) {
      for (int64_t j = 0; j < g.out_w; ++j) {
        for (int64_t c = 0; c < g.channels; ++c) {
          std::vector<int64_t> cells;
          for (int64_t h = 0; h < g.window_h; ++h) {
            for (int64_t w = 0; w < g.window_w; ++w) {
              const int64_t row = i * g.stride_h - g.pad_top + h, column = j * g.stride_w - g.pad_left + w;
              if (row < 0 || row >= g.in_h || column < 0 || column >= g.in_w) continue;
              cells.push_back(((n * g.in_h + row) * g.in_w + column) * g.channels + c);
            }
          }
          f(((n * g.out_h + i) * g.out_w + j) * g.channels + c, cells);
        }
      }
    }
  }
}

template <class T>
struct Data {
  std::vector<T> x, y, dy;
  explicit Data(const Pool2DGeometry& g)
      : x(random_values<T>(g.batch * g.in_h * g.in_w * g.channels, 1)),
        y(g.batch * g.out_h * g.out_w * g.channels),
        dy(random_values<T>(int64_t(y.size()), 2)) {
    for (T& value : x) value = std::round(value * 2) / 2;  // few values: windows with equal maxima
  }
};

template <class T>
class Pool2D : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Pool2D, Types);

TYPED_TEST(Pool2D, MaxAndItsGradientToTheFirstMaximum) {
  using T = TypeParam;
  for (const Pool2DGeometry& g : geometries()) {
    const Data<T> data(g);
    std::vector<T> expected(data.y.size());
    std::vector<Expected> expected_dx(data.x.size());
    for_each_window(g, [&](int64_t y, const std::vector<int64_t>& cells) {
      int64_t best = cells[0];
      for (int64_t cell : cells) {
        if (data.x[cell] > data.x[best]) best = cell;
      }
      expected[y] = data.x[best];
      expected_dx[best].add(data.dy[y]);
    });
    for (Isa isa : isas_of<T>()) {
      std::vector<T> one;
      for (int threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        std::vector<T> y(data.y.size(), T(99)), dx(data.x.size(), T(99));
        max_pool<T>(pool, g, data.x.data(), y.data(), isa);
        EXPECT_EQ(y, expected) << name(g) << " " << isa_name(isa);
        max_pool_backward<T>(pool, g, data.x.data(), y.data(), data.dy.data(), dx.data(), isa);
        expect_near_all(expected_dx, dx, name(g) + " " + isa_name(isa));
        if (threads == 1) one = dx;
        EXPECT_TRUE(same_bits(one, dx)) << name(g) << " " << isa_name(isa);
      }
    }
  }
}

TYPED_TEST(Pool2D, AverageCountsOnlyCellsInside) {
  using T = TypeParam;
  for (const Pool2DGeometry& g : geometries()) {
    const Data<T> data(g);
    std::vector<Expected> expected(data.y.size()), expected_dx(data.x.size());
    for_each_window(g, [&](int64_t y, const std::vector<int64_t>& cells) {
      for (int64_t cell : cells) {
        expected[y].add(data.x[cell] / double(cells.size()));
        expected_dx[cell].add(data.dy[y] / double(cells.size()));
      }
    });
    for (Isa isa : isas_of<T>()) {
      std::vector<T> one;
      for (int threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        std::vector<T> y(data.y.size(), T(99)), dx(data.x.size(), T(99));
        average_pool<T>(pool, g, data.x.data(), y.data(), isa);
        expect_near_all(expected, y, name(g) + " " + isa_name(isa));
        average_pool_backward<T>(pool, g, data.dy.data(), dx.data(), isa);
        expect_near_all(expected_dx, dx, name(g) + " " + isa_name(isa));
        y.insert(y.end(), dx.begin(), dx.end());
        if (threads == 1) one = y;
        EXPECT_TRUE(same_bits(one, y)) << name(g) << " " << isa_name(isa);
      }
    }
  }
}

}  // namespace
}  // namespace tarn::kernels
