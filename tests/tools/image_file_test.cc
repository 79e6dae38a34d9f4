// Rows 141 to 143 of the damaged pictures: whatever the bytes, a Status, and no memory taken by what a header claims.
#include "tools/support/image_file.h"

#include <gtest/gtest.h>
#include <jpeglib.h>
#include <png.h>
#include <stdio.h>
#include <zlib.h>

#include <cstdlib>
#include <cstring>

namespace tarn {
namespace {

constexpr int kWidth = 19, kHeight = 23;

std::vector<uint8_t> gradient(int channels) {
  std::vector<uint8_t> pixels;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      for (int c = 0; c < channels; ++c) pixels.push_back(static_cast<uint8_t>(x * 5 + y * 3 + c * 40));
    }
  }
  return pixels;
}

std::string png_bytes(png_uint_32 format, const std::vector<uint8_t>& pixels) {
  png_image image;
  std::memset(&image, 0, sizeof(image));
  image.version = PNG_IMAGE_VERSION;
  image.width = kWidth;
  image.height = kHeight;
  image.format = format;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string bytes(size, '\0');
  EXPECT_NE(::png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, nullptr), 0);
  bytes.resize(size);
  return bytes;
}

std::string jpeg_bytes(J_COLOR_SPACE colors, int channels, bool progressive) {
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg.err = ::jpeg_std_error(&errors);
  ::jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  ::jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_width = kWidth;
  jpeg.image_height = kHeight;
  jpeg.input_components = channels;
  jpeg.in_color_space = colors;
  ::jpeg_set_defaults(&jpeg);
  ::jpeg_set_quality(&jpeg, 95, TRUE);
  if (progressive) ::jpeg_simple_progression(&jpeg);
  ::jpeg_start_compress(&jpeg, TRUE);
  std::vector<uint8_t> pixels = gradient(channels);
  while (jpeg.next_scanline < jpeg.image_height) {
    JSAMPROW row = pixels.data() + jpeg.next_scanline * static_cast<unsigned>(kWidth * channels);
    ::jpeg_write_scanlines(&jpeg, &row, 1);
  }
  ::jpeg_finish_compress(&jpeg);
  std::string bytes(reinterpret_cast<char*>(memory), size);
  ::jpeg_destroy_compress(&jpeg);
  std::free(memory);
  return bytes;
}

void expect_close(const Image& image, const std::vector<uint8_t>& expected, int most) {
  ASSERT_EQ(image.pixels.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR(image.pixels[i], expected[i], most) << "value " << i;
}

TEST(ImageFile, ReadsGrayAndColorPng) {
  for (int channels : {1, 3}) {
    Result<Image> image = decode_image(png_bytes(channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB, gradient(channels)));
    ASSERT_TRUE(image.ok()) << image.status().to_string();
    EXPECT_EQ(image->width, kWidth);
    EXPECT_EQ(image->height, kHeight);
    EXPECT_EQ(image->channels, channels);
    expect_close(*image, gradient(channels), 0);
  }
}

// Any PNG: what png_bytes above cannot write. `rows` are the bytes of the picture, without filter bytes.
struct PngParts {
  int bit_depth = 8, color_type = PNG_COLOR_TYPE_RGB;
  uint32_t width = 1, height = 1;
  std::string rows = {};
  std::string chunks = {};  // between the header and the pixels
};

std::string big_endian(uint32_t value) {
  std::string bytes;
  for (int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

std::string chunk(const std::string& type_and_data) {
  auto crc = static_cast<uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(type_and_data.data()), static_cast<uInt>(type_and_data.size())));
  return big_endian(static_cast<uint32_t>(type_and_data.size() - 4)) + type_and_data + big_endian(crc);
}

std::string png_of(const PngParts& parts) {
  std::string raw;
  size_t stride = parts.rows.size() / parts.height;
  for (uint32_t y = 0; y < parts.height; ++y) raw += std::string(1, '\0') + parts.rows.substr(y * stride, stride);
  uLongf size = ::compressBound(static_cast<uLong>(raw.size()));
  std::string packed(size, '\0');
  EXPECT_EQ(::compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(raw.data()),
                       static_cast<uLong>(raw.size())),
            Z_OK);
  packed.resize(size);
  std::string header = "IHDR" + big_endian(parts.width) + big_endian(parts.height);
  header += static_cast<char>(parts.bit_depth);
  header += static_cast<char>(parts.color_type);
  header += std::string(3, '\0');
  return "\x89PNG\r\n\x1a\n" + chunk(header) + parts.chunks + chunk("IDAT" + packed) + chunk("IEND");
}

using Pixels = std::vector<uint8_t>;
using Done = std::vector<std::string>;

Image decoded(const std::string& file) {
  Result<Image> image = decode_image(file);
  EXPECT_TRUE(image.ok()) << image.status().to_string();
  return image.ok() ? *std::move(image) : Image();
}

TEST(ImageFile, AlphaIsDroppedNotMixedIn) {
  Image image = decoded(png_bytes(PNG_FORMAT_RGBA, gradient(4)));
  EXPECT_EQ(image.channels, 3);
  Pixels colors, all = gradient(4);
  for (size_t i = 0; i < all.size(); i += 4) colors.insert(colors.end(), {all[i], all[i + 1], all[i + 2]});
  expect_close(image, colors, 0);
  EXPECT_EQ(image.done, Done{"alpha dropped"});

  image =
      decoded(png_of({.color_type = PNG_COLOR_TYPE_GRAY_ALPHA, .width = 2, .rows = std::string("\x64\0\xc8\x7f", 4)}));
  EXPECT_EQ(image.channels, 1);
  EXPECT_EQ(image.pixels, (Pixels{100, 200}));
  EXPECT_EQ(image.done, Done{"alpha dropped"});

  image = decoded(png_of({.rows = "\x0a\x14\x1e", .chunks = chunk(std::string("tRNS\0\x0a\0\x14\0\x1e", 10))}));
  EXPECT_EQ(image.pixels, (Pixels{10, 20, 30}));
  EXPECT_EQ(image.done, Done{"alpha dropped"});
}

TEST(ImageFile, OfSixteenBitsTheUpperEightAreTaken) {
  Image image = decoded(png_of({.bit_depth = 16,
                                .color_type = PNG_COLOR_TYPE_GRAY,
                                .width = 4,
                                .rows = std::string("\x01\x01\x80\xff\x7f\x00\xff\xff", 8)}));
  EXPECT_EQ(image.pixels, (Pixels{0x01, 0x80, 0x7f, 0xff}));
  EXPECT_EQ(image.done, Done{"16 bits made 8"});
  image = decoded(png_of({.bit_depth = 16, .rows = "\x64\x64\xc8\xc8\x32\x32"}));
  EXPECT_EQ(image.pixels, (Pixels{100, 200, 50}));
  image = decoded(png_of(
      {.bit_depth = 16, .color_type = PNG_COLOR_TYPE_RGBA, .rows = std::string("\x64\x64\xc8\xc8\x32\x32\0\0", 8)}));
  EXPECT_EQ(image.pixels, (Pixels{100, 200, 50}));
  EXPECT_EQ(image.done, (Done{"alpha dropped", "16 bits made 8"}));
}

TEST(ImageFile, GammaChangesNoPixel) {
  for (uint32_t gamma : {100000u, 45455u, 30000u}) {
    Image image = decoded(png_of({.rows = "\x64\xc8\x32", .chunks = chunk("gAMA" + big_endian(gamma))}));
    EXPECT_EQ(image.pixels, (Pixels{100, 200, 50})) << gamma;
    EXPECT_EQ(image.done, Done{});
  }
}

TEST(ImageFile, PalettesAndFewBitsAreMadeBytes) {
  Image image = decoded(png_of({.bit_depth = 2,
                                .color_type = PNG_COLOR_TYPE_PALETTE,
                                .width = 3,
                                .rows = "\x18",  // 0, 1, 2
                                .chunks = chunk(std::string("PLTE\x01\x02\x03\xff\0\0\x0a\xc8\x1e", 13)) +
                                          chunk(std::string("tRNS\0\x80", 6))}));
  EXPECT_EQ(image.channels, 3);
  EXPECT_EQ(image.pixels, (Pixels{1, 2, 3, 255, 0, 0, 10, 200, 30}));
  EXPECT_EQ(image.done, Done{"alpha dropped"});
  image = decoded(png_of({.bit_depth = 1, .color_type = PNG_COLOR_TYPE_GRAY, .width = 3, .rows = "\xa0"}));
  EXPECT_EQ(image.pixels, (Pixels{255, 0, 255}));
  EXPECT_EQ(image.done, Done{});
}

TEST(ImageFile, ReadsGrayColorAndProgressiveJpeg) {
  for (bool progressive : {false, true}) {
    for (int channels : {1, 3}) {
      Result<Image> image = decode_image(jpeg_bytes(channels == 1 ? JCS_GRAYSCALE : JCS_RGB, channels, progressive));
      ASSERT_TRUE(image.ok()) << image.status().to_string();
      EXPECT_EQ(image->channels, channels);
      // Quality 95 on a gradient: quantization steps of 1 to 5 in the frequencies it has.
      expect_close(*image, gradient(channels), 6);
    }
  }
}

TEST(ImageFile, ReadsJpegInFourInks) {
  Result<Image> image = decode_image(jpeg_bytes(JCS_CMYK, 4, false));
  ASSERT_TRUE(image.ok()) << image.status().to_string();
  ASSERT_EQ(image->channels, 3);
  std::vector<uint8_t> inks = gradient(4), expected;
  // libjpeg marks four inks as Adobe's, which hold the light that is left.
  for (size_t i = 0; i < inks.size(); i += 4) {
    for (size_t c = 0; c < 3; ++c) expected.push_back(static_cast<uint8_t>(inks[i + c] * inks[i + 3] / 255));
  }
  expect_close(*image, expected, 10);
}

TEST(ImageFile, ReadsNetpbmInTextAndBinary) {
  EXPECT_EQ(decode_image("P2\n# a comment\n2 2\n255\n0 1\n2 255\n")->pixels, (std::vector<uint8_t>{0, 1, 2, 255}));
  EXPECT_EQ(decode_image("P2 2 1 10 0 10")->pixels, (std::vector<uint8_t>{0, 255}));
  EXPECT_EQ(decode_image(std::string("P5 2 1 255\n\x01\xff", 13))->pixels, (std::vector<uint8_t>{1, 255}));
  EXPECT_EQ(decode_image(std::string("P5 1 1 65535\n\xff\xff", 15))->pixels, (std::vector<uint8_t>{255}));
  Result<Image> color = decode_image("P6 1 1 255\nabc");
  ASSERT_TRUE(color.ok());
  EXPECT_EQ(color->channels, 3);
  EXPECT_EQ(color->pixels, (std::vector<uint8_t>{'a', 'b', 'c'}));
}

std::vector<std::string> good_files() {
  return {png_bytes(PNG_FORMAT_GRAY, gradient(1)),
          png_bytes(PNG_FORMAT_RGBA, gradient(4)),
          jpeg_bytes(JCS_GRAYSCALE, 1, false),
          jpeg_bytes(JCS_RGB, 3, false),
          jpeg_bytes(JCS_RGB, 3, true),
          jpeg_bytes(JCS_CMYK, 4, false),
          "P2\n3 2\n255\n10 20 30 40 50 60",
          std::string("P6 2 2 255\n") + std::string(12, 'x')};
}

TEST(ImageFile, EveryTruncationIsRefused) {
  int number = 0;
  for (const std::string& file : good_files()) {
    SCOPED_TRACE(number++);
    // What may be missing: half of the mark that says a JPEG is at its end. And the last number of a text file, cut, is
    // another number.
    size_t longest = file.size() - (file[1] == 'P' ? 0 : 2);
    for (size_t length = 0; length < longest; ++length) {
      EXPECT_FALSE(decode_image(std::string_view(file).substr(0, length)).ok()) << length << " of " << file.size();
    }
  }
}

TEST(ImageFile, NoFlippedByteDoesHarm) {
  for (const std::string& file : good_files()) {
    for (size_t byte = 0; byte < file.size(); ++byte) {
      for (unsigned flip : {0x01u, 0x80u, 0xffu}) {
        std::string damaged = file;
        damaged[byte] = static_cast<char>(static_cast<unsigned char>(damaged[byte]) ^ flip);
        Result<Image> image = decode_image(damaged);
        if (!image.ok()) continue;
        EXPECT_EQ(image->pixels.size(), static_cast<size_t>(image->width) * static_cast<size_t>(image->height) *
                                            static_cast<size_t>(image->channels));
      }
    }
  }
}

TEST(ImageFile, AHeaderThatClaimsTooMuchIsRefusedBeforeMemoryIsTaken) {
  std::string jpeg = jpeg_bytes(JCS_RGB, 3, false);
  size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  for (size_t i : {5, 7}) jpeg.replace(frame + i, 2, "\xea\x60");  // 60000 x 60000; above 65500 libjpeg refuses itself
  Result<Image> image = decode_image(jpeg);
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.status().message(),
            "JPEG: the picture is said to be 60000 x 60000; from 1 to 67108864 pixels are read");

  for (const char* text : {"P6 99999999999 1 255\n", "P5 100000 100000 255\n", "P2 0 5 255\n", "P2 5 0 255\n"}) {
    image = decode_image(text);
    ASSERT_FALSE(image.ok());
    EXPECT_NE(image.status().message().find("the picture is said to be"), std::string_view::npos) << text;
  }
  EXPECT_EQ(decode_image("P5 8000 8000 255\nabc").status().message(),
            "PGM: 8000 x 8000 needs 64000000 bytes, but only 4 are left");
}

// A frame header for which nobody sends a scan that says anything, again and again: hours of work in a few kilobytes.
TEST(ImageFile, AJpegOfThousandsOfScansIsRefused) {
  std::string jpeg = jpeg_bytes(JCS_GRAYSCALE, 1, true);
  size_t scan = jpeg.find("\xff\xda"), second = jpeg.find("\xff\xda", scan + 2);
  ASSERT_NE(second, std::string::npos);
  std::string bomb = jpeg.substr(0, second), again = jpeg.substr(second, jpeg.size() - 2 - second);
  // Refinements of what was refined already are errors of their own in some decoders; the limit holds in all.
  for (int i = 0; i < 5000; ++i) bomb += again;
  bomb += jpeg.substr(jpeg.size() - 2);
  EXPECT_FALSE(decode_image(bomb).ok());
}

TEST(ImageFile, SaysWhatElseAFileIs) {
  EXPECT_EQ(decode_image("").status().message(), "the file is empty");
  EXPECT_EQ(decode_image("GIF89a..").status().message(), "Invalid GIF data: the file ends too early, at byte 8");
  EXPECT_EQ(
      decode_image("BM......").status().message(),
      "BMP: Incomplete bmp content, requires at least 32 bytes to find the header size, width, height, and bpp, got 8");
  EXPECT_EQ(decode_image("hello, world").status().message(),
            "not a picture that is read here (PNG, JPEG, BMP, GIF, PGM, PPM): it begins with 'hello, w'");
  EXPECT_EQ(decode_image("P5 2 2 0\n....").status().message(),
            "PGM: the largest value is said to be 0; expected 1 to 65535");
  EXPECT_EQ(decode_image("P2 2 1 7\n3 9").status().message(), "PGM: value 1 is 9; the largest is said to be 7");
}

}  // namespace
}  // namespace tarn
