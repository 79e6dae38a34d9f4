// fold_pads: a Pad with zeros becomes the padding of the convolution behind it.
//
// Before:  y = Conv2D|DepthwiseConv2dNative(Pad|PadV2(x, paddings), W) {padding = VALID}
// After:   y = Conv2D|DepthwiseConv2dNative(x, W) {padding = SAME}, or Conv2D {padding = EXPLICIT, explicit_paddings}
// When:    constant paddings, of height and width alone, with zeros (any sign of them is zero to a sum); whatever reads
//          the Pad is such a convolution, so that it goes. SAME where it pads exactly that, which with strides the
//          image's size must tell; else EXPLICIT, for Conv2D only: TensorFlow's older DepthwiseConv2dNative lacks it.
//          A Conv2D that is EXPLICIT already pads more
// Args:    explicit=false: SAME or nothing, for readers that are older than TensorFlow 1.14
// Keeps:   the name of y.   Contract: rounding, 1e-5 of the output's range: other kernels may add up in another order.
// Ends:    every change takes one reader from a Pad.
#include <algorithm>

#include "passes/support/convolutions.h"
#include "passes/support/rewriter.h"

namespace tarn {
namespace {

constexpr int64_t kMostPadding = 1 << 30;

struct Padding {
  std::string name;
  std::vector<int64_t> explicit_paddings;  // of all dims, if that is the name
};

// What the convolution pads once it reads what the Pad reads; nothing if it cannot.
std::optional<Padding> padding_with(Rewriter& rewriter, const Node& conv, const Node& pad) {
  bool is_conv = conv.is("Conv2D");
  if (conv.def == nullptr || !(is_conv || conv.is("DepthwiseConv2dNative"))) return std::nullopt;
  if (pad.is("PadV2") && !is_zero(rewriter.constant(pad.inputs[2]))) return std::nullopt;
  std::optional<std::vector<int64_t>> paddings = integers(rewriter.constant(pad.inputs[1]));
  if (!paddings || paddings->size() != 8) return std::nullopt;
  for (int64_t padding : *paddings) {
    if (padding < 0 || padding > kMostPadding) return std::nullopt;
  }
  std::string name = conv.attrs.get_or<std::string>("padding", "");
  if (name == "EXPLICIT") {
    auto own = conv.attrs.get_or<std::vector<int64_t>>("explicit_paddings", {});
    if (own.size() != 8) return std::nullopt;
    for (size_t i = 0; i < own.size(); ++i) (*paddings)[i] += own[i];
  } else if (name != "VALID") {
    return std::nullopt;
  }
  int height = height_dim(conv);
  for (int d = 0; d < 4; ++d) {
    auto i = static_cast<size_t>(d);
    bool is_position = d == height || d == height + 1;
    if (!is_position && ((*paddings)[2 * i] != 0 || (*paddings)[2 * i + 1] != 0)) return std::nullopt;
  }
  const Shape &image = rewriter.fact(pad.inputs[0]).shape, &filter = rewriter.fact(conv.inputs[1]).shape;
  std::vector<int64_t> strides = four(conv, "strides"), dilations = four(conv, "dilations");
  bool is_same = filter.rank() == 4;
  for (int d = 0; d < 2 && is_same; ++d) {
    auto at = static_cast<size_t>(height + d);
    int64_t size = image.rank() == 4 ? image.dim(height + d) : kUnknownDim, taps = filter.dim(d);
    std::optional<Around> same;
    if (taps > 0) same = same_padding(size, taps, strides[at], dilations[at]);
    is_same = same == Around{(*paddings)[2 * at], (*paddings)[2 * at + 1]};
  }
  bool pads_nothing = std::all_of(paddings->begin(), paddings->end(), [](int64_t padding) { return padding == 0; });
  if (pads_nothing) return Padding{"VALID", {}};
  if (is_same) return Padding{"SAME", {}};
  if (!is_conv || !rewriter.context().args.flag("explicit")) return std::nullopt;
  return Padding{"EXPLICIT", *std::move(paddings)};
}

Status fold(Rewriter& rewriter, NodeId id) {
  const Node& node = rewriter.node(id);
  if (node.def == nullptr || node.inputs.size() != 2 || node.inputs[0].is_none() || rewriter.is_input(id)) return {};
  NodeId pad_id = node.inputs[0].node;
  const Node& pad = rewriter.node(pad_id);
  if (!(pad.is("Pad") || pad.is("PadV2")) || !pad.controls.empty() || rewriter.is_public(pad_id)) return {};
  for (const Use& use : rewriter.graph().uses(pad_id)) {
    bool may_read_more = use.input == 0 && !rewriter.is_input(use.node);
    if (!may_read_more || !padding_with(rewriter, rewriter.node(use.node), pad)) return {};
  }
  std::optional<Padding> padding = padding_with(rewriter, node, pad);
  if (!padding) return {};
  Patch patch = rewriter.patch();
  NodeSpec spec = copy_of(node);
  spec.inputs[0] = pad.inputs[0];
  spec.attrs.set("padding", padding->name);
  if (spec.attrs.find("explicit_paddings") != nullptr || !padding->explicit_paddings.empty()) {
    spec.attrs.set("explicit_paddings", padding->explicit_paddings);
  }
  patch.replace_node(id, patch.add(std::move(spec)));
  return rewriter.commit(patch, id, str_cat("pads ", padding->name, " what ", quoted(pad.name), " padded"));
}

constexpr std::string_view kDoc = R"(A Pad with zeros becomes the padding of the convolution behind it.
  Before:  y = Conv2D|DepthwiseConv2dNative(Pad|PadV2(x, paddings), W) {padding = VALID}
  After:   y = Conv2D|DepthwiseConv2dNative(x, W) {padding = SAME}, or Conv2D {padding = EXPLICIT, explicit_paddings}
  When:    constant paddings, of height and width alone, with zeros; whatever reads the Pad is such a convolution, so
           that it
           goes. SAME where it pads exactly that, which with strides the image's size must tell; else EXPLICIT, for
           Conv2D only
  Keeps:   the name of y.)";
constexpr PassArg kArgs[] = {{.name = "explicit",
                              .kind = PassArg::kFlag,
                              .fallback = "true",
                              .doc = "whether EXPLICIT may be written, which TensorFlow reads from 1.14 on"}};

}  // namespace

extern const PassDef pass_fold_pads;
const PassDef pass_fold_pads = {
    .name = "fold_pads",
    .doc = kDoc,
    .contract = rounding(1e-5),
    .run = [](Graph& graph, PassContext& context) { return rewrite(graph, context, fold); },
    .args = kArgs,
};

}  // namespace tarn
