// Kernels that compute a node in 8 bits though its tensors are floats: MatMul and Conv2D with constant weights
// (ops/kernels/dynamic8.h says how, ops/support/dynamic8.cc defines this). An engine asked for `dynamic8` puts them in
// place of the op's own kernels.
//
//   if (dynamic8_takes("Conv2D", attrs, input_fact, filter_fact)) kernel = make_dynamic8_kernel("Conv2D");
//
// Input 1 of the node, the weights, is a constant of floats, or one of codes (quint8, qint8) with their values as attr
// kValuesOfCodes: 256 floats, by byte. Bias and activation are fused as into the op's own kernel.
#pragma once

#include <memory>
#include <string_view>

#include "core/kernel.h"

namespace tarn {

inline constexpr std::string_view kValuesOfCodes = "_values_of_codes";

// Whether weights of this op may be in 8 bits: they are its input 1.
bool has_dynamic8_kernel(std::string_view op);
// Whether a node with such inputs can be computed so; shapes must be known, of the weights as floats.
bool dynamic8_takes(std::string_view op, const AttrMap& attrs, const Fact& input, const Fact& weights);
// Of an op that has one.
std::unique_ptr<Kernel> make_dynamic8_kernel(std::string_view op);

}  // namespace tarn
