// Small file helpers of the examples: errors with errno's text, descriptors that close themselves, files that appear
// whole or not at all.
//
//   TARN_RETURN_IF_ERROR(write_file_atomically("out/curve.svg", text));
#pragma once

#include <string>
#include <string_view>

#include "core/status.h"

namespace tarn::examples {

// A file descriptor, closed when it goes out of scope.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd();

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release();

 private:
  int fd_ = -1;
};

// "cannot open 'x.gz': No such file or directory" with the matching code; `error` is errno's value.
Status file_error(std::string_view action, std::string_view path, int error);

// Opens a regular file for reading. A folder, FIFO, socket or device is an error that says what it is.
Result<UniqueFd> open_regular_file(const std::string& path);

// Writes to a temporary name beside `path`, syncs and renames: a reader sees the old file or the new one, never a part.
Status write_file_atomically(const std::string& path, std::string_view bytes);

// Makes the folder and its parents.
Status make_folder(const std::string& path);

}  // namespace tarn::examples
