// What the Quantized* ops share: codes, the range of values that a tensor's codes stand for, and TensorFlow's
// arithmetic between the two. A range is two float inputs of one element each.
//
//   TARN_RETURN_IF_ERROR(expect_range(c, 2, "min_input", "max_input"));                  // infer: inputs 2 and 3
//   TARN_ASSIGN_OR_RETURN(CodeRange range, read_range(c, 2, "min_input", "max_input"));  // run
//   int64_t zero = unclamped_code<uint8_t>(0.0f, range);                                 // the code that means 0
//
// The order of operations and where double or float is used are TensorFlow's: other ones give other codes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/op.h"

namespace tarn {

// The values of a tensor's lowest and highest code.
struct CodeRange {
  float min = 0, max = 0;
};

// "{qint8, quint8, qint32, qint16, quint16}", what TensorFlow lets a quantized input be.
#define TARN_QUANTIZED_TYPES "{qint8, quint8, qint32, qint16, quint16}"

// Unless `shape` may be a scalar or a vector of one element. TensorFlow 1.x takes both, 2.x mostly scalars.
Status judge_single(const Shape& shape, std::string_view name);
// The same of inputs i and i + 1.
Status expect_range(InferContext& c, int i, std::string_view min_name, std::string_view max_name);
// Inputs i and i + 1. Errors: not one element each, NaN or infinite, min above max.
Result<CodeRange> read_range(const RunContext& c, int i, std::string_view min_name, std::string_view max_name);
// The error for a range without width, of ops that divide by it.
Status expect_wide(const CodeRange& range, std::string_view min_name, std::string_view max_name);
// The only element of input i.
Result<float> read_single(const RunContext& c, int i, std::string_view name);
// Outputs i and i + 1, which are scalars.
Status set_range(InferContext& c, int i);
Status write_range(RunContext& c, int i, const CodeRange& range);
// Unimplemented unless the type attr is `dtype`: kernels are chosen by one attr only.
Status expect_type(const PrepareContext& c, std::string_view attr, DType dtype);

// As a conversion to int64, but defined for every number: too large ones are cut, NaN is 0.
int64_t to_whole(double x);
// An int64 cut to its lower 32 bits, as TensorFlow keeps zero points.
inline int32_t low_half(int64_t x) {
  return static_cast<int32_t>(static_cast<uint32_t>(static_cast<uint64_t>(x)));
}

// A code as a number. TensorFlow's qint32 converts to float only, so from 2^24 on it is rounded on the way.
inline float code_number(uint8_t code) {
  return code;
}
inline float code_number(int8_t code) {
  return code;
}
inline float code_number(int32_t code) {
  return static_cast<float>(code);
}

template <class T>
inline constexpr auto kLowestCode = static_cast<double>(std::numeric_limits<T>::min());
template <class T>
inline constexpr auto kHighestCode = static_cast<double>(std::numeric_limits<T>::max());
template <class T>
inline constexpr double kCodeSteps = kHighestCode<T> - kLowestCode<T>;  // 2^bits - 1

// code = round(value * s) - round(min * s) + lowest,  s = 2^bits / (range * (2^bits / (2^bits - 1)))
//   in double; half away from zero. Lowest if the range has no width.   Source: TensorFlow quantization_utils.
template <class T>
int64_t unclamped_code(float value, const CodeRange& range) {
  if (range.min == range.max) return static_cast<int64_t>(kLowestCode<T>);
  constexpr double kCodes = kCodeSteps<T> + 1, kAdjust = kCodes / kCodeSteps<T>;
  const double width = static_cast<double>(range.max - range.min) * kAdjust;
  const double scale = kCodes / width;
  const double steps =
      std::round(static_cast<double>(value) * scale) - std::round(static_cast<double>(range.min) * scale);
  return to_whole(steps + kLowestCode<T>);
}
template <class T>
T code_of(float value, const CodeRange& range) {
  return static_cast<T>(std::clamp<int64_t>(unclamped_code<T>(value, range), std::numeric_limits<T>::min(),
                                            std::numeric_limits<T>::max()));
}

// value = round(min / s) * s + (code - lowest) * s,  s as above but as a factor; the first product in float.
template <class T>
float value_of(T code, const CodeRange& range) {
  if (range.min == range.max) return range.min;
  constexpr double kCodes = kCodeSteps<T> + 1, kAdjust = kCodes / kCodeSteps<T>;
  const double scale = static_cast<double>(range.max - range.min) * kAdjust / kCodes;
  const auto narrow_scale = static_cast<float>(scale);
  const float rounded_min = std::round(range.min / narrow_scale) * narrow_scale;
  return static_cast<float>(static_cast<double>(rounded_min) +
                            (static_cast<double>(code_number(code)) - kLowestCode<T>)*scale);
}

// What one step between codes is worth.
template <class T>
float code_step(const CodeRange& range) {
  return (range.max - range.min) / static_cast<float>(kCodeSteps<T>);
}
// The range of codes of type C that hold products of codes of A and B.
template <class A, class B, class C>
CodeRange product_range(const CodeRange& a, const CodeRange& b) {
  const float step = code_step<A>(a) * code_step<B>(b);
  return {step * static_cast<float>(kLowestCode<C>), step * static_cast<float>(kHighestCode<C>)};
}

// The same two conversions in float, as TensorFlow does whole tensors.
template <class T>
class CodesToFloats {
 public:
  explicit CodesToFloats(const CodeRange& range)
      : step_(static_cast<float>(static_cast<double>(range.max - range.min) / kCodeSteps<T>)) {
    const float rounded_min = range.min == range.max ? range.min : std::round(range.min / step_) * step_;
    base_ = rounded_min - static_cast<float>(kLowestCode<T>) * step_;
  }
  float operator()(T code) const { return base_ + static_cast<float>(code) * step_; }

 private:
  float step_, base_;
};

template <class T>
class FloatsToCodes {
 public:
  explicit FloatsToCodes(const CodeRange& range)
      : scale_(range.min == range.max ? 0.0f
                                      : static_cast<float>(kCodeSteps<T> / static_cast<double>(range.max - range.min))),
        offset_(std::round(range.min * scale_) - static_cast<float>(kLowestCode<T>)) {}
  T operator()(float value) const {
    // The largest float that an int32 holds, for 32 bits. NaN is the lowest code.
    constexpr float kLow = static_cast<float>(kLowestCode<T>);
    constexpr float kHigh = sizeof(T) == 4 ? 2147483520.0f : static_cast<float>(kHighestCode<T>);
    const float code = std::round(value * scale_) - offset_;
    return static_cast<T>(!(code > kLow) ? kLow : code > kHigh ? kHigh : code);
  }

 private:
  float scale_, offset_;
};

// 32-bit codes to 8-bit ones in fixed point with 16 bits behind the point:
//   code = ((q * scale >> 32) + center - low + 1/2) >> 16,  scale = 255 * in / out, center and low in steps of `to`
class Requantizer {
 public:
  Requantizer(const CodeRange& from, const CodeRange& to);
  uint8_t operator()(int32_t code) const {
    const auto number = static_cast<int64_t>(code_number(code));
    // Products that leave 64 bits wrap, as they do in TensorFlow: only codes far outside `to` have them.
    const auto product = static_cast<int64_t>(static_cast<uint64_t>(number) * static_cast<uint64_t>(scale_));
    const auto sum = static_cast<int64_t>(static_cast<uint64_t>(product >> 32) + offset_);
    return static_cast<uint8_t>(std::clamp<int64_t>(sum >> 16, 0, 255));
  }

 private:
  int64_t scale_ = 0;
  uint64_t offset_ = 0;  // center - low + 1/2
};

}  // namespace tarn
