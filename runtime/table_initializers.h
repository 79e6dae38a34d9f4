// The nodes that fill a graph's tables, which nothing in a graph waits for: who runs it runs them first.
//
//   for (const TableInitializer& found : find_table_initializers(source, ops)) request.targets.push_back(found.node);
//
// They are the InitializeTable ops, and a LookupTableImport of constants into a table that is filled once: what
// TensorFlow writes for StaticHashTable from 1.14 on. An Import of what a checkpoint holds is a Saver's, and a table
// that runs may change is theirs to fill.
#pragma once

#include <vector>

#include "core/op_schema.h"
#include "runtime/node_source.h"

namespace tarn {

struct TableInitializer {
  int table = -1, node = -1;
  bool reads_file = false;  // so the graph alone is not enough
};

// In the order of the nodes.
std::vector<TableInitializer> find_table_initializers(const NodeSource& source, const OpRegistry& ops);

// The node that makes the table of which `node` takes a handle; -1 if its first input leads back to no table.
int table_behind(const NodeSource& source, int node);

}  // namespace tarn
