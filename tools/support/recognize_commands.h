// Keywords in a recording from the scores of many overlapping windows: TensorFlow's RecognizeCommands
// (examples/speech_commands/recognize_commands.h), which averages the last few and reports each word once.
//
//   RecognizeCommands recognizer(labels, {});
//   if (std::optional<HeardCommand> heard = recognizer.add(scores, time_ms)) …
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace tarn {

struct RecognizeOptions {
  int64_t average_window_ms = 1000;  // scores are averaged over
  double detection_threshold = 0.7;  // an average from here on is a word
  int64_t suppression_ms = 500;      // nothing new is reported for so long
  int minimum_count = 3;             // fewer windows say nothing
};

struct HeardCommand {
  std::string label;
  double score = 0;
  int64_t time_ms = 0;
};

// Thread-compatible.
class RecognizeCommands {
 public:
  RecognizeCommands(std::vector<std::string> labels, RecognizeOptions options)
      : labels_(std::move(labels)), options_(options) {}

  // The scores of the window that begins at `time_ms`; times rise. A word is given once, when its average passes the
  // threshold; silence is none.
  std::optional<HeardCommand> add(const std::vector<float>& scores, int64_t time_ms);

 private:
  struct Window {
    int64_t time_ms;
    std::vector<float> scores;
  };
  std::vector<std::string> labels_;
  RecognizeOptions options_;
  std::deque<Window> windows_;
  std::string last_label_ = "_silence_";
  std::optional<int64_t> last_time_ms_;
};

}  // namespace tarn
