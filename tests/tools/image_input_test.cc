#include "tools/support/image_input.h"

#include <gtest/gtest.h>

namespace tarn {
namespace {

Image image_of(int width, int height, int channels, std::vector<uint8_t> pixels) {
  return {.width = width, .height = height, .channels = channels, .pixels = std::move(pixels), .format = "PNG"};
}

TEST(ImageForm, FollowsFromTheShapeOfTheInput) {
  struct Case {
    Shape declared;
    ImageSize size;
    const char* shape;
    int height, width, channels;
    bool channels_first;
  };
  const Case cases[] = {
      {{-1, 28, 28, 1}, {}, "[1,28,28,1]", 28, 28, 1, false},
      {{-1, 784}, {}, "[1,784]", 28, 28, 1, false},
      {{784}, {}, "[784]", 28, 28, 1, false},
      {{-1, 3072}, {}, "[1,3072]", 32, 32, 3, false},
      {{-1, 12}, {.width = 4, .height = 3}, "[1,12]", 3, 4, 1, false},
      {{1, 3, 32, 64}, {}, "[1,3,32,64]", 32, 64, 3, true},
      {{-1, -1, -1, 3}, {}, "[1,299,299,3]", 299, 299, 3, false},
      {{-1, -1, -1, 3}, {.width = 5, .height = 7}, "[1,7,5,3]", 7, 5, 3, false},
      {{-1, 28, 28}, {}, "[1,28,28]", 28, 28, 1, false},
      {{28, 28, 1}, {}, "[28,28,1]", 28, 28, 1, false},
      {Shape::unknown(), {}, "[1,299,299,3]", 299, 299, 3, false},
  };
  for (const Case& c : cases) {
    Result<ImageForm> form = image_form(c.declared, DType::kFloat, c.size);
    ASSERT_TRUE(form.ok()) << c.declared.to_string() << form.status().to_string();
    EXPECT_EQ(form->shape.to_string(), c.shape) << c.declared.to_string();
    EXPECT_EQ(form->height, c.height);
    EXPECT_EQ(form->width, c.width);
    EXPECT_EQ(form->channels, c.channels);
    EXPECT_EQ(form->channels_first, c.channels_first);
  }
}

TEST(ImageForm, WhatCanBeNoPictureIsRefused) {
  EXPECT_FALSE(image_form({-1, 10}, DType::kFloat, {}).ok());
  EXPECT_FALSE(image_form({-1, 4, 4, 7}, DType::kFloat, {}).ok());
  EXPECT_FALSE(image_form({1, 2, 3, 4, 5}, DType::kFloat, {}).ok());
  EXPECT_FALSE(image_form({}, DType::kFloat, {}).ok());
  EXPECT_FALSE(image_form({-1, 28, 28, 1}, DType::kString, {}).ok());
  EXPECT_EQ(image_form({-1, 28, 28, 1}, DType::kFloat, {.width = 5}).status().message(),
            "--input_width is 5 but the network takes 28");
}

TEST(MakeImageInput, ScalesPixelsAndKeepsTheirOrder) {
  Image image = image_of(2, 1, 3, {0, 127, 255, 10, 20, 30});
  ImageForm form = *image_form({1, 1, 2, 3}, DType::kFloat, {});
  ImageInput input = *make_image_input(image, form, {.mean = {127}, .std = {128}});

  EXPECT_TRUE(input.done.empty());
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_FLOAT_EQ(input.tensor.flat<float>()[i], (static_cast<float>(image.pixels[i]) - 127) / 128);
  }
  ImageForm planes = *image_form({1, 3, 1, 2}, DType::kUInt8, {});
  ImageInput bytes = *make_image_input(image, planes, {});
  std::span<const uint8_t> values = bytes.tensor.flat<uint8_t>();
  EXPECT_EQ(std::vector<uint8_t>(values.begin(), values.end()), (std::vector<uint8_t>{0, 10, 127, 20, 255, 30}));
}

TEST(MakeImageInput, StretchesAsTensorFlowsResizeBilinear) {
  // tf.compat.v1.image.resize_bilinear of [[0, 100], [200, 40]] to 4 x 4.
  Image image = image_of(2, 2, 1, {0, 100, 200, 40});
  ImageForm form = *image_form({1, 4, 4, 1}, DType::kFloat, {});
  ImageInput input = *make_image_input(image, form, {.mean = {0}, .std = {1}});

  const float expected[] = {0, 50, 100, 100, 100, 85, 70, 70, 200, 120, 40, 40, 200, 120, 40, 40};
  for (size_t i = 0; i < 16; ++i) EXPECT_FLOAT_EQ(input.tensor.flat<float>()[i], expected[i]) << i;
  EXPECT_EQ(input.done, std::vector<std::string>{"stretched to 4 x 4"});
}

TEST(MakeImageInput, ColorsBecomeGrayAndGrayEveryColor) {
  ImageForm gray = *image_form({1, 1, 1, 1}, DType::kFloat, {});
  ImageInput input = *make_image_input(image_of(1, 1, 3, {100, 200, 50}), gray, {.mean = {0}, .std = {1}});
  EXPECT_FLOAT_EQ(input.tensor.item<float>(), 0.299f * 100 + 0.587f * 200 + 0.114f * 50);

  ImageForm color = *image_form({1, 1, 1, 3}, DType::kFloat, {});
  input = *make_image_input(image_of(1, 1, 1, {7}), color, {.mean = {0}, .std = {1}});
  EXPECT_EQ(input.tensor.flat<float>()[2], 7);
}

// A page with a stroke of `ink` from (x, y) on, `width` x `height`.
Image page(int side, uint8_t ground, uint8_t ink, int x, int y, int width, int height) {
  Image image = image_of(side, side, 1, std::vector<uint8_t>(static_cast<size_t>(side) * side, ground));
  for (int v = y; v < y + height; ++v) {
    for (int u = x; u < x + width; ++u) image.pixels[static_cast<size_t>(v * side + u)] = ink;
  }
  return image;
}

TEST(MakeImageInput, ADarkDigitOnALightGroundIsInverted) {
  ImageForm form = *image_form({-1, 784}, DType::kFloat, {});
  ImageInput from_paper = *make_image_input(page(28, 255, 0, 10, 5, 4, 18), form, {});
  ImageInput from_mnist = *make_image_input(page(28, 0, 255, 10, 5, 4, 18), form, {});

  EXPECT_TRUE(from_paper.tensor.identical_to(from_mnist.tensor));
  EXPECT_EQ(from_paper.done.size(), 1u);
  EXPECT_TRUE(from_mnist.done.empty());
  EXPECT_FALSE(make_image_input(page(28, 255, 0, 10, 5, 4, 18), form, {.invert = false})
                   ->tensor.identical_to(from_mnist.tensor));
}

TEST(MakeImageInput, ALargeDrawingIsFittedAndCenteredLikeMnistsDigits) {
  ImageForm form = *image_form({-1, 28, 28, 1}, DType::kFloat, {});
  // A bar of 40 x 200 in the corner of a page: 4 x 20 in the middle of 28 x 28.
  ImageInput input = *make_image_input(page(300, 255, 0, 5, 7, 40, 200), form, {});

  std::span<const float> values = input.tensor.flat<float>();
  for (int y = 0; y < 28; ++y) {
    for (int x = 0; x < 28; ++x) {
      bool is_ink = x >= 12 && x < 16 && y >= 4 && y < 24;
      EXPECT_FLOAT_EQ(values[static_cast<size_t>(y * 28 + x)], is_ink ? 1.0f : 0.0f) << x << "," << y;
    }
  }
}

TEST(MakeImageInput, AnEmptyPageIsSaidToBeOne) {
  ImageForm form = *image_form({-1, 28, 28, 1}, DType::kFloat, {});
  ImageInput input = *make_image_input(page(100, 255, 0, 0, 0, 0, 0), form, {});
  EXPECT_EQ(input.done.back(), "nothing is drawn on it");
}

}  // namespace
}  // namespace tarn
