// BatchMatMul and BatchMatMulV2: products of the matrices in the last two dims.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/kernels/gemm.h"
#include "ops/support/array.h"
#include "ops/support/integer_product.h"

namespace tarn {
namespace {

struct Sizes {
  int64_t m, n, k;
};

struct Transposes {
  bool x = false, y = false;
  static Transposes of(const AttrMap& attrs) { return {attrs.get<bool>("adj_x"), attrs.get<bool>("adj_y")}; }
};

Shape batch_dims(const Shape& shape) {
  return Shape(shape.dims().first(static_cast<size_t>(shape.rank() - 2)));
}

// The shape of the output; m, n and k may be unknown. V1 wants equal batches, V2 stretches them as NumPy does.
Result<Shape> product_shape(const Shape& x, const Shape& y, Transposes adj, bool broadcasts, Sizes& sizes) {
  if (x.rank() < 2 || y.rank() < 2) {
    return invalid_argument("'x' and 'y' must have rank 2 at least, have shapes ", x.to_string(), " and ",
                            y.to_string());
  }
  sizes = {x.dim(adj.x ? -1 : -2), y.dim(adj.y ? -2 : -1), x.dim(adj.x ? -2 : -1)};
  int64_t k = y.dim(adj.y ? -1 : -2);
  if (sizes.k != kUnknownDim && k != kUnknownDim && k != sizes.k) {
    return invalid_argument("the matrices of x", adj.x ? " transposed" : "", " have ", sizes.k,
                            " columns, but those of y", adj.y ? " transposed" : "", " have ", k, " rows");
  }
  Shape x_batch = batch_dims(x), y_batch = batch_dims(y);
  Result<Shape> batch = broadcasts ? broadcast_shapes(x_batch, y_batch) : x_batch.merge(y_batch);
  if (!batch.ok()) {
    return invalid_argument("the batches of x, ", x_batch.to_string(), ", and of y, ", y_batch.to_string(),
                            broadcasts ? ", do not broadcast" : ", differ");
  }
  Shape output = *batch;
  output.add_dim(sizes.m);
  output.add_dim(sizes.n);
  if (output.rank() > kMaxRank) return invalid_argument("the result would have ", output.rank(), " dims");
  return output;
}

template <bool kBroadcasts>
Status infer(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(0, 2, "x"));
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(1, 2, "y"));
  if (!c.shape(0).has_rank() || !c.shape(1).has_rank()) return {};
  Sizes sizes{};
  TARN_ASSIGN_OR_RETURN(Shape output,
                        product_shape(c.shape(0), c.shape(1), Transposes::of(c.attrs()), kBroadcasts, sizes));
  return set_output_checked(c, 0, output);
}

// Which matrix of x and of y makes matrix i of the output.
class BatchWalk {
 public:
  BatchWalk(const Shape& output, const Shape& x, const Shape& y) : output_(output) {
    set_strides(x, x_stride_);
    set_strides(y, y_stride_);
  }
  std::pair<int64_t, int64_t> operator[](int64_t i) const {
    int64_t x = 0, y = 0;
    for (int d = output_.rank() - 3; d >= 0; --d) {
      int64_t index = i % output_.dim(d);
      i /= output_.dim(d);
      x += index * x_stride_[d];
      y += index * y_stride_[d];
    }
    return {x, y};
  }

 private:
  void set_strides(const Shape& in, int64_t* strides) const {
    int64_t stride = 1;
    int missing = output_.rank() - in.rank();
    for (int d = output_.rank() - 3; d >= 0; --d) {
      int64_t dim = d < missing ? 1 : in.dim(d - missing);
      strides[d] = dim == 1 ? 0 : stride;
      stride *= dim;
    }
  }

  const Shape& output_;
  int64_t x_stride_[kMaxRank], y_stride_[kMaxRank];
};

int64_t batch_count(const Shape& shape) {
  return dim_product(shape, 0, shape.rank() - 2);
}

size_t aligned(size_t bytes) {
  return (bytes + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
}

template <class T, bool kBroadcasts>
class BatchMatMulKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    adj_ = Transposes::of(c.attrs());
    const Fact &x = c.input(0), &y = c.input(1);
    // Constant weights are laid out for the tile kernel once, as MatMul's are.
    if (std::is_same_v<T, float> && y.has_value() && y.value.element_count() > 0 && !adj_.x) {
      int64_t k = y.shape.dim(adj_.y ? -1 : -2), n = y.shape.dim(adj_.y ? -2 : -1), count = batch_count(y.shape);
      size_t bytes = aligned(kernels::packed_matrix_bytes<T>(k, n));
      auto pack = [&](void* to) {
        for (int64_t i = 0; i < count; ++i) {
          kernels::pack_matrix<T>(adj_.y, k, n, y.value.flat<T>().data() + i * k * n, y.shape.dim(-1),
                                  static_cast<char*>(to) + static_cast<size_t>(i) * bytes, kernels::best_isa(),
                                  [&](const void* data, size_t size) { c.let_go(data, size); });
        }
      };
      TARN_ASSIGN_OR_RETURN(const void* made, c.lay_out(1, kernels::packed_matrix_layout<T>(adj_.y, k, n),
                                                        bytes * static_cast<size_t>(count), memory_, pack));
      for (int64_t i = 0; i < count; ++i) {
        const char* at = static_cast<const char*>(made) + static_cast<size_t>(i) * bytes;
        packed_.push_back({reinterpret_cast<const T*>(at), k, n, kernels::best_isa()});
      }
    }
    if (x.shape.is_fully_known() && y.shape.is_fully_known()) {
      Sizes sizes{};
      TARN_ASSIGN_OR_RETURN(Shape output, product_shape(x.shape, y.shape, adj_, kBroadcasts, sizes));
      if (output.elements() > 0) c.request_scratch(Plan(*this, output, y.shape, sizes, c.threads()).scratch_bytes);
    }
    return {};
  }

  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &y = c.input(1);
    Sizes sizes{};
    TARN_ASSIGN_OR_RETURN(Shape shape, product_shape(*x.shape, *y.shape, adj_, kBroadcasts, sizes));
    TARN_ASSIGN_OR_RETURN(TensorView output, c.output(0, shape));
    if (output.count == 0) return {};
    Plan plan(*this, shape, *y.shape, sizes, c.threads().threads());
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(plan.scratch_bytes));
    BatchWalk walk(shape, *x.shape, *y.shape);
    auto [m, n, k] = sizes;
    auto multiply = [&, m = plan.rows, n = n, k = k](ThreadPool& pool, int64_t i, void* memory) {
      auto [x_at, y_at] = walk[i];
      const T* left = x.as<T>() + x_at * m * k;
      T* product = output.as<T>() + i * m * n;
      if (!packed_.empty()) {
        kernels::gemm_packed<T>(pool, m, packed_[static_cast<size_t>(y_at)], left, k, false, product, n, {}, memory);
      } else {
        kernels::gemm<T>(pool, adj_.x, adj_.y, m, n, k, left, x.shape->dim(-1), y.as<T>() + y_at * n * k,
                         y.shape->dim(-1), false, product, n, {}, memory);
      }
    };
    if (!plan.threads_share_batch) {
      for (int64_t i = 0; i < plan.batches; ++i) multiply(c.threads(), i, scratch);
      return {};
    }
    // A multiply-add takes an eighth of what an element of a copy does.
    double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) / 8 + 1;
    auto least = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(kElementsPerRange) / work));
    c.threads().parallel_for(plan.batches, least, [&](int64_t begin, int64_t end, int thread) {
      ThreadPool alone(1, c.threads().stop());  // starts no thread
      char* memory = static_cast<char*>(scratch) + static_cast<size_t>(thread) * plan.bytes_per_thread;
      for (int64_t i = begin; i < end; ++i) multiply(alone, i, memory);
    });
    return {};
  }

 private:
  // How the work is cut; an element's sum is taken in the same order either way.
  struct Plan {
    int64_t batches, rows;
    bool threads_share_batch;  // each multiplies whole matrices; else all share every one
    size_t bytes_per_thread, scratch_bytes;

    Plan(const BatchMatMulKernel& kernel, const Shape& output, const Shape& y, const Sizes& sizes, int threads) {
      batches = batch_count(output);
      rows = sizes.m;
      if (batch_count(y) == 1 && !kernel.adj_.x) {
        // One y for all: the matrices of x stand one below the other.
        rows *= batches;
        batches = 1;
      }
      threads_share_batch = threads > 1 && batches >= threads;
      auto bytes = [&](int count) {
        return kernel.packed_.empty() ? kernels::gemm_scratch_bytes<T>(rows, sizes.n, sizes.k, count)
                                      : kernels::gemm_packed_scratch_bytes<T>(rows, sizes.n, sizes.k, count);
      };
      bytes_per_thread = aligned(bytes(1));
      scratch_bytes = threads_share_batch ? bytes_per_thread * static_cast<size_t>(threads) : bytes(threads);
    }
  };

  Transposes adj_;
  std::shared_ptr<void> memory_;  // of packed_
  std::vector<kernels::PackedMatrix<T>> packed_;
};

template <class T, bool kBroadcasts>
class IntegerKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    adj_ = Transposes::of(c.attrs());
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &y = c.input(1);
    Sizes sizes{};
    TARN_ASSIGN_OR_RETURN(Shape shape, product_shape(*x.shape, *y.shape, adj_, kBroadcasts, sizes));
    TARN_ASSIGN_OR_RETURN(TensorView output, c.output(0, shape));
    auto [m, n, k] = sizes;
    BatchWalk walk(shape, *x.shape, *y.shape);
    int64_t x_row = adj_.x ? 1 : k, x_step = adj_.x ? m : 1;
    int64_t y_row = adj_.y ? 1 : n, y_step = adj_.y ? k : 1;
    for (int64_t i = 0; i < output.count; ++i) {
      auto [x_at, y_at] = walk[i / (m * n)];
      const T* left = x.as<T>() + x_at * m * k + i / n % m * x_row;
      const T* right = y.as<T>() + y_at * n * k + i % n * y_step;
      output.as<T>()[i] = wrapped_dot(left, x_step, right, y_row, k);
    }
    return {};
  }

 private:
  Transposes adj_;
};

template <bool kBroadcasts>
constexpr KernelDef kKernels[] = {
    portable_kernel<BatchMatMulKernel<float, kBroadcasts>>(DType::kFloat),
    portable_kernel<BatchMatMulKernel<double, kBroadcasts>>(DType::kDouble),
    portable_kernel<IntegerKernel<int32_t, kBroadcasts>>(DType::kInt32),
    portable_kernel<IntegerKernel<int64_t, kBroadcasts>>(DType::kInt64),
    adapted_kernel<BatchMatMulKernel<float, kBroadcasts>, DType::kHalf>(),
    adapted_kernel<BatchMatMulKernel<float, kBroadcasts>, DType::kBFloat16>(),
    portable_kernel<IntegerKernel<int16_t, kBroadcasts>>(DType::kInt16),  // of V2 alone
};
constexpr size_t kFirstVersionKernels = 6;

struct ProductGrads {
  Wire x, y;
};

ProductGrads product_grads(GradContext& c, std::string_view op) {
  Wire x = c.input(0), y = c.input(1), dz = c.grad();
  bool adj_x = c.attr<bool>("adj_x"), adj_y = c.attr<bool>("adj_y");
  auto multiply = [&](Wire a, bool adj_a, Wire b, bool adj_b) {
    return c.op(op, {a, b}, {{"adj_x", adj_a}, {"adj_y", adj_b}});
  };
  // z = op(x) op(y):  d op(x) = dz op(y)^T,  d op(y) = op(x)^T dz;  a transposed input gets the transpose of these
  return {adj_x ? multiply(y, adj_y, dz, true) : multiply(dz, false, y, !adj_y),
          adj_y ? multiply(dz, true, x, adj_x) : multiply(x, !adj_x, dz, false)};
}

Status gradient(GradContext& c) {
  ProductGrads grads = product_grads(c, "BatchMatMul");
  c.set_grad(0, grads.x);
  c.set_grad(1, grads.y);
  return {};
}

Status gradient_v2(GradContext& c) {
  ProductGrads grads = product_grads(c, "BatchMatMulV2");
  c.set_grad(0, sum_to_shape_of(c, c.input(0), grads.x));
  c.set_grad(1, sum_to_shape_of(c, c.input(1), grads.y));
  return {};
}

constexpr std::string_view kDoc = R"(The products of matrices, pair by pair.
  x  T[batch, m, k], or [batch, k, m] with adj_x   y  T[batch, k, n], or [batch, n, k] with adj_y
  returns  T[batch, m, n]; batch is any number of dims, the same for both. With k = 0 all is zero. Integers wrap.
  Errors: InvalidArgument if the inner sizes or the batches differ, naming both.
  Source: TensorFlow math_ops BatchMatMul.)";
constexpr std::string_view kV2Doc = R"(The products of matrices, pair by pair; batches stretch as in NumPy.
  x  T[batch_x, m, k], or [batch_x, k, m] with adj_x   y  T[batch_y, k, n], or [batch_y, n, k] with adj_y
  returns  T[broadcast of batch_x and batch_y, m, n]. With k = 0 all is zero. Integers wrap.
  Errors: InvalidArgument if the inner sizes differ or the batches do not broadcast, naming both.
  Source: TensorFlow math_ops BatchMatMulV2.)";

}  // namespace

extern const OpDef op_BatchMatMul, op_BatchMatMulV2;
const OpDef op_BatchMatMul = {
    .name = "BatchMatMul",
    .inputs = "x: T, y: T",
    .outputs = "output: T",
    .attrs =
        "T: {bfloat16, half, float, double, int32, int64, complex64, complex128}; adj_x: bool = false; "
        "adj_y: bool = false",
    .infer = infer<false>,
    .kernels = std::span(kKernels<false>).first<kFirstVersionKernels>(),
};
const OpDef op_BatchMatMulV2 = {
    .name = "BatchMatMulV2",
    .inputs = "x: T, y: T",
    .outputs = "output: T",
    .attrs =
        "T: {bfloat16, half, float, double, int16, int32, int64, uint8, uint16, uint32, uint64, complex64, "
        "complex128}; adj_x: bool = false; adj_y: bool = false",
    .infer = infer<true>,
    .kernels = kKernels<true>,
};

TARN_OP_FILE(batch_matmul, {&op_BatchMatMul, kDoc, gradient}, {&op_BatchMatMulV2, kV2Doc, gradient_v2})

}  // namespace tarn
