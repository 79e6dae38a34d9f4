// Matrix products, row-major:  C = activation(op(A) * op(B) + bias), or C += op(A) * op(B) before bias and activation.
//
//   std::vector<…> or arena: scratch of gemm_scratch_bytes<float>(m, n, k, pool.threads()), 64-byte aligned
//   gemm<float>(pool, false, false, m, n, k, a, k, b, n, /*accumulate=*/false, c, n, {.bias = bias}, scratch);
//
//   // Constant weights: pack once into memory of your own, then multiply without touching the original again.
//   PackedMatrix<float> w = pack_matrix<float>(false, k, n, b, n, memory);      // packed_matrix_bytes<float>(k, n)
//   gemm_packed<float>(pool, m, w, a, k, false, c, n, {}, scratch);
//
// T is float (hot) or double (for gradient tests). op(A) is [m, k]; with transpose_a A is stored [k, m]; lda is the
// stride of the stored rows. Each element of C is one chain of multiply-adds in the order of k, so the bits do not
// depend on the number of threads. Nothing allocates. Thread-safe as long as outputs and scratch are not shared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "core/thread_pool.h"
#include "ops/kernels/isa.h"

namespace tarn::kernels {

enum class Activation { kNone, kRelu, kRelu6 };

// Applied to each finished element of the output: bias of its column, what is added to it, then the activation. NaN
// passes through.
template <class T>
struct Epilogue {
  const T* bias = nullptr;  // [n], or null
  Activation activation = Activation::kNone;
  const T* residual = nullptr;  // laid out as the output; or null. May be the output itself: gemm_is_one_pass()
};

template <class T>
size_t gemm_scratch_bytes(int64_t m, int64_t n, int64_t k, int threads);

template <class T>
void gemm(ThreadPool& pool, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const T* a,
          int64_t lda, const T* b, int64_t ldb, bool accumulate, T* c, int64_t ldc, const Epilogue<T>& epilogue,
          void* scratch, Isa isa = best_isa());

// A view of a [k, n] matrix in the layout that `isa`'s kernels read.
template <class T>
struct PackedMatrix {
  const T* data = nullptr;
  int64_t k = 0;
  int64_t n = 0;
  Isa isa = Isa::kPortable;
};

template <class T>
size_t packed_matrix_bytes(int64_t k, int64_t n);

// Told which bytes of a matrix are not read again, a few megabytes at a time.
using HaveRead = std::function<void(const void* data, size_t bytes)>;

// Packs op(B) [k, n] into `memory` (64-byte aligned).
template <class T>
PackedMatrix<T> pack_matrix(bool transpose_b, int64_t k, int64_t n, const T* b, int64_t ldb, void* memory,
                            Isa isa = best_isa(), const HaveRead& have_read = nullptr);

// What packed bytes depend on beside the matrix' elements: "1024x10/32". Instruction sets of equal vectors pack alike.
template <class T>
std::string packed_matrix_layout(bool transpose_b, int64_t k, int64_t n, Isa isa = best_isa());

// Whether products of this depth are made in one go. Then each element of a residual is read just before that of the
// output is written, and the two may be one matrix.
bool gemm_is_one_pass(int64_t k);

template <class T>
size_t gemm_packed_scratch_bytes(int64_t m, int64_t n, int64_t k, int threads);

// C[m, b.n] = activation(A[m, b.k] * b + bias), A row-major.
template <class T>
void gemm_packed(ThreadPool& pool, int64_t m, const PackedMatrix<T>& b, const T* a, int64_t lda, bool accumulate, T* c,
                 int64_t ldc, const Epilogue<T>& epilogue, void* scratch);

}  // namespace tarn::kernels
