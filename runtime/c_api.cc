#include "runtime/c_api.h"

#include <cstddef>
#include <cstring>
#include <thread>

#include "core/file.h"
#include "runtime/c_api_calls.h"
#include "runtime/wire.h"

namespace {

using tarn::in_quotes;
using tarn::Result;
using tarn::Status;
using tarn::c_api::EngineState;
using tarn::c_api::find;
using tarn::c_api::kNoText;
using tarn::c_api::look;
using tarn::c_api::ModelState;
using tarn::c_api::new_handle;
using tarn::c_api::null_argument;
using tarn::c_api::report;
using tarn::c_api::write_shape;

// --- loading ---

Result<std::shared_ptr<ModelState>> make_model(std::string_view bytes, std::shared_ptr<const void> owner,
                                               bool is_mapped, std::string name) {
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<tarn::WireGraph> graph, tarn::WireGraph::parse(bytes, std::move(owner), name));
  if (is_mapped) graph->set_mapped();
  return std::make_shared<ModelState>(std::shared_ptr<const tarn::NodeSource>(std::move(graph)), std::move(name),
                                      bytes.size());
}

Result<std::shared_ptr<ModelState>> model_of_file(const char* path) {
  if (path == nullptr) return null_argument("path");
  TARN_ASSIGN_OR_RETURN(tarn::MappedFile file, tarn::map_file(path));
  return make_model(file.bytes(), file.owner(), true, path);
}

Result<std::shared_ptr<ModelState>> model_of_descriptor(int fd, int64_t offset, int64_t length) {
  if (offset < 0 || length < -1) {
    return tarn::invalid_argument(offset < 0 ? "offset is " : "length is ", offset < 0 ? offset : length,
                                  offset < 0 ? "" : ", expected a number of bytes, or -1");
  }
  std::optional<uint64_t> bytes;
  if (length >= 0) bytes = static_cast<uint64_t>(length);
  TARN_ASSIGN_OR_RETURN(tarn::MappedFile file, tarn::map_descriptor(fd, static_cast<uint64_t>(offset), bytes));
  return make_model(file.bytes(), file.owner(), true, tarn::str_cat("descriptor ", fd));
}

Result<std::shared_ptr<ModelState>> model_of_memory(const void* bytes, size_t size) {
  if (bytes == nullptr) return null_argument("bytes");
  static constexpr char kCallersMemory = 0;
  return make_model({static_cast<const char*>(bytes), size},
                    std::shared_ptr<const void>(&kCallersMemory, [](const void*) {}), false, "model in memory");
}

Status set_limit(const char* name, int64_t given, int64_t& limit) {
  if (given < 0)
    return tarn::invalid_argument("tarn_options.", name, " is ", given, ", expected 0 (the default) or more");
  if (given > 0) limit = given;
  return {};
}

Result<tarn::EngineOptions> to_options(const tarn_options* given) {
  tarn::EngineOptions result;
  if (given == nullptr) return result;
  constexpr size_t kFirstSize = offsetof(tarn_options, most_nodes);  // of version 1
  if (given->struct_size < kFirstSize) {
    return tarn::invalid_argument("tarn_options.struct_size is ", given->struct_size, ", expected ",
                                  sizeof(tarn_options));
  }
  // What an older program has not is zero; what a newer one has must be.
  tarn_options options = {};
  std::memcpy(&options, given, std::min(given->struct_size, sizeof(options)));
  const auto* bytes = reinterpret_cast<const char*>(given);
  for (size_t i = sizeof(options); i < given->struct_size; ++i) {
    if (bytes[i] == 0) continue;
    return tarn::unimplemented("tarn_options has a field set at byte ", i, " that this library (version ",
                               TARN_C_API_VERSION, " of the C API) does not know");
  }
  if (options.custom_op_count != 0) {
#ifdef __ELF__  // else it is not weak
    if (tarn::c_api::make_custom_ops == nullptr)
      return tarn::invalid_argument("tarn_options.custom_ops: ops that call no tarn_op_ function can compute nothing");
#endif
    TARN_ASSIGN_OR_RETURN(result.custom_ops, tarn::c_api::make_custom_ops(options.custom_ops, options.custom_op_count));
  }
  TARN_ASSIGN_OR_RETURN(result.threads, tarn::c_api::engine_threads(options.threads));
  if (options.quantize < TARN_QUANTIZE_AS_STORED || options.quantize > TARN_QUANTIZE_DYNAMIC8) {
    return tarn::invalid_argument("tarn_options.quantize is ", options.quantize, ", which is no tarn_quantize");
  }
  result.quantize = static_cast<tarn::Quantize>(options.quantize);  // in the same order
  if (options.max_layer_error != options.max_layer_error)
    return tarn::invalid_argument("tarn_options.max_layer_error is not a number");
  if (options.max_layer_error != 0) result.max_layer_error = options.max_layer_error < 0 ? 0 : options.max_layer_error;
  if (options.input_names != nullptr) result.inputs = tarn::str_split(options.input_names, ',', true);
  if (options.output_names != nullptr) result.outputs = tarn::str_split(options.output_names, ',', true);
  TARN_RETURN_IF_ERROR(set_limit("most_nodes", options.most_nodes, result.limits.most_nodes));
  TARN_RETURN_IF_ERROR(set_limit("most_bytes", options.most_bytes, result.limits.most_bytes));
  TARN_RETURN_IF_ERROR(set_limit("most_value_bytes", options.most_value_bytes, result.limits.most_value_bytes));
  TARN_RETURN_IF_ERROR(set_limit("most_iterations", options.most_iterations, result.limits.most_iterations));
  TARN_RETURN_IF_ERROR(set_limit("deadline_ms", options.deadline_ms, result.limits.timeout_ms));
  return result;
}

tarn_model* give(Result<std::shared_ptr<ModelState>> model) {
  return model.ok() ? new_handle<tarn_model>(*std::move(model)) : (report(model.status()), nullptr);
}

// The options are made first: what they bring along is released also where the model is bad.
tarn_engine* give(Result<tarn::EngineOptions> options, Result<std::shared_ptr<ModelState>> model) {
  if (!options.ok() || !model.ok()) return report(options.ok() ? model.status() : options.status()), nullptr;
  auto engine = tarn::Engine::load_source((*model)->graph(), (*model)->name(), *std::move(options));
  if (!engine.ok()) return report(engine.status()), nullptr;
  return new_handle<tarn_engine>(std::make_shared<EngineState>(*std::move(model), *std::move(engine)));
}

const tarn::EngineTensorInfo* info_of(const std::vector<tarn::EngineTensorInfo>& tensors, int index) {
  if (index >= 0 && index < static_cast<int>(tensors.size())) return &tensors[static_cast<size_t>(index)];
  report(tarn::out_of_range("index ", index, " is out of range: there are ", tensors.size()));
  return nullptr;
}

const char* text_at(const std::vector<std::string>& texts, int index) {
  if (index >= 0 && index < static_cast<int>(texts.size())) return texts[static_cast<size_t>(index)].c_str();
  report(tarn::out_of_range("index ", index, " is out of range: there are ", texts.size()));
  return nullptr;
}

}  // namespace

// --- the library ---

const char* tarn_version(void) {
  return TARN_VERSION;
}
int tarn_api_version(void) {
  return TARN_C_API_VERSION;
}
const char* tarn_code_name(int code) {
  bool is_code = code >= TARN_OK && code <= TARN_DATA_LOSS;
  return tarn::code_name(is_code ? static_cast<tarn::Code>(code) : tarn::Code::kUnknown).data();
}
const char* tarn_dtype_name(int dtype) {
  return tarn::dtype_is_known(dtype) ? tarn::dtype_name(static_cast<tarn::DType>(dtype)).data() : "unknown";
}
size_t tarn_dtype_size(int dtype) {
  return tarn::dtype_is_known(dtype) ? tarn::dtype_size(static_cast<tarn::DType>(dtype)) : 0;
}

// --- models ---

tarn_model* tarn_model_load(const char* path) {
  return give(model_of_file(path));
}
tarn_model* tarn_model_load_fd(int fd, int64_t offset, int64_t length) {
  return give(model_of_descriptor(fd, offset, length));
}
tarn_model* tarn_model_load_memory(const void* bytes, size_t size) {
  return give(model_of_memory(bytes, size));
}

void tarn_model_free(tarn_model* model) {
  auto state = model == nullptr ? nullptr : find(model).value_or(nullptr);
  if (model != nullptr && !tarn::handles().remove(reinterpret_cast<uintptr_t>(model), ModelState::kKind))
    report(find(model).status());
}

int tarn_model_producer(const tarn_model* model) {
  return look(model, -1, [](const ModelState& state) { return state.graph()->producer(); });
}
int64_t tarn_model_bytes(const tarn_model* model) {
  return look(model, int64_t{-1}, [](const ModelState& state) { return static_cast<int64_t>(state.bytes()); });
}
int tarn_model_node_count(const tarn_model* model) {
  return look(model, -1, [](const ModelState& state) { return state.graph()->node_count(); });
}
int tarn_model_find_node(const tarn_model* model, const char* name) {
  if (name == nullptr) return report(null_argument("name")), -1;
  return look(model, -1, [&](const ModelState& state) {
    int node = state.graph()->find(name);
    if (node < 0)
      report(tarn::not_found("the model has no node ", in_quotes(name), tarn::did_you_mean(name, state.texts().names)));
    return node;
  });
}
const char* tarn_model_node_name(const tarn_model* model, int node) {
  return look(model, kNoText, [&](const ModelState& state) { return text_at(state.texts().names, node); });
}
const char* tarn_model_node_op(const tarn_model* model, int node) {
  return look(model, kNoText, [&](const ModelState& state) { return text_at(state.texts().ops, node); });
}
int tarn_model_op_count(const tarn_model* model) {
  return look(model, -1, [](const ModelState& state) { return static_cast<int>(state.texts().distinct_ops.size()); });
}
const char* tarn_model_op_name(const tarn_model* model, int index) {
  return look(model, kNoText, [&](const ModelState& state) { return text_at(state.texts().distinct_ops, index); });
}

int tarn_model_metadata_count(const tarn_model* model) {
  return look(model, -1, [](const ModelState& state) {
    auto keys = state.metadata_keys();
    return keys.ok() ? static_cast<int>((*keys)->size()) : (report(keys.status()), -1);
  });
}
const char* tarn_model_metadata_key(const tarn_model* model, int index) {
  return look(model, kNoText, [&](const ModelState& state) {
    auto keys = state.metadata_keys();
    return keys.ok() ? text_at(**keys, index) : (report(keys.status()), kNoText);
  });
}
const char* tarn_model_metadata(const tarn_model* model, const char* key) {
  if (key == nullptr) return report(null_argument("key")), nullptr;
  return look(model, kNoText, [&](const ModelState& state) {
    auto text = state.metadata_text(key);
    return text.ok() ? *text : (report(text.status()), kNoText);
  });
}

// --- engines ---

tarn_engine* tarn_engine_new(const tarn_model* model, const tarn_options* options) {
  return give(to_options(options), find(model));
}
tarn_engine* tarn_engine_load(const char* path, const tarn_options* options) {
  return give(to_options(options), model_of_file(path));
}
tarn_engine* tarn_engine_load_fd(int fd, int64_t offset, int64_t length, const tarn_options* options) {
  return give(to_options(options), model_of_descriptor(fd, offset, length));
}
tarn_engine* tarn_engine_load_memory(const void* bytes, size_t size, const tarn_options* options) {
  return give(to_options(options), model_of_memory(bytes, size));
}

tarn_engine* tarn_engine_clone(const tarn_engine* engine) {
  return look(engine, static_cast<tarn_engine*>(nullptr), [](const EngineState& state) {
    return new_handle<tarn_engine>(
        std::make_shared<EngineState>(state.model, state.context.engine().shared_from_this()));
  });
}

tarn_model* tarn_engine_model(const tarn_engine* engine) {
  return look(engine, static_cast<tarn_model*>(nullptr), [](const EngineState& state) {
    return new_handle<tarn_model>(
        std::make_shared<ModelState>(state.model->graph(), state.model->name(), state.model->bytes()));
  });
}

void tarn_engine_free(tarn_engine* engine) {
  if (engine == nullptr) return;
  auto state = find(engine);
  Status status = state.ok() ? (*state)->turn.close([&] { (*state)->context.cancel(); }) : state.status();
  if (status.ok() && !tarn::handles().remove(reinterpret_cast<uintptr_t>(engine), EngineState::kKind))
    status = find(engine).status();
  // Others that found it let go within moments. Then it is given back here, not in a run that was told to stop:
  // hundreds of megabytes take 20 ms.
  while (status.ok() && state->use_count() > 1) std::this_thread::yield();
  report(status);
}

int tarn_input_count(const tarn_engine* engine) {
  return look(engine, -1, [](const EngineState& s) { return static_cast<int>(s.context.engine().inputs().size()); });
}
int tarn_output_count(const tarn_engine* engine) {
  return look(engine, -1, [](const EngineState& s) { return static_cast<int>(s.context.engine().outputs().size()); });
}
const char* tarn_input_name(const tarn_engine* engine, int index) {
  return look(engine, kNoText, [&](const EngineState& state) {
    const auto* info = info_of(state.context.engine().inputs(), index);
    return info == nullptr ? nullptr : info->name.c_str();
  });
}
const char* tarn_output_name(const tarn_engine* engine, int index) {
  return look(engine, kNoText, [&](const EngineState& state) {
    const auto* info = info_of(state.context.engine().outputs(), index);
    return info == nullptr ? nullptr : info->name.c_str();
  });
}
int tarn_find_input(const tarn_engine* engine, const char* name) {
  if (name == nullptr) return report(null_argument("name")), -1;
  return look(engine, -1, [&](const EngineState& state) {
    Result<int> index = state.context.engine().find_input(name);
    return index.ok() ? *index : (report(index.status()), -1);
  });
}
int tarn_find_output(const tarn_engine* engine, const char* name) {
  if (name == nullptr) return report(null_argument("name")), -1;
  return look(engine, -1, [&](const EngineState& state) {
    Result<int> index = state.context.engine().find_output(name);
    return index.ok() ? *index : (report(index.status()), -1);
  });
}
int tarn_input_dtype(const tarn_engine* engine, int index) {
  return look(engine, 0, [&](const EngineState& state) {
    const auto* info = info_of(state.context.engine().inputs(), index);
    return info == nullptr ? 0 : static_cast<int>(info->dtype);
  });
}
int tarn_input_shape(const tarn_engine* engine, int index, int64_t* dims, int capacity) {
  return look(engine, -1, [&](const EngineState& state) {
    const auto* info = info_of(state.context.engine().inputs(), index);
    return info == nullptr ? -1 : write_shape(info->shape, dims, capacity);
  });
}
