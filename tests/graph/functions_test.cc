#include "graph/functions.h"

#include <gtest/gtest.h>

#include "graph/freeze.h"
#include "graph/graph_io.h"
#include "graph/proto_io.h"
#include "graph/text.h"
#include "tests/support/checkpoints.h"

namespace tarn {
namespace {

Graph graph_of(const std::string& pbtxt) {
  Result<Graph> graph = parse_graph(pbtxt, "graph.pbtxt", {.allow_unknown_ops = true});
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  return graph.ok() ? *std::move(graph) : Graph();
}

std::string placeholder(const std::string& name) {
  return str_cat("node { name: '", name, "' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } }\n");
}
std::string handle(const std::string& name) {
  return str_cat(
      "node { name: '", name,
      "' op: 'VarHandleOp' attr { key: 'dtype' value { type: DT_FLOAT } } attr { key: 'shape' value { shape { "
      "dim { size: 2 } } } } attr { key: 'shared_name' value { s: '",
      name, "' } } }\n");
}
std::string types(const std::string& attr, const std::vector<std::string>& list) {
  std::string text = str_cat("attr { key: '", attr, "' value { list {");
  for (const std::string& type : list) str_append(text, " type: ", type);
  return text + " } } }";
}
std::string inputs(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) str_append(text, " input: '", name, "'");
  return text;
}
std::string call(const std::string& name, const std::string& f, const std::vector<std::string>& from,
                 const std::vector<std::string>& in, size_t outputs = 1) {
  return str_cat("node { name: '", name, "' op: 'StatefulPartitionedCall'", inputs(from),
                 " attr { key: 'f' value { func { name: '", f, "' } } } ", types("Tin", in),
                 types("Tout", std::vector<std::string>(outputs, "DT_FLOAT")), " }\n");
}
std::string body_node(const std::string& name, const std::string& op, const std::vector<std::string>& from,
                      const std::string& attrs = "attr { key: 'T' value { type: DT_FLOAT } }") {
  return str_cat("node_def { name: '", name, "' op: '", op, "'", inputs(from), " ", attrs, " }\n");
}
std::string function(const std::string& name, const std::vector<std::pair<std::string, std::string>>& args,
                     const std::string& body, const std::string& result) {
  std::string text = str_cat("function { signature { name: '", name, "'");
  for (const auto& [arg, type] : args) str_append(text, " input_arg { name: '", arg, "' type: ", type, " }");
  str_append(text, " output_arg { name: 'out' type: DT_FLOAT } }\n", body, "ret { key: 'out' value: '", result,
             "' } }\n");
  return text;
}
std::string library(const std::string& functions) {
  return "library {\n" + functions + "}\n";
}
const std::string kReadAttrs = "attr { key: 'dtype' value { type: DT_FLOAT } }";

std::string inlined(const Graph& graph) {
  Result<Graph> flat = inline_functions(graph, {});
  return flat.ok() ? "\n" + graph_to_text(*flat) : flat.status().to_string();
}

// f(x, w) = x * read(w); g(x, w) = -f(x, w)
std::string two_functions() {
  return library(
      function("f", {{"x", "DT_FLOAT"}, {"w", "DT_RESOURCE"}},
               body_node("read", "ReadVariableOp", {"w"}, kReadAttrs) + body_node("mul", "Mul", {"x", "read:value:0"}),
               "mul:z:0") +
      function("g", {{"x", "DT_FLOAT"}, {"w", "DT_RESOURCE"}},
               call("inner", "f", {"x", "w"}, {"DT_FLOAT", "DT_RESOURCE"}).replace(0, 4, "node_def") +
                   body_node("neg", "Neg", {"inner:output:0"}),
               "neg:y:0"));
}

TEST(InlineFunctions, CallsBecomeTheNodesOfWhatTheyCallUnderTheirName) {
  Graph graph = graph_of(placeholder("x") + handle("w") + call("y", "g", {"x", "w"}, {"DT_FLOAT", "DT_RESOURCE"}) +
                         two_functions());
  ASSERT_TRUE(calls_functions(graph, graph.ids()));

  EXPECT_EQ(inlined(graph), R"(
x: f32? = Placeholder
w: handle(f32[2]) = VarHandleOp {dtype=f32, shape=[2], shared_name="w"}
y/inner/read: f32[2] = ReadVariableOp(w)
y/inner/mul: f32? = Mul(x, y/inner/read)
y/inner: f32? = Identity(y/inner/mul)
y/neg: f32? = Neg(y/inner/mul)
y: f32? = Identity(y/neg)
)");
}

TEST(InlineFunctions, FreezeFollowsVariablesIntoFunctions) {
  Graph graph = graph_of(placeholder("x") + handle("w") + call("y", "g", {"x", "w"}, {"DT_FLOAT", "DT_RESOURCE"}) +
                         two_functions());
  VariableValues sevens = [](const Graph&, std::span<const NodeId> variables) -> Result<std::vector<Tensor>> {
    return std::vector<Tensor>(variables.size(), Tensor::from<float>({2}, {7, 7}));
  };

  Result<FrozenGraph> frozen = freeze(graph, {.outputs = {"y"}}, sevens);

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  EXPECT_TRUE(frozen->graph.library.empty());
  Session session(frozen->graph);
  std::vector<Tensor> y;
  ASSERT_TRUE(session.Run({{"x", Tensor::from<float>({2}, {1, 2})}}, {"y"}, &y).ok());
  EXPECT_EQ(y[0].to_string(), "f32[2]{-7, -14}");
}

TEST(InlineFunctions, WhatACallWaitsForItsFirstNodesWaitFor) {
  Graph graph =
      graph_of(placeholder("x") + "node { name: 'first' op: 'NoOp' }\n" +
               call("y", "f", {"x", "^first"}, {"DT_FLOAT"}) + "node { name: 'last' op: 'NoOp' input: '^y' }\n" +
               library(function("f", {{"x", "DT_FLOAT"}},
                                body_node("neg", "Neg", {"x"}) + body_node("abs", "Abs", {"neg:y:0"}), "abs:y:0")));

  EXPECT_EQ(inlined(graph), R"(
x: f32? = Placeholder
first = NoOp
y/neg: f32? = Neg(x, ^first)
y/abs: f32? = Abs(y/neg)
y: f32? = Identity(y/abs)
last = NoOp(^y)
)");
}

TEST(InlineFunctions, AttrsOfTheFunctionAreGivenByTheCall) {
  std::string generic =
      "function { signature { name: 'same' input_arg { name: 'x' type_attr: 'T' } output_arg { name: 'out' type_attr: "
      "'T' } "
      "attr { name: 'T' type: 'type' } }\n"
      "node_def { name: 'id' op: 'Identity' input: 'x' attr { key: 'T' value { placeholder: 'T' } } }\n"
      "ret { key: 'out' value: 'id:output:0' } }\n";
  Graph graph = graph_of(placeholder("x") +
                         "node { name: 'y' op: 'same' input: 'x' attr { key: 'T' value { type: DT_FLOAT } } }\n" +
                         library(generic));

  EXPECT_EQ(inlined(graph), "\nx: f32? = Placeholder\ny/id: f32? = Identity(x)\ny: f32? = Identity(y/id)\n");
}

TEST(InlineFunctions, IfAndWhileThatAreHandedVariablesAreTakenApartAndFrozen) {
  // y = p ? x * w : -x;   n = while (n < 3): n + w[0]… kept simple: v += read(w) until the counter says 3.
  std::string branches =
      function("then", {{"x", "DT_FLOAT"}, {"w", "DT_RESOURCE"}},
               body_node("read", "ReadVariableOp", {"w"}, kReadAttrs) + body_node("mul", "Mul", {"x", "read:value:0"}),
               "mul:z:0") +
      function("else", {{"x", "DT_FLOAT"}, {"w", "DT_RESOURCE"}}, body_node("neg", "Neg", {"x"}), "neg:y:0");
  std::string conditional = str_cat(
      "node { name: 'p' op: 'Placeholder' attr { key: 'dtype' value { type: DT_BOOL } } }\n"
      "node { name: 'y' op: 'If'",
      inputs({"p", "x", "w"}), " attr { key: 'Tcond' value { type: DT_BOOL } } ",
      types("Tin", {"DT_FLOAT", "DT_RESOURCE"}), types("Tout", {"DT_FLOAT"}),
      " attr { key: 'then_branch' value { func { name: 'then' } } } attr { key: 'else_branch' value { func { name: "
      "'else' } } "
      "} }\n");
  Graph graph = graph_of(placeholder("x") + handle("w") + conditional + library(branches));
  VariableValues sevens = [](const Graph&, std::span<const NodeId> variables) -> Result<std::vector<Tensor>> {
    return std::vector<Tensor>(variables.size(), Tensor::from<float>({2}, {7, 7}));
  };

  Result<FrozenGraph> frozen = freeze(graph, {.outputs = {"y"}}, sevens);

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  Session session(frozen->graph);
  std::vector<Tensor> y;
  Tensor x = Tensor::from<float>({2}, {1, 2});
  ASSERT_TRUE(session.Run({{"x", x}, {"p", Tensor::scalar<bool>(true)}}, {"y"}, &y).ok());
  EXPECT_EQ(y[0].to_string(), "f32[2]{7, 14}");
  ASSERT_TRUE(session.Run({{"x", x}, {"p", Tensor::scalar<bool>(false)}}, {"y"}, &y).ok());
  EXPECT_EQ(y[0].to_string(), "f32[2]{-1, -2}");
}

// A file that TensorFlow reads: constants are within the loop that reads them, and effects are waited for by name.
TEST(InlineFunctions, LoopsOverVariablesAreFramesThatWaitForTheirBodysEffects) {
  auto loop_function = [](const std::string& name, const std::string& body, const std::string& outputs,
                          const std::string& returns) {
    return str_cat("function { signature { name: '", name,
                   "' input_arg { name: 'n' type: DT_FLOAT } input_arg { name: "
                   "'w' type: DT_RESOURCE } ",
                   outputs, " }\n", body, returns, " }\n");
  };
  const std::string kConstant =
      "attr { key: 'dtype' value { type: DT_FLOAT } } attr { key: 'value' value { tensor { dtype: DT_FLOAT "
      "tensor_shape { } "
      "float_val: 3 } } }";
  Graph graph = graph_of(
      placeholder("n") + handle("w") +
      str_cat("node { name: 'l' op: 'While'", inputs({"n", "w"}), types("T", {"DT_FLOAT", "DT_RESOURCE"}),
              " attr { key: 'cond' value { func { name: 'c' } } } attr { key: 'body' value { func { name: 'b' } } } }\n"
              "node { name: 'y' op: 'ReadVariableOp' input: 'l:1' ",
              kReadAttrs, " }\n") +
      library(
          loop_function("c",
                        body_node("three", "Const", {}, kConstant) + body_node("less", "Less", {"n", "three:output:0"}),
                        "output_arg { name: 'go' type: DT_BOOL }", "ret { key: 'go' value: 'less:z:0' }") +
          loop_function("b",
                        body_node("two", "Const", {}, kConstant) + body_node("mul", "Mul", {"n", "two:output:0"}) +
                            body_node("set", "AssignVariableOp", {"w", "mul:z:0"}, kReadAttrs),
                        "output_arg { name: 'n' type: DT_FLOAT } output_arg { name: 'w' type: DT_RESOURCE }",
                        "ret { key: 'n' value: 'mul:z:0' } ret { key: 'w' value: 'w' } control_ret { key: 's' value: "
                        "'set' }")));

  EXPECT_EQ(inlined(graph), R"(
n: f32? = Placeholder
w: handle(f32[2]) = VarHandleOp {dtype=f32, shape=[2], shared_name="w"}
l/Enter_0: f32? = Enter(n) {frame_name="l/while_context"}
l/Merge_0: (f32?, i32[]) = Merge(l/Enter_0, l/NextIteration_0)
l/Enter_1: handle(f32[2]) = Enter(w) {frame_name="l/while_context", is_constant=true}
l/cond/three: f32[] = Const(^l/Merge_0) {value=f32[]{3}}
l/cond/less: bool? = Less(l/Merge_0, l/cond/three)
l/LoopCond: bool[] = LoopCond(l/cond/less)
l/Switch_0: (f32?, f32?) = Switch(l/Merge_0, l/LoopCond)
l/Identity_0: f32? = Identity(l/Switch_0:1)
l/Exit_0: f32? = Exit(l/Switch_0)
l/Unchanged_1: handle(f32[2]) = Identity(w, ^l/Exit_0)
l/body/two: f32[] = Const(^l/Identity_0) {value=f32[]{3}}
l/body/mul: f32? = Mul(l/Identity_0, l/body/two)
l/body/set = AssignVariableOp(l/Enter_1, l/body/mul)
l/body/output_0: f32? = Identity(l/body/mul, ^l/body/set)
l/NextIteration_0: f32? = NextIteration(l/body/output_0)
l: (f32?, handle(f32[2])) = IdentityN(l/Exit_0, l/Unchanged_1)
y: f32[2] = ReadVariableOp(l/Unchanged_1)
)");
}

TEST(InlineFunctions, HostileLibrariesAreRefusedByCallAndFunction) {  // 33, 34
  auto status = [](const std::string& text, int64_t max_nodes = 10'000) {
    return inline_functions(graph_of(text), {}, {.max_nodes = max_nodes}).status();
  };
  auto calling = [](const std::string& name, const std::string& other, int times) {
    std::string body, result = "x";
    for (int i = 0; i < times; ++i) {
      std::string node = str_cat("c", i);
      body += call(node, other, {result}, {"DT_FLOAT"}).replace(0, 4, "node_def");
      result = node + ":output:0";
    }
    return function(name, {{"x", "DT_FLOAT"}}, body, result);
  };
  const std::string kCall = placeholder("x") + call("y", "f", {"x"}, {"DT_FLOAT"});

  EXPECT_SAYS(status(kCall + library(calling("f", "f", 1))), {"'y'", "functions call themselves: 'f' -> 'f'"});
  EXPECT_SAYS(status(kCall + library(calling("f", "g", 1) + calling("g", "f", 1))),
              {"functions call themselves: 'f' -> 'g' -> 'f'"});
  std::string doubling;
  for (int i = 0; i < 40; ++i) doubling += calling(i == 0 ? "f" : str_cat("f", i), str_cat("f", i + 1), 2);
  doubling += function("f40", {{"x", "DT_FLOAT"}}, body_node("neg", "Neg", {"x"}), "neg:y:0");
  EXPECT_SAYS(status(kCall + library(doubling)), {"more than 10000 nodes"});
  EXPECT_SAYS(status(kCall + library(calling("g", "g", 1))), {"'y'", "function 'f' is not in the file's library"});
  EXPECT_SAYS(status(kCall + library(function("f", {{"x", "DT_FLOAT"}}, "", "none:y:0"))),
              {"StatefulPartitionedCall 'y'", "function 'f'", "'none:y:0'"});
  EXPECT_SAYS(status(kCall + library(function("f", {{"x", "DT_FLOAT"}, {"z", "DT_FLOAT"}}, "", "x"))),
              {"'y'", "it takes 2 inputs, the call gives 1"});
}

TEST(UncalledLibrary, GoesUnlessANodeNamesAFunctionOfIt) {
  const struct {
    std::string_view node;
    bool stays;
  } cases[] = {
      {"op: 'PartitionedCall' attr { key: 'f' value { func { name: 'f' } } } attr { key: 'Tin' value { list { } } } "
       "attr { key: 'Tout' value { list { } } }",
       true},
      {"op: 'Odd' attr { key: 'fs' value { list { func { name: 'f' } } } }", true},
      {"op: 'f'", true},
      {"op: 'Odd'", false},
      {"op: 'NoOp'", false},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.node);
    Graph graph =
        graph_of(str_cat("node { name: 'y' ", one.node, " }\n",
                         library(function("f", {{"x", "DT_FLOAT"}}, body_node("neg", "Neg", {"x"}), "neg:y:0"))));

    drop_uncalled_library(graph);

    EXPECT_EQ(!graph.library.empty(), one.stays);
  }
}

TEST(InlineFunctions, CallsThatNobodyNeedsMayBeBroken) {
  Graph graph =
      graph_of(placeholder("x") + call("bad", "none", {"x"}, {"DT_FLOAT"}) + call("y", "f", {"x"}, {"DT_FLOAT"}) +
               library(function("f", {{"x", "DT_FLOAT"}}, body_node("neg", "Neg", {"x"}), "neg:y:0")));
  NodeId y = *graph.find("y");

  Result<Graph> flat = inline_functions(graph, std::span(&y, 1));

  ASSERT_TRUE(flat.ok()) << flat.status().to_string();
  EXPECT_TRUE(flat->node(*flat->find("bad")).is("StatefulPartitionedCall"));
  EXPECT_TRUE(flat->node(*flat->find("y")).is("Identity"));
  EXPECT_SAYS(inline_functions(graph, {}).status(), {"'bad'", "'none'"});
}

}  // namespace
}  // namespace tarn
