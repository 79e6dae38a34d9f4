// While loops in the form that TensorFlow 1.x writes, by session and engine alike.
#include <gtest/gtest.h>

#include <thread>

#include "graph/session.h"
#include "graph/text.h"
#include "runtime/engine.h"
#include "tests/support/models.h"
#include "tests/support/text_runs.h"

namespace tarn {
namespace {

using testing::engine_run;
using testing::run;
using testing::session_run;

Tensor scalar(int32_t value) {
  return Tensor::scalar<int32_t>(value);
}

// while (i < n) { sum += i; i += 1 }
constexpr std::string_view kSum = R"(
n: i32[] = Placeholder
zero: i32[] = 0
one: i32[] = 1
i_enter = Enter(zero) {frame_name="loop"}
sum_enter = Enter(zero) {frame_name="loop"}
n_enter = Enter(n) {frame_name="loop", is_constant=true}
one_enter = Enter(one) {frame_name="loop", is_constant=true}
i = Merge(i_enter, i_next)
sum = Merge(sum_enter, sum_next)
less = Less(i, n_enter)
cond = LoopCond(less)
i_switch = Switch(i, cond)
sum_switch = Switch(sum, cond)
i_body = Identity(i_switch:1)
sum_added = Add(sum_switch:1, i_body)
i_added = Add(i_body, one_enter)
i_next = NextIteration(i_added)
sum_next = NextIteration(sum_added)
i_exit = Exit(i_switch)
sum_exit = Exit(sum_switch)
twice = Add(sum_exit, sum_exit)
)";

TEST(Loops, SumWhatTheyCount) {
  for (int n : {0, 1, 2, 3, 10, 1000}) {
    EXPECT_EQ(run(kSum, {{"n", scalar(n)}}, {"sum_exit"}), str_cat("i32[]{", n * (n - 1) / 2, "}"));
  }
}

TEST(Loops, HaveSeveralExits) {
  EXPECT_EQ(run(kSum, {{"n", scalar(5)}}, {"i_exit", "sum_exit", "twice"}), "i32[]{5} i32[]{10} i32[]{20}");
}

TEST(Loops, OfAHundredThousandIterationsDoNotRecurse) {
  // The sum wraps as int32 does: 99,999 * 100,000 / 2 = 4,999,950,000 = 704,982,704 mod 2^32.
  EXPECT_EQ(run(kSum, {{"n", scalar(100'000)}}, {"sum_exit"}), "i32[]{704982704}");
}

// while (i < n) { a, b = b, a + b; i += 1 }: what goes on is made of what went on before.
constexpr std::string_view kFibonacci = R"(
n: i32[] = Placeholder
zero: i32[] = 0
a0: i32[2] = {0, 0}
b0: i32[2] = {1, 10}
one: i32[] = 1
i_enter = Enter(zero) {frame_name="loop"}
a_enter = Enter(a0) {frame_name="loop"}
b_enter = Enter(b0) {frame_name="loop"}
n_enter = Enter(n) {frame_name="loop", is_constant=true}
one_enter = Enter(one) {frame_name="loop", is_constant=true}
i = Merge(i_enter, i_next)
a = Merge(a_enter, a_next)
b = Merge(b_enter, b_next)
cond = LoopCond(less)
less = Less(i, n_enter)
i_switch = Switch(i, cond)
a_switch = Switch(a, cond)
b_switch = Switch(b, cond)
i_next = NextIteration(i_added)
i_added = Add(i_switch:1, one_enter)
a_next = NextIteration(b_switch:1)
b_next = NextIteration(both)
both = Add(a_switch:1, b_switch:1)
a_exit = Exit(a_switch)
b_exit = Exit(b_switch)
)";

TEST(Loops, CarryAllValuesAtOnce) {
  EXPECT_EQ(run(kFibonacci, {{"n", scalar(0)}}, {"a_exit", "b_exit"}), "i32[2]{0, 0} i32[2]{1, 10}");
  EXPECT_EQ(run(kFibonacci, {{"n", scalar(1)}}, {"a_exit", "b_exit"}), "i32[2]{1, 10} i32[2]{1, 10}");
  EXPECT_EQ(run(kFibonacci, {{"n", scalar(10)}}, {"a_exit", "b_exit"}), "i32[2]{55, 550} i32[2]{89, 890}");
}

// for (i = 0; i < n; ++i) for (j = 0; j < i; ++j) count += 1
constexpr std::string_view kNested = R"(
n: i32[] = Placeholder
zero: i32[] = 0
one: i32[] = 1
i_enter = Enter(zero) {frame_name="outer"}
count_enter = Enter(zero) {frame_name="outer"}
n_enter = Enter(n) {frame_name="outer", is_constant=true}
one_enter = Enter(one) {frame_name="outer", is_constant=true}
zero_enter = Enter(zero) {frame_name="outer", is_constant=true}
i = Merge(i_enter, i_next)
count = Merge(count_enter, count_next)
cond = LoopCond(less)
less = Less(i, n_enter)
i_switch = Switch(i, cond)
count_switch = Switch(count, cond)
pivot = Identity(i_switch:1)
j_zero = Identity(zero_enter, ^pivot)
j_enter = Enter(j_zero) {frame_name="inner"}
c_enter = Enter(count_switch:1) {frame_name="inner"}
limit_enter = Enter(i_switch:1) {frame_name="inner", is_constant=true}
step_enter = Enter(one_enter) {frame_name="inner", is_constant=true}
j = Merge(j_enter, j_next)
c = Merge(c_enter, c_next)
inner_cond = LoopCond(inner_less)
inner_less = Less(j, limit_enter)
j_switch = Switch(j, inner_cond)
c_switch = Switch(c, inner_cond)
j_added = Add(j_switch:1, step_enter)
c_added = Add(c_switch:1, step_enter)
j_next = NextIteration(j_added)
c_next = NextIteration(c_added)
c_exit = Exit(c_switch)
i_added = Add(i_switch:1, one_enter)
i_next = NextIteration(i_added)
count_next = NextIteration(c_exit)
count_exit = Exit(count_switch)
)";

TEST(Loops, Nest) {
  for (int n : {0, 1, 2, 3, 7, 40}) {
    EXPECT_EQ(run(kNested, {{"n", scalar(n)}}, {"count_exit"}), str_cat("i32[]{", n * (n - 1) / 2, "}"));
  }
}

// The inner loop's counter is there even in the pass in which the outer loop ends, and nothing else is.
TEST(Loops, NestedAreNotEnteredByPartOfTheirValues) {
  std::string text(kNested);
  text.replace(text.find("^pivot"), 6, "^i_switch");
  for (int n : {0, 1, 7}) {
    EXPECT_EQ(run(text, {{"n", scalar(n)}}, {"count_exit"}), str_cat("i32[]{", n * (n - 1) / 2, "}"));
  }
}

// while (i < n) { v = concat(v, [i]); i += 1 }: a shape that grows.
constexpr std::string_view kGrowing = R"(
n: i32[] = Placeholder
zero: i32[] = 0
one: i32[] = 1
start: i32[1] = {-1}
axis: i32[] = 0
single: i32[1] = {1}
i_enter = Enter(zero) {frame_name="loop"}
v_enter = Enter(start) {frame_name="loop"}
n_enter = Enter(n) {frame_name="loop", is_constant=true}
one_enter = Enter(one) {frame_name="loop", is_constant=true}
axis_enter = Enter(axis) {frame_name="loop", is_constant=true}
single_enter = Enter(single) {frame_name="loop", is_constant=true}
i = Merge(i_enter, i_next)
v = Merge(v_enter, v_next)
cond = LoopCond(less)
less = Less(i, n_enter)
i_switch = Switch(i, cond)
v_switch = Switch(v, cond)
element = Reshape(i_switch:1, single_enter)
longer = ConcatV2(v_switch:1, element, axis_enter)
i_added = Add(i_switch:1, one_enter)
i_next = NextIteration(i_added)
v_next = NextIteration(longer)
v_exit = Exit(v_switch)
squares = Mul(v_exit, v_exit)
)";

TEST(Loops, CarryValuesThatGrow) {
  EXPECT_EQ(run(kGrowing, {{"n", scalar(0)}}, {"v_exit"}), "i32[1]{-1}");
  EXPECT_EQ(run(kGrowing, {{"n", scalar(4)}}, {"v_exit", "squares"}), "i32[5]{-1, 0, 1, 2, 3} i32[5]{1, 0, 1, 4, 9}");
}

// while (i < n) { x = i < 2 ? x * 2 : x + 1; i += 1 }
constexpr std::string_view kCondInLoop = R"(
n: i32[] = Placeholder
x0: f32[3] = Placeholder
zero: i32[] = 0
one: i32[] = 1
two: i32[] = 2
float_one: f32[] = 1
i_enter = Enter(zero) {frame_name="loop"}
x_enter = Enter(x0) {frame_name="loop"}
n_enter = Enter(n) {frame_name="loop", is_constant=true}
one_enter = Enter(one) {frame_name="loop", is_constant=true}
two_enter = Enter(two) {frame_name="loop", is_constant=true}
float_one_enter = Enter(float_one) {frame_name="loop", is_constant=true}
i = Merge(i_enter, i_next)
x = Merge(x_enter, x_next)
cond = LoopCond(less)
less = Less(i, n_enter)
i_switch = Switch(i, cond)
x_switch = Switch(x, cond)
early = Less(i_switch:1, two_enter)
branch = Switch(x_switch:1, early)
doubled = Add(branch:1, branch:1)
one_more = Add(branch, float_one_enter)
joined = Merge(one_more, doubled)
i_added = Add(i_switch:1, one_enter)
i_next = NextIteration(i_added)
x_next = NextIteration(joined)
x_exit = Exit(x_switch)
)";

TEST(Loops, HoldConds) {
  Tensor x = Tensor::from<float>({3}, {1, 2, 3});
  EXPECT_EQ(run(kCondInLoop, {{"n", scalar(1)}, {"x0", x}}, {"x_exit"}), "f32[3]{2, 4, 6}");
  EXPECT_EQ(run(kCondInLoop, {{"n", scalar(5)}, {"x0", x}}, {"x_exit"}), "f32[3]{7, 11, 15}");
}

// on ? (while (i < n) i += 1) * 10 : -n
constexpr std::string_view kLoopInCond = R"(
on: bool[] = Placeholder
n: i32[] = Placeholder
zero: i32[] = 0
one: i32[] = 1
ten: i32[] = 10
n_branch = Switch(n, on)
zero_branch = Switch(zero, on)
i_enter = Enter(zero_branch:1) {frame_name="loop"}
n_enter = Enter(n_branch:1) {frame_name="loop", is_constant=true}
one_enter = Enter(one) {frame_name="loop", is_constant=true}
i = Merge(i_enter, i_next)
cond = LoopCond(less)
less = Less(i, n_enter)
i_switch = Switch(i, cond)
i_added = Add(i_switch:1, one_enter)
i_next = NextIteration(i_added)
i_exit = Exit(i_switch)
counted = Mul(i_exit, ten)
negative = Neg(n_branch)
result = Merge(negative, counted)
after = Add(result, one)
)";

TEST(Loops, MayWaitForWhatIsOverAtOnceOutsideOfThem) {
  EXPECT_EQ(run(R"(
start: i32[] = 0
limit: i32[] = 3
over = NoOp()
i_enter = Enter(start) {frame_name="f"}
limit_enter = Enter(limit) {frame_name="f", is_constant=true}
i = Merge(i_enter, i_next)
less = Less(i, limit_enter)
go = LoopCond(less)
i_switch = Switch(i, go)
i_body = Identity(i_switch:1, ^over)
one = OnesLike(i_body)
sum = Add(i_body, one)
i_next = NextIteration(sum)
y = Exit(i_switch)
)",
                {}, {"y"}),
            "i32[]{3}");
}

TEST(Loops, StandInBranchesThatMayNotBeTaken) {
  auto result = [](bool on) {
    return run(kLoopInCond, {{"on", Tensor::scalar(on)}, {"n", scalar(7)}}, {"result", "result:1", "after"});
  };
  EXPECT_EQ(result(true), "i32[]{70} i32[]{1} i32[]{71}");
  EXPECT_EQ(result(false), "i32[]{-7} i32[]{0} i32[]{-6}");
}

TEST(Loops, InBranchesThatAreNotTakenHaveDeadExits) {
  std::string session = session_run(kLoopInCond, {{"on", Tensor::scalar(false)}, {"n", scalar(7)}}, {"i_exit"});
  EXPECT_EQ(session, "fetch 'i_exit': its branch was not taken in this run");
}

// What runs even if what it waits for is dead runs if that is known beforehand, too.
TEST(Branches, ControlTriggersWaitForWhatIsDead) {
  for (const char* no : {"false", "Placeholder"}) {
    std::string text = str_cat("no: bool[] = ", no,
                               "\nx: f32[] = Placeholder\ns = Switch(x, no)\na = Neg(s:1)\n"
                               "t = ControlTrigger(^a)\ny = Identity(x, ^t)\n");
    testing::Feeds feeds = {{"x", Tensor::scalar(1.0f)}};
    if (no[0] == 'P') feeds.emplace_back("no", Tensor::scalar(false));
    EXPECT_EQ(run(text, feeds, {"y"}), "f32[]{1}") << no;
  }
}

// while (i < n) { a0 = concat(a0, a0); a1 = a0; a2 = a1; … }: each pass of inference finds one more length to be open.
TEST(Loops, ShapesAreGivenUpWithAllThatIsBehindThem) {
  constexpr int kDelay = 60;
  std::string text =
      "n: i32[] = Placeholder\nzero: i32[] = 0\none: i32[] = 1\nstart: f32[1] = {1}\n"
      "i_enter = Enter(zero) {frame_name=\"f\"}\nn_enter = Enter(n) {frame_name=\"f\", is_constant=true}\n"
      "one_enter = Enter(one) {frame_name=\"f\", is_constant=true}\n"
      "zero_enter = Enter(zero) {frame_name=\"f\", is_constant=true}\n"
      "start_enter = Enter(start) {frame_name=\"f\", is_constant=true}\n"
      "i = Merge(i_enter, i_next)\nless = Less(i, n_enter)\ncond = LoopCond(less)\ni_switch = Switch(i, cond)\n"
      "i_added = Add(i_switch:1, one_enter)\ni_next = NextIteration(i_added)\n";
  for (int k = 0; k < kDelay; ++k) {
    std::string a = str_cat("a", k);
    str_append(text, a, "_enter = Enter(start) {frame_name=\"f\"}\n", a, " = Merge(", a, "_enter, ", a, "_next)\n", a,
               "_switch = Switch(", a, ", cond)\n");
    if (k == 0) str_append(text, "longer = ConcatV2(a0_switch:1, start_enter, zero_enter)\n");
    std::string from = k == 0 ? "longer" : str_cat("a", k - 1, "_switch:1");
    str_append(text, a, "_next = NextIteration(", from, ")\n");
  }
  str_append(text, "last = Exit(a", kDelay - 1, "_switch)\ny = Neg(last)\n");
  EXPECT_EQ(run(text, {{"n", scalar(3)}}, {"y"}), "f32[1]{-1}");
  EXPECT_EQ(run(text, {{"n", scalar(kDelay + 1)}}, {"y"}), "f32[3]{-1, -1, -1}");
}

// x is carried as it is; strings are carried too.
constexpr std::string_view kStrings = R"(
n: i32[] = Placeholder
a0: str[2] = {"a", "a long string that lies on the heap"}
b0: str[2] = {"b", ""}
zero: i32[] = 0
one: i32[] = 1
i_enter = Enter(zero) {frame_name="loop"}
a_enter = Enter(a0) {frame_name="loop"}
b_enter = Enter(b0) {frame_name="loop"}
n_enter = Enter(n) {frame_name="loop", is_constant=true}
one_enter = Enter(one) {frame_name="loop", is_constant=true}
i = Merge(i_enter, i_next)
a = Merge(a_enter, a_next)
b = Merge(b_enter, b_next)
cond = LoopCond(less)
less = Less(i, n_enter)
i_switch = Switch(i, cond)
a_switch = Switch(a, cond)
b_switch = Switch(b, cond)
i_added = Add(i_switch:1, one_enter)
i_next = NextIteration(i_added)
a_next = NextIteration(b_switch:1)
b_next = NextIteration(a_switch:1)
a_exit = Exit(a_switch)
b_exit = Exit(b_switch)
)";

TEST(Loops, CarryStrings) {
  std::string a = "str[2]{'a', 'a long string that lies on the heap'}", b = "str[2]{'b', ''}";
  EXPECT_EQ(run(kStrings, {{"n", scalar(4)}}, {"a_exit", "b_exit"}), a + " " + b);
  EXPECT_EQ(run(kStrings, {{"n", scalar(5)}}, {"a_exit", "b_exit"}), b + " " + a);
}

TEST(Loops, KnowShapesThatStayTheSame) {
  Result<Graph> graph = graph_from_text(kFibonacci);
  ASSERT_TRUE(graph.ok());
  Session session(*graph, {.threads = 1});
  auto program = session.program({{"n", scalar(3)}}, {"a_exit"}, {});
  ASSERT_TRUE(program.ok()) << program.status().to_string();
  EXPECT_EQ((*program)->fetches[0].to_string(), "i32[2]");
  for (const Value& value : (*program)->values) {
    EXPECT_NE(value.kind, ValueKind::kDynamic) << value.fact.to_string();
  }
}

// --- limits ---

TEST(LoopLimits, EndlessLoopsEndWithAnErrorThatNamesThem) {  // B38
  std::string expected =
      "the loop of frame 'endless': it does not end after 5000 iterations, the most that are allowed";
  EXPECT_EQ(session_run(testing::kEndlessLoop, {}, {"i_exit"}, {.most_iterations = 5000}), expected);
  EXPECT_EQ(engine_run(testing::kEndlessLoop, {}, {"i_exit"}, {.most_iterations = 5000}), expected);
}

TEST(LoopLimits, ARunMayHaveADeadline) {
  std::string message = session_run(testing::kEndlessLoop, {}, {"i_exit"}, {.timeout_ms = 20});
  EXPECT_TRUE(message.starts_with("the run has not ended after 20 ms; it is at ")) << message;
  message = engine_run(testing::kEndlessLoop, {}, {"i_exit"}, {.timeout_ms = 20});
  EXPECT_TRUE(message.starts_with("the run has not ended after 20 ms; it is at ")) << message;
}

TEST(LoopLimits, ALoopWithoutASwitchHasNoEnd) {
  EXPECT_EQ(session_run("zero: i32[] = 0\n"
                        "enter = Enter(zero) {frame_name=\"f\"}\n"
                        "m = Merge(enter, next)\n"
                        "next = NextIteration(m)\n"
                        "y = Exit(m)\n",
                        {}, {"y"}),
            "the loop of frame 'f': an Exit has a value in iteration 0, but the loop goes on");
}

TEST(LoopLimits, TheMostIterationsAreOfAllLoopsOfARun) {
  // 40 outer iterations and 40 * 39 / 2 = 780 inner ones.
  EXPECT_EQ(session_run(kNested, {{"n", scalar(40)}}, {"count_exit"}, {.most_iterations = 821}), "i32[]{780}");
  std::string message = session_run(kNested, {{"n", scalar(40)}}, {"count_exit"}, {.most_iterations = 820});
  EXPECT_EQ(message,
            "the loop of frame 'outer': it does not end after 40 iterations, with those of the run's other loops 820, "
            "the most that are allowed");
  EXPECT_EQ(engine_run(kNested, {{"n", scalar(40)}}, {"count_exit"}, {.most_iterations = 820}), message);
}

// --- feeds and fetches
// --------------------------------------------------------------------------------------------------
TEST(LoopErrors, WhatIsInALoopIsNotFetched) {
  EXPECT_EQ(run(kSum, {{"n", scalar(3)}}, {"sum_added"}),
            "fetch 'sum_added': it is in frame 'loop', with a value an iteration; fetch what an Exit takes out");
}

TEST(LoopErrors, WhatIsInALoopIsNotFed) {
  std::string message = session_run(kSum, {{"n", scalar(3)}, {"i_body", scalar(1)}}, {"sum_exit"});
  EXPECT_EQ(message,
            "Add 'sum_added' has inputs from different frames: 'sum_switch:1' is in frame 'loop', 'i_body' is in no "
            "loop; 'i_body' is fed, and what is in a loop cannot be\n"
            "  Add 'i_added' has inputs from different frames: 'i_body' is in no loop, 'one_enter' is in frame 'loop'; "
            "'i_body' is fed, and what is in a loop cannot be");
}

TEST(LoopErrors, WhatComesAfterALoopMayBeFed) {
  EXPECT_EQ(session_run(kSum, {{"sum_exit", scalar(21)}}, {"twice"}), "i32[]{42}");
}

// --- malformed frames
// ---------------------------------------------------------------------------------------------------
struct Malformed {
  const char* what;
  const char* text;
  const char* message;
};
const Malformed kMalformed[] = {
    {"ExitWithoutEnter", "x: f32[] = Placeholder\ny = Exit(x)\n", "Exit 'y' leaves no loop: its input 'x' is in none"},
    {"NextIterationWithoutEnter", "x: f32[] = Placeholder\nn = NextIteration(x)\ny = Merge(x, n)\n",
     "NextIteration 'n' goes on with no loop: its input 'x' is in none"},
    {"ExitOfWhatOnlyWaitsForTheLoop",
     "x: f32[] = Placeholder\nk: f32[] = 1\na = Enter(x) {frame_name=\"f\"}\ny = Exit(k, ^a)\n",
     "Exit 'y' leaves no loop: its input 'k' is in none"},
    {"TwoFrames",
     "x: f32[] = Placeholder\na = Enter(x) {frame_name=\"f\"}\nb = Enter(x) {frame_name=\"g\"}\nc = Add(a, b)\ny = "
     "Exit(c)\n",
     "Add 'c' has inputs from different frames: 'a' is in frame 'f', 'b' is in frame 'g'"},
    {"AValueThatNoEnterBroughtIn",
     "x: f32[] = Placeholder\nw = Neg(x)\na = Enter(x) {frame_name=\"f\"}\nc = Add(a, w)\ny = Exit(c)\n",
     "Add 'c' has inputs from different frames: 'a' is in frame 'f', 'w' is in no loop"},
    {"AControlInputFromOutside",
     "x: f32[] = Placeholder\na = Enter(x) {frame_name=\"f\"}\nc = Identity(a, ^x)\ny = Exit(c)\n",
     "Identity 'c' has inputs from different frames: it is in frame 'f', and waits for 'x', which is in no loop"},
    {"NextIterationOfAnotherFrame",
     "x: f32[] = Placeholder\na = Enter(x) {frame_name=\"f\"}\nb = Enter(x) {frame_name=\"g\"}\nm = Merge(a, n)\n"
     "n = NextIteration(b)\ny = Exit(m)\n",
     "Merge 'm' is in frame 'f' but 'n', which comes back to it, is in frame 'g'"},
    {"NextIterationIntoNoMerge",
     "x: f32[] = Placeholder\na = Enter(x) {frame_name=\"f\"}\nn = NextIteration(a)\nc = Add(a, n)\ny = Exit(c)\n",
     "Add 'c': its input 'n' is of another iteration, which only a Merge may take"},
    {"OneFrameEnteredFromTwoPlaces",
     "x: f32[] = Placeholder\na = Enter(x) {frame_name=\"f\"}\nb = Enter(a) {frame_name=\"g\"}\nc = Enter(x) "
     "{frame_name=\"g\"}\nd = Add(b, c)\ne = Exit(d)\ny = Exit(e)\n",
     "Enter 'c': frame 'g' is entered from two places: 'b' is in frame 'f', this one in no loop"},
};

TEST(LoopErrors, MalformedFramesAreNamed) {  // B37
  for (const Malformed& bad : kMalformed) {
    SCOPED_TRACE(bad.what);
    std::string session = session_run(bad.text, {{"x", Tensor::scalar(1.0f)}}, {"y"});
    EXPECT_NE(session.find(bad.message), std::string::npos) << session;
    std::string engine = engine_run(bad.text, {{"x", Tensor::scalar(1.0f)}}, {"y"});
    EXPECT_NE(engine.find(bad.message), std::string::npos) << engine;
  }
}

TEST(LoopErrors, LoopsThatWaitForEachOtherAreNamed) {
  std::string message = session_run(
      "x: f32[] = Placeholder\n"
      "a = Enter(x) {frame_name=\"f\"}\n"
      "a1 = Neg(a)\n"
      "b = Exit(a1)\n"
      "c = Enter(b) {frame_name=\"g\"}\n"
      "c1 = Neg(c)\n"
      "d = Exit(c1)\n"
      "e = Enter(d) {frame_name=\"f\"}\n"
      "e1 = Neg(e)\n"
      "y = Exit(e1)\n",
      {{"x", Tensor::scalar(1.0f)}}, {"y"});
  EXPECT_EQ(message, "the loops of these frames wait for each other: 'f', 'g'");
}

// --- threads
// ------------------------------------------------------------------------------------------------------------
TEST(Loops, RunOnSeveralThreadsAtOnce) {
  std::string bytes = testing::model_bytes(kNested);
  auto engine = Engine::load_bytes(bytes, nullptr, "loops", {.outputs = {"count_exit"}});
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  std::vector<std::thread> threads;
  std::vector<int> wrong(2, 0);
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      EngineContext context(*engine);
      for (int n = 0; n < 50; ++n) {
        bool ok = context.set_input(0, scalar(n + t)).ok() && context.run().ok() &&
                  (*context.output(0))->item<int32_t>() == (n + t) * (n + t - 1) / 2;
        if (!ok) ++wrong[static_cast<size_t>(t)];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, (std::vector<int>{0, 0}));
}

}  // namespace
}  // namespace tarn
