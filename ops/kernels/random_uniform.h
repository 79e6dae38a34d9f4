// Uniform floats in [0, 1) from Philox4x32-10, many blocks at once: block b of a stream is four numbers, the low 23
// bits of each word as the mantissa of 1.m, less 1. The same bits as TensorFlow's RandomUniform, on every instruction
// set.
//
//   random_uniform({key0, key1}, low, high, count, out);   // low, high: the halves of the first block's counter
//
// Thread-safe; threads take blocks of their own.
#pragma once

#include <array>
#include <cstdint>

#include "ops/kernels/isa.h"

namespace tarn::kernels {

// Writes `count` floats, from the beginning of block (high, low) on.
void random_uniform(const std::array<uint32_t, 2>& key, uint64_t low, uint64_t high, int64_t count, float* out,
                    Isa isa = best_isa());

}  // namespace tarn::kernels
