// DecodeJpeg, DecodePng, DecodeGif, DecodeBmp, DecodeImage: pictures' bytes to pixels. The
// formats themselves are an ImageCodec's, where one is installed.
#include <algorithm>

#include "core/image_codec.h"
#include "core/op.h"
#include "ops/support/arguments.h"

namespace tarn {
namespace {

using namespace std::string_view_literals;

enum class Format { kUnknown, kJpeg, kPng, kGif, kBmp };

Format format_of(std::string_view bytes) {
  if (bytes.starts_with("\xff\xd8\xff"sv)) return Format::kJpeg;
  if (bytes.starts_with("\x89PNG\r\n\x1a\n"sv)) return Format::kPng;
  if (bytes.starts_with("GIF8"sv)) return Format::kGif;
  if (bytes.starts_with("BM"sv)) return Format::kBmp;
  return Format::kUnknown;
}

// The ops differ in what they take and give.
enum class Op { kJpeg, kPng, kGif, kBmp, kImage };

JpegReading jpeg_reading(const AttrMap& attrs) {
  JpegReading how;
  how.ratio = static_cast<int>(attrs.get_or<int64_t>("ratio", 1));
  how.fancy_upscaling = attrs.get_or<bool>("fancy_upscaling", true);
  how.try_recover_truncated = attrs.get_or<bool>("try_recover_truncated", false);
  return how;
}

Status judge_attrs(const AttrMap& attrs) {
  int64_t channels = attrs.get_or<int64_t>("channels", 0), ratio = attrs.get_or<int64_t>("ratio", 1);
  if (channels != 0 && channels != 1 && channels != 3 && channels != 4) {
    return invalid_argument("channels must be 0, 1, 3, or 4, got ", channels);
  }
  if (ratio != 1 && ratio != 2 && ratio != 4 && ratio != 8) {
    return invalid_argument("ratio must be 1, 2, 4, or 8, got ", ratio);
  }
  std::string dct = attrs.get_or<std::string>("dct_method", "");
  if (!dct.empty() && dct != "INTEGER_FAST" && dct != "INTEGER_ACCURATE") {
    return invalid_argument("dct_method must be one of '', 'INTEGER_FAST' or 'INTEGER_ACCURATE', got ", quoted(dct));
  }
  return {};
}

template <Op kOp>
Status infer_decode(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 0, "contents"));
  TARN_RETURN_IF_ERROR(judge_attrs(c.attrs()));
  int64_t channels = c.attrs().get_or<int64_t>("channels", 0);
  if (kOp == Op::kGif) return c.set_output(0, Shape{kUnknownDim, kUnknownDim, kUnknownDim, 3});
  if (kOp == Op::kImage && c.attr<bool>("expand_animations")) return c.set_output(0, Shape::unknown());
  return c.set_output(0, Shape{kUnknownDim, kUnknownDim, channels == 0 ? kUnknownDim : channels});
}

template <Op kOp>
class DecodeKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_RETURN_IF_ERROR(judge_attrs(c.attrs()));
    // DecodeGif has no such attr; other pictures that it is given come in colors, as animations do.
    channels_ = kOp == Op::kGif ? 3 : static_cast<int>(c.attrs().get_or<int64_t>("channels", 0));
    dtype_ = c.attrs().get_or<DType>("dtype", DType::kUInt8);
    how_ = jpeg_reading(c.attrs());
    dct_method_ = c.attrs().get_or<std::string>("dct_method", "");
    how_.dct_method = dct_method_;
    all_frames_ = kOp == Op::kGif || c.attrs().get_or<bool>("expand_animations", false);
    return {};
  }

  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(expect_scalar(c.input(0), "contents"));
    auto* codec = c.services().get<ImageCodec>();
    if (codec == nullptr) return failed_precondition("there is nothing here that reads pictures");
    TARN_ASSIGN_OR_RETURN(Tensor pixels, decode(*codec, *c.input(0).as<std::string>()));
    TARN_ASSIGN_OR_RETURN(pixels, converted(std::move(pixels)));
    c.set_output(0, std::move(pixels));
    return {};
  }

 private:
  Result<Tensor> decode(const ImageCodec& codec, std::string_view bytes) const {
    switch (format_of(bytes)) {
      case Format::kJpeg:
        if (kOp == Op::kBmp) break;
        if (channels_ == 4) return invalid_argument("channels must be 0, 1, or 3 for JPEG, got 4");
        return one_frame(codec.decode_jpeg(bytes, channels_, how_));
      case Format::kPng:
        if (kOp == Op::kBmp) break;
        return one_frame(codec.decode_png(bytes, channels_, dtype_ == DType::kUInt8 ? DType::kUInt8 : DType::kUInt16));
      case Format::kBmp:
        if (kOp != Op::kBmp && kOp != Op::kImage) {
          return invalid_argument(
              "Trying to decode BMP format using a wrong op. Use `decode_bmp` or `decode_image` "
              "instead");
        }
        return one_frame(codec.decode_bmp(bytes, channels_));
      case Format::kGif: return kOp == Op::kBmp ? wrong_format(bytes) : gif(codec, bytes);
      case Format::kUnknown: break;
    }
    return wrong_format(bytes);
  }
  static Status wrong_format(std::string_view bytes) {
    return invalid_argument(kOp == Op::kBmp ? "Expected a BMP"
                                            : "Unknown image file format. One of JPEG, PNG, GIF, BMP "
                                              "required",
                            ": it begins with ", quoted(bytes.substr(0, 8)));
  }

  // DecodeGif gives pictures of one frame as animations of one.
  static Result<Tensor> one_frame(Result<Tensor> pixels) {
    if (kOp != Op::kGif || !pixels.ok()) return pixels;
    Shape shape{1};
    for (int64_t dim : pixels->shape().dims()) shape.add_dim(dim);
    return pixels->reshaped(shape);
  }

  Result<Tensor> gif(const ImageCodec& codec, std::string_view bytes) const {
    if (channels_ == 1 || channels_ == 4) {
      return invalid_argument("channels must be 0 or 3 for GIF, got ", channels_);
    }
    TARN_ASSIGN_OR_RETURN(Tensor frames, codec.decode_gif(bytes));
    if (all_frames_) return frames;
    const Shape& shape = frames.shape();
    if (shape.dim(0) > 1 && kOp != Op::kImage) {
      return invalid_argument("Got ", shape.dim(0),
                              " frames, but animated gifs can only be decoded by DecodeGif or "
                              "DecodeImage");
    }
    Shape first{shape.dim(1), shape.dim(2), shape.dim(3)};
    TARN_ASSIGN_OR_RETURN(Tensor pixels, Tensor::allocate(frames.dtype(), first));
    std::copy_n(frames.flat<uint8_t>().data(), pixels.element_count(), pixels.mutable_flat<uint8_t>().data());
    return pixels;
  }

  // 8 bits to 16: times 256; to float: of 255. 16 bits to float: of 65535.
  Result<Tensor> converted(Tensor pixels) const {
    if (pixels.dtype() == dtype_) return pixels;
    TARN_ASSIGN_OR_RETURN(Tensor to, Tensor::allocate(dtype_, pixels.shape()));
    if (dtype_ == DType::kUInt16) {
      std::span<const uint8_t> from = pixels.flat<uint8_t>();
      std::transform(from.begin(), from.end(), to.mutable_flat<uint16_t>().begin(),
                     [](uint8_t value) { return static_cast<uint16_t>(value * 256); });
      return to;
    }
    auto scale = static_cast<float>(1.0 / (pixels.dtype() == DType::kUInt16 ? 65535 : 255));
    std::span<float> out = to.mutable_flat<float>();
    for (size_t i = 0; i < out.size(); ++i) {
      int value = pixels.dtype() == DType::kUInt16 ? pixels.flat<uint16_t>()[i] : pixels.flat<uint8_t>()[i];
      out[i] = static_cast<float>(value) * scale;
    }
    return to;
  }

  int channels_ = 0;
  DType dtype_ = DType::kUInt8;
  JpegReading how_;
  std::string dct_method_;
  bool all_frames_ = false;
};

template <Op kOp>
constexpr KernelDef kKernels[] = {portable_kernel<DecodeKernel<kOp>>()};

constexpr std::string_view kNoGradient = "the input is a file's bytes";
constexpr std::string_view kJpegDoc = R"(The pixels of a JPEG (or PNG, or GIF of one frame).
  contents  string: the file's bytes   returns  image  uint8[height, width, channels]
  channels 0 as the file has them, 1 gray, 3 RGB; ratio 2, 4 or 8 makes it so many times smaller; dct_method '' is
  INTEGER_FAST. A damaged file is an error; with try_recover_truncated one cut short is filled up, however
  much of it is there: TensorFlow does not look at acceptable_fraction either.
  Needs an ImageCodec: sessions have one.   Source: TensorFlow image_ops DecodeJpeg.)";
constexpr std::string_view kPngDoc = R"(The pixels of a PNG (or JPEG, or GIF of one frame).
  contents  string: the file's bytes   returns  image  dtype[height, width, channels]
  channels 0 as the file has them, 1 gray, 3 RGB, 4 RGBA; uint16 keeps 16 bits.
  Needs an ImageCodec: sessions have one.   Source: TensorFlow image_ops DecodePng.)";
constexpr std::string_view kGifDoc = R"(The frames of a GIF.
  contents  string: the file's bytes   returns  image  uint8[frames, height, width, 3]: each drawn over the one before
  Needs an ImageCodec: sessions have one.   Source: TensorFlow image_ops DecodeGif.)";
constexpr std::string_view kBmpDoc = R"(The pixels of a BMP of 8 (gray), 24 or 32 bits.
  contents  string: the file's bytes   returns  image  uint8[height, width, channels]
  Needs an ImageCodec: sessions have one.   Source: TensorFlow image_ops DecodeBmp.)";
constexpr std::string_view kImageDoc = R"(The pixels of a picture, whatever its format: JPEG, PNG, GIF or BMP.
  contents  string: the file's bytes   returns  image  dtype[height, width, channels], of GIFs [frames, …] unless
  expand_animations is false: then the first. float is in [0, 1], uint16 256 times what 8 bits hold.
  Needs an ImageCodec: sessions have one.   Source: TensorFlow image_ops DecodeImage.)";

}  // namespace

extern const OpDef op_DecodeJpeg, op_DecodePng, op_DecodeGif, op_DecodeBmp, op_DecodeImage;
const OpDef op_DecodeJpeg = {
    .name = "DecodeJpeg",
    .inputs = "contents: string",
    .outputs = "image: uint8",
    .attrs =
        "channels: int = 0; ratio: int = 1; fancy_upscaling: bool = true; try_recover_truncated: bool = false; "
        "acceptable_fraction: float = 1; dct_method: string = ''",
    .infer = infer_decode<Op::kJpeg>,
    .kernels = kKernels<Op::kJpeg>,
    .needs = ServiceId::kImages,
};
const OpDef op_DecodePng = {
    .name = "DecodePng",
    .inputs = "contents: string",
    .outputs = "image: dtype",
    .attrs = "channels: int = 0; dtype: {uint8, uint16} = uint8",
    .infer = infer_decode<Op::kPng>,
    .kernels = kKernels<Op::kPng>,
    .needs = ServiceId::kImages,
};
const OpDef op_DecodeGif = {
    .name = "DecodeGif",
    .inputs = "contents: string",
    .outputs = "image: uint8",
    .infer = infer_decode<Op::kGif>,
    .kernels = kKernels<Op::kGif>,
    .needs = ServiceId::kImages,
};
const OpDef op_DecodeBmp = {
    .name = "DecodeBmp",
    .inputs = "contents: string",
    .outputs = "image: uint8",
    .attrs = "channels: int = 0",
    .infer = infer_decode<Op::kBmp>,
    .kernels = kKernels<Op::kBmp>,
    .needs = ServiceId::kImages,
};
const OpDef op_DecodeImage = {
    .name = "DecodeImage",
    .inputs = "contents: string",
    .outputs = "image: dtype",
    .attrs = "channels: int = 0; dtype: {uint8, uint16, float} = uint8; expand_animations: bool = true",
    .infer = infer_decode<Op::kImage>,
    .kernels = kKernels<Op::kImage>,
    .needs = ServiceId::kImages,
};

TARN_OP_FILE(decode_image, {&op_DecodeJpeg, kJpegDoc, nullptr, kNoGradient},
             {&op_DecodePng, kPngDoc, nullptr, kNoGradient}, {&op_DecodeGif, kGifDoc, nullptr, kNoGradient},
             {&op_DecodeBmp, kBmpDoc, nullptr, kNoGradient}, {&op_DecodeImage, kImageDoc, nullptr, kNoGradient})

}  // namespace tarn
