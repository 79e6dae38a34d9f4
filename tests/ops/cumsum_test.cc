#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// Every element on its own: all that come before it along the axis.
Tensors running(const Tensors& in, const AttrMap& attrs, bool product) {
  const Tensor& x = in[0];
  int rank = x.shape().rank();
  auto axis = static_cast<size_t>((int_list(in[1])[0] + rank) % rank);
  bool exclusive = attrs.get<bool>("exclusive"), reverse = attrs.get<bool>("reverse");
  return {by_index(x.shape(), [&](const Index& index) {
    double result = product ? 1 : 0;
    Index other = index;
    for (other[axis] = 0; other[axis] < x.shape().dim(static_cast<int>(axis)); ++other[axis]) {
      int64_t ahead = reverse ? other[axis] - index[axis] : index[axis] - other[axis];
      if (ahead < (exclusive ? 1 : 0)) continue;
      result = product ? result * at(x, other) : result + at(x, other);
    }
    return result;
  })};
}

Tensors sums(const Tensors& in, const AttrMap& attrs) {
  return running(in, attrs, false);
}
Tensors products(const Tensors& in, const AttrMap& attrs) {
  return running(in, attrs, true);
}

TARN_OP_CASES(cumsum) {
  OpCases cases;
  for (const char* op : {"Cumsum", "Cumprod"}) {
    bool product = op[3] == 'p';
    auto reference = product ? products : sums;
    // Away from 0, where the gradient of a product, like TensorFlow's, divides by it; integers stay small.
    auto numbers = [&](const Shape& shape) {
      return product ? map(uniform(shape, 1, 4), [](double x) { return static_cast<int>(x) == 3 ? 1 : 1.5; })
                     : uniform(shape);
    };
    for (bool exclusive : {false, true}) {
      for (bool reverse : {false, true}) {
        AttrMap attrs{{"exclusive", exclusive}, {"reverse", reverse}};
        std::string label = str_cat(exclusive ? " exclusive" : "", reverse ? " reverse" : "");
        cases.push_back({.op = op,
                         .label = "vector" + label,
                         .attrs = attrs,
                         .inputs = {numbers({6}), ints({}, {0})},
                         .reference = reference,
                         .sum_length = 6});
        cases.push_back({.op = op,
                         .label = "middle" + label,
                         .attrs = attrs,
                         .inputs = {numbers({2, 4, 3}), Tensor::scalar<int64_t>(-2)},
                         .reference = reference,
                         .sum_length = 4});
      }
    }
    cases.push_back({.op = op,
                     .label = "last",
                     .inputs = {numbers({3, 5}), ints({}, {1})},
                     .reference = reference,
                     .sum_length = 5});
    cases.push_back({.op = op, .label = "empty", .inputs = {numbers({0, 3}), ints({}, {0})}, .reference = reference});
  }
  // Lines enough for several threads.
  cases.push_back({.op = "Cumsum",
                   .label = "wide",
                   .inputs = {uniform({3, 7000}), ints({}, {0})},
                   .reference = sums,
                   .sum_length = 3,
                   .check_gradient = false /* nothing new in it */});
  return cases;
}

TEST(Cumsum, NamesAnAxisOutOfRange) {
  Result<Tensors> y = evaluate_op(op_table(), "Cumsum", {}, std::vector{iota({2, 2}), ints({}, {2})});

  EXPECT_EQ(y.status().message(),
            "Cumsum 'evaluate': axis 2 is out of range for rank 2: expected [-2, 2) (x f64[2,2], axis i32[])");
}

TEST(Cumsum, WrapsIntegers) {
  Tensor x = Tensor::from<int32_t>({2}, {INT32_MAX, 1});

  Tensors y = *evaluate_op(op_table(), "Cumsum", {}, std::vector{x, ints({}, {0})});

  EXPECT_EQ(y[0].flat<int32_t>()[1], INT32_MIN);
}

}  // namespace
}  // namespace tarn::testing
