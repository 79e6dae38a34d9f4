// Element types, with TensorFlow's numbers and names.
//
//   DType t = DType::kFloat;   dtype_size(t) == 4;   dtype_name(t) == "float";   dtype_short_name(t) == "f32"
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tarn {

enum class DType : uint8_t {
  kInvalid = 0,
  kFloat = 1,
  kDouble = 2,
  kInt32 = 3,
  kUInt8 = 4,
  kInt16 = 5,
  kInt8 = 6,
  kString = 7,
  kComplex64 = 8,
  kInt64 = 9,
  kBool = 10,
  kQInt8 = 11,
  kQUInt8 = 12,
  kQInt32 = 13,
  kBFloat16 = 14,
  kQInt16 = 15,
  kQUInt16 = 16,
  kUInt16 = 17,
  kComplex128 = 18,
  kHalf = 19,
  kResource = 20,
  kVariant = 21,
  kUInt32 = 22,
  kUInt64 = 23,
};

// A reference type on the wire is the value type + 100 (DT_FLOAT_REF = 101).
constexpr int kRefOffset = 100;

// Bytes of one element; 0 for string, resource, variant and invalid.
size_t dtype_size(DType dtype);
// "float", "int32", "quint8" …: the names in TensorFlow's op definitions.
std::string_view dtype_name(DType dtype);
// "f32", "i32", "qu8" …: the names in Tarn's text form.
std::string_view dtype_short_name(DType dtype);
// Reads any spelling: "float", "float32", "f32", "DT_FLOAT".
std::optional<DType> dtype_from_name(std::string_view name);
// True for TensorFlow's numbers 1..23.
bool dtype_is_known(int number);
// float, double, half, bfloat16.
bool dtype_is_floating(DType dtype);
// int8 … int64, uint8 … uint64 (not bool, not quantized).
bool dtype_is_integer(DType dtype);

// Half-precision storage: the raw 16 bits. Arithmetic is Eigen's, in ops/.
struct Half {
  uint16_t bits;
};
struct BFloat16 {
  uint16_t bits;
};

namespace internal {
template <class T>
struct DTypeOf;
}
// dtype_of<float>() == DType::kFloat. Quantized types are stored as uint8_t, int8_t, int32_t and have no C++ type of
// their own.
template <class T>
constexpr DType dtype_of() {
  return internal::DTypeOf<T>::value;
}

namespace internal {
#define TARN_DTYPE_OF(type, dtype)               \
  template <>                                    \
  struct DTypeOf<type> {                         \
    static constexpr DType value = DType::dtype; \
  };
TARN_DTYPE_OF(float, kFloat)
TARN_DTYPE_OF(double, kDouble)
TARN_DTYPE_OF(int32_t, kInt32)
TARN_DTYPE_OF(uint8_t, kUInt8)
TARN_DTYPE_OF(int16_t, kInt16)
TARN_DTYPE_OF(int8_t, kInt8)
TARN_DTYPE_OF(std::string, kString)
TARN_DTYPE_OF(int64_t, kInt64)
TARN_DTYPE_OF(bool, kBool)
TARN_DTYPE_OF(uint16_t, kUInt16)
TARN_DTYPE_OF(uint32_t, kUInt32)
TARN_DTYPE_OF(uint64_t, kUInt64)
TARN_DTYPE_OF(Half, kHalf)
TARN_DTYPE_OF(BFloat16, kBFloat16)
#undef TARN_DTYPE_OF
}  // namespace internal

}  // namespace tarn
