#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

size_t axis_of(const AttrMap& attrs, size_t rank) {
  int64_t axis = attrs.get<int64_t>("axis");
  return static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(rank) : axis);
}

Tensors packed(const Tensors& in, const AttrMap& attrs) {
  auto rank = static_cast<size_t>(in[0].shape().rank()) + 1;
  size_t axis = axis_of(attrs, rank);
  Index dims(in[0].shape().dims().begin(), in[0].shape().dims().end());
  dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(axis), static_cast<int64_t>(in.size()));
  return {by_index(Shape(std::span<const int64_t>(dims)), [&](Index index) {
    auto which = static_cast<size_t>(index[axis]);
    index.erase(index.begin() + static_cast<std::ptrdiff_t>(axis));
    return at(in[which], index);
  })};
}

Tensors unpacked(const Tensors& in, const AttrMap& attrs) {
  Index dims(in[0].shape().dims().begin(), in[0].shape().dims().end());
  size_t axis = axis_of(attrs, dims.size());
  dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(axis));
  Tensors out;
  for (int64_t i = 0; i < attrs.get<int64_t>("num"); ++i) {
    out.push_back(by_index(Shape(std::span<const int64_t>(dims)), [&](Index index) {
      index.insert(index.begin() + static_cast<std::ptrdiff_t>(axis), i);
      return at(in[0], index);
    }));
  }
  return out;
}

TARN_OP_CASES(pack) {
  OpCases cases;
  for (int axis : {0, 1, 2, -1, -3}) {
    cases.push_back({.op = "Pack",
                     .label = str_cat("2d, axis ", axis),
                     .attrs = {{"axis", axis}},
                     .inputs = {uniform({2, 3}), uniform({2, 3}, -1, 1, 2), uniform({2, 3}, -1, 1, 3)},
                     .reference = packed});
  }
  cases.push_back(
      {.op = "Pack", .label = "scalars", .inputs = {uniform({}), uniform({}, -1, 1, 2)}, .reference = packed});
  cases.push_back({.op = "Pack", .label = "one", .inputs = {uniform({3})}, .reference = packed});
  cases.push_back({.op = "Pack", .label = "empty", .inputs = {uniform({0}), uniform({0})}, .reference = packed});
  for (int axis : {0, 1, -1}) {
    cases.push_back({.op = "Unpack",
                     .label = str_cat("3d, axis ", axis),
                     .attrs = {{"axis", axis}, {"num", 3}},
                     .inputs = {uniform({3, 3, 3})},
                     .reference = unpacked});
  }
  cases.push_back(
      {.op = "Unpack", .label = "vector", .attrs = {{"num", 2}}, .inputs = {uniform({2})}, .reference = unpacked});
  cases.push_back(
      {.op = "Unpack", .label = "none", .attrs = {{"num", 0}}, .inputs = {uniform({0, 2})}, .reference = unpacked});
  return cases;
}

TEST(Pack, NamesTheShapesThatDiffer) {
  Result<Tensors> y = evaluate_op(op_table(), "Pack", {}, std::vector{iota({2}), iota({3})});

  EXPECT_EQ(y.status().message(),
            "Pack 'evaluate': all inputs must have the same shape: values[0] has [2], values[1] [3] (values[0] f64[2], "
            "values[1] f64[3])");
}

TEST(Unpack, RefusesANumThatIsNotTheDim) {
  EXPECT_EQ(evaluate_op(op_table(), "Unpack", {{"num", 3}}, std::vector{iota({2})}).status().code(),
            Code::kInvalidArgument);
}

}  // namespace
}  // namespace tarn::testing
