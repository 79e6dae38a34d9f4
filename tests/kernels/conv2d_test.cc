#include "ops/kernels/conv2d.h"

#include <string>
#include <vector>

#include "ops/kernels/winograd.h"
#include "tests/kernels/conv2d_testing.h"

namespace tarn::kernels {
namespace {

using namespace testing;

std::vector<Conv2DGeometry> geometries() {
  std::vector<Conv2DGeometry> all = {
      geometry(3, 28, 28, 1, 3, 3, 32, 1, 1, false),   // Keras CNN, first layer
      geometry(2, 14, 14, 16, 5, 5, 40, 1, 1, true),   // Deep MNIST, second layer, narrower
      geometry(5, 28, 28, 1, 5, 5, 8, 1, 1, true),     // gathered windows, several groups
      geometry(2, 9, 31, 3, 3, 3, 17, 2, 1, true),     // stride 2, tile remainders
      geometry(1, 17, 12, 5, 3, 3, 33, 1, 2, true),    // dilated
      geometry(2, 13, 11, 4, 2, 3, 7, 3, 2, false),    // stride and dilation, no common factor
      geometry(2, 12, 12, 3, 3, 3, 5, 2, 2, true),     // … with a common factor: empty phases
      geometry(1, 8, 8, 6, 1, 1, 9, 2, 1, true),       // 1x1, stride 2: most of dx is zero
      geometry(2, 15, 13, 40, 1, 1, 70, 2, 1, false),  // the same where the last pixel counts
      geometry(4, 5, 5, 7, 1, 1, 35, 1, 1, false),     // 1x1: a matrix product
      geometry(6, 4, 5, 3, 4, 5, 10, 1, 1, false),     // the window is the image: a matrix product
      geometry(40, 3, 3, 2, 3, 3, 4, 1, 1, true),      // blocks that cross images
      geometry(1, 60, 150, 64, 3, 3, 2, 1, 1, true),   // several strips an image
      geometry(1, 1, 1, 2, 3, 3, 3, 1, 1, true),       // the window is mostly padding
      geometry(0, 6, 6, 2, 3, 3, 3, 1, 1, true),       // no images
      geometry(1, 2, 2, 2, 3, 3, 3, 1, 1, false),      // no output
  };
  Conv2DGeometry uneven = geometry(2, 10, 13, 3, 3, 2, 6, 1, 1, true);
  uneven.stride_h = 2, uneven.out_h = 6, uneven.pad_top = 2;  // explicit padding, different strides
  all.push_back(uneven);
  return all;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Conv2DGeometry& g : geometries()) all.push_back({g, ConvAlgorithm::kAuto});
  for (const Conv2DGeometry& g : winograd_geometries()) {
    for (ConvAlgorithm algorithm : {ConvAlgorithm::kDirect, ConvAlgorithm::kWinograd}) all.push_back({g, algorithm});
  }
  return all;
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

// Gradients; `pays` is only given in float: what the library may choose.
bool shares_errors(const Case& c, bool pays) {
  return c.algorithm == ConvAlgorithm::kWinograd && winograd_supports_gradients(c.g) && !pays;
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
    const WinogradBlock chosen = forward_block<TypeParam>({}, c.g, FilterUse::kVariable),
                        block = forward_block<TypeParam>(c.algorithm, c.g, FilterUse::kVariable);
    if (block && !chosen) expected = widen_to_block(expected, c.g, block);
    for (Isa isa : isas_of<TypeParam>()) {
      const std::vector<TypeParam> y = data.forward(1, isa);
      expect_near_all(expected, y, name(c.g, c.algorithm, isa));
      if (block) continue;
      EXPECT_TRUE(same_bits(y, data.forward_packed(2, isa))) << name(c.g, c.algorithm, isa);
    }
  }
}

TYPED_TEST(Conv2D, BackwardInputEqualsDoubleReference) {
  for (const Case& c : cases()) {
    const Data<TypeParam> data(c);
    std::vector<Expected> expected = expected_backward_input(data);
    const bool pays = std::is_same_v<TypeParam, float> && winograd_backward_input_pays(c.g);
    if (shares_errors(c, pays)) {
      const WinogradBlock block = winograd_gradient_block(c.g);
      expected = widen_to_tiles(expected, c.g.in_h, c.g.in_w, c.g.in_c, block.h, block.w);
    }
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
      expected = widen_to_tiles(expected, c.g.filter_h, c.g.filter_w, c.g.in_c * c.g.out_c, c.g.filter_h, c.g.filter_w);
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

}  // namespace
}  // namespace tarn::kernels
