// Convolutions by Winograd's, or Cook's and Toom's, transforms (internal; conv2d.h chooses between these and the direct
// path): fewer products, between transformed tiles of x and the transformed filter. A block of tiles is transformed,
// each of its points is a small matrix product over the channels on the tile kernel, and the products are transformed
// back with the epilogue; a block is sized to stay in L2.
//
//   if (const WinogradBlock block = winograd_forward_block(g, FilterUse::kConstant)) {
//     const WinogradFilter<float> packed = winograd_pack_filter<float>(g, block, filter, memory);
//     winograd_forward_packed<float>(pool, g, x, packed, y, epilogue, scratch);           // once a run
//   }
//
// Same contracts as conv2d.h: bits do not depend on the number of threads, nor on whether the filter was transformed
// before or in the run; nothing allocates. The outputs of a tile share its inputs: a NaN or infinity in x makes NaN of
// whole tiles, and rounding errors are relative to a tile's largest sums.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "ops/kernels/conv2d.h"

namespace tarn::kernels {

// Outputs of a tile: 1 along an axis that is not transformed, where the filter has one tap. 0 x 0: no transform.
struct WinogradBlock {
  int64_t h = 0, w = 0;
  explicit operator bool() const { return h > 0; }
  bool operator==(const WinogradBlock&) const = default;
};

// A transform that there is. Stride and dilation are 1, padding is any.
//
//   filter     block  products of an output, of  packed filter / filter, bytes  layer_error measured
//   3x3        4x4    2.25                   9   4                              3.3e-6
//   3x3        2x2    4                      9   1.78                           0.7e-6
//   5x5        4x4    4                     25   2.56                           4.4e-6
//   5x5        2x2    9                     25   1.44                           0.8e-6
//   1x3, 3x1   4      1.5                    3   2                              1.4e-6
//   1x3, 3x1   2      2                      3   1.33                           0.5e-6
//   1x7, 7x1   4      2.5                    7   1.43                           5.4e-6
//   1x7, 7x1   2      4                      7   1.14                           1.7e-6
//   directly                                                                    1.4e-6
struct WinogradForm {
  int64_t filter, block;
  bool both_ways;
  // The largest difference from sums in double, as a fraction of the output's range, after ReLU, for inputs after ReLU
  // and uniform weights scaled by the fan-in: not above this on any layer of Inception v3 and ResNet-50, where
  // tests/kernels/winograd_test.cc measures it.
  double layer_error;

  WinogradBlock block_of(const Conv2DGeometry& g) const;  // 0 x 0 if g's filter is another
};
std::span<const WinogradForm> winograd_forms();

// A form fits, nothing is empty, and the channels are few enough that scratch stays in the tens of MB.
bool winograd_supports(const Conv2DGeometry& g);

// Transforming a filter costs as much as some tiles: whether it is done once or in every run.
enum class FilterUse { kConstant, kVariable };

// The transform with which a layer is faster than directly, or none: a model of the time fitted to kernels_bench
// (winograd_choice.cc), which sees the geometry alone, so that scratch sizes and bits depend on nothing else. Both uses
// come to the same transform where they come to one; a variable filter needs more outputs to be worth it.
WinogradBlock winograd_forward_block(const Conv2DGeometry& g, FilterUse use, double max_layer_error = kMaxLayerError);
// The fastest transform, be it slower than the direct path; one whose filter takes more memory has to be a tenth
// faster.
WinogradBlock winograd_fastest_block(const Conv2DGeometry& g, double max_layer_error = kMaxLayerError);

// All that apply.
std::vector<WinogradBlock> winograd_blocks(const Conv2DGeometry& g, double max_layer_error = kMaxLayerError);
// "F(4x4, 3x3)".
std::string winograd_block_name(const Conv2DGeometry& g, WinogradBlock block);

// The choice that conv2d.h makes.
template <class T>
WinogradBlock forward_block(const ConvChoice& choice, const Conv2DGeometry& g, FilterUse use) {
  if (choice.algorithm == ConvAlgorithm::kWinograd && choice.block_h > 0) return {choice.block_h, choice.block_w};
  if (choice.algorithm == ConvAlgorithm::kWinograd) return winograd_fastest_block(g, choice.max_layer_error);
  if (choice.algorithm == ConvAlgorithm::kDirect || !std::is_same_v<T, float>) return {};
  return winograd_forward_block(g, use, choice.max_layer_error);
}

// Transforms the filter in every run.
template <class T>
size_t winograd_forward_scratch_bytes(const Conv2DGeometry& g, WinogradBlock block, int threads);
template <class T>
void winograd_forward(ThreadPool& pool, const Conv2DGeometry& g, WinogradBlock block, const T* x, const T* filter, T* y,
                      const Epilogue<T>& epilogue, void* scratch, Isa isa = best_isa());

// A view of a transformed filter: for each point a matrix [in_c, out_c] in the layout that `isa`'s kernels read, good
// for any batch and size of image.
template <class T>
struct WinogradFilter {
  const T* data = nullptr;
  WinogradBlock block;
  Isa isa = Isa::kPortable;
};

// Output channels count in sixteens.
template <class T>
size_t winograd_filter_bytes(const Conv2DGeometry& g, WinogradBlock block);
// Of g, filter and channels count. `memory` is 64-byte aligned.
template <class T>
WinogradFilter<T> winograd_pack_filter(const Conv2DGeometry& g, WinogradBlock block, const T* filter, void* memory,
                                       Isa isa = best_isa(), const HaveRead& have_read = nullptr);

// What its bytes depend on beside the filter's elements: "F(4x4, 3x3) 64x64/32".
template <class T>
std::string winograd_filter_layout(const Conv2DGeometry& g, WinogradBlock block, Isa isa = best_isa());

template <class T>
size_t winograd_forward_packed_scratch_bytes(const Conv2DGeometry& g, WinogradBlock block, int threads);
template <class T>
void winograd_forward_packed(ThreadPool& pool, const Conv2DGeometry& g, const T* x, const WinogradFilter<T>& filter,
                             T* y, const Epilogue<T>& epilogue, void* scratch);

// Gradients: of 3x3 and 5x5 filters, at 6 x 6 points.
bool winograd_supports_gradients(const Conv2DGeometry& g);
constexpr WinogradBlock winograd_gradient_block(const Conv2DGeometry& g) {
  return {7 - g.filter_h, 7 - g.filter_w};
}
bool winograd_backward_input_pays(const Conv2DGeometry& g);
bool winograd_backward_filter_pays(const Conv2DGeometry& g);

template <class T>
bool gradient_uses_winograd(ConvAlgorithm algorithm, const Conv2DGeometry& g, bool (*pays)(const Conv2DGeometry&)) {
  if (algorithm == ConvAlgorithm::kAuto) return std::is_same_v<T, float> && pays(g);
  return algorithm == ConvAlgorithm::kWinograd && winograd_supports_gradients(g);
}

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
