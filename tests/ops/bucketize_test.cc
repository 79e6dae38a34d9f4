// Bucketize, StringToHashBucketFast, StringToHashBucket and StringToHashBucketStrong.
#include <gtest/gtest.h>

#include "ops/support/string_hash.h"
#include "tests/ops/golden_cases.h"
#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

TARN_OP_CASES(buckets_goldens) {
  return golden_cases("buckets");
}

std::string refusal(const char* op, const AttrMap& attrs, const Tensor& input) {
  Result<Tensors> y = evaluate_op(op_table(), op, attrs, std::vector<Tensor>{input});
  return y.ok() ? "accepted" : std::string(y.status().message());
}

TEST(Bucketize, RefusesBoundariesThatFall) {
  AttrMap attrs{{"boundaries", std::vector<float>{1, 3, 2}}};

  EXPECT_NE(refusal("Bucketize", attrs, Tensor::from<float>({1}, {1})).find("boundaries[2] = 2 is below 3"),
            std::string::npos);
}

TEST(StringToHashBucketStrong, RefusesAKeyThatIsNotTwoNumbers) {
  AttrMap attrs{{"num_buckets", 5}, {"key", std::vector<int64_t>{1, 2, 3}}};

  EXPECT_NE(refusal("StringToHashBucketStrong", attrs, Tensor::scalar<std::string>("x")).find("has 3"),
            std::string::npos);
}

// The test vectors that their authors published (SipHash: Appendix A of the paper).
TEST(StringHash, GivesThePublishedValues) {
  std::string message;
  for (char c = 0; c < 15; ++c) message += c;

  EXPECT_EQ(string_hash::strong_hash64(message, {0x0706050403020100, 0x0f0e0d0c0b0a0908}), 0xa129ca6149be45e5u);
  EXPECT_EQ(string_hash::fingerprint64(""), 0x9ae16a3b2f90404fu);
}

}  // namespace
}  // namespace tarn::testing
