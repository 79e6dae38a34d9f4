#include "core/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tarn {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Strings, NearestNamesForgiveOneSlipInThreeLetters) {
  const std::vector<std::string> names = {"input", "output", "input_names", "steps"};
  EXPECT_THAT(nearest_names("inptu", names, 1), ElementsAre("input"));   // neighbours swapped
  EXPECT_THAT(nearest_names("inpt", names, 1), ElementsAre("input"));    // a letter missing
  EXPECT_THAT(nearest_names("stepss", names, 1), ElementsAre("steps"));  // a letter too many
  EXPECT_THAT(nearest_names("STEPS", names, 1), ElementsAre("steps"));
  EXPECT_THAT(nearest_names("zzz", names), IsEmpty());
  EXPECT_THAT(nearest_names("", names), IsEmpty());
}

TEST(Strings, NearestNamesPutTheNearestFirst) {
  EXPECT_THAT(nearest_names("conv1", {"conv12", "conv1", "conv2", "dense"}), ElementsAre("conv1", "conv12", "conv2"));
}

}  // namespace
}  // namespace tarn
