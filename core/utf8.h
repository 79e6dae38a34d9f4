// UTF-8 by RFC 3629: nothing overlong, no surrogates, nothing above U+10FFFF. What protobuf asks of its strings.
//
//   utf8_sequence("é…") == 2;   first_bad_utf8("a\xff") == 1;   first_bad_utf8("ok") == std::string_view::npos
#pragma once

#include <cstddef>
#include <string_view>

namespace tarn {

// Bytes of the sequence at the start of `text` (which is not empty), or 0 if there is none.
size_t utf8_sequence(std::string_view text);
// Where `text` stops being UTF-8, or npos.
size_t first_bad_utf8(std::string_view text);

}  // namespace tarn
