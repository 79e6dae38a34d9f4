// Functional control flow: functions of a file's library, written out where they are called, in session and engine.
#include <gtest/gtest.h>

#include "graph/all_ops.h"
#include "graph/graph_io.h"
#include "graph/session.h"
#include "runtime/engine.h"

namespace tarn {
namespace {

// --- graphs in protobuf's text form ---------------------------------------------------------------------------------
std::string type_attr(std::string_view name, std::string_view type) {
  return str_cat(" attr { key: '", name, "' value { type: ", type, " } }");
}
std::string types_attr(std::string_view name, const std::vector<std::string>& types) {
  std::string list;
  for (const std::string& type : types) str_append(list, " type: ", type);
  return str_cat(" attr { key: '", name, "' value { list {", list, " } } }");
}
std::string function_attr(std::string_view name, std::string_view function) {
  return str_cat(" attr { key: '", name, "' value { func { name: '", function, "' } } }");
}
std::string node_text(std::string_view field, std::string_view name, std::string_view op,
                      const std::vector<std::string>& inputs, std::string_view attrs = "") {
  std::string all;
  for (const std::string& input : inputs) str_append(all, " input: '", input, "'");
  return str_cat(field, " { name: '", name, "' op: '", op, "'", all, attrs, " }\n");
}
std::string node(std::string_view name, std::string_view op, const std::vector<std::string>& inputs,
                 std::string_view attrs = "") {
  return node_text("node", name, op, inputs, attrs);
}
std::string inner(std::string_view name, std::string_view op, const std::vector<std::string>& inputs,
                  std::string_view attrs = "") {
  return node_text("node_def", name, op, inputs, attrs);
}
constexpr std::string_view kT = " attr { key: 'T' value { type: DT_INT32 } }";
std::string constant(std::string_view field, std::string_view name, int value) {
  return node_text(
      field, name, "Const", {},
      str_cat(type_attr("dtype", "DT_INT32"),
              " attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape { } int_val: ", value, " } } }"));
}
std::string placeholder(std::string_view name, std::string_view type = "DT_INT32") {
  return node(name, "Placeholder", {}, str_cat(type_attr("dtype", type), " attr { key: 'shape' value { shape { } } }"));
}

struct FunctionText {
  std::string name;
  std::vector<std::string> inputs;                           // int32
  std::string nodes;                                         // of inner()
  std::vector<std::pair<std::string, std::string>> returns;  // output and where it comes from
  std::string output_type = "DT_INT32";
};
std::string function(const FunctionText& f) {
  std::string text = str_cat("function { signature { name: '", f.name, "'");
  for (const std::string& input : f.inputs) str_append(text, " input_arg { name: '", input, "' type: DT_INT32 }");
  for (const auto& [output, from] : f.returns)
    str_append(text, " output_arg { name: '", output, "' type: ", f.output_type, " }");
  str_append(text, " }\n", f.nodes);
  for (const auto& [output, from] : f.returns) str_append(text, " ret { key: '", output, "' value: '", from, "' }\n");
  return text + "}\n";
}
std::string library(const std::vector<std::string>& functions) {
  return str_cat("library {\n", str_join(functions, ""), "}\n");
}

std::string run_session(const Graph& graph, const std::vector<Session::Feed>& feeds, const std::string& fetch) {
  Session session(graph, {.threads = 1});
  std::vector<Tensor> out;
  Status status = session.Run(feeds, {fetch}, &out);
  return status.ok() ? out[0].to_string() : std::string(status.message());
}

std::string run_engine(const std::string& bytes, const std::vector<Session::Feed>& feeds, const std::string& fetch) {
  auto engine = Engine::load_bytes(bytes, nullptr, "f", {.outputs = {fetch}, .ops = &all_ops()});
  if (!engine.ok()) return std::string(engine.status().message().substr(5));  // without "'f': "
  EngineContext context(*engine);
  for (const auto& [name, tensor] : feeds) EXPECT_TRUE(context.set_input(name, tensor).ok());
  Status status = context.run();
  if (!status.ok()) return std::string(status.message());
  const TensorView& view = **context.output(0);
  return Tensor::from<int32_t>(*view.shape, view.flat<int32_t>()).to_string();
}

// What session and engine both give.
std::string run(const std::string& text, const std::vector<Session::Feed>& feeds, const std::string& fetch = "y") {
  Result<Graph> graph = parse_graph(text, "f");
  if (!graph.ok()) return str_cat("graph: ", graph.status().message());
  std::string session = run_session(*graph, feeds, fetch);
  std::string engine = run_engine(*graph_bytes(*graph, GraphFormat::kBinary), feeds, fetch);
  return session == engine ? session : str_cat("session: ", session, "\nengine: ", engine);
}

Tensor scalar(int32_t value) {
  return Tensor::scalar<int32_t>(value);
}

// twice(x) = x + x
const FunctionText kTwice{"twice", {"x"}, inner("add", "Add", {"x", "x"}, kT), {{"y", "add:z:0"}}};
// plus_ten(x) = x + 10
const FunctionText kPlusTen{"plus_ten",
                            {"x"},
                            constant("node_def", "ten", 10) + inner("add", "Add", {"x", "ten:output:0"}, kT),
                            {{"y", "add:z:0"}}};

std::string call(std::string_view name, std::string_view f, const std::vector<std::string>& inputs,
                 std::string_view op = "PartitionedCall", std::string_view field = "node") {
  std::vector<std::string> types(inputs.size(), "DT_INT32");
  return node_text(field, name, op, inputs,
                   types_attr("Tin", types) + types_attr("Tout", {"DT_INT32"}) + function_attr("f", f));
}

TEST(Functions, AreCalled) {
  for (const char* op : {"PartitionedCall", "StatefulPartitionedCall"}) {
    std::string text =
        placeholder("x") + call("c", "twice", {"x"}, op) + node("y", "Neg", {"c"}, kT) + library({function(kTwice)});
    EXPECT_EQ(run(text, {{"x", scalar(4)}}), "i32[]{-8}") << op;
    EXPECT_EQ(run(text, {{"x", scalar(4)}}, "c"), "i32[]{8}") << op;
  }
}

TEST(Functions, AreOpsToo) {
  EXPECT_EQ(
      run(placeholder("x") + node("c", "twice", {"x"}) + node("y", "Neg", {"c"}, kT) + library({function(kTwice)}),
          {{"x", scalar(4)}}),
      "i32[]{-8}");
}

TEST(Functions, CallFunctions) {
  FunctionText outer{"outer",
                     {"x"},
                     call("a", "twice", {"x"}, "PartitionedCall", "node_def") +
                         call("b", "plus_ten", {"a:output:0"}, "PartitionedCall", "node_def"),
                     {{"y", "b:output:0"}}};
  EXPECT_EQ(run(placeholder("x") + call("y", "outer", {"x"}) +
                    library({function(outer), function(kTwice), function(kPlusTen)}),
                {{"x", scalar(4)}}),
            "i32[]{18}");
}

TEST(Functions, MayGiveBackWhatTheyGet) {
  FunctionText same{"same", {"x"}, "", {{"y", "x"}}};
  EXPECT_EQ(run(placeholder("x") + call("c", "same", {"x"}) + call("y", "twice", {"c"}) +
                    library({function(same), function(kTwice)}),
                {{"x", scalar(4)}}),
            "i32[]{8}");
}

std::string if_node(std::string_view name, const std::vector<std::string>& inputs, std::string_view then_branch,
                    std::string_view else_branch, std::string_view condition_type = "DT_BOOL") {
  std::vector<std::string> types(inputs.size() - 1, "DT_INT32");
  return node(name, "If", inputs,
              str_cat(type_attr("Tcond", condition_type), types_attr("Tin", types), types_attr("Tout", {"DT_INT32"}),
                      function_attr("then_branch", then_branch), function_attr("else_branch", else_branch)));
}

TEST(FunctionalIf, CallsOneOfTwo) {
  std::string text = placeholder("p", "DT_BOOL") + placeholder("x") + if_node("y", {"p", "x"}, "twice", "plus_ten") +
                     library({function(kTwice), function(kPlusTen)});
  EXPECT_EQ(run(text, {{"p", Tensor::scalar(true)}, {"x", scalar(4)}}), "i32[]{8}");
  EXPECT_EQ(run(text, {{"p", Tensor::scalar(false)}, {"x", scalar(4)}}), "i32[]{14}");
}

TEST(FunctionalIf, TakesNumbersAndConstantBranches) {
  FunctionText one{"one", {"x"}, constant("node_def", "c", 1), {{"y", "c:output:0"}}};
  FunctionText two{"two",
                   {"x"},
                   constant("node_def", "c", 1) + inner("add", "Add", {"c:output:0", "c:output:0"}, kT),
                   {{"y", "add:z:0"}}};
  std::string text = placeholder("p") + placeholder("x") + if_node("y", {"p", "x"}, "one", "two", "DT_INT32") +
                     library({function(one), function(two)});
  EXPECT_EQ(run(text, {{"p", scalar(7)}, {"x", scalar(4)}}), "i32[]{1}");
  EXPECT_EQ(run(text, {{"p", scalar(0)}, {"x", scalar(4)}}), "i32[]{2}");
}

// while (i < n) { i += 1; sum += i }
const FunctionText kLess{
    "less", {"i", "sum", "n"}, inner("less", "Less", {"i", "n"}, kT), {{"go", "less:z:0"}}, "DT_BOOL"};
const FunctionText kBody{"body",
                         {"i", "sum", "n"},
                         constant("node_def", "one", 1) + inner("next", "Add", {"i", "one:output:0"}, kT) +
                             inner("more", "Add", {"sum", "next:z:0"}, kT),
                         {{"i_out", "next:z:0"}, {"sum_out", "more:z:0"}, {"n_out", "n"}}};
std::string while_node(std::string_view name, const std::vector<std::string>& inputs, std::string_view cond,
                       std::string_view body) {
  return node(name, "While", inputs,
              types_attr("T", std::vector<std::string>(inputs.size(), "DT_INT32")) + function_attr("cond", cond) +
                  function_attr("body", body));
}

TEST(FunctionalWhile, CallsItsBody) {
  std::string text = placeholder("n") + constant("node", "zero", 0) +
                     while_node("w", {"zero", "zero", "n"}, "less", "body") + node("y", "Identity", {"w:1"}, kT) +
                     node("limit", "Identity", {"w:2"}, kT) + library({function(kLess), function(kBody)});
  for (int n : {0, 1, 10, 1000}) {
    EXPECT_EQ(run(text, {{"n", scalar(n)}}), str_cat("i32[]{", n * (n + 1) / 2, "}"));
    EXPECT_EQ(run(text, {{"n", scalar(n)}}, "limit"), str_cat("i32[]{", n, "}"));
  }
}

TEST(FunctionalWhile, StandsInBranches) {
  FunctionText loop{
      "loop",
      {"n"},
      constant("node_def", "zero", 0) + node_text("node_def", "w", "While", {"zero:output:0", "zero:output:0", "n"},
                                                  types_attr("T", {"DT_INT32", "DT_INT32", "DT_INT32"}) +
                                                      function_attr("cond", "less") + function_attr("body", "body")),
      {{"y", "w:output:1"}}};
  std::string text = placeholder("p", "DT_BOOL") + placeholder("n") + if_node("y", {"p", "n"}, "loop", "plus_ten") +
                     library({function(loop), function(kLess), function(kBody), function(kPlusTen)});
  EXPECT_EQ(run(text, {{"p", Tensor::scalar(true)}, {"n", scalar(4)}}), "i32[]{10}");
  EXPECT_EQ(run(text, {{"p", Tensor::scalar(false)}, {"n", scalar(4)}}), "i32[]{14}");
}

// --- what is refused
// --------------------------------------------------------------------------------------------------
std::string refused(const std::vector<std::string>& functions, std::string_view f) {
  return run(placeholder("x") + call("y", f, {"x"}) + library(functions), {{"x", scalar(1)}});
}
FunctionText calling(std::string name, const std::vector<std::string>& callees) {
  FunctionText f{std::move(name), {"x"}, "", {}};
  std::string last = "x";
  for (size_t i = 0; i < callees.size(); ++i) {
    std::string node = str_cat("n", i);
    f.nodes += call(node, callees[i], {last}, "PartitionedCall", "node_def");
    last = node + ":output:0";
  }
  f.returns = {{"y", last}};
  return f;
}

TEST(FunctionErrors, FunctionsThatCallThemselvesAreNamed) {  // B33
  EXPECT_EQ(refused({function(calling("f", {"f"}))}, "f"),
            "PartitionedCall 'y': functions call themselves: 'f' -> 'f'");
  EXPECT_EQ(refused({function(calling("f", {"g"})), function(calling("g", {"f"}))}, "f"),
            "PartitionedCall 'y': functions call themselves: 'f' -> 'g' -> 'f'");
}

TEST(FunctionErrors, AReturnOfNothingIsNamed) {  // B33
  FunctionText f = kTwice;
  f.returns = {{"y", "gone:z:0"}};
  EXPECT_EQ(refused({function(f)}, "twice"),
            "PartitionedCall 'y': function 'twice': output 'y' returns 'gone:z:0', which is no node or argument of it");
}

TEST(FunctionErrors, LongChainsOfCallsAreRefused) {  // B33
  std::vector<std::string> functions = {function(kTwice)};
  for (int i = 0; i < 1000; ++i) {
    functions.push_back(function(calling(str_cat("f", i), {i == 0 ? "twice" : str_cat("f", i - 1)})));
  }
  EXPECT_EQ(refused(functions, "f90"), "i32[]{2}");
  EXPECT_EQ(refused(functions, "f999"),
            "PartitionedCall 'y': functions call each other more than 100 deep, from 'f999' to 'f899'");
}

TEST(FunctionErrors, ExponentialExpansionIsRefused) {  // B34
  std::vector<std::string> functions = {function(kTwice)};
  for (int i = 0; i < 41; ++i) {
    std::string callee = i == 0 ? "twice" : str_cat("f", i - 1);
    functions.push_back(function(calling(str_cat("f", i), {callee, callee})));
  }
  EXPECT_EQ(refused(functions, "f40"),
            "PartitionedCall 'y': function 'f18' makes more than 1000000 nodes with all that it calls");
}

TEST(FunctionErrors, MissingFunctionsAreNamed) {
  EXPECT_EQ(refused({function(kTwice)}, "twise"),
            "PartitionedCall 'y': function 'twise' is not in the file's library; did you mean 'twice'?");
}

TEST(FunctionErrors, WhatIsWrongInAFunctionIsNamed) {
  FunctionText f = kTwice;
  f.nodes = inner("add", "Add", {"x", "gone:z:0"}, kT);
  EXPECT_EQ(
      refused({function(f)}, "twice"),
      "PartitionedCall 'y': function 'twice': Add 'add': input: 'gone:z:0' is no node or argument of the function");
}

TEST(FunctionErrors, FunctionsThatNothingNeedsAreNotJudged) {
  EXPECT_EQ(run(placeholder("x") + node("y", "Neg", {"x"}, kT) + call("c", "f", {"x"}) +
                    library({function(calling("f", {"f"}))}),
                {{"x", scalar(1)}}),
            "i32[]{-1}");
}

}  // namespace
}  // namespace tarn
