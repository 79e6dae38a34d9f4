// Stacks by session and engine; expected values by hand.
#include <gtest/gtest.h>

#include "graph/session.h"
#include "graph/text.h"
#include "tests/ops/harness.h"
#include "tests/support/text_runs.h"

namespace tarn::testing {
namespace {

constexpr const char* kHandles = "its handle is one that only the executor has; run as part of graphs here";
TARN_OP_WITHOUT_CASES(Stack, kHandles);
TARN_OP_WITHOUT_CASES(StackV2, kHandles);
TARN_OP_WITHOUT_CASES(StackPush, kHandles);
TARN_OP_WITHOUT_CASES(StackPushV2, kHandles);
TARN_OP_WITHOUT_CASES(StackPop, kHandles);
TARN_OP_WITHOUT_CASES(StackPopV2, kHandles);
TARN_OP_WITHOUT_CASES(StackClose, kHandles);
TARN_OP_WITHOUT_CASES(StackCloseV2, kHandles);

const Feeds kFed = {{"a", Tensor::from<float>({2}, {1, 2})}};

constexpr std::string_view kTwoPushed = R"(
a: f32[2] = Placeholder
any: i32[] = -1
two: i32[] = 2
b = Neg(a)
stack = StackV2(any) {elem_type=f32}
push_a = StackPushV2(stack, a)
push_b = StackPushV2(stack, b, ^push_a)
first = StackPopV2(stack, ^push_b) {elem_type=f32}
second = StackPopV2(stack, ^first) {elem_type=f32}
third = StackPopV2(stack, ^second) {elem_type=f32}
)";

TEST(Stack, GivesBackTheLastFirst) {
  EXPECT_EQ(run(kTwoPushed, kFed, {"first", "second", "push_b"}), "f32[2]{-1, -2} f32[2]{1, 2} f32[2]{-1, -2}");
}

TEST(Stack, OfVersion1HasAReference) {
  EXPECT_EQ(run(R"(
a: f32[2] = Placeholder
stack = Stack {elem_type=f32}
push = StackPush(stack, a)
pop = StackPop(stack, ^push) {elem_type=f32}
y = Neg(pop)
)",
                kFed, {"y"}),
            "f32[2]{-1, -2}");
}

TEST(Stack, HoldsStrings) {
  EXPECT_EQ(run(R"(
s: str[2] = {"one", "a long string that lies on the heap"}
any: i32[] = -1
stack = StackV2(any) {elem_type=str}
push = StackPushV2(stack, s)
pop = StackPopV2(stack, ^push) {elem_type=str}
)",
                {}, {"pop"}),
            "str[2]{'one', 'a long string that lies on the heap'}");
}

TEST(Stack, KnowsTheShapeOfItsElementsWhileItIsCompiled) {
  Result<Graph> graph = graph_from_text(kTwoPushed);
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  Session session(*graph, {.threads = 1});
  auto program = session.program(kFed, {"first"}, {});
  ASSERT_TRUE(program.ok()) << program.status().to_string();
  EXPECT_EQ((*program)->fetches[0].to_string(), "f32[2]");
}

TEST(Stack, MistakesAreNamed) {
  EXPECT_NE(run(kTwoPushed, kFed, {"third"}).find("stack 'stack' is empty, there is nothing to pop"),
            std::string::npos);

  std::string full(kTwoPushed);
  full.replace(full.find("any: i32[] = -1"), 15, "any: i32[] = 1");
  EXPECT_NE(run(full, kFed, {"first"}).find("stack 'stack' is full: 1 elements are the most it may have"),
            std::string::npos);

  std::string closed =
      str_cat(kTwoPushed, "close = StackCloseV2(stack, ^push_b)\nlate = StackPushV2(stack, a, ^close)\n");
  EXPECT_NE(run(closed, kFed, {"late"}).find("stack 'stack' has already been closed"), std::string::npos);

  std::string other = str_cat(kTwoPushed, "wrong = StackPushV2(stack, two)\n");
  EXPECT_NE(run(other, kFed, {"wrong"}).find("stack 'stack' holds float, not int32"), std::string::npos);
}

}  // namespace
}  // namespace tarn::testing
