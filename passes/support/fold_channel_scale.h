// What scales and shifts channels goes into the weights of a convolution or matrix product: the work of
// fold_batch_norms and fold_old_batch_norms.
//
//   Status visit(Rewriter& r, NodeId id) { return fold_channel_scale(r, id, {.only_batch_norms = true}); }
//
// After a product, upwards from the last node of a chain of steps (channel_scale.h):
//   x -> Conv2D(W) -> Mul(a) -> Add(b) -> y           =>  x -> Conv2D(W * a) -> BiasAdd(b) -> y
// What keeps channels apart may stand between: Reshape, ExpandDims and Squeeze that keep the last dim, Identity and
// BatchToSpaceND let scale and shift through; Pad with zeros and Concat along the channels the scale alone, and the
// shift stays behind them as a BiasAdd.
// Before a product, where the chain has no product above it:
//   x -> Mul(a) -> Add(b) -> MatMul(W) -> y           =>  x -> MatMul(W * a) -> BiasAdd(b W) -> y
//
// Whatever else reads a node keeps what it reads: a product or step with a second reader, a control edge or a public
// name in the middle of a chain ends it. Constants are never written; those that nobody reads anymore go.
// Ends: let a step weigh 2, a BiasAdd 1. A change is made only where the graph's weight falls.
#pragma once

#include "passes/support/rewriter.h"

namespace tarn {

struct ChannelFolding {
  // Steps are BiasAdd and whole batch norms, the last of a chain a batch norm; nothing before a product.
  bool only_batch_norms = false;
};
Status fold_channel_scale(Rewriter& rewriter, NodeId id, const ChannelFolding& options);

}  // namespace tarn
