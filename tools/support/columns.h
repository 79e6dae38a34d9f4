// Columns of text tables.
#pragma once

#include <string>

namespace tarn {

// To the right of `width` columns; longer text stays whole.
inline std::string right(std::string text, size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

}  // namespace tarn
