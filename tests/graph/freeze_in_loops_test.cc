// Freezing what is in loops: whatever stays of a node stays in its loop.
#include <gtest/gtest.h>

#include "graph/freeze.h"
#include "graph/text.h"

namespace tarn {
namespace {

// `inner` is what stays of a loop in the loop that was handed a variable: the body waits for its end. An update that
// is waited for stays in the loop too, without what it would have assigned.
TEST(Freeze, WhatIsOnlyWaitedForInALoopStaysInIt) {
  constexpr std::string_view kText = R"(
v = VarHandleOp() {dtype=f32, shape=[]}
x: f32[] = Placeholder
zero: i32[] = 0
limit: i32[] = 3
i_enter = Enter(zero) {frame_name="f"}
a_enter = Enter(x) {frame_name="f"}
v_enter = Enter(v) {frame_name="f", is_constant=true}
limit_enter = Enter(limit) {frame_name="f", is_constant=true}
i = Merge(i_enter, i_next)
a = Merge(a_enter, a_next)
less = Less(i, limit_enter)
go = LoopCond(less)
i_switch = Switch(i, go)
a_switch = Switch(a, go)
i_body = Identity(i_switch:1)
a_body = Identity(a_switch:1)
inner = IdentityN(v_enter, a_body) {T=[resource, f32]}
update = AssignVariableOp(v_enter, a_body) {dtype=f32}
read = ReadVariableOp(v_enter) {dtype=f32}
product = Mul(a_body, read)
out = Identity(product, ^inner, ^update)
one = OnesLike(i_body)
sum = Add(i_body, one)
i_next = NextIteration(sum)
a_next = NextIteration(out)
y = Exit(a_switch)
)";
  Result<Graph> graph = graph_from_text(kText);
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();

  auto two = [](const Graph&, std::span<const NodeId>) -> Result<std::vector<Tensor>> {
    return std::vector<Tensor>{Tensor::scalar<float>(2)};
  };
  Result<FrozenGraph> frozen = freeze(*graph, {.outputs = {"y"}}, two);

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  Session session(frozen->graph, SessionOptions{});
  std::vector<Tensor> y;
  Status status = session.Run({{"x", Tensor::scalar<float>(3)}}, {"y"}, &y);
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(y[0].item<float>(), 3 * 2 * 2 * 2);
}

}  // namespace
}  // namespace tarn
