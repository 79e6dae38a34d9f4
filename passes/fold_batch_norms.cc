// fold_batch_norms: what scales and shifts the channels of a convolution or matrix product becomes part of its weights.
//
// Before:  y = FusedBatchNorm(Conv2D(x, W), gamma, beta, mean, variance)
//          y = Add(Mul(Conv2D(x, W), s), t)                  y = Conv2D(Mul(x, s), W)
// After:   y = BiasAdd(Conv2D(x, W'), b')                    y = Conv2D(x, W')
// When:    - the product: Conv2D, DepthwiseConv2dNative, Conv2DBackpropInput (NHWC and NCHW) or MatMul, either way
//            round, with constant W of float, double, half or bfloat16
//          - steps behind it, any number: FusedBatchNorm, V2, V3 with is_training = false,
//            BatchNormWithGlobalNormalization, BiasAdd, and Mul, Add, Sub, Div with one constant a channel or one for
//            all, in either order. A constant may be an expression of constants: Rsqrt(variance + epsilon) * gamma
//          - between them: Reshape, ExpandDims, Squeeze that keep the last dim, Identity, BatchToSpaceND; Pad with
//            zeros and Concat of such products along the channels, behind which the shift stays as a BiasAdd
//          - steps before a product, if none is above them: the scale always, the shift only if no window sees padding
//            (VALID, a 1x1 filter, MatMul), and not if it is over 100 where there is a scale: x near its mean would
//            lose digits
//          - all of these have one reader, and none but the last is an output. A convolution that something else reads
//            keeps its values: a copy would cost a convolution, so nothing is folded then
// Math:    s = gamma / sqrt(variance + epsilon);  W' = W * s per output channel;  b' = beta + (b - mean) * s
//          before a product:  W' = W * s per input channel;  b' = sum of t * W over the filter
// Keeps:   the name of y; products and what stands between keep theirs. Weights shared with others stay for those.
// Contract: rounding, 1e-5 of the output's range: each output is the same sum with factors rounded once more.
// Ends:    a step weighs 2, a BiasAdd 1; every change lowers the sum.
// TensorFlow's: matched Mul(conv, Const) alone and in one order, ran once, and stopped with an error at a constant of
//          another size; folded a MatMul with transpose_b along the wrong dim; optimize_for_inference scaled weights
//          that others read.
#include "passes/support/fold_channel_scale.h"

namespace tarn {
namespace {

constexpr std::string_view kDoc =
    R"(What scales and shifts the channels of a convolution or matrix product becomes part of its weights.
  Before:  y = FusedBatchNorm(Conv2D(x, W), gamma, beta, mean, variance);  y = Add(Mul(Conv2D(x, W), s), t);  y =
           Conv2D(Mul(x, s), W)
  After:   y = BiasAdd(Conv2D(x, W'), b');  y = Conv2D(x, W')
  When:    the product is Conv2D, DepthwiseConv2dNative, Conv2DBackpropInput (NHWC and NCHW) or MatMul with constant
           W. Steps
           behind it: FusedBatchNorm, V2, V3 with is_training = false, BatchNormWithGlobalNormalization, BiasAdd, and
           Mul, Add,
           Sub, Div with one constant a channel or one for all, also an expression of constants (Rsqrt(variance +
           epsilon) * gamma).
           Between them may stand Reshape, ExpandDims, Squeeze that keep the last dim, Identity, BatchToSpaceND; Pad
           with zeros and
           Concat of such products along the channels, behind which the shift stays. Steps before a product: the
           scale always, the
           shift only if no window sees padding, and not if it is over 100 where there is a scale. All have one
           reader and none but
           the last is an output: a convolution that something else reads keeps its values
  Math:    s = gamma / sqrt(variance + epsilon);  W' = W * s per output channel;  b' = beta + (b - mean) * s;
           before a product W' = W * s per input channel, b' = sum of t * W over the filter
  Keeps:   the name of y; products keep theirs; weights shared with others stay for those.)";

}  // namespace

extern const PassDef pass_fold_batch_norms;
const PassDef pass_fold_batch_norms = {
    .name = "fold_batch_norms",
    .doc = kDoc,
    .contract = rounding(1e-5),
    .run =
        [](Graph& graph, PassContext& context) {
          return rewrite(graph, context,
                         [](Rewriter& rewriter, NodeId id) { return fold_channel_scale(rewriter, id, {}); });
        },
};

}  // namespace tarn
