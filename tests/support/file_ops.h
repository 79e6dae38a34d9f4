// A registry with TensorFlow's signatures of a few ops (and one op that has an attr of every kind), so that tests of
// files state behaviour of graph/ alone; and short ways to write GraphDefs.
#pragma once

#include <string_view>

#include "core/op_schema.h"
#include "graph/graph_def.h"

namespace tarn::testing {

// Placeholder, Const, VariableV2, Identity, Relu, Add, AddN, Conv2D, MatMul, Cast, Split, ConcatV2, FusedBatchNorm,
// Assign, NoOp, Switch, Merge, Enter, Exit, NextIteration, LoopCond, Less, AllKinds.
const OpRegistry& file_ops();

// From text proto; a mistake in it fails the test.
pb::GraphDef graph_def(std::string_view pbtxt);
// "node { name: 'y' op: 'Relu' input: 'x' … attr T float }"
std::string relu(std::string_view name, std::string_view input);
// "node { name: 'k' op: 'Const' <inputs> <attrs> }"
std::string typed(std::string_view name, std::string_view op, std::string_view inputs, std::string_view attrs);
inline constexpr char kFloatT[] = "attr { key: 'T' value { type: DT_FLOAT } }";
// A float placeholder.
std::string placeholder(std::string_view name);

Result<Graph> import(std::string_view pbtxt);

// A graph with every attr kind, several outputs, controls, devices, a loop, unsorted nodes, versions and a library.
pb::GraphDef rich_graph_def();

}  // namespace tarn::testing
