#include "tests/passes/quantized_reference.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tarn::testing {
namespace {

// Between ideal codes and those of float32 and fixed point arithmetic, in steps: (x - min) * scale of 255 steps has
// three roundings of 2^-24; Requantize has 16 bits behind the point, four numbers of which are cut.
constexpr double kInexactSteps = 1e-4;
// Of 32-bit codes' step, a product of two float32 quotients of float32 differences, and of float32 sums: a part of the
// value.
constexpr double kInexactPart = 0x1p-21;

constexpr double kByteSteps = 255, kWordSteps = 4294967295.0, kLowestWord = -2147483648.0;

// TensorFlow's FloatToQuantizedUnclamped, for codes of `steps` + 1, the lowest one `lowest`.
double code_of(float value, float min, float max, double steps, double lowest) {
  const double codes = steps + 1;
  const double scale = codes / (static_cast<double>(max - min) * (codes / steps));
  return std::round(static_cast<double>(value) * scale) - std::round(static_cast<double>(min) * scale) + lowest;
}
double word_of(float value, float min, float max) {
  return code_of(value, min, max, kWordSteps, kLowestWord);
}
int32_t zero_of(const Bytes& x) {
  return static_cast<int32_t>(code_of(0, x.min, x.max, kByteSteps, 0));
}

// QuantizedToFloat.
float float_of(double code, float min, float max, double steps, double lowest) {
  const double codes = steps + 1;
  const double scale = static_cast<double>(max - min) * (codes / steps) / codes;
  const auto narrow = static_cast<float>(scale);
  return static_cast<float>(static_cast<double>(std::round(min / narrow) * narrow) + (code - lowest) * scale);
}

// The same two of whole tensors, in float (QuantizedToFloatStruct, FloatToQuantizedStruct).
float tensor_float_of(uint8_t code, const Bytes& x) {
  const auto scale = static_cast<float>(static_cast<double>(x.max - x.min) / kByteSteps);
  return std::round(x.min / scale) * scale + static_cast<float>(code) * scale;
}
int32_t tensor_word_of(float value, float min, float max) {
  const auto scale = static_cast<float>(kWordSteps / static_cast<double>(max - min));
  const float offset = std::round(min * scale) - static_cast<float>(kLowestWord);
  return static_cast<int32_t>(std::round(value * scale) - offset);
}

double step_of(const Bytes& x) {
  return (static_cast<double>(x.max) - static_cast<double>(x.min)) / kByteSteps;
}
double step_of(const Words& x) {
  return (static_cast<double>(x.max) - static_cast<double>(x.min)) / kWordSteps;
}
// Half a step, and how far 0 is from a code.
double rounding_of(const Bytes& x) {
  return step_of(x) * (0.5 + kInexactSteps) + std::abs(zero_of(x) * step_of(x) + static_cast<double>(x.min));
}

// The range of products' codes.
void set_product_range(const Bytes& a, const Bytes& b, Words& product) {
  const float step =
      ((a.max - a.min) / static_cast<float>(kByteSteps)) * ((b.max - b.min) / static_cast<float>(kByteSteps));
  product.min = step * static_cast<float>(kLowestWord);
  product.max = step * static_cast<float>(std::numeric_limits<int32_t>::max());
}

Words words_of(std::vector<int64_t> dims) {
  int64_t size = 1;
  for (int64_t dim : dims) size *= dim;
  const auto count = static_cast<size_t>(size);
  return {.dims = std::move(dims),
          .codes = std::vector<int32_t>(count),
          .in_float = std::vector<double>(count),
          .off_by = std::vector<double>(count)};
}

// to += a * b, and what that may be off by:  a' b' - a b = a' (b' - b) + (a' - a) b
void add_product(const Bytes& a, size_t i, const Bytes& b, size_t j, Words& to, size_t k) {
  to.codes[k] += (a.codes[i] - zero_of(a)) * (b.codes[j] - zero_of(b));
  to.in_float[k] += a.in_float[i] * b.in_float[j];
  to.off_by[k] += std::abs(value_of(a, i)) * b.off_by[j] + a.off_by[i] * std::abs(b.in_float[j]) +
                  std::abs(value_of(a, i) * value_of(b, j)) * kInexactPart;
}

// A sum of codes that is at most `words` codes off.
void finish_sum(const Bytes& x, size_t i, const Bytes& y, size_t j, double words, Words& to, size_t k) {
  to.in_float[k] = x.in_float[i] + y.in_float[j];
  to.off_by[k] = x.off_by[i] + y.off_by[j] + words * step_of(to) +
                 (std::abs(value_of(x, i)) + std::abs(value_of(y, j))) * kInexactPart;
}

}  // namespace

double value_of(const Bytes& x, size_t i) {
  return (x.codes[i] - zero_of(x)) * step_of(x);
}
double value_of(const Words& x, size_t i) {
  return x.codes[i] * step_of(x);  // their ranges are even around 0
}

Bytes quantized(std::vector<int64_t> dims, const std::vector<float>& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const float widest = std::max({1.0f, std::fabs(*least), std::fabs(*most)}) * 0.01f;
  Bytes x{.dims = std::move(dims), .min = std::min(0.0f, *least)};
  x.max = std::max({0.0f, *most, x.min + widest});
  const auto scale = static_cast<float>(kByteSteps / static_cast<double>(x.max - x.min));
  for (float value : values) {
    x.codes.push_back(static_cast<uint8_t>(std::clamp(std::nearbyint((value - x.min) * scale), 0.0f, 255.0f)));
    x.in_float.push_back(static_cast<double>(value));
  }
  x.off_by.assign(values.size(), rounding_of(x));
  return x;
}

Bytes quantized_weights(std::vector<int64_t> dims, const std::vector<float>& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  Bytes x{.dims = std::move(dims), .min = std::min(0.0f, *least), .max = std::max(0.0f, *most)};
  if (x.min == x.max) x.max = x.min + 1;
  const auto scale = static_cast<double>((x.max - x.min) / static_cast<float>(kByteSteps));
  for (float value : values) {
    const double code = std::round(static_cast<double>(value) / scale) - std::round(static_cast<double>(x.min) / scale);
    x.codes.push_back(static_cast<uint8_t>(std::clamp(code, 0.0, kByteSteps)));
    x.in_float.push_back(static_cast<double>(value));
  }
  x.off_by.assign(values.size(), step_of(x) * (0.5 + kInexactSteps));  // 0 is a code
  return x;
}

Words conv2d_same(const Bytes& x, const Bytes& filter, int64_t stride) {
  const int64_t batch = x.dims[0], height = x.dims[1], width = x.dims[2], depth = x.dims[3];
  const int64_t filter_height = filter.dims[0], filter_width = filter.dims[1], channels = filter.dims[3];
  const int64_t rows = (height + stride - 1) / stride, columns = (width + stride - 1) / stride;
  const int64_t top = ((rows - 1) * stride + filter_height - height) / 2;
  const int64_t left = ((columns - 1) * stride + filter_width - width) / 2;
  Words y = words_of({batch, rows, columns, channels});
  set_product_range(x, filter, y);
  auto at = [](int64_t a, int64_t b, int64_t c, int64_t d, const std::vector<int64_t>& dims) {
    return static_cast<size_t>(((a * dims[1] + b) * dims[2] + c) * dims[3] + d);
  };
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) {
        for (int64_t k = 0; k < channels; ++k) {
          for (int64_t i = 0; i < filter_height; ++i) {
            for (int64_t j = 0; j < filter_width; ++j) {
              const int64_t row = r * stride - top + i, column = c * stride - left + j;
              if (row < 0 || row >= height || column < 0 || column >= width) continue;
              for (int64_t d = 0; d < depth; ++d)
                add_product(x, at(n, row, column, d, x.dims), filter, at(i, j, d, k, filter.dims), y,
                            at(n, r, c, k, y.dims));
            }
          }
        }
      }
    }
  }
  return y;
}

Words mat_mul(const Bytes& a, const Bytes& b) {
  const auto rows = static_cast<size_t>(a.dims[0]), depth = static_cast<size_t>(a.dims[1]);
  const auto columns = static_cast<size_t>(b.dims[1]);
  Words y = words_of({a.dims[0], b.dims[1]});
  set_product_range(a, b, y);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      for (size_t k = 0; k < depth; ++k) add_product(a, i * depth + k, b, k * columns + j, y, i * columns + j);
    }
  }
  return y;
}

Words mul(const Bytes& x, const Bytes& y) {
  Words z = words_of(x.dims);
  set_product_range(x, y, z);
  for (size_t i = 0; i < x.size(); ++i) add_product(x, i, y, i % y.size(), z, i);
  return z;
}

// GetOutputMinAndMaxForQuantizedAdd, QuantizedAddUsingEigen.
Words bias_add(const Bytes& x, const Bytes& bias) {
  Words y = words_of(x.dims);
  y.max = std::max({x.max, -x.min, bias.max, -bias.min}) * static_cast<float>(1 << 17);
  y.min = -y.max;
  const auto zero = static_cast<int32_t>(word_of(0, y.min, y.max));
  // The codes of 0 are 0 but for float32: its numbers below 2^31 are 128 apart, and where the range's scale was rounded
  // down, both terms are moved by that much. The sum then is off by 256 codes of 2^-14 of the largest magnitude: a
  // 64th.
  const int32_t moved = tensor_word_of(0, y.min, y.max);
  const double words = 1 + std::abs(2.0 * moved + zero);
  for (size_t i = 0; i < x.size(); ++i) {
    const size_t channel = i % bias.size();
    y.codes[i] = tensor_word_of(tensor_float_of(x.codes[i], x), y.min, y.max) +
                 tensor_word_of(tensor_float_of(bias.codes[channel], bias), y.min, y.max) + zero;
    finish_sum(x, i, bias, channel, words, y, i);
  }
  return y;
}

// quantized_add_op, RequantizeManyInNewRange8To32BitReference.
Words add(const Bytes& x, const Bytes& y) {
  Words z = words_of(x.dims);
  z.max = std::max(std::fabs(std::min(x.min, y.min)), std::fabs(std::max(x.max, y.max))) * static_cast<float>(1 << 14);
  z.min = -z.max;
  auto line = [&](const Bytes& of, uint8_t code) {
    const double first = word_of(float_of(0, of.min, of.max, kByteSteps, 0), z.min, z.max);
    const double second = word_of(float_of(1, of.min, of.max, kByteSteps, 0), z.min, z.max);
    return static_cast<int32_t>(first + code * (second - first));
  };
  // Of each input half a code at the line's beginning, and one at each of its steps.
  constexpr double kWords = 2 * (0.5 + kByteSteps);
  for (size_t i = 0; i < x.size(); ++i) {
    z.codes[i] = line(x, x.codes[i]) + line(y, y.codes[i]);
    finish_sum(x, i, y, i, kWords, z, i);
  }
  return z;
}

Bytes requantized(const Words& x) {
  const auto [least, most] = std::minmax_element(x.codes.begin(), x.codes.end());
  auto number = [](int32_t code) { return static_cast<double>(static_cast<float>(code)); };  // qint32 has no other
  Bytes y{.dims = x.dims, .in_float = x.in_float};
  y.min = std::min(0.0f, float_of(number(*least), x.min, x.max, kWordSteps, kLowestWord));
  y.max = std::max(float_of(number(*most), x.min, x.max, kWordSteps, kLowestWord), x.max / 0x1p30f);
  // RequantizeManyInNewRangeUsingEigen.
  const float from = x.max - x.min, to = y.max - y.min;
  const auto per_unit = static_cast<float>(255.0 / static_cast<double>(to));
  const auto center = static_cast<float>(static_cast<double>(x.min + x.max) / 2);
  const auto scale = static_cast<int64_t>(255.0 * 65536 * static_cast<double>(from) / static_cast<double>(to));
  const auto center_code = static_cast<int64_t>(center * per_unit * 65536);
  const int64_t low = std::lround(65536 * (static_cast<double>(y.min) * 255.0) / static_cast<double>(to));
  for (int32_t code : x.codes) {
    const int64_t fixed = (static_cast<int64_t>(number(code)) * scale >> 32) + center_code - low;
    y.codes.push_back(static_cast<uint8_t>(std::clamp<int64_t>((fixed + 32768) >> 16, 0, 255)));
  }
  for (double off_by : x.off_by) y.off_by.push_back(off_by + rounding_of(y));
  return y;
}

Bytes relu(Bytes x) {
  for (size_t i = 0; i < x.size(); ++i) {
    x.codes[i] = static_cast<uint8_t>(std::max<int32_t>(x.codes[i], zero_of(x)));
    x.in_float[i] = std::max(x.in_float[i], 0.0);
  }
  return x;
}

Bytes max_pool(const Bytes& x, int64_t window) {
  const int64_t rows = x.dims[1] / window, columns = x.dims[2] / window, channels = x.dims[3];
  Bytes y{.dims = {x.dims[0], rows, columns, channels}, .min = x.min, .max = x.max};
  for (int64_t to = 0; to < x.dims[0] * rows * columns * channels; ++to) {
    const int64_t channel = to % channels, column = to / channels % columns, row = to / channels / columns % rows;
    const int64_t image = to / channels / columns / rows;
    uint8_t code = 0;
    double in_float = -std::numeric_limits<double>::infinity(), off_by = 0;
    for (int64_t i = row * window; i < (row + 1) * window; ++i) {
      for (int64_t j = column * window; j < (column + 1) * window; ++j) {
        const auto from = static_cast<size_t>(((image * x.dims[1] + i) * x.dims[2] + j) * channels + channel);
        code = std::max(code, x.codes[from]);
        in_float = std::max(in_float, x.in_float[from]);
        off_by = std::max(off_by, x.off_by[from]);
      }
    }
    y.codes.push_back(code);
    y.in_float.push_back(in_float);
    y.off_by.push_back(off_by);
  }
  return y;
}

Bytes reshaped(Bytes x, std::vector<int64_t> dims) {
  x.dims = std::move(dims);
  return x;
}

std::vector<float> dequantized(const Bytes& x) {
  std::vector<float> values;
  for (uint8_t code : x.codes) values.push_back(tensor_float_of(code, x));
  return values;
}

}  // namespace tarn::testing
