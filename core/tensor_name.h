// How a GraphDef spells inputs: "node", "node:1" (output 1), "^node" (control); and which node names are good.
#pragma once

#include <string_view>

#include "core/status.h"

namespace tarn {

struct TensorName {
  std::string_view node;
  int slot = 0;
  bool is_control = false;
};

// Errors quote the text and say what was expected. Slots go up to 65535.
Result<TensorName> parse_tensor_name(std::string_view text);
// TensorFlow's rule: letters, digits and '.' first (Tarn also takes '_'), then also '_', '-', '/', '\', '>'; at most
// 4096 bytes.
Status check_node_name(std::string_view name);

}  // namespace tarn
