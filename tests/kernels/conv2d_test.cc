#include "ops/kernels/conv2d.h"

#include <string>
#include <vector>

#include "ops/kernels/winograd.h"
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
std::string name(const Conv2DGeometry& g, ConvAlgorithm algorithm, Isa isa) {
  constexpr const char* kNames[] = {" auto ", " direct ", " winograd "};
  return name(g) + kNames[static_cast<int>(algorithm)] + isa_name(isa);
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

// What Winograd's algorithm covers, for both paths.
std::vector<Conv2DGeometry> winograd_geometries() {
  std::vector<Conv2DGeometry> all = {
      geometry(2, 26, 26, 32, 3, 3, 64, 1, 1, false),  // Keras CNN, second layer
      geometry(1, 30, 23, 16, 3, 3, 16, 1, 1, true),   // the fewest channels that are chosen
      geometry(1, 32, 32, 32, 3, 3, 48, 1, 1, true),
      geometry(4, 18, 17, 16, 3, 3, 32, 1, 1, false),   // corners of dx are single taps
      geometry(12, 14, 14, 16, 3, 3, 40, 1, 1, true),   // blocks that cross images
      geometry(2, 9, 31, 3, 3, 3, 17, 1, 1, true),      // few channels, no multiple of a vector
      geometry(1, 7, 10, 37, 3, 3, 33, 1, 1, false),    // partial tiles both ways
      geometry(5, 5, 5, 1, 3, 3, 1, 1, 1, false),       // less than a tile of output
      geometry(40, 3, 3, 2, 3, 3, 4, 1, 1, true),       // no tile lies inside its image
      geometry(1, 1, 1, 2, 3, 3, 3, 1, 1, true),        // one pixel
      geometry(1, 1, 33, 20, 3, 3, 18, 1, 1, true),     // one row
      geometry(1, 48, 48, 5, 3, 3, 31, 1, 1, true),     // several groups of partial sums in one image
      geometry(1, 6, 5, 256, 3, 3, 20, 1, 1, true),     // channels whose rows are set apart
      geometry(1, 12, 12, 272, 3, 3, 260, 1, 1, true),  // one group of partial sums, which threads share by points
      geometry(2, 14, 14, 32, 5, 5, 64, 1, 1, true),    // Deep MNIST, second layer
      geometry(1, 31, 22, 16, 5, 5, 16, 1, 1, true),    // the fewest channels that are chosen
      geometry(1, 20, 20, 32, 5, 5, 48, 1, 1, true),
      geometry(3, 13, 12, 16, 5, 5, 33, 1, 1, false),  // corners of dx are single taps
      geometry(2, 9, 31, 3, 5, 5, 17, 1, 1, true),     // few channels, no multiple of a vector
      geometry(40, 3, 3, 2, 5, 5, 4, 1, 1, true),      // no tile lies inside its image
      geometry(1, 1, 33, 20, 5, 5, 18, 1, 1, true),    // one row
  };
  Conv2DGeometry beyond = geometry(2, 10, 13, 19, 3, 3, 6, 1, 1, false);
  beyond.pad_top = 5, beyond.out_h += 6;  // the first rows and columns see padding alone
  beyond.pad_left = 3, beyond.out_w += 4;
  all.push_back(beyond);
  return all;
}

struct Case {
  Conv2DGeometry g;
  ConvAlgorithm algorithm;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Conv2DGeometry& g : geometries()) all.push_back({g, ConvAlgorithm::kAuto});
  for (const Conv2DGeometry& g : winograd_geometries()) {
    for (ConvAlgorithm algorithm : {ConvAlgorithm::kDirect, ConvAlgorithm::kWinograd}) all.push_back({g, algorithm});
  }
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
  ConvAlgorithm algorithm;
  std::vector<T> x, filter, dy, bias, residual;  // the last is not added unless it is told to

  explicit Data(const Case& c)
      : g(c.g),
        algorithm(c.algorithm),
        x(random_values<T>(g.batch * g.in_h * g.in_w * g.in_c, 1)),
        filter(random_values<T>(g.filter_depth() * g.out_c, 2)),
        dy(random_values<T>(g.batch * g.out_h * g.out_w * g.out_c, 3)),
        bias(random_values<T>(g.out_c, 4)) {}

  Epilogue<T> epilogue() const {
    return {bias.data(), Activation::kRelu, residual.empty() ? nullptr : residual.data()};
  }

  std::vector<T> forward(int threads, Isa isa) const {
    ThreadPool pool(threads);
    Scratch scratch(conv2d_forward_scratch_bytes<T>(g, threads, algorithm));
    std::vector<T> y(dy.size(), T(99));
    conv2d_forward<T>(pool, g, x.data(), filter.data(), y.data(), epilogue(), scratch.get(), isa, algorithm);
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
    Scratch scratch(conv2d_backward_input_scratch_bytes<T>(g, threads, algorithm));
    std::vector<T> dx(x.size(), T(99));
    conv2d_backward_input<T>(pool, g, filter.data(), dy.data(), dx.data(), scratch.get(), isa, algorithm);
    return dx;
  }
  std::vector<T> backward_filter(int threads, Isa isa) const {
    ThreadPool pool(threads);
    Scratch scratch(conv2d_backward_filter_scratch_bytes<T>(g, threads, algorithm));
    std::vector<T> dfilter(filter.size(), T(99));
    conv2d_backward_filter<T>(pool, g, x.data(), dy.data(), dfilter.data(), scratch.get(), isa, algorithm);
    return dfilter;
  }
};

// An output of Winograd's algorithm shares the rounding errors of its block (or, in dfilter, of all taps), where
// a neighbour may have many more terms: the tolerance of each is that of the largest. The library chooses the algorithm
// only where that is not needed (…_pays), and there each element has to stay within the tolerance of its own terms.
std::vector<Expected> widen_to_tiles(std::vector<Expected> expected, int64_t h, int64_t w, int64_t c, int64_t size) {
  const int64_t images = static_cast<int64_t>(expected.size()) / (h * w * c);
  const int64_t rows = (h + size - 1) / size, columns = (w + size - 1) / size;
  for (int64_t i = 0; i < images * rows * columns * c; ++i) {
    const int64_t channel = i % c, tile_w = i / c % columns, tile_row = i / c / columns;
    const int64_t image = tile_row / rows, tile_h = tile_row % rows;
    const auto for_each = [&](const auto& f) {
      for (int64_t row = tile_h * size; row < std::min(h, (tile_h + 1) * size); ++row) {
        for (int64_t column = tile_w * size; column < std::min(w, (tile_w + 1) * size); ++column) {
          f(expected[((image * h + row) * w + column) * c + channel]);
        }
      }
    };
    Expected largest;
    for_each([&](const Expected& e) {
      largest.magnitude = std::max(largest.magnitude, e.magnitude);
      largest.terms = std::max(largest.terms, e.terms);
    });
    for_each([&](Expected& e) { e.magnitude = largest.magnitude, e.terms = largest.terms; });
  }
  return expected;
}
// `pays` is only given in float: what the library may choose.
bool shares_errors(const Case& c, bool pays) {
  return c.algorithm == ConvAlgorithm::kWinograd && !pays;
}

// The references: each element with its terms.
template <class T>
std::vector<Expected> expected_forward(const Data<T>& data) {
  std::vector<Expected> expected(data.dy.size());
  for_each_product(
      data.g, [&](int64_t x, int64_t f, int64_t y) { expected[y].add(double(data.x[x]) * double(data.filter[f])); });
  for (size_t i = 0; i < expected.size(); ++i) {
    expected[i].add(data.bias[i % data.g.out_c]);
    if (!data.residual.empty()) expected[i].add(data.residual[i]);
    expected[i].value = std::max(0.0, expected[i].value);
  }
  return expected;
}
template <class T>
std::vector<Expected> expected_backward_input(const Data<T>& data) {
  std::vector<Expected> expected(data.x.size());
  for_each_product(
      data.g, [&](int64_t x, int64_t f, int64_t y) { expected[x].add(double(data.dy[y]) * double(data.filter[f])); });
  return expected;
}
template <class T>
std::vector<Expected> expected_backward_filter(const Data<T>& data) {
  std::vector<Expected> expected(data.filter.size());
  for_each_product(data.g,
                   [&](int64_t x, int64_t f, int64_t y) { expected[f].add(double(data.x[x]) * double(data.dy[y])); });
  return expected;
}

template <class T>
class Conv2D : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Conv2D, Types);

// Directly: Winograd's callers add afterwards.
TYPED_TEST(Conv2D, AResidualIsAddedBeforeTheActivation) {
  for (const Case& c : cases()) {
    if (c.algorithm == ConvAlgorithm::kWinograd) continue;
    Data<TypeParam> data(c);
    data.algorithm = ConvAlgorithm::kDirect;
    data.residual = random_values<TypeParam>(static_cast<int64_t>(data.dy.size()), 5);
    const std::vector<Expected> expected = expected_forward(data);
    for (Isa isa : isas_of<TypeParam>()) {
      const std::vector<TypeParam> y = data.forward(1, isa);
      expect_near_all(expected, y, std::string("residual ") + isa_name(isa));
      EXPECT_TRUE(same_bits(y, data.forward(3, isa))) << isa_name(isa);
      EXPECT_TRUE(same_bits(y, data.forward_packed(2, isa))) << isa_name(isa);
    }
  }
}

TYPED_TEST(Conv2D, ForwardEqualsDoubleReference) {
  for (const Case& c : cases()) {
    const Data<TypeParam> data(c);
    std::vector<Expected> expected = expected_forward(data);
    const bool pays = std::is_same_v<TypeParam, float> && winograd_forward_pays(c.g);
    if (shares_errors(c, pays)) expected = widen_to_tiles(expected, c.g.out_h, c.g.out_w, c.g.out_c, 7 - c.g.filter_h);
    for (Isa isa : isas_of<TypeParam>()) {
      const std::vector<TypeParam> y = data.forward(1, isa);
      expect_near_all(expected, y, name(c.g, c.algorithm, isa));
      if (c.algorithm == ConvAlgorithm::kWinograd || (c.algorithm == ConvAlgorithm::kAuto && pays)) continue;
      EXPECT_TRUE(same_bits(y, data.forward_packed(2, isa))) << name(c.g, c.algorithm, isa);
    }
  }
}

TYPED_TEST(Conv2D, BackwardInputEqualsDoubleReference) {
  for (const Case& c : cases()) {
    const Data<TypeParam> data(c);
    std::vector<Expected> expected = expected_backward_input(data);
    const bool pays = std::is_same_v<TypeParam, float> && winograd_backward_input_pays(c.g);
    if (shares_errors(c, pays)) expected = widen_to_tiles(expected, c.g.in_h, c.g.in_w, c.g.in_c, 7 - c.g.filter_h);
    for (Isa isa : isas_of<TypeParam>()) {
      expect_near_all(expected, data.backward_input(1, isa), name(c.g, c.algorithm, isa));
    }
  }
}

TYPED_TEST(Conv2D, BackwardFilterEqualsDoubleReference) {
  for (const Case& c : cases()) {
    const Data<TypeParam> data(c);
    std::vector<Expected> expected = expected_backward_filter(data);
    const bool pays = std::is_same_v<TypeParam, float> && winograd_backward_filter_pays(c.g);
    if (shares_errors(c, pays)) {
      expected = widen_to_tiles(expected, c.g.filter_h, c.g.filter_w, c.g.in_c * c.g.out_c, c.g.filter_h);
      // The fourth power of the point 3/2 weighs errors of the fifth tap five times, of the third twice.
      if (c.g.filter_h == 5) {
        for (Expected& e : expected) e.magnitude *= 2;
      }
    }
    for (Isa isa : isas_of<TypeParam>()) {
      expect_near_all(expected, data.backward_filter(1, isa), name(c.g, c.algorithm, isa));
    }
  }
}

TYPED_TEST(Conv2D, BitsDoNotDependOnThreads) {
  for (Case c : cases()) {
    const int64_t work = c.g.multiply_adds();
    if (work == 0) continue;
    // Enough that three threads share it; Winograd's algorithm has a quarter of the products.
    c.g.batch *= ((c.algorithm == ConvAlgorithm::kWinograd ? 8'000'000 : 2'000'000) + work) / work;
    const Data<TypeParam> data(c);
    for (Isa isa : isas_of<TypeParam>()) {
      const std::vector<TypeParam> y = data.forward(1, isa), dx = data.backward_input(1, isa),
                                   dfilter = data.backward_filter(1, isa);
      for (int threads : {2, 3}) {
        const std::string what = name(c.g, c.algorithm, isa);
        EXPECT_TRUE(same_bits(y, data.forward(threads, isa))) << what;
        EXPECT_TRUE(same_bits(dx, data.backward_input(threads, isa))) << what;
        EXPECT_TRUE(same_bits(dfilter, data.backward_filter(threads, isa))) << what;
      }
    }
  }
}

double rms_error(const std::vector<Expected>& expected, const std::vector<float>& got) {
  double sum = 0;
  for (size_t i = 0; i < got.size(); ++i) sum += std::pow(double(got[i]) - expected[i].value, 2);
  return std::sqrt(sum / double(got.size()));
}

// Why the points are 5/8 and 3/2: with the usual 1 and 2 these ratios are above 3. Gradients of 5x5 taps take the
// fourth powers of the points and round up to 4 times as much: 1e-6 of their own size here.
TEST(Winograd, RoundsFewTimesAsMuchAsTheDirectPath) {
  for (const Conv2DGeometry& g :
       {geometry(8, 26, 26, 32, 3, 3, 64, 1, 1, false), geometry(8, 14, 14, 32, 5, 5, 64, 1, 1, true)}) {
    SCOPED_TRACE(name(g));
    const Data<float> direct({g, ConvAlgorithm::kDirect}), winograd({g, ConvAlgorithm::kWinograd});
    const std::vector<Expected> y = expected_forward(direct), dx = expected_backward_input(direct),
                                dfilter = expected_backward_filter(direct);

    for (Isa isa : available_isas()) {
      const auto expect_close = [&](const char* what, double direct_error, double winograd_error, double most = 2.5) {
        EXPECT_GT(direct_error, 0);
        EXPECT_LT(winograd_error, most * direct_error) << what << " " << isa_name(isa);
        std::printf("%-8s %-15s rms error: direct %.2e, Winograd %.2e\n", isa_name(isa), what, direct_error,
                    winograd_error);
      };
      expect_close("forward", rms_error(y, direct.forward(1, isa)), rms_error(y, winograd.forward(1, isa)));
      expect_close("backward_input", rms_error(dx, direct.backward_input(1, isa)),
                   rms_error(dx, winograd.backward_input(1, isa)));
      expect_close("backward_filter", rms_error(dfilter, direct.backward_filter(1, isa)),
                   rms_error(dfilter, winograd.backward_filter(1, isa)), g.filter_h == 5 ? 4 : 2.5);
    }
  }
}

TEST(Winograd, IsNotChosenForDoublesNorForFewChannelsOrPixels) {
  const Conv2DGeometry keras = geometry(128, 26, 26, 32, 3, 3, 64, 1, 1, false);
  EXPECT_TRUE(uses_winograd<float>(ConvAlgorithm::kAuto, keras, winograd_forward_pays));
  EXPECT_TRUE(uses_winograd<float>(ConvAlgorithm::kAuto, keras, winograd_backward_input_pays));
  EXPECT_TRUE(uses_winograd<float>(ConvAlgorithm::kAuto, keras, winograd_backward_filter_pays));
  EXPECT_FALSE(uses_winograd<double>(ConvAlgorithm::kAuto, keras, winograd_forward_pays));
  EXPECT_FALSE(uses_winograd<float>(ConvAlgorithm::kDirect, keras, winograd_forward_pays));

  const auto chosen = [](bool (*pays)(const Conv2DGeometry&)) {
    const std::vector<Conv2DGeometry> all = winograd_geometries();
    return std::count_if(all.begin(), all.end(), pays);
  };
  EXPECT_GE(chosen(winograd_forward_pays), 5);  // so many are held to the tolerance of single elements above
  EXPECT_GE(chosen(winograd_backward_input_pays), 5);
  EXPECT_GE(chosen(winograd_backward_filter_pays), 5);
  for (const Conv2DGeometry& g :
       {geometry(128, 28, 28, 1, 3, 3, 32, 1, 1, false), geometry(1, 7, 7, 512, 3, 3, 512, 1, 1, true)}) {
    EXPECT_FALSE(winograd_forward_pays(g)) << name(g);
    EXPECT_FALSE(winograd_backward_input_pays(g)) << name(g);
    EXPECT_FALSE(winograd_backward_filter_pays(g)) << name(g);
  }
}

TEST(Winograd, SupportsNothingEmptyHugeOrOfAnotherForm) {
  const Conv2DGeometry good = geometry(2, 30, 30, 32, 3, 3, 64, 1, 1, true);
  ASSERT_TRUE(winograd_supports(good));
  constexpr int64_t kHuge = int64_t{1} << 62;
  constexpr int64_t Conv2DGeometry::*kFields[] = {
      &Conv2DGeometry::batch,    &Conv2DGeometry::in_h,       &Conv2DGeometry::in_w,       &Conv2DGeometry::in_c,
      &Conv2DGeometry::filter_h, &Conv2DGeometry::filter_w,   &Conv2DGeometry::out_c,      &Conv2DGeometry::stride_h,
      &Conv2DGeometry::stride_w, &Conv2DGeometry::dilation_h, &Conv2DGeometry::dilation_w, &Conv2DGeometry::out_h,
      &Conv2DGeometry::out_w};
  for (auto field : kFields) {
    for (int64_t value : {int64_t{0}, kHuge}) {
      Conv2DGeometry bad = good;
      bad.*field = value;
      EXPECT_FALSE(winograd_supports(bad)) << "field " << name(bad) << " = " << value;
    }
  }

  // The largest that it takes needs tens of MB, however many pixels there are.
  Conv2DGeometry large = geometry(1 << 10, 1 << 15, 1 << 15, 512, 3, 3, 512, 1, 1, true);
  ASSERT_TRUE(winograd_supports(large));
  constexpr size_t kMegabytes = 1 << 20;
  EXPECT_LT(winograd_forward_scratch_bytes<float>(large, 1), 64 * kMegabytes);
  EXPECT_LT(winograd_backward_input_scratch_bytes<float>(large, 1), 64 * kMegabytes);
  EXPECT_LT(winograd_backward_filter_scratch_bytes<float>(large, 1), 64 * kMegabytes);
}

}  // namespace
}  // namespace tarn::kernels
