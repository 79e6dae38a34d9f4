// Saves that fail or are killed at every file call: the checkpoint that was there, or the new one, is found afterwards.
#include <gtest/gtest.h>

#include <cerrno>

#include "core/file.h"
#include "graph/checkpoint.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"
#include "tests/support/tensors.h"

namespace tarn {
namespace {

// All tensors of a checkpoint carry its number, so a mix of two shows.
std::vector<NamedTensor> tensors_of(int number) {
  std::vector<NamedTensor> tensors;
  for (int i = 0; i < 3; ++i) {
    Tensor tensor = *Tensor::zeros(DType::kInt32, Shape{40000, i + 1});
    for (int32_t& v : tensor.mutable_flat<int32_t>()) v = number * 1000 + i;
    tensors.push_back({str_cat("w", i), tensor});
  }
  tensors.push_back({"label", Tensor::scalar<std::string>(std::string(static_cast<size_t>(number), 's'))});
  return tensors;
}

Status save(const std::string& prefix, int number) {
  return write_checkpoint(prefix, tensors_of(number));
}

// The number of the checkpoint, or -1 with a failed expectation if it is not exactly one that was saved.
int number_of(const std::string& prefix) {
  Result<CheckpointReader> reader = CheckpointReader::open(prefix);
  EXPECT_TRUE(reader.ok()) << reader.status().to_string();
  if (!reader.ok()) return -1;
  Result<Tensor> label = reader->read("label");
  EXPECT_TRUE(label.ok()) << label.status().to_string();
  if (!label.ok()) return -1;
  int number = static_cast<int>(label->item<std::string>().size());
  for (const NamedTensor& expected : tensors_of(number)) {
    Result<Tensor> tensor = reader->read(expected.name);
    EXPECT_TRUE(tensor.ok() && tensor->identical_to(expected.tensor))
        << expected.name << ' ' << tensor.status().to_string();
  }
  return number;
}

const std::vector<std::string> kTwoFiles = {"c.data-00000-of-00001", "c.index"};

TEST(CheckpointFaults, ASaveKilledAtAnyCallLeavesTheOldCheckpointOrTheNew) {
  int kills = 0;
  for (bool torn : {false, true}) {
    for (int n = 0;; ++n) {
      TempDir dir;
      std::string prefix = dir.file("c");
      ASSERT_TRUE(save(prefix, 1).ok());
      bool died = dies_at(n, torn, [&] { (void)save(prefix, 2); });
      int number = number_of(prefix);
      EXPECT_TRUE(number == 1 || number == 2) << "killed at call " << n;
      // The next save clears up, wherever the last one stopped.
      ASSERT_TRUE(save(prefix, 3).ok());
      EXPECT_EQ(number_of(prefix), 3);
      EXPECT_EQ(*list_dir(dir.path()), kTwoFiles) << "killed at call " << n;
      if (!died) {
        EXPECT_EQ(number, 2);
        break;
      }
      ++kills;
    }
  }
  EXPECT_GT(kills, 60);
}

TEST(CheckpointFaults, AKilledSaveOfANewPrefixLeavesOtherCheckpointsAloneAndIsSwept) {
  for (int n = 0;; ++n) {
    TempDir dir;
    ASSERT_TRUE(save(dir.file("a"), 1).ok());
    bool died = dies_at(n, false, [&] { (void)save(dir.file("b"), 2); });
    EXPECT_EQ(number_of(dir.file("a")), 1);
    bool whole = file_exists(dir.file("b.index"));
    EXPECT_TRUE(!whole || number_of(dir.file("b")) == 2);
    ASSERT_TRUE(save(dir.file("c"), 3).ok());
    EXPECT_EQ(number_of(dir.file("c")), 3);
    EXPECT_EQ(list_dir(dir.path())->size(), whole ? 6U : 4U) << "killed at call " << n;
    if (!died) break;
  }
}

TEST(CheckpointFaults, KilledAgainAndAgainWithoutAWholeSaveBetween) {
  TempDir dir;
  std::string prefix = dir.file("c");
  ASSERT_TRUE(save(prefix, 1).ok());
  int last = 1;
  for (int n = 0; n < 120; ++n) {
    dies_at((n * 37) % 60, n % 2 == 1, [&] { (void)save(prefix, n + 2); });
    int number = number_of(prefix);
    EXPECT_TRUE(number == last || number == n + 2) << n;
    last = number;
  }
  ASSERT_TRUE(save(prefix, 200).ok());
  EXPECT_EQ(*list_dir(dir.path()), kTwoFiles);
}

TEST(CheckpointFaults, ASaveFailingAtAnyCallSaysSoAndLeavesNoLitter) {
  for (int error : {EIO, ENOSPC, EFBIG}) {
    int failures = 0;
    for (int n = 0;; ++n) {
      TempDir dir;
      std::string prefix = dir.file("c");
      ASSERT_TRUE(save(prefix, 1).ok());
      FailNth fault(n, error);
      Status status;
      {
        ScopedFileHook scope(&fault);
        status = save(prefix, 2);
      }
      int number = number_of(prefix);
      EXPECT_TRUE(number == 2 || (number == 1 && !status.ok())) << "call " << n << ": " << status.to_string();
      std::vector<std::string> files = *list_dir(dir.path());
      // What is removed last, after success, may stay: the old data under their spare name.
      if (status.ok()) std::erase(files, "c.data-00000-of-00002");
      EXPECT_EQ(files, kTwoFiles) << "call " << n << ": " << status.to_string();
      if (!status.ok()) {
        ++failures;
        EXPECT_SAYS(status, {dir.path(), strerror(error)});
      }
      if (!fault.fired()) {
        EXPECT_TRUE(status.ok());
        EXPECT_EQ(number, 2);
        break;
      }
    }
    EXPECT_GT(failures, 20);
  }
}

TEST(CheckpointFaults, AFirstSaveFailingAtAnyCallLeavesNothing) {
  for (int n = 0;; ++n) {
    TempDir dir;
    FailNth fault(n, ENOSPC);
    Status status;
    {
      ScopedFileHook scope(&fault);
      status = save(dir.file("c"), 1);
    }
    size_t files = list_dir(dir.path())->size();
    EXPECT_TRUE(files == 2 ? number_of(dir.file("c")) == 1 : files == 0 && !status.ok())
        << "call " << n << ", " << files;
    if (!fault.fired()) break;
  }
}

// A disk that fails from some call on and stays so.
class FailFrom : public FileHook {
 public:
  explicit FailFrom(int n) : n_(n) {}
  int before(FileCall kind, std::string_view, size_t&) override {
    if (seen_++ < n_) return 0;
    fired_ = true;
    // A full disk: what takes no space still works.
    bool takes_space =
        kind == FileCall::kWrite || kind == FileCall::kLink || kind == FileCall::kSync || kind == FileCall::kRename;
    return takes_space ? ENOSPC : 0;
  }
  bool fired() const { return fired_; }

 private:
  int n_, seen_ = 0;
  bool fired_ = false;
};

TEST(CheckpointFaults, ADiskThatStaysFullKeepsTheOldCheckpoint) {
  for (int n = 0;; ++n) {
    TempDir dir;
    std::string prefix = dir.file("c");
    ASSERT_TRUE(save(prefix, 1).ok());
    FailFrom fault(n);
    Status status;
    {
      ScopedFileHook scope(&fault);
      status = save(prefix, 2);
    }
    int number = number_of(prefix);
    EXPECT_TRUE(number == 1 || number == 2) << "from call " << n;
    std::vector<std::string> names = *list_dir(dir.path());
    for (const std::string& name : names) EXPECT_EQ(name.find("tmp"), std::string::npos) << name;
    if (!fault.fired()) break;
  }
}

TEST(CheckpointFaults, ShortTransfersAndInterruptionsAreNoErrors) {
  TempDir dir;
  {
    ShortTransfers hook(1000);
    ScopedFileHook scope(&hook);
    ASSERT_TRUE(save(dir.file("c"), 1).ok());
    EXPECT_EQ(number_of(dir.file("c")), 1);
    EXPECT_GT(hook.calls(), 900);
  }
  for (int n = 0;; ++n) {
    FailNth fault(n, EINTR);
    ScopedFileHook scope(&fault);
    Status status = save(dir.file("c"), 2);
    EXPECT_TRUE(status.ok()) << n << ": " << status.to_string();
    if (!fault.fired()) break;
  }
}

TEST(CheckpointFaults, WithoutHardLinksASaveStillReplaces) {
  class NoLinks : public FileHook {
   public:
    int before(FileCall kind, std::string_view, size_t&) override { return kind == FileCall::kLink ? EPERM : 0; }
  };
  TempDir dir;
  ASSERT_TRUE(save(dir.file("c"), 1).ok());
  NoLinks hook;
  ScopedFileHook scope(&hook);
  ASSERT_TRUE(save(dir.file("c"), 2).ok());
  EXPECT_EQ(number_of(dir.file("c")), 2);
  EXPECT_EQ(*list_dir(dir.path()), kTwoFiles);
}

TEST(CheckpointFaults, ProcessesSavingToOnePrefixLeaveOneOfTheirCheckpoints) {
  TempDir dir;
  std::string prefix = dir.file("c");
  std::vector<pid_t> children;
  for (int child = 0; child < 3; ++child) {
    pid_t pid = fork();
    if (pid == 0) {
      bool good = true;
      for (int i = 0; i < 15; ++i) good = save(prefix, 10 * (child + 1) + i % 10).ok() && good;
      _exit(good ? 0 : 1);
    }
    children.push_back(pid);
  }
  for (pid_t pid : children) {
    int status = -1;
    waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_GE(number_of(prefix), 10);
  EXPECT_EQ(*list_dir(dir.path()), kTwoFiles);
}

TEST(CheckpointFaults, AReaderKeepsTheCheckpointItOpened) {
  TempDir dir;
  ASSERT_TRUE(save(dir.file("c"), 1).ok());
  Result<CheckpointReader> reader = CheckpointReader::open(dir.file("c"));
  ASSERT_TRUE(save(dir.file("c"), 2).ok());
  EXPECT_EQ(reader->read("label")->item<std::string>(), "s");
  EXPECT_EQ(number_of(dir.file("c")), 2);
}

}  // namespace
}  // namespace tarn
