#include "tools/support/graphviz.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

extern char** environ;

namespace tarn {
namespace {

// A file without a name: what a child reads and writes needs neither pipes that could fill up nor a place on a disk.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("tarn", MFD_CLOEXEC)) {}
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

  Status fill(std::string_view bytes) const {
    while (!bytes.empty()) {
      ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return failed("write");
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return ::lseek(fd_, 0, SEEK_SET) == 0 ? Status() : failed("rewind");
  }

  Result<std::string> contents() const {
    if (::lseek(fd_, 0, SEEK_SET) != 0) return failed("rewind");
    std::string bytes;
    char part[1 << 16];
    for (;;) {
      ssize_t size = ::read(fd_, part, sizeof(part));
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return failed("read");
      if (size == 0) return bytes;
      bytes.append(part, static_cast<size_t>(size));
    }
  }

 private:
  static Status failed(std::string_view what) {
    return internal_error("cannot ", what, " a file in memory: ", std::generic_category().message(errno));
  }
  int fd_;
};

}  // namespace

Result<std::string> dot_to_svg(std::string_view dot) {
  MemoryFile in, out, errors;
  if (in.fd() < 0 || out.fd() < 0 || errors.fd() < 0) {
    return internal_error("cannot make a file in memory: ", std::generic_category().message(errno));
  }
  TARN_RETURN_IF_ERROR(in.fill(dot));

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.fd(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.fd(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors.fd(), STDERR_FILENO);
  char program[] = "dot", format[] = "-Tsvg";
  char* const arguments[] = {program, format, nullptr};
  pid_t child = 0;
  int error = ::posix_spawnp(&child, program, &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) {
    return failed_precondition(
        "svg is drawn by Graphviz's program 'dot', which is not on PATH: install the package graphviz, or write dot");
  }
  if (error != 0) return internal_error("cannot start 'dot': ", std::generic_category().message(error));
  int state = 0;
  while (::waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  TARN_ASSIGN_OR_RETURN(std::string svg, out.contents());
  if (state != 0 || svg.empty()) {
    TARN_ASSIGN_OR_RETURN(std::string said, errors.contents());
    return internal_error("'dot' drew nothing: ", printable(said));
  }
  return svg;
}

}  // namespace tarn
