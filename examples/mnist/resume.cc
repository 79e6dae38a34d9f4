#include "examples/mnist/resume.h"

#include <signal.h>

#include <array>
#include <charconv>
#include <cstdio>

#include "core/file.h"
#include "graph/checkpoint.h"
#include "graph/checkpoint_state.h"

namespace tarn::examples {
namespace {

constexpr std::array kStopSignals = {SIGINT, SIGTERM, SIGHUP};

// A handler can be given nothing.
volatile sig_atomic_t g_asked = 0;
std::array<struct sigaction, kStopSignals.size()> g_before;

void handle_as_before() {
  for (size_t i = 0; i < kStopSignals.size(); ++i) ::sigaction(kStopSignals[i], &g_before[i], nullptr);
}

extern "C" void on_first_stop_signal(int) {
  g_asked = 1;
  handle_as_before();
}

// The checkpoint of most steps in `dir`, by the names of the files; "" if there is none.
std::string newest_by_name(const std::string& dir) {
  constexpr std::string_view kFront = "model.ckpt-", kEnd = ".index";
  Result<std::vector<std::string>> names = list_dir(dir);
  if (!names.ok()) return "";
  int64_t most = -1;
  for (std::string_view name : *names) {
    if (!name.starts_with(kFront) || !name.ends_with(kEnd)) continue;
    const std::string_view digits = name.substr(kFront.size(), name.size() - kFront.size() - kEnd.size());
    int64_t step = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), step);
    if (error == std::errc() && end == digits.data() + digits.size()) most = std::max(most, step);
  }
  return most < 0 ? "" : str_cat(kFront, most);
}

// Before Restore does it, which first compares the variables: those that --batch_norm adds would be the error.
Status compare_flags(const std::string& checkpoint, RunFlags& flags) {
  constexpr char kState[] = "_tarn/state/flags";
  Result<CheckpointReader> reader = CheckpointReader::open(checkpoint);
  if (!reader.ok() || reader->find(kState) == nullptr) return {};  // restoring it says what is wrong with it
  TARN_ASSIGN_OR_RETURN(Tensor state, reader->read(kState));
  return flags.RestoreState(state).with_context(checkpoint);
}

}  // namespace

StopSignals::StopSignals() {
  g_asked = 0;
  struct sigaction first {};
  first.sa_handler = on_first_stop_signal;
  first.sa_flags = SA_RESTART;
  ::sigemptyset(&first.sa_mask);
  for (int number : kStopSignals) ::sigaddset(&first.sa_mask, number);
  // All are known before the first handler is there to need them.
  for (size_t i = 0; i < kStopSignals.size(); ++i) ::sigaction(kStopSignals[i], nullptr, &g_before[i]);
  for (size_t i = 0; i < kStopSignals.size(); ++i) {
    if (g_before[i].sa_handler != SIG_IGN) ::sigaction(kStopSignals[i], &first, nullptr);
  }
}

StopSignals::~StopSignals() {
  handle_as_before();
}

bool StopSignals::asked() const {
  return g_asked != 0;
}

Result<Tensor> RunFlags::SaveState() const {
  std::vector<std::string> texts;
  for (const TrainFlag& flag : flags_) {
    texts.push_back(flag.name);
    texts.push_back(flag.value);
  }
  return Tensor::vector<std::string>(std::span<const std::string>(texts));
}

Status RunFlags::RestoreState(const Tensor& state) {
  std::span<const std::string> texts = state.flat<std::string>();
  if (state.dtype() != DType::kString || texts.size() % 2 != 0) {
    return data_loss("expected flags and their values, got ", state.to_string());
  }
  warnings_.clear();
  std::vector<std::string> refused;
  for (const TrainFlag& flag : flags_) {
    for (size_t i = 0; i < texts.size(); i += 2) {
      if (texts[i] != flag.name || texts[i + 1] == flag.value) continue;
      std::string difference = str_cat("it was trained with --", flag.name, "=", printable(texts[i + 1]),
                                       ", this run has --", flag.name, "=", flag.value, flag.note);
      (flag.fixed ? refused : warnings_).push_back(std::move(difference));
    }
  }
  if (refused.empty()) return {};
  return failed_precondition(str_join(refused), ": --resume cannot go on with another value");
}

Result<std::string> resume(Session& session, Saver& saver, RunFlags& flags, const std::string& out_dir) {
  if (Result<std::string> latest = latest_checkpoint(out_dir); latest.ok()) {
    TARN_RETURN_IF_ERROR(compare_flags(*latest, flags));
  }
  Result<std::string> from = saver.RestoreLatest(session, out_dir);
  if (!from.ok() || from->empty()) {
    const std::string newest = newest_by_name(out_dir), state = path_join(out_dir, kCheckpointStateName);
    if (newest.empty() || read_checkpoint_state(out_dir).ok()) return from;
    return failed_precondition(state, from.ok() ? ": is missing" : ": cannot be read",
                               ", and it says which checkpoint to go on from; ", out_dir,
                               " has checkpoints, the newest ", newest, ". To go on from that, put this line into ",
                               state, ":\nmodel_checkpoint_path: \"", newest, "\"\nTo start anew, leave --resume out");
  }
  for (const std::string& warning : flags.warnings()) {
    std::fprintf(stderr, "warning: %s: %s; the weights will not be those of a run that never stopped\n", from->c_str(),
                 warning.c_str());
  }
  for (const std::string& warning : saver.warnings()) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  return from;
}

}  // namespace tarn::examples
