#include "ops/support/tensor_list.h"

#include "ops/support/tensor_array.h"

namespace tarn {
namespace {

constexpr int64_t kMostElements = 1 << 22;

// a + b; one that was never set is zeros.
Result<std::shared_ptr<const Tensor>> sum_of(const std::shared_ptr<const Tensor>& a,
                                             const std::shared_ptr<const Tensor>& b) {
  if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
  if (!(a->shape() == b->shape())) {
    return invalid_argument("elements of shapes ", a->shape(), " and ", b->shape(), " cannot be added");
  }
  AddElements add = adder_of(a->dtype());
  if (add == nullptr) return invalid_argument("elements of ", a->dtype(), " cannot be added");
  TARN_ASSIGN_OR_RETURN(Tensor sum, Tensor::allocate(a->dtype(), a->shape()));
  copy_elements(a->dtype(), sum.mutable_data(), a->data(), a->element_count());
  add(sum.mutable_data(), b->data(), a->element_count());
  return std::make_shared<const Tensor>(std::move(sum));
}

}  // namespace

Result<Shape> partial_shape(const IntList& dims, const Shape& shape) {
  if (shape.rank() == 0) {
    if (dims.size() == 1 && dims[0] == -1) return Shape::unknown();
    return invalid_argument("an element_shape that is a scalar must be -1");
  }
  std::vector<int64_t> all;
  for (int64_t i = 0; i < dims.size(); ++i) all.push_back(dims[i]);
  return Shape::make(all);
}

Result<Shape> element_shape_of(const RunContext& c, int input) {
  return partial_shape(IntList::of(c.input(input)), *c.input(input).shape);
}

Result<Shape> known_element_shape(const InferContext& c, int input) {
  std::optional<IntList> dims = IntList::known(c, input);
  return dims ? partial_shape(*dims, c.shape(input)) : Shape::unknown();
}

Shape stacked(int64_t count, const Shape& element) {
  if (!element.has_rank() || element.rank() >= kMaxRank) return Shape::unknown();
  Shape shape{count};
  for (int64_t dim : element.dims()) shape.add_dim(dim);
  return shape;
}

Result<int64_t> single(RunContext& c, int input, std::string_view name) {
  if (c.input(input).count == 1) return IntList::of(c.input(input))[0];
  return invalid_argument("'", name, "' must be a scalar, has shape ", *c.input(input).shape);
}

Status judge_size(int64_t size) {
  if (size < 0) return invalid_argument("a list cannot have ", size, " elements");
  if (size > kMostElements) {
    return resource_exhausted("a list of ", size, " elements is above ", kMostElements, ", the most that is allowed");
  }
  return {};
}

Status judge_index(const TensorList& list, int64_t index) {
  if (index >= 0 && index < list.size()) return {};
  return invalid_argument("element ", index, " of a list of ", list.size(), " elements");
}

Result<Shape> common_element_shape(const TensorList& list, const Shape& declared) {
  Result<Shape> merged = list.element_shape.merge(declared);
  if (merged.ok()) return merged;
  return invalid_argument("the list has elements of ", list.element_shape, ", element_shape says ", declared);
}

Result<std::shared_ptr<const Tensor>> copy_of(const TensorView& value) {
  TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(value.dtype, *value.shape));
  copy_elements(value.dtype, tensor.mutable_data(), value.data, value.count);
  return std::make_shared<const Tensor>(std::move(tensor));
}

void write_element(const Tensor* element, DType dtype, const Shape& shape, void* to) {
  if (element != nullptr) {
    copy_elements(dtype, to, element->data(), element->element_count());
  } else {
    zero_elements(dtype, to, shape.elements());
  }
}

Status no_shape(const Shape& shape) {
  return invalid_argument("an element was never set, and its shape, ", shape, ", is not fully known to make zeros of");
}

Status add_lists(RunContext& c) {
  TARN_ASSIGN_OR_RETURN(const TensorList* first, TensorList::of(c, 0));
  std::shared_ptr<TensorList> sum = first->copy();
  for (int i = 1; i < c.input_count(); ++i) {
    TARN_ASSIGN_OR_RETURN(const TensorList* other, TensorList::of(c, i, sum->dtype));
    if (other->size() != sum->size()) {
      return invalid_argument("lists of ", sum->size(), " and of ", other->size(), " elements cannot be added");
    }
    TARN_ASSIGN_OR_RETURN(sum->element_shape, common_element_shape(*sum, other->element_shape));
    for (size_t e = 0; e < sum->elements.size(); ++e) {
      TARN_ASSIGN_OR_RETURN(sum->elements[e], sum_of(sum->elements[e], other->elements[e]));
    }
  }
  c.set_resource(0, std::move(sum));
  return {};
}

Status zeros_like_list(RunContext& c) {
  TARN_ASSIGN_OR_RETURN(const TensorList* list, TensorList::of(c, 0));
  std::shared_ptr<TensorList> zeros = list->copy();
  for (std::shared_ptr<const Tensor>& element : zeros->elements) {
    if (element == nullptr) continue;
    TARN_ASSIGN_OR_RETURN(Tensor zero, Tensor::zeros(element->dtype(), element->shape()));
    element = std::make_shared<const Tensor>(std::move(zero));
  }
  c.set_resource(0, std::move(zeros));
  return {};
}

}  // namespace tarn
