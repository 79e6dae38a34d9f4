#include "runtime/executor.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "runtime/branch_taken.h"

namespace tarn {
namespace {

using Clock = std::chrono::steady_clock;

// Denormals cost a hundred cycles each and mean nothing to a network; TensorFlow flushes them too. Restored afterwards.
class FlushDenormals {
 public:
#if defined(__x86_64__)
  FlushDenormals() : saved_(_mm_getcsr()) {
    _mm_setcsr(saved_ | 0x8040);
  }
  ~FlushDenormals() {
    _mm_setcsr(saved_);
  }

 private:
  unsigned saved_;
#endif
};

TensorView view_of(const Tensor& tensor) {
  return {tensor.dtype(), &tensor.shape(), const_cast<void*>(tensor.data()), tensor.element_count()};
}

// " (inputs f32[1,4,4,2], i32[])": what was fed is known by now, to the kernel as to the reader.
std::string inputs_text(std::span<const TensorView> inputs) {
  std::string texts;
  int count = 0;
  for (const TensorView& input : inputs) {
    if (input.shape == nullptr) continue;
    str_append(texts, count++ > 0 ? ", " : "", dtype_short_name(input.dtype), *input.shape);
  }
  if (count == 0) return "";
  return str_cat(count == 1 ? " (input " : " (inputs ", texts, ")");
}

// Elements of `from` into memory for as many.
void copy_values(void* to, const TensorView& from) {
  if (from.dtype == DType::kString) {
    for (int64_t e = 0; e < from.count; ++e) static_cast<std::string*>(to)[e] = from.as<std::string>()[e];
  } else if (from.count > 0) {
    std::memcpy(to, from.data, static_cast<size_t>(from.count) * dtype_size(from.dtype));
  }
}

}  // namespace

// What a kernel sees. One object serves all steps of a run.
class Context::StepContext : public RunContext {
 public:
  StepContext(Context& owner, const RunEnvironment& environment) : owner_(owner) {
    pool_ = environment.pool;
    services_ = environment.services;
  }
  void begin(const Step& step) {
    step_ = &step;
    node_ = step.node;
    for (size_t i = 0; i < step.inputs.size(); ++i) owner_.gathered_[i] = owner_.slot(step.inputs[i]).view;
    inputs_ = {owner_.gathered_.data(), step.inputs.size()};
    output_count_ = static_cast<int>(step.outputs.size());
  }

  Variable* variable(int i) override { return owner_.slot(step_->inputs[static_cast<size_t>(i)]).variable; }

  Result<TensorView> output(int i, const Shape& shape) override {
    int value = step_->outputs[static_cast<size_t>(i)];
    if (owner_.program_->values[static_cast<size_t>(value)].kind == ValueKind::kPlanned) {
      const Shape& planned = owner_.program_->values[static_cast<size_t>(value)].fact.shape;
      if (!(planned == shape)) {
        return internal_error("output ", i, " was planned as ", planned, " but the kernel makes ", shape);
      }
      owner_.place(value);
      return owner_.slot(value).view;
    }
    return owner_.dynamic_output(value, shape);
  }

  Status forward(int input, int output, const Shape& shape) override {
    const Slot& from = owner_.slot(step_->inputs[static_cast<size_t>(input)]);
    Slot& to = owner_.slot(step_->outputs[static_cast<size_t>(output)]);
    TARN_ASSIGN_OR_RETURN(int64_t count, shape.element_count());
    if (count != from.view.count) {
      return invalid_argument("a tensor of shape ", *from.view.shape, " cannot take shape ", shape);
    }
    const Shape& planned =
        owner_.program_->values[static_cast<size_t>(step_->outputs[static_cast<size_t>(output)])].fact.shape;
    if (!planned.is_compatible_with(shape)) {
      return internal_error("output ", output, " was planned as ", planned, " but the kernel makes ", shape);
    }
    to.shape = shape;
    to.view = {from.view.dtype, &to.shape, from.view.data, count};
    if constexpr (kHasVariables) {
      to.variable = from.variable;
      to.resource = from.resource;
    }
    return {};
  }

  void set_variable(int output, Variable* variable) override {
    if constexpr (!kHasVariables) return;
    Slot& to = owner_.slot(step_->outputs[static_cast<size_t>(output)]);
    to.variable = variable;
    if (variable->is_initialized()) to.view = view_of(variable->value());
  }

  Resource* resource(int i) override { return owner_.slot(step_->inputs[static_cast<size_t>(i)]).resource.get(); }

  void set_resource(int output, std::shared_ptr<Resource> resource) override {
    if constexpr (!kHasVariables) return;
    int value = step_->outputs[static_cast<size_t>(output)];
    Slot& to = owner_.slot(value);
    to.resource = std::move(resource);
    to.made_resource = true;
    DType dtype = owner_.program_->values[static_cast<size_t>(value)].fact.dtype;
    if (dtype == DType::kString) return;
    to.shape = Shape();
    to.view = {dtype, &to.shape, nullptr, 1};
  }

  std::shared_ptr<Resource> take_resource(int output) override {
    if constexpr (!kHasVariables) return nullptr;
    Slot& from = owner_.slot(step_->outputs[static_cast<size_t>(output)]);
    if (from.resource.use_count() != 1) return nullptr;
    return std::move(from.resource);
  }

  void set_output(int output, Tensor tensor) override {
    Slot& to = owner_.slot(step_->outputs[static_cast<size_t>(output)]);
    to.tensor = std::move(tensor);
    to.view = view_of(to.tensor);
  }

  int64_t* part_nanoseconds() override {
    return owner_.part_nanoseconds_.empty() ? nullptr : owner_.part_nanoseconds_.data();
  }

  Result<void*> scratch(size_t bytes) override {
    if (bytes <= step_->scratch_bytes) return static_cast<std::byte*>(owner_.arena_->data()) + step_->scratch_offset;
    if (owner_.extra_scratch_ == nullptr || owner_.extra_scratch_->bytes() < bytes) {
      TARN_ASSIGN_OR_RETURN(owner_.extra_scratch_, owner_.take_memory(DType::kUInt8, Shape{static_cast<int64_t>(bytes)},
                                                                      std::move(owner_.extra_scratch_)));
    }
    return owner_.extra_scratch_->data();
  }

 private:
  Context& owner_;
  const Step* step_ = nullptr;
};

Context::Context(std::shared_ptr<const Program> program)
    : program_(std::move(program)),
      slots_(program_->values.size()),
      gathered_(static_cast<size_t>(program_->most_inputs)),
      fetch_views_(program_->fetches.size()),
      step_dead_(program_->has_branches ? program_->steps.size() : 0, 0),
      iterations_(program_->loops.size(), 0) {
  for (size_t v = 0; v < slots_.size(); ++v) {
    const Value& value = program_->values[v];
    if (value.kind == ValueKind::kConstant) slots_[v].view = view_of(value.fact.value);
  }
}

Context::~Context() = default;

Status Context::allocate() {
  if (arena_ != nullptr) return {};
  size_t bytes = program_->stats.arena_bytes;
  Result<std::shared_ptr<Buffer>> arena = Buffer::allocate(DType::kUInt8, static_cast<int64_t>(bytes));
  if (!arena.ok()) return arena.status().with_context("the arena");
  arena_ = *std::move(arena);
  std::memset(arena_->data(), 0, bytes);  // touched now rather than in the first run
  return {};
}

size_t Context::memory_bytes() const {
  size_t bytes = arena_ == nullptr ? 0 : arena_->bytes();
  if (extra_scratch_ != nullptr) bytes += extra_scratch_->bytes();
  for (const Slot& slot : slots_) {
    if (slot.buffer != nullptr) bytes += slot.buffer->bytes();
  }
  return bytes;
}

void Context::place(int value) {
  const Value& planned = program_->values[static_cast<size_t>(value)];
  void* memory = elsewhere_.empty() ? nullptr : elsewhere_[static_cast<size_t>(value)];
  if (memory == nullptr) memory = static_cast<std::byte*>(arena_->data()) + planned.offset;
  slot(value).view = {planned.fact.dtype, &planned.fact.shape, memory, planned.fact.shape.elements()};
}

// The planned value that each fetch is, perhaps through views; -1 if it is none, or another fetch's too.
std::vector<int> Context::find_fetch_places() const {
  std::vector<int> looks_at(program_->values.size(), -1), places(program_->fetches.size(), -1);
  for (const Step& step : program_->steps) {
    if (step.kind == StepKind::kView) looks_at[static_cast<size_t>(step.outputs[0])] = step.inputs[0];
  }
  std::vector<int> fetches_of(program_->values.size(), 0);
  for (const Step& step : program_->steps) {
    if (step.kind != StepKind::kFetch) continue;
    int value = step.inputs[0];
    while (looks_at[static_cast<size_t>(value)] >= 0) value = looks_at[static_cast<size_t>(value)];
    places[static_cast<size_t>(step.fetch)] = value;
    ++fetches_of[static_cast<size_t>(value)];
  }
  for (int& place : places) {
    bool is_its_own = place >= 0 && fetches_of[static_cast<size_t>(place)] == 1 &&
                      program_->values[static_cast<size_t>(place)].kind == ValueKind::kPlanned;
    if (!is_its_own) place = -1;
  }
  return places;
}

bool Context::place_fetch(int i, void* memory) {
  if (elsewhere_.empty()) {
    elsewhere_.resize(slots_.size(), nullptr);
    fetch_places_ = find_fetch_places();
  }
  int place = fetch_places_[static_cast<size_t>(i)];
  if (place < 0) return false;
  elsewhere_[static_cast<size_t>(place)] = memory;
  return true;
}

Result<std::shared_ptr<Buffer>> Context::take_memory(DType dtype, const Shape& shape, std::shared_ptr<Buffer> old) {
  TARN_RETURN_IF_ERROR(judge_value_size(dtype, shape, limits_.most_value_bytes));
  if (old != nullptr) dynamic_bytes_ -= old->bytes();
  old.reset();
  int64_t count = shape.elements();
  size_t bytes = static_cast<size_t>(count) * (dtype == DType::kString ? sizeof(std::string) : dtype_size(dtype));
  uint64_t held = uint64_t{dynamic_bytes_} + program_->stats.arena_bytes;
  if (held + bytes > static_cast<uint64_t>(limits_.most_bytes)) {
    return resource_exhausted("an output of ", dtype_short_name(dtype), shape, " needs ", bytes, " bytes; the run has ",
                              held, " already and may have ", limits_.most_bytes);
  }
  TARN_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer, Buffer::allocate(dtype, count));
  dynamic_bytes_ += bytes;
  return buffer;
}

Result<TensorView> Context::dynamic_output(int value, const Shape& shape) {
  Slot& to = slot(value);
  DType dtype = program_->values[static_cast<size_t>(value)].fact.dtype;
  TARN_RETURN_IF_ERROR(judge_value_size(dtype, shape, limits_.most_value_bytes));
  TARN_ASSIGN_OR_RETURN(int64_t count, shape.element_count());
  size_t element = dtype == DType::kString ? sizeof(std::string) : dtype_size(dtype);
  if (to.buffer == nullptr || to.buffer->bytes() < static_cast<size_t>(count) * element || to.buffer.use_count() > 1) {
    TARN_ASSIGN_OR_RETURN(to.buffer, take_memory(dtype, shape, std::move(to.buffer)));
  }
  to.shape = shape;
  to.view = {dtype, &to.shape, to.buffer->data(), count};
  return to.view;
}

Status Context::refresh_refs(const Step& step, bool uninitialized_ok) {
  for (int i : step.ref_inputs) {
    int value = step.inputs[static_cast<size_t>(i)];
    Slot& ref = slot(value);
    if (ref.variable == nullptr) continue;
    bool any_value = uninitialized_ok && i == 0;
    if (ref.variable->is_initialized()) {
      ref.view = view_of(ref.variable->value());
      // Other steps were planned for the declared shape: another node of the same name may have declared otherwise.
      const Fact& declared = program_->values[static_cast<size_t>(value)].fact.variable();
      if (any_value || (ref.view.dtype == declared.dtype && declared.shape.is_compatible_with(*ref.view.shape)))
        continue;
      return invalid_argument("variable ", in_quotes(ref.variable->name()), " holds ", dtype_short_name(ref.view.dtype),
                              *ref.view.shape, ", here it is ", declared)
          .with_node(step.node);
    }
    if (!any_value) {
      return failed_precondition("Attempting to use uninitialized value ", ref.variable->name()).with_node(step.node);
    }
  }
  return {};
}

// Whether the step must be skipped because a branch was not taken; its outputs are dead then.
bool Context::mark_dead(const Step& step, int index) {
  bool dead = false;
  if (step.kind == StepKind::kMerge) {
    dead = true;
    for (int in : step.inputs) dead = dead && slot(in).dead;
  } else {
    for (int in : step.inputs) dead = dead || slot(in).dead;
  }
  for (int control : step.dead_controls) dead = dead || step_dead_[static_cast<size_t>(control)] != 0;
  step_dead_[static_cast<size_t>(index)] = dead ? 1 : 0;
  for (int out : step.outputs) slot(out).dead = dead;
  return dead;
}

Status Context::run_fetch(const Step& step, std::span<Tensor> fetched) {
  const Slot& from = slot(step.inputs[0]);
  auto i = static_cast<size_t>(step.fetch);
  if (kHasControlFlow && from.dead) {
    return invalid_argument("fetch ", in_quotes(step.node), ": its branch was not taken in this run")
        .with_node(step.node);
  }
  fetch_views_[i] = from.view;
  if (i >= fetched.size()) return {};
  const Value& value = program_->values[static_cast<size_t>(step.inputs[0])];
  if (value.kind == ValueKind::kConstant) {
    fetched[i] = value.fact.value;
    return {};
  }
  Tensor& to = fetched[i];
  bool fits = to.is_valid() && to.buffer() != nullptr && to.buffer().use_count() == 1 &&
              to.dtype() == from.view.dtype && to.shape() == *from.view.shape;
  if (!fits) {
    TARN_ASSIGN_OR_RETURN(to, Tensor::allocate(from.view.dtype, *from.view.shape));
  }
  copy_values(to.mutable_data(), from.view);
  return {};
}

// What comes in may have a shape that only the run knows: it must have the elements that this step was planned for.
Status Context::check_count(const Step& step, const TensorView& from, const Shape& planned) const {
  if (from.count == planned.elements()) return {};
  return invalid_argument(node_label(step.op, step.node), ": a tensor of shape ", *from.shape, " cannot take shape ",
                          planned)
      .with_node(step.node);
}

Status Context::run_view(const Step& step) {
  const Slot& from = slot(step.inputs[0]);
  Slot& to = slot(step.outputs[0]);
  const Fact& fact = program_->values[static_cast<size_t>(step.outputs[0])].fact;
  to.refer(from);
  if (kHasVariables && !fact.is_variable()) to.variable = nullptr;
  if (fact.shape.is_fully_known()) {
    // A handle or reference is handed on whatever its variable holds; who reads that was checked with it.
    if (!fact.is_variable() && fact.dtype != DType::kResource)
      TARN_RETURN_IF_ERROR(check_count(step, from.view, fact.shape));
    to.view.shape = &fact.shape;
    to.view.dtype = fact.dtype;
  }
  return {};
}

Status Context::run_copy(const Step& step) {
  const TensorView& from = slot(step.inputs[0]).view;
  int out = step.outputs[0];
  const Value& copy = program_->values[static_cast<size_t>(out)];
  if (copy.kind == ValueKind::kPlanned) {
    TARN_RETURN_IF_ERROR(check_count(step, from, copy.fact.shape));
    place(out);
  } else {
    TARN_RETURN_IF_ERROR(dynamic_output(out, *from.shape).status());
  }
  copy_values(slot(out).view.data, from);
  return {};
}

Status Context::run_switch(const Step& step) {
  const Slot& from = slot(step.inputs[0]);
  const TensorView& predicate = slot(step.inputs[1]).view;
  if (predicate.count != 1) {
    return invalid_argument(node_label(step.op, step.node), ": ",
                            predicate.dtype == DType::kBool ? "pred" : "output_index", " must be a scalar, has shape ",
                            *predicate.shape);
  }
  auto taken = static_cast<size_t>(branch_taken(predicate.dtype, predicate.data, step.outputs.size()));
  for (size_t branch = 0; branch < step.outputs.size(); ++branch) {
    Slot& to = slot(step.outputs[branch]);
    to.refer(from);
    to.dead = branch != taken;
  }
  return {};
}

void Context::run_merge(const Step& step) {
  size_t taken = 0;
  while (slot(step.inputs[taken]).dead) ++taken;
  const Slot& from = slot(step.inputs[taken]);
  slot(step.outputs[0]).refer(from);
  if (step.outputs.size() > 1) {
    place(step.outputs[1]);
    *slot(step.outputs[1]).view.as<int32_t>() = static_cast<int32_t>(step.merge_indices[taken]);
  }
}

Status Context::run_step(const Step& step, int index, std::span<Tensor> fetched, StepContext& context) {
  if (kHasControlFlow && program_->has_branches && mark_dead(step, index) && step.kind != StepKind::kFetch) return {};
  if (kHasVariables && !step.ref_inputs.empty()) TARN_RETURN_IF_ERROR(refresh_refs(step, step.uninitialized_ok));
  switch (step.kind) {
    case StepKind::kKernel: {
      context.begin(step);
      Status status = step.kernel->run(context);
      if (status.ok()) return status;
      // Of what a graph asserts, it says itself what matters.
      std::string inputs =
          step.outputs.empty() ? "" : inputs_text(std::span<const TensorView>(gathered_).first(step.inputs.size()));
      return Status(status.code(), str_cat(node_label(step.op, step.node), ": ", status.message(), inputs))
          .with_node(step.node);
    }
    case StepKind::kView: return run_view(step);
    case StepKind::kCopy: return kHasVariables ? run_copy(step) : Status();
    case StepKind::kConstant:
      slot(step.outputs[0]).view = view_of(program_->values[static_cast<size_t>(step.outputs[0])].fact.value);
      return {};
    case StepKind::kSwitch: return kHasControlFlow ? run_switch(step) : Status();
    case StepKind::kMerge:
      if (kHasControlFlow) run_merge(step);
      return {};
    case StepKind::kFetch: return run_fetch(step, fetched);
    case StepKind::kNothing:
    case StepKind::kPart:
    case StepKind::kLoopBegin:  // run() does what these say
    case StepKind::kLoopEnd: return {};
  }
  return {};
}

void Context::begin_loop(int index) {
  iterations_[static_cast<size_t>(index)] = 0;
  for (const Loop::Carried& carried : program_->loops[static_cast<size_t>(index)].carried) slot(carried.to).dead = true;
}

Status Context::carry(const Loop::Carried& carried, int64_t iteration) {
  const Slot& from = slot(carried.from);
  Slot& to = slot(carried.to);
  to.dead = from.dead;
  if (from.dead) return {};
  to.refer(from);
  int buffer = carried.buffers[iteration & 1];
  if (buffer < 0) return {};
  if (program_->values[static_cast<size_t>(buffer)].kind == ValueKind::kPlanned) {
    place(buffer);
  } else {
    TARN_RETURN_IF_ERROR(dynamic_output(buffer, *from.view.shape).status());
  }
  to.view = slot(buffer).view;
  copy_values(to.view.data, from.view);
  return {};
}

Result<bool> Context::next_iteration(int index) {
  const Loop& loop = program_->loops[static_cast<size_t>(index)];
  bool goes_on = false;
  for (const Loop::Carried& carried : loop.carried) goes_on = goes_on || !slot(carried.from).dead;
  if (!goes_on) return false;
  auto here = [&](const Status& status) {
    return status.with_context(str_cat("the loop of frame ", in_quotes(loop.frame))).with_node(loop.frame);
  };
  for (int value : loop.leaving) {
    if (!slot(value).dead)
      return here(invalid_argument("an Exit has a value in iteration ", iterations_[static_cast<size_t>(index)],
                                   ", but the loop goes on"));
  }
  int64_t iteration = ++iterations_[static_cast<size_t>(index)];
  if (++iterations_in_all_ >= limits_.most_iterations) {
    bool is_only = iteration == iterations_in_all_;
    return here(
        resource_exhausted("it does not end after ", iteration, " iterations, ",
                           is_only ? "" : str_cat("with those of the run's other loops ", iterations_in_all_, ", "),
                           "the most that are allowed"));
  }
  for (const Loop::Carried& carried : loop.carried) {
    Status status = carry(carried, iteration);
    if (!status.ok()) return here(status);
  }
  for (int value : loop.entering) slot(value).dead = true;
  return true;
}

Status Context::run(std::span<const TensorView> feeds, std::span<Tensor> fetched, const RunEnvironment& environment) {
  if (feeds.size() != program_->feeds.size()) {
    return invalid_argument("the program takes ", program_->feeds.size(), " feeds, got ", feeds.size());
  }
  for (size_t v = 0; v < slots_.size(); ++v) {
    // Handles of the run before go, but for the first on each resource, whose op may use that again.
    if (kHasVariables && slots_[v].resource != nullptr && !slots_[v].made_resource) slots_[v].resource.reset();
    int feed = program_->values[v].feed;
    if (feed < 0) continue;
    const TensorView& given = feeds[static_cast<size_t>(feed)];
    const Fact& expected = program_->feeds[static_cast<size_t>(feed)];
    if (given.dtype != expected.dtype || !(*given.shape == expected.shape)) {
      return invalid_argument("feed ", feed, ": compiled for ", expected, ", got ", dtype_short_name(given.dtype),
                              *given.shape);
    }
    slots_[v].view = given;
  }
  TARN_RETURN_IF_ERROR(allocate());
  iterations_in_all_ = 0;
  [[maybe_unused]] FlushDenormals flush;  // nothing where a processor can not
  StepContext context(*this, environment);
  const std::vector<Step>& steps = program_->steps;
  if (kHasStreaming) {
    part_nanoseconds_.clear();
    for (const Step& step : environment.on_step == nullptr ? std::span<const Step>() : steps) {
      if (step.parts >= static_cast<int>(part_nanoseconds_.size()) && step.parts > 0)
        part_nanoseconds_.assign(static_cast<size_t>(step.parts) + 1, 0);
    }
  }
  limits_ = environment.limits;
  StopSignal own;
  const StopSignal* stop = environment.stop;
  if (stop == nullptr && limits_.timeout_ms > 0) {
    own.begin(limits_.timeout_ms);
    stop = &own;
  }
  auto stopped = [&](const Step& step) {
    // Of a step that was stopped within, what it made and what it said of that does not count.
    std::string where = str_cat("it is at ", node_label(step.op, step.node));
    return stopped_error(*stop, limits_.timeout_ms, where).with_node(step.node);
  };
  for (size_t s = 0; s < steps.size(); ++s) {
    const Step& step = steps[s];
    if (kHasStreaming && step.kind == StepKind::kPart) continue;
    if (stop != nullptr && stop->is_stopped()) return stopped(step);
    if (kHasControlFlow && step.kind == StepKind::kLoopBegin) {
      begin_loop(step.loop);
    } else if (kHasControlFlow && step.kind == StepKind::kLoopEnd) {
      TARN_ASSIGN_OR_RETURN(bool again, next_iteration(step.loop));
      if (again) s = static_cast<size_t>(program_->loops[static_cast<size_t>(step.loop)].begin);
    } else {
      auto begin = environment.on_step == nullptr ? Clock::time_point() : Clock::now();
      Status status = run_step(step, static_cast<int>(s), fetched, context);
      if (stop != nullptr && stop->state() >= StopSignal::State::kCancelled) return stopped(step);
      TARN_RETURN_IF_ERROR(status);
      if (environment.on_step == nullptr) continue;
      int64_t time = std::chrono::nanoseconds(Clock::now() - begin).count();
      if (kHasStreaming && step.parts > 0) time = tell_parts(static_cast<int>(s), time, environment);
      environment.on_step(environment.user, static_cast<int>(s), time);
    }
  }
  return {};
}

// Each part has its share of the time, and the step that does them all what is left, which is returned.
int64_t Context::tell_parts(int index, int64_t time, const RunEnvironment& environment) {
  const int parts = program_->steps[static_cast<size_t>(index)].parts;
  double all = 0;
  for (int part = 0; part <= parts; ++part) all += static_cast<double>(part_nanoseconds_[static_cast<size_t>(part)]);
  int64_t left = time;
  for (int part = 0; part < parts; ++part) {
    const auto own = static_cast<double>(part_nanoseconds_[static_cast<size_t>(part)]);
    const auto share = static_cast<int64_t>(all > 0 ? static_cast<double>(time) * own / all : 0);
    environment.on_step(environment.user, index - parts + part, share);
    left -= share;
  }
  std::fill(part_nanoseconds_.begin(), part_nanoseconds_.end(), 0);
  return left;
}

}  // namespace tarn
