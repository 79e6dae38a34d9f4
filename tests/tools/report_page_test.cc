#include "tools/support/report_page.h"

#include <gtest/gtest.h>

#include "tests/support/graph_text.h"
#include "tools/support/html.h"
#include "tools/support/memory_timeline.h"
#include "tools/support/report_graph.h"

namespace tarn {
namespace {

constexpr std::string_view kBefore = R"(
x: f32[?,6,6,3] = Placeholder
w: f32[2,2,3,4] = random(seed=1)
conv: f32[?,5,5,4] = Conv2D(x, w) {strides=[1, 1, 1, 1], padding="VALID"}
scale: f32[4] = {1, 2, 3, 4}
y: f32[?,5,5,4] = Mul(conv, scale)
)";
constexpr std::string_view kAfter = R"(
x: f32[?,6,6,3] = Placeholder
w: f32[2,2,3,4] = random(seed=2)
y: f32[?,5,5,4] = Conv2D(x, w) {strides=[1, 1, 1, 1], padding="VALID"}
)";

// Whether every tag is closed in its turn and every '&' opens an entity: what XML asks. "" or the first that is wrong.
std::string malformed(std::string_view page) {
  std::vector<std::string> open;
  for (size_t at = 0; at < page.size();) {
    if (page[at] == '&') {
      size_t end = page.find(';', at);
      if (end == std::string_view::npos || end > at + 6) return std::string(page.substr(at, 20));
    }
    if (page[at] != '<') {
      ++at;
      continue;
    }
    size_t end = page.find('>', at);
    if (end == std::string_view::npos) return "a tag that does not end";
    std::string_view tag = page.substr(at + 1, end - at - 1);
    if (tag.find('<') != std::string_view::npos) return std::string(tag);
    if (tag.starts_with("/")) {
      if (open.empty() || open.back() != tag.substr(1))
        return str_cat("</", tag.substr(1), "> closes ", str_join(open));
      open.pop_back();
    } else if (!tag.starts_with("!") && !tag.ends_with("/")) {
      open.emplace_back(tag.substr(0, tag.find_first_of(" \n")));
    }
    at = end + 1;
  }
  return open.empty() ? "" : str_cat("open: ", str_join(open));
}

struct Sample {
  Graph before = graph_of(kBefore), after = graph_of(kAfter);
  Report report;
  Sample() {
    PassReport fold, strip;
    fold.pass = "fold_batch_norms";
    fold.changes = 1;
    fold.notes = {"y: folded <into> conv & \"w\""};
    fold.nodes_before = 5;
    fold.nodes_after = 3;
    fold.verified = true;
    fold.max_relative_difference = 1.5e-7;
    report.tool = "optimize_for_mobile";
    report.before = {.path = "frozen.pb", .graph = &before, .file_bytes = 2000};
    report.after = {.path = "mobile.pb", .graph = &after, .file_bytes = 1000};
    strip.pass = "strip";
    report.passes = {fold, strip};
    report.outputs = {"y"};
    report.use_graphviz = false;  // the same page whatever is installed
  }
};

TEST(ReportPage, IsWellFormedAndLoadsNothing) {
  Sample sample;
  measure_report(sample.report, 1);

  std::string page = report_page(sample.report);

  EXPECT_EQ(malformed(page), "");
  for (std::string_view loads : {"http:", "https:", "src=", "href=", "url(", "@import", "fetch("})
    EXPECT_EQ(page.find(loads), std::string::npos) << loads;
  for (std::string_view part :
       {"fold_batch_norms", "1.5e-07", "y: folded &lt;into&gt; conv &amp; &quot;w&quot;", "2.0 kB", "1.0 kB", "-50 %",
        "prefers-color-scheme: dark", "<svg class=\"graph\"", "<svg class=\"memory\"", "multiply-accumulates", "1.20k",
        "the unknown batch of &#39;x&#39; is taken as 1", "class=\"node gone\"", "class=\"node changed\"",
        "Time per op", "1 more pass changed nothing"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }
}

TEST(ReportPage, LeavesOutWhatWasNotMeasured) {
  Sample sample;

  std::string page = report_page(sample.report);

  EXPECT_EQ(malformed(page), "");
  for (std::string_view part : {"Memory plan", "Time per op", "multiply-accumulates", "<svg class=\"memory\""})
    EXPECT_EQ(page.find(part), std::string::npos) << part;
}

TEST(ReportPage, EscapesNames) {
  constexpr std::string_view kScript = "<script>alert('x')</script>";
  Graph graph;
  Graph::AddOptions any{.allow_unknown_op = true};
  ASSERT_TRUE(graph.add({.name = "x", .op = std::string(kScript)}, any).ok());
  Report report{
      .tool = "t", .before = {.path = std::string(kScript), .graph = &graph}, .after = {.path = "b", .graph = &graph}};
  PassReport pass;
  pass.pass = kScript;
  pass.changes = 1;
  pass.notes = {std::string(kScript)};
  report.passes = {pass};
  report.inputs = report.outputs = {std::string(kScript), "\"quoted\"\xff"};
  report.notes = {std::string(kScript)};

  for (bool use_graphviz : {false, true}) {
    report.use_graphviz = use_graphviz;
    std::string page = report_page(report);

    EXPECT_EQ(malformed(page), "");
    EXPECT_EQ(page.find("<script>alert"), std::string::npos);
    EXPECT_EQ(page.find("alert('x')"), std::string::npos);
    EXPECT_NE(page.find("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"), std::string::npos);
    EXPECT_NE(page.find("&quot;quoted&quot;\\xff"), std::string::npos);
  }
}

TEST(GraphPicture, HasEachNodeOnceWithoutConstants) {
  Graph graph = graph_of(kBefore);
  for (bool use_graphviz : {false, true}) {
    GraphPicture picture = graph_picture(graph, {{*graph.find("y"), "gone"}}, use_graphviz);

    EXPECT_EQ(malformed(picture.html), "");
    EXPECT_TRUE(picture.note.starts_with("2 constants are not drawn.")) << picture.note;
    EXPECT_NE(picture.html.find("<title>conv (Conv2D): f32[?,5,5,4]</title>"), std::string::npos) << picture.html;
    EXPECT_NE(picture.html.find("<g class=\"node gone\"><title>y (Mul)"), std::string::npos) << picture.html;
    EXPECT_EQ(picture.html.find("<title>w"), std::string::npos);
  }
}

TEST(GraphPicture, OfAHugeGraphIsANote) {
  Graph graph;
  for (int i = 0; i < 3000; ++i) ASSERT_TRUE(graph.add({.name = str_cat("n", i), .op = "NoOp"}).ok());

  GraphPicture picture = graph_picture(graph);

  EXPECT_EQ(picture.html.find("<svg"), std::string::npos);
  EXPECT_NE(picture.note.find("3000 nodes"), std::string::npos) << picture.note;
}

// Buffers that lie on each other have at most one step in common: there one takes over the memory of the other.
TEST(MemoryTimeline, IsThePlanOfTheProgram) {
  Graph graph = graph_of(R"(
x: f32[1,8,8,4] = Placeholder
w: f32[3,3,4,4] = random(seed=1)
a: f32[1,8,8,4] = Conv2D(x, w) {strides=[1, 1, 1, 1], padding="SAME"}
b: f32[1,8,8,4] = Tanh(a)
c: f32[1,8,8,4] = Conv2D(b, w) {strides=[1, 1, 1, 1], padding="SAME"}
d: f32[1,8,8,4] = Mul(c, a)
flat: f32[1,256] = Reshape(d, to)
to: i32[2] = {1, 256}
y: f32[1,256] = Softmax(flat)
)");
  GraphCost cost = graph_cost(graph, {.outputs = {"y"}});
  ASSERT_NE(cost.program, nullptr) << cost.no_program;

  std::vector<PlannedBuffer> buffers = memory_timeline(*cost.program);

  size_t end = 0;
  bool has_y = false;
  for (size_t i = 0; i < buffers.size(); ++i) {
    const PlannedBuffer& one = buffers[i];
    end = std::max(end, one.offset + one.bytes);
    if (one.node == "y") {
      has_y = true;
      EXPECT_EQ(one.last, static_cast<int>(cost.program->steps.size()) - 1) << "it is fetched";
    }
    for (size_t j = 0; j < i; ++j) {
      const PlannedBuffer& other = buffers[j];
      bool same_bytes = one.offset < other.offset + other.bytes && other.offset < one.offset + one.bytes;
      int common = std::min(one.last, other.last) - std::max(one.first, other.first) + 1;
      EXPECT_TRUE(!same_bytes || common <= 1) << one.node << " and " << other.node;
    }
  }
  EXPECT_TRUE(has_y);
  EXPECT_LE(end, cost.arena_bytes);
  EXPECT_GT(end + 64, cost.arena_bytes) << "the plan is rounded to 64 bytes";
  EXPECT_EQ(malformed(memory_svg(*cost.program)), "");
}

TEST(HtmlText, EscapesAndShortens) {
  EXPECT_EQ(html_text("a<b>&\"'\n\xff"), "a&lt;b&gt;&amp;&quot;&#39;\\x0a\\xff");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(999'949), "999.9 kB");
  EXPECT_EQ(bytes_text(999'951), "1.0 MB");
  EXPECT_EQ(bytes_text(23'885'411), "23.9 MB");
}

}  // namespace
}  // namespace tarn
