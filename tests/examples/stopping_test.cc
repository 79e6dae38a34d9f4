// The MNIST programs when something comes between: a signal, a full disk, a folder that cannot be written, a lost
// state file, flags that differ.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "examples/mnist/resume.h"
#include "graph/checkpoint_state.h"
#include "tests/examples/temp_folder.h"

namespace tarn::examples {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Outcome {
  int exit_code = -1;
  std::string out;  // standard output and error
};

Outcome shell(const std::string& command) {
  Outcome outcome;
  FILE* pipe = ::popen(("{ " + command + " ; } 2>&1").c_str(), "r");
  if (pipe == nullptr) return outcome;
  char buffer[4096];
  for (size_t count; (count = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;) outcome.out.append(buffer, count);
  const int status = ::pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

int count_of(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// 40 training and 10 test digits.
class Stopping : public testing::Test {
 protected:
  Stopping() {
    data_.write("train-images-idx3-ubyte.gz", gzip(idx_images(40)));
    data_.write("train-labels-idx1-ubyte.gz", gzip(idx_labels(40)));
    data_.write("t10k-images-idx3-ubyte.gz", gzip(idx_images(10)));
    data_.write("t10k-labels-idx1-ubyte.gz", gzip(idx_labels(10)));
  }
  // 4 steps an epoch.
  std::string command(const std::string& program, const std::string& flags, const TempFolder& out) const {
    return std::string(TARN_BIN_DIR) + "/" + program + " --batch=10 --threads=1 --data_dir=" + data_.path() +
           " --out_dir=" + out.path() + " " + flags;
  }
  Outcome train(const std::string& program, const std::string& flags, const TempFolder& out) const {
    return shell(command(program, flags, out));
  }

  TempFolder data_, out_;
};

std::string checkpoint_bytes(const TempFolder& out, const std::string& step) {
  const std::string prefix = out.file("model.ckpt-" + step);
  return read_bytes(prefix + ".data-00000-of-00001") + read_bytes(prefix + ".index");
}

TEST_F(Stopping, AnOutDirThatCannotBeWrittenIsNoticedBeforeTheDigitsAreRead) {
  const std::string file = out_.write("file", "x");
  for (const char* program : {"beginners", "experts", "keras_cnn"}) {
    for (const std::string& folder : {file + "/out", std::string("/proc")}) {
      const Outcome outcome =
          shell(std::string(TARN_BIN_DIR) + "/" + program + " --steps=1 --data_dir=/nowhere --out_dir=" + folder);

      EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
      EXPECT_THAT(outcome.out, AllOf(HasSubstr(folder.substr(0, folder.rfind("/out"))), Not(HasSubstr("nowhere"))));
    }
  }
}

TEST_F(Stopping, CheckingTheOutDirLeavesNothingInIt) {
  const Outcome outcome = shell(std::string(TARN_BIN_DIR) + "/beginners --data_dir=/nowhere --out_dir=" + out_.path());

  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(out_.names(), testing::IsEmpty());
}

TEST_F(Stopping, EventsThatCannotBeWrittenAreOneWarningAndTrainingGoesOn) {
  // No file may grow past 1 MiB (blocks of 512 bytes): the events, 700 bytes a step, do; no other file does.
  const Outcome outcome =
      shell("ulimit -f 2048; " + command("beginners", "--steps=2000 --log_dir=" + out_.file("logs"), out_));

  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_EQ(count_of(outcome.out, "warning: "), 1) << outcome.out;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("events.out.tfevents"), HasSubstr("training goes on without events")));
  EXPECT_TRUE(checkpoint_exists(out_.file("model.ckpt-2000")));
}

TEST_F(Stopping, ASignalSavesACheckpointThatGoesOnToTheSameBytes) {
  for (const char* signal : {"TERM", "HUP"}) {
    TempFolder out, whole;
    const std::string flags = "--learning_rate=0.1 --checkpoint_every=50 --log_dir=" + out.file("logs");
    const Outcome stopped =
        shell(command("beginners", flags + " --steps=1000000000", out) + " & pid=$!; until [ -f " +
              out.file("checkpoint") + " ]; do sleep 0.02; done; kill -" + signal + " $pid; wait $pid");

    EXPECT_EQ(stopped.exit_code, 1) << stopped.out;
    const std::string said = "beginners: stopped by a signal after ";
    ASSERT_THAT(stopped.out, AllOf(HasSubstr(said), HasSubstr(" steps; --resume goes on\n")));
    const int step = std::atoi(stopped.out.c_str() + stopped.out.find(said) + said.size());
    ASSERT_GE(step, 50);
    EXPECT_EQ(*latest_checkpoint(out.path()), out.file("model.ckpt-" + std::to_string(step)));

    const std::string last = std::to_string(step + 5);
    const Outcome resumed = train("beginners", flags + " --resume --steps=" + last, out);
    ASSERT_EQ(resumed.exit_code, 0) << resumed.out;
    ASSERT_EQ(train("beginners", "--learning_rate=0.1 --steps=" + last, whole).exit_code, 0);
    EXPECT_EQ(checkpoint_bytes(out, last), checkpoint_bytes(whole, last));
  }
}

TEST(StopSignals, TheSecondSignalEndsTheProgramAtOnce) {
  auto signalled_twice = [] {
    const StopSignals signals;
    std::raise(SIGINT);
    if (!signals.asked()) std::_Exit(3);
    std::raise(SIGTERM);
    std::_Exit(4);
  };
  EXPECT_EXIT(signalled_twice(), testing::KilledBySignal(SIGTERM), "");
}

TEST(StopSignals, WhatWasIgnoredStaysIgnoredAndAfterwardsAllIsAsBefore) {
  auto old = std::signal(SIGHUP, SIG_IGN);
  {
    const StopSignals signals;
    std::raise(SIGHUP);
    EXPECT_FALSE(signals.asked());
    std::raise(SIGTERM);
    EXPECT_TRUE(signals.asked());
  }

  EXPECT_EQ(std::signal(SIGHUP, old), SIG_IGN);
  EXPECT_EQ(std::signal(SIGTERM, SIG_DFL), SIG_DFL);
  EXPECT_FALSE(StopSignals().asked());
}

TEST_F(Stopping, AResumedRunKeepsTheCurveOfTheStepsBefore) {
  TempFolder whole;
  auto lines = [](const TempFolder& out) {  // without the subtitle, which has the time taken
    const std::string svg = read_bytes(out.file("curve.svg"));
    std::string paths;
    for (size_t at = svg.find(" points=\""); at != std::string::npos; at = svg.find(" points=\"", at + 1)) {
      paths += svg.substr(at, svg.find('"', at + 9) - at);
    }
    return paths;
  };
  ASSERT_EQ(train("beginners", "--steps=10", out_).exit_code, 0);
  const std::string curve_of_10 = lines(out_);
  ASSERT_FALSE(curve_of_10.empty());
  const Outcome nothing_to_do = train("beginners", "--steps=10 --resume", out_);
  EXPECT_EQ(lines(out_), curve_of_10) << nothing_to_do.out;

  ASSERT_EQ(train("beginners", "--steps=15 --resume", out_).exit_code, 0);
  ASSERT_EQ(train("beginners", "--steps=15", whole).exit_code, 0);

  EXPECT_NE(lines(whole), curve_of_10);
  EXPECT_EQ(lines(out_), lines(whole));
  EXPECT_EQ(checkpoint_bytes(out_, "15"), checkpoint_bytes(whole, "15"));
  EXPECT_THAT(read_bytes(out_.file("curve.svg")), HasSubstr("15 steps, 5 of them after a resume in 0:0"));
}

TEST_F(Stopping, ResumingWithAnotherBatchSeedOrModelIsRefusedByTheNamesOfTheFlags) {
  ASSERT_EQ(train("experts", "--steps=1 --seed=7", out_).exit_code, 0);

  const Outcome outcome = train("experts", "--steps=2 --seed=8 --batch_norm --resume", out_);

  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("model.ckpt-1: "), HasSubstr("with --seed=7, this run has --seed=8"),
                    HasSubstr("with --batch_norm=false, this run has --batch_norm=true"), Not(HasSubstr("Shuffle"))));
}

TEST_F(Stopping, ResumingWithAnotherScheduleOrRateIsAWarningWithBothValues) {
  ASSERT_EQ(train("keras_cnn", "--epochs=1", out_).exit_code, 0);
  TempFolder same;
  std::filesystem::copy(out_.path(), same.path(), std::filesystem::copy_options::recursive);

  const Outcome other = train("keras_cnn", "--steps=6 --learning_rate=0.002 --resume", out_);
  const Outcome as_before = train("keras_cnn", "--steps=4 --resume", same);  // an epoch has 4 steps

  EXPECT_EQ(other.exit_code, 0) << other.out;
  EXPECT_THAT(other.out, AllOf(HasSubstr("warning: " + out_.file("model.ckpt-4") +
                                         ": it was trained with --steps=4, this run has "
                                         "--steps=6 (or as many --epochs)"),
                               HasSubstr("with --learning_rate=0.001, this run has --learning_rate=0.002")));
  EXPECT_EQ(as_before.exit_code, 0) << as_before.out;
  EXPECT_THAT(as_before.out, Not(HasSubstr("warning")));
}

TEST_F(Stopping, ResumingWithoutTheStateFileNamesTheNewestCheckpointAndTheWayOn) {
  ASSERT_EQ(train("beginners", "--steps=12 --checkpoint_every=5", out_).exit_code, 0);
  for (const bool empty : {false, true}) {
    std::filesystem::remove(out_.file("checkpoint"));
    if (empty) out_.write("checkpoint", "");

    const Outcome outcome = train("beginners", "--steps=14 --resume", out_);

    EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
    EXPECT_THAT(outcome.out, AllOf(HasSubstr(out_.file("checkpoint") + (empty ? ": cannot be read" : ": is missing")),
                                   HasSubstr("model_checkpoint_path: \"model.ckpt-12\"\n")));
  }
  out_.write("checkpoint", "model_checkpoint_path: \"model.ckpt-12\"\n");
  const Outcome outcome = train("beginners", "--steps=14 --resume", out_);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("resumed from " + out_.file("model.ckpt-12")));
}

TEST_F(Stopping, AResumedRunCountsItsOwnSteps) {
  ASSERT_EQ(train("beginners", "--steps=30", out_).exit_code, 0);

  const Outcome more = train("beginners", "--steps=40 --resume", out_);
  const Outcome past = train("beginners", "--steps=20 --resume", out_);

  EXPECT_THAT(more.out, AllOf(HasSubstr("model.ckpt-30: 10 of 40 steps are left"), HasSubstr("training 10 steps in ")));
  EXPECT_EQ(past.exit_code, 0) << past.out;
  EXPECT_THAT(past.out, AllOf(HasSubstr("model.ckpt-40: nothing to train, for step 20 (--steps or --epochs) is already "
                                        "past"),
                              Not(HasSubstr("steps in "))));
}

}  // namespace
}  // namespace tarn::examples
