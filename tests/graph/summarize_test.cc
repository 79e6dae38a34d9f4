#include "graph/summarize.h"

#include <gtest/gtest.h>

#include "graph/graph_def.h"
#include "graph/text.h"

namespace tarn {
namespace {

TEST(Summarize, PrintsTensorFlowsLines) {
  Result<Graph> graph = graph_from_text(R"(
x: f32[?,4] = Placeholder
w: f32[4,2] = {1, 2, 3, 4, 5, 6, 7, 8}
v: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
m: f32[?,2] = MatMul(x, w, ^init)
y: f32[?,2] = BiasAdd(m, v) on "/cpu:0"
init = NoOp
)");
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();

  EXPECT_EQ("\n" + *summarize_graph(*graph, "model.pb", {.print_structure = true}), R"(
Found 1 possible inputs: (name=x, type=float(1), shape=[?,4]) 
Found 1 variables: (name=v, type=float(1), shape=[2]) 
Found 1 possible outputs: (name=y, op=BiasAdd) 
Found 8 (8) const parameters, 0 (0) variable parameters, and 1 control_edges
1 nodes assigned to device '/cpu:0'
Op types used: 1 BiasAdd, 1 Const, 1 MatMul, 1 NoOp, 1 Placeholder, 1 VariableV2
To use with tensorflow/tools/benchmark:benchmark_model try these arguments:
bazel run tensorflow/tools/benchmark:benchmark_model -- --graph=model.pb --show_flops --input_layer=x,v --input_layer_type=float,float --input_layer_shape=-1,4:2 --output_layer=y
x (Placeholder): []
w (Const): [], value=Tensor<type: float shape: [4,2] values: [1 2][3...]...>
v (VariableV2): []
init (NoOp): []
m (MatMul): [x, w, ^init]
y (BiasAdd): [m, v]
)");
}

TEST(Summarize, SaysWhatIsNotThere) {
  Result<Graph> graph = graph_from_text("c: str[2] = {\"a\", \"b\"}\n");

  EXPECT_EQ("\n" + *summarize_graph(*graph, "m"), R"(
No inputs spotted.
No variables spotted.
No outputs spotted.
Found 2 (2) const parameters, 0 (0) variable parameters, and 0 control_edges
Op types used: 1 Const
To use with tensorflow/tools/benchmark:benchmark_model try these arguments:
bazel run tensorflow/tools/benchmark:benchmark_model -- --graph=m --show_flops --input_layer= --input_layer_type= --input_layer_shape= --output_layer=
)");
}

TEST(Summarize, TellsAPlaceholderWithoutAShapeFromOneOfUnknownRank) {
  pb::GraphDef def;
  for (std::string_view name : {"none", "unknown", "known"}) {
    pb::NodeDef& node = *def.add_node();
    node.set_name(std::string(name));
    node.set_op("Placeholder");
    (*node.mutable_attr())["dtype"].set_type(pb::DT_FLOAT);
  }
  (*def.mutable_node(1)->mutable_attr())["shape"].mutable_shape()->set_unknown_rank(true);
  (*def.mutable_node(2)->mutable_attr())["shape"].mutable_shape()->add_dim()->set_size(-1);

  std::map<std::string, std::string> shapes = placeholder_shapes(serialize(def));

  EXPECT_EQ(shapes, (std::map<std::string, std::string>{{"known", "[?]"}, {"none", "None"}, {"unknown", "<unknown>"}}));
  Result<Graph> graph = import_graph_def(def);
  std::string text = *summarize_graph(*graph, "m", {.placeholder_shapes = shapes});
  EXPECT_NE(text.find("(name=none, type=float(1), shape=None)"), std::string::npos) << text;
  EXPECT_NE(text.find("--input_layer_shape=::-1"), std::string::npos) << text;
}

// TensorFlow's strings::HumanReadableNum.
TEST(Summarize, CountsAreShortenedAsTensorFlowDoes) {
  struct {
    int64_t value;
    std::string_view text;
  } cases[] = {{0, "0"},
               {999, "999"},
               {1000, "1.00k"},
               {7850, "7.85k"},
               {999999, "1000.00k"},
               {23885411, "23.89M"},
               {1500000000, "1.50B"},
               {123456789012345, "123.46T"},
               {1000000000000000, "1E+15"},
               {-7850, "-7.85k"}};
  for (const auto& one : cases) EXPECT_EQ(human_readable_number(one.value), one.text);
}

}  // namespace
}  // namespace tarn
