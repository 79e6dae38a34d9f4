#include "passes/support/target_runtime.h"

#include <algorithm>
#include <deque>

#include "core/op_names.h"

namespace tarn {
namespace {

struct Name {
  TargetRuntime runtime;
  std::string_view name;
};
constexpr Name kNames[] = {
    {TargetRuntime::kTarn, "tarn"}, {TargetRuntime::kTensorFlow, "tensorflow"}, {TargetRuntime::kOpenCv, "opencv"}};

// Which pass, or whose work, takes an op out of a graph.
struct Cure {
  std::string_view op;  // a prefix if it ends in '*'
  std::string_view pass;
};
constexpr Cure kCures[] = {
    {"Switch", "prune_branches"},
    {"RefSwitch", "prune_branches"},
    {"Merge", "prune_branches"},
    {"If", "prune_branches"},
    {"StatelessIf", "prune_branches"},
    {"RandomUniform", "remove_dropout"},
    {"PartitionedCall", "inline_partitionedcall"},
    {"StatefulPartitionedCall", "inline_partitionedcall"},
    {"Print*", "strip"},
    {"CheckNumerics", "strip"},
    {"StopGradient", "strip"},
    {"PreventGradient", "strip"},
    {"Snapshot", "strip"},
    {"Identity", "strip"},
    {"Shape", "fold_constants"},
    {"FusedBatchNorm*", "fold_batch_norms"},
    {"Variable*", "freeze_graph"},
    {"VarHandleOp", "freeze_graph"},
    {"ReadVariableOp", "freeze_graph"},
    {"Assign*", "freeze_graph"},
    {"PlaceholderWithDefault", "fold_mode_placeholders"},
};

std::string_view cure_of(std::string_view op) {
  for (const Cure& cure : kCures) {
    bool is_prefix = cure.op.ends_with('*');
    if (is_prefix ? op.starts_with(cure.op.substr(0, cure.op.size() - 1)) : op == cure.op) return cure.pass;
  }
  return "";
}

std::string judge_for_tarn(const Graph& graph, const Node& node) {
  if (node.def == nullptr)
    return str_cat("the engine has no such op", did_you_mean_op(node.op, graph.ops().names(), 1));
  const std::vector<ArgSpec>& inputs = node.def->schema.inputs();
  if (std::any_of(inputs.begin(), inputs.end(), [](const ArgSpec& arg) { return arg.is_ref; }))
    return "it changes a variable, of which the engine has none";
  if (node.outputs.size() == 1 && node.outputs[0].is_ref) return "the engine has no variables";
  switch (node.def->def->needs) {
    case ServiceId::kCheckpoints: return "the engine reads no checkpoints";
    case ServiceId::kFiles: return "the engine reads no files";
    default: break;  // what an app can give the engine
  }
  if (node.def->def->kernels.empty()) return {};
  constexpr Backend kBackends[] = {Backend::kPortable};
  return std::string(find_kernel(*node.def, node.attrs, kBackends).status().message());
}

// Every op of our table is one of TensorFlow's, with its signature; of others nothing is known.
std::string judge_for_tensorflow(const Node& node) {
  return node.def == nullptr ? "whether TensorFlow has such an op is not known here" : "";
}

// The ops of tf_importer.cpp's dispatch map (OpenCV 4.14); BatchToSpaceND goes with the SpaceToBatchND before it.
constexpr std::string_view kOpenCvOps[] = {"Abs",
                                           "Add",
                                           "AddN",
                                           "AddV2",
                                           "AvgPool",
                                           "AvgPool3D",
                                           "BatchToSpaceND",
                                           "BiasAdd",
                                           "BlockLSTM",
                                           "ClipByValue",
                                           "Concat",
                                           "ConcatV2",
                                           "Const",
                                           "Conv2D",
                                           "Conv2DBackpropInput",
                                           "Conv3D",
                                           "CropAndResize",
                                           "DepthwiseConv2dNative",
                                           "Elu",
                                           "Exp",
                                           "ExpandDims",
                                           "FusedBatchNorm",
                                           "FusedBatchNormV3",
                                           "FusedResizeAndPadConv2D",
                                           "Identity",
                                           "LRN",
                                           "LeakyRelu",
                                           "MatMul",
                                           "Max",
                                           "MaxPool",
                                           "MaxPool3D",
                                           "MaxPoolGrad",
                                           "Mean",
                                           "MirrorPad",
                                           "Mul",
                                           "Pack",
                                           "Pad",
                                           "Placeholder",
                                           "RealDiv",
                                           "Relu",
                                           "Relu6",
                                           "Reshape",
                                           "ResizeBilinear",
                                           "ResizeNearestNeighbor",
                                           "Sigmoid",
                                           "Slice",
                                           "Softmax",
                                           "SpaceToBatchND",
                                           "Split",
                                           "Squeeze",
                                           "StridedSlice",
                                           "Sub",
                                           "Sum",
                                           "Tanh",
                                           "Transpose"};

// Weights in 8 bits: its importer reads the constant behind such a node.
bool is_opencv_weight(const Graph& graph, const Node& node) {
  return node.is("Dequantize") && !node.inputs.empty() && !node.inputs[0].is_none() &&
         graph.node(node.inputs[0].node).is("Const") && graph.fact(node.inputs[0]).dtype == DType::kQUInt8 &&
         node.attrs.get_or<std::string>("mode", "MIN_COMBINED") == "MIN_FIRST";
}

std::string judge_for_opencv(const Graph& graph, const Node& node) {
  if (is_opencv_weight(graph, node)) return {};
  if (std::find(std::begin(kOpenCvOps), std::end(kOpenCvOps), node.op) == std::end(kOpenCvOps))
    return "OpenCV's importer does not read this op";
  // getTensorContent of its tf_graph_simplifier.cpp, parsePack of its tf_importer.cpp.
  constexpr DType kConstants[] = {DType::kFloat, DType::kDouble, DType::kInt32, DType::kHalf, DType::kQUInt8};
  if (node.is("Const") && !node.outputs.empty()) {
    DType dtype = node.outputs[0].dtype;
    if (std::find(std::begin(kConstants), std::end(kConstants), dtype) == std::end(kConstants))
      return str_cat("OpenCV's importer reads no constants of ", dtype_name(dtype));
  }
  if (node.is("Pack") && node.attrs.get_or<int64_t>("axis", 0) != 0)
    return str_cat("OpenCV's importer packs along axis 0, not ", node.attrs.get_or<int64_t>("axis", 0));
  bool is_number = node.is("Const") || node.is("Placeholder");
  if (!is_number && !node.outputs.empty() && node.outputs[0].dtype != DType::kFloat &&
      node.outputs[0].dtype != DType::kInvalid)
    return str_cat("OpenCV computes in float32, not in ", dtype_name(node.outputs[0].dtype));
  return {};
}

// From every node one step towards an output, and one towards an input: breadth first, so the paths are short.
class Paths {
 public:
  Paths(const Graph& graph, const std::vector<NodeId>& outputs) : graph_(graph) {
    auto size = static_cast<size_t>(graph.id_limit());
    down_.assign(size, kUnseen);
    std::deque<NodeId> queue;
    for (NodeId id : outputs) {
      if (down_[static_cast<size_t>(id)] != kUnseen) continue;
      down_[static_cast<size_t>(id)] = kEnd;
      queue.push_back(id);
    }
    for (; !queue.empty(); queue.pop_front()) {
      NodeId id = queue.front();
      auto visit = [&](NodeId from) {
        if (down_[static_cast<size_t>(from)] != kUnseen) return;
        down_[static_cast<size_t>(from)] = id;
        queue.push_back(from);
      };
      for (Wire wire : graph.node(id).inputs) {
        if (!wire.is_none()) visit(wire.node);
      }
      for (NodeId control : graph.node(id).controls) visit(control);
    }
  }

  bool is_needed(NodeId id) const { return down_[static_cast<size_t>(id)] != kUnseen; }

  std::vector<std::string> through(NodeId id) const {
    std::vector<std::string> names;
    for (NodeId at : up(id)) names.push_back(graph_.node(at).name);
    for (NodeId at = down_[static_cast<size_t>(id)]; at >= 0; at = down_[static_cast<size_t>(at)])
      names.push_back(graph_.node(at).name);
    return names;
  }

 private:
  static constexpr NodeId kUnseen = -2, kEnd = -1;

  // The shortest way from a Placeholder, or from a node without inputs if no Placeholder leads here.
  std::vector<NodeId> up(NodeId id) const {
    std::vector<NodeId> towards(static_cast<size_t>(graph_.id_limit()), kUnseen);
    std::deque<NodeId> queue = {id};
    towards[static_cast<size_t>(id)] = kEnd;
    NodeId begin = id;
    for (; !queue.empty(); queue.pop_front()) {
      NodeId at = queue.front();
      const Node& node = graph_.node(at);
      if (node.has_trait(kSourceOp)) {
        begin = at;
        break;
      }
      for (Wire wire : node.inputs) {
        if (wire.is_none() || towards[static_cast<size_t>(wire.node)] != kUnseen) continue;
        towards[static_cast<size_t>(wire.node)] = at;
        queue.push_back(wire.node);
      }
    }
    std::vector<NodeId> path;
    for (NodeId at = begin; at >= 0; at = towards[static_cast<size_t>(at)]) path.push_back(at);
    return path;
  }

  const Graph& graph_;
  std::vector<NodeId> down_;  // the user on the way to an output
};

// The ends and the node's neighbours; "…" for what is between.
std::vector<std::string> abridged(std::vector<std::string> path, const std::string& node) {
  constexpr size_t kMost = 7;
  if (path.size() <= kMost) return path;
  auto at = static_cast<size_t>(std::find(path.begin(), path.end(), node) - path.begin());
  std::vector<std::string> out;
  for (size_t i = 0; i < path.size(); ++i) {
    bool is_near = i + 1 >= at && i <= at + 1;
    if (i == 0 || i + 1 == path.size() || is_near) {
      out.push_back(path[i]);
    } else if (out.back() != "…") {
      out.emplace_back("…");
    }
  }
  return out;
}

std::string text_of(const Node& node, const Obstacle& obstacle) {
  std::vector<std::string> names;
  for (const std::string& name : obstacle.path) names.push_back(printable(name));
  std::string text =
      str_cat(node_label(node.op, node.name), ": ", obstacle.why, "; needed on the way ", str_join(names, " -> "));
  if (!obstacle.pass.empty()) {
    str_append(text, obstacle.pass == "freeze_graph" ? "; freeze_graph takes it out" : "; the pass ",
               obstacle.pass == "freeze_graph" ? std::string() : obstacle.pass + " would take it out, if it can");
  }
  return text;
}

}  // namespace

std::optional<TargetRuntime> target_runtime_from_name(std::string_view name) {
  for (const Name& one : kNames) {
    if (one.name == name) return one.runtime;
  }
  return std::nullopt;
}

std::string_view target_runtime_name(TargetRuntime runtime) {
  for (const Name& one : kNames) {
    if (one.runtime == runtime) return one.name;
  }
  return "";
}

std::vector<Obstacle> find_obstacles(const Graph& graph, const std::vector<std::string>& outputs,
                                     TargetRuntime runtime) {
  std::vector<NodeId> ends;
  for (const std::string& output : outputs) {
    if (Result<NodeId> id = graph.find_node(output); id.ok()) ends.push_back(*id);
  }
  Paths paths(graph, ends);
  std::vector<Obstacle> found;
  for (NodeId id : graph.ids()) {
    if (!paths.is_needed(id)) continue;
    const Node& node = graph.node(id);
    Obstacle obstacle;
    obstacle.node = id;
    switch (runtime) {
      case TargetRuntime::kTarn: obstacle.why = judge_for_tarn(graph, node); break;
      case TargetRuntime::kTensorFlow: obstacle.why = judge_for_tensorflow(node); break;
      case TargetRuntime::kOpenCv: obstacle.why = judge_for_opencv(graph, node); break;
    }
    if (obstacle.why.empty()) continue;
    obstacle.path = abridged(paths.through(id), node.name);
    obstacle.pass = cure_of(node.op);
    obstacle.text = text_of(node, obstacle);
    found.push_back(std::move(obstacle));
  }
  return found;
}

}  // namespace tarn
