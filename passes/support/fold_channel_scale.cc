#include "passes/support/fold_channel_scale.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "passes/support/channel_scale.h"
#include "passes/support/convolutions.h"

namespace tarn {
namespace {

constexpr int kStepWeight = 2, kBiasWeight = 1;
// Chains are short; what is longer is folded in parts.
constexpr int kMostSteps = 32;
// A normalization before a product is taken apart into x * s and t, which cancel where x is close to its mean: of t
// about 100 times the result's deviation, float32 keeps five digits.
constexpr double kMostShift = 100;

enum class Through { kNo, kAll, kScaleOnly };

bool keeps_last_dim(const Rewriter& rewriter, const Node& node) {
  const Shape &in = rewriter.fact(node.inputs[0]).shape, &out = node.outputs[0].shape;
  return in.rank() >= 1 && out.rank() >= 1 && in.dim(-1) > 0 && in.dim(-1) == out.dim(-1);
}

int channel_axis(ChannelDim dim, int rank) {
  return dim == ChannelDim::kLast ? rank - 1 : 1;
}

bool is_concat(const Node& node) {
  return node.is("Concat") || node.is("ConcatV2");
}

// The values of a Concat, [first, last) of its inputs.
std::pair<size_t, size_t> concat_values(const Node& node) {
  return node.is("Concat") ? std::pair<size_t, size_t>(1, node.inputs.size())
                           : std::pair<size_t, size_t>(0, node.inputs.size() - 1);
}

// Pads no channels, and with zeros.
bool pads_positions(const Rewriter& rewriter, const Node& node, ChannelDim dim) {
  if (node.is("PadV2") && !is_zero(rewriter.constant(node.inputs[2]))) return false;
  std::optional<std::vector<int64_t>> paddings = integers(rewriter.constant(node.inputs[1]));
  if (!paddings || paddings->size() < 4) return false;
  auto axis = static_cast<size_t>(channel_axis(dim, static_cast<int>(paddings->size() / 2)));
  return (*paddings)[2 * axis] == 0 && (*paddings)[2 * axis + 1] == 0;
}

bool joins_channels(const Rewriter& rewriter, const Node& node, ChannelDim dim) {
  auto axis = integers(rewriter.constant(node.inputs[node.is("Concat") ? 0 : node.inputs.size() - 1]));
  int rank = node.outputs[0].shape.rank();
  if (!axis || axis->size() != 1 || rank < 2) return false;
  return (axis->front() < 0 ? axis->front() + rank : axis->front()) == channel_axis(dim, rank);
}

// What a node between product and step does to channels.
Through through(const Rewriter& rewriter, const Node& node, ChannelDim dim) {
  if (node.def == nullptr || node.outputs.size() != 1 || !node.controls.empty()) return Through::kNo;
  bool is_last = dim == ChannelDim::kLast;
  if (node.is("Identity")) return node.outputs[0].is_ref ? Through::kNo : Through::kAll;
  if (node.is("Reshape") || node.is("ExpandDims") || node.is("Squeeze")) {
    return is_last && keeps_last_dim(rewriter, node) ? Through::kAll : Through::kNo;
  }
  if (node.is("BatchToSpaceND")) {
    const Shape &block = rewriter.fact(node.inputs[1]).shape, &image = rewriter.fact(node.inputs[0]).shape;
    bool apart = block.rank() == 1 && block.dim(0) > 0 && image.has_rank() && block.dim(0) < image.rank() - 1;
    return is_last && apart ? Through::kAll : Through::kNo;
  }
  if (node.is("Pad") || node.is("PadV2")) {
    return pads_positions(rewriter, node, dim) ? Through::kScaleOnly : Through::kNo;
  }
  if (is_concat(node)) return joins_channels(rewriter, node, dim) ? Through::kScaleOnly : Through::kNo;
  return Through::kNo;
}

bool may_be_between(const Node& node) {
  constexpr std::string_view kOps[] = {"Identity", "Reshape", "ExpandDims", "Squeeze", "BatchToSpaceND",
                                       "Pad",      "PadV2",   "Concat",     "ConcatV2"};
  return node.def != nullptr && std::find(std::begin(kOps), std::end(kOps), node.op) != std::end(kOps);
}

NodeSpec bias_add(std::string name, Wire value, Wire bias, ChannelDim dim, std::string device) {
  NodeSpec spec{.name = std::move(name), .op = "BiasAdd", .inputs = {value, bias}, .device = std::move(device)};
  if (dim == ChannelDim::kSecond) spec.attrs.set("data_format", std::string("NCHW"));
  return spec;
}

// --- after a product
// --------------------------------------------------------------------------------------------------------

class FoldAfter {
 public:
  FoldAfter(Rewriter& rewriter, NodeId root, const ChannelFolding& options)
      : rewriter_(rewriter), options_(options), root_(root) {}

  // True if something was folded.
  Result<bool> run() {
    const Node& root = rewriter_.node(root_);
    if (rewriter_.is_input(root_) || rewriter_.uses_other_outputs(root_)) return false;
    if (options_.only_batch_norms && !is_fused_batch_norm(root)) return false;
    std::optional<int64_t> channels = find_product();
    if (!channels || !judge({root_, 0}, *channels, {}) || new_weight_ >= old_weight_) return false;
    TARN_RETURN_IF_ERROR(build());
    return true;
  }

 private:
  // A node in the order of the new graph. A step is gone there, and what reads it reads its input; a product and what
  // stands between is made anew, if it changes; then comes the BiasAdd.
  struct Piece {
    NodeId node;
    Wire step_input = {};
    bool is_new = false;
    Tensor weights = {}, bias = {};
  };

  // The first product upwards tells where channels are. Returns how many reach the root.
  std::optional<int64_t> find_product() {
    Wire at = {root_, 0};
    NodeId joined = -1;  // the Concat nearest the root
    for (int i = 0; i < kMostSteps; ++i) {
      const Node& node = rewriter_.node(at.node);
      if (std::optional<Product> product = product_of(rewriter_, at.node)) {
        dim_ = product->dim;
        nearest_ = node.name;
        if (joined < 0) return product->outputs.count;
        const Shape& shape = rewriter_.fact({joined, 0}).shape;
        if (shape.rank() < 2) return std::nullopt;
        int64_t channels = shape.dim(channel_axis(dim_, shape.rank()));
        return channels > 0 ? std::optional(channels) : std::nullopt;
      }
      Wire next = channel_step_input(rewriter_, at.node);
      if (next.is_none() && may_be_between(node)) {
        if (is_concat(node) && joined < 0) joined = at.node;
        next = node.inputs[is_concat(node) ? concat_values(node).first : 0];
      }
      if (next.is_none() || next.slot != 0) return std::nullopt;
      at = next;
    }
    return std::nullopt;
  }

  // What `wire` gives is to become that times and plus `values`: plans it, producers first. False if it cannot be.
  bool judge(Wire wire, int64_t channels, const ChannelValues& values, int depth = 0) {
    if (wire.slot != 0 || depth > kMostSteps) return false;
    const NodeId id = wire.node;
    const Node& node = rewriter_.node(id);
    bool may_change = id == root_ || rewriter_.has_one_user(id);
    if (may_change && (id == root_ || node.controls.empty())) {
      std::optional<ChannelStep> step = channel_step(rewriter_, id, dim_, channels);
      if (step && options_.only_batch_norms && !step->is_batch_norm && !step->is_bias) return false;
      if (step) {
        old_weight_ += step->is_bias ? kBiasWeight : kStepWeight;
        if (!judge(step->input, channels, step->values.then(values), depth + 1)) return false;
        pieces_.push_back({.node = id, .step_input = step->input});
        return true;
      }
    }
    std::optional<Product> product = product_of(rewriter_, id);
    Through passes = product ? Through::kNo : through(rewriter_, node, dim_);
    if (product && (product->dim != dim_ || product->outputs.count != channels)) return false;
    if (!product && passes == Through::kNo) return false;
    Piece piece{.node = id};
    ChannelValues here{{}, values.shift};
    if (passes == Through::kAll) {
      if (!may_change || !judge(node.inputs[0], channels, values, depth + 1)) return false;
      here.shift.clear();
      piece.is_new = true;
    } else if (!values.scale.empty()) {
      if (!may_change) return false;
      if (product) {
        std::optional<Tensor> weights = scaled_weights(*product, product->outputs, values.scale);
        if (!weights) return false;
        piece.weights = *std::move(weights);
      } else if (!judge_inputs(node, channels, values, depth)) {
        return false;
      }
      piece.is_new = true;
    }
    // A shift by zeros is none, where something else takes the place of the step.
    bool drops_zeros = piece.is_new && !here.shifts();
    if (!here.shift.empty() && !drops_zeros) {
      std::optional<Tensor> bias = channel_vector(node.outputs[0].dtype, here.shift);
      if (!bias) return false;
      piece.bias = *std::move(bias);
      new_weight_ += kBiasWeight;
    }
    if (product) products_.push_back(node.name);
    pieces_.push_back(std::move(piece));
    return true;
  }

  // The scale through a Pad, or to the parts of a Concat.
  bool judge_inputs(const Node& node, int64_t channels, const ChannelValues& values, int depth) {
    ChannelValues scale{values.scale, {}};
    if (!is_concat(node)) return judge(node.inputs[0], channels, scale, depth + 1);
    auto [first, last] = concat_values(node);
    int64_t done = 0;
    std::set<NodeId> parts;
    for (size_t i = first; i < last; ++i) {
      const Shape& shape = rewriter_.fact(node.inputs[i]).shape;
      if (shape.rank() < 2 || !parts.insert(node.inputs[i].node).second) return false;
      int64_t count = shape.dim(channel_axis(dim_, shape.rank()));
      if (count < 1 || count > channels - done) return false;
      ChannelValues part = scale.slice(static_cast<size_t>(done), static_cast<size_t>(count));
      if (!judge(node.inputs[i], count, part, depth + 1)) return false;
      done += count;
    }
    return done == channels;
  }

  Status build() {
    const Node root = rewriter_.node(root_);
    Patch patch = rewriter_.patch();
    std::map<NodeId, Wire> made;
    auto now = [&](Wire wire) { return made.contains(wire.node) ? made[wire.node] : wire; };
    std::vector<std::pair<NodeId, std::string>> names;  // of new nodes: those of the old
    size_t last = pieces_.size();
    while (last > 0 && !pieces_[last - 1].step_input.is_none()) --last;
    for (size_t i = 0; i < pieces_.size(); ++i) {
      const Piece& piece = pieces_[i];
      const Node& node = rewriter_.node(piece.node);
      bool is_last = i + 1 == last;
      if (!piece.step_input.is_none()) {
        made[piece.node] = now(piece.step_input);
        continue;
      }
      Wire value = {piece.node, 0};
      if (piece.is_new) {
        NodeSpec spec = copy_of(node);
        for (Wire& input : spec.inputs) input = input.slot == 0 ? now(input) : input;
        if (piece.weights.is_valid()) spec.inputs[1] = patch.constant(node.name + "/folded_weights", piece.weights);
        if (is_last && !piece.bias.is_valid())
          spec.controls.insert(spec.controls.end(), root.controls.begin(), root.controls.end());
        value = patch.add(std::move(spec));
        names.emplace_back(value.node, node.name);
      }
      if (piece.bias.is_valid()) {
        Wire bias = patch.constant(root.name + "/folded_bias", piece.bias);
        NodeSpec spec = bias_add((is_last ? root.name : node.name) + "/bias", value, bias, dim_, root.device);
        if (is_last) spec.controls = root.controls;
        value = patch.add(std::move(spec));
      }
      made[piece.node] = value;
    }
    Wire final = made[root_];
    patch.replace_node(root_, final);
    std::string what = is_fused_batch_norm(root) ? "batch norm" : root.op;
    if (products_.empty()) products_.push_back(nearest_);
    TARN_RETURN_IF_ERROR(
        rewriter_.commit(patch, root_, str_cat(what, " folded into ", quoted(str_join(products_, "', '")))));
    // Whoever looks for "conv1/Conv2D" finds it.
    Graph& graph = rewriter_.graph();
    for (const auto& [id, name] : names) {
      if (id != final.node && !graph.find(name)) TARN_RETURN_IF_ERROR(graph.rename(id, name));
    }
    return {};
  }

  Rewriter& rewriter_;
  const ChannelFolding& options_;
  NodeId root_;
  ChannelDim dim_ = ChannelDim::kLast;
  std::vector<Piece> pieces_;
  std::string nearest_;  // product
  std::vector<std::string> products_;
  int old_weight_ = 0, new_weight_ = 0;
};

// The longest chain that begins here is folded at once, so that weights are rounded once.
Result<bool> fold_after(Rewriter& rewriter, NodeId id, const ChannelFolding& options) {
  if (channel_step_input(rewriter, id).is_none()) return false;
  std::vector<NodeId> roots = {id};
  NodeId at = id;
  for (int i = 0; i < kMostSteps && rewriter.has_one_user(at); ++i) {
    const Use use = rewriter.graph().uses(at)[0];
    const Node& user = rewriter.node(use.node);
    bool is_step = channel_step_input(rewriter, use.node) == Wire{at, 0};
    if (use.slot != 0 || (!is_step && !(may_be_between(user) && use.input == 0))) break;
    at = use.node;
    if (is_step) roots.push_back(at);
  }
  for (size_t i = roots.size(); i-- > 0;) {
    TARN_ASSIGN_OR_RETURN(bool folded, FoldAfter(rewriter, roots[i], options).run());
    if (folded) return true;
  }
  return false;
}

// --- before a product
// -------------------------------------------------------------------------------------------------------

Status fold_before(Rewriter& rewriter, const Product& product) {
  const Node node = rewriter.node(product.node);
  if (!product.can_scale_inputs || rewriter.is_input(product.node)) return {};
  Wire x = node.inputs[static_cast<size_t>(product.data_input)];
  ChannelValues values;
  std::vector<std::string> steps;
  int old_weight = 0;
  while (x.slot == 0 && rewriter.has_one_user(x.node) && rewriter.node(x.node).controls.empty() &&
         old_weight < kMostSteps) {
    std::optional<ChannelStep> step = channel_step(rewriter, x.node, product.dim, product.inputs.count);
    if (!step) break;
    values = step->values.then(values);
    old_weight += step->is_bias ? kBiasWeight : kStepWeight;
    steps.push_back(rewriter.node(x.node).name);
    x = step->input;
  }
  bool shifts = values.shifts();
  if (old_weight <= (shifts ? kBiasWeight : 0) || (shifts && !product.can_shift_inputs)) return {};
  bool is_far =
      std::any_of(values.shift.begin(), values.shift.end(), [](double t) { return std::abs(t) > kMostShift; });
  if (is_far && !values.scale.empty()) return {};
  std::optional<Tensor> weights, bias;
  if (!values.scale.empty()) {
    weights = scaled_weights(product, product.inputs, values.scale);
    if (!weights) return {};
  }
  if (shifts) {
    bias = channel_vector(node.outputs[0].dtype, shift_of_outputs(product, values.shift));
    if (!bias) return {};
  }
  Patch patch = rewriter.patch();
  NodeSpec spec = copy_of(node);
  if (bias) spec.name = node.name + "/product";
  spec.inputs[static_cast<size_t>(product.data_input)] = x;
  if (weights) spec.inputs[1] = patch.constant(node.name + "/folded_weights", *weights);
  Wire y = patch.add(std::move(spec));
  if (bias) {
    Wire added = patch.constant(node.name + "/folded_bias", *bias);
    y = patch.add(bias_add(node.name + "/bias", y, added, product.dim, node.device));
  }
  patch.replace_node(product.node, y);
  return rewriter.commit(patch, product.node,
                         str_cat("takes ", quoted(str_join(steps, "', '")), ", which stood before it"));
}

}  // namespace

Status fold_channel_scale(Rewriter& rewriter, NodeId id, const ChannelFolding& options) {
  if (std::optional<Product> product = product_of(rewriter, id)) {
    return options.only_batch_norms ? Status() : fold_before(rewriter, *product);
  }
  return fold_after(rewriter, id, options).status();
}

}  // namespace tarn
