// MatMul.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/support/integer_product.h"
#include "ops/window.h"

namespace tarn {
namespace {

struct Sizes {
  int64_t m, n, k;
};

// Sizes of op(a) [m, k] times op(b) [k, n]; unknown dims are -1.
Result<Sizes> multiply_sizes(const Shape& a, const Shape& b, bool transpose_a, bool transpose_b) {
  auto dim = [](const Shape& shape, bool second) { return shape.has_rank() ? shape.dim(second ? 1 : 0) : kUnknownDim; };
  Sizes sizes = {dim(a, transpose_a), dim(b, !transpose_b), dim(a, !transpose_a)};
  int64_t k = dim(b, transpose_b);
  if (sizes.k != kUnknownDim && k != kUnknownDim && k != sizes.k) {
    return invalid_argument("a", transpose_a ? " transposed" : "", " has ", sizes.k, " columns, but b",
                            transpose_b ? " transposed" : "", " has ", k, " rows");
  }
  if (sizes.m != kUnknownDim && sizes.n != kUnknownDim) {
    TARN_RETURN_IF_ERROR(checked_multiply(sizes.m, sizes.n).status());
  }
  return sizes;
}

Status infer_matmul(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 2, "a"));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 2, "b"));
  TARN_ASSIGN_OR_RETURN(
      Sizes sizes, multiply_sizes(c.shape(0), c.shape(1), c.attr<bool>("transpose_a"), c.attr<bool>("transpose_b")));
  return c.set_output(0, Shape{sizes.m, sizes.n});
}

Status judge_ranks(const Shape& a, const Shape& b) {
  if (a.rank() == 2 && b.rank() == 2) return {};
  return invalid_argument("'a' and 'b' must have rank 2, have shapes ", a, " and ", b);
}

template <class T>
class MatMulKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    transpose_a_ = c.attr<bool>("transpose_a");
    transpose_b_ = c.attr<bool>("transpose_b");
    has_bias_ = c.epilogue().has_bias;
    activation_ = kernel_activation(c.epilogue().activation);
    const Fact &a = c.input(0), &b = c.input(1);
    // Constant weights are laid out for the tile kernel once.
    if (std::is_same_v<T, float> && b.has_value() && b.value.element_count() > 0 && !transpose_a_) {
      int64_t k = b.shape.dim(transpose_b_ ? 1 : 0), n = b.shape.dim(transpose_b_ ? 0 : 1);
      size_t bytes = kernels::packed_matrix_bytes<T>(k, n);
      TARN_ASSIGN_OR_RETURN(
          const void* made,
          c.lay_out(1, kernels::packed_matrix_layout<T>(transpose_b_, k, n), bytes, memory_, [&](void* to) {
            kernels::pack_matrix<T>(transpose_b_, k, n, b.value.flat<T>().data(), b.shape.dim(1), to,
                                    kernels::best_isa(), [&](const void* data, size_t read) { c.let_go(data, read); });
          }));
      packed_ = {static_cast<const T*>(made), k, n, kernels::best_isa()};
    }
    if (a.shape.is_fully_known() && b.shape.is_fully_known()) {
      TARN_ASSIGN_OR_RETURN(Sizes sizes, multiply_sizes(a.shape, b.shape, transpose_a_, transpose_b_));
      c.request_scratch(scratch_bytes(sizes, c.threads()));
    }
    return {};
  }

  Status run(RunContext& c) const override {
    const TensorView &a = c.input(0), &b = c.input(1);
    TARN_RETURN_IF_ERROR(judge_ranks(*a.shape, *b.shape));
    TARN_ASSIGN_OR_RETURN(Sizes sizes, multiply_sizes(*a.shape, *b.shape, transpose_a_, transpose_b_));
    auto [m, n, k] = sizes;
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape{m, n}));
    if (y.count == 0) return {};
    kernels::Epilogue<T> epilogue{.bias = has_bias_ ? c.input(2).as<T>() : nullptr, .activation = activation_};
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(scratch_bytes(sizes, c.threads().threads())));
    if (packed_.data != nullptr) {
      kernels::gemm_packed<T>(c.threads(), m, packed_, a.as<T>(), k, false, y.as<T>(), n, epilogue, scratch);
    } else {
      kernels::gemm<T>(c.threads(), transpose_a_, transpose_b_, m, n, k, a.as<T>(), a.shape->dim(1), b.as<T>(),
                       b.shape->dim(1), false, y.as<T>(), n, epilogue, scratch);
    }
    return {};
  }

 private:
  size_t scratch_bytes(const Sizes& sizes, int threads) const {
    if (sizes.m == 0 || sizes.n == 0) return 0;
    return packed_.data != nullptr ? kernels::gemm_packed_scratch_bytes<T>(sizes.m, sizes.n, sizes.k, threads)
                                   : kernels::gemm_scratch_bytes<T>(sizes.m, sizes.n, sizes.k, threads);
  }

  bool transpose_a_ = false, transpose_b_ = false, has_bias_ = false;
  kernels::Activation activation_ = kernels::Activation::kNone;
  std::shared_ptr<void> memory_;  // of packed_
  kernels::PackedMatrix<T> packed_;
};

// Integers are not hot: plain loops, sums that wrap.
template <class T>
class IntegerMatMulKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    transpose_a_ = c.attr<bool>("transpose_a");
    transpose_b_ = c.attr<bool>("transpose_b");
    epilogue_ = c.epilogue();
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &a = c.input(0), &b = c.input(1);
    TARN_RETURN_IF_ERROR(judge_ranks(*a.shape, *b.shape));
    TARN_ASSIGN_OR_RETURN(Sizes sizes, multiply_sizes(*a.shape, *b.shape, transpose_a_, transpose_b_));
    auto [m, n, k] = sizes;
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape{m, n}));
    const T* bias = epilogue_.has_bias ? c.input(2).as<T>() : nullptr;
    int64_t a_row = transpose_a_ ? 1 : k, a_step = transpose_a_ ? m : 1;
    int64_t b_row = transpose_b_ ? 1 : n, b_step = transpose_b_ ? k : 1;
    for (int64_t i = 0; i < y.count; ++i) {
      const T* left = a.as<T>() + (i / n) * a_row;
      const T* right = b.as<T>() + (i % n) * b_step;
      T sum = wrapped_dot(left, a_step, right, b_row, k);
      if (bias != nullptr) sum = wrap_add(sum, bias[i % n]);
      if (epilogue_.activation != Activation::kNone) sum = std::max(sum, T(0));
      if (epilogue_.activation == Activation::kRelu6) sum = std::min(sum, T(6));
      y.as<T>()[i] = sum;
    }
    return {};
  }

 private:
  bool transpose_a_ = false, transpose_b_ = false;
  FusedEpilogue epilogue_;
};

constexpr KernelDef kKernels[] = {
    portable_kernel<MatMulKernel<float>>(DType::kFloat),
    portable_kernel<MatMulKernel<double>>(DType::kDouble),
    portable_kernel<IntegerMatMulKernel<int32_t>>(DType::kInt32),
    portable_kernel<IntegerMatMulKernel<int64_t>>(DType::kInt64),
    adapted_kernel<MatMulKernel<float>, DType::kHalf>(),
    adapted_kernel<MatMulKernel<float>, DType::kBFloat16>(),
};

Wire multiply(GradContext& c, Wire a, bool transpose_a, Wire b, bool transpose_b) {
  return c.op("MatMul", {a, b}, {{"transpose_a", transpose_a}, {"transpose_b", transpose_b}});
}

Status matmul_gradient(GradContext& c) {
  Wire a = c.input(0), b = c.input(1), dc = c.grad();
  bool transpose_a = c.attr<bool>("transpose_a"), transpose_b = c.attr<bool>("transpose_b");
  // c = op(a) op(b):  d op(a) = dc op(b)^T,  d op(b) = op(a)^T dc;  a transposed input gets the transpose of these
  c.set_grad(0, transpose_a ? multiply(c, b, transpose_b, dc, true) : multiply(c, dc, false, b, !transpose_b));
  c.set_grad(1, transpose_b ? multiply(c, dc, true, a, transpose_a) : multiply(c, a, !transpose_a, dc, false));
  return {};
}

constexpr std::string_view kDoc = R"(The product of two matrices.
  a  T[m, k], or [k, m] with transpose_a   b  T[k, n], or [n, k] with transpose_b   returns  T[m, n]
  With k = 0 the product is all zeros.  Integers wrap around.
  Errors: InvalidArgument if the inner sizes differ, naming both.  Source: TensorFlow math_ops MatMul.)";

}  // namespace

extern const OpDef op_MatMul;
const OpDef op_MatMul = {
    .name = "MatMul",
    .inputs = "a: T, b: T",
    .outputs = "product: T",
    .attrs =
        "transpose_a: bool = false; transpose_b: bool = false; "
        "T: {bfloat16, half, float, double, int32, int64, complex64, complex128}",
    .traits = kTakesEpilogue,
    .infer = infer_matmul,
    .kernels = kKernels,
};

TARN_OP_FILE(matmul, {&op_MatMul, kDoc, matmul_gradient})

}  // namespace tarn
