#include "examples/support/canvas.h"

#include <algorithm>
#include <cmath>

#include "examples/support/stroke_font.h"

namespace tarn::examples {
namespace {

// The part of pixel [i, i + 1) between low and high.
double overlap(int i, double low, double high) {
  return std::clamp(std::min<double>(i + 1, high) - std::max<double>(i, low), 0.0, 1.0);
}

// Keeps conversions to int in range, whatever a caller draws.
int to_pixel(double v, int limit) {
  return static_cast<int>(std::clamp(v, 0.0, static_cast<double>(limit)));
}

}  // namespace

Canvas::Canvas(int width, int height, Color background) : width_(width), height_(height) {
  no_clip();
  size_t count = static_cast<size_t>(width) * static_cast<size_t>(height);
  pixels_.resize(3 * count);
  coverage_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    pixels_[3 * i] = background.red;
    pixels_[3 * i + 1] = background.green;
    pixels_[3 * i + 2] = background.blue;
  }
}

Color Canvas::at(int x, int y) const {
  const uint8_t* p = &pixels_[3 * (static_cast<size_t>(y) * static_cast<size_t>(width_) + static_cast<size_t>(x))];
  return {p[0], p[1], p[2]};
}

void Canvas::clip_to(Box box) {
  clip_ = {std::max(0.0, box.left), std::max(0.0, box.top), std::min<double>(width_, box.right),
           std::min<double>(height_, box.bottom)};
}
void Canvas::no_clip() {
  clip_ = {0, 0, static_cast<double>(width_), static_cast<double>(height_)};
}

void Canvas::blend(int x, int y, Color color, double opacity) {
  uint8_t* p = &pixels_[3 * (static_cast<size_t>(y) * static_cast<size_t>(width_) + static_cast<size_t>(x))];
  auto mix = [&](uint8_t old, uint8_t wanted) {
    return static_cast<uint8_t>(std::lround(old + (wanted - old) * opacity));
  };
  p[0] = mix(p[0], color.red), p[1] = mix(p[1], color.green), p[2] = mix(p[2], color.blue);
}

void Canvas::fill(Box box, Color color, double opacity) {
  box = {std::max(box.left, clip_.left), std::max(box.top, clip_.top), std::min(box.right, clip_.right),
         std::min(box.bottom, clip_.bottom)};
  if (box.left >= box.right || box.top >= box.bottom) return;
  for (int y = to_pixel(std::floor(box.top), height_); y < to_pixel(std::ceil(box.bottom), height_); ++y) {
    for (int x = to_pixel(std::floor(box.left), width_); x < to_pixel(std::ceil(box.right), width_); ++x) {
      blend(x, y, color, opacity * overlap(x, box.left, box.right) * overlap(y, box.top, box.bottom));
    }
  }
}

void Canvas::cover(std::span<const Polyline> lines, const LineStyle& style) {
  // Lines thinner than a pixel are drawn a pixel wide and fainter.
  double radius = std::max(style.width, 1.0) / 2;
  double opacity = style.opacity * std::min(style.width, 1.0);
  double reach = radius + 1;
  int left = to_pixel(std::floor(clip_.left), width_), right = to_pixel(std::ceil(clip_.right), width_);
  int top = to_pixel(std::floor(clip_.top), height_), bottom = to_pixel(std::ceil(clip_.bottom), height_);
  int touched_top = bottom, touched_bottom = top;
  auto index = [&](int x, int y) {
    return static_cast<size_t>(y) * static_cast<size_t>(width_) + static_cast<size_t>(x);
  };
  for (const Polyline& line : lines) {
    for (size_t i = 0; i + 1 < line.size() || i == 0; ++i) {
      if (line.empty()) break;
      Point a = line[i], b = line[std::min(i + 1, line.size() - 1)];
      int x0 = std::max(left, to_pixel(std::floor(std::min(a.x, b.x) - reach), width_));
      int x1 = std::min(right, to_pixel(std::ceil(std::max(a.x, b.x) + reach), width_));
      int y0 = std::max(top, to_pixel(std::floor(std::min(a.y, b.y) - reach), height_));
      int y1 = std::min(bottom, to_pixel(std::ceil(std::max(a.y, b.y) + reach), height_));
      if (y0 < y1) touched_top = std::min(touched_top, y0), touched_bottom = std::max(touched_bottom, y1);
      for (int y = y0; y < y1; ++y) {
        for (int x = x0; x < x1; ++x) {
          double covered = line_coverage(distance_to_segment({x + 0.5, y + 0.5}, a, b), radius);
          float& cell = coverage_[index(x, y)];
          cell = std::max(cell, static_cast<float>(covered));
        }
      }
    }
  }
  for (int y = touched_top; y < touched_bottom; ++y) {
    for (int x = left; x < right; ++x) {
      float& cell = coverage_[index(x, y)];
      if (cell > 0) blend(x, y, style.color, opacity * cell);
      cell = 0;
    }
  }
}

void Canvas::line(std::span<const Point> points, const LineStyle& style) {
  Polyline line(points.begin(), points.end());
  cover(std::span(&line, 1), style);
}

void Canvas::text(std::string_view text, Point at, const TextStyle& style) {
  double width = text_width(text, style.size);
  if (style.align == Align::kCenter) at.x -= width / 2;
  if (style.align == Align::kRight) at.x -= width;
  double pen = style.size * (style.bold ? 0.115 : 0.075);
  cover(text_lines(text, at, style.size), {.width = pen, .color = style.color});
}

void Canvas::gray_image(std::span<const uint8_t> gray, int image_width, Point top_left, int scale, bool inverted) {
  for (size_t i = 0; i < gray.size(); ++i) {
    double x = top_left.x + static_cast<double>(i % static_cast<size_t>(image_width)) * scale;
    double y = top_left.y + static_cast<double>(i / static_cast<size_t>(image_width)) * scale;
    auto value = static_cast<uint8_t>(inverted ? 255 - gray[i] : gray[i]);
    fill({x, y, x + scale, y + scale}, {value, value, value});
  }
}

}  // namespace tarn::examples
