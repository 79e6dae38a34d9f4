#include "runtime/step_stats.h"

#include <algorithm>
#include <clocale>
#include <cmath>
#include <cstdio>
#include <map>

#include "core/json_text.h"

namespace tarn {
namespace {

// As snprintf, with a point whatever the app's locale has.
std::string number_text(const char* format, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), format, value);
  std::string text = buffer;
  const std::string_view point = std::localeconv()->decimal_point;
  if (size_t at = text.find(point); point != "." && at != std::string::npos) text.replace(at, point.size(), ".");
  return text;
}

// A tab, then `text` to the right of `width` columns.
std::string field(size_t width, std::string_view text) {
  return str_cat("\t", std::string(width > text.size() ? width - text.size() : 0, ' '), text);
}

std::string field(size_t width, double value, std::string_view unit = "") {
  return str_cat(field(width, number_text("%.3f", value)), unit);
}

std::string title_line(std::string_view title) {
  return str_cat("============================== ", title, " ==============================\n");
}

double percent(double part, double whole) {
  return whole > 0 ? 100 * part / whole : 0;
}

int64_t bytes_of(const Value& value) {
  bool is_own = value.kind == ValueKind::kPlanned || value.kind == ValueKind::kDynamic;
  if (!is_own || !value.fact.shape.is_fully_known()) return 0;
  return value.fact.shape.elements() * static_cast<int64_t>(dtype_size(value.fact.dtype));
}

}  // namespace

void RunningStat::add(int64_t value) {
  if (count_ == 0) first_ = min_ = max_ = value;
  newest_ = value;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  ++count_;
  sum_ += static_cast<double>(value);
  squares_ += static_cast<double>(value) * static_cast<double>(value);
}

std::string RunningStat::to_string() const {
  if (count_ == 0) return "count=0";
  if (min_ == max_) return str_cat("count=", count_, " curr=", newest_, count_ > 1 ? "(all same)" : "");
  double variance = std::max(0.0, squares_ / static_cast<double>(count_) - average() * average());
  return str_cat("count=", count_, " first=", first_, " curr=", newest_, " min=", min_, " max=", max_,
                 " avg=", stream_text(average()), " std=", static_cast<int64_t>(std::sqrt(variance)));
}

StepStats::StepStats(const Program& program) {
  for (const Step& step : program.steps) {
    Detail detail;
    detail.name = step.node;
    // TensorFlow's name of what hands a result to the caller.
    detail.type = step.kind == StepKind::kFetch ? "_Retval" : step.op.empty() ? "_Copy" : step.op;
    for (int output : step.outputs) detail.bytes += bytes_of(program.values[static_cast<size_t>(output)]);
    details_.push_back(std::move(detail));
  }
}

void StepStats::add_run(std::span<const int64_t> step_nanoseconds) {
  double start = 0;
  int64_t bytes = 0;
  for (size_t i = 0; i < details_.size(); ++i) {
    Detail& detail = details_[i];
    detail.start_sum += start;
    double microseconds = i < step_nanoseconds.size() ? static_cast<double>(step_nanoseconds[i]) / 1000 : 0;
    detail.nanoseconds.add(i < step_nanoseconds.size() ? step_nanoseconds[i] : 0);
    start += microseconds;
    bytes += detail.bytes;
  }
  run_time_.add(std::llround(start));
  memory_.add(bytes);
}

std::string StepStats::table(std::string_view title, Order order, int limit) const {
  std::vector<const Detail*> sorted;
  for (const Detail& detail : details_) sorted.push_back(&detail);
  if (order == Order::kTime) {
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Detail* a, const Detail* b) { return a->nanoseconds.sum() > b->nanoseconds.sum(); });
  } else if (order == Order::kMemory) {
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Detail* a, const Detail* b) { return a->bytes > b->bytes; });
  }
  if (limit > 0 && sorted.size() > static_cast<size_t>(limit)) sorted.resize(static_cast<size_t>(limit));
  std::string text = title_line(title);
  str_append(text, field(24, "[node type]"), field(9, "[start]"), field(9, "[first]"), field(9, "[avg ms]"),
             field(8, "[%]"), field(8, "[cdf%]"), field(10, "[mem KB]"), field(9, "[times called]"), "\t[Name]\n");
  double cumulated = 0, total = 0;
  for (const Detail& detail : details_) total += detail.nanoseconds.sum();
  for (const Detail* detail : sorted) {
    auto runs = static_cast<double>(std::max<int64_t>(detail->nanoseconds.count(), 1));
    cumulated += detail->nanoseconds.sum();
    str_append(text, field(24, detail->type), field(9, detail->start_sum / runs / 1000),
               field(9, static_cast<double>(detail->nanoseconds.first()) / 1e6),
               field(9, detail->nanoseconds.average() / 1e6), field(7, percent(detail->nanoseconds.sum(), total), "%"),
               field(7, percent(cumulated, total), "%"), field(10, static_cast<double>(detail->bytes) / 1000),
               field(9, "1"), "\t", printable(detail->name), "\n");
  }
  return text + "\n";
}

std::vector<StepStats::Type> StepStats::types() const {
  std::map<std::string, Type> by_name;
  for (const Detail& detail : details_) {
    Type& type = by_name[detail.type];
    type.name = detail.type;
    ++type.count;
    type.milliseconds += detail.nanoseconds.average() / 1e6;
    type.bytes += detail.bytes;
  }
  std::vector<Type> sorted;
  for (auto& [name, type] : by_name) sorted.push_back(std::move(type));
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Type& a, const Type& b) { return a.milliseconds > b.milliseconds; });
  return sorted;
}

std::string StepStats::table_by_type() const {
  const std::vector<Type> sorted = types();
  double total = 0;
  for (const Type& type : sorted) total += type.milliseconds;
  std::string text = str_cat("Number of nodes executed: ", details_.size(), "\n", title_line("Summary by node type"));
  str_append(text, field(24, "[Node type]"), field(9, "[count]"), field(10, "[avg ms]"), field(11, "[avg %]"),
             field(11, "[cdf %]"), field(10, "[mem KB]"), field(10, "[times called]"), "\n");
  double cumulated = 0;
  for (const Type& type : sorted) {
    cumulated += type.milliseconds;
    str_append(text, field(24, type.name), field(9, str_cat(type.count)), field(10, type.milliseconds),
               field(10, percent(type.milliseconds, total), "%"), field(10, percent(cumulated, total), "%"),
               field(10, static_cast<double>(type.bytes) / 1000), field(9, str_cat(type.count)), "\n");
  }
  return text + "\n";
}

std::string StepStats::summary() const {
  return str_cat("Timings (microseconds): ", run_time_, "\nMemory (bytes): ", memory_, "\n", details_.size(),
                 " nodes observed\n\n");
}

std::string StepStats::text() const {
  constexpr int kTop = 10;
  return str_cat(table("Run Order", Order::kRun, 0), table("Top by Computation Time", Order::kTime, kTop),
                 table("Top by Memory Use", Order::kMemory, kTop), table_by_type(), summary());
}

std::string StepStats::json() const {
  std::vector<std::string> nodes, ops;
  for (const Detail& detail : details_) {
    nodes.push_back(str_cat("{\"name\": ", json_text(detail.name), ", \"op\": ", json_text(detail.type),
                            ", \"mean_us\": ", detail.nanoseconds.average() / 1000, ", \"bytes\": ", detail.bytes,
                            "}"));
  }
  for (const Type& type : types()) {
    ops.push_back(str_cat("{\"op\": ", json_text(type.name), ", \"count\": ", type.count,
                          ", \"mean_us\": ", type.milliseconds * 1000, ", \"bytes\": ", type.bytes, "}"));
  }
  return str_cat("{\"runs\": ", run_time_.count(), ", \"total_us\": {\"mean\": ", run_time_.average(),
                 ", \"min\": ", run_time_.min(), ", \"max\": ", run_time_.max(), "}, \"nodes\": [", str_join(nodes),
                 "], \"ops\": [", str_join(ops), "]}");
}

std::string stream_text(double value) {
  return number_text("%g", value);
}

}  // namespace tarn
