#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors reference(const Tensors& in, const AttrMap& attrs) {
  bool adj_x = attrs.get<bool>("adj_x"), adj_y = attrs.get<bool>("adj_y");
  Tensor x = to_double(in[0]), y = to_double(in[1]);
  auto batch = [](const Shape& s) { return Shape(s.dims().first(static_cast<size_t>(s.rank() - 2))); };
  Shape shape = *broadcast_shapes(batch(x.shape()), batch(y.shape()));
  shape.add_dim(x.shape().dim(adj_x ? -1 : -2));
  shape.add_dim(y.shape().dim(adj_y ? -2 : -1));
  int64_t terms = x.shape().dim(adj_x ? -2 : -1);
  // The element of `t` in row and column for output element `index`; stretched dims stay at 0.
  auto element = [](const Tensor& t, const Index& index, int64_t row, int64_t column) {
    auto rank = static_cast<size_t>(t.shape().rank());
    Index from(index.end() - static_cast<std::ptrdiff_t>(rank), index.end());
    for (size_t d = 0; d + 2 < rank; ++d) from[d] = t.shape().dim(static_cast<int>(d)) == 1 ? 0 : from[d];
    from[rank - 2] = row;
    from[rank - 1] = column;
    return at(t, from);
  };
  return {by_index(shape, [&](const Index& index) {
    int64_t i = index[index.size() - 2], j = index.back();
    double sum = 0;
    for (int64_t p = 0; p < terms; ++p) {
      sum += element(x, index, adj_x ? p : i, adj_x ? i : p) * element(y, index, adj_y ? j : p, adj_y ? p : j);
    }
    return sum;
  })};
}

Shape with_matrix(Shape batch, int64_t rows, int64_t columns) {
  batch.add_dim(rows);
  batch.add_dim(columns);
  return batch;
}

TARN_OP_CASES(batch_matmul) {
  struct Sizes {
    const char* label;
    Shape x_batch, y_batch;
    int64_t m, n, k;
  };
  const Sizes equal[] = {
      {"matrices alone", {}, {}, 3, 4, 5}, {"three", {3}, {3}, 2, 3, 4},         {"two dims", {2, 3}, {2, 3}, 1, 4, 2},
      {"odd", {5}, {5}, 7, 33, 19},        {"no inner size", {2}, {2}, 2, 3, 0}, {"no batch", {0}, {0}, 2, 3, 4},
  };
  const Sizes stretched[] = {
      {"one y", {4}, {}, 2, 3, 5},
      {"one x", {}, {4}, 2, 3, 5},
      {"one y of rank 3", {3, 2}, {1}, 2, 3, 2},
      {"both", {2, 1}, {3}, 2, 3, 4},
      {"both inside", {2, 1, 2}, {1, 3, 1}, 2, 2, 3},
  };
  OpCases cases;
  auto add = [&](const char* op, const Sizes& s) {
    for (int which = 0; which < 4; ++which) {
      bool adj_x = (which & 1) != 0, adj_y = (which & 2) != 0;
      cases.push_back({.op = op,
                       .label = str_cat(s.label, adj_x ? ", x transposed" : "", adj_y ? ", y transposed" : ""),
                       .attrs = {{"adj_x", adj_x}, {"adj_y", adj_y}},
                       .inputs = {uniform(with_matrix(s.x_batch, adj_x ? s.k : s.m, adj_x ? s.m : s.k)),
                                  uniform(with_matrix(s.y_batch, adj_y ? s.n : s.k, adj_y ? s.k : s.n), -1, 1, 2)},
                       .reference = reference,
                       .sum_length = static_cast<double>(s.k)});
    }
  };
  for (const Sizes& sizes : equal) {
    add("BatchMatMul", sizes);
    add("BatchMatMulV2", sizes);
  }
  for (const Sizes& sizes : stretched) add("BatchMatMulV2", sizes);
  return cases;
}

TEST(BatchMatMulV2, PackedConstantWeightsGiveTheSameBits) {
  for (const Shape& y_batch : {Shape{3}, Shape{}, Shape{2, 1}}) {
    Tensor x = to_dtype(uniform({3, 6, 31}), DType::kFloat);
    Tensor y = to_dtype(uniform(with_matrix(y_batch, 50, 31), -1, 1, 2), DType::kFloat);
    AttrMap attrs{{"adj_y", true}};

    auto plain = evaluate_op(op_table(), "BatchMatMulV2", attrs, std::vector<Tensor>{x, y});
    auto packed =
        evaluate_op(op_table(), "BatchMatMulV2", attrs, std::vector<Tensor>{x, y}, {.inputs_are_constant = true});

    ASSERT_TRUE(plain.ok() && packed.ok());
    EXPECT_TRUE((*plain)[0].identical_to((*packed)[0])) << y_batch.to_string();
  }
}

TEST(BatchMatMul, NamesTheSizesThatDiffer) {
  auto refusal = [](const char* op, const Shape& x, const Shape& y) {
    Result<Tensors> z = evaluate_op(op_table(), op, {}, std::vector{iota(x), iota(y)});
    return z.ok() ? "accepted" : std::string(z.status().message());
  };
  EXPECT_EQ(refusal("BatchMatMul", {2, 3, 4}, {2, 5, 6}),
            "BatchMatMul 'evaluate': the matrices of x have 4 columns, but those of y have 5 rows (x f64[2,3,4], y "
            "f64[2,5,6])");
  EXPECT_NE(refusal("BatchMatMul", {2, 3, 4}, {1, 4, 6}).find("the batches of x, [2], and of y, [1], differ"),
            std::string::npos);
  EXPECT_EQ(refusal("BatchMatMulV2", {2, 3, 4}, {1, 4, 6}), "accepted");
  EXPECT_NE(
      refusal("BatchMatMulV2", {2, 3, 4}, {3, 4, 6}).find("the batches of x, [2], and of y, [3], do not broadcast"),
      std::string::npos);
  EXPECT_NE(refusal("BatchMatMulV2", {4}, {4, 2}), "accepted");
}

}  // namespace
}  // namespace tarn::testing
