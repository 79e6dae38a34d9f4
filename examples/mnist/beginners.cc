// MNIST for beginners: softmax regression, one matrix and one vector.
//
//   beginners --out_dir=out/beginners
//   freeze_graph --input_graph=out/beginners/graph.pbtxt --input_checkpoint=out/beginners/model.ckpt-1000
//     --output_node_names=output_node --output_graph=out/beginners/frozen.pb
//
// y = softmax(x W + b);  x, y and the files have the names that every later tool asks for.
#include <gflags/gflags.h>

#include "examples/mnist/training.h"
#include "graph/losses.h"
#include "graph/ops.h"
#include "graph/optimizers.h"
#include "graph/saver.h"
#include "tools/support/main.h"

DEFINE_string(data_dir, "", "Folder with MNIST's four files; by default $TARN_DATA/mnist, data/mnist or the network");
DEFINE_string(out_dir, "out/beginners", "Where graph.pbtxt, the checkpoint and curve.svg go");
DEFINE_int32(steps, 1000, "Training steps");
DEFINE_int32(batch, 100, "Digits a step");
DEFINE_double(learning_rate, 0.5, "Step size of gradient descent");
DEFINE_int32(seed, 3, "Seed of the order of the digits");
DEFINE_int32(threads, 0, "Threads; 0: one per core");
DEFINE_int32(checkpoint_every, 0, "Steps from one checkpoint to the next; 0: only one at the end");
DEFINE_bool(resume, false, "Go on from the latest checkpoint in out_dir, exactly as if nothing had happened");
DEFINE_string(log_dir, "", "Where events for TensorBoard go, if anywhere");
DEFINE_string(backend, "portable", "Kernels: portable, dnnl (oneDNN's wherever it has one) or auto (the faster)");

namespace tarn::examples {
namespace {

Status run() {
  SessionOptions session_options{.threads = FLAGS_threads};
  TARN_RETURN_IF_ERROR(choose_backend(FLAGS_backend, session_options).with_context("--backend"));
  TARN_RETURN_IF_ERROR(check_out_dir(FLAGS_out_dir));
  TARN_ASSIGN_OR_RETURN(Mnist data, load_digits(FLAGS_data_dir));

  Scope root = Scope::NewRootScope();
  Output x = ops::Placeholder(root.WithOpName(kInput), DT_FLOAT, ops::Placeholder::Shape({-1, 784}));
  Output labels = ops::Placeholder(root.WithOpName(kLabels), DT_INT64, ops::Placeholder::Shape({-1}));
  ModelVariable w = CreateVariable(root.WithOpName("W"), {784, 10}, Initializer::Zeros());
  ModelVariable b = CreateVariable(root.WithOpName("b"), {10}, Initializer::Zeros());
  Output logits = ops::Add(root.WithOpName("logits"), ops::MatMul(root, x, w.read), b.read);
  ops::Softmax(root.WithOpName(kOutput), logits);

  Output loss = losses::SparseSoftmaxCrossEntropy(root.WithOpName("loss"), labels, logits);
  metrics::Accuracy(root.WithOpName("accuracy"), labels, logits);
  Operation train_op = GradientDescentOptimizer(static_cast<float>(FLAGS_learning_rate)).Minimize(root, loss);
  Operation init = GlobalVariablesInitializer(root);
  Saver saver(root);
  TARN_RETURN_IF_ERROR(root.status());

  Session session(root, session_options);
  TARN_RETURN_IF_ERROR(session.Run(init.name()));
  TARN_ASSIGN_OR_RETURN(History history,
                        train(root, session, saver, data,
                              {.train_op = train_op.name(),
                               .steps = FLAGS_steps,
                               .batch = FLAGS_batch,
                               .seed = static_cast<uint64_t>(FLAGS_seed),
                               .out_dir = FLAGS_out_dir,
                               .checkpoint_every = FLAGS_checkpoint_every,
                               .resume = FLAGS_resume,
                               .log_dir = FLAGS_log_dir,
                               .flags = {{.name = "learning_rate", .value = str_cat(FLAGS_learning_rate)},
                                         {.name = "backend", .value = FLAGS_backend}}}));

  TARN_RETURN_IF_ERROR(WriteGraph(root.graph(), FLAGS_out_dir, "graph.pbtxt").status());
  TARN_RETURN_IF_ERROR(write_curve(FLAGS_out_dir, "beginners", history, data));
  print("saved ", history.checkpoint, data.note(), "\n");
  print("accuracy on the ", history.test.predicted.size(), " test digits: ", percent(history.test.accuracy()),
        data.note(), "\n");
  return {};
}

}  // namespace
}  // namespace tarn::examples

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "beginners",
                          .summary = "Trains softmax regression on MNIST.",
                          .example = "beginners --steps=1000 --out_dir=out/beginners",
                          .ranges = {{"steps", 1, 1e9},
                                     {"batch", 1, 60000},
                                     {"learning_rate", 0, 1e3},
                                     {"checkpoint_every", 0, 1e9},
                                     {"threads", 0, 1024}}},
                         tarn::examples::run);
}
