#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

TARN_OP_GRADIENT_TESTED_APART(PreventGradient, "it refuses");

Tensors same(const Tensors& in, const AttrMap&) {
  return in;
}

TARN_OP_CASES(identity) {
  OpCases cases;
  for (const char* op : {"Identity", "StopGradient"}) {
    cases.push_back({.op = op, .label = "2d", .inputs = {uniform({2, 3})}, .reference = same});
    cases.push_back({.op = op, .label = "scalar", .inputs = {uniform({})}, .reference = same});
    cases.push_back({.op = op, .label = "empty", .inputs = {uniform({0, 3})}, .reference = same});
  }
  for (Shape shape : {Shape{2, 3}, Shape{}, Shape{0}}) {
    cases.push_back(
        {.op = "PreventGradient", .label = shape.to_string(), .inputs = {uniform(shape)}, .reference = same});
    // The output is the variable itself; what it holds comes last.
    auto twice = [](const Tensors& in, const AttrMap&) { return Tensors{in[0], in[0]}; };
    cases.push_back({.op = "RefIdentity",
                     .label = shape.to_string(),
                     .inputs = {uniform(shape)},
                     .reference = twice,
                     .ref_inputs = {0}});
  }
  cases.push_back({.op = "IdentityN", .label = "one", .inputs = {uniform({2, 3})}, .reference = same});
  cases.push_back(
      {.op = "IdentityN", .label = "three", .inputs = {uniform({2, 3}), uniform({}), uniform({0})}, .reference = same});
  cases.push_back(
      {.op = "IdentityN", .label = "two types", .inputs = {uniform({4}), ints({2}, {5, -6})}, .reference = same});
  return cases;
}

TEST(PreventGradient, RefusesWithItsMessage) {
  const OpRegistry::Op& op = *op_table().find("PreventGradient");
  AttrMap attrs{{"T", DType::kFloat}, {"message", "the labels are fixed"}};
  class NoBuilder : public GradBuilder {
   public:
    Wire op(std::string_view, std::span<const Wire>, const AttrMap&) override { return {}; }
    Wire constant(const Tensor&) override { return {}; }
    const Fact& fact(Wire) const override { return fact_; }

   private:
    Fact fact_;
  } builder;
  std::vector<Wire> wires = {{0, 0}};
  GradContext context(builder, attrs, wires, wires, wires);

  Status status = op.entry->gradient(context);

  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("the labels are fixed"), std::string_view::npos);
}

}  // namespace
}  // namespace tarn::testing
