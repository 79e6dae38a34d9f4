// Attrs that ops of TensorFlow got after their first release: since when, and with which value they say what was always
// done. A reader that does not know an attr may drop it where it has that value, and names the version otherwise.
//
//   if (!says_as_always("Conv2D", "dilations", value)) …
//   find_newer_attr("Conv2D", "dilations")->version     // "1.5"
#pragma once

#include <string_view>

#include "core/attr.h"

namespace tarn {

struct NewerAttr {
  std::string_view attr;
  std::string_view version;    // of TensorFlow
  std::string_view as_always;  // as AttrValue::to_string() has it
  std::string_view ops;        // that have it, a space after each
};

// Null if the attr is not in the table.
const NewerAttr* find_newer_attr(std::string_view op, std::string_view attr);

// Attrs that are not in the table are judged by their look: false, 0, "" and empty lists.
bool says_as_always(std::string_view op, std::string_view attr, const AttrValue& value);

}  // namespace tarn
