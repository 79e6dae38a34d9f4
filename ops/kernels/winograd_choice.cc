// Which transforms there are, for what, and where they save time.
#include <algorithm>
#include <utility>

#include "core/strings.h"
#include "ops/kernels/winograd.h"
#include "ops/kernels/winograd_tiling.h"

namespace tarn::kernels {
namespace {

// Of one filter the ones with fewer points first.
constexpr WinogradForm kForms[] = {
    {.filter = 3, .block = 2, .both_ways = true, .layer_error = 1e-6},
    {.filter = 3, .block = 4, .both_ways = true, .layer_error = 4e-6},
    {.filter = 5, .block = 2, .both_ways = true, .layer_error = 1e-6},
    {.filter = 5, .block = 4, .both_ways = true, .layer_error = 6e-6},
    {.filter = 3, .block = 2, .both_ways = false, .layer_error = 1e-6},
    {.filter = 3, .block = 4, .both_ways = false, .layer_error = 2e-6},
    {.filter = 7, .block = 2, .both_ways = false, .layer_error = 2.5e-6},
    {.filter = 7, .block = 4, .both_ways = false, .layer_error = 7e-6},
};

constexpr int64_t kMaxChannels = 1024;
constexpr int64_t kMaxFilterElements = 36 * 512 * 512;  // transformed, of floats: 36 MB

constexpr int64_t kMinChannels = 16;  // below, the transforms outweigh the products

// The model of times, in multiply-adds a pair of channels. Measured with kernels_bench on AVX-512 and AVX2
// (bench/README.md).
constexpr double kReadCost = 12;           // of a weight, from beyond L2, beside another thread that does the same
constexpr double kTransformCost = 8;       // of a value of a point
constexpr double kLargerFilterGain = 0.9;  // of a form whose filter takes more memory
constexpr double kConstantGain = 0.9, kVariableGain = 0.8;  // at least, else the direct path stays

double direct_cost(const Conv2DGeometry& g) {
  return double(g.filter_h * g.filter_w) * (double(g.batch) * double(g.out_h) * double(g.out_w) + kReadCost);
}

double transform_cost(const Conv2DGeometry& g, WinogradBlock block) {
  const WinogradTiling tiling(g, block);
  const double transforms = kTransformCost / double(g.in_c) + kTransformCost / double(g.out_c);
  return double(tiling.points) * (double(tiling.count) * (1 + transforms) + kReadCost);
}

// Of transforming the filter, in tiles.
double filter_tiles(const Conv2DGeometry& g) {
  constexpr int64_t kLargeFilter = 128 * 256;  // transformed by F(4x4, 3x3): 4.5 MB, beyond L2
  return g.in_c * g.out_c >= kLargeFilter ? 32 : 8;
}

// Rows and columns of padding at a side.
bool pads_at_most(const Conv2DGeometry& g, int64_t most_h, int64_t most_w) {
  const auto is_little = [](int64_t padding, int64_t most) { return padding >= 0 && padding <= most; };
  return is_little(g.pad_top, most_h) && is_little(g.pad_left, most_w) &&
         is_little(g.out_h + g.filter_h - 1 - g.in_h - g.pad_top, most_h) &&
         is_little(g.out_w + g.filter_w - 1 - g.in_w - g.pad_left, most_w);
}

// Of gradients, for the geometry whose outputs are tiled.
bool gradient_saves_time(const Conv2DGeometry& g) {
  if (g.in_c < kMinChannels || g.out_c < kMinChannels) return false;
  const WinogradTiling tiling(g, winograd_gradient_block(g));
  const double winograd = double(tiling.points) * (1.25 * double(tiling.count) + filter_tiles(g));
  const double direct = double(g.filter_h * g.filter_w) * double(g.batch) * double(g.out_h) * double(g.out_w);
  return winograd < 0.8 * direct;
}

// Stride and dilation are 1, and what it would take is bounded. Both images are counted: either may be the one that is
// tiled.
bool is_within_bounds(const Conv2DGeometry& g) {
  if (g.stride_h != 1 || g.stride_w != 1 || g.dilation_h != 1 || g.dilation_w != 1) return false;
  if (g.in_c < 1 || g.out_c < 1 || g.in_c > kMaxChannels || g.out_c > kMaxChannels) return false;
  for (const auto& [h, w] : {std::pair{g.in_h, g.in_w}, std::pair{g.out_h, g.out_w}}) {
    constexpr int64_t kMaxSide = int64_t{1} << 31;
    int64_t pixels = 0;
    if (g.batch < 1 || h < 1 || w < 1 || h > kMaxSide || w > kMaxSide) return false;
    if (__builtin_mul_overflow(g.batch, h * w, &pixels) || pixels > (int64_t{1} << 40)) return false;
  }
  return true;
}

bool filter_is_within_bounds(const Conv2DGeometry& g, WinogradBlock block) {
  return WinogradTiling(g, block).points * g.in_c * g.out_c <= kMaxFilterElements;
}

WinogradBlock block_that_applies(const WinogradForm& form, const Conv2DGeometry& g, double max_layer_error) {
  if (form.layer_error > max_layer_error || !is_within_bounds(g)) return {};
  const WinogradBlock block = form.block_of(g);
  return block && filter_is_within_bounds(g, block) ? block : WinogradBlock();
}

}  // namespace

std::span<const WinogradForm> winograd_forms() {
  return kForms;
}

WinogradBlock WinogradForm::block_of(const Conv2DGeometry& g) const {
  if (g.filter_h == filter && g.filter_w == filter && both_ways) return {block, block};
  if (g.filter_h == 1 && g.filter_w == filter && !both_ways) return {1, block};
  if (g.filter_h == filter && g.filter_w == 1 && !both_ways) return {block, 1};
  return {};
}

std::vector<WinogradBlock> winograd_blocks(const Conv2DGeometry& g, double max_layer_error) {
  std::vector<WinogradBlock> blocks;
  for (const WinogradForm& form : kForms) {
    if (const WinogradBlock block = block_that_applies(form, g, max_layer_error)) blocks.push_back(block);
  }
  return blocks;
}

std::string winograd_block_name(const Conv2DGeometry& g, WinogradBlock block) {
  return str_cat("F(", block.h, "x", block.w, ", ", g.filter_h, "x", g.filter_w, ")");
}

WinogradBlock winograd_fastest_block(const Conv2DGeometry& g, double max_layer_error) {
  WinogradBlock fastest;
  double most = 0;  // that the next form may cost
  for (const WinogradForm& form : kForms) {
    const WinogradBlock block = block_that_applies(form, g, max_layer_error);
    if (!block) continue;
    const double cost = transform_cost(g, block);
    if (fastest && cost >= most) continue;
    fastest = block;
    most = kLargerFilterGain * cost;
  }
  return fastest;
}

bool winograd_supports(const Conv2DGeometry& g) {
  return static_cast<bool>(winograd_fastest_block(g, 1));
}

WinogradBlock winograd_forward_block(const Conv2DGeometry& g, FilterUse use, double max_layer_error) {
  const WinogradBlock block = winograd_fastest_block(g, max_layer_error);
  if (!block || g.in_c < kMinChannels || g.out_c < kMinChannels) return {};
  // Where most of a window is padding, the error of its tile is more than its own few terms explain.
  if (!pads_at_most(g, g.filter_h / 2, g.filter_w / 2)) return {};
  double cost = transform_cost(g, block);
  if (use == FilterUse::kVariable) cost += double(WinogradTiling(g, block).points) * filter_tiles(g);
  return cost < (use == FilterUse::kVariable ? kVariableGain : kConstantGain) * direct_cost(g) ? block
                                                                                               : WinogradBlock{};
}

bool winograd_supports_gradients(const Conv2DGeometry& g) {
  return g.filter_h == g.filter_w && (g.filter_h == 3 || g.filter_h == 5) && is_within_bounds(g) &&
         filter_is_within_bounds(g, winograd_gradient_block(g));
}

bool winograd_backward_input_pays(const Conv2DGeometry& g) {
  // Edges of dx where two thirds of the window are padding: enough terms are left of this many channels.
  constexpr int64_t kMinEdgeChannels = 32;
  const int64_t most = g.filter_h == 3 && g.out_c >= kMinEdgeChannels ? 2 : g.filter_h / 2;
  return winograd_supports_gradients(g) && pads_at_most(turned_around(g), most, most) &&
         gradient_saves_time(turned_around(g));
}

bool winograd_backward_filter_pays(const Conv2DGeometry& g) {
  return winograd_supports_gradients(g) && pads_at_most(g, 2, 2) && gradient_saves_time(g);
}

}  // namespace tarn::kernels
