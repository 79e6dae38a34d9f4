#include "runtime/compile_dynamic8.h"

#include <numeric>

#include "core/dynamic8_kernels.h"
#include "runtime/evaluate.h"
#include "runtime/model_info.h"

namespace tarn {

Result<bool> wants_dynamic8(Quantize quantize, std::string_view model_info) {
  if (quantize != Quantize::kAsStored || model_info.empty()) return quantize == Quantize::kDynamic8;
  // Damage is for whoever reads all of it to tell: the graph is not concerned.
  Result<ModelInfo> info = parse_model_info(model_info);
  return info.ok() && info->metadata && info->metadata->quantize == kDynamic8Name;
}

namespace compiling {
namespace {

constexpr int kWeights = 1;  // the input of MatMul and Conv2D

// The constants behind a Dequantize, of which only the codes are many.
bool has_known_codes(const State& state, const WorkNode& node) {
  if (node.inputs.size() != 3 || node.facts.size() != 1 || node.may_be_dead() || !node.controls.empty()) return false;
  for (Wire wire : node.inputs) {
    if (is_feed(wire) || !state.node(wire.node).folded || !state.fact(wire).has_value()) return false;
  }
  DType codes = state.fact(node.inputs[0]).dtype;
  return (codes == DType::kQUInt8 || codes == DType::kQInt8) && state.fact(node.inputs[1]).value.element_count() == 1 &&
         state.fact(node.inputs[2]).value.element_count() == 1;
}

// What the op itself makes of each of the 256 codes, so that there is no other idea here of what they stand for.
Result<Tensor> values_of_codes(const State& state, const WorkNode& node) {
  DType dtype = state.fact(node.inputs[0]).dtype;
  std::vector<uint8_t> codes(256);
  std::iota(codes.begin(), codes.end(), uint8_t{0});
  std::vector<Tensor> inputs = {Tensor::view(dtype, Shape{256}, codes.data(), nullptr),
                                state.fact(node.inputs[1]).value, state.fact(node.inputs[2]).value};
  TARN_ASSIGN_OR_RETURN(std::vector<Tensor> values, evaluate_node(*node.op, node.name, node.attrs, inputs));
  return values[0];
}

// The nodes from `wire` back to a Dequantize that is kept: itself, and the Identity nodes on the way. Empty: none.
std::vector<int> way_to_codes(const State& state, Wire wire) {
  std::vector<int> way;
  while (!is_feed(wire) && wire.slot == 0) {
    const WorkNode& node = state.node(wire.node);
    way.push_back(wire.node);
    if (node.keeps_codes) return way;
    if (node.op_name != "Identity" || node.inputs.size() != 1 || !node.controls.empty() || node.may_be_dead()) break;
    wire = node.inputs[0];
  }
  return {};
}

// What keep_codes() hoped for did not come true: as if it had never been.
void restore_values(State& state, const std::vector<int>& way) {
  for (size_t i = way.size(); i-- > 0;) {
    WorkNode& node = state.node(way[i]);
    if (node.folded) continue;
    node.keeps_codes = false;
    if (i + 1 < way.size()) node.facts[0].value = state.node(way[i + 1]).facts[0].value;
    fold(state, node);
  }
}

bool is_finite(const Tensor& values) {
  for (float value : values.flat<float>()) {
    if (!(value - value == 0)) return false;
  }
  return true;
}

}  // namespace

void keep_codes(State& state) {
  if (!state.options.dynamic8) return;
  // A node is read as weights alone if all that read it are such ops, or hand it on to such.
  std::vector<char> is_other(state.nodes.size(), 0);
  auto mark = [&](Wire wire) {
    if (!is_feed(wire)) is_other[static_cast<size_t>(wire.node)] = 1;
  };
  for (Wire wire : state.fetches) mark(wire);
  for (size_t n = state.nodes.size(); n-- > 0;) {
    WorkNode& node = state.nodes[n];
    for (int control : node.controls) is_other[static_cast<size_t>(control)] = 1;
    bool hands_on = node.op_name == "Identity" && is_other[n] == 0 && node.controls.empty() && node.frame < 0;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      bool reads_weights = has_dynamic8_kernel(node.op_name) && i == kWeights;
      if (!reads_weights && !hands_on) mark(node.inputs[i]);
    }
    node.keeps_codes = node.op_name == "Dequantize" && node.frame < 0 && is_other[n] == 0;
  }
}

void choose_dynamic8(State& state) {
  if (!state.options.dynamic8) return;
  std::vector<std::vector<int>> left;
  for (WorkNode& node : state.nodes) {
    bool is_candidate = node.op != nullptr && has_dynamic8_kernel(node.op_name) && !node.folded && !node.never_runs &&
                        node.inputs.size() == 2;
    if (!is_candidate) continue;
    const Wire wire = node.inputs[kWeights];
    if (is_feed(wire)) continue;
    std::vector<int> way = way_to_codes(state, wire);
    bool takes = dynamic8_takes(node.op_name, node.attrs, state.fact(node.inputs[0]), state.fact(wire));
    if (way.empty()) {
      const Fact& weights = state.fact(wire);
      node.is_dynamic8 = takes && state.node(wire.node).folded && weights.has_value() && is_finite(weights.value);
      continue;
    }
    const WorkNode& dequantize = state.node(way.back());
    if (takes && has_known_codes(state, dequantize)) {
      Result<Tensor> values = values_of_codes(state, dequantize);
      if (values.ok() && is_finite(*values)) {
        node.is_dynamic8 = true;
        node.attrs.set(kValuesOfCodes, *values);
        node.inputs[kWeights] = dequantize.inputs[0];
        continue;
      }
    }
    left.push_back(std::move(way));
  }
  for (const std::vector<int>& way : left) restore_values(state, way);
}

std::unique_ptr<Kernel> dynamic8_kernel(const WorkNode& node) {
  return node.is_dynamic8 ? make_dynamic8_kernel(node.op_name) : nullptr;
}

}  // namespace compiling
}  // namespace tarn
