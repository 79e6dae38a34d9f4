#include "graph/algorithms.h"

#include <gtest/gtest.h>

#include "graph/ordering.h"
#include "tests/support/file_ops.h"
#include "tests/support/graph_text.h"

namespace tarn {
namespace {

Graph read(std::string_view text) {
  return graph_of(text, {.ops = &testing::file_ops()});
}

constexpr std::string_view kLoop = R"(
x: f32[2] = Placeholder
enter = Enter(x) {frame_name="w"}
merge = Merge(enter, next)
limit: f32[] = 10
cond = LoopCond(less)
less = Less(merge, limit)
switch = Switch(merge, cond)
body = Relu(switch:1)
next = NextIteration(body)
exit = Exit(switch)
y = Relu(exit)
)";

TEST(Ordering, KeepsASortedGraphAndNamesEveryCycle) {
  IndexGraph sorted;
  sorted.end_node();
  sorted.producers = {0};
  sorted.end_node();
  sorted.end_node();
  EXPECT_EQ(order_nodes(sorted).order, (std::vector<int>{0, 1, 2}));

  // 0 <-> 1, 2 after 1, 3 -> 4 -> 5 -> 3, 6 free
  IndexGraph cyclic;
  for (int producer : {1, 0, 1, 5, 3, 4}) {
    cyclic.producers.push_back(producer);
    cyclic.end_node();
  }
  cyclic.end_node();
  IndexOrder order = order_nodes(cyclic);
  EXPECT_EQ(order.order, std::vector<int>{6});
  EXPECT_EQ(order.cycles, (std::vector<std::vector<int>>{{0, 1}, {3, 4, 5}}));
  EXPECT_EQ(cycle_text({"a", "b"}), "'a' -> 'b' -> 'a'");
}

TEST(Algorithms, TopologicalOrderPutsProducersFirst) {
  Graph graph = read(kLoop);
  Result<std::vector<NodeId>> order = topological_order(graph);
  ASSERT_TRUE(order.ok()) << order.status().to_string();
  std::vector<int> position(static_cast<size_t>(graph.id_limit()));
  for (size_t i = 0; i < order->size(); ++i) position[static_cast<size_t>((*order)[i])] = static_cast<int>(i);
  for (NodeId id : graph.ids()) {
    for (Wire wire : graph.node(id).inputs) {
      if (is_back_edge(graph, id, wire.node)) continue;
      EXPECT_LT(position[static_cast<size_t>(wire.node)], position[static_cast<size_t>(id)]) << graph.node(id).name;
    }
  }
  // A cycle that a careless edit made.
  graph.set_input(*graph.find("body"), 0, {*graph.find("exit"), 0});
  graph.set_input(*graph.find("switch"), 0, {*graph.find("body"), 0});
  Status status = topological_order(graph).status();
  EXPECT_EQ(status.message(), "the graph has a cycle: 'switch' -> 'exit' -> 'body' -> 'switch'");
}

TEST(Algorithms, LoopsAreStrongComponents) {
  Graph graph = read(kLoop);
  std::vector<std::vector<NodeId>> loops = find_loops(graph);
  ASSERT_EQ(loops.size(), 1u);
  std::vector<std::string> names;
  for (NodeId id : loops[0]) names.push_back(graph.node(id).name);
  EXPECT_EQ(str_join(names, " "), "merge cond less switch body next");
  EXPECT_TRUE(find_loops(read("x: f32 = Placeholder\n")).empty());
  EXPECT_TRUE(find_loops(Graph(testing::file_ops())).empty());
}

TEST(Algorithms, DifferenceNamesTheFirstNodeThatDiffers) {
  constexpr std::string_view kBase = "a = NoOp\nx: f32[2] = Placeholder\ny = Relu(x, ^a)\n";
  EXPECT_EQ(graph_difference(read(kBase), read(kBase)), "");
  const std::pair<std::string_view, std::string_view> kOthers[] = {
      {"a = NoOp\nx: f32[2] = Placeholder\nz = Relu(x, ^a)\n", "node 2:"},
      {"a = NoOp\nx: f32[2] = Placeholder\ny = Identity(x, ^a)\n", "node 2:"},
      {"a = NoOp\nx: f32[2] = Placeholder\ny = Relu(x)\n", "node 2:"},
      {"a = NoOp\nx: f32[3] = Placeholder\ny = Relu(x, ^a)\n", "node 1:"},
      {"a = NoOp on \"gpu\"\nx: f32[2] = Placeholder\ny = Relu(x, ^a)\n", "node 0:"},
      {"a = NoOp\nx: f32[2] = Placeholder\n", "3 nodes against 2"},
      {"@versions {producer=3}\na = NoOp\nx: f32[2] = Placeholder\ny = Relu(x, ^a)\n",
       "versions: producer 0 against 3"},
  };
  for (const auto& [text, start] : kOthers) {
    std::string difference = graph_difference(read(kBase), read(text));
    EXPECT_TRUE(difference.starts_with(start)) << text << difference;
  }
}

TEST(Algorithms, RenamingKeepsWhatGraphsMean) {
  Graph a = read("x: f32[2] = Placeholder\nk: f32[2] = {1, 2}\ns = Add(x, k, ^n)\nn = NoOp\nr = Relu(s)\n");
  Graph renamed =
      read("n_1 = NoOp\nrr = Relu(ss)\nkk: f32[2] = {1, 2}\nss = Add(xx, kk, ^n_1)\nxx: f32[2] = Placeholder\n");
  EXPECT_EQ(difference_up_to_renaming(a, renamed), "");
  EXPECT_TRUE(same_up_to_renaming(a, renamed));
  EXPECT_NE(difference_up_to_renaming(a, renamed, {.same_names = {"r"}}), "");
  EXPECT_EQ(difference_up_to_renaming(a, renamed, {.same_names = {"none of them"}}), "");

  Graph other_constant =
      read("x: f32[2] = Placeholder\nk: f32[2] = {1, 3}\ns = Add(x, k, ^n)\nn = NoOp\nr = Relu(s)\n");
  EXPECT_EQ(difference_up_to_renaming(a, other_constant),
            "only in the first:  k: f32[2] = {1, 2}\nonly in the second: k: f32[2] = {1, 3}");
  Graph swapped = read("x: f32[2] = Placeholder\nk: f32[2] = {1, 2}\ns = Add(k, x, ^n)\nn = NoOp\nr = Relu(s)\n");
  EXPECT_NE(difference_up_to_renaming(a, swapped), "");
  Graph more =
      read("x: f32[2] = Placeholder\nk: f32[2] = {1, 2}\ns = Add(x, k, ^n)\nn = NoOp\nr = Relu(s)\nq = Relu(s)\n");
  EXPECT_NE(difference_up_to_renaming(a, more), "");
  EXPECT_EQ(difference_up_to_renaming(read(kLoop), read(kLoop)), "");
}

TEST(Algorithms, RenamingToldApartOnlyByWhoIsShared) {
  // Two Adds of the same two Relus, or each Add of one Relu twice: alike node for node.
  Graph crossed = read("x: f32 = Placeholder\na = Relu(x)\nb = Relu(x)\np = Add(a, b)\nq = Add(b, a)\n");
  Graph doubled = read("x: f32 = Placeholder\na = Relu(x)\nb = Relu(x)\np = Add(a, a)\nq = Add(b, b)\n");
  Graph crossed_again = read("x: f32 = Placeholder\nb = Relu(x)\na = Relu(x)\nq = Add(a, b)\np = Add(b, a)\n");
  EXPECT_EQ(difference_up_to_renaming(crossed, doubled), "the same nodes, but wired differently");
  EXPECT_EQ(difference_up_to_renaming(crossed, crossed_again), "");
  // Parallel wires and slots.
  Graph split = read("d: i32[] = 0\nx: f32 = Placeholder\ns = Split(d, x) {num_split=2}\ny = Add(s, s:1)\n");
  Graph twisted = read("d: i32[] = 0\nx: f32 = Placeholder\ns = Split(d, x) {num_split=2}\ny = Add(s:1, s)\n");
  EXPECT_EQ(difference_up_to_renaming(split, split), "");
  EXPECT_NE(difference_up_to_renaming(split, twisted), "");
}

TEST(Algorithms, LargeGraphsAreComparedUpToRenaming) {
  auto chain = [](std::string_view prefix, int odd_at) {
    std::string text = "x: f32 = Placeholder\n";
    std::string last = "x";
    for (int i = 0; i < 2000; ++i) {
      std::string name = str_cat(prefix, i);
      str_append(text, name, " = ", i == odd_at ? "Identity" : "Relu", "(", last, ")\n");
      last = name;
    }
    return read(text);
  };
  EXPECT_EQ(difference_up_to_renaming(chain("a", 700), chain("b", 700)), "");
  EXPECT_NE(difference_up_to_renaming(chain("a", 700), chain("b", 701)), "");
}

TEST(Algorithms, FindRenamingTellsWhichNodeIsWhich) {
  // Two branches that differ in nothing but how deep they are, with names that changed places.
  Graph a = read("x: f32[?] = Placeholder\np = Relu(x)\nq = Relu(p)\nr = Identity(x)\ny = Add(q, r)\n");
  Graph b = read("y: f32[?] = Placeholder\nr = Identity(y)\nq = Relu(y)\np = Relu(q)\nx = Add(p, r)\n");

  std::optional<std::vector<NodeId>> partners = find_renaming(a, b);

  ASSERT_TRUE(partners.has_value());
  auto partner = [&](std::string_view name) { return b.node((*partners)[static_cast<size_t>(*a.find(name))]).name; };
  EXPECT_EQ(partner("x") + partner("p") + partner("q") + partner("r") + partner("y"), "yqprx");
  EXPECT_FALSE(find_renaming(a, b, {.same_names = {"y"}}).has_value());
}

TEST(Algorithms, DotShowsNodesConstantsShapesAndControlEdges) {
  std::string dot = graph_to_dot(read("x: f32[?,4] = Placeholder\nk: f32[] = 2\ns = Add(x, k, ^n)\nn = NoOp\n"),
                                 {.title = "a \"graph\""});
  for (std::string_view part : {"digraph G {", "label=\"a \\\"graph\\\"\"", "label=\"Add\\ns\"", "label=\"f32[]{2}\"",
                                "0->2 [label=\"f32[?,4]\"", "1->2 [label=\"\"", "3->2 [style=dashed"}) {
    EXPECT_NE(dot.find(part), std::string::npos) << part << "\n" << dot;
  }
  // Ids of removed nodes leave holes; the numbers in the picture do not.
  Graph holes = read("n = NoOp\nx: f32 = Placeholder\ny = Relu(x)\n");
  holes.remove(0);
  EXPECT_NE(graph_to_dot(holes).find("0->1 ["), std::string::npos);
  EXPECT_NE(graph_to_dot(read(kLoop)).find("constraint=false"), std::string::npos);
}

}  // namespace
}  // namespace tarn
