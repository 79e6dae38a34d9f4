// The register tile under dynamic8.h (internal): a few rows of codes times one panel of weights, for each set of
// instructions, and what turns floats into codes.
//
//   sum[i, j] = sum over runs r, then over k:  code[i, offset_r + k] * weight[k, j]
//   C[i, j] = activation(float(sum - zero_i * weight_sum[j]) * (scale_i * weight_scale[j]) + bias[j] + residual[i, j])
//
// A code is an input from 0 to 255, and stands for (code - zero) * scale; a weight is from -128 to 127. Sums are exact,
// and so are those of the zeros, as long as no sum has more than kMostTerms8 terms. Each operation on floats rounds
// once (no multiply-add is one operation), so results have the same bits on every set of instructions.
//
// Weights lie as panels of panel_width columns, each [k / 4][column][4]; the last one is half as wide if that is
// enough. A run's terms are filled up to a multiple of 4 with zero weights; the codes there are read, whatever they
// are.
#pragma once

#include <cstdint>

#include "ops/kernels/gemm.h"
#include "ops/kernels/isa.h"

namespace tarn::kernels {

// Ordered: a later one is faster. Without instructions for bytes, pairs of 16-bit numbers are multiplied, which are
// exact where the byte instruction of AVX2 (vpmaddubsw) would saturate.
enum class Dot8Isa {
  kPortable,    // plain C++; SSE2's or NEON's pairs
  kAvx2,        // pairs
  kAvx512,      // pairs
  kAvx512Vnni,  // vpdpbusd: four products of bytes a lane
  kNeonDot,     // sdot: the same, of Armv8.2 with dotprod
};
inline constexpr Dot8Isa kDot8Isas[] = {Dot8Isa::kPortable, Dot8Isa::kAvx2, Dot8Isa::kAvx512, Dot8Isa::kAvx512Vnni,
                                        Dot8Isa::kNeonDot};

bool dot8_isa_available(Dot8Isa isa);  // ignores TARN_ISA
Dot8Isa best_dot8_isa();               // of those within best_isa()
const char* dot8_isa_name(Dot8Isa isa);

inline constexpr int64_t kMostTerms8 = 65'536;  // 255 * 128 * 65,536 < 2^31

struct Range8 {
  float scale = 0;
  int32_t zero = 0;
};

struct Dot8Tile {
  const char* a;           // codes, as the flavour has them
  int64_t a_stride;        // bytes between rows
  const int64_t* offsets;  // of each run, in bytes from a
  int64_t runs;
  int64_t quads;    // terms of each run, by four
  const int8_t* b;  // runs * quads packed quads
  const float* weight_scales;
  const int32_t* weight_sums;  // both of these columns, to the end of a panel
  const Range8* ranges;
  int64_t range_step;  // row i has ranges[i * range_step]
  float* c;
  int64_t ldc;
  int64_t columns;        // valid ones of the panel, 1 … panel_width
  const float* bias;      // of these columns, or null
  const float* residual;  // what is added to c, laid out as c is, or null
  Activation activation;
};

inline constexpr int kMostDot8Rows = 14;

// The lowest and highest of some floats and 0; `check` is 0, or NaN if one of them is not finite.
struct Extent8 {
  float low = 0, high = 0, check = 0;
};

struct Dot8Kernels {
  int tile_rows;
  int panel_width;
  int code_bytes;
  void (*tiles[2][kMostDot8Rows])(const Dot8Tile&);  // [half panel][rows - 1]
  Extent8 (*measure)(const float* x, int64_t n);
  // code = clamp(nearest(x * inverse) + zero, 0, 255), halves to the even one.
  void (*quantize)(const float* x, int64_t n, float inverse, int32_t zero, void* codes);
  void (*fill)(int32_t zero, int64_t n, void* codes);  // codes that stand for 0

  bool half_panel(int64_t columns) const { return columns <= panel_width / 2; }
};

const Dot8Kernels& dot8_kernels(Dot8Isa isa);

}  // namespace tarn::kernels
