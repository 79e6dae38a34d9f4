// How core/file.cc and core/atomic_file.cc make system calls; no header for others.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/file.h"

namespace tarn::internal {

// The installed hook, or null.
FileHook* current_file_hook();

constexpr size_t kMostAtOnce = size_t{1} << 30;  // Linux transfers at most 2 GiB - 4 KiB a call

// Makes one system call, seen by the hook and repeated while a signal interrupts it. `make` returns -1 and sets errno
// on failure; it gets the bytes to transfer.
template <class F>
auto call(FileCall kind, std::string_view path, size_t bytes, const F& make) -> decltype(make(bytes)) {
  while (true) {
    decltype(make(bytes)) result = -1;
    size_t allowed = bytes;
    FileHook* hook = current_file_hook();
    int injected = hook == nullptr ? 0 : hook->before(kind, path, allowed);
    if (injected != 0) {
      errno = injected;
    } else {
      result = make(allowed);
    }
    if (result != -1 || errno != EINTR) return result;
    if (kind == FileCall::kClose) return 0;  // Linux has closed it all the same
  }
}

template <class F>
auto call(FileCall kind, std::string_view path, const F& make) {
  return call(kind, path, 0, [&](size_t) { return make(); });
}

// A descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(int fd, const std::string& path) : fd_(fd), path_(path) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) call(FileCall::kClose, path_, [&] { return ::close(fd_); });
  }
  int get() const { return fd_; }

 private:
  int fd_;
  const std::string& path_;
};

// An error if `path` is empty or holds a NUL byte, which system calls would stop at.
Status check_path(std::string_view what, const std::string& path);
// An error naming what it is, if it is no regular file.
Status check_regular(std::string_view what, const std::string& path, unsigned mode);
// Opens for reading without waiting for a FIFO's writer.
int open_for_reading(const std::string& path);

}  // namespace tarn::internal
