#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/ops/harness.h"
#include "tests/ops/random_session.h"

namespace tarn::testing {
namespace {

TARN_OP_WITHOUT_CASES(Multinomial, "needs a ResourceMap; compared with TensorFlow's draws");

double number(const nlohmann::json& value) {
  return value.is_string() ? std::strtod(value.get<std::string>().c_str(), nullptr) : value.get<double>();
}

TEST(Multinomial, GivesTensorFlowsDrawsOnAnyThreadCount) {
  std::ifstream file(std::string(TARN_SOURCE_DIR) + "/tests/goldens/random.json");
  nlohmann::json goldens = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(goldens.is_object());
  int compared = 0;
  for (const nlohmann::json& golden : goldens["choices"]) {
    if (golden["op"] != "Multinomial") continue;
    AttrMap attrs{{"seed", golden["seed"].get<int64_t>()}, {"seed2", golden["seed2"].get<int64_t>()}};
    std::vector<double> values;
    for (const nlohmann::json& value : golden["logits"]) values.push_back(number(value));
    Tensor logits = to_dtype(Tensor::from<double>(Shape(golden["shape"].get<std::vector<int64_t>>()), values),
                             *dtype_from_name(golden["dtype"].get<std::string>()));
    Tensor samples = Tensor::scalar(golden["samples"].get<int32_t>());
    for (DType output : {DType::kInt64, DType::kInt32}) {
      attrs.set("output_dtype", output);
      for (int threads : {1, 2, 3}) {
        Session session;
        for (const nlohmann::json& run : golden["runs"]) {
          Result<Tensor> y = session.draw("Multinomial", attrs, {logits, samples}, "random", threads);

          ASSERT_TRUE(y.ok()) << y.status().to_string();
          EXPECT_EQ(y->dtype(), output);
          EXPECT_EQ(y->shape(), (Shape{logits.shape()[0], samples.item<int32_t>()}));
          EXPECT_EQ(int_list(*y), run.get<std::vector<int64_t>>()) << golden.dump() << " on " << threads << " threads";
          ++compared;
        }
      }
    }
  }
  EXPECT_GE(compared, 100);
}

// 40,000 draws at fixed seeds: each share within four standard deviations, sqrt(p (1 - p) / n) <= 0.0025 each. Rows
// enough that threads share them.
TEST(Multinomial, DrawsEachClassAsOftenAsItsProbability) {
  constexpr int kRows = 40, kSamples = 1000;
  const std::array<double, 3> shares = {0.2, 0.5, 0.3};
  std::vector<double> logits;
  for (int row = 0; row < kRows; ++row) {
    for (double share : shares) logits.push_back(std::log(share) + row);
  }
  AttrMap attrs{{"seed", 3}, {"seed2", 4}};
  Tensors inputs = {Tensor::from<double>({kRows, 3}, logits), Tensor::scalar<int32_t>(kSamples)};
  Session session, threaded;

  Tensor y = *session.draw("Multinomial", attrs, inputs);

  std::array<double, 3> counted = {};
  for (int64_t drawn : int_list(y)) counted.at(static_cast<size_t>(drawn)) += 1;
  for (size_t k = 0; k < shares.size(); ++k) EXPECT_NEAR(counted[k] / (kRows * kSamples), shares[k], 0.01) << k;
  EXPECT_TRUE(y.identical_to(*threaded.draw("Multinomial", attrs, inputs, "random", 3)));
}

TEST(Multinomial, GivesNoClassWhereNoLogitIsFinite) {
  Session session;
  Tensor logits = Tensor::from<float>({1, 2}, {NAN, -INFINITY});

  Result<Tensor> y = session.draw("Multinomial", {{"seed", 1}}, {logits, ints({}, {2})});

  EXPECT_EQ(int_list(*y), (std::vector<int64_t>{2, 2}));  // as TensorFlow does
}

TEST(Multinomial, RefusesShapesAndCountsThatCannotBe) {
  auto refusal = [](const Tensor& logits, const Tensor& samples) {
    Session session;
    Result<Tensor> y = session.draw("Multinomial", {{"seed", 1}}, {logits, samples});
    return y.ok() ? "accepted" : std::string(y.status().message());
  };
  EXPECT_EQ(refusal(iota({2, 3}), ints({}, {-1})),
            "Multinomial 'random': num_samples must be >= 0, not -1 (logits f64[2,3], num_samples i32[])");
  EXPECT_NE(refusal(iota({2, 0}), ints({}, {1})).find("logits must have classes"), std::string::npos);
  EXPECT_NE(refusal(iota({3}), ints({}, {1})), "accepted");
  EXPECT_NE(refusal(iota({2, 3}), ints({1}, {1})), "accepted");
  EXPECT_EQ(refusal(iota({2, 3}), ints({}, {0})), "accepted");
  EXPECT_EQ(refusal(iota({0, 3}), ints({}, {4})), "accepted");
}

}  // namespace
}  // namespace tarn::testing
