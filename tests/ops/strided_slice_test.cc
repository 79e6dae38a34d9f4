#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>

#include "graph/session.h"
#include "graph/text.h"
#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// NumPy's slice, one dim at a time, read from its documentation: which positions of a dim of size n are visited.
std::vector<int64_t> positions(int64_t n, std::optional<int64_t> begin, std::optional<int64_t> end, int64_t stride) {
  std::vector<int64_t> result;
  int64_t first = stride > 0 ? 0 : n - 1, past = stride > 0 ? n : -1;
  if (begin) first = *begin < 0 ? *begin + n : *begin;
  if (end) past = *end < 0 ? *end + n : *end;
  if (stride > 0) first = std::max<int64_t>(first, 0), past = std::min(past, n);
  if (stride < 0) first = std::min(first, n - 1), past = std::max<int64_t>(past, -1);
  for (int64_t i = first; stride > 0 ? i < past : i > past; i += stride) result.push_back(i);
  return result;
}

// How the result is made: for each dim of the input the positions taken; for each dim of the output the dim of the
// input it shows, or -1 for a new one.
struct Selection {
  std::vector<std::vector<int64_t>> taken;
  std::vector<int> shown;
  Shape shape;
};

Selection select(const Shape& input, const Tensors& bounds, const AttrMap& attrs) {
  std::vector<int64_t> begin = int_list(bounds[0]), end = int_list(bounds[1]), stride = int_list(bounds[2]);
  auto bit = [&](const char* mask, size_t i) { return (attrs.get<int64_t>(mask) >> i & 1) != 0; };
  Selection s;
  size_t consumed = 0;
  for (size_t i = 0; i < begin.size(); ++i) consumed += bit("ellipsis_mask", i) || bit("new_axis_mask", i) ? 0 : 1;
  auto whole = [&](size_t n) {
    for (size_t k = 0; k < n; ++k) {
      auto d = static_cast<int>(s.taken.size());
      s.taken.push_back(positions(input.dim(d), {}, {}, 1));
      s.shown.push_back(d);
    }
  };
  for (size_t i = 0; i < begin.size(); ++i) {
    auto d = static_cast<int>(s.taken.size());
    if (bit("ellipsis_mask", i)) {
      whole(static_cast<size_t>(input.rank()) - consumed);
    } else if (bit("new_axis_mask", i)) {
      s.shown.push_back(-1);
    } else if (bit("shrink_axis_mask", i)) {
      s.taken.push_back({begin[i] < 0 ? begin[i] + input.dim(d) : begin[i]});
    } else {
      std::optional<int64_t> b, e;
      if (!bit("begin_mask", i)) b = begin[i];
      if (!bit("end_mask", i)) e = end[i];
      s.taken.push_back(positions(input.dim(d), b, e, stride[i]));
      s.shown.push_back(d);
    }
  }
  whole(static_cast<size_t>(input.rank()) - s.taken.size());
  for (int d : s.shown) s.shape.add_dim(d < 0 ? 1 : static_cast<int64_t>(s.taken[static_cast<size_t>(d)].size()));
  return s;
}

Index source(const Selection& s, const Index& index) {
  Index from;
  for (const std::vector<int64_t>& taken : s.taken) from.push_back(taken.empty() ? 0 : taken[0]);
  for (size_t k = 0; k < s.shown.size(); ++k) {
    if (s.shown[k] < 0) continue;
    auto d = static_cast<size_t>(s.shown[k]);
    from[d] = s.taken[d][static_cast<size_t>(index[k])];
  }
  return from;
}

Tensors sliced(const Tensors& in, const AttrMap& attrs) {
  Selection s = select(in[0].shape(), {in[1], in[2], in[3]}, attrs);
  return {by_index(s.shape, [&](const Index& index) { return at(in[0], source(s, index)); })};
}

Tensors scattered(const Tensors& in, const AttrMap& attrs) {
  std::vector<int64_t> dims = int_list(in[0]);
  Shape shape{std::span<const int64_t>(dims)};
  Selection s = select(shape, {in[1], in[2], in[3]}, attrs);
  std::map<Index, double> values;
  by_index(s.shape, [&](const Index& index) { return values[source(s, index)] = at(in[4], index); });
  return {by_index(shape, [&](const Index& index) { return values.contains(index) ? values[index] : 0; })};
}

struct Spec {
  std::string label;
  Shape shape;
  std::vector<int32_t> begin, end, stride;
  AttrMap masks = {};
};

TARN_OP_CASES(strided_slice) {
  const std::vector<Spec> specs = {
      {"1:3", {5}, {1}, {3}, {1}},
      {"::2, 1::3", {5, 7}, {0, 1}, {0, 0}, {2, 3}, {{"begin_mask", 1}, {"end_mask", 3}}},
      {"::-1", {4, 3}, {0}, {0}, {-1}, {{"begin_mask", 1}, {"end_mask", 1}}},
      {"-2:-5:-2", {6}, {-2}, {-5}, {-2}},
      {"..., 0", {2, 3, 4}, {0, 0}, {0, 1}, {1, 1}, {{"ellipsis_mask", 1}, {"shrink_axis_mask", 2}}},
      {"1, ..., newaxis, 0:2",
       {3, 2, 4},
       {1, 0, 0, 0},
       {2, 0, 0, 2},
       {1, 1, 1, 1},
       {{"ellipsis_mask", 2}, {"new_axis_mask", 4}, {"shrink_axis_mask", 1}}},
      {"newaxis first", {3}, {0}, {0}, {1}, {{"new_axis_mask", 1}}},
      {"-1 shrinks", {4, 2}, {-1}, {0}, {1}, {{"shrink_axis_mask", 1}}},
      {"beyond both ends", {3}, {-100}, {100}, {2}},
      {"nothing", {3, 2}, {2}, {1}, {1}},
      {"of an empty dim", {0, 3}, {0}, {5}, {1}},
      {"a stride longer than the dim", {3}, {0}, {3}, {INT32_MAX}},
      {"no spec", {2, 3}, {}, {}, {}},
  };
  OpCases cases;
  for (const Spec& spec : specs) {
    auto vector = [](const std::vector<int32_t>& v) { return Tensor::vector<int32_t>(v); };
    Tensors bounds = {vector(spec.begin), vector(spec.end), vector(spec.stride)};
    Tensor x = uniform(spec.shape);
    cases.push_back({.op = "StridedSlice",
                     .label = spec.label,
                     .attrs = spec.masks,
                     .inputs = {x, bounds[0], bounds[1], bounds[2]},
                     .reference = sliced});
    AttrMap masks = spec.masks;
    for (const char* name : {"begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"}) {
      if (!masks.contains(name)) masks.set(name, 0);
    }
    Tensor dy = uniform(select(spec.shape, bounds, masks).shape);
    std::vector<int32_t> dims(spec.shape.dims().begin(), spec.shape.dims().end());
    cases.push_back({.op = "StridedSliceGrad",
                     .label = spec.label,
                     .attrs = spec.masks,
                     .inputs = {vector(dims), bounds[0], bounds[1], bounds[2], dy},
                     .reference = scattered});
  }
  auto wide = [](int64_t v) { return Tensor::from<int64_t>({1}, {v}); };
  cases.push_back({.op = "StridedSlice",
                   .label = "int64",
                   .inputs = {uniform({5, 2}), wide(1), wide(4), wide(2)},
                   .reference = sliced});
  cases.push_back({.op = "StridedSlice",
                   .label = "many rows",
                   .inputs = {uniform({300, 200}), ints({2}, {10, 150}), ints({2}, {290, 20}), ints({2}, {1, -1})},
                   .reference = sliced,
                   .check_gradient = false /* large; the same code as above */});
  return cases;
}

std::string refusal(const Tensors& inputs, AttrMap attrs = {}) {
  Result<Tensors> y = evaluate_op(op_table(), "StridedSlice", std::move(attrs), inputs);
  return y.ok() ? "accepted" : std::string(y.status().message());
}

TEST(StridedSlice, RefusesWhatCannotBeSliced) {
  Tensor one = ints({1}, {1}), zero = ints({1}, {0}), x = iota({4});
  EXPECT_EQ(
      refusal({x, zero, one, zero}),
      "StridedSlice 'evaluate': strides[0] must not be 0 (input f64[4], begin i32[1], end i32[1], strides i32[1])");
  EXPECT_EQ(refusal({x, ints({1}, {9}), one, one}, {{"shrink_axis_mask", 1}}),
            "StridedSlice 'evaluate': begin[0]: slice index 9 of dimension 0 is out of bounds for size 4 (input "
            "f64[4], begin "
            "i32[1], end i32[1], strides i32[1])");
  Tensor two = ints({2}, {0, 0}), ones = ints({2}, {1, 1});
  EXPECT_NE(refusal({x, two, ones, ones}, {{"ellipsis_mask", 3}}), "accepted");
  EXPECT_NE(refusal({x, two, ones, ones}), "accepted") << "two dims of a vector";
  EXPECT_NE(refusal({x, zero, ones, one}), "accepted") << "lengths differ";
  EXPECT_NE(refusal({x, zero, one, ints({1}, {-1})}, {{"shrink_axis_mask", 1}}), "accepted");
  Tensor long33 = *Tensor::zeros(DType::kInt32, Shape{33});
  EXPECT_NE(refusal({x, long33, long33, long33}), "accepted");
  EXPECT_EQ(refusal({x, zero, one, ints({1}, {INT32_MIN})}), "accepted");
}

TEST(StridedSlice, KeepsPartsOfAKnownShapeKnown) {
  // shape[1:2] shrunk, as in tf.shape(x)[1]
  Result<Tensors> y = evaluate_op(op_table(), "StridedSlice", {{"shrink_axis_mask", 1}},
                                  std::vector{ints({3}, {7, 8, 9}), ints({1}, {1}), ints({1}, {2}), ints({1}, {1})});

  ASSERT_TRUE(y.ok());
  EXPECT_EQ((*y)[0].to_string(), "i32[]{8}");
}

// shape[i] of an i, or a step, that is not known yet was taken for shape[0].
TEST(StridedSlice, KnowsNothingOfAPartThatIsNotKnown) {
  for (std::string_view unknown : {"begin", "strides"}) {
    SCOPED_TRACE(unknown);
    Result<Graph> graph = graph_from_text(
        str_cat("shape: i32[3] = {7, 8, 9}\nend: i32[1] = {2}\n", unknown == "begin" ? "strides" : "begin",
                ": i32[1] = {1}\n", unknown, ": i32[1] = Placeholder\n",
                "d = StridedSlice(shape, begin, end, strides) {shrink_axis_mask=1}\n", "z = Pack(d, d)\n"));
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    std::vector<Tensor> values;

    Status status = Session(*graph).Run({{std::string(unknown), ints({1}, {1})}}, {"d", "z"}, &values);

    ASSERT_TRUE(status.ok()) << status.to_string();
    EXPECT_EQ(values[0].to_string(), "i32[]{8}");
    EXPECT_EQ(values[1].to_string(), "i32[2]{8, 8}");
  }
}

}  // namespace
}  // namespace tarn::testing
