// Pen strokes: the lines that synthetic digits, captions and charts are drawn with.
//
//   std::vector<Stroke> strokes = parse_strokes("~ 32,0 2,50 32,100 62,50 32,0 | 0,0 10,10");
//   Polyline line = flatten(strokes[0], 8);
//
// A stroke is a list of points "x,y"; strokes are separated by '|'; one that begins with '~' is a smooth curve through
// its points (a closed one if the last point is the first), others are straight from point to point.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace tarn::examples {

struct Point {
  double x = 0;
  double y = 0;
};
using Polyline = std::vector<Point>;

struct Stroke {
  bool smooth = false;
  Polyline points;
};

// For tables in source files: text that does not parse gives no strokes.
std::vector<Stroke> parse_strokes(std::string_view text);

// The stroke as line segments: a smooth one gets `steps` segments between neighbouring points.
Polyline flatten(const Stroke& stroke, int steps);

// The distance of `p` from the segment a-b.
double distance_to_segment(Point p, Point a, Point b);

// How much of a pixel at distance `distance` from the middle of a line of half width `radius` is covered: 0 to 1, with
// an edge one pixel wide.
double line_coverage(double distance, double radius);

struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
};
// The smallest box around all points; all zero if there are none.
Box bounds(std::span<const Polyline> lines);

}  // namespace tarn::examples
