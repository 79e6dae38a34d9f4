// What freezing with cut_image_decoding wrote down of a picture's preparation (graph/freeze_inputs.h), as metadata that
// apps read.
//
//   "DecodeJpeg channels=3; Cast float; ExpandDims 0; ResizeBilinear 299x299; Sub 128; Div 128"
//   -> {.kind = "image", .layout = "NHWC", .color_order = "RGB", .mean = {128}, .std = {128}, …}
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "runtime/metadata.h"

namespace tarn {

// Nothing where the preparation is not value = (pixel - mean) / std.
std::optional<Metadata::Input> metadata_of_preparation(std::string_view text);

// Tells what the attr `_preprocessing` of the graph's Placeholders says of them, where nothing is told of it yet.
// Returns a sentence for each.
std::vector<std::string> take_metadata_of_preparations(Graph& graph);

}  // namespace tarn
