#include "ops/support/array.h"

#include <algorithm>
#include <cstring>

#include "core/search.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

size_t stored_size(DType dtype) {
  return dtype == DType::kString ? sizeof(std::string) : dtype_size(dtype);
}

// Elements of 16 bytes (complex128) move as two of these.
struct Bytes16 {
  uint64_t half[2];
};

template <class T>
void copy_row(T* to, const T* from, int64_t to_step, int64_t from_step, int64_t n) {
  if (to_step == 1 && from_step == 1) {
    if constexpr (std::is_trivially_copyable_v<T>) {
      std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
    } else {
      for (int64_t i = 0; i < n; ++i) to[i] = from[i];
    }
  } else {
    for (int64_t i = 0; i < n; ++i) to[i * to_step] = from[i * from_step];
  }
}

}  // namespace

int64_t IntList::operator[](int64_t i) const {
  switch (dtype_) {
    case DType::kInt8: return static_cast<const int8_t*>(data_)[i];
    case DType::kUInt8: return static_cast<const uint8_t*>(data_)[i];
    case DType::kInt16: return static_cast<const int16_t*>(data_)[i];
    case DType::kUInt16: return static_cast<const uint16_t*>(data_)[i];
    case DType::kInt32: return static_cast<const int32_t*>(data_)[i];
    case DType::kInt64: return static_cast<const int64_t*>(data_)[i];
    default: assert(false && "not an integer input"); return 0;
  }
}

std::string IntList::to_string() const {
  std::string out = "[";
  constexpr int64_t kMost = 16;
  for (int64_t i = 0; i < size() && i < kMost; ++i) str_append(out, i > 0 ? ", " : "", (*this)[i]);
  return out + (size() > kMost ? ", …]" : "]");
}

bool store_int(const TensorView& to, int64_t i, int64_t value) {
  if (to.dtype == DType::kInt64) {
    to.as<int64_t>()[i] = value;
    return true;
  }
  to.as<int32_t>()[i] = static_cast<int32_t>(value);
  return value == static_cast<int32_t>(value);
}

std::optional<Tensor> int_tensor(DType dtype, const Shape& shape, std::span<const int64_t> values) {
  Result<Tensor> tensor = Tensor::allocate(dtype, shape);
  if (!tensor.ok()) return std::nullopt;
  TensorView view{dtype, &shape, tensor->mutable_data(), tensor->element_count()};
  for (size_t i = 0; i < values.size(); ++i) {
    if (!store_int(view, static_cast<int64_t>(i), values[i])) return std::nullopt;
  }
  return *std::move(tensor);
}

Result<int> resolve_axis(int64_t axis, int rank, std::string_view name) {
  if (axis < -rank || axis >= rank) {
    return invalid_argument(name, " ", axis, " is out of range for rank ", rank, ": expected [", -rank, ", ", rank,
                            ")");
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Result<int64_t> single_int(const IntList& values, std::string_view name) {
  if (values.size() != 1)
    return invalid_argument("input '", name, "' must be a scalar, has ", values.size(), " elements");
  return values[0];
}

Status expect_single(const InferContext& c, int input, std::string_view name) {
  const Shape& shape = c.shape(input);
  if (!shape.has_rank() || shape.rank() == 0) return {};
  if (shape.rank() == 1 && (shape.dim(0) == 1 || shape.dim(0) == kUnknownDim)) return {};
  return invalid_argument("input '", name, "' must be a scalar, has shape ", shape);
}

Result<Shape> shape_from(const IntList& dims, std::string_view name) {
  if (dims.size() > kMaxRank) return invalid_argument(name, " has ", dims.size(), " dims, at most ", kMaxRank);
  Shape shape;
  for (int64_t d = 0; d < dims.size(); ++d) {
    if (dims[d] < 0) return invalid_argument(name, "[", d, "] must be >= 0, not ", dims[d]);
    shape.add_dim(dims[d]);
  }
  TARN_RETURN_IF_ERROR(shape.element_count().status());
  return shape;
}

constexpr int64_t kMostFollowed = 1024;  // elements; a longer vector is no shape, and infer copies it at each step

std::optional<std::vector<int64_t>> known_elements(const InferContext& c, int input) {
  const Fact& fact = c.input(input);
  if (fact.dtype != DType::kInt32 && fact.dtype != DType::kInt64) return std::nullopt;
  if (fact.shape.rank() != 0 && (fact.shape.rank() != 1 || fact.shape.dim(0) == kUnknownDim)) return std::nullopt;
  int64_t count = fact.shape.is_scalar() ? 1 : fact.shape.dim(0);
  if (count > kMostFollowed) return std::nullopt;
  if (fact.elements.size() == static_cast<size_t>(count)) return fact.elements;
  std::vector<int64_t> elements(static_cast<size_t>(count), kUnknownElement);
  if (std::optional<IntList> values = IntList::known(c, input)) {
    for (int64_t i = 0; i < count; ++i) elements[static_cast<size_t>(i)] = (*values)[i];
  }
  return elements;
}

void set_known_elements(InferContext& c, int output, const Shape& shape, std::vector<int64_t> elements) {
  DType dtype = c.output(output).dtype;
  if (dtype != DType::kInt32 && dtype != DType::kInt64) return;
  if (!contains(elements, kUnknownElement)) {
    std::optional<Tensor> value = int_tensor(dtype, shape, elements);
    if (value) c.set_value(output, *value);
  } else if (shape.rank() == 1) {
    c.output(output).elements = std::move(elements);
  }
}

Result<Shape> known_shape(const InferContext& c, int input, std::string_view name) {
  if (std::optional<IntList> dims = IntList::known(c, input)) return shape_from(*dims, name);
  const Shape& length = c.shape(input);
  if (length.rank() == 1 && length.dim(0) > kMaxRank) {
    return invalid_argument(name, " has ", length.dim(0), " elements, at most ", kMaxRank);
  }
  std::optional<std::vector<int64_t>> elements = known_elements(c, input);
  if (!elements) return Shape::unknown();
  Shape shape;
  for (size_t d = 0; d < elements->size(); ++d) {
    int64_t dim = (*elements)[d];
    if (dim < 0 && dim != kUnknownElement) return invalid_argument(name, "[", d, "] must be >= 0, not ", dim);
    shape.add_dim(dim == kUnknownElement ? kUnknownDim : dim);
  }
  return shape;
}

void row_strides(const Shape& shape, std::span<int64_t> strides) {
  int64_t stride = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    strides[static_cast<size_t>(d)] = stride;
    stride *= shape.dim(d);
  }
}

int64_t dim_product(const Shape& shape, int begin, int end) {
  int64_t product = 1;
  for (int d = begin; d < end; ++d) product *= shape.dim(d);
  return product;
}

Status set_output_checked(InferContext& c, int i, const Shape& shape) {
  if (shape.is_fully_known()) {
    Result<int64_t> count = shape.element_count();
    if (!count.ok()) return count.status();
  }
  return c.set_output(i, shape);
}

Status StridedCopy::add_dim(int64_t size, int64_t to_stride, int64_t from_stride) {
  if (size == 0) empty_ = true;
  if (size == 1) return {};
  if (rank_ > 0 && to_stride_[rank_ - 1] == size * to_stride && from_stride_[rank_ - 1] == size * from_stride) {
    dims_[rank_ - 1] *= size;
    to_stride_[rank_ - 1] = to_stride;
    from_stride_[rank_ - 1] = from_stride;
    return {};
  }
  if (rank_ == kMostDims) return unimplemented("moving a block of more than ", kMostDims, " dims");
  dims_[rank_] = size;
  to_stride_[rank_] = to_stride;
  from_stride_[rank_] = from_stride;
  ++rank_;
  return {};
}

template <class T>
void StridedCopy::run_typed(T* to, const T* from, ThreadPool& threads) const {
  if (rank_ == 0) {
    *to = *from;
    return;
  }
  int inner = rank_ - 1;
  int64_t n = dims_[inner], to_step = to_stride_[inner], from_step = from_stride_[inner];
  if (rank_ == 1) {
    threads.parallel_for(n, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      copy_row(to + begin * to_step, from + begin * from_step, to_step, from_step, end - begin);
    });
    return;
  }
  int64_t rows = 1;
  for (int d = 0; d < inner; ++d) rows *= dims_[d];
  threads.parallel_for(rows, std::max<int64_t>(1, kElementsPerRange / n), [&](int64_t begin, int64_t end, int) {
    int64_t index[kMostDims];
    int64_t rest = begin, to_offset = 0, from_offset = 0;
    for (int d = inner - 1; d >= 0; --d) {
      index[d] = rest % dims_[d];
      rest /= dims_[d];
      to_offset += index[d] * to_stride_[d];
      from_offset += index[d] * from_stride_[d];
    }
    for (int64_t row = begin; row < end; ++row) {
      copy_row(to + to_offset, from + from_offset, to_step, from_step, n);
      for (int d = inner - 1; d >= 0; --d) {
        to_offset += to_stride_[d];
        from_offset += from_stride_[d];
        if (++index[d] < dims_[d]) break;
        to_offset -= to_stride_[d] * dims_[d];
        from_offset -= from_stride_[d] * dims_[d];
        index[d] = 0;
      }
    }
  });
}

void StridedCopy::run(DType dtype, void* to, const void* from, ThreadPool& threads) const {
  if (empty_) return;
  auto typed = [&]<class T>(T) { run_typed(static_cast<T*>(to), static_cast<const T*>(from), threads); };
  if (dtype == DType::kString) {
    run_typed(static_cast<std::string*>(to), static_cast<const std::string*>(from), threads);
    return;
  }
  switch (dtype_size(dtype)) {
    case 1: typed(uint8_t()); break;
    case 2: typed(uint16_t()); break;
    case 4: typed(uint32_t()); break;
    case 8: typed(uint64_t()); break;
    case 16: typed(Bytes16()); break;
    default: assert(false && "no storage");
  }
}

const void* element_at(const TensorView& view, int64_t offset) {
  return static_cast<const char*>(view.data) + static_cast<size_t>(offset) * stored_size(view.dtype);
}

void* mutable_element_at(const TensorView& view, int64_t offset) {
  return static_cast<char*>(view.data) + static_cast<size_t>(offset) * stored_size(view.dtype);
}

void copy_elements(DType dtype, void* to, const void* from, int64_t n) {
  if (n == 0) return;
  if (dtype == DType::kString) {
    copy_row(static_cast<std::string*>(to), static_cast<const std::string*>(from), 1, 1, n);
  } else {
    std::memcpy(to, from, static_cast<size_t>(n) * dtype_size(dtype));
  }
}

void fill_elements(DType dtype, void* to, const void* value, int64_t n, ThreadPool& threads) {
  if (n == 0) return;
  StridedCopy copy;
  (void)copy.add_dim(n, 1, 0);  // one dim always fits
  copy.run(dtype, to, value, threads);
}

void zero_elements(DType dtype, void* to, int64_t n) {
  if (n == 0) return;
  if (dtype == DType::kString) {
    auto* strings = static_cast<std::string*>(to);
    for (int64_t i = 0; i < n; ++i) strings[i].clear();
  } else {
    std::memset(to, 0, static_cast<size_t>(n) * dtype_size(dtype));
  }
}

}  // namespace tarn
