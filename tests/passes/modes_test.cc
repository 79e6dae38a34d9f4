// Functional branches, errors and notes of the passes that take training out of a graph, and real graphs.
#include "passes/support/modes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/file.h"
#include "graph/graph_io.h"
#include "graph/text.h"
#include "passes/support/dropout.h"
#include "passes/support/pass_manager.h"
#include "tests/support/graph_text.h"

namespace tarn {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// The reports of `passes` on `graph`, or the error.
std::string run(Graph& graph, const std::string& passes, std::vector<std::string> outputs,
                std::vector<std::string> inputs = {}, bool verify = true) {
  Result<std::vector<PipelineStep>> pipeline = parse_pipeline(passes);
  if (!pipeline.ok()) return pipeline.status().to_string();
  PassManagerOptions options;
  options.inputs = std::move(inputs);
  options.outputs = std::move(outputs);
  options.verify = verify;
  Result<std::vector<PassReport>> reports = PassManager(std::move(options)).run(graph, *pipeline);
  if (!reports.ok()) return reports.status().to_string();
  std::string text;
  for (const PassReport& report : *reports) {
    for (const std::string& note : report.notes) str_append(text, note, "\n");
  }
  return text;
}

// --- functions -------------------------------------------------------------------------------------------------------

std::string node(const std::string& name, const std::string& op, const std::string& inputs,
                 const std::string& attrs = "", const std::string& kind = "node") {
  std::string text = str_cat(kind, " { name: '", name, "' op: '", op, "'");
  for (const std::string& input : str_split(inputs, ',', true)) str_append(text, " input: '", input, "'");
  return str_cat(text, " ", attrs, " }\n");
}
std::string body(const std::string& name, const std::string& op, const std::string& inputs) {
  return node(name, op, inputs, "attr { key: 'T' value { type: DT_FLOAT } }", "node_def");
}
std::string type(const std::string& key, const std::string& name) {
  return str_cat("attr { key: '", key, "' value { type: ", name, " } } ");
}
std::string floats(const std::string& key, size_t count) {
  std::string text = str_cat("attr { key: '", key, "' value { list {");
  for (size_t i = 0; i < count; ++i) str_append(text, " type: DT_FLOAT");
  return text + " } } } ";
}
std::string function_attr(const std::string& key, const std::string& name) {
  return str_cat("attr { key: '", key, "' value { func { name: '", name, "' } } } ");
}
std::string function(const std::string& name, const std::string& nodes, const std::string& result) {
  return str_cat("function { signature { name: '", name,
                 "' input_arg { name: 'x' type: DT_FLOAT } output_arg { name: 'out' type: DT_FLOAT } }\n", nodes,
                 "ret { key: 'out' value: '", result, "' } }\n");
}
const std::string kX = node("x", "Placeholder", "",
                            type("dtype", "DT_FLOAT") + "attr { key: 'shape' value { shape { dim { size: 2 } } } }");
std::string constant(const std::string& name, const std::string& dtype, const std::string& value) {
  return node(name, "Const", "",
              type("dtype", dtype) + "attr { key: 'value' value { tensor { dtype: " + dtype + " tensor_shape {} " +
                  value + " } } }");
}
std::string if_attrs(const std::string& then_branch, const std::string& else_branch, const char* cond = "DT_BOOL") {
  return type("Tcond", cond) + floats("Tin", 1) + floats("Tout", 1) + function_attr("then_branch", then_branch) +
         function_attr("else_branch", else_branch);
}

// What prune_branches makes of nodes and functions; proved by running both.
std::string pruned(const std::string& nodes, const std::string& functions, bool verify = true) {
  Result<Graph> graph = parse_graph(kX + nodes + "library {\n" + functions + "}\n", "graph.pbtxt");
  if (!graph.ok()) return graph.status().to_string();
  std::string notes = run(*graph, "prune_branches", {"y"}, {"x"}, verify);
  return "\n" + notes + graph_to_text(*graph);
}

const std::string kTwo =
    function("double", body("sum", "Add", "x,x"), "sum:z:0") + function("negate", body("neg", "Neg", "x"), "neg:y:0");

TEST(PruneBranches, TheFunctionThatAnIfTakesIsWrittenOutInItsPlace) {
  std::string nodes = constant("training", "DT_BOOL", "bool_val: false") +
                      node("y", "StatelessIf", "training,x", if_attrs("double", "negate"));

  EXPECT_EQ(pruned(nodes, kTwo), R"(
y: its condition is always false: it is what 'negate' does
x: f32[2] = Placeholder
y/neg: f32[2] = Neg(x)
y: f32[2] = Identity(y/neg)
)");
}

TEST(PruneBranches, ANumberIsACondition) {
  std::string nodes = constant("training", "DT_INT32", "int_val: 2") +
                      node("y", "If", "training,x", if_attrs("double", "negate", "DT_INT32"));

  EXPECT_NE(pruned(nodes, kTwo).find("y/sum: f32[2] = Add(x, x)"), std::string::npos) << pruned(nodes, kTwo);
}

TEST(PruneBranches, OfACaseTheBranchOfThatNumberOrTheLast) {
  for (auto [index, op] : {std::pair{"0", "Add"}, {"1", "Neg"}, {"7", "Neg"}, {"-1", "Neg"}}) {
    std::string nodes = constant("index", "DT_INT32", str_cat("int_val: ", index)) +
                        node("y", "Case", "index,x",
                             floats("Tin", 1) + floats("Tout", 1) +
                                 "attr { key: 'branches' value { list { func { name: 'double' } func { name: 'negate' "
                                 "} } } }");

    std::string text = pruned(nodes, kTwo);

    EXPECT_NE(text.find(str_cat("= ", op, "(x")), std::string::npos) << index << text;
    EXPECT_EQ(text.find("Case"), std::string::npos) << index << text;
  }
}

TEST(PruneBranches, AnIfInTheFunctionTakenIsDecidedToo) {
  std::string outer =
      function("outer",
               node("on", "Const", "",
                    type("dtype", "DT_BOOL") +
                        "attr { key: 'value' value { tensor { dtype: DT_BOOL tensor_shape {} bool_val: true } } }",
                    "node_def") +
                   node("inner", "StatelessIf", "on:output:0,x", if_attrs("double", "negate"), "node_def"),
               "inner:output:0");
  std::string nodes = constant("training", "DT_BOOL", "bool_val: false") +
                      node("y", "StatelessIf", "training,x", if_attrs("negate", "outer"));

  std::string text = pruned(nodes, kTwo + outer);

  EXPECT_EQ(text.find("StatelessIf"), std::string::npos) << text;
  EXPECT_NE(text.find("Add(x, x)"), std::string::npos) << text;
}

TEST(PruneBranches, AnIfOnAFedConditionStays) {
  std::string nodes =
      node("training", "Placeholder", "", type("dtype", "DT_BOOL") + "attr { key: 'shape' value { shape {} } }") +
      node("y", "StatelessIf", "training,x", if_attrs("double", "negate"));

  EXPECT_NE(pruned(nodes, kTwo).find("y: f32? = StatelessIf(training, x)"), std::string::npos) << pruned(nodes, kTwo);
}

TEST(PruneBranches, AFunctionThatIsMissingIsLeftToWhoRunsIt) {
  std::string nodes = constant("training", "DT_BOOL", "bool_val: true") +
                      node("y", "StatelessIf", "training,x", if_attrs("lost", "negate"));

  EXPECT_NE(pruned(nodes, kTwo, false).find("StatelessIf(training, x)"), std::string::npos);
}

TEST(PruneBranches, AFunctionThatCallsItselfStaysACall) {
  std::string endless = function("endless",
                                 node("call", "PartitionedCall", "x",
                                      floats("Tin", 1) + floats("Tout", 1) + function_attr("f", "endless"), "node_def"),
                                 "call:output:0");
  std::string nodes = constant("training", "DT_BOOL", "bool_val: true") +
                      node("y", "StatelessIf", "training,x", if_attrs("endless", "negate"));

  std::string text = pruned(nodes, kTwo + endless, false);

  EXPECT_NE(text.find("y: f32? = PartitionedCall(x)"), std::string::npos) << text;
}

// --- errors and notes ------------------------------------------------------------------------------------------------

constexpr std::string_view kModes = R"(
  x: f32[2] = Placeholder
  is_training: bool[] = Placeholder {shape=[]}
  count: i32[] = Placeholder {shape=[]}
  rows: f32[?] = Placeholder
  scale: f32[] = Placeholder {shape=[]}
  name: str[] = Placeholder {shape=[]}
  two: f32[] = 2
  number: f32[] = Cast(is_training)
  times: f32[] = Cast(count)
  a: f32[2] = Mul(x, number)
  b: f32[2] = Mul(a, times)
  y: f32[?] = Mul(b, rows)
)";

TEST(FoldModePlaceholders, ValuesThatDoNotFitAreRefusedByWhatIsWrong) {
  constexpr std::pair<const char*, const char*> kCases[] = {
      {"is_trainin=true", "node 'is_trainin' is not in the graph; did you mean 'is_training'?"},
      {"is_training", "expected NAME=VALUE"},
      {"is_training=", "expected NAME=VALUE"},
      {"is_training=maybe", "'is_training' takes true or false, not 'maybe'"},
      {"is_training=2", "'is_training' takes true or false, not '2'"},
      {"count=true", "'count' takes i32, not a bool"},
      {"count=1.5", "'count' takes i32, which '1.5' is not"},
      {"count=1e20", "'count' takes i32, which '1e20' is not"},
      {"count=[1;2]", "'count' cannot be told: 2 numbers for a [] of 1"},
      {"scale=1e60", "'scale' takes f32, which '1e60' is not"},
      {"scale=nan", "'scale' takes f32, which 'nan' is not"},
      {"rows=1", "'rows' is f32[?], of a size that is not known"},
      {"rows=[1;x]", "'rows' takes f32, not 'x'"},
      {"name=1", "'name' cannot be told: a str is no number or bool"},
      {"a=1", "'a' is a Mul, not a Placeholder"},
      {"two=3", "'two' is a Const of another value, 2, not a Placeholder"},
      {"x=1", "'x' is an input"},
      {"y=1", "'y' is an output"},
  };
  for (auto [given, expected] : kCases) {
    Graph graph = graph_of(kModes);
    std::string text = run(graph, str_cat("fold_mode_placeholders(name=\"", given, "\")"), {"y"}, {"x"}, false);
    EXPECT_NE(text.find(expected), std::string::npos) << given << ": " << text;
  }
  Graph graph = graph_of(kModes);
  std::string all =
      run(graph, "fold_mode_placeholders(name=\"q=1\", name=\"count=1\", name=\"count=2\")", {"y"}, {"x"});
  EXPECT_NE(all.find("'q' is not in the graph"), std::string::npos) << all;
  EXPECT_NE(all.find("'count' is given twice"), std::string::npos) << all;
}

TEST(FoldModePlaceholders, SaysWhatItDecidedAndWhatItLeftAlone) {
  Graph graph = graph_of(R"(
    x: f32[2] = Placeholder
    is_training: bool[] = Placeholder {shape=[]}
    is_test: bool[] = Placeholder {shape=[]}
    training: bool[] = Placeholder {shape=[]}
    on: bool[] = true
    use: bool[] = PlaceholderWithDefault(on) {shape=[]}
    a: f32[2] = Select(is_training, x, x)
    b: f32[2] = Select(is_test, a, x)
    c: f32[2] = Select(use, b, x)
    number: f32[] = Cast(training)
    y: f32[2] = Mul(c, number)
  )");

  EXPECT_EQ(run(graph, "fold_mode_placeholders", {"y"}, {"x"}),
            "is_training: only decides branches: false\n"
            "is_test: left alone: its name says that it is true when the graph is used: is_test=true makes it so\n"
            "training: left alone: it is called like a mode, but Mul 'y' reads it, too\n"
            "use: takes its default, which may well be training (use=false turns that off): true\n");
}

TEST(FoldModePlaceholders, WhatIsGoneIsNoErrorToAPipelineThatRunsAgain) {
  constexpr std::string_view kRound = "strip fold_mode_placeholders(name=\"is_training=true\"$) fold_constants";
  auto twice = [&](std::string_view may_be_gone) {
    std::string round(kRound);
    round.replace(round.find('$'), 1, may_be_gone);
    Graph graph = graph_of(R"(
      x: f32[2] = Placeholder
      is_training: bool[] = Placeholder {shape=[]}
      number: f32[] = Cast(is_training)
      y: f32[2] = Mul(x, number)
    )");
    return run(graph, str_cat(round, " ", round), {"y"}, {"x"}, false);
  };

  EXPECT_NE(twice("").find("node 'is_training' is not in the graph"), std::string::npos) << twice("");
  EXPECT_NE(twice(", may_be_gone=true").find("is_training: as told: true\n"), std::string::npos)
      << twice(", may_be_gone=true");
}

// --- finding them ----------------------------------------------------------------------------------------------------

// "training, false: only decides branches: itself pick" for each mode.
std::vector<std::string> modes_of(std::string_view text, std::vector<std::string> outputs = {}) {
  Graph graph = graph_of(text);
  std::vector<std::string> found;
  for (const ModePlaceholder& mode : find_modes(GraphView(graph, {}, outputs))) {
    std::vector<std::string> decides;
    for (NodeId id : mode.decides) decides.push_back(graph.node(id).name);
    found.push_back(str_cat(graph.node(mode.node).name, ", ", mode.value ? value_text(*mode.value) : "?", ": ",
                            mode.reason, ": ", str_join(decides, " ")));
  }
  return found;
}

TEST(FindModes, ThroughLogicCastsAndSwitchesOfThemselves) {
  EXPECT_THAT(
      modes_of(R"(
training: bool = Placeholder
given: bool = PlaceholderWithDefault(training) {shape=[]}
frozen: bool = Placeholder
x: f32[?,4] = Placeholder
both: bool = LogicalAnd(given, frozen)
pred: bool = Identity(both)
itself: (bool, bool) = Switch(pred, pred)
on: bool = Identity(itself:1)
pick: (f32[?,4], f32[?,4]) = Switch(x, pred)
)"),
      ElementsAre("training, false: only decides branches: itself pick", "given, ?: takes its default: itself pick",
                  "frozen, ?: its name says that it is true when the graph is used: frozen=true makes it so: "
                  "itself pick"));
}

TEST(FindModes, NoneIfAnythingElseReadsThem) {
  EXPECT_THAT(modes_of(R"(
flag: bool = Placeholder
x: f32[?,4] = Placeholder
pick: (f32[?,4], f32[?,4]) = Switch(x, flag)
shown: f32 = Cast(flag) {DstT=f32}
y: f32[?,4] = Mul(x, shown)
mask: bool[?,4] = Placeholder
zero: f32[?,4] = ZerosLike(x)
masked: f32[?,4] = Select(mask, x, zero)
)"),
              IsEmpty())
      << "a mask is no scalar, and `flag` is part of the model";
}

TEST(FindModes, ABoolThatNothingSaysIsAModeIsFed) {
  constexpr std::string_view kMirror = R"(
mirror: bool[] = Placeholder
x: f32[2,4] = Placeholder
axis: i32[1] = {1}
b: (f32[2,4], f32[2,4]) = Switch(x, mirror)
off: f32[2,4] = Mul(b, b)
on: f32[2,4] = ReverseV2(b:1, axis)
y: (f32[2,4], i32[]) = Merge(off, on)
)";
  EXPECT_THAT(modes_of(kMirror, {"y"}),
              ElementsAre(::testing::StartsWith("mirror, ?: it decides branches, and neither its name nor")));
  // The same, but what it chooses between are the moments of a batch and those that were learned.
  constexpr std::string_view kMoments = R"(
Placeholder: bool[] = Placeholder
x: f32[2,4] = Placeholder
axis: i32[1] = {0}
mean: f32[4] = Mean(x, axis)
d: f32[2,4] = SquaredDifference(x, mean)
variance: f32[4] = Mean(d, axis)
learned: f32[4] = {1, 2, 3, 4}
y: f32[4] = Select(Placeholder, variance, learned)
)";
  EXPECT_THAT(modes_of(kMoments, {"y"}), ElementsAre("Placeholder, false: only decides branches: y"));
}

TEST(FindModes, WhatNoOutputNeedsDoesNotCountAsReading) {
  constexpr std::string_view kText = R"(
training: bool = Placeholder
x: f32[?,4] = Placeholder
y: f32[?,4] = Select(training, x, x)
shown: f32 = Cast(training) {DstT=f32}
z: f32[?,4] = Mul(x, shown)
)";

  EXPECT_THAT(modes_of(kText, {"y"}), ElementsAre("training, false: only decides branches: y"));
  EXPECT_THAT(modes_of(kText, {"y", "z"}),
              ElementsAre("training, ?: it is called like a mode, but Mul 'z' reads it, too: y"));
}

TEST(FindModes, NoTemperaturesThatScaleNorNoiseThatIsAdded) {
  EXPECT_THAT(modes_of(R"(
temperature: f32[] = Placeholder
mean: f32[] = Placeholder
x: f32[?,4] = Placeholder
scaled: f32[?,4] = RealDiv(x, temperature)
shape: i32[2] = Shape(x)
random: f32[?,4] = RandomStandardNormal(shape) {dtype=f32}
noise: f32[?,4] = Add(random, mean)
y: f32[?,4] = Add(scaled, noise)
)"),
              IsEmpty());
}

TEST(FindModes, WhatDrawsInAnotherWayIsToBeTold) {
  EXPECT_THAT(
      modes_of(R"(
sampling: f32[] = Placeholder
x: f32[?,4] = Placeholder
none: i32[0] = {}
coin: f32[] = RandomUniform(none) {dtype=f32}
heads: bool[] = Less(coin, sampling)
zero: f32[?,4] = ZerosLike(x)
y: f32[?,4] = SelectV2(heads, x, zero)
)"),
      ElementsAre("sampling, ?: Less 'heads' draws by it, which is no dropout that scales what it keeps: heads"));
}

TEST(FindModes, DropoutThatSomethingElseReadsTooIsToBeTold) {
  EXPECT_THAT(modes_of(R"(
keep: f32[] = Placeholder
x: f32[?,4] = Placeholder
shape: i32[2] = Shape(x)
random: f32[?,4] = RandomUniform(shape) {dtype=f32}
sum: f32[?,4] = Add(keep, random)
floor: f32[?,4] = Floor(sum)
larger: f32[?,4] = RealDiv(x, keep)
drop: f32[?,4] = Mul(larger, floor)
y: f32[?,4] = Mul(drop, keep)
)"),
              ElementsAre("keep, ?: it decides dropout, but Mul 'y' reads it, too: drop"));
}

TEST(DropoutNodes, ComparedAndCastCountToo) {
  Graph graph = graph_of(R"(
rate: f32[] = 0.25
x: f32[?,4] = Placeholder
shape: i32[2] = Shape(x)
random: f32[?,4] = RandomUniform(shape) {dtype=f32}
kept: bool[?,4] = GreaterEqual(random, rate)
mask: f32[?,4] = Cast(kept) {DstT=f32}
y: f32[?,4] = Mul(x, mask)
other: bool[?,4] = GreaterEqual(x, rate)
z: f32[?,4] = Select(other, x, y)
)");

  EXPECT_EQ(dropout_nodes(graph), std::vector<NodeId>{*graph.find("y")});
}

// --- batch norms -----------------------------------------------------------------------------------------------------

TEST(InferenceBatchNorms, StatisticsThatAreNotThereAreNamed) {
  constexpr std::string_view kGraph = R"(
    x: f32[2,4,4,2] = Placeholder
    net/gamma: f32[2] = {1, 2}
    net/beta: f32[2] = {0, 1}
    none: f32[0] = {}
    bn: (f32[2,4,4,2], f32[2], f32[2], f32[2], f32[2]) = FusedBatchNorm(x, net/gamma, net/beta, none, none) {is_training=true}
    y: f32[2,4,4,2] = Relu(bn)
  )";
  Graph graph = graph_of(kGraph);
  std::string text = run(graph, "inference_batch_norms", {"y"});
  EXPECT_NE(text.find("FusedBatchNorm 'bn': the graph has no constants 'net/moving_mean' and 'net/moving_variance', "
                      "nor any other whose name has 'moving_mean' in it"),
            std::string::npos)
      << text;

  Graph other = graph_of(str_cat(kGraph, "far/moving_mean: f32[2] = {1, 2}\n"));
  text = run(other, "inference_batch_norms", {"y"});
  EXPECT_NE(text.find("; it has far/moving_mean"), std::string::npos) << text;

  Graph wrong =
      graph_of(str_cat(kGraph, "net/moving_mean: f32[3] = {1, 2, 3}\nnet/moving_variance: f32[3] = {1, 2, 3}\n"));
  EXPECT_NE(run(wrong, "inference_batch_norms", {"y"}).find("bn"), std::string::npos);
  EXPECT_TRUE(wrong.node(*wrong.find("bn")).attrs.get<bool>("is_training"));
}

TEST(InferenceBatchNorms, BatchStatisticsThatAreReadKeepItInTrainingMode) {
  Graph graph = graph_of(R"(
    x: f32[2,4,4,2] = Placeholder
    gamma: f32[2] = {1, 2}
    moving_mean: f32[2] = {0, 1}
    moving_variance: f32[2] = {1, 1}
    none: f32[0] = {}
    bn: (f32[2,4,4,2], f32[2], f32[2], f32[2], f32[2]) = FusedBatchNorm(x, gamma, gamma, none, none) {is_training=true}
    y: f32[2,4,4,2] = Sub(bn, bn:1)
  )");
  std::string text = run(graph, "inference_batch_norms", {"y"});
  EXPECT_NE(text.find("FusedBatchNorm 'bn': its batch statistics are read by 'y'"), std::string::npos) << text;
}

// --- real graphs -----------------------------------------------------------------------------------------------------

TEST(Modes, RealGraphsHaveNoneLeft) {
  const char* data = std::getenv("TARN_DATA");
  if (data == nullptr) GTEST_SKIP() << "TARN_DATA, the folder of real models, is not set";
  struct Real {
    const char *file, *output;
    std::vector<std::string> inputs;  // that are left
    bool runs = true;                 // on made-up inputs
  };
  const Real kReal[] = {
      {"bn_cond_hanhan/graph.pb", "final", {"Placeholder"}},
      {"drawtext_numbers_switch/graph.pb", "dense_2/Softmax", {"input_1"}},
      {"lenet_kisan/graph.pb", "logit", {"Pholder0"}},
      {"mnist_gru_tf2onnx/graph.pb", "output", {"X"}, false},
      {"ckpt_v2_mnist_bn_derflanehc/golden_frozen.pb", "Softmax", {"dataset_in"}},
      {"ckpt_v2_lenet_kisan/golden_frozen.pb", "logit", {"Placeholder"}},
  };
  for (const Real& real : kReal) {
    SCOPED_TRACE(real.file);
    Result<Graph> graph = read_graph(path_join(path_join(data, "models"), real.file));
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    std::string notes =
        run(*graph, "strip fold_mode_placeholders remove_dropout prune_branches strip", {real.output}, {}, real.runs);

    std::vector<std::string> inputs;
    for (NodeId id : graph->ids()) {
      const Node& left = graph->node(id);
      EXPECT_FALSE(left.is("RandomUniform") || left.is("Switch") || left.is("Merge") || left.is("Select")) << left.name;
      if (left.is("Placeholder") || left.is("PlaceholderWithDefault")) inputs.push_back(left.name);
    }
    EXPECT_EQ(inputs, real.inputs) << notes;
  }
}

}  // namespace
}  // namespace tarn
