// SparseSegmentSum, SparseSegmentMean, SparseSegmentSqrtN, each also with num_segments: chosen rows with sorted ids.
#include <cmath>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Status judge(const Shape& data, const Shape& indices, const Shape& ids) {
  if (data.has_rank() && data.rank() < 1) return invalid_argument("input 'data' must have rank 1 or more, is a scalar");
  if (indices.has_rank() && indices.rank() != 1) {
    return invalid_argument("input 'indices' must have rank 1, has shape ", indices.to_string());
  }
  if (indices.is_compatible_with(ids)) return {};
  return invalid_argument("indices and segment_ids must have one shape, have ", indices.to_string(), " and ",
                          ids.to_string());
}

// Ids rise from row to row. `given`: the number of segments, or kUnknownDim: the last id tells.
Result<int64_t> count_segments(const IntList& ids, int64_t given) {
  if (given < 0 && given != kUnknownDim) return invalid_argument("num_segments must be >= 0, not ", given);
  for (int64_t i = 0; i < ids.size(); ++i) {
    int64_t least = i == 0 ? 0 : ids[i - 1];
    if (ids[i] < least) {
      return invalid_argument("segment_ids[", i, "] = ", ids[i], " is below ", least, ": ids are >= 0 and never fall");
    }
    if (given != kUnknownDim && ids[i] >= given) {
      return invalid_argument("segment_ids[", i, "] = ", ids[i], " is not below num_segments = ", given);
    }
  }
  if (given != kUnknownDim) return given;
  if (ids.size() == 0) return 0;
  int64_t last = ids[ids.size() - 1];
  if (last == INT64_MAX) return invalid_argument("segment_ids[", ids.size() - 1, "] = ", last, " is too large");
  return last + 1;
}

Status infer_segments(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge(c.shape(0), c.shape(1), c.shape(2)));
  int64_t segments = kUnknownDim;
  if (c.input_count() > 3) {
    TARN_RETURN_IF_ERROR(c.expect_rank(3, 0, "num_segments"));
    if (std::optional<IntList> known = IntList::known(c, 3)) {
      segments = (*known)[0];
      if (segments < 0) return invalid_argument("num_segments must be >= 0, not ", segments);
    }
  } else if (std::optional<IntList> ids = IntList::known(c, 2)) {
    TARN_ASSIGN_OR_RETURN(segments, count_segments(*ids, kUnknownDim));
  }
  if (!c.shape(0).has_rank()) return {};
  Shape output = c.shape(0);
  output.set_dim(0, segments);
  return set_output_checked(c, 0, output);
}

enum class Scale { kNone, kMean, kSqrtN };

template <class T, Scale scale>
class SparseSegmentKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& data = c.input(0);
    const Shape& shape = *data.shape;
    TARN_RETURN_IF_ERROR(judge(shape, *c.input(1).shape, *c.input(2).shape));
    IntList indices = IntList::of(c.input(1)), ids = IntList::of(c.input(2));
    int64_t given = kUnknownDim;
    if (c.input_count() > 3) {
      TARN_ASSIGN_OR_RETURN(given, single_int(IntList::of(c.input(3)), "num_segments"));
      if (given < 0) return invalid_argument("num_segments must be >= 0, not ", given);
    }
    TARN_ASSIGN_OR_RETURN(int64_t segments, count_segments(ids, given));
    for (int64_t i = 0; i < indices.size(); ++i) {
      if (indices[i] >= 0 && indices[i] < shape.dim(0)) continue;
      return invalid_argument("indices[", i, "] = ", indices[i], " is not in [0, ", shape.dim(0), ")");
    }
    Shape output = shape;
    output.set_dim(0, segments);
    TARN_RETURN_IF_ERROR(output.element_count().status());
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    zero_elements(y.dtype, y.data, y.count);
    int64_t inner = dim_product(shape, 1, shape.rank());
    // Threads share the columns, so every sum is taken in the order of the rows.
    c.threads().parallel_for(inner, std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, ids.size())),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t row = 0; row < ids.size();) {
                                 T* to = y.as<T>() + ids[row] * inner;
                                 int64_t first = row;
                                 for (; row < ids.size() && ids[row] == ids[first]; ++row) {
                                   const T* from = data.as<T>() + indices[row] * inner;
                                   for (int64_t k = begin; k < end; ++k) to[k] = wrap_add(to[k], from[k]);
                                 }
                                 finish(to + begin, end - begin, row - first);
                               }
                             });
    return {};
  }

 private:
  static void finish(T* to, int64_t n, int64_t rows) {
    if constexpr (scale != Scale::kNone) {
      T divisor = scale == Scale::kMean ? static_cast<T>(rows) : std::sqrt(static_cast<T>(rows));
      for (int64_t k = 0; k < n; ++k) to[k] /= divisor;
    }
  }
};

template <class T>
using SparseSegmentSumKernel = SparseSegmentKernel<T, Scale::kNone>;
template <class T>
using SparseSegmentMeanKernel = SparseSegmentKernel<T, Scale::kMean>;
template <class T>
using SparseSegmentSqrtNKernel = SparseSegmentKernel<T, Scale::kSqrtN>;

constexpr auto& kSumKernels = kKernelsFor<SparseSegmentSumKernel, float, double, Half, BFloat16, int32_t, int64_t,
                                          uint8_t, int8_t, int16_t, uint16_t, uint32_t, uint64_t>;

// The gradient of data from `each`, which has a row for every segment: each row goes to the rows of data it came from.
void set_data_gradient(GradContext& c, Wire each) {
  Wire shape = shape_of(c, c.input(0));
  int64_t zero[] = {0}, one[] = {1};
  Wire rows = c.op("StridedSlice", {shape, c.int_vector(zero), c.int_vector(one), c.int_vector(one)},
                   {{"shrink_axis_mask", 1}});
  c.set_grad(0, c.op("UnsortedSegmentSum", {c.op("Gather", {each, c.input(2)}), c.input(1), rows}));
}

Status sum_gradient(GradContext& c) {
  set_data_gradient(c, c.grad());
  return {};
}

// dy / n or dy / sqrt(n), n the rows of each segment, at least 1.
Wire shared_among_rows(GradContext& c, bool root) {
  Wire ones = c.op("OnesLike", {c.op("Gather", {c.input(0), c.input(1)})});
  Wire segments = c.input_count() > 3 ? c.input(3) : Wire();
  Wire rows = segments.is_none() ? c.op("SegmentSum", {ones, c.input(2)})
                                 : c.op("UnsortedSegmentSum", {ones, c.input(2), segments});
  rows = c.op("Maximum", {rows, c.scalar(1, rows)});
  return c.op("RealDiv", {c.grad(), root ? c.op("Sqrt", {rows}) : rows});
}

Status mean_gradient(GradContext& c) {
  set_data_gradient(c, shared_among_rows(c, false));
  return {};
}

Status sqrt_n_gradient(GradContext& c) {
  set_data_gradient(c, shared_among_rows(c, true));
  return {};
}

constexpr std::string_view kSumDoc = R"(Adds up chosen rows that carry the same id; 0 where there is none.
  data  T[N, ...]   indices  Tidx[K], rows of data   segment_ids  Tsegmentids[K], >= 0, never falling
  returns  T[last id + 1, ...], or num_segments rows where that is given; integers wrap
  Errors: InvalidArgument naming the index or id that is out of range.   Source: TensorFlow math_ops SparseSegmentSum.)";
constexpr std::string_view kMeanDoc = R"(The mean of chosen rows that carry the same id; 0 where there is none.
  data  T[N, ...]   indices  Tidx[K], rows of data   segment_ids  Tsegmentids[K], >= 0, never falling
  returns  T[last id + 1, ...], or num_segments rows where that is given
  Errors: InvalidArgument naming the index or id that is out of range.   Source: TensorFlow math_ops SparseSegmentMean.)";
constexpr std::string_view kSqrtNDoc =
    R"(The sum of chosen rows that carry the same id over the root of their number; 0 where there is none.
  data  T[N, ...]   indices  Tidx[K], rows of data   segment_ids  Tsegmentids[K], >= 0, never falling
  returns  T[last id + 1, ...], or num_segments rows where that is given
  Errors: InvalidArgument naming the index or id that is out of range.   Source: TensorFlow math_ops SparseSegmentSqrtN.)";

constexpr std::string_view kInputs = "data: T, indices: Tidx, segment_ids: Tsegmentids";
constexpr std::string_view kInputsAndCount =
    "data: T, indices: Tidx, segment_ids: Tsegmentids, num_segments: Tnumsegments";
constexpr std::string_view kSumAttrs =
    "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}; "
    "Tidx: {int32, int64} = int32; Tsegmentids: {int32, int64} = int32; sparse_gradient: bool = false";
constexpr std::string_view kMeanAttrs =
    "T: {bfloat16, half, float, double}; Tidx: {int32, int64} = int32; Tsegmentids: {int32, int64} = int32; "
    "sparse_gradient: bool = false";
constexpr std::string_view kSumCountAttrs =
    "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}; "
    "Tidx: {int32, int64} = int32; Tnumsegments: {int32, int64} = int32; Tsegmentids: {int32, int64} = int32; "
    "sparse_gradient: bool = false";
constexpr std::string_view kMeanCountAttrs =
    "T: {bfloat16, half, float, double}; Tidx: {int32, int64} = int32; Tnumsegments: {int32, int64} = int32; "
    "Tsegmentids: {int32, int64} = int32; sparse_gradient: bool = false";

}  // namespace

extern const OpDef op_SparseSegmentSum, op_SparseSegmentMean, op_SparseSegmentSqrtN, op_SparseSegmentSumWithNumSegments,
    op_SparseSegmentMeanWithNumSegments, op_SparseSegmentSqrtNWithNumSegments;
const OpDef op_SparseSegmentSum = {
    .name = "SparseSegmentSum",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = kSumAttrs,
    .infer = infer_segments,
    .kernels = kSumKernels,
};
const OpDef op_SparseSegmentMean = {
    .name = "SparseSegmentMean",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = kMeanAttrs,
    .infer = infer_segments,
    .kernels = kFloatingKernels<SparseSegmentMeanKernel>,
};
const OpDef op_SparseSegmentSqrtN = {
    .name = "SparseSegmentSqrtN",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = kMeanAttrs,
    .infer = infer_segments,
    .kernels = kFloatingKernels<SparseSegmentSqrtNKernel>,
};
const OpDef op_SparseSegmentSumWithNumSegments = {
    .name = "SparseSegmentSumWithNumSegments",
    .inputs = kInputsAndCount,
    .outputs = "output: T",
    .attrs = kSumCountAttrs,
    .infer = infer_segments,
    .kernels = kSumKernels,
};
const OpDef op_SparseSegmentMeanWithNumSegments = {
    .name = "SparseSegmentMeanWithNumSegments",
    .inputs = kInputsAndCount,
    .outputs = "output: T",
    .attrs = kMeanCountAttrs,
    .infer = infer_segments,
    .kernels = kFloatingKernels<SparseSegmentMeanKernel>,
};
const OpDef op_SparseSegmentSqrtNWithNumSegments = {
    .name = "SparseSegmentSqrtNWithNumSegments",
    .inputs = kInputsAndCount,
    .outputs = "output: T",
    .attrs = kMeanCountAttrs,
    .infer = infer_segments,
    .kernels = kFloatingKernels<SparseSegmentSqrtNKernel>,
};

TARN_OP_FILE(sparse_segment, {&op_SparseSegmentSum, kSumDoc, sum_gradient},
             {&op_SparseSegmentMean, kMeanDoc, mean_gradient}, {&op_SparseSegmentSqrtN, kSqrtNDoc, sqrt_n_gradient},
             {&op_SparseSegmentSumWithNumSegments, kSumDoc, sum_gradient},
             {&op_SparseSegmentMeanWithNumSegments, kMeanDoc, mean_gradient},
             {&op_SparseSegmentSqrtNWithNumSegments, kSqrtNDoc, sqrt_n_gradient})

}  // namespace tarn
