#include "ops/kernels/code_product.h"

#include <algorithm>

#define TARN_KERNEL_FILE "ops/kernels/code_product_inl.h"
#include "ops/kernels/foreach_isa.h"

namespace tarn::kernels {
namespace {

struct Flavour {
  int64_t panel_width, tile_rows;
  void (*panels)(int64_t rows, int64_t pairs, int64_t n, const int16_t* a, const int16_t* packed, int32_t* c,
                 int64_t ldc);
};

Flavour flavour_of([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) return {avx512::kPanelWidth, avx512::kTileRows, avx512::code_panels};
  if (isa == Isa::kAvx2) return {avx2::kPanelWidth, avx2::kTileRows, avx2::code_panels};
#endif
  return {portable::kPanelWidth, portable::kTileRows, portable::code_panels};
}

int64_t difference(const uint8_t* b, int64_t ldb, bool transpose, int64_t k, int64_t n, int64_t zero) {
  return b[transpose ? n * ldb + k : k * ldb + n] - zero;
}

}  // namespace

int64_t code_tile_rows(Isa isa) {
  return flavour_of(isa).tile_rows;
}

// Panels of columns, in each the pairs of k one after another, in each the columns: b[k, n], b[k + 1, n].
size_t packed_codes_bytes(int64_t k, int64_t n, Isa isa) {
  const int64_t width = flavour_of(isa).panel_width;
  return static_cast<size_t>((n + width - 1) / width * width * code_depth(k)) * sizeof(int16_t);
}

void pack_codes(bool transpose_b, int64_t k, int64_t n, const uint8_t* b, int64_t ldb, int32_t zero, int16_t* packed,
                Isa isa) {
  const int64_t width = flavour_of(isa).panel_width, depth = code_depth(k);
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
  flavour_of(isa).panels(rows, code_depth(k) / 2, n, a, packed_b, c, ldc);
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
