// Pipelines as text, and what the manager does with them beside running passes: disable, stop, rounds, ignored errors,
// bisection.
#include "passes/support/pipeline.h"

#include <gtest/gtest.h>

#include "graph/text.h"
#include "passes/support/pass_manager.h"

namespace tarn {
namespace {

TEST(Pipeline, RoundTripsAsText) {
  for (std::string text :
       {"strip", "strip fold_constants(max_constant_size_in_bytes=1000) quantize_weights(minimum_size=2)",
        "strip(ignore_errors=true) merge_duplicate_nodes"}) {
    Result<std::vector<PipelineStep>> steps = parse_pipeline(text);
    ASSERT_TRUE(steps.ok()) << steps.status().to_string();
    EXPECT_EQ(pipeline_text(*steps), text);
  }
  Result<std::vector<PipelineStep>> loose =
      parse_pipeline(" strip,\n\tfold_constants( max_constant_size_in_bytes = \"7\" )");
  ASSERT_TRUE(loose.ok()) << loose.status().to_string();
  EXPECT_EQ(pipeline_text(*loose), "strip fold_constants(max_constant_size_in_bytes=7)");
}

TEST(Pipeline, SaysWhereAndWhatIsWrong) {
  struct Case {
    std::string_view text, message;
  };
  const Case cases[] = {
      {"strip fold_constant", "character 7: there is no pass 'fold_constant'"},
      {"fold_constant", "fold_constants"},  // the nearest
      {"strip(", "'(' of strip is never closed"},
      {"quantize_weights(minimum_size)", "expected = after 'minimum_size'"},
      {"quantize_weights(minimum_size=\"4)", "this quote is never closed"},
      {"quantize_weights(minimum=4)", "no argument 'minimum'"},
      {"quantize_weights(minimum_size=few)", "'few', expected a whole number"},
      {"quantize_weights(minimum_size=4, minimum_size=5)", "given more than once"},
      {"strip(deep=true)", "it takes none"},
      {"strip(ignore_errors=maybe)", "ignore_errors is 'maybe'"},
      {"strip ; strip", "expected a pass, found ';'"},
  };
  for (const Case& one : cases) {
    Status status = parse_pipeline(one.text).status();
    EXPECT_NE(status.to_string().find(one.message), std::string::npos) << one.text << ": " << status.to_string();
  }
}

constexpr std::string_view kGraph = R"(
x: f32[2] = Placeholder
i: f32[2] = Identity(x)
a: f32[2] = {1, 2}
b: f32[2] = {3, 4}
c: f32[2] = Add(a, b)
y: f32[2] = Mul(i, c)
)";

std::vector<std::string> passes_run(PassManagerOptions options, std::string_view pipeline) {
  options.outputs = {"y"};
  Result<Graph> graph = graph_from_text(kGraph);
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  Result<std::vector<PipelineStep>> steps = parse_pipeline(pipeline);
  EXPECT_TRUE(steps.ok()) << steps.status().to_string();
  Result<std::vector<PassReport>> reports = PassManager(options).run(*graph, *steps);
  if (!reports.ok()) return {reports.status().to_string()};
  std::vector<std::string> names;
  for (const PassReport& report : *reports) names.push_back(report.pass);
  return names;
}

using Names = std::vector<std::string>;

TEST(PassManager, LeavesOutWhatIsDisabledAndStopsWhereItIsTold) {
  constexpr std::string_view kPipeline = "strip fold_constants strip merge_duplicate_nodes";
  EXPECT_EQ(passes_run({}, kPipeline), (Names{"strip", "fold_constants", "strip", "merge_duplicate_nodes"}));
  EXPECT_EQ(passes_run({.disabled = {"strip"}}, kPipeline), (Names{"fold_constants", "merge_duplicate_nodes"}));
  EXPECT_EQ(passes_run({.stop_after = "fold_constants"}, kPipeline), (Names{"strip", "fold_constants"}));
  EXPECT_EQ(passes_run({.stop_after = "strip#2"}, kPipeline), (Names{"strip", "fold_constants", "strip"}));
  EXPECT_EQ(passes_run({.disabled = {"strip", "merge_duplicates"}}, kPipeline), (Names{"fold_constants"}));
  EXPECT_EQ(passes_run({.disabled = {"strip"}, .stop_after = "strip#2"}, kPipeline), (Names{"fold_constants"}));
  EXPECT_NE(passes_run({.stop_after = "strip#3"}, kPipeline)[0].find("no step 'strip#3'"), std::string::npos);
  EXPECT_NE(passes_run({.disabled = {"stripp"}}, kPipeline)[0].find("no pass 'stripp'"), std::string::npos);
}

TEST(PassManager, RunsRoundsUntilNothingChanges) {
  // The second round finds nothing to do, and is the last.
  EXPECT_EQ(passes_run({.most_rounds = 5}, "strip fold_constants"),
            (Names{"strip", "fold_constants", "strip", "fold_constants"}));
}

TEST(PassManager, CountsNodesAndBytes) {
  Result<Graph> graph = graph_from_text(kGraph);
  ASSERT_TRUE(graph.ok());
  PassManagerOptions options;
  options.outputs = {"y"};
  options.verify = true;
  Result<std::vector<PassReport>> reports = PassManager(options).run(*graph, *parse_pipeline("fold_constants"));

  ASSERT_TRUE(reports.ok()) << reports.status().to_string();
  EXPECT_EQ(reports->at(0).nodes_before, 6);
  EXPECT_EQ(reports->at(0).nodes_after, 4);
  EXPECT_EQ(reports->at(0).bytes_before, 16);
  EXPECT_EQ(reports->at(0).bytes_after, 8);
  EXPECT_TRUE(reports->at(0).verified);
}

TEST(PassManager, FollowsInputsAndOutputsToTheirNewNames) {
  for (bool names_inputs : {false, true}) {
    Result<Graph> graph = graph_from_text(kGraph);
    ASSERT_TRUE(graph.ok());
    PassManagerOptions options;
    if (names_inputs) options.inputs = {"x:0"};
    options.outputs = {"y:0"};
    options.verify = true;
    std::vector<PipelineStep> steps = *parse_pipeline(
        "rename_node(old_node_name=x, new_node_name=image) rename_node(old_node_name=y, new_node_name=label) "
        "strip fold_constants");

    Result<std::vector<PassReport>> reports = PassManager(options).run(*graph, steps);

    ASSERT_TRUE(reports.ok()) << reports.status().to_string();
    EXPECT_TRUE(reports->back().verified);
    EXPECT_TRUE(graph->find("image") && graph->find("label"));
    EXPECT_FALSE(graph->find("x") || graph->find("y") || graph->find("i"));
    Result<std::optional<Culprit>> culprit = PassManager(options).bisect(*graph_from_text(kGraph), steps, 0);
    ASSERT_TRUE(culprit.ok()) << culprit.status().to_string();
    EXPECT_FALSE(culprit->has_value());
  }
}

TEST(PassManager, BisectionNamesTheStep) {
  std::string text = R"(
x: f32[1,64] = Placeholder
i: f32[1,64] = Identity(x)
w: f32[64,64] = random(seed=3)
y: f32[1,64] = MatMul(i, w)
)";
  Result<Graph> graph = graph_from_text(text);
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  PassManagerOptions options;
  options.outputs = {"y"};
  std::vector<PipelineStep> steps = *parse_pipeline("strip fold_constants quantize_weights merge_duplicate_nodes");

  Result<std::optional<Culprit>> culprit = PassManager(options).bisect(*graph, steps, 1e-6);
  ASSERT_TRUE(culprit.ok()) << culprit.status().to_string();
  ASSERT_TRUE(culprit->has_value());
  EXPECT_EQ((*culprit)->pass, "quantize_weights");
  EXPECT_EQ((*culprit)->step, 2u);
  EXPECT_EQ((*culprit)->output, "y");
  EXPECT_GT((*culprit)->difference, 1e-6);

  Result<std::optional<Culprit>> none = PassManager(options).bisect(*graph, steps, 0.5);
  ASSERT_TRUE(none.ok()) << none.status().to_string();
  EXPECT_FALSE(none->has_value());
}

}  // namespace
}  // namespace tarn
