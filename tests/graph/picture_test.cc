// DecodeJpeg and its like in sessions and engines: pixels as TensorFlow's, damaged files refused.
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/file.h"
#include "core/image_codec.h"
#include "graph/session.h"
#include "graph/text.h"
#include "runtime/engine.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::strtol(std::string(hex.substr(i, 2)).c_str(), nullptr, 16));
  }
  return bytes;
}

Result<Tensor> run(const std::string& node, const Tensor& x, std::string_view dtype = "str") {
  Result<Graph> graph = graph_from_text(str_cat("x: ", dtype, "? = Placeholder\ny = ", node, "\n"));
  if (!graph.ok()) return graph.status();
  std::vector<Tensor> out;
  TARN_RETURN_IF_ERROR(Session(*graph).Run({{"x", x}}, {"y"}, &out));
  return out[0];
}
Result<Tensor> decode(const std::string& node, const std::string& bytes) {
  return run(node, Tensor::scalar(bytes));
}
std::string refusal(const std::string& node, const std::string& bytes) {
  Result<Tensor> pixels = decode(node, bytes);
  return pixels.ok() ? "accepted" : std::string(pixels.status().message());
}

std::vector<int> values_of(const Tensor& tensor) {
  std::vector<int> values;
  for (uint8_t value : tensor.flat<uint8_t>()) values.push_back(value);
  for (uint16_t value : tensor.dtype() == DType::kUInt16 ? tensor.flat<uint16_t>() : std::span<const uint16_t>()) {
    values.push_back(value);
  }
  return values;
}

uint64_t fnv1a(const std::string& bytes) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}
// Of every seventh row, as the goldens are.
uint64_t hash_of(const Tensor& pixels) {
  std::string rows;
  auto stride = static_cast<size_t>(pixels.shape().dim(1) * pixels.shape().dim(2));
  for (int64_t y = 0; y < pixels.shape().dim(0); y += 7) {
    rows.append(static_cast<const char*>(pixels.data()) + static_cast<size_t>(y) * stride, stride);
  }
  return fnv1a(rows);
}

// tf.raw_ops.DecodeJpeg(contents=…, …): FNV-1a of pixels[::7], TensorFlow 2.15.1.
TEST(DecodeJpeg, GivesTensorFlowsPixels) {
  const char* data = std::getenv("TARN_DATA");
  if (data == nullptr) GTEST_SKIP() << "TARN_DATA is not set";
  struct Golden {
    const char *file, *attrs;
    Shape shape;
    uint64_t hash;
  };
  const Golden goldens[] = {
      {"grace_hopper.jpg", "", {600, 512, 3}, 0x9ff795cc72f2fed9},
      {"grace_hopper.jpg", " {channels=1}", {600, 512, 1}, 0xf119995e3636436a},
      {"grace_hopper.jpg", " {ratio=8}", {75, 64, 3}, 0x51c9435438846799},
      {"grace_hopper.jpg", " {ratio=4, fancy_upscaling=false}", {150, 128, 3}, 0xecba08fd55de6d04},
      {"grace_hopper.jpg", " {ratio=4, dct_method=\"INTEGER_ACCURATE\"}", {150, 128, 3}, 0xecba08fd55de6d04},
      {"grace_hopper.jpg", " {ratio=2, dct_method=\"INTEGER_FAST\"}", {300, 256, 3}, 0xbd4de2c3dc9987c6},
      {"classify1.jpg", "", {480, 270, 3}, 0x9904dc520a1f90a2},
      {"classify1.jpg", " {channels=1}", {480, 270, 1}, 0x218beb6334dd6780},
      {"classify1.jpg", " {ratio=8}", {60, 34, 3}, 0xd4b80b12c923ee55},
      {"classify1.jpg", " {ratio=2, dct_method=\"INTEGER_FAST\"}", {240, 135, 3}, 0x97d34acda09f1e9c},
  };
  for (const Golden& golden : goldens) {
    Result<std::string> bytes = read_file(std::string(data) + "/images/" + golden.file);
    ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();

    Result<Tensor> pixels = decode(std::string("DecodeJpeg(x)") + golden.attrs, *bytes);

    ASSERT_TRUE(pixels.ok()) << golden.file << golden.attrs << ": " << pixels.status().to_string();
    EXPECT_EQ(pixels->shape(), golden.shape) << golden.file << golden.attrs;
    EXPECT_EQ(hash_of(*pixels), golden.hash) << golden.file << golden.attrs;
  }
}

TEST(DecodeJpeg, RefusesFilesCutShortUnlessTheyAreToBeRecovered) {
  const char* data = std::getenv("TARN_DATA");
  if (data == nullptr) GTEST_SKIP() << "TARN_DATA is not set";
  std::string bytes = *read_file(std::string(data) + "/images/grace_hopper.jpg");
  for (size_t size = 64; size < bytes.size(); size += std::max<size_t>(64, bytes.size() / 40 / 64 * 64)) {
    EXPECT_NE(refusal("DecodeJpeg(x)", bytes.substr(0, size)), "accepted") << size;
  }

  Result<Tensor> pixels = decode("DecodeJpeg(x) {try_recover_truncated=true}", bytes.substr(0, bytes.size() * 3 / 4));

  ASSERT_TRUE(pixels.ok()) << pixels.status().to_string();
  EXPECT_EQ(pixels->shape(), (Shape{600, 512, 3}));
}

Tensor ramp(const Shape& shape, int step) {
  Tensor pixels = *Tensor::zeros(DType::kUInt8, shape);
  std::span<uint8_t> values = pixels.mutable_flat<uint8_t>();
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint8_t>(static_cast<int>(i) * step);
  return pixels;
}

// np.arange(60, dtype=np.uint8).reshape(4, 5, 3) * 4 through tf.raw_ops.EncodeJpeg: size and FNV-1a.
TEST(EncodeJpeg, WritesTensorFlowsBytes) {
  struct Golden {
    const char* attrs;
    size_t size;
    uint64_t hash;
  };
  const Golden goldens[] = {
      {"", 660, 0xc8594a0189c215e0},
      {" {quality=30, progressive=true}", 527, 0xc6113cf0853f4187},
      {" {chroma_downsampling=false, optimize_size=true, density_unit=\"cm\", x_density=7, y_density=9, "
       "xmp_metadata=\"<x/>\"}",
       345, 0x06dcbb1d4ac874a8},
  };
  for (const Golden& golden : goldens) {
    Result<Tensor> bytes = run(std::string("EncodeJpeg(x)") + golden.attrs, ramp({4, 5, 3}, 4), "u8");

    ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
    EXPECT_EQ(bytes->item<std::string>().size(), golden.size) << golden.attrs;
    EXPECT_EQ(fnv1a(bytes->item<std::string>()), golden.hash) << golden.attrs;
  }
}

// np.arange(24, dtype=np.uint8).reshape(2, 3, 4)[:, :, :n] * 9 through EncodePng and DecodePng(channels=…).
TEST(DecodePng, ConvertsChannelsAsTensorFlowDoes) {
  struct Golden {
    int channels, wanted;
    std::vector<int> pixels;
  };
  const Golden goldens[] = {
      {1, 0, {0, 36, 72, 108, 144, 180}},
      {1, 3, {0, 0, 0, 36, 36, 36, 72, 72, 72, 108, 108, 108, 144, 144, 144, 180, 180, 180}},
      {1, 4, {0,   0,   0,   255, 36,  36,  36,  255, 72,  72,  72,  255,
              108, 108, 108, 255, 144, 144, 144, 255, 180, 180, 180, 255}},
      {2, 0, {0, 9, 36, 45, 72, 81, 108, 117, 144, 153, 180, 189}},
      {2, 1, {0, 36, 72, 108, 144, 180}},
      {2, 4, {0, 0, 0, 9, 36, 36, 36, 45, 72, 72, 72, 81, 108, 108, 108, 117, 144, 144, 144, 153, 180, 180, 180, 189}},
      {3, 1, {7, 43, 79, 115, 151, 187}},
      {3, 4, {0,   9,   18,  255, 36,  45,  54,  255, 72,  81,  90,  255,
              108, 117, 126, 255, 144, 153, 162, 255, 180, 189, 198, 255}},
      {4, 1, {7, 43, 79, 115, 151, 187}},
      {4, 3, {0, 9, 18, 36, 45, 54, 72, 81, 90, 108, 117, 126, 144, 153, 162, 180, 189, 198}},
      {4, 0, {0,   9,   18,  27,  36,  45,  54,  63,  72,  81,  90,  99,
              108, 117, 126, 135, 144, 153, 162, 171, 180, 189, 198, 207}},
  };
  for (const Golden& golden : goldens) {
    Tensor pixels = *Tensor::zeros(DType::kUInt8, {2, 3, golden.channels});
    for (size_t i = 0; i < 6; ++i) {
      for (size_t c = 0; c < static_cast<size_t>(golden.channels); ++c) {
        pixels.mutable_flat<uint8_t>()[i * static_cast<size_t>(golden.channels) + c] =
            static_cast<uint8_t>((4 * i + c) * 9);
      }
    }
    Result<Tensor> file = run("EncodePng(x)", pixels, "u8");
    ASSERT_TRUE(file.ok()) << file.status().to_string();

    Result<Tensor> got = decode(str_cat("DecodePng(x) {channels=", golden.wanted, "}"), file->item<std::string>());

    ASSERT_TRUE(got.ok()) << got.status().to_string();
    EXPECT_EQ(values_of(*got), golden.pixels) << golden.channels << " as " << golden.wanted;
  }
}

TEST(DecodePng, ReadsAndWritesSixteenBits) {
  Tensor pixels = Tensor::from<uint16_t>({1, 2, 3}, {771, 3084, 5397, 10023, 65535, 0});
  std::string file = run("EncodePng(x)", pixels, "u16")->item<std::string>();

  Result<Tensor> wide = decode("DecodePng(x) {dtype=u16}", file), narrow = decode("DecodePng(x)", file);
  Result<Tensor> of_one = decode("DecodeImage(x) {dtype=f32}", file);
  Result<Tensor> widened =
      decode("DecodePng(x) {dtype=u16}", run("EncodePng(x)", ramp({1, 2, 1}, 36), "u8")->item<std::string>());

  EXPECT_TRUE(wide->identical_to(pixels)) << wide->to_string();
  EXPECT_EQ(values_of(*narrow), (std::vector<int>{3, 12, 21, 39, 255, 0}));
  EXPECT_FLOAT_EQ(of_one->flat<float>()[0], 0.0117647061124444f);
  EXPECT_EQ(values_of(*widened), (std::vector<int>{0, 9252}));
}

TEST(DecodePng, RefusesEveryTruncationAndEveryHugeHeader) {
  std::string file = run("EncodePng(x)", ramp({6, 5, 3}, 7), "u8")->item<std::string>();
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_NE(refusal("DecodePng(x)", file.substr(0, size)), "accepted") << size << " of " << file.size();
  }
  // Headers of 2^31 - 1 and of a million squared, their checksums right: refused before memory is taken.
  for (const char* huge : {"89504e470d0a1a0a0000000d494844527fffffff7fffffff08020000009bab9c31",
                           "89504e470d0a1a0a0000000d49484452000f4240000f42400802000000d30faf2a"}) {
    std::string words = refusal("DecodePng(x)", from_hex(huge));
    EXPECT_NE(words, "accepted");
    EXPECT_EQ(words.find("memory"), std::string::npos) << words;
  }
  // Whatever bit is flipped: no crash.
  for (size_t at = 8; at < file.size(); ++at) {
    std::string flipped = file;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    (void)refusal("DecodePng(x)", flipped);
  }
}

// tf.raw_ops.DecodeGif(contents=…)
TEST(DecodeGif, DrawsEachFrameOverTheOneBefore) {
  std::string gif = from_hex(
      "47494638396103000500810000000000ff000000ff000000ff2c00000000030005000002098c3830e2c6850905aa0021f90401000001002c"
      "01"
      "000100020002000002035c2814002c0000000003000500400209048830a1448d1b11aa003b");
  const std::vector<int> frames = {
      255, 0, 0, 0,   255, 0,   0,   0,   255, 0,   0,   0,   255, 0,   0,   0,   255, 0,   0, 0,   255, 0,   0,
      255, 0, 0, 255, 255, 0,   0,   255, 0,   0,   255, 0,   0,   0,   255, 0,   0,   0,   0, 0,   255, 0,   255,
      0,   0, 0, 255, 0,   0,   0,   255, 0,   0,   0,   0,   0,   255, 0,   255, 0,   0,   0, 255, 0,   255, 0,
      0,   0, 0, 255, 0,   0,   255, 0,   0,   255, 0,   0,   0,   255, 0,   0,   0,   0,   0, 255, 0,   0,   0,
      0,   0, 0, 0,   0,   0,   0,   0,   0,   255, 0,   0,   255, 0,   0,   255, 0,   255, 0, 0,   255, 0,   0,
      255, 0, 0, 0,   0,   255, 0,   0,   0,   255, 0,   255, 0,   0,   255, 0,   0,   255, 0, 0};

  Result<Tensor> pixels = decode("DecodeGif(x)", gif), all = decode("DecodeImage(x)", gif);
  Result<Tensor> first = decode("DecodeImage(x) {expand_animations=false}", gif);

  ASSERT_TRUE(pixels.ok()) << pixels.status().to_string();
  EXPECT_EQ(pixels->shape(), (Shape{3, 5, 3, 3}));
  EXPECT_EQ(values_of(*pixels), frames);
  EXPECT_TRUE(all->identical_to(*pixels));
  EXPECT_EQ(values_of(*first), std::vector<int>(frames.begin(), frames.begin() + 45));
  EXPECT_NE(refusal("DecodeJpeg(x)", gif).find("Got 3 frames, but animated gifs can only be decoded by"),
            std::string::npos);
  for (size_t size = 0; size + 1 < gif.size(); ++size) {
    EXPECT_NE(refusal("DecodeGif(x)", gif.substr(0, size)), "accepted") << size;
  }
  EXPECT_NE(refusal("DecodeGif(x)", gif.substr(0, 13)), "accepted") << "a header alone";
  for (size_t at = 6; at < gif.size(); ++at) {  // no crash, whatever is flipped
    std::string flipped = gif;
    flipped[at] = static_cast<char>(flipped[at] ^ 0xFF);
    (void)refusal("DecodeGif(x)", flipped);
  }
}

// tf.raw_ops.DecodeGif(contents=…) of 2.15: a palette of black, red, green and blue.
TEST(DecodeGif, IsAsLargeAsItsLargestFrame) {
  struct Golden {
    std::string_view what, hex;
    Shape shape;
    std::vector<int> colors;  // of the palette
  };
  const std::string head = "474946383961", palette = "810000000000ff000000ff000000ff";
  const Golden goldens[] = {
      {"smaller than the screen", "04000400|2c00000000020001000002020c55003b", {1, 1, 2, 3}, {1, 2}},
      {"beside it", "04000400|2c01000200020001000002020c55003b", {1, 1, 2, 3}, {0, 0}},
      {"larger than the screen", "01000100|2c00000000020002000002040cc53105003b", {1, 2, 2, 3}, {1, 2, 3, 1}},
      {"wide, then high",
       "04000400|2c00000000020001000002020c55002c01000000010002000002021c57003b",
       {2, 2, 2, 3},
       {1, 2, 0, 0, 1, 3, 0, 3}},
      {"the second larger",
       "04000400|2c00000000020001000002020c55002c00000000030002000002051cc7301455003b",
       {2, 2, 3, 3},
       {1, 2, 0, 0, 0, 0, 3, 3, 1, 1, 2, 2}},
      {"the second partly outside",
       "04000400|2c00000000020002000002040cc53105002c010001000200020000020414455105003b",
       {2, 2, 2, 3},
       {1, 2, 3, 1, 1, 2, 3, 2}},
  };
  for (const Golden& golden : goldens) {
    std::string_view screen = golden.hex.substr(0, 8), frames = golden.hex.substr(9);

    Result<Tensor> pixels = decode("DecodeGif(x)", from_hex(str_cat(head, screen, palette, frames)));

    ASSERT_TRUE(pixels.ok()) << golden.what << ": " << pixels.status().to_string();
    EXPECT_EQ(pixels->shape(), golden.shape) << golden.what;
    std::vector<int> expected;
    for (int color : golden.colors) {
      for (int channel = 1; channel <= 3; ++channel) expected.push_back(color == channel ? 255 : 0);
    }
    EXPECT_EQ(values_of(*pixels), expected) << golden.what;
  }
  // Each frame is small; a picture as wide as one and as high as the other, twice, is not.
  std::string wide = "2c00000000ffff01000002020c5500", high = "2c000000000100ffff0002020c5500";
  std::string huge = from_hex(str_cat(head, "04000400", palette, wide, high, "3b"));
  EXPECT_NE(refusal("DecodeGif(x)", huge), "accepted");
}

// tf.raw_ops.DecodeGif of pictures that are no GIFs: three channels, whatever the file has.
TEST(DecodeGif, GivesColorsOfGrayAndOfTransparentPictures) {
  Result<Tensor> gray = decode(
      "DecodeGif(x)", run("EncodePng(x)", Tensor::from<uint8_t>({1, 2, 1}, {7, 200}), "u8")->item<std::string>());
  Result<Tensor> rgba = decode(
      "DecodeGif(x)",
      run("EncodePng(x)", Tensor::from<uint8_t>({1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}), "u8")->item<std::string>());

  ASSERT_TRUE(gray.ok() && rgba.ok()) << gray.status().to_string() << rgba.status().to_string();
  EXPECT_EQ(gray->shape(), (Shape{1, 1, 2, 3}));
  EXPECT_EQ(values_of(*gray), (std::vector<int>{7, 7, 7, 200, 200, 200}));
  EXPECT_EQ(values_of(*rgba), (std::vector<int>{1, 2, 3, 5, 6, 7}));
}

// What does not pack at all: libpng's writer never asks for more memory than was set aside.
TEST(EncodePng, WritesNoise) {
  for (int64_t channels : {1, 2, 3, 4}) {
    Tensor noise = *Tensor::zeros(DType::kUInt16, {61, 67, channels});
    uint32_t state = 1;
    for (uint16_t& value : noise.mutable_flat<uint16_t>())
      value = static_cast<uint16_t>((state = state * 1664525u + 1013904223u) >> 16);
    for (int compression : {0, 1, 9}) {
      Result<Tensor> file = run(str_cat("EncodePng(x) {compression=", compression, "}"), noise, "u16");
      ASSERT_TRUE(file.ok()) << file.status().to_string();
      EXPECT_TRUE(decode("DecodePng(x) {dtype=u16}", file->item<std::string>())->identical_to(noise)) << compression;
    }
  }
}

std::string bmp(int32_t width, int32_t height, int bits, const std::string& pixels) {
  auto number = [](uint64_t value, int size) {
    std::string text;
    for (int i = 0; i < size; ++i) text += static_cast<char>(value >> (8 * i) & 255);
    return text;
  };
  return "BM" + number(0, 8) + number(54, 4) + number(40, 4) + number(static_cast<uint32_t>(width), 4) +
         number(static_cast<uint32_t>(height), 4) + number(1, 2) + number(static_cast<uint32_t>(bits), 2) +
         std::string(24, '\0') + pixels;
}
std::string count_up(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) text += static_cast<char>(i);
  return text;
}

// tf.raw_ops.DecodeBmp and DecodeImage
TEST(DecodeBmp, GivesTensorFlowsPixels) {
  std::string colors = bmp(3, 2, 24, count_up(0, 9) + std::string(3, '\0') + count_up(9, 18) + std::string(3, '\0'));

  EXPECT_EQ(values_of(*decode("DecodeBmp(x)", colors)),
            (std::vector<int>{11, 10, 9, 14, 13, 12, 17, 16, 15, 2, 1, 0, 5, 4, 3, 8, 7, 6}));
  EXPECT_EQ(values_of(*decode("DecodeBmp(x)", bmp(1, -2, 32, count_up(0, 8)))),
            (std::vector<int>{2, 1, 0, 3, 6, 5, 4, 7}));
  EXPECT_EQ(decode("DecodeImage(x) {dtype=u16}", colors)->flat<uint16_t>()[0], 2816);
  EXPECT_FLOAT_EQ(decode("DecodeImage(x) {dtype=f32}", colors)->flat<float>()[0], 0.04313725605607033f);
}

TEST(DecodeBmp, RefusesSizesThatCannotBe) {
  for (const std::string& bad : {bmp(INT32_MIN, 1, 24, "abc"), bmp(1, INT32_MIN, 24, "abc"), bmp(1, 1, 0, "abc"),
                                 bmp(1, 0, 24, "abc"), bmp(0, 1, 24, "abc"), bmp(INT32_MAX, INT32_MAX, 24, "abc"),
                                 bmp(2, 2, 24, "abc"), bmp(1, 1, 16, "abc"), std::string("BM")}) {
    EXPECT_NE(refusal("DecodeBmp(x)", bad), "accepted");
  }
  EXPECT_NE(refusal("DecodeBmp(x) {channels=4}", bmp(1, 1, 24, "abc")).find("channels attribute 4 does not match"),
            std::string::npos);
}

TEST(DecodeImage, SaysWhatItsBytesAreNot) {
  EXPECT_NE(refusal("DecodeImage(x)", "abc").find("Unknown image file format. One of JPEG, PNG, GIF, BMP required"),
            std::string::npos);
  EXPECT_NE(refusal("DecodeJpeg(x)", ""), "accepted");
  EXPECT_NE(refusal("DecodePng(x)", bmp(1, 1, 24, "abc")).find("Trying to decode BMP format using a wrong op"),
            std::string::npos);
  // A SOF of 65535 x 65535: refused for its size before memory is taken.
  std::string sof = from_hex("ffd8ffc0001108ffffffff03012200021101031101ffda000c03010002110311003f00");
  EXPECT_NE(refusal("DecodeJpeg(x)", sof), "accepted");
}

TEST(Pictures, AreRefusedByNodeNameInAnEngineWithoutACodec) {
  std::string bytes = testing::model_bytes("x: str[] = Placeholder\npixels = DecodeBmp(x)\n");
  auto load = [&](ImageCodec* codec) {
    EngineOptions options{.inputs = {"x"}, .outputs = {"pixels"}};
    options.images = codec;
    return Engine::load_bytes(bytes, nullptr, "model.pb", options);
  };

  Result<std::shared_ptr<const Engine>> without = load(nullptr), with = load(&image_codec());

  ASSERT_FALSE(without.ok());
  EXPECT_NE(without.status().message().find("DecodeBmp 'pixels': needs pictures read and written"),
            std::string_view::npos)
      << without.status().to_string();
  ASSERT_TRUE(with.ok()) << with.status().to_string();
  EngineContext context(*with);
  ASSERT_TRUE(context.set_input("x", Tensor::scalar(bmp(1, -1, 24, "abc"))).ok());
  ASSERT_TRUE(context.run().ok());
  EXPECT_EQ((*context.output(0))->as<uint8_t>()[0], 'c');
}

}  // namespace
}  // namespace tarn
