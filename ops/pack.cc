// Pack and Unpack: tensors of one shape as one tensor with a dim more, and back.
#include "core/op.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// `element` with a dim of size n at `axis`, already in [0, rank].
Shape with_dim(const Shape& element, int axis, int64_t n) {
  Shape shape;
  for (int d = 0; d <= element.rank(); ++d) {
    if (d == axis) shape.add_dim(n);
    if (d < element.rank()) shape.add_dim(element.dim(d));
  }
  return shape;
}

Shape without_dim(const Shape& shape, int axis) {
  Shape element;
  for (int d = 0; d < shape.rank(); ++d) {
    if (d != axis) element.add_dim(shape.dim(d));
  }
  return element;
}

// Scalars become a vector: shapes are often put together so, the batch size not known.
void infer_packed_value(InferContext& c) {
  std::vector<int64_t> elements;
  for (int i = 0; i < c.input_count(); ++i) {
    std::optional<std::vector<int64_t>> element = known_elements(c, i);
    if (!element || !c.shape(i).is_scalar()) return;
    elements.push_back((*element)[0]);
  }
  set_known_elements(c, 0, Shape{c.input_count()}, std::move(elements));
}

Status infer_pack(InferContext& c) {
  Shape element = Shape::unknown();
  for (int i = 0; i < c.input_count(); ++i) {
    Result<Shape> merged = element.merge(c.shape(i));
    if (!merged.ok()) {
      return invalid_argument("all inputs must have the same shape: values[0] has ", c.shape(0).to_string(),
                              ", values[", i, "] ", c.shape(i).to_string());
    }
    element = *merged;
  }
  if (!element.has_rank()) return {};
  if (element.rank() >= kMaxRank) return invalid_argument("the values have ", element.rank(), " dims already");
  TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(c.attr<int64_t>("axis"), element.rank() + 1, "axis"));
  infer_packed_value(c);
  return set_output_checked(c, 0, with_dim(element, axis, c.input_count()));
}

Status infer_unpack(InferContext& c) {
  const Shape& shape = c.shape(0);
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(0, 1, "value"));
  if (c.attr<int64_t>("num") != c.output_count()) {
    return invalid_argument("attr 'num' = ", c.attr<int64_t>("num"), " is beyond ", c.output_count(), " outputs");
  }
  if (!shape.has_rank()) return {};
  TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(c.attr<int64_t>("axis"), shape.rank(), "axis"));
  int64_t num = c.attr<int64_t>("num");
  if (shape.dim(axis) != num && shape.dim(axis) != kUnknownDim) {
    return invalid_argument("attr 'num' is ", num, ", but dim ", axis, " of the value is ", shape.dim(axis));
  }
  for (int i = 0; i < c.output_count(); ++i) TARN_RETURN_IF_ERROR(c.set_output(i, without_dim(shape, axis)));
  return {};
}

class PackKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    axis_ = c.attr<int64_t>("axis");
    return {};
  }
  Status run(RunContext& c) const override {
    const Shape& element = *c.input(0).shape;
    for (int i = 1; i < c.input_count(); ++i) {
      if (*c.input(i).shape == element) continue;
      return invalid_argument("all inputs must have the same shape: values[0] has ", element.to_string(), ", values[",
                              i, "] ", c.input(i).shape->to_string());
    }
    TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(axis_, element.rank() + 1, "axis"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, with_dim(element, axis, c.input_count())));
    int64_t inner = dim_product(element, axis, element.rank()), outer = dim_product(element, 0, axis);
    for (int i = 0; i < c.input_count(); ++i) {
      StridedCopy copy;
      TARN_RETURN_IF_ERROR(copy.add_dim(outer, inner * c.input_count(), inner));
      TARN_RETURN_IF_ERROR(copy.add_dim(inner, 1, 1));
      copy.run(y.dtype, mutable_element_at(y, i * inner), c.input(i).data, c.threads());
    }
    return {};
  }

 private:
  int64_t axis_ = 0;
};

class UnpackKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    axis_ = c.attr<int64_t>("axis");
    num_ = c.attr<int64_t>("num");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    const Shape& shape = *x.shape;
    TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(axis_, shape.rank(), "axis"));
    if (shape.dim(axis) != num_) {
      return invalid_argument("attr 'num' is ", num_, ", but dim ", axis, " of the value is ", shape.dim(axis));
    }
    int64_t inner = dim_product(shape, axis + 1, shape.rank()), outer = dim_product(shape, 0, axis);
    for (int i = 0; i < num_; ++i) {
      TARN_ASSIGN_OR_RETURN(TensorView y, c.output(i, without_dim(shape, axis)));
      StridedCopy copy;
      TARN_RETURN_IF_ERROR(copy.add_dim(outer, inner, inner * num_));
      TARN_RETURN_IF_ERROR(copy.add_dim(inner, 1, 1));
      copy.run(y.dtype, y.data, element_at(x, i * inner), c.threads());
    }
    return {};
  }

 private:
  int64_t axis_ = 0, num_ = 0;
};

constexpr KernelDef kPackKernels[] = {portable_kernel<PackKernel>()};
constexpr KernelDef kUnpackKernels[] = {portable_kernel<UnpackKernel>()};

Status pack_gradient(GradContext& c) {
  AttrMap attrs{{"num", c.input_count()}, {"axis", c.attr<int64_t>("axis")}};
  Wire unpacked = c.op("Unpack", {c.grad()}, attrs);
  for (int i = 0; i < c.input_count(); ++i) c.set_grad(i, c.slot(unpacked, i));
  return {};
}

Status unpack_gradient(GradContext& c) {
  int64_t num = c.attr<int64_t>("num");
  if (num == 0) return {};
  std::vector<Wire> grads;
  for (int i = 0; i < num; ++i) grads.push_back(grad_or_zeros(c, i));
  c.set_grad(0, c.op("Pack", grads, {{"axis", c.attr<int64_t>("axis")}}));
  return {};
}

constexpr std::string_view kPackDoc = R"(Stacks N tensors of one shape into one with a dim more.
  values  N tensors T[...]   returns  T[..., N, ...], N at `axis`, which is in [-rank - 1, rank]
  Errors: InvalidArgument naming both shapes if two differ.   Source: TensorFlow array_ops Pack (tf.stack).)";
constexpr std::string_view kUnpackDoc = R"(Cuts a tensor along `axis` into `num` tensors with a dim less.
  value  T[..., num, ...]   returns  num tensors T[...]
  Errors: InvalidArgument if the dim is not `num`.   Source: TensorFlow array_ops Unpack (tf.unstack).)";

}  // namespace

extern const OpDef op_Pack, op_Unpack;
const OpDef op_Pack = {
    .name = "Pack",
    .inputs = "values: N * T",
    .outputs = "output: T",
    .attrs = "N: int >= 1; T: type; axis: int = 0",
    .infer = infer_pack,
    .kernels = kPackKernels,
};
const OpDef op_Unpack = {
    .name = "Unpack",
    .inputs = "value: T",
    .outputs = "output: num * T",
    .attrs = "num: int >= 0; T: type; axis: int = 0",
    .infer = infer_unpack,
    .kernels = kUnpackKernels,
};

TARN_OP_FILE(pack, {&op_Pack, kPackDoc, pack_gradient}, {&op_Unpack, kUnpackDoc, unpack_gradient})

}  // namespace tarn
