// MNIST for experts: the two-layer convolutional network of TensorFlow's tutorial.
//
//   experts --steps=2000 --out_dir=out/experts
//
// input_node [?,784] -> 28x28 -> Conv 5x5x32 -> MaxPool 2 -> Conv 5x5x64 -> MaxPool 2 -> Dense 1024 -> Dropout 0.5
// -> Dense 10 -> output_node: softmax. Weights start from a truncated normal with stddev 0.1, biases at 0.1.
// --batch_norm normalizes after each convolution. Dropout and batch norm see the flag `training`, which is false
// unless fed.
#include <gflags/gflags.h>

#include "examples/mnist/training.h"
#include "graph/layers.h"
#include "graph/losses.h"
#include "graph/ops.h"
#include "graph/optimizers.h"
#include "graph/saver.h"
#include "tools/support/main.h"

DEFINE_string(data_dir, "", "Folder with MNIST's four files; by default $TARN_DATA/mnist, data/mnist or the network");
DEFINE_string(out_dir, "out/experts", "Where graph.pbtxt, the checkpoint and curve.svg go");
DEFINE_bool(batch_norm, false, "Batch normalization after each convolution");
DEFINE_int32(steps, 2000, "Training steps");
DEFINE_int32(batch, 50, "Digits a step");
DEFINE_double(learning_rate, 1e-4, "Step size of Adam");
DEFINE_int32(seed, 1, "Seed of weights, dropout and the order of the digits");
DEFINE_int32(threads, 0, "Threads; 0: one per core");
DEFINE_int32(checkpoint_every, 0, "Steps from one checkpoint to the next; 0: only one at the end");
DEFINE_bool(resume, false, "Go on from the latest checkpoint in out_dir, exactly as if nothing had happened");
DEFINE_string(log_dir, "", "Where events for TensorBoard go, if anywhere");
DEFINE_string(backend, "portable", "Kernels: portable, dnnl (oneDNN's wherever it has one) or auto (the faster)");
DEFINE_bool(profile, false, "Tell afterwards which ops took the time");

namespace tarn::examples {
namespace {

const Initializer kWeights = Initializer::TruncatedNormal(0.1);
const Initializer kBiases = Initializer::Constant(0.1);

// Convolution, perhaps batch norm, Relu, and a pool that halves the sides.
Output block(const Scope& root, const std::string& name, const Output& x, int filters, const Output& training) {
  layers::Conv2DOptions options{.padding = "SAME", .kernel_initializer = kWeights, .bias_initializer = kBiases};
  if (!FLAGS_batch_norm) options.activation = "Relu";
  Output y = layers::Conv2D(root.WithOpName(name), x, filters, 5, options);
  if (FLAGS_batch_norm) y = layers::BatchNorm(root.WithOpName(name, "_bn"), y, training, {.activation = "Relu"});
  return layers::MaxPool(root.WithOpName(name, "_pool"), y, 2, 2, "SAME");
}

Output build_logits(const Scope& root, const Output& x) {
  Output training = layers::TrainingFlag(root.WithOpName(kTraining));
  Output h = ops::Reshape(root.WithOpName("image"), x, {-1, 28, 28, 1});
  h = block(root, "conv1", h, 32, training);
  h = block(root, "conv2", h, 64, training);
  h = layers::Dense(root.WithOpName("fc1"), layers::Flatten(root, h), 1024,
                    {.activation = "Relu", .kernel_initializer = kWeights, .bias_initializer = kBiases});
  h = layers::Dropout(root.WithOpName("dropout"), h, 0.5f, training);
  return layers::Dense(root.WithOpName("fc2"), h, 10, {.kernel_initializer = kWeights, .bias_initializer = kBiases});
}

Status run() {
  SessionOptions session_options{.threads = FLAGS_threads};
  TARN_RETURN_IF_ERROR(choose_backend(FLAGS_backend, session_options).with_context("--backend"));
  TARN_RETURN_IF_ERROR(check_out_dir(FLAGS_out_dir));
  TARN_ASSIGN_OR_RETURN(Mnist data, load_digits(FLAGS_data_dir));

  Scope root = Scope::NewRootScope();
  root.SetRandomSeed(FLAGS_seed);
  Output x = ops::Placeholder(root.WithOpName(kInput), DT_FLOAT, ops::Placeholder::Shape({-1, 784}));
  Output labels = ops::Placeholder(root.WithOpName(kLabels), DT_INT64, ops::Placeholder::Shape({-1}));
  Output logits = build_logits(root, x);
  ops::Softmax(root.WithOpName(kOutput), logits);

  Output loss = losses::SparseSoftmaxCrossEntropy(root.WithOpName("loss"), labels, logits);
  metrics::Accuracy(root.WithOpName("accuracy"), labels, logits);
  Operation train_op = AdamOptimizer(static_cast<float>(FLAGS_learning_rate)).Minimize(root, loss);
  Operation init = GlobalVariablesInitializer(root);
  Saver saver(root);
  TARN_RETURN_IF_ERROR(root.status());

  Session session(root, session_options);
  TARN_RETURN_IF_ERROR(session.Run(init.name()));
  TARN_ASSIGN_OR_RETURN(
      History history,
      train(root, session, saver, data,
            {.train_op = train_op.name(),
             .steps = FLAGS_steps,
             .batch = FLAGS_batch,
             .seed = static_cast<uint64_t>(FLAGS_seed),
             .out_dir = FLAGS_out_dir,
             .checkpoint_every = FLAGS_checkpoint_every,
             .resume = FLAGS_resume,
             .log_dir = FLAGS_log_dir,
             .profile = FLAGS_profile,
             .flags = {{.name = "learning_rate", .value = str_cat(FLAGS_learning_rate)},
                       {.name = "backend", .value = FLAGS_backend},
                       {.name = "batch_norm", .value = FLAGS_batch_norm ? "true" : "false", .fixed = true}}}));

  TARN_RETURN_IF_ERROR(WriteGraph(root.graph(), FLAGS_out_dir, "graph.pbtxt").status());
  TARN_RETURN_IF_ERROR(write_curve(FLAGS_out_dir, "experts", history, data));
  print("saved ", history.checkpoint, data.note(), "\n");
  print("accuracy on the ", history.test.predicted.size(), " test digits: ", percent(history.test.accuracy()),
        data.note(), "\n");
  return {};
}

}  // namespace
}  // namespace tarn::examples

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "experts",
                          .summary = "Trains the convolutional network of TensorFlow's tutorial on MNIST.",
                          .example = "experts --steps=2000 --out_dir=out/experts",
                          .ranges = {{"steps", 1, 1e9},
                                     {"batch", 1, 60000},
                                     {"learning_rate", 0, 1e3},
                                     {"checkpoint_every", 0, 1e9},
                                     {"threads", 0, 1024}}},
                         tarn::examples::run);
}
