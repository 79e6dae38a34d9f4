// Tensor: dtype + shape + a shared buffer (or a view of memory that somebody else keeps alive, such as a mapped file).
//
//   Tensor t = Tensor::from<float>({2, 2}, {1, 2, 3, 4});
//   for (float v : t.flat<float>()) …
//   t.mutable_flat<float>()[0] = 5;      // copies first if the buffer is shared
//
// Copying a Tensor shares its buffer. Row-major (C order); strings are std::string objects.
// Thread-compatible: any number of readers.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/shape.h"
#include "core/status.h"

namespace tarn {

constexpr size_t kTensorAlignment = 64;  // bytes; a cache line, and an AVX-512 vector

// Owned memory, 64-byte aligned, freed when the last Tensor lets go.
class Buffer {
 public:
  // `count` elements of `dtype`, strings constructed, plain bytes not initialised. ResourceExhausted if memory is
  // short.
  static Result<std::shared_ptr<Buffer>> allocate(DType dtype, int64_t count);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void* data() { return data_; }
  const void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  Buffer() = default;
  void* data_ = nullptr;
  size_t bytes_ = 0;
  int64_t string_count_ = 0;  // > 0: the memory holds that many std::string
};

class Tensor {
 public:
  Tensor() = default;  // invalid: dtype() == kInvalid
  // Once for all: they are called everywhere, and not short.
  Tensor(const Tensor& other);
  Tensor(Tensor&& other) noexcept;
  Tensor& operator=(const Tensor& other);
  Tensor& operator=(Tensor&& other) noexcept;
  ~Tensor();

  // Uninitialised elements. Errors: shape not fully known, too large, out of memory.
  static Result<Tensor> allocate(DType dtype, const Shape& shape);
  static Result<Tensor> zeros(DType dtype, const Shape& shape);
  // Looks at `data` without copying; `owner` (may be null for memory that outlives everything) is kept alive. Never
  // written through.
  static Tensor view(DType dtype, const Shape& shape, const void* data, std::shared_ptr<const void> owner);

  // For values known to be small and right, as in tests and builders: aborts only if memory for them is short.
  template <class T>
  static Tensor scalar(T value) {
    return from<T>(Shape(), std::span<const T>(&value, 1));
  }
  // An invalid tensor (is_valid() is false; a session that is fed it says so) if `values` are not as many as `shape`
  // has elements, or there is no memory.
  template <class T>
  static Tensor from(const Shape& shape, std::initializer_list<T> values) {
    return from<T>(shape, std::span<const T>(values.begin(), values.size()));
  }
  template <class T>
  static Tensor from(const Shape& shape, std::span<const T> values);
  template <class T>
  static Tensor vector(std::span<const T> values) {
    return from<T>(Shape{static_cast<int64_t>(values.size())}, values);
  }

  bool is_valid() const { return dtype_ != DType::kInvalid; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t element_count() const { return count_; }
  // Bytes of the elements; for strings the objects, not the text.
  size_t byte_size() const;

  const void* data() const { return data_; }
  // Makes the buffer ours alone (copying if it is shared or a view) and returns it.
  void* mutable_data();

  // The elements, row-major; none if T is not what the dtype is stored as.
  template <class T>
  std::span<const T> flat() const {
    if (!holds<T>()) return {};
    return {static_cast<const T*>(data_), static_cast<size_t>(count_)};
  }
  template <class T>
  std::span<T> mutable_flat() {
    if (!holds<T>()) return {};
    return {static_cast<T*>(mutable_data()), static_cast<size_t>(count_)};
  }
  // The first element, which of a scalar is the only one; T() if there is none, or none of type T.
  template <class T>
  T item() const {
    return count_ > 0 && holds<T>() ? flat<T>()[0] : T();
  }

  // The same elements under another shape with as many elements.
  Result<Tensor> reshaped(const Shape& shape) const;
  // The same bits under another dtype of equal size (uint8 <-> quint8).
  Tensor reinterpreted(DType dtype) const;
  // Whether both hold equal dtype, shape and bytes.
  bool identical_to(const Tensor& other) const;
  bool shares_buffer_with(const Tensor& other) const { return buffer_ != nullptr && buffer_ == other.buffer_; }
  const std::shared_ptr<Buffer>& buffer() const { return buffer_; }

  // "f32[2,2]{1, 2, 3, …}": at most `most` elements.
  std::string to_string(int most = 8) const;

 private:
  template <class T>
  bool holds() const;
  bool holds_integers(size_t size) const;

  DType dtype_ = DType::kInvalid;
  Shape shape_;
  int64_t count_ = 0;
  const void* data_ = nullptr;
  std::shared_ptr<Buffer> buffer_;     // null for views
  std::shared_ptr<const void> owner_;  // of a view
};

template <class T>
bool Tensor::holds() const {
  if constexpr (std::is_same_v<T, std::string> || std::is_floating_point_v<T> || std::is_same_v<T, bool>) {
    return dtype_ == dtype_of<T>();
  } else {
    return holds_integers(sizeof(T));
  }
}

template <class T>
Tensor Tensor::from(const Shape& shape, std::span<const T> values) {
  Result<int64_t> count = shape.element_count();
  if (!count.ok() || *count != static_cast<int64_t>(values.size())) return {};
  Result<Tensor> tensor = allocate(dtype_of<T>(), shape);
  if (!tensor.ok()) return {};
  std::span<T> out = tensor->mutable_flat<T>();
  for (size_t i = 0; i < values.size(); ++i) out[i] = values[i];
  return *std::move(tensor);
}

// Integer elements widened; int32 and int64 tensors only (shapes, axes, permutations).
Result<std::vector<int64_t>> int_values(const Tensor& tensor);

}  // namespace tarn
