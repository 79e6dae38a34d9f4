#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors clip(const Tensors& in, const AttrMap&) {
  Tensor capped = map2(in[0], in[2], [](double t, double high) { return t < high ? t : high; });
  return {map2(capped, in[1], [](double t, double low) { return t > low ? t : low; })};
}

TARN_OP_CASES(clip_by_value) {
  // Limits away from the elements: differences for the gradient do not cross them.
  auto clip_case = [](const char* label, const Tensor& t, const Tensor& low, const Tensor& high) {
    return OpCase{.op = "ClipByValue", .label = label, .inputs = {t, low, high}, .reference = clip};
  };
  Tensor t = doubles({2, 3}, {-9, -2, 1, 4, 11, 30});
  // TensorFlow's gradient of limits that cross is not the derivative: both may claim an element.
  OpCase crossing = clip_case("limits that cross", t, doubles({}, {7}), doubles({}, {3}));
  crossing.check_gradient = false;
  return {
      crossing,
      clip_case("scalars", t, doubles({}, {0}), doubles({}, {10})),
      clip_case("a limit for each", t, doubles({2, 3}, {-8, -3, 2, 3, 12, 0}), doubles({}, {20})),
      clip_case("limits for each", t, doubles({2, 3}, {0, 1, 2, 3, 4, 5}), doubles({2, 3}, {6, 7, 8, 9, 10, 12})),
      clip_case("empty", iota({0, 2}), doubles({}, {0}), doubles({}, {1})),
  };
}

TEST(ClipByValue, NamesALimitOfAnotherShape) {
  auto y = evaluate_op(op_table(), "ClipByValue", {},
                       std::vector<Tensor>{iota({2, 3}), doubles({}, {0}), doubles({3}, {1, 2, 3})});

  ASSERT_FALSE(y.ok());
  EXPECT_NE(y.status().message().find("'clip_value_max' must be a scalar or have the shape of t, [2,3], has [3]"),
            std::string_view::npos)
      << y.status().message();
}

}  // namespace
}  // namespace tarn::testing
