// EncodeJpeg, EncodePng: pixels to a file's bytes, by an ImageCodec, where one is installed.
#include "core/image_codec.h"
#include "core/op.h"
#include "ops/support/arguments.h"

namespace tarn {
namespace {

Result<ImageCodec*> codec_of(const RunContext& c) {
  auto* codec = c.services().get<ImageCodec>();
  if (codec == nullptr) return failed_precondition("there is nothing here that writes pictures");
  return codec;
}

// How many pixels along a dim a file may have.
constexpr int64_t kMostSide = 65500;

Status judge_picture(const Shape& shape) {
  for (int d = -3; d < -1; ++d) {
    if (shape.dim(d) >= 1 && shape.dim(d) <= kMostSide) continue;
    return invalid_argument("a picture has 1 to ", kMostSide, " pixels along a side: shape ", shape.to_string());
  }
  return {};
}

// Whether it is one channel that is written; `format` must agree with the picture.
Result<bool> is_gray(const Shape& shape, std::string_view format) {
  if (shape.rank() != 3) return invalid_argument("image must be 3-dimensional, has shape ", shape.to_string());
  int64_t channels = shape.dim(2);
  if (format.empty() ? channels == 1 || channels == 3 : channels == (format == "grayscale" ? 1 : 3))
    return channels == 1;
  return invalid_argument("image must have ",
                          format.empty()          ? "1 or 3"
                          : format == "grayscale" ? "1"
                                                  : "3",
                          " channels, has shape ", shape.to_string());
}

Status judge_jpeg_attrs(const AttrMap& attrs) {
  int64_t quality = attrs.get<int64_t>("quality");
  if (quality < 0 || quality > 100) return invalid_argument("quality must be in [0,100], got ", quality);
  for (std::string_view name : {"x_density", "y_density"}) {
    int64_t density = attrs.get<int64_t>(name);
    if (density < 0 || density > 65535) return invalid_argument(name, " must be in [0, 65535], got ", density);
  }
  return {};
}

Status infer_jpeg(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 3, "image"));
  TARN_RETURN_IF_ERROR(judge_jpeg_attrs(c.attrs()));
  return c.set_output(0, Shape());
}

class JpegKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_RETURN_IF_ERROR(judge_jpeg_attrs(c.attrs()));
    format_ = c.attr<std::string>("format");
    xmp_ = c.attr<std::string>("xmp_metadata");
    how_.quality = static_cast<int>(c.attr<int64_t>("quality"));
    how_.progressive = c.attr<bool>("progressive");
    how_.optimize_size = c.attr<bool>("optimize_size");
    how_.chroma_downsampling = c.attr<bool>("chroma_downsampling");
    how_.density_in_cm = c.attr<std::string>("density_unit") == "cm";
    how_.x_density = static_cast<int>(c.attr<int64_t>("x_density"));
    how_.y_density = static_cast<int>(c.attr<int64_t>("y_density"));
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& image = c.input(0);
    JpegWriting how = how_;
    how.xmp_metadata = xmp_;
    TARN_ASSIGN_OR_RETURN(how.gray, is_gray(*image.shape, format_));
    TARN_RETURN_IF_ERROR(judge_picture(*image.shape));
    TARN_ASSIGN_OR_RETURN(ImageCodec * codec, codec_of(c));
    Tensor pixels = Tensor::view(image.dtype, *image.shape, image.data, nullptr);
    TARN_ASSIGN_OR_RETURN(std::string bytes, codec->encode_jpeg(pixels, how));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape()));
    *y.as<std::string>() = std::move(bytes);
    return {};
  }

 private:
  JpegWriting how_;
  std::string format_, xmp_;
};

Status judge_compression(int64_t compression) {
  if (compression >= -1 && compression <= 9) return {};
  return invalid_argument("compression should be in [-1,9], got ", compression);
}

Status infer_png(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_compression(c.attr<int64_t>("compression")));
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(0, 3, "image"));
  if (!c.shape(0).has_rank()) return c.set_output(0, Shape::unknown());
  std::span<const int64_t> dims = c.shape(0).dims();
  return c.set_output(0, Shape(dims.first(dims.size() - 3)));
}

class PngKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    compression_ = static_cast<int>(c.attr<int64_t>("compression"));
    return judge_compression(c.attr<int64_t>("compression"));
  }
  Status run(RunContext& c) const override {
    const TensorView& images = c.input(0);
    const Shape& shape = *images.shape;
    if (shape.rank() < 3) return invalid_argument("image must be at least rank 3, has shape ", shape.to_string());
    if (shape.dim(-1) < 1 || shape.dim(-1) > 4) {
      return invalid_argument("image must have 1, 2, 3, or 4 channels, has shape ", shape.to_string());
    }
    TARN_RETURN_IF_ERROR(judge_picture(shape));
    TARN_ASSIGN_OR_RETURN(ImageCodec * codec, codec_of(c));
    std::span<const int64_t> dims = shape.dims();
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape(dims.first(dims.size() - 3))));
    Shape picture(dims.last(3));
    size_t bytes = static_cast<size_t>(picture.elements()) * dtype_size(images.dtype);
    for (int64_t i = 0; i < y.count; ++i) {
      const char* from = images.as<char>() + static_cast<size_t>(i) * bytes;
      Result<std::string> written = codec->encode_png(Tensor::view(images.dtype, picture, from, nullptr), compression_);
      if (!written.ok()) return written.status();
      y.as<std::string>()[i] = *std::move(written);
    }
    return {};
  }

 private:
  int compression_ = -1;
};

constexpr KernelDef kJpegKernels[] = {portable_kernel<JpegKernel>()};
constexpr KernelDef kPngKernels[] = {portable_kernel<PngKernel>(DType::kUInt8),
                                     portable_kernel<PngKernel>(DType::kUInt16)};

constexpr std::string_view kNoGradient = "the output is a file's bytes";
constexpr std::string_view kJpegDoc = R"(A picture as the bytes of a JPEG file.
  image  uint8[height, width, 1 or 3]   returns  contents  string
  quality 0 to 100; progressive, optimize_size, chroma_downsampling, densities and xmp_metadata as their names say.
  Needs an ImageCodec: sessions have one.   Source: TensorFlow image_ops EncodeJpeg.)";
constexpr std::string_view kPngDoc = R"(Pictures as the bytes of PNG files.
  image  T[..., height, width, 1 to 4]   returns  contents  string[...]
  compression 0 to 9, or -1 for what the library takes.
  Needs an ImageCodec: sessions have one.   Source: TensorFlow image_ops EncodePng.)";

}  // namespace

extern const OpDef op_EncodeJpeg, op_EncodePng;
const OpDef op_EncodeJpeg = {
    .name = "EncodeJpeg",
    .inputs = "image: uint8",
    .outputs = "contents: string",
    .attrs =
        "format: {'', 'grayscale', 'rgb'} = ''; quality: int = 95; progressive: bool = false; optimize_size: bool = "
        "false; chroma_downsampling: bool = true; density_unit: {'in', 'cm'} = 'in'; x_density: int = 300; "
        "y_density: int = 300; xmp_metadata: string = ''",
    .infer = infer_jpeg,
    .kernels = kJpegKernels,
    .needs = ServiceId::kImages,
};
const OpDef op_EncodePng = {
    .name = "EncodePng",
    .inputs = "image: T",
    .outputs = "contents: string",
    .attrs = "compression: int = -1; T: {uint8, uint16} = uint8",
    .infer = infer_png,
    .kernels = kPngKernels,
    .needs = ServiceId::kImages,
};

TARN_OP_FILE(encode_image, {&op_EncodeJpeg, kJpegDoc, nullptr, kNoGradient},
             {&op_EncodePng, kPngDoc, nullptr, kNoGradient})

}  // namespace tarn
