#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// variable[indices[i]] = f(variable[indices[i]], updates[i]), one after the other.
template <class F>
Tensors scattered(const Tensors& in, const F& f) {
  Tensor variable = copy_of(in[0]);
  std::vector<int64_t> indices = int_list(in[1]);
  std::span<double> values = variable.mutable_flat<double>();
  std::span<const double> updates = in[2].flat<double>();
  size_t inner = static_cast<size_t>(variable.element_count() / variable.shape().dim(0));
  for (size_t i = 0; i < indices.size(); ++i) {
    for (size_t k = 0; k < inner; ++k) {
      double& value = values[static_cast<size_t>(indices[i]) * inner + k];
      value = f(value, in[2].shape().is_scalar() ? updates[0] : updates[i * inner + k]);
    }
  }
  return {variable};
}

Tensors updated(const Tensors& in, const AttrMap&) {
  return scattered(in, [](double, double update) { return update; });
}
Tensors added(const Tensors& in, const AttrMap&) {
  return scattered(in, [](double old, double update) { return old + update; });
}
Tensors subtracted(const Tensors& in, const AttrMap&) {
  return scattered(in, [](double old, double update) { return old - update; });
}

TARN_OP_CASES(resource_scatter) {
  OpCases cases;
  struct Family {
    const char* op;
    Tensors (*reference)(const Tensors&, const AttrMap&);
  };
  for (const Family& family : {Family{"ResourceScatterUpdate", updated}, Family{"ResourceScatterAdd", added},
                               Family{"ResourceScatterSub", subtracted}}) {
    auto add_case = [&](std::string label, Tensors inputs) {
      cases.push_back({.op = family.op,
                       .label = std::move(label),
                       .inputs = std::move(inputs),
                       .reference = family.reference,
                       .sum_length = 3,  // a row named twice
                       .ref_inputs = {0}});
    };
    add_case("rows, one twice", {uniform({5, 3}), ints({4}, {4, 0, 2, 0}), uniform({4, 3})});
    add_case("a matrix of indices, int64",
             {uniform({4, 2}), Tensor::from<int64_t>({2, 2}, {1, 3, 0, 2}), uniform({2, 2, 2})});
    add_case("one number for all", {uniform({5, 3}), ints({2}, {1, 3}), doubles({}, {2})});
    add_case("a vector", {uniform({6}), ints({}, {5}), doubles({}, {3})});
    add_case("nothing", {uniform({5, 3}), ints({0}, {}), uniform({0, 3})});
    add_case("wide rows", {uniform({3, 20000}), ints({3}, {2, 0, 2}), uniform({3, 20000})});
  }
  return cases;
}

TEST(ResourceScatterAdd, NamesTheIndexAndChangesNothing) {
  Variable v("v");
  v.set_value(copy_of(iota({3, 2})));
  Variable* variables[] = {&v};
  auto add = [&](const Tensor& indices, const Tensor& updates) {
    return evaluate_op(op_table(), "ResourceScatterAdd", {}, std::vector{iota({3, 2}), indices, updates},
                       {.variables = variables})
        .status();
  };

  EXPECT_EQ(add(ints({2}, {0, 3}), iota({2, 2})).message(),
            "ResourceScatterAdd 'evaluate': indices[1] = 3 is not in [0, 3)");
  EXPECT_EQ(add(ints({2}, {0, 1}), iota({2, 3})).code(), Code::kInvalidArgument);

  EXPECT_TRUE(v.value().identical_to(iota({3, 2})));
}

}  // namespace
}  // namespace tarn::testing
