// TensorList: a list of tensors, the value behind a tensor of type variant, and what the ops on it share.
//
//   TARN_ASSIGN_OR_RETURN(const TensorList* before, TensorList::of(c, 0, dtype));
//   std::shared_ptr<TensorList> list = before->copy();      // elements are shared, not copied
//   c.set_resource(0, std::move(list));
#pragma once

#include <memory>
#include <vector>

#include "core/kernel.h"
#include "ops/support/array.h"

namespace tarn {

class TensorList : public Resource {
 public:
  static constexpr char kKind[] = "TensorList";
  const char* kind() const override { return kKind; }

  static Result<const TensorList*> of(RunContext& c, int input) {
    Resource* resource = c.resource(input);
    if (resource == nullptr || resource->kind() != kKind)
      return invalid_argument("input ", input, " is no tensor list");
    return static_cast<const TensorList*>(resource);
  }
  static Result<const TensorList*> of(RunContext& c, int input, DType dtype) {
    TARN_ASSIGN_OR_RETURN(const TensorList* list, of(c, input));
    if (list->dtype == dtype) return list;
    return invalid_argument("the list holds ", dtype_name(list->dtype), ", not ", dtype_name(dtype));
  }
  // The same elements in a list that may be changed.
  std::shared_ptr<TensorList> copy() const {
    auto list = std::make_shared<TensorList>();
    list->dtype = dtype;
    list->element_shape = element_shape;
    list->max_elements = max_elements;
    list->elements = elements;
    return list;
  }
  int64_t size() const { return std::ssize(elements); }

  DType dtype = DType::kInvalid;
  Shape element_shape = Shape::unknown();
  int64_t max_elements = -1;                            // below 0: any number
  std::vector<std::shared_ptr<const Tensor>> elements;  // null: never set
};

// A shape as these ops take it: -1 for a dim that is not known, and a scalar -1 for a rank that is not.
Result<Shape> partial_shape(const IntList& dims, const Shape& shape);
Result<Shape> element_shape_of(const RunContext& c, int input);
Result<Shape> known_element_shape(const InferContext& c, int input);
// `element` with a first dim more.
Shape stacked(int64_t count, const Shape& element);
Result<int64_t> single(RunContext& c, int input, std::string_view name);
Status judge_size(int64_t size);
Status judge_index(const TensorList& list, int64_t index);
// The shape of elements that were never set, and what those that were must agree with.
Result<Shape> common_element_shape(const TensorList& list, const Shape& declared);
Result<std::shared_ptr<const Tensor>> copy_of(const TensorView& value);
// Writes an element of shape `shape`, zeros if it was never set.
void write_element(const Tensor* element, DType dtype, const Shape& shape, void* to);
// An element was never set, and nothing says the shape of the zeros that stand for it.
Status no_shape(const Shape& shape);

// The sum of all inputs of a running op, and zeros like its first: lists, element by element.
Status add_lists(RunContext& c);
Status zeros_like_list(RunContext& c);

}  // namespace tarn
