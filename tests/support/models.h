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

// In Tarn's text form: i_exit counts the rounds of a loop that never ends.
constexpr std::string_view kEndlessLoop = R"(
zero: i32[] = 0
always: bool[] = true
i_enter = Enter(zero) {frame_name="endless"}
always_enter = Enter(always) {frame_name="endless", is_constant=true}
i = Merge(i_enter, i_next)
cond = LoopCond(always_enter)
i_switch = Switch(i, cond)
i_body = Identity(i_switch:1)
i_next = NextIteration(i_body)
i_exit = Exit(i_switch)
)";

// Uniform in [-1, 1).
Tensor random_floats(const Shape& shape, uint32_t seed);

}  // namespace tarn::testing
