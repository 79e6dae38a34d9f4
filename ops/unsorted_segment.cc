// UnsortedSegmentSum (the gradient of Gather), UnsortedSegmentProd, UnsortedSegmentMax and UnsortedSegmentMin.
#include <limits>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

bool begins_with(const Shape& data, const Shape& ids) {
  bool fits = ids.rank() <= data.rank();
  for (int d = 0; d < ids.rank() && fits; ++d) {
    fits = ids.dim(d) == data.dim(d) || ids.dim(d) == kUnknownDim || data.dim(d) == kUnknownDim;
  }
  return fits;
}

// num_segments, then the dims of data that segment_ids do not number.
Result<Shape> segmented(const Shape& data, const Shape& ids, int64_t segments) {
  if (!begins_with(data, ids)) {
    return invalid_argument("the shape of data ", data.to_string(), " must begin with that of segment_ids ",
                            ids.to_string());
  }
  if (segments < 0 && segments != kUnknownDim) return invalid_argument("num_segments must be >= 0, not ", segments);
  Shape output{segments};
  for (int d = ids.rank(); d < data.rank(); ++d) output.add_dim(data.dim(d));
  return output;
}

Status infer_segments(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(2, 0, "num_segments"));
  int64_t segments = kUnknownDim;
  if (std::optional<IntList> known = IntList::known(c, 2)) {
    segments = (*known)[0];
    if (segments < 0) return invalid_argument("num_segments must be >= 0, not ", segments);
  }
  if (!c.shape(0).has_rank() || !c.shape(1).has_rank()) return {};
  TARN_ASSIGN_OR_RETURN(Shape output, segmented(c.shape(0), c.shape(1), segments));
  return set_output_checked(c, 0, output);
}

template <class T>
struct SumInto {
  static T start() { return T(0); }
  T operator()(T a, T b) const { return wrap_add(a, b); }
};
template <class T>
struct ProductInto {
  static T start() { return T(1); }
  T operator()(T a, T b) const { return wrap_multiply(a, b); }
};
// What no row goes to is the smallest number of T for Max, the largest for Min, as in TensorFlow: not an infinity.
template <class T>
struct LargestInto {
  static T start() { return std::numeric_limits<T>::lowest(); }
  T operator()(T a, T b) const { return a < b ? b : a; }
};
template <class T>
struct SmallestInto {
  static T start() { return std::numeric_limits<T>::max(); }
  T operator()(T a, T b) const { return b < a ? b : a; }
};

// Of half and bfloat16: their own extremes, and rounded after each step.
template <class T, template <class> class F>
struct NarrowInto : ThroughFloat<T, F<float>> {
  static T start() {
    float start = F<float>::start();
    if (start == std::numeric_limits<float>::lowest()) return T{extreme(true)};
    if (start == std::numeric_limits<float>::max()) return T{extreme(false)};
    return narrowed<T>(start);
  }

 private:
  static uint16_t extreme(bool negative) {
    uint16_t largest = std::is_same_v<T, Half> ? 0x7BFF : 0x7F7F;
    return static_cast<uint16_t>(negative ? largest | 0x8000 : largest);
  }
};
template <class T, template <class> class F>
struct PlainInto : F<Computed<T>> {};
template <template <class> class F, class T>
using Into = std::conditional_t<kIsNarrow<T>, NarrowInto<T, F>, PlainInto<T, F>>;

template <class T, class F>
class SegmentKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& data = c.input(0);
    const Shape &shape = *data.shape, &id_shape = *c.input(1).shape;
    if (c.input(2).count != 1) {
      return invalid_argument("input 'num_segments' must be a scalar, has shape ", c.input(2).shape->to_string());
    }
    int64_t segments = IntList::of(c.input(2))[0];
    if (segments < 0) return invalid_argument("num_segments must be >= 0, not ", segments);
    TARN_ASSIGN_OR_RETURN(Shape output, segmented(shape, id_shape, segments));
    TARN_RETURN_IF_ERROR(output.element_count().status());
    IntList ids = IntList::of(c.input(1));
    for (int64_t i = 0; i < ids.size(); ++i) {
      if (ids[i] >= segments) return invalid_argument("segment_ids[", i, "] = ", ids[i], " is not below ", segments);
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    T* out = y.as<T>();
    std::fill_n(out, y.count, F::start());
    int64_t inner = dim_product(shape, id_shape.rank(), shape.rank());
    const T* in = data.as<T>();
    // Threads share the columns, so every segment is combined in the order of the rows.
    c.threads().parallel_for(inner, std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, ids.size())),
                             [&](int64_t begin, int64_t end, int) {
                               F f;
                               for (int64_t row = 0; row < ids.size(); ++row) {
                                 if (ids[row] < 0) continue;  // dropped, as in TensorFlow
                                 const T* from = in + row * inner;
                                 T* to = out + ids[row] * inner;
                                 for (int64_t k = begin; k < end; ++k) to[k] = f(to[k], from[k]);
                               }
                             });
    return {};
  }
};

template <template <class> class F, class... Ts>
constexpr KernelDef kKernels[] = {portable_kernel<SegmentKernel<Ts, Into<F, Ts>>>(dtype_of<Ts>())...};

Status sum_gradient(GradContext& c) {
  // Rows with a negative id were dropped: they would need a mask.
  std::optional<std::vector<int64_t>> ids = constant_ints(c, c.input(1));
  if (!ids) return unimplemented("the gradient of UnsortedSegmentSum with segment_ids that are not constant");
  for (int64_t id : *ids) {
    if (id < 0) return unimplemented("the gradient of UnsortedSegmentSum with negative segment_ids");
  }
  c.set_grad(0, c.op("Gather", {c.grad(), c.input(1)}));
  return {};
}

constexpr std::string_view kSumDoc = R"(Adds up the rows that carry the same id.
  data  T[ids.shape, ...]   segment_ids  Tindices[...], below num_segments; rows with a negative id are left out
  num_segments  Tnumsegments, a scalar   returns  T[num_segments, ...]; integers wrap
  Source: TensorFlow math_ops UnsortedSegmentSum.)";
constexpr std::string_view kProdDoc = R"(Multiplies the rows that carry the same id; 1 where there is none.
  data  T[ids.shape, ...]   segment_ids  Tindices[...], below num_segments; rows with a negative id are left out
  num_segments  Tnumsegments, a scalar   returns  T[num_segments, ...]; integers wrap
  Source: TensorFlow math_ops UnsortedSegmentProd.)";
constexpr std::string_view kMaxDoc = R"(The largest of the rows that carry the same id; T's lowest where there is none.
  data  T[ids.shape, ...]   segment_ids  Tindices[...], below num_segments; rows with a negative id are left out
  num_segments  Tnumsegments, a scalar   returns  T[num_segments, ...]
  Source: TensorFlow math_ops UnsortedSegmentMax.)";
constexpr std::string_view kMinDoc =
    R"(The smallest of the rows that carry the same id; T's highest where there is none.
  data  T[ids.shape, ...]   segment_ids  Tindices[...], below num_segments; rows with a negative id are left out
  num_segments  Tnumsegments, a scalar   returns  T[num_segments, ...]
  Source: TensorFlow math_ops UnsortedSegmentMin.)";
constexpr std::string_view kNoGradient = "needs a mask of the rows taken and of empty segments, which nobody asked for";

constexpr std::string_view kInputs = "data: T, segment_ids: Tindices, num_segments: Tnumsegments";
constexpr std::string_view kNumberAttrs =
    "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, uint16, "
    "complex128, half, uint32, uint64}; Tindices: {int16, int32, int64}; Tnumsegments: {int32, int64} = int32";
constexpr std::string_view kRealAttrs =
    "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}; "
    "Tindices: {int32, int64}; Tnumsegments: {int32, int64} = int32";

}  // namespace

extern const OpDef op_UnsortedSegmentSum, op_UnsortedSegmentProd, op_UnsortedSegmentMax, op_UnsortedSegmentMin;
const OpDef op_UnsortedSegmentSum = {
    .name = "UnsortedSegmentSum",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = kNumberAttrs,
    .infer = infer_segments,
    .kernels = kKernels<SumInto, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t, uint16_t,
                        uint32_t, uint64_t>,
};
const OpDef op_UnsortedSegmentProd = {
    .name = "UnsortedSegmentProd",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = kNumberAttrs,
    .infer = infer_segments,
    .kernels = kKernels<ProductInto, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                        uint16_t, uint32_t, uint64_t>,
};
const OpDef op_UnsortedSegmentMax = {
    .name = "UnsortedSegmentMax",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = kRealAttrs,
    .infer = infer_segments,
    .kernels = kKernels<LargestInto, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                        uint16_t, uint32_t, uint64_t>,
};
const OpDef op_UnsortedSegmentMin = {
    .name = "UnsortedSegmentMin",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = kRealAttrs,
    .infer = infer_segments,
    .kernels = kKernels<SmallestInto, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t, int16_t,
                        uint16_t, uint32_t, uint64_t>,
};

TARN_OP_FILE(unsorted_segment, {&op_UnsortedSegmentSum, kSumDoc, sum_gradient},
             {&op_UnsortedSegmentProd, kProdDoc, nullptr, kNoGradient},
             {&op_UnsortedSegmentMax, kMaxDoc, nullptr, kNoGradient},
             {&op_UnsortedSegmentMin, kMinDoc, nullptr, kNoGradient})

}  // namespace tarn
