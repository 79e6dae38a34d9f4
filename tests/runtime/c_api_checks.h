/* What the tests that are compiled as C check with. */
#ifndef TARN_TESTS_RUNTIME_C_API_CHECKS_H_
#define TARN_TESTS_RUNTIME_C_API_CHECKS_H_

#include <string.h>

#include "runtime/c_api.h"

#define CHECK(condition)               \
  do {                                 \
    if (!(condition)) return __LINE__; \
  } while (0)

/* Whether the last error's text has `part` in it. */
static inline int said(const char* part) {
  return strstr(tarn_last_error(), part) != NULL;
}

#endif
