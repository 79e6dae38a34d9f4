// Small models for tests, as bytes of GraphDefs.
//
//   std::string bytes = model_bytes("x: f32[?,3] = Placeholder\ny: f32[?,3] = Relu(x)\n");
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/tensor.h"

namespace tarn::testing {

// From Tarn's text form; a mistake in it fails the test. With ops of an app's own, of which nothing is known here.
std::string model_bytes(std::string_view text, bool allow_unknown_ops = false);

// A frozen network with random weights: [conv, batch norm, relu, max pool, conv, bias, relu, avg pool, dense, softmax],
// in inference form. Input `input_node` f32[?,side,side,channels], output `output_node` f32[?,classes].
struct ConvnetShape {
  int side = 12, channels = 1, filters = 5, classes = 7;
};
std::string frozen_convnet_bytes(const ConvnetShape& shape, uint32_t seed);

// Uniform in [-1, 1).
Tensor random_floats(const Shape& shape, uint32_t seed);

}  // namespace tarn::testing
