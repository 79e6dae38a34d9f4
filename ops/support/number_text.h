// Numbers read from text, the same in every locale, as TensorFlow reads them: white space around is fine, anything else
// is not.
//
//   float x;   bool ok = number_from_text(" 1e-3 ", x);
#pragma once

#include <cstdint>
#include <string_view>

namespace tarn {

bool number_from_text(std::string_view text, float& value);
bool number_from_text(std::string_view text, double& value);
bool number_from_text(std::string_view text, int32_t& value);
bool number_from_text(std::string_view text, int64_t& value);
bool number_from_text(std::string_view text, uint32_t& value);
bool number_from_text(std::string_view text, uint64_t& value);

}  // namespace tarn
