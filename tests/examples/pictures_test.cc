#include "examples/support/pictures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <cstring>

#include "examples/support/stroke_font.h"
#include "tests/examples/temp_folder.h"

namespace tarn::examples {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Decoded {
  int width = 0, height = 0;
  std::vector<uint8_t> rgb;
};

// Read with libpng, which checks every CRC on the way.
Decoded decode_png(const std::string& bytes) {
  png_image image;
  std::memset(&image, 0, sizeof(image));
  image.version = PNG_IMAGE_VERSION;
  Decoded out;
  if (::png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) == 0) return out;
  image.format = PNG_FORMAT_RGB;
  out.rgb.resize(PNG_IMAGE_SIZE(image));
  if (::png_image_finish_read(&image, nullptr, out.rgb.data(), 0, nullptr) == 0) return out;
  out.width = static_cast<int>(image.width);
  out.height = static_cast<int>(image.height);
  return out;
}

int count_pixels(const Canvas& canvas, Color color) {
  int count = 0;
  for (int y = 0; y < canvas.height(); ++y) {
    for (int x = 0; x < canvas.width(); ++x) {
      Color c = canvas.at(x, y);
      count += c.red == color.red && c.green == color.green && c.blue == color.blue;
    }
  }
  return count;
}

bool is_white(Color c) {
  return c.red == 255 && c.green == 255 && c.blue == 255;
}

TEST(Png, GrayAndRgbReadBackAsWritten) {
  TempFolder folder;
  const std::vector<uint8_t> gray = {0, 1, 127, 128, 254, 255};
  const std::vector<uint8_t> rgb = {1, 2, 3, 250, 251, 252};

  ASSERT_TRUE(write_png(folder.file("gray.png"), 3, 2, 1, gray).ok());
  ASSERT_TRUE(write_png(folder.file("rgb.png"), 1, 2, 3, rgb).ok());

  Decoded one = decode_png(read_bytes(folder.file("gray.png")));
  ASSERT_EQ(one.rgb.size(), 18u);
  for (size_t i = 0; i < gray.size(); ++i) EXPECT_EQ(one.rgb[3 * i], gray[i]);
  Decoded two = decode_png(read_bytes(folder.file("rgb.png")));
  EXPECT_EQ(two.width, 1);
  EXPECT_EQ(two.height, 2);
  EXPECT_EQ(two.rgb, rgb);
  EXPECT_EQ(folder.names().size(), 2u);  // and no temporary file
}

TEST(Png, RefusesSizesThatDisagreeWithThePixels) {
  std::vector<uint8_t> pixels(12);
  EXPECT_THAT(encode_png(2, 2, 1, pixels).status().to_string(), HasSubstr("needs 4 bytes, got 12"));
  EXPECT_FALSE(encode_png(0, 2, 1, {}).ok());
  EXPECT_FALSE(encode_png(2, 3, 2, pixels).ok());
}

TEST(Png, AFailedWriteLeavesTheOldFile) {
  TempFolder folder;
  std::filesystem::create_directory(folder.file("x.png"));
  EXPECT_THAT(write_png(folder.file("x.png"), 1, 1, 1, std::vector<uint8_t>{1}).to_string(),
              HasSubstr(folder.file("x.png")));
  EXPECT_THAT(folder.names(), ElementsAre());
  EXPECT_THAT(write_png(folder.file("none/x.png"), 1, 1, 1, std::vector<uint8_t>{1}).to_string(),
              HasSubstr("No such file or directory"));
}

TEST(Canvas, LinesCoverWhatTheyCrossAndNothingElse) {
  Canvas canvas(20, 20, kWhite);
  canvas.line(Polyline{{2, 10}, {18, 10}}, {.width = 2, .color = {0, 0, 0}});
  EXPECT_EQ(canvas.at(10, 9).red, 0);
  EXPECT_EQ(canvas.at(10, 10).red, 0);
  EXPECT_TRUE(is_white(canvas.at(10, 7)));
  EXPECT_TRUE(is_white(canvas.at(10, 12)));
}

TEST(Canvas, OverlapsOfOneTransparentLineAreNotDarker) {
  Canvas canvas(20, 20, kWhite);
  canvas.line(Polyline{{2, 10}, {18, 10}, {2, 10}}, {.width = 2, .color = {0, 0, 0}, .opacity = 0.5});
  EXPECT_NEAR(canvas.at(10, 10).red, 128, 1);
}

TEST(Canvas, DrawsNothingOutsideItselfOrItsClip) {
  Canvas canvas(10, 10, kWhite);
  canvas.clip_to({0, 0, 5, 10});
  canvas.line(Polyline{{-1e9, 5.5}, {1e9, 5.5}}, {.width = 3, .color = {0, 0, 0}});
  canvas.fill({-100, -100, 100, 2}, {0, 0, 0});
  EXPECT_EQ(canvas.at(4, 5).red, 0);
  EXPECT_TRUE(is_white(canvas.at(5, 5)));
  EXPECT_EQ(canvas.at(4, 1).red, 0);
  EXPECT_TRUE(is_white(canvas.at(5, 1)));
  EXPECT_EQ(count_pixels(canvas, kWhite), 100 - 10 - 15);
}

TEST(Canvas, BoxEdgesBetweenPixelsAreMixed) {
  Canvas canvas(4, 1, kWhite);
  canvas.fill({0.5, 0, 2, 1}, {0, 0, 0});
  EXPECT_NEAR(canvas.at(0, 0).red, 128, 1);
  EXPECT_EQ(canvas.at(1, 0).red, 0);
  EXPECT_EQ(canvas.at(2, 0).red, 255);
}

TEST(StrokeFont, HasEveryPrintableAsciiCharacter) {
  for (char32_t c = 0x20; c < 0x7f; ++c) EXPECT_TRUE(has_glyph(c)) << static_cast<int>(c);
  for (char32_t c = 0x21; c < 0x7f; ++c) {
    EXPECT_FALSE(text_lines(std::string(1, static_cast<char>(c)), {}, 10).empty()) << static_cast<char>(c);
  }
  EXPECT_FALSE(has_glyph(U'é'));
}

TEST(StrokeFont, WidthsAddUpAndScale) {
  EXPECT_EQ(text_width("", 20), 0);
  EXPECT_DOUBLE_EQ(text_width("H", 20), 9);
  EXPECT_DOUBLE_EQ(text_width("HH", 40), 2 * text_width("HH", 20));
  EXPECT_GT(text_width("HH", 20), 2 * text_width("H", 20));
}

TEST(StrokeFont, ShowsABoxForEveryByteThatIsNotUtf8) {
  EXPECT_EQ(text_lines("\xff\xfe", {}, 10).size(), 2u);
  EXPECT_EQ(text_lines("\xe2\x86", {}, 10).size(), 2u);      // cut short
  EXPECT_EQ(text_lines("\xe2\x86\x92", {}, 10).size(), 2u);  // an arrow: shaft and head
}

TEST(StrokeFont, StandsOnTheBaseline) {
  Box box = bounds(text_lines("H", {5, 30}, 20));
  EXPECT_DOUBLE_EQ(box.left, 5);
  EXPECT_DOUBLE_EQ(box.bottom, 30);
  EXPECT_DOUBLE_EQ(box.top, 16);  // capitals are 0.7 of the size
}

SheetDigit digit_with(uint8_t ink, int truth, int predicted) {
  return {std::vector<uint8_t>(784, ink), truth, predicted, 0.5f};
}

TEST(DigitSheet, ShowsEveryDigitDarkOnWhite) {
  TempFolder folder;
  std::vector<SheetDigit> digits(13, digit_with(255, 4, 9));

  ASSERT_TRUE(write_digit_sheet(folder.file("sheet.png"), digits, {.title = "t", .columns = 5, .scale = 2}).ok());

  Decoded sheet = decode_png(read_bytes(folder.file("sheet.png")));
  int black = 0;
  for (size_t i = 0; i < sheet.rgb.size(); i += 3) {
    black += sheet.rgb[i] == 0 && sheet.rgb[i + 1] == 0 && sheet.rgb[i + 2] == 0;
  }
  EXPECT_EQ(black, 13 * 56 * 56);
}

TEST(DigitSheet, MarksWrongOnesInAnotherColorThanRightOnes) {
  std::vector<SheetDigit> right = {digit_with(0, 4, 4)}, wrong = {digit_with(0, 4, 9)};
  Canvas a = draw_digit_sheet(right, {}), b = draw_digit_sheet(wrong, {});
  auto reddest = [](const Canvas& canvas) {
    int most = 0;
    for (int y = 0; y < canvas.height(); ++y) {
      for (int x = 0; x < canvas.width(); ++x) most = std::max(most, canvas.at(x, y).red - canvas.at(x, y).green);
    }
    return most;
  };
  EXPECT_GT(reddest(b), 100);
  EXPECT_LT(reddest(a), 50);
}

TEST(DigitSheet, TellsOfDigitsThatDoNotFit) {
  std::vector<SheetDigit> digits(30, digit_with(255, 1, 2));
  Canvas all = draw_digit_sheet(digits, {.columns = 10, .scale = 1, .most = 100});
  Canvas some = draw_digit_sheet(digits, {.columns = 10, .scale = 1, .most = 10});
  EXPECT_EQ(count_pixels(all, {0, 0, 0}), 30 * 784);
  EXPECT_EQ(count_pixels(some, {0, 0, 0}), 10 * 784);
}

TEST(DigitSheet, HasAWordForNoDigitsAndAnErrorForWrongSizes) {
  TempFolder folder;
  EXPECT_TRUE(write_digit_sheet(folder.file("none.png"), {}, {.title = "nothing wrong"}).ok());
  std::vector<SheetDigit> bad = {{std::vector<uint8_t>(10), 1, 1, 1}};
  EXPECT_THAT(write_digit_sheet(folder.file("bad.png"), bad, {}).to_string(), HasSubstr("10 pixels, expected 784"));
}

TEST(DigitSheet, TakesPixelsFromAnImagesTensor) {
  Result<Tensor> images = Tensor::zeros(DType::kFloat, Shape{2, 784});
  images->mutable_flat<float>()[784 + 3] = 1;
  images->mutable_flat<float>()[784 + 4] = 0.5;
  std::vector<uint8_t> pixels = digit_pixels(*images, 1);
  EXPECT_EQ(pixels[3], 255);
  EXPECT_EQ(pixels[4], 128);
  EXPECT_EQ(pixels[5], 0);
}

}  // namespace
}  // namespace tarn::examples
