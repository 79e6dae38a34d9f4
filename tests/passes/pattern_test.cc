// Pattern: what it finds, what it captures, what it leaves alone; both matchers against each other.
#include "passes/support/pattern.h"

#include <gtest/gtest.h>

#include <random>

#include "graph/text.h"
#include "tests/support/graph_text.h"

namespace tarn {
namespace {

// What `name` of the match at the node `root` is: "conv", "bn:1"; "none" without a match.
std::string found(const Pattern& pattern, Graph& graph, std::string_view root, std::string_view name,
                  const std::vector<std::string>& outputs = {}) {
  EXPECT_TRUE(pattern.status().ok()) << pattern.status().to_string();
  PassContext context;
  context.outputs = outputs;
  Result<Rewriter> rewriter = Rewriter::make(graph, context);
  EXPECT_TRUE(rewriter.ok()) << rewriter.status().to_string();
  std::optional<Match> match = pattern.match(*rewriter, *graph.find(root));
  return match ? graph.wire_name(match->wire(name)) : "none";
}

constexpr std::string_view kScaled = R"(
x: f32[1,4,4,2] = Placeholder
w: f32[1,1,2,3] = random(seed=1)
s: f32[3] = {1, 2, 3}
conv: f32[1,4,4,3] = Conv2D(x, w) {strides=[1,1,1,1], padding="SAME"}
y: f32[1,4,4,3] = Mul(conv, s)
z: f32[1,4,4,3] = Mul(s, conv)
)";

TEST(Pattern, CapturesNodesAndWires) {
  const Pattern pattern("root = Mul(conv, s)\nconv = Conv2D|MatMul(x, w)\nw = Const\ns = Const");
  Graph graph = graph_of(kScaled);

  EXPECT_EQ(found(pattern, graph, "y", "x"), "x");
  EXPECT_EQ(found(pattern, graph, "y", "w"), "w");
  EXPECT_EQ(found(pattern, graph, "y", "conv"), "conv");
  EXPECT_EQ(found(pattern, graph, "conv", "conv"), "none") << "the root is the first line";
}

TEST(Pattern, TakesCommutativeInputsEitherWayRound) {
  const Pattern pattern("root = Mul(conv, s)\nconv = Conv2D\ns = Const");
  Graph graph = graph_of(kScaled);

  EXPECT_EQ(found(pattern, graph, "z", "conv"), "conv");
  EXPECT_EQ(found(pattern, graph, "z", "s"), "s");
}

TEST(Pattern, HoldsToUseCountsDtypesAndControls) {
  Graph graph = graph_of(R"(
x: f32[2] = Placeholder
a: f32[2] = Neg(x)
b: f32[2] = Relu(a)
c: f32[2] = Abs(a)
d: f32[2] = Sqrt(b)
e: f32[2] = Neg(d, ^c)
f: f32[2] = Exp(e)
)");
  EXPECT_EQ(found(Pattern("r = Relu(n)\nn = Neg"), graph, "b", "n"), "a");
  EXPECT_EQ(found(Pattern("r = Relu(n)\nn: one_user = Neg"), graph, "b", "n"), "none") << "Abs reads it too";
  EXPECT_EQ(found(Pattern("r = Sqrt(n)\nn: one_user = Relu"), graph, "d", "n"), "b");
  EXPECT_EQ(found(Pattern("r = Sqrt(n)\nn: one_user = Relu"), graph, "d", "n", {"b"}), "none") << "an output";
  EXPECT_EQ(found(Pattern("r: f32 = Relu"), graph, "b", "r"), "b");
  EXPECT_EQ(found(Pattern("r: f64 = Relu"), graph, "b", "r"), "none");
  EXPECT_EQ(found(Pattern("r: floating = Relu"), graph, "b", "r"), "b");
  EXPECT_EQ(found(Pattern("r: integer = Relu"), graph, "b", "r"), "none");
  EXPECT_EQ(found(Pattern("r = Exp(n)\nn = Neg"), graph, "f", "n"), "none") << "it waits for c";
  EXPECT_EQ(found(Pattern("r = Exp(n)\nn: any_controls = Neg"), graph, "f", "n"), "e");
}

TEST(Pattern, TellsOutputsOfANodeApart) {
  Graph graph = graph_of(R"(
x: f32[4,2] = Placeholder
axis: i32[] = {0}
s: (f32[2,2], f32[2,2]) = Split(axis, x) {num_split=2}
a: f32[2,2] = Relu(s:1)
b: f32[2,2] = Relu(s)
)");
  const Pattern first("r = Relu(s)\ns = Split"), second("r = Relu(s:1)\ns = Split"), any("r = Relu(x)");

  EXPECT_EQ(found(first, graph, "a", "s"), "none");
  EXPECT_EQ(found(second, graph, "a", "s"), "s");
  EXPECT_EQ(found(first, graph, "b", "s"), "s");
  EXPECT_EQ(found(any, graph, "a", "x"), "s:1");
}

TEST(Pattern, FindsNodesThatAreReadTwice) {
  const Pattern pattern(R"(
    y = Add(a, b)
    a = Mul(x, r)
    b = Sub(beta, c)
    c = Mul(mean, r)
    r = Rsqrt(v)
  )");
  EXPECT_FALSE(pattern.is_tree());
  Graph graph = graph_of(R"(
x: f32[2] = Placeholder
v: f32[2] = Placeholder
m: f32[2] = Placeholder
beta: f32[2] = Placeholder
r: f32[2] = Rsqrt(v)
other: f32[2] = Rsqrt(x)
xr: f32[2] = Mul(r, x)
mr: f32[2] = Mul(m, r)
shift: f32[2] = Sub(beta, mr)
y: f32[2] = Add(shift, xr)
mo: f32[2] = Mul(m, other)
wrong: f32[2] = Sub(beta, mo)
z: f32[2] = Add(wrong, xr)
)");
  EXPECT_EQ(found(pattern, graph, "y", "x"), "x");
  EXPECT_EQ(found(pattern, graph, "y", "mean"), "m");
  EXPECT_EQ(found(pattern, graph, "z", "x"), "none") << "two different Rsqrt";
}

TEST(Pattern, AFreeNameTwiceIsOneWire) {
  const Pattern square("r = Mul(x, x)");
  Graph graph =
      graph_of("x: f32[2] = Placeholder\ny: f32[2] = Placeholder\na: f32[2] = Mul(x, x)\nb: f32[2] = Mul(x, y)\n");

  EXPECT_EQ(found(square, graph, "a", "x"), "x");
  EXPECT_EQ(found(square, graph, "b", "x"), "none");
}

TEST(Pattern, SaysWhatIsWrongWithItsText) {
  struct Case {
    std::string_view text, message;
  };
  const Case cases[] = {
      {"", "at least one line"},
      {"r Relu(x)", "expected 'name = Op(inputs)'"},
      {"r = Rleu(x)", "there is no op 'Rleu'"},
      {"r: wide = Relu(x)", "no predicate or dtype 'wide'"},
      {"r = Relu(x", "never closed"},
      {"r = Relu(x)\nn = Neg(x)", "nothing reads 'n'"},
      {"r = Relu(n)\nn = Neg(r)", "the root is read"},
      {"r = Relu(n)\nr = Neg(x)", "is there twice"},
      {"r = AddN(..., x)", "nothing comes after '...'"},
  };
  for (const Case& one : cases) {
    Pattern pattern(one.text);
    EXPECT_NE(pattern.status().to_string().find(one.message), std::string::npos)
        << one.text << ": " << pattern.status().to_string();
  }
}

// Random graphs of a few ops, against patterns with and without shared nodes: the walk from the root and VF2 must say
// the same.
TEST(Pattern, BothMatchersAgree) {
  const Pattern patterns[] = {Pattern("r = Add(a, b)\na = Neg(x)\nb = Mul(y, z)"),
                              Pattern("r = Mul(a, b)\na = Add(x, c)\nb = Sub(c, y)\nc = Neg"),
                              Pattern("r = Add(a, b)\na = Mul(x, c)\nb = Mul(x, c)\nc = Neg(z)"),
                              Pattern("r = Sub(a, a)\na: inner = Add(x, y)"),
                              Pattern("r = Mul(a, b)\na: one_user = Neg(x)\nb = Neg(x)"),
                              Pattern("r = Add(x, b)\nb = Add(x, c)\nc = Add(x, y)")};
  constexpr std::string_view kOps[] = {"Add", "Mul", "Sub", "Neg"};
  int matches = 0;
  for (unsigned seed = 0; seed < 150; ++seed) {
    std::mt19937 random(seed);
    auto below = [&](size_t n) { return static_cast<int>(random() % n); };
    Graph graph;
    std::vector<NodeId> ids = {
        *graph.add({.name = "x", .op = "Placeholder", .attrs = {{"dtype", DType::kFloat}, {"shape", Shape{2}}}})};
    for (int i = 0; i < 40; ++i) {
      std::string_view op = kOps[below(4)];
      auto near = [&] {
        return Wire{ids[ids.size() - 1 - static_cast<size_t>(below(std::min<size_t>(5, ids.size())))], 0};
      };
      std::vector<Wire> inputs = {near()};
      if (op != "Neg") inputs.push_back(near());
      ids.push_back(*graph.add({.name = str_cat("n", i), .op = std::string(op), .inputs = inputs}));
    }
    PassContext context;
    Result<Rewriter> rewriter = Rewriter::make(graph, context);
    ASSERT_TRUE(rewriter.ok());
    for (const Pattern& pattern : patterns) {
      ASSERT_TRUE(pattern.status().ok()) << pattern.status().to_string();
      for (NodeId id : graph.ids()) {
        bool down = pattern.match(*rewriter, id, Pattern::Matcher::kDownwards).has_value();
        bool vf2 = pattern.match(*rewriter, id, Pattern::Matcher::kVf2).has_value();
        EXPECT_EQ(down, vf2) << "seed " << seed << ", " << node_to_text(graph, id) << "\n" << graph_to_text(graph);
        matches += down ? 1 : 0;
      }
    }
  }
  EXPECT_GT(matches, 100) << "too few to say anything";
}

Status two_negs_are_none(Rewriter& rewriter, NodeId root, const Match& match) {
  return rewriter.splice(root, match.wire("x"), "two Negs are none");
}

TEST(Rewriter, GoesOnUntilNothingMatchesAndKeepsOutputs) {
  std::string text = "x: f32[2] = Placeholder\nn0: f32[2] = Neg(x)\n";
  for (int i = 1; i < 100; ++i) str_append(text, "n", i, ": f32[2] = Neg(n", i - 1, ")\n");
  Graph graph = graph_of(text);
  PassContext context;
  context.outputs = {"n99", "n50"};
  static const Pattern kPattern("r = Neg(n)\nn = Neg(x)");
  const Rule rules[] = {{&kPattern, two_negs_are_none}};

  Status status = rewrite_matches(graph, context, rules);

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(graph_to_text(graph).find("n98"), std::string::npos);
  ASSERT_TRUE(graph.find("n99").has_value());
  ASSERT_TRUE(graph.find("n50").has_value());
  EXPECT_LE(graph.node_count(), 5) << graph_to_text(graph);
}

TEST(Rewriter, StopsARewriteThatDoesNotEnd) {
  Graph graph = graph_of("x: f32[2] = Placeholder\ny: f32[2] = Relu(x)\n");
  PassContext context;
  context.outputs = {"y"};

  Status status = rewrite(graph, context, [](Rewriter& rewriter, NodeId id) -> Status {
    if (rewriter.node(id).is("Relu")) rewriter.changed(id, "nothing at all");
    return {};
  });

  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_NE(status.message().find("does not come to an end"), std::string::npos) << status.to_string();
}

}  // namespace
}  // namespace tarn
