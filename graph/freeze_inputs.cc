#include "graph/freeze_inputs.h"

#include <algorithm>
#include <cstdio>

namespace tarn {
namespace {

// Ops that take from outside what a model is fed, and the attr that lists the dtypes.
struct SourceOp {
  std::string_view op, types;
  enum class Batch { kOne, kMany } batch;
};
constexpr SourceOp kSources[] = {
    {"IteratorGetNext", "output_types", SourceOp::Batch::kOne},
    {"IteratorGetNextSync", "output_types", SourceOp::Batch::kOne},
    {"QueueDequeue", "component_types", SourceOp::Batch::kOne},
    {"QueueDequeueV2", "component_types", SourceOp::Batch::kOne},
    {"QueueDequeueMany", "component_types", SourceOp::Batch::kMany},
    {"QueueDequeueManyV2", "component_types", SourceOp::Batch::kMany},
    {"QueueDequeueUpTo", "component_types", SourceOp::Batch::kMany},
    {"QueueDequeueUpToV2", "component_types", SourceOp::Batch::kMany},
    {"ReaderRead", "", SourceOp::Batch::kOne},
    {"ReaderReadV2", "", SourceOp::Batch::kOne},
};

template <class T>
std::vector<T> list_attr(const Node& node, std::string_view name) {
  return node.attrs.get_or<std::vector<T>>(name, {});
}

// The queue or iterator behind its handle.
const Node* source_of(const Graph& graph, const Node& node) {
  if (node.inputs.empty() || node.inputs[0].is_none()) return nullptr;
  const Node* source = &graph.node(node.inputs[0].node);
  while ((source->is("Identity") || source->is("RefIdentity")) && !source->inputs.empty())
    source = &graph.node(source->inputs[0].node);
  return source;
}

Shape batched(const Shape& shape) {
  if (!shape.has_rank()) return Shape::unknown();
  Shape result{kUnknownDim};
  for (int64_t dim : shape.dims()) result.add_dim(dim);
  return result;
}

Shape element_shape(const Graph& graph, const Node& node, const SourceOp& op, int slot) {
  if (op.types.empty()) return Shape{};  // a reader's key and value
  auto at = static_cast<size_t>(slot);
  std::vector<Shape> own = list_attr<Shape>(node, "output_shapes");
  if (at < own.size()) return own[at];
  if (const Node* source = source_of(graph, node)) {
    std::vector<Shape> shapes = list_attr<Shape>(*source, "shapes");
    if (shapes.empty()) shapes = list_attr<Shape>(*source, "output_shapes");
    if (at < shapes.size()) return op.batch == SourceOp::Batch::kMany ? batched(shapes[at]) : shapes[at];
  }
  std::vector<Shape> recorded = list_attr<Shape>(node, "_output_shapes");
  return at < recorded.size() ? recorded[at] : Shape::unknown();
}

DType element_type(const Node& node, const SourceOp& op, int slot) {
  if (op.types.empty()) return DType::kString;
  std::vector<DType> types = list_attr<DType>(node, op.types);
  return static_cast<size_t>(slot) < types.size() ? types[static_cast<size_t>(slot)] : DType::kInvalid;
}

bool is_decoder(const Node& node) {
  static constexpr std::string_view kDecoders[] = {"DecodeJpeg", "DecodePng", "DecodeImage",
                                                   "DecodeBmp",  "DecodeGif", "DecodeAndCropJpeg"};
  return std::find(std::begin(kDecoders), std::end(kDecoders), node.op) != std::end(kDecoders);
}

// A constant's numbers, as text: "128", "[123.68, 116.78, 103.94]"; "" if it is none, or a large one.
std::string constant_text(const Graph& graph, Wire wire) {
  constexpr int64_t kMost = 4;
  while (!wire.is_none() && graph.node(wire.node).is("Identity")) wire = graph.node(wire.node).inputs[0];
  if (wire.is_none() || !graph.node(wire.node).is("Const")) return {};
  Tensor value = graph.node(wire.node).attrs.get_or<Tensor>("value", Tensor());
  if (!value.is_valid() || value.element_count() > kMost || value.element_count() == 0) return {};
  std::vector<std::string> numbers;
  auto add = [&](double number) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.9g", number);
    numbers.push_back(text);
  };
  for (float v : value.flat<float>()) add(static_cast<double>(v));
  for (double v : value.flat<double>()) add(v);
  for (int32_t v : value.flat<int32_t>()) add(v);
  for (int64_t v : value.flat<int64_t>()) add(static_cast<double>(v));
  if (numbers.empty()) return {};
  return numbers.size() == 1 ? numbers[0] : "[" + str_join(numbers) + "]";
}

// What `node` does to a picture in its input `from`, as text; "" if it is no preparation.
std::string preparation_text(const Graph& graph, const Node& node, int from) {
  auto input = [&](size_t i) { return i < node.inputs.size() ? constant_text(graph, node.inputs[i]) : std::string(); };
  if (node.is("Identity") || node.is("StopGradient")) return "Identity";
  if (node.is("Cast")) return str_cat("Cast ", dtype_name(node.attrs.get_or<DType>("DstT", DType::kInvalid)));
  if (from != 0) {
    bool commutes = node.is("Add") || node.is("AddV2") || node.is("Mul");
    return commutes && !input(0).empty() ? str_cat(node.op, " ", input(0)) : "";
  }
  if (node.is("ExpandDims") && !input(1).empty()) return str_cat("ExpandDims ", input(1));
  if (node.is("Squeeze")) return "Squeeze";
  if (node.op.starts_with("Resize")) {
    std::string size = input(1);
    std::vector<std::string> sides = str_split(size.size() > 2 ? size.substr(1, size.size() - 2) : "", ',');
    if (sides.size() != 2) return {};
    std::string text = str_cat(node.op, " ", sides[0], "x", sides[1].substr(sides[1].find_first_not_of(' ')));
    if (node.attrs.get_or<bool>("align_corners", false)) text += " align_corners";
    if (node.attrs.get_or<bool>("half_pixel_centers", false)) text += " half_pixel_centers";
    return text;
  }
  for (std::string_view op : {"Sub", "Add", "AddV2", "Mul", "Div", "RealDiv"}) {
    if (node.is(op) && !input(1).empty()) return str_cat(node.op, " ", input(1));
  }
  return {};
}

bool is_size_of_image(const Node& node) {
  return node.is("Shape") || node.is("ShapeN") || node.is("Rank") || node.is("Size");
}

}  // namespace

std::vector<ModelInput> queue_inputs(const Graph& graph, const std::vector<bool>& needed,
                                     std::span<const NodeId> outputs) {
  std::vector<ModelInput> inputs;
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    const auto* op = std::find_if(std::begin(kSources), std::end(kSources),
                                  [&](const SourceOp& source) { return source.op == node.op; });
    if (!needed[static_cast<size_t>(id)] || op == std::end(kSources)) continue;
    std::vector<int> slots;
    for (const Use& use : graph.uses(id)) {
      if (use.input != Use::kControl && needed[static_cast<size_t>(use.node)]) slots.push_back(use.slot);
    }
    bool is_output = std::find(outputs.begin(), outputs.end(), id) != outputs.end();
    if (is_output || slots.empty()) slots.push_back(0);  // or only waited for
    std::sort(slots.begin(), slots.end());
    slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
    for (int slot : slots) {
      std::string name = slot == 0 ? node.name : graph.unique_name(str_cat(node.name, "_", slot));
      inputs.push_back({{id, slot}, name, element_type(node, *op, slot), element_shape(graph, node, *op, slot)});
    }
  }
  return inputs;
}

std::vector<ModelInput> image_inputs(const Graph& graph, const std::vector<bool>& needed) {
  std::vector<ModelInput> inputs;
  for (NodeId id : graph.ids()) {
    const Node& decoder = graph.node(id);
    if (!needed[static_cast<size_t>(id)] || !is_decoder(decoder)) continue;
    std::string text = decoder.op;
    if (auto channels = decoder.attrs.get_or<int64_t>("channels", 0); channels > 0)
      str_append(text, " channels=", channels);
    NodeId last = id;
    while (true) {
      // Only one way on; what merely asks for the picture's size goes with the picture.
      const Use* next = nullptr;
      bool branches = false;
      for (const Use& use : graph.uses(last)) {
        if (use.input == Use::kControl || !needed[static_cast<size_t>(use.node)]) continue;
        if (is_size_of_image(graph.node(use.node))) continue;
        branches |= next != nullptr;
        next = &use;
      }
      std::string step =
          next != nullptr && !branches ? preparation_text(graph, graph.node(next->node), next->input) : "";
      if (step.empty()) break;
      if (step != "Identity") str_append(text, "; ", step);
      last = next->node;
    }
    const Fact& fact = graph.node(last).outputs.empty() ? Fact() : graph.fact({last, 0});
    DType dtype = last == id ? decoder.attrs.get_or<DType>("dtype", DType::kUInt8) : fact.dtype;
    inputs.push_back({{last, 0}, graph.node(last).name, dtype, fact.shape, text, id});
  }
  return inputs;
}

}  // namespace tarn
