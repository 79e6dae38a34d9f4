// Inputs, runs, outputs and profiles of the C API.
#include <cstring>

#include "runtime/c_api_calls.h"
#include "runtime/self_test.h"

namespace {

using tarn::in_quotes;
using tarn::Result;
using tarn::Shape;
using tarn::Status;
using tarn::TensorView;
using tarn::c_api::EngineState;
using tarn::c_api::kNoText;
using tarn::c_api::look;
using tarn::c_api::null_argument;
using tarn::c_api::work;
using tarn::c_api::work_for;
using tarn::c_api::write_shape;

Result<const tarn::EngineTensorInfo*> input_info(const EngineState& state, int index) {
  const auto& inputs = state.context.engine().inputs();
  if (index >= 0 && index < static_cast<int>(inputs.size())) return &inputs[static_cast<size_t>(index)];
  return tarn::out_of_range("input ", index, ": the model has ", inputs.size(), " inputs");
}

Result<Shape> input_shape(const tarn::EngineTensorInfo& info, const int64_t* dims, int rank) {
  Result<Shape> shape = tarn::c_api::make_shape(dims, rank);
  if (!shape.ok()) return shape.status().with_context(tarn::str_cat("input ", in_quotes(info.name)));
  return shape;
}

Status set_input(EngineState& state, int index, int dtype, const int64_t* dims, int rank, const void* data,
                 size_t bytes) {
  TARN_ASSIGN_OR_RETURN(const tarn::EngineTensorInfo* info, input_info(state, index));
  TARN_ASSIGN_OR_RETURN(Shape shape, input_shape(*info, dims, rank));
  if (static_cast<int>(info->dtype) != dtype) {
    std::string_view given =
        tarn::dtype_is_known(dtype) ? tarn::dtype_name(static_cast<tarn::DType>(dtype)) : "an unknown dtype";
    return tarn::invalid_argument("input ", in_quotes(info->name), ": expects ", info->dtype, ", got ", given);
  }
  return state.context.set_input_memory(index, shape, data, bytes);
}

Result<void*> input_buffer(EngineState& state, int index, const int64_t* dims, int rank, size_t* bytes) {
  TARN_ASSIGN_OR_RETURN(const tarn::EngineTensorInfo* info, input_info(state, index));
  TARN_ASSIGN_OR_RETURN(Shape shape, input_shape(*info, dims, rank));
  TARN_ASSIGN_OR_RETURN(int64_t count, shape.element_count());
  TARN_RETURN_IF_ERROR(
      tarn::judge_value_size(info->dtype, shape, state.context.engine().options().limits.most_value_bytes)
          .with_context(tarn::str_cat("input ", in_quotes(info->name))));
  const size_t needed = static_cast<size_t>(count) * tarn::dtype_size(info->dtype);
  std::shared_ptr<tarn::Buffer>& kept = state.buffers[static_cast<size_t>(index)];
  std::shared_ptr<tarn::Buffer> buffer = kept;
  if (buffer == nullptr || buffer->bytes() < needed) {
    auto room = static_cast<int64_t>(std::max<size_t>(needed, 1));
    TARN_ASSIGN_OR_RETURN(buffer, tarn::Buffer::allocate(tarn::DType::kUInt8, room));
    std::memset(buffer->data(), 0, static_cast<size_t>(room));  // a run before it was written to is a run on zeros
  }
  TARN_RETURN_IF_ERROR(state.context.set_input_memory(index, shape, buffer->data(), needed));
  kept = std::move(buffer);
  if (bytes != nullptr) *bytes = needed;
  return kept->data();
}

Status set_strings(EngineState& state, int index, const int64_t* dims, int rank, const char* const* strings,
                   const size_t* lengths) {
  TARN_ASSIGN_OR_RETURN(const tarn::EngineTensorInfo* info, input_info(state, index));
  TARN_ASSIGN_OR_RETURN(Shape shape, input_shape(*info, dims, rank));
  if (info->dtype != tarn::DType::kString) {
    return tarn::invalid_argument("input ", in_quotes(info->name), ": expects ", info->dtype, ", got strings");
  }
  TARN_ASSIGN_OR_RETURN(int64_t count, shape.element_count());
  if (strings == nullptr && count > 0) return null_argument("strings");
  TARN_RETURN_IF_ERROR(
      tarn::judge_value_size(info->dtype, shape, state.context.engine().options().limits.most_value_bytes)
          .with_context(tarn::str_cat("input ", in_quotes(info->name))));
  TARN_ASSIGN_OR_RETURN(tarn::Tensor tensor, tarn::Tensor::allocate(tarn::DType::kString, shape));
  std::span<std::string> texts = tensor.mutable_flat<std::string>();
  for (size_t i = 0; i < texts.size(); ++i) {
    if (strings[i] == nullptr && (lengths == nullptr || lengths[i] > 0))
      return tarn::invalid_argument("input ", in_quotes(info->name), ": string ", i, " is NULL");
    if (strings[i] == nullptr) continue;
    texts[i].assign(strings[i], lengths == nullptr ? std::strlen(strings[i]) : lengths[i]);
  }
  return state.context.set_input(index, tensor);
}

// After a run what was made, before it what the file tells.
struct OutputFacts {
  tarn::DType dtype;
  const Shape* shape;
};
Result<OutputFacts> output_facts(const EngineState& state, int index) {
  if (state.context.has_run()) {
    TARN_ASSIGN_OR_RETURN(const TensorView* view, state.context.output(index));
    return OutputFacts{view->dtype, view->shape};
  }
  const auto& outputs = state.context.engine().outputs();
  if (index < 0 || index >= static_cast<int>(outputs.size()))
    return tarn::out_of_range("index ", index, " is out of range: there are ", outputs.size());
  const tarn::EngineTensorInfo& info = outputs[static_cast<size_t>(index)];
  return OutputFacts{info.dtype, &info.shape};
}

Status no_plain_memory(const EngineState& state, int index) {
  return tarn::invalid_argument("output ", in_quotes(state.context.engine().outputs()[static_cast<size_t>(index)].name),
                                " is of strings: tarn_output_string() has them one by one");
}

Status copy_output(const EngineState& state, const char* name, void* data, size_t bytes) {
  if (name == nullptr || data == nullptr) return null_argument(name == nullptr ? "name" : "data");
  TARN_ASSIGN_OR_RETURN(int index, state.context.engine().find_output(name));
  TARN_ASSIGN_OR_RETURN(const TensorView* view, state.context.output(index));
  if (view->dtype == tarn::DType::kString) return no_plain_memory(state, index);
  size_t size = static_cast<size_t>(view->count) * tarn::dtype_size(view->dtype);
  if (bytes != size)
    return tarn::invalid_argument("output ", in_quotes(name), " has ", size, " bytes, the buffer has ", bytes);
  if (size > 0) std::memcpy(data, view->data, size);
  return {};
}

Result<const char*> profile_text(EngineState& state, std::string (tarn::StepStats::*form)() const) {
  if (state.profile.stats() == nullptr)
    return tarn::failed_precondition("nothing was profiled yet: tarn_profile_start(), then runs");
  state.profile.text() = (state.profile.stats()->*form)();
  return state.profile.text().c_str();
}

}  // namespace

// --- inputs ---

tarn_code tarn_set_input(tarn_engine* engine, const char* name, int dtype, const int64_t* dims, int rank,
                         const void* data, size_t bytes) {
  return work(engine, [&](EngineState& state) -> Status {
    if (name == nullptr) return null_argument("name");
    TARN_ASSIGN_OR_RETURN(int index, state.context.engine().find_input(name));
    return set_input(state, index, dtype, dims, rank, data, bytes);
  });
}
tarn_code tarn_set_input_at(tarn_engine* engine, int index, int dtype, const int64_t* dims, int rank, const void* data,
                            size_t bytes) {
  return work(engine, [&](EngineState& state) { return set_input(state, index, dtype, dims, rank, data, bytes); });
}
void* tarn_input_buffer(tarn_engine* engine, int index, const int64_t* dims, int rank, size_t* bytes) {
  return work_for(engine, static_cast<void*>(nullptr),
                  [&](EngineState& state) { return input_buffer(state, index, dims, rank, bytes); });
}
tarn_code tarn_set_input_strings(tarn_engine* engine, int index, const int64_t* dims, int rank,
                                 const char* const* strings, const size_t* lengths) {
  return work(engine, [&](EngineState& state) { return set_strings(state, index, dims, rank, strings, lengths); });
}

// --- runs ---

tarn_code tarn_prepare(tarn_engine* engine) {
  return work(engine, [](EngineState& state) { return state.context.prepare(); });
}
tarn_code tarn_run(tarn_engine* engine) {
  return work(engine, [](EngineState& state) {
    Status status = state.context.run();
    state.profile.end_run(state.context, status.ok());
    return status;
  });
}
tarn_code tarn_cancel(const tarn_engine* engine) {
  return look(engine, TARN_INVALID_ARGUMENT, [](const EngineState& state) {
    state.context.cancel();
    return TARN_OK;
  });
}
tarn_code tarn_set_deadline(tarn_engine* engine, int64_t deadline_ms) {
  return work(engine, [&](EngineState& state) -> Status {
    if (deadline_ms < 0) return tarn::invalid_argument("deadline_ms is ", deadline_ms, ", expected 0 (none) or more");
    state.context.set_timeout(deadline_ms);
    return {};
  });
}
tarn_code tarn_set_threads(tarn_engine* engine, int threads) {
  return work(engine, [&](EngineState& state) -> Status {
    TARN_ASSIGN_OR_RETURN(int engine_threads, tarn::c_api::engine_threads(threads));
    state.context.set_threads(engine_threads);
    return {};
  });
}
int tarn_threads(const tarn_engine* engine) {
  return work_for(engine, -1, [](EngineState& state) -> Result<int> { return state.context.threads(); });
}
tarn_code tarn_self_test(const tarn_engine* engine) {
  return work(engine, [](EngineState& state) {
    return tarn::run_self_test(state.context.engine().shared_from_this()).status();
  });
}
int64_t tarn_memory_bytes(const tarn_engine* engine) {
  return work_for(engine, int64_t{-1}, [](EngineState& state) -> Result<int64_t> {
    size_t bytes = state.context.memory_bytes();
    for (const auto& buffer : state.buffers) bytes += buffer == nullptr ? 0 : buffer->bytes();
    return static_cast<int64_t>(bytes);
  });
}

// --- outputs ---

const void* tarn_output_data(const tarn_engine* engine, int index, size_t* bytes) {
  return work_for(engine, static_cast<const void*>(nullptr), [&](EngineState& state) -> Result<const void*> {
    TARN_ASSIGN_OR_RETURN(const TensorView* view, state.context.output(index));
    if (view->dtype == tarn::DType::kString) return no_plain_memory(state, index);
    if (bytes != nullptr) *bytes = static_cast<size_t>(view->count) * tarn::dtype_size(view->dtype);
    return view->data;
  });
}
int tarn_output_dtype(const tarn_engine* engine, int index) {
  return work_for(engine, 0, [&](EngineState& state) -> Result<int> {
    TARN_ASSIGN_OR_RETURN(OutputFacts facts, output_facts(state, index));
    return static_cast<int>(facts.dtype);
  });
}
int tarn_output_shape(const tarn_engine* engine, int index, int64_t* dims, int capacity) {
  return work_for(engine, -1, [&](EngineState& state) -> Result<int> {
    TARN_ASSIGN_OR_RETURN(OutputFacts facts, output_facts(state, index));
    return write_shape(*facts.shape, dims, capacity);
  });
}
tarn_code tarn_get_output(const tarn_engine* engine, const char* name, void* data, size_t bytes) {
  return work(engine, [&](EngineState& state) { return copy_output(state, name, data, bytes); });
}
tarn_code tarn_set_output_buffer(tarn_engine* engine, int index, void* data, size_t bytes) {
  return work(engine, [&](EngineState& state) { return state.context.set_output_memory(index, data, bytes); });
}
const char* tarn_output_string(const tarn_engine* engine, int index, int64_t element, size_t* length) {
  return work_for(engine, kNoText, [&](EngineState& state) -> Result<const char*> {
    TARN_ASSIGN_OR_RETURN(const TensorView* view, state.context.output(index));
    if (view->dtype != tarn::DType::kString)
      return tarn::invalid_argument("output ", index, " is of ", view->dtype, ", not of strings");
    if (element < 0 || element >= view->count)
      return tarn::out_of_range("output ", index, ": string ", element, " of ", view->count);
    const std::string& text = view->as<std::string>()[element];
    if (length != nullptr) *length = text.size();
    return text.c_str();
  });
}

// --- profile ---

tarn_code tarn_profile_start(tarn_engine* engine) {
  return work(engine, [](EngineState& state) -> Status {
    state.profile.start(state.context);
    return {};
  });
}
tarn_code tarn_profile_stop(tarn_engine* engine) {
  return work(engine, [](EngineState& state) -> Status {
    tarn::c_api::Profile::stop(state.context);
    return {};
  });
}
const char* tarn_profile_text(tarn_engine* engine) {
  return work_for(engine, kNoText, [](EngineState& state) { return profile_text(state, &tarn::StepStats::text); });
}
const char* tarn_profile_json(tarn_engine* engine) {
  return work_for(engine, kNoText, [](EngineState& state) { return profile_text(state, &tarn::StepStats::json); });
}
