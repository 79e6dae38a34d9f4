/* Tarn's engine in C: load a frozen GraphDef, set inputs, run, read outputs. No exceptions, and no callbacks but those
 * of ops that you add yourself.
 *
 *   tarn_engine* engine = tarn_engine_load("digits.pb", NULL);
 *   if (!engine) { puts(tarn_last_error()); return 1; }
 *   int64_t shape[] = {1, 784};
 *   if (tarn_set_input(engine, "input_node", TARN_FLOAT, shape, 2, pixels, sizeof pixels) != TARN_OK ||
 *       tarn_run(engine) != TARN_OK) { puts(tarn_last_error()); return 1; }
 *   const float* scores = tarn_output_data(engine, 0, NULL);
 *   tarn_engine_free(engine);
 *
 * Errors: functions return TARN_OK or a code, or NULL or -1; tarn_last_error() is the text of this thread's last error.
 *
 * Handles: one that is NULL, of another kind or freed already is an error, however often: never a crash.
 *
 * Threads: any thread may call anything. An engine does one thing at a time: while one thread is in a call on it, calls
 * of others are TARN_FAILED_PRECONDITION, but for tarn_cancel, tarn_engine_clone, tarn_engine_free and what never
 * changes (counts, names and declared shapes of inputs). Engines are independent of each other; tarn_engine_clone makes
 * one more on the same model. A tarn_model never changes.
 *
 * Text is UTF-8 and ends with 0. What a function gives belongs to the handle that it was asked of.
 *
 * ABI: structs begin with their size, and grow at the end; functions are added, never changed.
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

/* Goes up with each function or field that is added. */
#define TARN_C_API_VERSION 3

typedef struct tarn_model tarn_model;   /* a file's bytes, read once, shared by all engines made of it */
typedef struct tarn_engine tarn_engine; /* the model with inputs, outputs and the memory of a run */

/* TensorFlow's error codes. */
typedef enum tarn_code {
  TARN_OK = 0,
  TARN_CANCELLED = 1,
  TARN_UNKNOWN = 2,
  TARN_INVALID_ARGUMENT = 3,
  TARN_DEADLINE_EXCEEDED = 4,
  TARN_NOT_FOUND = 5,
  TARN_ALREADY_EXISTS = 6,
  TARN_PERMISSION_DENIED = 7,
  TARN_RESOURCE_EXHAUSTED = 8,
  TARN_FAILED_PRECONDITION = 9,
  TARN_ABORTED = 10,
  TARN_OUT_OF_RANGE = 11,
  TARN_UNIMPLEMENTED = 12,
  TARN_INTERNAL = 13,
  TARN_UNAVAILABLE = 14,
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
  TARN_BOOL = 10,
  TARN_UINT16 = 17,
  TARN_HALF = 19,
  TARN_UINT32 = 22,
  TARN_UINT64 = 23
} tarn_dtype;

struct tarn_custom_op;

/* How MatMul and Conv2D with constant weights are computed. In 8 bits, inputs become codes of a byte as they come, by
 * the range of their row or image, and weights are bytes: faster, in a quarter of the memory, and off from the floats
 * by about a hundredth of an output's range (docs/quantization.md). A NaN or an infinity in an image gives NaN. */
typedef enum tarn_quantize {
  TARN_QUANTIZE_AS_STORED = 0, /* as the model's file asks (metadata "quantize"), else in float */
  TARN_QUANTIZE_NONE = 1,      /* in float, as TensorFlow, also where the file's weights are 8-bit */
  TARN_QUANTIZE_DYNAMIC8 = 2   /* in 8 bits; an engine built without it says so */
} tarn_quantize;

/* Zero-initialise, then set struct_size and what you need. A limit of 0 is the default. */
typedef struct tarn_options {
  size_t struct_size;       /* sizeof(tarn_options), so that the struct may grow */
  int threads;              /* 0 or 1: the calling thread alone; -1: one per fast core */
  const char* input_names;  /* comma-separated; NULL: every Placeholder */
  const char* output_names; /* comma-separated; NULL: every node nobody uses */
  /* since version 2 */
  int64_t most_nodes;       /* of the model, with its functions' nodes written out; default 1,000,000 */
  int64_t most_bytes;       /* of all values that a run has at a time, inputs and weights aside; default 16 GiB */
  int64_t most_value_bytes; /* of one value that an op makes; default 4 GiB */
  int64_t most_iterations;  /* of all loops of a run together; default 100,000,000 */
  int64_t deadline_ms;      /* of each run; 0: none */
  const struct tarn_custom_op* const* custom_ops; /* ops of yours that the model may use; copied */
  int custom_op_count;
  /* since version 3 */
  int quantize; /* a tarn_quantize */
  /* A convolution is computed by a transform (Winograd, Cook-Toom) where that is faster and moves no output by more
   * than this part of the range of the layer's outputs; 0: the default, 1e-5; negative: by none. */
  double max_layer_error;
} tarn_options;

/* "0.1.0" */
TARN_API const char* tarn_version(void);
/* TARN_C_API_VERSION of the library that is linked. */
TARN_API int tarn_api_version(void);
/* This thread's last error, "" if there was none. Valid until this thread's next failing call. */
TARN_API const char* tarn_last_error(void);
/* Its tarn_code, for what returns NULL or -1; TARN_OK if there was none. */
TARN_API int tarn_last_code(void);
/* "InvalidArgument"; "Unknown" for a number that is none of tarn_code. */
TARN_API const char* tarn_code_name(int code);
/* "float", and its bytes: of strings, and of what is none, "unknown" or "string" and 0. */
TARN_API const char* tarn_dtype_name(int dtype);
TARN_API size_t tarn_dtype_size(int dtype);

/* ---- Models: bytes in, engines out ---- */

/* Maps the file, which stays mapped; do not truncate it meanwhile. NULL on error. */
TARN_API tarn_model* tarn_model_load(const char* path);
/* Maps `length` bytes from `offset` (of any alignment) of an open file: an asset that lies uncompressed in an APK.
 * `length` -1: up to the file's end. The descriptor stays the caller's, and may be closed afterwards. */
TARN_API tarn_model* tarn_model_load_fd(int fd, int64_t offset, int64_t length);
/* Copies nothing: `bytes` must outlive the model and every engine of it. Weights are used in place where they are
 * aligned: begin at a multiple of 64. */
TARN_API tarn_model* tarn_model_load_memory(const void* bytes, size_t size);
/* The caller's hold on it; engines keep what they need. NULL is fine. */
TARN_API void tarn_model_free(tarn_model* model);

/* TensorFlow's GraphDef.versions.producer; 0: the file does not say. -1 on error. */
TARN_API int tarn_model_producer(const tarn_model* model);
TARN_API int64_t tarn_model_bytes(const tarn_model* model);
/* Nodes as the file has them. Index of a node by name: -1 if there is none (the error names the nearest). */
TARN_API int tarn_model_node_count(const tarn_model* model);
TARN_API int tarn_model_find_node(const tarn_model* model, const char* name);
TARN_API const char* tarn_model_node_name(const tarn_model* model, int node);
TARN_API const char* tarn_model_node_op(const tarn_model* model, int node);
/* The ops in use, sorted: each once. */
TARN_API int tarn_model_op_count(const tarn_model* model);
TARN_API const char* tarn_model_op_name(const tarn_model* model, int index);
/* What is told of the model in its file (model_info --set), as text: "author", "license", "labels" (one a line),
 * "mean" ("123.7,116.8,103.9"), "inputs/NAME/FIELD" … or "json", all of it (runtime/metadata.h has the keys). NULL
 * where nothing is told of `key`; the error says what there is. Counted are the full keys that have something. */
TARN_API int tarn_model_metadata_count(const tarn_model* model);
TARN_API const char* tarn_model_metadata_key(const tarn_model* model, int index);
TARN_API const char* tarn_model_metadata(const tarn_model* model, const char* key);

/* ---- Engines ---- */

/* An engine on a model; `options` may be NULL. Whatever the model needs and this library lacks is said here, all at
 * once. */
TARN_API tarn_engine* tarn_engine_new(const tarn_model* model, const tarn_options* options);
/* The same in one step, of a model that only this engine has. */
TARN_API tarn_engine* tarn_engine_load(const char* path, const tarn_options* options);
TARN_API tarn_engine* tarn_engine_load_fd(int fd, int64_t offset, int64_t length, const tarn_options* options);
TARN_API tarn_engine* tarn_engine_load_memory(const void* bytes, size_t size, const tarn_options* options);
/* Another engine on the same model, options, compiled programs and packed weights, with memory of its own. */
TARN_API tarn_engine* tarn_engine_clone(const tarn_engine* engine);
/* NULL is fine. A run that is under way in another thread is cancelled (a self-test is not) and waited for, so that
 * afterwards nothing looks at memory of yours, and the engine's is given back. From within a run (a custom op) it is an
 * error and frees nothing. */
TARN_API void tarn_engine_free(tarn_engine* engine);
/* The model of an engine, as one more handle: free it. */
TARN_API tarn_model* tarn_engine_model(const tarn_engine* engine);

/* Counts are -1, names NULL and dtypes 0 where the handle or index is wrong. Names live as long as the engine. */
TARN_API int tarn_input_count(const tarn_engine* engine);
TARN_API int tarn_output_count(const tarn_engine* engine);
TARN_API const char* tarn_input_name(const tarn_engine* engine, int index);
TARN_API const char* tarn_output_name(const tarn_engine* engine, int index);
/* Index by name ("x" or "x:0"), or -1: the error lists the names there are. */
TARN_API int tarn_find_input(const tarn_engine* engine, const char* name);
TARN_API int tarn_find_output(const tarn_engine* engine, const char* name);
TARN_API int tarn_input_dtype(const tarn_engine* engine, int index);
/* The declared shape: returns the rank and writes min(rank, capacity) dims (-1: any size); -1 if the rank is open. */
TARN_API int tarn_input_shape(const tarn_engine* engine, int index, int64_t* dims, int capacity);

/* ---- Inputs: each run may have other sizes; what a size needs is planned at its first run and kept ---- */

/* Looks at `data` (row-major) until the input is set again; `bytes` must be what dtype and shape need. */
TARN_API tarn_code tarn_set_input(tarn_engine* engine, const char* name, int dtype, const int64_t* dims, int rank,
                                  const void* data, size_t bytes);
/* The same by index. */
TARN_API tarn_code tarn_set_input_at(tarn_engine* engine, int index, int dtype, const int64_t* dims, int rank,
                                     const void* data, size_t bytes);
/* Memory of the engine's own, aligned to 64 bytes, that is the input from now on: write there before each run. It stays
 * at its place until it is asked for with a larger shape, or the input is set in another way. `bytes` may be NULL. NULL
 * on error, and for strings. */
TARN_API void* tarn_input_buffer(tarn_engine* engine, int index, const int64_t* dims, int rank, size_t* bytes);
/* Strings, copied: any bytes, `lengths` of them each; NULL: they end with 0. As many as `dims` says. */
TARN_API tarn_code tarn_set_input_strings(tarn_engine* engine, int index, const int64_t* dims, int rank,
                                          const char* const* strings, const size_t* lengths);

/* ---- Runs ---- */

/* Plans for the declared shapes and takes the memory now, so that the first run is like the others. */
TARN_API tarn_code tarn_prepare(tarn_engine* engine);
/* TARN_CANCELLED, TARN_DEADLINE_EXCEEDED: it was stopped; the engine is as before, without outputs. */
TARN_API tarn_code tarn_run(tarn_engine* engine);
/* Stops the run that is under way, within milliseconds, also inside one long step; from any thread, also while
 * tarn_engine_free is called (but not from a signal handler). Without a run it does nothing. Does not wait. */
TARN_API tarn_code tarn_cancel(const tarn_engine* engine);
/* Of every run from now on, counted from its begin; 0: none. */
TARN_API tarn_code tarn_set_deadline(tarn_engine* engine, int64_t deadline_ms);
/* As in tarn_options; the next run plans anew. */
TARN_API tarn_code tarn_set_threads(tarn_engine* engine, int threads);
/* How many it has, the calling one with them; -1 on error. */
TARN_API int tarn_threads(const tarn_engine* engine);
/* Runs the model on the inputs whose outputs optimize_for_mobile stored with it, and compares: TARN_OK, or
 * TARN_INTERNAL where they differ, or TARN_NOT_FOUND where nothing is stored. Inputs and outputs of `engine` itself
 * stay as they are. */
TARN_API tarn_code tarn_self_test(const tarn_engine* engine);
/* What the engine holds beside the model: values, scratch, buffers. -1 on error. */
TARN_API int64_t tarn_memory_bytes(const tarn_engine* engine);

/* ---- Outputs ---- */

/* After tarn_run: output `index`, in place until the next run. NULL on error, and for strings. `bytes` may be NULL. */
TARN_API const void* tarn_output_data(const tarn_engine* engine, int index, size_t* bytes);
/* Before a run: what the file tells, as for inputs. After it: what was made. */
TARN_API int tarn_output_dtype(const tarn_engine* engine, int index);
TARN_API int tarn_output_shape(const tarn_engine* engine, int index, int64_t* dims, int capacity);
/* Copies output `name`; `bytes` must be its exact size. */
TARN_API tarn_code tarn_get_output(const tarn_engine* engine, const char* name, void* data, size_t bytes);
/* From now on runs leave output `index` in this memory, of exactly the size it will have: written there in the first
 * place where the op that makes it can (and `data` is aligned to 64), else copied. A run whose output has another size
 * is an error. NULL: no more. It may overlap an input, not another output. */
TARN_API tarn_code tarn_set_output_buffer(tarn_engine* engine, int index, void* data, size_t bytes);
/* Element (row-major) of an output of strings: any bytes, then a 0. `length` may be NULL. NULL on error. */
TARN_API const char* tarn_output_string(const tarn_engine* engine, int index, int64_t element, size_t* length);

/* ---- Profile: where the time of runs goes ---- */

/* From now on runs are timed step by step, at some cost; what was counted before is forgotten. */
TARN_API tarn_code tarn_profile_start(tarn_engine* engine);
TARN_API tarn_code tarn_profile_stop(tarn_engine* engine);
/* What was counted since tarn_profile_start, in the lines of TensorFlow's StatSummarizer: nodes in order, by time, by
 * op. Good until the next of these two on this engine. NULL on error. */
TARN_API const char* tarn_profile_text(tarn_engine* engine);
/* The same as JSON: {"runs": 3, "total_us": {"mean": …}, "nodes": [{"name", "op", "mean_us" …}], "ops": […]}. */
TARN_API const char* tarn_profile_json(tarn_engine* engine);

/* ---- Ops of your own ----
 *
 *   static tarn_code shape(void* user_data, tarn_op_context* c) {
 *     int64_t dims[4];
 *     int rank = tarn_op_input_shape(c, 0, dims, 4);
 *     return tarn_op_set_shape(c, 0, dims, rank);
 *   }
 *   static tarn_code compute(void* user_data, tarn_op_context* c) {
 *     …
 *     float* y = tarn_op_output_data(c, 0, dims, rank, NULL);
 *     if (y == NULL) return tarn_op_status(c);
 *     …
 *   }
 *   const tarn_custom_op scale = {.struct_size = sizeof(tarn_custom_op), .name = "Scale", .inputs = "x: T",
 *                                 .outputs = "y: T", .attrs = "T: {float}; factor: float = 2.0",
 *                                 .shape = shape, .compute = compute};
 *   const tarn_custom_op* const ops[] = {&scale};
 *   options.custom_ops = ops; options.custom_op_count = 1;
 *
 * A function that returns another code than TARN_OK ends the load or run with it, with the text given to
 * tarn_op_error(), and the node's op and name before that. */

typedef struct tarn_op_context tarn_op_context; /* good within the call that it was given to */

typedef struct tarn_custom_op {
  size_t struct_size; /* sizeof(tarn_custom_op) */
  const char* name;   /* not that of an op which the library has */
  /* In the notation of TensorFlow's REGISTER_OP: "x: T, sizes: int32", "y: T", "T: {float, int32}; axis: int = 0".
   * Attrs are separated by semicolons. NULL: none. */
  const char* inputs;
  const char* outputs;
  const char* attrs;
  /* Says the outputs' shapes from the inputs' as far as they are known (while loading), with tarn_op_set_shape. NULL:
   * every output has the first input's shape. */
  tarn_code (*shape)(void* user_data, tarn_op_context* context);
  /* Makes the outputs. Runs of several engines call it at the same time. */
  tarn_code (*compute)(void* user_data, tarn_op_context* context);
  void* user_data;
  /* Called once no engine with this op is left, and where the load fails; may be NULL. */
  void (*release)(void* user_data);
  int is_stateful; /* else it gives the same for the same inputs: it may be computed while loading, or left out */
} tarn_custom_op;

TARN_API const char* tarn_op_node_name(const tarn_op_context* context);
TARN_API int tarn_op_input_count(const tarn_op_context* context);
TARN_API int tarn_op_output_count(const tarn_op_context* context);
TARN_API int tarn_op_input_dtype(const tarn_op_context* context, int index);
TARN_API int tarn_op_output_dtype(const tarn_op_context* context, int index);
/* Returns the rank and writes min(rank, capacity) dims. In `shape` both may be unknown yet: -1. */
TARN_API int tarn_op_input_shape(const tarn_op_context* context, int index, int64_t* dims, int capacity);
/* Elements in memory. In `shape`: NULL unless the input is a constant. */
TARN_API const void* tarn_op_input_data(const tarn_op_context* context, int index, size_t* bytes);
TARN_API const char* tarn_op_input_string(const tarn_op_context* context, int index, int64_t element, size_t* length);
/* Attrs of the node, by name. TARN_NOT_FOUND, TARN_INVALID_ARGUMENT (another type). A bool is an int of 0 or 1, a type
 * the number of its dtype. Lists: how many there are, and min(count, capacity) written; -1 on error. */
TARN_API tarn_code tarn_op_attr_int(const tarn_op_context* context, const char* name, int64_t* value);
TARN_API tarn_code tarn_op_attr_float(const tarn_op_context* context, const char* name, double* value);
TARN_API const char* tarn_op_attr_string(const tarn_op_context* context, const char* name, size_t* length);
TARN_API int tarn_op_attr_ints(const tarn_op_context* context, const char* name, int64_t* values, int capacity);
TARN_API int tarn_op_attr_floats(const tarn_op_context* context, const char* name, double* values, int capacity);
/* In `shape`: output `index` has this shape; dims of -1, or a rank of -1, where it is open. */
TARN_API tarn_code tarn_op_set_shape(tarn_op_context* context, int index, const int64_t* dims, int rank);
/* In `compute`: memory for output `index`, to be filled. It must be what `shape` said. NULL on error (too large …), and
 * for strings, which tarn_op_set_output_string then sets one by one. */
TARN_API void* tarn_op_output_data(tarn_op_context* context, int index, const int64_t* dims, int rank, size_t* bytes);
TARN_API tarn_code tarn_op_set_output_string(tarn_op_context* context, int index, int64_t element, const char* text,
                                             size_t length);
/* In `compute`: memory aligned to 64 bytes until it returns. One at a time. */
TARN_API void* tarn_op_scratch(tarn_op_context* context, size_t bytes);
/* In `compute`: splits 0 … n - 1 among the engine's threads in ranges of at least `min_range` and returns when all are
 * done. `thread` is distinct among ranges that run at the same time. No other tarn_op function may be called in `body`,
 * but tarn_op_is_stopped. */
TARN_API void tarn_op_parallel_for(tarn_op_context* context, int64_t n, int64_t min_range,
                                   void (*body)(void* data, int64_t begin, int64_t end, int thread), void* data);
/* 1: the run was cancelled, or is over its deadline. What takes longer than a millisecond asks now and then, and
 * returns: what it made is not looked at. */
TARN_API int tarn_op_is_stopped(const tarn_op_context* context);
/* Keeps the text for the error, and returns `code`: `return tarn_op_error(c, TARN_OUT_OF_RANGE, "…")`. */
TARN_API tarn_code tarn_op_error(tarn_op_context* context, tarn_code code, const char* text);
/* The code of the last tarn_op call on this context that failed; TARN_OK. */
TARN_API tarn_code tarn_op_status(const tarn_op_context* context);

#ifdef __cplusplus
}
#endif

#endif /* TARN_RUNTIME_C_API_H_ */
