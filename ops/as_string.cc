// AsString.
#include <cstdio>
#include <cstring>

#include "core/op.h"
#include "ops/support/half.h"

namespace tarn {
namespace {

// What goes between % and the conversion; TensorFlow's checks and words.
struct NumberFormat {
  bool scientific = false, shortest = false;
  int precision = -1, width = -1;
  std::string fill;

  static Result<NumberFormat> read(const AttrMap& attrs) {
    constexpr int64_t kMost = 1 << 16;  // characters
    NumberFormat format;
    DType dtype = attrs.get<DType>("T");
    int64_t precision = attrs.get<int64_t>("precision"), width = attrs.get<int64_t>("width");
    format.scientific = attrs.get<bool>("scientific");
    format.shortest = attrs.get<bool>("shortest");
    format.fill = attrs.get<std::string>("fill");
    if (precision < -1 || precision > kMost || width < -1 || width > kMost) {
      return invalid_argument("attrs 'precision' and 'width' must be in [-1, ", kMost, "], are ", precision, " and ",
                              width);
    }
    bool is_complex = dtype == DType::kComplex64 || dtype == DType::kComplex128;
    if (!dtype_is_floating(dtype) && !is_complex && (format.scientific || format.shortest || precision >= 0)) {
      return invalid_argument("scientific, shortest and precision are for floating numbers, not ", dtype_name(dtype));
    }
    if (format.scientific && format.shortest) {
      return invalid_argument("Cannot select both scientific and shortest notation");
    }
    if (format.fill.size() > 1 || (!format.fill.empty() && std::strchr(" +-0#", format.fill[0]) == nullptr) ||
        (!format.fill.empty() && format.fill[0] == '\0')) {
      return invalid_argument("attr 'fill' must be one of ' ', '+', '-', '0', '#', not ", quoted(format.fill));
    }
    format.precision = static_cast<int>(precision);
    format.width = static_cast<int>(width);
    return format;
  }

  // "%05.2f"
  std::string text(std::string_view conversion) const {
    std::string format = "%" + fill;
    if (width > -1) str_append(format, width);
    if (precision > -1) str_append(format, ".", precision);
    return format.append(conversion);
  }
};

template <class... Args>
std::string printed(const std::string& format, Args... args) {
  char room[128];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  int size = std::snprintf(room, sizeof(room), format.c_str(), args...);
  if (size < 0) return {};
  if (static_cast<size_t>(size) < sizeof(room)) return {room, static_cast<size_t>(size)};
  std::string text(static_cast<size_t>(size) + 1, '\0');
  std::snprintf(text.data(), text.size(), format.c_str(), args...);
#pragma GCC diagnostic pop
  text.resize(static_cast<size_t>(size));
  return text;
}

Status infer_as_string(InferContext& c) {
  TARN_RETURN_IF_ERROR(NumberFormat::read(c.attrs()).status());
  return infer_unchanged(c);
}

class AsStringKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(NumberFormat format, NumberFormat::read(c.attrs()));
    dtype_ = c.attr<DType>("T");
    bool is_floating = dtype_is_floating(dtype_);
    if (is_floating) {
      format_ = format.text(format.shortest ? "g" : format.scientific ? "e" : "f");
    } else if (dtype_is_integer(dtype_)) {
      bool is_unsigned = dtype_name(dtype_).starts_with('u');
      format_ = format.text(is_unsigned ? "llu" : "lld");
    }
    return {};
  }

  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    for (int64_t i = 0; i < y.count; ++i) y.as<std::string>()[i] = text_of(x, i);
    return {};
  }

 private:
  std::string text_of(const TensorView& x, int64_t i) const {
    switch (dtype_) {
      case DType::kFloat: return printed(format_, static_cast<double>(x.as<float>()[i]));
      case DType::kDouble: return printed(format_, x.as<double>()[i]);
      case DType::kHalf: return printed(format_, static_cast<double>(half_to_float(x.as<uint16_t>()[i])));
      case DType::kBFloat16: return printed(format_, static_cast<double>(bfloat16_to_float(x.as<uint16_t>()[i])));
      case DType::kInt8: return printed(format_, static_cast<long long>(x.as<int8_t>()[i]));
      case DType::kInt16: return printed(format_, static_cast<long long>(x.as<int16_t>()[i]));
      case DType::kInt32: return printed(format_, static_cast<long long>(x.as<int32_t>()[i]));
      case DType::kInt64: return printed(format_, static_cast<long long>(x.as<int64_t>()[i]));
      case DType::kUInt8: return printed(format_, static_cast<unsigned long long>(x.as<uint8_t>()[i]));
      case DType::kUInt16: return printed(format_, static_cast<unsigned long long>(x.as<uint16_t>()[i]));
      case DType::kUInt32: return printed(format_, static_cast<unsigned long long>(x.as<uint32_t>()[i]));
      case DType::kUInt64: return printed(format_, static_cast<unsigned long long>(x.as<uint64_t>()[i]));
      case DType::kBool: return x.as<bool>()[i] ? "true" : "false";
      default: return x.as<std::string>()[i];
    }
  }

  DType dtype_ = DType::kInvalid;
  std::string format_;
};

constexpr KernelDef kKernels[] = {
    portable_kernel<AsStringKernel>(DType::kFloat),  portable_kernel<AsStringKernel>(DType::kDouble),
    portable_kernel<AsStringKernel>(DType::kHalf),   portable_kernel<AsStringKernel>(DType::kBFloat16),
    portable_kernel<AsStringKernel>(DType::kInt8),   portable_kernel<AsStringKernel>(DType::kInt16),
    portable_kernel<AsStringKernel>(DType::kInt32),  portable_kernel<AsStringKernel>(DType::kInt64),
    portable_kernel<AsStringKernel>(DType::kUInt8),  portable_kernel<AsStringKernel>(DType::kUInt16),
    portable_kernel<AsStringKernel>(DType::kUInt32), portable_kernel<AsStringKernel>(DType::kUInt64),
    portable_kernel<AsStringKernel>(DType::kBool),   portable_kernel<AsStringKernel>(DType::kString)};

constexpr std::string_view kDoc = R"(Numbers as text, as C's printf writes them.
  input  T[...]   returns  string, of the same shape; bool as true and false
  Floats with %f, with scientific %e, with shortest %g; width, precision and fill (one of ' ', +, -, 0, #) go before.
  Errors: InvalidArgument for attrs that do not go together, or that are no format.
  Source: TensorFlow string_ops AsString.)";

}  // namespace

extern const OpDef op_AsString;
const OpDef op_AsString = {
    .name = "AsString",
    .inputs = "input: T",
    .outputs = "output: string",
    .attrs =
        "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64, complex64, "
        "complex128, bool, variant, string}; precision: int = -1; scientific: bool = false; shortest: bool = false; "
        "width: int = -1; fill: string = ''",
    .infer = infer_as_string,
    .kernels = kKernels,
};

TARN_OP_FILE(as_string, {&op_AsString, kDoc, nullptr, "strings have no gradient"})

}  // namespace tarn
