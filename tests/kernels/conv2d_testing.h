// What the tests of convolutions share: geometries, seeded operands, and the forward reference in double.
#pragma once

#include <string>
#include <vector>

#include "ops/kernels/winograd.h"
#include "tests/kernels/kernel_testing.h"

namespace tarn::kernels::testing {

inline int64_t same_output(int64_t in, int64_t stride) {
  return (in + stride - 1) / stride;
}
inline int64_t same_padding(int64_t in, int64_t filter, int64_t stride, int64_t dilation) {
  return std::max<int64_t>(0, (same_output(in, stride) - 1) * stride + (filter - 1) * dilation + 1 - in);
}

inline Conv2DGeometry geometry(int64_t batch, int64_t h, int64_t w, int64_t c, int64_t filter_h, int64_t filter_w,
                               int64_t out_c, int64_t stride, int64_t dilation, bool same) {
  Conv2DGeometry g;
  g.batch = batch, g.in_h = h, g.in_w = w, g.in_c = c;
  g.filter_h = filter_h, g.filter_w = filter_w, g.out_c = out_c;
  g.stride_h = g.stride_w = stride;
  g.dilation_h = g.dilation_w = dilation;
  if (same) {
    g.out_h = same_output(h, stride), g.out_w = same_output(w, stride);
    g.pad_top = same_padding(h, filter_h, stride, dilation) / 2;
    g.pad_left = same_padding(w, filter_w, stride, dilation) / 2;
  } else {
    g.out_h = std::max<int64_t>(0, (h - (filter_h - 1) * dilation - 1) / stride + 1);
    g.out_w = std::max<int64_t>(0, (w - (filter_w - 1) * dilation - 1) / stride + 1);
  }
  return g;
}

inline std::string name(const Conv2DGeometry& g) {
  std::string text;
  for (int64_t v : {g.batch, g.in_h, g.in_w, g.in_c}) text += std::to_string(v) + ",";
  text += " filter ";
  for (int64_t v : {g.filter_h, g.filter_w, g.out_c}) text += std::to_string(v) + ",";
  return text + " stride " + std::to_string(g.stride_h) + "," + std::to_string(g.stride_w) + " dilation " +
         std::to_string(g.dilation_h) + " pad " + std::to_string(g.pad_top) + "," + std::to_string(g.pad_left);
}
inline std::string name(const Conv2DGeometry& g, ConvAlgorithm algorithm, Isa isa) {
  constexpr const char* kNames[] = {" auto ", " direct ", " winograd "};
  return name(g) + kNames[static_cast<int>(algorithm)] + isa_name(isa);
}

// What Winograd's transforms cover, for both paths.
inline std::vector<Conv2DGeometry> winograd_geometries() {
  std::vector<Conv2DGeometry> all = {
      geometry(2, 26, 26, 32, 3, 3, 64, 1, 1, false),  // Keras CNN, second layer
      geometry(1, 30, 23, 16, 3, 3, 16, 1, 1, true),   // the fewest channels that are chosen
      geometry(1, 32, 32, 32, 3, 3, 48, 1, 1, true),
      geometry(4, 18, 17, 16, 3, 3, 32, 1, 1, false),   // corners of dx are single taps
      geometry(12, 14, 14, 16, 3, 3, 40, 1, 1, true),   // blocks that cross images
      geometry(2, 9, 31, 3, 3, 3, 17, 1, 1, true),      // few channels, no multiple of a vector
      geometry(1, 7, 10, 37, 3, 3, 33, 1, 1, false),    // partial tiles both ways
      geometry(5, 5, 5, 1, 3, 3, 1, 1, 1, false),       // less than a tile of output
      geometry(40, 3, 3, 2, 3, 3, 4, 1, 1, true),       // no tile lies inside its image
      geometry(1, 1, 1, 2, 3, 3, 3, 1, 1, true),        // one pixel
      geometry(1, 1, 33, 20, 3, 3, 18, 1, 1, true),     // one row
      geometry(1, 48, 48, 5, 3, 3, 31, 1, 1, true),     // several groups of partial sums in one image
      geometry(1, 6, 5, 256, 3, 3, 20, 1, 1, true),     // channels whose rows are set apart
      geometry(1, 12, 12, 272, 3, 3, 260, 1, 1, true),  // one group of partial sums, which threads share by points
      geometry(2, 14, 14, 32, 5, 5, 64, 1, 1, true),    // Deep MNIST, second layer
      geometry(1, 31, 22, 16, 5, 5, 16, 1, 1, true),    // the fewest channels that are chosen
      geometry(1, 20, 20, 32, 5, 5, 48, 1, 1, true),
      geometry(3, 13, 12, 16, 5, 5, 33, 1, 1, false),  // corners of dx are single taps
      geometry(2, 9, 31, 3, 5, 5, 17, 1, 1, true),     // few channels, no multiple of a vector
      geometry(40, 3, 3, 2, 5, 5, 4, 1, 1, true),      // no tile lies inside its image
      geometry(1, 1, 33, 20, 5, 5, 18, 1, 1, true),    // one row
      geometry(1, 17, 17, 32, 1, 7, 48, 1, 1, true),   // Inception v3, narrower
      geometry(1, 17, 17, 48, 7, 1, 32, 1, 1, true),
      geometry(2, 8, 8, 96, 1, 3, 64, 1, 1, true),
      geometry(2, 8, 8, 64, 3, 1, 96, 1, 1, true),
      geometry(3, 19, 26, 16, 1, 7, 33, 1, 1, false),  // partial tiles
      geometry(3, 26, 19, 16, 7, 1, 33, 1, 1, false),
      geometry(2, 9, 31, 3, 1, 3, 17, 1, 1, true),  // few channels, no multiple of a vector
      geometry(2, 31, 9, 3, 3, 1, 17, 1, 1, true),
      geometry(9, 2, 3, 5, 1, 7, 4, 1, 1, true),  // no tile lies inside its image
      geometry(9, 3, 2, 5, 7, 1, 4, 1, 1, true),
      geometry(1, 1, 40, 20, 3, 1, 18, 1, 1, true),     // one row, across the filter
      geometry(1, 12, 9, 272, 1, 3, 260, 1, 1, false),  // channels whose rows are set apart
  };
  Conv2DGeometry beyond = geometry(2, 10, 13, 19, 3, 3, 6, 1, 1, false);
  beyond.pad_top = 5, beyond.out_h += 6;  // the first rows and columns see padding alone
  beyond.pad_left = 3, beyond.out_w += 4;
  all.push_back(beyond);
  Conv2DGeometry line = geometry(2, 10, 13, 19, 1, 7, 6, 1, 1, false);
  line.pad_top = 2, line.out_h += 3;  // whole rows of padding
  line.pad_left = 9, line.out_w += 10;
  all.push_back(line);
  std::swap(line.in_h, line.in_w), std::swap(line.out_h, line.out_w);
  std::swap(line.pad_top, line.pad_left), std::swap(line.filter_h, line.filter_w);
  all.push_back(line);
  return all;
}

struct Case {
  Conv2DGeometry g;
  ConvAlgorithm algorithm;
};

// Calls f(index of x, index of filter, index of y) for every product.
template <class F>
void for_each_product(const Conv2DGeometry& g, const F& f) {
  for (int64_t n = 0; n < g.batch; ++n) {
    for (int64_t i = 0; i < g.out_h; ++i) {
      for (int64_t j = 0; j < g.out_w; ++j) {
        for (int64_t h = 0; h < g.filter_h; ++h) {
          for (int64_t w = 0; w < g.filter_w; ++w) {
            const int64_t row = i * g.stride_h - g.pad_top + h * g.dilation_h;
            const int64_t column = j * g.stride_w - g.pad_left + w * g.dilation_w;
            if (row < 0 || row >= g.in_h || column < 0 || column >= g.in_w) continue;
            for (int64_t c = 0; c < g.in_c; ++c) {
              for (int64_t o = 0; o < g.out_c; ++o) {
                f(((n * g.in_h + row) * g.in_w + column) * g.in_c + c,
                  ((h * g.filter_w + w) * g.in_c + c) * g.out_c + o, ((n * g.out_h + i) * g.out_w + j) * g.out_c + o);
              }
            }
          }
        }
      }
    }
  }
}

template <class T>
struct Data {
  Conv2DGeometry g;
  ConvAlgorithm algorithm;
  std::vector<T> x, filter, dy, bias, residual;  // the last is not added unless it is told to

  explicit Data(const Case& c)
      : g(c.g),
        algorithm(c.algorithm),
        x(random_values<T>(g.batch * g.in_h * g.in_w * g.in_c, 1)),
        filter(random_values<T>(g.filter_depth() * g.out_c, 2)),
        dy(random_values<T>(g.batch * g.out_h * g.out_w * g.out_c, 3)),
        bias(random_values<T>(g.out_c, 4)) {}

  Epilogue<T> epilogue() const {
    return {bias.data(), Activation::kRelu, residual.empty() ? nullptr : residual.data()};
  }

  std::vector<T> forward(int threads, Isa isa) const {
    ThreadPool pool(threads);
    Scratch scratch(conv2d_forward_scratch_bytes<T>(g, threads, algorithm));
    std::vector<T> y(dy.size(), T(99));
    conv2d_forward<T>(pool, g, x.data(), filter.data(), y.data(), epilogue(), scratch.get(), isa, algorithm);
    return y;
  }
  std::vector<T> forward_packed(int threads, Isa isa) const {
    ThreadPool pool(threads);
    Scratch memory(packed_matrix_bytes<T>(g.filter_depth(), g.out_c));
    Scratch scratch(conv2d_forward_packed_scratch_bytes<T>(g, threads));
    std::vector<T> y(dy.size(), T(99));
    const PackedMatrix<T> packed =
        pack_matrix<T>(false, g.filter_depth(), g.out_c, filter.data(), g.out_c, memory.get(), isa);
    conv2d_forward_packed<T>(pool, g, x.data(), packed, y.data(), epilogue(), scratch.get());
    return y;
  }
  std::vector<T> backward_input(int threads, Isa isa) const {
    ThreadPool pool(threads);
    Scratch scratch(conv2d_backward_input_scratch_bytes<T>(g, threads, algorithm));
    std::vector<T> dx(x.size(), T(99));
    conv2d_backward_input<T>(pool, g, filter.data(), dy.data(), dx.data(), scratch.get(), isa, algorithm);
    return dx;
  }
  std::vector<T> backward_filter(int threads, Isa isa) const {
    ThreadPool pool(threads);
    Scratch scratch(conv2d_backward_filter_scratch_bytes<T>(g, threads, algorithm));
    std::vector<T> dfilter(filter.size(), T(99));
    conv2d_backward_filter<T>(pool, g, x.data(), dy.data(), dfilter.data(), scratch.get(), isa, algorithm);
    return dfilter;
  }
};

// An output of Winograd's algorithm shares the rounding errors of its block (or, in dfilter, of all taps), where
// a neighbour may have many more terms: the tolerance of each is that of the largest. The library chooses the algorithm
// only where that is not needed (…_pays), and there each element has to stay within the tolerance of its own terms.
inline std::vector<Expected> widen_to_tiles(std::vector<Expected> expected, int64_t h, int64_t w, int64_t c,
                                            int64_t tile_h, int64_t tile_w) {
  const int64_t images = static_cast<int64_t>(expected.size()) / (h * w * c);
  const int64_t rows = (h + tile_h - 1) / tile_h, columns = (w + tile_w - 1) / tile_w;
  for (int64_t i = 0; i < images * rows * columns * c; ++i) {
    const int64_t channel = i % c, tile_column = i / c % columns, row_of_all = i / c / columns;
    const int64_t image = row_of_all / rows, tile_row = row_of_all % rows;
    const auto for_each = [&](const auto& f) {
      for (int64_t row = tile_row * tile_h; row < std::min(h, (tile_row + 1) * tile_h); ++row) {
        for (int64_t column = tile_column * tile_w; column < std::min(w, (tile_column + 1) * tile_w); ++column) {
          f(expected[((image * h + row) * w + column) * c + channel]);
        }
      }
    };
    Expected largest;
    for_each([&](const Expected& e) {
      largest.magnitude = std::max(largest.magnitude, e.magnitude);
      largest.terms = std::max(largest.terms, e.terms);
    });
    for_each([&](Expected& e) { e.magnitude = largest.magnitude, e.terms = largest.terms; });
  }
  return expected;
}

// F(4x4, 5x5) and F(4, 7) round more than the forms at fewer points, however few channels add up: their tiles' sums
// reach further than any output (their stated errors are in winograd.h).
inline std::vector<Expected> widen_to_block(const std::vector<Expected>& expected, const Conv2DGeometry& g,
                                            WinogradBlock block) {
  std::vector<Expected> widened = widen_to_tiles(expected, g.out_h, g.out_w, g.out_c, block.h, block.w);
  const int64_t points = (block.h + g.filter_h - 1) * (block.w + g.filter_w - 1);
  const double rounding = points == 64 ? 4 : points == 10 ? 2 : 1;
  for (Expected& e : widened) e.magnitude *= rounding;
  return widened;
}

// Each element with its terms.
template <class T>
std::vector<Expected> expected_forward(const Data<T>& data) {
  std::vector<Expected> expected(data.dy.size());
  for_each_product(
      data.g, [&](int64_t x, int64_t f, int64_t y) { expected[y].add(double(data.x[x]) * double(data.filter[f])); });
  for (size_t i = 0; i < expected.size(); ++i) {
    expected[i].add(data.bias[i % data.g.out_c]);
    if (!data.residual.empty()) expected[i].add(data.residual[i]);
    expected[i].value = std::max(0.0, expected[i].value);
  }
  return expected;
}

}  // namespace tarn::kernels::testing
