// Products of 8-bit codes that each stand for (code - zero), summed in 32 bits that wrap:
//   c[m, n] = sum over k of (a[m, k] - a_zero) * (b[k, n] - b_zero)
//
//   pack_codes(false, k, n, b, n, b_zero, packed);                             // packed_codes_bytes(k, n)
//   for (row …) code_differences()(a + row * k, k, a_zero, a_rows + row * code_depth(k));   // a zero after an odd k
//   code_product(rows, k, n, a_rows, packed, c, n);
//
// The caller writes the rows of A: a convolution writes patches of its image, some tens at a time, and shares them out
// among threads. Differences are int16, which they fit unless a range lies far from 0 (differences_fit). Sums of
// integers: the bits are the same in every order and on every instruction set. Nothing allocates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/kernels/isa.h"

namespace tarn::kernels {

// Whether code - zero fits int16 for all 8-bit codes.
constexpr bool differences_fit(int64_t zero) {
  return zero >= -32512 && zero <= 32768;
}

// Elements of one row of A, of which the last is 0 if k is odd.
constexpr int64_t code_depth(int64_t k) {
  return k + k % 2;
}

// n differences from `zero`, which fit. The function that suits `isa`: it is called for many short rows.
using CodeDifferences = void (*)(const uint8_t* from, int64_t n, uint16_t zero, int16_t* to);
CodeDifferences code_differences(Isa isa = best_isa());

size_t packed_codes_bytes(int64_t k, int64_t n, Isa isa = best_isa());

// op(B) [k, n] minus its zero, in the layout that code_product reads. ldb is the stride of the stored rows.
void pack_codes(bool transpose_b, int64_t k, int64_t n, const uint8_t* b, int64_t ldb, int32_t zero, int16_t* packed,
                Isa isa = best_isa());

// Rows of A that are best given at once, or a multiple of it.
int64_t code_tile_rows(Isa isa = best_isa());

void code_product(int64_t rows, int64_t k, int64_t n, const int16_t* a, const int16_t* packed_b, int32_t* c,
                  int64_t ldc, Isa isa = best_isa());

// One row of A, for zeros that do not fit: plain and slow. b[k, n] is at b[k * k_step + n * n_step].
void code_product_wide(int64_t k, int64_t n, const int32_t* a, const uint8_t* b, int64_t k_step, int64_t n_step,
                       int32_t b_zero, int32_t* c);

}  // namespace tarn::kernels
