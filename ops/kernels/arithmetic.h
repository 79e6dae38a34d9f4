// Sums, products and the like of two rows of floats.
//
//   arithmetic<Arithmetic::kAdd>(a, 1, b, 0, y, n);      // y[i] = a[i] + b[0]
//
// One operation an element: the same bits on every instruction set. y may be a or b where that has step 1. Nothing
// allocates.
#pragma once

#include <cstdint>

#include "ops/kernels/isa.h"

namespace tarn::kernels {

enum class Arithmetic { kAdd, kSubtract, kMultiply, kDivide, kMaximum, kMinimum, kSquaredDifference };

// A step is 1, or 0 where one value stands for all, or that of a strided row. Maximum and minimum are NaN if one is; of
// two zeros they are b.
template <Arithmetic kOp>
void arithmetic(const float* a, int64_t a_step, const float* b, int64_t b_step, float* y, int64_t n,
                Isa isa = best_isa());

}  // namespace tarn::kernels
