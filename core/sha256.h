// SHA-256 (FIPS 180-4), to check downloaded files.
//
//   sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#pragma once

#include <string>
#include <string_view>

#include "core/status.h"

namespace tarn {

// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);
// Of a file's bytes.
Result<std::string> sha256_of_file(const std::string& path);

}  // namespace tarn
