// Bincount, DenseBincount and HistogramFixedWidth.
#include <algorithm>
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// A vector with as many elements as input i says.
Status infer_bins(InferContext& c, int input, std::string_view name) {
  TARN_RETURN_IF_ERROR(c.expect_rank(input, 0, name));
  int64_t bins = kUnknownDim;
  if (std::optional<IntList> known = IntList::known(c, input)) {
    bins = (*known)[0];
    if (bins < 0) return invalid_argument("input '", name, "' must be >= 0, is ", bins);
  }
  return c.set_output(0, Shape{bins});
}

Status judge_weights(const Shape& values, const Shape& weights) {
  if (weights.is_compatible_with(values) || weights.is_compatible_with(Shape{0})) return {};
  return invalid_argument("weights must have the shape of arr, ", values.to_string(), ", or none at all, have ",
                          weights.to_string());
}

Status infer_bincount(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_weights(c.shape(0), c.shape(2)));
  return infer_bins(c, 1, "size");
}

template <class T>
class BincountKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView &values = c.input(0), &weights = c.input(2);
    TARN_RETURN_IF_ERROR(judge_weights(*values.shape, *weights.shape));
    TARN_ASSIGN_OR_RETURN(int64_t size, single_int(IntList::of(c.input(1)), "size"));
    if (size < 0) return invalid_argument("input 'size' must be >= 0, is ", size);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape{size}));
    T* bins = y.as<T>();
    std::fill_n(bins, y.count, T(0));
    bool has_weights = weights.count > 0;
    for (int64_t i = 0; i < values.count; ++i) {
      int64_t value = values.as<int32_t>()[i];
      if (value < 0) return invalid_argument("arr", element_position(*values.shape, i), " = ", value, " is negative");
      if (value < size) bins[value] = wrap_add(bins[value], has_weights ? weights.as<T>()[i] : T(1));
    }
    return {};
  }
};

Status judge_dense_rank(const Shape& values) {
  if (!values.has_rank() || values.rank() == 1 || values.rank() == 2) return {};
  return invalid_argument("input 'input' must have rank 1 or 2, has shape ", values.to_string());
}

Status infer_dense_bincount(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_dense_rank(c.shape(0)));
  TARN_RETURN_IF_ERROR(judge_weights(c.shape(0), c.shape(2)));
  if (!c.shape(0).has_rank()) return c.expect_rank(1, 0, "size");
  TARN_RETURN_IF_ERROR(infer_bins(c, 1, "size"));
  if (c.shape(0).rank() == 1) return {};
  return set_output_checked(c, 0, Shape{c.shape(0).dim(0), c.output(0).shape.dim(0)});
}

template <class T>
class DenseBincountKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    binary_ = c.attr<bool>("binary_output");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &values = c.input(0), &weights = c.input(2);
    TARN_RETURN_IF_ERROR(judge_dense_rank(*values.shape));
    TARN_RETURN_IF_ERROR(judge_weights(*values.shape, *weights.shape));
    TARN_ASSIGN_OR_RETURN(int64_t size, single_int(IntList::of(c.input(1)), "size"));
    if (size < 0) return invalid_argument("input 'size' must be >= 0, is ", size);
    bool is_matrix = values.shape->rank() == 2;
    int64_t row_length = values.shape->dim(-1);
    Shape shape = is_matrix ? Shape{values.shape->dim(0), size} : Shape{size};
    TARN_RETURN_IF_ERROR(shape.element_count().status());
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    T* bins = y.as<T>();
    std::fill_n(bins, y.count, T(0));
    IntList list = IntList::of(values);
    bool has_weights = weights.count > 0;
    for (int64_t i = 0; i < values.count; ++i) {
      int64_t value = list[i];
      if (value < 0) return invalid_argument("input", element_position(*values.shape, i), " = ", value, " is negative");
      if (value >= size) continue;
      T& bin = bins[is_matrix ? i / row_length * size + value : value];
      bin = binary_ ? T(1) : wrap_add(bin, has_weights ? weights.as<T>()[i] : T(1));
    }
    return {};
  }

 private:
  bool binary_ = false;
};

Status infer_histogram(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "value_range"));
  if (!c.shape(1).is_compatible_with(Shape{2})) {
    return invalid_argument("input 'value_range' must hold 2 numbers, has shape ", c.shape(1).to_string());
  }
  return infer_bins(c, 2, "nbins");
}

template <class T>
class HistogramKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView &values = c.input(0), &range = c.input(1);
    if (range.count != 2) {
      return invalid_argument("input 'value_range' must hold 2 numbers, has shape ", range.shape->to_string());
    }
    T low = range.as<T>()[0], high = range.as<T>()[1];
    if (!(low < high)) return invalid_argument("value_range must rise, is [", low, ", ", high, "]");
    TARN_ASSIGN_OR_RETURN(int64_t bins, single_int(IntList::of(c.input(2)), "nbins"));
    if (bins < 1) return invalid_argument("input 'nbins' must be >= 1, is ", bins);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape{bins}));
    zero_elements(y.dtype, y.data, y.count);
    // As TensorFlow rounds: the width from the difference in T, the place in double.
    double step = static_cast<double>(wrap_subtract(high, low)) / static_cast<double>(bins);
    for (int64_t i = 0; i < values.count; ++i) {
      T value = std::max(values.as<T>()[i], low);
      double place = std::min(static_cast<double>(wrap_subtract(value, low)) / step, static_cast<double>(bins - 1));
      auto bin = place > 0 ? static_cast<int64_t>(place) : 0;  // NaN is counted with the lowest
      if (y.dtype == DType::kInt64) {
        ++y.as<int64_t>()[bin];
      } else {
        ++y.as<int32_t>()[bin];
      }
    }
    return {};
  }
};

constexpr KernelDef kBincountKernels[] = {
    portable_kernel<BincountKernel<int32_t>>(DType::kInt32),
    portable_kernel<BincountKernel<int64_t>>(DType::kInt64),
    portable_kernel<BincountKernel<float>>(DType::kFloat),
    portable_kernel<BincountKernel<double>>(DType::kDouble),
};
constexpr KernelDef kDenseBincountKernels[] = {
    portable_kernel<DenseBincountKernel<int32_t>>(DType::kInt32),
    portable_kernel<DenseBincountKernel<int64_t>>(DType::kInt64),
    portable_kernel<DenseBincountKernel<float>>(DType::kFloat),
    portable_kernel<DenseBincountKernel<double>>(DType::kDouble),
};
constexpr KernelDef kHistogramKernels[] = {
    portable_kernel<HistogramKernel<int32_t>>(DType::kInt32),
    portable_kernel<HistogramKernel<int64_t>>(DType::kInt64),
    portable_kernel<HistogramKernel<float>>(DType::kFloat),
    portable_kernel<HistogramKernel<double>>(DType::kDouble),
};

constexpr std::string_view kBincountDoc = R"(How often each of 0, 1, ... size - 1 occurs, or the sum of its weights.
  arr  int32[...]   size  int32, a scalar   weights  T, arr's shape, or [0]: each counts 1
  returns  T[size]; larger numbers are left out
  Errors: InvalidArgument naming a negative number, or shapes that differ.   Source: TensorFlow math_ops Bincount.)";
constexpr std::string_view kDenseBincountDoc = R"(How often each of 0, 1, ... size - 1 occurs, in all or in each row.
  input  Tidx[n] or Tidx[rows, n]   size  Tidx, a scalar   weights  T, input's shape, or [0]: each counts 1
  returns  T[size] or T[rows, size]; larger numbers are left out; with binary_output 1 for each that occurs
  Errors: InvalidArgument naming a negative number, or shapes that differ.   Source: TensorFlow math_ops DenseBincount.)";
constexpr std::string_view kHistogramDoc = R"(How many values are in each of nbins equal parts of a range.
  values  T[...]   value_range  T[2], lowest and highest   nbins  int32, a scalar   returns  dtype[nbins]
  Values below the range are counted in the first part, those above in the last.
  Errors: InvalidArgument if the range does not rise or nbins < 1.   Source: TensorFlow math_ops HistogramFixedWidth.)";

}  // namespace

extern const OpDef op_Bincount, op_DenseBincount, op_HistogramFixedWidth;
const OpDef op_Bincount = {
    .name = "Bincount",
    .inputs = "arr: int32, size: int32, weights: T",
    .outputs = "bins: T",
    .attrs = "T: {int32, int64, float, double}",
    .infer = infer_bincount,
    .kernels = kBincountKernels,
};
const OpDef op_DenseBincount = {
    .name = "DenseBincount",
    .inputs = "input: Tidx, size: Tidx, weights: T",
    .outputs = "output: T",
    .attrs = "Tidx: {int32, int64}; T: {int32, int64, float, double}; binary_output: bool = false",
    .infer = infer_dense_bincount,
    .kernels = kDenseBincountKernels,
    .kernel_attr = "T",
};
const OpDef op_HistogramFixedWidth = {
    .name = "HistogramFixedWidth",
    .inputs = "values: T, value_range: T, nbins: int32",
    .outputs = "out: dtype",
    .attrs = "T: {int32, int64, float, double}; dtype: {int32, int64} = int32",
    .infer = infer_histogram,
    .kernels = kHistogramKernels,
};

TARN_OP_FILE(bincount, {&op_Bincount, kBincountDoc, nullptr, "TensorFlow has none: it counts"},
             {&op_DenseBincount, kDenseBincountDoc, nullptr, "TensorFlow has none: it counts"},
             {&op_HistogramFixedWidth, kHistogramDoc, nullptr, "the output counts"})

}  // namespace tarn
