// What freeze_graph does with files: reads the graph and the checkpoint, chooses outputs that nobody named, freezes
// (graph/freeze.h), tries the result, and writes it.
#pragma once

#include <string>
#include <vector>

#include "graph/freeze.h"
#include "tools/support/model_files.h"

namespace tarn {

struct FreezeFiles {
  // One of these holds the graph; each may be anything that read_any_graph() takes. None: the .meta of `checkpoint`
  // does.
  std::string graph, meta_graph, saved_model_dir;
  std::vector<std::string> tags;  // of the SavedModel's graph; none: the only one, or the one for serving
  std::string saver;              // a SaverDef; may be empty
  std::string checkpoint;         // may be empty if there are no variables, or if the checkpoint lies with the graph
  std::string output;             // empty: nothing is written
  std::string signature;          // whose outputs are taken; empty: serving_default, or the only one
  std::vector<std::string> initializer_nodes;
  UseEma use_ema = UseEma::kNever;
  bool check = true;       // the result is run once
  FileAccess access = {};  // to what tables are filled from
  // Without outputs: those of the signature, else the likeliest.
  FreezeOptions options;
};

// All or nothing: on an error `output` is as it was.
Result<FrozenGraph> freeze_files(const FreezeFiles& files);

}  // namespace tarn
