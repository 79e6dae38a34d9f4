// A graph, what it is fed, and the pipeline that went wrong on it, as text: tests/passes/regression/*.txt.
//
//   # fold_batch_norms: differs
//   # output 'y' is …
//   # pipeline: strip fold_batch_norms
//   # outputs: y
//   # feed: x f32[2]{1, 2}
//
//   x: f32[2] = Placeholder
//   y: f32[2] = Relu(x)
//
// What a reducer writes and a test replays. `# inputs:` is there if the passes are told of inputs.
#pragma once

#include <string>
#include <vector>

#include "tests/property/pass_check.h"

namespace tarn::testing {

struct RegressionCase {
  GraphCase graph_case;
  std::string pipeline;
  std::vector<std::string> remarks;  // lines for people
};

std::string regression_text(const RegressionCase& regression);
// Errors name the line.
Result<RegressionCase> parse_regression(const std::string& text, const std::string& source);

}  // namespace tarn::testing
