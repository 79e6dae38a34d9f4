#include "examples/support/line_chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/examples/temp_folder.h"

namespace tarn::examples {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

LineChart one_series(std::vector<double> y, bool smooth = false) {
  Series series{"s", {}, std::move(y), smooth};
  for (size_t i = 0; i < series.y.size(); ++i) series.x.push_back(static_cast<double>(i));
  LineChart chart{.title = "t", .x_label = "step"};
  chart.panels.push_back({.title = "p", .series = {series}});
  return chart;
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(LineChart, TicksAreRoundNumbers) {
  EXPECT_THAT(nice_ticks(0, 10, 5), ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_THAT(nice_ticks(0.3, 2.2, 4), ElementsAre(0.5, 1.0, 1.5, 2.0));
  EXPECT_THAT(nice_ticks(-1, 1, 4), ElementsAre(-1, -0.5, 0, 0.5, 1));
  EXPECT_THAT(nice_ticks(3, 3, 5), ElementsAre());
  EXPECT_THAT(nice_ticks(0, kNan, 5), ElementsAre());
  for (double scale : {1e-9, 1e-3, 1.0, 7e4, 3e11}) {
    size_t n = nice_ticks(0, scale, 6).size();
    EXPECT_GE(n, 3u) << scale;
    EXPECT_LE(n, 8u) << scale;
  }
}

TEST(LineChart, TickTextHasJustTheDecimalsOfTheStep) {
  EXPECT_EQ(tick_text(1500, 500), "1,500");
  EXPECT_EQ(tick_text(1234567, 1), "1,234,567");
  EXPECT_EQ(tick_text(-1500, 500), "-1,500");
  EXPECT_EQ(tick_text(100, 20), "100");
  EXPECT_EQ(tick_text(0.25, 0.05), "0.25");
  EXPECT_EQ(tick_text(2, 0.5), "2.0");
  EXPECT_EQ(tick_text(0.1 + 0.2, 0.1), "0.3");
}

TEST(LineChart, MovingAverageLooksBothWaysAndSkipsWhatIsNotFinite) {
  EXPECT_THAT(moving_average({1, 2, 6, 4}, 0), ElementsAre(1, 2, 6, 4));
  EXPECT_THAT(moving_average({1, 2, 6, 4}, 1), ElementsAre(1, 3, 4, 4));
  std::vector<double> gap = moving_average({1, kNan, 3, 5, 7}, 1);
  EXPECT_EQ(gap[0], 1);
  EXPECT_TRUE(std::isnan(gap[1]));
  EXPECT_EQ(gap[2], 4);  // of 3 and 5
  // A straight line stays what it is: no lag.
  EXPECT_THAT(moving_average({1, 2, 3, 4, 5, 6}, 2), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_TRUE(moving_average({}, 3).empty());
}

TEST(LineChart, SvgHoldsTitlesTicksAndLegend) {
  LineChart chart = one_series({1, 2, 3});
  chart.title = "Loss <of> \"a & b\"\x01";
  chart.panels[0].series[0].name = "training";

  Result<std::string> svg = line_chart_svg(chart);

  ASSERT_TRUE(svg.ok()) << svg.status().to_string();
  EXPECT_THAT(*svg, HasSubstr("Loss &lt;of&gt; \"a &amp; b\"\\x01"));
  EXPECT_THAT(*svg, HasSubstr(">training</text>"));
  EXPECT_THAT(*svg, HasSubstr(">step</text>"));
  EXPECT_THAT(*svg, HasSubstr(">3.0</text>"));
  EXPECT_EQ(count(*svg, "<g "), count(*svg, "</g>"));
  EXPECT_EQ(svg->substr(svg->size() - 7), "</svg>\n");
}

TEST(LineChart, ASmoothSeriesIsTwoLinesAFaintOneAndItsAverage) {
  std::vector<double> noisy;
  for (int i = 0; i < 500; ++i) noisy.push_back(i % 2);
  std::string plain = *line_chart_svg(one_series(noisy)), smooth = *line_chart_svg(one_series(noisy, true));
  EXPECT_EQ(count(plain, "stroke-opacity"), 0u);
  EXPECT_EQ(count(smooth, "stroke-opacity"), 1u);
  EXPECT_EQ(count(smooth, "<polyline"), count(plain, "<polyline") + 1);
}

TEST(LineChart, ValuesThatAreNotFiniteLeaveAGap) {
  std::string whole = *line_chart_svg(one_series(std::vector<double>(100, 1.0)));
  std::vector<double> y(100, 1.0);
  y[50] = kNan;
  y[70] = std::numeric_limits<double>::infinity();
  std::string gaps = *line_chart_svg(one_series(y));
  EXPECT_EQ(count(gaps, "<polyline"), count(whole, "<polyline") + 2);
  EXPECT_THAT(gaps, Not(HasSubstr("nan")));
  EXPECT_THAT(gaps, Not(HasSubstr("inf")));
}

TEST(LineChart, AMillionPointsMakeASmallFileThatKeepsThePeaks) {
  std::vector<double> y(1000000, 0.0);
  y[500000] = 100;
  std::string svg = *line_chart_svg(one_series(y));
  EXPECT_LT(svg.size(), 200000u);
  // The top of the plot is 66 (title) + 34 (panel title) pixels down, and the peak reaches it.
  EXPECT_THAT(svg, HasSubstr(",100 "));
}

TEST(LineChart, RefusesWhatCannotBeDrawn) {
  LineChart uneven = one_series({1, 2, 3});
  uneven.panels[0].series[0].x.pop_back();
  EXPECT_THAT(line_chart_svg(uneven).status().to_string(), HasSubstr("series 's' has 2 x but 3 y"));
  EXPECT_THAT(line_chart_svg(one_series({kNan})).status().to_string(), HasSubstr("no finite point"));
  EXPECT_FALSE(draw_line_chart(LineChart{}).ok());
  LineChart tiny = one_series({1, 2});
  tiny.width = 10;
  EXPECT_FALSE(draw_line_chart(tiny).ok());
}

TEST(LineChart, DrawsOnePointAndConstantSeries) {
  for (double value : {0.0, 5.0, -3.0, 1e300, 1e-300}) {
    EXPECT_TRUE(draw_line_chart(one_series({value})).ok()) << value;
    EXPECT_TRUE(line_chart_svg(one_series({value, value})).ok()) << value;
  }
}

TEST(LineChart, WritesBothKindsOfFile) {
  TempFolder folder;
  LineChart chart = one_series({3, 2, 1.5, 1.2});
  ASSERT_TRUE(write_line_chart_svg(folder.file("c.svg"), chart).ok());
  ASSERT_TRUE(write_line_chart_png(folder.file("c.png"), chart).ok());
  EXPECT_EQ(read_bytes(folder.file("c.svg")), *line_chart_svg(chart));
  EXPECT_EQ(read_bytes(folder.file("c.png")).substr(1, 3), "PNG");
}

}  // namespace
}  // namespace tarn::examples
