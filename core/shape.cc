#include "core/shape.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/search.h"

namespace tarn {

void Shape::take(int rank) {
  rank_ = rank;
  if (!is_inline()) heap_ = new int64_t[static_cast<size_t>(rank)];
}

void Shape::let_go() {
  delete[] heap_;
}

Shape::Shape(std::span<const int64_t> dims) {
  take(static_cast<int>(dims.size()));
  std::copy(dims.begin(), dims.end(), data());
}

Shape& Shape::operator=(const Shape& other) {
  if (this == &other) return *this;
  if (!is_inline()) let_go();
  take(other.rank_);
  std::copy(other.dims().begin(), other.dims().end(), data());
  return *this;
}

Shape::Shape(Shape&& other) noexcept {
  *this = std::move(other);
}

Shape& Shape::operator=(Shape&& other) noexcept {
  if (this == &other) return *this;
  if (!is_inline()) let_go();
  std::memcpy(static_cast<void*>(this), &other, sizeof(*this));
  other.rank_ = 0;
  return *this;
}

Shape Shape::unknown() {
  Shape shape;
  shape.rank_ = -1;
  return shape;
}

Shape Shape::unknown_of_rank(int rank) {
  Shape shape;
  for (int i = 0; i < rank; ++i) shape.add_dim(kUnknownDim);
  return shape;
}

Result<Shape> Shape::make(std::span<const int64_t> dims) {
  if (dims.size() > kMaxRank) return invalid_argument("rank ", dims.size(), " is above the limit of ", kMaxRank);
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] < kUnknownDim) return invalid_argument("dim ", i, " of a shape is ", dims[i], "; dims must be >= -1");
  }
  return Shape(dims);
}

void Shape::add_dim(int64_t value) {
  Shape longer;
  longer.take(std::max(rank_, 0) + 1);
  std::copy(dims().begin(), dims().end(), longer.data());
  longer.data()[longer.rank_ - 1] = value;
  *this = std::move(longer);
}

bool Shape::is_fully_known() const {
  if (rank_ < 0) return false;
  return all_of(dims(), [](int64_t dim) { return dim >= 0; });
}

Result<int64_t> Shape::element_count() const {
  if (!is_fully_known()) return invalid_argument("shape ", to_string(), " is not fully known");
  // A zero anywhere makes the product 0, but the other dims must still be sane together.
  int64_t product = 1;
  bool empty = false;
  for (int64_t dim : dims()) {
    if (dim == 0) {
      empty = true;
      continue;
    }
    Result<int64_t> next = checked_multiply(product, dim);
    if (!next.ok()) return invalid_argument("shape ", to_string(), " has more than 2^63 elements");
    product = *next;
  }
  return empty ? 0 : product;
}

int64_t Shape::elements() const {
  int64_t product = 1;
  for (int64_t dim : dims()) product *= dim;
  return product;
}

bool Shape::operator==(const Shape& other) const {
  return rank_ == other.rank_ && std::equal(dims().begin(), dims().end(), other.dims().begin());
}

bool Shape::is_compatible_with(const Shape& other) const {
  if (rank_ < 0 || other.rank_ < 0) return true;
  if (rank_ != other.rank_) return false;
  for (int i = 0; i < rank_; ++i) {
    if (dim(i) >= 0 && other.dim(i) >= 0 && dim(i) != other.dim(i)) return false;
  }
  return true;
}

Result<Shape> Shape::merge(const Shape& other) const {
  if (!is_compatible_with(other)) {
    return invalid_argument("shapes ", to_string(), " and ", other, " contradict");
  }
  if (rank_ < 0) return other;
  Shape result = *this;
  if (other.rank_ < 0) return result;
  for (int i = 0; i < rank_; ++i) {
    if (dim(i) < 0) result.set_dim(i, other.dim(i));
  }
  return result;
}

std::string Shape::to_string() const {
  if (rank_ < 0) return "?";
  std::string out = "[";
  for (int i = 0; i < rank_; ++i) {
    if (i > 0) out += ',';
    if (dim(i) < 0) {
      out += '?';
    } else {
      str_append(out, dim(i));
    }
  }
  return out + "]";
}

Result<Shape> broadcast_shapes(const Shape& a, const Shape& b) {
  if (!a.has_rank() || !b.has_rank()) return Shape::unknown();
  int rank = std::max(a.rank(), b.rank());
  Shape result = Shape::unknown_of_rank(rank);
  for (int i = 1; i <= rank; ++i) {
    int64_t x = i <= a.rank() ? a.dim(-i) : 1;
    int64_t y = i <= b.rank() ? b.dim(-i) : 1;
    int64_t dim;
    if (x == 1) {
      dim = y;
    } else if (y == 1) {
      dim = x;
    } else if (x < 0 || y < 0) {
      dim = std::max(x, y);  // an unknown dim next to a known one > 1 must equal it (or be 1)
    } else if (x == y) {
      dim = x;
    } else {
      return invalid_argument("shapes ", a, " and ", b, " do not broadcast: ", x, " against ", y, " in dim ", rank - i);
    }
    result.set_dim(-i, dim);
  }
  return result;
}

Result<int64_t> checked_multiply(int64_t a, int64_t b) {
  int64_t product;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product)) {
    return invalid_argument(a, " times ", b, " is out of range");
  }
  return product;
}

}  // namespace tarn
