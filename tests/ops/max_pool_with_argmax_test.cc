#include <gtest/gtest.h>

#include "tests/ops/harness.h"
#include "tests/ops/naive_windows.h"

namespace tarn::testing {
namespace {

Tensors pool(const Tensors& in, const AttrMap& given) {
  const Shape& x = in[0].shape();
  AttrMap attrs = given;
  attrs.set("data_format", "NHWC");
  const auto& ksize = attrs.get<std::vector<int64_t>>("ksize");
  Tensor y = map(*Tensor::zeros(DType::kDouble, naive_pooled_shape(x, attrs)), [](double) { return -INFINITY; });
  std::vector<int64_t> places(static_cast<size_t>(y.element_count()));
  visit_windows(attrs, x.dim(0), x.dim(1), x.dim(2), ksize[1], ksize[2],
                [&](int64_t n, int64_t i, int64_t j, int64_t row, int64_t column, int64_t, int64_t) {
                  for (int64_t c = 0; c < x.dim(3); ++c) {
                    double value = at(in[0], n, row, column, c);
                    double& best = at(y, n, i, j, c);
                    if (value <= best) continue;
                    best = value;
                    int64_t batch = attrs.get<bool>("include_batch_in_index") ? n : 0;
                    auto place = static_cast<size_t>(&best - y.mutable_flat<double>().data());
                    places[place] = ((batch * x.dim(1) + row) * x.dim(2) + column) * x.dim(3) + c;
                  }
                });
  if (attrs.get<DType>("Targmax") == DType::kInt64) {
    return {y, Tensor::from<int64_t>(y.shape(), std::span<const int64_t>(places))};
  }
  std::vector<int32_t> narrow(places.begin(), places.end());
  return {y, Tensor::from<int32_t>(y.shape(), std::span<const int32_t>(narrow))};
}

AttrMap pool_attrs(int64_t window, int64_t stride, const char* padding, DType index = DType::kInt64,
                   bool batch_in_index = false) {
  return {{"ksize", std::vector<int64_t>{1, window, window, 1}},
          {"strides", std::vector<int64_t>{1, stride, stride, 1}},
          {"padding", padding},
          {"Targmax", index},
          {"include_batch_in_index", batch_in_index}};
}

TARN_OP_CASES(max_pool_with_argmax) {
  auto pool_case = [](const char* label, const Shape& shape, const AttrMap& attrs) {
    // Iota modulo something has no ties but across windows.
    Tensor x = by_index(
        shape, [&](const Index& i) { return static_cast<double>((i[0] * 7 + i[1] * 13 + i[2] * 5 + i[3] * 3) % 29); });
    return OpCase{.op = "MaxPoolWithArgmax", .label = label, .attrs = attrs, .inputs = {x}, .reference = pool};
  };
  return {
      pool_case("2x2", {2, 4, 6, 3}, pool_attrs(2, 2, "VALID")),
      pool_case("3x3, SAME, int32", {1, 5, 4, 2}, pool_attrs(3, 2, "SAME", DType::kInt32)),
      pool_case("the batch counts", {3, 4, 4, 2}, pool_attrs(2, 1, "VALID", DType::kInt64, true)),
      pool_case("empty", {0, 4, 4, 1}, pool_attrs(2, 2, "SAME")),
  };
}

TEST(MaxPoolWithArgmax, TheFirstOfEqualCellsCounts) {
  auto y = evaluate_op(op_table(), "MaxPoolWithArgmax", pool_attrs(2, 2, "VALID"),
                       std::vector<Tensor>{Tensor::from<float>({1, 2, 2, 1}, {1, 3, 3, 3})});

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  EXPECT_EQ((*y)[1].item<int64_t>(), 1);
}

}  // namespace
}  // namespace tarn::testing
