#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <utility>

#include "core/file_calls.h"
#include "core/stale_temps.h"
#include "core/unfinished_files.h"

namespace tarn {

using namespace internal;

namespace {

constexpr std::string_view kTempMark = ".tarn-tmp.";
constexpr size_t kTempDigits = 16;
constexpr size_t kGather = size_t{64} << 10;  // appended pieces smaller than this are gathered

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

// Paths of the temporary files being filled, for remove_unfinished_files(): a signal handler may follow no pointer into
// the heap, nor wait for a lock. Files beyond the table are not listed; sweep_stale_temps() finds what they leave.
struct UnfinishedFile {
  enum State : int { kFree, kChanging, kListed };
  std::atomic<int> state{kFree};
  char path[4096] = {};
};
constinit UnfinishedFile unfinished_files[8];

void list_unfinished(const std::string& path) {
  if (path.size() >= sizeof(UnfinishedFile::path)) return;
  for (UnfinishedFile& file : unfinished_files) {
    int free = UnfinishedFile::kFree;
    if (!file.state.compare_exchange_strong(free, UnfinishedFile::kChanging)) continue;
    path.copy(file.path, path.size());
    file.path[path.size()] = '\0';
    file.state = UnfinishedFile::kListed;
    return;
  }
}

void unlist_unfinished(const std::string& path) {
  for (UnfinishedFile& file : unfinished_files) {
    // Its own entry changes under nobody's hands: a path is listed once.
    if (file.state == UnfinishedFile::kListed && path == file.path) file.state = UnfinishedFile::kFree;
  }
}

}  // namespace

void remove_unfinished_files() {
  for (UnfinishedFile& file : unfinished_files) {
    if (file.state == UnfinishedFile::kListed) ::unlink(file.path);
  }
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
    list_unfinished(temp);  // before it is there: no moment is left out
    int fd = call(FileCall::kOpen, temp,
                  [&] { return ::open(temp.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666); });
    if (fd < 0) {
      int error_number = errno;
      unlist_unfinished(temp);
      if (error_number == EEXIST) continue;
      return file_error("write", path, error_number);
    }
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

namespace {

// The disk begins while the rest is still being written: of 100 MB, the sync at the end waits for the last few.
void start_writing_back(int fd, size_t written) {
#ifdef SYNC_FILE_RANGE_WRITE
  constexpr off_t kPortion = off_t{8} << 20;
  const off_t end = ::lseek(fd, 0, SEEK_CUR), begin = end - static_cast<off_t>(written);
  if (begin < 0 || begin / kPortion == end / kPortion) return;
  const off_t from = begin / kPortion * kPortion;
  // Advice alone: sync() is what counts.
  (void)::sync_file_range(fd, from, end / kPortion * kPortion - from, SYNC_FILE_RANGE_WRITE);
#else
  (void)fd;
  (void)written;
#endif
}

}  // namespace

Status AtomicFile::write_all(std::string_view bytes) {
  const size_t all = bytes.size();
  while (!bytes.empty()) {
    ssize_t put = call(FileCall::kWrite, temp_path_, std::min(bytes.size(), kMostAtOnce),
                       [&](size_t most) { return ::write(fd_, bytes.data(), most); });
    if (put < 0) return file_error("write", path_, errno);
    if (put == 0) return file_error("write", path_, ENOSPC);
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  start_writing_back(fd_, all);
  return {};
}

Status AtomicFile::flush() {
  TARN_RETURN_IF_ERROR(write_all(buffer_));
  buffer_.clear();
  return {};
}

Status AtomicFile::append(std::string_view bytes) {
  if (fd_ < 0) return failed_precondition("cannot write ", in_quotes(path_), ": it is committed or discarded already");
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
  if (fd_ < 0) return failed_precondition("cannot write ", in_quotes(path_), ": it is committed or discarded already");
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
  unlist_unfinished(temp_path_);
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
  unlist_unfinished(temp_path_);
  (void)call(FileCall::kClose, temp_path_, [&] { return ::close(fd); });
}

namespace {

// Calls `visit(path, target)` for each temporary file in `dir` that no living process is filling, holding its lock.
template <class Visit>
Status visit_stale_temps(const std::string& dir, const Visit& visit) {
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> names, list_dir(dir));
  for (const std::string& name : names) {
    std::string_view target = temp_target(name);
    if (target.empty()) continue;
    std::string path = path_join(dir, name);
    Descriptor file(open_for_reading(path), path);
    if (file.get() < 0) continue;  // its owner has just finished
    struct stat info;
    if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    if (call(FileCall::kLock, path, [&] { return ::flock(file.get(), LOCK_EX | LOCK_NB); }) != 0) continue;
    TARN_RETURN_IF_ERROR(visit(path, path_join(dir, target)));
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> sweep_stale_temps(const std::string& dir) {
  std::vector<std::string> targets;
  TARN_RETURN_IF_ERROR(visit_stale_temps(dir, [&](const std::string& path, const std::string& target) -> Status {
    TARN_RETURN_IF_ERROR(remove_file(path));
    targets.push_back(target);
    return {};
  }));
  return targets;
}

void leave_when_killed(const AtomicFile& file) {
  unlist_unfinished(file.temp_path());
}

Result<std::vector<StaleTemp>> read_stale_temps(const std::string& dir, uint64_t max_bytes) {
  std::vector<StaleTemp> temps;
  TARN_RETURN_IF_ERROR(visit_stale_temps(dir, [&](const std::string& path, const std::string& target) -> Status {
    TARN_ASSIGN_OR_RETURN(uint64_t size, file_size(path));
    if (size > max_bytes) return {};
    TARN_ASSIGN_OR_RETURN(std::string bytes, read_file(path));
    temps.push_back({target, std::move(bytes)});
    return {};
  }));
  return temps;
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

}  // namespace tarn
