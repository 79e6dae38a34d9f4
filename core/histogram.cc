#include "core/histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/bit_cast.h"

namespace tarn {
namespace {

constexpr double kLargest = std::numeric_limits<double>::max();

float from_half(uint16_t half) {
  int exponent = half >> 10 & 31, fraction = half & 0x3ff;
  float magnitude = exponent == 31  ? fraction == 0 ? INFINITY : NAN
                    : exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                    : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}
float from_bfloat16(uint16_t bits) {
  return bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

template <class T>
Status add_all(std::span<const T> values, Histogram& histogram) {
  if constexpr (std::is_floating_point_v<T>) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) {
        return invalid_argument("element ", i, " is ", std::isnan(values[i]) ? "NaN" : "infinite");
      }
    }
  }
  for (T value : values) histogram.Add(static_cast<double>(value));
  return {};
}

template <class Convert>
Status add_bits(const Tensor& tensor, Histogram& histogram, const Convert& convert) {
  std::vector<float> values;
  for (uint16_t bits : tensor.flat<uint16_t>()) values.push_back(convert(bits));
  return add_all(std::span<const float>(values), histogram);
}

}  // namespace

const std::vector<double>& Histogram::default_limits() {
  static const std::vector<double> limits = [] {
    std::vector<double> positive;
    for (double v = 1.0e-12; v < 1.0e20; v *= 1.1) positive.push_back(v);  // TensorFlow's, multiplied as it does
    positive.push_back(kLargest);
    std::vector<double> all;
    for (auto v = positive.rbegin(); v != positive.rend(); ++v) all.push_back(-*v);
    all.push_back(0);
    all.insert(all.end(), positive.begin(), positive.end());
    return all;
  }();
  return limits;
}

// Of nothing: as TensorFlow's empty histogram.
Histogram::Histogram() : counts_(default_limits().size()), min_(kLargest), max_(-kLargest) {}

void Histogram::Add(double value) {
  const std::vector<double>& limits = default_limits();
  const auto after = std::upper_bound(limits.begin(), limits.end(), value);
  // The largest double is below no limit; it belongs to the last bucket.
  const auto bucket = std::min<ptrdiff_t>(after - limits.begin(), static_cast<ptrdiff_t>(limits.size()) - 1);
  counts_[static_cast<size_t>(bucket)] += 1;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  count_ += 1;
  sum_ += value;
  sum_squares_ += value * value;
}

Status Histogram::Add(const Tensor& values) {
  switch (values.dtype()) {
    case DType::kFloat: return add_all(values.flat<float>(), *this);
    case DType::kDouble: return add_all(values.flat<double>(), *this);
    case DType::kInt32: return add_all(values.flat<int32_t>(), *this);
    case DType::kInt64: return add_all(values.flat<int64_t>(), *this);
    case DType::kInt16: return add_all(values.flat<int16_t>(), *this);
    case DType::kInt8: return add_all(values.flat<int8_t>(), *this);
    case DType::kUInt8: return add_all(values.flat<uint8_t>(), *this);
    case DType::kUInt16: return add_all(values.flat<uint16_t>(), *this);
    case DType::kUInt32: return add_all(values.flat<uint32_t>(), *this);
    case DType::kUInt64: return add_all(values.flat<uint64_t>(), *this);
    case DType::kBool: return add_all(values.flat<bool>(), *this);
    case DType::kHalf: return add_bits(values, *this, from_half);
    case DType::kBFloat16: return add_bits(values, *this, from_bfloat16);
    default: return invalid_argument("a histogram of ", values.dtype(), " values; expected numbers");
  }
}

std::vector<Histogram::Bucket> Histogram::buckets() const {
  const std::vector<double>& limits = default_limits();
  std::vector<Bucket> buckets;
  for (size_t i = 0; i < counts_.size(); ++i) {
    const bool joins = counts_[i] == 0 && !buckets.empty() && buckets.back().count == 0;
    if (joins) {
      buckets.back().limit = limits[i];
    } else {
      buckets.push_back({limits[i], counts_[i]});
    }
  }
  return buckets;
}

}  // namespace tarn
