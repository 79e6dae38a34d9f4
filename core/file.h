// Files: read whole, map, replace atomically. The only place in Tarn that talks to the file system.
//
//   Result<std::string> text = read_file("graph.pbtxt");
//   Result<MappedFile> model = map_file("model.pb");         // read-only; model->bytes()
//   Status status = write_file_atomically("out.pb", bytes);  // the old file or the new one, never half of it
//
// Errors name the path and what the system said. Directories, FIFOs and devices are refused, never waited for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace tarn {

constexpr uint64_t kDefaultReadLimit = uint64_t{4} << 30;  // bytes; above any GraphDef (protobuf stops at 2 GiB)

// The whole file. ResourceExhausted, before anything is read, if it is larger than `max_bytes`.
Result<std::string> read_file(const std::string& path, uint64_t max_bytes = kDefaultReadLimit);

// A file's bytes, mapped read-only. Cheap to copy; the mapping lives as long as a copy or its owner(). If another
// process truncates the file meanwhile, touching the lost pages is fatal (SIGBUS): copy with read_file() where that may
// happen. Thread-compatible.
class MappedFile {
 public:
  MappedFile() = default;  // no bytes
  std::string_view bytes() const { return bytes_; }
  const uint8_t* data() const { return reinterpret_cast<const uint8_t*>(bytes_.data()); }
  size_t size() const { return bytes_.size(); }
  // What keeps the mapping alive; for Tensor::view().
  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  friend Result<MappedFile> map_file(const std::string& path);
  friend Result<MappedFile> map_descriptor(int fd, uint64_t offset, std::optional<uint64_t> length);
  std::string_view bytes_;
  std::shared_ptr<const void> owner_;
};

Result<MappedFile> map_file(const std::string& path);
// Bytes of an open file from any offset on (no length: up to its end). The descriptor stays the caller's, and may be
// closed afterwards.
Result<MappedFile> map_descriptor(int fd, uint64_t offset, std::optional<uint64_t> length);

// An open file read at any position; what is renamed over its path meanwhile does not change it. Thread-safe.
class RandomAccessFile {
 public:
  static Result<RandomAccessFile> open(const std::string& path);
  RandomAccessFile(RandomAccessFile&& other) noexcept { *this = std::move(other); }
  RandomAccessFile& operator=(RandomAccessFile&& other) noexcept;
  ~RandomAccessFile();

  // Fills `to`, or fails: OutOfRange if the file ends first.
  Status read_at(uint64_t offset, std::span<char> to) const;
  uint64_t size() const { return size_; }  // when it was opened
  const std::string& path() const { return path_; }

 private:
  RandomAccessFile() = default;
  std::string path_;
  uint64_t size_ = 0;
  int fd_ = -1;
};

// Writes through a temporary file in the same directory: a reader sees the old file or the whole new one, and after
// success the new one survives a power cut. On an error nothing is left behind.
Status write_file_atomically(const std::string& path, std::string_view bytes);

// The same in pieces. Destroyed before commit(), it leaves no trace.
//
//   TARN_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create("big.data"));
//   TARN_RETURN_IF_ERROR(file.append(chunk)); …
//   TARN_RETURN_IF_ERROR(file.commit());
//
// Thread-compatible.
class AtomicFile {
 public:
  // Refuses a path that exists and is not a regular file (a directory, /dev/null, …).
  static Result<AtomicFile> create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept { *this = std::move(other); }
  AtomicFile& operator=(AtomicFile&& other) noexcept;
  ~AtomicFile() { discard(); }

  // Small pieces are gathered; large ones are written at once.
  Status append(std::string_view bytes);
  // Everything appended so far is on the disk, still under the temporary name.
  Status sync();
  // sync(), rename to path(), and the directory synced too. After it nothing can be appended.
  Status commit();
  // Removes the temporary file; nothing happens after commit().
  void discard();
  // Whether path() is the new file. True even if commit() failed after that, in making the rename durable.
  bool committed() const { return committed_; }

  const std::string& path() const { return path_; }
  const std::string& temp_path() const { return temp_path_; }
  uint64_t size() const { return size_; }

 private:
  AtomicFile() = default;
  Status write_all(std::string_view bytes);
  Status flush();

  std::string path_, temp_path_;
  std::string buffer_;
  uint64_t size_ = 0;
  int fd_ = -1;
  bool synced_ = false;
  bool committed_ = false;
};

// Removes the temporary files that killed processes left in `dir` (an AtomicFile in use anywhere is left alone).
// Returns the paths that those files were to become.
Result<std::vector<std::string>> sweep_stale_temps(const std::string& dir);

// While it lives, other processes and threads that lock the same directory wait. Advisory; where the file system has no
// locks it does nothing.
class DirLock {
 public:
  static Result<DirLock> acquire(const std::string& dir);
  DirLock(DirLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  DirLock& operator=(DirLock&&) = delete;
  ~DirLock();

 private:
  explicit DirLock(int fd) : fd_(fd) {}
  int fd_;
};

bool file_exists(const std::string& path);  // anything but a directory
bool dir_exists(const std::string& path);
Result<uint64_t> file_size(const std::string& path);
// Differs once another file was put in this one's place, or this one was written to.
struct FileStamp {
  uint64_t device = 0, inode = 0, size = 0;
  int64_t changed_ns = 0;
  bool operator==(const FileStamp&) const = default;
};
Result<FileStamp> file_stamp(const std::string& path);
// Names in `dir`, sorted, without "." and "..".
Result<std::vector<std::string>> list_dir(const std::string& dir);
// Makes `dir` and the directories above it that are missing; fine if it is there.
Status make_dirs(const std::string& dir);
// Removing what is not there is an error (NotFound); directories are refused.
Status remove_file(const std::string& path);
// An empty directory; one that is not empty stays, and that is an error.
Status remove_dir(const std::string& path);
// Puts `from` in the place of `to`, which may exist.
Status rename_file(const std::string& from, const std::string& to);
// A second name for the same file; replaces nothing.
Status link_file(const std::string& from, const std::string& to);
// Makes renames and removals in `dir` survive a power cut.
Status sync_dir(const std::string& dir);

// "a/b/c" -> "a/b"; "c" -> "."; "/c" -> "/".
std::string path_dir(std::string_view path);
// "a/b/c" -> "c".
std::string path_name(std::string_view path);
// "a", "b" -> "a/b"; an absolute `name` stays as it is.
std::string path_join(std::string_view dir, std::string_view name);

// "cannot <what> '<path>': <errno text>", with the Code that fits.
Status file_error(std::string_view what, std::string_view path, int error_number);

// For tests: sees every system call of this module before it happens.
enum class FileCall {
  kOpen,
  kStat,
  kRead,
  kMap,
  kWrite,
  kSync,
  kClose,
  kRename,
  kRemove,
  kMakeDir,
  kList,
  kLink,
  kLock
};
class FileHook {
 public:
  virtual ~FileHook() = default;
  // 0: go ahead; else an errno: the call is not made and fails with it. For kRead and kWrite, `bytes` may be lowered
  // (a short transfer). May end the process.
  virtual int before(FileCall call, std::string_view path, size_t& bytes) = 0;
};
// Installs `hook` for the whole process while it lives.
class ScopedFileHook {
 public:
  explicit ScopedFileHook(FileHook* hook);
  ~ScopedFileHook();
  ScopedFileHook(const ScopedFileHook&) = delete;
  ScopedFileHook& operator=(const ScopedFileHook&) = delete;

 private:
  FileHook* previous_;
};

}  // namespace tarn
