// freeze_requantization_ranges on logs: percentiles, lines that are none, nodes that are none.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/file.h"
#include "graph/text.h"
#include "passes/support/pass_manager.h"
#include "passes/support/pipeline.h"

namespace tarn {
namespace {

constexpr std::string_view kGraph = R"(
q: qi32[4] = Placeholder
lo: f32[] = -100
hi: f32[] = 100
n: (f32[], f32[]) = RequantizationRange(q, lo, hi)
narrow: (qu8[4], f32[], f32[]) = Requantize(q, lo, hi, n, n:1) {out_type=qu8}
y: f32[4] = Dequantize(narrow, narrow:1, narrow:2) {mode="MIN_FIRST"}
)";

std::string write_log(const std::string& name, const std::string& text) {
  std::string path = path_join(::testing::TempDir(), name);
  EXPECT_TRUE(write_file_atomically(path, text).ok());
  return path;
}

Status freeze(Graph& graph, const std::string& log, const std::string& more = "") {
  Result<std::vector<PipelineStep>> steps =
      parse_pipeline(str_cat("freeze_requantization_ranges(min_max_log_file=\"", log, "\"", more, ")"));
  if (!steps.ok()) return steps.status();
  PassManagerOptions options;
  options.outputs = {"y"};
  return PassManager(options).run(graph, *steps).status();
}

float constant(const Graph& graph, const std::string& name) {
  std::optional<NodeId> id = graph.find(name);
  EXPECT_TRUE(id.has_value()) << name;
  return id ? graph.node(*id).outputs[0].value.flat<float>()[0] : NAN;
}

TEST(FreezeRequantizationRanges, TakesPercentilesOfWhatWasLogged) {
  std::string text;
  std::vector<float> mins, maxs;
  for (int i = 0; i < 40; ++i) {
    // In no order.
    mins.push_back(-1.0f - static_cast<float>(i * 17 % 40));
    maxs.push_back(1.0f + static_cast<float>(i * 23 % 40));
    str_append(text, "I ;n__print__;__requant_min_max:[", mins.back(), "][", maxs.back(), "]\n");
  }
  std::string log = write_log("percentiles.log", text);
  std::sort(mins.begin(), mins.end());
  std::sort(maxs.begin(), maxs.end());
  for (int percent : {0, 5, 50, 100}) {
    SCOPED_TRACE(percent);
    Graph graph = *graph_from_text(kGraph);

    Status status = freeze(graph, log, str_cat(", min_percentile=", percent, ", max_percentile=", percent));

    ASSERT_TRUE(status.ok()) << status.to_string();
    auto at = [&](double share) {
      return static_cast<size_t>(std::clamp(std::round(40 * share), 0.0, 39.0));  // 40 * 0.05 and the like are whole
    };
    EXPECT_EQ(constant(graph, "n/frozen_min"), mins[at(percent / 100.0)]);
    EXPECT_EQ(constant(graph, "n/frozen_max"), maxs[at(1 - percent / 100.0)]);
    EXPECT_FALSE(graph.find("n").has_value());
  }
}

TEST(FreezeRequantizationRanges, SaysWhatIsWrongWithALogOrItsArguments) {
  struct Case {
    std::string log, more, says;
  };
  const std::string good = ";n__print__;__requant_min_max:[-1][1]\n";
  for (const Case& one : {Case{"hello\n;n__print__;__requant_min_max:[x][1]\n", "", "no line is like"},
                          Case{good + ";m__print__;__requant_min_max:[-1][1]\n", "", "m"},
                          Case{";narrow__print__;__requant_min_max:[-1][1]\n", "", "Requantize"},
                          Case{good, ", min_percentile=101", "min_percentile is 101"}}) {
    SCOPED_TRACE(one.says);
    Graph graph = *graph_from_text(kGraph);

    Status status = freeze(graph, write_log("wrong.log", one.log), one.more);

    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.message().find(one.says), std::string::npos) << status.to_string();
    EXPECT_TRUE(graph.find("n").has_value());
  }
  Graph graph = *graph_from_text(kGraph);
  EXPECT_FALSE(freeze(graph, path_join(::testing::TempDir(), "no such file")).ok());
}

}  // namespace
}  // namespace tarn
