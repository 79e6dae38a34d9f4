// Pictures from files: PNG, JPEG, BMP, GIF, PGM and PPM, told by their content; and to PNG files.
//
//   TARN_ASSIGN_OR_RETURN(Image image, read_image("cat.jpg"));
//   image.pixels[(y * image.width + x) * image.channels + c]
//
// Whatever a damaged file holds, the answer is a Status that names the file; its size is judged before memory is taken.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace tarn {

struct Image {
  int width = 0, height = 0;
  int channels = 0;                    // 1: gray, 3: red, green, blue
  std::vector<uint8_t> pixels;         // rows from the top, without gaps
  std::string_view format;             // "PNG", "JPEG", "BMP", "GIF", "PGM", "PPM"
  std::vector<std::string> done = {};  // to what the file holds: "alpha dropped", "16 bits made 8"
};

constexpr int64_t kMostPixels = int64_t{1} << 26;  // 8192 x 8192

// A PNG's pixels are those of TensorFlow's DecodePng: alpha dropped, the upper 8 bits of 16, gamma left alone.
Result<Image> read_image(const std::string& path);
Result<Image> decode_image(std::string_view bytes);

// As PNG, whole or not at all.
Status write_image(const std::string& path, const Image& image);

}  // namespace tarn
