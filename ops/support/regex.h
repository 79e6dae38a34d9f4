// Regular expressions in RE2's syntax, matched in time linear in the text: all ways to match are followed at once.
//
//   TARN_ASSIGN_OR_RETURN(Regex regex, Regex::parse("s3://.*"));
//   regex.full_match("s3://bucket")                              // true
//   regex.replace("a-b-c", "-", "+", /*global=*/true)            // "a+b+c"
//
// Characters, ., classes ([a-z], [^…], [[:alpha:]], \d \w \s), ^ $ \A \z \b \B, groups, |, * + ? {n,m} greedy and not,
// \Q…\E, flags (?i) (?s) (?m) (?U). Text is UTF-8: a byte that is not matches nothing. Not had: \p{…}, \C, case beyond
// ASCII.
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
  size_t set_count() const { return sets_.size(); }  // sets of characters that it holds

  using Range = std::pair<uint32_t, uint32_t>;  // first and last code point
  using Set = std::vector<Range>;               // in order, apart from each other
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
    // kSplit: where to go first and second, from here; kJump: where; kSave: which slot; kSet: which set
    int a = 0, b = 0;
  };

 private:
  struct Thread;
  // Slots of the first match that begins at `from` or later; empty: none.
  std::vector<size_t> find(std::string_view text, size_t from, bool whole) const;
  bool holds(Step::Kind kind, std::string_view text, size_t at) const;

  std::vector<Step> steps_;
  std::vector<Set> sets_;  // each once: a step that is repeated a thousand times names it
  int groups_ = 1;         // with the whole match
};

}  // namespace tarn
