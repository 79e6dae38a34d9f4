// Bincount, DenseBincount (whose values are in sparse_test.cc) and HistogramFixedWidth.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors count(const Tensors& in, const AttrMap&) {
  std::vector<int64_t> values = int_list(in[0]);
  int64_t size = int_list(in[1])[0];
  Tensor y = *Tensor::zeros(DType::kDouble, Shape{size});
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] >= size) continue;
    y.mutable_flat<double>()[static_cast<size_t>(values[i])] +=
        in[2].element_count() == 0 ? 1 : in[2].flat<double>()[i];
  }
  return {y};
}

// Part by part: how many values are in [low + part * width, low + (part + 1) * width).
Tensors histogram(const Tensors& in, const AttrMap& attrs) {
  double low = in[1].flat<double>()[0], high = in[1].flat<double>()[1];
  int64_t bins = int_list(in[2])[0];
  std::vector<int64_t> counts(static_cast<size_t>(bins));
  for (int64_t bin = 0; bin < bins; ++bin) {
    double from = low + (high - low) / static_cast<double>(bins) * static_cast<double>(bin);
    double to = from + (high - low) / static_cast<double>(bins);
    for (double v : in[0].flat<double>()) {
      bool above = bin == 0 || v >= from, below = bin == bins - 1 || v < to;
      counts[static_cast<size_t>(bin)] += above && below ? 1 : 0;
    }
  }
  if (attrs.get<DType>("dtype") == DType::kInt64) {
    return {Tensor::from<int64_t>({bins}, std::span<const int64_t>(counts))};
  }
  std::vector<int32_t> narrow(counts.begin(), counts.end());
  return {Tensor::from<int32_t>({bins}, std::span<const int32_t>(narrow))};
}

TARN_OP_CASES(bincount) {
  Tensor none = doubles({0}, {});
  auto bincount = [](const char* label, Tensor values, Tensor size, Tensor weights) {
    return OpCase{.op = "Bincount",
                  .label = label,
                  .inputs = {std::move(values), std::move(size), std::move(weights)},
                  .reference = count};
  };
  // 4, 8 and 16 parts: their limits are exact in float too.
  auto fixed_width = [](const char* label, Tensor values, Tensor range, int32_t bins, DType dtype) {
    return OpCase{.op = "HistogramFixedWidth",
                  .label = label,
                  .attrs = {{"dtype", dtype}},
                  .inputs = {std::move(values), std::move(range), ints({}, {bins})},
                  .reference = histogram};
  };
  return {
      bincount("counts", ints({5}, {1, 0, 3, 1, 1}), ints({}, {4}), none),
      bincount("weights", ints({2, 2}, {1, 0, 2, 1}), ints({}, {3}), doubles({2, 2}, {1, 2, 4, 8})),
      bincount("larger than size", ints({3}, {1, 7, 2}), ints({}, {2}), none),
      bincount("no bins", ints({2}, {0, 1}), ints({}, {0}), none),
      bincount("empty", ints({0}, {}), ints({}, {3}), none),
      fixed_width("inside", doubles({6}, {0, 1, 2, 2, 3, 7}), doubles({2}, {0, 8}), 4, DType::kInt32),
      fixed_width("outside", doubles({2, 2}, {-5, 9, 100, 3}), doubles({2}, {0, 8}), 8, DType::kInt32),
      fixed_width("negative range", doubles({3}, {-3, -1, 0}), doubles({2}, {-4, 4}), 16, DType::kInt64),
      fixed_width("empty", doubles({0}, {}), doubles({2}, {0, 1}), 2, DType::kInt32),
  };
}

TEST(Bincount, NamesANegativeNumber) {
  auto y = evaluate_op(op_table(), "Bincount", {},
                       std::vector<Tensor>{ints({2, 2}, {1, 0, -3, 1}), ints({}, {3}), Tensor::from<float>({0}, {})});

  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.status().message(), "Bincount 'evaluate': arr[1,0] = -3 is negative");
}

TEST(DenseBincount, NamesANegativeNumberAndARankItCannotCount) {
  auto refusal = [](const Tensor& values) {
    auto y = evaluate_op(op_table(), "DenseBincount", {},
                         std::vector<Tensor>{values, ints({}, {3}), Tensor::from<float>({0}, {})});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };

  EXPECT_EQ(refusal(ints({2, 2}, {1, 0, -3, 1})), "DenseBincount 'evaluate': input[1,0] = -3 is negative");
  EXPECT_NE(refusal(ints({1, 1, 1}, {1})).find("rank 1 or 2, has shape [1,1,1]"), std::string::npos);
  EXPECT_NE(refusal(ints({}, {1})).find("rank 1 or 2, has shape []"), std::string::npos);
}

TEST(HistogramFixedWidth, RefusesARangeThatDoesNotRise) {
  auto y = evaluate_op(op_table(), "HistogramFixedWidth", {},
                       std::vector<Tensor>{iota({3}), doubles({2}, {1, 1}), ints({}, {3})});

  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.status().message(), "HistogramFixedWidth 'evaluate': value_range must rise, is [1, 1]");
}

}  // namespace
}  // namespace tarn::testing
