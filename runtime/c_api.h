/* Tarn's engine in C: load a frozen GraphDef, set inputs, run, read outputs. No callbacks, no exceptions.
 *
 *   tarn_engine* engine = tarn_engine_load("digits.pb", NULL);
 *   if (!engine) { puts(tarn_last_error()); return 1; }
 *   int64_t shape[] = {1, 784};
 *   if (tarn_set_input(engine, "input_node", TARN_FLOAT, shape, 2, pixels, sizeof pixels) != TARN_OK ||
 *       tarn_run(engine) != TARN_OK) { puts(tarn_last_error()); return 1; }
 *   const float* scores = tarn_output_data(engine, 0, NULL);
 *   tarn_engine_free(engine);
 *
 * A tarn_engine is for one thread at a time; tarn_engine_clone makes another that shares the model. Functions return
 * TARN_OK or an error code; tarn_last_error() is the text of this thread's last error. NULL handles are errors.
 */
#ifndef TARN_RUNTIME_C_API_H_
#define TARN_RUNTIME_C_API_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define TARN_API __declspec(dllexport)
#else
#define TARN_API __attribute__((visibility("default")))
#endif

typedef struct tarn_engine tarn_engine;

/* TensorFlow's error codes. */
typedef enum tarn_code {
  TARN_OK = 0,
  TARN_UNKNOWN = 2,
  TARN_INVALID_ARGUMENT = 3,
  TARN_NOT_FOUND = 5,
  TARN_PERMISSION_DENIED = 7,
  TARN_RESOURCE_EXHAUSTED = 8,
  TARN_FAILED_PRECONDITION = 9,
  TARN_OUT_OF_RANGE = 11,
  TARN_UNIMPLEMENTED = 12,
  TARN_INTERNAL = 13,
  TARN_DATA_LOSS = 15
} tarn_code;

/* TensorFlow's DataType numbers; others (quantized …) are passed through as their number. */
typedef enum tarn_dtype {
  TARN_FLOAT = 1,
  TARN_DOUBLE = 2,
  TARN_INT32 = 3,
  TARN_UINT8 = 4,
  TARN_INT16 = 5,
  TARN_INT8 = 6,
  TARN_STRING = 7,
  TARN_INT64 = 9,
  TARN_BOOL = 10
} tarn_dtype;

/* Zero-initialise, then set what you need. */
typedef struct tarn_options {
  size_t struct_size;       /* sizeof(tarn_options), so that the struct may grow */
  int threads;              /* 0 or 1: the calling thread alone; -1: one per core */
  const char* input_names;  /* comma-separated; NULL: every Placeholder */
  const char* output_names; /* comma-separated; NULL: every node nobody uses */
} tarn_options;

/* "0.1.0" */
TARN_API const char* tarn_version(void);
/* This thread's last error, "" if there was none. Valid until this thread's next failing call. */
TARN_API const char* tarn_last_error(void);

/* NULL on error. `options` may be NULL. The file stays mapped; do not truncate it meanwhile. */
TARN_API tarn_engine* tarn_engine_load(const char* path, const tarn_options* options);
/* Copies nothing: `bytes` must outlive the engine and its clones. */
TARN_API tarn_engine* tarn_engine_load_memory(const void* bytes, size_t size, const tarn_options* options);
/* Another engine on the same model and weights, with memory of its own. */
TARN_API tarn_engine* tarn_engine_clone(const tarn_engine* engine);
/* NULL is fine. */
TARN_API void tarn_engine_free(tarn_engine* engine);

/* Counts are -1, names NULL and dtypes 0 where the handle or index is wrong. Names live as long as the engine. */
TARN_API int tarn_input_count(const tarn_engine* engine);
TARN_API int tarn_output_count(const tarn_engine* engine);
TARN_API const char* tarn_input_name(const tarn_engine* engine, int index);
TARN_API const char* tarn_output_name(const tarn_engine* engine, int index);
TARN_API int tarn_input_dtype(const tarn_engine* engine, int index);
/* The declared shape: returns the rank and writes min(rank, capacity) dims (-1: any size); -1 if the rank is open. */
TARN_API int tarn_input_shape(const tarn_engine* engine, int index, int64_t* dims, int capacity);

/* Looks at `data` (row-major) until the input is set again; `bytes` must be what dtype and shape need. */
TARN_API tarn_code tarn_set_input(tarn_engine* engine, const char* name, int dtype, const int64_t* dims, int rank,
                                  const void* data, size_t bytes);
/* Plans for the declared shapes and takes the memory now, so that the first run is like the others. */
TARN_API tarn_code tarn_prepare(tarn_engine* engine);
TARN_API tarn_code tarn_run(tarn_engine* engine);
/* Runs the model on the inputs whose outputs optimize_for_mobile stored with it, and compares: TARN_OK, or
 * TARN_INTERNAL where they differ, or TARN_NOT_FOUND where nothing is stored. Inputs and outputs of `engine` itself stay
 * as they are. */
TARN_API tarn_code tarn_self_test(const tarn_engine* engine);

/* After tarn_run: output `index`, in place until the next run. NULL on error. `bytes` may be NULL. */
TARN_API const void* tarn_output_data(const tarn_engine* engine, int index, size_t* bytes);
/* Before a run: what the file tells, as for inputs. After it: what was made. */
TARN_API int tarn_output_dtype(const tarn_engine* engine, int index);
TARN_API int tarn_output_shape(const tarn_engine* engine, int index, int64_t* dims, int capacity);
/* Copies output `name`; `bytes` must be its exact size. */
TARN_API tarn_code tarn_get_output(const tarn_engine* engine, const char* name, void* data, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif /* TARN_RUNTIME_C_API_H_ */
