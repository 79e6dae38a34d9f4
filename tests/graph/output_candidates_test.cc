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

}  // namespace
}  // namespace tarn
