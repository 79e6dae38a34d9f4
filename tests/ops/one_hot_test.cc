#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors one_hot(const Tensors& in, const AttrMap& attrs) {
  Tensor indices = to_double(in[0]);
  int64_t depth = int_list(in[1])[0], axis = attrs.get<int64_t>("axis");
  if (axis < 0) axis = indices.shape().rank();
  std::vector<int64_t> dims(indices.shape().dims().begin(), indices.shape().dims().end());
  dims.insert(dims.begin() + axis, depth);
  return {by_index(Shape(dims), [&](Index index) {
    auto along = static_cast<double>(index[static_cast<size_t>(axis)]);
    index.erase(index.begin() + axis);
    return (at(indices, index) == along ? in[2] : in[3]).flat<double>()[0];
  })};
}

TARN_OP_CASES(one_hot) {
  Tensor depth = ints({}, {4}), on = doubles({}, {1}), off = doubles({}, {0});
  Tensor five = doubles({}, {5}), seven = doubles({}, {7});
  Tensor bytes = Tensor::from<uint8_t>({3}, {3, 255, 0}), small = Tensor::from<int8_t>({2}, {-1, 2});
  Tensor wide = Tensor::from<int64_t>({2, 3}, {0, 3, 9, -1, 1, int64_t{1} << 40});
  return {
      {.op = "OneHot", .label = "vector", .inputs = {ints({3}, {2, 0, 3}), depth, on, off}, .reference = one_hot},
      {.op = "OneHot",
       .label = "matrix, some out of range",
       .inputs = {wide, depth, five, seven},
       .reference = one_hot},
      {.op = "OneHot",
       .label = "axis 0",
       .attrs = {{"axis", 0}},
       .inputs = {wide, depth, on, off},
       .reference = one_hot},
      {.op = "OneHot",
       .label = "axis 1, uint8",
       .attrs = {{"axis", 1}},
       .inputs = {bytes, depth, five, off},
       .reference = one_hot},
      {.op = "OneHot", .label = "int8", .inputs = {small, depth, on, seven}, .reference = one_hot},
      {.op = "OneHot", .label = "scalar", .inputs = {ints({}, {1}), depth, on, off}, .reference = one_hot},
      {.op = "OneHot", .label = "nothing", .inputs = {ints({0, 2}, {}), depth, on, off}, .reference = one_hot},
      {.op = "OneHot", .label = "depth 0", .inputs = {ints({2}, {0, 1}), ints({}, {0}), on, off}, .reference = one_hot},
  };
}

TEST(OneHot, NamesTheDepthAndTheAxisItRefuses) {
  auto refusal = [](const Tensor& depth, int64_t axis) {
    Tensors inputs = {ints({2}, {0, 1}), depth, iota({}), iota({})};
    Result<Tensors> y = evaluate_op(op_table(), "OneHot", {{"axis", axis}}, inputs);
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  EXPECT_EQ(refusal(ints({}, {-1}), -1),
            "OneHot 'evaluate': depth must be >= 0, not -1 (indices i32[2], depth i32[], on_value f64[], off_value "
            "f64[])");
  EXPECT_NE(refusal(ints({}, {3}), 7).find("attr 'axis' = 7 must be -1 or in [0, 1]"), std::string::npos);
  EXPECT_NE(refusal(ints({2}, {3, 4}), -1).find("'depth' must have rank 0"), std::string::npos);
}

}  // namespace
}  // namespace tarn::testing
