// What this machine's kernels run on, by name, and how fast it multiplies and adds floats at most.
//
//   print("isa ", widest_isa(), ", at most ", peak_gflops(2), " GFLOP/s on two threads\n");
// Defined in ops/kernels, whose instruction sets these are.
#pragma once

#include <string>
#include <vector>

#include "core/status.h"

namespace tarn {

// "portable", "avx2", "avx512": what kernels of this architecture know, the widest last.
std::vector<std::string> known_isas();
// The widest that this machine has and the environment (TARN_ISA) allows.
std::string widest_isa();
// "AMD EPYC 9B14": the processor by its own words; of ARM's the number of its first core's design, as the system has
// it.
std::string cpu_name();
// Programs that are made from now on use nothing wider. Errors: InvalidArgument for a name
// that is none, or of what this machine has not.
Status limit_isa(const std::string& name);

// A loop of multiply-adds in widest_isa()'s registers, for about 20 ms: 10^9 operations a second of `threads` threads
// (0: one per core) at once, two a multiply-add. The best of a few rounds, so that what else runs takes little of it
// away.
double peak_gflops(int threads);

}  // namespace tarn
