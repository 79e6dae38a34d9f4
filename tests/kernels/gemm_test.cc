#include "ops/kernels/gemm.h"

#include <string>
#include <vector>

#include "tests/kernels/kernel_testing.h"

namespace tarn::kernels {
namespace {

using namespace testing;

struct Case {
  int64_t m, n, k;
  bool transpose_a = false, transpose_b = false;
  bool accumulate = false, bias = false;
  Activation activation = Activation::kNone;
  int64_t extra_stride = 0;  // of A, B and C beyond the tight one
  bool residual = false;

  std::string name() const {
    return "m=" + std::to_string(m) + " n=" + std::to_string(n) + " k=" + std::to_string(k) +
           (transpose_a ? " A^T" : "") + (transpose_b ? " B^T" : "") + (accumulate ? " accumulate" : "") +
           (bias ? " bias" : "") + " activation=" + std::to_string(static_cast<int>(activation)) +
           (residual ? " residual" : "");
  }
};

// Remainders of every tile (14 x 32, 6 x 16, 4 x 8), of the blocks (112, 128, 768, 1024, 2048), strides of 2 KB, packed
// matrices that fit L2 and larger ones, nothing.
const std::vector<Case> kCases = {
    {1, 1, 1},
    {14, 32, 8},
    {6, 16, 7, false, false, false, true, Activation::kRelu},
    {15, 33, 9, true, false, true, true, Activation::kRelu6},
    {13, 47, 31, false, true, true},
    {29, 10, 784, false, false, false, true},
    {50, 100, 1030, false, false, true, true, Activation::kRelu, 5},
    {50, 70, 512, false, true, false, false, Activation::kNone, 0},
    {230, 41, 50, true, false},
    {230, 300, 40, true, false, true},
    {1030, 40, 800, true, true, false, true, Activation::kRelu},
    {1100, 20, 33},
    {3, 600, 5, false, true},
    {1, 260, 1700, false, true},
    {7, 64, 0, false, false, true, true},
    {7, 64, 0},
    {15, 33, 9, false, false, false, true, Activation::kRelu, 3, true},
    {1, 70, 1700, false, true, false, false, Activation::kNone, 0, true},
    {230, 41, 800, true, false, true, true, Activation::kRelu6, 2, true},
    {7, 64, 0, false, false, false, true, Activation::kNone, 0, true},
    {300, 96, 16, false, false, false, true, Activation::kRelu6},
    {130, 70, 64, false, false, false, true, Activation::kRelu, 3, true},
    {49, 70, 1024, false, false, true, true, Activation::kRelu6, 0, true},
    {125, 520, 260, false, true, false, true},
    {20, 33, 4200, false, false, false, true, Activation::kRelu, 1, true},
    {2, 40, 4097},
    {45, 24, 37, false, false, true, true, Activation::kRelu6, 1, true},
    {17, 55, 12, false, false, false, true},
    {0, 5, 3},
    {5, 0, 3},
};

template <class T>
struct Data {
  int64_t lda, ldb, ldc;
  std::vector<T> a, b, c, bias, residual;

  explicit Data(const Case& t)
      : lda((t.transpose_a ? t.m : t.k) + t.extra_stride),
        ldb((t.transpose_b ? t.k : t.n) + t.extra_stride),
        ldc(t.n + t.extra_stride),
        a(random_values<T>((t.transpose_a ? t.k : t.m) * lda, 1)),
        b(random_values<T>((t.transpose_b ? t.n : t.k) * ldb, 2)),
        c(random_values<T>(t.m * ldc, 3)),
        bias(random_values<T>(t.n, 4)),
        residual(random_values<T>(t.m * ldc, 5)) {}

  Epilogue<T> epilogue(const Case& t) const {
    return {t.bias ? bias.data() : nullptr, t.activation, t.residual ? residual.data() : nullptr};
  }

  std::vector<Expected> reference(const Case& t) const {
    std::vector<Expected> expected(c.size());
    for (size_t i = 0; i < c.size(); ++i) expected[i].value = c[i];  // what lies between the rows stays
    for (int64_t i = 0; i < t.m; ++i) {
      for (int64_t j = 0; j < t.n; ++j) {
        Expected sum;
        if (t.accumulate) sum.add(c[i * ldc + j]);
        for (int64_t k = 0; k < t.k; ++k) {
          const double left = t.transpose_a ? a[k * lda + i] : a[i * lda + k];
          const double right = t.transpose_b ? b[j * ldb + k] : b[k * ldb + j];
          sum.add(left * right);
        }
        if (t.bias) sum.add(bias[j]);
        if (t.residual) sum.add(residual[i * ldc + j]);
        if (t.activation != Activation::kNone) sum.value = std::max(0.0, sum.value);
        if (t.activation == Activation::kRelu6) sum.value = std::min(6.0, sum.value);
        expected[i * ldc + j] = sum;
      }
    }
    return expected;
  }

  std::vector<T> run(const Case& t, int threads, Isa isa) const {
    ThreadPool pool(threads);
    Scratch scratch(gemm_scratch_bytes<T>(t.m, t.n, t.k, threads));
    std::vector<T> out = c;
    gemm<T>(pool, t.transpose_a, t.transpose_b, t.m, t.n, t.k, a.data(), lda, b.data(), ldb, t.accumulate, out.data(),
            ldc, epilogue(t), scratch.get(), isa);
    return out;
  }

  std::vector<T> run_packed(const Case& t, int threads, Isa isa) const {
    ThreadPool pool(threads);
    Scratch memory(packed_matrix_bytes<T>(t.k, t.n));
    Scratch scratch(gemm_packed_scratch_bytes<T>(t.m, t.n, t.k, threads));
    std::vector<T> out = c;
    const PackedMatrix<T> packed = pack_matrix<T>(t.transpose_b, t.k, t.n, b.data(), ldb, memory.get(), isa);
    gemm_packed<T>(pool, t.m, packed, a.data(), lda, t.accumulate, out.data(), ldc, epilogue(t), scratch.get());
    return out;
  }
};

template <class T>
class Gemm : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Gemm, Types);

TYPED_TEST(Gemm, EqualsDoubleReferenceOnEveryIsa) {
  for (const Case& t : kCases) {
    const Data<TypeParam> data(t);
    const std::vector<Expected> expected = data.reference(t);
    for (Isa isa : isas_of<TypeParam>()) {
      expect_near_all(expected, data.run(t, 1, isa), t.name() + " " + isa_name(isa));
    }
  }
}

TYPED_TEST(Gemm, PackedEqualsUnpackedBitForBit) {
  for (const Case& t : kCases) {
    if (t.transpose_a) continue;
    const Data<TypeParam> data(t);
    for (Isa isa : isas_of<TypeParam>()) {
      EXPECT_TRUE(same_bits(data.run(t, 1, isa), data.run_packed(t, 1, isa))) << t.name() << " " << isa_name(isa);
      EXPECT_TRUE(same_bits(data.run(t, 1, isa), data.run_packed(t, 3, isa))) << t.name() << " " << isa_name(isa);
    }
  }
}

TYPED_TEST(Gemm, BitsDoNotDependOnThreads) {
  const Case many_rows{1500, 40, 70, false, true, true, true, Activation::kRelu};
  const Case many_columns{50, 700, 390, true, false, true};
  const Case square{190, 190, 190};
  const Case with_residual{1500, 40, 900, false, false, false, true, Activation::kRelu, 0, true};
  for (const Case& t : {many_rows, many_columns, square, with_residual}) {
    const Data<TypeParam> data(t);
    for (Isa isa : isas_of<TypeParam>()) {
      const std::vector<TypeParam> one = data.run(t, 1, isa);
      EXPECT_TRUE(same_bits(one, data.run(t, 2, isa))) << t.name() << " " << isa_name(isa);
      EXPECT_TRUE(same_bits(one, data.run(t, 3, isa))) << t.name() << " " << isa_name(isa);
    }
  }
}

TYPED_TEST(Gemm, ReluPassesNanThrough) {
  const Case t{2, 3, 2, false, false, false, false, Activation::kRelu6};
  Data<TypeParam> data(t);
  data.a[0] = std::numeric_limits<TypeParam>::quiet_NaN();
  for (Isa isa : isas_of<TypeParam>()) {
    const std::vector<TypeParam> out = data.run(t, 1, isa);
    EXPECT_TRUE(std::isnan(out[0])) << isa_name(isa);
    EXPECT_FALSE(std::isnan(out[3])) << isa_name(isa);
  }
}

}  // namespace
}  // namespace tarn::kernels
