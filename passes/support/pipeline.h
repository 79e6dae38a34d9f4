// A pipeline of passes as text, in the grammar of TensorFlow's transform_graph: names, each perhaps with arguments,
// separated by spaces or commas.
//
//   Result<std::vector<PipelineStep>> steps = parse_pipeline("strip fold_constants(max_constant_size_in_bytes=1000)");
//   pipeline_text(*steps);     // the same again
//
// A value is a word of letters, digits and _ . / - : or stands in quotes, in which \" is a quote and \\ a backslash.
// Every pass takes ignore_errors=true: where it fails, the graph stays as it was.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "passes/pass.h"

namespace tarn {

struct PipelineStep {
  const PassDef* pass;
  PassArgs args;  // checked
  bool ignore_errors = false;
};

// Errors name the position and the nearest pass or argument.
Result<std::vector<PipelineStep>> parse_pipeline(std::string_view text);
std::string pipeline_text(const std::vector<PipelineStep>& pipeline);

}  // namespace tarn
