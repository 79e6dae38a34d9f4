// fuse_convolutions: resizing and mirroring becomes part of the convolution behind it.
//
// Before:  y = Conv2D([MirrorPad]([ResizeBilinear](x, size), paddings), W)
// After:   y = FusedResizeAndPadConv2D(x, size, paddings, W) or FusedPadConv2D(x, paddings, W)
// When:    as fuse_resize_pad_and_conv, fuse_pad_and_conv and fuse_resize_and_conv, in this order, which are its parts;
//          NHWC; SAME or VALID, no dilations; windows begin where the fused kernel's do (strides up to 3, or sizes that
//          are known)
// Keeps:   the name of y.   Contract: rounding, 1e-5 of the output's range: the same sums, perhaps in another order.
// Ends:    every change takes a Conv2D away.
// TensorFlow's: looked at neither who else reads what it took away, nor at dilations. Its kernel of the fused op gives
//          every image of a small batch the first one's result: so the batch is to be 1, unless any_batch=true.
#include "passes/support/fuse_into_conv.h"

namespace tarn {
namespace {

constexpr std::string_view kDoc = R"(Resizing and mirroring becomes part of the convolution behind it.
  Before:  y = Conv2D([MirrorPad]([ResizeBilinear](x, size), paddings), W)
  After:   y = FusedResizeAndPadConv2D(x, size, paddings, W) or FusedPadConv2D(x, paddings, W)
  When:    as fuse_resize_pad_and_conv, fuse_pad_and_conv and fuse_resize_and_conv, in this order, which are its
           parts; NHWC; SAME or VALID, no dilations; windows begin where the fused kernel's do (strides up to 3, or
           sizes that are known)
           A batch of one, unless any_batch=true: TensorFlow's kernels are wrong for all images but the first
  Keeps:   the name of y.)";

}  // namespace

extern const PassDef pass_fuse_convolutions;
const PassDef pass_fuse_convolutions = {
    .name = "fuse_convolutions",
    .doc = kDoc,
    .contract = rounding(1e-5),
    .run =
        [](Graph& graph, PassContext& context) {
          return rewrite(graph, context, [](Rewriter& rewriter, NodeId id) {
            return fuse_into_conv(rewriter, id, {.resize_and_pad = true, .pad = true, .resize = true});
          });
        },
    .args = kFuseArgs,
};

}  // namespace tarn
