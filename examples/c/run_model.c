/* Loads a model, sets its first input to the numbers given (open dims are 1), runs, prints its outputs.
 *
 *   cc run_model.c -o run_model $(pkg-config --cflags --libs tarn_engine)
 *   ./run_model digits.pb 0 0.5 1 …           without numbers: zeros
 */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/c_api.h"

enum { kMostDims = 8 };

static int fail(tarn_engine* engine) {
  fprintf(stderr, "run_model: %s\n", tarn_last_error());
  tarn_engine_free(engine);
  return 1;
}

int main(int argc, char** argv) {
  if (argc < 2) return fprintf(stderr, "usage: run_model MODEL.pb [NUMBER…]\n"), 2;
  tarn_engine* engine = tarn_engine_load(argv[1], NULL);
  if (engine == NULL) return fail(engine);

  int64_t dims[kMostDims];
  int rank = tarn_input_shape(engine, 0, dims, kMostDims);
  for (int d = 0; d < rank && d < kMostDims; ++d) dims[d] = dims[d] < 0 ? 1 : dims[d];
  size_t bytes = 0;
  float* input = tarn_input_buffer(engine, 0, dims, rank, &bytes); /* the engine's own memory: nothing is copied */
  if (input == NULL || tarn_input_dtype(engine, 0) != TARN_FLOAT) return fail(engine);
  for (size_t i = 0; i < bytes / sizeof *input; ++i) input[i] = (int)i + 2 < argc ? strtof(argv[i + 2], NULL) : 0;
  if (tarn_run(engine) != TARN_OK) return fail(engine);

  for (int o = 0; o < tarn_output_count(engine); ++o) {
    const float* output = tarn_output_data(engine, o, &bytes);
    if (output == NULL || tarn_output_dtype(engine, o) != TARN_FLOAT) return fail(engine);
    printf("%s:", tarn_output_name(engine, o));
    for (size_t i = 0; i < bytes / sizeof *output; ++i) printf(" %g", (double)output[i]);
    printf("\n");
  }
  tarn_engine_free(engine);
  return 0;
}
