// What freeze_graph does with files: reads the graph and the checkpoint, freezes (graph/freeze.h), writes the result.
#pragma once

#include <string>
#include <vector>

#include "graph/freeze.h"

namespace tarn {

struct FreezeFiles {
  // One of these holds the graph.
  std::string graph, meta_graph, saved_model_dir;
  std::string saver;       // a SaverDef; may be empty
  std::string checkpoint;  // may be empty if there are no variables
  std::string output;      // empty: nothing is written
  std::vector<std::string> initializer_nodes;
  FreezeOptions options;
};

// All or nothing: on an error `output` is as it was.
Result<FrozenGraph> freeze_files(const FreezeFiles& files);

}  // namespace tarn
