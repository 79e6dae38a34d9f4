// Kernels for elementwise ops as one template: an op gives a functor on scalars, gets broadcasting and threads.
#pragma once

#include <algorithm>

#include "core/kernel.h"

namespace tarn {

// Elements a thread should at least have before more are woken.
constexpr int64_t kElementsPerRange = 16384;

// y[i] = F()(x[i]); output dtype may differ from the input's.
template <class In, class Out, class F>
class UnaryKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    if (sizeof(In) == sizeof(Out)) c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
    const In* in = x.as<In>();
    Out* out = y.as<Out>();
    c.threads().parallel_for(x.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      F f;
      for (int64_t i = begin; i < end; ++i) out[i] = f(in[i]);
    });
    return {};
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

// y = F()(a, b) with NumPy broadcasting.
template <class In, class Out, class F>
class BinaryKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    // In place only where the input has the output's shape: each element is read just before it is written.
    for (int i = 0; i < 2; ++i) {
      if (sizeof(In) == sizeof(Out) && c.input(i).shape == c.output(0).shape) c.may_reuse(i, 0);
    }
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(BroadcastPlan plan, BroadcastPlan::make(*c.input(0).shape, *c.input(1).shape));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, plan.output));
    if (y.count == 0) return {};
    const In* a = c.input(0).as<In>();
    const In* b = c.input(1).as<In>();
    Out* out = y.as<Out>();
    int64_t n = plan.dims[plan.rank - 1];
    if (plan.rank == 1) {  // one long row: split it
      int64_t a_step = plan.a_stride[0], b_step = plan.b_stride[0];
      c.threads().parallel_for(n, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
        run_row(a + begin * a_step, b + begin * b_step, out + begin, a_step, b_step, end - begin);
      });
      return {};
    }
    c.threads().parallel_for(
        y.count / n, std::max<int64_t>(1, kElementsPerRange / n), [&](int64_t begin, int64_t end, int) {
          walk_rows(plan, begin, end, [&](int64_t ao, int64_t bo, int64_t oo, int64_t as, int64_t bs, int64_t count) {
            run_row(a + ao, b + bo, out + oo, as, bs, count);
          });
        });
    return {};
  }

 private:
  static void run_row(const In* a, const In* b, Out* out, int64_t a_step, int64_t b_step, int64_t n) {
    F f;
    if (a_step == 1 && b_step == 1) {
      for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
    } else if (a_step == 1) {
      const In bv = *b;
      for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], bv);
    } else if (b_step == 1) {
      const In av = *a;
      for (int64_t i = 0; i < n; ++i) out[i] = f(av, b[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) out[i] = f(a[i * a_step], b[i * b_step]);
    }
  }
};

}  // namespace tarn
