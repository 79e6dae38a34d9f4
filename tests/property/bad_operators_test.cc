// Every bad node through the passes: it comes out as bad as it was, and what TensorFlow takes gives what it gave.
#include <gtest/gtest.h>

#include "graph/freeze.h"
#include "graph/graph_io.h"
#include "passes/support/pass_manager.h"
#include "tests/support/bad_operators.h"

namespace tarn {
namespace {

using testing::bad_model;
using testing::BadModel;
using testing::BadOperator;
using testing::expect_value;
using testing::Known;
using testing::label;
using testing::run_session;

class BadOperatorsInPasses : public ::testing::TestWithParam<std::vector<BadOperator> (*)()> {};

TEST_P(BadOperatorsInPasses, ComeOutOfThePassesAsBadAsTheyWere) {
  const char* kPipelines[] = {
      "strip fold_mode_placeholders remove_dropout prune_branches fold_constants fold_batch_norms strip",
      "merge_duplicate_nodes sort_by_execution_order quantize_weights(minimum_size=1)"};
  for (const BadOperator& bad : GetParam()()) {
    for (Known known : {Known::kConstants, Known::kFeeds, Known::kNothing}) {
      if (bad.inputs.empty() && known != Known::kConstants) continue;
      SCOPED_TRACE(label(bad, known));
      BadModel model = bad_model(bad, known);
      Result<Graph> graph = parse_graph(model.bytes, "bad.pb");
      if (!graph.ok()) continue;  // no pass sees it
      std::vector<std::string> inputs;
      for (const auto& [name, tensor] : model.feeds) inputs.push_back(name);
      auto judge = [&](const Graph& after, const std::string& what) {
        Result<Tensor> made = run_session(after, model.feeds);
        if (bad.makes.empty()) {
          EXPECT_FALSE(made.ok()) << what << " made it give " << made->to_string();
        } else {
          expect_value(bad, made, what.c_str());
        }
      };
      for (const char* text : kPipelines) {
        Result<std::vector<PipelineStep>> pipeline = parse_pipeline(text);
        ASSERT_TRUE(pipeline.ok()) << pipeline.status().to_string();
        Graph after = *graph;
        PassManagerOptions options;
        options.inputs = inputs;
        options.outputs = {"y"};
        PassManager manager(std::move(options));
        if (manager.run(after, *pipeline).ok()) judge(after, text);
      }
      Result<FrozenGraph> frozen = freeze(*graph, {.outputs = {"y"}}, no_values());
      if (frozen.ok()) judge(frozen->graph, "freezing");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Windows, BadOperatorsInPasses, ::testing::Values(testing::bad_windows));
INSTANTIATE_TEST_SUITE_P(Arrays, BadOperatorsInPasses, ::testing::Values(testing::bad_arrays));
INSTANTIATE_TEST_SUITE_P(Math, BadOperatorsInPasses, ::testing::Values(testing::bad_math));

}  // namespace
}  // namespace tarn
