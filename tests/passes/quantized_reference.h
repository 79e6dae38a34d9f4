// What TensorFlow's 8-bit ops compute: its formulas in naive loops, apart from the kernels here. Each result carries
// the same tensor of the network in float, and how far the codes may be from that: the half steps of every rounding so
// far, through the weights they were multiplied with.
//
//   Bytes x = quantized({2, 3}, values), w = quantized_weights({3, 4}, weights);
//   Bytes y = requantized(mat_mul(x, w));
//   dequantized(y);   // what quantize_nodes' graph must give
//   y.in_float[0], y.off_by[0];   // what the graph before gives, and the largest difference from it
//
// Steps: codes of QuantizeV2 and Requantize count from the range's minimum, what reads them counts from the code
// nearest to 0. So all values of a tensor are off by how far 0 is from a code, the same way, besides half a step each.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace tarn::testing {

template <class Code>
struct Coded {
  std::vector<int64_t> dims = {};
  std::vector<Code> codes = {};
  float min = 0, max = 0;             // what the lowest and the highest code stand for
  std::vector<double> in_float = {};  // without quantizing
  std::vector<double> off_by = {};    // at most so far the codes' values are from those

  size_t size() const { return codes.size(); }
};
using Bytes = Coded<uint8_t>;
using Words = Coded<int32_t>;

// What reads the codes takes them for: (code - code of 0) * step.
double value_of(const Bytes& x, size_t i);
double value_of(const Words& x, size_t i);
// The largest difference from in_float, as a part of what it may be: at most 1.
template <class Code>
double largest_part_of_bound(const Coded<Code>& x) {
  double part = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    part = std::max(part, std::abs(value_of(x, i) - x.in_float[i]) / x.off_by[i]);
  }
  return part;
}

// Min, Max, QuantizeV2 (MIN_FIRST; quint8, with TensorFlow's one rounding of oneDNN, half to even).
Bytes quantized(std::vector<int64_t> dims, const std::vector<float>& values);
// Constants: value and minimum rounded apart, so that 0 is a code.
Bytes quantized_weights(std::vector<int64_t> dims, const std::vector<float>& values);

Words conv2d_same(const Bytes& x, const Bytes& filter, int64_t stride);  // NHWC
Words mat_mul(const Bytes& a, const Bytes& b);
Words bias_add(const Bytes& x, const Bytes& bias);
Words add(const Bytes& x, const Bytes& y);  // of one shape
Words mul(const Bytes& x, const Bytes& y);  // y of x's shape, or a vector of its last dim
// RequantizationRange, the least maximum that quantize_nodes asks for, Requantize.
Bytes requantized(const Words& x);

Bytes relu(Bytes x);
Bytes max_pool(const Bytes& x, int64_t window);  // VALID, strides as the window
Bytes reshaped(Bytes x, std::vector<int64_t> dims);

std::vector<float> dequantized(const Bytes& x);  // MIN_FIRST

}  // namespace tarn::testing
