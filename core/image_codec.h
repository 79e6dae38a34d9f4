// Pictures in files' formats to tensors and back: what DecodeJpeg, EncodePng and their like need. The ops are in every
// engine; the libraries behind this (libjpeg, libpng) are only where somebody installs an ImageCodec.
//
//   Session session(graph);                             // has ops/images' codec
//   EngineOptions options{.images = &image_codec()};    // an app that wants it says so
//
// Thread-safe: one serves every run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/services.h"

namespace tarn {

// TensorFlow's attrs of DecodeJpeg.
struct JpegReading {
  int ratio = 1;  // 1, 2, 4 or 8: so many times smaller
  bool fancy_upscaling = true;
  bool try_recover_truncated = false;  // a file cut short is filled up
  std::string_view dct_method;         // "", "INTEGER_FAST" or "INTEGER_ACCURATE"
};

// TensorFlow's attrs of EncodeJpeg.
struct JpegWriting {
  bool gray = false;  // the picture has one channel
  int quality = 95;   // 0 to 100
  bool progressive = false, optimize_size = false, chroma_downsampling = true;
  bool density_in_cm = false;
  int x_density = 300, y_density = 300;
  std::string_view xmp_metadata;
};

class ImageCodec {
 public:
  static constexpr ServiceId kId = ServiceId::kImages;
  virtual ~ImageCodec() = default;

  // Decoders judge the size that a file claims before memory is taken for it. `channels`: 0, as the file has them; 1
  // gray; 3 RGB; 4 RGBA. Tensors are uint8 (PNG: or uint16) of shape [height, width, channels].
  virtual Result<Tensor> decode_jpeg(std::string_view bytes, int channels, const JpegReading& how) const = 0;
  virtual Result<Tensor> decode_png(std::string_view bytes, int channels, DType dtype) const = 0;
  virtual Result<Tensor> decode_bmp(std::string_view bytes, int channels) const = 0;
  // [frames, height, width, 3].
  virtual Result<Tensor> decode_gif(std::string_view bytes) const = 0;

  // `pixels` is [height, width, channels].
  virtual Result<std::string> encode_jpeg(const Tensor& pixels, const JpegWriting& how) const = 0;
  // `compression`: 0 to 9, or -1 for the library's choice.
  virtual Result<std::string> encode_png(const Tensor& pixels, int compression) const = 0;
};

// The one there is, defined by the library in ops/images: who calls it links libjpeg and libpng. Lives as long as the
// program.
ImageCodec& image_codec();

}  // namespace tarn
