#include "ops/images/formats.h"

namespace tarn {
namespace {

class Codec : public ImageCodec {
 public:
  constexpr Codec() = default;
  Result<Tensor> decode_jpeg(std::string_view bytes, int channels, const JpegReading& how) const override {
    return images::decode_jpeg(bytes, channels, how);
  }
  Result<Tensor> decode_png(std::string_view bytes, int channels, DType dtype) const override {
    return images::decode_png(bytes, channels, dtype);
  }
  Result<Tensor> decode_bmp(std::string_view bytes, int channels) const override {
    return images::decode_bmp(bytes, channels);
  }
  Result<Tensor> decode_gif(std::string_view bytes) const override { return images::decode_gif(bytes); }
  Result<std::string> encode_jpeg(const Tensor& pixels, const JpegWriting& how) const override {
    return images::encode_jpeg(pixels, how);
  }
  Result<std::string> encode_png(const Tensor& pixels, int compression) const override {
    return images::encode_png(pixels, compression);
  }
};

}  // namespace

ImageCodec& image_codec() {
  static Codec codec;
  return codec;
}

namespace images {

Status judge_size(int64_t width, int64_t height, int64_t frames) {
  bool fits = width >= 1 && height >= 1 && frames >= 1 && width <= kMostPixels / height &&
              width * height <= kMostPixels / frames;
  if (fits) return {};
  return invalid_argument("the picture is said to be ", width, " x ", height,
                          frames > 1 ? str_cat(", ", frames, " times") : std::string(), "; from 1 to ", kMostPixels,
                          " pixels are read");
}

}  // namespace images
}  // namespace tarn
