// QuantizedAdd, QuantizedMul.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/quantized.h"

namespace tarn {
namespace {

constexpr int kCodes = 256;

Status infer_arithmetic(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_range(c, 2, "min_x", "max_x"));
  TARN_RETURN_IF_ERROR(expect_range(c, 4, "min_y", "max_y"));
  TARN_RETURN_IF_ERROR(infer_broadcast(c));
  return set_range(c, 1);
}

// What each of two inputs' codes is worth in the output, as an int32: the op is then F of two table entries.
struct Tables {
  int32_t x[kCodes], y[kCodes];
};

template <class F>
Status combine(RunContext& c, const Tables& tables, F f) {
  TARN_ASSIGN_OR_RETURN(BroadcastPlan plan, BroadcastPlan::make(*c.input(0).shape, *c.input(1).shape));
  TARN_ASSIGN_OR_RETURN(TensorView z, c.output(0, plan.output));
  if (z.count == 0) return {};
  const auto *x = c.input(0).as<uint8_t>(), *y = c.input(1).as<uint8_t>();
  const auto row = [&](int64_t a, int64_t b, int64_t to, int64_t a_step, int64_t b_step, int64_t n) {
    auto* out = z.as<int32_t>() + to;
    for (int64_t i = 0; i < n; ++i) out[i] = f(tables.x[x[a + i * a_step]], tables.y[y[b + i * b_step]]);
  };
  const int64_t width = plan.dims[plan.rank - 1];
  if (plan.rank == 1) {  // one long row: split it
    const int64_t a_step = plan.a_stride[0], b_step = plan.b_stride[0];
    c.threads().parallel_for(width, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      row(begin * a_step, begin * b_step, begin, a_step, b_step, end - begin);
    });
    return {};
  }
  c.threads().parallel_for(z.count / width, std::max<int64_t>(1, kElementsPerRange / width),
                           [&](int64_t begin, int64_t end, int) { walk_rows(plan, begin, end, row); });
  return {};
}

// 8-bit codes in a 32-bit range, as a straight line through the codes 0 and 1.   Source: TensorFlow quantized_add_op.
void fill_line(const CodeRange& from, const CodeRange& to, int32_t (&table)[kCodes]) {
  const int64_t first = unclamped_code<int32_t>(value_of<uint8_t>(0, from), to);
  const int64_t step = low_half(unclamped_code<int32_t>(value_of<uint8_t>(1, from), to) - first);
  for (int64_t i = 0; i < kCodes; ++i) {
    table[i] = static_cast<int32_t>(std::clamp<int64_t>(first + i * step, INT32_MIN, INT32_MAX));
  }
}
// The same, each code on its own: what TensorFlow does with the scalar, where an input has but one element.
void fill_exactly(const CodeRange& from, const CodeRange& to, int32_t (&table)[kCodes]) {
  for (int i = 0; i < kCodes; ++i) table[i] = code_of<int32_t>(value_of<uint8_t>(static_cast<uint8_t>(i), from), to);
}

class ArithmeticKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_RETURN_IF_ERROR(expect_type(c, "T2", DType::kQUInt8));
    return expect_type(c, "Toutput", DType::kQInt32);
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(CodeRange x, read_range(c, 2, "min_x", "max_x"));
    TARN_ASSIGN_OR_RETURN(CodeRange y, read_range(c, 4, "min_y", "max_y"));
    TARN_RETURN_IF_ERROR(expect_wide(x, "min_x", "max_x"));
    TARN_RETURN_IF_ERROR(expect_wide(y, "min_y", "max_y"));
    return compute(c, x, y);
  }

 private:
  virtual Status compute(RunContext& c, const CodeRange& x, const CodeRange& y) const = 0;
};

class QuantizedAddKernel : public ArithmeticKernel {
  Status compute(RunContext& c, const CodeRange& x, const CodeRange& y) const override {
    // Even around 0, with room for the sum.
    const float largest = std::max(std::fabs(std::min(x.min, y.min)), std::fabs(std::max(x.max, y.max)));
    const float width = largest * static_cast<float>(1 << 14);
    const CodeRange range{-width, width};
    const bool x_is_scalar = c.input(0).count == 1, y_is_scalar = !x_is_scalar && c.input(1).count == 1;
    Tables tables;
    x_is_scalar ? fill_exactly(x, range, tables.x) : fill_line(x, range, tables.x);
    y_is_scalar ? fill_exactly(y, range, tables.y) : fill_line(y, range, tables.y);
    TARN_RETURN_IF_ERROR(combine(c, tables, [](int32_t a, int32_t b) { return wrap_add(a, b); }));
    return write_range(c, 1, range);
  }
};

class QuantizedMulKernel : public ArithmeticKernel {
  Status compute(RunContext& c, const CodeRange& x, const CodeRange& y) const override {
    const int32_t x_zero = low_half(unclamped_code<uint8_t>(0.0f, x));
    const int32_t y_zero = low_half(unclamped_code<uint8_t>(0.0f, y));
    Tables tables;
    for (int i = 0; i < kCodes; ++i) {
      tables.x[i] = wrap_subtract(i, x_zero);
      tables.y[i] = wrap_subtract(i, y_zero);
    }
    TARN_RETURN_IF_ERROR(combine(c, tables, [](int32_t a, int32_t b) { return wrap_multiply(a, b); }));
    return write_range(c, 1, product_range<uint8_t, uint8_t, int32_t>(x, y));
  }
};

constexpr KernelDef kAddKernels[] = {portable_kernel<QuantizedAddKernel>(DType::kQUInt8)};
constexpr KernelDef kMulKernels[] = {portable_kernel<QuantizedMulKernel>(DType::kQUInt8)};

constexpr std::string_view kAddDoc = R"(x + y of 8-bit codes, with NumPy broadcasting.
  x, y  quint8[...]   min_x, max_x, min_y, max_y  float, one element each: the ranges of the codes
  returns  z  qint32[...]   min_z, max_z  float: -r and r, r = 2^14 times the largest magnitude given
  Errors: InvalidArgument if the shapes do not broadcast, if a range has no width.
  Source: TensorFlow math_ops QuantizedAdd, which broadcasts vectors and scalars only.)";
constexpr std::string_view kMulDoc = R"(x * y of 8-bit codes, with NumPy broadcasting.
  x, y  quint8[...]   min_x, max_x, min_y, max_y  float, one element each: the ranges of the codes
  returns  z  qint32[...]: (x - zero) * (y - zero), zero the code of 0
           min_z, max_z  float: what the lowest and highest qint32 stand for
  Errors: InvalidArgument if the shapes do not broadcast, if a range has no width.
  Source: TensorFlow math_ops QuantizedMul, which broadcasts vectors and scalars only.)";
constexpr std::string_view kNoGradient = "its inputs are quantized: whole numbers";

}  // namespace

extern const OpDef op_QuantizedAdd, op_QuantizedMul;
const OpDef op_QuantizedAdd = {
    .name = "QuantizedAdd",
    .inputs = "x: T1, y: T2, min_x: float, max_x: float, min_y: float, max_y: float",
    .outputs = "z: Toutput, min_z: float, max_z: float",
    .attrs = "T1: " TARN_QUANTIZED_TYPES "; T2: " TARN_QUANTIZED_TYPES "; Toutput: " TARN_QUANTIZED_TYPES " = qint32",
    .infer = infer_arithmetic,
    .kernels = kAddKernels,
};
const OpDef op_QuantizedMul = {
    .name = "QuantizedMul",
    .inputs = "x: T1, y: T2, min_x: float, max_x: float, min_y: float, max_y: float",
    .outputs = "z: Toutput, min_z: float, max_z: float",
    .attrs = "T1: " TARN_QUANTIZED_TYPES "; T2: " TARN_QUANTIZED_TYPES "; Toutput: " TARN_QUANTIZED_TYPES " = qint32",
    .infer = infer_arithmetic,
    .kernels = kMulKernels,
};

TARN_OP_FILE(quantized_arithmetic, {&op_QuantizedAdd, kAddDoc, nullptr, kNoGradient},
             {&op_QuantizedMul, kMulDoc, nullptr, kNoGradient})

}  // namespace tarn
