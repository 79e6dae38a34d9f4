// ExtractImagePatches.
#include <array>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// Along one dim: how large a patch is, how far apart patches and their pixels are, and what is added before the image.
struct Window {
  int64_t size = 0, stride = 0, rate = 0;

  static constexpr int64_t kMost = int64_t{1} << 30;
  int64_t reach() const { return size + (size - 1) * (rate - 1); }
  bool is_good() const {
    return size >= 1 && stride >= 1 && rate >= 1 && size <= kMost && stride <= kMost && rate <= kMost &&
           (size - 1) * (rate - 1) <= kMost;
  }
  int64_t outputs(int64_t pixels, bool same) const {
    if (pixels == kUnknownDim) return kUnknownDim;
    if (same) return (pixels + stride - 1) / stride;
    return (pixels - reach() + stride) / stride;  // below 1: the patch is larger than the image
  }
  int64_t before(int64_t pixels, bool same) const {
    if (!same) return 0;
    return std::max<int64_t>(0, (outputs(pixels, true) - 1) * stride + reach() - pixels) / 2;
  }
};

struct PatchAttrs {
  std::array<Window, 2> windows;  // down, along
  bool same = false;

  static Result<PatchAttrs> read(const AttrMap& attrs) {
    constexpr std::string_view kNames[] = {"ksizes", "strides", "rates"};
    PatchAttrs read;
    read.same = attrs.get<std::string>("padding") == "SAME";
    for (std::string_view name : kNames) {
      const auto& list = attrs.get<std::vector<int64_t>>(name);
      if (list.size() != 4 || list[0] != 1 || list[3] != 1) {
        return unimplemented("attr '", name, "' must be [1, rows, columns, 1], is [", str_join(list), "]");
      }
      for (size_t d = 0; d < 2; ++d) {
        Window& window = read.windows.at(d);
        (name == "ksizes" ? window.size : name == "strides" ? window.stride : window.rate) = list[d + 1];
      }
    }
    for (const Window& window : read.windows) {
      if (window.is_good()) continue;
      return invalid_argument("attrs 'ksizes', 'strides' and 'rates' must be positive and within 2^30: ", window.size,
                              ", ", window.stride, ", ", window.rate);
    }
    return read;
  }

  Result<Shape> output(const Shape& images) const {
    Shape shape = images;
    for (int d = 1; d <= 2; ++d) {
      int64_t patches = windows.at(static_cast<size_t>(d - 1)).outputs(images.dim(d), same);
      if (patches < 0 && patches != kUnknownDim) patches = 0;
      if (images.dim(d) != kUnknownDim && patches < 1 && images.dim(d) > 0) {
        return invalid_argument("a patch covers ", windows.at(static_cast<size_t>(d - 1)).reach(),
                                " pixels, more than dim ", d, " of images ", images.to_string(), " has");
      }
      shape.set_dim(d, images.dim(d) == 0 ? 0 : patches);
    }
    if (images.dim(3) != kUnknownDim) {
      TARN_ASSIGN_OR_RETURN(int64_t area, checked_multiply(windows[0].size, windows[1].size));
      TARN_ASSIGN_OR_RETURN(int64_t depth, checked_multiply(area, images.dim(3)));
      shape.set_dim(3, depth);
    }
    return shape;
  }
};

Status infer_patches(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(PatchAttrs attrs, PatchAttrs::read(c.attrs()));
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 4, "images"));
  TARN_ASSIGN_OR_RETURN(Shape output, attrs.output(c.shape(0).has_rank() ? c.shape(0) : Shape::unknown_of_rank(4)));
  return set_output_checked(c, 0, output);
}

class PatchKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(attrs_, PatchAttrs::read(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& images = c.input(0);
    const Shape& shape = *images.shape;
    if (shape.rank() != 4) return invalid_argument("images must have rank 4, have shape ", shape.to_string());
    TARN_ASSIGN_OR_RETURN(Shape output, attrs_.output(shape));
    TARN_ASSIGN_OR_RETURN(TensorView patches, c.output(0, output));
    if (patches.count == 0) return {};
    const Window &down = attrs_.windows[0], &along = attrs_.windows[1];
    int64_t height = shape.dim(1), width = shape.dim(2), channels = shape.dim(3);
    int64_t top = down.before(height, attrs_.same), left = along.before(width, attrs_.same);
    c.threads().parallel_for(output.dim(0) * output.dim(1), 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) {
        int64_t image = row / output.dim(1), y = row % output.dim(1) * down.stride - top;
        int64_t to = row * output.dim(2) * output.dim(3);
        for (int64_t column = 0; column < output.dim(2); ++column) {
          int64_t x = column * along.stride - left;
          for (int64_t i = 0; i < down.size; ++i) {
            for (int64_t j = 0; j < along.size; ++j, to += channels) {
              int64_t from_y = y + i * down.rate, from_x = x + j * along.rate;
              void* pixel = mutable_element_at(patches, to);
              if (from_y < 0 || from_y >= height || from_x < 0 || from_x >= width) {
                zero_elements(patches.dtype, pixel, channels);
              } else {
                copy_elements(patches.dtype, pixel,
                              element_at(images, ((image * height + from_y) * width + from_x) * channels), channels);
              }
            }
          }
        }
      }
    });
    return {};
  }

 private:
  PatchAttrs attrs_;
};

constexpr KernelDef kKernels[] = {portable_kernel<PatchKernel>()};

constexpr std::string_view kDoc = R"(Patches of images, each as one long pixel.
  images  T[batch, h, w, channels]   ksizes, strides, rates  [1, rows, columns, 1]
  returns  patches  T[batch, patches down, patches along, rows * columns * channels]
  Pixels of a patch are `rates` apart, patches `strides`. SAME adds zeros around the image as Conv2D does.
  Errors: InvalidArgument for attrs below 1, a patch larger than the image.
  Source: TensorFlow array_ops ExtractImagePatches.)";

}  // namespace

extern const OpDef op_ExtractImagePatches;
const OpDef op_ExtractImagePatches = {
    .name = "ExtractImagePatches",
    .inputs = "images: T",
    .outputs = "patches: T",
    .attrs =
        "ksizes: list(int) >= 4; strides: list(int) >= 4; rates: list(int) >= 4; T: {bfloat16, half, float, double, "
        "int8, int16, int32, int64, uint8, uint16, uint32, uint64, complex64, complex128, bool}; "
        "padding: {'SAME', 'VALID'}",
    .infer = infer_patches,
    .kernels = kKernels,
};

TARN_OP_FILE(extract_image_patches, {&op_ExtractImagePatches, kDoc, nullptr, "no model seen so far trains through it"})

}  // namespace tarn
