#include "passes/support/fuse_into_conv.h"

#include <limits>

#include "passes/support/convolutions.h"

namespace tarn {
namespace {

// A node that goes when its one reader does not read it anymore.
bool goes_with(const Rewriter& rewriter, Wire wire, std::string_view op) {
  if (wire.is_none() || wire.slot != 0) return false;
  const Node& node = rewriter.node(wire.node);
  return node.def != nullptr && node.is(op) && node.controls.empty() && rewriter.has_one_user(wire.node);
}

// Paddings as the fused ops take them: int32, of height and width.
std::optional<Tensor> paddings_of(const Rewriter& rewriter, const Node& pad) {
  std::optional<std::vector<int64_t>> values = integers(rewriter.constant(pad.inputs[1]));
  if (!values || values->size() != 8) return std::nullopt;
  std::vector<int32_t> narrow;
  for (int64_t value : *values) {
    if (value < 0 || value > std::numeric_limits<int32_t>::max()) return std::nullopt;
    narrow.push_back(static_cast<int32_t>(value));
  }
  if (narrow[0] != 0 || narrow[1] != 0 || narrow[6] != 0 || narrow[7] != 0) return std::nullopt;
  return Tensor::from<int32_t>(Shape{4, 2}, std::span<const int32_t>(narrow));
}

// Whether the fused kernel's windows begin where Conv2D's do.
bool begins_alike(bool is_same, int64_t size, int64_t window, int64_t stride) {
  // VALID leaves less than a stride unseen; SAME less than what the stride is longer than the window.
  int64_t least_unseen_that_moves = is_same ? 2 : 3;
  int64_t most_unseen = is_same ? stride - window : stride - 1;
  if (most_unseen < least_unseen_that_moves) return true;
  if (size < window) return false;  // unknown, or nothing to see
  int64_t outputs = is_same ? (size + stride - 1) / stride : (size - window) / stride + 1;
  return size - ((outputs - 1) * stride + window) < least_unseen_that_moves;
}

bool may_fuse(const Rewriter& rewriter, const Node& conv, bool any_batch) {
  if (conv.def == nullptr || !conv.is("Conv2D") || height_dim(conv) != 1 || conv.inputs.size() != 2) return false;
  DType dtype = conv.outputs[0].dtype;
  if (dtype != DType::kFloat && dtype != DType::kDouble && dtype != DType::kHalf) return false;
  std::string padding = conv.attrs.get_or<std::string>("padding", "");
  if ((padding != "SAME" && padding != "VALID") || four(conv, "dilations") != std::vector<int64_t>(4, 1)) return false;
  const Shape &image = rewriter.fact(conv.inputs[0]).shape, &filter = rewriter.fact(conv.inputs[1]).shape;
  if (filter.rank() != 4 || rewriter.fact(conv.inputs[1]).is_ref) return false;
  // The fused ops know no groups.
  if (image.rank() != 4 || (image.dim(0) != 1 && !any_batch)) return false;
  if (image.dim(3) == kUnknownDim || image.dim(3) != filter.dim(2)) return false;
  std::vector<int64_t> strides = four(conv, "strides");
  for (int d = 0; d < 2; ++d) {
    int64_t window = filter.dim(d), stride = strides[static_cast<size_t>(d) + 1];
    if (window < 1 || !begins_alike(padding == "SAME", image.dim(d + 1), window, stride)) return false;
  }
  return true;
}

bool may_resize(const Rewriter& rewriter, Wire wire) {
  if (!goes_with(rewriter, wire, "ResizeBilinear")) return false;
  const Node& resize = rewriter.node(wire.node);
  return rewriter.fact(resize.inputs[0]).dtype == DType::kFloat && !rewriter.fact(resize.inputs[0]).is_ref &&
         !resize.attrs.get_or<bool>("half_pixel_centers", false);
}

}  // namespace

Status fuse_into_conv(Rewriter& rewriter, NodeId id, const ConvFusion& wanted) {
  bool any_batch = rewriter.context().args.flag("any_batch");
  if (!rewriter.node(id).is("Conv2D") || rewriter.is_input(id) || !may_fuse(rewriter, rewriter.node(id), any_batch))
    return {};
  const Node conv = rewriter.node(id);
  Wire x = conv.inputs[0];
  std::optional<Tensor> paddings;
  std::string mode = "REFLECT", with;
  if ((wanted.resize_and_pad || wanted.pad) && goes_with(rewriter, x, "MirrorPad")) {
    const Node& pad = rewriter.node(x.node);
    bool is_resized = may_resize(rewriter, pad.inputs[0]);
    if (wanted.pad || (wanted.resize_and_pad && is_resized)) paddings = paddings_of(rewriter, pad);
    if (!paddings) return {};
    mode = pad.attrs.get_or<std::string>("mode", "REFLECT");
    with = pad.name;
    x = pad.inputs[0];
  }
  const Node* resize = nullptr;
  if ((paddings ? wanted.resize_and_pad : wanted.resize) && may_resize(rewriter, x)) {
    resize = &rewriter.node(x.node);
    // In a loop TensorFlow wants constants that wait for its iterations. What reads one that waits for nothing is in
    // none.
    bool is_outside_loops =
        rewriter.constant(conv.inputs[1]) != nullptr || rewriter.constant(resize->inputs[1]) != nullptr;
    if (!paddings && !is_outside_loops) return {};
    if (!paddings) paddings = Tensor::from<int32_t>(Shape{4, 2}, {0, 0, 0, 0, 0, 0, 0, 0});
    with = with.empty() ? resize->name : str_cat(resize->name, "', '", with);
    x = resize->inputs[0];
  }
  if (!paddings) return {};
  Patch patch = rewriter.patch();
  NodeSpec spec{.name = conv.name,
                .op = resize != nullptr ? "FusedResizeAndPadConv2D" : "FusedPadConv2D",
                .inputs = {x},
                .controls = conv.controls,
                .device = conv.device};
  spec.attrs.set("T", conv.outputs[0].dtype);
  spec.attrs.set("mode", mode);
  spec.attrs.set("strides", four(conv, "strides"));
  spec.attrs.set("padding", conv.attrs.get<std::string>("padding"));
  if (resize != nullptr) {
    spec.inputs.push_back(resize->inputs[1]);
    spec.attrs.set("resize_align_corners", resize->attrs.get_or<bool>("align_corners", false));
  }
  spec.inputs.push_back(patch.constant(conv.name + "/paddings", *paddings));
  spec.inputs.push_back(conv.inputs[1]);
  std::string what = str_cat("does what ", quoted(with), " did");
  if (rewriter.fact(conv.inputs[0]).shape.dim(0) != 1)
    str_append(what, "; TensorFlow's kernel is right for one image only");
  patch.replace_node(id, patch.add(std::move(spec)));
  return rewriter.commit(patch, id, what);
}

}  // namespace tarn
