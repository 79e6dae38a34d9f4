// A progress bar: one line redrawn on a terminal, a line now and then elsewhere.
//
//   Progress progress({.total = 938, .label = "training"});
//   for (int64_t step = 1; step <= 938; ++step) {
//     …
//     progress.update(step, str_cat("loss ", fixed_text(loss, 3)));
//   }
//   progress.finish("loss 0.04");
//
//   training [#######-------------] 312/938  41.2 steps/s  ETA 0:15  loss 0.123  acc 98.1 %
//
// Writes to standard error, so that results on standard output stay clean. One per thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tarn {

struct ProgressOptions {
  int64_t total = 0;  // steps; 0: not known
  std::string label = {};
  std::string unit = "steps";
  // For tests and other streams; by default steady time, standard error, and what the terminal says.
  std::function<double()> now_seconds = {};
  std::function<void(std::string_view text)> write = {};
  std::optional<bool> terminal = std::nullopt;
  int columns = 0;
};

class Progress {
 public:
  explicit Progress(ProgressOptions options);
  // Ends an open terminal line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` steps are done; call it after every one. `values` is text for the end of the line.
  void update(int64_t done, std::string_view values = {});
  // The last line, with the time taken and the rate over all of it.
  void finish(std::string_view values = {});
  // Puts a line of text above the bar.
  void print_above(std::string_view line);

 private:
  std::string line(std::string_view values, bool with_bar) const;
  std::string rate_text(double rate) const;
  void draw(const std::string& line);

  ProgressOptions options_;
  double start_ = 0;       // seconds
  double last_time_ = 0;   // of the last update
  double last_drawn_ = 0;  // when a line was last written
  int64_t done_ = 0;
  int64_t next_tenth_ = 1;
  // Steps and seconds of the recent past, older ones fading away: their quotient is the rate shown.
  double recent_steps_ = 0;
  double recent_seconds_ = 0;
  bool line_open_ = false;
  bool finished_ = false;
};

// Standard error is a terminal and standard output is not: whoever watches sees nothing else move.
bool progress_is_watched();
// "0:15", "12:34", "1:02:03".
std::string duration_text(double seconds);
// Always with that many decimals, and a point, in every locale.
std::string fixed_text(double value, int decimals);

}  // namespace tarn
