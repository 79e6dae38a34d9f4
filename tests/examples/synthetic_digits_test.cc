#include "examples/support/synthetic_digits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "examples/support/strokes.h"

namespace tarn::examples {
namespace {

TEST(SyntheticDigits, EveryShapeParsesAndEveryDigitHasSeveral) {
  for (int digit = 0; digit < 10; ++digit) {
    EXPECT_GE(digit_shapes(digit).size(), 3u) << digit;
    for (std::string_view shape : digit_shapes(digit)) EXPECT_FALSE(parse_strokes(shape).empty()) << shape;
  }
}

TEST(SyntheticDigits, DependOnTheSeedAndNotOnTheThreads) {
  Result<LabelledImages> one = synthetic_digits({.count = 300, .seed = 5, .threads = 1});
  Result<LabelledImages> three = synthetic_digits({.count = 300, .seed = 5, .threads = 3});
  Result<LabelledImages> other = synthetic_digits({.count = 300, .seed = 6, .threads = 1});

  ASSERT_TRUE(one.ok() && three.ok() && other.ok());
  EXPECT_TRUE(one->images.identical_to(three->images));
  EXPECT_TRUE(one->labels.identical_to(three->labels));
  EXPECT_FALSE(one->images.identical_to(other->images));
  EXPECT_FALSE(one->labels.identical_to(other->labels));
}

TEST(SyntheticDigits, ALongerSetBeginsWithTheShorterOne) {
  Result<LabelledImages> some = synthetic_digits({.count = 10});
  Result<LabelledImages> more = synthetic_digits({.count = 200});
  ASSERT_TRUE(some.ok() && more.ok());
  for (int64_t i = 0; i < some->images.element_count(); ++i) {
    ASSERT_EQ(some->images.flat<uint8_t>()[static_cast<size_t>(i)],
              more->images.flat<uint8_t>()[static_cast<size_t>(i)]);
  }
}

TEST(SyntheticDigits, LieInTheMiddleLikeMnist) {
  constexpr int64_t kCount = 2000;
  Result<LabelledImages> digits = synthetic_digits({.count = kCount, .seed = 9});
  ASSERT_TRUE(digits.ok());
  std::span<const uint8_t> pixels = digits->images.flat<uint8_t>();

  double total = 0;
  for (int64_t i = 0; i < kCount; ++i) {
    double mass = 0, x_sum = 0, y_sum = 0;
    int brightest = 0;
    for (int y = 0; y < kDigitSize; ++y) {
      for (int x = 0; x < kDigitSize; ++x) {
        uint8_t value = pixels[static_cast<size_t>((i * kDigitSize + y) * kDigitSize + x)];
        mass += value;
        x_sum += value * (x + 0.5);
        y_sum += value * (y + 0.5);
        brightest = std::max<int>(brightest, value);
      }
    }
    // Moved off the middle by at most half a pixel; a few tenths come from the pixel grid and cut-off ink.
    EXPECT_NEAR(x_sum / mass, 14, 0.8) << "image " << i;
    EXPECT_NEAR(y_sum / mass, 14, 0.8) << "image " << i;
    EXPECT_GT(brightest, 200) << "image " << i;
    total += mass / 255;
  }
  // MNIST's mean pixel is 0.1307 (train) and 0.1325 (test).
  EXPECT_NEAR(total / (kCount * 784), 0.13, 0.03);
}

TEST(SyntheticDigits, HaveEveryClassAboutEquallyOften) {
  constexpr int64_t kCount = 5000;
  Result<LabelledImages> digits = synthetic_digits({.count = kCount, .seed = 2});
  ASSERT_TRUE(digits.ok());
  int counts[10] = {};
  for (uint8_t label : digits->labels.flat<uint8_t>()) ++counts[label];
  // Binomial(5000, 0.1): standard deviation 21; five of them.
  for (int count : counts) EXPECT_NEAR(count, 500, 105);
}

// Nearest neighbour by squared distance is a classifier with no training of ours in it: if it tells the classes apart,
// the digits have shapes; if it read them perfectly, they would vary too little to be worth learning.
TEST(SyntheticDigits, CanBeToldApartByTheirNeighbours) {
  constexpr size_t kTrain = 1500, kTest = 300, kPixels = 784;
  Result<LabelledImages> train = synthetic_digits({.count = kTrain, .seed = 21});
  Result<LabelledImages> test = synthetic_digits({.count = kTest, .seed = 22});
  ASSERT_TRUE(train.ok() && test.ok());

  int right = 0;
  for (size_t i = 0; i < kTest; ++i) {
    const uint8_t* image = test->images.flat<uint8_t>().data() + i * kPixels;
    int64_t best = INT64_MAX;
    uint8_t label = 0;
    for (size_t j = 0; j < kTrain; ++j) {
      const uint8_t* other = train->images.flat<uint8_t>().data() + j * kPixels;
      int64_t distance = 0;
      for (size_t p = 0; p < kPixels; ++p) distance += (image[p] - other[p]) * (image[p] - other[p]);
      if (distance < best) best = distance, label = train->labels.flat<uint8_t>()[j];
    }
    right += label == test->labels.flat<uint8_t>()[i];
  }
  EXPECT_GT(right, kTest * 9 / 10);
}

TEST(SyntheticDigits, RefuseAnEmptySet) {
  EXPECT_EQ(synthetic_digits({.count = 0}).status().code(), Code::kInvalidArgument);
}

TEST(Strokes, ParseOnlyWhatIsWellFormed) {
  EXPECT_EQ(parse_strokes("1,2 3,4 | ~ 5,6 -7,8.5 9,9").size(), 2u);
  for (std::string_view bad : {"", "1", "1,", "1,2 |", "1,2 x", "| 1,2", "~"}) {
    EXPECT_TRUE(parse_strokes(bad).empty()) << bad;
  }
}

TEST(Strokes, SmoothCurvesPassThroughTheirPoints) {
  Stroke stroke = parse_strokes("~ 0,0 10,5 20,0 30,5")[0];
  Polyline line = flatten(stroke, 4);
  ASSERT_EQ(line.size(), 13u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(line[4 * i].x, stroke.points[i].x, 1e-12);
    EXPECT_NEAR(line[4 * i].y, stroke.points[i].y, 1e-12);
  }
}

}  // namespace
}  // namespace tarn::examples
