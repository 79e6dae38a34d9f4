// Which parts of the runtime a binary has: all of them, unless cmake/ops_from.cmake says that no op of a build
// (-DTARN_OPS_FROM=model.pb) needs one. What asks these constants leaves out the code for what cannot be there.
//
//   if (kHasVariables && fact.is_ref) …
#pragma once

#ifndef TARN_HAS_CONTROL_FLOW
#define TARN_HAS_CONTROL_FLOW 1
#endif
#ifndef TARN_HAS_VARIABLES
#define TARN_HAS_VARIABLES 1
#endif
#ifndef TARN_HAS_THREADS
#if defined(__EMSCRIPTEN__) && !defined(__EMSCRIPTEN_PTHREADS__)
#define TARN_HAS_THREADS 0
#else
#define TARN_HAS_THREADS 1
#endif
#endif

#ifndef TARN_HAS_RESIDUALS
#define TARN_HAS_RESIDUALS 1
#endif

#ifndef TARN_HAS_SERVICES
#define TARN_HAS_SERVICES 1
#endif

namespace tarn {

// Branches and loops: an OpDef::control that is not kNone.
constexpr bool kHasControlFlow = TARN_HAS_CONTROL_FLOW != 0;
// References, and handles on variables, tables and what lives as long as a run.
constexpr bool kHasVariables = TARN_HAS_VARIABLES != 0;
// Sums that kernels may add to what they make (kResidualAdd).
constexpr bool kHasResiduals = TARN_HAS_RESIDUALS != 0;
// Ops that a program can offer a service for, or not (OpDef::needs).
constexpr bool kHasServices = TARN_HAS_SERVICES != 0;
// Kernels of libraries beside the ops' own (CompileOptions::backend_files): sessions have them.
#ifdef TARN_SELECTED_OPS
constexpr bool kHasOtherLibraries = false;
#else
constexpr bool kHasOtherLibraries = true;
#endif
// More threads than the caller's, which a WebAssembly module has not.
constexpr bool kHasThreads = TARN_HAS_THREADS != 0;

}  // namespace tarn
