#include "graph/output_candidates.h"

#include <gtest/gtest.h>

#include "graph/graph_io.h"
#include "graph/text.h"

namespace tarn {
namespace {

std::vector<std::string> candidates(std::string_view text) {
  Result<Graph> graph = graph_from_text(text, {.allow_unknown_ops = true});
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  std::vector<std::string> names;
  for (const OutputCandidate& candidate : output_candidates(*graph)) names.push_back(candidate.name);
  return names;
}

TEST(OutputCandidates, AModelsEndIsOne) {
  EXPECT_EQ(candidates(R"(
x: f32[?,2] = Placeholder
w: f32[2,3] = {1, 2, 3, 4, 5, 6}
y: f32[?,3] = MatMul(x, w)
)"),
            std::vector<std::string>{"y"});
}

TEST(OutputCandidates, TrainingIsNone) {
  std::vector<std::string> found = candidates(R"(
x: f32[?,2] = Placeholder
labels: f32[?,3] = Placeholder
w: ref(f32[2,3]) = VariableV2 {shape=[2,3], dtype=f32}
logits: f32[?,3] = MatMul(x, w)
probabilities: f32[?,3] = Softmax(logits)
difference: f32[?,3] = Sub(probabilities, labels)
axes: i32[2] = {0, 1}
total: f32[] = Sum(difference, axes)
gradients/mul: f32[?,3] = Mul(difference, probabilities)
save/Identity: f32[?,3] = Identity(probabilities)
w/Assign: ref(f32[2,3]) = Assign(w, w)
)");

  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0], "probabilities");
  for (const std::string& name : found) {
    EXPECT_EQ(name.find("gradients"), std::string::npos);
    EXPECT_EQ(name.find("save"), std::string::npos);
    EXPECT_EQ(name.find("Assign"), std::string::npos);
  }
}

// tf.metrics.auc, a queue and a summary in Python beside the model.
TEST(OutputCandidates, WhatVariablesAndQueuesAreGivenIsNone) {
  EXPECT_EQ(candidates(R"(
x: f32[?,2] = Placeholder
w: f32[2,8] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8}
dense: f32[?,8] = MatMul(x, w)
p: f32[?,8] = Softmax(dense)
axis: i32[1] = {0}
auc/Sum: f32[8] = Sum(p, axis) {keep_dims=false}
auc/count = VarHandleOp() {dtype=f32, shape=[8]}
auc/update = AssignAddVariableOp(auc/count, auc/Sum)
queue = RandomShuffleQueueV2() {component_types=[f32]}
queue_EnqueueMany = QueueEnqueueManyV2(queue, p) {Tcomponents=[f32]}
PyFunc = PyFunc(p) {Tout=[f32], token="pyfunc_0"}
)"),
            std::vector<std::string>{"p"});
}

TEST(OutputCandidates, AModelsEndComesBeforeLayersNamedLikeOutputs) {
  EXPECT_EQ(candidates(R"(
x: f32[?,2] = Placeholder
w: f32[2,8] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8}
u: f32[8,2] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8}
layer/output: f32[?,8] = MatMul(x, w)
attention: f32[?,8] = Softmax(layer/output)
points: f32[?,2] = MatMul(attention, u)
)"),
            std::vector<std::string>{"points"});
}

// As in a dynamic_rnn: the loop's variables start with zeros, what it was fed comes in through its body.
TEST(OutputCandidates, AnInputMayReachTheEndThroughALoopsBodyAlone) {
  EXPECT_EQ(candidates(R"(
x: f32[8] = Placeholder
zeros: f32[8] = {0, 0, 0, 0, 0, 0, 0, 0}
large: f32[] = 100
enter: f32[8] = Enter(zeros) {frame_name="loop"}
merge: (f32[8], i32[]) = Merge(enter, next)
limit: f32[] = Enter(large) {frame_name="loop", is_constant=true}
axes: i32[1] = Const(^merge) {value=i32[1]{0}}
sum: f32[] = Sum(merge, axes)
less: bool[] = Less(sum, limit)
go: bool[] = LoopCond(less)
switch: (f32[8], f32[8]) = Switch(merge, go)
in: f32[8] = Enter(x) {frame_name="loop", is_constant=true}
add: f32[8] = Add(switch:1, in)
next: f32[8] = NextIteration(add)
exit: f32[8] = Exit(switch)
labels: f32[8] = Softmax(exit)
)"),
            std::vector<std::string>{"labels"});
}

TEST(OutputCandidates, AModelMayBeBuiltInAScopeNamedLikeTraining) {
  EXPECT_EQ(candidates(R"(
training/x: f32[?,2] = Placeholder
training/w: f32[2,3] = {1, 2, 3, 4, 5, 6}
training/y: f32[?,3] = MatMul(training/x, training/w)
training/gradients/y: f32[?,3] = Neg(training/y)
)"),
            std::vector<std::string>{"training/y"});
}

TEST(OutputCandidates, NothingDependsOnAnInputNothingIsOne) {
  EXPECT_TRUE(candidates("a: f32[] = 1\nb: f32[] = Neg(a)\n").empty());
}

// Of real models with one output, how many are found first; the others must be among the ten.
TEST(OutputCandidates, FindTheOutputsOfRealModels) {
  const char* data = std::getenv("TARN_DATA");
  if (data == nullptr) GTEST_SKIP() << "TARN_DATA is not set: no real models here";
  struct Row {
    const char *path, *output;
  };
  const Row kRows[] = {{"ckpt_v2_mnist_rajsingh/mnist_model.ckpt.meta", "y_actual"},
                       {"ckpt_v1_fishbonelsy/model.ckpt.meta", "output"},
                       {"ckpt_v2_encryptor/encryptor_model-500000.meta", "Output"},
                       {"ckpt_v2_lenet_kisan/lenet.meta", "logit"},
                       {"saved_model_mnist_guoliufang/saved_model.pb", "y"},
                       {"saved_model_regression_tf2onnx/saved_model.pb", "pred"}};
  for (const Row& row : kRows) {
    Result<AnyGraph> any = read_any_graph(str_cat(data, "/models/", row.path), {.allow_unknown_ops = true});
    ASSERT_TRUE(any.ok()) << any.status().to_string();
    std::vector<OutputCandidate> found = output_candidates(any->graph);
    bool listed =
        std::any_of(found.begin(), found.end(), [&](const OutputCandidate& c) { return c.name == row.output; });
    EXPECT_TRUE(listed) << row.path << ": " << candidates_text(found);
  }
}

TEST(OutputCandidates, ComeFirstInRealModels) {
  const char* data = std::getenv("TARN_DATA");
  if (data == nullptr) GTEST_SKIP() << "TARN_DATA is not set: no real models here";
  const std::pair<const char*, const char*> kRows[] = {{"kws_basic_lstm_s", "labels_softmax"},
                                                       {"kws_gru_s", "labels_softmax"},
                                                       {"mobilenetv2_doc_localisation", "keypoints_pred"},
                                                       {"seq2seq_chatbot_cooledge", "sample_outputs"}};
  for (auto [model, output] : kRows) {
    Result<Graph> graph = read_graph(str_cat(data, "/models/", model, "/graph.pb"), {.allow_unknown_ops = true});
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    std::vector<OutputCandidate> found = output_candidates(*graph);
    ASSERT_FALSE(found.empty()) << model;
    EXPECT_EQ(found[0].name, output) << candidates_text(found);
  }
}

}  // namespace
}  // namespace tarn
