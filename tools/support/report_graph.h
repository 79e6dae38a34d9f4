// A graph as a picture inside an HTML page: drawn by Graphviz where it is there, in layers otherwise.
//
//   page += graph_picture(graph, {{conv, "changed"}}).html;      // <svg …>
#pragma once

#include <map>
#include <string>

#include "graph/graph.h"

namespace tarn {

struct GraphPicture {
  std::string html;  // an <svg>, or a paragraph that says why there is none
  std::string note;  // how it was drawn and what was left out
};

// Constants are left out, unless nothing else would be there. `marks` are CSS classes of nodes. Titles of nodes (what
// a browser shows under the pointer) are their names, ops and outputs.
GraphPicture graph_picture(const Graph& graph, const std::map<NodeId, std::string>& marks = {},
                           bool use_graphviz = true);

}  // namespace tarn
