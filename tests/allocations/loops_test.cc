// A loop takes nothing from the heap once it has run, whatever it writes to TensorArrays and stacks.
#include <gtest/gtest.h>

#include "runtime/engine.h"
#include "tests/allocations/counting.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

// for (i = 0; i < 20; ++i) { h = tanh(x[i] W + h); y[i] = h; push(h) }, then all that was pushed is added up again.
constexpr std::string_view kRecurrent = R"(
x: f32[20,3] = Placeholder
w: f32[3,3] = {1, 2, 3, 4, 5, 6, 7, 8, 9}
h0: f32[1,3] = {0, 0, 0}
zero: i32[] = 0
one: i32[] = 1
n: i32[] = 20
any: i32[] = -1
row: i32[2] = {1, 3}
all = Range(zero, n, one)
in = TensorArrayV3(n) {dtype=f32, tensor_array_name="a name that is longer than a short string"}
out = TensorArrayV3(n) {dtype=f32}
stack = StackV2(any) {elem_type=f32}
in_flow = TensorArrayScatterV3(in, all, x, in:1)
i_enter = Enter(zero) {frame_name="loop"}
h_enter = Enter(h0) {frame_name="loop"}
flow_enter = Enter(out:1) {frame_name="loop"}
n_enter = Enter(n) {frame_name="loop", is_constant=true}
one_enter = Enter(one) {frame_name="loop", is_constant=true}
row_enter = Enter(row) {frame_name="loop", is_constant=true}
w_enter = Enter(w) {frame_name="loop", is_constant=true}
in_enter = Enter(in) {frame_name="loop", is_constant=true}
in_flow_enter = Enter(in_flow) {frame_name="loop", is_constant=true}
out_enter = Enter(out) {frame_name="loop", is_constant=true}
stack_enter = Enter(stack) {frame_name="loop", is_constant=true}
i = Merge(i_enter, i_next)
h = Merge(h_enter, h_next)
flow = Merge(flow_enter, flow_next)
cond = LoopCond(less)
less = Less(i, n_enter)
i_switch = Switch(i, cond)
h_switch = Switch(h, cond)
flow_switch = Switch(flow, cond)
i_body = Identity(i_switch:1)
read = TensorArrayReadV3(in_enter, i_body, in_flow_enter) {dtype=f32}
read_row = Reshape(read, row_enter)
product = MatMul(read_row, w_enter)
sum = Add(product, h_switch:1)
squashed = Tanh(sum)
pushed = StackPushV2(stack_enter, squashed)
write = TensorArrayWriteV3(out_enter, i_body, pushed, flow_switch:1)
i_added = Add(i_body, one_enter)
i_next = NextIteration(i_added)
h_next = NextIteration(pushed)
flow_next = NextIteration(write)
flow_exit = Exit(flow_switch)
i_exit = Exit(i_switch)
y = TensorArrayGatherV3(out, all, flow_exit) {dtype=f32}
j_enter = Enter(i_exit) {frame_name="back"}
g_enter = Enter(h0) {frame_name="back"}
zero_enter = Enter(zero) {frame_name="back", is_constant=true}
minus_enter = Enter(any) {frame_name="back", is_constant=true}
back_enter = Enter(stack) {frame_name="back", is_constant=true}
j = Merge(j_enter, j_next)
g = Merge(g_enter, g_next)
back_cond = LoopCond(more)
more = Greater(j, zero_enter)
j_switch = Switch(j, back_cond)
g_switch = Switch(g, back_cond)
j_body = Identity(j_switch:1)
popped = StackPopV2(back_enter, ^j_body) {elem_type=f32}
g_sum = Add(g_switch:1, popped)
j_added = Add(j_body, minus_enter)
j_next = NextIteration(j_added)
g_next = NextIteration(g_sum)
total = Exit(g_switch)
)";

TEST(WarmLoops, TakeNothingFromTheHeap) {
  if (!testing::can_count_allocations()) GTEST_SKIP() << "sanitizers bring their own malloc, so none can be counted";
  std::string bytes = testing::model_bytes(kRecurrent);
  auto engine = Engine::load_bytes(bytes, nullptr, "loop", {.outputs = {"y", "total"}});
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EngineContext context(*engine);
  Tensor x = testing::random_floats({20, 3}, 1);
  ASSERT_TRUE(context.set_input("x", x).ok());
  for (int run = 0; run < 2; ++run) {
    Status status = context.run();
    ASSERT_TRUE(status.ok()) << status.to_string();
  }
  auto sum_of_rows = [&](int column) {
    float sum = 0;
    for (int i = 0; i < 20; ++i) sum += (*context.output("y"))->as<float>()[3 * i + column];
    return sum;
  };

  testing::AllocationCount count = testing::count_allocations([&] { (void)context.run(); });

  EXPECT_EQ(count.calls, 0) << count.where;
  // The last rows are added first: sums of 20 numbers below 1, in another order.
  for (int c = 0; c < 3; ++c) EXPECT_NEAR((*context.output("total"))->as<float>()[c], sum_of_rows(c), 1e-5f);
}

}  // namespace
}  // namespace tarn
