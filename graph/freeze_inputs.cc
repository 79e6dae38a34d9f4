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

// x[tf.newaxis], with or without all dims behind it: a StridedSlice that only puts a dim in front.
bool adds_batch_dim(const Graph& graph, const Node& node) {
  auto mask = [&](std::string_view name) { return node.attrs.get_or<int64_t>(name, 0); };
  if (!node.is("StridedSlice") || node.inputs.size() != 4 || mask("new_axis_mask") != 1 ||
      mask("shrink_axis_mask") != 0)
    return false;
  Wire strides = node.inputs[3];
  if (strides.is_none() || !graph.node(strides.node).is("Const")) return false;
  Tensor value = graph.node(strides.node).attrs.get_or<Tensor>("value", Tensor());
  std::span<const int32_t> steps = value.flat<int32_t>();
  if (steps.empty() || steps.size() > kMaxRank) return false;
  for (size_t i = 1; i < steps.size(); ++i) {
    int64_t bit = int64_t{1} << i;
    bool is_whole = (mask("begin_mask") & bit) != 0 && (mask("end_mask") & bit) != 0 && steps[i] == 1;
    if ((mask("ellipsis_mask") & bit) == 0 && !is_whole) return false;
  }
  return true;
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
  if (adds_batch_dim(graph, node)) return "ExpandDims 0";
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

// Which nodes are in a while loop: behind an Enter and not behind its Exit.
std::vector<bool> nodes_in_loops(const Graph& graph) {
  std::vector<int> depth(static_cast<size_t>(graph.id_limit()), 0);
  Result<std::vector<NodeId>> order = topological_order(graph);
  for (NodeId id : order.value_or({})) {
    const Node& node = graph.node(id);
    int most = 0;
    for (Wire wire : node.inputs) most = std::max(most, wire.is_none() ? 0 : depth[static_cast<size_t>(wire.node)]);
    for (NodeId control : node.controls) most = std::max(most, depth[static_cast<size_t>(control)]);
    if (node.is("Enter") || node.is("RefEnter")) ++most;
    if (node.is("Exit") || node.is("RefExit")) --most;
    depth[static_cast<size_t>(id)] = std::max(most, 0);
  }
  std::vector<bool> in_loops(depth.size());
  for (size_t i = 0; i < depth.size(); ++i) in_loops[i] = depth[i] > 0;
  return in_loops;
}

bool is_size_of_image(const Node& node) {
  return node.is("Shape") || node.is("ShapeN") || node.is("Rank") || node.is("Size");
}

}  // namespace

bool decodes_picture(std::string_view op) {
  static constexpr std::string_view kDecoders[] = {"DecodeJpeg", "DecodePng", "DecodeImage",
                                                   "DecodeBmp",  "DecodeGif", "DecodeAndCropJpeg"};
  return std::find(std::begin(kDecoders), std::end(kDecoders), op) != std::end(kDecoders);
}

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

ImageInputs image_inputs(const Graph& graph, const std::vector<bool>& needed) {
  ImageInputs images;
  std::vector<bool> in_loops;  // found out for the first decoder
  for (NodeId id : graph.ids()) {
    const Node& decoder = graph.node(id);
    if (!needed[static_cast<size_t>(id)] || !decodes_picture(decoder.op)) continue;
    if (in_loops.empty()) in_loops = nodes_in_loops(graph);
    if (in_loops[static_cast<size_t>(id)]) {
      images.in_loops.push_back(decoder.name);
      continue;
    }
    std::string text = decoder.op;
    auto channels = decoder.attrs.get_or<int64_t>("channels", 0);
    if (channels > 0) str_append(text, " channels=", channels);
    auto decoded = decoder.attrs.get_or<DType>("dtype", DType::kUInt8);
    if (decoded != DType::kUInt8) str_append(text, " ", dtype_name(decoded));
    bool channels_are_last = channels > 0;
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
      if (step.starts_with("ExpandDims") && step != "ExpandDims 0") channels_are_last = false;
      if (step == "Squeeze" && channels == 1) channels_are_last = false;
      last = next->node;
    }
    const Fact& fact = graph.node(last).outputs.empty() ? Fact() : graph.fact({last, 0});
    // DecodeImage has no shape, as it may give several frames; the channels are known all the same.
    Shape shape = fact.shape;
    if (channels_are_last && shape.has_rank() && shape.rank() > 0 && shape.dim(-1) == kUnknownDim)
      shape.set_dim(shape.rank() - 1, channels);
    DType dtype = last == id ? decoded : fact.dtype;
    images.inputs.push_back({{last, 0}, graph.node(last).name, dtype, shape, text, id});
  }
  return images;
}

}  // namespace tarn
