// Convolutions by Winograd's F(4x4, 3x3) and F(2x2, 5x5) (internal; conv2d.h chooses between this and the direct path).
// A block of tiles is transformed to 36 points, each point is a small matrix product over the channels on the tile
// kernel, and the products are transformed back with the epilogue; a block is sized to stay in L2.
//
//   if (winograd_supports(g)) winograd_forward<float>(pool, g, x, filter, y, epilogue, scratch, isa);
//
// Same contracts as conv2d.h: bits do not depend on the number of threads, nothing allocates. The outputs of a tile
// share its inputs: a NaN or infinity in x makes NaN of whole tiles, and rounding errors are relative to a tile's
// largest sums.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "ops/kernels/conv2d.h"

namespace tarn::kernels {

// 3x3 or 5x5, stride 1, dilation 1, nothing empty, and channels few enough that scratch stays in the tens of MB.
bool winograd_supports(const Conv2DGeometry& g);

// The choice that conv2d.h makes.
template <class T>
bool uses_winograd(ConvAlgorithm algorithm, const Conv2DGeometry& g, bool (*pays)(const Conv2DGeometry&)) {
  if (algorithm == ConvAlgorithm::kAuto) return std::is_same_v<T, float> && pays(g);
  return algorithm == ConvAlgorithm::kWinograd && winograd_supports(g);
}

// Whether it is also faster: thresholds measured with kernels_bench (winograd.cc). They see the geometry alone, so
// that scratch sizes and bits depend on nothing else.
bool winograd_forward_pays(const Conv2DGeometry& g);
bool winograd_backward_input_pays(const Conv2DGeometry& g);
bool winograd_backward_filter_pays(const Conv2DGeometry& g);

template <class T>
size_t winograd_forward_scratch_bytes(const Conv2DGeometry& g, int threads);
template <class T>
void winograd_forward(ThreadPool& pool, const Conv2DGeometry& g, const T* x, const T* filter, T* y,
                      const Epilogue<T>& epilogue, void* scratch, Isa isa);

template <class T>
size_t winograd_backward_input_scratch_bytes(const Conv2DGeometry& g, int threads);
template <class T>
void winograd_backward_input(ThreadPool& pool, const Conv2DGeometry& g, const T* filter, const T* dy, T* dx,
                             void* scratch, Isa isa);

template <class T>
size_t winograd_backward_filter_scratch_bytes(const Conv2DGeometry& g, int threads);
template <class T>
void winograd_backward_filter(ThreadPool& pool, const Conv2DGeometry& g, const T* x, const T* dy, T* dfilter,
                              void* scratch, Isa isa);

}  // namespace tarn::kernels
