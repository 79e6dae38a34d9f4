// Floating-point numbers as text, as <charconv> has it: shortest text that reads back, `digits` significant digits as
// printf's %g, and back. The C++ libraries of some toolchains for phones and browsers know integers only; there, and in
// its tests, the code of namespace by_hand does it.
//
//   char room[kNumberText];
//   out.append(room, shortest_text(room, 0.1f));                 // "0.1"
//   auto [end, error] = read_number(text.data(), text.data() + text.size(), value);
#pragma once

#include <charconv>

namespace tarn {

constexpr int kNumberText = 40;  // bytes that any number's text has room in

// Return the end of the text, which has no terminating zero.
char* shortest_text(char (&room)[kNumberText], float value);
char* shortest_text(char (&room)[kNumberText], double value);
char* general_text(char (&room)[kNumberText], double value, int digits);  // digits <= 17

// std::from_chars of decimal numbers.
std::from_chars_result read_number(const char* first, const char* last, float& value);
std::from_chars_result read_number(const char* first, const char* last, double& value);

namespace by_hand {
char* shortest_text(char (&room)[kNumberText], float value);
char* shortest_text(char (&room)[kNumberText], double value);
char* general_text(char (&room)[kNumberText], double value, int digits);
std::from_chars_result read_number(const char* first, const char* last, float& value);
std::from_chars_result read_number(const char* first, const char* last, double& value);
}  // namespace by_hand

}  // namespace tarn
