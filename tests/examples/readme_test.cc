#include <gtest/gtest.h>

#include "core/tensor.h"

// The README's example, made into a function by cmake/readme_example.cmake.
tarn::Result<tarn::Tensor> readme_example(const tarn::Tensor& images, const tarn::Tensor& digits);

namespace tarn {
namespace {

TEST(Readme, ItsExampleRunsAndGivesProbabilities) {
  Tensor images = *Tensor::zeros(DType::kFloat, {3, 784});
  Tensor digits = Tensor::from<int64_t>({3}, {1, 2, 3});

  Result<Tensor> y = readme_example(images, digits);

  ASSERT_TRUE(y.ok()) << y.status().to_string();
  ASSERT_EQ(y->shape().to_string(), "[3,10]");
  float sum = 0;
  for (int c = 0; c < 10; ++c) sum += y->flat<float>()[static_cast<size_t>(c)];
  EXPECT_NEAR(sum, 1, 1e-6);  // ten probabilities, each rounded once
}

}  // namespace
}  // namespace tarn
