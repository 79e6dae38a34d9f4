#include <gtest/gtest.h>

#include <cmath>

#include "core/op_schema.h"
#include "runtime/evaluate.h"

namespace tarn {
namespace {

const OpRegistry& registry() {
  static const OpRegistry ops(op_files);
  return ops;
}

TEST(OpTable, EverySignatureParses) {
  EXPECT_TRUE(registry().errors().empty()) << str_join(registry().errors(), "\n");
}

TEST(Relu, ClampsAtZeroAndKeepsNan) {
  Tensor x = Tensor::from<float>({4}, {-1.0f, 0.0f, 2.0f, NAN});
  auto y = evaluate_op(registry(), "Relu", {}, std::vector<Tensor>{x});
  ASSERT_TRUE(y.ok()) << y.status().to_string();
  std::span<const float> got = (*y)[0].flat<float>();
  EXPECT_EQ(got[0], 0.0f);
  EXPECT_EQ(got[1], 0.0f);
  EXPECT_EQ(got[2], 2.0f);
  EXPECT_TRUE(std::isnan(got[3]));
}

TEST(Relu, NamesOpAndTypesWhenThereIsNoKernel) {
  Tensor x = Tensor::from<uint16_t>({1}, {1});
  auto y = evaluate_op(registry(), "Relu", {}, std::vector<Tensor>{x});
  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.status().message(),
            "Relu 'evaluate': op Relu has no kernel for T = uint16 (there is float, double, int32, int64)");
}

}  // namespace
}  // namespace tarn
