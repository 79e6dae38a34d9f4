// What the passes that do as they are told refuse, and what text cases cannot show.
#include <gtest/gtest.h>

#include "graph/graph_def.h"
#include "graph/text.h"
#include "passes/support/pass_manager.h"

namespace tarn {
namespace {

struct Refused {
  std::string_view graph, pipeline;
  std::vector<std::string> inputs;
  std::vector<std::string_view> words;  // of the message
};

TEST(TextualPasses, RefuseWhatNoReaderWouldTakeAndSayWhy) {
  const Refused cases[] = {
      {"x: f32[2] = Placeholder\ny: f32[2] = Relu(x)", "remove_attribute(attribute_name=T)", {}, {"Relu 'y'", "'T'"}},
      {"x: f32[2] = Placeholder\ny: f32[2] = Relu(x)", "remove_attribute", {}, {"attribute_name is missing"}},
      {"x: f32[2] = Placeholder\ny: f32[2] = Relu(x)",
       "rename_attribute(old_attribute_name=T, new_attribute_name=U)",
       {},
       {"Relu 'y'", "cannot do without attr 'T'"}},
      {"x: f32[2] = Placeholder\ny = Odd(x) {a = 1, b = 2}",
       "rename_attribute(old_attribute_name=a, new_attribute_name=b)",
       {},
       {"'a', which is 1", "'b', which is 2"}},
      {"x: f32[2] = Placeholder\ny: f32[2] = Relu(x)",
       "rename_node(old_node_name=z, new_node_name=w)",
       {},
       {"'z' is not in the graph"}},
      {"x: f32[2] = Placeholder\ny: f32[2] = Relu(x)",
       "rename_node(old_node_name=x, new_node_name=y)",
       {},
       {"'y' is taken"}},
      {"x: f32[2] = Placeholder\ny: f32[2] = Relu(x)",
       "rename_op(old_op_name=Relu, new_op_name=MatMul)",
       {},
       {"MatMul 'y'"}},
      {"x: u8[2] = Placeholder\nc: f32[2] = Cast(x)\ny: f32[2] = Relu(c)",
       "remove_nodes(op=Cast)",
       {},
       {"Cast 'c'", "expects float", "'x' is uint8"}},
      {"x: f32[2] = Placeholder\na = Odd(x)\ny: f32? = Neg(a) {T = f32}",
       "insert_logging(op=Odd)",
       {},
       {"Odd 'a'", "nothing is known"}},
      {"x: f32[2] = Placeholder\ny: f32[2] = PartitionedCall(x) {Tin = [f32], Tout = [f32], f = @none}",
       "inline_partitionedcall",
       {},
       {"PartitionedCall 'y'", "function 'none' is not in the file's library"}},
      {"x: u8[2] = Placeholder\nc: f32[2] = Cast(x)\ny: f32[2] = Relu(c)",
       "strip_unused_nodes(type=uint8)",
       {"c"},
       {"'c' is float", "cannot become uint8"}},
      {"x: u8[2] = Placeholder\nc: f32[2] = Cast(x)\ny: f32[2] = Relu(c)",
       "strip_unused_nodes(shape=\"2,2\")",
       {"c"},
       {"shape [2]", "[2,2]"}},
      {"x: u8[2] = Placeholder\nc: f32[2] = Cast(x)\ny: f32[2] = Relu(c)",
       "strip_unused_nodes(type=flaot)",
       {"c"},
       {"'flaot'", "no dtype"}},
      {"x: u8[2] = Placeholder\nc: f32[2] = Cast(x)\ny: f32[2] = Relu(c)",
       "strip_unused_nodes(shape=\"2,x\")",
       {"c"},
       {"'2,x'", "expected sizes"}},
      {"x: u8[2] = Placeholder\nc: f32[2] = Cast(x)\ny: f32[2] = Relu(c)",
       "strip_unused_nodes(name=c, name=x, type_for_name=float)",
       {"c"},
       {"2 name=, 1 type_for_name="}},
      {"x: u8[2] = Placeholder\nc: f32[2] = Cast(x)\ny: f32[2] = Relu(c)",
       "strip_unused_nodes(name=y, shape_for_name=2)",
       {"c"},
       {"'y'", "no input"}},
      {"a: i32[] = 0\nx: f32[4] = Placeholder\ns: (f32[2], f32[2]) = Split(a, x) {num_split = 2}\n"
       "y: f32[2] = Sub(s, s:1)",
       "strip_unused_nodes",
       {"s"},
       {"'s'", "not only the first output"}},
      {"q = OddQueue\ny = OddNet(q)", "strip_unused_nodes", {"q"}, {"'q'", "say its dtype with type="}},
  };
  for (const Refused& one : cases) {
    Result<Graph> graph = graph_from_text(one.graph, {.allow_unknown_ops = true});
    ASSERT_TRUE(graph.ok()) << one.graph << graph.status().to_string();
    PassManagerOptions options;
    options.inputs = one.inputs;
    options.outputs = {"y"};
    Result<std::vector<PipelineStep>> pipeline = parse_pipeline(one.pipeline);
    Status status = pipeline.status();
    if (pipeline.ok()) status = PassManager(options).run(*graph, *pipeline).status();
    EXPECT_FALSE(status.ok()) << one.pipeline;
    for (std::string_view word : one.words)
      EXPECT_NE(status.to_string().find(word), std::string::npos) << one.pipeline << ": " << status.to_string();
  }
}

TEST(TextualPasses, NamesThatAreObfuscatedGoOnAfterTheLastLetter) {
  std::string text = "input: f32[1] = Placeholder\n";
  constexpr int kNodes = 64;
  for (int i = 0; i < kNodes; ++i)
    str_append(text, "node", i, ": f32[1] = Relu(", i == 0 ? std::string("input") : str_cat("node", i - 1), ")\n");
  str_append(text, "output: f32[1] = Neg(node", kNodes - 1, ")\n");
  Result<Graph> graph = graph_from_text(text);
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  PassManagerOptions options;
  options.outputs = {"output:0"};

  ASSERT_TRUE(PassManager(options).run(*graph, *parse_pipeline("obsfucate_names")).ok());

  // 62 words of one letter, then "aa", "ab".
  EXPECT_EQ(graph->names().front(), "input");
  EXPECT_EQ(graph->names()[62], "9");
  EXPECT_EQ(graph->names()[63], "aa");
  EXPECT_EQ(graph->names()[64], "ab");
  EXPECT_EQ(graph->names().back(), "output");
}

TEST(TextualPasses, FunctionsGetTheirDefaultAttributes) {
  Result<Graph> graph = graph_from_text("x: f32[2] = Placeholder\ny: f32[2] = Relu(x)\n");
  ASSERT_TRUE(graph.ok());
  pb::FunctionDefLibrary library;
  pb::FunctionDef& function = *library.add_function();
  function.mutable_signature()->set_name("f");
  pb::NodeDef& product = *function.add_node_def();
  product.set_name("m");
  product.set_op("MatMul");
  (*product.mutable_attr())["transpose_a"].set_b(true);
  function.add_node_def()->set_op("Odd");
  graph->library = serialize(library);
  PassManagerOptions options;
  options.outputs = {"y"};

  Result<std::vector<PassReport>> first =
      PassManager(options).run(*graph, *parse_pipeline("add_default_attributes add_default_attributes"));

  ASSERT_TRUE(first.ok()) << first.status().to_string();
  EXPECT_EQ(first->at(0).changes, 1);
  EXPECT_EQ(first->at(1).changes, 0);
  pb::FunctionDefLibrary after;
  ASSERT_TRUE(after.ParseFromString(graph->library));
  const auto& attrs = after.function(0).node_def(0).attr();
  EXPECT_TRUE(attrs.at("transpose_a").b());
  ASSERT_TRUE(attrs.contains("transpose_b"));
  EXPECT_FALSE(attrs.at("transpose_b").b());
  EXPECT_EQ(after.function(0).node_def(1).attr_size(), 0);
}

}  // namespace
}  // namespace tarn
