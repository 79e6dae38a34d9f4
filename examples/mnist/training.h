// What the MNIST programs share around their models: the training loop with its checkpoints, the test, the curve.
//
//   Result<History> history = train(root, session, saver, data,
//                                   {.train_op = train.name(), .steps = 1000, .seed = 1, .out_dir = "out"});
//   print(history->checkpoint);                                  // "out/model.ckpt-1000"
//   print(percent(history->test.accuracy()));                    // of the 10,000 test digits
//   TARN_RETURN_IF_ERROR(write_curve("out", "beginners", *history, data));
//
// Models are known by the names of their nodes: input_node and labels are fed, and `training` if there is one;
// loss, accuracy and output_node are fetched.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "examples/mnist/resume.h"
#include "examples/support/mnist.h"
#include "graph/saver.h"
#include "graph/session.h"

namespace tarn::examples {

constexpr char kInput[] = "input_node";    // f32[?,784]
constexpr char kOutput[] = "output_node";  // f32[?,10]: softmax
constexpr char kLabels[] = "labels";       // i64[?]
constexpr char kTraining[] = "training";   // bool, false unless fed

// Makes the folder if need be, and tries whether files can be made in it: before hours of training, not after.
Status check_out_dir(const std::string& out_dir);

// load_mnist() that says on standard error what it does.
Result<Mnist> load_digits(const std::string& data_dir);

struct TrainOptions {
  std::string train_op = {};
  int64_t steps = 0;  // 0: as many as the epochs have
  int64_t epochs = 0;
  int64_t batch = 100;
  uint64_t seed = 1;
  std::string out_dir = "out";   // of the checkpoints
  int64_t checkpoint_every = 0;  // steps; 0: only one after the last
  bool resume = false;           // from the latest checkpoint in out_dir, if there is one
  std::string log_dir = {};      // for TensorBoard; empty: nothing
  bool profile = false;          // print afterwards which ops took the time
  // What besides batch and seed changes the numbers: kept in checkpoints, for `resume` to compare.
  std::vector<TrainFlag> flags = {};
};

// How many steps that makes.
int64_t steps_of(const Mnist& data, const TrainOptions& options);

struct TestResult {
  std::vector<int> predicted;      // of each test digit
  std::vector<float> probability;  // given to it
  int64_t right = 0;
  double accuracy() const { return static_cast<double>(right) / static_cast<double>(predicted.size()); }
};

// Of the whole training, resumed or not: the numbers by step are in the checkpoints.
struct History {
  int64_t steps = 0;
  int64_t resumed_at = 0;                        // the step this run went on from
  std::string checkpoint;                        // after the last step
  double seconds = 0;                            // of this run, without the tests
  std::vector<double> step, loss, accuracy;      // of each step's batch, 0 to 1
  std::vector<double> test_step, test_accuracy;  // of each epoch's end, and of the last step
  TestResult test;                               // after the last step
};

// Shows a progress bar on standard error. The session's variables have their first values; --resume replaces them.
// SIGINT, SIGTERM and SIGHUP stop it after the step at hand: it saves a checkpoint to resume from, and is Cancelled.
Result<History> train(const Scope& root, Session& session, Saver& saver, const Mnist& data,
                      const TrainOptions& options);

// scores f32[N,10] of test digits in order -> what they say.  labels i64[≥ N].
void add_predictions(const Tensor& scores, const Tensor& labels, TestResult& result);
Result<TestResult> test_digits(Session& session, const Mnist& data, int64_t batch = 500);

// `out_dir`/curve.svg and curve.png: loss and accuracy over the steps.
Status write_curve(const std::string& out_dir, const std::string& title, const History& history, const Mnist& data);

// "98.12 %".
std::string percent(double share);

}  // namespace tarn::examples
