// flatten_atrous_conv: a convolution between SpaceToBatchND and BatchToSpaceND becomes one with dilations.
//
// Before:  y = BatchToSpaceND(Conv2D|DepthwiseConv2dNative(SpaceToBatchND(x, block, paddings), W), block, crops)
// After:   y = Conv2D|DepthwiseConv2dNative(x, W) {dilations = block, padding = SAME or VALID}
// When:    constant block (height and width), paddings and crops; NHWC; strides and dilations of 1; the convolution has
//          this one reader; what is padded and not cropped is, on both sides, what SAME or VALID pads
// Math:    xpad(c0 + i + j r) for output i and tap j, with r the block: the taps of a dilated convolution that pads
//          p0 - c0 before and p1 - c1 after. SAME within the blocks pads r times as much around them. SAME of a dilated
//          window of k taps, stride 1, pads (k - 1) r, the smaller half before
// Args:    upsample_filters=true: TensorFlow's form, for readers without dilations: zeros between the taps, dilations 1
// Keeps:   the name of y.   Contract: rounding, 1e-5 of the output's range: the sums may run in another order.
// Ends:    every change removes a BatchToSpaceND.
// TensorFlow's: upsampled the filter and took SAME for granted, whatever was padded and cropped.
#include <algorithm>

#include "passes/support/convolutions.h"
#include "passes/support/rewriter.h"

namespace tarn {
namespace {

constexpr int64_t kMostBlock = 1 << 16, kMostPadding = 1 << 30;
constexpr int64_t kMostFilterElements = 1 << 28;

struct Atrous {
  NodeId conv = -1;
  Wire x;
  int64_t block[2] = {};
  std::string padding;
};

bool within(const std::vector<int64_t>& values, size_t count, int64_t least, int64_t most) {
  return values.size() == count &&
         std::all_of(values.begin(), values.end(), [&](int64_t v) { return v >= least && v <= most; });
}

// SAME or VALID; nothing where it is neither.
std::optional<std::string> padding_of(const Rewriter& rewriter, const Node& conv, const std::vector<int64_t>& block,
                                      const std::vector<int64_t>& paddings, const std::vector<int64_t>& crops) {
  const Shape& filter = rewriter.fact(conv.inputs[1]).shape;
  std::string inner = conv.attrs.get_or<std::string>("padding", "");
  if (filter.rank() != 4 || (inner != "SAME" && inner != "VALID")) return std::nullopt;
  bool is_same = true, is_valid = true;
  for (int d = 0; d < 2; ++d) {
    auto i = static_cast<size_t>(d);
    int64_t taps = filter.dim(d);
    if (taps < 1 || taps > kMostBlock) return std::nullopt;
    Around around{paddings[2 * i] - crops[2 * i], paddings[2 * i + 1] - crops[2 * i + 1]};
    if (inner == "SAME") {
      Around within_block = *same_padding(kUnknownDim, taps, 1, 1);
      around.before += within_block.before * block[i];
      around.after += within_block.after * block[i];
    }
    is_same = is_same && around == *same_padding(kUnknownDim, taps, 1, block[i]);
    is_valid = is_valid && around == Around{};
  }
  if (is_valid) return "VALID";
  return is_same ? std::optional<std::string>("SAME") : std::nullopt;
}

std::optional<Atrous> find(const Rewriter& rewriter, NodeId id) {
  const Node& spread = rewriter.node(id);
  if (!spread.is("BatchToSpaceND") || rewriter.is_input(id)) return std::nullopt;
  Wire product = spread.inputs[0];
  const Node& conv = rewriter.node(product.node);
  if (conv.def == nullptr || !(conv.is("Conv2D") || conv.is("DepthwiseConv2dNative"))) return std::nullopt;
  if (!rewriter.has_one_user(product.node) || height_dim(conv) != 1) return std::nullopt;
  const std::vector<int64_t> ones(4, 1);
  if (four(conv, "strides") != ones || four(conv, "dilations") != ones) return std::nullopt;
  Wire batched = conv.inputs[0];
  const Node& gather = rewriter.node(batched.node);
  if (!gather.is("SpaceToBatchND") || rewriter.is_input(batched.node) || !gather.controls.empty()) return std::nullopt;
  auto block = integers(rewriter.constant(spread.inputs[1]));
  auto crops = integers(rewriter.constant(spread.inputs[2]));
  auto first_block = integers(rewriter.constant(gather.inputs[1]));
  auto paddings = integers(rewriter.constant(gather.inputs[2]));
  if (!block || !crops || !paddings || block != first_block) return std::nullopt;
  if (!within(*block, 2, 1, kMostBlock) || !within(*crops, 4, 0, kMostPadding) ||
      !within(*paddings, 4, 0, kMostPadding))
    return std::nullopt;
  std::optional<std::string> padding = padding_of(rewriter, conv, *block, *paddings, *crops);
  if (!padding) return std::nullopt;
  // Blocks may give no output where the dilated window does not fit.
  const Shape &image = rewriter.fact(gather.inputs[0]).shape, &filter = rewriter.fact(conv.inputs[1]).shape;
  for (int d = 0; d < 2 && *padding == "VALID" && image.rank() == 4; ++d) {
    int64_t reach = (filter.dim(d) - 1) * (*block)[static_cast<size_t>(d)];
    if (image.dim(d + 1) != kUnknownDim && image.dim(d + 1) <= reach) return std::nullopt;
  }
  return Atrous{product.node, gather.inputs[0], {(*block)[0], (*block)[1]}, *padding};
}

// Zeros between the taps.
std::optional<Tensor> upsampled(const Tensor& filter, const int64_t (&block)[2]) {
  const Shape& shape = filter.shape();
  int64_t height = (shape[0] - 1) * block[0] + 1, width = (shape[1] - 1) * block[1] + 1;
  int64_t inner = shape[2] * shape[3];
  if (filter.dtype() == DType::kString || height > kMostFilterElements / width ||
      height * width > kMostFilterElements / std::max<int64_t>(1, inner))
    return std::nullopt;
  Result<Tensor> result = Tensor::zeros(filter.dtype(), Shape{height, width, shape[2], shape[3]});
  if (!result.ok()) return std::nullopt;
  size_t tap_bytes = static_cast<size_t>(inner) * dtype_size(filter.dtype());
  const char* from = static_cast<const char*>(filter.data());
  char* to = static_cast<char*>(result->mutable_data());
  for (int64_t i = 0; i < shape[0] && tap_bytes > 0; ++i) {
    for (int64_t j = 0; j < shape[1]; ++j, from += tap_bytes) {
      std::copy_n(from, tap_bytes, to + static_cast<size_t>(i * block[0] * width + j * block[1]) * tap_bytes);
    }
  }
  return *std::move(result);
}

Status flatten(Rewriter& rewriter, NodeId id) {
  std::optional<Atrous> found = find(rewriter, id);
  if (!found) return {};
  const Node spread = rewriter.node(id), conv = rewriter.node(found->conv);
  Patch patch = rewriter.patch();
  NodeSpec spec = copy_of(conv);
  spec.inputs[0] = found->x;
  spec.controls.insert(spec.controls.end(), spread.controls.begin(), spread.controls.end());
  spec.attrs.set("padding", found->padding);
  if (rewriter.context().args.flag("upsample_filters")) {
    const Tensor* filter = rewriter.constant(conv.inputs[1]);
    std::optional<Tensor> larger = filter == nullptr ? std::nullopt : upsampled(*filter, found->block);
    if (!larger) return {};
    spec.inputs[1] = patch.constant(conv.name + "/upsampled_filter", *larger);
  } else {
    spec.attrs.set("dilations", std::vector<int64_t>{1, found->block[0], found->block[1], 1});
  }
  patch.replace_node(id, patch.add(std::move(spec)));
  return rewriter.commit(patch, id,
                         str_cat("is ", quoted(conv.name), " with a rate of ", found->block[0], " by ", found->block[1],
                                 ", ", found->padding));
}

constexpr std::string_view kDoc = R"(A convolution between SpaceToBatchND and BatchToSpaceND becomes one with dilations.
  Before:  y = BatchToSpaceND(Conv2D|DepthwiseConv2dNative(SpaceToBatchND(x, block, paddings), W), block, crops)
  After:   y = Conv2D|DepthwiseConv2dNative(x, W) {dilations = block, padding = SAME or VALID}
  When:    constant block (height and width), paddings and crops; NHWC; strides and dilations of 1; the convolution
           has this
           one reader; what is padded and not cropped is, on both sides, what SAME or VALID pads
  Math:    a block r turns taps side by side into taps r apart; padding is paddings - crops. With upsample_filters
           zeros stand
           between the taps and dilations are 1
  Keeps:   the name of y.)";
constexpr PassArg kArgs[] = {
    {.name = "upsample_filters",
     .kind = PassArg::kFlag,
     .fallback = "false",
     .doc = "TensorFlow's form: zeros between the taps of a constant filter, for readers without dilations"}};

}  // namespace

extern const PassDef pass_flatten_atrous_conv;
const PassDef pass_flatten_atrous_conv = {
    .name = "flatten_atrous_conv",
    .doc = kDoc,
    .contract = rounding(1e-5),
    .run = [](Graph& graph, PassContext& context) { return rewrite(graph, context, flatten); },
    .args = kArgs,
};

}  // namespace tarn
