// What the tables of a frozen graph hold where the graph itself does not say it: read from a vocabulary file, restored
// from a checkpoint, or put in by what is run before a model is used. Used by graph/freeze.h.
//
//   TableContents contents = read_tables(graph, needed, {.files = &disk_files()});
//   for (const FilledTable& table : contents.tables) …  // an InitializeTable of table.keys and table.values
//
// The graph's own nodes are run for it, on their own, in a session.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/session.h"

namespace tarn {

struct TableSources {
  FileReader* files = nullptr;  // of vocabularies; null: such tables stay empty
  std::vector<Session::Feed> feeds =
      {};                       // names of the files, where the graph does not say them: a SavedModel's assets
  std::string checkpoint = {};  // prefix: of mutable tables that a Saver restores
  // Nodes whose runs put something into mutable tables: before a checkpoint is restored, and after it.
  std::vector<std::string> initializers = {}, later_initializers = {};
};

struct FilledTable {
  NodeId table = -1;
  NodeId filler = -1;  // what filled it, the first if there were several
  Tensor keys, values;
};

struct TableContents {
  std::vector<FilledTable> tables;
  std::map<std::string, std::string> reasons;  // of tables that could not be filled, by name
};

// Of the tables that are `needed`, and changed by nothing that is.
TableContents read_tables(const Graph& graph, const std::vector<bool>& needed, const TableSources& sources);

// Fills the mutable tables of a session likewise, as far as they can be.
void fill_mutable_tables(const TableSources& sources, Session& session);

}  // namespace tarn
