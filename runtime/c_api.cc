#include "runtime/c_api.h"

#include <cstring>

#include "runtime/engine.h"
#include "runtime/self_test.h"

struct tarn_engine {
  explicit tarn_engine(std::shared_ptr<const tarn::Engine> model) : context(std::move(model)) {}
  tarn::EngineContext context;
};

namespace {

using tarn::Status;

std::string& last_error() {
  thread_local std::string text;
  return text;
}

tarn_code report(const Status& status) {
  if (status.ok()) return TARN_OK;
  last_error() = status.message();
  return static_cast<tarn_code>(status.code());
}

tarn_code null_handle(const char* what) {
  return report(tarn::invalid_argument(what, " is NULL"));
}

tarn::Result<tarn::EngineOptions> to_options(const tarn_options* options) {
  tarn::EngineOptions result;
  if (options == nullptr) return result;
  if (options->struct_size < sizeof(tarn_options)) {
    return tarn::invalid_argument("tarn_options.struct_size is ", options->struct_size, ", expected ",
                                  sizeof(tarn_options));
  }
  constexpr int kMostThreads = 256;
  if (options->threads < -1 || options->threads > kMostThreads) {
    return tarn::invalid_argument("tarn_options.threads is ", options->threads, ", expected -1 to ", kMostThreads);
  }
  result.threads = options->threads == -1 ? 0 : options->threads == 0 ? 1 : options->threads;
  if (options->input_names != nullptr) result.inputs = tarn::str_split(options->input_names, ',', true);
  if (options->output_names != nullptr) result.outputs = tarn::str_split(options->output_names, ',', true);
  return result;
}

tarn_engine* finish_load(tarn::Result<std::shared_ptr<const tarn::Engine>> engine) {
  if (!engine.ok()) {
    report(engine.status());
    return nullptr;
  }
  return new tarn_engine(*std::move(engine));
}

const tarn::EngineTensorInfo* info_of(const std::vector<tarn::EngineTensorInfo>& tensors, int index) {
  if (index < 0 || index >= static_cast<int>(tensors.size())) {
    report(tarn::out_of_range("index ", index, " is out of range: there are ", tensors.size()));
    return nullptr;
  }
  return &tensors[static_cast<size_t>(index)];
}

int write_shape(const tarn::Shape& shape, int64_t* dims, int capacity) {
  for (int d = 0; d < shape.rank() && d < capacity && dims != nullptr; ++d) dims[d] = shape.dim(d);
  return shape.rank();
}

const tarn::TensorView* output_of(const tarn_engine* engine, int index) {
  if (engine == nullptr) {
    null_handle("engine");
    return nullptr;
  }
  auto view = engine->context.output(index);
  if (!view.ok()) report(view.status());
  return view.ok() ? *view : nullptr;
}

}  // namespace

const char* tarn_version(void) {
  return "0.1.0";
}
const char* tarn_last_error(void) {
  return last_error().c_str();
}

tarn_engine* tarn_engine_load(const char* path, const tarn_options* options) {
  if (path == nullptr) return null_handle("path"), nullptr;
  auto parsed = to_options(options);
  if (!parsed.ok()) return report(parsed.status()), nullptr;
  return finish_load(tarn::Engine::load_file(path, *std::move(parsed)));
}

tarn_engine* tarn_engine_load_memory(const void* bytes, size_t size, const tarn_options* options) {
  if (bytes == nullptr) return null_handle("bytes"), nullptr;
  auto parsed = to_options(options);
  if (!parsed.ok()) return report(parsed.status()), nullptr;
  return finish_load(tarn::Engine::load_bytes({static_cast<const char*>(bytes), size}, nullptr, "model in memory",
                                              *std::move(parsed)));
}

tarn_engine* tarn_engine_clone(const tarn_engine* engine) {
  if (engine == nullptr) return null_handle("engine"), nullptr;
  return new tarn_engine(engine->context.engine().shared_from_this());
}

void tarn_engine_free(tarn_engine* engine) {
  delete engine;
}

int tarn_input_count(const tarn_engine* engine) {
  if (engine == nullptr) return null_handle("engine"), -1;
  return static_cast<int>(engine->context.engine().inputs().size());
}

int tarn_output_count(const tarn_engine* engine) {
  if (engine == nullptr) return null_handle("engine"), -1;
  return static_cast<int>(engine->context.engine().outputs().size());
}

const char* tarn_input_name(const tarn_engine* engine, int index) {
  if (engine == nullptr) return null_handle("engine"), nullptr;
  const auto* info = info_of(engine->context.engine().inputs(), index);
  return info == nullptr ? nullptr : info->name.c_str();
}

const char* tarn_output_name(const tarn_engine* engine, int index) {
  if (engine == nullptr) return null_handle("engine"), nullptr;
  const auto* info = info_of(engine->context.engine().outputs(), index);
  return info == nullptr ? nullptr : info->name.c_str();
}

int tarn_input_dtype(const tarn_engine* engine, int index) {
  if (engine == nullptr) return null_handle("engine"), 0;
  const auto* info = info_of(engine->context.engine().inputs(), index);
  return info == nullptr ? 0 : static_cast<int>(info->dtype);
}

int tarn_input_shape(const tarn_engine* engine, int index, int64_t* dims, int capacity) {
  if (engine == nullptr) return null_handle("engine"), -1;
  const auto* info = info_of(engine->context.engine().inputs(), index);
  return info == nullptr ? -1 : write_shape(info->shape, dims, capacity);
}

tarn_code tarn_set_input(tarn_engine* engine, const char* name, int dtype, const int64_t* dims, int rank,
                         const void* data, size_t bytes) {
  if (engine == nullptr) return null_handle("engine");
  if (name == nullptr) return null_handle("name");
  if (rank < 0 || rank > tarn::kMaxRank || (dims == nullptr && rank > 0)) {
    return report(tarn::invalid_argument("input ", tarn::quoted(name), ": rank ", rank, " or its dims are not usable"));
  }
  auto index = engine->context.engine().find_input(name);
  if (!index.ok()) return report(index.status());
  const tarn::EngineTensorInfo& info = engine->context.engine().inputs()[static_cast<size_t>(*index)];
  if (static_cast<int>(info.dtype) != dtype) {
    std::string_view given =
        tarn::dtype_is_known(dtype) ? tarn::dtype_name(static_cast<tarn::DType>(dtype)) : "an unknown dtype";
    return report(tarn::invalid_argument("input ", tarn::quoted(name), ": expects ", tarn::dtype_name(info.dtype),
                                         ", got ", given));
  }
  auto shape = tarn::Shape::make({dims, static_cast<size_t>(rank)});
  if (!shape.ok()) return report(shape.status().with_context(tarn::str_cat("input ", tarn::quoted(name))));
  return report(engine->context.set_input_memory(*index, *shape, data, bytes));
}

tarn_code tarn_prepare(tarn_engine* engine) {
  return engine == nullptr ? null_handle("engine") : report(engine->context.prepare());
}
tarn_code tarn_run(tarn_engine* engine) {
  return engine == nullptr ? null_handle("engine") : report(engine->context.run());
}

tarn_code tarn_self_test(const tarn_engine* engine) {
  if (engine == nullptr) return null_handle("engine");
  return report(tarn::run_self_test(engine->context.engine().shared_from_this()).status());
}

const void* tarn_output_data(const tarn_engine* engine, int index, size_t* bytes) {
  const tarn::TensorView* view = output_of(engine, index);
  if (view == nullptr) return nullptr;
  if (bytes != nullptr) *bytes = static_cast<size_t>(view->count) * tarn::dtype_size(view->dtype);
  return view->data;
}

int tarn_output_dtype(const tarn_engine* engine, int index) {
  if (engine != nullptr && !engine->context.has_run()) {
    const auto* info = info_of(engine->context.engine().outputs(), index);
    return info == nullptr ? 0 : static_cast<int>(info->dtype);
  }
  const tarn::TensorView* view = output_of(engine, index);
  return view == nullptr ? 0 : static_cast<int>(view->dtype);
}

int tarn_output_shape(const tarn_engine* engine, int index, int64_t* dims, int capacity) {
  if (engine != nullptr && !engine->context.has_run()) {
    const auto* info = info_of(engine->context.engine().outputs(), index);
    return info == nullptr ? -1 : write_shape(info->shape, dims, capacity);
  }
  const tarn::TensorView* view = output_of(engine, index);
  return view == nullptr ? -1 : write_shape(*view->shape, dims, capacity);
}

tarn_code tarn_get_output(const tarn_engine* engine, const char* name, void* data, size_t bytes) {
  if (engine == nullptr) return null_handle("engine");
  if (name == nullptr || data == nullptr) return null_handle(name == nullptr ? "name" : "data");
  auto index = engine->context.engine().find_output(name);
  if (!index.ok()) return report(index.status());
  const tarn::TensorView* view = output_of(engine, *index);
  if (view == nullptr) return TARN_FAILED_PRECONDITION;
  size_t size = static_cast<size_t>(view->count) * tarn::dtype_size(view->dtype);
  if (bytes != size) {
    return report(
        tarn::invalid_argument("output ", tarn::quoted(name), " has ", size, " bytes, the buffer has ", bytes));
  }
  if (size > 0) std::memcpy(data, view->data, size);
  return TARN_OK;
}
