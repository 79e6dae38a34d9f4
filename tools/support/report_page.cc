#include "tools/support/report_page.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "graph/compare.h"
#include "graph/summarize.h"
#include "tools/support/html.h"
#include "tools/support/memory_timeline.h"
#include "tools/support/report_graph.h"
#include "tools/support/report_style.h"

namespace tarn {
namespace {

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", value);
  return text;
}

// "-38.2 %", green where less is what was wanted.
std::string change_text(double before, double after) {
  if (before == after) return "<span class=\"faint\">=</span>";
  if (before == 0) return "<span class=\"bad\">new</span>";
  double percent = 100 * (after - before) / before;
  if (std::abs(percent) < 0.05) return "<span class=\"faint\">≈</span>";
  return str_cat("<span class=\"", percent < 0 ? "good" : "bad", "\">", percent > 0 ? "+" : "",
                 fixed(percent, std::abs(percent) < 10 ? 1 : 0), " %</span>");
}

std::string names_text(const std::vector<std::string>& names) {
  std::vector<std::string> texts;
  for (const std::string& name : names) texts.push_back(str_cat("<span class=\"name\">", html_text(name), "</span>"));
  return str_join(texts);
}

class Page {
 public:
  explicit Page(const Report& report) : report_(report) {}

  std::string write() {
    head();
    tiles();
    passes();
    costs();
    memory();
    times();
    graphs();
    ops();
    str_append(page_, "<script>", kReportScript, "</script>\n</body>\n</html>\n");
    return std::move(page_);
  }

 private:
  template <class... Args>
  void add(const Args&... args) {
    str_append(page_, args...);
  }
  const ReportSide& before() const { return report_.before; }
  const ReportSide& after() const { return report_.after; }
  bool has_costs() const { return before().cost != nullptr && after().cost != nullptr; }

  void head() {
    std::string title =
        str_cat(html_text(report_.tool), ": ", html_text(before().path), " → ", html_text(after().path));
    // The policy is the browser's word that nothing is loaded.
    add("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'\"/>\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>",
        title, "</title>\n<style>", kReportColours, kReportStyle, kMemoryStyle, "</style>\n</head>\n<body>\n<h1>",
        title, "</h1>\n");
    add("<p>Inputs: ", report_.inputs.empty() ? placeholders() : names_text(report_.inputs),
        ". Outputs: ", report_.outputs.empty() ? "whatever nothing reads" : names_text(report_.outputs), ".</p>\n");
    if (report_.notes.empty()) return;
    add("<ul>\n");
    for (const std::string& note : report_.notes) add("<li>", html_text(note), "</li>\n");
    add("</ul>\n");
  }

  std::string placeholders() const {
    std::vector<std::string> names;
    for (NodeId id : after().graph->ids()) {
      if (after().graph->node(id).is("Placeholder")) names.push_back(after().graph->node(id).name);
    }
    return names.empty() ? "none" : names_text(names);
  }

  // A line of the table of costs and, for what matters most, a tile.
  struct Figure {
    std::string what;
    double before, after;
    std::string before_text, after_text;
    bool is_tile = false;
  };
  std::vector<Figure> figures() const {
    std::vector<Figure> all;
    auto count = [&](std::string what, int64_t a, int64_t b, bool is_tile = false) {
      all.push_back({std::move(what), static_cast<double>(a), static_cast<double>(b), human_readable_number(a),
                     human_readable_number(b), is_tile});
    };
    auto bytes = [&](std::string what, uint64_t a, uint64_t b, bool is_tile = false) {
      all.push_back(
          {std::move(what), static_cast<double>(a), static_cast<double>(b), bytes_text(a), bytes_text(b), is_tile});
    };
    count("nodes", before().graph->node_count(), after().graph->node_count(), true);
    if (before().file_bytes > 0 || after().file_bytes > 0) bytes("file", before().file_bytes, after().file_bytes, true);
    if (has_costs()) {
      const GraphCost &a = *before().cost, &b = *after().cost;
      bytes("weights that the outputs need", static_cast<uint64_t>(a.weight_bytes),
            static_cast<uint64_t>(b.weight_bytes));
      count("multiply-accumulates", a.macs, b.macs, true);
      count("operations", a.operations, b.operations);
      bytes("activations read", static_cast<uint64_t>(a.read_bytes), static_cast<uint64_t>(b.read_bytes));
      bytes("activations written", static_cast<uint64_t>(a.written_bytes), static_cast<uint64_t>(b.written_bytes));
      if (a.program != nullptr && b.program != nullptr) {
        bytes("arena", a.arena_bytes, b.arena_bytes, true);
        bytes("arena's lower bound", a.arena_lower_bound_bytes, b.arena_lower_bound_bytes);
        count("steps of the compiled program", static_cast<int64_t>(a.program->steps.size()),
              static_cast<int64_t>(b.program->steps.size()));
      }
    }
    if (before().run_ms > 0 && after().run_ms > 0) {
      all.push_back({"one run, one thread", before().run_ms, after().run_ms, fixed(before().run_ms, 3) + " ms",
                     fixed(after().run_ms, 3) + " ms", true});
    }
    return all;
  }

  void tiles() {
    add("<div class=\"tiles\">\n");
    for (const Figure& figure : figures()) {
      if (!figure.is_tile) continue;
      add("<div class=\"tile\"><div class=\"what\">", figure.what, "</div><div class=\"value\">", figure.after_text,
          "</div><div class=\"was\">was ", figure.before_text, " ", change_text(figure.before, figure.after),
          "</div></div>\n");
    }
    add("</div>\n");
  }

  void passes() {
    if (report_.passes.empty()) return;
    bool has_rounds = false, verified = false;
    for (const PassReport& pass : report_.passes) {
      has_rounds |= pass.round > 0;
      verified |= pass.verified;
    }
    add("<h2>Passes</h2>\n<div class=\"scroll\"><table>\n<tr><th>pass</th>",
        has_rounds ? "<th class=\"n\">round</th>" : "",
        "<th>changes</th><th class=\"n\">nodes</th><th class=\"n\">constants</th><th class=\"n\">ms</th>",
        verified ? "<th class=\"n\">largest difference</th>" : "", "</tr>\n");
    int idle = 0;
    for (const PassReport& pass : report_.passes) {
      if (pass.changes == 0 && pass.ignored_error.empty()) {
        ++idle;
        continue;
      }
      add("<tr><td class=\"name\">", html_text(pass.pass), "</td>");
      if (has_rounds) add("<td class=\"n\">", pass.round + 1, "</td>");
      add("<td>");
      changes(pass);
      add("</td><td class=\"n\">", pass.nodes_before, " → ", pass.nodes_after, "</td><td class=\"n\">",
          bytes_text(static_cast<uint64_t>(pass.bytes_before)), " → ",
          bytes_text(static_cast<uint64_t>(pass.bytes_after)), "</td><td class=\"n\">", fixed(pass.milliseconds, 1),
          "</td>");
      if (verified) difference(pass);
      add("</tr>\n");
    }
    add("</table></div>\n");
    if (idle > 0) add("<p class=\"note\">", idle, idle == 1 ? " more pass" : " more passes", " changed nothing.</p>\n");
    if (verified)
      add("<p class=\"note\">The largest difference of any output, relative to that output's largest magnitude: the "
          "graph before the pass and after it on the same inputs.</p>\n");
  }

  void changes(const PassReport& pass) {
    if (!pass.ignored_error.empty()) add("<span class=\"bad\">", html_text(pass.ignored_error), "</span> ");
    if (pass.notes.empty()) {
      add(pass.changes);
      return;
    }
    constexpr size_t kMostNotes = 500;
    add("<details><summary>", pass.changes, "</summary><ul>\n");
    for (size_t i = 0; i < std::min(pass.notes.size(), kMostNotes); ++i)
      add("<li>", html_text(pass.notes[i]), "</li>\n");
    auto shown = static_cast<int>(std::min(pass.notes.size(), kMostNotes));
    if (pass.changes > shown) add("<li>and ", pass.changes - shown, " more</li>\n");
    add("</ul></details>");
  }

  void difference(const PassReport& pass) {
    add("<td class=\"n\">");
    if (pass.verified) add(short_number(pass.max_relative_difference));
    if (pass.rounding_noise > 0)
      add(" <span class=\"faint\">(one rounding of all constants: ", short_number(pass.rounding_noise), ")</span>");
    if (pass.max_constant_difference > 0)
      add(" <span class=\"faint\">(of a weight ", short_number(pass.max_constant_difference), ")</span>");
    if (!pass.assumed.empty()) add("<br/><span class=\"note\">with ", html_text(str_join(pass.assumed)), "</span>");
    add("</td>");
  }

  void costs() {
    add("<h2>Size and cost</h2>\n<div class=\"scroll\"><table>\n<tr><th></th><th class=\"n\">before</th><th "
        "class=\"n\">after</th><th class=\"n\">change</th></tr>\n");
    for (const Figure& figure : figures()) {
      add("<tr><td>", figure.what, "</td><td class=\"n\">", figure.before_text, "</td><td class=\"n\">",
          figure.after_text, "</td><td class=\"n\">", change_text(figure.before, figure.after), "</td></tr>\n");
    }
    add("</table></div>\n");
    if (!has_costs()) return;
    std::vector<std::string> notes = after().cost->notes;
    for (const std::string& note : before().cost->notes) {
      if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back("before: " + note);
    }
    if (!after().cost->uncounted.empty()) {
      std::vector<std::string> counts;
      for (const auto& [op, count] : after().cost->uncounted) counts.push_back(str_cat(count, " ", op));
      notes.push_back("not counted: " + str_join(counts));
    }
    for (const std::string& note : notes) add("<p class=\"note\">", html_text(note), "</p>\n");
  }

  void memory() {
    if (!has_costs()) return;
    add("<h2>Memory plan</h2>\n<p class=\"note\">One arena holds every intermediate value. Steps go to the right, "
        "addresses upwards; a box is a value's memory for as long as it is needed, with the colour of its op (pale: "
        "scratch). The line is what is in use. The lower bound is the most that is in use at one step: no plan can be "
        "smaller.</p>\n<div class=\"pair\">\n");
    for (const auto& [what, side] : {std::pair("Before", &before()), std::pair("After", &after())}) {
      add("<div class=\"panel\"><h3>", what, "</h3>\n");
      if (side->cost->program != nullptr) {
        add(memory_svg(*side->cost->program));
      } else {
        add("<p>It does not compile here: ", html_text(side->cost->no_program), "</p>\n");
      }
      add("</div>\n");
    }
    add("</div>\n");
  }

  void times() {
    if (after().times.empty()) {
      if (!after().no_times.empty()) add("<h2>Time</h2>\n<p>Not measured: ", html_text(after().no_times), "</p>\n");
      return;
    }
    std::vector<const OpTime*> sorted;
    double total = 0;
    for (const OpTime& time : after().times) {
      sorted.push_back(&time);
      total += time.microseconds;
    }
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const OpTime* a, const OpTime* b) { return a->microseconds > b->microseconds; });
    constexpr size_t kMostShown = 25;
    add("<h2>Time per op, after</h2>\n<p class=\"note\">On made-up inputs, one thread, the median of several runs. A "
        "step does the work of all nodes that were fused into it.</p>\n<div "
        "class=\"scroll\"><table>\n<tr><th>node</th><th>op</th>"
        "<th class=\"n\">µs</th><th class=\"n\">share</th><th></th></tr>\n");
    for (size_t i = 0; i < std::min(sorted.size(), kMostShown); ++i) {
      const OpTime& time = *sorted[i];
      double share = total > 0 ? time.microseconds / total : 0;
      double bar = sorted[0]->microseconds > 0 ? time.microseconds / sorted[0]->microseconds : 0;
      add("<tr><td class=\"name\">", html_text(time.node), "</td><td>", html_text(time.op), "</td><td class=\"n\">",
          fixed(time.microseconds, 1), "</td><td class=\"n\">", fixed(100 * share, 1),
          " %</td><td class=\"bars\"><span class=\"bar\" style=\"width:", fixed(100 * bar, 1),
          "%\"></span></td></tr>\n");
    }
    add("</table></div>\n");
    if (sorted.size() > kMostShown)
      add("<p class=\"note\">The ", sorted.size() - kMostShown, " shortest steps are not listed.</p>\n");
  }

  void graphs() {
    GraphComparison comparison = compare_graphs(*before().graph, *after().graph);
    std::map<NodeId, std::string> before_marks, after_marks;
    for (NodeId id : comparison.only_first) before_marks[id] = "gone";
    for (NodeId id : comparison.only_second) after_marks[id] = "new";
    for (const GraphChange& change : comparison.changed) {
      before_marks[change.first] = "changed";
      after_marks[change.second] = "changed";
    }
    add("<h2>Graphs</h2>\n<p class=\"note\">Drag to move, turn the wheel to zoom; the pointer on a node shows its name "
        "and outputs. <span class=\"key\" style=\"border-color:#d0342c\"></span>gone<span class=\"key\" "
        "style=\"border-color:#1f9d55\"></span>new<span class=\"key\" "
        "style=\"border-color:#d98a00\"></span>changed</p>\n"
        "<div class=\"pair\">\n");
    picture("Before", before(), before_marks);
    picture("After", after(), after_marks);
    add("</div>\n");
  }

  void picture(std::string_view what, const ReportSide& side, const std::map<NodeId, std::string>& marks) {
    GraphPicture picture = graph_picture(*side.graph, marks, report_.use_graphviz);
    add("<div class=\"panel picture\"><h3>", what, ": ", side.graph->node_count(), " nodes</h3>\n");
    if (picture.html.starts_with("<svg")) {
      add("<div class=\"tools\" hidden=\"hidden\"><button type=\"button\" data-do=\"in\">+</button><button "
          "type=\"button\" "
          "data-do=\"out\">−</button><button type=\"button\" data-do=\"all\">all</button><input type=\"search\" "
          "placeholder=\"find a node: Enter, again for the next\" aria-label=\"find a node\"/></div>\n<div "
          "class=\"view\">",
          picture.html, "</div>\n");
    } else {
      add(picture.html);
    }
    if (!picture.note.empty()) add("<p class=\"note\">", html_text(picture.note), "</p>\n");
    add("</div>\n");
  }

  void ops() {
    std::map<std::string, std::pair<int, int>> counts;
    for (NodeId id : before().graph->ids()) ++counts[before().graph->node(id).op].first;
    for (NodeId id : after().graph->ids()) ++counts[after().graph->node(id).op].second;
    std::vector<std::pair<std::string, std::pair<int, int>>> sorted(counts.begin(), counts.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
      return a.second.first + a.second.second > b.second.first + b.second.second;
    });
    add("<h2>Ops</h2>\n<div class=\"scroll\"><table>\n<tr><th>op</th><th class=\"n\">before</th><th "
        "class=\"n\">after</th><th "
        "class=\"n\">change</th></tr>\n");
    for (const auto& [op, count] : sorted) {
      int change = count.second - count.first;
      add("<tr", change == 0 ? " class=\"idle\"" : "", "><td class=\"name\">", html_text(op), "</td><td class=\"n\">",
          count.first, "</td><td class=\"n\">", count.second, "</td><td class=\"n\">", change > 0 ? "+" : "",
          change == 0 ? "=" : str_cat(change), "</td></tr>\n");
    }
    add("</table></div>\n");
  }

  const Report& report_;
  std::string page_;
};

}  // namespace

std::string report_page(const Report& report) {
  return Page(report).write();
}

}  // namespace tarn
