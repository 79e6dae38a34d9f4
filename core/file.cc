#include "core/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/file_calls.h"
#include "core/sorting.h"

namespace tarn {

using namespace internal;

namespace {

constinit std::atomic<FileHook*> file_hook{nullptr};

// Files that are not plain bytes on a disk, in words; empty for regular ones.
std::string_view irregular(mode_t mode) {
  if (S_ISREG(mode)) return {};
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  if (S_ISSOCK(mode)) return "a socket";
  return "not a regular file";
}

}  // namespace

namespace internal {

FileHook* current_file_hook() {
  return file_hook.load(std::memory_order_acquire);
}

Status check_path(std::string_view what, const std::string& path) {
  if (path.empty()) return invalid_argument("cannot ", what, ": the path is empty");
  if (path.find('\0') != std::string::npos) {
    return invalid_argument("cannot ", what, " ", in_quotes(path), ": the path holds a NUL byte");
  }
  return {};
}

Status check_regular(std::string_view what, const std::string& path, unsigned mode) {
  if (S_ISDIR(mode)) return file_error(what, path, EISDIR);
  std::string_view kind = irregular(mode);
  if (!kind.empty())
    return invalid_argument("cannot ", what, " ", in_quotes(path), ": it is ", kind, ", not a regular file");
  return {};
}

int open_for_reading(const std::string& path) {
  return call(FileCall::kOpen, path,
              [&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); });
}

}  // namespace internal

namespace {

// Checks an opened file and returns its size.
Result<uint64_t> regular_size(std::string_view what, const std::string& path, int fd) {
  struct stat info;
  if (call(FileCall::kStat, path, [&] { return ::fstat(fd, &info); }) != 0) return file_error(what, path, errno);
  TARN_RETURN_IF_ERROR(check_regular(what, path, info.st_mode));
  return static_cast<uint64_t>(info.st_size);
}

// A std::string that cannot grow throws; ask first. Large blocks cost nothing until they are touched.
bool memory_for(uint64_t bytes) {
  if (bytes > PTRDIFF_MAX) return false;
  void* probe = std::malloc(static_cast<size_t>(bytes) + 1);
  std::free(probe);
  return probe != nullptr;
}

// What strerror_r gives: the text (GNU), or a number and the text in the buffer (POSIX, musl).
[[maybe_unused]] const char* error_text(const char* text, const char* /*buffer*/) {
  return text;
}
[[maybe_unused]] const char* error_text(int failed, const char* buffer) {
  return failed == 0 ? buffer : "unknown error";
}

}  // namespace

Status file_error(std::string_view what, std::string_view path, int error_number) {
  Code code = Code::kUnknown;
  switch (error_number) {
    case ENOENT: code = Code::kNotFound; break;
    case EEXIST: code = Code::kAlreadyExists; break;
    case EACCES:
    case EPERM:
    case EROFS: code = Code::kPermissionDenied; break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
    case EMFILE:
    case ENFILE: code = Code::kResourceExhausted; break;
    case EISDIR:
    case ENOTDIR:
    case ENOTEMPTY: code = Code::kFailedPrecondition; break;
    case EINVAL:
    case ELOOP:
    case ENAMETOOLONG: code = Code::kInvalidArgument; break;
    case ENOSYS:
    case EOPNOTSUPP:
    case EMLINK:
    case EXDEV: code = Code::kUnimplemented; break;
    default: break;
  }
  char buffer[256];
  const char* text = error_text(strerror_r(error_number, buffer, sizeof(buffer)), buffer);
  return make_error(code, "cannot ", what, " ", in_quotes(path), ": ", std::string_view(text));
}

Result<std::string> read_file(const std::string& path, uint64_t max_bytes) {
  TARN_RETURN_IF_ERROR(check_path("read", path));
  Descriptor file(open_for_reading(path), path);
  if (file.get() < 0) return file_error("open", path, errno);
  TARN_ASSIGN_OR_RETURN(uint64_t size, regular_size("read", path, file.get()));
  if (size > max_bytes) {
    return resource_exhausted("cannot read ", in_quotes(path), ": ", size, " bytes are above the limit of ", max_bytes);
  }
  if (!memory_for(size)) return resource_exhausted("cannot read ", in_quotes(path), ": no memory for ", size, " bytes");
  std::string bytes(static_cast<size_t>(size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t got = call(FileCall::kRead, path, std::min(bytes.size() - done, kMostAtOnce),
                       [&](size_t most) { return ::read(file.get(), bytes.data() + done, most); });
    if (got < 0) return file_error("read", path, errno);
    if (got == 0) {
      return data_loss("cannot read ", in_quotes(path), ": it ended at byte ", done, " but was ", size, " bytes long");
    }
    done += static_cast<size_t>(got);
  }
  return bytes;
}

namespace {

// `offset` is a multiple of the page size.
Result<std::shared_ptr<void>> map_pages(const std::string& path, int fd, uint64_t offset, uint64_t size) {
  if (size > PTRDIFF_MAX) return resource_exhausted("cannot map ", in_quotes(path), ": it has ", size, " bytes");
  auto length = static_cast<size_t>(size);
  void* none = reinterpret_cast<void*>(-1);  // MAP_FAILED
  void* data = none;
  int made = call(FileCall::kMap, path, [&] {
    data = ::mmap(nullptr, length, PROT_READ, MAP_PRIVATE, fd, static_cast<off_t>(offset));
    return data == none ? -1 : 0;
  });
  if (made != 0) return file_error("map", path, errno);
  return std::shared_ptr<void>(data, [length](void* begin) { ::munmap(begin, length); });
}

}  // namespace

Result<MappedFile> map_file(const std::string& path) {
  TARN_RETURN_IF_ERROR(check_path("map", path));
  Descriptor file(open_for_reading(path), path);
  if (file.get() < 0) return file_error("open", path, errno);
  TARN_ASSIGN_OR_RETURN(uint64_t size, regular_size("map", path, file.get()));
  MappedFile mapped;
  if (size == 0) return mapped;
  TARN_ASSIGN_OR_RETURN(std::shared_ptr<void> pages, map_pages(path, file.get(), 0, size));
  mapped.bytes_ = {static_cast<const char*>(pages.get()), static_cast<size_t>(size)};
  mapped.owner_ = std::move(pages);
  return mapped;
}

Result<MappedFile> map_descriptor(int fd, uint64_t offset, std::optional<uint64_t> length) {
  const std::string name = str_cat("descriptor ", fd);
  TARN_ASSIGN_OR_RETURN(uint64_t size, regular_size("map", name, fd));
  if (offset > size || (length && *length > size - offset)) {
    return out_of_range("cannot map ", in_quotes(name), ": ", length ? str_cat(*length, " bytes") : "what is there",
                        " from byte ", offset, ", but the file has ", size);
  }
  uint64_t bytes = length.value_or(size - offset);
  MappedFile mapped;
  if (bytes == 0) return mapped;
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const uint64_t before = offset % page;  // of the page that it begins in
  TARN_ASSIGN_OR_RETURN(std::shared_ptr<void> pages, map_pages(name, fd, offset - before, before + bytes));
  mapped.bytes_ = {static_cast<const char*>(pages.get()) + before, static_cast<size_t>(bytes)};
  mapped.owner_ = std::move(pages);
  return mapped;
}

Result<RandomAccessFile> RandomAccessFile::open(const std::string& path) {
  TARN_RETURN_IF_ERROR(check_path("read", path));
  RandomAccessFile file;
  file.path_ = path;
  file.fd_ = open_for_reading(path);
  if (file.fd_ < 0) return file_error("open", path, errno);
  TARN_ASSIGN_OR_RETURN(file.size_, regular_size("read", path, file.fd_));
  return file;
}

RandomAccessFile& RandomAccessFile::operator=(RandomAccessFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(size_, other.size_);
  std::swap(fd_, other.fd_);
  return *this;
}

RandomAccessFile::~RandomAccessFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status RandomAccessFile::read_at(uint64_t offset, std::span<char> to) const {
  while (!to.empty()) {
    ssize_t got = call(FileCall::kRead, path_, std::min(to.size(), kMostAtOnce),
                       [&](size_t most) { return ::pread(fd_, to.data(), most, static_cast<off_t>(offset)); });
    if (got < 0) return file_error("read", path_, errno);
    if (got == 0) {
      return out_of_range("cannot read ", in_quotes(path_), ": it ends at byte ", offset, ", ", to.size(),
                          " bytes short");
    }
    to = to.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return {};
}

bool file_exists(const std::string& path) {
  struct stat info;
  return path.find('\0') == std::string::npos && ::stat(path.c_str(), &info) == 0 && !S_ISDIR(info.st_mode);
}

bool dir_exists(const std::string& path) {
  struct stat info;
  return path.find('\0') == std::string::npos && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Result<uint64_t> file_size(const std::string& path) {
  TARN_RETURN_IF_ERROR(check_path("look at", path));
  struct stat info;
  if (call(FileCall::kStat, path, [&] { return ::stat(path.c_str(), &info); }) != 0) {
    return file_error("look at", path, errno);
  }
  TARN_RETURN_IF_ERROR(check_regular("look at", path, info.st_mode));
  return static_cast<uint64_t>(info.st_size);
}

Result<FileStamp> file_stamp(const std::string& path) {
  TARN_RETURN_IF_ERROR(check_path("look at", path));
  struct stat info;
  if (call(FileCall::kStat, path, [&] { return ::stat(path.c_str(), &info); }) != 0) {
    return file_error("look at", path, errno);
  }
  return FileStamp{static_cast<uint64_t>(info.st_dev), static_cast<uint64_t>(info.st_ino),
                   static_cast<uint64_t>(info.st_size),
                   static_cast<int64_t>(info.st_ctim.tv_sec) * 1'000'000'000 + info.st_ctim.tv_nsec};
}

Result<std::vector<std::string>> list_dir(const std::string& dir) {
  TARN_RETURN_IF_ERROR(check_path("list", dir));
  DIR* stream = nullptr;
  int opened = call(FileCall::kList, dir, [&] {
    stream = ::opendir(dir.c_str());
    return stream == nullptr ? -1 : 0;
  });
  if (opened != 0) return file_error("list", dir, errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  int error = errno;
  ::closedir(stream);
  if (error != 0) return file_error("list", dir, error);
  sort_values(names);
  return names;
}

Status make_dirs(const std::string& dir) {
  TARN_RETURN_IF_ERROR(check_path("make directory", dir));
  if (dir_exists(dir)) return {};
  for (size_t end = dir.find('/', 1);; end = dir.find('/', end + 1)) {
    std::string part = dir.substr(0, end);
    if (call(FileCall::kMakeDir, part, [&] { return ::mkdir(part.c_str(), 0777); }) != 0) {
      int error = errno;
      if (!dir_exists(part)) return file_error("make directory", part, error);
    }
    if (end == std::string::npos) return {};
  }
}

Status remove_file(const std::string& path) {
  TARN_RETURN_IF_ERROR(check_path("remove", path));
  if (call(FileCall::kRemove, path, [&] { return ::unlink(path.c_str()); }) != 0) {
    return file_error("remove", path, errno);
  }
  return {};
}

Status remove_dir(const std::string& path) {
  TARN_RETURN_IF_ERROR(check_path("remove", path));
  if (call(FileCall::kRemove, path, [&] { return ::rmdir(path.c_str()); }) != 0) {
    return file_error("remove", path, errno);
  }
  return {};
}

Status rename_file(const std::string& from, const std::string& to) {
  TARN_RETURN_IF_ERROR(check_path("rename", from));
  TARN_RETURN_IF_ERROR(check_path("rename", to));
  if (call(FileCall::kRename, to, [&] { return ::rename(from.c_str(), to.c_str()); }) != 0) {
    return file_error("rename to", to, errno);
  }
  return {};
}

Status link_file(const std::string& from, const std::string& to) {
  TARN_RETURN_IF_ERROR(check_path("link", from));
  TARN_RETURN_IF_ERROR(check_path("link", to));
  if (call(FileCall::kLink, to, [&] { return ::link(from.c_str(), to.c_str()); }) != 0) {
    return file_error("link", to, errno);
  }
  return {};
}

Status sync_dir(const std::string& dir) {
  Descriptor handle(call(FileCall::kOpen, dir, [&] { return ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }),
                    dir);
  if (handle.get() < 0) return file_error("open", dir, errno);
  if (call(FileCall::kSync, dir, [&] { return ::fsync(handle.get()); }) != 0 && errno != EINVAL) {
    return file_error("sync", dir, errno);  // EINVAL: a file system whose directories cannot be synced
  }
  return {};
}

std::string path_dir(std::string_view path) {
  size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  if (slash == 0) return "/";
  return std::string(path.substr(0, slash));
}

std::string path_name(std::string_view path) {
  size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::string path_join(std::string_view dir, std::string_view name) {
  if (dir.empty() || name.starts_with('/')) return std::string(name);
  return str_cat(dir, dir.ends_with('/') ? "" : "/", name);
}

ScopedFileHook::ScopedFileHook(FileHook* hook) : previous_(file_hook.exchange(hook, std::memory_order_acq_rel)) {}

ScopedFileHook::~ScopedFileHook() {
  file_hook.store(previous_, std::memory_order_release);
}

}  // namespace tarn
