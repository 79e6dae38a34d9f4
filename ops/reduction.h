// Reductions over some dims of a tensor: which element goes where, and the loops, for Sum, Max, All, BiasAddGrad …
//
//   TARN_ASSIGN_OR_RETURN(ReductionPlan plan, ReductionPlan::make(*x.shape, axes));
//   run_reduction(c.threads(), plan, reduce_range<float, float, SumOf<float>>, x.data, y.data);
//
// Each output element is reduced by one thread in an order that only the shapes decide: the bits do not depend on the
// number of threads. Nothing is allocated.
#pragma once

#include <algorithm>

#include "core/op.h"
#include "core/thread_pool.h"
#include "ops/support/half.h"

namespace tarn {

struct ReductionPlan {
  static constexpr int kMostDims = 16;
  struct Dims {
    int rank = 0;
    int64_t size[kMostDims], stride[kMostDims];  // strides in elements of the input
    int64_t count = 1;                           // product of the sizes
  };
  // Neighbouring dims that are both kept or both reduced are one.
  Dims kept, reduced;
  bool inner_kept = true;     // whether the innermost dim is a kept one
  int64_t columns = 1;        // size of the innermost dim if it is kept, else 1
  Shape output, output_kept;  // without the reduced dims, and with size 1 for them

  // Errors: an axis outside [-rank, rank), an axis twice.
  static Result<ReductionPlan> make(const Shape& input, std::span<const int64_t> axes);
};

// Which dims `axes` names. Errors as above; `axes` are as given, negative ones count from the end.
Status mark_axes(int rank, std::span<const int64_t> axes, std::span<bool> is_reduced);

// Infer function of ops "input, reduction_indices -> output" with attr keep_dims.
Status infer_reduction(InferContext& c);

// Goes through all index tuples of `dims` in order, giving the offset in the input of each.
class ReductionWalk {
 public:
  ReductionWalk(const ReductionPlan::Dims& dims, int rank, int64_t start) : dims_(dims), rank_(rank) {
    for (int d = rank_ - 1; d >= 0; --d) {
      index_[d] = 0;
      if (start == 0) continue;  // sizes may be 0: nothing to walk through
      index_[d] = start % dims_.size[d];
      start /= dims_.size[d];
      offset_ += index_[d] * dims_.stride[d];
    }
  }
  int64_t offset() const { return offset_; }
  void next() {
    for (int d = rank_ - 1; d >= 0; --d) {
      offset_ += dims_.stride[d];
      if (++index_[d] < dims_.size[d]) return;
      offset_ -= dims_.stride[d] * dims_.size[d];
      index_[d] = 0;
    }
  }

 private:
  const ReductionPlan::Dims& dims_;
  int rank_;
  int64_t index_[ReductionPlan::kMostDims];
  int64_t offset_ = 0;
};

// A reducer R has: Acc (what is carried), start(), step(Acc, In), merge(Acc, Acc), finish(Acc, count) -> Out.
// Computes outputs [begin, end) of one row of outputs: with an inner kept dim, columns of the row; else just outputs.
using ReduceRange = void (*)(const ReductionPlan& plan, const void* x, void* y, int64_t begin, int64_t end);

template <class In, class Out, class R>
void reduce_range(const ReductionPlan& plan, const void* xv, void* yv, int64_t begin, int64_t end) {
  using Acc = typename R::Acc;
  const In* x = static_cast<const In*>(xv);
  Out* y = static_cast<Out*>(yv);
  if (plan.inner_kept) {
    // Outputs in runs of neighbouring columns, each run over all reduced rows.
    constexpr int64_t kRun = 256;
    int64_t columns = plan.columns;
    for (int64_t at = begin; at < end;) {
      int64_t column = at % columns;
      int64_t n = std::min({kRun, end - at, columns - column});
      ReductionWalk kept(plan.kept, plan.kept.rank - 1, at / columns);
      Acc acc[kRun];
      for (int64_t j = 0; j < n; ++j) acc[j] = R::start();
      ReductionWalk reduced(plan.reduced, plan.reduced.rank, 0);
      for (int64_t i = 0; i < plan.reduced.count; ++i, reduced.next()) {
        const In* row = x + kept.offset() + reduced.offset() + column;
        for (int64_t j = 0; j < n; ++j) acc[j] = R::step(acc[j], row[j]);
      }
      for (int64_t j = 0; j < n; ++j) y[at + j] = R::finish(acc[j], plan.reduced.count);
      at += n;
    }
    return;
  }
  constexpr int64_t kLanes = 8;  // independent chains, which the compiler turns into vectors
  const int inner = plan.reduced.rank - 1;
  const int64_t n = plan.reduced.size[inner];
  const int64_t rows = plan.reduced.count == 0 ? 0 : plan.reduced.count / n;
  ReductionWalk kept(plan.kept, plan.kept.rank, begin);
  for (int64_t at = begin; at < end; ++at, kept.next()) {
    Acc lanes[kLanes];
    for (Acc& lane : lanes) lane = R::start();
    ReductionWalk reduced(plan.reduced, inner, 0);
    for (int64_t i = 0; i < rows; ++i, reduced.next()) {
      const In* row = x + kept.offset() + reduced.offset();
      int64_t j = 0;
      for (; j + kLanes <= n; j += kLanes) {
        for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] = R::step(lanes[lane], row[j + lane]);
      }
      for (int64_t lane = 0; j < n; ++j, ++lane) lanes[lane] = R::step(lanes[lane], row[j]);
    }
    for (int64_t width = kLanes / 2; width > 0; width /= 2) {
      for (int64_t lane = 0; lane < width; ++lane) lanes[lane] = R::merge(lanes[lane], lanes[lane + width]);
    }
    y[at] = R::finish(lanes[0], plan.reduced.count);
  }
}

void run_reduction(ThreadPool& threads, const ReductionPlan& plan, ReduceRange range, const void* x, void* y);

// Kernel of an op "input, reduction_indices -> output" with attr keep_dims, of one dtype, that gives a single element
// back as it is.
Status run_reduction_op(RunContext& c, bool keep_dims, ReduceRange range);

template <class In, class Out, class R>
class ReductionKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    keep_dims_ = c.attr<bool>("keep_dims");
    return {};
  }
  Status run(RunContext& c) const override { return run_reduction_op(c, keep_dims_, reduce_range<In, Out, R>); }

 private:
  bool keep_dims_ = false;
};

// R, a reducer of float, on half or bfloat16: rounded once, at the end.
template <class T, class R>
struct ReducedInFloat {
  using Acc = typename R::Acc;
  static Acc start() { return R::start(); }
  static Acc step(Acc acc, T x) { return R::step(acc, widened(x)); }
  static Acc merge(Acc a, Acc b) { return R::merge(a, b); }
  static T finish(Acc acc, int64_t count) { return narrowed<T>(R::finish(acc, count)); }
};
template <template <class> class R, class T>
using ElementReducer = std::conditional_t<kIsNarrow<T>, ReducedInFloat<T, R<Computed<T>>>, R<Computed<T>>>;

// Reducers are templates on the element type.
template <template <class> class R, class... Ts>
static constexpr KernelDef kReductionKernels[] = {
    portable_kernel<ReductionKernel<Ts, Ts, ElementReducer<R, Ts>>>(dtype_of<Ts>())...};

// Sums of float are carried in double and sums of integers in 64 bits, which wrap.
template <class T>
using SumAccumulator = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;

template <class T>
struct SumOf {
  using Acc = SumAccumulator<T>;
  static Acc start() { return 0; }
  static Acc step(Acc acc, T x) { return acc + static_cast<Acc>(x); }
  static Acc merge(Acc a, Acc b) { return a + b; }
  static T finish(Acc acc, int64_t) { return static_cast<T>(acc); }
};

// For gradients: `dy`, the reduction's output or something of its shape, shaped so that it broadcasts against the
// reduction's input.
Wire broadcastable_to_input(GradContext& c, Wire dy, std::string_view op);

}  // namespace tarn
