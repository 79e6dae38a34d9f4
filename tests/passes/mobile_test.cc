#include "passes/support/mobile.h"

#include <gtest/gtest.h>

#include "graph/model_info.h"
#include "graph/text.h"
#include "tests/support/graph_text.h"

namespace tarn {
namespace {

std::vector<std::string> names_of(const std::vector<OutputCandidate>& candidates) {
  std::vector<std::string> names;
  for (const OutputCandidate& candidate : candidates) names.push_back(candidate.name);
  return names;
}

// --- what is found ---------------------------------------------------------------------------------------------------

TEST(FindEnds, TheHeadsOfAModelAreItsOutputs) {
  Graph graph = graph_of(R"(
x: f32[?,2] = Placeholder
w: f32[2,8] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
h = MatMul(x, w)
scores = Softmax(h)
boxes = Relu(h)
)");
  MobileOptions options;
  Result<std::vector<OutputCandidate>> found = find_outputs(graph, options);
  ASSERT_TRUE(found.ok()) << found.status().to_string();
  EXPECT_EQ(names_of(*found), (std::vector<std::string>{"scores", "boxes"}));
  EXPECT_EQ(options.outputs, names_of(*found));
}

TEST(FindEnds, WhatIsLeftOverBesideAnOutputMustBeNamed) {
  Graph graph = graph_of(R"(
x: f32[?,2] = Placeholder
w: f32[2,8] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
softmax = Softmax(h)
h = MatMul(x, w)
axes: i32[2] = {0, 1}
rest = Sum(x, axes)
)");
  MobileOptions options;
  Result<std::vector<OutputCandidate>> found = find_outputs(graph, options);
  ASSERT_FALSE(found.ok());
  std::string text(found.status().message());
  EXPECT_NE(text.find("ends in 2 nodes"), std::string::npos) << text;
  EXPECT_LT(text.find("'softmax'"), text.find("'rest'")) << text;
}

TEST(FindEnds, AnIteratorsTensorsBecomePlaceholders) {
  Graph graph = graph_of(R"(
iterator = IteratorV2 {shared_name="", container="", output_types=[i32, f32], output_shapes=[[?], [?,4]]}
next = IteratorGetNext(iterator) {output_types=[i32, f32], output_shapes=[[?], [?,4]]}
y: f32? = Relu(next:1) {T=f32}
)",
                         {.allow_unknown_ops = true});
  MobileOptions options;
  ASSERT_TRUE(find_outputs(graph, options).ok());
  Result<std::vector<std::string>> found = find_inputs(graph, options);
  ASSERT_TRUE(found.ok()) << found.status().to_string();
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ((*found)[0], "'next_1' (f32[?,4]) is a Placeholder now, in place of what IteratorGetNext 'next' gave");
  Result<std::vector<PassReport>> reports = optimize_for_mobile(graph, options);
  ASSERT_TRUE(reports.ok()) << reports.status().to_string();
  EXPECT_EQ(graph_to_text(graph), "y: f32[?,4] = Relu(next_1)\nnext_1: f32[?,4] = Placeholder\n");
}

TEST(FindEnds, OfAModelWithoutPlaceholdersThoseWithADefaultAreTheInputs) {
  Graph graph = graph_of(R"(
zero: f32[] = 0
x: f32[] = PlaceholderWithDefault(zero) {shape=[]}
y = Exp(x)
)");
  MobileOptions options;
  ASSERT_TRUE(find_outputs(graph, options).ok());
  ASSERT_TRUE(find_inputs(graph, options).ok());
  EXPECT_EQ(options.inputs, std::vector<std::string>{"x"});
  ASSERT_TRUE(optimize_for_mobile(graph, options).ok());
  EXPECT_TRUE(graph.node(*graph.find("x")).is("Placeholder"));
}

TEST(FindEnds, OneOfSeveralOutputsMayBeAnInput) {
  Graph graph = graph_of(R"(
x: f32[2,4] = Placeholder
halves: (f32[2,2], f32[2,2]) = Split(axis, x) {num_split=2}
axis: i32[] = 1
y = Sub(halves, halves:1)
)");
  MobileOptions options{.inputs = {"halves", "halves:1"}, .outputs = {"y"}};
  Result<std::vector<std::string>> found = find_inputs(graph, options);
  ASSERT_TRUE(found.ok()) << found.status().to_string();
  EXPECT_EQ(options.inputs, (std::vector<std::string>{"halves", "halves_1"}));
  ASSERT_TRUE(optimize_for_mobile(graph, options).ok());
  EXPECT_EQ(graph_to_text(graph),
            "y: f32[2,2] = Sub(halves, halves_1)\nhalves: f32[2,2] = Placeholder\nhalves_1: f32[2,2] = Placeholder\n");
}

// --- what is done ----------------------------------------------------------------------------------------------------

TEST(OptimizeForMobile, RunsUntilNothingChanges) {
  const char* kText = R"(
x: f32[?,4,4,3] = Placeholder
keep_prob: f32[] = Placeholder
w: f32[1,1,3,2] = random(seed=1)
conv = Conv2D(x, w) {strides=[1, 1, 1, 1], padding="SAME"}
scale: f32[2] = {2, 3}
scaled = Mul(conv, scale)
one: f32[] = 1
also = Mul(scaled, one)
y = Relu(also)
)";
  Graph graph = graph_of(kText);
  MobileOptions options{.outputs = {"y"}, .verify = true};
  Result<std::vector<PassReport>> reports = optimize_for_mobile(graph, options);
  ASSERT_TRUE(reports.ok()) << reports.status().to_string();
  EXPECT_EQ(reports->back().changes, 0);
  std::string once = graph_to_text(graph);
  EXPECT_EQ(graph.node_count(), 4) << once;  // x, y, Conv2D, its weights
  ASSERT_TRUE(optimize_for_mobile(graph, options).ok());
  EXPECT_EQ(graph_to_text(graph), once);
}

TEST(OptimizeForMobile, NamesEveryNodeThatTheRuntimeCannotRun) {
  const char* kText = R"(
x: f32[?,4] = Placeholder
a = Odd(x)
b = Strange(a)
y: f32[?,4] = Relu(b) {T=f32}
)";
  Graph graph = graph_of(kText, {.allow_unknown_ops = true});
  MobileOptions options{.outputs = {"y"}};
  Result<std::vector<PassReport>> reports = optimize_for_mobile(graph, options);
  ASSERT_FALSE(reports.ok());
  EXPECT_EQ(reports.status().code(), Code::kFailedPrecondition);
  std::string text(reports.status().message());
  for (std::string_view part : {"not for tarn", "Odd 'a'", "Strange 'b'", "x -> a -> b -> y"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  options.allow_custom_ops = true;
  Graph again = graph_of(kText, {.allow_unknown_ops = true});
  EXPECT_TRUE(optimize_for_mobile(again, options).ok());
}

TEST(OptimizeForMobile, AStoredTestOfTheUntouchedGraphGoes) {
  Graph graph = graph_of("x: f32[2] = Placeholder\ni = Identity(x)\ny = Relu(i)\n");
  MobileOptions options{.outputs = {"y"}};
  ASSERT_TRUE(store_self_test(graph, options).ok());
  EXPECT_NE(graph.model_info, "");
  ASSERT_TRUE(optimize_for_mobile(graph, options).ok());
  EXPECT_EQ(graph.model_info, "");
}

}  // namespace
}  // namespace tarn
