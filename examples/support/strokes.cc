#include "examples/support/strokes.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tarn::examples {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::vector<Stroke> parse() {
    std::vector<Stroke> strokes;
    while (true) {
      Stroke stroke;
      stroke.smooth = take('~');
      Point point;
      while (read_point(point)) stroke.points.push_back(point);
      if (stroke.points.empty()) return {};
      strokes.push_back(std::move(stroke));
      if (!take('|')) break;
    }
    return text_.empty() ? strokes : std::vector<Stroke>();
  }

 private:
  bool take(char c) {
    while (!text_.empty() && text_[0] == ' ') text_.remove_prefix(1);
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool read_number(double& value) {
    auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc()) return false;
    text_.remove_prefix(static_cast<size_t>(end - text_.data()));
    return true;
  }
  bool read_point(Point& point) {
    take(' ');
    return read_number(point.x) && take(',') && read_number(point.y);
  }
  std::string_view text_;
};

// Catmull-Rom: passes through p1 and p2, with the tangent (p2 - p0) / 2 at p1.
double spline(double p0, double p1, double p2, double p3, double t) {
  return 0.5 *
         (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t * t + (3 * p1 - p0 - 3 * p2 + p3) * t * t * t);
}

}  // namespace

std::vector<Stroke> parse_strokes(std::string_view text) {
  return Parser(text).parse();
}

Polyline flatten(const Stroke& stroke, int steps) {
  const Polyline& points = stroke.points;
  if (!stroke.smooth || points.size() < 3) return points;
  auto n = static_cast<int>(points.size());
  bool closed = points.front().x == points.back().x && points.front().y == points.back().y;
  auto at = [&](int i) {
    if (closed) return points[static_cast<size_t>((i + n - 1) % (n - 1))];
    return points[static_cast<size_t>(std::clamp(i, 0, n - 1))];
  };
  Polyline line = {points[0]};
  for (int i = 0; i + 1 < n; ++i) {
    Point a = at(i - 1), b = at(i), c = at(i + 1), d = at(i + 2);
    for (int step = 1; step <= steps; ++step) {
      double t = static_cast<double>(step) / steps;
      line.push_back({spline(a.x, b.x, c.x, d.x, t), spline(a.y, b.y, c.y, d.y, t)});
    }
  }
  return line;
}

double distance_to_segment(Point p, Point a, Point b) {
  double dx = b.x - a.x, dy = b.y - a.y;
  double length_squared = dx * dx + dy * dy;
  double t = length_squared > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length_squared, 0.0, 1.0) : 0.0;
  double x = p.x - a.x - t * dx, y = p.y - a.y - t * dy;
  return std::sqrt(x * x + y * y);
}

double line_coverage(double distance, double radius) {
  return std::clamp(radius + 0.5 - distance, 0.0, 1.0);
}

Box bounds(std::span<const Polyline> lines) {
  Box box;
  bool first = true;
  for (const Polyline& line : lines) {
    for (Point p : line) {
      if (first) box = {p.x, p.y, p.x, p.y};
      first = false;
      box.left = std::min(box.left, p.x), box.right = std::max(box.right, p.x);
      box.top = std::min(box.top, p.y), box.bottom = std::max(box.bottom, p.y);
    }
  }
  return box;
}

}  // namespace tarn::examples
