// Regular expressions in RE2's syntax, matched in time linear in the text: all ways to match are followed at once.
//
//   TARN_ASSIGN_OR_RETURN(Regex regex, Regex::parse("s3://.*"));
//   regex.full_match("s3://bucket")                              // true
//   regex.replace("a-b-c", "-", "+", /*global=*/true)            // "a+b+c"
//
// Characters, ., classes ([a-z], [^…], [[:alpha:]], \d \w \s), ^ $ \A \z \b \B, groups, |, * + ? {n,m} greedy and not,
// flags (?i) (?s) (?m) (?U). Text is UTF-8; bytes that are not stand for themselves. Not had: \p{…}, case beyond ASCII.
// Thread-compatible: const after parse().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/status.h"

namespace tarn {

class Regex {
 public:
  // InvalidArgument saying what is wrong where; also for patterns that become too large.
  static Result<Regex> parse(std::string_view pattern);

  bool full_match(std::string_view text) const;
  // The first match, or every one. `rewrite` may name groups as \0 to \9; check_rewrite() must have accepted it.
  std::string replace(std::string_view text, std::string_view rewrite, bool global) const;
  Status check_rewrite(std::string_view rewrite) const;

  using Range = std::pair<uint32_t, uint32_t>;  // first and last code point
  struct Step {
    enum Kind : uint8_t {
      kSet,
      kSplit,
      kJump,
      kSave,
      kBegin,
      kEnd,
      kLineBegin,
      kLineEnd,
      kBoundary,
      kNoBoundary,
      kMatch
    };
    Kind kind;
    int a = 0, b = 0;             // kSplit: where to go first and second, from here; kJump: where; kSave: which slot
    std::vector<Range> set = {};  // kSet
  };

 private:
  struct Thread;
  // Slots of the first match that begins at `from` or later; empty: none.
  std::vector<size_t> find(std::string_view text, size_t from, bool whole) const;
  bool holds(Step::Kind kind, std::string_view text, size_t at) const;

  std::vector<Step> steps_;
  int groups_ = 1;  // with the whole match
};

}  // namespace tarn
