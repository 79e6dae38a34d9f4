#include "core/append_file.h"

#include <gtest/gtest.h>

#include "core/file.h"
#include "core/stale_temps.h"
#include "tests/support/file_faults.h"

namespace tarn {
namespace {

TEST(AppendFile, ReadersSeeWhatWasFlushed) {
  TempDir dir;
  Result<AppendFile> file = AppendFile::create(dir.file("log"));
  ASSERT_TRUE(file.ok()) << file.status().to_string();

  ASSERT_TRUE(file->append("one ").ok());
  EXPECT_EQ(*read_file(dir.file("log")), "");
  ASSERT_TRUE(file->flush().ok());
  EXPECT_EQ(*read_file(dir.file("log")), "one ");
  ASSERT_TRUE(file->append(std::string(100'000, 'x')).ok());  // too much to gather
  EXPECT_EQ(*file_size(dir.file("log")), 100'004u);
  ASSERT_TRUE(file->append("two").ok());
  { AppendFile last = *std::move(file); }
  EXPECT_EQ(*file_size(dir.file("log")), 100'007u);
}

TEST(AppendFile, ReplacesNothing) {
  TempDir dir;
  ASSERT_TRUE(write_file_atomically(dir.file("log"), "old").ok());

  EXPECT_EQ(AppendFile::create(dir.file("log")).status().code(), Code::kAlreadyExists);
  EXPECT_EQ(AppendFile::create(dir.file("none/log")).status().code(), Code::kNotFound);
  EXPECT_EQ(AppendFile::create("").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(*read_file(dir.file("log")), "old");
}

TEST(AppendFile, AfterAnErrorTheRestIsWrittenOnce) {
  TempDir dir;
  AppendFile file = *AppendFile::create(dir.file("log"));
  ASSERT_TRUE(file.append("0123456789").ok());
  {
    // Writes four bytes, then the disk is full.
    class FourThenFull : public FileHook {
     public:
      int before(FileCall call, std::string_view, size_t& bytes) override {
        if (call != FileCall::kWrite) return 0;
        if (calls_++ > 0) return ENOSPC;
        bytes = 4;
        return 0;
      }
      int calls_ = 0;
    } hook;
    ScopedFileHook scope(&hook);
    EXPECT_EQ(file.flush().code(), Code::kResourceExhausted);
  }

  ASSERT_TRUE(file.close().ok());

  EXPECT_EQ(*read_file(dir.file("log")), "0123456789");
  EXPECT_EQ(file.append("more").code(), Code::kFailedPrecondition);
}

TEST(StaleTemps, AreReadOnceTheirProcessIsGone) {
  TempDir dir;
  AtomicFile alive = *AtomicFile::create(dir.file("a"));
  ASSERT_TRUE(alive.append("alive").ok() && alive.sync().ok());
  for (const char* name : {"b", "large"}) {
    if (const pid_t child = ::fork(); child == 0) {
      AtomicFile file = *AtomicFile::create(dir.file(name));
      const bool written =
          file.append(name == std::string("b") ? "half of b" : std::string(200, '.')).ok() && file.sync().ok();
      ::_exit(written ? 0 : 1);
    } else {
      int status = -1;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      ASSERT_EQ(status, 0);
    }
  }

  Result<std::vector<StaleTemp>> temps = read_stale_temps(dir.path(), 100);

  ASSERT_TRUE(temps.ok()) << temps.status().to_string();
  ASSERT_EQ(temps->size(), 1u);
  EXPECT_EQ((*temps)[0].target, dir.file("b"));
  EXPECT_EQ((*temps)[0].bytes, "half of b");
  EXPECT_EQ(sweep_stale_temps(dir.path())->size(), 2u);
}

}  // namespace
}  // namespace tarn
