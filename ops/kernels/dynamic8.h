// Products of floats with constant weights, computed in 8 bits: inputs become codes as they come, by their own range.
//
//   Weights8 w = pack_weights8({.values = b, .k_step = n, .n_step = 1}, /*runs=*/1, k, n, memory);   // weights8_bytes
//   dynamic8_matmul(pool, m, w, a, c, {.bias = bias, .activation = Activation::kRelu}, scratch);
//
//   Weights8 w = pack_filter8(g, {.values = filter, .k_step = g.out_c, .n_step = 1}, memory);        //
//   filter8_bytes(g) dynamic8_conv2d(pool, g, w, x, y, {}, scratch);
//
// Inputs: each row of a matrix, each image of a batch has a range of its own, low = min(x, 0) to high = max(x, 0):
//   scale = (high - low) / 255, inverse = 255 / (high - low), zero = nearest(-low * inverse)
//   code = clamp(nearest(x * inverse) + zero, 0, 255), which stands for (code - zero) * scale; halves to the even one
// in float, so an input moves by about half a step at most. A range below 2^-100 counts as all zeros. With a NaN or an
// infinity in it, or a range beyond float, a row or an image gives NaN in all its outputs.
//
// Weights: a column's are whole numbers from -128 to 127 times its scale. Where 8-bit constants stand for multiples of
// a step (quantize_weights), that step is the scale of each column whose multiples are within -128 to 127, and nothing
// is lost; else the scale is the largest magnitude / 127, and a weight moves by half of it at most.
//
// Sums are exact (dot8.h), so bits depend neither on the instructions nor on the number of threads. Nothing allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/thread_pool.h"
#include "ops/kernels/conv2d.h"
#include "ops/kernels/dot8.h"

namespace tarn::kernels {

// w[k, n] is at k * k_step + n * n_step of `values`, or of `codes`, and is value_of_code[codes[…]] then.
struct Weights8Source {
  const float* values = nullptr;
  const uint8_t* codes = nullptr;
  const float* value_of_code = nullptr;  // 256
  int64_t k_step = 1, n_step = 1;
};

// Packed weights of `runs` times `run_length` terms for each of n columns; a view of memory.
struct Weights8 {
  const int8_t* codes = nullptr;
  const float* scales = nullptr;  // [n], to the end of a panel
  const int32_t* sums = nullptr;  // likewise: of the column's codes
  int64_t runs = 1, run_length = 0;
  int64_t n = 0;
  Dot8Isa isa = Dot8Isa::kPortable;
};

size_t weights8_bytes(int64_t runs, int64_t run_length, int64_t n);
// `memory` is aligned to 64 bytes; 1 <= runs * run_length <= kMostTerms8. All weights are finite.
Weights8 pack_weights8(const Weights8Source& source, int64_t runs, int64_t run_length, int64_t n, void* memory,
                       Dot8Isa isa = best_dot8_isa());

// What packed bytes depend on beside values or codes: "9x64x128/32 1 128 1a2b3c4d".
std::string weights8_layout(const Weights8Source& source, int64_t runs, int64_t run_length, int64_t n,
                            Dot8Isa isa = best_dot8_isa());
// A view of what pack_weights8 wrote.
Weights8 weights8_at(const void* memory, int64_t runs, int64_t run_length, int64_t n, Dot8Isa isa = best_dot8_isa());

// The runs of a filter, and the terms of each.
struct Filter8Runs {
  int64_t runs, run_length;
};
Filter8Runs filter8_runs(const Conv2DGeometry& g);
size_t filter8_bytes(const Conv2DGeometry& g);
Weights8 pack_filter8(const Conv2DGeometry& g, const Weights8Source& source, void* memory,
                      Dot8Isa isa = best_dot8_isa());

// c[m, n] = activation(a[m, k] * weights + bias + residual), rows without gaps. Scratch is aligned to 64 bytes.
size_t dynamic8_matmul_scratch_bytes(int64_t m, const Weights8& weights);
void dynamic8_matmul(ThreadPool& pool, int64_t m, const Weights8& weights, const float* a, float* c,
                     const Epilogue<float>& epilogue, void* scratch);

// y = activation(conv(x, filter) + bias + residual), with the geometry that the filter was packed for, but for batch
// and image.
size_t dynamic8_conv2d_scratch_bytes(const Conv2DGeometry& g, const Weights8& weights);
void dynamic8_conv2d(ThreadPool& pool, const Conv2DGeometry& g, const Weights8& weights, const float* x, float* y,
                     const Epilogue<float>& epilogue, void* scratch);

}  // namespace tarn::kernels
