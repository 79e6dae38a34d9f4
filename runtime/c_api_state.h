// What is behind the handles of runtime/c_api.h; for c_api*.cc.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/c_api.h"
#include "runtime/engine.h"
#include "runtime/handle_table.h"
#include "runtime/metadata.h"
#include "runtime/step_stats.h"

namespace tarn::c_api {

// Keeps the text for tarn_last_error(); TARN_OK of an OK status.
tarn_code report(const Status& status);
Status null_argument(const char* what);

// A model's graph, and texts of it that end with 0, made when they are asked for. What a program never asks for it does
// not link: who makes it tells how it is freed.
class ModelState : public Handled {
 public:
  static constexpr Kind kKind = Kind::kModel;
  ModelState(std::shared_ptr<const NodeSource> graph, std::string name, size_t bytes)
      : Handled(kKind), graph_(std::move(graph)), name_(std::move(name)), bytes_(bytes) {}

  const std::shared_ptr<const NodeSource>& graph() const { return graph_; }
  const std::string& name() const { return name_; }
  size_t bytes() const { return bytes_; }

  struct Texts {
    std::vector<std::string> names, ops;  // by node
    std::vector<std::string> distinct_ops;
  };
  const Texts& texts() const;
  // What is told of the model: the keys, and the text of one (runtime/metadata.h), which lives as long as this.
  Result<const std::vector<std::string>*> metadata_keys() const;
  Result<const char*> metadata_text(std::string_view key) const;

 private:
  std::shared_ptr<const NodeSource> graph_;
  std::string name_;
  size_t bytes_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Texts> texts_;
  struct Told {
    Metadata metadata;
    std::vector<std::string> keys;
    std::map<std::string, std::string, std::less<>> texts;  // that were asked for
  };
  Result<Told*> told() const;  // with the lock held
  mutable std::shared_ptr<Told> told_;
};

// Whose turn it is with an engine. Thread-safe.
class Turn {
 public:
  // Errors: another thread has it, or this one in a call further out, or the engine is closed.
  Status begin();
  void end();
  // No turn begins from now on; waits for the one that is under way, calling `hurry` now and then. Error: it is this
  // thread's own.
  template <class F>
  Status close(const F& hurry) {
    std::unique_lock lock(mutex_);
    if (is_taken_ && owner_ == std::this_thread::get_id()) return own_turn();
    is_closed_ = true;
    while (is_taken_) {
      hurry();  // again and again: the turn may not have come to what can be hurried yet
      over_.wait_for(lock, std::chrono::milliseconds(1));
    }
    return {};
  }

 private:
  static Status own_turn();

  std::mutex mutex_;
  std::condition_variable over_;
  bool is_taken_ = false, is_closed_ = false;
  std::thread::id owner_;
};

// Times of steps, of all runs of one program.
class Profile {
 public:
  void start(EngineContext& context);
  static void stop(EngineContext& context) { context.observe_steps(nullptr, nullptr); }
  // After a run that ended well, or did not.
  void end_run(const EngineContext& context, bool ended_well) {
    if (add_run_ != nullptr) add_run_(*this, context, ended_well);
  }
  // Null: no run was timed.
  const StepStats* stats() const { return stats_.get(); }
  std::string& text() { return text_; }

 private:
  static void add_run(Profile& profile, const EngineContext& context, bool ended_well);

  void (*add_run_)(Profile& profile, const EngineContext& context, bool ended_well) = nullptr;  // set by start()
  std::vector<int64_t> step_nanoseconds_;
  std::shared_ptr<const Program> program_;
  std::shared_ptr<StepStats> stats_;
  std::string text_;  // what was asked for last
};

class EngineState : public Handled {
 public:
  static constexpr Kind kKind = Kind::kEngine;
  EngineState(std::shared_ptr<const ModelState> model, std::shared_ptr<const Engine> engine)
      : Handled(kKind), model(std::move(model)), context(std::move(engine)) {
    buffers.resize(context.engine().inputs().size());
  }

  const std::shared_ptr<const ModelState> model;
  EngineContext context;
  Turn turn;
  std::vector<std::shared_ptr<Buffer>> buffers;  // that inputs are written to, by input
  Profile profile;
};

// c_api_ops.cc: ops of the app's own. Errors name the op and what is wrong with it.
// Weak: an app whose own ops call the functions beside it links it, another does not.
#ifdef __ELF__
[[gnu::weak]]
#endif
Result<std::vector<std::shared_ptr<const CustomOp>>>
make_custom_ops(const tarn_custom_op* const* ops, int count);

// EngineOptions::threads of what an app asks for.
Result<int> engine_threads(int threads);
// The shape in `dims`; `with_open` dims of -1 and a rank of -1 are allowed.
Result<Shape> make_shape(const int64_t* dims, int rank, bool with_open = false);
// Returns the rank, or -1, and writes as many dims as there is room for.
int write_shape(const Shape& shape, int64_t* dims, int capacity);

}  // namespace tarn::c_api
