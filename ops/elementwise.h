// Kernels for elementwise ops as one template: an op gives a functor on scalars, gets broadcasting and threads.
#pragma once

#include <algorithm>
#include <string>
#include <type_traits>

#include "core/kernel.h"
#include "ops/support/half.h"

namespace tarn {

// Elements a thread should at least have before more are woken.
constexpr int64_t kElementsPerRange = 16384;

// What the templates below share; compiled once.
using UnaryLoop = void (*)(const void* x, void* y, int64_t n);
Status run_unary(RunContext& c, size_t in_size, size_t out_size, UnaryLoop loop);

// y[i] = F()(x[i]); output dtype may differ from the input's.
template <class In, class Out, class F>
class UnaryKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    if (sizeof(In) == sizeof(Out)) c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override { return run_unary(c, sizeof(In), sizeof(Out), loop); }

 private:
  static void loop(const void* x, void* y, int64_t n) {
    const In* in = static_cast<const In*>(x);
    Out* out = static_cast<Out*>(y);
    F f;
    for (int64_t i = 0; i < n; ++i) out[i] = f(in[i]);
  }
};

// How a binary op with broadcasting walks its inputs: dims merged where both inputs step alike.
struct BroadcastPlan {
  static constexpr int kMostDims = 16;
  int rank = 0;
  int64_t dims[kMostDims];
  int64_t a_stride[kMostDims], b_stride[kMostDims];  // in elements; 0 where the input is stretched
  Shape output;
  // Errors: the shapes do not broadcast (naming both), or more dims than kMostDims remain.
  static Result<BroadcastPlan> make(const Shape& a, const Shape& b);
};

// Calls row(a_offset, b_offset, out_offset, a_step, b_step, n) for the innermost dim of every row in [begin, end) rows.
template <class Row>
void walk_rows(const BroadcastPlan& plan, int64_t begin, int64_t end, const Row& row) {
  int inner = plan.rank - 1;
  int64_t n = plan.dims[inner];
  int64_t index[BroadcastPlan::kMostDims];
  int64_t rest = begin, a = 0, b = 0;
  for (int d = inner - 1; d >= 0; --d) {
    index[d] = rest % plan.dims[d];
    rest /= plan.dims[d];
    a += index[d] * plan.a_stride[d];
    b += index[d] * plan.b_stride[d];
  }
  for (int64_t r = begin; r < end; ++r) {
    row(a, b, r * n, plan.a_stride[inner], plan.b_stride[inner], n);
    for (int d = inner - 1; d >= 0; --d) {
      a += plan.a_stride[d];
      b += plan.b_stride[d];
      if (++index[d] < plan.dims[d]) break;
      a -= plan.a_stride[d] * plan.dims[d];
      b -= plan.b_stride[d] * plan.dims[d];
      index[d] = 0;
    }
  }
}

// Computes n elements of a row; a step is 1, or 0 where the input is stretched, or another where it is strided.
using BinaryLoop = void (*)(const void* a, const void* b, void* y, int64_t a_step, int64_t b_step, int64_t n);
void prepare_binary(PrepareContext& c, bool same_size);
Status run_binary(RunContext& c, size_t in_size, size_t out_size, BinaryLoop loop);

// y = F()(a, b) with NumPy broadcasting.
template <class In, class Out, class F>
class BinaryKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    prepare_binary(c, sizeof(In) == sizeof(Out));
    return {};
  }
  Status run(RunContext& c) const override { return run_binary(c, sizeof(In), sizeof(Out), loop); }

 private:
  static void loop(const void* av, const void* bv, void* y, int64_t a_step, int64_t b_step, int64_t n) {
    const In* a = static_cast<const In*>(av);
    const In* b = static_cast<const In*>(bv);
    Out* out = static_cast<Out*>(y);
    F f;
    if (a_step == 1 && b_step == 1) {
      for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
    } else if (a_step == 1 && b_step == 0) {
      const In b0 = *b;
      for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], b0);
    } else if (a_step == 0 && b_step == 1) {
      const In a0 = *a;
      for (int64_t i = 0; i < n; ++i) out[i] = f(a0, b[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) out[i] = f(a[i * a_step], b[i * b_step]);
    }
  }
};

// "[1,2]": where element `flat` of a tensor of this shape is, for messages.
std::string element_position(const Shape& shape, int64_t flat);

// F<float> on half or bfloat16.
template <class T, class F>
struct ThroughFloat {
  auto operator()(T x) const { return result(F()(widened(x))); }
  auto operator()(T a, T b) const { return result(F()(widened(a), widened(b))); }

 private:
  static T result(float y) { return narrowed<T>(y); }
  static bool result(bool y) { return y; }
};
template <template <class> class F, class T>
using ElementFunctor = std::conditional_t<kIsNarrow<T>, ThroughFloat<T, F<Computed<T>>>, F<Computed<T>>>;

// Lists of kernels, one a type, for functors that are templates on it:  .kernels = kUnaryKernels<Neg, float, Half>
template <template <class> class F, class... Ts>
static constexpr KernelDef kUnaryKernels[] = {
    portable_kernel<UnaryKernel<Ts, Ts, ElementFunctor<F, Ts>>>(dtype_of<Ts>())...};
template <template <class> class F, class... Ts>
static constexpr KernelDef kBinaryKernels[] = {
    portable_kernel<BinaryKernel<Ts, Ts, ElementFunctor<F, Ts>>>(dtype_of<Ts>())...};
// The same with a boolean output.
template <template <class> class F, class... Ts>
static constexpr KernelDef kTestKernels[] = {
    portable_kernel<UnaryKernel<Ts, bool, ElementFunctor<F, Ts>>>(dtype_of<Ts>())...};
template <template <class> class F, class... Ts>
static constexpr KernelDef kCompareKernels[] = {
    portable_kernel<BinaryKernel<Ts, bool, ElementFunctor<F, Ts>>>(dtype_of<Ts>())...};

// Integer arithmetic wraps, as two's complement does; signed overflow would be undefined. Floating types pass as is.
template <class T, bool = std::is_integral_v<T>>
struct WrapType {
  using type = std::conditional_t<sizeof(T) <= 4, uint32_t, uint64_t>;
};
template <class T>
struct WrapType<T, false> {
  using type = T;
};
template <class T>
using Wrap = typename WrapType<T>::type;
template <class T>
constexpr T wrap_add(T a, T b) {
  return static_cast<T>(static_cast<Wrap<T>>(a) + static_cast<Wrap<T>>(b));
}
template <class T>
constexpr T wrap_subtract(T a, T b) {
  return static_cast<T>(static_cast<Wrap<T>>(a) - static_cast<Wrap<T>>(b));
}
template <class T>
constexpr T wrap_multiply(T a, T b) {
  return static_cast<T>(static_cast<Wrap<T>>(a) * static_cast<Wrap<T>>(b));
}

}  // namespace tarn
