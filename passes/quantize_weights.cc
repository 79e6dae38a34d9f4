// quantize_weights: float weights become 8-bit constants that are dequantized as the graph loads.
//
// Before:  w = Const(float)
// After:   w = Dequantize(w_quantized_const: quint8, w_quantized_min, w_quantized_max) {mode = MIN_FIRST}
// When:    a float Const with at least `minimum_size` (1024) elements, all finite, that is neither an input nor an
//          output
// Math:    min = min(w, 0), max = max(w, 0), max = min + 1 if equal;  s = (max - min) / 255
//          Dequantize gives q * s + m with m = round(min / s) * s, so q = clamp(round((w - m) / s), 0, 255):
//          TensorFlow's MIN_FIRST, with its node names. In float32 as there: where min / s is about a half, which way
//          it rounds counts
// Keeps:   the name w.   Contract: quantizing: a weight moves by at most half a step, (max - min) / 510.
// Ends:    every change replaces a float Const.
// Source:  TensorFlow tools/graph_transforms quantize_weights, which also took infinite weights, dropped control
//          inputs, and rounded outputs.
#include <algorithm>

#include "graph/patch.h"
#include "passes/pass.h"
#include "passes/support/quantized_constant.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {{.name = "minimum_size",
                              .kind = PassArg::kInteger,
                              .fallback = "1024",  // TensorFlow's
                              .doc = "elements that a constant has at least"}};

Status quantize_weights(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> outputs, context.find(graph, context.outputs));
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> inputs, context.find(graph, context.inputs));
  auto minimum_size = context.args.integer("minimum_size");
  for (NodeId id : graph.ids()) {
    if (!graph.is_alive(id)) continue;
    const Node& node = graph.node(id);
    if (!node.is("Const") || node.outputs[0].dtype != DType::kFloat) continue;
    if (node.outputs[0].value.element_count() < std::max<int64_t>(1, minimum_size)) continue;
    auto is_one_of = [&](const std::vector<NodeId>& ids) { return std::find(ids.begin(), ids.end(), id) != ids.end(); };
    if (is_one_of(outputs) || is_one_of(inputs)) continue;
    std::optional<QuantizedConstant> q = quantized_constant(node.outputs[0].value);
    if (!q) continue;
    std::string name = node.name;
    std::vector<NodeId> controls = node.controls;
    Patch patch(graph);
    // What holds the weights in a loop's frame or a branch holds all three: TensorFlow takes no inputs from several.
    QuantizedWires codes = add_quantized(patch, name, *q, controls);
    Wire restored = patch.add({.name = name + "/dequantized",
                               .op = "Dequantize",
                               .inputs = {codes.values, codes.min, codes.max},
                               .attrs = {{"mode", "MIN_FIRST"}, {"T", DType::kQUInt8}},
                               .controls = controls});
    patch.replace_node(id, restored);
    TARN_RETURN_IF_ERROR(patch.commit());
    context.changed(name, str_cat("f32", q->codes.shape(), " in 8 bits, ", q->min, " to ", q->max));
  }
  return {};
}

constexpr std::string_view kDoc = R"(Float weights become 8-bit constants that are dequantized as the graph loads.
  Before:  w = Const(float)
  After:   w = Dequantize(w_quantized_const: quint8, w_quantized_min, w_quantized_max) {mode = MIN_FIRST}
  When:    a float Const with at least minimum_size (default 1024) elements, all finite, that is neither an input nor
           an output
  Math:    min = min(w, 0), max = max(w, 0), max = min + 1 if equal;  s = (max - min) / 255;  m = round(min / s) * s
           q = clamp(round((w - m) / s), 0, 255): TensorFlow's MIN_FIRST, with its node names
  Keeps:   the name w.)";

}  // namespace

extern const PassDef pass_quantize_weights;
const PassDef pass_quantize_weights = {
    .name = "quantize_weights",
    .doc = kDoc,
    // Half a step is (max - min) / 510, and max - min at most twice the largest magnitude; the rest is float32
    // rounding.
    .contract = quantizing(1.0 / 255 + 1e-5),
    .run = quantize_weights,
    .args = kArgs,
};

}  // namespace tarn
