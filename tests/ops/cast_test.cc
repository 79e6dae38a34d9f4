#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

constexpr DType kTypes[] = {DType::kFloat,  DType::kDouble, DType::kInt8,    DType::kInt16, DType::kInt32,
                            DType::kInt64,  DType::kUInt8,  DType::kUInt16,  DType::kBool,  DType::kUInt32,
                            DType::kUInt64, DType::kHalf,   DType::kBFloat16};

// The values are those of the source type already; to_dtype rounds and wraps them, written apart from the op.
Tensors cast(const Tensors& in, const AttrMap& attrs) {
  Tensor x = to_double(in[0]);
  return {to_dtype(x, attrs.get<DType>("DstT"))};
}

TARN_OP_CASES(cast) {
  OpCases cases;
  for (DType from : kTypes) {
    for (DType to : kTypes) {
      // Positive, since negative numbers to unsigned are judged below; whole and fractional, within every type.
      Tensor x = to_dtype(uniform({4, 5}, 0, 100), from);
      cases.push_back({.op = "Cast",
                       .label = str_cat(dtype_name(from), " to ", dtype_name(to)),
                       .attrs = {{"DstT", to}, {"SrcT", from}},
                       .inputs = {x},
                       .reference = cast,
                       .check_gradient = false /* rounds: no differences to take */});
    }
  }
  cases.push_back({.op = "Cast",
                   .label = "same",
                   .attrs = {{"SrcT", DType::kDouble}, {"DstT", DType::kDouble}},
                   .inputs = {uniform({3})},
                   .reference = cast});
  cases.push_back({.op = "Cast",
                   .label = "scalar",
                   .attrs = {{"DstT", DType::kInt32}, {"SrcT", DType::kFloat}},
                   .inputs = {Tensor::scalar(2.75f)},
                   .reference = cast});
  cases.push_back({.op = "Cast",
                   .label = "empty",
                   .attrs = {{"DstT", DType::kInt32}, {"SrcT", DType::kFloat}},
                   .inputs = {Tensor::from<float>({0}, {})},
                   .reference = cast});
  return cases;
}

template <class From>
Tensor cast_to(DType to, std::initializer_list<From> values) {
  Tensor x = Tensor::from<From>({static_cast<int64_t>(values.size())}, values);
  Result<Tensors> y = evaluate_op(op_table(), "Cast", {{"DstT", to}}, std::vector{x});
  EXPECT_TRUE(y.ok()) << y.status().to_string();
  return y.ok() ? (*y)[0] : Tensor();
}

TEST(Cast, DropsTheFraction) {
  EXPECT_EQ(cast_to<float>(DType::kInt32, {2.9f, -2.9f, -0.5f}).to_string(), "i32[3]{2, -2, 0}");
}

TEST(Cast, HasAnAnswerWhereCppHasNone) {
  EXPECT_EQ(cast_to<float>(DType::kInt32, {NAN, 3e9f, -3e9f, INFINITY, -INFINITY, 2147483648.0f}).to_string(),
            "i32[6]{0, 2147483647, -2147483648, 2147483647, -2147483648, 2147483647}");
  EXPECT_EQ(cast_to<double>(DType::kInt64, {NAN, 1e19, -1e19, 9223372036854775808.0}).to_string(),
            "i64[4]{0, 9223372036854775807, -9223372036854775808, 9223372036854775807}");
  EXPECT_EQ(cast_to<double>(DType::kUInt8, {-1.0, 256.0, 255.5, -0.5}).to_string(), "u8[4]{0, 255, 255, 0}");
  EXPECT_EQ(cast_to<double>(DType::kUInt64, {-1.0, 1e20}).to_string(), "u64[2]{0, 18446744073709551615}");
}

TEST(Cast, KeepsTheLowBitsOfIntegers) {
  EXPECT_EQ(cast_to<int32_t>(DType::kUInt8, {-1, 256, 300}).to_string(), "u8[3]{255, 0, 44}");
  EXPECT_EQ(cast_to<uint8_t>(DType::kInt8, {200, 127}).to_string(), "i8[2]{-56, 127}");
}

TEST(Cast, TakesAnythingButZeroForTrue) {
  EXPECT_EQ(cast_to<float>(DType::kBool, {0.0f, -0.0f, 0.1f, NAN}).to_string(), "b[4]{false, false, true, true}");
}

// Every half and every bfloat16 there is, there and back.
TEST(Cast, KeepsEveryHalfAndBFloat16) {
  for (DType small : {DType::kHalf, DType::kBFloat16}) {
    Tensor bits = *Tensor::allocate(small, Shape{65536});
    for (size_t i = 0; i < 65536; ++i) bits.mutable_flat<uint16_t>()[i] = static_cast<uint16_t>(i);
    Result<Tensors> wide = evaluate_op(op_table(), "Cast", {{"DstT", DType::kFloat}}, std::vector{bits});
    ASSERT_TRUE(wide.ok());
    Tensor want = to_double(bits);
    for (size_t i = 0; i < 65536; ++i) {
      float got = (*wide)[0].flat<float>()[i];
      double expected = want.flat<double>()[i];
      ASSERT_TRUE(got == expected || (std::isnan(got) && std::isnan(expected))) << i << ": " << got << " " << expected;
    }

    Result<Tensors> back = evaluate_op(op_table(), "Cast", {{"DstT", small}}, *wide);

    ASSERT_TRUE(back.ok());
    for (size_t i = 0; i < 65536; ++i) {
      if (std::isnan(want.flat<double>()[i])) continue;
      ASSERT_EQ((*back)[0].flat<uint16_t>()[i], i) << dtype_name(small);
    }
  }
}

// Ties and near ties around every half: the midpoint goes to the even one.
TEST(Cast, RoundsToHalfToNearestEven) {
  std::vector<float> values;
  for (uint32_t bits = 0; bits < 0x7C00; bits += 7) {
    Tensor pair = *Tensor::allocate(DType::kHalf, Shape{2});
    pair.mutable_flat<uint16_t>()[0] = static_cast<uint16_t>(bits);
    pair.mutable_flat<uint16_t>()[1] = static_cast<uint16_t>(bits + 1);
    Tensor wide = to_double(pair);
    double middle = (wide.flat<double>()[0] + wide.flat<double>()[1]) / 2;
    if (std::isinf(middle)) continue;
    for (double v : {middle, std::nextafter(static_cast<float>(middle), 0.0f) * 1.0,
                     std::nextafter(static_cast<float>(middle), 1e9f) * 1.0}) {
      values.push_back(static_cast<float>(v));
      values.push_back(static_cast<float>(-v));
    }
  }
  Tensor x = Tensor::vector<float>(values);

  Result<Tensors> y = evaluate_op(op_table(), "Cast", {{"DstT", DType::kHalf}}, std::vector{x});

  ASSERT_TRUE(y.ok());
  EXPECT_TRUE((*y)[0].identical_to(to_dtype(to_double(x), DType::kHalf)));
}

TEST(Cast, NamesTypesItCannotConvert) {
  Result<Tensors> y =
      evaluate_op(op_table(), "Cast", {{"DstT", DType::kFloat}}, std::vector{Tensor::scalar(std::string("1"))});

  EXPECT_EQ(y.status().message(), "Cast 'evaluate': there is no cast from string to float");
}

}  // namespace
}  // namespace tarn::testing
