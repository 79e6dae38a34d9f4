#include "core/dtype.h"

namespace tarn {
namespace {

// Without pointers: those of a program that may lie anywhere are set when it starts.
struct Row {
  char name[12], short_name[10];
  uint8_t size;
};

// Indexed by TensorFlow's number.
constexpr Row kRows[] = {
    {"invalid", "invalid", 0},   {"float", "f32", 4},       {"double", "f64", 8},       {"int32", "i32", 4},
    {"uint8", "u8", 1},          {"int16", "i16", 2},       {"int8", "i8", 1},          {"string", "str", 0},
    {"complex64", "c64", 8},     {"int64", "i64", 8},       {"bool", "bool", 1},        {"qint8", "qi8", 1},
    {"quint8", "qu8", 1},        {"qint32", "qi32", 4},     {"bfloat16", "bf16", 2},    {"qint16", "qi16", 2},
    {"quint16", "qu16", 2},      {"uint16", "u16", 2},      {"complex128", "c128", 16}, {"half", "f16", 2},
    {"resource", "resource", 0}, {"variant", "variant", 0}, {"uint32", "u32", 4},       {"uint64", "u64", 8},
};
constexpr int kCount = sizeof(kRows) / sizeof(kRows[0]);

const Row& row(DType dtype) {
  auto i = static_cast<int>(dtype);
  return kRows[i < kCount ? i : 0];
}

// Whether `text` is `name` in capitals.
bool is_upper(std::string_view text, std::string_view name) {
  if (text.size() != name.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    bool is_small = name[i] >= 'a' && name[i] <= 'z';
    if (text[i] != (is_small ? name[i] - 'a' + 'A' : name[i])) return false;
  }
  return true;
}

}  // namespace

size_t dtype_size(DType dtype) {
  return row(dtype).size;
}
std::string_view dtype_name(DType dtype) {
  return row(dtype).name;
}
std::string_view dtype_short_name(DType dtype) {
  return row(dtype).short_name;
}
bool dtype_is_known(int number) {
  return number > 0 && number < kCount;
}

std::optional<DType> dtype_from_name(std::string_view name) {
  if (name == "float32") return DType::kFloat;
  if (name == "float64") return DType::kDouble;
  if (name == "float16") return DType::kHalf;
  for (int i = 1; i < kCount; ++i) {
    if (name == kRows[i].name || name == kRows[i].short_name) return static_cast<DType>(i);
    if (name.starts_with("DT_") && is_upper(name.substr(3), kRows[i].name)) return static_cast<DType>(i);
  }
  return std::nullopt;
}

bool dtype_is_floating(DType dtype) {
  return dtype == DType::kFloat || dtype == DType::kDouble || dtype == DType::kHalf || dtype == DType::kBFloat16;
}

bool dtype_is_integer(DType dtype) {
  switch (dtype) {
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
    case DType::kInt64:
    case DType::kUInt8:
    case DType::kUInt16:
    case DType::kUInt32:
    case DType::kUInt64: return true;
    default: return false;
  }
}

}  // namespace tarn
