// The state that a frozen graph still has: tables, which stay with what fills them, and whatever else its outputs
// depend on from outside the file. Used by graph/freeze.h.
#pragma once

#include <map>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "graph/graph.h"
#include "runtime/table_initializers.h"

namespace tarn {

// Marks in `needed` the initializers of needed tables, as far as they bring their keys and values along (those that
// read files do not), with all that they need; goes no further than `stops`. Nothing in the graph waits for them:
// who runs it runs them first (Session::InitializeTables; the engine by itself).
std::vector<TableInitializer> keep_table_initializers(const Graph& graph, std::span<const NodeId> stops,
                                                      std::vector<bool>& needed);

// A sentence for each variable, table, queue and iterator that an output of the frozen graph depends on, with these
// outputs; nothing of tables in `filled`. Where ops of the graph `before` fill one, they are named, or the reason why
// they could not, by table.
std::vector<std::string> unfrozen_state(const Graph& before, const Graph& frozen, std::span<const std::string> outputs,
                                        const std::unordered_set<std::string>& filled,
                                        const std::map<std::string, std::string>& reasons);

}  // namespace tarn
