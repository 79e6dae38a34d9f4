#include "ops/kernels/conv2d.h"

#include <string>
#include <vector>

#include "tests/kernels/kernel_testing.h"

namespace tarn::kernels {
namespace {

using namespace testing;

int64_t same_output(int64_t in, int64_t stride) {
  return (in + stride - 1) / stride;
}
int64_t same_padding(int64_t in, int64_t filter, int64_t stride, int64_t dilation) {
  return std::max<int64_t>(0, (same_output(in, stride) - 1) * stride + (filter - 1) * dilation + 1 - in);
}

Conv2DGeometry geometry(int64_t batch, int64_t h, int64_t w, int64_t c, int64_t filter_h, int64_t filter_w,
                        int64_t out_c, int64_t stride, int64_t dilation, bool same) {
  Conv2DGeometry g;
  g.batch = batch, g.in_h = h, g.in_w = w, g.in_c = c;
  g.filter_h = filter_h, g.filter_w = filter_w, g.out_c = out_c;
  g.stride_h = g.stride_w = stride;
  g.dilation_h = g.dilation_w = dilation;
  if (same) {
    g.out_h = same_output(h, stride), g.out_w = same_output(w, stride);
    g.pad_top = same_padding(h, filter_h, stride, dilation) / 2;
    g.pad_left = same_padding(w, filter_w, stride, dilation) / 2;
  } else {
    g.out_h = std::max<int64_t>(0, (h - (filter_h - 1) * dilation - 1) / stride + 1);
    g.out_w = std::max<int64_t>(0, (w - (filter_w - 1) * dilation - 1) / stride + 1);
  }
  return g;
}

std::string name(const Conv2DGeometry& g) {
  std::string text;
  for (int64_t v : {g.batch, g.in_h, g.in_w, g.in_c}) text += std::to_string(v) + ",";
  text += " filter ";
  for (int64_t v : {g.filter_h, g.filter_w, g.out_c}) text += std::to_string(v) + ",";
  return text + " stride " + std::to_string(g.stride_h) + "," + std::to_string(g.stride_w) + " dilation " +
         std::to_string(g.dilation_h) + " pad " + std::to_string(g.pad_top) + "," + std::to_string(g.pad_left);
}

std::vector<Conv2DGeometry> geometries() {
  std::vector<Conv2DGeometry> all = {
      geometry(3, 28, 28, 1, 3, 3, 32, 1, 1, false),  // Keras CNN, first layer
      geometry(2, 14, 14, 16, 5, 5, 40, 1, 1, true),  // Deep MNIST, second layer, narrower
      geometry(5, 28, 28, 1, 5, 5, 8, 1, 1, true),    // gathered windows, several groups
      geometry(2, 9, 31, 3, 3, 3, 17, 2, 1, true),    // stride 2, tile remainders
      geometry(1, 17, 12, 5, 3, 3, 33, 1, 2, true),   // dilated
      geometry(2, 13, 11, 4, 2, 3, 7, 3, 2, false),   // stride and dilation, no common factor
      geometry(2, 12, 12, 3, 3, 3, 5, 2, 2, true),    // … with a common factor: empty phases
      geometry(1, 8, 8, 6, 1, 1, 9, 2, 1, true),      // 1x1, stride 2: most of dx is zero
      geometry(4, 5, 5, 7, 1, 1, 35, 1, 1, false),    // 1x1: a matrix product
      geometry(6, 4, 5, 3, 4, 5, 10, 1, 1, false),    // the window is the image: a matrix product
      geometry(40, 3, 3, 2, 3, 3, 4, 1, 1, true),     // blocks that cross images
      geometry(1, 60, 150, 64, 3, 3, 2, 1, 1, true),  // several strips an image
      geometry(1, 1, 1, 2, 3, 3, 3, 1, 1, true),      // the window is mostly padding
      geometry(0, 6, 6, 2, 3, 3, 3, 1, 1, true),      // no images
      geometry(1, 2, 2, 2, 3, 3, 3, 1, 1, false),     // no output
  };
  Conv2DGeometry uneven = geometry(2, 10, 13, 3, 3, 2, 6, 1, 1, true);
  uneven.stride_h = 2, uneven.out_h = 6, uneven.pad_top = 2;  // explicit padding, different strides
  all.push_back(uneven);
  return all;
}

// Calls f(index of x, index of filter, index of y) for every product.
template <class F>
void for_each_product(const Conv2DGeometry& g, const F& f) {
  for (int64_t n = 0; n < g.batch; ++n) {
    for (int64_t i = 0; i < g.out_h; ++i) {
      for (int64_t j = 0; j < g.out_w; ++j) {
        for (int64_t h = 0; h < g.filter_h; ++h) {
          for (int64_t w = 0; w < g.filter_w; ++w) {
            const int64_t row = i * g.stride_h - g.pad_top + h * g.dilation_h;
            const int64_t column = j * g.stride_w - g.pad_left + w * g.dilation_w;
            if (row < 0 || row >= g.in_h || column < 0 || column >= g.in_w) continue;
            for (int64_t c = 0; c < g.in_c; ++c) {
              for (int64_t o = 0; o < g.out_c; ++o) {
                f(((n * g.in_h + row) * g.in_w + column) * g.in_c + c,
                  ((h * g.filter_w + w) * g.in_c + c) * g.out_c + o, ((n * g.out_h + i) * g.out_w + j) * g.out_c + o);
              }
            }
          }
        }
      }
    }
  }
}

template <class T>
struct Data {
  Conv2DGeometry g;
  std::vector<T> x, filter, dy, bias;

  explicit Data(const Conv2DGeometry& geometry)
      : g(geometry),
        x(random_values<T>(g.batch * g.in_h * g.in_w * g.in_c, 1)),
        filter(random_values<T>(g.filter_depth() * g.out_c, 2)),
        dy(random_values<T>(g.batch * g.out_h * g.out_w * g.out_c, 3)),
        bias(random_values<T>(g.out_c, 4)) {}

  Epilogue<T> epilogue() const { return {bias.data(), Activation::kRelu}; }

  std::vector<T> forward(int threads, Isa isa) const {
    ThreadPool pool(threads);
    Scratch scratch(conv2d_forward_scratch_bytes<T>(g, threads));
    std::vector<T> y(dy.size(), T(99));
    conv2d_forward<T>(pool, g, x.data(), filter.data(), y.data(), epilogue(), scratch.get(), isa);
    return y;
  }
  std::vector<T> forward_packed(int threads, Isa isa) const {
    ThreadPool pool(threads);
    Scratch memory(packed_matrix_bytes<T>(g.filter_depth(), g.out_c));
    Scratch scratch(conv2d_forward_packed_scratch_bytes<T>(g, threads));
    std::vector<T> y(dy.size(), T(99));
    const PackedMatrix<T> packed =
        pack_matrix<T>(false, g.filter_depth(), g.out_c, filter.data(), g.out_c, memory.get(), isa);
    conv2d_forward_packed<T>(pool, g, x.data(), packed, y.data(), epilogue(), scratch.get());
    return y;
  }
  std::vector<T> backward_input(int threads, Isa isa) const {
    ThreadPool pool(threads);
    Scratch scratch(conv2d_backward_input_scratch_bytes<T>(g, threads));
    std::vector<T> dx(x.size(), T(99));
    conv2d_backward_input<T>(pool, g, filter.data(), dy.data(), dx.data(), scratch.get(), isa);
    return dx;
  }
  std::vector<T> backward_filter(int threads, Isa isa) const {
    ThreadPool pool(threads);
    Scratch scratch(conv2d_backward_filter_scratch_bytes<T>(g, threads));
    std::vector<T> dfilter(filter.size(), T(99));
    conv2d_backward_filter<T>(pool, g, x.data(), dy.data(), dfilter.data(), scratch.get(), isa);
    return dfilter;
  }
};

template <class T>
class Conv2D : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Conv2D, Types);

TYPED_TEST(Conv2D, ForwardEqualsDoubleReference) {
  for (const Conv2DGeometry& g : geometries()) {
    const Data<TypeParam> data(g);
    std::vector<Expected> expected(data.dy.size());
    for_each_product(
        g, [&](int64_t x, int64_t f, int64_t y) { expected[y].add(double(data.x[x]) * double(data.filter[f])); });
    for (size_t i = 0; i < expected.size(); ++i) {
      expected[i].add(data.bias[i % g.out_c]);
      expected[i].value = std::max(0.0, expected[i].value);
    }
    for (Isa isa : isas_of<TypeParam>()) {
      const std::vector<TypeParam> y = data.forward(1, isa);
      expect_near_all(expected, y, name(g) + " " + isa_name(isa));
      EXPECT_TRUE(same_bits(y, data.forward_packed(2, isa))) << name(g) << " " << isa_name(isa);
    }
  }
}

TYPED_TEST(Conv2D, BackwardInputEqualsDoubleReference) {
  for (const Conv2DGeometry& g : geometries()) {
    const Data<TypeParam> data(g);
    std::vector<Expected> expected(data.x.size());
    for_each_product(
        g, [&](int64_t x, int64_t f, int64_t y) { expected[x].add(double(data.dy[y]) * double(data.filter[f])); });
    for (Isa isa : isas_of<TypeParam>()) {
      expect_near_all(expected, data.backward_input(1, isa), name(g) + " " + isa_name(isa));
    }
  }
}

TYPED_TEST(Conv2D, BackwardFilterEqualsDoubleReference) {
  for (const Conv2DGeometry& g : geometries()) {
    const Data<TypeParam> data(g);
    std::vector<Expected> expected(data.filter.size());
    for_each_product(g,
                     [&](int64_t x, int64_t f, int64_t y) { expected[f].add(double(data.x[x]) * double(data.dy[y])); });
    for (Isa isa : isas_of<TypeParam>()) {
      expect_near_all(expected, data.backward_filter(1, isa), name(g) + " " + isa_name(isa));
    }
  }
}

TYPED_TEST(Conv2D, BitsDoNotDependOnThreads) {
  for (Conv2DGeometry g : geometries()) {
    if (g.multiply_adds() == 0) continue;
    g.batch *= (2'000'000 + g.multiply_adds()) / g.multiply_adds();  // enough work that three threads share it
    const Data<TypeParam> data(g);
    for (Isa isa : isas_of<TypeParam>()) {
      for (int threads : {2, 3}) {
        EXPECT_TRUE(same_bits(data.forward(1, isa), data.forward(threads, isa))) << name(g) << " " << isa_name(isa);
        EXPECT_TRUE(same_bits(data.backward_input(1, isa), data.backward_input(threads, isa)))
            << name(g) << " " << isa_name(isa);
        EXPECT_TRUE(same_bits(data.backward_filter(1, isa), data.backward_filter(threads, isa)))
            << name(g) << " " << isa_name(isa);
      }
    }
  }
}

}  // namespace
}  // namespace tarn::kernels
