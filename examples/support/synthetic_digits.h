// Draws digits that look like MNIST's, for machines that have neither the files nor a network. THEY ARE NOT MNIST:
// whoever uses them says so on every line printed (see Mnist::name in mnist.h).
//
//   Result<LabelledImages> digits = synthetic_digits({.count = 10000, .seed = 1});   // u8[10000,28,28], u8[10000]
//
// A stroke font with several shapes a digit -> jittered points, rotation, shear, scale -> elastic distortion -> a pen
// of random width, anti-aliased -> 20x20 pixels, centred by mass in 28x28 as MNIST is (LeCun et al. 1998).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "examples/support/idx.h"

namespace tarn::examples {

constexpr int kDigitSize = 28;  // pixels, both ways
using DigitPixels = std::array<uint8_t, kDigitSize * kDigitSize>;

// One digit, 0 to 9, white on black. The pixels depend on the generator's state and nothing else.
DigitPixels draw_synthetic_digit(int digit, Random& random);

struct SyntheticDigitsOptions {
  int64_t count = 60000;
  uint64_t seed = 1;
  int threads = 0;  // 0: one per core. The pixels do not depend on it: every image has its own generator.
};
// Digits in random order, each class equally likely.  Errors: InvalidArgument for count < 1; ResourceExhausted.
Result<LabelledImages> synthetic_digits(const SyntheticDigitsOptions& options);

// The shapes of a digit, in the text form of strokes.h on a canvas about 65 wide and 100 high.
std::vector<std::string_view> digit_shapes(int digit);

}  // namespace tarn::examples
