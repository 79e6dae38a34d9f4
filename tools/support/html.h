// Text in HTML and SVG, and numbers as people read them.
//
//   page += str_cat("<td>", html_text(node.name), "</td><td>", bytes_text(bytes), "</td>");
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tarn {

// For text and for attributes in quotes, in HTML and XML alike: & < > " ' escaped, control characters and invalid UTF-8
// as \xNN; long names are cut (printable()).
std::string html_text(std::string_view text);

// "950 B", "12.3 kB", "23.9 MB": thousands, as files are counted.
std::string bytes_text(uint64_t bytes);

}  // namespace tarn
