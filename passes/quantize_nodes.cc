// quantize_nodes: float ops that have an 8-bit form compute in 8 bits.
//
// Before:  y = Relu(Conv2D(x, w))
// After:   x -> Min, Max, QuantizeV2 -> QuantizedConv2D -> RequantizationRange, Requantize -> QuantizedRelu ->
//          Dequantize
// When:    Add, AddV2, AvgPool, BiasAdd, Concat, Conv2D, MatMul, MaxPool, Mul, Relu, Relu6, Reshape, ResizeBilinear,
//          if no ignore_op names them; of float values, NHWC, no dim is 0, inputs of at most 5 dims, no input of the
//          graph, no constant behind it that holds an infinity or what is no number, and no range of codes computed with
//          it. A Conv2D has no dilations, and windows that lie as QuantizedConv2D lays them: where they do not fill the
//          image, that one moves them to its middle (SAME: filter >= stride - 1; VALID: stride <= 3). A pooling pools the
//          image alone.
//          Add and Mul of tensors of one shape, or of one and a row that is repeated along its first dims: TensorFlow's
//          QuantizedAdd and QuantizedMul take every smaller tensor for such a row
// Stages:  input_min and input_max: float Placeholders become quint8 ones of that range. A FakeQuantWithMinMaxVars of
//          constant range (8 bits, around 0) behind Relu, Relu6, MaxPool and Identity, up to three, moves in front of
//          them, to the op of 32-bit results that they follow; it becomes the Requantize there. Results of 32 bits
//          are brought to 8 by Requantize: to the range of a FakeQuant behind them, to fallback_min and fallback_max,
//          or to what RequantizationRange finds. What is dequantized just to be quantized again is not. A constant has
//          the codes that quantize_weights gives it, in which 0 is one. QuantizeV2's begin at the minimum, while 8-bit
//          ops count from the code nearest to 0: all weights would be off by up to half a step, the same way
// Math:    QuantizeV2 and Dequantize are MIN_FIRST: q = round((x - min) * 255 / (max - min)). A measured maximum is
//          at least two levels of the 32 bits, since Requantize refuses a range below 0, and the next op one of no
//          width. QuantizedBiasAdd computes in float32, in which its sums may be off by 1/64 of the largest magnitude
// Keeps:   the names of the ops, as Dequantizes; TensorFlow's names for what is new. Dequantizes that nobody reads
//          go.
// Contract: quantizing: each float op's inputs and result are rounded to 255 steps of their range.
// Ends:    a hoisted FakeQuant stands right behind an op of 32-bit results; every other change leaves one float op or
//          FakeQuant less.
// Source:  TensorFlow tools/graph_transforms quantize_nodes. It dropped dilations and data_format, hoisted FakeQuants
//          over any op of one input (a Tanh), took a Conv2D of any stride, and sums that its kernels add up otherwise
//          ([2,1] + [2,3]), made Placeholders of integers quint8, ignored num_bits; and results that were all negative,
//          or all zero, stopped the run with an error.
#include <algorithm>
#include <cmath>
#include <map>

#include "passes/support/quantized_constant.h"
#include "passes/support/rewriter.h"
#include "passes/support/waiting_nodes.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {
    {.name = "input_min", .kind = PassArg::kReal, .fallback = "0", .doc = "of Placeholders that become quint8"},
    {.name = "input_max", .kind = PassArg::kReal, .fallback = "0", .doc = "of Placeholders that become quint8"},
    {.name = "fallback_min", .kind = PassArg::kReal, .fallback = "0", .doc = "of results, in place of measuring them"},
    {.name = "fallback_max", .kind = PassArg::kReal, .fallback = "0", .doc = "of results, in place of measuring them"},
    {.name = "ignore_op", .doc = "an op that stays in float", .is_list = true},
};
constexpr int kMostHoisted = 3;  // TensorFlow's
constexpr int kMostDims = 5;     // TensorFlow 2's QuantizeV2 stops at more
// The largest value in 32 bits through this is two levels, the least that a measured maximum is.
constexpr float kHalfOfLevels = 0x1p30f;

struct Range {
  float min = 0, max = 0;
};

// A float op and its 8-bit form, whose inputs are the codes, then the ranges: a min and a max each, or all mins and
// then all maxs.
struct Form {
  std::string_view op, eight_bit;
  std::string_view wide_type = "";  // the attr of a result of 32 bits; empty: its result has 8
  std::span<const std::string_view> attrs = {};
  int plain_input = -1;  // is no data: a shape, an axis
  bool mins_first = false;
};
constexpr std::string_view kWindow[] = {"ksize", "strides", "padding"};
constexpr std::string_view kConvolution[] = {"strides", "padding"};
constexpr std::string_view kProduct[] = {"transpose_a", "transpose_b"};
constexpr std::string_view kResize[] = {"align_corners", "half_pixel_centers"};
constexpr std::string_view kReshape[] = {"Tshape"};
constexpr std::string_view kConcat[] = {"N"};
constexpr Form kForms[] = {
    {.op = "Add", .eight_bit = "QuantizedAdd", .wide_type = "Toutput"},
    {.op = "AddV2", .eight_bit = "QuantizedAdd", .wide_type = "Toutput"},
    {.op = "AvgPool", .eight_bit = "QuantizedAvgPool", .attrs = kWindow},
    {.op = "BiasAdd", .eight_bit = "QuantizedBiasAdd", .wide_type = "out_type"},
    {.op = "Concat", .eight_bit = "QuantizedConcat", .attrs = kConcat, .plain_input = 0, .mins_first = true},
    {.op = "Conv2D", .eight_bit = "QuantizedConv2D", .wide_type = "out_type", .attrs = kConvolution},
    {.op = "MatMul", .eight_bit = "QuantizedMatMul", .wide_type = "Toutput", .attrs = kProduct},
    {.op = "MaxPool", .eight_bit = "QuantizedMaxPool", .attrs = kWindow},
    {.op = "Mul", .eight_bit = "QuantizedMul", .wide_type = "Toutput"},
    {.op = "Relu", .eight_bit = "QuantizedRelu"},
    {.op = "Relu6", .eight_bit = "QuantizedRelu6"},
    {.op = "Reshape", .eight_bit = "QuantizedReshape", .attrs = kReshape, .plain_input = 1},
    {.op = "ResizeBilinear", .eight_bit = "QuantizedResizeBilinear", .attrs = kResize, .plain_input = 1},
};

const Form* form_of(const Node& node) {
  for (const Form& form : kForms) {
    if (node.is(form.op)) return &form;
  }
  return nullptr;
}

bool is_plain_float(const Fact& fact) {
  if (fact.dtype != DType::kFloat || fact.is_ref) return false;
  for (int d = 0; d < fact.shape.rank(); ++d) {
    if (fact.shape.dim(d) == 0) return false;  // there is no least value of nothing
  }
  return true;
}

using Ints = std::vector<int64_t>;

// Of NHWC: batch and channels alone.
bool leaves_channels_alone(const Ints& window) {
  return window.size() == 4 && window[0] == 1 && window[3] == 1;
}

// Whether QuantizedConv2D lays its windows where Conv2D does: it halves what they reach beyond the image even if that
// is negative, and rounds to zero.
bool lays_windows_alike(const Node& conv, const Shape& filter) {
  Ints strides = conv.attrs.get_or<Ints>("strides", {});
  if (!leaves_channels_alone(strides) || strides[1] != strides[2] || filter.rank() != 4) return false;
  bool is_same = conv.attrs.get_or<std::string>("padding", "") == "SAME";
  for (int d = 0; d < 2; ++d) {
    int64_t stride = strides[static_cast<size_t>(d) + 1];
    // SAME: at least filter - stride;  VALID: at least 1 - stride, and 1 is added before it is halved.
    if (is_same ? stride > 1 && filter.dim(d) < stride - 1 : stride > 3) return false;
  }
  return true;
}

// Whether `row`, whose last `shared` dims are those of `other`, surely is repeated along other's dims before these.
bool is_repeated_along(const Shape& row, const Shape& other, int shared) {
  auto is_one_before = [](const Shape& shape, int end) {
    return std::all_of(shape.dims().begin(), shape.dims().begin() + std::max(0, end), [](int64_t d) { return d == 1; });
  };
  const int next = row.rank() - shared - 1, beside = other.rank() - shared - 1;
  if (!is_one_before(row, next)) return false;
  if (next < 0 || row.dim(next) == 1) return true;
  // That dim of `row` is other's, or 1: then the above holds. Unless it is other's that is 1, of more than a row.
  return beside >= 0 && (other.dim(beside) > 1 || is_one_before(other, beside));
}

// Whether QuantizedAdd and QuantizedMul pair elements as Add and Mul do. TensorFlow's take the smaller tensor for a row
// that is repeated to the end of the larger, also [2, 1] beside [2, 3].
bool pairs_alike(const Shape& a, const Shape& b) {
  auto is_one = [](const Shape& shape) { return shape.is_fully_known() && *shape.element_count() == 1; };
  if (is_one(a) || is_one(b)) return true;
  if (!a.has_rank() || !b.has_rank()) return false;
  int shared = 0;
  while (shared < std::min(a.rank(), b.rank()) && a.dim(-1 - shared) == b.dim(-1 - shared) &&
         a.dim(-1 - shared) != kUnknownDim)
    ++shared;
  return is_repeated_along(a, b, shared) || is_repeated_along(b, a, shared);
}

bool has_eight_bit_form(const Graph& graph, const Node& node) {
  if (node.attrs.get_or<std::string>("data_format", "NHWC") != "NHWC") return false;
  if (node.is("AvgPool") || node.is("MaxPool")) {
    if (!leaves_channels_alone(node.attrs.get_or<Ints>("ksize", {})) ||
        !leaves_channels_alone(node.attrs.get_or<Ints>("strides", {})))
      return false;
  }
  std::string padding = node.attrs.get_or<std::string>("padding", "SAME");
  if (padding != "SAME" && padding != "VALID") return false;
  if (node.is("Add") || node.is("AddV2") || node.is("Mul"))
    return pairs_alike(graph.fact(node.inputs[0]).shape, graph.fact(node.inputs[1]).shape);
  if (!node.is("Conv2D")) return true;
  Ints dilations = node.attrs.get_or<Ints>("dilations", {});
  return std::all_of(dilations.begin(), dilations.end(), [](int64_t d) { return d == 1; }) &&
         lays_windows_alike(node, graph.fact(node.inputs[1]).shape);
}

// Infinities, and what is no number, in a constant: no 256 levels hold what is computed with it.
bool is_finite(const Node& node) {
  if (!node.is("Const") || node.outputs[0].dtype != DType::kFloat) return true;
  std::span<const float> values = node.outputs[0].value.flat<float>();
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

std::vector<bool> computed_with_what_is_not_finite(const Graph& graph) {
  std::vector<bool> reached(static_cast<size_t>(graph.id_limit()), false);
  std::vector<NodeId> stack = graph.ids();
  std::erase_if(stack, [&](NodeId id) { return is_finite(graph.node(id)); });
  while (!stack.empty()) {
    NodeId id = stack.back();
    stack.pop_back();
    if (reached[static_cast<size_t>(id)]) continue;
    reached[static_cast<size_t>(id)] = true;
    for (const Use& use : graph.uses(id)) stack.push_back(use.node);
  }
  return reached;
}

bool has_codes(const Graph& graph, const Node& node) {
  auto is_code = [](DType dtype) {
    return dtype == DType::kQUInt8 || dtype == DType::kQInt8 || dtype == DType::kQUInt16 || dtype == DType::kQInt16 ||
           dtype == DType::kQInt32;
  };
  return std::any_of(node.outputs.begin(), node.outputs.end(), [&](const Fact& f) { return is_code(f.dtype); }) ||
         std::any_of(node.inputs.begin(), node.inputs.end(),
                     [&](Wire w) { return !w.is_none() && is_code(graph.fact(w).dtype); });
}

// What computes the range of codes that are there, other than by measuring it (Min, Max, what an op of codes says):
// rounded to levels of its own, a least value may exceed the largest.
std::vector<bool> computes_a_range(const Graph& graph) {
  std::vector<bool> reached(static_cast<size_t>(graph.id_limit()), false);
  std::vector<NodeId> stack;
  auto push_floats = [&](const Node& node, size_t first) {
    for (size_t i = first; i < node.inputs.size(); ++i) {
      if (!node.inputs[i].is_none() && graph.fact(node.inputs[i]).dtype == DType::kFloat)
        stack.push_back(node.inputs[i].node);
    }
  };
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    if (has_codes(graph, node) || node.op.starts_with("FakeQuantWithMinMaxVars")) push_floats(node, 1);
  }
  while (!stack.empty()) {
    NodeId id = stack.back();
    stack.pop_back();
    const Node& node = graph.node(id);
    bool is_measured = node.is("Min") || node.is("Max") || has_codes(graph, node);
    if (is_measured || reached[static_cast<size_t>(id)]) continue;
    reached[static_cast<size_t>(id)] = true;
    push_floats(node, 0);
  }
  return reached;
}

// "bn:1" -> "bn__port__1", as TensorFlow names what it makes of an input.
std::string input_name(const Graph& graph, Wire wire) {
  std::string name = graph.node(wire.node).name;
  return wire.slot == 0 ? name : str_cat(name, "__port__", wire.slot);
}

Tensor int_vector(int32_t value) {
  return Tensor::vector<int32_t>(std::vector<int32_t>{value});
}

// Codes with their range.
using Codes = QuantizedWires;
Codes outputs_of(Wire node) {
  return {node, {node.node, 1}, {node.node, 2}};
}

class Quantizer {
 public:
  Quantizer(const Graph& graph, WaitingNodes waiting, std::vector<std::string> ignored, std::optional<Range> fallback)
      : waiting_(std::move(waiting)),
        ignored_(std::move(ignored)),
        fallback_(fallback),
        not_finite_(computed_with_what_is_not_finite(graph)),
        range_(computes_a_range(graph)) {}

  // y = FakeQuant(Relu(BiasAdd(x, b)))  ->  y = Relu(FakeQuant(BiasAdd(x, b)))
  Status hoist(Rewriter& r, NodeId id) {
    if (!is_convertible_fake_quant(r, id)) return {};
    const Node& fake = r.node(id);
    std::vector<NodeId> above;  // nearest first
    Wire at = fake.inputs[0];
    while (std::ssize(above) < kMostHoisted && keeps_order(r, at)) {
      above.push_back(at.node);
      at = r.node(at.node).inputs[0];
    }
    if (above.empty() || at.slot != 0 || !is_wide(r, at.node)) return {};
    Patch patch = r.patch();
    auto copy = [&](const Node& node, Wire input, std::string_view suffix) {
      NodeSpec spec = copy_of(node, suffix);
      spec.inputs[0] = input;
      return patch.add(std::move(spec));
    };
    Wire last = copy(fake, at, "_hoisted");
    waiting_.take_place(id, last.node);
    std::vector<std::pair<NodeId, std::string>> names;
    for (size_t i = above.size(); i-- > 0;) {
      const Node& node = r.node(above[i]);
      last = copy(node, last, "/below");
      if (i > 0) names.emplace_back(last.node, node.name);
      waiting_.take_place(id, last.node);
    }
    patch.replace_node(id, last);
    TARN_RETURN_IF_ERROR(r.commit(patch, id, str_cat("its range is taken over ", above.size(), " ops before it")));
    for (const auto& [node, name] : names) TARN_RETURN_IF_ERROR(r.graph().rename(node, name));
    return {};
  }

  Status quantize(Rewriter& r, NodeId id) {
    if (is_convertible_fake_quant(r, id)) return requantize(r, id);
    const Node& node = r.node(id);
    const Form* form = form_of(node);
    if (form == nullptr || !may_quantize(r, id, *form)) return {};
    Patch patch = r.patch();
    NodeSpec spec{.name = node.name + "/eightbit",
                  .op = std::string(form->eight_bit),
                  .controls = node.controls,
                  .device = node.device};
    std::vector<Wire> mins, maxs;
    fresh_.clear();
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      Wire input = node.inputs[i];
      if (static_cast<int>(i) == form->plain_input) {
        spec.inputs.push_back(input);
        continue;
      }
      Codes codes = codes_of(r, patch, node, input);
      spec.inputs.push_back(codes.values);
      mins.push_back(codes.min);
      maxs.push_back(codes.max);
    }
    for (size_t i = 0; i < mins.size() && !form->mins_first; ++i) {
      spec.inputs.push_back(mins[i]);
      spec.inputs.push_back(maxs[i]);
    }
    if (form->mins_first) {
      spec.inputs.insert(spec.inputs.end(), mins.begin(), mins.end());
      spec.inputs.insert(spec.inputs.end(), maxs.begin(), maxs.end());
    }
    for (std::string_view attr : form->attrs) {
      if (const AttrValue* value = node.attrs.find(attr)) spec.attrs.set(attr, *value);
    }
    if (!form->wide_type.empty()) spec.attrs.set(form->wide_type, DType::kQInt32);
    std::string name = spec.name;
    Codes result = outputs_of(patch.add(std::move(spec)));
    if (!form->wide_type.empty()) {
      auto [min, max] = result_range(patch, id, name, result);
      result = requantized(patch, name + "/requantize", result, min, max);
    }
    return finish(r, patch, id, result, str_cat(node.op, " in 8 bits"));
  }

 private:
  bool is_ignored(const Node& node) const {
    return std::find(ignored_.begin(), ignored_.end(), node.op) != ignored_.end();
  }

  bool may_quantize(const Rewriter& r, NodeId id, const Form& form) const {
    const Node& node = r.node(id);
    if (node.def == nullptr || r.is_input(id) || is_ignored(node)) return false;
    // By id: what has such inputs stays the node that it is.
    auto at = static_cast<size_t>(id);
    if (at < not_finite_.size() && (not_finite_[at] || range_[at])) return false;
    if (node.outputs.size() != 1 || !is_plain_float(node.outputs[0]) || finds_a_range(r, id)) return false;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (static_cast<int>(i) == form.plain_input) continue;
      Fact fact = r.fact(node.inputs[i]);
      if (!is_plain_float(fact) || fact.shape.rank() > kMostDims) return false;
    }
    return has_eight_bit_form(r.graph(), node);
  }
  // A Reshape like ours before Min and Max.
  static bool finds_a_range(const Rewriter& r, NodeId id) {
    const std::vector<Use>& uses = r.graph().uses(id);
    return r.node(id).is("Reshape") && !uses.empty() && !r.is_output(id) &&
           std::all_of(uses.begin(), uses.end(),
                       [&](const Use& use) { return r.node(use.node).is("Min") || r.node(use.node).is("Max"); });
  }
  bool is_wide(const Rewriter& r, NodeId id) const {
    const Form* form = form_of(r.node(id));
    return form != nullptr && !form->wide_type.empty() && may_quantize(r, id, *form);
  }

  // Rounding to the codes of a range around 0 and then this is (but for a rounding of Relu6's 6) the same as this
  // first.
  static bool keeps_order(const Rewriter& r, Wire wire) {
    const Node& node = r.node(wire.node);
    bool is_monotonic = node.is("Relu") || node.is("Relu6") || node.is("MaxPool") || node.is("Identity");
    return is_monotonic && node.def != nullptr && wire.slot == 0 && node.controls.empty() && r.has_one_user(wire.node);
  }

  static std::optional<Range> constant_range(const Rewriter& r, Wire min, Wire max) {
    const Tensor *low = r.constant(min), *high = r.constant(max);
    if (low == nullptr || high == nullptr || low->element_count() != 1 || high->element_count() != 1)
      return std::nullopt;
    Range range{low->flat<float>()[0], high->flat<float>()[0]};
    bool is_around_zero = range.min <= 0 && range.max >= 0 && range.min < range.max;
    return is_around_zero && std::isfinite(range.max - range.min) ? std::optional(range) : std::nullopt;
  }
  static bool is_convertible_fake_quant(const Rewriter& r, NodeId id) {
    const Node& node = r.node(id);
    return node.is("FakeQuantWithMinMaxVars") && node.def != nullptr && !r.is_input(id) && node.controls.empty() &&
           is_plain_float(node.outputs[0]) && is_plain_float(r.fact(node.inputs[0])) &&
           node.attrs.get_or<int64_t>("num_bits", 8) == 8 && !node.attrs.get_or<bool>("narrow_range", false) &&
           constant_range(r, node.inputs[1], node.inputs[2]).has_value();
  }

  // The codes that a Dequantize like ours makes floats of.
  static std::optional<Codes> codes_behind(const Rewriter& r, Wire wire) {
    const Node& node = r.node(wire.node);
    if (!node.is("Dequantize") || node.def == nullptr || r.is_input(wire.node) || !node.controls.empty())
      return std::nullopt;
    bool is_like_ours = node.attrs.get_or<std::string>("mode", "MIN_COMBINED") == "MIN_FIRST" &&
                        node.attrs.get_or<int64_t>("axis", -1) == -1 &&
                        !node.attrs.get_or<bool>("narrow_range", false) &&
                        r.fact(node.inputs[0]).dtype == DType::kQUInt8 && node.outputs[0].dtype == DType::kFloat;
    if (!is_like_ours || is_without_width(r, node.inputs[1], node.inputs[2])) return std::nullopt;
    return Codes{node.inputs[0], node.inputs[1], node.inputs[2]};
  }
  // Of one value, which Dequantize takes and 8-bit ops do not.
  static bool is_without_width(const Rewriter& r, Wire min, Wire max) {
    const Tensor *low = r.constant(min), *high = r.constant(max);
    if (min == max) return true;
    return low != nullptr && high != nullptr && low->element_count() == 1 && high->element_count() == 1 &&
           !(low->flat<float>()[0] < high->flat<float>()[0]);
  }

  // A constant beside `input`, and with it in a loop's turn or a branch.
  Wire constant_beside(Patch& patch, Wire input, std::string name, const Tensor& value) const {
    std::vector<NodeId> controls;
    if (waiting_.has(input.node)) controls.push_back(input.node);
    return patch.add({.name = std::move(name),
                      .op = "Const",
                      .attrs = {{"value", value}, {"dtype", value.dtype()}},
                      .controls = std::move(controls)});
  }

  // The codes of an input of `node`: those that it was made from, those that another op reads, or new ones.
  Codes codes_of(const Rewriter& r, Patch& patch, const Node& node, Wire input) {
    if (std::optional<Codes> codes = codes_behind(r, input)) return *codes;
    auto key = std::pair(input.node, input.slot);
    if (auto found = fresh_.find(key); found != fresh_.end()) return found->second;
    if (auto found = quantized_.find(key); found != quantized_.end() && are_of(r, found->second, input))
      return found->second;
    const Tensor* constant = r.constant(input);
    if (std::optional<QuantizedConstant> q = constant ? quantized_constant(*constant) : std::nullopt)
      return fresh_[key] = add_quantized(patch, r.node(input.node).name, *q, {});
    std::string prefix = str_cat(node.name, "_eightbit/", input_name(r.graph(), input));
    Wire flat = patch.add({.name = prefix + "/reshape",
                           .op = "Reshape",
                           .inputs = {input, constant_beside(patch, input, prefix + "/reshape_dims", int_vector(-1))}});
    Wire dims = constant_beside(patch, input, prefix + "/reduction_dims", int_vector(0));
    Wire min = patch.add({.name = prefix + "/min", .op = "Min", .inputs = {flat, dims}});
    Wire max = patch.add({.name = prefix + "/max", .op = "Max", .inputs = {flat, dims}});
    Wire codes = patch.add({.name = prefix + "/quantize",
                            .op = "QuantizeV2",
                            .inputs = {input, min, max},
                            .attrs = {{"T", DType::kQUInt8}, {"mode", "MIN_FIRST"}}});
    return fresh_[key] = outputs_of(codes);
  }
  // Still: they were made in an earlier patch.
  static bool are_of(const Rewriter& r, const Codes& codes, Wire input) {
    for (Wire wire : {codes.values, codes.min, codes.max}) {
      if (!r.graph().is_alive(wire.node)) return false;
    }
    const Node& node = r.node(codes.values.node);
    return node.is("Const") || node.inputs[0] == input;
  }

  static Codes requantized(Patch& patch, std::string name, const Codes& wide, Wire min, Wire max) {
    return outputs_of(patch.add({.name = std::move(name),
                                 .op = "Requantize",
                                 .inputs = {wide.values, wide.min, wide.max, min, max},
                                 .attrs = {{"out_type", DType::kQUInt8}}}));
  }

  // The range that the 32-bit result of the 8-bit op `name` is brought to.
  std::pair<Wire, Wire> result_range(Patch& patch, NodeId id, const std::string& name, const Codes& wide) const {
    std::vector<NodeId> controls;
    if (waiting_.has(id)) controls.push_back(wide.values.node);
    auto constant = [&](std::string_view suffix, float value) {
      return patch.add({.name = name + std::string(suffix),
                        .op = "Const",
                        .attrs = {{"value", Tensor::scalar<float>(value)}, {"dtype", DType::kFloat}},
                        .controls = controls});
    };
    if (fallback_) return {constant("/fallback_min", fallback_->min), constant("/fallback_max", fallback_->max)};
    Wire found = patch.add(
        {.name = name + "/requant_range", .op = "RequantizationRange", .inputs = {wide.values, wide.min, wide.max}});
    Wire levels = constant("/requant_range/half_of_levels", kHalfOfLevels);
    Wire least = patch.add({.name = name + "/requant_range/least_max", .op = "RealDiv", .inputs = {wide.max, levels}});
    Wire max = patch.add({.name = name + "/requant_range/max", .op = "Maximum", .inputs = {{found.node, 1}, least}});
    return {found, max};
  }

  // A FakeQuant becomes the Requantize of the op before it, in place of that one's own, or one of its own.
  Status requantize(Rewriter& r, NodeId id) {
    const Node& fake = r.node(id);
    Patch patch = r.patch();
    std::string prefix = fake.name + "_eightbit";
    std::optional<Codes> wide = wide_behind(r, fake.inputs[0]);
    if (!wide) {
      wide = outputs_of(patch.add({.name = prefix + "/quantize",
                                   .op = "QuantizeV2",
                                   .inputs = fake.inputs,
                                   .attrs = {{"T", DType::kQInt32}, {"mode", "MIN_FIRST"}},
                                   .device = fake.device}));
    }
    Codes codes = requantized(patch, prefix + "/requantize", *wide, fake.inputs[1], fake.inputs[2]);
    return finish(r, patch, id, codes, "its range is that of a Requantize");
  }

  // The 32-bit result of which `input` is made by a Requantize and a Dequantize.
  static std::optional<Codes> wide_behind(const Rewriter& r, Wire input) {
    std::optional<Codes> codes = codes_behind(r, input);
    if (!codes) return std::nullopt;
    const Node& narrow = r.node(codes->values.node);
    NodeId id = codes->values.node;
    bool is_whole = codes->values == Wire{id, 0} && codes->min == Wire{id, 1} && codes->max == Wire{id, 2};
    if (!narrow.is("Requantize") || !is_whole || !narrow.controls.empty() || r.is_input(id)) return std::nullopt;
    return Codes{narrow.inputs[0], narrow.inputs[1], narrow.inputs[2]};
  }

  // `codes` as floats under the name of `id`.
  Status finish(Rewriter& r, Patch& patch, NodeId id, const Codes& codes, std::string_view what) {
    Wire floats = patch.add({.name = r.node(id).name + "/dequantized",
                             .op = "Dequantize",
                             .inputs = {codes.values, codes.min, codes.max},
                             .attrs = {{"mode", "MIN_FIRST"}}});
    patch.replace_node(id, floats);
    TARN_RETURN_IF_ERROR(r.commit(patch, id, what));
    waiting_.take_place(id, floats.node);
    for (const auto& [input, made] : fresh_) quantized_[input] = made;
    fresh_.clear();
    return {};
  }

  WaitingNodes waiting_;
  std::vector<std::string> ignored_;
  std::optional<Range> fallback_;
  std::vector<bool> not_finite_, range_;
  // The codes made of a wire: by this patch, and by those before.
  std::map<std::pair<NodeId, int>, Codes> fresh_, quantized_;
};

// nullopt if neither is given. Errors: one without the other, no range around 0.
Result<std::optional<Range>> range_given(const PassArgs& args, std::string_view what) {
  std::string low = str_cat(what, "_min"), high = str_cat(what, "_max");
  if (!args.has(low) && !args.has(high)) return std::optional<Range>();
  if (!args.has(low) || !args.has(high))
    return invalid_argument("quantize_nodes: ", low, " and ", high, " go together; only ", args.has(low) ? low : high,
                            " is given");
  Range range{static_cast<float>(args.real(low)), static_cast<float>(args.real(high))};
  bool is_range = range.min <= 0 && range.max >= 0 && range.min < range.max && std::isfinite(range.max - range.min);
  if (!is_range)
    return invalid_argument("quantize_nodes: ", low, " ", range.min, " and ", high, " ", range.max,
                            " are no range that holds 0");
  return std::optional(range);
}

// Bytes are fed now, which stand for floats of this range.
Status quantize_placeholders(Graph& graph, PassContext& context, const Range& range) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> outputs, context.find(graph, context.outputs));
  for (NodeId id : graph.ids()) {
    if (context.changes >= context.most_changes) return {};
    const Node& node = graph.node(id);
    bool is_output = std::find(outputs.begin(), outputs.end(), id) != outputs.end();
    if (!node.is("Placeholder") || node.outputs[0].dtype != DType::kFloat || is_output) continue;
    const std::string name = node.name;
    Patch patch(graph);
    NodeSpec spec{.name = name + "/bytes",
                  .op = "Placeholder",
                  .attrs = node.attrs,
                  .controls = node.controls,
                  .device = node.device};
    spec.attrs.set("dtype", DType::kQUInt8);
    Wire bytes = patch.add(std::move(spec));
    Wire min = patch.constant(name + "_eightbit/min", Tensor::scalar<float>(range.min));
    Wire max = patch.constant(name + "_eightbit/max", Tensor::scalar<float>(range.max));
    Wire floats = patch.add({.name = name + "_eightbit/dequantize",
                             .op = "Dequantize",
                             .inputs = {bytes, min, max},
                             .attrs = {{"mode", "MIN_FIRST"}}});
    patch.replace({id, 0}, floats);
    TARN_RETURN_IF_ERROR(patch.commit());
    graph.replace_control_uses(id, bytes.node);
    graph.remove(id);
    TARN_RETURN_IF_ERROR(graph.rename(bytes.node, name));
    context.changed(name, str_cat("takes quint8 for ", range.min, " to ", range.max));
    context.promise(as_told());  // what is fed is something else
  }
  return {};
}

Status quantize_nodes(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(std::optional<Range> input, range_given(context.args, "input"));
  TARN_ASSIGN_OR_RETURN(std::optional<Range> fallback, range_given(context.args, "fallback"));
  if (input) TARN_RETURN_IF_ERROR(quantize_placeholders(graph, context, *input));
  TARN_ASSIGN_OR_RETURN(WaitingNodes waiting, WaitingNodes::of(graph));
  Quantizer quantizer(graph, std::move(waiting), context.args.list("ignore_op"), fallback);
  TARN_RETURN_IF_ERROR(rewrite(graph, context, [&](Rewriter& r, NodeId id) { return quantizer.hoist(r, id); }));
  return rewrite(graph, context, [&](Rewriter& r, NodeId id) { return quantizer.quantize(r, id); });
}

constexpr std::string_view kDoc = R"(Float ops that have an 8-bit form compute in 8 bits.
  Before:  y = Relu(Conv2D(x, w))
  After:   x -> Min, Max, QuantizeV2 -> QuantizedConv2D -> RequantizationRange, Requantize -> QuantizedRelu ->
           Dequantize
  When:    Add, AddV2, AvgPool, BiasAdd, Concat, Conv2D, MatMul, MaxPool, Mul, Relu, Relu6, Reshape, ResizeBilinear,
           if no ignore_op names them; of float values, NHWC, no dim is 0, inputs of at most 5 dims, no input of the
           graph, no constant behind it that holds an infinity or what is no number, and no range of codes computed
           with it. A Conv2D has no dilations, and windows that lie as QuantizedConv2D lays them (SAME: filter >=
           stride - 1; VALID: stride <= 3). Add and Mul of one shape, of one number, or of a row that is repeated along
           the other's first dims
  Stages:  input_min and input_max: float Placeholders become quint8 ones of that range.
           A FakeQuantWithMinMaxVars of constant range behind Relu, Relu6, MaxPool and Identity, up to three, moves
           in front of them, to the op of 32-bit results that they follow; it becomes the Requantize there. Results
           of 32 bits are brought to 8 by Requantize: to the range of a FakeQuant behind them, to fallback_min and
           fallback_max, or to what RequantizationRange finds. What is dequantized just to be quantized again is not.
           A constant has the codes that quantize_weights gives it
  Math:    MIN_FIRST: q = round((x - min) * 255 / (max - min))
  Keeps:   the names of the ops, as Dequantizes.
  Refused: when it runs, a value without elements (a batch of 0): it has no range, as in TensorFlow.
  TensorFlow's: dropped dilations and data_format; hoisted FakeQuants over any op of one input; took a Conv2D of any
           stride, and [2,1] + [2,3] for a row and a matrix; measured constants in every run; made Placeholders of
           integers quint8; results that were all negative, or all zero, stopped the run.)";

}  // namespace

extern const PassDef pass_quantize_nodes;
const PassDef pass_quantize_nodes = {
    .name = "quantize_nodes",
    .doc = kDoc,
    .contract = quantizing(1.0 / 255),  // half a step each way
    .run = quantize_nodes,
    .args = kArgs,
};

}  // namespace tarn
