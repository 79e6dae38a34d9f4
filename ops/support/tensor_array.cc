#include "ops/support/tensor_array.h"

#include <complex>

#include "ops/elementwise.h"
#include "ops/support/array.h"
#include "ops/support/half.h"

namespace tarn {
namespace {

// More are refused, before memory for them is asked for.
constexpr int64_t kMostElements = 1 << 22;

template <class T>
void add_all(void* sum, const void* x, int64_t n) {
  T* to = static_cast<T*>(sum);
  const T* from = static_cast<const T*>(x);
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_arithmetic_v<T>) {
      to[i] = wrap_add(to[i], from[i]);
    } else {
      to[i] += from[i];
    }
  }
}

template <float (*widen)(uint16_t), uint16_t (*narrow)(float, bool)>
void add_narrow(void* sum, const void* x, int64_t n) {
  auto* to = static_cast<uint16_t*>(sum);
  const auto* from = static_cast<const uint16_t*>(x);
  for (int64_t i = 0; i < n; ++i) to[i] = narrow(widen(to[i]) + widen(from[i]), false);
}

// The dims of `shape` with those of `prefix` in front.
Result<Shape> behind(const Shape& prefix, const Shape& shape) {
  if (prefix.rank() == 0 || !shape.has_rank()) return shape;
  std::vector<int64_t> dims(prefix.dims().begin(), prefix.dims().end());
  dims.insert(dims.end(), shape.dims().begin(), shape.dims().end());
  return Shape::make(dims);
}

}  // namespace

AddElements adder_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat: return add_all<float>;
    case DType::kDouble: return add_all<double>;
    case DType::kInt8: return add_all<int8_t>;
    case DType::kInt16: return add_all<int16_t>;
    case DType::kInt32: return add_all<int32_t>;
    case DType::kInt64: return add_all<int64_t>;
    case DType::kUInt8: return add_all<uint8_t>;
    case DType::kUInt16: return add_all<uint16_t>;
    case DType::kUInt32: return add_all<uint32_t>;
    case DType::kUInt64: return add_all<uint64_t>;
    case DType::kHalf: return add_narrow<half_to_float, float_to_half>;
    case DType::kBFloat16: return add_narrow<bfloat16_to_float, float_to_bfloat16>;
    case DType::kComplex64: return add_all<std::complex<float>>;
    case DType::kComplex128: return add_all<std::complex<double>>;
    default: return nullptr;
  }
}

Result<TensorArray*> TensorArray::of(RunContext& c, int i) {
  Resource* resource = c.resource(i);
  if (resource == nullptr || resource->kind() != kKind) return invalid_argument("the handle is on no TensorArray");
  return static_cast<TensorArray*>(resource);
}

Status TensorArray::begin(const Options& options, int64_t size) {
  if (size < 0) return invalid_argument("TensorArray size must be >= 0, is ", size);
  if (size > kMostElements) {
    return resource_exhausted("TensorArray size ", size, " is above ", kMostElements, ", the most that is allowed");
  }
  bool same_dtype = options_.dtype == options.dtype;
  options_ = options;
  size_ = size;
  is_closed_ = was_added_to_ = false;
  for (Element& element : elements_) {
    element.is_written = element.is_zero = element.is_read = element.is_cleared = false;
    if (!same_dtype) element.buffer.reset();
  }
  // Gradients of the run before are used again too, unless somebody has more on them than what made their handle.
  std::erase_if(gradients_, [](const auto& gradient) { return gradient.second.use_count() > 2; });
  for (auto& [source, gradient] : gradients_) gradient->is_closed_ = true;
  return {};
}

Status TensorArray::judge_open() const {
  if (!is_closed_) return {};
  return invalid_argument("TensorArray ", in_quotes(options_.name), " has already been closed");
}

Result<int64_t> TensorArray::size() const {
  TARN_RETURN_IF_ERROR(judge_open());
  return size_;
}

void TensorArray::close() {
  is_closed_ = true;
  elements_.clear();
}

TensorArray::Element& TensorArray::element(int64_t index) {
  if (index >= std::ssize(elements_)) elements_.resize(static_cast<size_t>(index) + 1);
  return elements_[static_cast<size_t>(index)];
}

const TensorArray::Element* TensorArray::find(int64_t index) const {
  return index < std::ssize(elements_) ? &elements_[static_cast<size_t>(index)] : nullptr;
}

Status TensorArray::make_room(int64_t size) {
  TARN_RETURN_IF_ERROR(judge_open());
  if (size <= size_) return {};
  if (!options_.is_dynamic) {
    return invalid_argument("TensorArray ", in_quotes(options_.name), ": index ", size - 1,
                            " is beyond its end: the array is not resizeable and its size is ", size_);
  }
  if (size > kMostElements) {
    return resource_exhausted("TensorArray ", in_quotes(options_.name), ": index ", size - 1, " needs more than ",
                              kMostElements, " elements, the most that is allowed");
  }
  size_ = size;
  return {};
}

Status TensorArray::write(int64_t index, const TensorView& value) {
  if (value.dtype != options_.dtype) {
    return invalid_argument("TensorArray ", in_quotes(options_.name), " holds ", options_.dtype,
                            ", a value to be written is ", value.dtype);
  }
  return write(index, *value.shape, value.data);
}

Status TensorArray::write(int64_t index, const Shape& shape, const void* data) {
  auto refused = [&](const auto&... why) {
    return invalid_argument("TensorArray ", in_quotes(options_.name), ": could not write to index ", index, " because ",
                            why...);
  };
  if (index < 0) return refused("it is negative");
  TARN_RETURN_IF_ERROR(make_room(index + 1));
  Element& at = element(index);
  if (at.is_read) return refused("it has already been read");
  if (at.is_written && !options_.aggregates) return refused("it has already been written to");
  int64_t count = shape.elements();
  if (at.is_written) {
    if (!(at.shape == shape)) {
      return refused("what is there has shape ", at.shape.to_string(), ", what is to be added ", shape.to_string());
    }
    if (!at.is_zero) {
      was_added_to_ = true;
      return add(at, data, count);
    }
  } else if (!options_.element_shape.is_compatible_with(shape)) {
    return refused("the value has shape ", shape.to_string(), ", an element ", options_.element_shape.to_string());
  }
  if (options_.identical_shapes && !options_.element_shape.is_fully_known()) options_.element_shape = shape;
  size_t bytes = static_cast<size_t>(count) *
                 (options_.dtype == DType::kString ? sizeof(std::string) : dtype_size(options_.dtype));
  if (at.buffer == nullptr || at.buffer->bytes() < bytes) {
    TARN_ASSIGN_OR_RETURN(at.buffer, Buffer::allocate(options_.dtype, count));
  }
  at.shape = shape;
  at.is_written = true;
  at.is_zero = false;
  copy_elements(options_.dtype, at.buffer->data(), data, count);
  return {};
}

Status TensorArray::add(Element& element, const void* data, int64_t count) const {
  AddElements add_to = adder_of(options_.dtype);
  if (add_to == nullptr) {
    return invalid_argument("TensorArray ", in_quotes(options_.name), ": values of ", options_.dtype,
                            " cannot be added");
  }
  add_to(element.buffer->data(), data, count);
  return {};
}

Result<Shape> TensorArray::shape_to_read(int64_t index) const {
  TARN_RETURN_IF_ERROR(judge_open());
  if (index < 0 || index >= size_) {
    return invalid_argument("TensorArray ", in_quotes(options_.name), ": tried to read from index ", index,
                            " but the array's size is ", size_);
  }
  const Element* at = find(index);
  if (at != nullptr && at->is_cleared) {
    return invalid_argument("TensorArray ", in_quotes(options_.name), ": could not read index ", index,
                            " twice because it was cleared after a previous read (clear_after_read = false keeps it)");
  }
  if (at != nullptr && at->is_written) return at->shape;
  if (options_.element_shape.is_fully_known()) return options_.element_shape;
  return invalid_argument("TensorArray ", in_quotes(options_.name), ": could not read from index ", index,
                          " because it was never written, and the shape of an element, ", options_.element_shape,
                          ", is not fully known to make zeros of");
}

void TensorArray::read(int64_t index, void* to) {
  Element& at = element(index);
  bool has_value = at.is_written && !at.is_zero;
  if (has_value) {
    copy_elements(options_.dtype, to, at.buffer->data(), at.shape.elements());
  } else {
    zero_elements(options_.dtype, to, at.is_written ? at.shape.elements() : options_.element_shape.elements());
  }
  at.is_read = true;
  at.is_cleared = options_.clear_after_read;
}

Result<std::shared_ptr<TensorArray>> TensorArray::gradient(std::string_view source, const Shape& prefix) {
  TARN_RETURN_IF_ERROR(judge_open());
  if (was_added_to_) {
    return invalid_argument("TensorArray ", in_quotes(options_.name),
                            " has no gradient: several values were written to one index and added");
  }
  options_.is_dynamic = false;  // gradients go back to the elements that there are
  auto it = gradients_.find(source);
  if (it != gradients_.end() && !it->second->is_closed_) return it->second;
  if (it == gradients_.end()) {
    it = gradients_.emplace(std::string(source), std::make_shared<TensorArray>()).first;
    it->second->options_.name = str_cat(options_.name, "@", source);
  }
  TensorArray& gradient = *it->second;
  Options options;
  options.name = gradient.options_.name;
  options.dtype = options_.dtype;
  TARN_ASSIGN_OR_RETURN(options.element_shape, behind(prefix, options_.element_shape));
  options.identical_shapes = options_.identical_shapes;
  options.aggregates = true;
  TARN_RETURN_IF_ERROR(gradient.begin(options, size_));
  for (int64_t i = 0; i < std::ssize(elements_); ++i) {
    const Element& from = elements_[static_cast<size_t>(i)];
    if (!from.is_written) continue;
    Element& to = gradient.element(i);
    TARN_ASSIGN_OR_RETURN(to.shape, behind(prefix, from.shape));
    to.is_written = to.is_zero = true;
  }
  return it->second;
}

Status pass_flow(RunContext& c, int input, int output) {
  TARN_ASSIGN_OR_RETURN(TensorView flow, c.output(output, Shape()));
  *flow.as<float>() = input >= 0 && c.input(input).count > 0 ? c.input(input).item<float>() : 0.0f;
  return {};
}

}  // namespace tarn
