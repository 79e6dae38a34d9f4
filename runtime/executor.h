// Context: the memory of one run of a Program at a time. Steps are walked in order by one loop: no recursion, and after
// the first run no allocation but for fetched tensors that the caller keeps.
//
//   Context context(program);
//   std::vector<Tensor> fetched(1);
//   Status s = context.run(feeds, fetched, {.pool = &pool, .services = &services});
//
// One per thread. The Program is shared.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "runtime/program.h"
#include "runtime/run_limits.h"

namespace tarn {

struct RunEnvironment {
  ThreadPool* pool = nullptr;
  const Services* services = nullptr;
  RunLimits limits = {};
  // If set, what stops the run; it has begun. Else limits.timeout_ms counts from here.
  const StopSignal* stop = nullptr;
  // If set, called after each kernel step with its index and nanoseconds.
  void (*on_step)(void* user, int step, int64_t nanoseconds) = nullptr;
  void* user = nullptr;
};

class Context {
 public:
  explicit Context(std::shared_ptr<const Program> program);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Program& program() const { return *program_; }
  const std::shared_ptr<const Program>& shared_program() const { return program_; }
  // Takes the arena, so that the first run is like the others. run() does it if this was not called.
  Status allocate();
  // Runs with feeds as the program was compiled for (dtype and exact shape are checked). fetched[i] is reused if it
  // fits and nobody else holds it.
  Status run(std::span<const TensorView> feeds, std::span<Tensor> fetched, const RunEnvironment& environment);
  // After a run of a program compiled with keep_fetches: where fetch i lies. Good until the next run.
  const TensorView& fetched_view(int i) const { return fetch_views_[static_cast<size_t>(i)]; }
  // From now on the value of fetch i is made in this memory (aligned as an arena is, of the value's size), where it
  // would be in the arena. False: its place is not the program's to choose, and stays. Null: in the arena again.
  bool place_fetch(int i, void* memory);
  // Bytes this context holds: arena, scratch and data-dependent values.
  size_t memory_bytes() const;

 private:
  class StepContext;
  struct Slot {
    TensorView view;
    Shape shape;                     // of dynamic values
    std::shared_ptr<Buffer> buffer;  // own memory of a dynamic value, kept for the next run
    Tensor tensor;                   // a value a kernel handed over
    Variable* variable = nullptr;
    std::shared_ptr<Resource> resource;  // what a handle is on that is no variable
    bool made_resource = false;          // this handle was the first on it
    bool dead = false;

    // The same value as `from`.
    void refer(const Slot& from) {
      view = from.view;
      if constexpr (!kHasVariables) return;
      variable = from.variable;
      if (resource != from.resource) resource = from.resource;
    }
  };

  Status run_step(const Step& step, int index, std::span<Tensor> fetched, StepContext& context);
  int64_t tell_parts(int index, int64_t time, const RunEnvironment& environment);
  Status run_fetch(const Step& step, std::span<Tensor> fetched);
  Status run_view(const Step& step);
  Status run_copy(const Step& step);
  Status run_switch(const Step& step);
  void run_merge(const Step& step);
  void begin_loop(int index);
  // Carries values on to the next iteration; false: there is none.
  Result<bool> next_iteration(int index);
  Status carry(const Loop::Carried& carried, int64_t iteration);
  Status check_count(const Step& step, const TensorView& from, const Shape& planned) const;
  Status refresh_refs(const Step& step, bool uninitialized_ok);
  bool mark_dead(const Step& step, int index);
  void place(int value);  // points a planned slot at its place
  std::vector<int> find_fetch_places() const;
  Result<TensorView> dynamic_output(int value, const Shape& shape);
  // Memory beside the arena, under the run's limits; what `old` has is given back.
  Result<std::shared_ptr<Buffer>> take_memory(DType dtype, const Shape& shape, std::shared_ptr<Buffer> old);
  Slot& slot(int value) { return slots_[static_cast<size_t>(value)]; }

  std::shared_ptr<const Program> program_;
  std::shared_ptr<Buffer> arena_;
  std::shared_ptr<Buffer> extra_scratch_;
  std::vector<Slot> slots_;
  std::vector<void*> elsewhere_;      // by value: memory that is the caller's; empty: all is in the arena
  std::vector<int> fetch_places_;     // by fetch, made with elsewhere_: the planned value that it is, or -1
  std::vector<TensorView> gathered_;  // the running step's inputs
  std::vector<TensorView> fetch_views_;
  std::vector<char> step_dead_;
  std::vector<int64_t> iterations_;  // by loop: those that are over since it was entered
  int64_t iterations_in_all_ = 0;    // of the run
  RunLimits limits_;                 // of the run that is under way
  size_t dynamic_bytes_ = 0;         // beside the arena
  std::vector<int64_t> part_nanoseconds_;  // of the running step's parts; empty where nobody asks
};

}  // namespace tarn
