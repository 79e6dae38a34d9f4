#include "graph/checkpoint_state.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "core/file.h"
#include "graph/checkpoint.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"

namespace tarn {
namespace {

void save(const std::string& prefix) {
  ASSERT_TRUE(write_checkpoint(prefix, {{"w", Tensor::scalar<float>(1)}}).ok());
  ASSERT_TRUE(write_file_atomically(prefix + ".meta", "meta").ok());
}

std::string text_of(const std::string& path) {
  return read_file(path).value_or("");
}

// Runs with `dir` as the working directory, for relative paths.
class InDir {
 public:
  explicit InDir(const std::string& dir) : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(dir);
  }
  ~InDir() { std::filesystem::current_path(before_); }
  InDir(const InDir&) = delete;
  InDir& operator=(const InDir&) = delete;

 private:
  std::filesystem::path before_;
};

TEST(CheckpointState, AbsolutePathsStayAbsolute) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint_state(dir.path(), {dir.file("b"), {dir.file("a"), dir.file("b")}}).ok());
  EXPECT_EQ(text_of(dir.file("checkpoint")),
            str_cat("model_checkpoint_path: \"", dir.file("b"), "\"\nall_model_checkpoint_paths: \"", dir.file("a"),
                    "\"\nall_model_checkpoint_paths: \"", dir.file("b"), "\"\n"));
  Result<CheckpointState> state = read_checkpoint_state(dir.path());
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->latest, dir.file("b"));
  EXPECT_EQ(state->all, (std::vector<std::string>{dir.file("a"), dir.file("b")}));
}

TEST(CheckpointState, RelativePathsAreRelativeToTheStateFile) {
  TempDir dir;
  InDir in(dir.path());
  ASSERT_TRUE(make_dirs("train").ok());
  ASSERT_TRUE(write_checkpoint_state("train", {"train/m-2", {"train/m-1", "train/m-2"}}).ok());
  EXPECT_EQ(
      text_of("train/checkpoint"),
      "model_checkpoint_path: \"m-2\"\nall_model_checkpoint_paths: \"m-1\"\nall_model_checkpoint_paths: \"m-2\"\n");
  EXPECT_EQ(read_checkpoint_state("train")->latest, "train/m-2");
  save("train/m-2");
  EXPECT_EQ(*latest_checkpoint("train"), "train/m-2");
}

TEST(CheckpointState, AMovedDirectoryStillFindsItsCheckpoint) {
  TempDir dir;
  ASSERT_TRUE(make_dirs(dir.file("old")).ok());
  save(dir.file("old/m-7"));
  ASSERT_TRUE(write_checkpoint_state(dir.file("old"), {dir.file("old/m-7"), {}}).ok());
  EXPECT_EQ(*latest_checkpoint(dir.file("old")), dir.file("old/m-7"));
  ASSERT_TRUE(rename_file(dir.file("old"), dir.file("new")).ok());
  EXPECT_EQ(*latest_checkpoint(dir.file("new")), dir.file("new/m-7"));
}

TEST(CheckpointState, ReadsTensorFlowsFixture) {
  const char* data = std::getenv("TARN_DATA");
  if (data == nullptr) GTEST_SKIP() << "TARN_DATA is not set: no files of TensorFlow's here";
  std::string dir = str_cat(data, "/tf_fixtures/r0");
  // It names a path of the machine it was made on.
  EXPECT_EQ(*latest_checkpoint(dir), dir + "/v1.ckpt");
}

TEST(CheckpointState, AMissingCheckpointIsNamedWithAnOlderOne) {
  TempDir dir;
  EXPECT_EQ(latest_checkpoint(dir.path()).status().code(), Code::kNotFound);
  ASSERT_TRUE(write_checkpoint_state(dir.path(), {"/elsewhere/m-2", {dir.file("m-1"), "/elsewhere/m-2"}}).ok());
  Status status = latest_checkpoint(dir.path()).status();
  EXPECT_SAYS(status, {dir.file("checkpoint"), "/elsewhere/m-2.index", dir.file("m-2.index")});
  EXPECT_EQ(status.message().find("older"), std::string_view::npos);
  save(dir.file("m-1"));
  EXPECT_SAYS(latest_checkpoint(dir.path()).status(), {"an older one is '", dir.file("m-1")});
}

TEST(CheckpointState, BrokenFilesAreNamed) {
  TempDir dir;
  struct Case {
    std::string text, says;
  };
  for (const Case& c : {Case{"", "empty path"}, Case{"\x89PNG", "line 1"}, Case{"model_checkpoint_path: 5", "line 1"},
                        Case{"model_checkpoint_path: \"a\"\nnonsense: 1\n", "line 2"},
                        Case{"model_checkpoint_path: \"a\\000b\"", "NUL"},
                        Case{"model_checkpoint_path: \"a\" all_model_checkpoint_paths: \"\"", "empty path"},
                        Case{std::string("\0\0\0", 3), "line 1"}}) {
    ASSERT_TRUE(write_file_atomically(dir.file("checkpoint"), c.text).ok());
    EXPECT_SAYS(latest_checkpoint(dir.path()).status(), {dir.file("checkpoint"), c.says});
  }
  ASSERT_TRUE(write_file_atomically(dir.file("checkpoint"), std::string(size_t{17} << 20, ' ')).ok());
  EXPECT_SAYS(latest_checkpoint(dir.path()).status(), {dir.file("checkpoint"), "above the limit"});
  EXPECT_SAYS(latest_checkpoint(dir.path(), "../checkpoint").status(), {"'../checkpoint'", "file name"});
}

TEST(CheckpointHistory, KeepsTheNewest) {
  TempDir dir;
  CheckpointHistory history({.max_to_keep = 2});
  for (int step = 1; step <= 4; ++step) {
    save(dir.file(str_cat("m-", step)));
    ASSERT_TRUE(history.record(dir.file(str_cat("m-", step))).ok());
  }
  EXPECT_EQ(history.kept(), (std::vector<std::string>{dir.file("m-3"), dir.file("m-4")}));
  EXPECT_EQ(*list_dir(dir.path()),
            (std::vector<std::string>{"checkpoint", "m-3.data-00000-of-00001", "m-3.index", "m-3.meta",
                                      "m-4.data-00000-of-00001", "m-4.index", "m-4.meta"}));
  EXPECT_EQ(read_checkpoint_state(dir.path())->all, history.kept());

  CheckpointHistory next({.max_to_keep = 2});
  next.recover(*read_checkpoint_state(dir.path()));
  save(dir.file("m-5"));
  ASSERT_TRUE(next.record(dir.file("m-5")).ok());
  EXPECT_FALSE(file_exists(dir.file("m-3.index")));
  EXPECT_TRUE(file_exists(dir.file("m-4.index")));
}

TEST(CheckpointHistory, SavingOnePrefixAgainKeepsIt) {
  TempDir dir;
  CheckpointHistory history({.max_to_keep = 1});
  for (int i = 0; i < 3; ++i) {
    save(dir.file("m"));
    ASSERT_TRUE(history.record(dir.file("m")).ok());
  }
  EXPECT_TRUE(read_everything(dir.file("m")).ok());
}

TEST(CheckpointHistory, ZeroKeepsAll) {
  TempDir dir;
  CheckpointHistory history({.max_to_keep = 0});
  for (int step = 0; step < 7; ++step) {
    save(dir.file(str_cat("m-", step)));
    ASSERT_TRUE(history.record(dir.file(str_cat("m-", step))).ok());
  }
  EXPECT_EQ(history.kept().size(), 7U);
  EXPECT_TRUE(file_exists(dir.file("m-0.index")));
}

TEST(CheckpointHistory, RelativePathsLetADirectoryMove) {
  TempDir dir;
  CheckpointHistory history({.max_to_keep = 5, .state_name = "latest", .relative_paths = true});
  ASSERT_TRUE(history.record(dir.file("m-1")).ok());
  EXPECT_EQ(text_of(dir.file("latest")), "model_checkpoint_path: \"m-1\"\nall_model_checkpoint_paths: \"m-1\"\n");
}

TEST(CheckpointHistory, RemovesNothingOutsideItsDirectory) {
  TempDir dir;
  ASSERT_TRUE(make_dirs(dir.file("train/sub")).ok());
  for (const char* name : {"m", "train/sub/m", "train/m-10", "train/m-1x"}) save(dir.file(name));
  ASSERT_TRUE(write_file_atomically(dir.file("train/m-1.data-notes"), "mine").ok());
  ASSERT_TRUE(write_file_atomically(dir.file("train/checkpoint"),
                                    str_cat("model_checkpoint_path: \"x\" all_model_checkpoint_paths: \"../m\" "
                                            "all_model_checkpoint_paths: \"sub/m\" all_model_checkpoint_paths: \"",
                                            dir.file("m"), "\" all_model_checkpoint_paths: \"..\" ",
                                            "all_model_checkpoint_paths: \"m-1\" all_model_checkpoint_paths: \"sub/\""))
                  .ok());
  CheckpointHistory history({.max_to_keep = 1});
  history.recover(*read_checkpoint_state(dir.file("train")));
  save(dir.file("train/m-2"));
  ASSERT_TRUE(history.record(dir.file("train/m-2")).ok());
  for (const char* name : {"m", "train/sub/m", "train/m-10", "train/m-1x", "train/m-2"}) {
    EXPECT_TRUE(read_everything(dir.file(name)).ok()) << name;
    EXPECT_TRUE(file_exists(dir.file(str_cat(name, ".meta")))) << name;
  }
  EXPECT_TRUE(file_exists(dir.file("train/m-1.data-notes")));
}

TEST(CheckpointHistory, KilledAtAnyCallTheStateNamesACheckpointThatIsThere) {
  for (int n = 0;; ++n) {
    TempDir dir;
    CheckpointHistory history({.max_to_keep = 1});
    save(dir.file("m-1"));
    ASSERT_TRUE(history.record(dir.file("m-1")).ok());
    save(dir.file("m-2"));
    bool died = dies_at(n, false, [&] { (void)history.record(dir.file("m-2")); });
    Result<std::string> latest = latest_checkpoint(dir.path());
    ASSERT_TRUE(latest.ok()) << latest.status().to_string();
    EXPECT_TRUE(read_everything(*latest).ok());
    if (!died) {
      EXPECT_EQ(*latest, dir.file("m-2"));
      break;
    }
  }
}

}  // namespace
}  // namespace tarn
