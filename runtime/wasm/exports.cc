// What npm/tarn.js calls beside runtime/c_api.h.
#include <emscripten/emscripten.h>

#include <cstdlib>

#include "runtime/c_api.h"

extern "C" {

// Aligned as the engine wants weights and inputs, to use them where they lie. Null: there is no more.
EMSCRIPTEN_KEEPALIVE void* tarn_wasm_allocate(size_t size) {
  constexpr size_t kAlignment = 64;
  if (size > SIZE_MAX - kAlignment) return nullptr;
  return std::aligned_alloc(kAlignment, (size + kAlignment - 1) / kAlignment * kAlignment);
}

// The options as arguments: a struct's layout is no business of JavaScript's.
EMSCRIPTEN_KEEPALIVE tarn_engine* tarn_wasm_load(const void* bytes, size_t size, const char* input_names,
                                                 const char* output_names) {
  tarn_options options{};
  options.struct_size = sizeof options;
  options.input_names = input_names;
  options.output_names = output_names;
  return tarn_engine_load_memory(bytes, size, &options);
}

// What the file tells of the model, as JSON ("{}": nothing). Null: it can't be read. The engine's.
EMSCRIPTEN_KEEPALIVE const char* tarn_wasm_metadata(const tarn_engine* engine) {
  tarn_model* model = tarn_engine_model(engine);
  const char* text = tarn_model_metadata_count(model) == 0 ? "{}" : tarn_model_metadata(model, "json");
  tarn_model_free(model);  // a handle; the engine has the model itself
  return text;
}

}  // extern "C"
