// Tensor lists and rows: lists joined, tensors split over lists and put together again. See ops/tensor_list.cc.
#include <algorithm>

#include "core/op.h"
#include "ops/support/tensor_list.h"

namespace tarn {
namespace {

Shape rest_of(const Shape& element) {
  if (!element.has_rank() || element.rank() == 0) return Shape::unknown();
  return Shape(element.dims().subspan(1));
}

Shape rows(int64_t count, const Shape& rest) {
  return stacked(count, rest);
}

Status judge_declared(const Shape& declared, const Shape& element) {
  if (declared.is_compatible_with(element)) return {};
  return invalid_argument("the tensor has elements of ", element.to_string(), ", element_shape says ",
                          declared.to_string());
}

// Part `i` of a tensor along its first dim, or `count` of them.
Result<std::shared_ptr<const Tensor>> part_of(const TensorView& tensor, int64_t first, const Shape& shape) {
  int64_t step = rest_of(*tensor.shape).elements();
  return copy_of({tensor.dtype, &shape, mutable_element_at(tensor, first * step), shape.elements()});
}

// --- kernels --------------------------------------------------------------------------------------------------------
// V1 has element_shape as an attr and no leading_dims.
class ConcatKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    dtype_ = c.attr<DType>("element_dtype");
    declared_ = c.attrs().get_or<Shape>("element_shape", Shape::unknown());
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(const TensorList* list, TensorList::of(c, 0, dtype_));
    Shape declared = declared_;
    if (c.input_count() == 3) {
      TARN_ASSIGN_OR_RETURN(declared, element_shape_of(c, 1));
    }
    TARN_ASSIGN_OR_RETURN(Shape known, common_element_shape(*list, declared));
    if (known.has_rank() && known.rank() == 0) return invalid_argument("scalars can be stacked, not concatenated");
    Shape rest = rest_of(known);
    for (const auto& element : list->elements) {
      if (element == nullptr) continue;
      if (element->shape().rank() == 0) return invalid_argument("scalars can be stacked, not concatenated");
      Result<Shape> merged = rest.merge(rest_of(element->shape()));
      if (!merged.ok()) {
        return invalid_argument("but for their first dim the elements have different shapes: one is ",
                                element->shape().to_string(), ", others are ", rest.to_string());
      }
      rest = *merged;
    }
    if (!rest.is_fully_known()) return no_shape(known);
    TARN_ASSIGN_OR_RETURN(TensorView lengths, c.output(1, Shape{list->size()}));
    int64_t all = 0;
    for (int64_t i = 0; i < list->size(); ++i) {
      TARN_ASSIGN_OR_RETURN(int64_t length, length_of(c, *list, i, known));
      lengths.as<int64_t>()[i] = length;
      if (__builtin_add_overflow(all, length, &all))
        return resource_exhausted("the elements have more than 2^63 rows in all");
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, rows(all, rest)));
    int64_t at = 0, step = rest.elements();
    for (int64_t i = 0; i < list->size(); ++i) {
      int64_t length = lengths.as<int64_t>()[i];
      write_element(list->elements[static_cast<size_t>(i)].get(), dtype_, rows(length, rest),
                    mutable_element_at(y, at * step));
      at += length;
    }
    return {};
  }

 private:
  static Result<int64_t> length_of(RunContext& c, const TensorList& list, int64_t i, const Shape& known) {
    if (const auto& element = list.elements[static_cast<size_t>(i)]; element != nullptr) return element->shape().dim(0);
    if (known.has_rank() && known.dim(0) >= 0) return known.dim(0);
    if (c.input_count() == 3 && i < c.input(2).count && c.input(2).as<int64_t>()[i] >= 0)
      return c.input(2).as<int64_t>()[i];
    return invalid_argument("element ", i, " was never set, and neither element_shape ", known.to_string(),
                            " nor leading_dims says how many rows of zeros it stands for");
  }
  DType dtype_ = DType::kInvalid;
  Shape declared_;
};

class SplitKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& tensor = c.input(0);
    const TensorView& lengths = c.input(2);
    if (tensor.shape->rank() < 1 || lengths.shape->rank() != 1) {
      return invalid_argument("the tensor must be at least a vector and lengths one, have shapes ",
                              tensor.shape->to_string(), " and ", lengths.shape->to_string());
    }
    TARN_RETURN_IF_ERROR(judge_size(lengths.count));
    auto list = std::make_shared<TensorList>();
    list->dtype = tensor.dtype;
    TARN_ASSIGN_OR_RETURN(list->element_shape, element_shape_of(c, 1));
    Shape rest = rest_of(*tensor.shape);
    int64_t at = 0;
    for (int64_t i = 0; i < lengths.count; ++i) {
      int64_t length = lengths.as<int64_t>()[i];
      if (length < 0 || length > tensor.shape->dim(0) - at) {
        return invalid_argument("length ", length, " at ", i, ": the tensor has ", tensor.shape->dim(0) - at,
                                " rows left of ", tensor.shape->dim(0));
      }
      Shape element = rows(length, rest);
      TARN_RETURN_IF_ERROR(judge_declared(list->element_shape, element));
      TARN_ASSIGN_OR_RETURN(std::shared_ptr<const Tensor> part, part_of(tensor, at, element));
      list->elements.push_back(std::move(part));
      at += length;
    }
    if (at != tensor.shape->dim(0)) {
      return invalid_argument("the lengths are ", at, " in all, but the tensor has ", tensor.shape->dim(0), " rows");
    }
    c.set_resource(0, std::move(list));
    return {};
  }
};

// Scatter: (tensor, indices, element_shape); V2 has num_elements beside; into a list: (list, tensor, indices).
enum class Into { kNew, kNewOfSize, kExisting };
template <Into kInto>
class ScatterKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    constexpr int kTensor = kInto == Into::kExisting ? 1 : 0;
    const TensorView& tensor = c.input(kTensor);
    const TensorView& indices = c.input(kTensor + 1);
    if (tensor.shape->rank() < 1 || indices.shape->rank() != 1 || tensor.shape->dim(0) != indices.count) {
      return invalid_argument("indices ", indices.shape->to_string(),
                              " must be as many as the first dim of the tensor ", tensor.shape->to_string());
    }
    int64_t most = -1;
    for (int64_t i = 0; i < indices.count; ++i) {
      most = std::max<int64_t>(most, indices.as<int32_t>()[i]);
      if (indices.as<int32_t>()[i] < 0)
        return invalid_argument("index ", indices.as<int32_t>()[i], " at ", i, " is below 0");
    }
    TARN_RETURN_IF_ERROR(judge_size(most + 1));
    std::shared_ptr<TensorList> list;
    if constexpr (kInto == Into::kExisting) {
      TARN_ASSIGN_OR_RETURN(const TensorList* before, TensorList::of(c, 0, tensor.dtype));
      list = before->copy();
    } else {
      list = std::make_shared<TensorList>();
      list->dtype = tensor.dtype;
      TARN_ASSIGN_OR_RETURN(list->element_shape, element_shape_of(c, 2));
    }
    int64_t size = std::max(list->size(), most + 1);
    if constexpr (kInto == Into::kNewOfSize) {
      TARN_ASSIGN_OR_RETURN(int64_t asked, single(c, 3, "num_elements"));
      if (asked < -1) return invalid_argument("num_elements must be -1 or more, is ", asked);
      if (asked >= 0 && most >= asked)
        return invalid_argument("index ", most, " is beyond the end of a list of ", asked, " elements");
      if (asked >= 0) size = asked;
      TARN_RETURN_IF_ERROR(judge_size(size));
    }
    Shape element = rest_of(*tensor.shape);
    TARN_RETURN_IF_ERROR(judge_declared(list->element_shape, element));
    list->elements.resize(static_cast<size_t>(size));
    for (int64_t i = 0; i < indices.count; ++i) {
      TARN_ASSIGN_OR_RETURN(list->elements[static_cast<size_t>(indices.as<int32_t>()[i])], part_of(tensor, i, element));
    }
    c.set_resource(0, std::move(list));
    return {};
  }
};

class ConcatListsKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    dtype_ = c.attr<DType>("element_dtype");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(const TensorList* a, TensorList::of(c, 0, dtype_));
    TARN_ASSIGN_OR_RETURN(const TensorList* b, TensorList::of(c, 1, dtype_));
    TARN_RETURN_IF_ERROR(judge_size(a->size() + b->size()));
    std::shared_ptr<TensorList> list = a->copy();
    TARN_ASSIGN_OR_RETURN(list->element_shape, common_element_shape(*a, b->element_shape));
    list->elements.insert(list->elements.end(), b->elements.begin(), b->elements.end());
    c.set_resource(0, std::move(list));
    return {};
  }

 private:
  DType dtype_ = DType::kInvalid;
};

// --- shapes ---------------------------------------------------------------------------------------------------------
Status infer_concat(InferContext& c) {
  Shape element = c.attrs().get_or<Shape>("element_shape", Shape::unknown());
  if (c.input_count() == 3) {
    TARN_ASSIGN_OR_RETURN(element, known_element_shape(c, 1));
  }
  TARN_RETURN_IF_ERROR(c.set_output(0, rows(kUnknownDim, rest_of(element))));
  return c.set_output(1, Shape{kUnknownDim});
}

constexpr KernelDef kConcatKernels[] = {portable_kernel<ConcatKernel>()};
constexpr KernelDef kSplitKernels[] = {portable_kernel<SplitKernel>()};
constexpr KernelDef kScatterKernels[] = {portable_kernel<ScatterKernel<Into::kNew>>()};
constexpr KernelDef kScatterV2Kernels[] = {portable_kernel<ScatterKernel<Into::kNewOfSize>>()};
constexpr KernelDef kScatterIntoKernels[] = {portable_kernel<ScatterKernel<Into::kExisting>>()};
constexpr KernelDef kConcatListsKernels[] = {portable_kernel<ConcatListsKernel>()};

constexpr std::string_view kConcatDoc = R"(All elements of a list one behind the other, along their first dim.
  input_handle  variant   element_shape  -1, or dims   leading_dims  int64: rows of elements that were never set
  returns  tensor  T[rows, ...]   lengths  int64[n]: the rows of each.   Source: TensorFlow list_ops TensorListConcatV2.)";
constexpr std::string_view kSplitDoc = R"(A list of consecutive rows of a tensor, lengths[i] of them in element i.
  tensor  T[rows, ...]   element_shape  -1, or dims   lengths  int64[n]   returns  variant
  Errors: InvalidArgument if the lengths are not the rows in all.   Source: TensorFlow list_ops TensorListSplit.)";
constexpr std::string_view kScatterDoc = R"(A list that has tensor[i] as its element indices[i]; others are not set.
  tensor  T[n, ...]   indices  int32[n]   element_shape  -1, or dims   num_elements  int32: -1, as many as are needed
  returns  variant.   Source: TensorFlow list_ops TensorListScatterV2.)";
constexpr std::string_view kScatterIntoDoc =
    R"(A list with its elements indices[i] replaced by tensor[i]; it grows as needed.
  input_handle  variant   tensor  T[n, ...]   indices  int32[n]   returns  variant
  Source: TensorFlow list_ops TensorListScatterIntoExistingList.)";
constexpr std::string_view kConcatListsDoc = R"(A list of the elements of one list and then those of another.
  input_a   input_b  variant   returns  variant.   Source: TensorFlow list_ops TensorListConcatLists.)";
constexpr std::string_view kReason = "lists are differentiated with the loops they are in, which is not built yet";

}  // namespace

extern const OpDef op_TensorListConcat, op_TensorListConcatV2, op_TensorListSplit, op_TensorListScatter,
    op_TensorListScatterV2, op_TensorListScatterIntoExistingList, op_TensorListConcatLists;
const OpDef op_TensorListConcat = {
    .name = "TensorListConcat",
    .inputs = "input_handle: variant",
    .outputs = "tensor: element_dtype, lengths: int64",
    .attrs = "element_dtype: type; element_shape: shape = ?",
    .traits = kStateful,
    .infer = infer_concat,
    .kernels = kConcatKernels,
};
const OpDef op_TensorListConcatV2 = {
    .name = "TensorListConcatV2",
    .inputs = "input_handle: variant, element_shape: shape_type, leading_dims: int64",
    .outputs = "tensor: element_dtype, lengths: int64",
    .attrs = "element_dtype: type; shape_type: {int32, int64}",
    .traits = kStateful,
    .infer = infer_concat,
    .kernels = kConcatKernels,
};
const OpDef op_TensorListSplit = {
    .name = "TensorListSplit",
    .inputs = "tensor: element_dtype, element_shape: shape_type, lengths: int64",
    .outputs = "output_handle: variant",
    .attrs = "element_dtype: type; shape_type: {int32, int64}",
    .traits = kStateful,
    .infer = infer_scalar,
    .kernels = kSplitKernels,
};
const OpDef op_TensorListScatter = {
    .name = "TensorListScatter",
    .inputs = "tensor: element_dtype, indices: int32, element_shape: shape_type",
    .outputs = "output_handle: variant",
    .attrs = "element_dtype: type; shape_type: {int32, int64}",
    .traits = kStateful,
    .infer = infer_scalar,
    .kernels = kScatterKernels,
};
const OpDef op_TensorListScatterV2 = {
    .name = "TensorListScatterV2",
    .inputs = "tensor: element_dtype, indices: int32, element_shape: shape_type, num_elements: int32",
    .outputs = "output_handle: variant",
    .attrs = "element_dtype: type; shape_type: {int32, int64}",
    .traits = kStateful,
    .infer = infer_scalar,
    .kernels = kScatterV2Kernels,
};
const OpDef op_TensorListScatterIntoExistingList = {
    .name = "TensorListScatterIntoExistingList",
    .inputs = "input_handle: variant, tensor: element_dtype, indices: int32",
    .outputs = "output_handle: variant",
    .attrs = "element_dtype: type",
    .traits = kStateful,
    .infer = infer_scalar,
    .kernels = kScatterIntoKernels,
};
const OpDef op_TensorListConcatLists = {
    .name = "TensorListConcatLists",
    .inputs = "input_a: variant, input_b: variant",
    .outputs = "output: variant",
    .attrs = "element_dtype: type",
    .traits = kStateful,
    .infer = infer_scalar,
    .kernels = kConcatListsKernels,
};

TARN_OP_FILE(tensor_list_rows, {&op_TensorListConcat, kConcatDoc, nullptr, kReason},
             {&op_TensorListConcatV2, kConcatDoc, nullptr, kReason}, {&op_TensorListSplit, kSplitDoc, nullptr, kReason},
             {&op_TensorListScatter, kScatterDoc, nullptr, kReason},
             {&op_TensorListScatterV2, kScatterDoc, nullptr, kReason},
             {&op_TensorListScatterIntoExistingList, kScatterIntoDoc, nullptr, kReason},
             {&op_TensorListConcatLists, kConcatListsDoc, nullptr, kReason})

}  // namespace tarn
