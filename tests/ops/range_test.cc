#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors counted(const Tensors& in, const AttrMap&) {
  double start = to_double(in[0]).item<double>(), limit = to_double(in[1]).item<double>(),
         delta = to_double(in[2]).item<double>();
  std::vector<double> values;
  for (double v = start; delta > 0 ? v < limit : v > limit; v += delta) values.push_back(v);
  return {Tensor::vector<double>(values)};
}

TARN_OP_CASES(range) {
  auto of = [](double start, double limit, double delta) {
    return Tensors{doubles({}, {start}), doubles({}, {limit}), doubles({}, {delta})};
  };
  return {
      {.op = "Range", .label = "up", .inputs = of(0, 5, 1), .reference = counted},
      {.op = "Range", .label = "down", .inputs = of(10, -1, -3), .reference = counted},
      {.op = "Range", .label = "empty", .inputs = of(3, 3, 1), .reference = counted},
      {.op = "Range", .label = "a step too far", .inputs = of(1, 8, 4), .reference = counted},
      {.op = "Range",
       .label = "fractions",
       .attrs = {{"Tidx", DType::kDouble}},
       .inputs = of(0.25, 2, 0.25),
       .reference = counted},
  };
}

TEST(Range, RefusesWhatHasNoEnd) {
  auto code = [](auto start, auto limit, auto delta) {
    return evaluate_op(op_table(), "Range", {},
                       std::vector{Tensor::scalar(start), Tensor::scalar(limit), Tensor::scalar(delta)})
        .status()
        .code();
  };
  EXPECT_EQ(code(0, 5, 0), Code::kInvalidArgument);
  EXPECT_EQ(code(0, 5, -1), Code::kInvalidArgument);
  EXPECT_EQ(code(0.0f, 5.0f, NAN), Code::kInvalidArgument);
  EXPECT_EQ(code(0.0f, INFINITY, 1.0f), Code::kInvalidArgument);
  EXPECT_EQ(code(INT64_MIN, INT64_MAX, int64_t{1}), Code::kInvalidArgument);
  EXPECT_EQ(code(INT64_MIN, INT64_MAX, INT64_MAX), Code::kOk);
  EXPECT_EQ(code(INT32_MAX, INT32_MIN, INT32_MIN), Code::kOk);
}

}  // namespace
}  // namespace tarn::testing
