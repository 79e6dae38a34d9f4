#include "examples/support/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace tarn::examples {

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

int UniqueFd::release() {
  return std::exchange(fd_, -1);
}

Status file_error(std::string_view action, std::string_view path, int error) {
  Code code = error == ENOENT || error == ENOTDIR ? Code::kNotFound
              : error == EACCES || error == EPERM ? Code::kPermissionDenied
              : error == ENOSPC || error == EDQUOT || error == EFBIG || error == EMFILE || error == ENOMEM
                  ? Code::kResourceExhausted
                  : Code::kUnknown;
  return make_error(code, "cannot ", action, " ", tarn::quoted(path), ": ", std::generic_category().message(error));
}

Result<UniqueFd> open_regular_file(const std::string& path) {
  // O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.is_open()) return file_error("open", path, errno);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return file_error("look at", path, errno);
  if (S_ISREG(info.st_mode)) return fd;
  if (S_ISDIR(info.st_mode)) return file_error("read", path, EISDIR);
  std::string_view kind = S_ISFIFO(info.st_mode) ? "a FIFO" : S_ISSOCK(info.st_mode) ? "a socket" : "a device";
  return invalid_argument("cannot read ", tarn::quoted(path), ": it is ", kind, ", not a regular file");
}

Status write_file_atomically(const std::string& path, std::string_view bytes) {
  std::string temporary = str_cat(path, ".tmp.", static_cast<int64_t>(::getpid()));
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!fd.is_open()) return file_error("create", temporary, errno);

  Status status;
  while (!bytes.empty() && status.ok()) {
    ssize_t written = ::write(fd.get(), bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      status = file_error("write", temporary, errno);
    }
  }
  if (status.ok() && ::fsync(fd.get()) != 0) status = file_error("sync", temporary, errno);
  if (::close(fd.release()) != 0 && status.ok()) status = file_error("close", temporary, errno);
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) status = file_error("write", path, errno);
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

Status make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return file_error("make folder", path, error.value());
  return {};
}

}  // namespace tarn::examples
