#include "examples/support/pictures.h"

#include <png.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/file.h"
#include "examples/support/stroke_font.h"
#include "examples/support/synthetic_digits.h"

namespace tarn::examples {
namespace {

constexpr Color kBorder = {209, 213, 219};
constexpr Color kWrong = {190, 30, 45};
constexpr Color kRight = {22, 120, 60};

// "0.87": two decimals, never rounded up to a certainty that was not there.
std::string probability_text(float probability) {
  double p = std::isfinite(probability) ? std::clamp<double>(probability, 0, 1) : 0;
  int hundredths = static_cast<int>(p * 100 + (p > 0.99 && p < 1 ? 0 : 0.5));
  if (hundredths >= 100) return "1.00";
  return str_cat("0.", hundredths / 10, hundredths % 10);
}

}  // namespace

Result<std::string> encode_png(int width, int height, int channels, std::span<const uint8_t> pixels) {
  if (width < 1 || height < 1 || (channels != 1 && channels != 3)) {
    return invalid_argument("PNG: width ", width, ", height ", height, ", channels ", channels,
                            "; expected at least 1 x 1 with 1 or 3 channels");
  }
  size_t expected = static_cast<size_t>(width) * static_cast<size_t>(height) * static_cast<size_t>(channels);
  if (pixels.size() != expected) {
    return invalid_argument("PNG: ", width, " x ", height, " with ", channels, " channels needs ", expected,
                            " bytes, got ", pixels.size());
  }
  png_image image;
  std::memset(&image, 0, sizeof(image));
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string out(bytes, '\0');
  if (::png_image_write_to_memory(&image, out.data(), &bytes, 0, pixels.data(), 0, nullptr) == 0) {
    return internal_error("PNG: ", image.message);
  }
  out.resize(bytes);
  return out;
}

Status write_png(const std::string& path, int width, int height, int channels, std::span<const uint8_t> pixels) {
  Result<std::string> bytes = encode_png(width, height, channels, pixels);
  if (!bytes.ok()) return bytes.status().with_context(tarn::quoted(path));
  return write_file_atomically(path, *bytes);
}

Status write_png(const std::string& path, const Canvas& canvas) {
  return write_png(path, canvas.width(), canvas.height(), 3, canvas.pixels());
}

std::vector<uint8_t> digit_pixels(const Tensor& images, int64_t row) {
  std::vector<uint8_t> pixels(kDigitSize * kDigitSize);
  std::span<const float> values = images.flat<float>().subspan(static_cast<size_t>(row) * pixels.size(), pixels.size());
  for (size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = static_cast<uint8_t>(std::lround(255 * std::clamp(values[i], 0.0f, 1.0f)));
  }
  return pixels;
}

Canvas draw_digit_sheet(std::span<const SheetDigit> digits, const DigitSheetOptions& options) {
  const size_t shown = std::min(digits.size(), static_cast<size_t>(std::max(options.most, 0)));
  const int columns = std::max(1, options.columns);
  const int rows = std::max(1, (static_cast<int>(shown) + columns - 1) / columns);
  const int tile = kDigitSize * std::max(1, options.scale);
  constexpr int kMargin = 28, kGap = 14, kCaption = 36, kHeader = 84;
  std::string subtitle = options.subtitle;
  if (shown < digits.size()) {
    str_append(subtitle, subtitle.empty() ? "" : " · ", "the first ", shown, " of ", digits.size(), " are shown");
  }
  const auto text_room = static_cast<int>(std::max(text_width(options.title, 22), text_width(subtitle, 14)));
  const int width = 2 * kMargin + std::max(columns * (tile + kGap) - kGap, text_room);
  Canvas canvas(width, kHeader + rows * (tile + kCaption + kGap) + kMargin, kWhite);

  canvas.text(options.title, {kMargin, 40}, {.size = 22, .bold = true});
  canvas.text(subtitle, {kMargin, 62}, {.size = 14, .color = kSoftInk});
  if (shown == 0) canvas.text("No digits to show.", {kMargin, kHeader + 40}, {.size = 16, .color = kSoftInk});
  for (size_t i = 0; i < shown; ++i) {
    const SheetDigit& digit = digits[i];
    double left = kMargin + static_cast<int>(i) % columns * (tile + kGap);
    double top = kHeader + static_cast<int>(i) / columns * (tile + kCaption + kGap);
    canvas.fill({left - 1, top - 1, left + tile + 1, top + tile + 1}, kBorder);
    canvas.gray_image(digit.pixels, kDigitSize, {left, top}, std::max(1, options.scale), true);

    // The caption's two halves are centred together: "4 → 9" and the probability, fainter.
    std::string verdict = str_cat(digit.truth, " → ", digit.predicted);
    std::string probability = probability_text(digit.probability);
    constexpr double kVerdictSize = 16, kProbabilitySize = 13, kSpace = 7;
    double verdict_width = text_width(verdict, kVerdictSize);
    double start = left + (tile - verdict_width - kSpace - text_width(probability, kProbabilitySize)) / 2;
    double baseline = top + tile + 22;
    canvas.text(verdict, {start, baseline},
                {.size = kVerdictSize, .color = digit.truth == digit.predicted ? kRight : kWrong, .bold = true});
    canvas.text(probability, {start + verdict_width + kSpace, baseline}, {.size = kProbabilitySize, .color = kSoftInk});
  }
  return canvas;
}

Status write_digit_sheet(const std::string& path, std::span<const SheetDigit> digits,
                         const DigitSheetOptions& options) {
  for (const SheetDigit& digit : digits) {
    if (digit.pixels.size() != kDigitSize * kDigitSize) {
      return invalid_argument("digit sheet ", tarn::quoted(path), ": a digit has ", digit.pixels.size(),
                              " pixels, expected ", kDigitSize * kDigitSize);
    }
  }
  return write_png(path, draw_digit_sheet(digits, options));
}

}  // namespace tarn::examples
