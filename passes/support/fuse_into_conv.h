// ResizeBilinear and MirrorPad before a Conv2D become part of it: the work of the passes fuse_pad_and_conv,
// fuse_resize_and_conv, fuse_resize_pad_and_conv and fuse_convolutions, which differ in what they look for.
//
//   Status visit(Rewriter& r, NodeId id) { return fuse_into_conv(r, id, {.pad = true}); }
//
// What is fused is constant paddings of height and width; a resize of float images without half pixel centers; NHWC,
// SAME or VALID, no dilations; float, double or half. The convolution alone reads what goes before it. And the windows
// must lie alike: those of the fused kernel (TensorFlow's, and ours after it) begin at (padded - seen) / 2 where more
// than two cells (VALID) or one (SAME) are seen by no window, Conv2D's at 0.
// A batch of one: TensorFlow 2.15's kernels of the fused ops give the images of a batch but the first wrong values.
// any_batch=true fuses whatever the batch is.
// Ends: each change takes a Conv2D away.
#pragma once

#include "passes/support/rewriter.h"

namespace tarn {

// Of every such pass.
constexpr PassArg kFuseArgs[] = {
    {.name = "any_batch",
     .kind = PassArg::kFlag,
     .fallback = "false",
     .doc = "fuse where the batch is not known to be 1: TensorFlow's kernels are wrong for all images but the first"}};

struct ConvFusion {
  bool resize_and_pad = false, pad = false, resize = false;  // tried in this order
};
Status fuse_into_conv(Rewriter& rewriter, NodeId id, const ConvFusion& wanted);

}  // namespace tarn
