// MatrixDiagV2 and V3, MatrixDiagPartV2 and V3, MatrixSetDiagV2 and V3.
#include <gtest/gtest.h>

#include <optional>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// The definition, element by element: where in [diagonals, longest] (or [longest]) element (row, column) of a matrix
// is, if it is there at all.
struct Diagonals {
  int64_t low, high, rows, columns;
  std::string align;

  Diagonals(const Tensor& k, int64_t row_count, int64_t column_count, const AttrMap& attrs)
      : low(int_list(k).front()),
        high(int_list(k).back()),
        rows(row_count),
        columns(column_count),
        align(attrs.contains("align") ? attrs.get<std::string>("align") : "LEFT_LEFT") {}

  int64_t length(int64_t diagonal) const {
    int64_t n = 0;
    for (int64_t row = 0; row < rows; ++row) n += row + diagonal >= 0 && row + diagonal < columns ? 1 : 0;
    return n;
  }
  int64_t longest() const {
    int64_t n = 0;
    for (int64_t d = low; d <= high; ++d) n = std::max(n, length(d));
    return n;
  }
  std::optional<Index> place(Index index) const {
    int64_t column = index.back(), row = index[index.size() - 2], d = column - row;
    if (d < low || d > high) return std::nullopt;
    index.resize(index.size() - 2);
    if (low < high) index.push_back(high - d);
    std::string side = d > 0 ? align.substr(0, align.find('_')) : align.substr(align.find('_') + 1);
    bool is_right = d != 0 && side == "RIGHT";  // the main diagonal is as long as any
    index.push_back(std::min(row, column) + (is_right ? longest() - length(d) : 0));
    return index;
  }
};

Shape batch_of(const Shape& shape, int dims) {
  return Shape(shape.dims().first(static_cast<size_t>(shape.rank() - dims)));
}

Tensors diag(const Tensors& in, const AttrMap& attrs) {
  std::vector<int64_t> k = int_list(in[1]);
  Diagonals diagonals(in[1], int_list(in[2])[0], int_list(in[3])[0], attrs);
  if (diagonals.rows == -1) {  // the smallest square
    int64_t off = k.front() > 0 ? k.front() : k.back() < 0 ? -k.back() : 0;
    diagonals.rows = diagonals.columns = in[0].shape().dim(-1) + off;
  }
  Shape shape = batch_of(in[0].shape(), diagonals.low < diagonals.high ? 2 : 1);
  shape.add_dim(diagonals.rows);
  shape.add_dim(diagonals.columns);
  return {by_index(shape, [&](const Index& index) {
    std::optional<Index> from = diagonals.place(index);
    return from ? at(in[0], *from) : in[4].flat<double>()[0];
  })};
}

Tensors part(const Tensors& in, const AttrMap& attrs) {
  const Shape& matrix = in[0].shape();
  Diagonals diagonals(in[1], matrix.dim(-2), matrix.dim(-1), attrs);
  Shape shape = batch_of(matrix, 2);
  if (diagonals.low < diagonals.high) shape.add_dim(diagonals.high - diagonals.low + 1);
  shape.add_dim(diagonals.longest());
  std::map<Index, double> elements;
  by_index(matrix, [&](const Index& index) {
    if (std::optional<Index> to = diagonals.place(index)) elements[*to] = at(in[0], index);
    return 0.0;
  });
  return {by_index(shape, [&](const Index& index) {
    auto found = elements.find(index);
    return found == elements.end() ? in[2].flat<double>()[0] : found->second;
  })};
}

Tensors set(const Tensors& in, const AttrMap& attrs) {
  Diagonals diagonals(in[2], in[0].shape().dim(-2), in[0].shape().dim(-1), attrs);
  return {by_index(in[0].shape(), [&](const Index& index) {
    std::optional<Index> from = diagonals.place(index);
    return from ? at(in[1], *from) : at(in[0], index);
  })};
}

TARN_OP_CASES(matrix_diagonals) {
  OpCases cases;
  struct Sample {
    const char* label;
    Shape matrix, diagonal;
    std::vector<int32_t> k;
    const char* align;  // of V3; null: of V2
  };
  const Sample samples[] = {
      {"main", {3, 4}, {3}, {0}, nullptr},
      {"above", {2, 3, 4}, {2, 3}, {1}, "RIGHT_LEFT"},
      {"below", {4, 2}, {1}, {-3}, "RIGHT_LEFT"},
      {"band", {2, 4, 3}, {2, 3, 3}, {-1, 1}, nullptr},
      {"band, right and left", {4, 3}, {4, 3}, {-2, 1}, "RIGHT_LEFT"},
      {"band, left and right", {2, 2, 3}, {2, 4, 2}, {-1, 2}, "LEFT_RIGHT"},
      {"band, right", {3, 3}, {5, 3}, {-2, 2}, "RIGHT_RIGHT"},
      {"band below, left", {5, 3}, {2, 3}, {-3, -2}, "LEFT_LEFT"},
      {"band below", {4, 2}, {2, 2}, {-2, -1}, nullptr},
      {"nothing", {0, 2, 2}, {0, 2}, {0}, "RIGHT_LEFT"},
  };
  for (const Sample& sample : samples) {
    std::string version = sample.align == nullptr ? "V2" : "V3";
    AttrMap attrs;
    if (sample.align != nullptr) attrs.set("align", std::string(sample.align));
    Shape k_shape = sample.k.size() == 1 ? Shape{} : Shape{2};
    Tensor k = Tensor::from<int32_t>(k_shape, std::span<const int32_t>(sample.k));
    Tensor matrix = uniform(sample.matrix), diagonal = uniform(sample.diagonal, -1, 1, 2), padding = doubles({}, {7});
    auto rows = static_cast<int32_t>(sample.matrix.dim(-2)), columns = static_cast<int32_t>(sample.matrix.dim(-1));
    auto add = [&](const std::string& op, Tensors inputs, auto reference, std::vector<int> differentiated) {
      cases.push_back({.op = op + version,
                       .label = sample.label,
                       .attrs = attrs,
                       .inputs = std::move(inputs),
                       .reference = reference,
                       .gradient_inputs = std::move(differentiated)});  // TensorFlow gives padding values none
    };
    add("MatrixDiag", {diagonal, k, Tensor::scalar(rows), Tensor::scalar(columns), padding}, diag, {0});
    add("MatrixDiagPart", {matrix, k, padding}, part, {0});
    add("MatrixSetDiag", {matrix, diagonal, k}, set, {0, 1});
  }
  Tensor any = Tensor::scalar<int32_t>(-1);
  cases.push_back({.op = "MatrixDiagV3",
                   .label = "smallest square",
                   .inputs = {uniform({2, 3}), ints({2}, {1, 2}), any, any, doubles({}, {0})},
                   .reference = diag,
                   .gradient_inputs = {0}});
  return cases;
}

std::string refusal(const char* op, const Tensors& inputs) {
  Result<Tensors> y = evaluate_op(op_table(), op, {}, inputs);
  return y.ok() ? "accepted" : std::string(y.status().message());
}

TEST(MatrixDiagonals, RefuseBandsThatTheMatrixDoesNotHave) {
  Tensor zero = doubles({}, {0}), any = ints({}, {-1});
  EXPECT_EQ(refusal("MatrixDiagPartV3", {iota({2, 3}), ints({}, {3}), zero}),
            "MatrixDiagPartV3 'evaluate': diagonal 3 is not in a matrix of 2 x 3 (input [2,3]): need -2 < k < 3 (input "
            "f64[2,3], k i32[], padding_value f64[])");
  EXPECT_NE(refusal("MatrixDiagPartV3", {iota({2, 3}), ints({2}, {1, 0}), zero}).find("k is [1, 0]"),
            std::string::npos);
  EXPECT_NE(refusal("MatrixDiagPartV3", {iota({2, 3}), ints({3}, {0, 0, 0}), zero}).find("has shape [3]"),
            std::string::npos);
  EXPECT_NE(refusal("MatrixSetDiagV3", {iota({2, 3}), iota({3}), ints({}, {0})}).find("must have shape [2]"),
            std::string::npos);
  EXPECT_NE(refusal("MatrixDiagV3", {iota({3}), ints({}, {0}), ints({}, {2}), any, zero}).find("2 x 3"),
            std::string::npos);
  EXPECT_NE(refusal("MatrixDiagV3", {iota({3}), ints({}, {0}), ints({}, {-2}), any, zero}).find(">= -1"),
            std::string::npos);
  EXPECT_NE(refusal("MatrixDiagV3", {iota({3, 2}), ints({2}, {0, 1}), any, any, zero}).find("are 2 diagonals"),
            std::string::npos);
}

}  // namespace
}  // namespace tarn::testing
