// What motifs (motifs/*.cc) are written with: lines of graph text whose names nobody has to think of, values to begin
// with, dtypes and constants.
//
//   bool draw_twice_negated(Piece& piece) {
//     Lines lines{piece};
//     Chosen x = choose(piece);
//     lines("Neg(", lines("Neg(", x.name, ")"), ")");
//     return true;
//   }
#pragma once

#include <string>
#include <vector>

#include "graph/text.h"
#include "tests/property/random_graph.h"

namespace tarn::testing {

// f32 mostly, f64, f16.
DType float_dtype(Random& random);
// Of a dtype that motifs compute with: f32, f64, f16.
bool is_float(const GrownValue& value);
// "f32"
std::string word(DType dtype);
// "{1, 2}"
std::string ints_text(const std::vector<int>& values);
Tensor float_scalar(DType dtype, double value);
// Of at least 0.25, or half precision's [0.5, 1).
Tensor positive(Tensor tensor);

// A name for what a line gives, and the line.
struct Lines {
  Piece& piece;
  int next = 0;
  template <class... Args>
  std::string operator()(const Args&... right) {
    std::string name = str_cat("n", next++);
    piece.line(name, " = ", right...);
    return name;
  }
  std::string ints(const std::vector<int>& values) {
    std::string name = str_cat("n", next++);
    piece.line(name, ": i32[", values.size(), "] = ", values.empty() ? "zeros" : ints_text(values));
    return name;
  }
  std::string scalar(DType dtype, double value) {
    return piece.constant(str_cat("n", next++), float_scalar(dtype, value));
  }
};

struct Chosen {
  std::string name;
  DType dtype;
  Shape shape;
};
// Any float value at hand of such a rank, or a new Placeholder.
Chosen choose(Piece& piece, int least_rank = 0, int most_rank = 6);
// Of rank 4.
Chosen choose_image(Piece& piece, DType dtype = DType::kInvalid);

}  // namespace tarn::testing
