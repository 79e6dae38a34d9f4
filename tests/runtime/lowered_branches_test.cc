// If and Case as TensorFlow 2 writes them when it freezes a graph: a Merge that waits for the ends of both branches,
// and Switches with as many outputs as there are branches.
#include <gtest/gtest.h>

#include "tests/support/text_runs.h"

namespace tarn {
namespace {

using testing::run;

// In TensorFlow what a Merge waits for never makes it dead: `executed` is alive whichever branch was.
std::string lowered_if(std::string_view predicate, std::string_view x) {
  return str_cat("p: bool[] = ", predicate, "\nx: f32[] = ", x,
                 "\ns = Switch(p, p)\n"
                 "pivot_f = Identity(s)\n"
                 "pivot_t = Identity(s:1)\n"
                 "side = Switch(x, p)\n"
                 "minus = Neg(side)\n"
                 "twice = Add(side:1, side:1)\n"
                 "end_t = NoOp(^pivot_t, ^twice)\n"
                 "end_f = NoOp(^pivot_f, ^minus)\n"
                 "m = Merge(minus, twice)\n"
                 "late = Merge(minus, twice, ^end_t, ^end_f)\n"
                 "executed = Merge(pivot_f, pivot_t, ^end_t, ^end_f)\n"
                 "y = Identity(m, ^executed)\n"
                 "z = Square(late)\n");
}

TEST(LoweredIf, RunsWhoeverWaitsForItsEnd) {
  const Tensor three = Tensor::scalar<float>(3);
  for (bool p : {false, true}) {
    const std::string y = p ? "f32[]{6} f32[]{36}" : "f32[]{-3} f32[]{9}";
    const char* constant = p ? "true" : "false";
    EXPECT_EQ(run(lowered_if("Placeholder", "Placeholder"), {{"p", Tensor::scalar(p)}, {"x", three}}, {"y", "z"}), y);
    EXPECT_EQ(run(lowered_if(constant, "Placeholder"), {{"x", three}}, {"y", "z"}), y);
    EXPECT_EQ(run(lowered_if("Placeholder", "3"), {{"p", Tensor::scalar(p)}}, {"y", "z"}), y);
    EXPECT_EQ(run(lowered_if(constant, "3"), {}, {"y", "z"}), y);
  }
}

TEST(LoweredCase, TakesTheBranchOfItsIndexOrTheLast) {
  auto text = [](std::string_view index, std::string_view x) {
    return str_cat("i: i32[] = ", index, "\nx: f32[2] = ", x,
                   "\ns = _SwitchN(x, i) {num_outs=3}\n"
                   "a = Neg(s)\n"
                   "b = Square(s:1)\n"
                   "c = Add(s:2, s:2)\n"
                   "m = Merge(a, b, c)\n"
                   "y = Relu(m)\n");
  };
  const Tensor x = Tensor::from<float>({2}, {-1, 3});
  struct Case {
    int32_t index;
    const char* wanted;
  };
  for (const Case& c :
       {Case{0, "f32[2]{1, 0} i32[]{0}"}, Case{1, "f32[2]{1, 9} i32[]{1}"}, Case{2, "f32[2]{0, 6} i32[]{2}"},
        Case{3, "f32[2]{0, 6} i32[]{2}"}, Case{-1, "f32[2]{0, 6} i32[]{2}"}}) {
    Tensor index = Tensor::scalar<int32_t>(c.index);
    const std::string number = str_cat(c.index);
    EXPECT_EQ(run(text("Placeholder", "Placeholder"), {{"i", index}, {"x", x}}, {"y", "m:1"}), c.wanted);
    EXPECT_EQ(run(text(number, "Placeholder"), {{"x", x}}, {"y", "m:1"}), c.wanted);
    EXPECT_EQ(run(text("Placeholder", "{-1, 3}"), {{"i", index}}, {"y", "m:1"}), c.wanted);
    EXPECT_EQ(run(text(number, "{-1, 3}"), {}, {"y", "m:1"}), c.wanted);
  }
  // What is on one branch alone is dead on the others.
  EXPECT_EQ(run(text("Placeholder", "Placeholder"), {{"i", Tensor::scalar<int32_t>(1)}, {"x", x}}, {"a"}),
            "fetch 'a': its branch was not taken in this run");
}

}  // namespace
}  // namespace tarn
