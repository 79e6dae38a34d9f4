// Changes what a file tells of its model, and nothing else: every other byte stays where it is, so that constants keep
// their alignment (graph/aligned_graph.h) and checksums of the rest their value.
//
//   TARN_ASSIGN_OR_RETURN(std::string changed, with_model_info(bytes, serialize_model_info(info)));
#pragma once

#include <string>
#include <string_view>

#include "core/status.h"

namespace tarn {

// `bytes` are a GraphDef or Tarn's text that was read without complaint. Unimplemented of other files: TensorFlow's
// text has no place for it, packed files would have to be packed again.
Result<std::string> with_model_info(std::string_view bytes, std::string_view model_info);

}  // namespace tarn
