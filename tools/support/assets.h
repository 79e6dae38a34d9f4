// The files in a SavedModel's assets/: who may read them, and the tables that are filled from them.
//
//   std::unique_ptr<FileReader> files = asset_reader(model);   // SessionOptions::files
//   TARN_RETURN_IF_ERROR(fill_tables_from_assets(model, {}, notes));   // before freezing
//
// A frozen graph has no folder beside it: a table read from a vocabulary file is then filled from constants.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph_io.h"
#include "graph/session.h"

namespace tarn {

// Reads files below the SavedModel's assets/ alone; links that lead out of it are refused, with `way_out` at the end of
// the message. Null if it has no assets.
std::unique_ptr<FileReader> asset_reader(const AnyGraph& model, std::string_view way_out = {});

// What the signatures and `outputs` need of functions is put in place, so that sessions and engines run it.
Status inline_calls(AnyGraph& model, const std::vector<std::string>& outputs = {});

// Initializers that fill tables from files in assets/ become initializers with the same keys and values as constants,
// under the same names; `notes` gets a sentence for each, or why it could not be done. Functions are put in place
// first.
Status fill_tables_from_assets(AnyGraph& model, const std::vector<std::string>& outputs,
                               std::vector<std::string>& notes);

}  // namespace tarn
