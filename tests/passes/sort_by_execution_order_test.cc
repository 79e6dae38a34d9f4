// The order that sort_by_execution_order gives, which the cases beside it do not look at.
#include <gtest/gtest.h>

#include "graph/text.h"
#include "passes/support/pass_manager.h"

namespace tarn {
namespace {

std::string sorted_names(const std::string& text) {
  Result<Graph> graph = graph_from_text(text);
  if (!graph.ok()) return graph.status().to_string();
  PassManager manager({.inputs = {}, .outputs = {"y"}, .feeds = {}, .after_pass = {}});
  Status status = manager.run(*graph, *parse_pipeline("sort_by_execution_order")).status();
  if (!status.ok()) return status.to_string();
  std::string names;
  for (NodeId id : graph->ids()) str_append(names, names.empty() ? "" : " ", graph->node(id).name);
  return names;
}

TEST(SortByExecutionOrder, PutsProducersAndControlInputsFirst) {
  EXPECT_EQ(sorted_names("y: f32[2] = Add(a, b, ^c)\n"
                         "a: f32[2] = Neg(x)\n"
                         "b: f32[2] = Relu(x)\n"
                         "c: f32[2] = Neg(b)\n"
                         "x: f32[2] = Placeholder"),
            "x a b c y");
}

TEST(SortByExecutionOrder, PutsTheMergeOfALoopBeforeItsNextIteration) {
  EXPECT_EQ(sorted_names("next: i32[] = NextIteration(switch:1)\n"
                         "y: i32[] = Exit(switch)\n"
                         "switch: (i32[], i32[]) = Switch(merge, cond)\n"
                         "cond: bool[] = LoopCond(less)\n"
                         "less: bool[] = Less(merge, ten)\n"
                         "ten: i32[] = Identity(merge, ^enter)\n"
                         "merge: (i32[], i32[]) = Merge(enter, next)\n"
                         "enter: i32[] = Enter(start) {frame_name = \"loop\"}\n"
                         "start: i32[] = 0"),
            "start enter merge ten less cond switch next y");
}

}  // namespace
}  // namespace tarn
