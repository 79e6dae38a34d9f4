#include "tools/support/recognize_commands.h"

#include <algorithm>

namespace tarn {
namespace {

constexpr char kSilence[] = "_silence_";  // TensorFlow's label of it

}  // namespace

std::optional<HeardCommand> RecognizeCommands::add(const std::vector<float>& scores, int64_t time_ms) {
  windows_.push_back({time_ms, scores});
  while (windows_.front().time_ms < time_ms - options_.average_window_ms) windows_.pop_front();
  // Too few, or too close together, to be sure of anything: at the start, and after a pause.
  int64_t covered_ms = time_ms - windows_.front().time_ms;
  if (static_cast<int>(windows_.size()) < options_.minimum_count || covered_ms < options_.average_window_ms / 4)
    return std::nullopt;

  std::vector<double> averages(labels_.size(), 0);
  for (const Window& window : windows_) {
    for (size_t i = 0; i < std::min(averages.size(), window.scores.size()); ++i)
      averages[i] += static_cast<double>(window.scores[i]) / static_cast<double>(windows_.size());
  }
  auto best = std::max_element(averages.begin(), averages.end());
  if (best == averages.end()) return std::nullopt;
  const std::string& label = labels_[static_cast<size_t>(best - averages.begin())];
  bool is_rested = last_label_ == kSilence || !last_time_ms_ || time_ms - *last_time_ms_ > options_.suppression_ms;
  if (*best <= options_.detection_threshold || label == last_label_ || !is_rested) return std::nullopt;
  last_label_ = label;
  last_time_ms_ = time_ms;
  if (label == kSilence) return std::nullopt;
  return HeardCommand{label, *best, time_ms};
}

}  // namespace tarn
