#include "tests/runtime/c_api_in_c.h"

#include <stdint.h>
#include <string.h>

#include "runtime/c_api.h"
#include "tests/runtime/c_api_checks.h"

static const tarn_options kTwoOutputs = {
    .struct_size = sizeof(tarn_options), .threads = 1, .input_names = "x", .output_names = "y,z"};

int c_api_load_run_get(const void* bytes, size_t size) {
  tarn_engine* engine = tarn_engine_load_memory(bytes, size, &kTwoOutputs);
  CHECK(engine != NULL);
  CHECK(tarn_input_count(engine) == 1 && tarn_output_count(engine) == 2);
  CHECK(strcmp(tarn_input_name(engine, 0), "x") == 0 && tarn_input_dtype(engine, 0) == TARN_FLOAT);
  CHECK(strcmp(tarn_output_name(engine, 0), "y") == 0 && strcmp(tarn_output_name(engine, 1), "z") == 0);
  int64_t dims[4] = {7, 7, 7, 7};
  CHECK(tarn_input_shape(engine, 0, dims, 4) == 2 && dims[0] == -1 && dims[1] == 3 && dims[2] == 7);
  /* What the file tells of an output, before anything was run. */
  CHECK(tarn_output_dtype(engine, 0) == TARN_FLOAT);
  CHECK(tarn_output_shape(engine, 1, dims, 4) == 2 && dims[0] == -1 && dims[1] == 3);
  CHECK(tarn_output_shape(engine, 1, NULL, 0) == 2);

  CHECK(tarn_prepare(engine) == TARN_OK);
  const float x[6] = {-3, -1, 0, 1, 2, 3};
  const int64_t shape[2] = {2, 3};
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, shape, 2, x, sizeof x) == TARN_OK);
  CHECK(tarn_run(engine) == TARN_OK);
  size_t count = 0;
  const float* y = tarn_output_data(engine, 0, &count);
  CHECK(y != NULL && count == sizeof x);
  const float expected[6] = {0, 0, 1, 2, 3, 4};
  CHECK(memcmp(y, expected, sizeof expected) == 0);
  CHECK(tarn_output_data(engine, 0, NULL) == y);
  CHECK(tarn_output_dtype(engine, 0) == TARN_FLOAT && tarn_output_shape(engine, 0, dims, 1) == 2 && dims[0] == 2);
  float z[6];
  CHECK(tarn_get_output(engine, "z:0", z, sizeof z) == TARN_OK);
  for (int i = 0; i < 6; ++i) CHECK(z[i] == 2 * x[i]);

  /* Another batch size, from memory with no alignment. */
  char raw[1 + 3 * sizeof(float)];
  memcpy(raw + 1, expected + 3, 3 * sizeof(float));
  const int64_t one[2] = {1, 3};
  CHECK(tarn_set_input(engine, "x:0", TARN_FLOAT, one, 2, raw + 1, 3 * sizeof(float)) == TARN_OK);
  CHECK(tarn_run(engine) == TARN_OK);
  CHECK(tarn_get_output(engine, "y", z, 3 * sizeof(float)) == TARN_OK && z[0] == 3 && z[2] == 5);
  tarn_engine_free(engine);
  return 0;
}

int c_api_refuses_wrong_inputs(const void* bytes, size_t size) {
  tarn_engine* engine = tarn_engine_load_memory(bytes, size, &kTwoOutputs);
  CHECK(engine != NULL);
  float x[6] = {0};
  const int64_t shape[2] = {2, 3}, wide[2] = {2, 4}, negative[2] = {-1, 3}, huge[2] = {INT64_MAX, 3};

  CHECK(tarn_run(engine) == TARN_INVALID_ARGUMENT && said("'x' is not set"));
  CHECK(tarn_output_data(engine, 0, NULL) == NULL && said("nothing was run"));
  CHECK(tarn_get_output(engine, "y", x, sizeof x) == TARN_FAILED_PRECONDITION);

  CHECK(tarn_set_input(engine, "xx", TARN_FLOAT, shape, 2, x, sizeof x) == TARN_NOT_FOUND);
  CHECK(said("'xx'") && said("did you mean 'x'"));
  CHECK(tarn_set_input(engine, "x", TARN_INT32, shape, 2, x, sizeof x) == TARN_INVALID_ARGUMENT);
  CHECK(said("expects float, got int32"));
  CHECK(tarn_set_input(engine, "x", 9999, shape, 2, x, sizeof x) == TARN_INVALID_ARGUMENT && said("unknown dtype"));
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, shape, 2, x, sizeof x - 1) == TARN_INVALID_ARGUMENT);
  CHECK(said("23 bytes") && said("24"));
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, wide, 2, x, 8 * sizeof(float)) == TARN_INVALID_ARGUMENT);
  CHECK(said("[?,3]") && said("[2,4]"));
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, shape, 1, x, 2 * sizeof(float)) == TARN_INVALID_ARGUMENT);
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, negative, 2, x, sizeof x) != TARN_OK);
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, huge, 2, x, sizeof x) != TARN_OK);
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, shape, -1, x, sizeof x) != TARN_OK);
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, shape, 1000, x, sizeof x) != TARN_OK);
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, NULL, 2, x, sizeof x) != TARN_OK);
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, shape, 2, NULL, sizeof x) != TARN_OK);
  CHECK(tarn_run(engine) == TARN_INVALID_ARGUMENT); /* none of these set it */

  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, shape, 2, x, sizeof x) == TARN_OK && tarn_run(engine) == TARN_OK);
  CHECK(tarn_get_output(engine, "w", x, sizeof x) == TARN_NOT_FOUND && said("'y'"));
  CHECK(tarn_get_output(engine, "y", x, sizeof x - 1) == TARN_INVALID_ARGUMENT && said("24"));
  CHECK(tarn_output_data(engine, 2, NULL) == NULL && tarn_output_data(engine, -1, NULL) == NULL);
  CHECK(tarn_input_name(engine, 1) == NULL && tarn_output_name(engine, -1) == NULL);
  CHECK(tarn_input_dtype(engine, 5) == 0 && tarn_output_dtype(engine, 5) == 0);
  CHECK(tarn_input_shape(engine, 5, NULL, 0) == -1 && tarn_output_shape(engine, 5, NULL, 0) == -1);
  /* A batch of none is a batch. */
  const int64_t none[2] = {0, 3};
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, none, 2, NULL, 0) == TARN_OK && tarn_run(engine) == TARN_OK);
  size_t count = 1;
  (void)tarn_output_data(engine, 0, &count);
  CHECK(count == 0);
  tarn_engine_free(engine);

  tarn_options options = kTwoOutputs;
  options.output_names = "y,zz";
  CHECK(tarn_engine_load_memory(bytes, size, &options) == NULL && said("'zz'") && said("did you mean"));
  options.output_names = "y:3";
  CHECK(tarn_engine_load_memory(bytes, size, &options) == NULL && said("y:3"));
  options = kTwoOutputs;
  options.input_names = "x:1";
  CHECK(tarn_engine_load_memory(bytes, size, &options) == NULL && said("x:1"));
  options = kTwoOutputs;
  options.struct_size = 3;
  CHECK(tarn_engine_load_memory(bytes, size, &options) == NULL && said("struct_size"));
  options = kTwoOutputs;
  options.threads = 100000;
  CHECK(tarn_engine_load_memory(bytes, size, &options) == NULL && said("100000"));
  CHECK(tarn_engine_load("no/such/model.pb", NULL) == NULL && said("no/such/model.pb"));
  CHECK(tarn_engine_load_memory("", 0, NULL) == NULL && said("empty model file"));
  CHECK(tarn_engine_load_memory("not a graph at all", 18, NULL) == NULL && said("not a GraphDef"));
  return 0;
}

int c_api_refuses_null(const void* bytes, size_t size) {
  float x[3] = {0};
  const int64_t shape[2] = {1, 3};
  CHECK(tarn_engine_load(NULL, NULL) == NULL && said("NULL"));
  CHECK(tarn_engine_load_memory(NULL, 5, NULL) == NULL && said("NULL"));
  CHECK(tarn_engine_clone(NULL) == NULL);
  tarn_engine_free(NULL);
  CHECK(tarn_input_count(NULL) == -1 && tarn_output_count(NULL) == -1);
  CHECK(tarn_input_name(NULL, 0) == NULL && tarn_output_name(NULL, 0) == NULL);
  CHECK(tarn_input_dtype(NULL, 0) == 0 && tarn_output_dtype(NULL, 0) == 0);
  CHECK(tarn_input_shape(NULL, 0, NULL, 0) == -1 && tarn_output_shape(NULL, 0, NULL, 0) == -1);
  CHECK(tarn_set_input(NULL, "x", TARN_FLOAT, shape, 2, x, sizeof x) == TARN_INVALID_ARGUMENT);
  CHECK(tarn_prepare(NULL) == TARN_INVALID_ARGUMENT && tarn_run(NULL) == TARN_INVALID_ARGUMENT);
  CHECK(tarn_output_data(NULL, 0, NULL) == NULL);
  CHECK(tarn_get_output(NULL, "y", x, sizeof x) == TARN_INVALID_ARGUMENT);
  tarn_engine* engine = tarn_engine_load_memory(bytes, size, NULL);
  CHECK(engine != NULL);
  CHECK(tarn_set_input(engine, NULL, TARN_FLOAT, shape, 2, x, sizeof x) == TARN_INVALID_ARGUMENT);
  CHECK(tarn_get_output(engine, NULL, x, sizeof x) == TARN_INVALID_ARGUMENT);
  CHECK(tarn_get_output(engine, "y", NULL, sizeof x) == TARN_INVALID_ARGUMENT);
  tarn_engine_free(engine);
  return 0;
}

int c_api_clones_are_apart(const void* bytes, size_t size) {
  tarn_engine* first = tarn_engine_load_memory(bytes, size, &kTwoOutputs);
  CHECK(first != NULL);
  tarn_engine* second = tarn_engine_clone(first);
  CHECK(second != NULL);
  const float ones[3] = {1, 1, 1}, fives[3] = {5, 5, 5};
  const int64_t shape[2] = {1, 3};
  CHECK(tarn_set_input(first, "x", TARN_FLOAT, shape, 2, ones, sizeof ones) == TARN_OK);
  CHECK(tarn_run(second) == TARN_INVALID_ARGUMENT); /* its input is its own */
  CHECK(tarn_set_input(second, "x", TARN_FLOAT, shape, 2, fives, sizeof fives) == TARN_OK);
  CHECK(tarn_run(first) == TARN_OK && tarn_run(second) == TARN_OK);
  const float* y = tarn_output_data(first, 0, NULL);
  CHECK(y[0] == 2);
  tarn_engine_free(first); /* the clone keeps the model */
  CHECK(tarn_run(second) == TARN_OK);
  y = tarn_output_data(second, 0, NULL);
  CHECK(y[0] == 6);
  tarn_engine_free(second);
  return 0;
}
