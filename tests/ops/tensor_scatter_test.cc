#include <gtest/gtest.h>

#include <algorithm>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// The coordinates in row `index[:-1]` of indices, then those within the slice.
Index place_of(const Tensor& indices, const Index& index) {
  int rank = indices.shape().rank();
  Index row(index.begin(), index.begin() + rank - 1), place;
  for (int64_t k = 0; k < indices.shape().dim(-1); ++k) {
    row.push_back(k);
    place.push_back(static_cast<int64_t>(at(indices, row)));
    row.pop_back();
  }
  place.insert(place.end(), index.begin() + rank - 1, index.end());
  return place;
}

using Combine = double (*)(double, double);

template <Combine combine>
Tensors scattered(const Tensors& in, const AttrMap&) {
  Tensor indices = to_double(in[1]);
  return {by_index(in[0].shape(), [&](const Index& wanted) {
    double value = at(in[0], wanted);
    by_index(in[2].shape(), [&](const Index& index) {
      if (place_of(indices, index) == wanted) value = combine(value, at(in[2], index));
      return 0.0;
    });
    return value;
  })};
}

double later(double, double update) {
  return update;
}
double sum(double x, double update) {
  return x + update;
}
double rest(double x, double update) {
  return x - update;
}
double larger(double x, double update) {
  return std::max(x, update);
}
double smaller(double x, double update) {
  return std::min(x, update);
}

TARN_OP_CASES(tensor_scatter) {
  OpCases cases;
  auto add = [&](const char* op, auto reference) {
    auto scatter = [&](const char* label, const Tensor& x, const Tensor& indices, const Tensor& updates) {
      cases.push_back({.op = op,
                       .label = label,
                       .inputs = {x, indices, updates},
                       .reference = reference,
                       .sum_length = 3,
                       .numbers_only = true});
    };
    scatter("rows", uniform({4, 3}), ints({2, 1}, {3, 1}), uniform({2, 3}, -1, 1, 2));
    scatter("cells", uniform({4, 3}), Tensor::from<int64_t>({2, 2, 2}, {0, 1, 3, 2, 2, 1, 1, 0}),
            uniform({2, 2}, -1, 1, 2));
    scatter("one cell", uniform({2, 3, 4}), ints({3}, {1, 2, 0}), uniform({}, -1, 1, 2));
    scatter("nothing", uniform({2, 3}), ints({0, 1}, {}), uniform({0, 3}));
    if (std::string_view(op) == "TensorScatterUpdate") return;  // the earlier update would have a gradient too
    scatter("one row twice", uniform({4, 2}), ints({3, 1}, {2, 0, 2}), uniform({3, 2}, -1, 1, 2));
  };
  add("TensorScatterUpdate", scattered<later>);
  add("TensorScatterAdd", scattered<sum>);
  add("TensorScatterSub", scattered<rest>);
  add("TensorScatterMax", scattered<larger>);
  add("TensorScatterMin", scattered<smaller>);
  return cases;
}

TEST(TensorScatter, NamesTheRowThatIsNotInTheTensor) {
  auto refusal = [](const Tensor& indices, const Tensor& updates) {
    auto y = evaluate_op(op_table(), "TensorScatterUpdate", {}, std::vector<Tensor>{iota({4, 3}), indices, updates});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };

  EXPECT_NE(
      refusal(ints({2, 1}, {1, 4}), iota({2, 3})).find("row 1 of indices names [4], which is not in tensor [4,3]"),
      std::string::npos);
  EXPECT_NE(refusal(ints({2, 1}, {1, 0}), iota({3, 3})).find("updates must have shape [2,3]"), std::string::npos);
  EXPECT_NE(refusal(ints({1, 3}, {0, 0, 0}), iota({1})).find("too long"), std::string::npos);
}

}  // namespace
}  // namespace tarn::testing
