// SparseReduceSum and SparseReduceMax.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensor longs(const Shape& shape, std::initializer_list<int64_t> values) {
  return Tensor::from<int64_t>(shape, std::vector<int64_t>(values));
}

// Entries of a sparse tensor by their places.
std::multimap<Index, double> entries_of(const Tensor& indices, const Tensor& values) {
  std::multimap<Index, double> entries;
  std::vector<int64_t> all = int_list(indices);
  int64_t rank = indices.shape().dim(1);
  for (int64_t i = 0; i < values.element_count(); ++i) {
    entries.emplace(Index(all.begin() + i * rank, all.begin() + (i + 1) * rank), at(values, {i}));
  }
  return entries;
}

using Combine = double (*)(double, double);
double sum(double a, double b) {
  return a + b;
}
double larger(double a, double b) {
  return std::max(a, b);
}

template <Combine combine>
Tensors reduced(const Tensors& in, const AttrMap& attrs) {
  std::vector<int64_t> shape = int_list(in[2]), axes = int_list(in[3]), kept;
  auto rank = static_cast<int64_t>(shape.size());
  auto is_reduced = [&](int64_t d) {
    return std::any_of(axes.begin(), axes.end(), [&](int64_t axis) { return axis == d || axis + rank == d; });
  };
  auto place_of = [&](const Index& index) {
    Index place;
    for (int64_t d = 0; d < rank; ++d) {
      if (!is_reduced(d)) place.push_back(index[static_cast<size_t>(d)]);
      if (is_reduced(d) && attrs.get<bool>("keep_dims")) place.push_back(0);
    }
    return place;
  };
  std::map<Index, double> results;
  for (const auto& [index, value] : entries_of(in[0], in[1])) {
    auto [found, is_new] = results.emplace(place_of(index), value);
    if (!is_new) found->second = combine(found->second, value);
  }
  Index last = place_of(shape);
  for (int64_t d = 0, k = 0; d < rank; ++d) {
    if (is_reduced(d) && !attrs.get<bool>("keep_dims")) continue;
    last[static_cast<size_t>(k)] = is_reduced(d) ? 1 : last[static_cast<size_t>(k)];
    ++k;
  }
  return {by_index(Shape(last), [&](const Index& index) { return results.contains(index) ? results[index] : 0; })};
}

TARN_OP_CASES(sparse_reduce) {
  OpCases cases;
  Tensor places = longs({4, 3}, {0, 1, 2, 0, 2, 0, 1, 0, 1, 1, 0, 3}), shape = longs({3}, {2, 3, 4});
  auto add = [&](const char* op, auto reference) {
    auto reduce = [&](const char* label, const Tensor& values, const Tensor& axes, bool keep_dims) {
      Tensor where = values.element_count() == 0 ? longs({0, 3}, {}) : places;
      cases.push_back({.op = op,
                       .label = str_cat(label, keep_dims ? ", dims kept" : ""),
                       .attrs = {{"keep_dims", keep_dims}},
                       .inputs = {where, values, shape, axes},
                       .reference = reference,
                       .sum_length = 4});
    };
    for (bool keep_dims : {false, true}) {
      reduce("an axis", uniform({4}), ints({1}, {1}), keep_dims);
      reduce("two", uniform({4}), ints({2}, {-1, 0}), keep_dims);
      reduce("all", uniform({4}), ints({3}, {0, 1, 2}), keep_dims);
      reduce("a scalar axis", uniform({4}), ints({}, {2}), keep_dims);
      reduce("none", uniform({4}), ints({0}, {}), keep_dims);
      reduce("no values", uniform({0}), ints({1}, {1}), keep_dims);
    }
  };
  add("SparseReduceSum", reduced<sum>);
  add("SparseReduceMax", reduced<larger>);
  return cases;
}

TEST(SparseReduceSum, NamesTheIndexOutOfRange) {
  Result<Tensors> y =
      evaluate_op(op_table(), "SparseReduceSum", {},
                  std::vector{longs({2, 2}, {0, 0, 1, 3}), iota({2}), longs({2}, {2, 3}), ints({1}, {0})});

  ASSERT_FALSE(y.ok());
  EXPECT_NE(y.status().message().find("input_indices[1,1] = 3 is not in [0, 3)"), std::string::npos);
}

}  // namespace
}  // namespace tarn::testing
