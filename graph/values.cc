#include "graph/values.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tarn {
namespace {

const Node& no_node() {
  static const Node none;
  return none;
}

// Calls f with a std::span<const T> over the elements of a numeric tensor; false for anything else.
template <class F>
bool with_numbers(const Tensor& tensor, const F& f) {
  switch (tensor.dtype()) {
    case DType::kBool: f(tensor.flat<bool>()); return true;
    case DType::kInt8: f(tensor.flat<int8_t>()); return true;
    case DType::kInt16: f(tensor.flat<int16_t>()); return true;
    case DType::kInt32: f(tensor.flat<int32_t>()); return true;
    case DType::kInt64: f(tensor.flat<int64_t>()); return true;
    case DType::kUInt8: f(tensor.flat<uint8_t>()); return true;
    case DType::kUInt16: f(tensor.flat<uint16_t>()); return true;
    case DType::kUInt32: f(tensor.flat<uint32_t>()); return true;
    case DType::kUInt64: f(tensor.flat<uint64_t>()); return true;
    case DType::kFloat: f(tensor.flat<float>()); return true;
    case DType::kDouble: f(tensor.flat<double>()); return true;
    default: return false;
  }
}

// Whether `To` holds the number `value` (for floating To: at all, for integers: exactly).
template <class To, class From>
bool holds_number(From value) {
  if constexpr (std::is_same_v<To, bool> || std::is_same_v<From, bool>) {
    return std::is_same_v<To, From>;
  } else if constexpr (std::is_floating_point_v<To>) {
    return true;
  } else if constexpr (std::is_floating_point_v<From>) {
    // 2^digits is the first value above the range, and exact in any floating type.
    return value == std::floor(value) && value >= static_cast<From>(std::numeric_limits<To>::min()) &&
           value < std::ldexp(From{1}, std::numeric_limits<To>::digits);
  } else {
    return std::in_range<To>(value);
  }
}

template <class To>
Result<Tensor> cast_to(const Tensor& from) {
  TARN_ASSIGN_OR_RETURN(Tensor to, Tensor::allocate(dtype_of<To>(), from.shape()));
  std::span<To> out = to.mutable_flat<To>();
  Status status;
  bool is_number = with_numbers(from, [&](auto values) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (!holds_number<To>(values[i])) {
        status.update(invalid_argument("the constant ", values[i], " is no ", dtype_name(dtype_of<To>()), " value"));
        return;
      }
      out[i] = static_cast<To>(values[i]);
    }
  });
  if (!is_number)
    return invalid_argument("a ", dtype_name(from.dtype()), " constant is no ", dtype_name(dtype_of<To>()), " value");
  TARN_RETURN_IF_ERROR(status);
  return to;
}

// int32 < int64 < float < double; the rest only with its like.
int width_of(DType dtype) {
  switch (dtype) {
    case DType::kInt32: return 1;
    case DType::kInt64: return 2;
    case DType::kFloat: return 3;
    case DType::kDouble: return 4;
    default: return 0;
  }
}

Result<Tensor> stack(std::vector<Tensor> elements, const std::vector<bool>& is_literal) {
  DType dtype = elements[0].dtype();
  for (const Tensor& element : elements) {
    if (width_of(element.dtype()) > width_of(dtype)) dtype = element.dtype();
  }
  const Shape shape = elements[0].shape();
  for (size_t i = 0; i < elements.size(); ++i) {
    Tensor& element = elements[i];
    if (!(element.shape() == shape)) {
      return invalid_argument("a list has an element of shape ", shape.to_string(), " and one of shape ",
                              element.shape().to_string());
    }
    if (element.dtype() == dtype) continue;
    bool can_widen = is_literal[i] && width_of(element.dtype()) > 0 && width_of(dtype) > 0;
    if (!can_widen) {
      return invalid_argument("a list has elements of type ", dtype_name(dtype), " and of type ",
                              dtype_name(element.dtype()));
    }
    TARN_ASSIGN_OR_RETURN(element, cast_literal(element, dtype));
  }
  Shape stacked{static_cast<int64_t>(elements.size())};
  for (int64_t dim : shape.dims()) stacked.add_dim(dim);
  TARN_ASSIGN_OR_RETURN(Tensor out, Tensor::allocate(dtype, stacked));
  const auto each = static_cast<size_t>(elements[0].element_count());
  if (dtype == DType::kString) {
    std::span<std::string> to = out.mutable_flat<std::string>();
    for (size_t i = 0; i < elements.size(); ++i) {
      std::span<const std::string> from = elements[i].flat<std::string>();
      std::copy(from.begin(), from.end(), to.begin() + static_cast<ptrdiff_t>(i * each));
    }
    return out;
  }
  auto* to = static_cast<std::byte*>(out.mutable_data());
  for (const Tensor& element : elements) {
    const auto* from = static_cast<const std::byte*>(element.data());
    to = std::copy(from, from + element.byte_size(), to);
  }
  return out;
}

}  // namespace

const Node& Operation::node() const {
  return is_none() ? no_node() : graph_->node(id_);
}

Output Operation::output(int i) const {
  return i < num_outputs() ? Output(*this, i) : Output();
}

std::string Output::name() const {
  return is_none() ? "" : str_cat(operation_.name(), ":", index_);
}

const Fact& Output::fact() const {
  static const Fact unknown;
  return is_none() || index_ >= operation_.num_outputs() ? unknown
                                                         : operation_.node().outputs[static_cast<size_t>(index_)];
}

Input::Initializer::Initializer(std::initializer_list<Initializer> elements) : is_literal_(true) {
  if (elements.size() == 0) {
    tensor_ = Tensor::vector<int32_t>({});
    return;
  }
  std::vector<Tensor> tensors;
  std::vector<bool> literal;
  for (const Initializer& element : elements) {
    status_.update(element.status_);
    tensors.push_back(element.tensor_);
    literal.push_back(element.is_literal_);
    is_literal_ = is_literal_ && element.is_literal_;
  }
  if (!status_.ok()) return;
  Result<Tensor> stacked = stack(std::move(tensors), literal);
  if (stacked.ok()) {
    tensor_ = *std::move(stacked);
  } else {
    status_ = stacked.status();
  }
}

Result<Tensor> cast_literal(const Tensor& tensor, DType dtype) {
  if (tensor.dtype() == dtype) return tensor;
  switch (dtype) {
    case DType::kBool: return cast_to<bool>(tensor);
    case DType::kInt8: return cast_to<int8_t>(tensor);
    case DType::kInt16: return cast_to<int16_t>(tensor);
    case DType::kInt32: return cast_to<int32_t>(tensor);
    case DType::kInt64: return cast_to<int64_t>(tensor);
    case DType::kUInt8: return cast_to<uint8_t>(tensor);
    case DType::kUInt16: return cast_to<uint16_t>(tensor);
    case DType::kUInt32: return cast_to<uint32_t>(tensor);
    case DType::kUInt64: return cast_to<uint64_t>(tensor);
    case DType::kFloat: return cast_to<float>(tensor);
    case DType::kDouble: return cast_to<double>(tensor);
    default:
      return invalid_argument("a ", dtype_name(tensor.dtype()), " constant cannot become ", dtype_name(dtype),
                              "; give a Tensor of that type");
  }
}

}  // namespace tarn
