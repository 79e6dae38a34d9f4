#include "core/laid_out.h"

#include "core/crc32c.h"

namespace tarn {

uint32_t sampled_crc32c(std::string_view constant) {
  constexpr size_t kStep = 4096, kSample = 64;
  const uint64_t size = constant.size();
  uint32_t crc = crc32c({reinterpret_cast<const char*>(&size), sizeof size});
  for (size_t at = 0; at < size; at += kStep) crc = crc32c(constant.substr(at, kSample), crc);
  return crc;
}

}  // namespace tarn
