// QuantizedMatMul.
#include <algorithm>

#include "core/op.h"
#include "ops/kernels/code_product.h"
#include "ops/quantized.h"
#include "ops/support/arguments.h"

namespace tarn {
namespace {

// op(A) is [m, k], op(B) [k, n]; sizes may be unknown.
struct Product {
  bool transpose_a = false, transpose_b = false;
  int64_t m = kUnknownDim, k = kUnknownDim, n = kUnknownDim;

  static Result<Product> make(bool transpose_a, bool transpose_b, const Shape& a, const Shape& b) {
    Product p{.transpose_a = transpose_a, .transpose_b = transpose_b};
    int64_t b_depth = kUnknownDim;
    if (a.has_rank()) {
      p.m = a.dim(p.transpose_a ? 1 : 0);
      p.k = a.dim(p.transpose_a ? 0 : 1);
    }
    if (b.has_rank()) {
      p.n = b.dim(p.transpose_b ? 0 : 1);
      b_depth = b.dim(p.transpose_b ? 1 : 0);
    }
    if (p.k == kUnknownDim) p.k = b_depth;
    if (b_depth == kUnknownDim || b_depth == p.k) return p;
    return invalid_argument("a ", a.to_string(), p.transpose_a ? " transposed" : "", " and b ", b.to_string(),
                            p.transpose_b ? " transposed" : "", " do not fit: ", p.k, " columns against ", b_depth,
                            " rows");
  }
};

Status infer_matmul(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 2, "a"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 2, "b"));
  TARN_RETURN_IF_ERROR(expect_range(c, 2, "min_a", "max_a"));
  TARN_RETURN_IF_ERROR(expect_range(c, 4, "min_b", "max_b"));
  TARN_ASSIGN_OR_RETURN(
      Product p, Product::make(c.attr<bool>("transpose_a"), c.attr<bool>("transpose_b"), c.shape(0), c.shape(1)));
  TARN_RETURN_IF_ERROR(c.set_output(0, Shape{p.m, p.n}));
  return set_range(c, 1);
}

// Rows of A that are differences at a time, in a thread.
int64_t block_rows() {
  return 4 * kernels::code_tile_rows();
}
size_t padded(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}
size_t b_bytes(const Product& p) {
  return padded(kernels::packed_codes_bytes(p.k, p.n));
}
size_t a_bytes(const Product& p) {
  return padded(static_cast<size_t>(block_rows() * kernels::code_depth(p.k)) * sizeof(int16_t));
}

// Row `row` of op(A) as differences from its zero.
template <class D>
void write_row(const Product& p, const uint8_t* a, int64_t row, int32_t zero, D* to) {
  const uint8_t* from = a + row * (p.transpose_a ? 1 : p.k);
  const int64_t step = p.transpose_a ? p.m : 1;
  for (int64_t k = 0; k < p.k; ++k) {
    to[k] = static_cast<D>(static_cast<uint32_t>(from[k * step]) - static_cast<uint32_t>(zero));
  }
  if (kernels::code_depth(p.k) > p.k) to[p.k] = 0;
}

Status multiply(RunContext& c, const Product& p, int32_t a_zero, int32_t b_zero, int32_t* y) {
  const auto *a = c.input(0).as<uint8_t>(), *b = c.input(1).as<uint8_t>();
  const size_t for_b = b_bytes(p), for_a = a_bytes(p);
  TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(for_b + for_a * static_cast<size_t>(c.threads().threads())));
  auto* packed = static_cast<int16_t*>(scratch);
  const auto rows_of = [&](int thread) {
    return static_cast<char*>(scratch) + for_b + for_a * static_cast<size_t>(thread);
  };
  if (!kernels::differences_fit(a_zero) || !kernels::differences_fit(b_zero)) {
    const int64_t k_step = p.transpose_b ? 1 : p.n, n_step = p.transpose_b ? p.k : 1;
    c.threads().parallel_for(p.m, 1, [&](int64_t begin, int64_t end, int thread) {
      auto* differences = reinterpret_cast<int32_t*>(rows_of(thread));  // one row takes less than a block of 16 bits
      for (int64_t row = begin; row < end; ++row) {
        write_row(p, a, row, a_zero, differences);
        kernels::code_product_wide(p.k, p.n, differences, b, k_step, n_step, b_zero, y + row * p.n);
      }
    });
    return {};
  }
  kernels::pack_codes(p.transpose_b, p.k, p.n, b, p.transpose_b ? p.k : p.n, b_zero, packed);
  const int64_t depth = kernels::code_depth(p.k), rows = block_rows();
  const kernels::CodeDifferences write_differences = kernels::code_differences();
  c.threads().parallel_for_whole(p.m, kernels::code_tile_rows(), [&](int64_t begin, int64_t end, int thread) {
    auto* differences = reinterpret_cast<int16_t*>(rows_of(thread));
    for (int64_t first = begin; first < end && !c.threads().is_stopped(); first += rows) {
      const int64_t count = std::min(rows, end - first);
      for (int64_t i = 0; i < count; ++i) {
        int16_t* to = differences + i * depth;
        if (p.transpose_a) {
          write_row(p, a, first + i, a_zero, to);
        } else {
          write_differences(a + (first + i) * p.k, p.k, static_cast<uint16_t>(a_zero), to);
          if (depth > p.k) to[p.k] = 0;
        }
      }
      kernels::code_product(count, p.k, p.n, differences, packed, y + first * p.n, p.n);
    }
  });
  return {};
}

class QuantizedMatMulKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_RETURN_IF_ERROR(expect_type(c, "T2", DType::kQUInt8));
    TARN_RETURN_IF_ERROR(expect_type(c, "Toutput", DType::kQInt32));
    transpose_a_ = c.attr<bool>("transpose_a");
    transpose_b_ = c.attr<bool>("transpose_b");
    if (!c.input(0).shape.is_fully_known() || !c.input(1).shape.is_fully_known()) return {};
    TARN_ASSIGN_OR_RETURN(Product p, Product::make(transpose_a_, transpose_b_, c.input(0).shape, c.input(1).shape));
    c.request_scratch(b_bytes(p) + a_bytes(p) * static_cast<size_t>(c.threads()));
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(expect_rank(c.input(0), 2, "a"));
    TARN_RETURN_IF_ERROR(expect_rank(c.input(1), 2, "b"));
    TARN_ASSIGN_OR_RETURN(Product p, Product::make(transpose_a_, transpose_b_, *c.input(0).shape, *c.input(1).shape));
    TARN_ASSIGN_OR_RETURN(CodeRange a, read_range(c, 2, "min_a", "max_a"));
    TARN_ASSIGN_OR_RETURN(CodeRange b, read_range(c, 4, "min_b", "max_b"));
    TARN_RETURN_IF_ERROR(expect_wide(a, "min_a", "max_a"));
    TARN_RETURN_IF_ERROR(expect_wide(b, "min_b", "max_b"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape{p.m, p.n}));
    const int32_t a_zero = low_half(unclamped_code<uint8_t>(0.0f, a));
    const int32_t b_zero = low_half(unclamped_code<uint8_t>(0.0f, b));
    if (y.count > 0) TARN_RETURN_IF_ERROR(multiply(c, p, a_zero, b_zero, y.as<int32_t>()));
    return write_range(c, 1, product_range<uint8_t, uint8_t, int32_t>(a, b));
  }

 private:
  bool transpose_a_ = false, transpose_b_ = false;
};

constexpr KernelDef kKernels[] = {portable_kernel<QuantizedMatMulKernel>(DType::kQUInt8)};

constexpr std::string_view kDoc = R"(Multiplies matrices of 8-bit codes into one of 32-bit ones.
  a  quint8[m, k]   b  quint8[k, n], transposed as the attrs say   min_a, max_a, min_b, max_b  float, one element each: the
  ranges of the codes
  returns  out  qint32[m, n]: sums of (a - zero) * (b - zero), zero the code of 0; they wrap
           min_out, max_out  float: what the lowest and highest qint32 stand for
  Errors: InvalidArgument if k differs, if a range has no width.   Source: TensorFlow math_ops QuantizedMatMul.)";

}  // namespace

extern const OpDef op_QuantizedMatMul;
const OpDef op_QuantizedMatMul = {
    .name = "QuantizedMatMul",
    .inputs = "a: T1, b: T2, min_a: float, max_a: float, min_b: float, max_b: float",
    .outputs = "out: Toutput, min_out: float, max_out: float",
    .attrs = "T1: " TARN_QUANTIZED_TYPES "; T2: " TARN_QUANTIZED_TYPES "; Toutput: " TARN_QUANTIZED_TYPES
             " = qint32; transpose_a: bool = false; transpose_b: bool = false; Tactivation: " TARN_QUANTIZED_TYPES
             " = quint8",
    .infer = infer_matmul,
    .kernels = kKernels,
};

TARN_OP_FILE(quantized_matmul, {&op_QuantizedMatMul, kDoc, nullptr, "its inputs are quantized: whole numbers"})

}  // namespace tarn
