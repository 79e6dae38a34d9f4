#include "core/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace tarn {
namespace {

constinit std::atomic<FileHook*> file_hook{nullptr};

constexpr std::string_view kTempMark = ".tarn-tmp.";
constexpr size_t kTempDigits = 16;
constexpr size_t kGather = size_t{64} << 10;     // appended pieces smaller than this are gathered
constexpr size_t kMostAtOnce = size_t{1} << 30;  // Linux transfers at most 2 GiB - 4 KiB a call

// Makes one system call, seen by the hook and repeated while a signal interrupts it. `make` returns -1 and sets errno
// on failure; it gets the bytes to transfer.
template <class F>
auto call(FileCall kind, std::string_view path, size_t bytes, const F& make) -> decltype(make(bytes)) {
  while (true) {
    decltype(make(bytes)) result = -1;
    size_t allowed = bytes;
    FileHook* hook = file_hook.load(std::memory_order_acquire);
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

Status check_path(std::string_view what, const std::string& path) {
  if (path.empty()) return invalid_argument("cannot ", what, ": the path is empty");
  if (path.find('\0') != std::string::npos) {
    return invalid_argument("cannot ", what, " ", quoted(path), ": the path holds a NUL byte");
  }
  return {};
}

// Files that are not plain bytes on a disk, in words; empty for regular ones.
std::string_view irregular(mode_t mode) {
  if (S_ISREG(mode)) return {};
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  if (S_ISSOCK(mode)) return "a socket";
  return "not a regular file";
}

Status check_regular(std::string_view what, const std::string& path, mode_t mode) {
  if (S_ISDIR(mode)) return file_error(what, path, EISDIR);
  std::string_view kind = irregular(mode);
  if (!kind.empty())
    return invalid_argument("cannot ", what, " ", quoted(path), ": it is ", kind, ", not a regular file");
  return {};
}

// Opens for reading without waiting for a FIFO's writer.
int open_for_reading(const std::string& path) {
  return call(FileCall::kOpen, path,
              [&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); });
}

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

bool lock_unsupported(int error_number) {
  return error_number == ENOLCK || error_number == EOPNOTSUPP || error_number == ENOSYS || error_number == EINVAL;
}

std::string temp_suffix() {
  static constinit std::atomic<uint64_t> counter{0};
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  uint64_t x = (static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec)) ^
               (static_cast<uint64_t>(getpid()) << 40) ^ (counter.fetch_add(1) * 0x9e3779b97f4a7c15);
  // splitmix64's finish. Names need not be secret, only distinct: O_EXCL settles the rest.
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  x ^= x >> 31;
  char digits[kTempDigits + 1];
  std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(x));
  return str_cat(kTempMark, std::string_view(digits));
}

// What the temporary file `name` was to become; empty if it is no temporary file of ours.
std::string_view temp_target(std::string_view name) {
  if (name.size() <= kTempMark.size() + kTempDigits) return {};
  size_t mark = name.size() - kTempDigits - kTempMark.size();
  if (name.substr(mark, kTempMark.size()) != kTempMark) return {};
  std::string_view digits = name.substr(mark + kTempMark.size());
  return digits.find_first_not_of("0123456789abcdef") == std::string_view::npos ? name.substr(0, mark)
                                                                                : std::string_view();
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
  const char* text = strerror_r(error_number, buffer, sizeof(buffer));  // the GNU form returns the text
  return make_error(code, "cannot ", what, " ", quoted(path), ": ", std::string_view(text));
}

Result<std::string> read_file(const std::string& path, uint64_t max_bytes) {
  TARN_RETURN_IF_ERROR(check_path("read", path));
  Descriptor file(open_for_reading(path), path);
  if (file.get() < 0) return file_error("open", path, errno);
  TARN_ASSIGN_OR_RETURN(uint64_t size, regular_size("read", path, file.get()));
  if (size > max_bytes) {
    return resource_exhausted("cannot read ", quoted(path), ": ", size, " bytes are above the limit of ", max_bytes);
  }
  if (!memory_for(size)) return resource_exhausted("cannot read ", quoted(path), ": no memory for ", size, " bytes");
  std::string bytes(static_cast<size_t>(size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t got = call(FileCall::kRead, path, std::min(bytes.size() - done, kMostAtOnce),
                       [&](size_t most) { return ::read(file.get(), bytes.data() + done, most); });
    if (got < 0) return file_error("read", path, errno);
    if (got == 0) {
      return data_loss("cannot read ", quoted(path), ": it ended at byte ", done, " but was ", size, " bytes long");
    }
    done += static_cast<size_t>(got);
  }
  return bytes;
}

Result<MappedFile> map_file(const std::string& path) {
  TARN_RETURN_IF_ERROR(check_path("map", path));
  Descriptor file(open_for_reading(path), path);
  if (file.get() < 0) return file_error("open", path, errno);
  TARN_ASSIGN_OR_RETURN(uint64_t size, regular_size("map", path, file.get()));
  MappedFile mapped;
  if (size == 0) return mapped;
  if (size > PTRDIFF_MAX) return resource_exhausted("cannot map ", quoted(path), ": it has ", size, " bytes");
  auto length = static_cast<size_t>(size);
  void* none = reinterpret_cast<void*>(-1);  // MAP_FAILED
  void* data = none;
  int made = call(FileCall::kMap, path, [&] {
    data = ::mmap(nullptr, length, PROT_READ, MAP_PRIVATE, file.get(), 0);
    return data == none ? -1 : 0;
  });
  if (made != 0) return file_error("map", path, errno);
  mapped.bytes_ = {static_cast<const char*>(data), length};
  mapped.owner_ = std::shared_ptr<const void>(data, [length](void* begin) { ::munmap(begin, length); });
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
      return out_of_range("cannot read ", quoted(path_), ": it ends at byte ", offset, ", ", to.size(), " bytes short");
    }
    to = to.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return {};
}

Status write_file_atomically(const std::string& path, std::string_view bytes) {
  TARN_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  TARN_RETURN_IF_ERROR(file.append(bytes));
  return file.commit();
}

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  TARN_RETURN_IF_ERROR(check_path("write", path));
  if (path.back() == '/') return file_error("write", path, EISDIR);
  struct stat info;
  if (call(FileCall::kStat, path, [&] { return ::stat(path.c_str(), &info); }) == 0) {
    TARN_RETURN_IF_ERROR(check_regular("write", path, info.st_mode));
  } else if (errno != ENOENT) {
    return file_error("write", path, errno);
  }

  AtomicFile file;
  file.path_ = path;
  while (true) {
    std::string temp = path + temp_suffix();
    int fd = call(FileCall::kOpen, temp,
                  [&] { return ::open(temp.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666); });
    if (fd < 0 && errno == EEXIST) continue;
    if (fd < 0) return file_error("write", path, errno);
    file.fd_ = fd;
    file.temp_path_ = temp;
    // The lock tells a sweeper that somebody is still at work here; it ends with the process. If the sweeper was faster
    // than the lock, the file is gone: take another.
    if (call(FileCall::kLock, temp, [&] { return ::flock(fd, LOCK_EX); }) != 0 && !lock_unsupported(errno)) {
      return file_error("lock", temp, errno);
    }
    if (call(FileCall::kStat, temp, [&] { return ::fstat(fd, &info); }) != 0) return file_error("write", path, errno);
    if (info.st_nlink > 0) return file;
    file.discard();
  }
}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  if (this == &other) return *this;
  discard();
  path_ = std::move(other.path_);
  temp_path_ = std::move(other.temp_path_);
  buffer_ = std::move(other.buffer_);
  size_ = other.size_;
  synced_ = other.synced_;
  committed_ = other.committed_;
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}

Status AtomicFile::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t put = call(FileCall::kWrite, temp_path_, std::min(bytes.size(), kMostAtOnce),
                       [&](size_t most) { return ::write(fd_, bytes.data(), most); });
    if (put < 0) return file_error("write", path_, errno);
    if (put == 0) return file_error("write", path_, ENOSPC);
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return {};
}

Status AtomicFile::flush() {
  TARN_RETURN_IF_ERROR(write_all(buffer_));
  buffer_.clear();
  return {};
}

Status AtomicFile::append(std::string_view bytes) {
  if (fd_ < 0) return failed_precondition("cannot write ", quoted(path_), ": it is committed or discarded already");
  synced_ = false;
  size_ += bytes.size();
  if (buffer_.size() + bytes.size() >= kGather) {
    TARN_RETURN_IF_ERROR(flush());
    if (bytes.size() >= kGather) return write_all(bytes);
  }
  buffer_.append(bytes);
  return {};
}

Status AtomicFile::sync() {
  if (fd_ < 0) return failed_precondition("cannot write ", quoted(path_), ": it is committed or discarded already");
  if (synced_) return {};
  TARN_RETURN_IF_ERROR(flush());
  if (call(FileCall::kSync, temp_path_, [&] { return ::fsync(fd_); }) != 0) return file_error("sync", path_, errno);
  synced_ = true;
  return {};
}

Status AtomicFile::commit() {
  TARN_RETURN_IF_ERROR(sync());
  // A directory made meanwhile at path() makes rename() fail by itself. The descriptor, and with it the lock, is held
  // until the temporary name is gone.
  if (call(FileCall::kRename, path_, [&] { return ::rename(temp_path_.c_str(), path_.c_str()); }) != 0) {
    return file_error("write", path_, errno);
  }
  committed_ = true;
  int fd = std::exchange(fd_, -1);
  int closed = call(FileCall::kClose, path_, [&] { return ::close(fd); });
  int close_error = errno;
  TARN_RETURN_IF_ERROR(sync_dir(path_dir(path_)));
  if (closed != 0) return file_error("close", path_, close_error);
  return {};
}

void AtomicFile::discard() {
  if (fd_ < 0) return;
  int fd = std::exchange(fd_, -1);
  (void)call(FileCall::kRemove, temp_path_, [&] { return ::unlink(temp_path_.c_str()); });
  (void)call(FileCall::kClose, temp_path_, [&] { return ::close(fd); });
}

Result<std::vector<std::string>> sweep_stale_temps(const std::string& dir) {
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> names, list_dir(dir));
  std::vector<std::string> targets;
  for (const std::string& name : names) {
    std::string_view target = temp_target(name);
    if (target.empty()) continue;
    std::string path = path_join(dir, name);
    Descriptor file(open_for_reading(path), path);
    if (file.get() < 0) continue;  // its owner has just finished
    struct stat info;
    if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    if (call(FileCall::kLock, path, [&] { return ::flock(file.get(), LOCK_EX | LOCK_NB); }) != 0) continue;
    TARN_RETURN_IF_ERROR(remove_file(path));
    targets.push_back(path_join(dir, target));
  }
  return targets;
}

Result<DirLock> DirLock::acquire(const std::string& dir) {
  TARN_RETURN_IF_ERROR(check_path("lock", dir));
  int fd = call(FileCall::kOpen, dir, [&] { return ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) return file_error("open", dir, errno);
  DirLock lock(fd);
  if (call(FileCall::kLock, dir, [&] { return ::flock(fd, LOCK_EX); }) != 0 && !lock_unsupported(errno)) {
    return file_error("lock", dir, errno);
  }
  return lock;
}

DirLock::~DirLock() {
  if (fd_ >= 0) ::close(fd_);
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
  std::sort(names.begin(), names.end());
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
