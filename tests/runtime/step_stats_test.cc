#include "runtime/step_stats.h"

#include <gtest/gtest.h>

namespace tarn {
namespace {

RunningStat stat_of(std::initializer_list<int64_t> values) {
  RunningStat stat;
  for (int64_t value : values) stat.add(value);
  return stat;
}

// As TensorFlow's Stat writes them.
TEST(RunningStat, HasTensorFlowsLines) {
  EXPECT_EQ(stat_of({}).to_string(), "count=0");
  EXPECT_EQ(stat_of({7122}).to_string(), "count=1 curr=7122");
  EXPECT_EQ(stat_of({4, 4, 4}).to_string(), "count=3 curr=4(all same)");
  EXPECT_EQ(stat_of({70, 19, 17, 20}).to_string(), "count=4 first=70 curr=20 min=17 max=70 avg=31.5 std=22");
}

// x -> Conv2D (2 x 2 x 3 -> 4 channels, output 1 x 5 x 5 x 4) -> MatMul (1 x 100 by 100 x 10) -> fetched
Program small_program() {
  Program program;
  auto value = [&](ValueKind kind, const Shape& shape) {
    Value v;
    v.kind = kind;
    v.fact.dtype = DType::kFloat;
    v.fact.shape = shape;
    program.values.push_back(v);
    return static_cast<int>(program.values.size()) - 1;
  };
  auto step = [&](StepKind kind, std::string op, std::string node, std::vector<int> inputs, std::vector<int> outputs) {
    Step s;
    s.kind = kind;
    s.op = std::move(op);
    s.node = std::move(node);
    s.inputs = std::move(inputs);
    s.outputs = std::move(outputs);
    program.steps.push_back(std::move(s));
  };
  int x = value(ValueKind::kFeed, {1, 6, 6, 3}), filter = value(ValueKind::kConstant, {2, 2, 3, 4});
  int convolved = value(ValueKind::kPlanned, {1, 5, 5, 4}), flat = value(ValueKind::kForwarded, {1, 100});
  int weights = value(ValueKind::kConstant, {100, 10}), y = value(ValueKind::kPlanned, {1, 10});
  step(StepKind::kKernel, "Conv2D", "conv", {x, filter}, {convolved});
  step(StepKind::kView, "Reshape", "flat", {convolved}, {flat});
  step(StepKind::kKernel, "MatMul", "y", {flat, weights}, {y});
  step(StepKind::kFetch, "MatMul", "y", {y}, {});
  return program;
}

TEST(StepStats, HasTensorFlowsTables) {
  StepStats stats(small_program());
  stats.add_run(std::vector<int64_t>{2'000'000, 0, 1'000'000, 0});
  stats.add_run(std::vector<int64_t>{4'000'000, 0, 1'000'000, 0});

  EXPECT_EQ(
      stats.table("Top by Computation Time", StepStats::Order::kTime, 2),
      "============================== Top by Computation Time ==============================\n"
      "\t             [node type]\t  [start]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t"
      "[Name]\n"
      "\t                  Conv2D\t    0.000\t    2.000\t    3.000\t 75.000%\t 75.000%\t     0.400\t        1\tconv\n"
      "\t                  MatMul\t    3.000\t    1.000\t    1.000\t 25.000%\t100.000%\t     0.040\t        1\ty\n"
      "\n");
  EXPECT_EQ(stats.table_by_type(),
            "Number of nodes executed: 4\n"
            "============================== Summary by node type ==============================\n"
            "\t             [Node type]\t  [count]\t  [avg ms]\t    [avg %]\t    [cdf %]\t  [mem KB]\t[times called]\n"
            "\t                  Conv2D\t        1\t     3.000\t    75.000%\t    75.000%\t     0.400\t        1\n"
            "\t                  MatMul\t        1\t     1.000\t    25.000%\t   100.000%\t     0.040\t        1\n"
            "\t                 Reshape\t        1\t     0.000\t     0.000%\t   100.000%\t     0.000\t        1\n"
            "\t                 _Retval\t        1\t     0.000\t     0.000%\t   100.000%\t     0.000\t        1\n"
            "\n");
  EXPECT_EQ(stats.summary(),
            "Timings (microseconds): count=2 first=3000 curr=5000 min=3000 max=5000 avg=4000 std=1000\n"
            "Memory (bytes): count=2 curr=440(all same)\n"
            "4 nodes observed\n\n");
}

TEST(StepStats, AsOneTextAndAsJson) {
  StepStats stats(small_program());
  stats.add_run(std::vector<int64_t>{2'000'000, 0, 1'000'500, 0});
  stats.add_run(std::vector<int64_t>{4'000'000, 0, 1'000'500, 0});

  EXPECT_EQ(stats.text(), stats.table("Run Order", StepStats::Order::kRun, 0) +
                              stats.table("Top by Computation Time", StepStats::Order::kTime, 10) +
                              stats.table("Top by Memory Use", StepStats::Order::kMemory, 10) + stats.table_by_type() +
                              stats.summary());
  EXPECT_EQ(stats.json(), R"({"runs": 2, "total_us": {"mean": 4001, "min": 3001, "max": 5001}, "nodes": [)"
                          R"({"name": "conv", "op": "Conv2D", "mean_us": 3000, "bytes": 400}, )"
                          R"({"name": "flat", "op": "Reshape", "mean_us": 0, "bytes": 0}, )"
                          R"({"name": "y", "op": "MatMul", "mean_us": 1000.5, "bytes": 40}, )"
                          R"({"name": "y", "op": "_Retval", "mean_us": 0, "bytes": 0}], "ops": [)"
                          R"({"op": "Conv2D", "count": 1, "mean_us": 3000, "bytes": 400}, )"
                          R"({"op": "MatMul", "count": 1, "mean_us": 1000.5, "bytes": 40}, )"
                          R"({"op": "Reshape", "count": 1, "mean_us": 0, "bytes": 0}, )"
                          R"({"op": "_Retval", "count": 1, "mean_us": 0, "bytes": 0}]})");
}

TEST(StepStats, OrdersByRunTimeAndMemory) {
  StepStats stats(small_program());
  stats.add_run(std::vector<int64_t>{1'000, 0, 5'000, 0});
  auto names = [&](StepStats::Order order) {
    std::string last_words;
    for (const std::string& line : str_split(stats.table("T", order, 0), '\n')) {
      if (line.starts_with("\t ") && !line.ends_with("[Name]")) last_words += line.substr(line.rfind('\t') + 1) + " ";
    }
    return last_words;
  };

  EXPECT_EQ(names(StepStats::Order::kRun), "conv flat y y ");
  EXPECT_EQ(names(StepStats::Order::kTime), "y conv flat y ");
  EXPECT_EQ(names(StepStats::Order::kMemory), "conv y flat y ");
}

}  // namespace
}  // namespace tarn
