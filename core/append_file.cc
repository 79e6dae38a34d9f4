#include "core/append_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/file_calls.h"

namespace tarn {

using namespace internal;

namespace {

constexpr size_t kGather = size_t{64} << 10;

}  // namespace

Result<AppendFile> AppendFile::create(const std::string& path) {
  TARN_RETURN_IF_ERROR(check_path("write", path));
  const int fd = call(FileCall::kOpen, path, [&] {
    return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
  });
  if (fd < 0) return file_error("write", path, errno);
  AppendFile file;
  file.path_ = path;
  file.fd_ = fd;
  return file;
}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  if (this == &other) return *this;
  (void)close();
  path_ = std::move(other.path_);
  buffer_ = std::exchange(other.buffer_, {});
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}

AppendFile::~AppendFile() {
  (void)close();
}

Status AppendFile::append(std::string_view bytes) {
  if (fd_ < 0) return failed_precondition("cannot write ", in_quotes(path_), ": it is closed already");
  buffer_.append(bytes);
  return buffer_.size() < kGather ? Status() : flush();
}

Status AppendFile::flush() {
  if (fd_ < 0) return failed_precondition("cannot write ", in_quotes(path_), ": it is closed already");
  std::string_view left = buffer_;
  while (!left.empty()) {
    const ssize_t put = call(FileCall::kWrite, path_, std::min(left.size(), kMostAtOnce),
                             [&](size_t most) { return ::write(fd_, left.data(), most); });
    const int error_number = put == 0 ? ENOSPC : errno;
    if (put <= 0) {
      buffer_.erase(0, buffer_.size() - left.size());  // what is written is not written again
      return file_error("write", path_, error_number);
    }
    left.remove_prefix(static_cast<size_t>(put));
  }
  buffer_.clear();
  return {};
}

Status AppendFile::close() {
  if (fd_ < 0) return {};
  Status status = flush();
  const int fd = std::exchange(fd_, -1);
  if (call(FileCall::kClose, path_, [&] { return ::close(fd); }) != 0) status.update(file_error("close", path_, errno));
  return status;
}

}  // namespace tarn
