// What the engine's loader says about GraphDefs that must be refused. The protobuf loader takes the same cases in
// tests/graph/graph_def_test.cc.
#include <gtest/gtest.h>

#include "graph/all_ops.h"
#include "runtime/engine.h"
#include "tests/support/bad_graphs.h"
#include "tests/support/file_ops.h"

namespace tarn {
namespace {

using testing::file_ops;
using testing::graph_def;
using testing::kFloatT;
using testing::placeholder;
using testing::relu;
using testing::typed;

Result<std::shared_ptr<const Engine>> load(const pb::GraphDef& def, std::vector<std::string> outputs = {}) {
  auto bytes = std::make_shared<std::string>(def.SerializeAsString());
  EngineOptions options;
  options.ops = &file_ops();
  options.outputs = std::move(outputs);
  return Engine::load_bytes(*bytes, bytes, "bad.pb", options);
}

TEST(EngineBadGraphs, AreRefusedAtLoadByNameAndPlace) {
  for (const testing::BadGraph& bad : testing::bad_graphs()) {
    SCOPED_TRACE(bad.what);
    pb::GraphDef def = graph_def(bad.text);
    // Nodes that no output needs are judged by structure alone; and a constant is no output unless it is asked for.
    std::vector<std::string> outputs;
    if (def.node_size() > 0) outputs.push_back(def.node(def.node_size() - 1).name());
    auto engine = load(def, outputs);
    ASSERT_FALSE(engine.ok());
    std::string message(engine.status().message());
    EXPECT_TRUE(message.starts_with("'bad.pb': ")) << message;
    for (std::string_view part : bad.engine_parts.empty() ? bad.parts : bad.engine_parts) {
      EXPECT_NE(message.find(part), std::string::npos) << "no \"" << part << "\" in: " << message;
    }
  }
}

TEST(EngineBadGraphs, AreRefusedWhateverTheOutputsAreWhereTheStructureIsBad) {
  // The second cycle is beside what the output needs.
  auto cycle =
      load(graph_def(placeholder("x") + relu("y", "x") + relu("a", "b") + relu("b", "c") + relu("c", "a")), {"y"});
  ASSERT_FALSE(cycle.ok());
  EXPECT_EQ(cycle.status().message(), "'bad.pb': the graph has a cycle: 'a' -> 'c' -> 'b' -> 'a'");

  auto twice = load(graph_def(placeholder("x") + relu("y", "x") + relu("z", "gone") + relu("z", "x")), {"y"});
  ASSERT_FALSE(twice.ok());
  for (const char* part : {"'z' is taken by node 2", "no node 'gone'"}) {
    EXPECT_NE(twice.status().message().find(part), std::string_view::npos) << twice.status().message();
  }
}

TEST(EngineBadGraphs, ALongCycleIsNamedInShort) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += relu(str_cat("n", i), str_cat("n", (i + 1) % 5000));
  auto engine = load(graph_def(text), {"n0"});
  ASSERT_FALSE(engine.ok());
  EXPECT_LT(engine.status().message().size(), 300u);
}

TEST(EngineBadGraphs, UnsupportedOpsAreAllNamedAtOnce) {  // B27
  auto engine =
      load(graph_def(placeholder("x") + typed("z", "Zorn", "input: 'x'", "") + typed("d", "Dropout", "input: 'z'", "")),
           {"d"});
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(engine.status().code(), Code::kUnimplemented);
  for (const char* part : {"'Zorn'", "'Dropout'", "'z'", "'d'"}) {
    EXPECT_NE(engine.status().message().find(part), std::string_view::npos) << engine.status().message();
  }
}

TEST(EngineBadGraphs, AWhileLoopIsNoCycleAndWhatIsMissingInItIsNamed) {
  const std::string t = " attr { key: 'T' value { type: DT_FLOAT } }";
  pb::GraphDef def = graph_def(
      placeholder("x") + typed("enter", "Enter", "input: 'x'", "attr { key: 'frame_name' value { s: 'loop' } }" + t) +
      typed("merge", "Merge", "input: 'enter' input: 'next'", "attr { key: 'N' value { i: 2 } }" + t) +
      typed("z", "Zorn", "input: 'merge'", "") + typed("next", "NextIteration", "input: 'z'", t) +
      typed("y", "Exit", "input: 'merge'", t));
  std::string bytes = def.SerializeAsString();
  EngineOptions options;
  options.ops = &all_ops();
  options.outputs = {"y"};
  auto engine = Engine::load_bytes(bytes, std::shared_ptr<void>(), "bad.pb", options);
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(engine.status().code(), Code::kUnimplemented);
  EXPECT_EQ(engine.status().message(), "'bad.pb': op 'Zorn' is not supported (node 'z')");
}

TEST(EngineBadGraphs, SwitchesAndViewsWithoutTheirInputsAreNamedThoughOthersReadThem) {
  auto refusal = [](const std::string& nodes) {
    auto bytes = std::make_shared<std::string>(graph_def(placeholder("x") + nodes).SerializeAsString());
    EngineOptions options;
    options.ops = &all_ops();
    options.outputs = {"y"};
    return std::string(Engine::load_bytes(*bytes, bytes, "bad.pb", options).status().message());
  };
  const std::string t = kFloatT, y = typed("y", "Identity", "input: 's'", t);
  EXPECT_EQ(refusal(typed("s", "Switch", "input: 'x'", t) + y),
            "'bad.pb': Switch 's': expects 2 inputs (data, pred), got 1");
  EXPECT_EQ(refusal(typed("p", "Identity", "", "attr { key: 'T' value { type: DT_BOOL } }") +
                    typed("s", "Switch", "input: 'x' input: 'p'", t) + y),
            "'bad.pb': Identity 'p': expects 1 inputs (input), got 0");
  EXPECT_EQ(refusal(typed("a", "Enter", "input: 'x'", t + "attr { key: 'frame_name' value { s: 'f' } }") +
                    typed("y", "Exit", "input: '^a'", t)),
            "'bad.pb': Exit 'y' leaves no loop");
  EXPECT_EQ(refusal("node { name: 'i' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } } attr { key: 'value' "
                    "value { tensor { dtype: DT_INT32 tensor_shape { } int_val: 0 } } } }\n" +
                    typed("g", "TensorArrayGradV3", "", "attr { key: 'source' value { s: 'g' } }") +
                    typed("y", "TensorArrayReadV3", "input: 'g' input: 'i' input: 'g:1'",
                          "attr { key: 'dtype' value { type: DT_FLOAT } }")),
            "'bad.pb': TensorArrayGradV3 'g': expects 2 inputs (handle, flow_in), got 0");
}

TEST(EngineBadGraphs, UnknownDTypeNumberIsRefused) {  // B30: T = 9999 has no name, so text protos cannot say it
  pb::GraphDef def = graph_def(placeholder("x") + relu("y", "x"));
  (*def.mutable_node(1)->mutable_attr())["T"].set_type(static_cast<pb::DataType>(9999));
  auto engine = load(def);
  ASSERT_FALSE(engine.ok());
  EXPECT_NE(engine.status().message().find("Relu 'y': attr 'T': "), std::string_view::npos)
      << engine.status().message();
  EXPECT_NE(engine.status().message().find("9999"), std::string_view::npos) << engine.status().message();
}

TEST(EngineBadGraphs, FunctionAttrsNestSixteenDeep) {  // A8
  auto nested = [](int depth) {
    pb::GraphDef def = graph_def(placeholder("x") + relu("y", "x"));
    pb::AttrValue* value = &(*def.mutable_node(1)->mutable_attr())["_f"];
    for (int i = 0; i < depth; ++i) value = &(*value->mutable_func()->mutable_attr())["f"];
    value->set_i(1);
    return load(def).status();
  };
  // Relu here has no kernel: what is said last.
  EXPECT_EQ(nested(16).message().find("nested"), std::string_view::npos);
  EXPECT_NE(nested(17).message().find("Relu 'y': attr '_f'"), std::string_view::npos);
  EXPECT_NE(nested(17).message().find("nested more than 16 deep"), std::string_view::npos);
}

TEST(EngineBadGraphs, OpsThatAreNotTextAreRefused) {
  pb::GraphDef def = graph_def(placeholder("x") + relu("y", "x"));
  std::string bytes = def.SerializeAsString();
  auto status = [](std::string text) {
    auto held = std::make_shared<std::string>(std::move(text));
    EngineOptions options;
    options.ops = &file_ops();
    return Engine::load_bytes(*held, held, "bad.pb", options).status();
  };
  size_t op = bytes.find("Relu");
  std::string broken = bytes;
  broken[op + 1] = '\xff';
  EXPECT_NE(status(broken).message().find("is not UTF-8"), std::string_view::npos) << status(broken).message();
}

}  // namespace
}  // namespace tarn
