#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// The output is the variable; what it holds comes last.
Tensors assigned(const Tensors& in, const AttrMap&) {
  return {in[1], in[1]};
}
Tensors added(const Tensors& in, const AttrMap&) {
  Tensor sum = map2(in[0], in[1], [](double a, double b) { return a + b; });
  return {sum, sum};
}
Tensors subtracted(const Tensors& in, const AttrMap&) {
  Tensor difference = map2(in[0], in[1], [](double a, double b) { return a - b; });
  return {difference, difference};
}

TARN_OP_CASES(assign) {
  OpCases cases;
  for (Shape shape : {Shape{2, 3}, Shape{}, Shape{0, 4}, Shape{70000}}) {
    Tensors inputs = {uniform(shape), uniform(shape, -1, 1, 2)};
    cases.push_back(
        {.op = "Assign", .label = shape.to_string(), .inputs = inputs, .reference = assigned, .ref_inputs = {0}});
    cases.push_back(
        {.op = "AssignAdd", .label = shape.to_string(), .inputs = inputs, .reference = added, .ref_inputs = {0}});
    cases.push_back(
        {.op = "AssignSub", .label = shape.to_string(), .inputs = inputs, .reference = subtracted, .ref_inputs = {0}});
    for (size_t i = cases.size() - 3, end = cases.size(); i < end; ++i) {
      OpCase on_handle = on_resources(cases[i]);
      on_handle.op = cases[i].op + "VariableOp";
      cases.push_back(std::move(on_handle));
    }
  }
  cases.push_back({.op = "Assign",
                   .label = "another shape",
                   .attrs = {{"validate_shape", false}},
                   .inputs = {uniform({2, 3}), uniform({4})},
                   .reference = assigned,
                   .ref_inputs = {0}});
  return cases;
}

class AssignByHandle : public ::testing::Test {
 protected:
  Result<Tensors> assign(const Tensor& value, AttrMap attrs = {}) {
    Variable* variables[] = {&variable_, nullptr};
    return evaluate_op(op_table(), "AssignVariableOp", std::move(attrs), std::vector{declared_, value},
                       {.variables = variables});
  }
  Variable variable_{"v"};
  Tensor declared_ = iota({3});  // what the handle is on, before there is a value
};

TEST_F(AssignByHandle, GivesAFreshVariableItsFirstValueAndReturnsNothing) {
  Result<Tensors> y = assign(uniform({3}));

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  EXPECT_TRUE(y->empty());
  EXPECT_TRUE(variable_.value().identical_to(uniform({3})));
}

TEST_F(AssignByHandle, LeavesValuesThatSomebodyHoldsAlone) {
  variable_.set_value(copy_of(iota({3})));
  Tensor held = variable_.value();

  ASSERT_TRUE(assign(uniform({3})).ok());

  EXPECT_TRUE(held.identical_to(iota({3})));
}

TEST_F(AssignByHandle, RefusesShapesAndDtypesOtherThanDeclared) {
  EXPECT_EQ(assign(iota({4})).status().message().substr(0, 95),
            "AssignVariableOp 'evaluate': the variable has shape [3], the value [4] (resource handle(f64[3])");
  EXPECT_EQ(assign(Tensor::from<float>({3}, {1, 2, 3})).status().code(), Code::kInvalidArgument);
  EXPECT_FALSE(variable_.is_initialized());
}

TEST(AssignAdd, NeedsAValueToAddTo) {
  Variable fresh("w");
  Variable* variables[] = {&fresh, nullptr};

  Result<Tensors> y =
      evaluate_op(op_table(), "AssignAdd", {}, std::vector{iota({2}), iota({2})}, {.variables = variables});

  EXPECT_EQ(y.status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(y.status().message(), "AssignAdd 'evaluate': Attempting to use uninitialized value w");
}

class AssignTo : public ::testing::Test {
 protected:
  Result<Tensors> assign(const Tensor& value, AttrMap attrs = {}) {
    Variable* variables[] = {&variable_, nullptr};
    Tensor like =
        variable_.is_initialized() ? copy_of(variable_.value()) : *Tensor::zeros(value.dtype(), value.shape());
    return evaluate_op(op_table(), "Assign", std::move(attrs), std::vector{like, value}, {.variables = variables});
  }
  Variable variable_{"v"};
};

TEST_F(AssignTo, GivesAFreshVariableItsFirstValue) {
  ASSERT_TRUE(assign(iota({3})).ok());

  EXPECT_TRUE(variable_.value().identical_to(iota({3})));
}

TEST_F(AssignTo, KeepsTheBufferUnlessSomebodyHoldsTheOldValue) {
  variable_.set_value(copy_of(iota({3})));
  const void* before = variable_.value().data();

  ASSERT_TRUE(assign(uniform({3})).ok());
  EXPECT_EQ(variable_.value().data(), before);

  Tensor held = variable_.value();
  ASSERT_TRUE(assign(iota({3})).ok());
  EXPECT_TRUE(held.identical_to(uniform({3}))) << "a value handed out changed";
  EXPECT_TRUE(variable_.value().identical_to(iota({3})));
}

TEST_F(AssignTo, ChecksTheShapeUnlessToldNotTo) {
  variable_.set_value(iota({3}));

  Result<Tensors> refused = assign(iota({4}));
  EXPECT_EQ(refused.status().code(), Code::kInvalidArgument);

  EXPECT_TRUE(assign(iota({4}), {{"validate_shape", false}}).ok());
  EXPECT_EQ(variable_.value().shape(), Shape({4}));
}

}  // namespace
}  // namespace tarn::testing
