// How fast this machine multiplies and adds floats at most: a loop of multiply-adds in registers, for about 20 ms.
//
//   double most = peak_gflops(kernels::best_isa(), 2);    // two operations a multiply-add
#pragma once

#include "ops/kernels/isa.h"

namespace tarn {

// Of `threads` threads at once, in 10^9 operations a second: the best of a few rounds, so that what else runs on the
// machine takes little of it away. 0: this machine does not have `isa`.
double peak_gflops(kernels::Isa isa, int threads);

}  // namespace tarn
