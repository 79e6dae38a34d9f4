// Writes the training graph of a small network of resource variables, for TensorFlow to run.
//
//   resource_graph --optimizer=Adam --out=graph.pbtxt
//
// Feeds ids i32[?,3], input_node f32[?,8], labels i32[?]; fetches loss and output_node; nodes to run: init, train. The
// embedding is read by a ResourceGather, the layers by their ReadVariableOps.
#include <gflags/gflags.h>

#include "graph/graph_io.h"
#include "graph/layers.h"
#include "graph/losses.h"
#include "graph/ops.h"
#include "graph/optimizers.h"
#include "tools/support/main.h"

DEFINE_string(optimizer, "", "GradientDescent, Momentum or Adam");
DEFINE_string(out, "", "Graph file to write");

namespace tarn {
namespace {

Result<std::unique_ptr<Optimizer>> make_optimizer() {
  if (FLAGS_optimizer == "GradientDescent") return std::unique_ptr<Optimizer>(new GradientDescentOptimizer(0.5f));
  if (FLAGS_optimizer == "Momentum") return std::unique_ptr<Optimizer>(new MomentumOptimizer(0.1f, 0.9f, true));
  if (FLAGS_optimizer == "Adam") return std::unique_ptr<Optimizer>(new AdamOptimizer(0.01f));
  return invalid_argument("--optimizer: GradientDescent, Momentum or Adam, not ", quoted(FLAGS_optimizer));
}

Status run() {
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<Optimizer> optimizer, make_optimizer());
  Scope root = Scope::NewRootScope().WithResourceVariables();
  root.SetRandomSeed(11);
  Output ids = ops::Placeholder(root.WithOpName("ids"), DT_INT32, ops::Placeholder::Shape({-1, 3}));
  Output x = ops::Placeholder(root.WithOpName("input_node"), DT_FLOAT, ops::Placeholder::Shape({-1, 8}));
  Output labels = ops::Placeholder(root.WithOpName("labels"), DT_INT32, ops::Placeholder::Shape({-1}));
  ModelVariable embedding = CreateVariable(root.WithOpName("embedding"), {10, 4}, Initializer::TruncatedNormal(0.5));
  Output rows =
      AddNode(root.WithOpName("rows"), "ResourceGather", {embedding.ref, ids}, {{"dtype", DT_FLOAT}}).output(0);
  rows = ops::Reshape(root, rows, std::vector<int32_t>{-1, 12});
  Output both = AddNode(root, "ConcatV2", {InputList{x, rows}, 1}).output(0);
  Output hidden = layers::Dense(root.WithOpName("fc1"), both, 16, {.activation = "Tanh"});
  Output logits = layers::Dense(root.WithOpName("fc2"), hidden, 5);
  ops::Softmax(root.WithOpName("output_node"), logits);
  Output loss = losses::SparseSoftmaxCrossEntropy(root.WithOpName("loss"), labels, logits);
  ModelVariable step = GetOrCreateGlobalStep(root);
  optimizer->Minimize(root.WithOpName("train"), loss, {.global_step = step.ref});
  GlobalVariablesInitializer(root);
  TARN_RETURN_IF_ERROR(root.status());
  return write_graph(root.graph(), FLAGS_out);
}

}  // namespace
}  // namespace tarn

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "resource_graph",
                          .summary = "Writes the training graph of a small network of resource variables.",
                          .example = "resource_graph --optimizer=Adam --out=graph.pbtxt",
                          .required = {"optimizer", "out"}},
                         tarn::run);
}
