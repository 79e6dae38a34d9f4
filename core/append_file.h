// AppendFile: a new file that grows while others read it, such as a log. (Files that must be whole or not there at all:
// AtomicFile, core/file.h.)
//
//   TARN_ASSIGN_OR_RETURN(AppendFile log, AppendFile::create("events.out"));
//   TARN_RETURN_IF_ERROR(log.append(record)); …
//   TARN_RETURN_IF_ERROR(log.flush());           // now readers see it
#pragma once

#include <string>
#include <string_view>

#include "core/status.h"

namespace tarn {

// What is appended is gathered until flush(); destroyed, it flushes what it has. Thread-compatible.
class AppendFile {
 public:
  // AlreadyExists if there is something at `path`.
  static Result<AppendFile> create(const std::string& path);
  AppendFile(AppendFile&& other) noexcept { *this = std::move(other); }
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();

  Status append(std::string_view bytes);
  Status flush();
  // flush(), and it is closed: after that nothing can be appended.
  Status close();

  const std::string& path() const { return path_; }
  size_t unflushed_bytes() const { return buffer_.size(); }

 private:
  AppendFile() = default;
  std::string path_, buffer_;
  int fd_ = -1;
};

}  // namespace tarn
