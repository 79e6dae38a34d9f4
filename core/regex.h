// Regular expressions in RE2's syntax, what RegexReplace and its like need. The ops are in every engine; the library
// behind this (RE2) is only where somebody installs a RegexCompiler.
//
//   Session session(graph);                                // has ops/re2's
//   EngineOptions options{.regex = &regex_compiler()};     // an app that wants it says so
//
// Thread-safe: one serves every run.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/services.h"

namespace tarn {

class Regex {
 public:
  virtual ~Regex() = default;
  virtual bool full_match(std::string_view text) const = 0;
  // InvalidArgument for a rewrite that names a group which the pattern does not have.
  virtual Status check_rewrite(const std::string& rewrite) const = 0;
  // The first match, or every one, replaced. `rewrite` may name groups as \0 to \9; check_rewrite() has accepted it.
  virtual std::string replace(const std::string& text, const std::string& rewrite, bool global) const = 0;
};

class RegexCompiler {
 public:
  static constexpr ServiceId kId = ServiceId::kRegex;
  virtual ~RegexCompiler() = default;
  // InvalidArgument saying what is wrong; also for patterns that need more than RE2's 8 MB.
  virtual Result<std::unique_ptr<const Regex>> compile(const std::string& pattern) const = 0;
};

// The one there is, defined by the library in ops/re2: who calls it links RE2. Lives as long as the program.
RegexCompiler& regex_compiler();

}  // namespace tarn
