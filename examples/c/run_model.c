/* Loads a model, sets its inputs to the numbers given (open dims are 1), runs, prints its outputs.
 *
 *   cc run_model.c -o run_model $(pkg-config --cflags --libs tarn_engine)
 *   ./run_model digits.pb 0 0.5 1 …           zeros where no number is left
 */
#include <stdio.h>
#include <stdlib.h>
#include "runtime/c_api.h"

static int fail(tarn_engine* engine, const char* what) {
  fprintf(stderr, "run_model: %s\n", what);
  tarn_engine_free(engine);
  return 1;
}

int main(int argc, char** argv) {
  tarn_engine* engine = tarn_engine_load(argc > 1 ? argv[1] : "", NULL);
  if (engine == NULL) return fail(engine, tarn_last_error());
  size_t bytes = 0;
  for (int i = 0, next = 2; i < tarn_input_count(engine); ++i) {
    if (tarn_input_dtype(engine, i) != TARN_FLOAT) return fail(engine, "this program feeds floats alone");
    int64_t dims[8];
    int rank = tarn_input_shape(engine, i, dims, 8);
    for (int d = 0; d < rank && d < 8; ++d) dims[d] = dims[d] < 0 ? 1 : dims[d];
    float* input = tarn_input_buffer(engine, i, dims, rank, &bytes); /* the engine's own memory: nothing is copied */
    if (input == NULL) return fail(engine, tarn_last_error());
    for (size_t n = 0; n < bytes / sizeof *input; ++n) input[n] = next < argc ? strtof(argv[next++], NULL) : 0;
  }
  if (tarn_run(engine) != TARN_OK) return fail(engine, tarn_last_error());
  for (int o = 0; o < tarn_output_count(engine); ++o) {
    const float* output = tarn_output_data(engine, o, &bytes);
    if (output == NULL) return fail(engine, tarn_last_error());
    if (tarn_output_dtype(engine, o) != TARN_FLOAT) return fail(engine, "this program prints floats alone");
    printf("%s:", tarn_output_name(engine, o));
    for (size_t n = 0; n < bytes / sizeof *output; ++n) printf(" %g", (double)output[n]);
    printf("\n");
  }
  tarn_engine_free(engine);
  return 0;
}
