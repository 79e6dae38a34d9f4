// SpaceToDepth and DepthToSpace: blocks of pixels become channels, and back.
#include "core/op.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

struct Format {
  int64_t block = 2;
  bool is_nchw = false;
  static Result<Format> read(const AttrMap& attrs) {
    Format format;
    format.block = attrs.get<int64_t>("block_size");
    if (format.block < 2) return invalid_argument("attr 'block_size' = ", format.block, " must be at least 2");
    const auto& layout = attrs.get<std::string>("data_format");
    if (layout == "NCHW_VECT_C") return unimplemented("attr 'data_format' = NCHW_VECT_C: only NHWC and NCHW");
    format.is_nchw = layout == "NCHW";
    return format;
  }
  int channel_dim() const { return is_nchw ? 1 : 3; }
  int height_dim() const { return is_nchw ? 2 : 1; }
};

// `dim` / `by`, unknown if dim is.
Result<int64_t> divided(int64_t dim, int64_t by, std::string_view name, int64_t block) {
  if (dim == kUnknownDim) return dim;
  if (dim % by == 0) return dim / by;
  return invalid_argument("the ", name, ", ", dim, ", must be a multiple of ", by, ": attr 'block_size' is ", block);
}

Result<int64_t> area_of(int64_t block) {
  Result<int64_t> area = checked_multiply(block, block);
  if (!area.ok()) return area.status().with_context("attr 'block_size'");
  return area;
}

Result<int64_t> multiplied(int64_t dim, int64_t by) {
  if (dim == kUnknownDim) return dim;
  return checked_multiply(dim, by);
}

Result<Shape> deep_shape(const Shape& shape, const Format& format) {
  Shape output = shape;
  int h = format.height_dim(), channels = format.channel_dim();
  TARN_ASSIGN_OR_RETURN(int64_t height, divided(shape.dim(h), format.block, "height", format.block));
  TARN_ASSIGN_OR_RETURN(int64_t width, divided(shape.dim(h + 1), format.block, "width", format.block));
  TARN_ASSIGN_OR_RETURN(int64_t area, area_of(format.block));
  TARN_ASSIGN_OR_RETURN(int64_t depth, multiplied(shape.dim(channels), area));
  output.set_dim(h, height);
  output.set_dim(h + 1, width);
  output.set_dim(channels, depth);
  return output;
}

Result<Shape> wide_shape(const Shape& shape, const Format& format) {
  Shape output = shape;
  int h = format.height_dim(), channels = format.channel_dim();
  TARN_ASSIGN_OR_RETURN(int64_t area, area_of(format.block));
  TARN_ASSIGN_OR_RETURN(int64_t height, multiplied(shape.dim(h), format.block));
  TARN_ASSIGN_OR_RETURN(int64_t width, multiplied(shape.dim(h + 1), format.block));
  TARN_ASSIGN_OR_RETURN(int64_t depth, divided(shape.dim(channels), area, "number of channels", format.block));
  output.set_dim(h, height);
  output.set_dim(h + 1, width);
  output.set_dim(channels, depth);
  return output;
}

template <bool kToDepth>
Status infer(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 4, "input"));
  TARN_ASSIGN_OR_RETURN(Format format, Format::read(c.attrs()));
  Shape shape = c.shape(0).has_rank() ? c.shape(0) : Shape::unknown_of_rank(4);
  TARN_ASSIGN_OR_RETURN(Shape output, kToDepth ? deep_shape(shape, format) : wide_shape(shape, format));
  return set_output_checked(c, 0, output);
}

template <bool kToDepth>
class BlockKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(format_, Format::read(c.attrs()));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    if (x.shape->rank() != 4) return invalid_argument("input must have rank 4, has shape ", x.shape->to_string());
    TARN_ASSIGN_OR_RETURN(Shape output, kToDepth ? deep_shape(*x.shape, format_) : wide_shape(*x.shape, format_));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    if (y.count == 0) return {};
    const Shape& wide = kToDepth ? *x.shape : output;
    const Shape& deep = kToDepth ? output : *x.shape;
    int64_t wide_stride[4], deep_stride[4];
    row_strides(wide, wide_stride);
    row_strides(deep, deep_stride);
    int h = format_.height_dim(), w = h + 1, channel = format_.channel_dim();
    int64_t block = format_.block, channels = wide.dim(channel);
    // deep[b, i, j, (di * block + dj) * channels + k] = wide[b, i * block + di, j * block + dj, k]
    struct Dim {
      int64_t size, wide, deep;
    };
    Dim batch = {wide.dim(0), wide_stride[0], deep_stride[0]};
    Dim row = {deep.dim(h), block * wide_stride[h], deep_stride[h]};
    Dim column = {deep.dim(w), block * wide_stride[w], deep_stride[w]};
    Dim row_in_block = {block, wide_stride[h], block * channels * deep_stride[channel]};
    Dim column_in_block = {block, wide_stride[w], channels * deep_stride[channel]};
    Dim depth = {channels, wide_stride[channel], deep_stride[channel]};
    // Outermost first, as they lie in the deep tensor.
    Dim nhwc[] = {batch, row, column, row_in_block, column_in_block, depth};
    Dim nchw[] = {batch, row_in_block, column_in_block, depth, row, column};
    StridedCopy copy;
    for (const Dim& dim : format_.is_nchw ? nchw : nhwc) {
      TARN_RETURN_IF_ERROR(kToDepth ? copy.add_dim(dim.size, dim.deep, dim.wide)
                                    : copy.add_dim(dim.size, dim.wide, dim.deep));
    }
    copy.run(y.dtype, y.data, x.data, c.threads());
    return {};
  }

 private:
  Format format_;
};

constexpr KernelDef kToDepthKernels[] = {portable_kernel<BlockKernel<true>>()};
constexpr KernelDef kToSpaceKernels[] = {portable_kernel<BlockKernel<false>>()};

constexpr std::string_view kKept[] = {"block_size", "data_format"};

Status to_depth_gradient(GradContext& c) {
  c.set_grad(0, c.op("DepthToSpace", {c.grad()}, kept_attrs(c, kKept)));
  return {};
}

Status to_space_gradient(GradContext& c) {
  c.set_grad(0, c.op("SpaceToDepth", {c.grad()}, kept_attrs(c, kKept)));
  return {};
}

constexpr std::string_view kToDepthDoc =
    R"(Puts the pixels of each block one behind the other, as channels of one pixel.
  input  T[b, h, w, c] (NHWC) or T[b, c, h, w] (NCHW)   returns  T[b, h / n, w / n, n * n * c], with n = block_size
  The rows of a block come one after the other, each pixel with all its channels.
  Errors: InvalidArgument if h or w is no multiple of n, naming both.   Source: TensorFlow array_ops SpaceToDepth.)";
constexpr std::string_view kToSpaceDoc = R"(Spreads the channels of each pixel over a block of pixels.
  input  T[b, h, w, n * n * c] (NHWC) or T[b, n * n * c, h, w] (NCHW), with n = block_size
  returns  T[b, n * h, n * w, c]: what SpaceToDepth undoes
  Errors: InvalidArgument if the channels are no multiple of n * n.   Source: TensorFlow array_ops DepthToSpace.)";
constexpr std::string_view kAttrs =
    "T: type; block_size: int >= 2; data_format: {'NHWC', 'NCHW', 'NCHW_VECT_C'} = 'NHWC'";

}  // namespace

extern const OpDef op_SpaceToDepth, op_DepthToSpace;
const OpDef op_SpaceToDepth = {
    .name = "SpaceToDepth",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs = kAttrs,
    .infer = infer<true>,
    .kernels = kToDepthKernels,
};
const OpDef op_DepthToSpace = {
    .name = "DepthToSpace",
    .inputs = "input: T",
    .outputs = "output: T",
    .attrs = kAttrs,
    .infer = infer<false>,
    .kernels = kToSpaceKernels,
};

TARN_OP_FILE(space_to_depth, {&op_SpaceToDepth, kToDepthDoc, to_depth_gradient},
             {&op_DepthToSpace, kToSpaceDoc, to_space_gradient})

}  // namespace tarn
