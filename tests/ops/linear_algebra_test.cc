// Cholesky, MatrixSolve, MatrixInverse, MatrixTriangularSolve, MatrixDeterminant, LogMatrixDeterminant, Lu, Qr, Svd and
// SelfAdjointEigV2.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

using Matrix = std::vector<std::vector<double>>;

Matrix matrix_at(const Tensor& x, int64_t batch) {
  auto rows = static_cast<size_t>(x.shape().dim(-2)), columns = static_cast<size_t>(x.shape().dim(-1));
  Matrix m(rows, std::vector<double>(columns));
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      m[i][j] = x.flat<double>()[static_cast<size_t>(batch) * rows * columns + i * columns + j];
    }
  }
  return m;
}

void put_matrix(const Matrix& m, int64_t batch, Tensor& y) {
  for (size_t i = 0; i < m.size(); ++i) {
    for (size_t j = 0; j < m[i].size(); ++j) {
      y.mutable_flat<double>()[static_cast<size_t>(batch) * m.size() * m[i].size() + i * m[i].size() + j] = m[i][j];
    }
  }
}

int64_t batch_of(const Shape& shape) {
  return Shape(shape.dims().first(static_cast<size_t>(shape.rank() - 2))).elements();
}

Matrix transposed(const Matrix& m) {
  Matrix t(m.empty() ? 0 : m[0].size(), std::vector<double>(m.size()));
  for (size_t i = 0; i < m.size(); ++i) {
    for (size_t j = 0; j < m[i].size(); ++j) t[j][i] = m[i][j];
  }
  return t;
}

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix y(a.size(), std::vector<double>(b.empty() ? 0 : b[0].size()));
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t k = 0; k < b.size(); ++k) {
      for (size_t j = 0; j < b[k].size(); ++j) y[i][j] += a[i][k] * b[k][j];
    }
  }
  return y;
}

// By Gauss-Jordan elimination with row exchanges; also gives the determinant of a.
Matrix solve(Matrix a, Matrix b, double* determinant = nullptr) {
  double det = 1;
  for (size_t k = 0; k < a.size(); ++k) {
    size_t pivot = k;
    for (size_t i = k + 1; i < a.size(); ++i) pivot = std::fabs(a[i][k]) > std::fabs(a[pivot][k]) ? i : pivot;
    if (pivot != k) det = -det;
    std::swap(a[k], a[pivot]);
    std::swap(b[k], b[pivot]);
    det *= a[k][k];
    for (size_t i = 0; i < a.size(); ++i) {
      if (i == k) continue;
      double factor = a[i][k] / a[k][k];
      for (size_t j = 0; j < a.size(); ++j) a[i][j] -= factor * a[k][j];
      for (size_t j = 0; j < b[i].size(); ++j) b[i][j] -= factor * b[k][j];
    }
  }
  for (size_t i = 0; i < a.size(); ++i) {
    for (double& v : b[i]) v /= a[i][i];
  }
  if (determinant != nullptr) *determinant = det;
  return b;
}

Matrix identity(size_t n) {
  Matrix m(n, std::vector<double>(n));
  for (size_t i = 0; i < n; ++i) m[i][i] = 1;
  return m;
}

Tensors solve_reference(const Tensors& in, const AttrMap& attrs) {
  Tensor y = *Tensor::zeros(DType::kDouble, in[1].shape());
  for (int64_t i = 0; i < batch_of(in[0].shape()); ++i) {
    Matrix a = matrix_at(in[0], i);
    put_matrix(solve(attrs.get<bool>("adjoint") ? transposed(a) : a, matrix_at(in[1], i)), i, y);
  }
  return {y};
}

Tensors inverse_reference(const Tensors& in, const AttrMap& attrs) {
  Tensor y = *Tensor::zeros(DType::kDouble, in[0].shape());
  for (int64_t i = 0; i < batch_of(in[0].shape()); ++i) {
    Matrix a = matrix_at(in[0], i);
    put_matrix(solve(attrs.get<bool>("adjoint") ? transposed(a) : a, identity(a.size())), i, y);
  }
  return {y};
}

// Which matrix of x the i-th of a broadcast batch is; batches here are at most vectors.
int64_t broadcast_index(const Tensor& x, int64_t i) {
  return batch_of(x.shape()) == 1 ? 0 : i;
}

Tensors triangular_reference(const Tensors& in, const AttrMap& attrs) {
  const Tensor& widest = batch_of(in[0].shape()) > batch_of(in[1].shape()) ? in[0] : in[1];
  Shape shape(widest.shape().dims().first(static_cast<size_t>(widest.shape().rank() - 2)));
  for (int d : {-2, -1}) shape.add_dim(in[1].shape().dim(d));
  Tensor y = *Tensor::zeros(DType::kDouble, shape);
  for (int64_t i = 0; i < batch_of(shape); ++i) {
    Matrix a = matrix_at(in[0], broadcast_index(in[0], i));
    for (size_t row = 0; row < a.size(); ++row) {
      for (size_t column = 0; column < a.size(); ++column) {
        if (attrs.get<bool>("lower") ? column > row : column < row) a[row][column] = 0;
      }
    }
    put_matrix(solve(attrs.get<bool>("adjoint") ? transposed(a) : a, matrix_at(in[1], broadcast_index(in[1], i))), i,
               y);
  }
  return {y};
}

std::vector<double> determinants(const Tensor& x) {
  std::vector<double> result;
  for (int64_t i = 0; i < batch_of(x.shape()); ++i) {
    Matrix a = matrix_at(x, i);
    solve(a, identity(a.size()), &result.emplace_back());
  }
  return result;
}

Tensor of_batch(const Tensor& x, const std::vector<double>& values) {
  return Tensor::from<double>(Shape(x.shape().dims().first(static_cast<size_t>(x.shape().rank() - 2))),
                              std::span<const double>(values));
}

Tensors determinant_reference(const Tensors& in, const AttrMap&) {
  return {of_batch(in[0], determinants(in[0]))};
}

Tensors log_determinant_reference(const Tensors& in, const AttrMap&) {
  std::vector<double> signs, logs;
  for (double determinant : determinants(in[0])) {
    signs.push_back(determinant < 0 ? -1 : 1);
    logs.push_back(std::log(std::fabs(determinant)));
  }
  return {of_batch(in[0], signs), of_batch(in[0], logs)};
}

// Row by row, from the definition L * L^T = x.
Tensors cholesky_reference(const Tensors& in, const AttrMap&) {
  Tensor y = *Tensor::zeros(DType::kDouble, in[0].shape());
  for (int64_t batch = 0; batch < batch_of(in[0].shape()); ++batch) {
    Matrix a = matrix_at(in[0], batch), l(a.size(), std::vector<double>(a.size()));
    for (size_t i = 0; i < a.size(); ++i) {
      for (size_t j = 0; j <= i; ++j) {
        double sum = a[i][j];
        for (size_t k = 0; k < j; ++k) sum -= l[i][k] * l[j][k];
        l[i][j] = i == j ? std::sqrt(sum) : sum / l[j][j];
      }
    }
    put_matrix(l, batch, y);
  }
  return {y};
}

// By Doolittle's rule, the largest of each column as its pivot.
Tensors lu_reference(const Tensors& in, const AttrMap& attrs) {
  Tensor lu = *Tensor::zeros(DType::kDouble, in[0].shape());
  std::vector<int64_t> rows;
  for (int64_t batch = 0; batch < batch_of(in[0].shape()); ++batch) {
    Matrix a = matrix_at(in[0], batch);
    std::vector<int64_t> order(a.size());
    std::iota(order.begin(), order.end(), 0);
    for (size_t k = 0; k < a.size(); ++k) {
      size_t pivot = k;
      for (size_t i = k + 1; i < a.size(); ++i) pivot = std::fabs(a[i][k]) > std::fabs(a[pivot][k]) ? i : pivot;
      std::swap(a[k], a[pivot]);
      std::swap(order[k], order[pivot]);
      for (size_t i = k + 1; i < a.size(); ++i) {
        a[i][k] /= a[k][k];
        for (size_t j = k + 1; j < a.size(); ++j) a[i][j] -= a[i][k] * a[k][j];
      }
    }
    put_matrix(a, batch, lu);
    rows.insert(rows.end(), order.begin(), order.end());
  }
  Shape shape(in[0].shape().dims().first(static_cast<size_t>(in[0].shape().rank() - 1)));
  if (attrs.get<DType>("output_idx_type") == DType::kInt64) {
    return {lu, Tensor::from<int64_t>(shape, std::span<const int64_t>(rows))};
  }
  std::vector<int32_t> narrow(rows.begin(), rows.end());
  return {lu, Tensor::from<int32_t>(shape, std::span<const int32_t>(narrow))};
}

// Random matrices with a heavy diagonal: far from singular, so that roundings stay small.
Tensor regular(const Shape& shape, double weight = 3) {
  Tensor x = uniform(shape);
  return by_index(shape, [&](const Index& index) {
    return at(x, index) + (index[index.size() - 1] == index[index.size() - 2] ? weight : 0);
  });
}

Tensor positive(const Shape& shape) {
  Tensor x = regular(shape), y = *Tensor::zeros(DType::kDouble, shape);
  for (int64_t i = 0; i < batch_of(shape); ++i) {
    Matrix m = matrix_at(x, i);
    put_matrix(product(m, transposed(m)), i, y);
  }
  return y;
}

// A condition number of about 10 costs a digit: 10 roundings for each.
constexpr double kCondition = 10;

TARN_OP_CASES(linear_algebra) {
  OpCases cases;
  const Shape kShapes[] = {Shape{3, 3}, Shape{2, 4, 4}, Shape{0, 2, 2}, Shape{2, 0, 0}, Shape{1, 1}};
  for (const Shape& shape : kShapes) {
    std::string label = shape.to_string();
    Shape rhs = shape;
    rhs.set_dim(-1, 2);
    for (bool adjoint : {false, true}) {
      AttrMap attrs{{"adjoint", adjoint}};
      cases.push_back({.op = "MatrixSolve",
                       .label = label + (adjoint ? " adjoint" : ""),
                       .attrs = attrs,
                       .inputs = {regular(shape), uniform(rhs)},
                       .reference = solve_reference,
                       .tolerance_factor = kCondition});
      cases.push_back({.op = "MatrixInverse",
                       .label = label + (adjoint ? " adjoint" : ""),
                       .attrs = attrs,
                       .inputs = {regular(shape)},
                       .reference = inverse_reference,
                       .tolerance_factor = kCondition});
      for (bool lower : {false, true}) {
        cases.push_back({.op = "MatrixTriangularSolve",
                         .label = str_cat(label, adjoint ? " adjoint" : "", lower ? " lower" : " upper"),
                         .attrs = {{"adjoint", adjoint}, {"lower", lower}},
                         .inputs = {regular(shape), uniform(rhs)},
                         .reference = triangular_reference,
                         .tolerance_factor = kCondition});
      }
    }
    cases.push_back({.op = "MatrixDeterminant",
                     .label = label,
                     .inputs = {regular(shape)},
                     .reference = determinant_reference,
                     .tolerance_factor = kCondition});
    cases.push_back({.op = "LogMatrixDeterminant",
                     .label = label,
                     .inputs = {regular(shape, -3)},
                     .reference = log_determinant_reference,
                     .tolerance_factor = kCondition,
                     .gradient_outputs = {1}});
    cases.push_back({.op = "Cholesky",
                     .label = label,
                     .inputs = {positive(shape)},
                     .reference = cholesky_reference,
                     .tolerance_factor = kCondition});
    for (DType index : {DType::kInt32, DType::kInt64}) {
      cases.push_back({.op = "Lu",
                       .label = str_cat(label, " ", dtype_name(index)),
                       .attrs = {{"output_idx_type", index}},
                       .inputs = {uniform(shape)},
                       .reference = lu_reference,
                       .tolerance_factor = kCondition * kCondition});
    }
  }
  AttrMap lower{{"adjoint", false}, {"lower", true}};
  cases.push_back({.op = "MatrixTriangularSolve",
                   .label = "one matrix for a batch",
                   .attrs = lower,
                   .inputs = {regular({3, 3}), uniform({2, 3, 1})},
                   .reference = triangular_reference,
                   .tolerance_factor = kCondition,
                   .check_gradient = false});  // it is of equal batches alone, and says so
  cases.push_back({.op = "MatrixTriangularSolve",
                   .label = "one right side for a batch",
                   .attrs = lower,
                   .inputs = {regular({2, 3, 3}), uniform({1, 3, 2})},
                   .reference = triangular_reference,
                   .tolerance_factor = kCondition,
                   .check_gradient = false});
  return cases;
}

TARN_OP_WITHOUT_CASES(Svd, "the signs of its vectors are free; what they must satisfy is tested below");
TARN_OP_WITHOUT_CASES(Qr, "the signs of its columns are free; what they must satisfy is tested below");
TARN_OP_WITHOUT_CASES(SelfAdjointEigV2, "the signs of its vectors are free; what they must satisfy is tested below");

Tensors run(const char* op, const AttrMap& attrs, const Tensors& inputs) {
  Result<Tensors> y = evaluate_op(op_table(), op, attrs, inputs);
  EXPECT_TRUE(y.ok()) << op << ": " << y.status().to_string();
  return y.ok() ? *y : Tensors(3);
}

void expect_near(const Matrix& got, const Matrix& want, double tolerance, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (size_t i = 0; i < want.size(); ++i) {
    ASSERT_EQ(got[i].size(), want[i].size()) << what;
    for (size_t j = 0; j < want[i].size(); ++j) EXPECT_NEAR(got[i][j], want[i][j], tolerance) << what;
  }
}

// Sums of at most 5 terms of size 1, some hundred roundings.
constexpr double kDoubleTolerance = 1e-13, kFloatTolerance = 1e-5;

TEST(Svd, GivesBackTheMatrixAndOrthogonalVectors) {
  for (const Shape& shape : {Shape{2, 4, 3}, Shape{3, 5}, Shape{4, 4}}) {
    for (bool full : {false, true}) {
      for (DType dtype : {DType::kDouble, DType::kFloat}) {
        Tensor x = to_dtype(uniform(shape), dtype);
        double tolerance = dtype == DType::kFloat ? kFloatTolerance : kDoubleTolerance;

        Tensors out = run("Svd", {{"full_matrices", full}}, {x});

        int64_t m = shape.dim(-2), n = shape.dim(-1), p = std::min(m, n);
        ASSERT_EQ(out[1].shape().dim(-1), full ? m : p);
        ASSERT_EQ(out[2].shape().dim(-1), full ? n : p);
        for (int64_t i = 0; i < batch_of(shape); ++i) {
          std::string what = str_cat(shape, " ", dtype_name(dtype), full ? " full" : " thin");
          Matrix u = matrix_at(to_double(out[1]), i), v = matrix_at(to_double(out[2]), i);
          Tensor s = to_double(out[0]);
          Matrix scaled = u;  // u * diag(s), the columns that there are values for
          for (auto& row : scaled) {
            row.resize(static_cast<size_t>(p));
            for (int64_t k = 0; k < p; ++k) {
              row[static_cast<size_t>(k)] *= s.flat<double>()[static_cast<size_t>(i * p + k)];
            }
          }
          Matrix rows = transposed(v);
          rows.resize(static_cast<size_t>(p));
          expect_near(product(scaled, rows), matrix_at(to_double(x), i), tolerance, what);
          expect_near(product(transposed(u), u), identity(transposed(u).size()), tolerance, what);
          expect_near(product(transposed(v), v), identity(transposed(v).size()), tolerance, what);
          for (int64_t k = 1; k < p; ++k) {
            EXPECT_GE(s.flat<double>()[static_cast<size_t>(i * p + k - 1)],
                      s.flat<double>()[static_cast<size_t>(i * p + k)]);
          }
        }
      }
    }
  }
}

TEST(Svd, GivesNoVectorsUnlessAsked) {
  Tensors out = run("Svd", {{"compute_uv", false}}, {uniform({2, 3, 4})});

  EXPECT_EQ(out[0].shape(), (Shape{2, 3}));
  EXPECT_EQ(out[1].shape(), (Shape{0}));
  EXPECT_EQ(out[2].shape(), (Shape{0}));
}

TEST(Svd, OfAnEmptyMatrixHasPlainBases) {
  Tensors out = run("Svd", {{"full_matrices", true}}, {uniform({2, 0})});

  EXPECT_EQ(out[0].shape(), (Shape{0}));
  EXPECT_TRUE(out[1].identical_to(doubles({2, 2}, {1, 0, 0, 1}))) << out[1].to_string();
}

TEST(Svd, RefusesNaN) {
  auto y = evaluate_op(op_table(), "Svd", {}, std::vector<Tensor>{doubles({2, 2}, {1, NAN, 0, 1})});

  EXPECT_EQ(y.status().code(), Code::kInvalidArgument) << y.status().to_string();
}

TEST(Qr, GivesBackTheMatrixFromAnOrthogonalAndATriangularOne) {
  for (const Shape& shape : {Shape{2, 4, 3}, Shape{3, 5}, Shape{4, 4}}) {
    for (bool full : {false, true}) {
      Tensor x = uniform(shape);

      Tensors out = run("Qr", {{"full_matrices", full}}, {x});

      for (int64_t i = 0; i < batch_of(shape); ++i) {
        std::string what = str_cat(shape, full ? " full" : " thin");
        Matrix q = matrix_at(out[0], i), r = matrix_at(out[1], i);
        expect_near(product(q, r), matrix_at(x, i), kDoubleTolerance, what);
        expect_near(product(transposed(q), q), identity(transposed(q).size()), kDoubleTolerance, what);
        for (size_t row = 0; row < r.size(); ++row) {
          for (size_t column = 0; column < std::min(row, r[row].size()); ++column) EXPECT_EQ(r[row][column], 0) << what;
        }
      }
    }
  }
}

TEST(SelfAdjointEig, GivesValuesAndVectorsThatBelongTogether) {
  Tensor x = positive({2, 4, 4});

  Tensors out = run("SelfAdjointEigV2", {}, {x});
  Tensors values_alone = run("SelfAdjointEigV2", {{"compute_v", false}}, {x});

  for (int64_t i = 0; i < 2; ++i) {
    Matrix v = matrix_at(out[1], i), scaled = v;  // x * v = v * diag(e)
    for (auto& row : scaled) {
      for (size_t k = 0; k < 4; ++k) row[k] *= out[0].flat<double>()[static_cast<size_t>(i) * 4 + k];
    }
    expect_near(product(matrix_at(x, i), v), scaled, 20 * kDoubleTolerance, "x * v");  // values up to 20
    expect_near(product(transposed(v), v), identity(4), kDoubleTolerance, "v");
    for (size_t k = 1; k < 4; ++k) {
      EXPECT_LE(out[0].flat<double>()[static_cast<size_t>(i) * 4 + k - 1],
                out[0].flat<double>()[static_cast<size_t>(i) * 4 + k]);
    }
  }
  EXPECT_EQ(values_alone[1].shape(), (Shape{0}));
  for (size_t k = 0; k < 8; ++k) EXPECT_NEAR(values_alone[0].flat<double>()[k], out[0].flat<double>()[k], 1e-12);
}

TEST(LinearAlgebra, NamesTheMatrixThatIsNotInvertible) {
  Tensor x = doubles({2, 2, 2}, {1, 0, 0, 1, 1, 2, 2, 4});
  for (const char* op : {"MatrixInverse", "Lu"}) {
    auto y = evaluate_op(op_table(), op, {}, std::vector<Tensor>{x});

    ASSERT_FALSE(y.ok()) << op;
    EXPECT_NE(y.status().message().find("matrix 1"), std::string_view::npos) << y.status().to_string();
  }
}

TEST(LinearAlgebra, DeterminantOfASingularMatrixIsZero) {
  Tensor x = doubles({2, 2}, {1, 2, 2, 4});

  EXPECT_EQ(run("MatrixDeterminant", {}, {x})[0].item<double>(), 0);
  Tensors log = run("LogMatrixDeterminant", {}, {x});
  EXPECT_EQ(log[0].item<double>(), 0);
  EXPECT_EQ(log[1].item<double>(), -INFINITY);
}

TEST(Cholesky, RefusesWhatIsNotPositiveDefinite) {
  auto y = evaluate_op(op_table(), "Cholesky", {}, std::vector<Tensor>{doubles({2, 2}, {1, 2, 2, 1})});

  EXPECT_EQ(y.status().message(),
            "Cholesky 'evaluate': matrix 0 of 'input' is not positive definite: it has no Cholesky factor");
}

}  // namespace
}  // namespace tarn::testing
