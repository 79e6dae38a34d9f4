/* What an app's engine weighs: loads a model, runs it on .npy files, prints and writes its outputs. Nothing but the C
 * API, so that the program is as large as the engine it links.
 *
 *   lean_runner MODEL.pb INPUT=FILE.npy… [--out=FOLDER]      FOLDER/0.bin: the bytes of the first output
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/c_api.h"

enum { kMostDims = 8, kMostInputs = 16, kShown = 4 };

typedef struct Array {
  int dtype, rank;
  int64_t dims[kMostDims];
  void* data;
  size_t bytes;
} Array;

/* Sets the dtype, and `bytes` to those of one element; 0: of no type that there is. */
static int read_dtype(const char* header, Array* array) {
  static const struct {
    char descr[6];
    unsigned char bytes, dtype;
  } kTypes[] = {{"'<f4'", 4, TARN_FLOAT}, {"'<f8'", 8, TARN_DOUBLE}, {"'<i4'", 4, TARN_INT32}, {"'<i8'", 8, TARN_INT64},
                {"'|u1'", 1, TARN_UINT8}, {"'|i1'", 1, TARN_INT8},   {"'<i2'", 2, TARN_INT16}, {"'|b1'", 1, TARN_BOOL}};
  for (size_t i = 0; i < sizeof kTypes / sizeof kTypes[0]; ++i) {
    if (strstr(header, kTypes[i].descr) == NULL) continue;
    array->dtype = kTypes[i].dtype;
    array->bytes = kTypes[i].bytes;
    return 1;
  }
  return 0;
}

/* A .npy file of version 1: magic, version, the header's length in two bytes, a Python dict as text, the elements. */
static int read_npy(const char* path, Array* array) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) return 0;
  unsigned char start[10];
  char header[1024] = "";
  size_t length = 0;
  int good = fread(start, 1, sizeof start, file) == sizeof start && memcmp(start, "\x93NUMPY\x01", 7) == 0;
  if (good) length = start[8] + 256u * start[9];
  good = good && length < sizeof header && fread(header, 1, length, file) == length;
  const char* shape = good ? strstr(header, "'shape': (") : NULL;
  good = shape != NULL && read_dtype(header, array) && strstr(header, "'fortran_order': False") != NULL;
  array->rank = 0;
  for (shape = good ? shape + strlen("'shape': (") : NULL; good && *shape != ')';) {
    char* end = NULL;
    array->dims[array->rank] = strtoll(shape, &end, 10);
    array->bytes *= (size_t)array->dims[array->rank++];
    good = end != shape && array->rank < kMostDims;
    for (shape = end; *shape == ',' || *shape == ' ';) ++shape;
  }
  array->data = good ? malloc(array->bytes + 1) : NULL;
  good = array->data != NULL && fread(array->data, 1, array->bytes, file) == array->bytes;
  fclose(file);
  return good;
}

static int fail(const char* what) {
  fprintf(stderr, "lean_runner: %s\n", what);
  return 1;
}

static int write_output(const char* folder, int index, const void* data, size_t bytes) {
  char path[4096];
  if (snprintf(path, sizeof path, "%s/%d.bin", folder, index) >= (int)sizeof path) return fail("--out is too long");
  FILE* file = fopen(path, "wb");
  int good = file != NULL && fwrite(data, 1, bytes, file) == bytes;
  if (file != NULL && fclose(file) != 0) good = 0;
  return good ? 0 : fail(path);
}

static int print_output(const tarn_engine* engine, int index, const char* folder) {
  int64_t dims[kMostDims];
  int rank = tarn_output_shape(engine, index, dims, kMostDims);
  size_t bytes = 0;
  const void* data = tarn_output_data(engine, index, &bytes);
  if (data == NULL || rank > kMostDims) return fail(tarn_last_error());
  printf("%s [", tarn_output_name(engine, index));
  for (int d = 0; d < rank; ++d) printf("%s%" PRId64, d > 0 ? "," : "", dims[d]);
  printf("] %zu bytes", bytes);
  if (tarn_output_dtype(engine, index) == TARN_FLOAT) {
    for (size_t i = 0; i < kShown && (i + 1) * sizeof(float) <= bytes; ++i) {
      printf(" %g", (double)((const float*)data)[i]);
    }
  }
  printf("\n");
  return folder == NULL ? 0 : write_output(folder, index, data, bytes);
}

int main(int argc, char** argv) {
  if (argc < 2) return fail("usage: lean_runner MODEL.pb INPUT=FILE.npy… [--out=FOLDER]");
  tarn_engine* engine = tarn_engine_load(argv[1], NULL);
  if (engine == NULL) return fail(tarn_last_error());
  static Array inputs[kMostInputs];
  const char* folder = NULL;
  int used = 0, result = 0;
  for (int i = 2; i < argc && result == 0; ++i) {
    char* equals = strchr(argv[i], '=');
    if (strstr(argv[i], "--out=") == argv[i]) {
      folder = argv[i] + 6;
    } else if (equals == NULL || used == kMostInputs || !read_npy(equals + 1, &inputs[used])) {
      result = fail(argv[i]);
    } else {
      *equals = '\0';
      const Array* input = &inputs[used++];
      if (tarn_set_input(engine, argv[i], input->dtype, input->dims, input->rank, input->data, input->bytes) != TARN_OK)
        result = fail(tarn_last_error());
    }
  }
  if (result == 0 && tarn_run(engine) != TARN_OK) result = fail(tarn_last_error());
  for (int i = 0; i < tarn_output_count(engine) && result == 0; ++i) result = print_output(engine, i, folder);
  tarn_engine_free(engine);
  for (int i = 0; i < used; ++i) free(inputs[i].data);
  return result;
}
