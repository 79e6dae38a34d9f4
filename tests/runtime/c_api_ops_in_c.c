/* Ops of the app's own, as compiled C. */
#include <stdlib.h>
#include <string.h>

#include "runtime/c_api.h"
#include "tests/runtime/c_api_checks.h"
#include "tests/runtime/c_api_in_c.h"

enum { kMostDims = 8 };

typedef struct {
  int computed, released;
  tarn_engine* engine; /* that compute is to call, or NULL */
  int mode;
} State;

enum { kFine, kFails, kSaysNothing, kOutputOfAnotherShape, kNoOutput, kAsksTooMuch, kUnknownCode };

typedef struct {
  const float* x;
  float* y;
  float factor;
} Scaling;

static void scale_range(void* data, int64_t begin, int64_t end, int thread) {
  const Scaling* s = data;
  (void)thread;
  for (int64_t i = begin; i < end; ++i) s->y[i] = s->x[i] * s->factor;
}

/* y = factor * x, with the rows of `repeats` after one another: repeats says how often. */
static tarn_code scale_shape(void* user_data, tarn_op_context* c) {
  (void)user_data;
  int64_t dims[kMostDims];
  int rank = tarn_op_input_shape(c, 0, dims, kMostDims);
  if (rank == 0) return tarn_op_error(c, TARN_INVALID_ARGUMENT, "x must not be a scalar");
  if (rank > kMostDims || rank < 0) return tarn_op_set_shape(c, 0, NULL, -1);
  return tarn_op_set_shape(c, 0, dims, rank);
}

static tarn_code scale_compute(void* user_data, tarn_op_context* c) {
  State* state = user_data;
  ++state->computed;
  if (state->engine != NULL) {
    if (tarn_run(state->engine) != TARN_FAILED_PRECONDITION) return TARN_INTERNAL;
    tarn_engine_free(state->engine);
    if (tarn_input_count(state->engine) != 1) return TARN_INTERNAL;
  }
  if (state->mode == kFails) return tarn_op_error(c, TARN_OUT_OF_RANGE, "the moon is full");
  if (state->mode == kSaysNothing) return TARN_ABORTED;
  if (state->mode == kUnknownCode) return (tarn_code)77;
  if (state->mode == kNoOutput) return TARN_OK;
  int64_t dims[kMostDims];
  int rank = tarn_op_input_shape(c, 0, dims, kMostDims);
  if (state->mode == kOutputOfAnotherShape) dims[rank - 1] += 1;
  if (state->mode == kAsksTooMuch) dims[0] = INT64_MAX / 2;
  size_t bytes = 0;
  double factor = 0;
  const float* x = tarn_op_input_data(c, 0, &bytes);
  float* y = tarn_op_output_data(c, 0, dims, rank, &bytes);
  if (y == NULL || tarn_op_attr_float(c, "factor", &factor) != TARN_OK) return tarn_op_status(c);
  float* scratch = tarn_op_scratch(c, bytes);
  if (scratch == NULL || (uintptr_t)scratch % 64 != 0) return TARN_INTERNAL;
  memcpy(scratch, x, bytes);
  Scaling scaling = {scratch, y, (float)factor};
  tarn_op_parallel_for(c, (int64_t)(bytes / sizeof(float)), 1, scale_range, &scaling);
  return tarn_op_is_stopped(c) ? TARN_CANCELLED : TARN_OK;
}

static void count_release(void* user_data) {
  ++((State*)user_data)->released;
}

static tarn_custom_op scale_op(State* state) {
  tarn_custom_op op = {.struct_size = sizeof op,
                       .name = "ScaleRows",
                       .inputs = "x: T",
                       .outputs = "y: T",
                       .attrs = "T: {float}; factor: float = 2.0",
                       .shape = scale_shape,
                       .compute = scale_compute,
                       .user_data = state,
                       .release = count_release};
  return op;
}

static tarn_engine* load(const void* bytes, size_t size, const tarn_custom_op* op) {
  const tarn_custom_op* const ops[1] = {op};
  const tarn_options options = {.struct_size = sizeof options, .threads = 2, .custom_ops = ops, .custom_op_count = 1};
  return tarn_engine_load_memory(bytes, size, &options);
}

static const int64_t kShape[2] = {2, 3};

/* Sets x, runs, compares with 3 * x. */
static int runs_well(tarn_engine* engine) {
  static const float x[6] = {1, 2, 3, 4, 5, 6};
  if (tarn_set_input(engine, "x", TARN_FLOAT, kShape, 2, x, sizeof x) != TARN_OK || tarn_run(engine) != TARN_OK)
    return 0;
  const float* y = tarn_output_data(engine, 0, NULL);
  for (int i = 0; i < 6; ++i) {
    if (y[i] != 3 * x[i]) return 0;
  }
  return 1;
}

int c_api_runs_ops_of_the_app(const void* bytes, size_t size) {
  State state = {0};
  tarn_custom_op op = scale_op(&state);
  CHECK(tarn_engine_load_memory(bytes, size, NULL) == NULL && said("ScaleRows"));
  tarn_engine* engine = load(bytes, size, &op);
  CHECK(engine != NULL);
  memset(&op, 0x55, sizeof op); /* it was copied */
  int64_t dims[2] = {0, 0};
  CHECK(tarn_output_shape(engine, 0, dims, 2) == 2 && dims[0] == -1 && dims[1] == 3);
  CHECK(runs_well(engine) && state.computed == 1);
  tarn_engine* clone = tarn_engine_clone(engine);
  tarn_engine_free(engine);
  CHECK(state.released == 0 && runs_well(clone) && state.computed == 2);
  tarn_engine_free(clone);
  CHECK(state.released == 1);
  return 0;
}

int c_api_errors_of_ops_are_the_runs(const void* bytes, size_t size) {
  State state = {0};
  tarn_custom_op op = scale_op(&state);
  tarn_engine* engine = load(bytes, size, &op);
  CHECK(engine != NULL);
  const float x[6] = {0};
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, kShape, 2, x, sizeof x) == TARN_OK);
  state.mode = kFails;
  CHECK(tarn_run(engine) == TARN_OUT_OF_RANGE && said("ScaleRows 'scaled'") && said("the moon is full"));
  state.mode = kSaysNothing;
  CHECK(tarn_run(engine) == TARN_ABORTED && said("ScaleRows 'scaled'") && said("compute function returned 10"));
  state.mode = kUnknownCode;
  CHECK(tarn_run(engine) == TARN_UNKNOWN && said("77"));
  state.mode = kNoOutput;
  CHECK(tarn_run(engine) == TARN_INTERNAL && said("made no output 0"));
  state.mode = kOutputOfAnotherShape;
  CHECK(tarn_run(engine) == TARN_INTERNAL && said("[2,3]") && said("[2,4]"));
  state.mode = kAsksTooMuch;
  CHECK(tarn_run(engine) != TARN_OK && said("ScaleRows 'scaled'"));
  state.mode = kFine;
  state.engine = engine; /* calls its own engine: refused, and the run goes on */
  CHECK(runs_well(engine));
  state.engine = NULL;
  CHECK(runs_well(engine));
  tarn_engine_free(engine);
  CHECK(state.released == 1);
  return 0;
}

int c_api_refuses_bad_ops(const void* bytes, size_t size) {
  State state = {0};
  const tarn_custom_op good = scale_op(&state);
  tarn_custom_op op = good;
  op.name = "Relu";
  CHECK(load(bytes, size, &op) == NULL && said("'Relu'") && said("already") && state.released == 1);
  op.name = "";
  CHECK(load(bytes, size, &op) == NULL && said("custom_ops[0] has no name"));
  op = good;
  op.compute = NULL;
  CHECK(load(bytes, size, &op) == NULL && said("'ScaleRows'") && said("no compute function") && state.released == 2);
  op = good;
  op.inputs = "x = T";
  CHECK(load(bytes, size, &op) == NULL && said("ScaleRows") && state.released == 3);
  op = good;
  op.struct_size = 8;
  CHECK(load(bytes, size, &op) == NULL && said("struct_size is 8"));
  CHECK(load(bytes, size, NULL) == NULL && said("custom_ops[0] is NULL"));
  op = good;
  op.attrs = "T: {int32}; factor: float = 2.0"; /* the model has floats */
  CHECK(load(bytes, size, &op) == NULL && said("scaled"));
  const tarn_options no_array = {.struct_size = sizeof no_array, .custom_op_count = 1};
  CHECK(tarn_engine_load_memory(bytes, size, &no_array) == NULL && said("custom_ops"));
  const tarn_custom_op* const twice[2] = {&good, &good};
  const tarn_options two = {.struct_size = sizeof two, .custom_ops = twice, .custom_op_count = 2};
  CHECK(tarn_engine_load_memory(bytes, size, &two) == NULL && said("twice"));
  CHECK(load("not a graph", 11, &good) == NULL);
  return 0;
}

/* Everything that a context has: attrs of all kinds, strings, constants while loading. */
static tarn_code look_shape(void* user_data, tarn_op_context* c) {
  int* failed = user_data;
  int64_t number = 0, list[4] = {0};
  double real = 0, reals[2] = {0};
  size_t length = 0, bytes = 0;
#define EXPECT(condition) \
  if (!(condition)) *failed = __LINE__
  EXPECT(strcmp(tarn_op_node_name(c), "look") == 0);
  EXPECT(tarn_op_input_count(c) == 2 && tarn_op_output_count(c) == 2);
  EXPECT(tarn_op_input_dtype(c, 0) == TARN_STRING && tarn_op_output_dtype(c, 1) == TARN_INT64);
  EXPECT(tarn_op_attr_int(c, "n", &number) == TARN_OK && number == 7);
  EXPECT(tarn_op_attr_int(c, "flag", &number) == TARN_OK && number == 1);
  EXPECT(tarn_op_attr_int(c, "kind", &number) == TARN_OK && number == TARN_INT32);
  EXPECT(tarn_op_attr_float(c, "n", &real) == TARN_INVALID_ARGUMENT && said("'n' is int"));
  EXPECT(tarn_op_attr_float(c, "nothing", &real) == TARN_NOT_FOUND && said("'nothing'"));
  EXPECT(strcmp(tarn_op_attr_string(c, "word", &length), "go") == 0 && length == 2);
  EXPECT(tarn_op_attr_ints(c, "list", list, 2) == 3 && list[0] == 4 && list[1] == 5 && list[2] == 0);
  EXPECT(tarn_op_attr_ints(c, "size", list, 4) == 2 && list[0] == 8 && list[1] == 9);
  EXPECT(tarn_op_attr_floats(c, "reals", reals, 2) == 2 && reals[1] == 0.5);
  EXPECT(tarn_op_attr_ints(c, "word", list, 4) == -1 && tarn_op_attr_string(c, "n", NULL) == NULL);
  EXPECT(tarn_op_input_data(c, 0, NULL) == NULL); /* fed: not known yet */
  const int32_t* constant = tarn_op_input_data(c, 1, &bytes);
  EXPECT(constant != NULL && bytes == 2 * sizeof(int32_t) && constant[1] == 6);
  EXPECT(tarn_op_input_dtype(c, 2) == 0 && said("there are 2") && tarn_op_input_shape(c, -1, NULL, 0) == -1);
  EXPECT(tarn_op_output_data(c, 0, NULL, 0, NULL) == NULL && said("compute"));
  EXPECT(tarn_op_scratch(c, 8) == NULL && tarn_op_is_stopped(c) == 0);
  const int64_t bad = -2, open = -1;
  EXPECT(tarn_op_set_shape(c, 0, &bad, 1) == TARN_INVALID_ARGUMENT && said("-2"));
  EXPECT(tarn_op_set_shape(c, 2, &open, 1) == TARN_OUT_OF_RANGE);
  EXPECT(tarn_op_set_shape(c, 1, NULL, 0) == TARN_OK);
  return tarn_op_set_shape(c, 0, &open, 1);
}

static tarn_code look_compute(void* user_data, tarn_op_context* c) {
  int* failed = user_data;
  int64_t count = 0;
  size_t length = 0;
  EXPECT(tarn_op_input_shape(c, 0, &count, 1) == 1 && count == 2);
  EXPECT(tarn_op_input_data(c, 0, NULL) == NULL);
  EXPECT(tarn_op_input_string(c, 0, 2, NULL) == NULL && said("string 2 of 2"));
  EXPECT(tarn_op_set_output_string(c, 0, 0, "x", 1) == TARN_FAILED_PRECONDITION);
  EXPECT(tarn_op_set_shape(c, 0, &count, 1) == TARN_FAILED_PRECONDITION && said("shape functions"));
  EXPECT(tarn_op_output_data(c, 0, &count, 1, NULL) == NULL);
  for (int64_t i = 0; i < count; ++i) {
    const char* text = tarn_op_input_string(c, 0, i, &length);
    EXPECT(text != NULL && tarn_op_set_output_string(c, 0, count - 1 - i, text, length) == TARN_OK);
  }
  EXPECT(tarn_op_set_output_string(c, 0, 2, "x", 1) == TARN_OUT_OF_RANGE);
  int64_t* sum = tarn_op_output_data(c, 1, NULL, 0, NULL);
  if (sum == NULL) return tarn_op_status(c);
  const int32_t* constant = tarn_op_input_data(c, 1, NULL);
  *sum = constant[0] + constant[1];
  return TARN_OK;
}

int c_api_ops_see_all_there_is(const void* bytes, size_t size) {
  int failed = 0;
  const tarn_custom_op op = {.struct_size = sizeof op,
                             .name = "Look",
                             .inputs = "texts: string, sizes: int32",
                             .outputs = "reversed: string, sum: int64",
                             .attrs =
                                 "n: int; flag: bool; kind: type; word: string; list: list(int); size: shape; "
                                 "reals: list(float)",
                             .shape = look_shape,
                             .compute = look_compute,
                             .user_data = &failed,
                             .is_stateful = 1};
  tarn_engine* engine = load(bytes, size, &op);
  CHECK(engine != NULL && failed == 0);
  const char* const texts[2] = {"ab", "c"};
  const int64_t two = 2;
  CHECK(tarn_set_input_strings(engine, 0, &two, 1, texts, NULL) == TARN_OK && tarn_run(engine) == TARN_OK);
  if (failed != 0) return failed;
  int first = tarn_find_output(engine, "reversed"), second = tarn_find_output(engine, "doubled");
  CHECK(strcmp(tarn_output_string(engine, first, 0, NULL), "c") == 0);
  CHECK(strcmp(tarn_output_string(engine, first, 1, NULL), "ab") == 0);
  CHECK(*(const int64_t*)tarn_output_data(engine, second, NULL) == 22);
  tarn_engine_free(engine);
  CHECK(tarn_op_node_name(NULL) == NULL && tarn_op_input_count(NULL) == -1 && tarn_op_status(NULL) != TARN_OK);
  CHECK(tarn_op_output_data(NULL, 0, NULL, 0, NULL) == NULL && tarn_op_is_stopped(NULL) == 0);
  CHECK(tarn_op_attr_int(NULL, "n", NULL) != TARN_OK && tarn_op_set_shape(NULL, 0, NULL, 0) != TARN_OK);
  CHECK(tarn_op_error(NULL, TARN_INTERNAL, "x") != TARN_OK && tarn_op_scratch(NULL, 1) == NULL);
  tarn_op_parallel_for(NULL, 1, 1, scale_range, NULL);
  return 0;
}
