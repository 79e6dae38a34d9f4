// TopKV2, and TopK, whose k is an attr.
#include <cmath>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Status judge_k(int64_t k) {
  return k >= 0 ? Status() : invalid_argument("k must be >= 0, not ", k);
}

// `input` with its last dim cut to k, which may be unknown.
Result<Shape> cut_shape(const Shape& input, int64_t k) {
  if (input.rank() < 1) return invalid_argument("input must be at least a vector, has shape ", input.to_string());
  int64_t columns = input.dim(-1);
  if (k != kUnknownDim && columns != kUnknownDim && columns < k) {
    return invalid_argument("input must have at least k = ", k, " columns, has ", columns);
  }
  Shape output = input;
  output.set_dim(-1, k);
  return output;
}

Status infer_top_k(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(0, 1, "input"));
  int64_t k = kUnknownDim;
  if (c.input_count() == 1) {
    k = c.attr<int64_t>("k");
    TARN_RETURN_IF_ERROR(judge_k(k));
  } else {
    TARN_RETURN_IF_ERROR(c.expect_rank(1, 0, "k"));
    if (std::optional<IntList> known = IntList::known(c, 1)) {
      k = (*known)[0];
      TARN_RETURN_IF_ERROR(judge_k(k));
    }
  }
  if (!c.shape(0).has_rank()) return {};
  TARN_ASSIGN_OR_RETURN(Shape output, cut_shape(c.shape(0), k));
  TARN_RETURN_IF_ERROR(set_output_checked(c, 0, output));
  return c.set_output(1, output);
}

// A strict order also where there are NaN, which come before everything: sorting by anything less is undefined.
template <class T>
bool comes_first(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && !std::isnan(b);
  }
  return a > b;
}

// Which of two places of a row comes before the other: ties by place.
template <class T>
struct Before {
  const T* row;
  template <class I>
  bool operator()(I a, I b) const {
    if (comes_first(row[a], row[b])) return true;
    return !comes_first(row[b], row[a]) && a < b;
  }
};

// The places of the k first of `row`, in order. `best` is a heap, its worst on top, until it is sorted.
template <class T, class I>
void select_row(const T* row, int64_t columns, int64_t k, I* best) {
  Before<T> before{row};
  for (int64_t i = 0; i < k; ++i) best[i] = static_cast<I>(i);
  if (k > 1) std::make_heap(best, best + k, before);
  for (int64_t i = k; i < columns && k > 0; ++i) {
    if (!comes_first(row[i], row[best[0]])) continue;  // a tie keeps the one that was there
    std::pop_heap(best, best + k, before);
    best[k - 1] = static_cast<I>(i);
    std::push_heap(best, best + k, before);
  }
  std::sort_heap(best, best + k, before);
}

// With sorted = false TensorFlow gives its heap as it stands, so that order is made here: a binary heap, its worst on
// top, first of the first k + 1 places, whose top is dropped. It is written out because std::make_heap may lay it out
// as it likes. All k = columns TensorFlow sorts.
template <class T, class I>
class Heap {
 public:
  Heap(const T* row, int64_t k, I* best) : before_{row}, k_(k), best_(best), spare_(static_cast<I>(k)) {
    for (int64_t i = 0; i < k; ++i) best_[i] = static_cast<I>(i);
    for (int64_t parent = (k - 1) / 2; parent >= 0; --parent) sift(parent, k + 1, at(parent));
    sift(0, k, spare_);
  }
  // Drops the worst if `place` comes before it.
  void offer(I place) {
    if (!before_(place, best_[0])) return;
    sift(0, k_ - 1, best_[k_ - 1]);
    rise(k_ - 1, 0, place);
  }

 private:
  I& at(int64_t i) { return i < k_ ? best_[i] : spare_; }
  // Puts `place` into the empty slot `hole` of a heap of `count`: the worse children move up to the very bottom, then
  // `place` rises to where it belongs.
  void sift(int64_t hole, int64_t count, I place) {
    const int64_t top = hole;
    for (int64_t child = 2 * hole + 1; child < count; child = 2 * hole + 1) {
      bool right_is_worse = child + 1 < count && !before_(at(child + 1), at(child));
      if (right_is_worse) ++child;
      at(hole) = at(child);
      hole = child;
    }
    rise(hole, top, place);
  }
  void rise(int64_t hole, int64_t top, I place) {
    while (hole > top && before_(at((hole - 1) / 2), place)) {
      at(hole) = at((hole - 1) / 2);
      hole = (hole - 1) / 2;
    }
    at(hole) = place;
  }

  Before<T> before_;
  int64_t k_;
  I* best_;
  I spare_;
};

template <class T, class I>
void select_row_unsorted(const T* row, int64_t columns, int64_t k, I* best) {
  if (k == columns) return select_row(row, columns, k, best);
  Heap<T, I> heap(row, k, best);
  for (int64_t i = k + 1; i < columns; ++i) heap.offer(static_cast<I>(i));
}

template <class T>
class TopKKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    k_ = c.attrs().get_or<int64_t>("k", 0);
    sorted_ = c.attr<bool>("sorted");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    int64_t k = k_;
    if (c.input_count() > 1) {
      if (c.input(1).shape->rank() != 0) {
        return invalid_argument("input 'k' must be a scalar, has shape ", c.input(1).shape->to_string());
      }
      k = IntList::of(c.input(1))[0];
    }
    TARN_RETURN_IF_ERROR(judge_k(k));
    TARN_ASSIGN_OR_RETURN(Shape output, cut_shape(*x.shape, k));
    TARN_ASSIGN_OR_RETURN(TensorView values, c.output(0, output));
    TARN_ASSIGN_OR_RETURN(TensorView indices, c.output(1, output));
    if (values.count == 0) return {};
    switch (indices.dtype) {
      case DType::kInt16: return select<int16_t>(c, x, k, values, indices);
      case DType::kInt64: return select<int64_t>(c, x, k, values, indices);
      default: return select<int32_t>(c, x, k, values, indices);
    }
  }

 private:
  template <class I>
  Status select(RunContext& c, const TensorView& x, int64_t k, const TensorView& values,
                const TensorView& indices) const {
    int64_t columns = x.shape->dim(-1);
    if (columns - 1 > std::numeric_limits<I>::max()) {
      return invalid_argument("input has ", columns,
                              " columns, more than attr 'index_type' = ", dtype_name(dtype_of<I>()), " can number");
    }
    const T* in = x.as<T>();
    c.threads().parallel_for(
        x.count / columns, std::max<int64_t>(1, kElementsPerRange / 4 / columns), [&](int64_t begin, int64_t end, int) {
          for (int64_t row = begin; row < end; ++row) {
            const T* from = in + row * columns;
            I* best = indices.as<I>() + row * k;
            sorted_ ? select_row(from, columns, k, best) : select_row_unsorted(from, columns, k, best);
            for (int64_t i = 0; i < k; ++i) values.as<T>()[row * k + i] = from[best[i]];
          }
        });
    return {};
  }

  int64_t k_ = 0;
  bool sorted_ = true;
};

// dx is 0 but for dy where the values were taken from. Rows are laid end to end: place = row * columns + index.
Status top_k_gradient(GradContext& c) {
  if (c.grad(0).is_none()) return {};
  constexpr DType kPlace = DType::kInt64;
  Wire x = c.input(0);
  Wire places = c.op("Cast", {c.slot(c.output(0), 1)}, {{"DstT", kPlace}});
  Wire minus_one = int_list(c, std::vector<int64_t>{-1});
  const Shape& shape = c.fact(x).shape;
  if (shape.rank() != 1) {
    // starts = [0, columns, 2 * columns …], one a row
    Wire zero = int_list(c, std::vector<int64_t>{0}), one = int_list(c, std::vector<int64_t>{1});
    Wire sizes = shape_of(c, x, kPlace);
    Wire columns = c.op("StridedSlice", {sizes, minus_one, zero, one}, {{"shrink_axis_mask", 1}});
    Wire rows = c.op("StridedSlice", {sizes, zero, minus_one, one}, {{"begin_mask", 1}});
    Wire row_count = c.op("Prod", {rows, zero}, {{"keep_dims", false}});
    Wire numbers = c.op("Range", {int_scalar(c, 0, kPlace), row_count, int_scalar(c, 1, kPlace)});
    Wire starts = c.op("Mul", {numbers, columns});
    // as x.shape[:-1] + [1], to be added to every index of the row
    Wire column = c.op("ConcatV2", {rows, int_list(c, std::vector<int64_t>{1}, kPlace), int_scalar(c, 0)}, {{"N", 2}});
    places = c.op("AddV2", {places, c.op("Reshape", {starts, column})});
  }
  Wire flat_places = c.op("ExpandDims", {c.op("Reshape", {places, minus_one}), int_scalar(c, 1)});
  Wire flat_grad = c.op("Reshape", {c.grad(0), minus_one});
  Wire count = c.op("ExpandDims", {c.op("Size", {x}, {{"out_type", kPlace}}), int_scalar(c, 0)});
  c.set_grad(0, c.op("Reshape", {c.op("ScatterNd", {flat_places, flat_grad, count}), shape_of(c, x)}));
  return {};
}

constexpr std::string_view kV2Doc = R"(The k largest elements of each row, and where they are.
  input  T[..., columns]   k  Tk, a scalar in [0, columns]
  returns  values  T[..., k], descending;  indices  index_type[..., k], of equal values the lower first
  NaN counts as the largest. Where attr sorted is false the order is that of TensorFlow's heap.
  Errors: InvalidArgument for k < 0 or k > columns, naming both.   Source: TensorFlow nn_ops TopKV2.)";
constexpr std::string_view kV1Doc = R"(The k largest elements of each row, and where they are; k is an attr.
  input  T[..., columns]
  returns  values  T[..., k], descending;  indices  int32[..., k], of equal values the lower first
  Errors: InvalidArgument for k > columns, naming both.   Source: TensorFlow nn_ops TopK, before TopKV2.)";

}  // namespace

extern const OpDef op_TopKV2, op_TopK;
const OpDef op_TopKV2 = {
    .name = "TopKV2",
    .inputs = "input: T, k: Tk",
    .outputs = "values: T, indices: index_type",
    .attrs =
        "sorted: bool = true; T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, "
        "uint64}; Tk: {int16, int32, int64} = int32; index_type: {int16, int32, int64} = int32",
    .infer = infer_top_k,
    .kernels = kKernelsFor<TopKKernel, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                           uint16_t, uint32_t, uint64_t>,
};
const OpDef op_TopK = {
    .name = "TopK",
    .inputs = "input: T",
    .outputs = "values: T, indices: int32",
    .attrs =
        "k: int >= 0; sorted: bool = true; "
        "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}",
    .infer = infer_top_k,
    .kernels = kKernelsFor<TopKKernel, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                           uint16_t, uint32_t, uint64_t>,
};

TARN_OP_FILE(top_k, {&op_TopKV2, kV2Doc, top_k_gradient}, {&op_TopK, kV1Doc, top_k_gradient})

}  // namespace tarn
