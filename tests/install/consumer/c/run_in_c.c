/* The C API from an installed tree: prints the second class's probability of 1 0 0 0. */
#include <stdio.h>

#include "runtime/c_api.h"

int main(int argc, char** argv) {
  const float x[4] = {1, 0, 0, 0};
  const int64_t shape[2] = {1, 4};
  float y[2];
  tarn_engine* engine = argc == 2 ? tarn_engine_load(argv[1], NULL) : NULL;
  if (engine == NULL || tarn_set_input(engine, "input_node", TARN_FLOAT, shape, 2, x, sizeof x) != TARN_OK ||
      tarn_run(engine) != TARN_OK || tarn_get_output(engine, "output_node", y, sizeof y) != TARN_OK) {
    fprintf(stderr, "run_in_c: %s\n", tarn_last_error());
    return 1;
  }
  printf("%.6f\n", (double)y[1]);
  tarn_engine_free(engine);
  return 0;
}
