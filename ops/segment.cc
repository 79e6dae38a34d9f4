// SegmentSum, SegmentMean, SegmentProd, SegmentMin and SegmentMax: rows with sorted ids.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Status judge(const Shape& data, const Shape& ids) {
  if (ids.has_rank() && ids.rank() != 1) {
    return invalid_argument("input 'segment_ids' must have rank 1, has shape ", ids.to_string());
  }
  if (!data.has_rank()) return {};
  if (data.rank() < 1) return invalid_argument("input 'data' must have rank 1 or more, is a scalar");
  if (!ids.has_rank() || Shape{data.dim(0)}.is_compatible_with(ids)) return {};
  return invalid_argument("segment_ids ", ids.to_string(), " must number the rows of data ", data.to_string());
}

// Ids rise from row to row; the last one tells how many segments there are.
Result<int64_t> count_segments(const IntList& ids) {
  for (int64_t i = 0; i < ids.size(); ++i) {
    int64_t least = i == 0 ? 0 : ids[i - 1];
    if (ids[i] >= least) continue;
    return invalid_argument("segment_ids[", i, "] = ", ids[i], " is below ", least, ": ids are >= 0 and never fall");
  }
  if (ids.size() == 0) return 0;
  int64_t last = ids[ids.size() - 1];
  if (last == INT64_MAX) return invalid_argument("segment_ids[", ids.size() - 1, "] = ", last, " is too large");
  return last + 1;
}

Status infer_segments(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge(c.shape(0), c.shape(1)));
  if (!c.shape(0).has_rank()) return {};
  Shape output = c.shape(0);
  output.set_dim(0, kUnknownDim);
  if (std::optional<IntList> ids = IntList::known(c, 1)) {
    TARN_ASSIGN_OR_RETURN(int64_t segments, count_segments(*ids));
    output.set_dim(0, segments);
  }
  return set_output_checked(c, 0, output);
}

template <class T>
struct SumOf {
  static T empty() { return T(0); }
  static T merge(T a, T b) { return wrap_add(a, b); }
  static T finish(T sum, int64_t) { return sum; }
};
template <class T>
struct MeanOf : SumOf<T> {
  static T finish(T sum, int64_t rows) {
    // The number of rows may be more than T holds.
    using Wide =
        std::conditional_t<std::is_floating_point_v<T>, T, std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>;
    return static_cast<T>(static_cast<Wide>(sum) / static_cast<Wide>(rows));
  }
};
template <class T>
struct ProductOf {
  static T empty() { return T(1); }
  static T merge(T a, T b) { return wrap_multiply(a, b); }
  static T finish(T product, int64_t) { return product; }
};
template <class T>
struct SmallestOf {
  static T empty() { return T(0); }
  static T merge(T a, T b) { return b < a ? b : a; }
  static T finish(T smallest, int64_t) { return smallest; }
};
template <class T>
struct LargestOf {
  static T empty() { return T(0); }
  static T merge(T a, T b) { return a < b ? b : a; }
  static T finish(T largest, int64_t) { return largest; }
};

template <class T, class F>
class SegmentKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& data = c.input(0);
    TARN_RETURN_IF_ERROR(judge(*data.shape, *c.input(1).shape));
    IntList ids = IntList::of(c.input(1));
    TARN_ASSIGN_OR_RETURN(int64_t segments, count_segments(ids));
    Shape output = *data.shape;
    output.set_dim(0, segments);
    TARN_RETURN_IF_ERROR(output.element_count().status());
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    int64_t inner = dim_product(*data.shape, 1, data.shape->rank());
    const T* in = data.as<T>();
    T* out = y.as<T>();
    std::fill_n(out, y.count, F::empty());
    // Threads share the columns, so every segment is merged in the order of the rows.
    c.threads().parallel_for(inner, std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, ids.size())),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t row = 0; row < ids.size();) {
                                 int64_t next = row;
                                 while (next < ids.size() && ids[next] == ids[row]) ++next;
                                 T* to = out + ids[row] * inner;
                                 std::copy(in + row * inner + begin, in + row * inner + end, to + begin);
                                 for (int64_t i = row + 1; i < next; ++i) {
                                   const T* from = in + i * inner;
                                   for (int64_t k = begin; k < end; ++k) to[k] = F::merge(to[k], from[k]);
                                 }
                                 for (int64_t k = begin; k < end; ++k) to[k] = F::finish(to[k], next - row);
                                 row = next;
                               }
                             });
    return {};
  }
};

template <class T>
using SegmentSumKernel = SegmentKernel<T, SumOf<T>>;
template <class T>
using SegmentMeanKernel = SegmentKernel<T, MeanOf<T>>;
template <class T>
using SegmentProdKernel = SegmentKernel<T, ProductOf<T>>;
template <class T>
using SegmentMinKernel = SegmentKernel<T, SmallestOf<T>>;
template <class T>
using SegmentMaxKernel = SegmentKernel<T, LargestOf<T>>;

template <template <class> class K>
constexpr auto& kKernels = kKernelsFor<K, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                                       uint16_t, uint32_t, uint64_t>;

Status sum_gradient(GradContext& c) {
  // ddata[row] = dy[segment of the row]
  c.set_grad(0, c.op("Gather", {c.grad(), c.input(1)}));
  return {};
}

Status mean_gradient(GradContext& c) {
  // ddata[row] = dy[segment of the row] / rows of the segment
  Wire rows = c.op("SegmentSum", {c.op("OnesLike", {c.input(0)}), c.input(1)});
  Wire each = c.op("RealDiv", {c.grad(), c.op("Maximum", {rows, c.scalar(1, rows)})});
  c.set_grad(0, c.op("Gather", {each, c.input(1)}));
  return {};
}

constexpr std::string_view kSumDoc = R"(Adds up the rows that carry the same id; 0 where there is none.
  data  T[N, ...]   segment_ids  Tindices[N], >= 0, never falling   returns  T[last id + 1, ...]; integers wrap
  Errors: InvalidArgument naming an id that falls.   Source: TensorFlow math_ops SegmentSum.)";
constexpr std::string_view kMeanDoc = R"(The mean of the rows that carry the same id; 0 where there is none.
  data  T[N, ...]   segment_ids  Tindices[N], >= 0, never falling   returns  T[last id + 1, ...]; integers are cut
  Errors: InvalidArgument naming an id that falls.   Source: TensorFlow math_ops SegmentMean.)";
constexpr std::string_view kProdDoc = R"(Multiplies the rows that carry the same id; 1 where there is none.
  data  T[N, ...]   segment_ids  Tindices[N], >= 0, never falling   returns  T[last id + 1, ...]; integers wrap
  Errors: InvalidArgument naming an id that falls.   Source: TensorFlow math_ops SegmentProd.)";
constexpr std::string_view kMinDoc = R"(The smallest of the rows that carry the same id; 0 where there is none.
  data  T[N, ...]   segment_ids  Tindices[N], >= 0, never falling   returns  T[last id + 1, ...]
  Errors: InvalidArgument naming an id that falls.   Source: TensorFlow math_ops SegmentMin.)";
constexpr std::string_view kMaxDoc = R"(The largest of the rows that carry the same id; 0 where there is none.
  data  T[N, ...]   segment_ids  Tindices[N], >= 0, never falling   returns  T[last id + 1, ...]
  Errors: InvalidArgument naming an id that falls.   Source: TensorFlow math_ops SegmentMax.)";
constexpr std::string_view kNoGradient = "needs a mask of the rows that count, which nobody asked for";

constexpr std::string_view kInputs = "data: T, segment_ids: Tindices";
constexpr std::string_view kNumberAttrs =
    "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, quint16, "
    "uint16, complex128, half, uint32, uint64}; Tindices: {int32, int64}";
constexpr std::string_view kRealAttrs =
    "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}; "
    "Tindices: {int32, int64}";

}  // namespace

extern const OpDef op_SegmentSum, op_SegmentMean, op_SegmentProd, op_SegmentMin, op_SegmentMax;
const OpDef op_SegmentSum = {
    .name = "SegmentSum",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = kNumberAttrs,
    .infer = infer_segments,
    .kernels = kKernels<SegmentSumKernel>,
};
const OpDef op_SegmentMean = {
    .name = "SegmentMean",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = kNumberAttrs,
    .infer = infer_segments,
    .kernels = kKernels<SegmentMeanKernel>,
};
const OpDef op_SegmentProd = {
    .name = "SegmentProd",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = kNumberAttrs,
    .infer = infer_segments,
    .kernels = kKernels<SegmentProdKernel>,
};
const OpDef op_SegmentMin = {
    .name = "SegmentMin",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = kRealAttrs,
    .infer = infer_segments,
    .kernels = kKernels<SegmentMinKernel>,
};
const OpDef op_SegmentMax = {
    .name = "SegmentMax",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = kRealAttrs,
    .infer = infer_segments,
    .kernels = kKernels<SegmentMaxKernel>,
};

TARN_OP_FILE(segment, {&op_SegmentSum, kSumDoc, sum_gradient}, {&op_SegmentMean, kMeanDoc, mean_gradient},
             {&op_SegmentProd, kProdDoc, nullptr, kNoGradient}, {&op_SegmentMin, kMinDoc, nullptr, kNoGradient},
             {&op_SegmentMax, kMaxDoc, nullptr, kNoGradient})

}  // namespace tarn
