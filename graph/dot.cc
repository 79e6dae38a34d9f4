// graph_to_dot (declared in graph/algorithms.h).
#include <boost/graph/graphviz.hpp>
#include <sstream>

#include "graph/algorithms.h"
#include "graph/bgl.h"

namespace tarn {
namespace {

struct Colour {
  std::string_view op, fill;
};

constexpr std::string_view kWeightOps = "#fdd0a2", kActivation = "#c7e9c0", kPool = "#c6dbef", kNorm = "#dadaeb",
                           kState = "#fee391", kFlow = "#fcbba1", kShape = "#f0f0f0", kSource = "#9ecae1",
                           kTraining = "#e7cb94", kOther = "#ffffff";

// The first row whose text opens or closes the op's name.
constexpr Colour kColours[] = {{"Placeholder", kSource},
                               {"Variable", kState},
                               {"VarHandleOp", kState},
                               {"ReadVariableOp", kState},
                               {"Assign", kState},
                               {"Save", kState},
                               {"Restore", kState},
                               {"Apply", kTraining},
                               {"Grad", kTraining},
                               {"BackpropInput", kTraining},
                               {"BackpropFilter", kTraining},
                               {"Conv", kWeightOps},
                               {"DepthwiseConv", kWeightOps},
                               {"MatMul", kWeightOps},
                               {"BiasAdd", kWeightOps},
                               {"FusedBatchNorm", kNorm},
                               {"LRN", kNorm},
                               {"BatchNorm", kNorm},
                               {"MaxPool", kPool},
                               {"AvgPool", kPool},
                               {"Relu", kActivation},
                               {"Elu", kActivation},
                               {"Sigmoid", kActivation},
                               {"Tanh", kActivation},
                               {"Softmax", kActivation},
                               {"Switch", kFlow},
                               {"Merge", kFlow},
                               {"Enter", kFlow},
                               {"Exit", kFlow},
                               {"NextIteration", kFlow},
                               {"LoopCond", kFlow},
                               {"NoOp", kFlow},
                               {"Reshape", kShape},
                               {"Identity", kShape},
                               {"Shape", kShape},
                               {"Squeeze", kShape},
                               {"ExpandDims", kShape},
                               {"Pack", kShape},
                               {"ConcatV", kShape},
                               {"Transpose", kShape},
                               {"Cast", kShape},
                               {"Quantize", kNorm},
                               {"Dequantize", kNorm}};

std::string_view colour_of(std::string_view op) {
  for (const Colour& row : kColours) {
    if (op.starts_with(row.op) || op.ends_with(row.op)) return row.fill;
  }
  return kOther;
}

// In a double-quoted dot string.
std::string dot_text(std::string_view text) {
  std::string out;
  for (char c : printable(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

class NodeStyle {
 public:
  explicit NodeStyle(const Graph& graph) : graph_(graph) {}
  void operator()(std::ostream& out, NodeId id) const {
    const Node& node = graph_.node(id);
    if (node.is("Const")) {
      std::string value = "constant";
      if (!node.outputs.empty()) {
        const Fact& fact = node.outputs[0];
        value = fact.has_value() && fact.value.element_count() <= 4 ? fact.value.to_string() : fact.to_string();
      }
      out << " [shape=box, style=\"rounded\", color=\"#bbbbbb\", fontsize=8, height=0.2, margin=\"0.05,0.02\", label=\""
          << dot_text(value) << "\", tooltip=\"" << dot_text(node.name) << "\"]";
      return;
    }
    out << " [label=\"" << dot_text(node.op) << "\\n"
        << dot_text(node.name) << "\", fillcolor=\"" << colour_of(node.op) << "\"]";
  }

 private:
  const Graph& graph_;
};

class EdgeStyle {
 public:
  EdgeStyle(const Graph& graph, bool shapes) : graph_(graph), shapes_(shapes) {}
  void operator()(std::ostream& out, const GraphEdge& edge) const {
    if (edge.is_control()) {
      out << "[style=dashed, color=\"#999999\"]";
      return;
    }
    const Fact& fact = graph_.fact({edge.from, edge.slot});
    std::string label = edge.slot > 0 ? str_cat(":", edge.slot) : "";
    bool says_something = fact.dtype != DType::kInvalid && !graph_.node(edge.from).is("Const");
    if (shapes_ && says_something) str_append(label, label.empty() ? "" : " ", fact.to_string());
    out << "[label=\"" << dot_text(label) << "\"";
    if (is_back_edge(graph_, edge.to, edge.from)) out << ", constraint=false, color=\"#cb181d\"";
    out << "]";
  }

 private:
  const Graph& graph_;
  bool shapes_;
};

}  // namespace

std::string graph_to_dot(const Graph& graph, const DotOptions& options) {
  BoostGraphView view(graph);
  std::ostringstream out;
  auto head = [&](std::ostream& stream) {
    stream
        << "graph [fontname=\"Helvetica\", labelloc=t, label=\"" << dot_text(options.title) << "\"];\n"
        << "node [fontname=\"Helvetica\", fontsize=11, shape=box, style=\"filled,rounded\", fillcolor=\"#ffffff\"];\n"
        << "edge [fontname=\"Helvetica\", fontsize=8, arrowsize=0.6];\n";
  };
  boost::write_graphviz(out, view, NodeStyle(graph), EdgeStyle(graph, options.shapes), head,
                        get(boost::vertex_index, view));
  return out.str();
}

}  // namespace tarn
