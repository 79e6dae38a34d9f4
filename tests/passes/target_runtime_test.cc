#include "passes/support/target_runtime.h"

#include <gtest/gtest.h>

#include "tests/support/graph_text.h"

namespace tarn {
namespace {

std::vector<std::string> texts(const Graph& graph, TargetRuntime runtime, std::vector<std::string> outputs = {"y"}) {
  std::vector<std::string> found;
  for (const Obstacle& obstacle : find_obstacles(graph, outputs, runtime)) found.push_back(obstacle.text);
  return found;
}

TEST(TargetRuntime, NamesReadBack) {
  for (TargetRuntime runtime : {TargetRuntime::kTarn, TargetRuntime::kTensorFlow, TargetRuntime::kOpenCv})
    EXPECT_EQ(target_runtime_from_name(target_runtime_name(runtime)), runtime);
  EXPECT_FALSE(target_runtime_from_name("tflite").has_value());
}

TEST(TargetRuntime, AnEngineNodeWithoutOpIsNamedWithThePathThatNeedsIt) {
  Graph graph = graph_with_unknown_ops(R"(
x: f32[2] = Placeholder
a: f32[2] = Relu(x)
b: f32[2] = Bessel(a) {T=f32}
c: f32[2] = Neg(b)
y: f32[2] = Abs(c)
unused: f32[2] = Unheard(x) {T=f32}
)");
  std::vector<std::string> found = texts(graph, TargetRuntime::kTarn);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].find("Bessel 'b': the engine has no such op"), std::string::npos) << found[0];
  EXPECT_NE(found[0].find("x -> a -> b -> c -> y"), std::string::npos) << found[0];
  EXPECT_TRUE(texts(graph, TargetRuntime::kTarn, {"a"}).empty());
}

TEST(TargetRuntime, VariablesAreForFreezeGraph) {
  Graph graph = graph_with_unknown_ops(R"(
x: f32[2] = Placeholder
v: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
y: f32[2] = Add(x, v)
)");
  std::vector<std::string> found = texts(graph, TargetRuntime::kTarn);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].find("freeze_graph takes it out"), std::string::npos) << found[0];
  EXPECT_TRUE(texts(graph, TargetRuntime::kTensorFlow).empty());
}

TEST(TargetRuntime, OpenCvReadsNoSwitchAndComputesInFloat) {
  Graph graph = graph_with_unknown_ops(R"(
x: f32[2] = Placeholder
p: bool[] = {false}
s: (f32[2], f32[2]) = Switch(x, p)
y: f32[2] = Relu(s)
n: i32[2] = Placeholder
z: i32[2] = Abs(n)
)");
  std::vector<std::string> found = texts(graph, TargetRuntime::kOpenCv);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_NE(found[0].find("Const 'p': OpenCV's importer reads no constants of bool"), std::string::npos) << found[0];
  EXPECT_NE(found[1].find("Switch 's': OpenCV's importer does not read this op"), std::string::npos) << found[1];
  EXPECT_NE(found[1].find("prune_branches would take it out"), std::string::npos) << found[1];
  found = texts(graph, TargetRuntime::kOpenCv, {"z"});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].find("float32, not in int32"), std::string::npos) << found[0];
}

TEST(TargetRuntime, LongPathsKeepTheirEndsAndTheNodesNeighbours) {
  std::string text = "x: f32[2] = Placeholder\nn0: f32[2] = Neg(x)\n";
  for (int i = 1; i < 20; ++i)
    str_append(text, "n", i, ": f32[2] = ", i == 10 ? "Bessel" : "Neg", "(n", i - 1, ")", i == 10 ? " {T=f32}" : "",
               "\n");
  Graph graph = graph_with_unknown_ops(text);
  std::vector<std::string> found = texts(graph, TargetRuntime::kTarn, {"n19"});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].find("x -> … -> n9 -> n10 -> n11 -> … -> n19"), std::string::npos) << found[0];
}

}  // namespace
}  // namespace tarn
