// Numbers per channel: what a batch norm, a BiasAdd or a Mul, Add, Sub, Div with a constant does to an image or matrix
// (y = x * scale + shift, channel by channel), and the weights that can do it instead.
//
//   std::optional<Product> product = product_of(rewriter, conv);
//   std::optional<ChannelStep> step = channel_step(rewriter, bn, product->dim, product->outputs.count);
//   std::optional<Tensor> weights = scaled_weights(*product, product->outputs, step->values.scale);
//
// Constants are what Const nodes hold, and what elementwise ops make of them (rsqrt(variance + epsilon) * gamma):
// computed in double. Nothing here changes a graph.
#pragma once

#include <optional>
#include <vector>

#include "passes/support/rewriter.h"

namespace tarn {

enum class ChannelDim { kLast, kSecond };  // of NHWC and matrices; of NCHW

// value * scale + shift. Empty: nothing is scaled, nothing added; else one number a channel, all finite.
struct ChannelValues {
  std::vector<double> scale, shift;
  bool is_neutral() const { return scale.empty() && shift.empty(); }
  // First this, then `next`.
  ChannelValues then(const ChannelValues& next) const;
  ChannelValues slice(size_t first, size_t count) const;
  bool shifts() const;  // by anything but zeros
};

struct ChannelStep {
  Wire input = {};
  ChannelValues values = {};
  bool is_bias = false;        // a BiasAdd: the form that others become
  bool is_batch_norm = false;  // one node that is a whole batch norm
};
// Which input of a node that may be a step is the image; none for other nodes. Looks at ops only.
Wire channel_step_input(const Rewriter& rewriter, NodeId id);
// Nothing if the constants are not one number a channel of this dim, or not finite.
std::optional<ChannelStep> channel_step(const Rewriter& rewriter, NodeId id, ChannelDim dim, int64_t channels);
bool is_fused_batch_norm(const Node& node);  // of any version, and BatchNormWithGlobalNormalization

// Which channel an element i of weights belongs to: i / stride % count.
struct WeightChannels {
  int64_t stride = 1, count = 0;
  size_t of(int64_t element) const { return static_cast<size_t>(element / stride % count); }
};

// A convolution or matrix product with constant weights (its input 1).
struct Product {
  NodeId node = -1;
  ChannelDim dim = ChannelDim::kLast;
  int data_input = 0;
  const Tensor* weights = nullptr;
  WeightChannels inputs = {}, outputs = {};
  bool can_scale_inputs = false;
  // Every output is a sum over a whole filter: no padding is seen, so that a shift of the input is one of the output.
  bool can_shift_inputs = false;
};
std::optional<Product> product_of(const Rewriter& rewriter, NodeId id);

// The weights with those of each channel times its number. Nothing where the result is not finite, or so small that
// the dtype loses digits.
std::optional<Tensor> scaled_weights(const Product& product, const WeightChannels& channels,
                                     const std::vector<double>& scale);
// What a shift of the product's input adds to each of its output channels.
std::vector<double> shift_of_outputs(const Product& product, const std::vector<double>& shift);
// A vector of this dtype; nothing if it does not hold one of the numbers.
std::optional<Tensor> channel_vector(DType dtype, const std::vector<double>& values);

}  // namespace tarn
