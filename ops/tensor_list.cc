// Tensor lists: a list of tensors as one value of type variant. Unlike a TensorArray it is a value: whoever changes one
// gets another, and the one before stays as it was (elements are shared, not copied).
#include "ops/support/tensor_list.h"

#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// --- making lists ---------------------------------------------------------------------------------------------------
class EmptyKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    dtype_ = c.attr<DType>("element_dtype");
    return {};
  }
  Status run(RunContext& c) const override {
    auto list = std::make_shared<TensorList>();
    list->dtype = dtype_;
    TARN_ASSIGN_OR_RETURN(list->element_shape, element_shape_of(c, 0));
    TARN_ASSIGN_OR_RETURN(list->max_elements, single(c, 1, "max_num_elements"));
    c.set_resource(0, std::move(list));
    return {};
  }

 private:
  DType dtype_ = DType::kInvalid;
};

class ReserveKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    dtype_ = c.attr<DType>("element_dtype");
    return {};
  }
  Status run(RunContext& c) const override {
    auto list = std::make_shared<TensorList>();
    list->dtype = dtype_;
    TARN_ASSIGN_OR_RETURN(list->element_shape, element_shape_of(c, 0));
    TARN_ASSIGN_OR_RETURN(int64_t size, single(c, 1, "num_elements"));
    TARN_RETURN_IF_ERROR(judge_size(size));
    list->elements.resize(static_cast<size_t>(size));
    c.set_resource(0, std::move(list));
    return {};
  }

 private:
  DType dtype_ = DType::kInvalid;
};

class FromTensorKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& tensor = c.input(0);
    if (tensor.shape->rank() < 1) return invalid_argument("the tensor must be at least a vector, is a scalar");
    auto list = std::make_shared<TensorList>();
    list->dtype = tensor.dtype;
    Shape element(tensor.shape->dims().subspan(1));
    TARN_ASSIGN_OR_RETURN(Shape declared, element_shape_of(c, 1));
    if (!declared.is_compatible_with(element)) {
      return invalid_argument("the tensor has elements of ", element.to_string(), ", element_shape says ",
                              declared.to_string());
    }
    list->element_shape = declared;
    TARN_RETURN_IF_ERROR(judge_size(tensor.shape->dim(0)));
    int64_t step = element.elements();
    for (int64_t i = 0; i < tensor.shape->dim(0); ++i) {
      TARN_ASSIGN_OR_RETURN(std::shared_ptr<const Tensor> copy,
                            copy_of({tensor.dtype, &element, mutable_element_at(tensor, i * step), step}));
      list->elements.push_back(std::move(copy));
    }
    c.set_resource(0, std::move(list));
    return {};
  }
};

// --- changing lists -------------------------------------------------------------------------------------------------
class PushBackKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(const TensorList* before, TensorList::of(c, 0, c.input(1).dtype));
    if (!before->element_shape.is_compatible_with(*c.input(1).shape)) {
      return invalid_argument("the list has elements of ", before->element_shape.to_string(), ", the tensor has shape ",
                              c.input(1).shape->to_string());
    }
    if (before->max_elements >= 0 && before->size() >= before->max_elements)
      return invalid_argument("the list is full: it may have ", before->max_elements, " elements");
    TARN_RETURN_IF_ERROR(judge_size(before->size() + 1));
    std::shared_ptr<TensorList> list = before->copy();
    TARN_ASSIGN_OR_RETURN(std::shared_ptr<const Tensor> copy, copy_of(c.input(1)));
    list->elements.push_back(std::move(copy));
    c.set_resource(0, std::move(list));
    return {};
  }
};

class SetItemKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    grows_ = c.attrs().get_or<bool>("resize_if_index_out_of_bounds", false);
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(const TensorList* before, TensorList::of(c, 0, c.input(2).dtype));
    TARN_ASSIGN_OR_RETURN(int64_t index, single(c, 1, "index"));
    if (!grows_ || index < 0) TARN_RETURN_IF_ERROR(judge_index(*before, index));
    TARN_RETURN_IF_ERROR(judge_size(index + 1));
    if (!before->element_shape.is_compatible_with(*c.input(2).shape)) {
      return invalid_argument("the list has elements of ", before->element_shape.to_string(), ", the item has shape ",
                              c.input(2).shape->to_string());
    }
    std::shared_ptr<TensorList> list = before->copy();
    if (index >= list->size()) list->elements.resize(static_cast<size_t>(index) + 1);
    TARN_ASSIGN_OR_RETURN(list->elements[static_cast<size_t>(index)], copy_of(c.input(2)));
    c.set_resource(0, std::move(list));
    return {};
  }

 private:
  bool grows_ = false;
};

class ResizeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(const TensorList* before, TensorList::of(c, 0));
    TARN_ASSIGN_OR_RETURN(int64_t size, single(c, 1, "size"));
    TARN_RETURN_IF_ERROR(judge_size(size));
    std::shared_ptr<TensorList> list = before->copy();
    list->elements.resize(static_cast<size_t>(size));
    c.set_resource(0, std::move(list));
    return {};
  }
};

class PopBackKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    dtype_ = c.attr<DType>("element_dtype");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(const TensorList* before, TensorList::of(c, 0, dtype_));
    if (before->size() == 0) return invalid_argument("the list is empty, there is nothing to pop");
    TARN_ASSIGN_OR_RETURN(Shape declared, element_shape_of(c, 1));
    TARN_ASSIGN_OR_RETURN(Shape shape, common_element_shape(*before, declared));
    std::shared_ptr<TensorList> list = before->copy();
    std::shared_ptr<const Tensor> last = std::move(list->elements.back());
    list->elements.pop_back();
    if (last != nullptr) shape = last->shape();
    if (!shape.is_fully_known()) return no_shape(shape);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(1, shape));
    write_element(last.get(), dtype_, shape, y.data);
    c.set_resource(0, std::move(list));
    return {};
  }

 private:
  DType dtype_ = DType::kInvalid;
};

// --- looking at lists -----------------------------------------------------------------------------------------------
class GetItemKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    dtype_ = c.attr<DType>("element_dtype");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(const TensorList* list, TensorList::of(c, 0, dtype_));
    TARN_ASSIGN_OR_RETURN(int64_t index, single(c, 1, "index"));
    TARN_RETURN_IF_ERROR(judge_index(*list, index));
    const Tensor* element = list->elements[static_cast<size_t>(index)].get();
    TARN_ASSIGN_OR_RETURN(Shape declared, element_shape_of(c, 2));
    TARN_ASSIGN_OR_RETURN(Shape shape, common_element_shape(*list, declared));
    if (element != nullptr) shape = element->shape();
    if (!shape.is_fully_known()) return no_shape(shape);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    write_element(element, dtype_, shape, y.data);
    return {};
  }

 private:
  DType dtype_ = DType::kInvalid;
};

// Some elements, or all, as one tensor.
Status write_stacked(RunContext& c, const TensorList& list, const Shape& declared, const IntList* indices) {
  TARN_ASSIGN_OR_RETURN(Shape shape, common_element_shape(list, declared));
  int64_t count = indices != nullptr ? indices->size() : list.size();
  auto element = [&](int64_t i) {
    return list.elements[static_cast<size_t>(indices != nullptr ? (*indices)[i] : i)].get();
  };
  for (int64_t i = 0; i < count; ++i) {
    if (indices != nullptr) TARN_RETURN_IF_ERROR(judge_index(list, (*indices)[i]));
    if (element(i) == nullptr) continue;
    Result<Shape> merged = shape.merge(element(i)->shape());
    if (!merged.ok()) {
      return invalid_argument("the elements have different shapes: one is ", element(i)->shape().to_string(),
                              ", others are ", shape.to_string());
    }
    shape = *merged;
  }
  if (!shape.is_fully_known()) {
    if (count > 0) return no_shape(shape);
    return invalid_argument("no element is there, and the shape of one, ", shape.to_string(), ", is not fully known");
  }
  TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, stacked(count, shape)));
  for (int64_t i = 0; i < count; ++i)
    write_element(element(i), list.dtype, shape, mutable_element_at(y, i * shape.elements()));
  return {};
}

class StackKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    dtype_ = c.attr<DType>("element_dtype");
    num_elements_ = c.attr<int64_t>("num_elements");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(const TensorList* list, TensorList::of(c, 0, dtype_));
    if (num_elements_ >= 0 && num_elements_ != list->size()) {
      return invalid_argument("attr 'num_elements' is ", num_elements_, " but the list has ", list->size());
    }
    TARN_ASSIGN_OR_RETURN(Shape declared, element_shape_of(c, 1));
    return write_stacked(c, *list, declared, nullptr);
  }

 private:
  DType dtype_ = DType::kInvalid;
  int64_t num_elements_ = -1;
};

class GatherKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    dtype_ = c.attr<DType>("element_dtype");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(const TensorList* list, TensorList::of(c, 0, dtype_));
    TARN_ASSIGN_OR_RETURN(Shape declared, element_shape_of(c, 2));
    IntList indices = IntList::of(c.input(1));
    return write_stacked(c, *list, declared, &indices);
  }

 private:
  DType dtype_ = DType::kInvalid;
};

class LengthKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(const TensorList* list, TensorList::of(c, 0));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape()));
    *y.as<int32_t>() = static_cast<int32_t>(list->size());
    return {};
  }
};

class ElementShapeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(const TensorList* list, TensorList::of(c, 0));
    const Shape& shape = list->element_shape;
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape.has_rank() ? Shape{shape.rank()} : Shape()));
    for (int64_t i = 0; i < y.count; ++i) {
      if (!store_int(y, i, shape.has_rank() ? shape.dim(static_cast<int>(i)) : -1))
        return invalid_argument("dim ", i, " of ", shape.to_string(), " does not fit");
    }
    return {};
  }
};

// --- shapes ---------------------------------------------------------------------------------------------------------
Status infer_get_item(InferContext& c) {
  return c.set_output(0, known_element_shape(c, 2));
}
Status infer_pop_back(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.set_output(0, Shape()));
  return c.set_output(1, known_element_shape(c, 1));
}
Status infer_stack(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Shape element, known_element_shape(c, 1));
  int64_t count = c.attr<int64_t>("num_elements");
  return c.set_output(0, stacked(count >= 0 ? count : kUnknownDim, element));
}
Status infer_gather(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Shape element, known_element_shape(c, 2));
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "indices"));
  return c.set_output(0, stacked(c.shape(1).has_rank() ? c.shape(1).dim(0) : kUnknownDim, element));
}

constexpr KernelDef kEmptyKernels[] = {portable_kernel<EmptyKernel>()};
constexpr KernelDef kReserveKernels[] = {portable_kernel<ReserveKernel>()};
constexpr KernelDef kFromTensorKernels[] = {portable_kernel<FromTensorKernel>()};
constexpr KernelDef kPushBackKernels[] = {portable_kernel<PushBackKernel>()};
constexpr KernelDef kPopBackKernels[] = {portable_kernel<PopBackKernel>()};
constexpr KernelDef kSetItemKernels[] = {portable_kernel<SetItemKernel>()};
constexpr KernelDef kGetItemKernels[] = {portable_kernel<GetItemKernel>()};
constexpr KernelDef kResizeKernels[] = {portable_kernel<ResizeKernel>()};
constexpr KernelDef kStackKernels[] = {portable_kernel<StackKernel>()};
constexpr KernelDef kGatherKernels[] = {portable_kernel<GatherKernel>()};
constexpr KernelDef kLengthKernels[] = {portable_kernel<LengthKernel>()};
constexpr KernelDef kElementShapeKernels[] = {portable_kernel<ElementShapeKernel>()};

constexpr std::string_view kEmptyDoc = R"(A list without elements.
  element_shape  -1, or dims, -1 where not known   max_num_elements  int32: below 0, any number   returns  variant
  Source: TensorFlow list_ops EmptyTensorList.)";
constexpr std::string_view kReserveDoc = R"(A list of elements that are not set: they read as zeros.
  element_shape  -1, or dims, -1 where not known   num_elements  int32   returns  variant
  Errors: ResourceExhausted above 4,194,304 elements.   Source: TensorFlow list_ops TensorListReserve.)";
constexpr std::string_view kFromTensorDoc = R"(A list of the parts of a tensor along its first dim.
  tensor  T[n, ...]   element_shape  -1, or dims   returns  variant.   Source: TensorFlow list_ops TensorListFromTensor.)";
constexpr std::string_view kPushBackDoc = R"(A list with one element more at its end.
  input_handle  variant   tensor  T[...]   returns  variant.   Source: TensorFlow list_ops TensorListPushBack.)";
constexpr std::string_view kPopBackDoc = R"(A list without its last element, and that element.
  input_handle  variant   element_shape  -1, or dims   returns  output_handle  variant   tensor  T[...]
  Source: TensorFlow list_ops TensorListPopBack.)";
constexpr std::string_view kSetItemDoc = R"(A list with one element replaced.
  input_handle  variant   index  int32   item  T[...]   returns  variant.   Source: TensorFlow list_ops TensorListSetItem.)";
constexpr std::string_view kGetItemDoc = R"(An element of a list; zeros if it was never set.
  input_handle  variant   index  int32   element_shape  -1, or dims   returns  T[...]
  Source: TensorFlow list_ops TensorListGetItem.)";
constexpr std::string_view kResizeDoc =
    R"(A list with another number of elements: the last ones go, or new ones are not set.
  input_handle  variant   size  int32   returns  variant.   Source: TensorFlow list_ops TensorListResize.)";
constexpr std::string_view kStackDoc = R"(All elements of a list as one tensor, with a first dim more.
  input_handle  variant   element_shape  -1, or dims   returns  T[n, ...]
  Errors: InvalidArgument if they differ in shape, or are not num_elements.   Source: TensorFlow list_ops TensorListStack.)";
constexpr std::string_view kGatherDoc = R"(Some elements of a list as one tensor, with a first dim more.
  input_handle  variant   indices  int32[n]   element_shape  -1, or dims   returns  T[n, ...]
  Source: TensorFlow list_ops TensorListGather.)";
constexpr std::string_view kLengthDoc = R"(How many elements a list has.
  input_handle  variant   returns  int32, a scalar.   Source: TensorFlow list_ops TensorListLength.)";
constexpr std::string_view kElementShapeDoc = R"(The shape of a list's elements: -1 where not known.
  input_handle  variant   returns  dims, or -1.   Source: TensorFlow list_ops TensorListElementShape.)";
constexpr std::string_view kReason = "lists are differentiated with the loops they are in, which is not built yet";

}  // namespace

extern const OpDef op_EmptyTensorList, op_TensorListReserve, op_TensorListFromTensor, op_TensorListPushBack,
    op_TensorListPopBack, op_TensorListSetItem, op_TensorListGetItem, op_TensorListResize, op_TensorListStack,
    op_TensorListGather, op_TensorListLength, op_TensorListElementShape;
const OpDef op_EmptyTensorList = {
    .name = "EmptyTensorList",
    .inputs = "element_shape: shape_type, max_num_elements: int32",
    .outputs = "handle: variant",
    .attrs = "element_dtype: type; shape_type: {int32, int64}",
    .traits = kStateful,
    .infer = infer_scalar,
    .kernels = kEmptyKernels,
};
const OpDef op_TensorListReserve = {
    .name = "TensorListReserve",
    .inputs = "element_shape: shape_type, num_elements: int32",
    .outputs = "handle: variant",
    .attrs = "element_dtype: type; shape_type: {int32, int64}",
    .traits = kStateful,
    .infer = infer_scalar,
    .kernels = kReserveKernels,
};
const OpDef op_TensorListFromTensor = {
    .name = "TensorListFromTensor",
    .inputs = "tensor: element_dtype, element_shape: shape_type",
    .outputs = "output_handle: variant",
    .attrs = "element_dtype: type; shape_type: {int32, int64}",
    .traits = kStateful,
    .infer = infer_scalar,
    .kernels = kFromTensorKernels,
};
const OpDef op_TensorListPushBack = {
    .name = "TensorListPushBack",
    .inputs = "input_handle: variant, tensor: element_dtype",
    .outputs = "output_handle: variant",
    .attrs = "element_dtype: type",
    .traits = kStateful,
    .infer = infer_scalar,
    .kernels = kPushBackKernels,
};
const OpDef op_TensorListPopBack = {
    .name = "TensorListPopBack",
    .inputs = "input_handle: variant, element_shape: int32",
    .outputs = "output_handle: variant, tensor: element_dtype",
    .attrs = "element_dtype: type",
    .traits = kStateful,
    .infer = infer_pop_back,
    .kernels = kPopBackKernels,
};
const OpDef op_TensorListSetItem = {
    .name = "TensorListSetItem",
    .inputs = "input_handle: variant, index: int32, item: element_dtype",
    .outputs = "output_handle: variant",
    .attrs = "element_dtype: type; resize_if_index_out_of_bounds: bool = false",
    .traits = kStateful,
    .infer = infer_scalar,
    .kernels = kSetItemKernels,
};
const OpDef op_TensorListGetItem = {
    .name = "TensorListGetItem",
    .inputs = "input_handle: variant, index: int32, element_shape: int32",
    .outputs = "item: element_dtype",
    .attrs = "element_dtype: type",
    .traits = kStateful,
    .infer = infer_get_item,
    .kernels = kGetItemKernels,
};
const OpDef op_TensorListResize = {
    .name = "TensorListResize",
    .inputs = "input_handle: variant, size: int32",
    .outputs = "output_handle: variant",
    .traits = kStateful,
    .infer = infer_scalar,
    .kernels = kResizeKernels,
};
const OpDef op_TensorListStack = {
    .name = "TensorListStack",
    .inputs = "input_handle: variant, element_shape: int32",
    .outputs = "tensor: element_dtype",
    .attrs = "element_dtype: type; num_elements: int = -1",
    .traits = kStateful,
    .infer = infer_stack,
    .kernels = kStackKernels,
};
const OpDef op_TensorListGather = {
    .name = "TensorListGather",
    .inputs = "input_handle: variant, indices: int32, element_shape: int32",
    .outputs = "values: element_dtype",
    .attrs = "element_dtype: type",
    .traits = kStateful,
    .infer = infer_gather,
    .kernels = kGatherKernels,
};
const OpDef op_TensorListLength = {
    .name = "TensorListLength",
    .inputs = "input_handle: variant",
    .outputs = "length: int32",
    .traits = kStateful,
    .infer = infer_scalar,
    .kernels = kLengthKernels,
};
const OpDef op_TensorListElementShape = {
    .name = "TensorListElementShape",
    .inputs = "input_handle: variant",
    .outputs = "element_shape: shape_type",
    .attrs = "shape_type: {int32, int64}",
    .traits = kStateful,
    .infer = infer_unknown,
    .kernels = kElementShapeKernels,
};

TARN_OP_FILE(tensor_list, {&op_EmptyTensorList, kEmptyDoc, nullptr, kReason},
             {&op_TensorListReserve, kReserveDoc, nullptr, kReason},
             {&op_TensorListFromTensor, kFromTensorDoc, nullptr, kReason},
             {&op_TensorListPushBack, kPushBackDoc, nullptr, kReason},
             {&op_TensorListPopBack, kPopBackDoc, nullptr, kReason},
             {&op_TensorListSetItem, kSetItemDoc, nullptr, kReason},
             {&op_TensorListGetItem, kGetItemDoc, nullptr, kReason},
             {&op_TensorListResize, kResizeDoc, nullptr, kReason}, {&op_TensorListStack, kStackDoc, nullptr, kReason},
             {&op_TensorListGather, kGatherDoc, nullptr, kReason}, {&op_TensorListLength, kLengthDoc, nullptr, kReason},
             {&op_TensorListElementShape, kElementShapeDoc, nullptr, kReason})

}  // namespace tarn
