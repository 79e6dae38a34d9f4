// File hooks and a temporary directory for tests that make the disk fail or the process die at a chosen call.
//
//   for (int n = 0;; ++n) {
//     FailNth fault(n, ENOSPC);
//     ScopedFileHook scope(&fault);
//     Status status = save();
//     if (!fault.fired()) break;      // n is past the last call
//     …
//   }
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include "core/file.h"

namespace tarn {

// Fails call number n (from 0) with `error_number`.
class FailNth : public FileHook {
 public:
  FailNth(int n, int error_number) : n_(n), error_(error_number) {}
  int before(FileCall, std::string_view, size_t&) override {
    if (seen_++ != n_) return 0;
    fired_ = true;
    return error_;
  }
  bool fired() const { return fired_; }

 private:
  int n_, error_, seen_ = 0;
  bool fired_ = false;
};

// Every read and write moves at most `most` bytes.
class ShortTransfers : public FileHook {
 public:
  explicit ShortTransfers(size_t most) : most_(most) {}
  int before(FileCall, std::string_view, size_t& bytes) override {
    if (bytes > most_) bytes = most_;
    ++calls_;
    return 0;
  }
  int calls() const { return calls_; }

 private:
  size_t most_;
  int calls_ = 0;
};

// Ends the process just before call number n, as a kill would; writes before it are torn to half their length if asked.
class DieAtNth : public FileHook {
 public:
  static constexpr int kExitCode = 77;
  DieAtNth(int n, bool torn) : n_(n), torn_(torn) {}
  int before(FileCall kind, std::string_view, size_t& bytes) override {
    if (seen_++ == n_) _exit(kExitCode);
    if (torn_ && seen_ == n_ && kind == FileCall::kWrite && bytes > 1) bytes /= 2;
    return 0;
  }

 private:
  int n_, seen_ = 0;
  bool torn_;
};

// Runs `work` in a child process that dies just before its file call number n. False if it ended before that call.
inline bool dies_at(int n, bool torn, const std::function<void()>& work) {
  pid_t child = fork();
  if (child == 0) {
    DieAtNth hook(n, torn);
    ScopedFileHook scope(&hook);
    work();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == DieAtNth::kExitCode;
}

class TempDir {
 public:
  TempDir() {
    // Memory where there is some: these tests sync thousands of files.
    std::filesystem::path base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : std::filesystem::temp_directory_path();
    std::string pattern = (base / "tarn_test_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace tarn
