// oneDNN's MatMul: matrices as they lie, transposed or not; bias and activation in the same call.
#include "core/backend_kernel.h"
#include "ops/dnnl/support/call.h"

namespace tarn {
namespace {

class MatMulKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    const Shape &a = c.input(0).shape, &b = c.input(1).shape, &y = c.output(0).shape;
    if (!a.is_fully_known() || !b.is_fully_known() || a.elements() == 0 || b.elements() == 0) {
      return dnnl::decline("no MatMul of unknown or empty shapes");
    }
    const int64_t m = y.dim(0), n = y.dim(1), k = a.elements() / m;
    const dnnl_memory_desc_t left = c.attr<bool>("transpose_a") ? dnnl::column_major(m, k) : dnnl::row_major({m, k});
    const dnnl_memory_desc_t right = c.attr<bool>("transpose_b") ? dnnl::column_major(k, n) : dnnl::row_major({k, n});
    const dnnl_memory_desc_t product = dnnl::row_major({m, n}), bias = dnnl::row_major({1, n});
    has_bias_ = c.epilogue().has_bias;
    dnnl_matmul_desc_t desc;
    if (dnnl_matmul_desc_init(&desc, &left, &right, has_bias_ ? &bias : nullptr, &product) != dnnl_success) {
      return dnnl::decline("no such MatMul");
    }
    TARN_RETURN_IF_ERROR(call_.create(&desc, c.threads(), c.epilogue().activation));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_SRC, left, dnnl::Call::kIn));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_WEIGHTS, right, dnnl::Call::kIn));
    TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_DST, product, dnnl::Call::kOut));
    if (has_bias_) TARN_RETURN_IF_ERROR(call_.bind(DNNL_ARG_BIAS, bias, dnnl::Call::kIn));
    c.request_scratch(call_.scratch_bytes());
    shape_ = y;
    return {};
  }

  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape_));
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(call_.scratch_bytes()));
    void* const data[] = {c.input(0).data, c.input(1).data, y.data, has_bias_ ? c.input(2).data : nullptr};
    return call_.run(c.threads().threads(), std::span(data, has_bias_ ? 4 : 3), scratch);
  }

 private:
  dnnl::Call call_;
  Shape shape_;
  bool has_bias_ = false;
};

// Measured with ops_bench (bench/README.md): few columns of long sums. Beside our own threads OpenMP's would spin, so
// only where there is one.
bool is_faster(const PrepareContext& c) {
  const Shape &a = c.input(0).shape, &b = c.input(1).shape;
  if (c.threads() != 1 || !a.is_fully_known() || !b.is_fully_known()) return false;
  if (c.attr<bool>("transpose_a") || c.attr<bool>("transpose_b")) return false;
  constexpr int64_t kLongSum = 8192, kFewColumns = 128, kManyRows = 64;
  return b.dim(0) >= kLongSum && b.dim(1) <= kFewColumns && a.dim(0) >= kManyRows;
}

constexpr BackendKernel kKernels[] = {{"MatMul", dnnl_kernel<MatMulKernel>(DType::kFloat), is_faster}};

}  // namespace

extern const BackendKernelFile dnnl_matmul;
constinit const BackendKernelFile dnnl_matmul{kKernels};

}  // namespace tarn
