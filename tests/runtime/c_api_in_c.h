/* The C API as C programs use it (c_api*_in_c.c); called from c_api_test.cc. */
#ifndef TARN_TESTS_RUNTIME_C_API_IN_C_H_
#define TARN_TESTS_RUNTIME_C_API_IN_C_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Each returns 0, or the line of this file's source that did not hold; `bytes` is a model
 *   x: f32[?,3] = Placeholder;  y = Relu(x + 1);  z = 2 * x                                                     */
int c_api_load_run_get(const void* bytes, size_t size);
int c_api_refuses_wrong_inputs(const void* bytes, size_t size);
int c_api_refuses_null(const void* bytes, size_t size);
int c_api_clones_are_apart(const void* bytes, size_t size);

/* c_api_doors_in_c.c, of the same model */
int c_api_engines_share_a_model(const void* bytes, size_t size);
/* It lies in the file from `offset` on. */
int c_api_reads_descriptors(int fd, int64_t offset, int64_t length, int64_t file_size);
int c_api_input_buffers_are_written_in_place(const void* bytes, size_t size);
int c_api_output_buffers_are_written_to(const void* bytes, size_t size);
int c_api_threads_change(const void* bytes, size_t size);
int c_api_profiles(const void* bytes, size_t size);
int c_api_dead_handles_are_errors(const void* bytes, size_t size);
int c_api_structs_may_grow(const void* bytes, size_t size);
/* x: str[?] = Placeholder;  y = x with "!?" behind */
int c_api_strings_come_and_go(const void* bytes, size_t size);
/* And a loop that never ends: i_exit. */
int c_api_limits_hold(const void* bytes, size_t size, const void* endless, size_t endless_size);

/* c_api_ops_in_c.c: x: f32[?,3] = Placeholder;  scaled = ScaleRows(x) {factor=3.0};  y = Identity(scaled) */
int c_api_runs_ops_of_the_app(const void* bytes, size_t size);
int c_api_errors_of_ops_are_the_runs(const void* bytes, size_t size);
int c_api_refuses_bad_ops(const void* bytes, size_t size);
/* A node 'look' of op Look, with an attr of each kind. */
int c_api_ops_see_all_there_is(const void* bytes, size_t size);

#ifdef __cplusplus
}
#endif

#endif
