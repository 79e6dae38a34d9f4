// check_hashes() and check_training() on cases of their own making: what they must not let pass.
#include <gtest/gtest.h>

#include "core/file.h"
#include "graph/npy.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"
#include "tools/support/case_check.h"

namespace tarn {
namespace {

class CaseState : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(write_file_atomically(dir_.file("g.txt"), R"(
on: ref(bool[2]) = VariableV2 {shape=[2], dtype=bool}
w: ref(f32[2]) = VariableV2 {shape=[2], dtype=f32}
more: f32[2] = {1, 1}
none: bool[2] = {false, false}
turn: ref(bool[2]) = Assign(on, none)
step: ref(f32[2]) = AssignAdd(w, more, ^turn)
axis: i32[1] = {0}
loss: f32[] = Sum(w, axis)
)")
                    .ok());
    ASSERT_TRUE(write_checkpoint(dir_.file("c"), {{"on", Tensor::from<bool>({2}, {true, true})},
                                                  {"text", Tensor::scalar<std::string>("abc")},
                                                  {"w", Tensor::from<float>({2}, {-1, 1})}})
                    .ok());
    model_.graph = dir_.file("g.txt");
    model_.checkpoint = dir_.file("c");
    model_.train = TrainCase{"step", "loss:0", {0, 2}, {}, {}};
  }
  void expect_after(const std::string& name, const Tensor& value) {
    std::string path = dir_.file(name + ".npy");
    ASSERT_TRUE(write_file_atomically(path, *npy_bytes(value)).ok());
    model_.train->variables_after.push_back({name, path});
  }
  std::string difference() {
    Result<PartResult> part = check_training(model_);
    return part.ok() ? part->difference : part.status().to_string();
  }

  TempDir dir_;
  ModelCase model_;
};

TEST_F(CaseState, ALossOfZeroIsMetByZero) {
  expect_after("w", Tensor::from<float>({2}, {0, 2}));
  EXPECT_EQ(difference(), "");

  model_.train->losses = {1e-6, 2};
  EXPECT_NE(difference().find("after 0 steps the loss is 0"), std::string::npos) << difference();
}

TEST_F(CaseState, VariablesOfEveryDtypeAreCompared) {
  expect_after("on", Tensor::from<bool>({2}, {false, false}));
  EXPECT_EQ(difference(), "");

  expect_after("on", Tensor::from<bool>({2}, {false, true}));
  EXPECT_NE(difference().find("of variable 'on' 2 of 2 elements differ"), std::string::npos) << difference();
}

TEST_F(CaseState, StringsHaveNoHash) {
  model_.hashes = {{"text", "00"}};
  EXPECT_SAYS(check_hashes(model_).status(), {"variable 'text' holds strings"});
}

}  // namespace
}  // namespace tarn
