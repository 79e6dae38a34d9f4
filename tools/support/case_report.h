// What check_cases found, as files: JUnit XML, which build servers show, and a table in Markdown.
//
//   write_file_atomically("cases.xml", junit_report("opsuite", results));
//   write_file_atomically("cases.md", markdown_report("opsuite", results));
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tools/support/case_check.h"

namespace tarn {

struct CaseCounts {
  int passed = 0, failed = 0, skipped = 0;
  void add(Verdict verdict) { ++(verdict == Verdict::kOk ? passed : verdict == Verdict::kSkipped ? skipped : failed); }
  // "1 passed, 2 failed, 0 skipped"
  std::string to_string() const;
};
CaseCounts count_cases(std::span<const CaseResult> results);

// One testcase a result: a difference or what is not supported is a failure, an error an error.
std::string junit_report(std::string_view suite, std::span<const CaseResult> results);

// The counts, then a row a case, those that fail first.
std::string markdown_report(std::string_view suite, std::span<const CaseResult> results);

}  // namespace tarn
