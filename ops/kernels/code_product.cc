#include "ops/kernels/code_product.h"

#include <algorithm>

#define TARN_KERNEL_FILE "ops/kernels/code_product_inl.h"
#include "ops/kernels/foreach_isa.h"

namespace tarn::kernels {
namespace {

using Product = void (*)(int64_t rows, int64_t pairs, int64_t n, const int16_t* a, const int16_t* packed, int32_t* c,
                         int64_t ldc);
struct Flavour {
  int64_t panel_width, tile_rows;
  Product panels, dots;
  CodeDifferences differences;
};

Flavour flavour_of([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) {
    return {avx512::kPanelWidth, avx512::kTileRows, avx512::code_panels, avx512::code_dots, avx512::code_differences};
  }
  if (isa == Isa::kAvx2) {
    return {avx2::kPanelWidth, avx2::kTileRows, avx2::code_panels, avx2::code_dots, avx2::code_differences};
  }
#endif
  return {portable::kPanelWidth, portable::kTileRows, portable::code_panels, portable::code_dots,
          portable::code_differences};
}

// So few columns that they are packed, and multiplied, one by one.
bool are_few(int64_t n, int64_t panel_width) {
  return n <= panel_width / 4;
}

int64_t difference(const uint8_t* b, int64_t ldb, bool transpose, int64_t k, int64_t n, int64_t zero) {
  return b[transpose ? n * ldb + k : k * ldb + n] - zero;
}

}  // namespace

int64_t code_tile_rows(Isa isa) {
  return flavour_of(isa).tile_rows;
}

CodeDifferences code_differences(Isa isa) {
  return flavour_of(isa).differences;
}

size_t packed_codes_bytes(int64_t k, int64_t n, Isa isa) {
  const int64_t width = flavour_of(isa).panel_width;
  const int64_t columns = are_few(n, width) ? n : (n + width - 1) / width * width;
  return static_cast<size_t>(columns * code_depth(k)) * sizeof(int16_t);
}

// Panels of columns, in each the pairs of k one after another, in each the columns: b[k, n], b[k + 1, n]. Few columns
// are panels of one.
void pack_codes(bool transpose_b, int64_t k, int64_t n, const uint8_t* b, int64_t ldb, int32_t zero, int16_t* packed,
                Isa isa) {
  const int64_t panel_width = flavour_of(isa).panel_width, depth = code_depth(k);
  const int64_t width = are_few(n, panel_width) ? 1 : panel_width;
  for (int64_t column = 0; column < n; column += width) {
    const int64_t columns = std::min(width, n - column);
    for (int64_t i = 0; i < depth; i += 2, packed += 2 * width) {
      for (int64_t j = 0; j < width; ++j) {
        for (int64_t half = 0; half < 2; ++half) {
          const bool inside = j < columns && i + half < k;
          packed[2 * j + half] =
              inside ? static_cast<int16_t>(difference(b, ldb, transpose_b, i + half, column + j, zero)) : int16_t{0};
        }
      }
    }
  }
}

void code_product(int64_t rows, int64_t k, int64_t n, const int16_t* a, const int16_t* packed_b, int32_t* c,
                  int64_t ldc, Isa isa) {
  const Flavour flavour = flavour_of(isa);
  const Product product = are_few(n, flavour.panel_width) ? flavour.dots : flavour.panels;
  product(rows, code_depth(k) / 2, n, a, packed_b, c, ldc);
}

void code_product_wide(int64_t k, int64_t n, const int32_t* a, const uint8_t* b, int64_t k_step, int64_t n_step,
                       int32_t b_zero, int32_t* c) {
  std::fill_n(c, n, 0);
  for (int64_t i = 0; i < k; ++i) {
    const auto term = static_cast<uint32_t>(a[i]), zero = static_cast<uint32_t>(b_zero);
    for (int64_t j = 0; j < n; ++j) {
      const uint32_t other = b[i * k_step + j * n_step] - zero;
      c[j] = static_cast<int32_t>(static_cast<uint32_t>(c[j]) + term * other);
    }
  }
}

}  // namespace tarn::kernels
