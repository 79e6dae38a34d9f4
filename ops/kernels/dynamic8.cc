#include "ops/kernels/dynamic8.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/crc32c.h"
#include "core/strings.h"
#include "ops/kernels/conv2d_strip.h"

namespace tarn::kernels {
namespace {

constexpr int64_t kWidestPanel = 32;
constexpr int64_t kMeasuredAtATime = 1 << 14;       // elements of an image that one range of work has
constexpr int64_t kMostPixels = 8 * kMostDot8Rows;  // of a line that are computed before the next panel is turned to
constexpr int64_t kBlockBytes = 128 << 10;          // of codes that are, which stay in L2 meanwhile
// Work is told in multiply-adds of floats: a product here takes a quarter of one's time, a code eight times one's.
constexpr int64_t kProductsPerWork = 4, kWorkPerCode = 8;

constexpr int64_t quads_of(int64_t terms) {
  return ceil_div(terms, 4);
}

// Halves to the even one, whatever std::nearbyint costs here.
int32_t nearest(float x) {
  return static_cast<int32_t>(std::lrintf(x));
}

// ---- Weights
// ---------------------------------------------------------------------------------------------------------

// What a step of the codes stands for, if they are steps from a code that stands for 0; else 0.
float step_of(const Weights8Source& source) {
  if (source.codes == nullptr) return 0;
  const float* values = source.value_of_code;
  // Signed codes lie behind the others: their lowest is byte 128.
  const auto [low, high] = std::minmax_element(values, values + 256);
  const float step = (*high - *low) / 255;
  return std::find(values, values + 256, 0.0f) != values + 256 && step >= std::numeric_limits<float>::min() ? step : 0;
}

// The weights of some columns, row by row.
class ColumnReader {
 public:
  ColumnReader(const Weights8Source& source, int64_t column, int64_t columns)
      : source_(source), offset_(column * source.n_step), columns_(columns) {}

  void read(int64_t k, float* row) const {
    const int64_t at = offset_ + k * source_.k_step, step = source_.n_step;
    if (source_.codes != nullptr) {
      for (int64_t j = 0; j < columns_; ++j) row[j] = source_.value_of_code[source_.codes[at + j * step]];
    } else {
      for (int64_t j = 0; j < columns_; ++j) row[j] = source_.values[at + j * step];
    }
  }

 private:
  const Weights8Source& source_;
  int64_t offset_, columns_;
};

struct PanelScales {
  float scales[kWidestPanel], inverses[kWidestPanel];
};

PanelScales scales_of(const ColumnReader& reader, int64_t terms, int64_t columns, float step) {
  float low[kWidestPanel] = {}, high[kWidestPanel] = {}, row[kWidestPanel] = {};
  for (int64_t k = 0; k < terms; ++k) {
    reader.read(k, row);
    for (int64_t j = 0; j < kWidestPanel; ++j) {
      low[j] = std::min(low[j], row[j]);
      high[j] = std::max(high[j], row[j]);
    }
  }
  PanelScales result{};
  for (int64_t j = 0; j < columns; ++j) {
    float scale = std::max(high[j], -low[j]) / 127;
    if (high[j] <= 127.5f * step && low[j] >= -128.5f * step) scale = step;
    if (scale < 0x1p-100f) continue;  // zeros
    result.scales[j] = scale;
    result.inverses[j] = 1 / scale;
  }
  return result;
}

// ---- Inputs
// ----------------------------------------------------------------------------------------------------------

struct InputRange {
  Range8 range;
  float inverse = 0;
};

InputRange range_of(const Extent8& extent) {
  constexpr float kLeast = 0x1p-100f;
  const float width = extent.high - extent.low;
  if (!(extent.check == 0) || !(width <= std::numeric_limits<float>::max()))
    return {{std::numeric_limits<float>::quiet_NaN(), 0}, 0};
  if (width < kLeast) return {};
  const float inverse = 255 / width;
  return {{width / 255, nearest(-extent.low * inverse)}, inverse};
}

// ---- Tiles
// -----------------------------------------------------------------------------------------------------------

// Lines of windows, or of a matrix's rows, over codes.
struct Lines {
  const char* a;
  int64_t images = 1, lines_per_image = 1;
  int64_t image_bytes = 0, line_bytes = 0, pixel_bytes = 0;  // of codes, from one to the next
  int64_t pixels = 0;                                        // of a line
  const int64_t* offsets;                                    // of runs
  const Range8* ranges;
  bool pixels_have_ranges = false;  // each its own; else each image has
  float* c;                         // lines one after another, without gaps
};

void multiply_lines(ThreadPool& pool, const Lines& lines, const Weights8& w, const Epilogue<float>& epilogue) {
  const Dot8Kernels& kernels = dot8_kernels(w.isa);
  const int64_t quads = w.runs * quads_of(w.run_length);
  const int64_t pieces_per_line = ceil_div(lines.pixels, kMostPixels);
  const int64_t pieces = lines.images * lines.lines_per_image * pieces_per_line;
  const int64_t piece_bytes = std::max(lines.line_bytes, lines.pixels * lines.pixel_bytes) / pieces_per_line;
  const int64_t block = std::max<int64_t>(1, kBlockBytes / std::max<int64_t>(1, piece_bytes));
  const int64_t panels = ceil_div(w.n, kernels.panel_width);

  const auto multiply = [&](int64_t first_piece, int64_t stop_piece, int64_t first_panel, int64_t stop_panel) {
    Dot8Tile tile{};
    tile.a_stride = lines.pixel_bytes;
    tile.offsets = lines.offsets;
    tile.runs = w.runs;
    tile.quads = quads_of(w.run_length);
    tile.range_step = lines.pixels_have_ranges ? 1 : 0;
    tile.ldc = w.n;
    tile.activation = epilogue.activation;
    for (int64_t begin = first_piece; begin < stop_piece; begin += block) {
      const int64_t end = std::min(begin + block, stop_piece);
      for (int64_t panel = first_panel; panel < stop_panel; ++panel) {
        const int64_t column = panel * kernels.panel_width;
        tile.columns = std::min<int64_t>(kernels.panel_width, w.n - column);
        tile.b = w.codes + column * quads * 4;
        tile.weight_scales = w.scales + column;
        tile.weight_sums = w.sums + column;
        tile.bias = epilogue.bias == nullptr ? nullptr : epilogue.bias + column;
        const auto& bodies = kernels.tiles[kernels.half_panel(tile.columns)];
        for (int64_t piece = begin; piece < end; ++piece) {
          if (pool.is_stopped()) return;
          const int64_t line = piece / pieces_per_line, part = piece % pieces_per_line;
          const int64_t image = line / lines.lines_per_image;
          const char* a = lines.a + image * lines.image_bytes + line % lines.lines_per_image * lines.line_bytes;
          const int64_t first = lines.pixels * part / pieces_per_line;
          const int64_t count = lines.pixels * (part + 1) / pieces_per_line - first;
          const int64_t tiles = ceil_div(count, kernels.tile_rows);
          for (int64_t t = 0; t < tiles; ++t) {
            const int64_t pixel = first + count * t / tiles;
            const int64_t rows = first + count * (t + 1) / tiles - pixel;
            tile.a = a + pixel * lines.pixel_bytes;
            const int64_t at = (line * lines.pixels + pixel) * w.n + column;
            tile.c = lines.c + at;
            tile.residual = epilogue.residual == nullptr ? nullptr : epilogue.residual + at;
            tile.ranges = lines.ranges + (lines.pixels_have_ranges ? pixel : image);
            bodies[rows - 1](tile);
          }
        }
      }
    }
  };

  const int64_t rows = lines.images * lines.lines_per_image * lines.pixels;
  const int64_t work = rows * quads * 4 * w.n / kProductsPerWork;
  // Split the side that divides better.
  const auto turns = [&](int64_t units) {
    return double(ceil_div(units, pool.threads()) * pool.threads()) / double(units);
  };
  if (turns(pieces) <= turns(panels)) {
    pool.parallel_for_whole(pieces, min_range(pieces, work),
                            [&](int64_t begin, int64_t end, int) { multiply(begin, end, 0, panels); });
  } else {
    pool.parallel_for_whole(panels, min_range(panels, work),
                            [&](int64_t begin, int64_t end, int) { multiply(0, pieces, begin, end); });
  }
}

// ---- Matrices
// --------------------------------------------------------------------------------------------------------

int64_t row_codes(const Weights8& w) {
  return 4 * quads_of(w.run_length);
}

// ---- Images
// ----------------------------------------------------------------------------------------------------------

// A window that is one cell needs no lines: all pixels are one.
Conv2DGeometry flattened(const Conv2DGeometry& g) {
  const bool is_one_cell = g.filter_h == 1 && g.filter_w == 1 && g.stride_h == 1 && g.stride_w == 1 && g.pad_top == 0 &&
                           g.pad_left == 0 && g.out_h == g.in_h && g.out_w == g.in_w;
  Conv2DGeometry flat = g;
  if (!is_one_cell) return flat;
  flat.in_w = flat.out_w = g.in_h * g.in_w;
  flat.in_h = flat.out_h = 1;
  flat.dilation_h = flat.dilation_w = 1;
  return flat;
}

struct ImagePlan {
  Conv2DGeometry g;
  WindowPlan window;
  int64_t rows, columns;  // of an image of codes, with its padding where windows leave it
  int64_t first_row, first_column;
  int64_t image_codes;
  int64_t elements, parts;  // of a float image; parts of it that are measured apart

  explicit ImagePlan(const Conv2DGeometry& given)
      : g(flattened(given)),
        window(g),
        rows(window.copies ? window.strip_rows(g, g.out_h) : g.in_h),
        columns(window.copies ? window.width : g.in_w),
        first_row(window.copies ? -g.pad_top : 0),
        first_column(window.copies ? -g.pad_left : 0),
        image_codes(round_up(rows * window.pitch + 3, 64)),  // the last run's fourth term may lie behind it
        elements(g.in_h * g.in_w * g.in_c),
        parts(ceil_div(elements, kMeasuredAtATime)) {}
};

struct ImageScratch {
  int64_t* offsets;
  Extent8* extents;    // of each part
  InputRange* inputs;  // of each image
  Range8* ranges;      // the same, for tiles
  char* codes;

  ImageScratch(const ImagePlan& plan, int code_bytes, void* scratch) {
    ScratchCarver<char> carver(scratch);
    offsets = carver.take<int64_t>(plan.window.runs);
    extents = carver.take<Extent8>(plan.g.batch * plan.parts);
    inputs = carver.take<InputRange>(plan.g.batch);
    ranges = carver.take<Range8>(plan.g.batch);
    codes = carver.take(plan.g.batch * plan.image_codes * code_bytes);
  }
  static int64_t bytes(const ImagePlan& plan, int code_bytes) {
    using Carver = ScratchCarver<char>;
    return Carver::bytes<int64_t>(plan.window.runs) + Carver::bytes<Extent8>(plan.g.batch * plan.parts) +
           Carver::bytes<InputRange>(plan.g.batch) + Carver::bytes<Range8>(plan.g.batch) +
           Carver::bytes(plan.g.batch * plan.image_codes * code_bytes);
  }
};

void measure_images(ThreadPool& pool, const ImagePlan& plan, const Dot8Kernels& kernels, const float* x,
                    const ImageScratch& scratch) {
  const int64_t units = plan.g.batch * plan.parts;
  pool.parallel_for(units, min_range(units, plan.g.batch * plan.elements), [&](int64_t begin, int64_t end, int) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t first = unit % plan.parts * kMeasuredAtATime;
      scratch.extents[unit] = kernels.measure(x + unit / plan.parts * plan.elements + first,
                                              std::min(kMeasuredAtATime, plan.elements - first));
    }
  });
  for (int64_t image = 0; image < plan.g.batch; ++image) {
    Extent8 whole;
    for (const Extent8* part = scratch.extents + image * plan.parts; part < scratch.extents + (image + 1) * plan.parts;
         ++part) {
      whole.low = std::min(whole.low, part->low);
      whole.high = std::max(whole.high, part->high);
      whole.check += part->check;
    }
    scratch.inputs[image] = range_of(whole);
    scratch.ranges[image] = scratch.inputs[image].range;
  }
}

// One row of an image of codes. Cells outside of the image are 0.
void quantize_row(const ImagePlan& plan, const Dot8Kernels& kernels, const float* image, const InputRange& input,
                  int64_t row, char* codes) {
  const Conv2DGeometry& g = plan.g;
  const int64_t from = plan.first_row + row, zero = input.range.zero, bytes = kernels.code_bytes;
  const bool is_inside = from >= 0 && from < g.in_h;
  const int64_t left = is_inside ? std::min(-plan.first_column, plan.columns) : plan.columns;
  const int64_t inside = is_inside ? std::min(g.in_w, plan.columns - left) : 0;
  const auto fill = [&](int64_t column, int64_t columns) {
    if (columns > 0) kernels.fill(static_cast<int32_t>(zero), columns * g.in_c, codes + column * g.in_c * bytes);
  };
  fill(0, left);
  if (inside > 0)
    kernels.quantize(image + from * g.in_w * g.in_c, inside * g.in_c, input.inverse, static_cast<int32_t>(zero),
                     codes + left * g.in_c * bytes);
  fill(left + inside, plan.columns - left - inside);
}

void quantize_images(ThreadPool& pool, const ImagePlan& plan, const Dot8Kernels& kernels, const float* x,
                     const ImageScratch& scratch) {
  const int64_t rows = plan.g.batch * plan.rows, row_bytes = plan.window.pitch * kernels.code_bytes;
  const int64_t image_bytes = plan.image_codes * kernels.code_bytes;
  const auto quantize = [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t image = row / plan.rows, line = row % plan.rows;
      char* codes = scratch.codes + image * image_bytes;
      quantize_row(plan, kernels, x + image * plan.elements, scratch.inputs[image], line, codes + line * row_bytes);
      const int64_t used = plan.rows * plan.window.pitch;
      if (line + 1 == plan.rows)
        kernels.fill(0, std::min<int64_t>(3, plan.image_codes - used), codes + used * kernels.code_bytes);
    }
  };
  if (plan.rows > 1 || plan.window.copies) {
    pool.parallel_for(rows, min_range(rows, kWorkPerCode * rows * plan.window.pitch), quantize);
    return;
  }
  // One long row an image, without padding: parts of it.
  const int64_t units = plan.g.batch * plan.parts;
  pool.parallel_for(
      units, min_range(units, kWorkPerCode * units * kMeasuredAtATime), [&](int64_t begin, int64_t end, int) {
        for (int64_t unit = begin; unit < end; ++unit) {
          const int64_t image = unit / plan.parts, first = unit % plan.parts * kMeasuredAtATime;
          const InputRange& input = scratch.inputs[image];
          char* codes = scratch.codes + image * image_bytes;
          kernels.quantize(x + image * plan.elements + first, std::min(kMeasuredAtATime, plan.elements - first),
                           input.inverse, input.range.zero, codes + first * kernels.code_bytes);
          if (unit % plan.parts + 1 == plan.parts) kernels.fill(0, 3, codes + plan.elements * kernels.code_bytes);
        }
      });
}

}  // namespace

size_t weights8_bytes(int64_t runs, int64_t run_length, int64_t n) {
  const int64_t columns = round_up(n, kWidestPanel);
  return static_cast<size_t>(round_up(columns * runs * quads_of(run_length) * 4, 64) +
                             columns * int64_t{sizeof(float) + sizeof(int32_t)});
}

std::string weights8_layout(const Weights8Source& source, int64_t runs, int64_t run_length, int64_t n, Dot8Isa isa) {
  std::string layout = str_cat("8 bits ", runs, "x", run_length, "x", n, "/", dot8_kernels(isa).panel_width, " ",
                               source.k_step, " ", source.n_step);
  if (source.codes != nullptr)
    str_append(layout, " ", crc32c({reinterpret_cast<const char*>(source.value_of_code), 256 * sizeof(float)}));
  return layout;
}

Weights8 weights8_at(const void* memory, int64_t runs, int64_t run_length, int64_t n, Dot8Isa isa) {
  const int64_t columns = round_up(n, kWidestPanel);
  ScratchCarver<int8_t> carver(const_cast<void*>(memory));  // NOLINT: carves, and writes nothing
  Weights8 weights{.runs = runs, .run_length = run_length, .n = n, .isa = isa};
  weights.codes = carver.take<int8_t>(columns * runs * quads_of(run_length) * 4);
  weights.scales = carver.take<float>(columns);
  weights.sums = carver.take<int32_t>(columns);
  return weights;
}

Weights8 pack_weights8(const Weights8Source& source, int64_t runs, int64_t run_length, int64_t n, void* memory,
                       Dot8Isa isa) {
  const Dot8Kernels& kernels = dot8_kernels(isa);
  const int64_t quads = quads_of(run_length), terms = runs * run_length, columns_at_all = round_up(n, kWidestPanel);
  ScratchCarver<int8_t> carver(memory);
  auto* codes = carver.take<int8_t>(columns_at_all * runs * quads * 4);
  auto* scales = carver.take<float>(columns_at_all);
  auto* sums = carver.take<int32_t>(columns_at_all);
  std::fill_n(scales, columns_at_all, 0.0f);
  std::fill_n(sums, columns_at_all, 0);
  const float step = step_of(source);
  for (int64_t column = 0; column < n; column += kernels.panel_width) {
    const int64_t columns = std::min<int64_t>(kernels.panel_width, n - column);
    const int64_t width = kernels.half_panel(columns) ? kernels.panel_width / 2 : kernels.panel_width;
    const ColumnReader reader(source, column, columns);
    const PanelScales panel = scales_of(reader, terms, columns, step);
    std::copy_n(panel.scales, columns, scales + column);
    int8_t* to = codes + column * runs * quads * 4;
    std::memset(to, 0, static_cast<size_t>(width * runs * quads * 4));
    float row[kWidestPanel] = {};
    for (int64_t run = 0; run < runs; ++run) {
      for (int64_t k = 0; k < run_length; ++k) {
        reader.read(run * run_length + k, row);
        int8_t* quad = to + (run * quads + k / 4) * width * 4 + k % 4;
        for (int64_t j = 0; j < columns; ++j) {
          const int32_t code = nearest(row[j] * panel.inverses[j]);
          quad[j * 4] = static_cast<int8_t>(code);
          sums[column + j] += code;
        }
      }
    }
  }
  return {codes, scales, sums, runs, run_length, n, isa};
}

size_t filter8_bytes(const Conv2DGeometry& g) {
  const WindowPlan window(g);
  return weights8_bytes(window.runs, window.run_length, g.out_c);
}

Filter8Runs filter8_runs(const Conv2DGeometry& g) {
  const WindowPlan window(g);
  return {window.runs, window.run_length};
}

Weights8 pack_filter8(const Conv2DGeometry& g, const Weights8Source& source, void* memory, Dot8Isa isa) {
  const WindowPlan window(g);
  return pack_weights8(source, window.runs, window.run_length, g.out_c, memory, isa);
}

size_t dynamic8_matmul_scratch_bytes(int64_t m, const Weights8& weights) {
  const int64_t code_bytes = dot8_kernels(weights.isa).code_bytes;
  return static_cast<size_t>(ScratchCarver<Range8>::bytes(m) +
                             ScratchCarver<char>::bytes(m * row_codes(weights) * code_bytes));
}

void dynamic8_matmul(ThreadPool& pool, int64_t m, const Weights8& weights, const float* a, float* c,
                     const Epilogue<float>& epilogue, void* scratch) {
  const Dot8Kernels& kernels = dot8_kernels(weights.isa);
  const int64_t k = weights.run_length, padded = row_codes(weights), row_bytes = padded * kernels.code_bytes;
  ScratchCarver<char> carver(scratch);
  auto* ranges = carver.take<Range8>(m);
  char* codes = carver.take(m * row_bytes);
  pool.parallel_for(m, min_range(m, 2 * kWorkPerCode * m * k), [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const InputRange input = range_of(kernels.measure(a + row * k, k));
      ranges[row] = input.range;
      kernels.quantize(a + row * k, k, input.inverse, input.range.zero, codes + row * row_bytes);
      kernels.fill(0, padded - k, codes + row * row_bytes + k * kernels.code_bytes);
    }
  });
  constexpr int64_t kNoOffset = 0;
  multiply_lines(pool,
                 {.a = codes,
                  .pixel_bytes = row_bytes,
                  .pixels = m,
                  .offsets = &kNoOffset,
                  .ranges = ranges,
                  .pixels_have_ranges = true,
                  .c = c},
                 weights, epilogue);
}

size_t dynamic8_conv2d_scratch_bytes(const Conv2DGeometry& g, const Weights8& weights) {
  return static_cast<size_t>(ImageScratch::bytes(ImagePlan(g), dot8_kernels(weights.isa).code_bytes));
}

void dynamic8_conv2d(ThreadPool& pool, const Conv2DGeometry& g, const Weights8& weights, const float* x, float* y,
                     const Epilogue<float>& epilogue, void* scratch) {
  const Dot8Kernels& kernels = dot8_kernels(weights.isa);
  const ImagePlan plan(g);
  const ImageScratch memory(plan, kernels.code_bytes, scratch);
  measure_images(pool, plan, kernels, x, memory);
  quantize_images(pool, plan, kernels, x, memory);
  const int64_t bytes = kernels.code_bytes;
  for (int64_t run = 0; run < plan.window.runs; ++run)
    memory.offsets[run] = plan.window.run_offset(plan.g, run) * bytes;
  multiply_lines(pool,
                 {.a = memory.codes,
                  .images = plan.g.batch,
                  .lines_per_image = plan.g.out_h,
                  .image_bytes = plan.image_codes * bytes,
                  .line_bytes = plan.g.stride_h * plan.window.pitch * bytes,
                  .pixel_bytes = plan.g.stride_w * plan.g.in_c * bytes,
                  .pixels = plan.g.out_w,
                  .offsets = memory.offsets,
                  .ranges = memory.ranges,
                  .c = y},
                 weights, epilogue);
}

}  // namespace tarn::kernels
