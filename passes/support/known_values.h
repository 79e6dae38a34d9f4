// Scalars that are known before anything runs: what decides a branch, what scales a dropout.
//
//   std::optional<KnownScalar> pred = known_scalar(r, r.node(id).inputs[1]);     // false && anything: false
//   if (pred && !pred->waits) …
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "passes/support/graph_view.h"

namespace tarn {

// The wire behind nodes that pass a value on: Identity, StopGradient, the Enter of a loop's constant. Stops at inputs
// of the graph: whoever feeds them decides.
Wire behind(const GraphView& view, Wire wire);
// The number that a Const of one element there is; also of half precision, integers and bools.
std::optional<double> known_number(const GraphView& view, Wire wire);
std::optional<double> number_of(const Tensor& value);
// A tensor of this dtype, floating, integer or bool, full of `number`; or with these numbers, as many as it holds.
Result<Tensor> filled(DType dtype, const Shape& shape, double number);
Result<Tensor> filled(DType dtype, const Shape& shape, std::span<const double> numbers);

// A tensor whose elements all are one number.
struct KnownScalar {
  double number = 0;
  Shape shape;
  bool waits = false;  // the wire has its value once something else ran, or in some runs only
};
// Const, and what logic, comparisons, casts and reshapes make of them.
std::optional<KnownScalar> known_scalar(const GraphView& view, Wire wire);

// Whether a wire has a value in every run: no branch, loop or unknown op is above it.
bool always_has_value(const GraphView& view, Wire wire);

// Whether broadcasting `inner` with `outer` surely gives outer's shape.
bool broadcasts_into(const Shape& inner, const Shape& outer);

// Takes away control inputs that hold nothing up: a constant, or nothing (a NoOp), that itself waits for nothing, such
// as are left of the pivots of folded branches; and an Identity of what the node reads itself, as calls of functions
// leave. Gives those taken away.
std::vector<NodeId> drop_idle_controls(Graph& graph, NodeId id, const std::function<bool(NodeId)>& is_input);

}  // namespace tarn
