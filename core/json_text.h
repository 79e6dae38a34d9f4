// Strings for JSON that programs print. (What is read is read in manifest.cc.)
//
//   print("{\"op\": ", json_text(node.op), "}");
#pragma once

#include <string>
#include <string_view>

#include "core/strings.h"

namespace tarn {

// In quotes and escaped; control characters and invalid UTF-8 as \xNN (printable()), the backslash escaped too.
inline std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (char c : printable(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace tarn
