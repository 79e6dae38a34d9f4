#include "examples/support/line_chart.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/file.h"
#include "examples/support/pictures.h"
#include "examples/support/stroke_font.h"

namespace tarn::examples {
namespace {

constexpr Color kBackground = {253, 253, 252};
constexpr Color kGrid = {229, 231, 235};
constexpr Color kAxis = {156, 163, 175};
constexpr Color kSeriesColors[] = {{37, 99, 235}, {217, 84, 20}, {16, 137, 82}, {134, 60, 190}, {190, 30, 90}};

constexpr double kLeft = 72, kRight = 28;  // margins beside the plots
constexpr double kTitleHeight = 66, kPanelTitle = 34, kTickRow = 24, kPanelGap = 14, kBottom = 40;
constexpr size_t kMostDots = 40;  // a series of up to that many points shows them

// How far the moving average of a smooth series looks to either side.
size_t smoothing_reach(const Series& series) {
  return series.smooth ? std::clamp<size_t>(series.y.size() / 60, 1, 100) : 0;
}

// What a chart is drawn with: an SVG file or a canvas.
class Painter {
 public:
  virtual ~Painter() = default;
  virtual void box(Box box, Color color) = 0;
  virtual void line(const Polyline& points, const LineStyle& style) = 0;
  virtual void text(std::string_view text, Point at, const TextStyle& style) = 0;
  virtual void begin_clip(Box box) = 0;
  virtual void end_clip() = 0;
};

class CanvasPainter final : public Painter {
 public:
  CanvasPainter(Canvas& canvas, double scale) : canvas_(canvas), scale_(scale) {}
  void box(Box box, Color color) override { canvas_.fill(scaled(box), color); }
  void line(const Polyline& points, const LineStyle& style) override {
    Polyline line = points;
    for (Point& p : line) p = {p.x * scale_, p.y * scale_};
    canvas_.line(line, {style.width * scale_, style.color, style.opacity});
  }
  void text(std::string_view text, Point at, const TextStyle& style) override {
    TextStyle larger = style;
    larger.size *= scale_;
    canvas_.text(text, {at.x * scale_, at.y * scale_}, larger);
  }
  void begin_clip(Box box) override { canvas_.clip_to(scaled(box)); }
  void end_clip() override { canvas_.no_clip(); }

 private:
  Box scaled(Box b) const { return {b.left * scale_, b.top * scale_, b.right * scale_, b.bottom * scale_}; }
  Canvas& canvas_;
  double scale_;
};

class SvgPainter final : public Painter {
 public:
  SvgPainter(double width, double height) {
    str_append(out_, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", number(width), "\" height=\"",
               number(height), "\" viewBox=\"0 0 ", number(width), " ", number(height),
               "\" font-family=\"Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif\">\n");
  }
  std::string finish() && { return std::move(out_) + "</svg>\n"; }

  void box(Box b, Color color) override { str_append(out_, "<rect", position(b), " fill=\"", hex(color), "\"/>\n"); }
  void line(const Polyline& points, const LineStyle& style) override {
    str_append(out_, "<polyline fill=\"none\" stroke=\"", hex(style.color), "\" stroke-width=\"", number(style.width),
               "\" stroke-linecap=\"round\" stroke-linejoin=\"round\"");
    if (style.opacity < 1) str_append(out_, " stroke-opacity=\"", number(style.opacity), "\"");
    str_append(out_, " points=\"");
    for (size_t i = 0; i < points.size(); ++i) {
      str_append(out_, i > 0 ? " " : "", number(points[i].x), ",", number(points[i].y));
    }
    str_append(out_, "\"/>\n");
  }
  void text(std::string_view text, Point at, const TextStyle& style) override {
    std::string_view anchor = style.align == Align::kLeft ? "start" : style.align == Align::kCenter ? "middle" : "end";
    str_append(out_, "<text x=\"", number(at.x), "\" y=\"", number(at.y), "\" font-size=\"", number(style.size),
               "\" fill=\"", hex(style.color), "\" text-anchor=\"", anchor, "\"",
               style.bold ? " font-weight=\"600\">" : ">", escaped(text), "</text>\n");
  }
  void begin_clip(Box b) override {
    ++clips_;
    str_append(out_, "<clipPath id=\"plot", clips_, "\"><rect", position(b), "/></clipPath>\n<g clip-path=\"url(#plot",
               clips_, ")\">\n");
  }
  void end_clip() override { str_append(out_, "</g>\n"); }

 private:
  // Two decimals are a fiftieth of a pixel on a double-density screen.
  static std::string number(double value) {
    std::string text;
    str_append(text, std::round(value * 100) / 100);
    return text;
  }
  static std::string position(Box b) {
    return str_cat(" x=\"", number(b.left), "\" y=\"", number(b.top), "\" width=\"", number(b.right - b.left),
                   "\" height=\"", number(b.bottom - b.top), "\"");
  }
  static std::string hex(Color color) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string out = "#";
    for (uint8_t part : {color.red, color.green, color.blue}) out += {kDigits[part >> 4], kDigits[part & 15]};
    return out;
  }
  static std::string escaped(std::string_view text) {
    std::string out;
    // printable() first: control characters and invalid UTF-8 have no place in XML.
    for (char c : printable(text)) {
      if (c == '&')
        out += "&amp;";
      else if (c == '<')
        out += "&lt;";
      else if (c == '>')
        out += "&gt;";
      else
        out += c;
    }
    return out;
  }
  std::string out_;
  int clips_ = 0;
};

struct Range {
  double low = 0, high = 1;
  bool empty = true;
  void include(double value) {
    if (!std::isfinite(value)) return;
    low = empty ? value : std::min(low, value);
    high = empty ? value : std::max(high, value);
    empty = false;
  }
  // Never of length zero, so that it can be divided by.
  void widen() {
    if (high > low) return;
    double margin = low == 0 ? 1 : std::abs(low) / 10;
    low -= margin, high += margin;
  }
};

// The y axis: chosen limits, or the data's, out to the next tick.
Range y_range(const Panel& panel, int tick_count) {
  Range range;
  for (const Series& series : panel.series) {
    for (double value : moving_average(series.y, smoothing_reach(series))) range.include(value);
    // A few wild values of a noisy series may be cut off: what the eye needs is the average.
    if (series.smooth) {
      std::vector<double> sorted;
      std::copy_if(series.y.begin(), series.y.end(), std::back_inserter(sorted),
                   [](double v) { return std::isfinite(v); });
      std::sort(sorted.begin(), sorted.end());
      if (!sorted.empty()) {
        range.include(sorted[sorted.size() / 50]);
        range.include(sorted[sorted.size() - 1 - sorted.size() / 50]);
      }
    }
  }
  range.widen();
  std::vector<double> ticks = nice_ticks(range.low, range.high, tick_count);
  if (ticks.size() >= 2) {
    double step = ticks[1] - ticks[0];
    range.low = std::floor(range.low / step + 1e-9) * step;
    range.high = std::ceil(range.high / step - 1e-9) * step;
  }
  if (panel.y_low) range.low = *panel.y_low;
  if (panel.y_high) range.high = *panel.y_high;
  range.widen();
  return range;
}

// Finite runs of the series in pixels. Where many points share a pixel column, only its extremes are kept.
std::vector<Polyline> to_pixels(const std::vector<double>& xs, const std::vector<double>& ys, Range x, Range y,
                                Box plot) {
  std::vector<Polyline> runs(1);
  auto column = [](double px) { return std::floor(px * 2); };
  for (size_t i = 0; i < xs.size(); ++i) {
    if (!std::isfinite(xs[i]) || !std::isfinite(ys[i])) {
      if (!runs.back().empty()) runs.emplace_back();
      continue;
    }
    Point p = {plot.left + (xs[i] - x.low) / (x.high - x.low) * (plot.right - plot.left),
               plot.bottom - (ys[i] - y.low) / (y.high - y.low) * (plot.bottom - plot.top)};
    // Far outside is as good as just outside, and keeps numbers small.
    p.y = std::clamp(p.y, plot.top - 1000, plot.bottom + 1000);
    Polyline& run = runs.back();
    size_t n = run.size();
    if (n >= 3 && column(run[n - 1].x) == column(p.x) && column(run[n - 3].x) == column(p.x)) {
      // The column holds [first, low or high, last]: its middle point keeps the farthest from the new one.
      double middle = std::abs(run[n - 2].y - p.y), last = std::abs(run[n - 1].y - p.y);
      if (last > middle) run[n - 2] = run[n - 1];
      run[n - 1] = p;
    } else {
      run.push_back(p);
    }
  }
  if (runs.back().empty()) runs.pop_back();
  return runs;
}

void draw_series(Painter& painter, const Series& series, Color color, Range x, Range y, Box plot) {
  std::vector<Polyline> raw = to_pixels(series.x, series.y, x, y, plot);
  if (!series.smooth) {
    for (const Polyline& run : raw) painter.line(run, {1.6, color, 1});
    if (series.x.size() <= kMostDots) {
      for (const Polyline& run : raw) {
        for (Point p : run) painter.line({p, p}, {5, color, 1});
      }
    }
    return;
  }
  for (const Polyline& run : raw) painter.line(run, {0.8, color, 0.28});
  std::vector<double> average = moving_average(series.y, smoothing_reach(series));
  for (const Polyline& run : to_pixels(series.x, average, x, y, plot)) painter.line(run, {1.6, color, 1});
}

void draw_legend(Painter& painter, const Panel& panel, double right, double baseline) {
  constexpr double kSize = 13, kSample = 22;
  for (size_t i = panel.series.size(); i-- > 0;) {
    const Series& series = panel.series[i];
    if (series.name.empty()) continue;
    Color color = kSeriesColors[i % std::size(kSeriesColors)];
    painter.text(series.name, {right, baseline}, {.size = kSize, .align = Align::kRight});
    // Other fonts than ours run a little wider.
    right -= text_width(series.name, kSize) * 1.06 + 8;
    painter.line({{right - kSample, baseline - 4.5}, {right, baseline - 4.5}}, {2, color, 1});
    right -= kSample + 20;
  }
}

void draw_panel(Painter& painter, const Panel& panel, Range x, Box plot) {
  constexpr double kTickSize = 12;
  const int y_count = std::clamp(static_cast<int>((plot.bottom - plot.top) / 45), 2, 8);
  const int x_count = std::clamp(static_cast<int>((plot.right - plot.left) / 90), 2, 12);
  Range y = y_range(panel, y_count);

  painter.text(panel.title, {plot.left, plot.top - 12}, {.size = 14, .bold = true});
  draw_legend(painter, panel, plot.right, plot.top - 12);
  std::vector<double> ticks = nice_ticks(y.low, y.high, y_count);
  double step = ticks.size() > 1 ? ticks[1] - ticks[0] : y.high - y.low;
  for (double tick : ticks) {
    double at = plot.bottom - (tick - y.low) / (y.high - y.low) * (plot.bottom - plot.top);
    painter.line({{plot.left, at}, {plot.right, at}}, {1, kGrid, 1});
    painter.text(tick_text(tick, step), {plot.left - 10, at + 4},
                 {.size = kTickSize, .color = kSoftInk, .align = Align::kRight});
  }
  ticks = nice_ticks(x.low, x.high, x_count);
  step = ticks.size() > 1 ? ticks[1] - ticks[0] : x.high - x.low;
  for (double tick : ticks) {
    double at = plot.left + (tick - x.low) / (x.high - x.low) * (plot.right - plot.left);
    painter.line({{at, plot.bottom}, {at, plot.bottom + 4}}, {1, kAxis, 1});
    painter.text(tick_text(tick, step), {at, plot.bottom + 18},
                 {.size = kTickSize, .color = kSoftInk, .align = Align::kCenter});
  }
  painter.line({{plot.left, plot.bottom}, {plot.right, plot.bottom}}, {1, kAxis, 1});

  // Room for half a line's width and the dots at the edges.
  painter.begin_clip({plot.left - 3, plot.top - 3, plot.right + 3, plot.bottom + 3});
  for (size_t i = 0; i < panel.series.size(); ++i) {
    draw_series(painter, panel.series[i], kSeriesColors[i % std::size(kSeriesColors)], x, y, plot);
  }
  painter.end_clip();
}

Status check(const LineChart& chart) {
  bool any = false;
  for (const Panel& panel : chart.panels) {
    for (const Series& series : panel.series) {
      if (series.x.size() != series.y.size()) {
        return invalid_argument("line chart ", tarn::quoted(chart.title), ": series ", tarn::quoted(series.name),
                                " has ", series.x.size(), " x but ", series.y.size(), " y values");
      }
      for (size_t i = 0; i < series.x.size(); ++i) any |= std::isfinite(series.x[i]) && std::isfinite(series.y[i]);
    }
  }
  if (!any) return invalid_argument("line chart ", tarn::quoted(chart.title), ": no finite point to draw");
  if (chart.width < 200 || chart.width > 10000 || chart.panel_height < 50 || chart.panel_height > 10000) {
    return invalid_argument("line chart ", tarn::quoted(chart.title), ": ", chart.width, " x ", chart.panel_height,
                            " pixels a panel, expected 200 to 10000 x 50 to 10000");
  }
  return {};
}

double chart_height(const LineChart& chart) {
  auto count = static_cast<double>(chart.panels.size());
  return kTitleHeight + count * (kPanelTitle + chart.panel_height + kTickRow) + (count - 1) * kPanelGap + kBottom;
}

void draw(Painter& painter, const LineChart& chart) {
  painter.box({0, 0, static_cast<double>(chart.width), chart_height(chart)}, kBackground);
  painter.text(chart.title, {24, 34}, {.size = 19, .bold = true});
  painter.text(chart.subtitle, {24, 55}, {.size = 13, .color = kSoftInk});
  Range x;
  for (const Panel& panel : chart.panels) {
    for (const Series& series : panel.series) {
      for (double value : series.x) x.include(value);
    }
  }
  // Counts of steps begin at 1: the axis at 0.
  if (x.low > 0 && x.low < 0.05 * x.high) x.low = 0;
  x.widen();
  Box plot = {kLeft, kTitleHeight, chart.width - kRight, 0};
  for (const Panel& panel : chart.panels) {
    plot.top += kPanelTitle;
    plot.bottom = plot.top + chart.panel_height;
    draw_panel(painter, panel, x, plot);
    plot.top = plot.bottom + kTickRow + kPanelGap;
  }
  painter.text(chart.x_label, {(plot.left + plot.right) / 2, plot.bottom + kTickRow + 18},
               {.size = 13, .color = kSoftInk, .align = Align::kCenter});
}

}  // namespace

std::vector<double> nice_ticks(double low, double high, int about) {
  double rough = (high - low) / std::max(about, 1);
  if (!(rough > 0) || !std::isfinite(rough)) return {};
  double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = power;
  for (double factor : {1.0, 2.0, 5.0, 10.0}) {
    step = factor * power;
    if (step >= rough * 0.999) break;
  }
  std::vector<double> ticks;
  double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i < 100; ++i) {
    double tick = (first + i) * step;
    if (tick > high + step * 1e-9) break;
    ticks.push_back(tick == 0 ? 0.0 : tick);  // no "-0"
  }
  return ticks;
}

std::string tick_text(double value, double step) {
  int decimals = step > 0 && step < 1 ? static_cast<int>(std::ceil(-std::log10(step) - 1e-9)) : 0;
  char buffer[64];
  auto [end, error] =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed, std::clamp(decimals, 0, 12));
  if (error != std::errc()) return str_cat(value);
  std::string text(buffer, end);
  size_t whole = text.find('.');
  if (whole == std::string::npos) whole = text.size();
  size_t first = text[0] == '-' ? 1 : 0;
  for (size_t at = whole; at > first + 3;) text.insert(at -= 3, 1, ',');
  return text;
}

std::vector<double> moving_average(const std::vector<double>& values, size_t reach) {
  // Prefix sums of the finite values: the mean of any stretch is two look-ups.
  std::vector<double> sums(values.size() + 1), counts(values.size() + 1);
  for (size_t i = 0; i < values.size(); ++i) {
    bool finite = std::isfinite(values[i]);
    sums[i + 1] = sums[i] + (finite ? values[i] : 0);
    counts[i + 1] = counts[i] + (finite ? 1 : 0);
  }
  std::vector<double> averages = values;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    size_t r = std::min({reach, i, values.size() - 1 - i});
    averages[i] = (sums[i + r + 1] - sums[i - r]) / (counts[i + r + 1] - counts[i - r]);
  }
  return averages;
}

Result<std::string> line_chart_svg(const LineChart& chart) {
  TARN_RETURN_IF_ERROR(check(chart));
  SvgPainter painter(chart.width, chart_height(chart));
  draw(painter, chart);
  return std::move(painter).finish();
}

Result<Canvas> draw_line_chart(const LineChart& chart) {
  TARN_RETURN_IF_ERROR(check(chart));
  constexpr int kScale = 2;
  Canvas canvas(kScale * chart.width, kScale * static_cast<int>(chart_height(chart)), kBackground);
  CanvasPainter painter(canvas, kScale);
  draw(painter, chart);
  return canvas;
}

Status write_line_chart_svg(const std::string& path, const LineChart& chart) {
  TARN_ASSIGN_OR_RETURN(std::string svg, line_chart_svg(chart));
  return write_file_atomically(path, svg);
}

Status write_line_chart_png(const std::string& path, const LineChart& chart) {
  TARN_ASSIGN_OR_RETURN(Canvas canvas, draw_line_chart(chart));
  return write_png(path, canvas);
}

}  // namespace tarn::examples
