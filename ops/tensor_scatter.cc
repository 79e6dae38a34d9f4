// TensorScatterUpdate, TensorScatterAdd, TensorScatterSub, TensorScatterMax and TensorScatterMin.
#include <algorithm>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/slice_rows.h"

namespace tarn {
namespace {

Status infer_scatter(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(0, 1, "tensor"));
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(1, 1, "indices"));
  const Shape &tensor = c.shape(0), &indices = c.shape(1);
  if (tensor.has_rank() && indices.has_rank()) {
    TARN_RETURN_IF_ERROR(judge_depth(indices, tensor, "tensor"));
    if (indices.dim(-1) != kUnknownDim) {
      TARN_ASSIGN_OR_RETURN(Shape wanted, slices_shape(indices, tensor, "tensor"));
      TARN_RETURN_IF_ERROR(judge_updates(c.shape(2), wanted, indices, tensor));
    }
  }
  return c.set_output(0, tensor);
}

// The output, with the tensor's elements; the updates are judged.
Result<TensorView> begin_scatter(RunContext& c) {
  const TensorView& x = c.input(0);
  const Shape& indices = *c.input(1).shape;
  TARN_ASSIGN_OR_RETURN(Shape wanted, slices_shape(indices, *x.shape, "tensor"));
  TARN_RETURN_IF_ERROR(judge_updates(*c.input(2).shape, wanted, indices, *x.shape));
  TARN_RETURN_IF_ERROR(SliceRows(c.input(1), *x.shape).judge("tensor"));
  TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
  if (y.data != x.data) copy_elements(y.dtype, y.data, x.data, x.count);
  return y;
}

int64_t slice_elements(const Shape& tensor, const Shape& indices) {
  return dim_product(tensor, static_cast<int>(indices.dim(-1)), tensor.rank());
}

// Rows in their order: of two that name one slice the later stays.
class UpdateKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, begin_scatter(c));
    const TensorView& updates = c.input(2);
    if (updates.count == 0) return {};
    SliceRows rows(c.input(1), *y.shape);
    int64_t inner = slice_elements(*y.shape, *c.input(1).shape);
    for (int64_t row = 0; row < rows.count(); ++row) {
      copy_elements(y.dtype, mutable_element_at(y, rows[row] * inner), element_at(updates, row * inner), inner);
    }
    return {};
  }
};

// y[place] = Combine()(y[place], update).
template <class T, class Combine>
class CombineKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    c.may_reuse(0, 0);
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, begin_scatter(c));
    if (c.input(2).count == 0) return {};
    SliceRows rows(c.input(1), *y.shape);
    int64_t inner = slice_elements(*y.shape, *c.input(1).shape);
    const T* in = c.input(2).as<T>();
    T* out = y.as<T>();
    // Threads share the columns, so every sum is taken in the order of the rows.
    c.threads().parallel_for(inner, std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, rows.count())),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t row = 0; row < rows.count(); ++row) {
                                 const T* from = in + row * inner;
                                 T* to = out + rows[row] * inner;
                                 for (int64_t k = begin; k < end; ++k) to[k] = Combine()(to[k], from[k]);
                               }
                             });
    return {};
  }
};

struct Plus {
  template <class T>
  T operator()(T a, T b) const {
    return wrap_add(a, b);
  }
};
struct Minus {
  template <class T>
  T operator()(T a, T b) const {
    return wrap_subtract(a, b);
  }
};
struct Larger {
  template <class T>
  T operator()(T a, T b) const {
    return std::max(a, b);
  }
};
struct Smaller {
  template <class T>
  T operator()(T a, T b) const {
    return std::min(a, b);
  }
};

template <class T>
using AddKernel = CombineKernel<T, Plus>;
template <class T>
using SubKernel = CombineKernel<T, Minus>;
template <class T>
using MaxKernel = CombineKernel<T, Larger>;
template <class T>
using MinKernel = CombineKernel<T, Smaller>;

constexpr KernelDef kUpdateKernels[] = {portable_kernel<UpdateKernel>()};
template <template <class> class K>
constexpr auto& kNumberKernels = kKernelsFor<K, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t,
                                             int16_t, uint16_t, uint32_t, uint64_t>;

// The slices of the gradient that the updates went to.
Wire gathered(GradContext& c, Wire from) {
  return c.op("GatherNd", {from, c.input(1)});
}

Status update_gradient(GradContext& c) {
  c.set_grad(0, c.op("TensorScatterUpdate", {c.grad(), c.input(1), c.op("ZerosLike", {c.input(2)})}));
  c.set_grad(2, gathered(c, c.grad()));
  return {};
}
Status add_gradient(GradContext& c) {
  c.set_grad(0, c.grad());
  c.set_grad(2, gathered(c, c.grad()));
  return {};
}
Status sub_gradient(GradContext& c) {
  c.set_grad(0, c.grad());
  c.set_grad(2, c.op("Neg", {gathered(c, c.grad())}));
  return {};
}
// An element's gradient is shared by all that equal the result, as in TensorFlow.
Status extreme_gradient(GradContext& c) {
  DType dtype = c.fact(c.grad()).dtype;
  auto as_number = [&](Wire is_equal) { return c.op("Cast", {is_equal}, {{"DstT", dtype}}); };
  Wire mine = as_number(c.op("Equal", {c.input(0), c.output(0)}));
  Wire theirs = as_number(c.op("Equal", {c.input(2), gathered(c, c.output(0))}));
  Wire sharing = c.op("TensorScatterAdd", {mine, c.input(1), theirs});
  Wire share = c.op("RealDiv", {c.grad(), sharing});
  c.set_grad(0, c.op("Mul", {share, mine}));
  c.set_grad(2, c.op("Mul", {gathered(c, share), theirs}));
  return {};
}

constexpr std::string_view kUpdateDoc = R"(A tensor with some slices replaced.
  tensor  T[...]   indices  Tindices[..., depth]   updates  T[indices.shape[:-1] + tensor.shape[depth:]]
  returns  T[...]; where two updates name one slice, the later
  Errors: InvalidArgument naming the row of indices, its numbers and the shape.
  Source: TensorFlow array_ops TensorScatterUpdate.)";
constexpr std::string_view kAddDoc = R"(A tensor with updates added to some slices.
  tensor  T[...]   indices  Tindices[..., depth]   updates  T[indices.shape[:-1] + tensor.shape[depth:]]
  returns  T[...]; updates of one slice are added up, integers wrap.   Source: TensorFlow array_ops TensorScatterAdd.)";
constexpr std::string_view kSubDoc = R"(A tensor with updates subtracted from some slices.
  As TensorScatterAdd.   Source: TensorFlow array_ops TensorScatterSub.)";
constexpr std::string_view kMaxDoc = R"(A tensor, where updates name a slice the larger of it and the updates.
  As TensorScatterAdd.   Source: TensorFlow array_ops TensorScatterMax.)";
constexpr std::string_view kMinDoc = R"(A tensor, where updates name a slice the smaller of it and the updates.
  As TensorScatterAdd.   Source: TensorFlow array_ops TensorScatterMin.)";

constexpr std::string_view kInputs = "tensor: T, indices: Tindices, updates: T";
constexpr std::string_view kAttrs = "T: type; Tindices: {int32, int64}";

}  // namespace

extern const OpDef op_TensorScatterUpdate, op_TensorScatterAdd, op_TensorScatterSub, op_TensorScatterMax,
    op_TensorScatterMin;
const OpDef op_TensorScatterUpdate = {
    .name = "TensorScatterUpdate",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = "T: type; Tindices: {int16, int32, int64, uint16}",
    .infer = infer_scatter,
    .kernels = kUpdateKernels,
};
const OpDef op_TensorScatterAdd = {
    .name = "TensorScatterAdd",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = kAttrs,
    .infer = infer_scatter,
    .kernels = kNumberKernels<AddKernel>,
};
const OpDef op_TensorScatterSub = {
    .name = "TensorScatterSub",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = kAttrs,
    .infer = infer_scatter,
    .kernels = kNumberKernels<SubKernel>,
};
const OpDef op_TensorScatterMax = {
    .name = "TensorScatterMax",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = kAttrs,
    .infer = infer_scatter,
    .kernels = kNumberKernels<MaxKernel>,
};
const OpDef op_TensorScatterMin = {
    .name = "TensorScatterMin",
    .inputs = kInputs,
    .outputs = "output: T",
    .attrs = kAttrs,
    .infer = infer_scatter,
    .kernels = kNumberKernels<MinKernel>,
};

TARN_OP_FILE(tensor_scatter, {&op_TensorScatterUpdate, kUpdateDoc, update_gradient},
             {&op_TensorScatterAdd, kAddDoc, add_gradient}, {&op_TensorScatterSub, kSubDoc, sub_gradient},
             {&op_TensorScatterMax, kMaxDoc, extreme_gradient}, {&op_TensorScatterMin, kMinDoc, extreme_gradient})

}  // namespace tarn
