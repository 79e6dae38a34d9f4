// The parts of image_codec() (core/image_codec.h), one a file: JPEG by libjpeg, PNG by libpng, BMP and GIF by hand,
// each as TensorFlow's decoders give them. A library of its own, so that what it is not linked into knows neither.
//
//   TARN_ASSIGN_OR_RETURN(Tensor pixels, images::decode_png(bytes, 3, DType::kUInt8));
#pragma once

#include "core/image_codec.h"

namespace tarn {
namespace images {

constexpr int64_t kMostPixels = int64_t{1} << 26;  // 8192 x 8192, or as many of all frames

// InvalidArgument unless there are from 1 to kMostPixels; before memory is taken for them.
Status judge_size(int64_t width, int64_t height, int64_t frames = 1);

Result<Tensor> decode_jpeg(std::string_view bytes, int channels, const JpegReading& how);
Result<std::string> encode_jpeg(const Tensor& pixels, const JpegWriting& how);
Result<Tensor> decode_png(std::string_view bytes, int channels, DType dtype);
Result<std::string> encode_png(const Tensor& pixels, int compression);
Result<Tensor> decode_bmp(std::string_view bytes, int channels);
Result<Tensor> decode_gif(std::string_view bytes);

}  // namespace images
}  // namespace tarn
