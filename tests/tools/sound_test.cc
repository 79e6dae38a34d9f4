// Sound: WAV files there and back, other rates, and keywords out of the scores of windows.
#include "tools/support/sound.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "tools/support/recognize_commands.h"

namespace tarn {
namespace {

TEST(Sound, SixteenBitsComeBackAsTheyWere) {
  std::vector<float> samples;
  for (int value : {-32768, -32767, -1, 0, 1, 12345, 32767}) samples.push_back(static_cast<float>(value) / 32768);
  Result<Sound> sound = decode_sound(encode_wav(samples, 8000));
  ASSERT_TRUE(sound.ok()) << sound.status().to_string();
  EXPECT_EQ(sound->sample_rate, 8000);
  EXPECT_EQ(sound->channels, 1);
  EXPECT_EQ(sound->samples, samples);
  // What is louder than a file can be is as loud as it can.
  EXPECT_EQ(decode_sound(encode_wav(std::vector<float>{2, -2}, 8000))->samples,
            (std::vector<float>{32767.0f / 32768, -1}));
}

// A tone stays the tone, and what the lower rate cannot hold is gone instead of becoming another one.
TEST(Sound, ResamplingKeepsTonesAndMakesNone) {
  auto tone = [](double hertz, int rate) {
    Sound sound{.sample_rate = rate, .channels = 1, .samples = {}};
    for (int i = 0; i < rate; ++i)
      sound.samples.push_back(static_cast<float>(0.5 * std::sin(2 * std::numbers::pi * hertz * i / rate)));
    return sound;
  };
  Result<Sound> low = resampled(tone(440, 44100), 16000);
  ASSERT_TRUE(low.ok()) << low.status().to_string();
  EXPECT_NEAR(static_cast<double>(low->samples.size()), 16000, 1);
  Sound expected = tone(440, 16000);
  // Within 1e-3 of the amplitude away from the ends, where the filter has not seen all of the tone.
  for (size_t i = 200; i < 15800; ++i) ASSERT_NEAR(low->samples[i], expected.samples[i], 5e-4) << i;
  Result<Sound> none = resampled(tone(12000, 44100), 16000);
  ASSERT_TRUE(none.ok());
  for (size_t i = 200; i < 15800; ++i) ASSERT_NEAR(none->samples[i], 0, 1e-3) << i;
  EXPECT_EQ(resampled(tone(440, 8000), 8000)->samples, tone(440, 8000).samples);
}

struct Heard {
  std::string label;
  int64_t time_ms;
  bool operator==(const Heard&) const = default;
};

// Scores of {_silence_, yes, no} every 100 ms; `said` is the word of each window.
std::vector<Heard> heard_of(const std::vector<int>& said, RecognizeOptions options) {
  RecognizeCommands recognizer({"_silence_", "yes", "no"}, options);
  std::vector<Heard> heard;
  for (size_t i = 0; i < said.size(); ++i) {
    std::vector<float> scores(3, 0.05f);
    scores[static_cast<size_t>(said[i])] = 0.9f;
    if (std::optional<HeardCommand> command = recognizer.add(scores, static_cast<int64_t>(i) * 100))
      heard.push_back({command->label, command->time_ms});
  }
  return heard;
}

TEST(RecognizeCommands, AWordIsReportedOnceItsAverageIsSure) {
  RecognizeOptions options{
      .average_window_ms = 300, .detection_threshold = 0.7, .suppression_ms = 500, .minimum_count = 3};
  // The windows of 400 to 700 ms: three of four say yes, an average of 0.6875; of 500 to 800 all four do.
  EXPECT_EQ(heard_of({0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0}, options), (std::vector<Heard>{{"yes", 800}}));
  options.detection_threshold = 0.6;
  EXPECT_EQ(heard_of({0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0}, options), (std::vector<Heard>{{"yes", 700}}));
}

TEST(RecognizeCommands, AnotherWordWaitsUntilTheFirstIsOver) {
  RecognizeOptions options{
      .average_window_ms = 100, .detection_threshold = 0.7, .suppression_ms = 500, .minimum_count = 2};
  EXPECT_EQ(heard_of({1, 1, 2, 2, 2, 2, 2, 2, 2, 2}, options), (std::vector<Heard>{{"yes", 100}, {"no", 700}}));
  // The same word again counts once there was silence between.
  EXPECT_EQ(heard_of({1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1}, options).size(), 2U);
}

TEST(RecognizeCommands, TooFewWindowsSayNothing) {
  EXPECT_EQ(heard_of({1, 1}, {.average_window_ms = 1000, .minimum_count = 3}).size(), 0U);
  // Three, but over less than a quarter of the window that is averaged.
  EXPECT_EQ(heard_of({1, 1, 1}, {.average_window_ms = 1000, .minimum_count = 3}).size(), 0U);
  EXPECT_EQ(heard_of({1, 1, 1, 1}, {.average_window_ms = 1000, .minimum_count = 3}).size(), 1U);
}

}  // namespace
}  // namespace tarn
