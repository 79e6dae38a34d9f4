#include "tools/support/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace tarn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A clock set by hand and everything written.
struct Stage {
  double now = 100;
  std::string written;

  ProgressOptions options(int64_t total, bool terminal, int columns = 100) {
    return {.total = total,
            .now_seconds = [this] { return now; },
            .write = [this](std::string_view text) { written += text; },
            .terminal = terminal,
            .columns = columns};
  }
  std::string take() { return std::exchange(written, {}); }
};

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    result.push_back(text.substr(begin, end - begin));
  }
  return result;
}

TEST(Progress, RedrawsOneLineOnATerminal) {
  Stage stage;
  Progress progress(stage.options(938, true));
  for (int step = 1; step <= 312; ++step) {
    stage.now += 0.25;
    progress.update(step, "loss 0.123  acc 98.1 %");
  }
  std::string last = stage.written.substr(stage.written.rfind('\r'));
  EXPECT_EQ(last, "\r[######--------------] 312/938  4.00 steps/s  ETA 2:37  loss 0.123  acc 98.1 %\x1b[K");
  EXPECT_THAT(stage.written, Not(HasSubstr("\n")));
}

TEST(Progress, RedrawsAtMostTenTimesASecondButAlwaysTheLastStep) {
  Stage stage;
  Progress progress(stage.options(1000, true));
  for (int step = 1; step <= 999; ++step) {
    stage.now += 0.001;
    progress.update(step);
  }
  // The first, then every 0.1 s of 0.999 s; summed thousandths may fall a hair short of a tenth.
  auto redraws = std::count(stage.written.begin(), stage.written.end(), '\r');
  EXPECT_GE(redraws, 9);
  EXPECT_LE(redraws, 11);
  stage.take();
  progress.update(1000);
  EXPECT_THAT(stage.take(), HasSubstr("[####################] 1000/1000"));
}

TEST(Progress, WritesALineEveryTenthElsewhere) {
  Stage stage;
  Progress progress(stage.options(50, false));
  for (int step = 1; step <= 50; ++step) {
    stage.now += 0.5;
    progress.update(step, "loss 1");
  }
  std::vector<std::string> all = lines(stage.take());
  ASSERT_EQ(all.size(), 10u);
  EXPECT_EQ(all[0], "5/50 (10 %)  2.00 steps/s  ETA 0:23  loss 1");
  EXPECT_EQ(all[9], "50/50 (100 %)  2.00 steps/s  ETA 0:00  loss 1");
}

TEST(Progress, WritesALineEveryTenSecondsWhereATenthTakesLonger) {
  Stage stage;
  Progress progress(stage.options(1000, false));
  for (int step = 1; step <= 99; ++step) {
    stage.now += 1;
    progress.update(step);
  }
  EXPECT_EQ(lines(stage.take()).size(), 9u);
}

TEST(Progress, WritesOneLineWhenAStepJumpsOverSeveralTenths) {
  Stage stage;
  Progress progress(stage.options(3, false));
  progress.update(1);
  progress.update(2);
  progress.update(3);
  EXPECT_EQ(lines(stage.take()).size(), 3u);
}

TEST(Progress, FollowsAChangingRate) {
  Stage stage;
  Progress progress(stage.options(100000, false));
  for (int step = 1; step <= 100; ++step) stage.now += 1, progress.update(step);
  stage.take();
  for (int step = 101; step <= 9000; ++step) stage.now += 0.01, progress.update(step);
  stage.now += 20;
  progress.update(10000);
  EXPECT_THAT(stage.take(), HasSubstr("10000/100000 (10 %)"));
  stage.now += 0.01;
  progress.update(20000);
  // 80,000 steps are left and the recent rate is far from the 1 step/s of the beginning.
  EXPECT_THAT(stage.take(), Not(HasSubstr(" 1.00 steps/s")));
}

TEST(Progress, SumsUpAtTheEnd) {
  Stage stage;
  {
    ProgressOptions options = stage.options(200, true);
    options.label = "training";
    options.unit = "images";
    Progress progress(std::move(options));
    stage.now += 62;
    progress.update(200);
    stage.take();
    progress.finish("acc 99.1 %");
    progress.finish("again");
  }
  EXPECT_EQ(stage.written, "\rtraining 200 images in 1:02  3.23 images/s  acc 99.1 %\x1b[K\n");
}

TEST(Progress, EndsAnOpenLineWhenDestroyed) {
  Stage stage;
  {
    Progress progress(stage.options(10, true));
    progress.update(1);
  }
  EXPECT_EQ(stage.written.back(), '\n');
}

TEST(Progress, PutsLinesAboveTheBar) {
  Stage stage;
  Progress progress(stage.options(10, true));
  progress.update(1);
  stage.take();
  progress.print_above("epoch 1 done");
  EXPECT_EQ(stage.take(), "\r\x1b[Kepoch 1 done\n");
  progress.update(2);
  EXPECT_THAT(stage.take(), StartsWith("\r["));
}

TEST(Progress, GivesUpTheBarAndThenTheEndOnANarrowTerminal) {
  for (int columns : {60, 40, 30, 20, 5}) {
    Stage stage;
    Progress progress(stage.options(938, true, columns));
    stage.now += 1;
    progress.update(100, "loss → 0.123");
    std::string line = stage.written.substr(1, stage.written.size() - 1 - 3);  // between \r and \x1b[K
    int shown = 0;
    for (char c : line) shown += (c & 0xc0) != 0x80;
    EXPECT_LT(shown, columns);
    EXPECT_EQ(line.find('[') != std::string::npos, columns == 60);
  }
}

TEST(Progress, CopesWithStrangeCounts) {
  Stage stage;
  Progress unknown(stage.options(0, true));
  stage.now += 1;
  unknown.update(5);
  EXPECT_EQ(stage.take(), "\r5  5.00 steps/s\x1b[K");

  Progress over(stage.options(10, true));
  over.update(-3);
  over.update(25);
  EXPECT_THAT(stage.take(), HasSubstr("10/10  0.00 steps/s  ETA ?"));
}

TEST(Progress, TellsTimeShortly) {
  EXPECT_EQ(duration_text(0), "0:00");
  EXPECT_EQ(duration_text(59.6), "1:00");
  EXPECT_EQ(duration_text(754), "12:34");
  EXPECT_EQ(duration_text(3723), "1:02:03");
  EXPECT_EQ(duration_text(1e9), "over 99 h");
  EXPECT_EQ(duration_text(std::numeric_limits<double>::quiet_NaN()), "?");
}

TEST(Progress, FixedTextHasItsDecimals) {
  EXPECT_EQ(fixed_text(0.12345, 3), "0.123");
  EXPECT_EQ(fixed_text(98, 1), "98.0");
  EXPECT_EQ(fixed_text(-1e300, 2).size(), 1u + 301u + 3u);
  EXPECT_EQ(fixed_text(std::numeric_limits<double>::infinity(), 2), "inf");
}

}  // namespace
}  // namespace tarn
