#include "core/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "tests/support/file_faults.h"

namespace tarn {
namespace {

std::string text_of(const std::string& path) {
  Result<std::string> bytes = read_file(path);
  return bytes.ok() ? *bytes : bytes.status().to_string();
}

bool contains(const Status& status, std::string_view part) {
  return status.message().find(part) != std::string_view::npos;
}

TEST(File, WritesAndReadsBack) {
  TempDir dir;
  std::string bytes(300000, 'x');
  bytes[5] = '\0';
  ASSERT_TRUE(write_file_atomically(dir.file("a"), bytes).ok());
  EXPECT_EQ(text_of(dir.file("a")), bytes);
  EXPECT_EQ(map_file(dir.file("a"))->bytes(), bytes);
  EXPECT_EQ(*file_size(dir.file("a")), bytes.size());

  ASSERT_TRUE(write_file_atomically(dir.file("a"), "short").ok());
  EXPECT_EQ(text_of(dir.file("a")), "short");
  EXPECT_EQ(list_dir(dir.path())->size(), 1U);
}

TEST(File, EmptyFilesAreFine) {
  TempDir dir;
  ASSERT_TRUE(write_file_atomically(dir.file("empty"), "").ok());
  EXPECT_EQ(*read_file(dir.file("empty")), "");
  Result<MappedFile> mapped = map_file(dir.file("empty"));
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ(mapped->size(), 0U);
}

TEST(File, AMappingOutlivesItsFileObject) {
  TempDir dir;
  ASSERT_TRUE(write_file_atomically(dir.file("a"), "abc").ok());
  std::shared_ptr<const void> owner;
  std::string_view bytes;
  {
    Result<MappedFile> mapped = map_file(dir.file("a"));
    ASSERT_TRUE(mapped.ok());
    owner = mapped->owner();
    bytes = mapped->bytes();
  }
  EXPECT_EQ(bytes, "abc");
}

TEST(File, RefusesWhatIsNoRegularFileNamingIt) {
  TempDir dir;
  ASSERT_EQ(mkfifo(dir.file("fifo").c_str(), 0600), 0);
  ASSERT_EQ(symlink("loop", dir.file("loop").c_str()), 0);
  struct Case {
    std::string path, says;
  };
  for (const Case& c :
       {Case{dir.path(), "Is a directory"}, Case{dir.file("fifo"), "a FIFO"}, Case{"/dev/zero", "a device"},
        Case{"/dev/full", "a device"}, Case{dir.file("none"), "No such file or directory"},
        Case{dir.file("loop"), "symbolic links"}, Case{std::string("a\0b", 3), "NUL"}}) {
    for (const Status& status : {read_file(c.path).status(), map_file(c.path).status()}) {
      EXPECT_TRUE(contains(status, c.says)) << status.to_string();
      EXPECT_TRUE(contains(status, tarn::quoted(c.path))) << status.to_string();
    }
  }
}

TEST(File, MapsPartsOfOpenFilesFromAnyOffset) {
  TempDir dir;
  std::string bytes;
  for (int i = 0; i < 20000; ++i) bytes += static_cast<char>(i * 7 + i / 256);
  ASSERT_TRUE(write_file_atomically(dir.file("a"), bytes).ok());
  int fd = open(dir.file("a").c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  std::vector<MappedFile> kept;
  for (size_t offset : {0, 1, 4095, 4096, 4097, 19999, 20000}) {
    Result<MappedFile> rest = map_descriptor(fd, offset, std::nullopt);
    ASSERT_TRUE(rest.ok()) << rest.status().to_string();
    kept.push_back(*rest);
    EXPECT_EQ(rest->bytes(), bytes.substr(offset));
    EXPECT_EQ(map_descriptor(fd, offset, 0)->size(), 0u);
    if (offset < bytes.size()) {
      EXPECT_EQ(map_descriptor(fd, offset, 1)->bytes(), bytes.substr(offset, 1));
    }
  }
  EXPECT_TRUE(contains(map_descriptor(fd, 20001, std::nullopt).status(), "20000"));
  EXPECT_TRUE(contains(map_descriptor(fd, 19000, 1001).status(), "1001 bytes from byte 19000"));
  EXPECT_TRUE(contains(map_descriptor(fd, 1, UINT64_MAX).status(), "the file has 20000"));
  close(fd);
  EXPECT_EQ(kept[1].bytes(), bytes.substr(1));  // the descriptor is not needed any more
  EXPECT_TRUE(contains(map_descriptor(fd, 0, std::nullopt).status(), "Bad file descriptor"));
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  EXPECT_TRUE(contains(map_descriptor(pipes[0], 0, std::nullopt).status(), "a FIFO"));
  close(pipes[0]);
  close(pipes[1]);
}

TEST(File, WritingRefusesDirectoriesAndDevices) {
  TempDir dir;
  EXPECT_TRUE(contains(write_file_atomically(dir.path(), "x"), "Is a directory"));
  EXPECT_TRUE(contains(write_file_atomically(dir.path() + "/", "x"), "Is a directory"));
  EXPECT_TRUE(contains(write_file_atomically("/dev/null", "x"), "a device"));
  EXPECT_TRUE(contains(write_file_atomically(dir.file("none/a"), "x"), "No such file or directory"));
  EXPECT_TRUE(contains(write_file_atomically("", "x"), "empty"));
  EXPECT_TRUE(list_dir(dir.path())->empty());
}

TEST(File, RefusesASparseGiantBeforeReading) {
  TempDir dir;
  int fd = open(dir.file("giant").c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_EQ(ftruncate(fd, int64_t{10} << 30), 0);
  close(fd);
  Status status = read_file(dir.file("giant")).status();
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_TRUE(contains(status, "10737418240")) << status.to_string();
}

TEST(File, ShortTransfersAreContinued) {
  TempDir dir;
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += static_cast<char>(i * 7);
  ShortTransfers hook(3);
  ScopedFileHook scope(&hook);
  ASSERT_TRUE(write_file_atomically(dir.file("a"), bytes).ok());
  EXPECT_EQ(text_of(dir.file("a")), bytes);
  EXPECT_GT(hook.calls(), 2 * 1000 / 3);
}

TEST(File, AnInterruptedCallIsRepeated) {
  TempDir dir;
  for (int n = 0;; ++n) {
    FailNth fault(n, EINTR);
    ScopedFileHook scope(&fault);
    Status status = write_file_atomically(dir.file("a"), str_cat("text ", n));
    EXPECT_TRUE(status.ok()) << n << ": " << status.to_string();
    EXPECT_EQ(text_of(dir.file("a")), str_cat("text ", n));
    if (!fault.fired()) {
      EXPECT_GT(n, 10);  // there were calls to fail
      break;
    }
  }
}

TEST(File, AnyFailingCallLeavesTheOldFileOrTheNewAndNoTemp) {
  TempDir dir;
  std::string path = dir.file("a");
  for (int error : {EIO, ENOSPC, EFBIG}) {
    for (int n = 0;; ++n) {
      ASSERT_TRUE(write_file_atomically(path, "old").ok());
      FailNth fault(n, error);
      Status status;
      {
        ScopedFileHook scope(&fault);
        status = write_file_atomically(path, "new");
      }
      std::string now = text_of(path);
      EXPECT_TRUE(now == (status.ok() ? "new" : "old") || now == "new") << n << ": " << now;
      EXPECT_EQ(list_dir(dir.path())->size(), 1U) << n;
      if (!fault.fired()) {
        EXPECT_TRUE(status.ok());
        break;
      }
      if (!status.ok()) {
        EXPECT_TRUE(contains(status, dir.path())) << status.to_string();
        EXPECT_TRUE(contains(status, strerror(error))) << status.to_string();
      }
    }
  }
}

TEST(File, AKillAtAnyCallLeavesTheOldFileOrTheNewAndTheSweepFindsTheRest) {
  TempDir dir;
  std::string path = dir.file("a");
  std::string old_text(100000, 'o'), new_text(200000, 'n');
  int swept = 0;
  for (bool torn : {false, true}) {
    for (int n = 0;; ++n) {
      ASSERT_TRUE(write_file_atomically(path, old_text).ok());
      bool died = dies_at(n, torn, [&] { (void)write_file_atomically(path, new_text); });
      std::string now = text_of(path);
      EXPECT_TRUE(now == old_text || now == new_text) << "killed at call " << n;
      Result<std::vector<std::string>> targets = sweep_stale_temps(dir.path());
      ASSERT_TRUE(targets.ok());
      for (const std::string& target : *targets) EXPECT_EQ(target, path);
      swept += static_cast<int>(targets->size());
      EXPECT_EQ(list_dir(dir.path())->size(), 1U);
      if (!died) {
        EXPECT_EQ(now, new_text);
        break;
      }
    }
  }
  EXPECT_GT(swept, 0);
}

TEST(File, TheSweepLeavesATempInUseAndOtherNamesAlone) {
  TempDir dir;
  Result<AtomicFile> busy = AtomicFile::create(dir.file("busy"));
  ASSERT_TRUE(busy.ok());
  ASSERT_TRUE(busy->append("text").ok());
  for (const char* name : {"a.tarn-tmp.12", "a.tarn-tmp.0123456789abcdeX", ".tarn-tmp.0123456789abcdef", "model.pb"}) {
    ASSERT_TRUE(write_file_atomically(dir.file(name), "mine").ok());
  }
  EXPECT_TRUE(sweep_stale_temps(dir.path())->empty());
  EXPECT_EQ(list_dir(dir.path())->size(), 5U);
  ASSERT_TRUE(busy->commit().ok());
  EXPECT_EQ(text_of(dir.file("busy")), "text");
}

TEST(File, AnUncommittedFileVanishes) {
  TempDir dir;
  {
    Result<AtomicFile> file = AtomicFile::create(dir.file("a"));
    ASSERT_TRUE(file->append("text").ok());
    EXPECT_EQ(list_dir(dir.path())->size(), 1U);
    AtomicFile moved = *std::move(file);
    EXPECT_EQ(moved.size(), 4U);
  }
  EXPECT_TRUE(list_dir(dir.path())->empty());
}

TEST(File, NothingCanBeAppendedAfterCommit) {
  TempDir dir;
  Result<AtomicFile> file = AtomicFile::create(dir.file("a"));
  ASSERT_TRUE(file->commit().ok());
  EXPECT_FALSE(file->append("x").ok());
  EXPECT_FALSE(file->commit().ok());
  EXPECT_EQ(text_of(dir.file("a")), "");
}

TEST(File, MakesMissingDirectories) {
  TempDir dir;
  EXPECT_TRUE(make_dirs(dir.file("a/b/c")).ok());
  EXPECT_TRUE(make_dirs(dir.file("a/b/c/")).ok());
  EXPECT_TRUE(dir_exists(dir.file("a/b/c")));
  ASSERT_TRUE(write_file_atomically(dir.file("file"), "").ok());
  Status status = make_dirs(dir.file("file/x"));
  EXPECT_TRUE(contains(status, dir.file("file"))) << status.to_string();
  EXPECT_FALSE(file_exists(dir.path()));
  EXPECT_TRUE(file_exists(dir.file("file")));
}

TEST(File, ADirLockKeepsOthersOut) {
  TempDir dir;
  int fd = open(dir.path().c_str(), O_RDONLY | O_DIRECTORY);
  {
    Result<DirLock> lock = DirLock::acquire(dir.path());
    ASSERT_TRUE(lock.ok());
    EXPECT_NE(flock(fd, LOCK_EX | LOCK_NB), 0);
  }
  EXPECT_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
  close(fd);
}

TEST(File, SplitsAndJoinsPaths) {
  EXPECT_EQ(path_dir("a/b/c"), "a/b");
  EXPECT_EQ(path_dir("c"), ".");
  EXPECT_EQ(path_dir("/c"), "/");
  EXPECT_EQ(path_name("a/b/c"), "c");
  EXPECT_EQ(path_name("c"), "c");
  EXPECT_EQ(path_join("a", "b"), "a/b");
  EXPECT_EQ(path_join("a/", "b"), "a/b");
  EXPECT_EQ(path_join("a", "/b"), "/b");
  EXPECT_EQ(path_join("", "b"), "b");
}

}  // namespace
}  // namespace tarn
