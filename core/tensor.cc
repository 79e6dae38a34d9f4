#include "core/tensor.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace tarn {

Result<std::shared_ptr<Buffer>> Buffer::allocate(DType dtype, int64_t count) {
  size_t element = dtype == DType::kString ? sizeof(std::string) : dtype_size(dtype);
  if (element == 0) return unimplemented("tensors of ", dtype, " have no storage");
  constexpr uint64_t kMost = SIZE_MAX / 4;
  if (count < 0 || static_cast<uint64_t>(count) > kMost / element) {
    return resource_exhausted(count, " elements of ", dtype, " do not fit in memory");
  }
  // A whole number of vectors, and never 0: kernels may load a full vector at the end.
  size_t bytes = static_cast<size_t>(count) * element;
  size_t rounded = (bytes + 2 * kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
  void* data = std::aligned_alloc(kTensorAlignment, rounded);
  if (data == nullptr) return resource_exhausted("out of memory: ", bytes, " bytes for ", count, " ", dtype);
  std::shared_ptr<Buffer> buffer(new Buffer);
  buffer->data_ = data;
  buffer->bytes_ = bytes;
  if (dtype == DType::kString) {
    for (int64_t i = 0; i < count; ++i) new (static_cast<std::string*>(data) + i) std::string;
    buffer->string_count_ = count;
  }
  return buffer;
}

Buffer::~Buffer() {
  for (int64_t i = 0; i < string_count_; ++i) static_cast<std::string*>(data_)[i].~basic_string();
  std::free(data_);
}

Tensor::Tensor(const Tensor& other) = default;
Tensor::Tensor(Tensor&& other) noexcept = default;
Tensor& Tensor::operator=(const Tensor& other) = default;
Tensor& Tensor::operator=(Tensor&& other) noexcept = default;
Tensor::~Tensor() = default;

Result<Tensor> Tensor::allocate(DType dtype, const Shape& shape) {
  TARN_ASSIGN_OR_RETURN(int64_t count, shape.element_count());
  TARN_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer, Buffer::allocate(dtype, count));
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = shape;
  tensor.count_ = count;
  tensor.data_ = buffer->data();
  tensor.buffer_ = std::move(buffer);
  return tensor;
}

Result<Tensor> Tensor::zeros(DType dtype, const Shape& shape) {
  TARN_ASSIGN_OR_RETURN(Tensor tensor, allocate(dtype, shape));
  if (dtype != DType::kString) std::memset(tensor.buffer_->data(), 0, tensor.byte_size());
  return tensor;
}

Tensor Tensor::view(DType dtype, const Shape& shape, const void* data, std::shared_ptr<const void> owner) {
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = shape;
  tensor.count_ = shape.elements();
  tensor.data_ = data;
  tensor.owner_ = std::move(owner);
  return tensor;
}

// Which also are the codes of quantized types and the bits of half and bfloat16.
bool Tensor::holds_integers(size_t size) const {
  return dtype_ != DType::kString && dtype_ != DType::kFloat && dtype_ != DType::kDouble && dtype_size(dtype_) == size;
}

size_t Tensor::byte_size() const {
  return static_cast<size_t>(count_) * (dtype_ == DType::kString ? sizeof(std::string) : dtype_size(dtype_));
}

void* Tensor::mutable_data() {
  if (buffer_ != nullptr && buffer_.use_count() == 1) return buffer_->data();
  Result<Tensor> copy = allocate(dtype_, shape_);
  assert(copy.ok());
  if (!copy.ok()) return nullptr;
  if (dtype_ == DType::kString) {
    std::span<const std::string> from = flat<std::string>();
    auto* to = static_cast<std::string*>(copy->buffer_->data());
    for (size_t i = 0; i < from.size(); ++i) to[i] = from[i];
  } else if (count_ > 0) {
    std::memcpy(copy->buffer_->data(), data_, byte_size());
  }
  *this = *std::move(copy);
  return buffer_->data();
}

Result<Tensor> Tensor::reshaped(const Shape& shape) const {
  TARN_ASSIGN_OR_RETURN(int64_t count, shape.element_count());
  if (count != count_) {
    return invalid_argument("a tensor of shape ", shape_, " (", count_, " elements) cannot take shape ", shape, " (",
                            count, " elements)");
  }
  Tensor result = *this;
  result.shape_ = shape;
  return result;
}

Tensor Tensor::reinterpreted(DType dtype) const {
  assert(dtype_size(dtype) == dtype_size(dtype_));
  Tensor result = *this;
  result.dtype_ = dtype;
  return result;
}

bool Tensor::identical_to(const Tensor& other) const {
  if (dtype_ != other.dtype_ || !(shape_ == other.shape_)) return false;
  if (dtype_ == DType::kString) {
    for (int64_t i = 0; i < count_; ++i) {
      if (flat<std::string>()[i] != other.flat<std::string>()[i]) return false;
    }
    return true;
  }
  return count_ == 0 || std::memcmp(data_, other.data_, byte_size()) == 0;
}

std::string Tensor::to_string(int most) const {
  std::string out = str_cat(dtype_short_name(dtype_), shape_, "{");
  for (int64_t i = 0; i < count_ && i < most; ++i) {
    if (i > 0) out += ", ";
    switch (dtype_) {
      case DType::kFloat: str_append(out, flat<float>()[i]); break;
      case DType::kDouble: str_append(out, flat<double>()[i]); break;
      case DType::kInt32:
      case DType::kQInt32: str_append(out, flat<int32_t>()[i]); break;
      case DType::kInt64: str_append(out, flat<int64_t>()[i]); break;
      case DType::kInt16:
      case DType::kQInt16: str_append(out, flat<int16_t>()[i]); break;
      case DType::kInt8:
      case DType::kQInt8: str_append(out, static_cast<int>(flat<int8_t>()[i])); break;
      case DType::kUInt8:
      case DType::kQUInt8: str_append(out, static_cast<int>(flat<uint8_t>()[i])); break;
      case DType::kUInt16:
      case DType::kQUInt16: str_append(out, flat<uint16_t>()[i]); break;
      case DType::kUInt32: str_append(out, flat<uint32_t>()[i]); break;
      case DType::kUInt64: str_append(out, flat<uint64_t>()[i]); break;
      case DType::kBool: str_append(out, flat<bool>()[i]); break;
      case DType::kString: str_append(out, in_quotes(flat<std::string>()[i])); break;
      default: out += "?"; break;
    }
  }
  if (count_ > most) out += ", …";
  return out + "}";
}

Result<std::vector<int64_t>> int_values(const Tensor& tensor) {
  std::vector<int64_t> values;
  values.reserve(static_cast<size_t>(tensor.element_count()));
  if (tensor.dtype() == DType::kInt32) {
    for (int32_t v : tensor.flat<int32_t>()) values.push_back(v);
  } else if (tensor.dtype() == DType::kInt64) {
    for (int64_t v : tensor.flat<int64_t>()) values.push_back(v);
  } else {
    return invalid_argument("expected int32 or int64 values, got ", tensor.dtype());
  }
  return values;
}

}  // namespace tarn
