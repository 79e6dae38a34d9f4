// How the functions of runtime/c_api.h find what a handle stands for, and take turns with it; for c_api*.cc.
#pragma once

#include "runtime/c_api_state.h"

namespace tarn::c_api {

template <class T>
Result<std::shared_ptr<T>> find(const void* handle, const char* what) {
  if (handle == nullptr) return null_argument(what);
  auto number = reinterpret_cast<uintptr_t>(handle);
  std::shared_ptr<T> found = handles().find<T>(number);
  if (found != nullptr) return found;
  return invalid_argument(what, HandleTable::is_of_other_kind(number, T::kKind)
                                    ? " is a handle of another kind"
                                    : " is no handle: it was freed, or never was one");
}

inline Result<std::shared_ptr<ModelState>> find(const tarn_model* model) {
  return find<ModelState>(model, "model");
}
inline Result<std::shared_ptr<EngineState>> find(const tarn_engine* engine) {
  return find<EngineState>(engine, "engine");
}

template <class Handle, class State>
Handle* new_handle(std::shared_ptr<State> state) {
  return reinterpret_cast<Handle*>(handles().add(std::move(state)));
}

// Calls f with what never changes of a model or engine; `otherwise` where there is none.
template <class Handle, class R, class F>
R look(const Handle* handle, R otherwise, const F& f) {
  auto state = find(handle);
  return state.ok() ? f(**state) : (report(state.status()), otherwise);
}

// Calls f, which returns a Status, with an engine that is this thread's meanwhile.
template <class F>
tarn_code work(const tarn_engine* engine, const F& f) {
  auto state = find(engine);
  if (!state.ok()) return report(state.status());
  Status status = (*state)->turn.begin();
  if (!status.ok()) return report(status);
  status = f(**state);
  (*state)->turn.end();
  return report(status);
}

// The same for functions that give something else.
template <class R, class F>
R work_for(const tarn_engine* engine, R otherwise, const F& f) {
  R result = otherwise;
  tarn_code code = work(engine, [&](EngineState& state) -> Status {
    Result<R> made = f(state);
    if (!made.ok()) return made.status();
    result = *made;
    return {};
  });
  return code == TARN_OK ? result : otherwise;
}

constexpr const char* kNoText = nullptr;

}  // namespace tarn::c_api
