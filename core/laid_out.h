// Constants as kernels read them: a matrix packed for the tiles of an instruction set, a filter transformed. Kernels
// make them of a model's weights before the first run; a model's file may have them ready (optimize_for_mobile
// --prepack), so that nothing is made.
//
//   TARN_ASSIGN_OR_RETURN(const void* packed, c.lay_out(1, "matrix/32", bytes, memory_, [&](void* to) { pack(w, to);
//   }));
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tarn {

struct LaidOutKey {
  std::string_view node;
  int input = 0;            // of the node: the constant
  std::string_view layout;  // all that the bytes depend on, beside the constant and the size of what is made
  size_t bytes = 0;
};

class LaidOutConstants {
 public:
  virtual ~LaidOutConstants() = default;
  // Bytes aligned to 64, made of this constant, that live as long as this; null if there are none.
  virtual const void* find(const LaidOutKey& key, std::string_view constant) const = 0;
  // These were made, and are gone after the call.
  virtual void made(const LaidOutKey& /*key*/, std::string_view /*constant*/, const void* /*data*/) {}
};

// By this an engine tells whether what lies laid out in a file is still of that constant: of its size and of 64 bytes
// in each 4096, for reading all of them is what loading is to be spared. A self-test (runtime/self_test.h) sees the
// rest.
uint32_t sampled_crc32c(std::string_view constant);

}  // namespace tarn
