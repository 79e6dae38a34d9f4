// Graphviz: pictures from dot text, drawn by its program `dot`.
//
//   TARN_ASSIGN_OR_RETURN(std::string svg, dot_to_svg(graph_to_dot(graph)));
#pragma once

#include <string>
#include <string_view>

#include "core/status.h"

namespace tarn {

// Errors: FailedPrecondition, saying what to install, where there is no `dot` on PATH; Internal with what it said.
Result<std::string> dot_to_svg(std::string_view dot);

}  // namespace tarn
