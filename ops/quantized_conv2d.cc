// QuantizedConv2D.
#include <algorithm>

#include "core/op.h"
#include "ops/kernels/code_product.h"
#include "ops/quantized.h"
#include "ops/window.h"

namespace tarn {
namespace {

using kernels::Conv2DGeometry;

// The op has no data_format: it is NHWC.
Result<WindowAttrs> read_window(const AttrMap& attrs) {
  AttrMap with_format = attrs;
  with_format.set("data_format", "NHWC");
  TARN_ASSIGN_OR_RETURN(WindowAttrs window, WindowAttrs::read(with_format));
  if (window.dilation_h == 1 && window.dilation_w == 1) return window;
  return unimplemented("QuantizedConv2D has no dilations, attr 'dilations' is ", window.dilation_h, " and ",
                       window.dilation_w);
}

Result<Conv2DGeometry> geometry_of(const WindowAttrs& window, const Shape& input, const Shape& filter, Shape& output) {
  TARN_ASSIGN_OR_RETURN(Conv2DGeometry g, conv_geometry(window, input, filter));
  TARN_ASSIGN_OR_RETURN(output, conv_output(window, g));
  // Half of what the windows reach beyond the image. It may be negative: windows that leave some of the image out are
  // moved to its middle, unlike Conv2D's; those of VALID by the rest that is rounded down.   Source: TensorFlow's
  // kernel.
  const int64_t rest = window.padding == Padding::kValid ? 1 : 0;
  g.pad_top = ((g.out_h - 1) * g.stride_h + g.filter_h - g.in_h + rest) / 2;
  g.pad_left = ((g.out_w - 1) * g.stride_w + g.filter_w - g.in_w + rest) / 2;
  return g;
}

Status infer_conv(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_range(c, 2, "min_input", "max_input"));
  TARN_RETURN_IF_ERROR(expect_range(c, 4, "min_filter", "max_filter"));
  TARN_ASSIGN_OR_RETURN(WindowAttrs window, read_window(c.attrs()));
  Shape output;
  TARN_RETURN_IF_ERROR(geometry_of(window, c.shape(0), c.shape(1), output).status());
  TARN_RETURN_IF_ERROR(c.set_output(0, output));
  return set_range(c, 1);
}

// Pixels whose patches lie in memory at a time, in a thread: a multiple of the product's tile that stays in the L2
// cache.
int64_t patch_rows(const Conv2DGeometry& g) {
  constexpr int64_t kBytes = 96 << 10;
  const int64_t tile = kernels::code_tile_rows();
  const int64_t row_bytes = kernels::code_depth(g.filter_depth()) * static_cast<int64_t>(sizeof(int16_t));
  return std::clamp<int64_t>(kBytes / std::max<int64_t>(1, row_bytes) / tile, 1, 16) * tile;
}

size_t padded(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}
size_t filter_bytes(const Conv2DGeometry& g) {
  return padded(kernels::packed_codes_bytes(g.filter_depth(), g.out_c));
}
size_t patch_bytes(const Conv2DGeometry& g) {
  return padded(static_cast<size_t>(patch_rows(g) * kernels::code_depth(g.filter_depth())) * sizeof(int16_t));
}

template <class D>
class Convolution {
 public:
  Convolution(const Conv2DGeometry& g, const uint8_t* image, int32_t zero, D outside)
      : g_(g), image_(image), zero_(zero), outside_(outside), depth_(kernels::code_depth(g.filter_depth())) {}

  // The window of one pixel of the output, row by row, as differences from the zero point.
  void write_patch(int64_t pixel, D* to) const {
    const int64_t top = pixel / g_.out_w % g_.out_h * g_.stride_h - g_.pad_top;
    const int64_t left = pixel % g_.out_w * g_.stride_w - g_.pad_left;
    const uint8_t* image = image_ + pixel / (g_.out_w * g_.out_h) * g_.in_h * g_.in_w * g_.in_c;
    const int64_t row = g_.filter_w * g_.in_c;
    const int64_t from = std::clamp<int64_t>(-left, 0, g_.filter_w);
    const int64_t stop = std::clamp<int64_t>(g_.in_w - left, from, g_.filter_w);
    D* const end = to + depth_;
    for (int64_t i = top; i < top + g_.filter_h; ++i, to += row) {
      if (i < 0 || i >= g_.in_h) {
        std::fill_n(to, row, outside_);
        continue;
      }
      std::fill_n(to, from * g_.in_c, outside_);
      if (stop > from) {
        const uint8_t* codes = image + (i * g_.in_w + left + from) * g_.in_c;
        write_differences(codes, (stop - from) * g_.in_c, to + from * g_.in_c);
      }
      std::fill_n(to + stop * g_.in_c, (g_.filter_w - stop) * g_.in_c, outside_);
    }
    std::fill(to, end, D{0});
  }

 private:
  void write_differences(const uint8_t* codes, int64_t count, D* to) const {
    if constexpr (sizeof(D) == sizeof(int16_t)) {
      differences_(codes, count, static_cast<uint16_t>(zero_), to);
    } else {
      for (int64_t i = 0; i < count; ++i) {
        to[i] = static_cast<D>(static_cast<uint32_t>(codes[i]) - static_cast<uint32_t>(zero_));
      }
    }
  }

  const Conv2DGeometry& g_;
  const uint8_t* image_;
  int32_t zero_;
  D outside_;
  int64_t depth_;
  kernels::CodeDifferences differences_ = kernels::code_differences();
};

Status convolve(RunContext& c, const Conv2DGeometry& g, int32_t zero, int32_t filter_zero, int32_t* y) {
  const int64_t pixels = g.batch * g.out_h * g.out_w, depth = g.filter_depth(), rows = patch_rows(g);
  const auto *image = c.input(0).as<uint8_t>(), *filter = c.input(1).as<uint8_t>();
  const size_t for_filter = filter_bytes(g), for_patches = patch_bytes(g);
  TARN_ASSIGN_OR_RETURN(void* scratch,
                        c.scratch(for_filter + for_patches * static_cast<size_t>(c.threads().threads())));
  auto* packed = static_cast<int16_t*>(scratch);
  const auto patches_of = [&](int thread) {
    return static_cast<char*>(scratch) + for_filter + for_patches * static_cast<size_t>(thread);
  };
  // Outside the image are zeros. TensorFlow pads with the zero point cut to 8 bits, or, where it is negative, with true
  // zeros.
  const int32_t outside = zero < 0 ? 0 : static_cast<uint8_t>(zero) - zero;
  if (!kernels::differences_fit(zero) || !kernels::differences_fit(filter_zero)) {
    const Convolution<int32_t> convolution(g, image, zero, outside);
    c.threads().parallel_for(pixels, 1, [&](int64_t begin, int64_t end, int thread) {
      auto* patch = reinterpret_cast<int32_t*>(patches_of(thread));  // one takes less than `rows` of 16 bits
      for (int64_t pixel = begin; pixel < end; ++pixel) {
        convolution.write_patch(pixel, patch);
        kernels::code_product_wide(depth, g.out_c, patch, filter, g.out_c, 1, filter_zero, y + pixel * g.out_c);
      }
    });
    return {};
  }
  kernels::pack_codes(false, depth, g.out_c, filter, g.out_c, filter_zero, packed);
  const Convolution<int16_t> convolution(g, image, zero, static_cast<int16_t>(outside));
  c.threads().parallel_for(pixels, rows, [&](int64_t begin, int64_t end, int thread) {
    auto* patches = reinterpret_cast<int16_t*>(patches_of(thread));
    for (int64_t first = begin; first < end; first += rows) {
      const int64_t count = std::min(rows, end - first);
      for (int64_t i = 0; i < count; ++i) {
        convolution.write_patch(first + i, patches + i * kernels::code_depth(depth));
      }
      kernels::code_product(count, depth, g.out_c, patches, packed, y + first * g.out_c, g.out_c);
    }
  });
  return {};
}

class QuantizedConv2DKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_RETURN_IF_ERROR(expect_type(c, "Tfilter", DType::kQUInt8));
    TARN_RETURN_IF_ERROR(expect_type(c, "out_type", DType::kQInt32));
    TARN_ASSIGN_OR_RETURN(window_, read_window(c.attrs()));
    if (!c.input(0).shape.is_fully_known() || !c.input(1).shape.is_fully_known()) return {};
    Shape output;
    TARN_ASSIGN_OR_RETURN(Conv2DGeometry g, geometry_of(window_, c.input(0).shape, c.input(1).shape, output));
    c.request_scratch(filter_bytes(g) + patch_bytes(g) * static_cast<size_t>(c.threads()));
    return {};
  }
  Status run(RunContext& c) const override {
    Shape shape;
    TARN_ASSIGN_OR_RETURN(Conv2DGeometry g, geometry_of(window_, *c.input(0).shape, *c.input(1).shape, shape));
    TARN_ASSIGN_OR_RETURN(CodeRange input, read_range(c, 2, "min_input", "max_input"));
    TARN_ASSIGN_OR_RETURN(CodeRange filter, read_range(c, 4, "min_filter", "max_filter"));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    const int32_t zero = low_half(unclamped_code<uint8_t>(0.0f, input));
    const int32_t filter_zero = low_half(unclamped_code<uint8_t>(0.0f, filter));
    if (y.count > 0) TARN_RETURN_IF_ERROR(convolve(c, g, zero, filter_zero, y.as<int32_t>()));
    return write_range(c, 1, product_range<uint8_t, uint8_t, int32_t>(input, filter));
  }

 private:
  WindowAttrs window_;
};

constexpr KernelDef kKernels[] = {portable_kernel<QuantizedConv2DKernel>(DType::kQUInt8)};

constexpr std::string_view kDoc = R"(Convolves 8-bit codes into 32-bit ones.
  input  quint8[N, H, W, C]   filter  quint8[kh, kw, C, K]   min_input, max_input, min_filter, max_filter  float, one
  element each: the ranges of the codes
  returns  output  qint32[N, H', W', K]: sums of (input - zero) * (filter - zero), zero the code of 0; they wrap
           min_output, max_output  float: what the lowest and highest qint32 stand for
  strides, padding and H', W' as in Conv2D; but windows that do not fill the image lie in its middle, also for VALID.
  Errors: InvalidArgument if C differs, for a range that is none; Unimplemented for dilations.
  Source: TensorFlow nn_ops QuantizedConv2D.)";

}  // namespace

extern const OpDef op_QuantizedConv2D;
const OpDef op_QuantizedConv2D = {
    .name = "QuantizedConv2D",
    .inputs =
        "input: Tinput, filter: Tfilter, min_input: float, max_input: float, min_filter: float, max_filter: float",
    .outputs = "output: out_type, min_output: float, max_output: float",
    .attrs = "Tinput: " TARN_QUANTIZED_TYPES "; Tfilter: " TARN_QUANTIZED_TYPES "; out_type: " TARN_QUANTIZED_TYPES
             " = qint32; strides: list(int); padding: {'SAME', 'VALID'}; dilations: list(int) = [1, 1, 1, 1]",
    .infer = infer_conv,
    .kernels = kKernels,
};

TARN_OP_FILE(quantized_conv2d, {&op_QuantizedConv2D, kDoc, nullptr, "its inputs are quantized: whole numbers"})

}  // namespace tarn
