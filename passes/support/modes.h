// What tells a graph whether it is trained or used, and is to be told, not fed: Placeholders such as is_training,
// keep_prob and Keras' learning phase.
//
//   for (const ModePlaceholder& mode : find_modes(GraphView(graph, inputs, outputs)))
//     if (mode.value) print(graph.node(mode.node).name, " is ", value_text(*mode.value), ": ", mode.reason);
//   // is_training is false: only decides branches
//
// fold_mode_placeholders folds what is found here, and summarize_graph prints it. All is judged by what reads a
// Placeholder; its name only adds doubts.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "passes/support/graph_view.h"

namespace tarn {

struct ModePlaceholder {
  enum class Kind {
    kChoice,   // chooses a branch, or whether dropout drops: is_training, Keras' learning phase
    kDropout,  // dropout's probability to keep, or to drop
    kDefault,  // no mode but by name or default: a PlaceholderWithDefault, or one called like a mode
  };
  NodeId node = -1;
  Kind kind = Kind::kChoice;
  // At inference; none where one cannot know, or if it is a default that is computed.
  std::optional<Tensor> value = {};
  bool takes_default = false;  // of a PlaceholderWithDefault
  std::string reason = {};     // one line: why it has that value, or why nobody knows
  // Where it decides: Switch, If, Select, and of dropout the node that gives its result.
  std::vector<NodeId> decides = {};
};
// In the nodes' order. Inputs and outputs of the graph are none, and what no output needs (if there are outputs) does
// not count as reading.
std::vector<ModePlaceholder> find_modes(const GraphView& graph);

// "false", "0.5", "{1, 2}".
std::string value_text(const Tensor& value);

struct ModeValue {
  NodeId node = -1;
  Tensor value;
};
enum class MissingName { kError, kSkip };
// "keep_prob=1", "is_training=false", "sizes=[28;28]": true, false or a number, for all elements alike, or a list. Any
// Placeholder may be told that is no input or output, mode or not; a Const is one that was told before. Errors, all at
// once, open with `flag`: no "=", names that the graph does not have (with the nearest), what is no Placeholder, values
// that do not fit.
Result<std::vector<ModeValue>> read_mode_values(const GraphView& graph, std::span<const std::string> items,
                                                std::string_view flag, MissingName missing = MissingName::kError);

}  // namespace tarn
