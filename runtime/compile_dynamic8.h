// The mode `dynamic8` of compile(): which nodes are computed in 8 bits. Private to runtime/; where no model of a lean
// build asks for it, left_out/dynamic8.cc is in place of compile_dynamic8.cc.
#pragma once

#include <memory>
#include <string_view>

#include "runtime/compile_state.h"
#include "runtime/quantize.h"

namespace tarn::compiling {

// Before inference: the Dequantize nodes that nothing but such nodes reads stay as they are, so that their floats, four
// times the file, never are in memory.
void keep_codes(State& state);
// After it: settles WorkNode::is_dynamic8. Such a node reads the codes themselves.
void choose_dynamic8(State& state);
// Null: the node is computed in float.
std::unique_ptr<Kernel> dynamic8_kernel(const WorkNode& node);

}  // namespace tarn::compiling
