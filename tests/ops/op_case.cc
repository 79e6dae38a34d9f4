#include "tests/ops/op_case.h"

#include <cmath>
#include <cstring>
#include <map>
#include <random>

namespace tarn::testing {
namespace {

using MakeCases = OpCases (*)();

std::vector<MakeCases>& case_files() {
  static std::vector<MakeCases> files;
  return files;
}

// Made when a test asks for them first: most tests of an op are not made of cases.
const std::map<std::string, OpCases>& all_cases() {
  static const std::map<std::string, OpCases> cases = [] {
    std::map<std::string, OpCases> made;
    for (MakeCases make : case_files()) {
      for (OpCase& op_case : make()) made[op_case.op].push_back(std::move(op_case));
    }
    return made;
  }();
  return cases;
}

// The bits of `x` in a binary float of that many exponent and mantissa bits, rounded to nearest, ties to even. Written
// from IEEE 754, apart from the conversions of the ops.
uint16_t encode_small_float(double x, int exponent_bits, int mantissa_bits) {
  int bias = (1 << (exponent_bits - 1)) - 1;
  uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  auto infinity = static_cast<uint16_t>(((1 << exponent_bits) - 1) << mantissa_bits);
  if (std::isnan(x)) return static_cast<uint16_t>(sign | infinity | (1 << (mantissa_bits - 1)));
  double magnitude = std::fabs(x);
  if (magnitude == 0) return sign;
  int exponent = std::max(std::ilogb(std::isinf(x) ? 1.0 : magnitude), 1 - bias);
  double units = std::isinf(x) ? 0 : std::nearbyint(std::ldexp(magnitude, mantissa_bits - exponent));
  // units carries the hidden one (or lacks it: subnormal), so adding overflows into the exponent as it should.
  double bits = units + static_cast<double>(exponent + bias - 1) * (1 << mantissa_bits);
  if (std::isinf(x) || bits >= infinity) return static_cast<uint16_t>(sign | infinity);
  return static_cast<uint16_t>(sign | static_cast<uint16_t>(bits));
}

double decode_small_float(uint16_t bits, int exponent_bits, int mantissa_bits) {
  int bias = (1 << (exponent_bits - 1)) - 1;
  double sign = (bits & 0x8000) != 0 ? -1 : 1;
  int exponent = (bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
  int mantissa = bits & ((1 << mantissa_bits) - 1);
  if (exponent == (1 << exponent_bits) - 1) return mantissa != 0 ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

template <class T>
T wrap_to(double x) {
  if (std::isnan(x)) return 0;
  double whole = std::trunc(x);
  if (whole >= 9223372036854775808.0) return static_cast<T>(static_cast<uint64_t>(std::min(whole, 1.8e19)));
  return static_cast<T>(static_cast<int64_t>(std::max(whole, -9223372036854775808.0)));
}

template <class T>
void widen(const Tensor& x, std::span<double> out) {
  std::span<const T> in = x.flat<T>();
  for (size_t i = 0; i < in.size(); ++i) out[i] = static_cast<double>(in[i]);
}

template <class T>
void narrow(std::span<const double> in, Tensor& y) {
  std::span<T> out = y.mutable_flat<T>();
  for (size_t i = 0; i < in.size(); ++i) out[i] = wrap_to<T>(in[i]);
}

}  // namespace

OpCaseRegistrar::OpCaseRegistrar(OpCases (*make)()) {
  case_files().push_back(make);
}

OpExceptions& ops_without_cases() {
  static OpExceptions exceptions;
  return exceptions;
}

OpExceptions& gradients_tested_apart() {
  static OpExceptions exceptions;
  return exceptions;
}

std::vector<const OpCase*> cases_of(std::string_view op) {
  std::vector<const OpCase*> result;
  auto it = all_cases().find(std::string(op));
  if (it == all_cases().end()) return result;
  for (const OpCase& op_case : it->second) result.push_back(&op_case);
  return result;
}

std::vector<std::string> ops_with_cases() {
  std::vector<std::string> names;
  for (const auto& [name, cases] : all_cases()) names.push_back(name);
  return names;
}

OpCase on_resources(OpCase apply) {
  apply.op = "Resource" + apply.op;
  apply.reference = [reference = apply.reference](const Tensors& in, const AttrMap& attrs) {
    Tensors out = reference(in, attrs);
    out.erase(out.begin());
    return out;
  };
  return apply;
}

Tensor uniform(const Shape& shape, double low, double high, uint64_t seed) {
  uint64_t mixed = seed;
  for (int64_t dim : shape.dims()) mixed = mixed * 6364136223846793005u + static_cast<uint64_t>(dim) + 1;
  std::mt19937_64 generator(mixed);
  std::vector<double> values(static_cast<size_t>(shape.elements()));
  // Not std::uniform_real_distribution: its values differ between standard libraries.
  for (double& v : values) v = low + (high - low) * (static_cast<double>(generator() >> 11) * 0x1p-53);
  return Tensor::from<double>(shape, std::span<const double>(values));
}

Tensor ints(const Shape& shape, std::initializer_list<int32_t> values) {
  return Tensor::from<int32_t>(shape, values);
}

Tensor doubles(const Shape& shape, std::initializer_list<double> values) {
  return Tensor::from<double>(shape, values);
}

Tensor iota(const Shape& shape) {
  std::vector<double> values(static_cast<size_t>(shape.elements()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  return Tensor::from<double>(shape, std::span<const double>(values));
}

Tensor map(const Tensor& x, const std::function<double(double)>& f) {
  Tensor wide = to_double(x);
  for (double& v : wide.mutable_flat<double>()) v = f(v);
  return wide;
}

Tensor map2(const Tensor& a, const Tensor& b, const std::function<double(double, double)>& f) {
  Shape shape = *broadcast_shapes(a.shape(), b.shape());
  Tensor wide_a = to_double(a), wide_b = to_double(b);
  Tensor y = *Tensor::zeros(DType::kDouble, shape);
  std::span<double> out = y.mutable_flat<double>();
  auto offset_in = [&](const Shape& in, int64_t flat) {
    int64_t offset = 0, stride = 1;
    for (int i = 1; i <= shape.rank(); ++i) {
      int64_t index = flat % shape.dim(-i);
      flat /= shape.dim(-i);
      if (i > in.rank()) continue;
      if (in.dim(-i) != 1) offset += index * stride;
      stride *= in.dim(-i);
    }
    return static_cast<size_t>(offset);
  };
  for (size_t i = 0; i < out.size(); ++i) {
    auto flat = static_cast<int64_t>(i);
    out[i] = f(wide_a.flat<double>()[offset_in(a.shape(), flat)], wide_b.flat<double>()[offset_in(b.shape(), flat)]);
  }
  return y;
}

Tensor by_index(const Shape& shape, const std::function<double(const Index&)>& f) {
  Tensor y = *Tensor::zeros(DType::kDouble, shape);
  Index index(static_cast<size_t>(shape.rank()), 0);
  for (double& v : y.mutable_flat<double>()) {
    v = f(index);
    for (size_t d = index.size(); d-- > 0;) {
      if (++index[d] < shape.dim(static_cast<int>(d))) break;
      index[d] = 0;
    }
  }
  return y;
}

double at(const Tensor& x, const Index& index) {
  assert(static_cast<int>(index.size()) == x.shape().rank());
  int64_t offset = 0;
  for (size_t d = 0; d < index.size(); ++d) {
    assert(index[d] >= 0 && index[d] < x.shape().dim(static_cast<int>(d)));
    offset = offset * x.shape().dim(static_cast<int>(d)) + index[d];
  }
  return x.flat<double>()[static_cast<size_t>(offset)];
}

std::vector<int64_t> int_list(const Tensor& x) {
  std::vector<int64_t> values;
  Tensor wide = to_double(x);
  for (double v : wide.flat<double>()) values.push_back(static_cast<int64_t>(v));
  return values;
}

Tensor to_double(const Tensor& x) {
  Tensor y = *Tensor::zeros(DType::kDouble, x.shape());
  std::span<double> out = y.mutable_flat<double>();
  switch (x.dtype()) {
    case DType::kDouble: widen<double>(x, out); break;
    case DType::kFloat: widen<float>(x, out); break;
    case DType::kInt64: widen<int64_t>(x, out); break;
    case DType::kQInt32:
    case DType::kInt32: widen<int32_t>(x, out); break;
    case DType::kQInt16:
    case DType::kInt16: widen<int16_t>(x, out); break;
    case DType::kQInt8:
    case DType::kInt8: widen<int8_t>(x, out); break;
    case DType::kQUInt8:
    case DType::kUInt8: widen<uint8_t>(x, out); break;
    case DType::kQUInt16:
    case DType::kUInt16: widen<uint16_t>(x, out); break;
    case DType::kUInt32: widen<uint32_t>(x, out); break;
    case DType::kUInt64: widen<uint64_t>(x, out); break;
    case DType::kBool: widen<bool>(x, out); break;
    case DType::kHalf:
      for (size_t i = 0; i < out.size(); ++i) out[i] = decode_small_float(x.flat<uint16_t>()[i], 5, 10);
      break;
    case DType::kBFloat16:
      for (size_t i = 0; i < out.size(); ++i) out[i] = decode_small_float(x.flat<uint16_t>()[i], 8, 7);
      break;
    case DType::kString:
      for (size_t i = 0; i < out.size(); ++i) {
        const std::string& text = x.flat<std::string>()[i];
        out[i] = text.empty() ? 0 : std::strtod(text.c_str(), nullptr);
      }
      break;
    default: assert(false && "no numbers in this dtype");
  }
  return y;
}

Tensor to_dtype(const Tensor& x, DType dtype) {
  assert(x.dtype() == DType::kDouble);
  std::span<const double> in = x.flat<double>();
  Tensor y = *Tensor::zeros(dtype, x.shape());
  switch (dtype) {
    case DType::kDouble: std::memcpy(y.mutable_data(), x.data(), x.byte_size()); break;
    case DType::kFloat:
      for (size_t i = 0; i < in.size(); ++i) y.mutable_flat<float>()[i] = static_cast<float>(in[i]);
      break;
    case DType::kInt64: narrow<int64_t>(in, y); break;
    case DType::kQInt32:
    case DType::kInt32: narrow<int32_t>(in, y); break;
    case DType::kQInt16:
    case DType::kInt16: narrow<int16_t>(in, y); break;
    case DType::kQInt8:
    case DType::kInt8: narrow<int8_t>(in, y); break;
    case DType::kQUInt8:
    case DType::kUInt8: narrow<uint8_t>(in, y); break;
    case DType::kQUInt16:
    case DType::kUInt16: narrow<uint16_t>(in, y); break;
    case DType::kUInt32: narrow<uint32_t>(in, y); break;
    case DType::kUInt64: narrow<uint64_t>(in, y); break;
    case DType::kBool:
      for (size_t i = 0; i < in.size(); ++i) y.mutable_flat<bool>()[i] = in[i] != 0;
      break;
    case DType::kHalf:
      for (size_t i = 0; i < in.size(); ++i) y.mutable_flat<uint16_t>()[i] = encode_small_float(in[i], 5, 10);
      break;
    case DType::kBFloat16:
      for (size_t i = 0; i < in.size(); ++i) y.mutable_flat<uint16_t>()[i] = encode_small_float(in[i], 8, 7);
      break;
    case DType::kString:
      // 0 is the empty string, so that "zero of any dtype" means the same for strings.
      for (size_t i = 0; i < in.size(); ++i) y.mutable_flat<std::string>()[i] = in[i] == 0 ? "" : str_cat(in[i]);
      break;
    default: assert(false && "no numbers in this dtype");
  }
  return y;
}

double dtype_epsilon(DType dtype) {
  switch (dtype) {
    case DType::kDouble: return 0x1p-52;
    case DType::kFloat: return 0x1p-23;
    case DType::kHalf: return 0x1p-10;
    case DType::kBFloat16: return 0x1p-7;
    default: return 0;
  }
}

}  // namespace tarn::testing
