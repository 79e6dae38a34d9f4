// MatrixDiag, MatrixDiagPart, MatrixSetDiag, MatrixBandPart, Diag and DiagPart.
#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Index without_last(Index index) {
  index.pop_back();
  return index;
}

Shape with_dims(const Shape& shape, int keep, std::initializer_list<int64_t> dims) {
  Shape result(shape.dims().first(static_cast<size_t>(keep)));
  for (int64_t dim : dims) result.add_dim(dim);
  return result;
}

Tensors diag(const Tensors& in, const AttrMap&) {
  const Shape& shape = in[0].shape();
  return {by_index(with_dims(shape, shape.rank(), {shape.dim(-1)}), [&](const Index& index) {
    size_t n = index.size();
    return index[n - 1] == index[n - 2] ? at(in[0], without_last(index)) : 0;
  })};
}

Tensors part(const Tensors& in, const AttrMap&) {
  const Shape& shape = in[0].shape();
  return {by_index(with_dims(shape, shape.rank() - 2, {std::min(shape.dim(-2), shape.dim(-1))}), [&](Index index) {
    index.push_back(index.back());
    return at(in[0], index);
  })};
}

Tensors set(const Tensors& in, const AttrMap&) {
  return {by_index(in[0].shape(), [&](const Index& index) {
    size_t n = index.size();
    return index[n - 1] == index[n - 2] ? at(in[1], without_last(index)) : at(in[0], index);
  })};
}

Tensors band(const Tensors& in, const AttrMap&) {
  int64_t lower = int_list(in[1])[0], upper = int_list(in[2])[0];
  return {by_index(in[0].shape(), [&](const Index& index) {
    int64_t above = index[index.size() - 1] - index[index.size() - 2];
    bool inside = (lower < 0 || -above <= lower) && (upper < 0 || above <= upper);
    return inside ? at(in[0], index) : 0;
  })};
}

Tensors tensor_diag(const Tensors& in, const AttrMap&) {
  Shape shape = in[0].shape();
  int rank = shape.rank();
  for (int d = 0; d < rank; ++d) shape.add_dim(in[0].shape().dim(d));
  return {by_index(shape, [&](const Index& index) {
    Index first(index.begin(), index.begin() + rank), second(index.begin() + rank, index.end());
    return first == second ? at(in[0], first) : 0;
  })};
}

Tensors tensor_part(const Tensors& in, const AttrMap&) {
  return {by_index(with_dims(in[0].shape(), in[0].shape().rank() / 2, {}), [&](Index index) {
    Index twice = index;
    twice.insert(twice.end(), index.begin(), index.end());
    return at(in[0], twice);
  })};
}

TARN_OP_CASES(matrix_diag) {
  OpCases cases;
  for (const Shape& shape : {Shape{3}, Shape{2, 3}, Shape{2, 0}, Shape{2, 1, 4}}) {
    cases.push_back({.op = "MatrixDiag", .label = shape.to_string(), .inputs = {uniform(shape)}, .reference = diag});
    Tensor square = uniform(with_dims(shape, shape.rank(), {shape.dim(-1)}));
    cases.push_back({.op = "MatrixDiagPart", .label = shape.to_string(), .inputs = {square}, .reference = part});
    cases.push_back(
        {.op = "MatrixSetDiag", .label = shape.to_string(), .inputs = {square, uniform(shape)}, .reference = set});
  }
  Tensor wide = uniform({2, 3, 5}), tall = uniform({5, 2});
  cases.push_back({.op = "MatrixDiagPart", .label = "wide", .inputs = {wide}, .reference = part});
  cases.push_back({.op = "MatrixDiagPart", .label = "tall", .inputs = {tall}, .reference = part});
  cases.push_back({.op = "MatrixSetDiag", .label = "wide", .inputs = {wide, uniform({2, 3})}, .reference = set});
  cases.push_back({.op = "MatrixSetDiag", .label = "tall", .inputs = {tall, uniform({2})}, .reference = set});
  auto band_case = [&](const char* label, const Tensor& x, int64_t lower, int64_t upper) {
    cases.push_back({.op = "MatrixBandPart",
                     .label = label,
                     .inputs = {x, Tensor::scalar<int64_t>(lower), Tensor::scalar<int64_t>(upper)},
                     .reference = band});
  };
  band_case("lower triangle", wide, -1, 0);
  band_case("upper triangle", tall, 0, -1);
  band_case("two diagonals", uniform({4, 4}), 1, 0);
  band_case("everything", wide, -1, -1);
  band_case("empty", uniform({2, 0, 3}), 0, 0);
  for (const Shape& shape : {Shape{3}, Shape{2, 3}, Shape{0}}) {
    cases.push_back({.op = "Diag", .label = shape.to_string(), .inputs = {uniform(shape)}, .reference = tensor_diag});
  }
  for (const Shape& shape : {Shape{3, 3}, Shape{2, 3, 2, 3}, Shape{0, 0}}) {
    cases.push_back(
        {.op = "DiagPart", .label = shape.to_string(), .inputs = {uniform(shape)}, .reference = tensor_part});
  }
  return cases;
}

std::string refusal(const char* op, const Tensors& inputs) {
  Result<Tensors> y = evaluate_op(op_table(), op, {}, inputs);
  return y.ok() ? "accepted" : std::string(y.status().message());
}

TEST(MatrixSetDiag, NamesTheShapeThatTheDiagonalMustHave) {
  EXPECT_EQ(refusal("MatrixSetDiag", {iota({2, 3, 4}), iota({2, 4})}),
            "MatrixSetDiag 'evaluate': diagonal must have shape [2,3] for an input of [2,3,4], has [2,4] (input "
            "f64[2,3,4], diagonal f64[2,4])");
}

TEST(MatrixBandPart, RefusesMoreDiagonalsThanThereAre) {
  Tensor none = Tensor::scalar<int64_t>(0);
  EXPECT_NE(refusal("MatrixBandPart", {iota({2, 3}), Tensor::scalar<int64_t>(3), none}), "accepted");
  EXPECT_EQ(refusal("MatrixBandPart", {iota({2, 3}), Tensor::scalar<int64_t>(2), none}), "accepted");
  EXPECT_NE(refusal("MatrixBandPart", {iota({3}), none, none}), "accepted");
}

TEST(DiagPart, RefusesHalvesThatDiffer) {
  EXPECT_NE(refusal("DiagPart", {iota({2, 3})}), "accepted");
  EXPECT_NE(refusal("DiagPart", {iota({2, 2, 2})}), "accepted");
}

}  // namespace
}  // namespace tarn::testing
