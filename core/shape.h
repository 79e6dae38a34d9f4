// A shape: known dims, unknown dims (-1), or unknown rank.
//
//   Shape s{-1, 28, 28, 1};   s.to_string() == "[?,28,28,1]";   s.element_count() -> error: dim 0 unknown
//   Shape::unknown().to_string() == "?"
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "core/status.h"

namespace tarn {

constexpr int64_t kUnknownDim = -1;
constexpr int kMaxRank = 254;  // TensorFlow's limit

// Thread-compatible. Up to six dims live inside the object; copying such a shape allocates nothing.
class Shape {
 public:
  Shape() = default;  // a scalar
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span<const int64_t>(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const int64_t> dims);
  Shape(const Shape& other) : Shape() { *this = other; }
  Shape& operator=(const Shape& other);
  Shape(Shape&& other) noexcept;
  Shape& operator=(Shape&& other) noexcept;
  ~Shape() {
    if (!is_inline()) let_go();
  }

  static Shape unknown();                  // unknown rank
  static Shape unknown_of_rank(int rank);  // rank known, dims not
  // Checks dims >= -1 and rank <= 254; errors name the bad value.
  static Result<Shape> make(std::span<const int64_t> dims);

  bool has_rank() const { return rank_ >= 0; }
  // The number of dims; -1 if unknown.
  int rank() const { return rank_; }
  std::span<const int64_t> dims() const { return {data(), rank_ < 0 ? 0 : static_cast<size_t>(rank_)}; }
  // Negative indices count from the end. The index must be in range.
  int64_t dim(int i) const { return data()[i < 0 ? i + rank_ : i]; }
  int64_t operator[](int i) const { return dim(i); }
  void set_dim(int i, int64_t value) { data()[i < 0 ? i + rank_ : i] = value; }
  void add_dim(int64_t value);
  bool is_scalar() const { return rank_ == 0; }
  // Rank and every dim known.
  bool is_fully_known() const;

  // Product of the dims; an error if something is unknown or the product overflows int64.
  Result<int64_t> element_count() const;
  // The same for a shape already known to be good.
  int64_t elements() const;

  bool operator==(const Shape& other) const;
  // True unless some known dim or rank contradicts.
  bool is_compatible_with(const Shape& other) const;
  // What both say together; an error naming both where they contradict.
  Result<Shape> merge(const Shape& other) const;
  std::string to_string() const;

 private:
  static constexpr int kInline = 6;
  bool is_inline() const { return rank_ <= kInline; }
  const int64_t* data() const { return is_inline() ? inline_ : heap_; }
  int64_t* data() { return is_inline() ? inline_ : heap_; }
  void take(int rank);  // uninitialized dims
  void let_go();

  int rank_ = 0;
  union {
    int64_t inline_[kInline] = {};
    int64_t* heap_;
  };
};

// NumPy's rule, dims from the right, 1 stretches. Unknown dims stay unknown where they can. Errors name both shapes.
Result<Shape> broadcast_shapes(const Shape& a, const Shape& b);

// a * b, or an error if the product leaves int64 or a factor is negative.
Result<int64_t> checked_multiply(int64_t a, int64_t b);

}  // namespace tarn
