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

// One function serves all that is called with a model or an engine: `call` is what f is called with beside it.
// Where there is none, the error is reported.
void look_at(const tarn_model* model, void (*f)(const void* call, const ModelState& state), const void* call);
void look_at(const tarn_engine* engine, void (*f)(const void* call, const EngineState& state), const void* call);
tarn_code work_with(const tarn_engine* engine, Status (*f)(const void* call, EngineState& state), const void* call);

// Calls f with what never changes of a model or engine; `otherwise` where there is none.
template <class State, class Handle, class R, class F>
R look_as(const Handle* handle, R otherwise, const F& f) {
  struct Call {
    const F& f;
    R& result;
  };
  const Call call = {f, otherwise};
  look_at(
      handle,
      [](const void* call, const State& state) {
        const auto* c = static_cast<const Call*>(call);
        c->result = c->f(state);
      },
      &call);
  return otherwise;
}
template <class R, class F>
R look(const tarn_model* model, R otherwise, const F& f) {
  return look_as<ModelState>(model, otherwise, f);
}
template <class R, class F>
R look(const tarn_engine* engine, R otherwise, const F& f) {
  return look_as<EngineState>(engine, otherwise, f);
}

// Calls f, which returns a Status, with an engine that is this thread's meanwhile.
template <class F>
tarn_code work(const tarn_engine* engine, const F& f) {
  return work_with(
      engine, [](const void* call, EngineState& state) -> Status { return (*static_cast<const F*>(call))(state); }, &f);
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
