// main() of every command-line program: flags, --help, errors, and whether the output could be written.
//
//   DEFINE_string(input, "", "Graph to read");
//   DEFINE_int32(threads, 0, "Threads; by default one per core");
//
//   tarn::Status run() { …FLAGS_input… }
//
//   int main(int argc, char** argv) {
//     return tarn::tool_main(argc, argv, {.name = "show_graph", .summary = "Prints a graph.",
//                                         .example = "show_graph --input=model.pb",
//                                         .required = {"input"}, .ranges = {{"threads", 1, 1024}}}, run);
//   }
//
// Flags are gflags', spelled as TensorFlow's tools spell them: --name=value, --name value, --flag, --noflag; '-' and
// '_' are the same in a name. Only the flags defined in the source file that calls tool_main() exist. Unlike gflags, a
// repeated flag is an error, and so are --flagfile, --fromenv, --undefok and arguments that are no flags.
// Exit codes: 0 done, 2 wrong usage, 1 everything else that failed; 141, without a word, if whoever read the output
// went away (`tool | head -1`), which is 128 + SIGPIPE, as of any program in a shell's pipe. Wrong usage is what the
// command line alone shows to be wrong, and an error of `run` that opens with one of the tool's flags ("--quantize:
// there is no 'x'"): the value given is to blame. What only a file shows to be wrong opens with the file's path. Errors
// go to stderr as "name: message".
#pragma once

#include <cstdio>
#include <functional>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/status.h"
#include "tools/support/flags.h"

namespace tarn {

struct ToolInfo {
  std::string_view name;
  std::string_view summary;       // a sentence or two
  std::string_view example = {};  // command lines
  std::vector<std::string_view> required = {};
  std::vector<std::string_view> one_of = {};  // at least one of these is required
  std::vector<FlagRange> ranges = {};
  std::vector<std::string_view> may_be_empty = {};  // see FlagRules
  // What other arguments mean, e.g. "FILE…"; empty: there are none.
  std::string_view arguments = {};
  // Exit code of a failure where 1 is an answer (compare_graphs: "they differ").
  int failed_code = 1;
};

using Arguments = std::vector<std::string>;

namespace internal {
int tool_main(int argc, char** argv, const ToolInfo& info, const std::function<Result<int>(const Arguments&)>& run,
              const char* source_file);
}

// Reads the flags, calls `run` and returns the exit code. `run` takes nothing or `const Arguments&`, and returns
// Status, or Result<int> with the exit code.
template <class Run>
int tool_main(int argc, char** argv, const ToolInfo& info, const Run& run,
              std::source_location where = std::source_location::current()) {
  auto adapted = [&run](const Arguments& arguments) -> Result<int> {
    auto call = [&] {
      if constexpr (std::is_invocable_v<const Run&, const Arguments&>) {
        return run(arguments);
      } else {
        return run();
      }
    };
    if constexpr (std::is_same_v<decltype(call()), Status>) {
      TARN_RETURN_IF_ERROR(call());
      return 0;
    } else {
      return call();
    }
  };
  return internal::tool_main(argc, argv, info, adapted, where.file_name());
}

// Writes the arguments, joined as by str_cat, to standard output. Whether that worked, tool_main() checks at the end.
template <class... Args>
void print(const Args&... args) {
  std::string text = str_cat(args...);
  std::fwrite(text.data(), 1, text.size(), stdout);
}

// "name: warning: message" on standard error.
void warn(std::string_view tool_name, std::string_view message);

}  // namespace tarn
