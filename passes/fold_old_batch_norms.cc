// fold_old_batch_norms: a batch norm that is one node becomes part of the weights of the product before it.
//
// Before:  y = BatchNormWithGlobalNormalization | FusedBatchNorm | V2 | V3([BiasAdd](Conv2D(x, W)), …)
// After:   y = BiasAdd(Conv2D(x, W'), b')
// When:    as fold_batch_norms, of which this is a part: not for Mul and Add, nor for a batch norm before a product
// Math:    s = gamma / sqrt(variance + epsilon);  W' = W * s per output channel;  b' = beta + (b - mean) * s
// Keeps:   the name of y; products keep theirs.   Contract: rounding, 1e-5 of the output's range.
// Ends:    every change removes a batch norm.
// TensorFlow's: never ended where a convolution or batch norm was shared; folded FusedBatchNorm with is_training =
// true;
//          did not know V2 and V3.
#include "passes/support/fold_channel_scale.h"

namespace tarn {
namespace {

constexpr std::string_view kDoc =
    R"(A batch norm that is one node becomes part of the weights of the product before it.
  Before:  y = BatchNormWithGlobalNormalization | FusedBatchNorm | V2 | V3([BiasAdd](Conv2D(x, W)), …)
  After:   y = BiasAdd(Conv2D(x, W'), b')
  When:    as fold_batch_norms, of which this is a part: not for Mul and Add, nor for a batch norm before a product
  Math:    s = gamma / sqrt(variance + epsilon);  W' = W * s per output channel;  b' = beta + (b - mean) * s
  Keeps:   the name of y; products keep theirs.)";

}  // namespace

extern const PassDef pass_fold_old_batch_norms;
const PassDef pass_fold_old_batch_norms = {
    .name = "fold_old_batch_norms",
    .doc = kDoc,
    .contract = rounding(1e-5),
    .run =
        [](Graph& graph, PassContext& context) {
          return rewrite(graph, context, [](Rewriter& rewriter, NodeId id) {
            return fold_channel_scale(rewriter, id, {.only_batch_norms = true});
          });
        },
};

}  // namespace tarn
