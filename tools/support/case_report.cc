#include "tools/support/case_report.h"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace tarn {
namespace {

// XML 1.0 has no way to say most control characters.
std::string xml_text(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\n':
      case '\t': out += ' '; break;
      default: out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return out;
}

// A cell of a table: one line, no bar.
std::string cell_text(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|' || c == '\\' || c == '<' || c == '*' || c == '_' || c == '`' || c == '~') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string difference_text(const CaseResult& result) {
  if (result.largest_difference < 0) return "-";
  char number[32];
  std::snprintf(number, sizeof(number), "%.3g", result.largest_difference);
  return number;
}

}  // namespace

std::string CaseCounts::to_string() const {
  return str_cat(passed, " passed, ", failed, " failed, ", skipped, " skipped");
}

CaseCounts count_cases(std::span<const CaseResult> results) {
  CaseCounts counts;
  for (const CaseResult& result : results) counts.add(result.verdict);
  return counts;
}

std::string junit_report(std::string_view suite, std::span<const CaseResult> results) {
  CaseCounts counts = count_cases(results);
  auto errors = static_cast<int>(std::count_if(
      results.begin(), results.end(), [](const CaseResult& result) { return result.verdict == Verdict::kError; }));
  std::string numbers = str_cat("tests=\"", results.size(), "\" failures=\"", counts.failed - errors, "\" errors=\"",
                                errors, "\" skipped=\"", counts.skipped, "\"");
  std::string name = xml_text(suite);
  std::string xml = str_cat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites ", numbers,
                            ">\n  <testsuite name=\"", name, "\" ", numbers, ">\n");
  for (const CaseResult& result : results) {
    str_append(xml, "    <testcase classname=\"", name, "\" name=\"", xml_text(result.name), "\"");
    if (result.verdict == Verdict::kOk) {
      xml += "/>\n";
      continue;
    }
    std::string_view element = result.verdict == Verdict::kError     ? "error"
                               : result.verdict == Verdict::kSkipped ? "skipped"
                                                                     : "failure";
    str_append(xml, "><", element);
    if (element != "skipped") str_append(xml, " type=\"", verdict_name(result.verdict), "\"");
    str_append(xml, " message=\"", xml_text(result.reason), "\"/></testcase>\n");
  }
  return xml + "  </testsuite>\n</testsuites>\n";
}

std::string markdown_report(std::string_view suite, std::span<const CaseResult> results) {
  std::vector<const CaseResult*> order;
  for (const CaseResult& result : results) order.push_back(&result);
  auto is_fine = [](const CaseResult* result) {
    return result->verdict == Verdict::kOk || result->verdict == Verdict::kSkipped;
  };
  std::stable_partition(order.begin(), order.end(), [&](const CaseResult* result) { return !is_fine(result); });
  std::string text = str_cat("# ", cell_text(suite), "\n\n", count_cases(results).to_string(), "\n\n",
                             "| case | verdict | largest difference | reason |\n| --- | --- | --- | --- |\n");
  for (const CaseResult* result : order) {
    str_append(text, "| ", cell_text(result->name), " | ", verdict_name(result->verdict), " | ",
               difference_text(*result), " | ", cell_text(result->reason), " |\n");
  }
  return text;
}

}  // namespace tarn
