#include "graph/graph_def.h"

#include <gtest/gtest.h>

#include "graph/algorithms.h"
#include "tests/support/bad_graphs.h"
#include "tests/support/file_ops.h"

namespace tarn {
namespace {

using testing::bad_graphs;
using testing::BadGraph;
using testing::file_ops;
using testing::graph_def;
using testing::kFloatT;
using testing::placeholder;
using testing::relu;
using testing::typed;

// A good graph still imports, whatever was refused before.
void expect_still_usable() {
  Result<Graph> good = testing::import(placeholder("x") + relu("y", "x"));
  ASSERT_TRUE(good.ok()) << good.status().to_string();
  EXPECT_EQ(good->fact({1, 0}).to_string(), "f32?");
}

::testing::AssertionResult refused(const Result<Graph>& graph, std::initializer_list<std::string_view> parts) {
  if (graph.ok()) return ::testing::AssertionFailure() << "was accepted";
  std::string message(graph.status().message());
  if (!message.starts_with("bad.pb: ")) return ::testing::AssertionFailure() << "names no file: " << message;
  for (std::string_view part : parts) {
    if (message.find(part) == std::string::npos)
      return ::testing::AssertionFailure() << "no \"" << part << "\" in: " << message;
  }
  return ::testing::AssertionSuccess();
}

TEST(GraphDef, RoundTripsEveryAttrKindInTheFilesOrder) {
  pb::GraphDef def = testing::rich_graph_def();

  Result<Graph> graph = import_graph_def(def, {.ops = &file_ops()});
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  pb::GraphDef exported = export_graph_def(*graph, {.defaults = ExportOptions::Defaults::kDropAll});
  Result<Graph> again = import_graph_def(exported, {.ops = &file_ops()});
  ASSERT_TRUE(again.ok()) << again.status().to_string();

  EXPECT_EQ(graph_difference(*graph, *again), "");
  for (int i = 0; i < def.node_size(); ++i) EXPECT_EQ(exported.node(i).name(), def.node(i).name());
  // All attrs of the file were without defaults, so the same bytes come back but for constants in a short form.
  pb::NodeDef kinds = exported.node(5);
  (*kinds.mutable_attr())["ltensor"] = def.node(5).attr().at("ltensor");
  EXPECT_EQ(kinds.SerializeAsString().size(), def.node(5).SerializeAsString().size());
  EXPECT_EQ(exported.node(5).attr().at("s").s(), def.node(5).attr().at("s").s());
  EXPECT_EQ(exported.node(5).attr().at("func").SerializeAsString().size(),
            def.node(5).attr().at("func").SerializeAsString().size());
  EXPECT_EQ(exported.versions().producer(), 24);
  EXPECT_EQ(exported.versions().min_consumer(), 12);
  EXPECT_EQ(exported.versions().bad_consumers(0), 3);
  EXPECT_EQ(exported.library().function(0).signature().name(), "f");
}

TEST(GraphDef, SameGraphGivesSameBytes) {
  pb::GraphDef def = testing::rich_graph_def();

  Result<Graph> graph = import_graph_def(def, {.ops = &file_ops()});
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  std::string bytes = serialize(export_graph_def(*graph));
  // Map entries inserted the other way round.
  pb::GraphDef shuffled = def;
  for (pb::NodeDef& node : *shuffled.mutable_node()) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : node.attr()) keys.push_back(key);
    std::sort(keys.rbegin(), keys.rend());
    pb::NodeDef copy = node;
    node.clear_attr();
    for (const std::string& key : keys) (*node.mutable_attr())[key] = copy.attr().at(key);
  }

  EXPECT_EQ(serialize(export_graph_def(*import_graph_def(shuffled, {.ops = &file_ops()}))), bytes);
  EXPECT_EQ(serialize(export_graph_def(*graph)), bytes);
}

TEST(GraphDef, NewerAttrsAreDroppedWhenDefault) {
  std::string conv = typed("c", "Conv2D", "input: 'x' input: 'x'",
                           str_cat(kFloatT, R"( attr { key: 'strides' value { list { i: 1 i: 1 i: 1 i: 1 } } }
                             attr { key: 'padding' value { s: 'SAME' } })"));
  Result<Graph> graph = testing::import(placeholder("x") + conv);
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();

  auto names = [&](ExportOptions::Defaults defaults) {
    pb::GraphDef def = export_graph_def(*graph, {.defaults = defaults});
    std::vector<std::string> keys;
    for (const auto& [key, value] : def.node(1).attr()) keys.push_back(key);
    std::sort(keys.begin(), keys.end());
    return str_join(keys, " ");
  };
  EXPECT_EQ(names(ExportOptions::Defaults::kDropNewer), "T data_format padding strides use_cudnn_on_gpu");
  EXPECT_EQ(names(ExportOptions::Defaults::kDropAll), "T padding strides");
  EXPECT_EQ(names(ExportOptions::Defaults::kKeep), "T data_format dilations padding strides use_cudnn_on_gpu");

  graph->set_attr(1, "dilations", {1, 2, 2, 1});
  EXPECT_EQ(names(ExportOptions::Defaults::kDropAll), "T dilations padding strides");
}

TEST(GraphDef, WritesAProducerVersionUnlessAnOpForbidsIt) {
  Result<Graph> graph = testing::import(placeholder("x"));
  ASSERT_TRUE(graph.ok());
  EXPECT_EQ(graph->versions.producer, 0);
  EXPECT_EQ(export_graph_def(*graph).versions().producer(), 27);
  EXPECT_EQ(export_graph_def(*graph).versions().min_consumer(), 0);

  Result<Graph> old = import_graph_def(graph_def("node { name: 'b' op: 'BatchNormWithGlobalNormalizationGrad' }"),
                                       {.allow_unknown_ops = true, .ops = &file_ops()});
  ASSERT_TRUE(old.ok());
  EXPECT_FALSE(export_graph_def(*old).has_versions());
}

TEST(GraphDef, PlaceholdersWithoutAShapeHaveUnknownRank) {
  auto shape_of = [](std::string_view shape_attr, int producer) {
    Result<Graph> graph =
        testing::import(str_cat("node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: "
                                "DT_FLOAT } } ",
                                shape_attr, "} versions { producer: ", producer, " }"));
    EXPECT_TRUE(graph.ok());
    return graph.ok() ? graph->fact({0, 0}).to_string() : "";
  };
  const char kScalar[] = "attr { key: 'shape' value { shape { } } }";
  EXPECT_EQ(shape_of("", 0), "f32?");
  EXPECT_EQ(shape_of("", 27), "f32?");
  EXPECT_EQ(shape_of(kScalar, 0), "f32?");  // old writers put {} for "unknown"
  EXPECT_EQ(shape_of(kScalar, 21), "f32?");
  EXPECT_EQ(shape_of(kScalar, 22), "f32[]");
}

TEST(GraphDef, KeepsUnderscoreAttrsAndDropsUnknownDefaults) {
  Result<Graph> graph = testing::import(placeholder("x") + typed("y", "Relu", "input: 'x'", str_cat(kFloatT, R"(
      attr { key: '_output_shapes' value { list { shape { dim { size: 99 } } } } }
      attr { key: 'newer_flag' value { b: false } })")));
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  EXPECT_TRUE(graph->node(1).attrs.contains("_output_shapes"));
  EXPECT_FALSE(graph->node(1).attrs.contains("newer_flag"));
  EXPECT_EQ(graph->fact({1, 0}).to_string(), "f32?");  // row B35: never believed

  Result<Graph> refused_graph =
      testing::import(placeholder("x") +
                      typed("y", "Relu", "input: 'x'", str_cat(kFloatT, "attr { key: 'newer_flag' value { i: 2 } }")));
  EXPECT_TRUE(refused(refused_graph, {"Relu 'y': unknown attr 'newer_flag' = 2"}));
}

TEST(GraphDef, LoopsImportWhereverTheirNodesStand) {
  Result<Graph> graph = import_graph_def(testing::rich_graph_def(), {.ops = &file_ops()});
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  const Node& merge = graph->node(*graph->find("w/merge"));
  ASSERT_EQ(merge.inputs.size(), 2u);
  EXPECT_EQ(graph->wire_name(merge.inputs[1]), "w/next");
  EXPECT_EQ(merge.outputs[1].dtype, DType::kInt32);
  Result<std::vector<NodeId>> order = topological_order(*graph);
  EXPECT_TRUE(order.ok()) << order.status().to_string();
}

TEST(GraphDef, UnknownOpsAreAllNamedAtOnce) {  // B27
  std::string text = placeholder("x");
  for (int i = 0; i < 5; ++i) text += typed(str_cat("d", i), "Dropout", "input: 'x'", "");
  text += typed("z", "Zorn", "input: 'd1:3'", "") + typed("r", "Relus", "input: 'x'", "");
  text += typed("f", "my_function", "input: 'x'", "");
  text += typed("bad", "Relu", "input: 'x' input: 'x'", kFloatT);
  text += "library { function { signature { name: 'my_function' } } }";

  Result<Graph> graph = testing::import(text);
  EXPECT_TRUE(
      refused(graph, {"3 ops not supported", "Dropout (5 nodes: 'd0', 'd1', 'd2', …)", "Zorn (1 node: 'z')",
                      "Relus (1 node: 'r'); did you mean 'Relu'?", "Relu 'bad': expects 1 inputs (features), got 2"}));
  EXPECT_TRUE(refused(testing::import("node { name: 'a' }"), {"node 'a' has no op"}));
  EXPECT_EQ(testing::import(typed("z", "Zorn", "", "")).status().code(), Code::kUnimplemented);
  expect_still_usable();

  Result<Graph> calls = testing::import(placeholder("x") + typed("f", "my_function", "input: 'x'", "") +
                                        "library { function { signature { name: 'my_function' } } }");
  EXPECT_TRUE(calls.ok()) << "a function of the file is an op: " << calls.status().to_string();

  Result<Graph> viewed =
      import_graph_def(graph_def(placeholder("x") + typed("z", "Zorn", "input: 'x'", "") + relu("y", "z:2")),
                       {.allow_unknown_ops = true, .ops = &file_ops()});
  ASSERT_TRUE(viewed.ok()) << viewed.status().to_string();
  EXPECT_EQ(viewed->node(1).outputs.size(), 3u);
}

TEST(GraphDef, EveryProblemOfAFileIsSaidAtOnce) {
  Result<Graph> graph = testing::import(relu("a", "nope") + relu("b", "^b") + relu("a", "b") +
                                        typed("c", "Add", "", kFloatT) + relu("d", "a"));
  EXPECT_TRUE(refused(graph, {"4 problems", "'nope': no node 'nope' in the graph", "'a' is taken by node 0",
                              "the graph has a cycle: 'b' -> 'b'", "Add 'c': expects 2 inputs"}));
  EXPECT_EQ(std::string(graph.status().message()).find("'d'"), std::string::npos);  // follows from the first
}

TEST(GraphDef, BadGraphsAreRefusedByNameAndPlace) {
  for (const BadGraph& bad : bad_graphs()) {
    Result<Graph> graph = testing::import(bad.text);
    EXPECT_FALSE(graph.ok()) << bad.what;
    for (std::string_view part : bad.parts) EXPECT_TRUE(refused(graph, {part})) << bad.what;
    expect_still_usable();
  }
}

TEST(GraphDef, UnknownDTypeNumberIsRefused) {  // B30: T = 9999 has no name, so text protos cannot say it
  pb::GraphDef def = graph_def(placeholder("x") + relu("y", "x"));
  (*def.mutable_node(1)->mutable_attr())["T"].set_type(static_cast<pb::DataType>(9999));
  EXPECT_TRUE(
      refused(import_graph_def(def, {.source = "bad.pb", .ops = &file_ops()}), {"Relu 'y': attr 'T': ", "9999"}));
}

TEST(GraphDef, NamesThatLookLikePathsAreNames) {  // B20
  Result<Graph> graph = testing::import(typed("../../etc/passwd", "NoOp", "", ""));
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  EXPECT_TRUE(graph->find("../../etc/passwd").has_value());
}

TEST(GraphDef, FunctionAttrsNestSixteenDeep) {  // A8
  auto nested = [](int depth) {
    pb::GraphDef def = graph_def(placeholder("x") + relu("y", "x"));
    pb::AttrValue* value = &(*def.mutable_node(1)->mutable_attr())["_f"];
    for (int i = 0; i < depth; ++i) value = &(*value->mutable_func()->mutable_attr())["f"];
    value->set_i(1);
    return import_graph_def(def, {.source = "bad.pb", .ops = &file_ops()});
  };
  EXPECT_TRUE(nested(16).ok());
  EXPECT_TRUE(refused(nested(17), {"node 1: Relu 'y': attr '_f'", "nested too deeply"}));
  EXPECT_TRUE(refused(nested(500), {"node 1: Relu 'y': attr '_f'", "nested too deeply"}));
}

TEST(GraphDef, ManyControlInputsAreLimitedAndRepeatedOnesCountOnce) {  // A10
  auto with_controls = [](int count) {
    pb::GraphDef def = graph_def(placeholder("x") + relu("y", "x"));
    for (int i = 0; i < count; ++i) def.mutable_node(1)->add_input("^x");
    return import_graph_def(def, {.source = "bad.pb", .ops = &file_ops()});
  };
  EXPECT_TRUE(refused(with_controls(200'000), {"Relu 'y' has 200001 inputs; the limit is 65536"}));
  Result<Graph> graph = with_controls(60'000);
  ASSERT_TRUE(graph.ok());
  EXPECT_EQ(graph->node(1).controls.size(), 1u);
}

TEST(GraphDef, ManyAttrsAreLimited) {
  pb::GraphDef def = graph_def(placeholder("x"));
  for (int i = 0; i < 2000; ++i) (*def.mutable_node(0)->mutable_attr())[str_cat("_", i)].set_i(i);
  EXPECT_TRUE(refused(import_graph_def(def, {.source = "bad.pb", .ops = &file_ops()}),
                      {"Placeholder 'x': 2001 attrs; the limit is 1000"}));
}

TEST(GraphDef, ConstantsShareOneMemoryLimit) {  // C46
  std::string text;
  for (int i = 0; i < 3; ++i) {
    text += typed(str_cat("k", i), "Const", "",
                  "attr { key: 'dtype' value { type: DT_FLOAT } } attr { key: 'value' value { tensor { dtype: DT_FLOAT "
                  "tensor_shape { dim { size: 1000 } } float_val: 1 } } }");
  }
  pb::GraphDef def = graph_def(text);
  EXPECT_TRUE(import_graph_def(def, {.ops = &file_ops(), .max_tensor_bytes = 12'000}).ok());
  EXPECT_TRUE(refused(import_graph_def(def, {.source = "bad.pb", .ops = &file_ops(), .max_tensor_bytes = 11'999}),
                      {"Const 'k2': attr 'value'", "4000 bytes"}));
}

TEST(GraphDef, ALongChainNeedsNoRecursion) {  // A11
  constexpr int kLength = 100'000;
  pb::GraphDef def = graph_def(placeholder("n0"));
  for (int i = 1; i < kLength; ++i) {
    pb::NodeDef& node = *def.add_node();
    node.set_name(str_cat("n", i));
    node.set_op("Identity");
    node.add_input(str_cat("n", i - 1));
    (*node.mutable_attr())["T"].set_type(pb::DT_FLOAT);
  }
  // Against the order of the data: the worst for a sort that goes by the file.
  std::reverse(def.mutable_node()->pointer_begin(), def.mutable_node()->pointer_end());

  Result<Graph> graph = import_graph_def(def, {.ops = &file_ops()});
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  Result<std::vector<NodeId>> order = topological_order(*graph);
  ASSERT_TRUE(order.ok());
  EXPECT_EQ(order->front(), kLength - 1);
  EXPECT_EQ(export_graph_def(*graph).node(0).name(), str_cat("n", kLength - 1));
  EXPECT_TRUE(find_loops(*graph).empty());
}

TEST(GraphDef, ALongCycleIsNamedInShort) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += relu(str_cat("n", i), str_cat("n", (i + 1) % 5000));
  EXPECT_TRUE(refused(testing::import(text), {"the graph has a cycle: 'n", "(4988 more)"}));
}

TEST(GraphDef, TooManyNodes) {
  pb::GraphDef def;
  for (int i = 0; i < 11; ++i) def.add_node();
  EXPECT_TRUE(refused(import_graph_def(def, {.source = "bad.pb", .ops = &file_ops(), .max_nodes = 10}),
                      {"11 nodes; the limit is 10"}));
}

}  // namespace
}  // namespace tarn
