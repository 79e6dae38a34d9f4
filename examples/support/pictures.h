// Pictures for a person to look at: PNG files, and sheets of digits with what they are and what the model took them
// for.
//
//   std::vector<SheetDigit> wrong = {{pixels, 4, 9, 0.87f}, …};
//   TARN_RETURN_IF_ERROR(write_digit_sheet("wrong.png", wrong, {.title = "73 of 10,000 digits read wrongly"}));
//
// Files appear whole or not at all.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "examples/support/canvas.h"

namespace tarn::examples {

// The bytes of a PNG file, 8 bits a channel.  channels 1 (gray) or 3 (RGB), rows from the top without gaps.
// Errors: InvalidArgument where size and pixels disagree.
Result<std::string> encode_png(int width, int height, int channels, std::span<const uint8_t> pixels);
Status write_png(const std::string& path, int width, int height, int channels, std::span<const uint8_t> pixels);
Status write_png(const std::string& path, const Canvas& canvas);

struct SheetDigit {
  std::vector<uint8_t> pixels = {};  // 28 x 28, white on black
  int truth = 0;
  int predicted = 0;
  float probability = 0;  // that the model gave to `predicted`
};
// Row `row` of images f32[N,784] in 0 to 1 as the pixels of a SheetDigit.
std::vector<uint8_t> digit_pixels(const Tensor& images, int64_t row);

struct DigitSheetOptions {
  std::string title = {};
  std::string subtitle = {};
  int columns = 10;
  int scale = 3;   // of a pixel
  int most = 100;  // digits drawn; the subtitle tells of the rest
};
// A grid of digits, dark on white, "true → predicted" and the probability under each; wrong ones in red. No digits
// give a sheet that says so.
Canvas draw_digit_sheet(std::span<const SheetDigit> digits, const DigitSheetOptions& options);
Status write_digit_sheet(const std::string& path, std::span<const SheetDigit> digits, const DigitSheetOptions& options);

}  // namespace tarn::examples
