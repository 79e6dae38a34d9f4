// FusedPadConv2D and FusedResizeAndPadConv2D: what optimize_for_inference makes of MirrorPad, ResizeBilinear and
// Conv2D.
#include <cmath>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/resize.h"
#include "ops/support/array.h"
#include "ops/window.h"

namespace tarn {
extern const OpDef op_Conv2D;
namespace {

// (input, paddings, filter) or (input, size, paddings, filter).
bool resizes(int input_count) {
  return input_count == 4;
}

// Conv2D's attrs, with what the fused ops leave out.
AttrMap conv_attrs(const AttrMap& attrs) {
  AttrMap conv{{"T", attrs.get<DType>("T")}, {"use_cudnn_on_gpu", true}, {"data_format", "NHWC"}};
  conv.set("strides", attrs.get<std::vector<int64_t>>("strides"));
  conv.set("dilations", std::vector<int64_t>{1, 1, 1, 1});
  conv.set("explicit_paddings", std::vector<int64_t>{});
  conv.set("padding", attrs.get<std::string>("padding"));
  return conv;
}

// A few numbers ask for any size, and strides hide it from the output's.
constexpr int64_t kMostBytes = int64_t{4} << 30;

// How many rows and columns are mirrored around the image.
struct Around {
  int64_t top = 0, bottom = 0, left = 0, right = 0;
};

Status judge_side(std::string_view dim, int64_t size, int64_t before, int64_t behind, int64_t offset) {
  if (before < 0 || behind < 0) {
    return invalid_argument("paddings of ", dim, " must be >= 0, are ", before, " and ", behind);
  }
  if (size == kUnknownDim || (before <= size - offset && behind <= size - offset)) return {};
  return invalid_argument("paddings of ", dim, ", ", before, " and ", behind, ", must be at most ", size - offset,
                          ": that is what there is to mirror");
}

Result<Around> read_paddings(const IntList& paddings, const Shape& shape, const AttrMap& attrs) {
  if (paddings.size() != 8)
    return invalid_argument("paddings must have shape [4,2], have ", paddings.size(), " elements");
  if (paddings[0] != 0 || paddings[1] != 0 || paddings[6] != 0 || paddings[7] != 0) {
    return invalid_argument("only height and width can be padded, paddings are ", paddings.to_string());
  }
  int64_t offset = attrs.get<std::string>("mode") == "REFLECT" ? 1 : 0;  // REFLECT leaves the edge out
  Around around{paddings[2], paddings[3], paddings[4], paddings[5]};
  TARN_RETURN_IF_ERROR(judge_side("height", shape.dim(1), around.top, around.bottom, offset));
  TARN_RETURN_IF_ERROR(judge_side("width", shape.dim(2), around.left, around.right, offset));
  return around;
}

Shape padded_shape(Shape shape, const Around& around) {
  if (shape.dim(1) != kUnknownDim) shape.set_dim(1, around.top + shape.dim(1) + around.bottom);
  if (shape.dim(2) != kUnknownDim) shape.set_dim(2, around.left + shape.dim(2) + around.right);
  return shape;
}

Status judge_attrs(const AttrMap& attrs, const Shape& image, const Shape& paddings, const Shape& filter) {
  TARN_RETURN_IF_ERROR(WindowAttrs::read(conv_attrs(attrs)).status());
  if (image.has_rank() && image.rank() != 4) {
    return invalid_argument("input 'input' must have rank 4, has shape ", image.to_string());
  }
  if (filter.has_rank() && filter.rank() != 4) {
    return invalid_argument("input 'filter' must have rank 4, has shape ", filter.to_string());
  }
  if (!paddings.is_compatible_with(Shape{4, 2})) {
    return invalid_argument("paddings must have shape [4,2], have ", paddings.to_string());
  }
  return {};
}

Status judge_size(const Shape& size) {
  if (size.is_compatible_with(Shape{2})) return {};
  return invalid_argument("size must be a height and a width, has shape ", size.to_string());
}

Status infer(InferContext& c) {
  int paddings = c.input_count() - 2, filter = c.input_count() - 1;
  TARN_RETURN_IF_ERROR(judge_attrs(c.attrs(), c.shape(0), c.shape(paddings), c.shape(filter)));
  Shape image = c.shape(0).has_rank() ? c.shape(0) : Shape::unknown_of_rank(4);
  if (resizes(c.input_count())) {
    TARN_RETURN_IF_ERROR(judge_size(c.shape(1)));
    TARN_ASSIGN_OR_RETURN(image, resized_shape(image, IntList::known(c, 1)));
  }
  Shape padded = image;
  if (std::optional<IntList> known = IntList::known(c, paddings)) {
    TARN_ASSIGN_OR_RETURN(Around around, read_paddings(*known, image, c.attrs()));
    padded = padded_shape(image, around);
  } else {
    padded.set_dim(1, kUnknownDim);
    padded.set_dim(2, kUnknownDim);
  }
  TARN_ASSIGN_OR_RETURN(WindowAttrs window, WindowAttrs::read(conv_attrs(c.attrs())));
  TARN_ASSIGN_OR_RETURN(kernels::Conv2DGeometry g, conv_geometry(window, padded, c.shape(filter)));
  return c.set_output(0, conv_output(window, g));
}

// Where one row or column of what the windows see comes from in the input.
struct Source {
  bool is_inside = false;  // else it is zero
  int64_t lower = 0, upper = 0;
  float part = 0;  // how much of `upper`
};

// One dim: from the image to what the windows see.
struct Side {
  int64_t size = 0, resized = 0, before = 0, padded = 0;
  int64_t first = 0;  // of what the windows see, counted in the padded image
  int64_t seen = 0;   // how many
  float scale = 1;
  int64_t offset = 0;

  // As TensorFlow's kernel places windows: unlike Conv2D's they do not begin at 0 where strides leave much unseen.
  static Side make(Padding padding, int64_t size, int64_t resized, int64_t before, int64_t padded, int64_t filter,
                   int64_t stride, int64_t out) {
    int64_t seen = (out - 1) * stride + filter;
    int64_t missing = seen - padded + (padding == Padding::kValid ? 1 : 0);
    return {size, resized, before, padded, -(missing / 2), seen};
  }

  Source source(int64_t i) const {
    int64_t at = first + i;
    if (at < 0 || at >= padded) return {};
    int64_t mirrored = at - before;
    if (mirrored < 0) {
      mirrored = offset - mirrored - 1;
    } else if (mirrored >= resized) {
      mirrored = 2 * resized - mirrored - 1 - offset;
    }
    float place = static_cast<float>(mirrored) * scale;
    auto lower = static_cast<int64_t>(std::floor(place));
    return {true, std::min(lower, size - 1), std::min(static_cast<int64_t>(std::ceil(place)), size - 1),
            place - static_cast<float>(lower)};
  }
};

// What the convolution's kernel sees: the image made here, and the filter.
class ConvContext : public RunContext {
 public:
  ConvContext(RunContext& outer, const TensorView& image)
      : outer_(outer), views_{image, outer.input(outer.input_count() - 1)} {
    inputs_ = views_;
    output_count_ = 1;
    pool_ = &outer.threads();
    services_ = &outer.services();
    node_ = outer.node_name();
  }
  Variable* variable(int) override { return nullptr; }
  Result<TensorView> output(int i, const Shape& shape) override { return outer_.output(i, shape); }
  Status forward(int, int, const Shape&) override { return unimplemented("a convolution forwards nothing"); }
  void set_variable(int, Variable*) override {}
  void set_output(int output, Tensor tensor) override { outer_.set_output(output, std::move(tensor)); }
  Result<void*> scratch(size_t bytes) override { return outer_.scratch(bytes); }

 private:
  RunContext& outer_;
  TensorView views_[2];
};

// Makes the pixels that the windows see, then convolves them without padding.
template <class T>
class FusedKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    attrs_ = c.attrs();
    AttrMap conv = conv_attrs(attrs_);
    TARN_ASSIGN_OR_RETURN(window_, WindowAttrs::read(conv));
    conv.set("padding", "VALID");
    align_corners_ = attrs_.get_or<bool>("resize_align_corners", false);
    for (const KernelDef& kernel : op_Conv2D.kernels) {
      if (kernel.dtype == dtype_of<T>()) conv_ = kernel.make();
    }
    int last = c.input_count() - 1;
    Fact inputs[] = {{.dtype = dtype_of<T>()}, c.input(last)};
    // Of what the windows see, as far as it is known before a run.
    const Fact &x = c.input(0), &paddings = c.input(last - 1), &size = c.input(1);
    if (x.shape.is_fully_known() && inputs[1].shape.is_fully_known() && paddings.has_value() &&
        (!resizes(c.input_count()) || size.has_value())) {
      std::optional<IntList> sizes;
      if (resizes(c.input_count())) sizes = IntList::of(size.value);
      TARN_ASSIGN_OR_RETURN(Plan plan, plan_for(x.shape, sizes, IntList::of(paddings.value), inputs[1].shape));
      inputs[0].shape = plan.seen;
    }
    const Fact outputs[] = {c.output(0)};
    PrepareContext inner("Conv2D", c.node_name(), conv, inputs, outputs, {}, c.settings());
    TARN_RETURN_IF_ERROR(conv_->prepare(inner));
    c.request_scratch(inner.request().scratch_bytes);
    filter_ = c.input(last).value;  // the kernel may look at it while it runs
    return {};
  }

  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &paddings = c.input(c.input_count() - 2), &filter = c.input(c.input_count() - 1);
    TARN_RETURN_IF_ERROR(judge_attrs(attrs_, *x.shape, *paddings.shape, *filter.shape));
    std::optional<IntList> size;
    if (resizes(c.input_count())) {
      TARN_RETURN_IF_ERROR(judge_size(*c.input(1).shape));
      size = IntList::of(c.input(1));
    }
    TARN_ASSIGN_OR_RETURN(Plan plan, plan_for(*x.shape, size, IntList::of(paddings), *filter.shape));
    if (plan.output.elements() == 0 || x.count == 0) {
      TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, plan.output));
      zero_elements(y.dtype, y.data, y.count);
      return {};
    }
    TARN_ASSIGN_OR_RETURN(Tensor image, Tensor::allocate(dtype_of<T>(), plan.seen));
    fill(c.threads(), x, plan.rows, plan.columns, static_cast<T*>(image.mutable_data()));
    ConvContext inner(c, {image.dtype(), &image.shape(), image.mutable_data(), image.element_count()});
    return conv_->run(inner);
  }

 private:
  struct Plan {
    Side rows, columns;
    Shape seen, output;  // of all images: what the windows see, what comes out
  };

  Result<Plan> plan_for(const Shape& x, const std::optional<IntList>& size, const IntList& paddings,
                        const Shape& filter) const {
    Shape resized = x;
    if (size) {
      TARN_ASSIGN_OR_RETURN(resized, resized_shape(x, size));
    }
    TARN_ASSIGN_OR_RETURN(Around around, read_paddings(paddings, resized, attrs_));
    Shape padded = padded_shape(resized, around);
    TARN_ASSIGN_OR_RETURN(kernels::Conv2DGeometry g, conv_geometry(window_, padded, filter));
    Plan plan;
    TARN_ASSIGN_OR_RETURN(plan.output, conv_output(window_, g));
    plan.rows = Side::make(window_.padding, x.dim(1), resized.dim(1), around.top, padded.dim(1), g.filter_h, g.stride_h,
                           g.out_h);
    plan.columns = Side::make(window_.padding, x.dim(2), resized.dim(2), around.left, padded.dim(2), g.filter_w,
                              g.stride_w, g.out_w);
    for (Side* side : {&plan.rows, &plan.columns}) {
      side->offset = attrs_.get<std::string>("mode") == "REFLECT" ? 1 : 0;
      if (size) side->scale = ResizeAttrs{.align_corners = align_corners_}.scale(side->size, side->resized);
    }
    const int64_t seen[] = {x.dim(0), std::max<int64_t>(0, plan.rows.seen), std::max<int64_t>(0, plan.columns.seen),
                            x.dim(3)};
    TARN_ASSIGN_OR_RETURN(plan.seen, Shape::make(seen));
    if (plan.seen.elements() > kMostBytes / static_cast<int64_t>(sizeof(T))) {
      return resource_exhausted("the padded images ", plan.seen.to_string(), " take more than ", kMostBytes, " bytes");
    }
    return plan;
  }

  static void fill(ThreadPool& threads, const TensorView& x, const Side& rows, const Side& columns, T* out) {
    int64_t channels = x.shape->dim(3), row_elements = columns.seen * channels;
    std::vector<Source> across;
    for (int64_t j = 0; j < columns.seen; ++j) across.push_back(columns.source(j));
    threads.parallel_for(
        x.shape->dim(0) * rows.seen, std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, row_elements)),
        [&](int64_t begin, int64_t end, int) {
          for (int64_t row = begin; row < end; ++row) {
            const T* image = x.as<T>() + row / rows.seen * rows.size * columns.size * channels;
            Source down = rows.source(row % rows.seen);
            const T* top = image + down.lower * columns.size * channels;
            const T* bottom = image + down.upper * columns.size * channels;
            T* to = out + row * row_elements;
            for (const Source& at : across) {
              for (int64_t k = 0; k < channels; ++k, ++to) {
                int64_t left = at.lower * channels + k, right = at.upper * channels + k;
                bool is_zero = !down.is_inside || !at.is_inside;
                *to = is_zero ? T{} : between(top[left], top[right], bottom[left], bottom[right], at.part, down.part);
              }
            }
          }
        });
  }

  static T between(T top_left, T top_right, T bottom_left, T bottom_right, float across, float down) {
    if (across == 0 && down == 0) return top_left;
    using W = Computed<T>;
    W a = widened(top_left), b = widened(top_right), d = widened(bottom_left), e = widened(bottom_right);
    W top = a + (b - a) * static_cast<W>(across), bottom = d + (e - d) * static_cast<W>(across);
    return narrowed<T>(top + (bottom - top) * static_cast<W>(down));
  }

  AttrMap attrs_;
  WindowAttrs window_;
  bool align_corners_ = false;
  std::unique_ptr<Kernel> conv_;
  Tensor filter_;
};

template <class... Ts>
constexpr KernelDef kKernels[] = {portable_kernel<FusedKernel<Ts>>(dtype_of<Ts>())...};

constexpr std::string_view kPadDoc = R"(MirrorPad and Conv2D in one.
  input  T[N, H, W, C]   paddings  int32[4, 2], of height and width alone   filter  T[kh, kw, C, K]
  returns  T[N, H', W', K]
  mode REFLECT leaves the edge out, SYMMETRIC repeats it; strides, padding as Conv2D's. Windows begin where TensorFlow's
  kernel has them, which with strides far beyond the filter is not the first pixel.
  Every image of a batch is convolved; TensorFlow 2.15 gives the first one's result for all that are small.
  Errors: those of MirrorPad and Conv2D.   Source: TensorFlow nn_ops FusedPadConv2D.)";
constexpr std::string_view kResizeDoc = R"(ResizeBilinear, MirrorPad and Conv2D in one.
  input  T[N, H, W, C]   size  int32[2], before padding   paddings  int32[4, 2]   filter  T[kh, kw, C, K]
  returns  T[N, H', W', K];  resize_align_corners as ResizeBilinear's align_corners, the rest as FusedPadConv2D
  Errors: those of ResizeBilinear, MirrorPad and Conv2D.   Source: TensorFlow nn_ops FusedResizeAndPadConv2D.)";
constexpr std::string_view kNoGradient = "TensorFlow gives none: it is made for inference";

}  // namespace

extern const OpDef op_FusedPadConv2D, op_FusedResizeAndPadConv2D;
const OpDef op_FusedPadConv2D = {
    .name = "FusedPadConv2D",
    .inputs = "input: T, paddings: int32, filter: T",
    .outputs = "output: T",
    .attrs =
        "T: {half, bfloat16, float, double}; mode: {'REFLECT', 'SYMMETRIC'}; strides: list(int); "
        "padding: {'SAME', 'VALID'}",
    .infer = infer,
    .kernels = kKernels<float, double, Half, BFloat16>,
};
const OpDef op_FusedResizeAndPadConv2D = {
    .name = "FusedResizeAndPadConv2D",
    .inputs = "input: T, size: int32, paddings: int32, filter: T",
    .outputs = "output: T",
    .attrs =
        "T: {half, float, double}; resize_align_corners: bool = false; mode: {'REFLECT', 'SYMMETRIC'}; "
        "strides: list(int); padding: {'SAME', 'VALID'}",
    .infer = infer,
    .kernels = kKernels<float, double, Half>,
};

TARN_OP_FILE(fused_pad_conv2d, {&op_FusedPadConv2D, kPadDoc, nullptr, kNoGradient},
             {&op_FusedResizeAndPadConv2D, kResizeDoc, nullptr, kNoGradient})

}  // namespace tarn
