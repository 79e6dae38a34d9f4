#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <numbers>

#include "core/file.h"
#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// A WAV file; what is not said is right.
struct Wav {
  std::string riff = "RIFF", wave = "WAVE", before_format = {}, between = {}, after = {};
  uint32_t format_size = 16, sample_rate = 16000, bytes_per_second = 32000, data_size = 6;
  uint16_t format = 1, channels = 1, bytes_per_frame = 2, bits = 16;
  std::string data = std::string("\x01\x00\xff\x7f\x00\x80", 6);

  static void put(std::string& to, uint32_t value, int size) {
    for (int i = 0; i < size; ++i) to += static_cast<char>(value >> (8 * i) & 255);
  }
  std::string bytes() const {
    std::string text = riff;
    put(text, 36, 4);
    text += wave + before_format + "fmt ";
    put(text, format_size, 4);
    put(text, format, 2);
    put(text, channels, 2);
    put(text, sample_rate, 4);
    put(text, bytes_per_second, 4);
    put(text, bytes_per_frame, 2);
    put(text, bits, 2);
    text += between + "data";
    put(text, data_size, 4);
    return text + data + after;
  }
};

Result<Tensors> decode(const std::string& bytes, const AttrMap& attrs = {}) {
  return evaluate_op(op_table(), "DecodeWav", attrs, std::vector{Tensor::scalar(bytes)});
}
std::string refusal(const std::string& bytes, const AttrMap& attrs = {}) {
  Result<Tensors> audio = decode(bytes, attrs);
  return audio.ok() ? "accepted" : std::string(audio.status().message());
}

// TensorFlow's words: tf.raw_ops.DecodeWav of the same bytes.
TEST(DecodeWav, RefusesWhatTensorFlowRefuses) {
  struct Case {
    const char* words;
    Wav wav;
  };
  const Case cases[] = {
      {"Header mismatch: Expected RIFF but found RIFX", {.riff = "RIFX"}},
      {"Header mismatch: Expected WAVE but found WAVX", {.wave = "WAVX"}},
      {"Unexpected field LIST", {.before_format = std::string("LIST\x02\0\0\0ab", 10)}},
      {"Data too short", {.before_format = "JUNK\xff\xff\xff\xff"}},
      {"Bad format chunk size for WAV: Expected 16 or 18, but got 40", {.format_size = 40}},
      {"Bad audio format for WAV: Expected 1 (PCM), but got 3", {.format = 3}},
      {"Bad number of channels for WAV: Expected at least 1, but got 0", {.channels = 0}},
      {"Can only read 16-bit WAV files, but received 24", {.bits = 24}},
      {"Bad bytes per sample in WAV header: Expected 2 but got 3", {.bytes_per_frame = 3}},
      {"Bad bytes per second in WAV header: Expected 32000 but got 3", {.bytes_per_second = 3}},
      {"Data too short", {.data_size = 100}},
      {"More than one data chunk found in WAV", {.after = std::string("data\x02\0\0\0ab", 10)}},
      {"WAV data chunk 'LIST' is too large: 4294967295 bytes", {.between = "LIST\xff\xff\xff\xff"}},
      {"Data too short", {.after = "LI"}},
  };
  for (const Case& c : cases) {
    EXPECT_NE(refusal(c.wav.bytes()).find(c.words), std::string::npos) << c.words << ": " << refusal(c.wav.bytes());
  }
  EXPECT_EQ(refusal(Wav().bytes()), "accepted");
}

TEST(DecodeWav, RefusesEveryTruncationBeforeTheLastSample) {
  std::string bytes = Wav().bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(refusal(bytes.substr(0, size)), "accepted") << size << " of " << bytes.size() << " bytes";
  }
}

TEST(DecodeWav, RefusesCountsThatCannotBe) {
  for (int64_t count : {int64_t{-2}, INT64_MIN, int64_t{1} << 31}) {
    EXPECT_NE(refusal(Wav().bytes(), {{"desired_samples", count}}).find("desired_samples"), std::string::npos) << count;
    EXPECT_NE(refusal(Wav().bytes(), {{"desired_channels", count}}).find("desired_channels"), std::string::npos);
  }
  EXPECT_EQ(refusal(Wav().bytes(), {{"desired_samples", 0}}), "accepted");
}

TEST(AudioSpectrogram, RefusesWindowsAndStridesThatCannotBe) {
  Tensor sound = *Tensor::zeros(DType::kFloat, {10, 1});
  constexpr std::pair<int64_t, int64_t> kBad[] = {{1, 1}, {0, 1}, {-3, 2}, {4, 0}, {4, -1}, {INT64_MAX, 1}};
  for (auto [window, stride] : kBad) {
    Result<Tensors> y =
        evaluate_op(op_table(), "AudioSpectrogram", {{"window_size", window}, {"stride", stride}}, std::vector{sound});
    ASSERT_FALSE(y.ok()) << window << ", " << stride;
    EXPECT_NE(y.status().message().find("Spectrogram initialization failed for window size"), std::string_view::npos);
  }
}

// The Fourier transform by its definition, for windows that are no power of two and large ones.
TEST(AudioSpectrogram, IsTheFourierTransformOfEachWindow) {
  for (int64_t window : {2, 3, 16, 100, 480}) {
    Tensor sound = to_dtype(uniform({600, 1}), DType::kFloat);
    AttrMap attrs{{"window_size", window}, {"stride", 120}, {"magnitude_squared", true}};

    Tensor y = (*evaluate_op(op_table(), "AudioSpectrogram", attrs, std::vector{sound}))[0];

    int64_t size = 1;
    while (size < window) size *= 2;
    ASSERT_EQ(y.shape(), (Shape{1, 1 + (600 - window) / 120, 1 + size / 2}));
    for (int64_t k = 0; k <= size / 2; ++k) {
      double re = 0, im = 0, all = 0;
      for (int64_t i = 0; i < window; ++i) {
        double turn = 2 * std::numbers::pi * static_cast<double>(i);
        double x = static_cast<double>(sound.flat<float>()[static_cast<size_t>(120 + i)]) *
                   (0.5 - 0.5 * std::cos(turn / static_cast<double>(window)));
        re += x * std::cos(turn * static_cast<double>(k) / static_cast<double>(size));
        im -= x * std::sin(turn * static_cast<double>(k) / static_cast<double>(size));
        all += std::fabs(x);
      }
      size_t at = static_cast<size_t>(1 + size / 2 + k);  // the second slice
      // Computed in double, rounded to float once; sums of both cancel to nothing within 1e-13 of all they add.
      EXPECT_NEAR(y.flat<float>()[at], re * re + im * im, 1e-7 * (re * re + im * im) + 1e-13 * all * all)
          << window << ", frequency " << k;
    }
  }
}

TEST(Mfcc, RefusesATransformThatTakesGigabytesWhenItIsLoaded) {
  AttrMap attrs{{"filterbank_channel_count", int64_t{65536}}, {"dct_coefficient_count", int64_t{65536}}};

  Result<Tensors> y = evaluate_op(op_table(), "Mfcc", attrs,
                                  std::vector{Tensor::from<float>({1, 1, 2}, {1, 1}), Tensor::scalar<int32_t>(16000)});

  ASSERT_FALSE(y.ok());
  EXPECT_NE(y.status().message().find("filterbank_channel_count 65536 times dct_coefficient_count 65536"),
            std::string::npos)
      << y.status().message();
}

TEST(Mfcc, RefusesRangesThatAreNone) {
  Tensor power = *Tensor::zeros(DType::kFloat, {1, 2, 17});
  auto words = [&](const AttrMap& attrs, int32_t rate = 16000) {
    Result<Tensors> y = evaluate_op(op_table(), "Mfcc", attrs, std::vector{power, Tensor::scalar(rate)});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  EXPECT_EQ(words({}), "accepted");
  for (const std::string& refused :
       {words({}, 0), words({}, -5), words({{"dct_coefficient_count", 41}}), words({{"filterbank_channel_count", 0}}),
        words({{"lower_frequency_limit", -1.0f}}), words({{"lower_frequency_limit", 5000.0f}}),
        words({{"filterbank_channel_count", int64_t{1} << 40}}), words({{"upper_frequency_limit", NAN}})}) {
    EXPECT_NE(refused.find("Mfcc initialization failed"), std::string::npos) << refused;
  }
}

TEST(DecodeWav, ReadsRealFiles) {
  const char* data = std::getenv("TARN_DATA");
  if (data == nullptr) GTEST_SKIP() << "TARN_DATA is not set";
  for (const char* name : {"silence.wav", "short_test_segment.wav"}) {
    Result<std::string> bytes = read_file(std::string(data) + "/audio/" + name);
    ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();

    Result<Tensors> audio = decode(*bytes);

    ASSERT_TRUE(audio.ok()) << name << ": " << audio.status().to_string();
    EXPECT_GT((*audio)[0].shape().dim(0), 1000) << name;
    EXPECT_GT((*audio)[1].item<int32_t>(), 0) << name;
  }
}

}  // namespace
}  // namespace tarn::testing
