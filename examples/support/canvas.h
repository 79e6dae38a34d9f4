// A picture in memory, drawn on with anti-aliased lines, boxes and text.
//
//   Canvas canvas(640, 480, kWhite);
//   canvas.line(points, {.width = 1.5, .color = {37, 99, 235}});
//   canvas.text("loss", {20, 30}, {.size = 14});
//   TARN_RETURN_IF_ERROR(write_png("loss.png", canvas));
//
// Coordinates in pixels from the top left corner, y down. What lies outside is cut off.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "examples/support/strokes.h"

namespace tarn::examples {

struct Color {
  uint8_t red = 0, green = 0, blue = 0;
};
constexpr Color kWhite = {255, 255, 255};
constexpr Color kInk = {31, 41, 55};         // text
constexpr Color kSoftInk = {107, 114, 128};  // secondary text

enum class Align { kLeft, kCenter, kRight };

struct LineStyle {
  double width = 1;
  Color color = kInk;
  double opacity = 1;
};
struct TextStyle {
  double size = 12;  // as a CSS font-size
  Color color = kInk;
  Align align = Align::kLeft;
  bool bold = false;
};

// Thread-compatible.
class Canvas {
 public:
  Canvas(int width, int height, Color background);

  int width() const { return width_; }
  int height() const { return height_; }
  // RGB, row after row.
  std::span<const uint8_t> pixels() const { return pixels_; }
  Color at(int x, int y) const;

  // Until the next call, drawing happens only inside `box`.
  void clip_to(Box box);
  void no_clip();

  // Edges between pixels are anti-aliased too.
  void fill(Box box, Color color, double opacity = 1);
  // Joined segments with round ends; overlaps of one line with itself do not get darker.
  void line(std::span<const Point> points, const LineStyle& style);
  // `at` is on the baseline, at the left end, the middle or the right end.
  void text(std::string_view text, Point at, const TextStyle& style);
  // A gray image, every pixel `scale` wide; `inverted`: dark on light.
  void gray_image(std::span<const uint8_t> gray, int image_width, Point top_left, int scale, bool inverted);

 private:
  void blend(int x, int y, Color color, double opacity);
  void cover(std::span<const Polyline> lines, const LineStyle& style);

  int width_, height_;
  Box clip_;
  std::vector<uint8_t> pixels_;
  std::vector<float> coverage_;  // scratch of cover()
};

}  // namespace tarn::examples
