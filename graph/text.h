// Tarn's text form of a graph: one node a line, made to be read, written by hand in tests, and compared with diff.
//
//   x: f32[?,784] = Placeholder
//   w: f32[784,10] = random(seed=7)
//   y: f32[?,10] = MatMul(x, w)
//   p: f32[?,10] = Softmax(y, ^init) on "/cpu:0"
//
//   std::string text = graph_to_text(graph);
//   Result<Graph> again = graph_from_text(text, {.source = "model.txt"});   // identical: graph_difference() == ""
//
// The grammar is in docs/text_format.md. Attrs that follow from the inputs, from the types before '=' or from the op's
// defaults are left out.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "graph/graph.h"

namespace tarn {

struct TextWriteOptions {
  bool types = true;  // the facts of a node's outputs before its '='
  // Numeric constants up to this many elements are lists, larger ones base64.
  int max_list_elements = 32;
  // Larger constants become {...}: for people only, such text does not read back.
  bool elide_constants = false;
  // Asked first for every constant's body: "random(seed=7)". Empty: no opinion.
  std::function<std::string(const Tensor&)> literal = {};
};

std::string graph_to_text(const Graph& graph, const TextWriteOptions& options = {});
// The line of one node, without a newline.
std::string node_to_text(const Graph& graph, NodeId id, const TextWriteOptions& options = {});

struct TextReadOptions {
  bool allow_unknown_ops = false;
  std::string source = "text";      // opens every message: the file's name
  int first_line = 1;               // of `text` within that file
  const OpRegistry* ops = nullptr;  // null: all_ops()
  int64_t max_nodes = 1'000'000;
  int64_t max_tensor_bytes = int64_t{4} << 30;  // of all constants: zeros and fill() say much in few words
};

// Errors have line and column; a syntax error shows the line with a caret. Nodes may come in any order.
Result<Graph> graph_from_text(std::string_view text, const TextReadOptions& options = {});

// A constant alone: f32[2,2]{1, 2, 3, 4}.
std::string tensor_to_text(const Tensor& tensor, const TextWriteOptions& options = {});
Result<Tensor> tensor_from_text(std::string_view text, int64_t max_bytes = int64_t{4} << 30);

}  // namespace tarn
