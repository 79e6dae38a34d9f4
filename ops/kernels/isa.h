// Which instruction set a kernel runs on, chosen at run time. Every kernel takes a trailing `Isa isa = best_isa()`;
// only tests and benchmarks pass it. The build's baseline stays plain x86-64 (or armv8-a, wasm): wide code lives in
// functions with a target attribute and internal linkage (see foreach_isa.h).
//
//   gemm(pool, …, scratch);                    // the best this machine has, capped by TARN_ISA=portable|avx2|avx512
//   gemm(pool, …, scratch, Isa::kPortable);    // forced
#pragma once

namespace tarn::kernels {

enum class Isa { kPortable, kAvx2, kAvx512 };  // ordered: a later one is wider

// True if this machine (and this build's architecture) can run `isa`. Ignores TARN_ISA.
bool isa_available(Isa isa);

// The widest available one that TARN_ISA allows, read once, unless another was chosen. A value of TARN_ISA that is not
// known is warned of on standard error.
Isa best_isa();
// What was laid out before is for the one before: programs made then keep it.
void choose_isa(Isa isa);

const char* isa_name(Isa isa);  // "portable", "avx2", "avx512"

}  // namespace tarn::kernels
