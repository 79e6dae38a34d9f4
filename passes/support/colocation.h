// `_class`, with which a node asks to stand beside another ("loc:@x"), kept true while nodes are renamed and removed:
// TensorFlow refuses a file in which it names a node that is not there.
//
//   rename_colocation(graph, [&](const std::string& name) { return name == "a" ? "b" : name; });
#pragma once

#include <functional>
#include <string>

#include "graph/graph.h"

namespace tarn {

// Every node that stood beside `name` stands beside now(name); beside nothing where that is "".
void rename_colocation(Graph& graph, const std::function<std::string(const std::string& name)>& now);
// Nobody stands beside a node that is gone.
void forget_lost_colocation(Graph& graph);

}  // namespace tarn
