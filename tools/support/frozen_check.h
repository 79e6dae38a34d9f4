// Whether a frozen graph works: it is read back as the file it will be, and run once.
//
//   TARN_ASSIGN_OR_RETURN(std::string why_not_run, check_frozen_graph(bytes, {"softmax"}));
#pragma once

#include <string>
#include <vector>

#include "core/status.h"

namespace tarn {

// Errors: `bytes` do not read back, or not as a graph without variables. Then runs the outputs on zeros (unknown dims
// are 1, strings empty); the result is empty, or says why the run was not made or did not come to its end: made-up
// inputs may fit no picture decoder, and ops may be missing here that another runtime has.
Result<std::string> check_frozen_graph(const std::string& bytes, const std::vector<std::string>& outputs);

}  // namespace tarn
