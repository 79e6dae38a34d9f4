// TensorArrays, in TensorFlow's three versions: V3 has a resource handle, V2 a string, the first a reference to one.
// Their ops are ordered by `flow`, a float that says nothing else. What is done with elements is in
// tensor_array_elements.cc.
#include "ops/support/tensor_array.h"

#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Status infer_array(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 0, "size"));
  // How many elements it has, for TensorArraySize, where that stays so.
  std::optional<IntList> size = IntList::known(c, 0);
  if (size && size->size() == 1 && (*size)[0] >= 0 && !c.attr<bool>("dynamic_size"))
    c.output(0).elements = {(*size)[0]};
  if (c.output_count() == 2) TARN_RETURN_IF_ERROR(c.set_output(1, Shape()));
  return c.set_output(0, c.output(0).dtype == DType::kString ? Shape{2} : Shape());
}

Status infer_gradient(InferContext& c) {
  c.output(0).elements = c.input(0).elements;  // it has as many
  if (c.output_count() == 2) TARN_RETURN_IF_ERROR(c.set_output(1, Shape()));
  return c.set_output(0, c.output(0).dtype == DType::kString ? Shape{2} : Shape());
}

Status infer_size(InferContext& c) {
  if (c.input(0).elements.size() == 1)
    c.set_value(0, Tensor::scalar<int32_t>(static_cast<int32_t>(c.input(0).elements[0])));
  return infer_scalar(c);
}

Status set_handle(RunContext& c, std::string_view container, std::shared_ptr<TensorArray> array, DType dtype) {
  if (dtype == DType::kString) {
    TARN_ASSIGN_OR_RETURN(TensorView handle, c.output(0, Shape{2}));
    handle.as<std::string>()[0] = container;
    handle.as<std::string>()[1] = array->options().name;
  }
  c.set_resource(0, std::move(array));
  return {};
}

class ArrayKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    options_.name = c.attrs().get_or<std::string>("tensor_array_name", "");
    if (options_.name.empty()) options_.name = c.node_name();
    options_.dtype = c.attr<DType>("dtype");
    options_.element_shape = c.attr<Shape>("element_shape");
    options_.is_dynamic = c.attr<bool>("dynamic_size");
    options_.clear_after_read = c.attr<bool>("clear_after_read");
    options_.identical_shapes = c.attrs().get_or<bool>("identical_element_shapes", false);
    handle_ = c.output(0).dtype;
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(int64_t size, single_int(IntList::of(c.input(0)), "size"));
    std::shared_ptr<Resource> before = c.take_resource(0);
    auto array = before != nullptr ? std::static_pointer_cast<TensorArray>(before) : std::make_shared<TensorArray>();
    before.reset();
    TARN_RETURN_IF_ERROR(array->begin(options_, size));
    if (c.output_count() == 2) TARN_RETURN_IF_ERROR(pass_flow(c, -1, 1));
    return set_handle(c, "_tensor_arrays", std::move(array), handle_);
  }

 private:
  TensorArray::Options options_;
  DType handle_ = DType::kResource;
};

class GradientKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    source_ = c.attr<std::string>("source");
    handle_ = c.output(0).dtype;
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorArray * array, TensorArray::of(c, 0));
    TARN_ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> gradient, array->gradient(source_));
    if (c.output_count() == 2) TARN_RETURN_IF_ERROR(pass_flow(c, 1, 1));
    return set_handle(c, "_tensor_array_grads", std::move(gradient), handle_);
  }

 private:
  std::string source_;
  DType handle_ = DType::kResource;
};

class SizeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorArray * array, TensorArray::of(c, 0));
    TARN_ASSIGN_OR_RETURN(int64_t size, array->size());
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape()));
    *y.as<int32_t>() = static_cast<int32_t>(size);
    return {};
  }
};

class CloseKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorArray * array, TensorArray::of(c, 0));
    array->close();
    return {};
  }
};

class GradientWithShapeKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    source_ = c.attr<std::string>("source");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorArray * array, TensorArray::of(c, 0));
    if (c.input(2).shape->rank() != 1)
      return invalid_argument("shape_to_prepend must be a vector, has shape ", c.input(2).shape->to_string());
    TARN_ASSIGN_OR_RETURN(Shape prefix, shape_from(IntList::of(c.input(2)), "shape_to_prepend"));
    TARN_ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> gradient, array->gradient(source_, prefix));
    TARN_RETURN_IF_ERROR(pass_flow(c, 1, 1));
    return set_handle(c, "_tensor_array_grads", std::move(gradient), DType::kResource);
  }

 private:
  std::string source_;
};

constexpr KernelDef kArrayKernels[] = {portable_kernel<ArrayKernel>()};
constexpr KernelDef kGradientKernels[] = {portable_kernel<GradientKernel>()};
constexpr KernelDef kGradientWithShapeKernels[] = {portable_kernel<GradientWithShapeKernel>()};
constexpr KernelDef kSizeKernels[] = {portable_kernel<SizeKernel>()};
constexpr KernelDef kCloseKernels[] = {portable_kernel<CloseKernel>()};

constexpr std::string_view kArrayDoc = R"(An array of `size` tensors, each written once, for as long as the run.
  size  int32, a scalar   returns  handle   flow  f32: orders the ops on the array
  With dynamic_size it grows as it is written; with clear_after_read an element is read once. Elements that were never
  written are read as zeros where element_shape is fully known. With identical_element_shapes all have one shape.
  Errors: ResourceExhausted above 4,194,304 elements.   Source: TensorFlow data_flow_ops TensorArray.)";
constexpr std::string_view kGradientDoc =
    R"(The array of the gradients of a TensorArray's elements, one for each `source`.
  handle  of a TensorArray   flow_in  f32   returns  grad_handle   flow_out  f32
  Its elements have the shapes of the array's, and are zeros to which every write adds. The array no longer grows.
  Source: TensorFlow data_flow_ops TensorArrayGrad.)";
constexpr std::string_view kGradientWithShapeDoc =
    R"(The array of gradients of a TensorArray's elements whose shapes have more dims in front than those have.
  handle  of a TensorArray   flow_in  f32   shape_to_prepend  int32[n]   returns  grad_handle   flow_out  f32
  Source: TensorFlow data_flow_ops TensorArrayGradWithShape.)";
constexpr std::string_view kSizeDoc = R"(How many elements a TensorArray has.
  handle   flow_in  f32   returns  size  int32, a scalar.   Source: TensorFlow data_flow_ops TensorArraySize.)";
constexpr std::string_view kCloseDoc = R"(Lets go of the elements of a TensorArray, which can't be used any more.
  handle.   Source: TensorFlow data_flow_ops TensorArrayClose.)";
constexpr std::string_view kReason = "loops are differentiated as a whole, which is not built yet";

constexpr uint32_t kMakes = kStateful | kMakesContainer;
constexpr uint32_t kTakes = kStateful | kTakesContainer;

}  // namespace

extern const OpDef op_TensorArray, op_TensorArrayGrad, op_TensorArraySize, op_TensorArrayClose, op_TensorArrayV2,
    op_TensorArrayV3, op_TensorArrayGradV2, op_TensorArrayGradV3, op_TensorArrayGradWithShape, op_TensorArraySizeV2,
    op_TensorArraySizeV3, op_TensorArrayCloseV2, op_TensorArrayCloseV3;
const OpDef op_TensorArray = {
    .name = "TensorArray",
    .inputs = "size: int32",
    .outputs = "handle: Ref(string)",
    .attrs =
        "dtype: type; element_shape: shape = ?; dynamic_size: bool = false; clear_after_read: bool = true; "
        "tensor_array_name: string = ''",
    .traits = kMakes,
    .infer = infer_array,
    .kernels = kArrayKernels,
};
const OpDef op_TensorArrayV2 = {
    .name = "TensorArrayV2",
    .inputs = "size: int32",
    .outputs = "handle: string",
    .attrs =
        "dtype: type; element_shape: shape = ?; dynamic_size: bool = false; clear_after_read: bool = true; "
        "tensor_array_name: string = ''",
    .traits = kMakes,
    .infer = infer_array,
    .kernels = kArrayKernels,
};
const OpDef op_TensorArrayV3 = {
    .name = "TensorArrayV3",
    .inputs = "size: int32",
    .outputs = "handle: resource, flow: float",
    .attrs =
        "dtype: type; element_shape: shape = ?; dynamic_size: bool = false; clear_after_read: bool = true; "
        "identical_element_shapes: bool = false; tensor_array_name: string = ''",
    .traits = kMakes,
    .infer = infer_array,
    .kernels = kArrayKernels,
};
const OpDef op_TensorArrayGrad = {
    .name = "TensorArrayGrad",
    .inputs = "handle: string, flow_in: float",
    .outputs = "grad_handle: Ref(string)",
    .attrs = "source: string",
    .traits = kMakes | kTakes,
    .infer = infer_gradient,
    .kernels = kGradientKernels,
};
const OpDef op_TensorArrayGradV2 = {
    .name = "TensorArrayGradV2",
    .inputs = "handle: string, flow_in: float",
    .outputs = "grad_handle: string",
    .attrs = "source: string",
    .traits = kMakes | kTakes,
    .infer = infer_gradient,
    .kernels = kGradientKernels,
};
const OpDef op_TensorArrayGradV3 = {
    .name = "TensorArrayGradV3",
    .inputs = "handle: resource, flow_in: float",
    .outputs = "grad_handle: resource, flow_out: float",
    .attrs = "source: string",
    .traits = kMakes | kTakes,
    .infer = infer_gradient,
    .kernels = kGradientKernels,
};
// Its elements have other shapes than the array's: nothing is known of them while a program is compiled.
const OpDef op_TensorArrayGradWithShape = {
    .name = "TensorArrayGradWithShape",
    .inputs = "handle: resource, flow_in: float, shape_to_prepend: int32",
    .outputs = "grad_handle: resource, flow_out: float",
    .attrs = "source: string",
    .traits = kStateful,
    .infer = infer_scalar,
    .kernels = kGradientWithShapeKernels,
};
const OpDef op_TensorArraySize = {
    .name = "TensorArraySize",
    .inputs = "handle: Ref(string), flow_in: float",
    .outputs = "size: int32",
    .traits = kTakes,
    .infer = infer_size,
    .kernels = kSizeKernels,
};
const OpDef op_TensorArraySizeV2 = {
    .name = "TensorArraySizeV2",
    .inputs = "handle: string, flow_in: float",
    .outputs = "size: int32",
    .traits = kTakes,
    .infer = infer_size,
    .kernels = kSizeKernels,
};
const OpDef op_TensorArraySizeV3 = {
    .name = "TensorArraySizeV3",
    .inputs = "handle: resource, flow_in: float",
    .outputs = "size: int32",
    .traits = kTakes,
    .infer = infer_size,
    .kernels = kSizeKernels,
};
const OpDef op_TensorArrayClose = {
    .name = "TensorArrayClose",
    .inputs = "handle: Ref(string)",
    .traits = kTakes,
    .infer = infer_no_outputs,
    .kernels = kCloseKernels,
};
const OpDef op_TensorArrayCloseV2 = {
    .name = "TensorArrayCloseV2",
    .inputs = "handle: string",
    .traits = kTakes,
    .infer = infer_no_outputs,
    .kernels = kCloseKernels,
};
const OpDef op_TensorArrayCloseV3 = {
    .name = "TensorArrayCloseV3",
    .inputs = "handle: resource",
    .traits = kTakes,
    .infer = infer_no_outputs,
    .kernels = kCloseKernels,
};

TARN_OP_FILE(tensor_array, {&op_TensorArray, kArrayDoc, nullptr, kReason},
             {&op_TensorArrayV2, kArrayDoc, nullptr, kReason}, {&op_TensorArrayV3, kArrayDoc, nullptr, kReason},
             {&op_TensorArrayGrad, kGradientDoc, nullptr, kReason},
             {&op_TensorArrayGradV2, kGradientDoc, nullptr, kReason},
             {&op_TensorArrayGradV3, kGradientDoc, nullptr, kReason},
             {&op_TensorArrayGradWithShape, kGradientWithShapeDoc, nullptr, kReason},
             {&op_TensorArraySize, kSizeDoc, nullptr, kReason}, {&op_TensorArraySizeV2, kSizeDoc, nullptr, kReason},
             {&op_TensorArraySizeV3, kSizeDoc, nullptr, kReason}, {&op_TensorArrayClose, kCloseDoc, nullptr, kReason},
             {&op_TensorArrayCloseV2, kCloseDoc, nullptr, kReason},
             {&op_TensorArrayCloseV3, kCloseDoc, nullptr, kReason})

}  // namespace tarn
