// Which nodes hold the handle of a frozen variable, a reference or a resource, in place of a value. Used by
// graph/freeze.h.
//
//   v = VariableV2;  r = RefIdentity(v);  y = Relu(r)        // v and r hold a reference; y takes it and reads the
//   value
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace tarn {

enum class Handle : char { kNone, kReference, kResource };

class Handles {
 public:
  Handles() = default;
  // From variables that are frozen through nodes in `needed`, by id. Errors: the graph has a cycle.
  static Result<Handles> follow(const Graph& graph, const std::vector<bool>& needed,
                                const std::function<bool(const Node& variable)>& is_frozen);

  Handle of(NodeId id) const { return held_[static_cast<size_t>(id)]; }
  // Behind the handle that a node holds or takes.
  DType dtype(NodeId id) const { return dtypes_[static_cast<size_t>(id)]; }
  // The first input that brings a handle; -1 if none does.
  int input_of(const Node& node) const;
  // By id, whether a node holds one.
  std::vector<bool> holders() const;

 private:
  const Graph* graph_ = nullptr;
  std::vector<Handle> held_;
  std::vector<DType> dtypes_;
};

// The op of values that does what this op does with references ("RefSwitch": "Switch"), with the same inputs and
// attrs; "" if it is none that passes a reference on.
std::string_view value_op(std::string_view op);
// Ops that pass a resource handle on; they stay, with the value's dtype.
bool passes_resources(std::string_view op);

}  // namespace tarn
