#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors broadcast_to(const Tensors& in, const AttrMap&) {
  std::vector<int64_t> dims = *int_values(in[1]);
  return {map2(in[0], *Tensor::zeros(DType::kDouble, Shape(dims)), [](double x, double) { return x; })};
}

TARN_OP_CASES(broadcast_to) {
  OpCases cases;
  auto add_case = [&](const char* label, const Shape& from, const std::vector<int32_t>& to) {
    cases.push_back({.op = "BroadcastTo",
                     .label = label,
                     .inputs = {iota(from), Tensor::vector<int32_t>(to)},
                     .reference = broadcast_to});
  };
  add_case("row", {4}, {3, 4});
  add_case("column", {3, 1}, {3, 4});
  add_case("around", {3, 1, 4, 1}, {2, 3, 5, 4, 2});
  add_case("scalar", {}, {2, 3});
  add_case("as it is", {2, 3}, {2, 3});
  add_case("to nothing", {1, 3}, {0, 3});
  add_case("scalar to scalar", {}, {});
  return cases;
}

TEST(BroadcastTo, NamesShapesThatDoNotFit) {
  auto run = [](const Shape& from, std::vector<int32_t> to) {
    return evaluate_op(op_table(), "BroadcastTo", {}, std::vector<Tensor>{iota(from), Tensor::vector<int32_t>(to)});
  };

  EXPECT_NE(run({3}, {4}).status().message().find("[3] cannot be stretched to [4]"), std::string::npos);
  EXPECT_FALSE(run({2, 3}, {3}).ok());
  EXPECT_FALSE(run({1}, {-1}).ok());
  EXPECT_FALSE(run({1}, {2147483647, 2147483647, 2147483647}).ok());
}

}  // namespace
}  // namespace tarn::testing
