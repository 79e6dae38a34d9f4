// y = softmax(x * w + b), trained a little, frozen, optimized, written: what Tarn::graph has of headers and libraries.
//
//   make_model model.pb with_op.pb        the other one has an op of the app's own
#include <cstdio>

#include "graph/freeze.h"
#include "graph/graph_io.h"
#include "graph/layers.h"
#include "graph/losses.h"
#include "graph/ops.h"
#include "graph/optimizers.h"
#include "graph/session.h"
#include "graph/text.h"
#include "passes/support/pass_manager.h"

using namespace tarn;

namespace {

Status make(const std::string& path) {
  Scope root = Scope::NewRootScope();
  root.SetRandomSeed(1);
  auto x = ops::Placeholder(root.WithOpName("input_node"), DT_FLOAT, ops::Placeholder::Shape({-1, 4}));
  auto labels = ops::Placeholder(root.WithOpName("labels"), DT_INT64, ops::Placeholder::Shape({-1}));
  auto logits = layers::Dense(root.WithOpName("logits"), x, 2);
  ops::Softmax(root.WithOpName("output_node"), logits);
  auto loss = losses::SparseSoftmaxCrossEntropy(root, labels, logits);
  GradientDescentOptimizer(0.5f).Minimize(root.WithOpName("train"), loss);
  GlobalVariablesInitializer(root);

  Session session(root);
  TARN_RETURN_IF_ERROR(session.Run("init"));
  // Class 1 where the first number is larger than the second.
  Tensor images = Tensor::from<float>({4, 4}, {1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1});
  Tensor classes = Tensor::from<int64_t>({4}, {1, 0, 1, 0});
  for (int step = 0; step < 100; ++step) {
    TARN_RETURN_IF_ERROR(session.Run({{"input_node", images}, {"labels", classes}}, {}, {"train"}, nullptr));
  }
  TARN_ASSIGN_OR_RETURN(FrozenGraph frozen,
                        freeze(root.graph(), {.outputs = {"output_node"}}, session_values(session)));
  PassManager manager({.inputs = {"input_node"}, .outputs = {"output_node"}, .verify = true});
  TARN_ASSIGN_OR_RETURN(std::vector<PipelineStep> pipeline, parse_pipeline("strip_unused_nodes fold_constants"));
  TARN_RETURN_IF_ERROR(manager.run(frozen.graph, pipeline).status());
  return write_graph(frozen.graph, path);
}

Status make_with_op(const std::string& path) {
  TARN_ASSIGN_OR_RETURN(Graph graph, graph_from_text("x: f32[?,4] = Placeholder\n"
                                                     "y: f32[?,4] = ClipAbove(x) {T=f32, most=0.5}\n",
                                                     {.allow_unknown_ops = true}));
  return write_graph(graph, path);
}

}  // namespace

int main(int argc, char** argv) {
  Status status = argc == 3 ? make(argv[1]) : invalid_argument("usage: make_model MODEL.pb WITH_OP.pb");
  if (status.ok()) status = make_with_op(argv[2]);
  if (!status.ok()) std::fprintf(stderr, "make_model: %s\n", status.to_string().c_str());
  return status.ok() ? 0 : 1;
}
