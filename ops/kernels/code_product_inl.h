// The bodies behind code_product.h for int16 differences; included by foreach_isa.h once per flavour. Pairs of terms
// are multiplied and added at once (pmaddwd), so A and B hold them side by side.

#if TARN_FLAVOR != TARN_FLAVOR_F64

#if TARN_FLAVOR == TARN_FLAVOR_AVX512 || (TARN_FLAVOR == TARN_FLAVOR_PORTABLE && defined(__aarch64__))
inline constexpr int kTileRows = 12;  // 24 accumulators + 2 of B + 1 broadcast of 32 registers
#else
inline constexpr int kTileRows = 6;  // 12 + 2 + 1 of 16
#endif
inline constexpr int kPanelWidth = 2 * kWidth;

#include "ops/kernels/multiply_pairs_inl.h"

template <int kRows, int kVectors>
TARN_TARGET void code_tile(int64_t pairs, const int16_t* a, int64_t a_stride, const int16_t* b, int32_t* c, int64_t ldc,
                           int64_t columns) {
  VU sums[kRows][kVectors] = {};
  for (int64_t pair = 0; pair < pairs; ++pair) {
    VU terms_b[kVectors];
    __builtin_memcpy(terms_b, b, sizeof(terms_b));
    b += 2 * kPanelWidth;
    TARN_UNROLL
    for (int row = 0; row < kRows; ++row) {
      uint32_t both;
      __builtin_memcpy(&both, a + row * a_stride + 2 * pair, sizeof(both));
      const VU terms_a = both - VU{};
      TARN_UNROLL
      for (int v = 0; v < kVectors; ++v) sums[row][v] += multiply_pairs(terms_a, terms_b[v]);
    }
  }
  for (int row = 0; row < kRows; ++row) {
    if (columns == kVectors * kWidth) {
      __builtin_memcpy(c + row * ldc, sums[row], sizeof(sums[row]));
    } else {
      __builtin_memcpy(c + row * ldc, sums[row], (size_t)columns * sizeof(int32_t));
    }
  }
}

template <int kVectors>
TARN_TARGET void code_panel(int64_t rows, int64_t pairs, int64_t columns, const int16_t* a, const int16_t* panel,
                            int32_t* c, int64_t ldc) {
  const int64_t stride = 2 * pairs;
  int64_t row = 0;
  for (; row + kTileRows <= rows; row += kTileRows) {
    code_tile<kTileRows, kVectors>(pairs, a + row * stride, stride, panel, c + row * ldc, ldc, columns);
  }
  for (; row + 3 <= rows; row += 3) {
    code_tile<3, kVectors>(pairs, a + row * stride, stride, panel, c + row * ldc, ldc, columns);
  }
  for (; row < rows; ++row) {
    code_tile<1, kVectors>(pairs, a + row * stride, stride, panel, c + row * ldc, ldc, columns);
  }
}

TARN_TARGET void code_panels(int64_t rows, int64_t pairs, int64_t n, const int16_t* a, const int16_t* packed,
                             int32_t* c, int64_t ldc) {
  for (int64_t column = 0; column < n; column += kPanelWidth) {
    const int64_t columns = n - column < kPanelWidth ? n - column : kPanelWidth;
    const int16_t* panel = packed + column * 2 * pairs;
    if (columns > kWidth) {
      code_panel<2>(rows, pairs, columns, a, panel, c + column, ldc);
    } else {
      code_panel<1>(rows, pairs, columns, a, panel, c + column, ldc);
    }
  }
}

// A few columns only, each packed by itself: lanes are terms then, and most of a panel would be empty.
TARN_TARGET void code_dots(int64_t rows, int64_t pairs, int64_t n, const int16_t* a, const int16_t* packed, int32_t* c,
                           int64_t ldc) {
  const int64_t stride = 2 * pairs;
  for (int64_t row = 0; row < rows; ++row) {
    const int16_t* a_row = a + row * stride;
    for (int64_t column = 0; column < n; ++column) {
      const int16_t* b = packed + column * stride;
      VU sums{};
      int64_t k = 0;
      for (; k + 2 * kWidth <= stride; k += 2 * kWidth) {
        VU terms_a, terms_b;
        __builtin_memcpy(&terms_a, a_row + k, sizeof(VU));
        __builtin_memcpy(&terms_b, b + k, sizeof(VU));
        sums += multiply_pairs(terms_a, terms_b);
      }
      uint32_t sum = 0;
      for (int lane = 0; lane < kWidth; ++lane) sum += sums[lane];
      for (; k < stride; ++k) sum += (uint32_t)((int32_t)a_row[k] * b[k]);
      c[row * ldc + column] = (int32_t)sum;
    }
  }
}

// Whole vectors, the last of which overlaps the one before. `to` and `from` do not overlap.
TARN_TARGET void code_differences(const uint8_t* from, int64_t n, uint16_t zero, int16_t* to) {
  constexpr int kCodes = 2 * kWidth;
  typedef uint8_t Codes __attribute__((vector_size(kCodes)));
  typedef uint16_t Wide __attribute__((vector_size(2 * kCodes)));
  if (n < kCodes) {
    for (int64_t i = 0; i < n; ++i) to[i] = (int16_t)(uint16_t)(from[i] - zero);
    return;
  }
  for (int64_t i = 0; i < n; i += kCodes) {
    const int64_t at = i + kCodes <= n ? i : n - kCodes;
    Codes codes;
    __builtin_memcpy(&codes, from + at, sizeof(codes));
    const Wide wide = __builtin_convertvector(codes, Wide) - zero;
    __builtin_memcpy(to + at, &wide, sizeof(wide));
  }
}

#endif
