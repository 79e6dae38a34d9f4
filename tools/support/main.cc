#include "tools/support/main.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <system_error>

#include "core/unfinished_files.h"

namespace tarn {
namespace {

constexpr int kFailed = 1;  // unless the tool says otherwise
constexpr int kWrongUsage = 2;
constexpr int kReaderGone = 128 + SIGPIPE;  // what a shell says of programs that such a pipe ends

// For the terminate handler, which can be given nothing. A plain array: needs no construction and no destruction.
char g_tool_name[64] = "tool";
int g_failed_code = kFailed;

// Names from a damaged file may hold what moves a terminal's cursor, wherever a message took them from.
std::string without_controls(std::string_view line) {
  std::string text;
  for (char c : line) {
    bool is_control = (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
    text += is_control ? printable(std::string_view(&c, 1)) : std::string(1, c);
  }
  return text;
}

void say_error(std::string_view name, std::string_view message) {
  // Every line carries the name, so that it can be found in a build log.
  std::string text;
  for (const std::string& line : str_split(message, '\n')) str_append(text, name, ": ", without_controls(line), "\n");
  std::fflush(stdout);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

std::string describe_exception(std::exception_ptr error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    return "out of memory";
  } catch (const std::exception& e) {
    return str_cat("unexpected error: ", printable(e.what()));
  } catch (...) {
  }
  return "unexpected error";
}

// An exception on another thread ends here: a message and an exit code, no core dump.
[[noreturn]] void on_terminate() {
  say_error(g_tool_name, describe_exception(std::current_exception()));
  std::_Exit(g_failed_code);
}

// No half-written file is left, and the exit code is that of a failure. Only what a signal handler may call.
[[noreturn]] void end_by_signal(std::string_view said) {
  remove_unfinished_files();
  static_cast<void>(!::write(STDERR_FILENO, g_tool_name, std::char_traits<char>::length(g_tool_name)));
  static_cast<void>(!::write(STDERR_FILENO, said.data(), said.size()));
  ::_exit(g_failed_code);
}

// By its user or by the system.
extern "C" void on_stop_signal(int) {
  end_by_signal(": stopped by a signal\n");
}

// Files are read where they are mapped. What was cut off them meanwhile cannot be.
extern "C" void on_lost_pages(int) {
  end_by_signal(": a file was made shorter by another program while it was being read\n");
}

void handle_signals() {
  std::signal(SIGBUS, on_lost_pages);
  // A reader that went away is an error of the write (`tool | head -1`), as is a file that may not grow further
  // (`ulimit -f`): not a death in the middle of a file.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  for (int number : {SIGINT, SIGTERM, SIGHUP}) {
    // Who ignores it for us (nohup, a shell's background job) means it.
    if (std::signal(number, on_stop_signal) == SIG_IGN) std::signal(number, SIG_IGN);
  }
}

// A closed standard stream's number would go to the next file opened, and prints would end up in it. Filled with a
// descriptor that cannot be used the wrong way round, a write to it fails as it should.
void fill_closed_streams() {
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) == -1 && errno == EBADF) {
      static_cast<void>(::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
    }
  }
}

// A pipe that nobody reads any more. Asked of the pipe: the error of the write that met it may be lost by now.
bool reader_is_gone() {
  pollfd output = {.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

// Whether everything printed has arrived, or whoever read it had enough: Cancelled.
Status close_output() {
  errno = 0;
  std::cout.flush();
  bool failed = std::fflush(stdout) != 0 || !std::cout || std::ferror(stdout) != 0;
  int reason = errno;  // of the last write; an earlier one may have failed for a reason now lost
  if (failed && reader_is_gone()) return Status(Code::kCancelled, "nobody reads the output any more");
  // Some file systems tell of a full disk only now. Not fclose(): std::cout is flushed once more when the program ends.
  if (::close(STDOUT_FILENO) != 0 && !failed) {
    failed = true;
    reason = errno;
  }
  if (!failed) return {};
  std::string why = reason != 0 ? str_cat(": ", std::generic_category().message(reason)) : "";
  return Status(Code::kUnavailable, str_cat("cannot write to standard output", why));
}

std::string usage_line(const ToolInfo& info) {
  std::string line = str_cat("Usage: ", info.name);
  for (std::string_view flag : info.required) str_append(line, " --", flag, "=…");
  if (!info.one_of.empty()) str_append(line, " --", info.one_of[0], "=…");
  str_append(line, " [flags]", info.arguments.empty() ? "" : " ", info.arguments, "\n");
  return line;
}

void print_help(const ToolInfo& info, const FlagRules& rules) {
  print(info.name, ": ", info.summary, "\n\n", usage_line(info));
  if (!info.example.empty()) {
    print("\nExample:\n");
    for (const std::string& line : str_split(info.example, '\n')) print("  ", line, "\n");
  }
  print("\nFlags:\n", describe_flags(rules), "  --help\n      Prints this.\n  --version\n      Prints the version.\n");
}

// Of an error that `run` returned: whether it blames the value of a flag.
bool is_usage_error(const Status& status, const FlagRules& rules) {
  std::string_view message = status.message();
  if (!message.starts_with("--")) return false;
  return is_own_flag(message.substr(2, message.find_first_of(" :=", 2) - 2), rules);
}

Result<int> run_guarded(const std::function<Result<int>(const Arguments&)>& run, const Arguments& arguments) {
  // core/, ops/ and runtime/ throw nothing of their own, but std::vector may, and libraries below the tools do.
  try {
    return run(arguments);
  } catch (...) {
    return Status(Code::kInternal, describe_exception(std::current_exception()));
  }
}

}  // namespace

void warn(std::string_view tool_name, std::string_view message) {
  say_error(tool_name, str_cat("warning: ", message));
}

int internal::tool_main(int argc, char** argv, const ToolInfo& info,
                        const std::function<Result<int>(const Arguments&)>& run, const char* source_file) {
  info.name.copy(g_tool_name, sizeof(g_tool_name) - 1);
  g_tool_name[std::min(info.name.size(), sizeof(g_tool_name) - 1)] = '\0';
  g_failed_code = info.failed_code;
  std::set_terminate(on_terminate);
  fill_closed_streams();
  handle_signals();
  // gflags reads numbers with strtod: "0.5" is a number whatever LANG says.
  std::setlocale(LC_NUMERIC, "C");

  FlagRules rules{source_file, info.required, info.ranges, !info.arguments.empty(), info.one_of, info.may_be_empty};
  Result<ParsedFlags> flags = parse_flags(Arguments(argv + std::min(argc, 1), argv + argc), rules);
  int code = 0;
  if (!flags.ok()) {
    say_error(info.name, flags.status().message());
    std::string usage = str_cat(usage_line(info), "'", info.name, " --help' lists the flags.\n");
    std::fwrite(usage.data(), 1, usage.size(), stderr);
    code = kWrongUsage;
  } else if (flags->help) {
    print_help(info, rules);
  } else if (flags->version) {
    print(info.name, " (Tarn ", TARN_VERSION, ")\n");
  } else if (Result<int> result = run_guarded(run, flags->arguments); result.ok()) {
    code = *result;
  } else {
    say_error(info.name, result.status().message());
    code = is_usage_error(result.status(), rules) ? kWrongUsage : info.failed_code;
  }
  Status output = close_output();
  if (output.ok()) return code;
  if (output.code() == Code::kCancelled) return code == 0 ? kReaderGone : code;
  say_error(info.name, output.message());
  return code == 0 ? info.failed_code : code;
}

}  // namespace tarn
