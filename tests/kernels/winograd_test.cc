#include "ops/kernels/winograd.h"

#include <string>
#include <vector>

#include "tests/kernels/conv2d_testing.h"

namespace tarn::kernels {
namespace {

using namespace testing;

std::string name(const WinogradForm& form) {
  const std::string block = std::to_string(form.block), filter = std::to_string(form.filter);
  return form.both_ways ? "F(" + block + "x" + block + ", " + filter + "x" + filter + ")"
                        : "F(" + block + ", " + filter + ")";
}
std::string name(const Conv2DGeometry& g, const WinogradForm& form, Isa isa) {
  return testing::name(g) + " " + name(form) + " " + isa_name(isa);
}

template <class T>
std::vector<T> forward_in_run(const Data<T>& data, WinogradBlock block, int threads, Isa isa) {
  ThreadPool pool(threads);
  Scratch scratch(winograd_forward_scratch_bytes<T>(data.g, block, threads));
  std::vector<T> y(data.dy.size(), T(99));
  winograd_forward<T>(pool, data.g, block, data.x.data(), data.filter.data(), y.data(), data.epilogue(), scratch.get(),
                      isa);
  return y;
}

template <class T>
std::vector<T> forward_packed(const Data<T>& data, WinogradBlock block, int threads, Isa isa) {
  ThreadPool pool(threads);
  Scratch memory(winograd_filter_bytes<T>(data.g, block));
  Scratch scratch(winograd_forward_packed_scratch_bytes<T>(data.g, block, threads));
  std::vector<T> y(data.dy.size(), T(99));
  size_t bytes_read = 0;
  const WinogradFilter<T> packed = winograd_pack_filter<T>(data.g, block, data.filter.data(), memory.get(), isa,
                                                           [&](const void*, size_t bytes) { bytes_read += bytes; });
  EXPECT_EQ(bytes_read, data.filter.size() * sizeof(T));
  winograd_forward_packed<T>(pool, data.g, data.x.data(), packed, y.data(), data.epilogue(), scratch.get());
  return y;
}

template <class T>
class WinogradForms : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(WinogradForms, Types);

// Every form, on every path, whether the library would choose it or not.
TYPED_TEST(WinogradForms, EveryFormEqualsDoubleReference) {
  for (const Conv2DGeometry& g : winograd_geometries()) {
    const Data<TypeParam> data({g, ConvAlgorithm::kWinograd});
    const std::vector<Expected> exact = expected_forward(data);
    int fitting = 0;
    for (const WinogradForm& form : winograd_forms()) {
      const WinogradBlock block = form.block_of(g);
      if (!block) continue;
      ++fitting;
      const std::vector<Expected> expected = widen_to_block(exact, g, block);
      for (Isa isa : isas_of<TypeParam>()) {
        expect_near_all(expected, forward_packed(data, block, 1, isa), name(g, form, isa));
      }
    }
    EXPECT_EQ(fitting, 2) << testing::name(g);
  }
}

TYPED_TEST(WinogradForms, PackedFiltersAndThreadsChangeNoBits) {
  for (const Conv2DGeometry& few : winograd_geometries()) {
    for (const WinogradForm& form : winograd_forms()) {
      const WinogradBlock block = form.block_of(few);
      if (!block) continue;
      const int64_t tiles = few.batch * ((few.out_h + block.h - 1) / block.h) * ((few.out_w + block.w - 1) / block.w);
      const int64_t points = (block.h + few.filter_h - 1) * (block.w + few.filter_w - 1);
      // Few tiles, which threads share, and so many that three threads have some each.
      for (int64_t times : {int64_t{1}, 1 + 2'000'000 / (tiles * points * few.in_c * few.out_c)}) {
        Conv2DGeometry g = few;
        g.batch *= times;
        const Data<TypeParam> data({g, ConvAlgorithm::kWinograd});
        for (Isa isa : isas_of<TypeParam>()) {
          const std::vector<TypeParam> y = forward_in_run(data, block, 1, isa);
          EXPECT_TRUE(same_bits(y, forward_in_run(data, block, 2, isa))) << name(g, form, isa);
          for (int threads : {1, 2, 3}) {
            EXPECT_TRUE(same_bits(y, forward_packed(data, block, threads, isa))) << name(g, form, isa);
          }
        }
      }
    }
  }
}

// The layers of Inception v3 and ResNet-50 that have a transform; the larger images cut to what errors still depend on.
std::vector<Conv2DGeometry> network_layers() {
  const auto layer = [](int64_t size, int64_t in_c, int64_t filter_h, int64_t filter_w, int64_t out_c) {
    constexpr int64_t kMostPixels = 20;
    size = std::min(size, kMostPixels);
    return geometry(1, size, size, in_c, filter_h, filter_w, out_c, 1, 1, true);
  };
  std::vector<Conv2DGeometry> all = {layer(149, 32, 3, 3, 32), layer(147, 32, 3, 3, 64), layer(73, 80, 3, 3, 192),
                                     layer(35, 64, 3, 3, 96),  layer(35, 96, 3, 3, 96),  layer(8, 448, 3, 3, 384),
                                     layer(35, 48, 5, 5, 64),  layer(56, 64, 3, 3, 64),  layer(28, 128, 3, 3, 128),
                                     layer(14, 256, 3, 3, 256)};
  for (const auto& [in_c, out_c] :
       {std::pair{128, 128}, std::pair{128, 192}, std::pair{160, 160}, std::pair{160, 192}, std::pair{192, 192}}) {
    all.push_back(layer(17, in_c, 1, 7, out_c));
    all.push_back(layer(17, in_c, 7, 1, out_c));
  }
  all.push_back(layer(8, 384, 1, 3, 384));
  all.push_back(layer(8, 384, 3, 1, 384));
  all.push_back(layer(7, 512, 3, 3, 512));
  return all;
}

// Inputs after ReLU, uniform weights scaled by the fan-in.
Data<float> trained_like(const Conv2DGeometry& g, uint32_t seed) {
  Data<float> data({g, ConvAlgorithm::kDirect});
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  for (float& x : data.x) x = std::max(0.0f, normal(generator));
  const double scale = std::sqrt(3.0 / double(g.filter_depth()));
  data.filter = random_values<float>(g.filter_depth() * g.out_c, seed + 1, -scale, scale);
  return data;
}

// Sums in double, ReLU'd.
std::vector<double> exact_outputs(const Data<float>& data) {
  const Conv2DGeometry& g = data.g;
  std::vector<double> y(data.dy.size());
  std::vector<double> sums(size_t(g.out_c));
  for (int64_t pixel = 0; pixel < g.out_h * g.out_w; ++pixel) {
    sums.assign(data.bias.begin(), data.bias.end());
    for (int64_t tap = 0; tap < g.filter_h * g.filter_w; ++tap) {
      const int64_t row = pixel / g.out_w - g.pad_top + tap / g.filter_w;
      const int64_t column = pixel % g.out_w - g.pad_left + tap % g.filter_w;
      if (row < 0 || row >= g.in_h || column < 0 || column >= g.in_w) continue;
      for (int64_t c = 0; c < g.in_c; ++c) {
        const double x = double(data.x[size_t((row * g.in_w + column) * g.in_c + c)]);
        const float* weights = &data.filter[size_t((tap * g.in_c + c) * g.out_c)];
        for (int64_t o = 0; x != 0 && o < g.out_c; ++o) sums[size_t(o)] += x * double(weights[o]);
      }
    }
    for (int64_t o = 0; o < g.out_c; ++o) y[size_t(pixel * g.out_c + o)] = std::max(0.0, sums[size_t(o)]);
  }
  return y;
}

// The largest difference as a part of the output's range.
double layer_error(const std::vector<double>& exact, const std::vector<float>& got) {
  double most = 0, range = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    most = std::max(most, std::abs(double(got[i]) - exact[i]));
    range = std::max(range, exact[i]);
  }
  return most / range;
}

TEST(WinogradErrors, AreWithinWhatEachFormStates) {
  double direct_error = 0;
  std::vector<double> errors(winograd_forms().size());
  for (const Conv2DGeometry& g : network_layers()) {
    for (uint32_t seed : {5u, 6u}) {
      const Data<float> data = trained_like(g, seed);
      const std::vector<double> exact = exact_outputs(data);
      for (Isa isa : available_isas()) {
        direct_error = std::max(direct_error, layer_error(exact, data.forward(1, isa)));
        for (size_t i = 0; i < errors.size(); ++i) {
          const WinogradForm& form = winograd_forms()[i];
          const WinogradBlock block = form.block_of(g);
          if (!block) continue;
          const double error = layer_error(exact, forward_packed(data, block, 1, isa));
          EXPECT_LE(error, form.layer_error) << name(g, form, isa) << " seed " << seed;
          errors[i] = std::max(errors[i], error);
        }
      }
    }
  }
  std::printf("largest error of the range: direct %.1e", direct_error);
  for (size_t i = 0; i < errors.size(); ++i) {
    const WinogradForm& form = winograd_forms()[i];
    std::printf(", %s %.1e", name(form).c_str(), errors[i]);
    EXPECT_GT(errors[i], form.layer_error / 2) << name(form) << " states more than it costs";
  }
  std::printf("\n");
}

TEST(Winograd, IsNotChosenForDoublesNorForFewChannelsOrPixels) {
  const Conv2DGeometry keras = geometry(128, 26, 26, 32, 3, 3, 64, 1, 1, false);
  EXPECT_TRUE(forward_block<float>({}, keras, FilterUse::kVariable));
  EXPECT_TRUE(gradient_uses_winograd<float>(ConvAlgorithm::kAuto, keras, winograd_backward_input_pays));
  EXPECT_TRUE(gradient_uses_winograd<float>(ConvAlgorithm::kAuto, keras, winograd_backward_filter_pays));
  EXPECT_FALSE(forward_block<double>({}, keras, FilterUse::kVariable));
  EXPECT_FALSE(forward_block<float>(ConvAlgorithm::kDirect, keras, FilterUse::kVariable));

  const auto forward_pays = [](const Conv2DGeometry& g) {
    return static_cast<bool>(winograd_forward_block(g, FilterUse::kVariable));
  };
  const auto chosen = [](const auto& pays) {
    const std::vector<Conv2DGeometry> all = winograd_geometries();
    return std::count_if(all.begin(), all.end(), pays);
  };
  EXPECT_GE(chosen(forward_pays), 5);  // so many are held to the tolerance of single elements in conv2d_test.cc
  EXPECT_GE(chosen(winograd_backward_input_pays), 5);
  EXPECT_GE(chosen(winograd_backward_filter_pays), 5);
  for (const Conv2DGeometry& g :
       {geometry(128, 28, 28, 1, 3, 3, 32, 1, 1, false), geometry(1, 7, 7, 512, 3, 3, 512, 1, 1, true)}) {
    EXPECT_FALSE(forward_pays(g)) << testing::name(g);
    EXPECT_FALSE(winograd_backward_input_pays(g)) << testing::name(g);
    EXPECT_FALSE(winograd_backward_filter_pays(g)) << testing::name(g);
  }
}

TEST(Winograd, TransformsAFilterInTheRunAsItWouldBeforeOrNotAtAll) {
  int both = 0, before_alone = 0;
  for (const std::vector<Conv2DGeometry>& all : {network_layers(), winograd_geometries()}) {
    for (const Conv2DGeometry& g : all) {
      const WinogradBlock before = winograd_forward_block(g, FilterUse::kConstant);
      const WinogradBlock in_run = winograd_forward_block(g, FilterUse::kVariable);
      EXPECT_TRUE(!in_run || in_run == before) << testing::name(g);
      both += in_run ? 1 : 0;
      before_alone += before && !in_run ? 1 : 0;
    }
  }
  EXPECT_GT(both, 0);
  EXPECT_GT(before_alone, 0);
}

TEST(Winograd, TakesOnlyFormsWhoseErrorIsAllowed) {
  for (const Conv2DGeometry& g : network_layers()) {
    int allowed = 0;
    for (double limit : {1.0, 1e-5, 5e-6, 2e-6, 1e-6, 1e-7, 0.0}) {
      const WinogradBlock block = forward_block<float>({ConvAlgorithm::kAuto, limit}, g, FilterUse::kConstant);
      if (!block) continue;
      ++allowed;
      bool states = false;
      for (const WinogradForm& form : winograd_forms()) {
        states = states || (form.block_of(g) == block && form.layer_error <= limit);
      }
      EXPECT_TRUE(states) << testing::name(g) << " limit " << limit;
    }
    EXPECT_LT(allowed, 6) << testing::name(g);
  }
  const Conv2DGeometry inception = geometry(1, 17, 17, 192, 1, 7, 192, 1, 1, true);
  EXPECT_EQ(winograd_forward_block(inception, FilterUse::kConstant), (WinogradBlock{1, 4}));
  EXPECT_EQ(winograd_forward_block(inception, FilterUse::kConstant, 4e-6), (WinogradBlock{1, 2}));
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
      EXPECT_FALSE(winograd_supports(bad)) << "field " << testing::name(bad) << " = " << value;
    }
  }

  // The largest that it takes needs tens of MB, however many pixels there are.
  Conv2DGeometry large = geometry(1 << 10, 1 << 15, 1 << 15, 512, 3, 3, 512, 1, 1, true);
  ASSERT_TRUE(winograd_supports(large));
  constexpr size_t kMegabytes = 1 << 20;
  EXPECT_LT(winograd_forward_scratch_bytes<float>(large, winograd_fastest_block(large), 1), 64 * kMegabytes);
  EXPECT_LT(winograd_backward_input_scratch_bytes<float>(large, 1), 64 * kMegabytes);
  EXPECT_LT(winograd_backward_filter_scratch_bytes<float>(large, 1), 64 * kMegabytes);
}

}  // namespace
}  // namespace tarn::kernels
