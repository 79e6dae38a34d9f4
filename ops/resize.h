// What ResizeBilinear and ResizeNearestNeighbor share: attrs, shapes, and where a pixel of the one image lies in the
// other. All of it is float, as in TensorFlow: another rounding chooses another pixel.
//
//   TARN_ASSIGN_OR_RETURN(ResizeAttrs attrs, ResizeAttrs::read(c.attrs()));
//   float scale = attrs.scale(input_height, output_height);
//   float y = (output_row + 0.5f) * scale - 0.5f;     // with half_pixel_centers; else output_row * scale
#pragma once

#include <algorithm>

#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {

struct ResizeAttrs {
  bool align_corners = false, half_pixel_centers = false;

  // Errors: both at once.
  static Result<ResizeAttrs> read(const AttrMap& attrs);
  // Pixels of the input to one of the output.
  float scale(int64_t input, int64_t output) const;
};

// [batch, height, width, channels], where size holds the height and width and may be unknown. Errors: ranks, a size
// below 1, an image without pixels.
Result<Shape> resized_shape(const Shape& images, const std::optional<IntList>& size);
// The same in infer: images are input 0, the size is input 1.
Status infer_resize(InferContext& c);
// The same in run.
Result<Shape> resized_shape(const RunContext& c);

// Calls f(image, first channel, channels) for all channels of `images`, shared out among threads `range` or more at a
// time.
template <class F>
void for_each_channel_range(ThreadPool& threads, const Shape& images, int64_t range, const F& f) {
  const int64_t channels = images.dim(3);
  threads.parallel_for(images.dim(0) * channels, std::max<int64_t>(1, range), [&](int64_t begin, int64_t end, int) {
    while (begin < end) {
      const int64_t first = begin % channels, count = std::min(channels - first, end - begin);
      f(begin / channels, first, count);
      begin += count;
    }
  });
}

}  // namespace tarn
