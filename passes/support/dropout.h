// Dropout in the forms that TensorFlow wrote it, from 1.0 to 2.15, and people by hand:
//
//   (x / keep) * floor(keep + u)                      to 1.12;  keep may be 1 - rate
//   (x * (1 / (1 - rate))) * cast(u >= rate)          1.13 to 2.3
//   SelectV2(u >= rate, x * scale, 0)                 since;  Select, too
//   x * cast(u < keep) / keep  in any order, scale = 1 / keep as a constant, keep = 1 without any scaling
//
//   if (std::optional<Dropout> found = find_dropout(r, id)) r.splice(id, found->x, "…");
#pragma once

#include <optional>
#include <vector>

#include "passes/support/graph_view.h"

namespace tarn {

// A scalar as a number, or as the wire it comes from, or as 1 - that wire.
struct DropoutScalar {
  std::optional<double> number;
  Wire wire;
  bool is_complement = false;
};

struct Dropout {
  Wire x;  // what a dropout that drops nothing lets through
  DropoutScalar keep;
  // What must hold for that: this wire has that value.
  struct Neutral {
    Wire wire;
    double value;
  };
  std::vector<Neutral> neutral;
  std::vector<NodeId> readers;  // the nodes that read keep, rate or scale
};

enum class KeepShape { kScalar, kScalarOrUnknown };
// At the node that gives the result. Nothing if keep depends on an input of the graph: whoever feeds it decides. A wire
// whose shape is not known to be a scalar's is none, or is taken for one: for who looks for Placeholders of keep.
std::optional<Dropout> find_dropout(const GraphView& view, NodeId id, KeepShape shape = KeepShape::kScalar);

// What looks like dropout is more than what find_dropout knows: whose result nobody scales, or of other random numbers.

// Random numbers, perhaps stretched to a range.
bool is_random(const Graph& graph, Wire wire);
// Whether the node compares random numbers with something (u < keep, u >= rate), or rounds their sum with it.
bool draws(const Graph& graph, NodeId id);
// Where values are dropped: Mul or Select of x by what is drawn so.
std::vector<NodeId> dropout_nodes(const Graph& graph);

}  // namespace tarn
