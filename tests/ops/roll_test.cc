#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors roll(const Tensors& in, const AttrMap&) {
  std::vector<int64_t> shifts = int_list(in[1]), axes = int_list(in[2]);
  const Shape& shape = in[0].shape();
  return {by_index(shape, [&](Index index) {
    for (size_t i = 0; i < axes.size(); ++i) {
      auto axis = static_cast<size_t>(axes[i] < 0 ? axes[i] + shape.rank() : axes[i]);
      int64_t size = shape.dim(static_cast<int>(axis));
      index[axis] = ((index[axis] - shifts[i]) % size + size) % size;
    }
    return at(in[0], index);
  })};
}

TARN_OP_CASES(roll) {
  auto roll_case = [](const char* label, const Shape& shape, Tensor shift, Tensor axis) {
    return OpCase{
        .op = "Roll", .label = label, .inputs = {uniform(shape), std::move(shift), std::move(axis)}, .reference = roll};
  };
  return {
      roll_case("a vector", {5}, ints({}, {2}), ints({}, {0})),
      roll_case("rows back", {4, 3}, ints({}, {-1}), ints({}, {0})),
      roll_case("two dims", {3, 4, 2}, ints({2}, {1, -6}), ints({2}, {0, -2})),
      roll_case("one dim twice", {3, 5}, ints({2}, {1, 2}), ints({2}, {1, 1})),
      roll_case("all the way round", {3, 2}, ints({1}, {6}), ints({1}, {0})),
      roll_case("more than one range", {3, 9001}, ints({2}, {1, 100}), ints({2}, {0, 1})),
      roll_case("no dims", {3}, ints({0}, {}), ints({0}, {})),
      roll_case("empty", {0, 3}, ints({}, {1}), ints({}, {0})),
  };
}

TEST(Roll, RefusesWhatDoesNotFit) {
  auto message = [](Tensor shift, Tensor axis) {
    auto y = evaluate_op(op_table(), "Roll", {}, std::vector<Tensor>{iota({3}), std::move(shift), std::move(axis)});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };

  EXPECT_EQ(message(ints({2}, {1, 2}), ints({1}, {0})),
            "Roll 'evaluate': shift and axis must have the same shape, have [2] and [1] (input f64[3], shift i32[2], "
            "axis i32[1])");
  EXPECT_NE(message(ints({}, {1}), ints({}, {1})), "accepted");
  EXPECT_NE(message(ints({1, 1}, {1}), ints({1, 1}, {0})), "accepted");
}

}  // namespace
}  // namespace tarn::testing
