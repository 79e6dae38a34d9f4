// Letters drawn with a pen: a single-stroke font of our own for captions and charts, at any size, with no font file.
//
//   double width = text_width("7 → 2", 14);
//   std::vector<Polyline> lines = text_lines("7 → 2", {x, baseline}, 14);
//
// Knows printable ASCII and → × · … – — ° ±; anything else shows as a box. `size` is the height of a line of type in
// pixels, as a CSS font-size: capitals are 0.7 of it.
#pragma once

#include <string_view>
#include <vector>

#include "examples/support/strokes.h"

namespace tarn::examples {

double text_width(std::string_view text, double size);
// The strokes of `text` starting at `origin` on the baseline, y down.
std::vector<Polyline> text_lines(std::string_view text, Point origin, double size);
// Whether the font has its own shape for this character.
bool has_glyph(char32_t character);

}  // namespace tarn::examples
