#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

TARN_OP_WITHOUT_CASES(RefMerge, "its inputs are handles that only the executor has");
TARN_OP_WITHOUT_CASES(RefSwitch, "its outputs are handles that only the executor has");
TARN_OP_WITHOUT_CASES(RefEnter, "its output is a handle that only the executor has");
TARN_OP_WITHOUT_CASES(RefExit, "its output is a handle that only the executor has");
TARN_OP_WITHOUT_CASES(RefNextIteration, "its output is a handle that only the executor has");
TARN_OP_WITHOUT_CASES(ControlTrigger, "it has no output; tests/runtime/loops_test.cc runs it");

Tensors switched(const Tensors& in, const AttrMap&) {
  bool pred = in[1].item<bool>();
  return {pred ? Tensor() : in[0], pred ? in[0] : Tensor()};
}
// Of three outputs, the last for an index that is none.
Tensors switched_by_index(const Tensors& in, const AttrMap&) {
  Tensors outputs(3);
  int32_t index = in[1].item<int32_t>();
  outputs[index == 0 || index == 1 ? static_cast<size_t>(index) : 2] = in[0];
  return outputs;
}
Tensors first(const Tensors& in, const AttrMap&) {
  return {in[0], Tensor::scalar<int32_t>(0)};
}
Tensors same(const Tensors& in, const AttrMap&) {
  return {in[0]};
}

TARN_OP_CASES(control_flow) {
  OpCases cases;
  AttrMap frame{{"frame_name", "loop"}};
  for (Shape shape : {Shape{2, 3}, Shape{}, Shape{0}}) {
    std::string label = shape.to_string();
    for (bool pred : {false, true}) {
      cases.push_back({.op = "Switch",
                       .label = str_cat(label, pred ? " true" : " false"),
                       .inputs = {uniform(shape), Tensor::scalar(pred)},
                       .reference = switched});
    }
    for (int32_t index : {0, 1, 2, 3, -1}) {
      cases.push_back({.op = "_SwitchN",
                       .label = str_cat(label, " ", index),
                       .attrs = {{"num_outs", 3}},
                       .inputs = {uniform(shape), Tensor::scalar(index)},
                       .reference = switched_by_index});
    }
    cases.push_back(
        {.op = "Merge", .label = label, .inputs = {uniform(shape), uniform(shape, -1, 1, 2)}, .reference = first});
    cases.push_back({.op = "Merge", .label = str_cat(label, " alone"), .inputs = {uniform(shape)}, .reference = first});
    cases.push_back({.op = "Enter", .label = label, .attrs = frame, .inputs = {uniform(shape)}, .reference = same});
    cases.push_back({.op = "Exit", .label = label, .inputs = {uniform(shape)}, .reference = same});
    cases.push_back({.op = "NextIteration", .label = label, .inputs = {uniform(shape)}, .reference = same});
    cases.push_back(
        {.op = "LoopCond", .label = label, .inputs = {Tensor::scalar(shape.is_scalar())}, .reference = same});
  }
  return cases;
}

TEST(Merge, KnowsOnlyWhatItsInputsAgreeOn) {
  const OpRegistry::Op& op = *op_table().find("Merge");
  AttrMap attrs{{"T", DType::kFloat}, {"N", 2}};
  NodeTypes types;
  std::vector<InputInfo> infos(2, {DType::kFloat, false, "x"});
  ASSERT_TRUE(op.schema.resolve("m", attrs, infos, {}, types).ok());
  auto merged = [&](Shape a, Shape b) {
    std::vector<Fact> inputs = {{DType::kFloat, a, {}, false}, {DType::kFloat, b, {}, false}}, outputs;
    EXPECT_TRUE(infer_node(op, "m", attrs, types, inputs, outputs).ok());
    return outputs[0].shape.to_string();
  };

  EXPECT_EQ(merged({2, 3}, {2, 3}), "[2,3]");
  EXPECT_EQ(merged({2, 3}, {4, 3}), "[?,3]");
  EXPECT_EQ(merged({2, 3}, {2}), "?");
}

}  // namespace
}  // namespace tarn::testing
