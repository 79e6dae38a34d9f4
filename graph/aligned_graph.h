// GraphDefs whose large constants lie aligned in the file, so that an engine which maps it uses them where they are.
//
//   std::string bytes = aligned_graph_bytes(export_graph_def(graph));
//
// What moves them is a field that stands first in their NodeDef, of a number that no reader knows and every reader of
// protobufs skips (TensorFlow, OpenCV and Netron do). It is still a GraphDef: no byte else changes.
#pragma once

#include <cstddef>
#include <string>

#include "proto/graph.pb.h"

namespace tarn {

constexpr size_t kContentAlignment = 64;  // bytes: a cache line, and the widest vector
constexpr size_t kAlignedContent = size_t{16}
                                   << 10;  // shorter contents are copied in no time; the field takes up to 68

// Takes the nodes out of `def`, so that a graph of gigabytes is not in memory more often than need be.
std::string aligned_graph_bytes(pb::GraphDef def);

}  // namespace tarn
