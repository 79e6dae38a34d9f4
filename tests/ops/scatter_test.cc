#include <gtest/gtest.h>

#include <algorithm>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

using Combine = double (*)(double, double);

double later(double, double update) {
  return update;
}
double sum(double old, double update) {
  return old + update;
}
double rest(double old, double update) {
  return old - update;
}
double product(double old, double update) {
  return old * update;
}
double quotient(double old, double update) {
  return old / update;
}
double smaller(double old, double update) {
  return std::min(old, update);
}
double larger(double old, double update) {
  return std::max(old, update);
}

// variable[indices[i]] = combine(variable[indices[i]], updates[i]), one after the other.
template <Combine combine>
Tensors rows_changed(const Tensors& in, const AttrMap&) {
  Tensor variable = copy_of(in[0]);
  std::vector<int64_t> indices = int_list(in[1]);
  std::span<double> values = variable.mutable_flat<double>();
  std::span<const double> updates = in[2].flat<double>();
  size_t inner = static_cast<size_t>(variable.element_count() / variable.shape().dim(0));
  for (size_t i = 0; i < indices.size(); ++i) {
    for (size_t k = 0; k < inner; ++k) {
      double& value = values[static_cast<size_t>(indices[i]) * inner + k];
      value = combine(value, in[2].shape().is_scalar() ? updates[0] : updates[i * inner + k]);
    }
  }
  return {variable, variable};
}

// The same for slices, named by the rows of indices.
template <Combine combine>
Tensors slices_changed(const Tensors& in, const AttrMap&) {
  Tensor indices = to_double(in[1]), values = copy_of(in[0]);
  int rank = indices.shape().rank();
  Tensor changed = by_index(in[0].shape(), [&](const Index& wanted) {
    double value = at(in[0], wanted);
    by_index(in[2].shape(), [&](const Index& index) {
      Index row(index.begin(), index.begin() + rank - 1), place;
      for (int64_t k = 0; k < indices.shape().dim(-1); ++k) {
        row.push_back(k);
        place.push_back(static_cast<int64_t>(at(indices, row)));
        row.pop_back();
      }
      place.insert(place.end(), index.begin() + rank - 1, index.end());
      if (place == wanted) value = combine(value, at(in[2], index));
      return 0.0;
    });
    return value;
  });
  return {changed, changed};
}

// For a reference and, as it returns nothing, for a resource.
void add_both(OpCases& cases, OpCase by_reference) {
  by_reference.sum_length = 3;  // a part named twice
  by_reference.ref_inputs = {0};
  by_reference.numbers_only = true;
  cases.push_back(by_reference);
  cases.push_back(on_resources(std::move(by_reference)));
}

template <Combine combine>
void add_row_cases(OpCases& cases, const char* op) {
  auto add_case = [&](const char* label, Tensors inputs) {
    add_both(cases, {.op = op, .label = label, .inputs = std::move(inputs), .reference = rows_changed<combine>});
  };
  // No update is 0: integers are divided by them.
  add_case("rows, one twice", {uniform({5, 3}), ints({4}, {4, 0, 2, 0}), uniform({4, 3}, 1, 2)});
  add_case("a matrix of indices, int64",
           {uniform({4, 2}), Tensor::from<int64_t>({2, 2}, {1, 3, 0, 2}), uniform({2, 2, 2}, 1, 2)});
  add_case("one number for all", {uniform({5, 3}), ints({2}, {1, 3}), doubles({}, {2})});
  add_case("a vector", {uniform({6}), ints({}, {5}), doubles({}, {3})});
  add_case("nothing", {uniform({5, 3}), ints({0}, {}), uniform({0, 3})});
  add_case("wide rows", {uniform({3, 20000}), ints({3}, {2, 0, 2}), uniform({3, 20000}, 1, 2)});
}

TARN_OP_CASES(scatter) {
  OpCases cases;
  add_row_cases<later>(cases, "ScatterUpdate");
  add_row_cases<sum>(cases, "ScatterAdd");
  add_row_cases<rest>(cases, "ScatterSub");
  add_row_cases<product>(cases, "ScatterMul");
  add_row_cases<quotient>(cases, "ScatterDiv");
  add_row_cases<smaller>(cases, "ScatterMin");
  add_row_cases<larger>(cases, "ScatterMax");
  return cases;
}

template <Combine combine>
void add_slice_cases(OpCases& cases, const char* op) {
  auto add_case = [&](const char* label, Tensors inputs) {
    add_both(cases, {.op = op, .label = label, .inputs = std::move(inputs), .reference = slices_changed<combine>});
  };
  add_case("rows, one twice", {uniform({4, 3}), ints({3, 1}, {3, 1, 3}), uniform({3, 3}, -1, 1, 2)});
  add_case("cells",
           {uniform({4, 3}), Tensor::from<int64_t>({2, 2, 2}, {0, 1, 3, 2, 2, 1, 1, 0}), uniform({2, 2}, -1, 1, 2)});
  add_case("one cell", {uniform({2, 3, 4}), ints({3}, {1, 2, 0}), uniform({}, -1, 1, 2)});
  add_case("the whole", {uniform({2, 3}), ints({1, 0}, {}), uniform({1, 2, 3}, -1, 1, 2)});
  add_case("nothing", {uniform({2, 3}), ints({0, 1}, {}), uniform({0, 3})});
}

TARN_OP_CASES(scatter_nd_update) {
  OpCases cases;
  add_slice_cases<later>(cases, "ScatterNdUpdate");
  add_slice_cases<sum>(cases, "ScatterNdAdd");
  add_slice_cases<rest>(cases, "ScatterNdSub");
  add_slice_cases<smaller>(cases, "ScatterNdMin");
  add_slice_cases<larger>(cases, "ScatterNdMax");
  return cases;
}

TEST(Scatter, NamesTheIndexAndChangesNothing) {
  Variable v("v");
  v.set_value(copy_of(iota({3, 2})));
  Variable* variables[] = {&v};
  auto refusal = [&](const char* op, const Tensor& indices, const Tensor& updates) {
    Result<Tensors> y =
        evaluate_op(op_table(), op, {}, std::vector{iota({3, 2}), indices, updates}, {.variables = variables});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };

  EXPECT_EQ(refusal("ResourceScatterAdd", ints({2}, {0, 3}), iota({2, 2})),
            "ResourceScatterAdd 'evaluate': indices[1] = 3 is not in [0, 3)");
  EXPECT_NE(refusal("ScatterUpdate", ints({2}, {-1, 0}), iota({2, 2})).find("indices[0] = -1 is not in [0, 3)"),
            std::string::npos);
  EXPECT_NE(refusal("ScatterMul", ints({2}, {0, 1}), iota({2, 3})).find("updates must have the shape [2,2]"),
            std::string::npos);
  EXPECT_NE(refusal("ScatterNdAdd", ints({2, 1}, {0, 3}), iota({2, 2}))
                .find("row 1 of indices names [3], which is not in the variable [3,2]"),
            std::string::npos);
  EXPECT_NE(refusal("ResourceScatterNdUpdate", ints({2, 1}, {0, 1}), iota({2, 3})).find("must have shape [2,2]"),
            std::string::npos);
  EXPECT_NE(refusal("ScatterNdSub", ints({1, 3}, {0, 0, 0}), iota({1})).find("too long"), std::string::npos);

  EXPECT_TRUE(v.value().identical_to(iota({3, 2})));
}

TEST(ScatterDiv, OfIntegersRefusesZeroAndWraps) {
  Variable v("v");
  v.set_value(ints({2}, {INT32_MIN, 7}));
  Variable* variables[] = {&v};
  auto divide = [&](const Tensor& indices, const Tensor& updates) {
    return evaluate_op(op_table(), "ScatterDiv", {}, std::vector{ints({2}, {0, 0}), indices, updates},
                       {.variables = variables})
        .status();
  };

  EXPECT_NE(divide(ints({2}, {1, 0}), ints({2}, {2, 0})).message().find("division by zero: updates[1] is 0"),
            std::string::npos);
  EXPECT_TRUE(divide(ints({0}, {}), ints({}, {0})).ok());
  EXPECT_TRUE(divide(ints({2}, {0, 1}), ints({2}, {-1, -2})).ok());

  EXPECT_EQ(v.value().to_string(), "i32[2]{-2147483648, -3}");
}

}  // namespace
}  // namespace tarn::testing
