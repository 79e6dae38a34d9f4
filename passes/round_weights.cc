// round_weights: float weights take few different values, so that the file packs better.
//
// Before:  w = Const(float): any values
// After:   w = Const(float): at most `num_steps` (256) different values, spread evenly between its least and its
//          largest
// When:    a float Const of at least 16 elements, all finite, with more than `num_steps` different values, that is
//          neither an input nor an output. With no more than that it packs as well already, and stays as it is
// Math:    width = (max - min) / num_steps;  bucket = min(floor((w - min) / width), num_steps - 1)
//          w' = min + width * (bucket + 1/2), in double, rounded once
// Keeps:   the name, the dtype, the control inputs of w.   Contract: quantizing: a weight moves by at most half a
//          bucket, (max - min) / (2 num_steps).
// Ends:    every change leaves one Const less with more than `num_steps` different values.
// Source:  TensorFlow tools/graph_transforms round_weights, whose largest value fell into a bucket of its own beyond
//          the others: num_steps + 1 levels, the last above the maximum. It also took the maximum of negative weights
//          to be 0, lost control inputs, and rounded again, differently, each time it was run.
#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_set>

#include "passes/support/rewriter.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {
    {.name = "num_steps",
     .kind = PassArg::kInteger,
     .fallback = "256",  // TensorFlow's
     .doc = "different values that a constant has at most, at least 1"},
};
constexpr int64_t kLeastElements = 16;  // TensorFlow's: what is smaller is likely to need its precision

bool has_more_values_than(std::span<const float> values, int64_t most) {
  std::unordered_set<float> seen;
  for (float v : values) {
    seen.insert(v);
    if (static_cast<int64_t>(seen.size()) > most) return true;
  }
  return false;
}

// nullopt: stays as it is.
std::optional<Tensor> rounded(const Tensor& weights, int64_t steps) {
  std::span<const float> w = weights.flat<float>();
  if (!std::all_of(w.begin(), w.end(), [](float v) { return std::isfinite(v); })) return std::nullopt;
  if (!has_more_values_than(w, steps)) return std::nullopt;
  auto [low, high] = std::minmax_element(w.begin(), w.end());
  double min = *low, width = (double{*high} - min) / static_cast<double>(steps);
  Tensor result = weights;
  for (float& v : result.mutable_flat<float>()) {
    // w' = min + width * (bucket + 1/2)
    double bucket = std::min(std::floor((v - min) / width), static_cast<double>(steps - 1));
    v = static_cast<float>(min + width * (bucket + 0.5));
  }
  return result;
}

Status round_weights(Graph& graph, PassContext& context) {
  int64_t steps = context.args.integer("num_steps");
  if (steps < 1) return invalid_argument("round_weights: num_steps is ", steps, ", expected at least 1");
  // Half of (max - min) / steps, where max - min is at most twice the largest magnitude.
  context.promise(quantizing(1.0 / static_cast<double>(steps) + 1e-6));
  return rewrite(graph, context, [steps](Rewriter& r, NodeId id) -> Status {
    const Node& node = r.node(id);
    if (!node.is("Const") || node.outputs.empty() || r.is_public(id)) return {};
    const Tensor& value = node.outputs[0].value;
    if (value.dtype() != DType::kFloat || value.element_count() < kLeastElements) return {};
    std::optional<Tensor> result = rounded(value, steps);
    if (!result) return {};
    r.graph().set_attr(id, "value", *std::move(result));
    TARN_RETURN_IF_ERROR(r.graph().reinfer(id));
    r.changed(id, str_cat("has at most ", steps, " different values"));
    return {};
  });
}

constexpr std::string_view kDoc = R"(Float weights take few different values, so that the file packs better.
  Before:  w = Const(float): any values
  After:   w = Const(float): at most num_steps (default 256) different values, evenly spread
  When:    a float Const of at least 16 elements, all finite, with more than num_steps different values, that is
           neither an input nor an output
  Math:    width = (max - min) / num_steps;  bucket = min(floor((w - min) / width), num_steps - 1)
           w' = min + width * (bucket + 1/2)
  Keeps:   the name of w. A weight moves by at most half a bucket.
  TensorFlow's: the largest value fell into a bucket of its own, above the maximum; negative weights had 0 for their
           maximum; control inputs were lost; a second run rounded again.)";

}  // namespace

extern const PassDef pass_round_weights;
const PassDef pass_round_weights = {
    .name = "round_weights",
    .doc = kDoc,
    .contract = quantizing(1.0 / 256 + 1e-6),  // of 256 steps
    .run = round_weights,
    .args = kArgs,
};

}  // namespace tarn
