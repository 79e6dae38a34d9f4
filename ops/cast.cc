// Cast.
#include <cmath>
#include <cstring>
#include <limits>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/support/array.h"
#include "ops/support/half.h"

namespace tarn {
namespace {

// Integer to integer wraps. Floating to integer truncates; what C++ leaves undefined is: NaN is 0, what is beyond the
// integer's range is its nearest end.
template <class To, class From>
To convert(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // 2^digits, the first value too large, is a power of two and so exact in From.
    constexpr From kLimit = static_cast<From>(uint64_t{1} << (std::numeric_limits<To>::digits - 1)) * From(2);
    if (!(x < kLimit)) return x == x ? std::numeric_limits<To>::max() : To(0);
    constexpr From kLow = std::is_signed_v<To> ? -kLimit : From(0);
    if (x <= kLow) return std::numeric_limits<To>::min();
    return static_cast<To>(x);
  } else {
    return static_cast<To>(x);  // double to float rounds, beyond its range to infinity
  }
}

// The type an element is read and written as; half and bfloat16 go through float.
template <DType dtype>
struct Stored;
#define TARN_STORED(dtype, type)                      \
  template <>                                         \
  struct Stored<DType::dtype> {                       \
    using Element = type;                             \
    using Value = type;                               \
    static Value load(Element x) { return x; }        \
    static Element store(Value x, bool) { return x; } \
  };
TARN_STORED(kFloat, float)
TARN_STORED(kDouble, double)
TARN_STORED(kInt8, int8_t)
TARN_STORED(kInt16, int16_t)
TARN_STORED(kInt32, int32_t)
TARN_STORED(kInt64, int64_t)
TARN_STORED(kUInt8, uint8_t)
TARN_STORED(kUInt16, uint16_t)
TARN_STORED(kUInt32, uint32_t)
TARN_STORED(kUInt64, uint64_t)
TARN_STORED(kBool, bool)
#undef TARN_STORED
template <>
struct Stored<DType::kHalf> {
  using Element = uint16_t;
  using Value = float;
  static Value load(Element x) { return half_to_float(x); }
  static Element store(Value x, bool truncate) { return float_to_half(x, truncate); }
};
template <>
struct Stored<DType::kBFloat16> {
  using Element = uint16_t;
  using Value = float;
  static Value load(Element x) { return bfloat16_to_float(x); }
  static Element store(Value x, bool truncate) { return float_to_bfloat16(x, truncate); }
};

template <DType from, DType to>
void cast_elements(const void* in, void* out, int64_t n, bool truncate) {
  using From = Stored<from>;
  using To = Stored<to>;
  const auto* x = static_cast<const typename From::Element*>(in);
  auto* y = static_cast<typename To::Element*>(out);
  for (int64_t i = 0; i < n; ++i) {
    y[i] = To::store(convert<typename To::Value>(From::load(x[i])), truncate);
  }
}

using CastFunction = void (*)(const void* in, void* out, int64_t n, bool truncate);

// The storage type a quantized dtype is cast as.
constexpr DType plain(DType dtype) {
  switch (dtype) {
    case DType::kQInt8: return DType::kInt8;
    case DType::kQUInt8: return DType::kUInt8;
    case DType::kQInt16: return DType::kInt16;
    case DType::kQUInt16: return DType::kUInt16;
    case DType::kQInt32: return DType::kInt32;
    default: return dtype;
  }
}

// A quantized type's loops are those of its storage type.
constexpr bool cast_is_linked(DType dtype) {
  if (type_is_linked(dtype)) return true;
  for (DType other : {DType::kQInt8, DType::kQUInt8, DType::kQInt16, DType::kQUInt16, DType::kQInt32}) {
    if (plain(other) == dtype && type_is_linked(other)) return true;
  }
  return false;
}

template <DType from, DType to>
CastFunction cast_of() {
  if constexpr (cast_is_linked(from) && cast_is_linked(to)) return cast_elements<from, to>;
  return nullptr;
}

template <DType from>
CastFunction find_to(DType to) {
  switch (to) {
    case DType::kFloat: return cast_of<from, DType::kFloat>();
    case DType::kDouble: return cast_of<from, DType::kDouble>();
    case DType::kInt8: return cast_of<from, DType::kInt8>();
    case DType::kInt16: return cast_of<from, DType::kInt16>();
    case DType::kInt32: return cast_of<from, DType::kInt32>();
    case DType::kInt64: return cast_of<from, DType::kInt64>();
    case DType::kUInt8: return cast_of<from, DType::kUInt8>();
    case DType::kUInt16: return cast_of<from, DType::kUInt16>();
    case DType::kUInt32: return cast_of<from, DType::kUInt32>();
    case DType::kUInt64: return cast_of<from, DType::kUInt64>();
    case DType::kBool: return cast_of<from, DType::kBool>();
    case DType::kHalf: return cast_of<from, DType::kHalf>();
    case DType::kBFloat16: return cast_of<from, DType::kBFloat16>();
    default: return nullptr;
  }
}

CastFunction find_cast(DType from, DType to) {
  from = plain(from);
  to = plain(to);
  switch (from) {
    case DType::kFloat: return find_to<DType::kFloat>(to);
    case DType::kDouble: return find_to<DType::kDouble>(to);
    case DType::kInt8: return find_to<DType::kInt8>(to);
    case DType::kInt16: return find_to<DType::kInt16>(to);
    case DType::kInt32: return find_to<DType::kInt32>(to);
    case DType::kInt64: return find_to<DType::kInt64>(to);
    case DType::kUInt8: return find_to<DType::kUInt8>(to);
    case DType::kUInt16: return find_to<DType::kUInt16>(to);
    case DType::kUInt32: return find_to<DType::kUInt32>(to);
    case DType::kUInt64: return find_to<DType::kUInt64>(to);
    case DType::kBool: return find_to<DType::kBool>(to);
    case DType::kHalf: return find_to<DType::kHalf>(to);
    case DType::kBFloat16: return find_to<DType::kBFloat16>(to);
    default: return nullptr;
  }
}

class CastKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    DType from = c.attr<DType>("SrcT"), to = c.attr<DType>("DstT");
    same_ = from == to;
    truncate_ = c.attr<bool>("Truncate");
    cast_ = find_cast(from, to);
    if (cast_ == nullptr && !same_) {
      return unimplemented("there is no cast from ", dtype_name(from), " to ", dtype_name(to), kLeftOutAdvice);
    }
    if (same_ || dtype_size(from) == dtype_size(to)) c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    if (same_) {
      if (y.data != x.data) copy_elements(x.dtype, y.data, x.data, x.count);
      return {};
    }
    c.threads().parallel_for(x.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      cast_(element_at(x, begin), mutable_element_at(y, begin), end - begin, truncate_);
    });
    return {};
  }

 private:
  CastFunction cast_ = nullptr;
  bool same_ = false, truncate_ = false;
};

constexpr KernelDef kKernels[] = {portable_kernel<CastKernel>()};

Status cast_gradient(GradContext& c) {
  DType from = c.attr<DType>("SrcT");
  if (dtype_is_floating(from) && dtype_is_floating(c.attr<DType>("DstT"))) {
    c.set_grad(0, c.op("Cast", {c.grad()}, {{"DstT", from}}));
  }
  return {};
}

constexpr std::string_view kDoc = R"(Converts elements to another type.
  x  SrcT[...]   returns  DstT[...]
  To bool: x != 0. Integer to integer keeps the low bits. Floating to integer drops the fraction. To a smaller floating
  type rounds to the nearest, ties to even; with Truncate the low bits are dropped (to half and bfloat16 only).
  Where C++ and TensorFlow leave it undefined: NaN to integer is 0, a value beyond the integer's range is its nearest end.
  Errors: Unimplemented naming both types, for strings and complex numbers.   Source: TensorFlow math_ops Cast.)";

}  // namespace

extern const OpDef op_Cast;
const OpDef op_Cast = {
    .name = "Cast",
    .inputs = "x: SrcT",
    .outputs = "y: DstT",
    .attrs = "SrcT: type; DstT: type; Truncate: bool = false",
    .infer = infer_unchanged,
    .kernels = kKernels,
};

TARN_OP_FILE(cast, {&op_Cast, kDoc, cast_gradient})

}  // namespace tarn
