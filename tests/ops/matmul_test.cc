#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensor multiply(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  int64_t m = a.shape().dim(transpose_a ? 1 : 0), k = a.shape().dim(transpose_a ? 0 : 1);
  int64_t n = b.shape().dim(transpose_b ? 0 : 1);
  Tensor left = to_double(a), right = to_double(b);
  Tensor y = *Tensor::zeros(DType::kDouble, Shape{m, n});
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t p = 0; p < k; ++p) {
        int64_t at_a = transpose_a ? p * m + i : i * k + p, at_b = transpose_b ? j * k + p : p * n + j;
        y.mutable_flat<double>()[static_cast<size_t>(i * n + j)] +=
            left.flat<double>()[static_cast<size_t>(at_a)] * right.flat<double>()[static_cast<size_t>(at_b)];
      }
    }
  }
  return y;
}

Tensors reference(const Tensors& in, const AttrMap& attrs) {
  return {multiply(in[0], in[1], attrs.get<bool>("transpose_a"), attrs.get<bool>("transpose_b"))};
}

TARN_OP_CASES(matmul) {
  OpCases cases;
  struct Sizes {
    const char* label;
    int64_t m, n, k;
  };
  for (const Sizes& s : {Sizes{"small", 2, 3, 4}, Sizes{"one", 1, 1, 1}, Sizes{"odd", 7, 33, 19},
                         Sizes{"row", 1, 40, 17}, Sizes{"no rows", 0, 3, 2}, Sizes{"no inner size", 2, 3, 0}}) {
    for (int transposed = 0; transposed < 4; ++transposed) {
      bool transpose_a = (transposed & 1) != 0, transpose_b = (transposed & 2) != 0;
      cases.push_back(
          {.op = "MatMul",
           .label = str_cat(s.label, transpose_a ? ", a transposed" : "", transpose_b ? ", b transposed" : ""),
           .attrs = {{"transpose_a", transpose_a}, {"transpose_b", transpose_b}},
           .inputs = {uniform(transpose_a ? Shape{s.k, s.m} : Shape{s.m, s.k}),
                      uniform(transpose_b ? Shape{s.n, s.k} : Shape{s.k, s.n}, -1, 1, 2)},
           .reference = reference,
           .sum_length = static_cast<double>(s.k)});
    }
  }
  return cases;
}

TEST(MatMul, BiasAndActivationComeAfterTheProduct) {
  for (DType dtype : {DType::kFloat, DType::kDouble, DType::kInt32}) {
    bool whole = dtype == DType::kInt32;
    auto input = [&](const Shape& shape, uint64_t seed) {
      return to_dtype(map(uniform(shape, -4, 4, seed), [&](double v) { return whole ? double(int(v)) : v; }), dtype);
    };
    Tensor a = input({5, 9}, 1), b = input({9, 20}, 2), bias = input({20}, 3);
    for (Activation activation : {Activation::kNone, Activation::kRelu, Activation::kRelu6}) {
      for (bool constant : {false, true}) {
        const OpRegistry::Op* op = op_table().find("MatMul");
        AttrMap attrs{{"T", dtype}, {"transpose_a", false}, {"transpose_b", false}};

        auto y =
            evaluate_node(*op, "product", attrs, std::vector<Tensor>{a, b, bias},
                          {.epilogue = {.has_bias = true, .activation = activation}, .inputs_are_constant = constant});

        ASSERT_TRUE(y.ok()) << y.status().to_string();
        Tensor expected = map2(multiply(a, b, false, false), bias, [&](double product, double c) {
          double v = product + c;
          if (activation != Activation::kNone) v = std::max(v, 0.0);
          return activation == Activation::kRelu6 ? std::min(v, 6.0) : v;
        });
        // 9 products and a bias, each rounded once, below 9 * 16 + 4.
        double tolerance = 2 * (10 + 3) * dtype_epsilon(dtype);
        EXPECT_EQ(difference((*y)[0], to_dtype(expected, dtype), tolerance), "")
            << dtype_name(dtype) << ", activation " << static_cast<int>(activation) << ", constant " << constant;
      }
    }
  }
}

TEST(MatMul, PackedConstantWeightsGiveTheSameBits) {
  for (bool transpose_b : {false, true}) {
    Tensor a = to_dtype(uniform({6, 31}), DType::kFloat);
    Tensor b = to_dtype(uniform(transpose_b ? Shape{50, 31} : Shape{31, 50}, -1, 1, 2), DType::kFloat);
    AttrMap attrs{{"transpose_b", transpose_b}};

    auto plain = evaluate_op(op_table(), "MatMul", attrs, std::vector<Tensor>{a, b});
    auto packed = evaluate_op(op_table(), "MatMul", attrs, std::vector<Tensor>{a, b}, {.inputs_are_constant = true});

    ASSERT_TRUE(plain.ok() && packed.ok());
    EXPECT_TRUE((*packed)[0].identical_to((*plain)[0])) << "transpose_b " << transpose_b;
  }
}

TEST(MatMul, NamesBothInnerSizes) {
  auto y = evaluate_op(op_table(), "MatMul", {}, std::vector<Tensor>{uniform({2, 3}), uniform({4, 5})});
  auto rank3 = evaluate_op(op_table(), "MatMul", {}, std::vector<Tensor>{uniform({2, 3, 1}), uniform({4, 5})});

  ASSERT_FALSE(y.ok() || rank3.ok());
  EXPECT_EQ(y.status().message(), "MatMul 'evaluate': a has 3 columns, but b has 4 rows (a f64[2,3], b f64[4,5])");
}

TEST(MatMul, RefusesAProductTooLargeForMemory) {
  Tensor a = *Tensor::zeros(DType::kFloat, {int64_t{1} << 40, 0});
  Tensor b = *Tensor::zeros(DType::kFloat, {0, int64_t{1} << 40});

  auto y = evaluate_op(op_table(), "MatMul", {}, std::vector<Tensor>{a, b});

  EXPECT_FALSE(y.ok());
}

}  // namespace
}  // namespace tarn::testing
