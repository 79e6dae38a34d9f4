#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors spaced(const Tensors& in, const AttrMap&) {
  double start = in[0].item<double>(), stop = in[1].item<double>();
  int64_t count = int_list(in[2])[0];
  return {by_index({count}, [&](const Index& i) {
    return count == 1 ? start : start + (stop - start) * static_cast<double>(i[0]) / static_cast<double>(count - 1);
  })};
}

TARN_OP_CASES(lin_space) {
  auto of = [](const char* label, double start, double stop, Tensor count) {
    return OpCase{.op = "LinSpace",
                  .label = label,
                  .inputs = {doubles({}, {start}), doubles({}, {stop}), std::move(count)},
                  .reference = spaced};
  };
  return {of("up", -1, 1, ints({}, {7})), of("down, int64", 3, 0.5, Tensor::scalar<int64_t>(4)),
          of("one", 2, 9, ints({}, {1})), of("two", 0.1, 0.3, ints({}, {2}))};
}

TEST(LinSpace, RefusesNoNumbers) {
  auto refusal = [](const Tensor& count) {
    Result<Tensors> y =
        evaluate_op(op_table(), "LinSpace", {}, std::vector{Tensor::scalar(0.0f), Tensor::scalar(1.0f), count});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  EXPECT_NE(refusal(ints({}, {0})).find("input 'num' must be above 0, is 0"), std::string::npos);
  EXPECT_NE(refusal(ints({1}, {3})).find("must have rank 0"), std::string::npos);
}

}  // namespace
}  // namespace tarn::testing
