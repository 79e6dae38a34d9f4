/* Models, buffers, strings, limits, profiles and handles, as compiled C. */
#include <string.h>

#include "runtime/c_api.h"
#include "tests/runtime/c_api_checks.h"
#include "tests/runtime/c_api_in_c.h"

static const int64_t kTwoRows[2] = {2, 3}, kOneRow[2] = {1, 3};

int c_api_engines_share_a_model(const void* bytes, size_t size) {
  tarn_model* model = tarn_model_load_memory(bytes, size);
  CHECK(model != NULL);
  CHECK(tarn_model_bytes(model) == (int64_t)size);
  CHECK(tarn_model_node_count(model) == 6);
  CHECK(tarn_model_producer(model) > 0);
  int sum = tarn_model_find_node(model, "sum");
  CHECK(sum >= 0 && strcmp(tarn_model_node_name(model, sum), "sum") == 0);
  CHECK(strcmp(tarn_model_node_op(model, sum), "Add") == 0);
  CHECK(tarn_model_find_node(model, "summ") == -1 && said("'summ'") && said("did you mean 'sum'"));
  CHECK(tarn_last_code() == TARN_NOT_FOUND);
  CHECK(tarn_model_node_name(model, 6) == NULL && tarn_model_node_op(model, -1) == NULL && said("out of range"));
  const char* expected[] = {"Add", "Const", "Mul", "Placeholder", "Relu"};
  CHECK(tarn_model_op_count(model) == 5);
  for (int i = 0; i < 5; ++i) CHECK(strcmp(tarn_model_op_name(model, i), expected[i]) == 0);
  CHECK(tarn_model_op_name(model, 5) == NULL);
  CHECK(tarn_model_metadata_count(model) == 0 && tarn_model_metadata_key(model, 0) == NULL);
  CHECK(tarn_model_metadata(model, "author") == NULL && said("'author'"));

  const tarn_options only_y = {.struct_size = sizeof only_y, .output_names = "y"};
  const tarn_options inner = {.struct_size = sizeof inner, .input_names = "sum", .output_names = "y", .threads = 2};
  tarn_engine* first = tarn_engine_new(model, &only_y);
  tarn_engine* second = tarn_engine_new(model, &inner);
  CHECK(first != NULL && second != NULL);
  tarn_model_free(model); /* engines keep what they need */
  CHECK(tarn_model_bytes(model) == -1 && said("freed"));
  CHECK(tarn_output_count(first) == 1 && strcmp(tarn_input_name(second, 0), "sum") == 0);
  CHECK(tarn_threads(first) == 1 && tarn_threads(second) == 2);
  const float x[3] = {-2, 0, 2};
  CHECK(tarn_set_input(first, "x", TARN_FLOAT, kOneRow, 2, x, sizeof x) == TARN_OK && tarn_run(first) == TARN_OK);
  CHECK(tarn_set_input(second, "sum", TARN_FLOAT, kOneRow, 2, x, sizeof x) == TARN_OK && tarn_run(second) == TARN_OK);
  CHECK(((const float*)tarn_output_data(first, 0, NULL))[2] == 3);
  CHECK(((const float*)tarn_output_data(second, 0, NULL))[2] == 2);
  tarn_engine_free(first);

  model = tarn_engine_model(second);
  CHECK(model != NULL && tarn_model_node_count(model) == 6);
  tarn_engine_free(second);
  CHECK(tarn_model_find_node(model, "x") == 0);
  tarn_model_free(model);
  return 0;
}

int c_api_reads_descriptors(int fd, int64_t offset, int64_t length, int64_t file_size) {
  tarn_model* model = tarn_model_load_fd(fd, offset, length);
  CHECK(model != NULL && tarn_model_bytes(model) == length);
  tarn_engine* engine = tarn_engine_new(model, NULL);
  CHECK(engine != NULL);
  tarn_model_free(model);
  const float x[3] = {1, 2, 3};
  CHECK(tarn_set_input_at(engine, 0, TARN_FLOAT, kOneRow, 2, x, sizeof x) == TARN_OK && tarn_run(engine) == TARN_OK);
  float y[3];
  CHECK(tarn_get_output(engine, "y", y, sizeof y) == TARN_OK && y[0] == 2 && y[2] == 4);
  tarn_engine_free(engine);

  CHECK(tarn_engine_load_fd(fd, offset, length + file_size, NULL) == NULL && said("descriptor") &&
        said("the file has"));
  CHECK(tarn_model_load_fd(fd, file_size + 1, -1) == NULL && said("the file has"));
  CHECK(tarn_model_load_fd(fd, INT64_MAX, INT64_MAX) == NULL && said("the file has"));
  CHECK(tarn_model_load_fd(fd, -1, length) == NULL && said("offset is -1"));
  CHECK(tarn_model_load_fd(fd, offset, -2) == NULL && said("length is -2"));
  CHECK(tarn_model_load_fd(fd, offset, 0) == NULL && said("empty model file"));
  CHECK(tarn_model_load_fd(-1, 0, -1) == NULL && said("descriptor -1"));
  return 0;
}

int c_api_input_buffers_are_written_in_place(const void* bytes, size_t size) {
  tarn_engine* engine = tarn_engine_load_memory(bytes, size, NULL);
  CHECK(engine != NULL);
  size_t count = 0;
  float* x = tarn_input_buffer(engine, 0, kTwoRows, 2, &count);
  CHECK(x != NULL && count == 6 * sizeof(float) && (uintptr_t)x % 64 == 0);
  int z = tarn_find_output(engine, "z");
  CHECK(z >= 0 && tarn_find_input(engine, "x:0") == 0);
  for (int run = 0; run < 3; ++run) {
    for (int i = 0; i < 6; ++i) x[i] = (float)(run + i);
    CHECK(tarn_run(engine) == TARN_OK);
    const float* twice = tarn_output_data(engine, z, NULL);
    for (int i = 0; i < 6; ++i) CHECK(twice[i] == 2 * x[i]);
  }
  /* A smaller one is at the same place, a larger one need not be. */
  CHECK(tarn_input_buffer(engine, 0, kOneRow, 2, &count) == x && count == 3 * sizeof(float));
  CHECK(tarn_run(engine) == TARN_OK && ((const float*)tarn_output_data(engine, z, NULL))[2] == 2 * x[2]);
  const int64_t many[2] = {100, 3}, none[2] = {0, 3}, wide[2] = {2, 4};
  CHECK(tarn_input_buffer(engine, 0, many, 2, NULL) != NULL && tarn_run(engine) == TARN_OK);
  CHECK(((const float*)tarn_output_data(engine, z, &count))[299] == 0 && count == 300 * sizeof(float));
  CHECK(tarn_input_buffer(engine, 0, none, 2, &count) != NULL && count == 0 && tarn_run(engine) == TARN_OK);
  CHECK(tarn_memory_bytes(engine) >= (int64_t)(300 * sizeof(float)));

  CHECK(tarn_input_buffer(engine, 0, wide, 2, NULL) == NULL && said("[?,3]") && said("[2,4]"));
  CHECK(tarn_input_buffer(engine, 1, kOneRow, 2, NULL) == NULL && said("input 1"));
  CHECK(tarn_input_buffer(engine, 0, kOneRow, -1, NULL) == NULL && said("rank -1"));
  const int64_t huge[2] = {INT64_MAX / 16, 3}, large[2] = {(int64_t)1 << 33, 3};
  CHECK(tarn_input_buffer(engine, 0, huge, 2, NULL) == NULL);
  CHECK(tarn_input_buffer(engine, 0, large, 2, NULL) == NULL && said("bytes"));
  CHECK(tarn_set_input_strings(engine, 0, kOneRow, 2, NULL, NULL) == TARN_INVALID_ARGUMENT && said("got strings"));
  CHECK(tarn_find_input(engine, "w") == -1 && said("'x'"));
  CHECK(tarn_find_output(engine, NULL) == -1 && said("NULL"));
  tarn_engine_free(engine);
  return 0;
}

int c_api_output_buffers_are_written_to(const void* bytes, size_t size) {
  const tarn_options options = {.struct_size = sizeof options, .output_names = "y,z"};
  tarn_engine* engine = tarn_engine_load_memory(bytes, size, &options);
  CHECK(engine != NULL);
  _Alignas(64) float y[16] = {0};
  char raw[1 + 6 * sizeof(float)];
  float x[6] = {-3, -2, -1, 0, 1, 2}, copy[6];
  CHECK(tarn_set_output_buffer(engine, 0, y, 6 * sizeof(float)) == TARN_OK);
  CHECK(tarn_set_output_buffer(engine, 1, raw + 1, 6 * sizeof(float)) == TARN_OK); /* no alignment: copied */
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, kTwoRows, 2, x, sizeof x) == TARN_OK && tarn_run(engine) == TARN_OK);
  CHECK(tarn_output_data(engine, 0, NULL) == y); /* made in its place */
  for (int i = 0; i < 6; ++i) CHECK(y[i] == (x[i] + 1 > 0 ? x[i] + 1 : 0));
  memcpy(copy, raw + 1, sizeof copy);
  for (int i = 0; i < 6; ++i) CHECK(copy[i] == 2 * x[i]);

  /* Of another size: an error that says both, and a run is possible once it fits again. */
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, kOneRow, 2, x, 3 * sizeof(float)) == TARN_OK);
  CHECK(tarn_run(engine) == TARN_INVALID_ARGUMENT && said("output 'y'") && said("12 bytes") && said("24"));
  CHECK(tarn_output_data(engine, 0, NULL) == NULL);
  CHECK(tarn_set_output_buffer(engine, 0, y, 3 * sizeof(float)) == TARN_OK);
  CHECK(tarn_set_output_buffer(engine, 1, NULL, 0) == TARN_OK); /* where it lies in the engine */
  y[3] = 77;
  CHECK(tarn_run(engine) == TARN_OK && y[2] == 0 && y[3] == 77);
  CHECK(((const float*)tarn_output_data(engine, 1, NULL))[0] == -6);

  /* It may be the input too, then or at once; not another output. */
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, kOneRow, 2, y, 3 * sizeof(float)) == TARN_OK);
  for (int i = 0; i < 3; ++i) y[i] = (float)i;
  CHECK(tarn_run(engine) == TARN_OK && y[0] == 1 && y[2] == 3);
  CHECK(((const float*)tarn_output_data(engine, 1, NULL))[2] == 4);
  CHECK(tarn_run(engine) == TARN_OK && y[0] == 2 && y[2] == 4);
  CHECK(tarn_set_output_buffer(engine, 1, y + 1, 3 * sizeof(float)) == TARN_INVALID_ARGUMENT && said("overlaps"));
  CHECK(tarn_set_output_buffer(engine, 2, y, 4) == TARN_OUT_OF_RANGE);
  CHECK(tarn_set_output_buffer(engine, 0, NULL, 0) == TARN_OK && tarn_run(engine) == TARN_OK);
  CHECK(tarn_output_data(engine, 0, NULL) != y && y[0] == 2);
  tarn_engine_free(engine);
  return 0;
}

int c_api_strings_come_and_go(const void* bytes, size_t size) {
  tarn_engine* engine = tarn_engine_load_memory(bytes, size, NULL);
  CHECK(engine != NULL && tarn_input_dtype(engine, 0) == TARN_STRING);
  const char* const strings[2] = {"ab", "c\0d"};
  const size_t lengths[2] = {2, 3};
  const int64_t two = 2;
  CHECK(tarn_set_input_strings(engine, 0, &two, 1, strings, lengths) == TARN_OK && tarn_run(engine) == TARN_OK);
  size_t length = 0;
  const char* text = tarn_output_string(engine, 0, 1, &length);
  CHECK(text != NULL && length == 5 && memcmp(text, "c\0d!?", 6) == 0);
  CHECK(tarn_set_input_strings(engine, 0, &two, 1, strings, NULL) == TARN_OK && tarn_run(engine) == TARN_OK);
  CHECK(strcmp(tarn_output_string(engine, 0, 0, NULL), "ab!?") == 0);
  CHECK(strcmp(tarn_output_string(engine, 0, 1, NULL), "c!?") == 0);

  CHECK(tarn_output_string(engine, 0, 2, NULL) == NULL && said("string 2 of 2"));
  CHECK(tarn_output_string(engine, 0, -1, NULL) == NULL && tarn_output_string(engine, 1, 0, NULL) == NULL);
  CHECK(tarn_output_data(engine, 0, NULL) == NULL && said("tarn_output_string"));
  char copy[8];
  CHECK(tarn_get_output(engine, tarn_output_name(engine, 0), copy, sizeof copy) == TARN_INVALID_ARGUMENT);
  CHECK(tarn_set_output_buffer(engine, 0, copy, sizeof copy) == TARN_INVALID_ARGUMENT && said("string"));
  CHECK(tarn_input_buffer(engine, 0, &two, 1, NULL) == NULL && said("string"));
  CHECK(tarn_set_input_at(engine, 0, TARN_STRING, &two, 1, copy, sizeof copy) == TARN_INVALID_ARGUMENT);
  const char* const holes[2] = {"ab", NULL};
  CHECK(tarn_set_input_strings(engine, 0, &two, 1, holes, NULL) == TARN_INVALID_ARGUMENT && said("string 1 is NULL"));
  CHECK(tarn_set_input_strings(engine, 0, &two, 1, NULL, NULL) == TARN_INVALID_ARGUMENT && said("NULL"));
  const int64_t many = (int64_t)1 << 40;
  CHECK(tarn_set_input_strings(engine, 0, &many, 1, strings, NULL) == TARN_RESOURCE_EXHAUSTED);
  tarn_engine_free(engine);
  return 0;
}

int c_api_limits_hold(const void* bytes, size_t size, const void* endless, size_t endless_size) {
  tarn_options options = {.struct_size = sizeof options, .most_nodes = 5};
  CHECK(tarn_engine_load_memory(bytes, size, &options) == NULL && said("6 nodes") && said("5"));
  options.most_nodes = 6;
  tarn_engine* engine = tarn_engine_load_memory(bytes, size, &options);
  CHECK(engine != NULL);
  tarn_engine_free(engine);
  options.most_nodes = -1;
  CHECK(tarn_engine_load_memory(bytes, size, &options) == NULL && said("most_nodes is -1"));

  options = (tarn_options){.struct_size = sizeof options, .most_value_bytes = 1200};
  engine = tarn_engine_load_memory(bytes, size, &options);
  CHECK(engine != NULL);
  float x[303] = {0};
  const int64_t most[2] = {100, 3}, more[2] = {101, 3};
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, most, 2, x, 300 * sizeof(float)) == TARN_OK &&
        tarn_run(engine) == TARN_OK);
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, more, 2, x, 303 * sizeof(float)) == TARN_OK);
  CHECK(tarn_run(engine) == TARN_RESOURCE_EXHAUSTED && said("1212 bytes") && said("1200"));
  CHECK(tarn_input_buffer(engine, 0, more, 2, NULL) == NULL && said("1212"));
  tarn_engine_free(engine);
  options = (tarn_options){.struct_size = sizeof options, .most_bytes = 1000};
  engine = tarn_engine_load_memory(bytes, size, &options);
  CHECK(engine != NULL);
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, most, 2, x, 300 * sizeof(float)) == TARN_OK);
  CHECK(tarn_run(engine) == TARN_RESOURCE_EXHAUSTED && said("1000"));
  tarn_engine_free(engine);

  options = (tarn_options){.struct_size = sizeof options, .most_iterations = 500, .output_names = "i_exit"};
  engine = tarn_engine_load_memory(endless, endless_size, &options);
  CHECK(engine != NULL);
  CHECK(tarn_run(engine) == TARN_RESOURCE_EXHAUSTED && said("500 iterations"));
  tarn_engine_free(engine);
  options.most_iterations = 0;
  options.deadline_ms = 10;
  engine = tarn_engine_load_memory(endless, endless_size, &options);
  CHECK(engine != NULL);
  CHECK(tarn_run(engine) == TARN_DEADLINE_EXCEEDED && said("10 ms"));
  CHECK(tarn_set_deadline(engine, 20) == TARN_OK && tarn_run(engine) == TARN_DEADLINE_EXCEEDED && said("20 ms"));
  CHECK(tarn_set_deadline(engine, -1) == TARN_INVALID_ARGUMENT && said("-1"));
  CHECK(tarn_cancel(engine) == TARN_OK); /* nothing runs, so nothing comes of it */
  CHECK(tarn_run(engine) == TARN_DEADLINE_EXCEEDED);
  tarn_engine_free(engine);
  return 0;
}

int c_api_threads_change(const void* bytes, size_t size) {
  tarn_engine* engine = tarn_engine_load_memory(bytes, size, NULL);
  CHECK(engine != NULL && tarn_threads(engine) == 1);
  const float x[3] = {1, 2, 3};
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, kOneRow, 2, x, sizeof x) == TARN_OK);
  for (int threads = 1; threads <= 4; ++threads) {
    CHECK(tarn_set_threads(engine, threads) == TARN_OK && tarn_threads(engine) == threads);
    CHECK(tarn_run(engine) == TARN_OK && ((const float*)tarn_output_data(engine, 0, NULL))[0] == 2);
    CHECK(tarn_set_threads(engine, threads) == TARN_OK);
    CHECK(tarn_output_data(engine, 0, NULL) != NULL);
  }
  CHECK(tarn_set_threads(engine, -1) == TARN_OK && tarn_threads(engine) >= 1 && tarn_run(engine) == TARN_OK);
  CHECK(tarn_set_threads(engine, 0) == TARN_OK && tarn_threads(engine) == 1 && tarn_run(engine) == TARN_OK);
  CHECK(tarn_set_threads(engine, 1 << 20) == TARN_INVALID_ARGUMENT && said("1048576") && said("256"));
  CHECK(tarn_set_threads(engine, -2) == TARN_INVALID_ARGUMENT);
  tarn_engine_free(engine);
  return 0;
}

int c_api_profiles(const void* bytes, size_t size) {
  tarn_engine* engine = tarn_engine_load_memory(bytes, size, NULL);
  CHECK(engine != NULL);
  CHECK(tarn_profile_text(engine) == NULL && said("nothing was profiled"));
  const float x[3] = {1, 2, 3};
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, kOneRow, 2, x, sizeof x) == TARN_OK && tarn_run(engine) == TARN_OK);
  CHECK(tarn_profile_json(engine) == NULL);
  CHECK(tarn_profile_start(engine) == TARN_OK);
  for (int run = 0; run < 3; ++run) CHECK(tarn_run(engine) == TARN_OK);
  CHECK(tarn_profile_stop(engine) == TARN_OK && tarn_run(engine) == TARN_OK);
  const char* text = tarn_profile_text(engine);
  CHECK(text != NULL && strstr(text, "Run Order") != NULL && strstr(text, "Summary by node type") != NULL);
  CHECK(strstr(text, "\tsum\n") != NULL && strstr(text, "Timings (microseconds): count=3") != NULL);
  const char* json = tarn_profile_json(engine);
  CHECK(json != NULL && strstr(json, "{\"runs\": 3, ") == json && strstr(json, "\"name\": \"sum\"") != NULL);
  CHECK(tarn_profile_start(engine) == TARN_OK && tarn_profile_text(engine) == NULL); /* what was is forgotten */
  tarn_engine_free(engine);
  return 0;
}

int c_api_dead_handles_are_errors(const void* bytes, size_t size) {
  tarn_engine* engine = tarn_engine_load_memory(bytes, size, NULL);
  tarn_model* model = tarn_engine_model(engine);
  CHECK(engine != NULL && model != NULL);
  tarn_engine* clone = tarn_engine_clone(engine);
  /* Handles of one kind where another is expected. */
  CHECK(tarn_run((tarn_engine*)(void*)model) == TARN_INVALID_ARGUMENT && said("another kind"));
  CHECK(tarn_engine_new((tarn_model*)(void*)engine, NULL) == NULL && said("another kind"));
  /* What is no handle. */
  int local = 0;
  CHECK(tarn_run((tarn_engine*)(void*)&local) == TARN_INVALID_ARGUMENT && said("no handle"));
  CHECK(tarn_cancel((const tarn_engine*)(uintptr_t)12345) == TARN_INVALID_ARGUMENT);
  tarn_engine_free(engine);
  tarn_model_free(model);
  /* After its end a handle is none, for every function, as often as it is tried. */
  for (int i = 0; i < 3; ++i) {
    tarn_engine_free(engine);
    CHECK(said("freed"));
    tarn_model_free(model);
    CHECK(tarn_run(engine) == TARN_INVALID_ARGUMENT && said("freed"));
  }
  const int64_t one = 1;
  float x = 0;
  CHECK(tarn_engine_clone(engine) == NULL && tarn_engine_model(engine) == NULL && tarn_engine_new(model, NULL) == NULL);
  CHECK(tarn_input_count(engine) == -1 && tarn_output_count(engine) == -1 && tarn_input_name(engine, 0) == NULL);
  CHECK(tarn_output_name(engine, 0) == NULL && tarn_find_input(engine, "x") == -1 &&
        tarn_find_output(engine, "y") == -1);
  CHECK(tarn_input_dtype(engine, 0) == 0 && tarn_input_shape(engine, 0, NULL, 0) == -1);
  CHECK(tarn_set_input(engine, "x", TARN_FLOAT, &one, 1, &x, 4) == TARN_INVALID_ARGUMENT);
  CHECK(tarn_set_input_at(engine, 0, TARN_FLOAT, &one, 1, &x, 4) == TARN_INVALID_ARGUMENT);
  CHECK(tarn_input_buffer(engine, 0, &one, 1, NULL) == NULL);
  CHECK(tarn_set_input_strings(engine, 0, &one, 1, NULL, NULL) == TARN_INVALID_ARGUMENT);
  CHECK(tarn_prepare(engine) == TARN_INVALID_ARGUMENT && tarn_cancel(engine) == TARN_INVALID_ARGUMENT);
  CHECK(tarn_set_deadline(engine, 1) == TARN_INVALID_ARGUMENT && tarn_set_threads(engine, 1) == TARN_INVALID_ARGUMENT);
  CHECK(tarn_threads(engine) == -1 && tarn_self_test(engine) == TARN_INVALID_ARGUMENT &&
        tarn_memory_bytes(engine) == -1);
  CHECK(tarn_output_data(engine, 0, NULL) == NULL && tarn_output_dtype(engine, 0) == 0);
  CHECK(tarn_output_shape(engine, 0, NULL, 0) == -1 && tarn_get_output(engine, "y", &x, 4) == TARN_INVALID_ARGUMENT);
  CHECK(tarn_set_output_buffer(engine, 0, &x, 4) == TARN_INVALID_ARGUMENT);
  CHECK(tarn_output_string(engine, 0, 0, NULL) == NULL && tarn_profile_start(engine) == TARN_INVALID_ARGUMENT);
  CHECK(tarn_profile_stop(engine) == TARN_INVALID_ARGUMENT && tarn_profile_text(engine) == NULL);
  CHECK(tarn_profile_json(engine) == NULL);
  CHECK(tarn_model_producer(model) == -1 && tarn_model_bytes(model) == -1 && tarn_model_node_count(model) == -1);
  CHECK(tarn_model_find_node(model, "x") == -1 && tarn_model_node_name(model, 0) == NULL);
  CHECK(tarn_model_node_op(model, 0) == NULL && tarn_model_op_count(model) == -1 &&
        tarn_model_op_name(model, 0) == NULL);
  CHECK(tarn_model_metadata_count(model) == -1 && tarn_model_metadata_key(model, 0) == NULL);
  CHECK(tarn_model_metadata(model, "author") == NULL);
  /* The app goes on. */
  const float row[3] = {1, 2, 3};
  CHECK(tarn_set_input(clone, "x", TARN_FLOAT, kOneRow, 2, row, sizeof row) == TARN_OK && tarn_run(clone) == TARN_OK);
  tarn_engine_free(clone);
  tarn_engine_free(NULL);
  tarn_model_free(NULL);
  return 0;
}

/* Programs of other versions of the header: an older one has fewer fields, a newer one more. */
int c_api_structs_may_grow(const void* bytes, size_t size) {
  struct {
    tarn_options known;
    int64_t later[2];
  } newer = {.known = {.struct_size = sizeof newer, .output_names = "y"}};
  tarn_engine* engine = tarn_engine_load_memory(bytes, size, &newer.known);
  CHECK(engine != NULL && tarn_output_count(engine) == 1);
  tarn_engine_free(engine);
  newer.later[1] = 3;
  CHECK(tarn_engine_load_memory(bytes, size, &newer.known) == NULL && said("does not know"));

  tarn_options older = {.struct_size = offsetof(tarn_options, most_nodes), .output_names = "y", .most_nodes = 1};
  engine = tarn_engine_load_memory(bytes, size, &older); /* what lies behind is not looked at */
  CHECK(engine != NULL);
  tarn_engine_free(engine);
  older.struct_size -= 1;
  CHECK(tarn_engine_load_memory(bytes, size, &older) == NULL && said("struct_size"));

  CHECK(tarn_api_version() == TARN_C_API_VERSION && strlen(tarn_version()) >= 5);
  CHECK(strcmp(tarn_code_name(TARN_DEADLINE_EXCEEDED), "DeadlineExceeded") == 0);
  CHECK(strcmp(tarn_code_name(99), "Unknown") == 0 && strcmp(tarn_code_name(-1), "Unknown") == 0);
  CHECK(strcmp(tarn_dtype_name(TARN_HALF), "half") == 0 && tarn_dtype_size(TARN_HALF) == 2);
  CHECK(strcmp(tarn_dtype_name(99), "unknown") == 0 && tarn_dtype_size(99) == 0 && tarn_dtype_size(TARN_STRING) == 0);
  return 0;
}
