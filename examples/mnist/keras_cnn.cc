// The convolutional network of Keras' mnist_cnn example: two convolutions, a pool, two dense layers, dropout.
//
//   keras_cnn --batch_norm --epochs=2 --out_dir=out
//
// input_node [?,784] -> 28x28 -> Conv 3x3x32 -> Conv 3x3x64 -> MaxPool 2 -> Dropout 0.25 -> Dense 128 -> Dropout 0.5
// -> Dense 10 -> output_node: softmax. --batch_norm normalizes after each convolution. Dropout and batch norm see the
// flag `training`, which is false unless fed, so the frozen graph needs no feed but the digits.
#include <gflags/gflags.h>

#include "examples/mnist/training.h"
#include "graph/layers.h"
#include "graph/learning_rates.h"
#include "graph/losses.h"
#include "graph/ops.h"
#include "graph/optimizers.h"
#include "graph/saver.h"
#include "tools/support/main.h"

DEFINE_string(data_dir, "", "Folder with MNIST's four files; by default $TARN_DATA/mnist, data/mnist or the network");
DEFINE_string(out_dir, "out/keras_cnn", "Where graph.pbtxt, the checkpoint and curve.svg go");
DEFINE_bool(batch_norm, false, "Batch normalization after each convolution");
DEFINE_int32(epochs, 12, "Passes over the training digits");
DEFINE_int32(steps, 0, "Training steps, instead of epochs");
DEFINE_int32(batch, 128, "Digits a step");
DEFINE_double(learning_rate, 0.001, "Step size of Adam, at its highest");
DEFINE_int32(seed, 1, "Seed of weights, dropout and the order of the digits");
DEFINE_int32(threads, 0, "Threads; 0: one per core");
DEFINE_int32(checkpoint_every, 0, "Steps from one checkpoint to the next; 0: only one at the end");
DEFINE_bool(resume, false, "Go on from the latest checkpoint in out_dir, exactly as if nothing had happened");
DEFINE_string(log_dir, "", "Where events for TensorBoard go, if anywhere");
DEFINE_string(backend, "portable", "Kernels: portable, dnnl (oneDNN's wherever it has one) or auto (the faster)");
DEFINE_bool(profile, false, "Tell afterwards which ops took the time");

namespace tarn::examples {
namespace {

constexpr int kWarmUpSteps = 300;

Output convolution(const Scope& root, const std::string& name, const Output& x, int filters, const Output& training) {
  if (!FLAGS_batch_norm) return layers::Conv2D(root.WithOpName(name), x, filters, 3, {.activation = "Relu"});
  Output y = layers::Conv2D(root.WithOpName(name), x, filters, 3, {.use_bias = false});  // batch norm has beta
  return layers::BatchNorm(root.WithOpName(name, "_bn"), y, training, {.activation = "Relu"});
}

Output build_logits(const Scope& root, const Output& x) {
  Output training = layers::TrainingFlag(root.WithOpName(kTraining));
  Output h = ops::Reshape(root.WithOpName("image"), x, {-1, 28, 28, 1});
  h = convolution(root, "conv1", h, 32, training);
  h = convolution(root, "conv2", h, 64, training);
  h = layers::MaxPool(root.WithOpName("pool"), h, 2, 2);
  h = layers::Dropout(root.WithOpName("dropout1"), h, 0.25f, training);
  h = layers::Dense(root.WithOpName("fc1"), layers::Flatten(root, h), 128, {.activation = "Relu"});
  h = layers::Dropout(root.WithOpName("dropout2"), h, 0.5f, training);
  return layers::Dense(root.WithOpName("fc2"), h, 10);
}

// Adam's first steps move every weight by the whole rate, whatever its gradient; at fc1 9,216 of them add up, and units
// pushed below 0 for all digits never come back. So the rate rises over the first steps; then it falls, to 0 at the
// last.
Output learning_rate(const Scope& scope, const Output& step, int64_t steps) {
  Output risen = LinearWarmUp(scope, 1.0f, step, kWarmUpSteps);
  Output share = PolynomialDecay(scope, risen, step, steps, {.end_learning_rate = 0});
  return ops::Mul(scope, static_cast<float>(FLAGS_learning_rate), share);
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
  TrainOptions options{.steps = FLAGS_steps,
                       .epochs = FLAGS_epochs,
                       .batch = FLAGS_batch,
                       .seed = static_cast<uint64_t>(FLAGS_seed),
                       .out_dir = FLAGS_out_dir,
                       .checkpoint_every = FLAGS_checkpoint_every,
                       .resume = FLAGS_resume,
                       .log_dir = FLAGS_log_dir,
                       .profile = FLAGS_profile};
  options.flags = {{.name = "steps",
                    .value = str_cat(steps_of(data, options)),
                    .note = " (or as many --epochs): the learning rate falls to 0 there"},
                   {.name = "learning_rate", .value = str_cat(FLAGS_learning_rate)},
                   {.name = "backend", .value = FLAGS_backend},
                   {.name = "batch_norm", .value = FLAGS_batch_norm ? "true" : "false", .fixed = true}};
  ModelVariable step = GetOrCreateGlobalStep(root);
  Output rate = learning_rate(root.NewSubScope("learning_rate"), step.read, steps_of(data, options));
  options.train_op = AdamOptimizer(rate).Minimize(root, loss, {.global_step = step.ref}).name();
  Operation init = GlobalVariablesInitializer(root);
  Saver saver(root);
  TARN_RETURN_IF_ERROR(root.status());

  Session session(root, session_options);
  TARN_RETURN_IF_ERROR(session.Run(init.name()));
  TARN_ASSIGN_OR_RETURN(History history, train(root, session, saver, data, options));

  TARN_RETURN_IF_ERROR(WriteGraph(root.graph(), FLAGS_out_dir, "graph.pbtxt").status());
  TARN_RETURN_IF_ERROR(write_curve(FLAGS_out_dir, "keras_cnn", history, data));
  print("saved ", history.checkpoint, data.note(), "\n");
  print("accuracy on the ", history.test.predicted.size(), " test digits: ", percent(history.test.accuracy()),
        data.note(), "\n");
  return {};
}

}  // namespace
}  // namespace tarn::examples

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "keras_cnn",
                          .summary = "Trains the convolutional network of Keras' mnist_cnn example on MNIST.",
                          .example = "keras_cnn --batch_norm --epochs=2 --out_dir=out",
                          .ranges = {{"epochs", 1, 1e6},
                                     {"steps", 0, 1e9},
                                     {"batch", 1, 60000},
                                     {"learning_rate", 0, 1e3},
                                     {"checkpoint_every", 0, 1e9},
                                     {"threads", 0, 1024}}},
                         tarn::examples::run);
}
