// Finds handwritten digits on a photograph or scan, and cuts each out for a network that knows MNIST's.
//
//   TARN_ASSIGN_OR_RETURN(DigitSheet sheet, find_digits(image));
//   for (const FoundDigit& digit : sheet.digits)        // in reading order
//     make_image_input(digit.image, form, options);     // light strokes on black, centered there by mass
//   TARN_RETURN_IF_ERROR(draw_reading(image, sheet, texts, "annotated.png"));
//
// Light may be uneven, ink dark on light or light on dark, several lines may slope. What is found is what stands out
// from its surroundings and is about as high as the others: specks, ruled lines and the paper's edge are passed over.
// Steps: ground and sign of the strokes; Sauvola's local threshold (Sauvola 2000); connected parts; parts of one digit
// joined, touching digits divided; lines. By leptonica.
#pragma once

#include <string>
#include <vector>

#include "tools/support/image_file.h"

namespace tarn {

struct FoundDigit {
  int left = 0, top = 0, width = 0, height = 0;  // where it lies on the picture
  int line = 0;                                  // from the top, from 0
  bool after_gap = false;                        // wider than between the digits of a number
  Image image = {};                              // gray, strokes light on black, with a margin
};

struct DigitSheet {
  std::vector<FoundDigit> digits;  // line by line, each from the left
  int lines = 0;
  std::vector<std::string> done;  // "light ink on a dark ground", …
};

// No digits is no error. ResourceExhausted where leptonica gets no memory.
Result<DigitSheet> find_digits(const Image& image);

// The picture in colors, a frame around each digit and its text above; `doubtful` ones are framed in another color.
Status draw_reading(const Image& image, const DigitSheet& sheet, const std::vector<std::string>& texts,
                    const std::vector<bool>& doubtful, const std::string& path);

// Small gray pictures of one size side by side, a row a line of the sheet.
Status draw_tiles(const std::vector<Image>& tiles, const DigitSheet& sheet, const std::string& path);

}  // namespace tarn
