// Functional control flow: functions of a file's library, written out where they are called, in session and engine.
#include <gtest/gtest.h>

#include "graph/all_ops.h"
#include "graph/functions.h"
#include "graph/graph_io.h"
#include "graph/session.h"
#include "runtime/engine.h"
#include "tests/support/sanitized.h"

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

// The values that a While carries are all its own: one that is another's from the round before, or made of nothing that
// changes, ends with the loop as the others do.
TEST(FunctionalWhile, EndsWhateverItsValuesAreMadeOf) {
  FunctionText less{
      "less4", {"i", "a", "c", "b", "n"}, inner("less", "Less", {"i", "n"}, kT), {{"go", "less:z:0"}}, "DT_BOOL"};
  FunctionText plus{"plus",
                    {"x"},
                    constant("node_def", "one", 1) + inner("add", "Add", {"x", "one:output:0"}, kT),
                    {{"y", "add:z:0"}}};
  FunctionText two{"second", {"x", "z"}, inner("neg", "Neg", {"z"}, kT), {{"y", "neg:y:0"}}};
  FunctionText body{"body4",
                    {"i", "a", "c", "b", "n"},
                    constant("node_def", "one", 1) + inner("next", "Add", {"i", "one:output:0"}, kT) +
                        inner("more", "Add", {"b", "one:output:0"}, kT) +
                        call("s", "second", {"next:z:0", "more:z:0"}, "PartitionedCall", "node_def") +
                        call("p", "plus", {"s:output:0"}, "PartitionedCall", "node_def"),
                    {{"i_out", "next:z:0"}, {"a_out", "b"}, {"c_out", "p:output:0"}, {"b_out", "b"}, {"n_out", "n"}}};
  std::string text = placeholder("n") + placeholder("b") + constant("node", "zero", 0) +
                     while_node("w", {"zero", "zero", "zero", "b", "n"}, "less4", "body4") +
                     node("a", "Identity", {"w:1"}, kT) + node("c", "Identity", {"w:2"}, kT) +
                     library({function(less), function(body), function(plus), function(two)});
  for (int n : {0, 1, 5}) {
    EXPECT_EQ(run(text, {{"n", scalar(n)}, {"b", scalar(7)}}, "a"), str_cat("i32[]{", n == 0 ? 0 : 7, "}"));
    EXPECT_EQ(run(text, {{"n", scalar(n)}, {"b", scalar(7)}}, "c"), str_cat("i32[]{", n == 0 ? 0 : -7, "}"));
  }
}

// --- Case
std::string case_node(std::string_view name, std::string_view op, const std::vector<std::string>& inputs,
                      const std::vector<std::string>& branches) {
  std::string list;
  for (const std::string& branch : branches) str_append(list, " func { name: '", branch, "' }");
  return node(name, op, inputs,
              types_attr("Tin", std::vector<std::string>(inputs.size() - 1, "DT_INT32")) +
                  types_attr("Tout", {"DT_INT32"}) + " attr { key: 'branches' value { list {" + list + " } } }");
}

TEST(FunctionalCase, CallsTheBranchOfItsIndexOrTheLast) {
  std::vector<std::string> functions = {function(kTwice), function(kPlusTen)}, branches;
  std::vector<int> expected;
  for (int b = 0; b < 5; ++b) {
    std::string name = str_cat("branch", b);
    functions.push_back(
        function({name,
                  {"x"},
                  constant("node_def", "c", 100 * b) +
                      call("f", b % 2 == 0 ? "twice" : "plus_ten", {"x"}, "PartitionedCall", "node_def") +
                      inner("add", "Add", {"f:output:0", "c:output:0"}, kT),
                  {{"y", "add:z:0"}}}));
    branches.push_back(name);
    expected.push_back(100 * b + (b % 2 == 0 ? 8 : 14));
    for (const char* op : {"Case", "StatelessCase"}) {
      std::string rest = placeholder("x") + case_node("c", op, {"i", "x"}, branches) + node("y", "Neg", {"c"}, kT) +
                         library(functions);
      for (int i : {-7, -1, 0, 1, 2, 3, 4, 5, 1'000'000}) {
        int value = -expected[static_cast<size_t>(i < 0 || i > b ? b : i)];
        EXPECT_EQ(run(placeholder("i") + rest, {{"i", scalar(i)}, {"x", scalar(4)}}), str_cat("i32[]{", value, "}"))
            << op << " of " << b + 1 << " branches, " << i;
      }
      EXPECT_EQ(run(constant("node", "i", 1) + rest, {{"x", scalar(4)}}),
                str_cat("i32[]{", -expected[std::min<size_t>(1, static_cast<size_t>(b))], "}"));
    }
  }
}

TEST(FunctionalCase, OfNothingIsRefused) {
  EXPECT_NE(run(placeholder("i") + placeholder("x") + case_node("y", "Case", {"i", "x"}, {}) + library({}),
                {{"i", scalar(0)}, {"x", scalar(4)}})
                .find("Case 'y'"),
            std::string::npos);
}

// --- effects and their order
std::string handle(std::string_view field, std::string_view name) {
  return node_text(field, name, "VarHandleOp", {},
                   type_attr("dtype", "DT_INT32") + " attr { key: 'shape' value { shape { } } }" +
                       " attr { key: 'shared_name' value { s: 'v' } }");
}
const std::string kIntDtype = type_attr("dtype", "DT_INT32");

// A function of v (a variable) and x.
std::string with_variable(std::string_view name, std::string_view nodes, std::string_view returns,
                          std::string_view effects) {
  return str_cat(
      "function { signature { name: '", name,
      "' input_arg { name: 'v' type: DT_RESOURCE } input_arg { name: 'x' type: DT_INT32 } ",
      returns.empty() ? "" : "output_arg { name: 'v_out' type: DT_RESOURCE } output_arg { name: 'y' type: DT_INT32 } ",
      "}\n", nodes, returns, effects, " }\n");
}
const std::string kAddX = inner("add", "AssignAddVariableOp", {"v", "x"}, kIntDtype);
const std::string kControlRet = " control_ret { key: 'add' value: 'add' }";

// The value of variable v after the run, and that of fetch 'y': v is 100 before.
std::string run_with_v(const std::string& text, const std::vector<Session::Feed>& feeds,
                       const std::string& fetch = "y") {
  Result<Graph> graph = parse_graph(handle("node", "v") + constant("node", "hundred", 100) +
                                        node("init", "AssignVariableOp", {"v", "hundred"}, kIntDtype) +
                                        node("v_now", "ReadVariableOp", {"v"}, kIntDtype) + text,
                                    "f");
  if (!graph.ok()) return str_cat("graph: ", graph.status().message());
  std::string both;
  // As it is, and with functions in their place before.
  Result<Graph> flat = inline_functions(*graph, {});
  if (!flat.ok()) return str_cat("inlined: ", flat.status().message());
  for (const Graph& each : {*graph, *flat}) {
    Session session(each, {.threads = 1});
    std::vector<Tensor> out, v;
    Status status = session.Run({}, {}, {"init"}, nullptr);
    if (status.ok()) status = session.Run(feeds, {fetch}, &out);
    if (status.ok()) status = session.Run({}, {"v_now"}, &v);
    std::string text_of =
        status.ok() ? str_cat(out[0].to_string(), " ", v[0].to_string()) : std::string(status.message());
    if (both.empty()) {
      both = text_of;
    } else if (text_of != both) {
      str_append(both, "\ninlined: ", text_of);
    }
  }
  return both;
}
std::string call_with_v(std::string_view name, std::string_view op, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& out, std::string_view attrs) {
  return node(name, op, inputs,
              types_attr("Tin", {"DT_RESOURCE", "DT_INT32"}) + types_attr("Tout", out) + std::string(attrs));
}

TEST(FunctionEffects, OfBranchesHappenBeforeWhatWaitsForThem) {
  std::string library_text =
      library({with_variable("add_x", kAddX, "", kControlRet),
               with_variable("add_twice",
                             inner("twice", "Add", {"x", "x"}, kT) +
                                 inner("add", "AssignAddVariableOp", {"v", "twice:z:0"}, kIntDtype),
                             "", kControlRet)});
  std::string text =
      placeholder("p", "DT_BOOL") + placeholder("x") +
      node("c", "If", {"p", "v", "x"},
           type_attr("Tcond", "DT_BOOL") + types_attr("Tin", {"DT_RESOURCE", "DT_INT32"}) + types_attr("Tout", {}) +
               function_attr("then_branch", "add_x") + function_attr("else_branch", "add_twice")) +
      node("y", "ReadVariableOp", {"v", "^c"}, kIntDtype) + library_text;
  EXPECT_EQ(run_with_v(text, {{"p", Tensor::scalar(true)}, {"x", scalar(5)}}), "i32[]{105} i32[]{105}");
  EXPECT_EQ(run_with_v(text, {{"p", Tensor::scalar(false)}, {"x", scalar(5)}}), "i32[]{110} i32[]{110}");
}

TEST(FunctionEffects, OfCallsHappenBeforeTheirOutputsAreRead) {
  std::string returns = " ret { key: 'v_out' value: 'v' } ret { key: 'y' value: 'x' }";
  std::string text = placeholder("x") +
                     call_with_v("c", "StatefulPartitionedCall", {"v", "x"}, {"DT_RESOURCE", "DT_INT32"},
                                 function_attr("f", "add_x")) +
                     node("read", "ReadVariableOp", {"c"}, kIntDtype) + node("y", "Add", {"read", "c:1"}, kT) +
                     library({with_variable("add_x", kAddX, returns, kControlRet)});
  EXPECT_EQ(run_with_v(text, {{"x", scalar(5)}}), "i32[]{110} i32[]{105}");
}

TEST(FunctionEffects, OfLoopsHappenInEachIterationBeforeTheirHandlesAreRead) {
  auto of_loop = [&](std::string_view name, std::string_view nodes, std::string_view outs, std::string_view rets) {
    return str_cat("function { signature { name: '", name,
                   "' input_arg { name: 'i' type: DT_INT32 } input_arg { name: 'v' "
                   "type: DT_RESOURCE } ",
                   outs, " }\n", nodes, rets, " }\n");
  };
  std::string less = of_loop("less", constant("node_def", "n", 4) + inner("less", "Less", {"i", "n:output:0"}, kT),
                             "output_arg { name: 'go' type: DT_BOOL }", " ret { key: 'go' value: 'less:z:0' }");
  std::string body =
      of_loop("body",
              constant("node_def", "one", 1) + inner("next", "Add", {"i", "one:output:0"}, kT) +
                  inner("add", "AssignAddVariableOp", {"v", "next:z:0"}, kIntDtype),
              "output_arg { name: 'i_out' type: DT_INT32 } output_arg { name: 'v_out' type: DT_RESOURCE }",
              " ret { key: 'i_out' value: 'next:z:0' } ret { key: 'v_out' value: 'v' } control_ret { key: 'add' value: "
              "'add' }");
  std::string text = constant("node", "zero", 0) +
                     node("w", "While", {"zero", "v"},
                          types_attr("T", {"DT_INT32", "DT_RESOURCE"}) + function_attr("cond", "less") +
                              function_attr("body", "body")) +
                     node("y", "ReadVariableOp", {"w:1"}, kIntDtype) + library({less, body});
  EXPECT_EQ(run_with_v(text, {}), "i32[]{110} i32[]{110}");  // 100 + 1 + 2 + 3 + 4
}

TEST(FunctionEffects, AWaitForAnArgumentIsOneForWhoGivesIt) {
  std::string f =
      "function { signature { name: 'f' input_arg { name: 'v' type: DT_RESOURCE } input_arg { name: 'x' type: DT_INT32 "
      "} "
      "output_arg { name: 'r' type: DT_INT32 } }\n" +
      inner("read", "ReadVariableOp", {"v", "^x"}, kIntDtype) + " ret { key: 'r' value: 'read:value:0' } }\n";
  std::string text = constant("node", "one", 1) + node("a", "AssignAddVariableOp", {"v", "one"}, kIntDtype) +
                     node("x", "Identity", {"one", "^a"}, kT) +
                     call_with_v("y", "PartitionedCall", {"v", "x"}, {"DT_INT32"}, function_attr("f", "f")) +
                     library({f});
  EXPECT_EQ(run_with_v(text, {}), "i32[]{101} i32[]{101}");
}

// Nodes of both branches are called alike in their functions; they are two nodes all the same.
TEST(FunctionalIf, NodesOfItsBranchesHaveNamesOfTheirOwn) {
  auto assign_to_own = [](std::string name, int value) {
    return FunctionText{
        std::move(name),
        {"x"},
        node_text("node_def", "own", "VarHandleOp", {}, kIntDtype + " attr { key: 'shape' value { shape { } } }") +
            constant("node_def", "c", value) +
            inner("set", "AssignVariableOp", {"own:resource:0", "c:output:0"}, kIntDtype) +
            inner("read", "ReadVariableOp", {"own:resource:0", "^set"}, kIntDtype),
        {{"y", "read:value:0"}}};
  };
  Result<Graph> graph =
      parse_graph(placeholder("p", "DT_BOOL") + placeholder("x") + if_node("y", {"p", "x"}, "one", "two") +
                      library({function(assign_to_own("one", 1)), function(assign_to_own("two", 2))}),
                  "f");
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  Session session(*graph, {.threads = 1});
  for (bool p : {true, false}) {
    std::vector<Tensor> out;
    Status status = session.Run({{"p", Tensor::scalar(p)}, {"x", scalar(1)}}, {"y"}, &out);
    ASSERT_TRUE(status.ok()) << status.to_string();
    EXPECT_EQ(out[0].to_string(), p ? "i32[]{1}" : "i32[]{2}");
  }
  EXPECT_TRUE(session.variable("y/then/own").ok());
  EXPECT_TRUE(session.variable("y/else/own").ok());
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

TEST(FunctionErrors, WhatIsWrittenOutIsCountedNotOnlyCalled) {  // B34
  // 2^14 Ifs of 2,000 inputs each, out of a file of 20 kB.
  std::vector<std::string> many(2000, "x"), types(many.size(), "DT_INT32");
  FunctionText wide{"wide", std::vector<std::string>(), constant("node_def", "c", 1), {{"y", "c:output:0"}}};
  for (size_t i = 0; i < many.size(); ++i) wide.inputs.push_back(str_cat("x", i));
  many.insert(many.begin(), "x");
  FunctionText leaf{
      "f0",
      {"x"},
      node_text("node_def", "if", "If", many,
                type_attr("Tcond", "DT_INT32") + types_attr("Tin", types) + types_attr("Tout", {"DT_INT32"}) +
                    function_attr("then_branch", "wide") + function_attr("else_branch", "wide")),
      {{"y", "if:output:0"}}};
  std::vector<std::string> functions = {function(wide), function(leaf)};
  for (int i = 1; i <= 14; ++i) {
    std::string callee = str_cat("f", i - 1);
    functions.push_back(function(calling(str_cat("f", i), {callee, callee})));
  }
  EXPECT_EQ(refused(functions, "f0"), "i32[]{1}");
  EXPECT_EQ(refused(functions, "f14"),
            "PartitionedCall 'y': function 'f9' makes more than 1000000 nodes with all that it calls");
}

TEST(FunctionErrors, ConstantsOfFunctionsAreHeldOnce) {
  // 1,000 calls of a function with a constant of 16 MB, written as one value: 16 GB were each to hold its own.
  FunctionText big{"big",
                   {"x"},
                   node_text("node_def", "c", "Const", {},
                             kIntDtype + " attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape { dim { "
                                         "size: 16777216 } } int_val: 3 } } }") +
                       constant("node_def", "zero", 0) +
                       inner("g", "Gather", {"c:output:0", "zero:output:0"},
                             type_attr("Tparams", "DT_INT32") + type_attr("Tindices", "DT_INT32")) +
                       inner("add", "Add", {"x", "g:output:0"}, kT),
                   {{"y", "add:z:0"}}};
  std::vector<std::string> functions = {function(big)};
  for (int i = 0; i < 3; ++i) {
    std::string callee = i == 0 ? "big" : str_cat("f", i - 1);
    functions.push_back(function(calling(str_cat("f", i), std::vector<std::string>(10, callee))));
  }
  EXPECT_EQ(refused(functions, "f2"), "i32[]{3001}");
}

TEST(FunctionErrors, CallsThatGiveEachOtherTheirArgumentsAreNamed) {
  FunctionText same{"same", {"x"}, "", {{"y", "x"}}};
  FunctionText round{"round",
                     {"x"},
                     call("a", "same", {"b:output:0"}, "PartitionedCall", "node_def") +
                         call("b", "same", {"a:output:0"}, "PartitionedCall", "node_def"),
                     {{"y", "b:output:0"}}};
  EXPECT_NE(refused({function(same), function(round)}, "round").find("it is given its own output back"),
            std::string::npos);
}

TEST(Functions, LongChainsOfCallsThatGiveBackWhatTheyGetAreFollowedOnce) {
  FunctionText same{"same", {"x"}, "", {{"y", "x"}}};
  std::string text = placeholder("x");
  constexpr int kCount = testing::when_sanitized(4'000, 20'000);
  for (int i = 0; i < kCount; ++i) {
    str_append(text, call(str_cat("c", i), "same", {i == 0 ? "x" : str_cat("c", i - 1)}));
    if (i % 2 == 0) continue;
    std::string sum = str_cat("s", i);
    str_append(text, node(sum, "Add", {str_cat("c", i), i == 1 ? "x" : str_cat("s", i - 2)}, kT));
  }
  text += node("y", "Neg", {str_cat("s", kCount - 1)}, kT) + library({function(same)});
  EXPECT_EQ(run(text, {{"x", scalar(1)}}), str_cat("i32[]{", -(kCount / 2 + 1), "}"));
}

TEST(Functions, ADamagedLibraryIsNoMatterToWhoCallsNothing) {
  FunctionText nameless = kTwice;
  nameless.name = "";
  EXPECT_EQ(run(placeholder("x") + node("y", "Neg", {"x"}, kT) + library({function(nameless)}), {{"x", scalar(1)}}),
            "i32[]{-1}");
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
