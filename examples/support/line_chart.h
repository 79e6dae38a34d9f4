// Line charts of a training: one panel above the other, e.g. loss and accuracy over the same steps.
//
//   LineChart chart{.title = "keras_cnn on MNIST", .x_label = "step"};
//   chart.panels.push_back({.title = "Loss", .series = {{"training", steps, losses, true}}});
//   chart.panels.push_back({.title = "Accuracy, %", .series = {{"test", epochs, accuracies}}, .y_high = 100});
//   TARN_RETURN_IF_ERROR(write_line_chart_svg("curve.svg", chart));
//   TARN_RETURN_IF_ERROR(write_line_chart_png("curve.png", chart));
//
// A noisy series is drawn faint with its moving average over it. Values that are not finite leave a gap.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/status.h"
#include "examples/support/canvas.h"

namespace tarn::examples {

struct Series {
  std::string name = {};
  std::vector<double> x = {};
  std::vector<double> y = {};
  bool smooth = false;  // faint raw line, moving average on top
};

struct Panel {
  std::string title = {};
  std::vector<Series> series = {};
  // Limits of the y axis where the data should not choose; what lies outside is cut off.
  std::optional<double> y_low = std::nullopt;
  std::optional<double> y_high = std::nullopt;
};

struct LineChart {
  std::string title = {};
  std::string subtitle = {};
  std::string x_label = {};
  std::vector<Panel> panels = {};
  int width = 900;         // pixels
  int panel_height = 260;  // of the plot itself
};

// Errors of all four: InvalidArgument for x and y of different lengths, or a chart without any finite point.
Result<std::string> line_chart_svg(const LineChart& chart);
// Twice as many pixels each way as the SVG, for sharp screens.
Result<Canvas> draw_line_chart(const LineChart& chart);
Status write_line_chart_svg(const std::string& path, const LineChart& chart);
Status write_line_chart_png(const std::string& path, const LineChart& chart);

// About `about` round numbers (1, 2 or 5 times a power of ten) from `low` to `high`.
std::vector<double> nice_ticks(double low, double high, int about);
// "1,500", "0.05": as many decimals as a tick distance of `step` needs, thousands set apart.
std::string tick_text(double value, double step);
// The mean of each value and up to `reach` values on either side (fewer near the ends, as many on both sides), so that
// the curve does not lag. Values that are not finite stay and count for nothing.
std::vector<double> moving_average(const std::vector<double>& values, size_t reach);

}  // namespace tarn::examples
