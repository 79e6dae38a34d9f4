#include "ops/kernels/dynamic8.h"

#include <cfenv>
#include <limits>
#include <string>
#include <vector>

#include "tests/kernels/kernel_testing.h"

namespace tarn::kernels {
namespace {

using namespace testing;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<Dot8Isa> available_dot8_isas() {
  std::vector<Dot8Isa> isas;
  for (Dot8Isa isa : kDot8Isas) {
    if (dot8_isa_available(isa)) isas.push_back(isa);
  }
  return isas;
}

// ---- The reference: dynamic8.h's definition, one number at a time
// ----------------------------------------------------

// One rounding: the compiler must not make a multiply-add of it.
float rounded(float x) {
  volatile float result = x;
  return result;
}

struct Codes {
  std::vector<int64_t> codes;  // minus the zero
  float scale = 0;
};

Codes input_codes(const float* x, int64_t n) {
  float low = 0, high = 0;
  bool is_finite = true;
  for (int64_t i = 0; i < n; ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
    is_finite = is_finite && std::isfinite(x[i]);
  }
  const float width = rounded(high - low);
  Codes result{std::vector<int64_t>(static_cast<size_t>(n)), kNaN};
  if (!is_finite || !std::isfinite(width)) return result;
  result.scale = 0;
  if (width < 0x1p-100f) return result;
  result.scale = rounded(width / 255);
  const float inverse = rounded(255 / width);
  const int64_t zero = std::lrint(rounded(-low * inverse));
  for (size_t i = 0; i < result.codes.size(); ++i) {
    const int64_t code = std::lrint(rounded(x[i] * inverse)) + zero;
    result.codes[i] = std::min<int64_t>(255, std::max<int64_t>(0, code)) - zero;
  }
  return result;
}

// Of one column; `step` is 0, or what the weights are multiples of.
Codes weight_codes(const std::vector<float>& w, float step) {
  float low = 0, high = 0;
  for (float value : w) low = std::min(low, value), high = std::max(high, value);
  Codes result{std::vector<int64_t>(w.size()), rounded(std::max(high, -low) / 127)};
  bool fits = step > 0;
  for (float value : w) fits = fits && std::lrint(value / step) >= -128 && std::lrint(value / step) <= 127;
  if (fits) result.scale = step;
  if (result.scale < 0x1p-100f) result.scale = 0;
  for (size_t k = 0; k < w.size(); ++k) {
    if (result.scale > 0) result.codes[k] = std::lrint(rounded(w[k] * rounded(1 / result.scale)));
  }
  return result;
}

float finished(int64_t sum, float input_scale, float weight_scale, const float* bias, const float* residual,
               Activation activation) {
  EXPECT_LE(std::abs(sum), std::numeric_limits<int32_t>::max());
  float y = rounded(static_cast<float>(sum) * rounded(weight_scale * input_scale));
  if (bias != nullptr) y = rounded(y + *bias);
  if (residual != nullptr) y = rounded(y + *residual);
  if (std::isnan(y)) return y;
  if (activation != Activation::kNone) y = y > 0 ? y : 0.0f;
  if (activation == Activation::kRelu6) y = std::min(6.0f, y);
  return y;
}

// NaN is NaN, whatever its bits.
void expect_same(const std::vector<float>& expected, const std::vector<float>& got, const std::string& what) {
  ASSERT_EQ(expected.size(), got.size()) << what;
  for (size_t i = 0; i < got.size(); ++i) {
    const bool same = std::isnan(expected[i]) ? std::isnan(got[i]) : expected[i] == got[i];
    if (same) continue;
    ADD_FAILURE() << what << ": element " << i << " is " << got[i] << ", expected " << expected[i];
    return;
  }
}

// ---- Matrices
// --------------------------------------------------------------------------------------------------------

struct MatMulCase {
  int64_t m, n, k;
  bool bias = false;
  Activation activation = Activation::kNone;
  bool transposed = false;  // weights as [n, k]
  bool in_steps = false;    // weights are codes that stand for multiples of a step
  double low = -1, high = 1;

  std::string name() const {
    return "m=" + std::to_string(m) + " n=" + std::to_string(n) + " k=" + std::to_string(k) + (bias ? " bias" : "") +
           " activation=" + std::to_string(static_cast<int>(activation)) + (transposed ? " transposed" : "") +
           (in_steps ? " steps" : "") + " inputs from " + std::to_string(low) + " to " + std::to_string(high);
  }
};

// Remainders of every tile (14 x 32, 12 x 16, 6 x 8, 4 x 4, 8 x 8) and quad; signs of all kinds.
const std::vector<MatMulCase> kMatMuls = {
    {1, 1, 1},
    {1, 1, 3, true},
    {1, 33, 7, true, Activation::kRelu},
    {14, 32, 8},
    {12, 16, 4, false, Activation::kNone, true},
    {6, 8, 9, true, Activation::kRelu6, true, true, 0, 9},
    {15, 65, 129, true, Activation::kRelu, false, true},
    {29, 10, 784, true, Activation::kNone, false, false, 0, 1},
    {3, 600, 5, false, Activation::kNone, true, true, -3, -1},
    {27, 47, 31, true, Activation::kRelu6, false, false, -0.1, 30},
    {50, 70, 1030, true, Activation::kNone, false, false, 2, 3},
    {1, 260, 1700, false, Activation::kNone, true, false},
    {200, 6, 2, true},
};

constexpr float kStep = 0.0078125f;  // its multiples are floats
constexpr int kZeroCode = 120;       // so that 127 * step is there, and 135 * step, which does not fit

struct MatMulData {
  std::vector<float> a, bias;
  std::vector<uint8_t> codes;
  std::vector<float> value_of_code, w;  // w [k, n], or its transpose

  explicit MatMulData(const MatMulCase& t)
      : a(random_values<float>(t.m * t.k, 1, t.low, t.high)),
        bias(random_values<float>(t.n, 2)),
        w(random_values<float>(t.k * t.n, 3, -2, 1)) {
    for (int code = 0; code < 256; ++code) value_of_code.push_back(static_cast<float>(code - kZeroCode) * kStep);
    if (!t.in_steps) return;
    // Some columns have codes that are too high.
    std::mt19937 generator(4);
    for (int64_t i = 0; i < t.k * t.n; ++i) {
      const int64_t column = t.transposed ? i / t.k : i % t.n;
      codes.push_back(static_cast<uint8_t>(generator() % (column % 3 == 0 ? 256 : 240)));
      w[static_cast<size_t>(i)] = value_of_code[codes.back()];
    }
  }

  Weights8Source source(const MatMulCase& t) const {
    Weights8Source source{.k_step = t.transposed ? 1 : t.n, .n_step = t.transposed ? t.k : 1};
    if (t.in_steps) {
      source.codes = codes.data();
      source.value_of_code = value_of_code.data();
    } else {
      source.values = w.data();
    }
    return source;
  }

  std::vector<float> reference(const MatMulCase& t) const {
    std::vector<float> y(static_cast<size_t>(t.m * t.n));
    std::vector<Codes> columns;
    for (int64_t j = 0; j < t.n; ++j) {
      std::vector<float> column;
      for (int64_t k = 0; k < t.k; ++k)
        column.push_back(w[static_cast<size_t>(t.transposed ? j * t.k + k : k * t.n + j)]);
      columns.push_back(weight_codes(column, t.in_steps ? kStep : 0));
    }
    for (int64_t i = 0; i < t.m; ++i) {
      const Codes row = input_codes(a.data() + i * t.k, t.k);
      for (int64_t j = 0; j < t.n; ++j) {
        const Codes& column = columns[static_cast<size_t>(j)];
        int64_t sum = 0;
        for (size_t k = 0; k < row.codes.size(); ++k) sum += row.codes[k] * column.codes[k];
        y[static_cast<size_t>(i * t.n + j)] = finished(
            sum, row.scale, column.scale, t.bias ? &bias[static_cast<size_t>(j)] : nullptr, nullptr, t.activation);
      }
    }
    return y;
  }

  std::vector<float> run(const MatMulCase& t, int threads, Dot8Isa isa) const {
    ThreadPool pool(threads);
    const Scratch memory(weights8_bytes(1, t.k, t.n));
    const Weights8 packed = pack_weights8(source(t), 1, t.k, t.n, memory.get(), isa);
    const Scratch scratch(dynamic8_matmul_scratch_bytes(t.m, packed));
    std::vector<float> y(static_cast<size_t>(t.m * t.n), -7);
    dynamic8_matmul(pool, t.m, packed, a.data(), y.data(), {t.bias ? bias.data() : nullptr, t.activation},
                    scratch.get());
    return y;
  }
};

TEST(Dynamic8, MatMulEqualsScalarReferenceOnEveryIsa) {
  for (const MatMulCase& t : kMatMuls) {
    const MatMulData data(t);
    const std::vector<float> expected = data.reference(t);
    for (Dot8Isa isa : available_dot8_isas()) {
      expect_same(expected, data.run(t, 1, isa), t.name() + " " + dot8_isa_name(isa));
    }
  }
}

TEST(Dynamic8, MatMulBitsDoNotDependOnThreads) {
  for (const MatMulCase& t : {MatMulCase{1, 700, 900, true}, MatMulCase{500, 40, 70}, MatMulCase{90, 190, 190, true}}) {
    const MatMulData data(t);
    for (Dot8Isa isa : available_dot8_isas()) {
      const std::vector<float> one = data.run(t, 1, isa);
      EXPECT_TRUE(same_bits(one, data.run(t, 2, isa))) << t.name() << " " << dot8_isa_name(isa);
      EXPECT_TRUE(same_bits(one, data.run(t, 3, isa))) << t.name() << " " << dot8_isa_name(isa);
    }
  }
}

// The longest sums there may be, of the largest products: where 16 bits saturate, or 32 wrap, it shows.
TEST(Dynamic8, LargestSumsAreExact) {
  for (const float sign : {1.0f, -1.0f}) {
    MatMulCase t{2, 3, kMostTerms8};
    t.in_steps = true;
    MatMulData data(t);
    for (size_t i = 0; i < data.a.size(); ++i) data.a[i] = i < kMostTerms8 ? 1.0f : sign * 5.0f;
    for (size_t i = 0; i < data.codes.size(); ++i) {
      data.codes[i] = static_cast<uint8_t>(i % 3 == 0 ? 0 : i % 3 == 1 ? kZeroCode + 127 : 255);
      data.w[i] = data.value_of_code[data.codes[i]];
    }
    const std::vector<float> expected = data.reference(t);
    EXPECT_FLOAT_EQ(std::abs(expected[1]), 127 * kStep * kMostTerms8);
    for (Dot8Isa isa : available_dot8_isas()) expect_same(expected, data.run(t, 1, isa), dot8_isa_name(isa));
  }
}

// What quantize_weights wrote is computed with, not with a rounding of it.
TEST(Dynamic8, WeightsInStepsKeepTheirSteps) {
  const MatMulCase t{1, 6, 50, false, Activation::kNone, false, true};
  MatMulData data(t);
  for (size_t i = 0; i < data.codes.size(); ++i) data.codes[i] = static_cast<uint8_t>(i % 6 == 5 ? 255 : i % 248);
  for (Dot8Isa isa : available_dot8_isas()) {
    const Scratch memory(weights8_bytes(1, t.k, t.n));
    const Weights8 packed = pack_weights8(data.source(t), 1, t.k, t.n, memory.get(), isa);
    for (int column = 0; column < 5; ++column) EXPECT_EQ(packed.scales[column], kStep) << dot8_isa_name(isa);
    EXPECT_EQ(packed.scales[5], 135 * kStep / 127) << dot8_isa_name(isa);
    EXPECT_EQ(packed.sums[5], 127 * 50) << dot8_isa_name(isa);
  }
}

// Each input is off by half its step, each weight by half of its own.
TEST(Dynamic8, IsAsFarFromFloatAsHalfASteps) {
  const MatMulCase t{20, 30, 40, false, Activation::kNone, false, false, -0.3, 1};
  const MatMulData data(t);
  const std::vector<float> y = data.run(t, 1, best_dot8_isa());
  for (int64_t i = 0; i < t.m; ++i) {
    const float* row = data.a.data() + i * t.k;
    const double step = (*std::max_element(row, row + t.k) - *std::min_element(row, row + t.k)) / 255 * 1.001;
    for (int64_t j = 0; j < t.n; ++j) {
      double exact = 0, largest = 0, error = 0;
      for (int64_t k = 0; k < t.k; ++k) largest = std::max(largest, std::abs(double(data.w[size_t(k * t.n + j)])));
      for (int64_t k = 0; k < t.k; ++k) {
        const double x = row[k], w = data.w[size_t(k * t.n + j)], half = largest / 127 / 2 * 1.001;
        exact += x * w;
        error += std::abs(w) * step / 2 + (std::abs(x) + step / 2) * half;
      }
      EXPECT_LE(std::abs(y[size_t(i * t.n + j)] - exact), error);
      EXPECT_NE(y[size_t(i * t.n + j)], float(exact));  // it is no float product
    }
  }
}

// Rows without a range, or with one that is beyond floats: see dynamic8.h.
TEST(Dynamic8, RangesThatAreNone) {
  const float most = std::numeric_limits<float>::max();
  const std::vector<std::vector<float>> kRows = {
      {0, 0, 0, 0, 0},           {-0.0f, 0, -0.0f, 0, 0}, {kNaN, 1, 2, 3, 4},   {1, 2, 3, 4, kInfinity},
      {1, -kInfinity, 0, 0, 0},  {most, -most, 0, 0, 0},  {1e-40f, 0, 0, 0, 0}, {0, -1e-31f, 0, 0, 0},
      {0, 1e-30f, 0, 0, 1e-30f}, {5, 5, 5, 5, 5},         {-5, -5, -5, -5, -5}, {most, most / 2, 0, 0, 0},
  };
  MatMulCase t{static_cast<int64_t>(kRows.size()), 7, 5, true};
  MatMulData data(t);
  data.a.clear();
  for (const std::vector<float>& row : kRows) data.a.insert(data.a.end(), row.begin(), row.end());
  for (Activation activation : {Activation::kNone, Activation::kRelu, Activation::kRelu6}) {
    t.activation = activation;
    const std::vector<float> expected = data.reference(t);
    for (int64_t row : {0, 1, 6, 7}) {
      const float bias = activation == Activation::kNone ? data.bias[0] : std::max(0.0f, data.bias[0]);
      EXPECT_EQ(expected[static_cast<size_t>(row * t.n)], bias) << row;
    }
    for (int64_t row : {2, 3, 4, 5}) EXPECT_TRUE(std::isnan(expected[static_cast<size_t>(row * t.n)])) << row;
    for (Dot8Isa isa : available_dot8_isas()) expect_same(expected, data.run(t, 1, isa), dot8_isa_name(isa));
  }
}

// ---- Images
// ----------------------------------------------------------------------------------------------------------

struct ConvCase {
  std::string name;
  Conv2DGeometry g;
  Activation activation = Activation::kNone;
  bool residual = false;
};

Conv2DGeometry geometry(int64_t batch, int64_t h, int64_t w, int64_t in_c, int64_t fh, int64_t fw, int64_t out_c,
                        int64_t stride, int64_t dilation, int64_t top, int64_t left, int64_t bottom, int64_t right) {
  Conv2DGeometry g;
  g.batch = batch, g.in_h = h, g.in_w = w, g.in_c = in_c, g.filter_h = fh, g.filter_w = fw, g.out_c = out_c;
  g.stride_h = g.stride_w = stride, g.dilation_h = g.dilation_w = dilation, g.pad_top = top, g.pad_left = left;
  g.out_h = (h + top + bottom - (fh - 1) * dilation - 1) / stride + 1;
  g.out_w = (w + left + right - (fw - 1) * dilation - 1) / stride + 1;
  return g;
}

const std::vector<ConvCase> kConvs = {
    {"one cell", geometry(1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0)},
    {"1x1", geometry(2, 5, 7, 6, 1, 1, 33, 1, 1, 0, 0, 0, 0), Activation::kRelu},
    {"1x1 of many pixels", geometry(1, 40, 23, 9, 1, 1, 17, 1, 1, 0, 0, 0, 0), Activation::kRelu6},
    {"1x1 stride 2", geometry(1, 9, 8, 5, 1, 1, 40, 2, 1, 0, 0, 0, 0)},
    {"1x1 padded", geometry(1, 3, 4, 5, 1, 1, 6, 1, 1, 1, 1, 0, 2)},
    {"3x3 same", geometry(3, 7, 9, 4, 3, 3, 31, 1, 1, 1, 1, 1, 1), Activation::kRelu6},
    {"3x3 of colours, stride 2", geometry(2, 15, 14, 3, 3, 3, 32, 2, 1, 0, 0, 1, 1), Activation::kRelu},
    {"3x3 residual", geometry(2, 7, 9, 4, 3, 3, 37, 1, 1, 1, 1, 1, 1), Activation::kRelu, true},
    {"1x1 residual", geometry(2, 5, 7, 6, 1, 1, 9, 1, 1, 0, 0, 0, 0), Activation::kNone, true},
    {"3x3 valid", geometry(1, 6, 17, 5, 3, 3, 65, 1, 1, 0, 0, 0, 0)},
    {"5x5 of one channel", geometry(2, 12, 11, 1, 5, 5, 32, 1, 1, 2, 2, 2, 2)},
    {"dilated", geometry(1, 13, 12, 3, 3, 3, 10, 1, 2, 2, 2, 2, 2)},
    {"dilated, stride 3", geometry(2, 17, 19, 7, 3, 2, 9, 3, 3, 4, 1, 5, 3)},
    {"1x7", geometry(1, 4, 20, 8, 1, 7, 20, 1, 1, 0, 3, 0, 3)},
    {"7x1", geometry(1, 20, 4, 8, 7, 1, 20, 1, 1, 3, 0, 3, 0)},
    {"a line, padded", geometry(2, 1, 30, 5, 1, 3, 12, 1, 1, 0, 1, 0, 1)},
    {"windows in the padding alone", geometry(1, 3, 3, 2, 2, 2, 5, 1, 1, 3, 3, 3, 3)},
    {"rows left over", geometry(1, 8, 8, 3, 3, 3, 4, 4, 1, 0, 0, 0, 0)},
    {"the whole image", geometry(2, 4, 5, 3, 4, 5, 7, 1, 1, 0, 0, 0, 0)},
    {"a line longer than a piece", geometry(1, 2, 260, 3, 2, 3, 5, 1, 1, 0, 1, 1, 1)},
};

struct ConvData {
  std::vector<float> x, filter, bias, added;

  explicit ConvData(const ConvCase& t)
      : x(random_values<float>(t.g.batch * t.g.in_h * t.g.in_w * t.g.in_c, 1, -1, 2)),
        filter(random_values<float>(t.g.filter_depth() * t.g.out_c, 2)),
        bias(random_values<float>(t.g.out_c, 3)),
        added(random_values<float>(t.g.batch * t.g.out_h * t.g.out_w * t.g.out_c, 4, -3, 3)) {
    // Each image has another range.
    const size_t image = x.size() / static_cast<size_t>(t.g.batch);
    for (size_t i = 0; i < x.size(); ++i) x[i] *= static_cast<float>(1 + i / image);
  }

  std::vector<float> reference(const ConvCase& t) const {
    const Conv2DGeometry& g = t.g;
    std::vector<Codes> columns;
    for (int64_t o = 0; o < g.out_c; ++o) {
      std::vector<float> column;
      for (int64_t k = 0; k < g.filter_depth(); ++k) column.push_back(filter[static_cast<size_t>(k * g.out_c + o)]);
      columns.push_back(weight_codes(column, 0));
    }
    std::vector<float> y;
    for (int64_t n = 0; n < g.batch; ++n) {
      const int64_t elements = g.in_h * g.in_w * g.in_c;
      const Codes image = input_codes(x.data() + n * elements, elements);
      for (int64_t i = 0; i < g.out_h; ++i) {
        for (int64_t j = 0; j < g.out_w; ++j) {
          for (int64_t o = 0; o < g.out_c; ++o) {
            const Codes& weights = columns[static_cast<size_t>(o)];
            int64_t sum = 0;
            for (int64_t k = 0; k < g.filter_depth(); ++k) {
              const int64_t c = k % g.in_c, tap = k / g.in_c;
              const int64_t row = i * g.stride_h - g.pad_top + tap / g.filter_w * g.dilation_h;
              const int64_t column = j * g.stride_w - g.pad_left + tap % g.filter_w * g.dilation_w;
              if (row < 0 || row >= g.in_h || column < 0 || column >= g.in_w) continue;
              sum += image.codes[static_cast<size_t>((row * g.in_w + column) * g.in_c + c)] *
                     weights.codes[static_cast<size_t>(k)];
            }
            const float* residual = t.residual ? &added[y.size()] : nullptr;
            y.push_back(
                finished(sum, image.scale, weights.scale, &bias[static_cast<size_t>(o)], residual, t.activation));
          }
        }
      }
    }
    return y;
  }

  std::vector<float> run(const ConvCase& t, int threads, Dot8Isa isa) const {
    ThreadPool pool(threads);
    const Scratch memory(filter8_bytes(t.g));
    const Weights8 packed =
        pack_filter8(t.g, {.values = filter.data(), .k_step = t.g.out_c, .n_step = 1}, memory.get(), isa);
    const Scratch scratch(dynamic8_conv2d_scratch_bytes(t.g, packed));
    std::vector<float> y(static_cast<size_t>(t.g.batch * t.g.out_h * t.g.out_w * t.g.out_c), -7);
    dynamic8_conv2d(pool, t.g, packed, x.data(), y.data(),
                    {bias.data(), t.activation, t.residual ? added.data() : nullptr}, scratch.get());
    return y;
  }
};

TEST(Dynamic8, Conv2DEqualsScalarReferenceOnEveryIsa) {
  for (const ConvCase& t : kConvs) {
    const ConvData data(t);
    const std::vector<float> expected = data.reference(t);
    for (Dot8Isa isa : available_dot8_isas()) {
      expect_same(expected, data.run(t, 1, isa), t.name + " " + dot8_isa_name(isa));
    }
  }
}

TEST(Dynamic8, Conv2DBitsDoNotDependOnThreads) {
  const ConvCase kLarge[] = {{"1x1", geometry(1, 40, 41, 48, 1, 1, 33, 1, 1, 0, 0, 0, 0)},
                             {"3x3", geometry(2, 30, 31, 16, 3, 3, 40, 1, 1, 1, 1, 1, 1)},
                             {"few pixels", geometry(1, 3, 3, 90, 3, 3, 200, 1, 1, 1, 1, 1, 1)}};
  for (const ConvCase& t : kLarge) {
    const ConvData data(t);
    for (Dot8Isa isa : available_dot8_isas()) {
      const std::vector<float> one = data.run(t, 1, isa);
      EXPECT_TRUE(same_bits(one, data.run(t, 2, isa))) << t.name << " " << dot8_isa_name(isa);
      EXPECT_TRUE(same_bits(one, data.run(t, 3, isa))) << t.name << " " << dot8_isa_name(isa);
    }
  }
}

// One image of a batch spoils no other.
TEST(Dynamic8, NanIsInItsImageAlone) {
  const ConvCase t{"3x3", geometry(3, 5, 5, 2, 3, 3, 4, 1, 1, 1, 1, 1, 1)};
  ConvData data(t);
  data.x[60] = kNaN;  // of the second
  const std::vector<float> expected = data.reference(t);
  EXPECT_FALSE(std::isnan(expected[99]));
  EXPECT_TRUE(std::isnan(expected[100]));
  EXPECT_TRUE(std::isnan(expected[199]));
  EXPECT_FALSE(std::isnan(expected[200]));
  for (Dot8Isa isa : available_dot8_isas()) expect_same(expected, data.run(t, 1, isa), dot8_isa_name(isa));
}

TEST(Dynamic8, BestIsaIsAvailableAndWithinTheCap) {
  EXPECT_TRUE(dot8_isa_available(best_dot8_isa()));
  if (best_isa() == Isa::kAvx2) {
    EXPECT_EQ(best_dot8_isa(), Dot8Isa::kAvx2);
  }
  if (best_isa() == Isa::kPortable && !dot8_isa_available(Dot8Isa::kNeonDot)) {
    EXPECT_EQ(best_dot8_isa(), Dot8Isa::kPortable);
  }
}

}  // namespace
}  // namespace tarn::kernels
