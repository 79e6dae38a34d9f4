// Training that is killed (SIGKILL, now and then SIGTERM) goes on from its newest checkpoint and ends with the bytes of
// an uninterrupted run. TARN_KILLS says how many kills, TARN_KILL_SEED which moments.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "graph/checkpoint.h"
#include "graph/checkpoint_state.h"
#include "graph/graph_io.h"
#include "graph/saver.h"
#include "tests/examples/temp_folder.h"

extern char** environ;

namespace tarn::examples {
namespace {

using std::chrono::microseconds;

int number_from_environment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

pid_t start(const std::string& folder, const std::string& flag) {
  const std::string program = std::string(TARN_BIN_DIR) + "/train_and_save", dir = "--dir=" + folder;
  std::vector<char*> arguments = {const_cast<char*>(program.c_str()), const_cast<char*>(dir.c_str()),
                                  const_cast<char*>(flag.c_str()), nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  EXPECT_EQ(::posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments.data(), environ), 0);
  ::posix_spawn_file_actions_destroy(&actions);
  return pid;
}

// Whether it ended by itself, well.
bool finish(pid_t pid) {
  int status = 0;
  return ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool run(const std::string& folder, const std::string& flag = "--steps=60") {
  return finish(start(folder, flag));
}

// Whether the signal came before its end.
bool kill_after(pid_t pid, microseconds delay, int signal) {
  std::this_thread::sleep_for(delay);
  ::kill(pid, signal);
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  if (WIFSIGNALED(status)) return true;
  // SIGTERM is caught: what is half written is removed, and the program fails.
  EXPECT_TRUE(WEXITSTATUS(status) == 0 || signal == SIGTERM) << "the program failed by itself";
  return WEXITSTATUS(status) != 0;
}

std::map<std::string, std::string> files_of(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files[entry.path().filename().string()] = read_bytes(entry.path().string());
  }
  return files;
}

std::string differences(const std::map<std::string, std::string>& got, const std::map<std::string, std::string>& want) {
  std::string text;
  for (const auto& [name, bytes] : want) {
    const auto found = got.find(name);
    if (found == got.end()) text += "no " + name + "; ";
    if (found != got.end() && found->second != bytes) text += name + " differs; ";
  }
  for (const auto& [name, bytes] : got) {
    if (!want.contains(name)) text += name + " too; ";
  }
  return text;
}

// What `checkpoint` names as the newest is whole: every value, the graph, and they fit each other.
Status load_newest(const std::string& folder) {
  TARN_ASSIGN_OR_RETURN(std::string prefix, latest_checkpoint(folder));
  TARN_ASSIGN_OR_RETURN(CheckpointReader reader, CheckpointReader::open(prefix));
  for (const CheckpointEntry& entry : reader.entries()) TARN_RETURN_IF_ERROR(reader.read(entry.name).status());
  TARN_ASSIGN_OR_RETURN(MetaGraph meta, read_meta_graph(prefix + ".meta"));
  TARN_ASSIGN_OR_RETURN(Saver saver, Saver::FromMetaGraph(meta));
  Session session(meta.graph, {.threads = 1});
  return saver.Restore(session, prefix);
}

// The names that belong there: the state files and the files of the checkpoints that these name.
std::set<std::string> names_that_belong(const std::string& folder) {
  std::set<std::string> names;
  for (const char* state_name : {"checkpoint", "best_checkpoint"}) {
    Result<CheckpointState> state = read_checkpoint_state(folder, state_name);
    if (!state.ok()) continue;
    names.insert(state_name);
    for (const std::string& prefix : state->all) {
      const std::string stem = prefix.substr(prefix.rfind('/') + 1);
      for (const char* end : {".index", ".meta", ".data-00000-of-00001"}) names.insert(stem + end);
    }
  }
  return names;
}

TEST(Resume, TrainingKilledAtRandomMomentsEndsWithTheBytesOfAnUninterruptedRun) {
  const int wanted = number_from_environment("TARN_KILLS", 10);
  const int seed = number_from_environment("TARN_KILL_SEED", 1);
  TempFolder whole;
  ASSERT_TRUE(run(whole.path()));  // warms up
  std::filesystem::remove_all(whole.path());
  std::filesystem::create_directory(whole.path());
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(run(whole.path()));
  const auto took = std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - begin);
  const std::map<std::string, std::string> expected = files_of(whole.path());
  ASSERT_THAT(expected, testing::SizeIs(2 + 3 * 3 + 3)) << "two state files, three checkpoints kept, the best";
  std::mt19937 random(static_cast<uint32_t>(seed));
  std::map<std::string, int> resumed_from;

  int kills = 0, torn = 0;
  while (kills < wanted && !HasFailure()) {
    TempFolder folder;
    // Up to three kills of one training, one after the other.
    for (int round = 0; round < 3 && kills < wanted; ++round) {
      const microseconds delay(random() % static_cast<uint32_t>(took.count()));
      const int signal = kills % 5 == 4 ? SIGTERM : SIGKILL;
      if (!kill_after(start(folder.path(), "--steps=60"), delay, signal)) break;
      ++kills;
      SCOPED_TRACE("seed " + std::to_string(seed) + ", kill " + std::to_string(kills) + " after " +
                   std::to_string(delay.count()) + " us");
      std::string left;
      for (const auto& [name, bytes] : files_of(folder.path())) left += name + " ";
      SCOPED_TRACE("left: " + left);
      torn += left.find("tarn-tmp") != std::string::npos;
      std::string newest = "nothing";
      if (std::filesystem::exists(folder.file("checkpoint"))) {
        const Status loaded = load_newest(folder.path());
        ASSERT_TRUE(loaded.ok()) << loaded.to_string();
        newest = std::filesystem::path(*latest_checkpoint(folder.path())).filename().string();
      }
      ++resumed_from[newest];

      // The next start clears up.
      ASSERT_TRUE(run(folder.path(), "--only_start"));
      std::set<std::string> names;
      for (const auto& [name, bytes] : files_of(folder.path())) names.insert(name);
      EXPECT_EQ(names, names_that_belong(folder.path()));

      TempFolder copy;
      std::filesystem::copy(folder.path(), copy.path(), std::filesystem::copy_options::recursive);
      ASSERT_TRUE(run(copy.path()));
      EXPECT_EQ(differences(files_of(copy.path()), expected), "");
    }
  }

  EXPECT_GE(kills, wanted);
  for (const auto& [name, count] : resumed_from) std::printf("resumed %d times from %s\n", count, name.c_str());
  std::printf("%d kills, %d of them while files were being written; a run takes %.0f ms\n", kills, torn,
              static_cast<double>(took.count()) / 1e3);
}

TEST(Resume, HowFarBatchesAreMadeAheadChangesNothing) {
  TempFolder a, b;
  ASSERT_TRUE(run(a.path(), "--prefetch=1"));
  ASSERT_TRUE(run(b.path(), "--prefetch=17"));

  EXPECT_EQ(differences(files_of(a.path()), files_of(b.path())), "");
}

}  // namespace
}  // namespace tarn::examples
