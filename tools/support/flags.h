// Reading flags: the part of tool_main() that turns argv into gflags' variables, and helpers for their values.
//
//   TARN_ASSIGN_OR_RETURN(std::vector<std::string> outputs, list_flag("output_node_names", FLAGS_output_node_names));
//   if (flag_was_given("seed")) …
//
// gflags' own parser, which exits and aborts as it likes, is never called.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace tarn {

// Allowed values of a number flag, both ends included. Defaults may lie outside (0 threads = one per core).
struct FlagRange {
  std::string_view flag;
  double low;
  double high;
};

struct FlagRules {
  std::string_view source_file;  // flags of this file exist, no others
  std::vector<std::string_view> required = {};
  std::vector<FlagRange> ranges = {};
  bool allow_arguments = false;
  std::vector<std::string_view> one_of = {};        // at least one of these is required
  std::vector<std::string_view> may_be_empty = {};  // texts that mean something if empty, though it is not the default
};

struct ParsedFlags {
  std::vector<std::string> arguments;  // what is not a flag
  bool help = false;
  bool version = false;
};

// Sets gflags' variables from argv (without the program's name). All problems are said at once.
Result<ParsedFlags> parse_flags(const std::vector<std::string>& argv, const FlagRules& rules);

// The part of --help about the flags: name, allowed values, default, description.
std::string describe_flags(const FlagRules& rules);

// "a, b,c" -> {"a", "b", "c"}: spaces around items dropped, "" has none.
// Errors: InvalidArgument naming the flag and the position of an empty or repeated item.
Result<std::vector<std::string>> list_flag(std::string_view flag, std::string_view value);

// Whether it is a flag of the rules' source file.
bool is_own_flag(std::string_view flag, const FlagRules& rules);

// Whether the flag was on the command line.
bool flag_was_given(std::string_view flag);

}  // namespace tarn
