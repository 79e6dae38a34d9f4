// Segment*, UnsortedSegmentProd, Max, Min (Sum is in gather_test.cc) and SparseSegment*.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// What a segment becomes: f of the list of its values, element by element; `empty` without any.
using Merge = std::function<double(const std::vector<double>&)>;

Tensor merge_rows(const Tensor& data, const std::vector<int64_t>& rows, const std::vector<int64_t>& ids, int id_rank,
                  int64_t segments, const Merge& merge, double empty) {
  Shape shape{segments};
  for (int d = id_rank; d < data.shape().rank(); ++d) shape.add_dim(data.shape().dim(d));
  auto inner = static_cast<size_t>(segments == 0 ? 0 : shape.elements() / segments);
  Tensor y = *Tensor::zeros(DType::kDouble, shape), wide = to_double(data);
  for (size_t segment = 0; segment < static_cast<size_t>(segments); ++segment) {
    for (size_t k = 0; k < inner; ++k) {
      std::vector<double> values;
      for (size_t i = 0; i < ids.size(); ++i) {
        if (ids[i] == static_cast<int64_t>(segment)) {
          values.push_back(wide.flat<double>()[static_cast<size_t>(rows[i]) * inner + k]);
        }
      }
      y.mutable_flat<double>()[segment * inner + k] = values.empty() ? empty : merge(values);
    }
  }
  return y;
}

std::vector<int64_t> all_rows(size_t n) {
  std::vector<int64_t> rows;
  for (size_t i = 0; i < n; ++i) rows.push_back(static_cast<int64_t>(i));
  return rows;
}

double sum(const std::vector<double>& v) {
  double total = 0;
  for (double x : v) total += x;
  return total;
}
double mean(const std::vector<double>& v) {
  return sum(v) / static_cast<double>(v.size());
}
double over_root(const std::vector<double>& v) {
  return sum(v) / std::sqrt(static_cast<double>(v.size()));
}
double product(const std::vector<double>& v) {
  double total = 1;
  for (double x : v) total *= x;
  return total;
}
double largest(const std::vector<double>& v) {
  return *std::max_element(v.begin(), v.end());
}
double smallest(const std::vector<double>& v) {
  return *std::min_element(v.begin(), v.end());
}

struct Op {
  const char* name;
  double (*merge)(const std::vector<double>&);
  double empty;
};

double extreme(DType dtype, bool lowest) {
  switch (dtype) {
    case DType::kFloat: return lowest ? std::numeric_limits<float>::lowest() : std::numeric_limits<float>::max();
    case DType::kDouble: return lowest ? std::numeric_limits<double>::lowest() : std::numeric_limits<double>::max();
    case DType::kHalf: return lowest ? -65504 : 65504;
    case DType::kBFloat16: return lowest ? -0x1.FEp127 : 0x1.FEp127;
    case DType::kUInt64: return lowest ? 0 : 0x1p64;
    case DType::kInt64: return lowest ? -0x1p63 : 0x1p63;
    default: break;
  }
  auto bits = static_cast<int>(8 * dtype_size(dtype));
  bool is_signed = !dtype_name(dtype).starts_with("u");
  if (lowest) return is_signed ? -std::ldexp(1.0, bits - 1) : 0;
  return std::ldexp(1.0, is_signed ? bits - 1 : bits) - 1;
}

TARN_OP_CASES(segment) {
  OpCases cases;
  for (const Op& op : {Op{"SegmentSum", sum, 0}, Op{"SegmentMean", mean, 0}, Op{"SegmentProd", product, 1},
                       Op{"SegmentMax", largest, 0}, Op{"SegmentMin", smallest, 0}}) {
    auto reference = [op](const Tensors& in, const AttrMap& attrs) {
      std::vector<int64_t> ids = int_list(in[1]);
      Tensor y = merge_rows(in[0], all_rows(ids.size()), ids, 1, ids.empty() ? 0 : ids.back() + 1, op.merge, op.empty);
      bool cuts = !dtype_is_floating(attrs.get<DType>("T"));
      return Tensors{cuts ? map(y, [](double x) { return std::trunc(x); }) : y};
    };
    auto add_case = [&](const char* label, Tensor data, Tensor ids) {
      cases.push_back({.op = op.name,
                       .label = label,
                       .inputs = {std::move(data), std::move(ids)},
                       .reference = reference,
                       .sum_length = 3,
                       .dynamic_shape = true});
    };
    add_case("rows", uniform({5, 3}, 0.5, 2), ints({5}, {0, 0, 1, 2, 2}));
    add_case("a gap, int64", uniform({4, 2, 2}, -2, 2), Tensor::from<int64_t>({4}, {0, 3, 3, 3}));
    add_case("numbers", uniform({3}, 0.5, 2), ints({3}, {1, 1, 2}));
    add_case("no rows", uniform({0, 2}), ints({0}, {}));
  }
  for (const Op& op : {Op{"UnsortedSegmentProd", product, 1}, Op{"UnsortedSegmentMax", largest, -1},
                       Op{"UnsortedSegmentMin", smallest, -2}}) {
    auto reference = [op](const Tensors& in, const AttrMap& attrs) {
      std::vector<int64_t> ids = int_list(in[1]);
      double empty = op.empty == 1 ? 1 : extreme(attrs.get<DType>("T"), op.empty == -1);
      return Tensors{
          merge_rows(in[0], all_rows(ids.size()), ids, in[1].shape().rank(), int_list(in[2])[0], op.merge, empty)};
    };
    auto add_case = [&](const char* label, Tensor data, Tensor ids, int32_t segments) {
      cases.push_back({.op = op.name,
                       .label = label,
                       .inputs = {std::move(data), std::move(ids), ints({}, {segments})},
                       .reference = reference,
                       .sum_length = 3});
    };
    add_case("rows", uniform({5, 2}, 0.5, 2), ints({5}, {1, 0, 1, 2, 1}), 3);
    add_case("a matrix of ids", uniform({2, 2}), ints({2, 2}, {0, 1, 1, 0}), 2);
    add_case("one row left out", uniform({3, 2}), Tensor::from<int64_t>({3}, {0, -1, 1}), 2);
  }
  // 64-bit extremes are not exact in the reference's double: these run without them.
  for (const Op& op : {Op{"UnsortedSegmentMax", largest, -1}, Op{"UnsortedSegmentMin", smallest, -2}}) {
    for (DType dtype : {DType::kFloat, DType::kInt8, DType::kHalf}) {
      cases.push_back({.op = op.name,
                       .label = str_cat("an empty segment, ", dtype_name(dtype)),
                       .inputs = {to_dtype(doubles({2, 1}, {3, 5}), dtype), ints({2}, {2, 0}), ints({}, {4})},
                       .reference = [op](const Tensors& in, const AttrMap& attrs) {
                         return Tensors{merge_rows(in[0], {0, 1}, int_list(in[1]), 1, 4, op.merge,
                                                   extreme(attrs.get<DType>("T"), op.empty == -1))};
                       }});
    }
  }
  for (const Op& op :
       {Op{"SparseSegmentSum", sum, 0}, Op{"SparseSegmentMean", mean, 0}, Op{"SparseSegmentSqrtN", over_root, 0}}) {
    auto reference = [op](const Tensors& in, const AttrMap&) {
      std::vector<int64_t> ids = int_list(in[2]);
      int64_t segments = in.size() > 3 ? int_list(in[3])[0] : ids.empty() ? 0 : ids.back() + 1;
      return Tensors{merge_rows(in[0], int_list(in[1]), ids, 1, segments, op.merge, 0)};
    };
    for (bool counted : {false, true}) {
      auto add_case = [&](const char* label, Tensor data, Tensor rows, Tensor ids, int32_t segments) {
        Tensors inputs = {std::move(data), std::move(rows), std::move(ids)};
        if (counted) inputs.push_back(ints({}, {segments}));
        cases.push_back({.op = str_cat(op.name, counted ? "WithNumSegments" : ""),
                         .label = label,
                         .inputs = std::move(inputs),
                         .reference = reference,
                         .sum_length = 3,
                         .dynamic_shape = true});
      };
      add_case("rows", uniform({4, 3}), ints({4}, {3, 0, 0, 1}), ints({4}, {0, 0, 1, 1}), 2);
      add_case("gaps, int64", uniform({2, 2, 2}), Tensor::from<int64_t>({3}, {1, 1, 0}), ints({3}, {1, 1, 3}), 6);
      add_case("none", uniform({2, 2}), ints({0}, {}), ints({0}, {}), 1);
    }
  }
  return cases;
}

std::string refusal(const char* op, const Tensors& inputs) {
  Result<Tensors> y = evaluate_op(op_table(), op, {}, inputs);
  return y.ok() ? "accepted" : std::string(y.status().message());
}

TEST(Segment, NamesTheIdThatFalls) {
  EXPECT_EQ(refusal("SegmentSum", {iota({3, 2}), ints({3}, {0, 2, 1})}),
            "SegmentSum 'evaluate': segment_ids[2] = 1 is below 2: ids are >= 0 and never fall (data f64[3,2], "
            "segment_ids i32[3])");
  EXPECT_NE(refusal("SegmentMax", {iota({1, 2}), ints({1}, {-1})}), "accepted");
  EXPECT_NE(refusal("SegmentMin", {iota({2, 2}), ints({3}, {0, 0, 0})}), "accepted");
}

TEST(UnsortedSegment, NamesTheIdThatIsTooLarge) {
  EXPECT_EQ(refusal("UnsortedSegmentMax", {iota({2}), ints({2}, {0, 5}), ints({}, {3})}),
            "UnsortedSegmentMax 'evaluate': segment_ids[1] = 5 is not below 3");
}

TEST(SparseSegment, NamesTheRowThatIsNotThere) {
  EXPECT_EQ(refusal("SparseSegmentSum", {iota({2, 2}), ints({2}, {0, 2}), ints({2}, {0, 0})}),
            "SparseSegmentSum 'evaluate': indices[1] = 2 is not in [0, 2)");
  EXPECT_NE(refusal("SparseSegmentMeanWithNumSegments", {iota({2, 2}), ints({1}, {0}), ints({1}, {3}), ints({}, {3})}),
            "accepted");
}

}  // namespace
}  // namespace tarn::testing
