// ModelInfo (runtime/model_info.h) as it lies in a Graph and in its file.
//
//   graph.model_info = serialize_model_info(info);
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "runtime/model_info.h"

namespace tarn {

// "" of an empty one.
std::string serialize_model_info(const ModelInfo& info);
// Of a graph that changed, what was stored to be compared with it is no more true. Damaged bytes go too.
void drop_self_test(Graph& graph);

// What the graph's file tells of the model; nothing is an empty one. DataLoss of damaged bytes.
Result<Metadata> metadata_of(const Graph& graph);
// Puts it in place of what was there; the self-test stays. InvalidArgument is check_metadata()'s.
Status store_metadata(Graph& graph, Metadata metadata);

// Changes one value, as text: numbers as "1,2.5", labels a line each; of an input or output that nothing was told of
// so far it is the first thing told. `key` is one of runtime/metadata.h with the name of the input or output in it.
Status set_metadata(Metadata& metadata, std::string_view key, std::string_view value);
// Takes one value out; "inputs/NAME" and "outputs/NAME" are all of them. NotFound if there is none.
Status unset_metadata(Metadata& metadata, std::string_view key);
// What `from` tells goes in place of what `metadata` tells.
void merge_metadata(Metadata& metadata, const Metadata& from);

// Of inputs and outputs that the graph does not have any more nothing is true. Returns their names.
std::vector<std::string> drop_metadata_of_missing(Graph& graph);

}  // namespace tarn
