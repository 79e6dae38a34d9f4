#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

TARN_OP_CASES(ensure_shape) {
  auto same = [](const Tensors& in, const AttrMap&) { return Tensors{in[0]}; };
  OpCases cases;
  for (const Shape& expected : {Shape{2, 3}, Shape{kUnknownDim, 3}, Shape::unknown()}) {
    cases.push_back({.op = "EnsureShape",
                     .label = expected.to_string(),
                     .attrs = {{"shape", expected}},
                     .inputs = {uniform({2, 3})},
                     .reference = same});
  }
  return cases;
}

TEST(EnsureShape, RefusesAnotherShape) {
  for (const Shape& other : {Shape{3, 2, 1}, Shape{3}, Shape{}}) {
    Result<Tensors> y =
        evaluate_op(op_table(), "EnsureShape", {{"shape", Shape{2, kUnknownDim}}}, std::vector<Tensor>{uniform(other)});

    ASSERT_FALSE(y.ok()) << other.to_string();
    EXPECT_NE(y.status().message().find("is not compatible with expected shape [2,?]"), std::string_view::npos)
        << y.status().message();
  }
}

}  // namespace
}  // namespace tarn::testing
