#include "examples/support/download.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

#include "core/file.h"
#include "core/sha256.h"

extern char** environ;  // POSIX; no header declares it

namespace tarn::examples {
namespace {

// What curl's exit code means, for those a person can do something about (man curl, EXIT CODES).
std::string curl_exit_text(int code) {
  switch (code) {
    case 5:
    case 6: return "no network (cannot resolve the name)";
    case 7: return "cannot connect";
    case 22: return "the server answered with an error";
    case 28: return "took too long";
    case 35:
    case 60: return "no secure connection";
    case 37: return "no such file";
    case 63: return "larger than allowed";
    case 127: return "the curl program is not installed";
  }
  return str_cat("curl exit code ", code);
}

Result<int> run(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  // The child says nothing, reads nothing, and dies of a broken pipe as usual, whatever the parent chose.
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  for (int fd : {0, 1, 2}) ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t child = 0;
  int error = ::posix_spawnp(&child, argv[0], &actions, &attributes, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error == ENOENT) return 127;
  if (error != 0) return file_error("start", arguments[0], error);

  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return file_error("wait for", arguments[0], errno);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Why `url` could not be fetched to `path`, or OK.
Status fetch(const std::string& url, const std::string& path, std::string_view sha256) {
  // -q: not the user's curl options. Speed limit: a stalled mirror is given up after 20 s.
  Result<int> code = run({"curl",
                          "-q",
                          "--fail",
                          "--silent",
                          "--location",
                          "--proto",
                          "=https,file",
                          "--proto-redir",
                          "=https",
                          "--connect-timeout",
                          "10",
                          "--max-time",
                          "180",
                          "--speed-limit",
                          "2000",
                          "--speed-time",
                          "20",
                          "--max-filesize",
                          "100000000",
                          "--output",
                          path,
                          "--url",
                          url});
  if (!code.ok()) return code.status();
  if (*code != 0) return Status(Code::kUnavailable, str_cat(printable(url), ": ", curl_exit_text(*code)));
  TARN_ASSIGN_OR_RETURN(std::string got, sha256_of_file(path));
  if (got == sha256) return {};
  return data_loss(printable(url), ": checksum (SHA-256) is ", got, ", expected ", sha256);
}

}  // namespace

Status download(const std::vector<std::string>& urls, const std::string& path, std::string_view sha256,
                const std::function<void(std::string_view line)>& log) {
  std::string temporary = str_cat(path, ".part.", static_cast<int64_t>(::getpid()));
  std::string problems;
  for (const std::string& url : urls) {
    if (log) log(str_cat("downloading ", printable(url)));
    Status status = fetch(url, temporary, sha256);
    if (status.ok()) status = rename_file(temporary, path);
    if (status.ok()) return {};
    static_cast<void>(remove_file(temporary));  // there may be none
    str_append(problems, problems.empty() ? "" : "; ", status.message());
    if (log) log(str_cat("  ", status.message()));
  }
  return Status(Code::kUnavailable, str_cat("cannot download ", quoted(path), ": ", problems));
}

}  // namespace tarn::examples
