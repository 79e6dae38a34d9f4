// Elements of any dtype as keys: equal keys, equal elements. For what looks elements up: Unique, ListDiff, tables.
//
//   ElementKeys keys(view);
//   keys.at(i)      // 0 and -0 are equal, NaN equals nothing
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <string>

#include "core/kernel.h"
#include "ops/support/half.h"

namespace tarn {

class ElementKeys {
 public:
  explicit ElementKeys(const TensorView& view) : view_(view), size_(dtype_size(view.dtype)) {}

  // Adds the key of element i to `key`.
  void append(int64_t i, std::string& key) {
    if (view_.dtype == DType::kString) {
      const std::string& text = view_.as<std::string>()[i];
      uint64_t length = text.size();
      key.append(reinterpret_cast<const char*>(&length), sizeof(length)).append(text);
      return;
    }
    const char* at = static_cast<const char*>(view_.data) + static_cast<size_t>(i) * size_;
    if (is_nan(at)) {  // a key of its own
      ++nans_;
      key.append("nan").append(reinterpret_cast<const char*>(&nans_), sizeof(nans_));
    } else if (is_zero(at)) {
      key.append(size_, '\0');
    } else {
      key.append(at, size_);
    }
  }
  std::string at(int64_t i) {
    std::string key;
    append(i, key);
    return key;
  }

 private:
  template <class T>
  static T load(const char* at) {
    T value;
    std::memcpy(&value, at, sizeof(T));
    return value;
  }
  double floating(const char* at) const {
    switch (view_.dtype) {
      case DType::kFloat: return load<float>(at);
      case DType::kDouble: return load<double>(at);
      case DType::kHalf: return half_to_float(load<uint16_t>(at));
      case DType::kBFloat16: return bfloat16_to_float(load<uint16_t>(at));
      default: return 1;
    }
  }
  bool is_nan(const char* at) const { return std::isnan(floating(at)); }
  bool is_zero(const char* at) const { return floating(at) == 0; }

  TensorView view_;
  size_t size_;
  uint64_t nans_ = 0;
};

}  // namespace tarn
