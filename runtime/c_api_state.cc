#include "runtime/c_api_calls.h"

#include <algorithm>

#include "core/sorting.h"
#include "runtime/model_info.h"

namespace tarn::c_api {
namespace {

struct LastError {
  std::string text;
  tarn_code code = TARN_OK;
};

LastError& last_error() {
  thread_local LastError error;
  return error;
}

}  // namespace

tarn_code report(const Status& status) {
  if (status.ok()) return TARN_OK;
  last_error() = {std::string(status.message()), static_cast<tarn_code>(status.code())};
  return last_error().code;
}

Status null_argument(const char* what) {
  return invalid_argument(what, " is NULL");
}

const ModelState::Texts& ModelState::texts() const {
  std::lock_guard lock(mutex_);
  if (texts_ != nullptr) return *texts_;
  auto texts = std::make_shared<Texts>();
  for (int n = 0; n < graph_->node_count(); ++n) {
    texts->names.emplace_back(graph_->name(n));
    texts->ops.emplace_back(graph_->op(n));
  }
  texts->distinct_ops = texts->ops;
  sort_values(texts->distinct_ops);
  texts->distinct_ops.erase(std::unique(texts->distinct_ops.begin(), texts->distinct_ops.end()),
                            texts->distinct_ops.end());
  texts_ = std::move(texts);
  return *texts_;
}

Result<ModelState::Told*> ModelState::told() const {
  if (told_ != nullptr) return told_.get();
  Result<ModelInfo> info = parse_model_info(graph_->model_info());
  if (!info.ok()) return info.status().with_context(quoted(name_));
  told_ = std::make_shared<Told>();
  if (info->metadata) told_->metadata = *std::move(info->metadata);
  told_->keys = tarn::metadata_keys(told_->metadata);
  return told_.get();
}

Result<const std::vector<std::string>*> ModelState::metadata_keys() const {
  std::lock_guard lock(mutex_);
  TARN_ASSIGN_OR_RETURN(const Told* told, this->told());
  return &told->keys;
}

Result<const char*> ModelState::metadata_text(std::string_view key) const {
  std::lock_guard lock(mutex_);
  TARN_ASSIGN_OR_RETURN(Told * told, this->told());
  auto known = told->texts.find(key);
  if (known != told->texts.end()) return known->second.c_str();
  TARN_ASSIGN_OR_RETURN(std::string text, tarn::metadata_text(told->metadata, key));
  return told->texts.emplace(key, std::move(text)).first->second.c_str();
}

Status Turn::own_turn() {
  return failed_precondition("the engine is in a run of this thread: an op of it may not call the engine");
}

Status Turn::begin() {
  std::lock_guard lock(mutex_);
  if (is_closed_) return invalid_argument("engine was freed meanwhile by another thread");
  if (is_taken_) {
    return owner_ == std::this_thread::get_id()
               ? own_turn()
               : failed_precondition("the engine is in use by another thread: each needs a clone of its own");
  }
  is_taken_ = true;
  owner_ = std::this_thread::get_id();
  return {};
}

void Turn::end() {
  {
    std::lock_guard lock(mutex_);
    is_taken_ = false;
  }
  over_.notify_all();
}

void Profile::start(EngineContext& context) {
  add_run_ = &add_run;
  stats_.reset();
  program_.reset();
  step_nanoseconds_.clear();
  context.observe_steps(
      [](void* user, int step, int64_t nanoseconds) {
        std::vector<int64_t>& times = static_cast<Profile*>(user)->step_nanoseconds_;
        auto i = static_cast<size_t>(step);
        if (times.size() <= i) times.resize(i + 1, 0);
        times[i] += nanoseconds;  // a loop comes here once an iteration
      },
      this);
}

void Profile::add_run(Profile& profile, const EngineContext& context, bool ended_well) {
  if (profile.step_nanoseconds_.empty()) return;
  if (ended_well) {
    if (profile.program_ != context.shared_program()) {
      profile.program_ = context.shared_program();
      profile.stats_ = std::make_shared<StepStats>(*profile.program_);
    }
    profile.stats_->add_run(profile.step_nanoseconds_);
  }
  profile.step_nanoseconds_.clear();
}

namespace {
template <class State, class Handle>
void look_at_state(const Handle* handle, void (*f)(const void* call, const State& state), const void* call) {
  auto state = find(handle);
  if (state.ok()) {
    f(call, **state);
  } else {
    report(state.status());
  }
}
}  // namespace

void look_at(const tarn_model* model, void (*f)(const void* call, const ModelState& state), const void* call) {
  look_at_state(model, f, call);
}
void look_at(const tarn_engine* engine, void (*f)(const void* call, const EngineState& state), const void* call) {
  look_at_state(engine, f, call);
}

tarn_code work_with(const tarn_engine* engine, Status (*f)(const void* call, EngineState& state), const void* call) {
  auto state = find(engine);
  if (!state.ok()) return report(state.status());
  Status status = (*state)->turn.begin();
  if (!status.ok()) return report(status);
  status = f(call, **state);
  (*state)->turn.end();
  return report(status);
}

Result<int> engine_threads(int threads) {
  constexpr int kMostThreads = 256;
  if (threads < -1 || threads > kMostThreads)
    return invalid_argument("threads is ", threads, ", expected -1 to ", kMostThreads);
  return threads == -1 ? 0 : threads == 0 ? 1 : threads;
}

Result<Shape> make_shape(const int64_t* dims, int rank, bool with_open) {
  if (with_open && rank == -1) return Shape::unknown();
  if (rank < 0 || rank > kMaxRank || (dims == nullptr && rank > 0))
    return invalid_argument("rank ", rank, " or its dims are not usable");
  for (int d = 0; d < rank; ++d) {
    if (dims[d] < (with_open ? -1 : 0)) return invalid_argument("dim ", d, " is ", dims[d]);
  }
  return Shape::make({dims, static_cast<size_t>(rank)});
}

int write_shape(const Shape& shape, int64_t* dims, int capacity) {
  if (!shape.has_rank()) return -1;
  for (int d = 0; d < shape.rank() && d < capacity && dims != nullptr; ++d) dims[d] = shape.dim(d);
  return shape.rank();
}

}  // namespace tarn::c_api

const char* tarn_last_error(void) {
  return tarn::c_api::last_error().text.c_str();
}

int tarn_last_code(void) {
  return tarn::c_api::last_error().code;
}
