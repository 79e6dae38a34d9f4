#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

bool is_nchw(const AttrMap& attrs) {
  return attrs.get_or<std::string>("data_format", "NHWC") == "NCHW";
}

// The bias as [C] or [C, 1, …], so that it broadcasts.
Shape bias_shape(const Shape& value, bool nchw) {
  Shape shape{value.dim(nchw ? 1 : -1)};
  for (int i = 2; nchw && i < value.rank(); ++i) shape.add_dim(1);
  return shape;
}

Tensors bias_add(const Tensors& in, const AttrMap& attrs) {
  Tensor bias = *in[1].reshaped(bias_shape(in[0].shape(), is_nchw(attrs)));
  return {map2(in[0], bias, [](double x, double b) { return x + b; })};
}

Tensors bias_add_grad(const Tensors& in, const AttrMap& attrs) {
  const Shape& shape = in[0].shape();
  bool nchw = is_nchw(attrs);
  int64_t channels = shape.dim(nchw ? 1 : -1), inner = 1;
  for (int i = 2; nchw && i < shape.rank(); ++i) inner *= shape.dim(i);
  Tensor sums = *Tensor::zeros(DType::kDouble, Shape{channels});
  for (int64_t i = 0; i < in[0].element_count(); ++i) {
    sums.mutable_flat<double>()[static_cast<size_t>(i / inner % channels)] +=
        in[0].flat<double>()[static_cast<size_t>(i)];
  }
  return {sums};
}

TARN_OP_CASES(bias_add) {
  OpCases cases;
  auto add_case = [&](const char* label, const Shape& shape, bool nchw) {
    AttrMap attrs{{"data_format", nchw ? "NCHW" : "NHWC"}};
    Tensor bias = uniform({shape.dim(nchw ? 1 : -1)}, -1, 1, 2);
    double rows =
        static_cast<double>(shape.elements()) / static_cast<double>(std::max<int64_t>(1, bias.element_count()));
    cases.push_back(
        {.op = "BiasAdd", .label = label, .attrs = attrs, .inputs = {uniform(shape), bias}, .reference = bias_add});
    cases.push_back({.op = "BiasAddGrad",
                     .label = label,
                     .attrs = attrs,
                     .inputs = {uniform(shape)},
                     .reference = bias_add_grad,
                     .sum_length = rows});
    if (nchw) return;
    cases.push_back({.op = "BiasAddV1", .label = label, .inputs = {uniform(shape), bias}, .reference = bias_add});
  };
  add_case("matrix", {3, 5}, false);
  add_case("image", {2, 3, 4, 5}, false);
  add_case("one channel", {2, 3, 4, 1}, false);
  add_case("empty batch", {0, 2, 2, 3}, false);
  add_case("more than one range", {3000, 33}, false);
  add_case("NCHW", {2, 3, 4, 5}, true);
  add_case("NCHW of rank 3", {2, 3, 4}, true);
  add_case("NCHW, empty batch", {0, 3, 4, 5}, true);
  return cases;
}

TEST(BiasAdd, NamesBothChannelCounts) {
  auto y = evaluate_op(op_table(), "BiasAdd", {}, std::vector<Tensor>{uniform({2, 3}), uniform({4})});
  auto scalar = evaluate_op(op_table(), "BiasAdd", {}, std::vector<Tensor>{uniform({2, 3}), uniform({})});

  ASSERT_FALSE(y.ok() || scalar.ok());
  EXPECT_EQ(y.status().message(),
            "BiasAdd 'evaluate': bias has 4 elements but value has 3 channels (value f64[2,3], bias f64[4])");
}

}  // namespace
}  // namespace tarn::testing
