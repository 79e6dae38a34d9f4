/* The C API as a C program uses it; called from c_api_test.cc. */
#ifndef TARN_TESTS_RUNTIME_C_API_IN_C_H_
#define TARN_TESTS_RUNTIME_C_API_IN_C_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Each returns 0, or the line of this file's source that did not hold; `bytes` is a model
 *   x: f32[?,3] = Placeholder;  y = Relu(x + 1);  z = 2 * x                                                     */
int c_api_load_run_get(const void* bytes, size_t size);
int c_api_refuses_wrong_inputs(const void* bytes, size_t size);
int c_api_refuses_null(const void* bytes, size_t size);
int c_api_clones_are_apart(const void* bytes, size_t size);

#ifdef __cplusplus
}
#endif

#endif
