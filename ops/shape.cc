// Shape, ShapeN, VariableShape, Size, Rank: facts about a tensor as tensors.
#include <algorithm>

#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// Also the value, where it is known: this is how shapes are followed through a graph without running it.
Status infer_shape(InferContext& c) {
  for (int i = 0; i < c.output_count(); ++i) {
    const Shape& shape = c.variable(i).shape;
    TARN_RETURN_IF_ERROR(c.set_output(i, Shape{shape.has_rank() ? shape.rank() : kUnknownDim}));
    if (!shape.has_rank()) continue;
    std::vector<int64_t> dims(shape.dims().begin(), shape.dims().end());
    std::replace(dims.begin(), dims.end(), kUnknownDim, kUnknownElement);
    set_known_elements(c, i, Shape{shape.rank()}, std::move(dims));
  }
  return {};
}

Status infer_size(InferContext& c) {
  if (c.shape(0).is_fully_known()) {
    TARN_ASSIGN_OR_RETURN(int64_t count, c.shape(0).element_count());
    std::optional<Tensor> value = int_tensor(c.output(0).dtype, Shape(), {&count, 1});
    if (value) c.set_value(0, *value);
  }
  return infer_scalar(c);
}

Status infer_rank(InferContext& c) {
  if (c.shape(0).has_rank()) c.set_value(0, Tensor::scalar<int32_t>(c.shape(0).rank()));
  return infer_scalar(c);
}

class ShapeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    for (int i = 0; i < c.input_count(); ++i) {
      const Shape& shape = *c.input(i).shape;
      TARN_ASSIGN_OR_RETURN(TensorView y, c.output(i, Shape{shape.rank()}));
      for (int d = 0; d < shape.rank(); ++d) {
        if (!store_int(y, d, shape.dim(d))) return invalid_argument("dim ", d, " = ", shape.dim(d), " exceeds int32");
      }
    }
    return {};
  }
};

class SizeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape()));
    if (!store_int(y, 0, c.input(0).count)) return invalid_argument(c.input(0).count, " elements exceed int32");
    return {};
  }
};

class RankKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape()));
    *y.as<int32_t>() = c.input(0).shape->rank();
    return {};
  }
};

constexpr KernelDef kShapeKernels[] = {portable_kernel<ShapeKernel>()};
constexpr KernelDef kSizeKernels[] = {portable_kernel<SizeKernel>()};
constexpr KernelDef kRankKernels[] = {portable_kernel<RankKernel>()};

constexpr std::string_view kShapeDoc = R"(The shape of a tensor, as a tensor.
  input  T[...]   returns  out_type[rank]
  Errors: InvalidArgument if a dim does not fit out_type.   Source: TensorFlow array_ops Shape.)";
constexpr std::string_view kShapeNDoc = R"(The shapes of several tensors.
  input  N tensors T[...]   returns  N tensors out_type[rank].   Source: TensorFlow array_ops ShapeN.)";
constexpr std::string_view kVariableShapeDoc = R"(The shape of a variable, as a tensor.
  input  a handle on a variable   returns  out_type[rank]
  Errors: FailedPrecondition if the variable has no value and its shape was not declared.
  Source: TensorFlow resource_variable_ops VariableShape.)";
constexpr std::string_view kSizeDoc = R"(The number of elements of a tensor.
  input  T[...]   returns  out_type, a scalar.   Source: TensorFlow array_ops Size.)";
constexpr std::string_view kRankDoc = R"(The number of dims of a tensor.
  input  T[...]   returns  int32, a scalar.   Source: TensorFlow array_ops Rank.)";
constexpr std::string_view kNoGradient = "a shape is made of integers";

}  // namespace

extern const OpDef op_Shape, op_ShapeN, op_VariableShape, op_Size, op_Rank;
const OpDef op_Shape = {
    .name = "Shape",
    .inputs = "input: T",
    .outputs = "output: out_type",
    .attrs = "T: type; out_type: {int32, int64} = int32",
    .infer = infer_shape,
    .kernels = kShapeKernels,
};
const OpDef op_ShapeN = {
    .name = "ShapeN",
    .inputs = "input: N * T",
    .outputs = "output: N * out_type",
    .attrs = "N: int >= 1; T: type; out_type: {int32, int64} = int32",
    .infer = infer_shape,
    .kernels = kShapeKernels,
};
const OpDef op_VariableShape = {
    .name = "VariableShape",
    .inputs = "input: resource",
    .outputs = "output: out_type",
    .attrs = "out_type: {int32, int64} = int32",
    .traits = kTakesVariable,
    .infer = infer_shape,
    .kernels = kShapeKernels,
};
const OpDef op_Size = {
    .name = "Size",
    .inputs = "input: T",
    .outputs = "output: out_type",
    .attrs = "T: type; out_type: {int32, int64} = int32",
    .infer = infer_size,
    .kernels = kSizeKernels,
};
const OpDef op_Rank = {
    .name = "Rank",
    .inputs = "input: T",
    .outputs = "output: int32",
    .attrs = "T: type",
    .infer = infer_rank,
    .kernels = kRankKernels,
};

TARN_OP_FILE(shape, {&op_Shape, kShapeDoc, nullptr, kNoGradient}, {&op_ShapeN, kShapeNDoc, nullptr, kNoGradient},
             {&op_VariableShape, kVariableShapeDoc, nullptr, kNoGradient}, {&op_Size, kSizeDoc, nullptr, kNoGradient},
             {&op_Rank, kRankDoc, nullptr, kNoGradient})

}  // namespace tarn
