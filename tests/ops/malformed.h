// Breaks a good case in every way that a file or a feed can: ranks, dims, dtypes, values of integer inputs, attrs, the
// number of inputs. An op may accept or refuse each, but never crash, never hang, and never contradict its inference.
#pragma once

#include "tests/ops/harness.h"

namespace tarn::testing {

struct MalformedReport {
  int tried = 0;
  int refused = 0;
  std::vector<std::string> problems;
};

// The case being tried is printed if the process dies of it.
MalformedReport try_malformed(const OpRegistry::Op& op, const BoundCase& bound);

}  // namespace tarn::testing
