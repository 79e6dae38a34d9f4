// Which tensors of a graph an engine takes and gives: those named, or every Placeholder and every node nobody uses.
//
//   TARN_ASSIGN_OR_RETURN(EngineEnds ends, choose_ends(source, options.inputs, options.outputs));
#pragma once

#include <string>
#include <vector>

#include "runtime/node_source.h"

namespace tarn {

struct EngineEnds {
  std::vector<Wire> inputs, outputs;
};

// Errors: not a graph at all; each name that is not there, with the nearest; a graph without outputs.
Result<EngineEnds> choose_ends(const NodeSource& source, const std::vector<std::string>& inputs,
                               const std::vector<std::string>& outputs);

}  // namespace tarn
