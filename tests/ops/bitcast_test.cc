#include <gtest/gtest.h>

#include <cstring>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

// The bytes again, piece by piece, under the shape that the sizes ask for.
Tensors recast(const Tensors& in, const AttrMap& attrs) {
  DType to = attrs.get<DType>("type");
  size_t from_size = dtype_size(in[0].dtype()), to_size = dtype_size(to);
  std::vector<int64_t> dims(in[0].shape().dims().begin(), in[0].shape().dims().end());
  if (from_size > to_size) dims.push_back(static_cast<int64_t>(from_size / to_size));
  if (from_size < to_size) dims.pop_back();
  Tensor y = *Tensor::zeros(to, Shape(dims));
  const auto* bytes = static_cast<const unsigned char*>(in[0].data());
  auto* out = static_cast<unsigned char*>(y.mutable_data());
  for (size_t i = 0; i < in[0].byte_size(); ++i) out[i] = bytes[i];
  return {y};
}

TARN_OP_CASES(bitcast) {
  Tensor floats = Tensor::from<float>({2, 2}, {1, -2, 0.5f, 1e30f});
  Tensor bytes = Tensor::from<uint8_t>({2, 4}, {0, 0, 128, 63, 1, 2, 3, 4});
  return {
      {.op = "Bitcast",
       .label = "same size",
       .attrs = {{"type", DType::kInt32}},
       .inputs = {floats},
       .reference = recast},
      {.op = "Bitcast",
       .label = "into pieces",
       .attrs = {{"type", DType::kInt16}},
       .inputs = {floats},
       .reference = recast},
      {.op = "Bitcast",
       .label = "from pieces",
       .attrs = {{"type", DType::kFloat}},
       .inputs = {bytes},
       .reference = recast},
      {.op = "Bitcast",
       .label = "empty",
       .attrs = {{"type", DType::kDouble}},
       .inputs = {Tensor::from<float>({0, 2}, {})},
       .reference = recast},
      {.op = "Bitcast",
       .label = "a scalar into bytes",
       .attrs = {{"type", DType::kUInt8}},
       .inputs = {Tensor::scalar<int64_t>(0x0102030405060708)},
       .reference = recast},
  };
}

TEST(Bitcast, KnowsTheBitsOfOne) {
  auto bits = evaluate_op(op_table(), "Bitcast", {{"type", DType::kUInt32}}, std::vector<Tensor>{Tensor::scalar(1.0f)});

  ASSERT_TRUE(bits.ok()) << bits.status().to_string();
  EXPECT_EQ((*bits)[0].item<uint32_t>(), 0x3F800000u);
}

TEST(Bitcast, NamesTheDimThatDoesNotFit) {
  auto y = evaluate_op(op_table(), "Bitcast", {{"type", DType::kFloat}},
                       std::vector<Tensor>{Tensor::from<int16_t>({3}, {1, 2, 3})});

  ASSERT_FALSE(y.ok());
  EXPECT_EQ(
      y.status().message(),
      "Bitcast 'evaluate': the last dim of the input must be 2, as many int16 as one float holds; the shape is [3] "
      "(input i16[3])");
}

}  // namespace
}  // namespace tarn::testing
