#include "tools/support/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "core/strings.h"

namespace tarn {
namespace {

constexpr double kRedrawSeconds = 0.1;
constexpr double kPlainLineSeconds = 10;
constexpr double kFadeSeconds = 8;  // the rate looks back about that far
constexpr int kBarColumns = 20;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void write_to_stderr(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

bool stderr_is_a_terminal() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

// Columns shown: UTF-8 continuation bytes take none.
int columns_of(std::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string cut_to_columns(std::string text, int columns) {
  size_t end = 0;
  for (int shown = 0; end < text.size(); ++end) {
    if ((text[end] & 0xc0) != 0x80 && ++shown > columns) break;
  }
  text.resize(end);
  return text;
}

}  // namespace

bool progress_is_watched() {
  return stderr_is_a_terminal() && ::isatty(STDOUT_FILENO) != 1;
}

std::string duration_text(double seconds) {
  if (!(seconds >= 0) || seconds >= 100 * 3600.0) return seconds >= 0 ? "over 99 h" : "?";
  auto whole = static_cast<int64_t>(seconds + 0.5);
  auto two_digits = [](int64_t n) { return str_cat(n / 10, n % 10); };
  int64_t hours = whole / 3600, minutes = whole / 60 % 60;
  if (hours == 0) return str_cat(minutes, ":", two_digits(whole % 60));
  return str_cat(hours, ":", two_digits(minutes), ":", two_digits(whole % 60));
}

std::string fixed_text(double value, int decimals) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  char buffer[400];  // 309 digits, a point, and the decimals
  auto [end, error] =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed, std::clamp(decimals, 0, 20));
  return error == std::errc() ? std::string(buffer, end) : str_cat(value);
}

Progress::Progress(ProgressOptions options) : options_(std::move(options)) {
  if (!options_.now_seconds) options_.now_seconds = steady_seconds;
  if (!options_.write) options_.write = write_to_stderr;
  if (!options_.terminal) options_.terminal = stderr_is_a_terminal();
  if (options_.columns <= 0) {
    winsize size{};
    bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    options_.columns = known ? size.ws_col : 80;
  }
  start_ = last_time_ = last_drawn_ = options_.now_seconds();
}

Progress::~Progress() {
  if (line_open_) options_.write("\n");
}

std::string Progress::rate_text(double rate) const {
  int decimals = rate >= 100 ? 0 : rate >= 10 ? 1 : 2;
  return str_cat(fixed_text(rate, decimals), " ", options_.unit, "/s");
}

std::string Progress::line(std::string_view values, bool with_bar) const {
  std::string head = options_.label;
  if (!head.empty()) head += ' ';
  std::string tail = str_cat(done_);
  if (options_.total > 0) {
    str_append(tail, "/", options_.total);
    if (!with_bar) str_append(tail, " (", 100 * done_ / options_.total, " %)");
  }
  double rate = recent_seconds_ > 0 ? recent_steps_ / recent_seconds_ : 0;
  str_append(tail, "  ", rate_text(rate));
  if (options_.total > 0) {
    double left = static_cast<double>(options_.total - done_);
    str_append(tail, "  ETA ", rate > 0 ? duration_text(left / rate) : "?");
  }
  if (!values.empty()) str_append(tail, "  ", values);
  if (!with_bar || options_.total <= 0) return head + tail;

  // The bar gives way first where the terminal is narrow: its brackets and a space take three columns.
  int bar = std::min(kBarColumns, options_.columns - 1 - columns_of(head) - columns_of(tail) - 3);
  if (bar < 3) return head + tail;
  auto filled = static_cast<size_t>(bar * done_ / options_.total);
  return str_cat(head, "[", std::string(filled, '#'), std::string(static_cast<size_t>(bar) - filled, '-'), "] ", tail);
}

void Progress::draw(const std::string& line) {
  if (*options_.terminal) {
    // One column is left free: a full line would wrap on some terminals. "\x1b[K" clears what was longer before.
    options_.write(str_cat("\r", cut_to_columns(line, options_.columns - 1), "\x1b[K"));
    line_open_ = true;
  } else {
    options_.write(line + "\n");
  }
}

void Progress::update(int64_t done, std::string_view values) {
  double now = options_.now_seconds();
  done = std::max<int64_t>(done, 0);
  if (options_.total > 0) done = std::min(done, options_.total);
  double fade = std::exp(-(now - last_time_) / kFadeSeconds);
  recent_steps_ = recent_steps_ * fade + static_cast<double>(done - done_);
  recent_seconds_ = recent_seconds_ * fade + (now - last_time_);
  last_time_ = now;
  done_ = done;

  bool due;
  if (*options_.terminal) {
    due = now - last_drawn_ >= kRedrawSeconds || done == options_.total || !line_open_;
  } else {
    // Every tenth of the way, or every so often where the way is long.
    bool tenth = options_.total > 0 && done * 10 >= next_tenth_ * options_.total;
    due = tenth || now - last_drawn_ >= kPlainLineSeconds;
    if (tenth) next_tenth_ = done * 10 / options_.total + 1;
  }
  if (!due) return;
  last_drawn_ = now;
  draw(line(values, *options_.terminal));
}

void Progress::finish(std::string_view values) {
  if (finished_) return;
  finished_ = true;
  double seconds = options_.now_seconds() - start_;
  std::string text = options_.label;
  str_append(text, text.empty() ? "" : " ", done_, " ", options_.unit, " in ", duration_text(seconds));
  if (seconds > 0) str_append(text, "  ", rate_text(static_cast<double>(done_) / seconds));
  if (!values.empty()) str_append(text, "  ", values);
  draw(text);
  if (line_open_) options_.write("\n");
  line_open_ = false;
}

void Progress::print_above(std::string_view line) {
  options_.write(str_cat(line_open_ ? "\r\x1b[K" : "", line, "\n"));
  line_open_ = false;
}

}  // namespace tarn
