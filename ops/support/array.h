// What ops that move elements share: integer inputs read alike by infer and by kernels, axes, and one strided copy.
//
//   TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(c.attr<int64_t>("axis"), rank, "axis"));
//   StridedCopy copy;
//   for (int d = 0; d < rank; ++d) TARN_RETURN_IF_ERROR(copy.add_dim(size[d], to_stride[d], from_stride[d]));
//   copy.run(dtype, to, from, c.threads());
#pragma once

#include <optional>
#include <vector>

#include "core/kernel.h"
#include "core/op.h"

namespace tarn {

// The elements of an integer tensor (int8 … int64, uint8, uint16), wherever they are; owns nothing.
class IntList {
 public:
  IntList(DType dtype, const void* data, int64_t count) : dtype_(dtype), data_(data), count_(count) {}
  static IntList of(const TensorView& view) { return {view.dtype, view.data, view.count}; }
  static IntList of(const Tensor& tensor) { return {tensor.dtype(), tensor.data(), tensor.element_count()}; }
  // Of an input that is a constant; nullopt if it is not.
  static std::optional<IntList> known(const InferContext& c, int input) {
    if (!c.input(input).has_value()) return std::nullopt;
    return of(c.input(input).value);
  }
  int64_t size() const { return count_; }
  int64_t operator[](int64_t i) const;
  std::string to_string() const;  // "[1, -2]"

 private:
  DType dtype_;
  const void* data_;
  int64_t count_;
};

// Writes an int32 or int64 element; false if `value` does not fit.
bool store_int(const TensorView& to, int64_t i, int64_t value);
// A tensor of that dtype, or nullopt if a value does not fit. `shape` has as many elements.
std::optional<Tensor> int_tensor(DType dtype, const Shape& shape, std::span<const int64_t> values);

// axis in [-rank, rank) as [0, rank); the error names both.
Result<int> resolve_axis(int64_t axis, int rank, std::string_view name);
// The only element of an input that must be a scalar. TensorFlow takes a vector of one element too.
Result<int64_t> single_int(const IntList& values, std::string_view name);
Status expect_single(const InferContext& c, int input, std::string_view name);

// The shape that an input called `name` holds. Errors: too many dims, negative ones, a product that overflows.
Result<Shape> shape_from(const IntList& dims, std::string_view name);

// What infer knows of the shape that input i, an integer vector called `name`, holds: all of it, some dims, its rank,
// nothing. Errors as those of shape_from.
Result<Shape> known_shape(const InferContext& c, int input, std::string_view name);
// The elements of an integer vector or scalar, kUnknownElement where not known; nullopt if not even their number is.
std::optional<std::vector<int64_t>> known_elements(const InferContext& c, int input);
// Its reverse, for a vector or scalar output: a value if all are known.
void set_known_elements(InferContext& c, int output, const Shape& shape, std::vector<int64_t> elements);

// Elements from one to the other dim of each axis step; 1 for the last. `strides` has room for the rank.
void row_strides(const Shape& shape, std::span<int64_t> strides);
// Product of dims [begin, end) of a shape that exists in memory.
int64_t dim_product(const Shape& shape, int begin, int end);
// Sets output i after checking that a fully known shape has a countable number of elements.
Status set_output_checked(InferContext& c, int i, const Shape& shape);

// Copies a block of elements between two places with steps of their own. Dims come from the outermost in; neighbours
// that both sides walk contiguously become one.
class StridedCopy {
 public:
  static constexpr int kMostDims = 16;
  // Unimplemented if more than kMostDims dims remain.
  Status add_dim(int64_t size, int64_t to_stride, int64_t from_stride);
  void run(DType dtype, void* to, const void* from, ThreadPool& threads) const;

 private:
  template <class T>
  void run_typed(T* to, const T* from, ThreadPool& threads) const;

  int rank_ = 0;
  bool empty_ = false;
  int64_t dims_[kMostDims], to_stride_[kMostDims], from_stride_[kMostDims];
};

// Pointer `offset` elements on.
const void* element_at(const TensorView& view, int64_t offset);
void* mutable_element_at(const TensorView& view, int64_t offset);
// n elements, strings too.
void copy_elements(DType dtype, void* to, const void* from, int64_t n);
void fill_elements(DType dtype, void* to, const void* value, int64_t n, ThreadPool& threads);
// 0, false, "": what ZerosLike writes.
void zero_elements(DType dtype, void* to, int64_t n);

}  // namespace tarn
