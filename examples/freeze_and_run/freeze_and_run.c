/* A digit classifier in an app, in C: load the optimized file, show it a digit, print what it says.
 *
 *   freeze_and_run_c out/model.pb examples/freeze_and_run/seven.pgm
 *
 * How out/model.pb is made is said in freeze_and_run.cc.
 */
#include <stdio.h>
#include <string.h>

#include "runtime/c_api.h"

enum { kSide = 28, kDigits = 10 };

/* A PGM file ("P2", gray values as text) as numbers from 0, black, to 1, white. 0 if it is not 28 x 28. */
static int read_digit(const char* path, float pixels[kSide * kSide]) {
  FILE* file = fopen(path, "r");
  if (file == NULL) return 0;
  char magic[3] = "";
  int width = 0, height = 0, white = 0;
  int good = fscanf(file, "%2s %d %d %d", magic, &width, &height, &white) == 4 && strcmp(magic, "P2") == 0 &&
             width == kSide && height == kSide && white > 0;
  for (int i = 0; good && i < kSide * kSide; ++i) {
    int value = 0;
    good = fscanf(file, "%d", &value) == 1;
    pixels[i] = (float)value / (float)white;
  }
  fclose(file);
  return good;
}

static int fail(tarn_engine* engine) {
  fprintf(stderr, "freeze_and_run_c: %s\n", tarn_last_error());
  tarn_engine_free(engine);
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: freeze_and_run_c MODEL.pb DIGIT.pgm\n");
    return 2;
  }
  float pixels[kSide * kSide];
  if (!read_digit(argv[2], pixels)) {
    fprintf(stderr, "freeze_and_run_c: cannot read %s as a text PGM (P2) of 28 x 28\n", argv[2]);
    return 1;
  }

  tarn_engine* engine = tarn_engine_load(argv[1], NULL);
  if (engine == NULL) return fail(engine);
  const int64_t shape[] = {1, kSide * kSide};
  if (tarn_set_input(engine, "input_node", TARN_FLOAT, shape, 2, pixels, sizeof pixels) != TARN_OK) return fail(engine);
  if (tarn_run(engine) != TARN_OK) return fail(engine);
  float probabilities[kDigits];
  if (tarn_get_output(engine, "output_node", probabilities, sizeof probabilities) != TARN_OK) return fail(engine);

  int best = 0;
  for (int digit = 0; digit < kDigits; ++digit) {
    printf("%d  %.4f\n", digit, (double)probabilities[digit]);
    if (probabilities[digit] > probabilities[best]) best = digit;
  }
  printf("It is a %d.\n", best);
  tarn_engine_free(engine);
  return 0;
}
