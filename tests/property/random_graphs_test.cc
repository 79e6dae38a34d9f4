// Random graphs, the runner of passes on them, and the reducer: that they do what they say. (The passes themselves are
// tried by fuzz_passes; what it once found is replayed here.)
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "core/file.h"
#include "graph/text.h"
#include "tests/property/case_file.h"
#include "tests/property/drawn_args.h"
#include "tests/property/reduce.h"

namespace tarn::testing {
namespace {

GraphCase case_of(std::string_view text, std::vector<Session::Feed> feeds, std::vector<std::string> outputs) {
  Result<Graph> graph = graph_from_text(text);
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  return {*std::move(graph), {}, std::move(outputs), std::move(feeds)};
}

TEST(RandomGraphs, RunAndAreTheSameForTheSameSeed) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    GraphCase one = random_graph(seed, {}, nullptr), again = random_graph(seed, {}, nullptr);

    EXPECT_TRUE(run_case(one).ok());
    EXPECT_EQ(regression_text({one, "strip", {}}), regression_text({again, "strip", {}}));
  }
}

TEST(RandomGraphs, HaveWhatPassesLookFor) {
  DrawCounts counts;
  for (uint64_t seed = 1; seed <= 150; ++seed) random_graph(seed, {}, &counts);

  for (const Motif& motif : motifs()) {
    const DrawCounts::Count& count = counts.pieces[str_cat("motif ", motif.name)];
    EXPECT_LT(count.refused, count.drawn) << motif.name << ": every one of " << count.drawn << " was refused";
  }
  for (std::string_view op : {"Conv2D", "BiasAdd", "Switch", "Merge", "Exit", "RandomUniform", "Reshape", "MatMul"}) {
    EXPECT_GT(counts.ops[std::string(op)], 0) << op;
  }
}

TEST(RandomGraphs, ReadBackFromARegressionFile) {
  for (uint64_t seed = 30; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    std::string text = regression_text({random_graph(seed, {}, nullptr), "strip fold_constants", {"a remark"}});

    Result<RegressionCase> again = parse_regression(text, "text");

    ASSERT_TRUE(again.ok()) << again.status().to_string();
    again->remarks = {"a remark"};
    EXPECT_EQ(regression_text(*again), text);
    EXPECT_TRUE(run_case(again->graph_case).ok());
  }
}

TEST(SameBits, TellsZerosApartButNotNaNs) {
  auto floats = [](std::initializer_list<float> values) { return Tensor::from<float>(Shape{2}, values); };
  float nan = std::numeric_limits<float>::quiet_NaN();

  EXPECT_TRUE(same_bits(floats({1, nan}), floats({1, -nan})));
  EXPECT_FALSE(same_bits(floats({1, 0.0f}), floats({1, -0.0f})));
  EXPECT_FALSE(same_bits(floats({1, 2}), Tensor::from<float>(Shape{2, 1}, {1, 2})));
}

TEST(PassChecker, FindsNothingWhereNothingIsWrong) {
  GraphCase one = case_of("x: f32[2] = Placeholder\ni = Identity(x)\nc: f32[2] = {1, 2}\nd = Neg(c)\ny = Add(i, d)\n",
                          {{"x", Tensor::from<float>(Shape{2}, {1, 5})}}, {"y"});
  PassChecker checker;

  EXPECT_FALSE(checker.check(one, "strip fold_constants"));

  EXPECT_EQ(checker.counts.changed, 1);
  EXPECT_EQ(checker.counts.compared, 2);  // after each step
}

// Once the pass has made keep a constant, a feed of that name would make another graph of what the next pass gets.
TEST(PassChecker, WhatAPassTookAPlaceholderForIsFedToThePassesBehindIt) {
  GraphCase one = case_of(R"(
x: f32[2] = Placeholder
keep: f32[] = Placeholder
shape: i32[1] = {2}
u = RandomUniform(shape) {dtype=f32, seed=3, seed2=4}
sum = Add(keep, u)
mask = Floor(sum)
scaled = RealDiv(x, keep)
y = Mul(scaled, mask)
)",
                          {{"x", Tensor::from<float>(Shape{2}, {1, 5})}, {"keep", Tensor::scalar<float>(0.5f)}}, {"y"});
  PassChecker checker;

  std::optional<Finding> found = checker.check(one, "fold_mode_placeholders simplify_arithmetic fold_constants");

  EXPECT_FALSE(found) << found->detail;
  EXPECT_EQ(checker.counts.passes["fold_mode_placeholders"].fired, 1);
}

TEST(PassChecker, CountsWhichPassesChangedTheGraph) {
  GraphCase one = case_of("x: f32[2] = Placeholder\ni = Identity(x)\ny = Neg(i)\n",
                          {{"x", Tensor::from<float>(Shape{2}, {1, 5})}}, {"y"});
  PassChecker checker;

  EXPECT_FALSE(checker.check(one, "strip strip fold_constants"));

  EXPECT_EQ(checker.counts.passes["strip"].runs, 2);
  EXPECT_EQ(checker.counts.passes["strip"].fired, 1);
  EXPECT_EQ(checker.counts.passes["fold_constants"].fired, 0);
}

// Infinities that are fed have no level among 256; what goes wrong without one is the pass's.
TEST(PassChecker, LetsAPassThatQuantizesOffWhereSomethingIsNotFinite) {
  auto product_of = [](float value) {
    return case_of("x: f32[1,2] = Placeholder\nw: f32[2,1] = {1, 2}\ny = MatMul(x, w)\n",
                   {{"x", Tensor::from<float>(Shape{1, 2}, {value, 1})}}, {"y"});
  };
  PassChecker checker;

  EXPECT_FALSE(checker.check(product_of(std::numeric_limits<float>::infinity()), "quantize_nodes"));
  EXPECT_EQ(checker.counts.tipped, 1);
  EXPECT_FALSE(checker.check(product_of(2), "quantize_nodes"));
  EXPECT_EQ(checker.counts.compared, 1);
}

TEST(ToldStep, TellsEachPassWhatItMustBeTold) {
  GraphCase one = case_of("x: f32[2] = Placeholder\ny = Neg(x) {_class=[\"loc:@x\"]}\n", {}, {"y"});
  Random random(3);
  for (const PassDef* pass : pass_table) {
    SCOPED_TRACE(pass->name);
    for (int draw = 0; draw < 10; ++draw) {
      std::optional<std::string> step = told_step(*pass, one.graph, "", random);

      // Without a folder there is no file for it to read.
      ASSERT_EQ(step.has_value(), pass->name != "freeze_requantization_ranges");
      if (!step) continue;
      Result<std::vector<PipelineStep>> parsed = parse_pipeline(*step);
      EXPECT_TRUE(parsed.ok()) << parsed.status().to_string();
    }
  }
}

TEST(PassChecker, NamesAPassThatThereIsNot) {
  GraphCase one = case_of("x: f32[2] = Placeholder\n", {{"x", Tensor::from<float>(Shape{2}, {1, 5})}}, {"x"});

  std::optional<Finding> found = PassChecker().check(one, "no_such_pass");

  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, "error");
}

// Twenty-nine nodes of which only a Floor that reads a Relu "fails".
TEST(Reduce, LeavesTheFewNodesThatFail) {
  std::string text = "x: f32[4,6] = Placeholder\nn0 = Neg(x)\n";
  for (int i = 1; i < 12; ++i) str_append(text, "n", i, " = Abs(n", i - 1, ", ^x)\n");
  str_append(text, "r = Relu(n11)\nf = Floor(r)\nt = Tanh(f)\nu = Tanh(n3)\n");
  for (int i = 0; i < 12; ++i) str_append(text, "m", i, " = Square(", i == 0 ? "t" : str_cat("m", i - 1), ")\n");
  GraphCase large = case_of(text, {{"x", *Tensor::zeros(DType::kFloat, Shape{4, 6})}}, {"m11", "u"});
  auto fails = [](const GraphCase& candidate, const std::string& pipeline) {
    if (pipeline.find("fold_constants") == std::string::npos) return false;
    const Graph& graph = candidate.graph;
    std::vector<NodeId> ids = graph.ids(), targets;
    for (const std::string& name : candidate.outputs) targets.push_back(*graph.find_node(name));
    std::vector<bool> needed = ancestors(graph, targets);
    return std::any_of(ids.begin(), ids.end(), [&](NodeId id) {
      return needed[static_cast<size_t>(id)] && graph.node(id).is("Floor") &&
             graph.node(graph.node(id).inputs[0].node).is("Relu");
    });
  };

  Reduced small = reduce(large, "strip fold_constants merge_duplicates", fails);

  EXPECT_EQ(small.pipeline, "fold_constants");
  const Graph& graph = small.graph_case.graph;
  EXPECT_EQ(graph.node_count(), 3) << graph_to_text(graph);
  EXPECT_EQ(graph.fact(*graph.find_wire("f")).shape, (Shape{1, 1}));
  EXPECT_EQ(small.graph_case.outputs, std::vector<std::string>{"f"});
}

// tests/passes/regression/*.txt: what fuzz_passes found once stays mended.
TEST(Regressions, StayMended) {
  std::string dir = path_join(TARN_SOURCE_DIR, "tests/passes/regression");
  Result<std::vector<std::string>> names = list_dir(dir);
  ASSERT_TRUE(names.ok()) << names.status().to_string();
  for (const std::string& name : *names) {
    if (!name.ends_with(".txt")) continue;
    SCOPED_TRACE(name);
    Result<std::string> text = read_file(path_join(dir, name));
    ASSERT_TRUE(text.ok());
    Result<RegressionCase> regression = parse_regression(*text, name);
    ASSERT_TRUE(regression.ok()) << regression.status().to_string();
    ASSERT_TRUE(run_case(regression->graph_case).ok()) << "the graph itself does not run";

    std::optional<Finding> found = PassChecker().check(regression->graph_case, regression->pipeline);

    EXPECT_FALSE(found) << found->kind << ": " << found->detail;
  }
}

}  // namespace
}  // namespace tarn::testing
