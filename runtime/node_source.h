// NodeSource: a graph as the compiler sees it. Implemented by runtime/wire (a file) and by an adaptor over graph/Graph.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "core/op.h"

namespace tarn {

class NodeSource : public ConstantMemory {
 public:
  virtual int node_count() const = 0;
  virtual std::string_view name(int node) const = 0;
  virtual std::string_view op(int node) const = 0;
  // Data inputs; producers are valid indices, slots are >= 0 but not yet judged.
  virtual std::span<const Wire> inputs(int node) const = 0;
  virtual std::span<const int> controls(int node) const = 0;
  // The attrs as written; decoded when asked for, since most nodes of a large file are never needed.
  virtual Result<AttrMap> attrs(int node) const = 0;
  // The node called `name`, or -1.
  virtual int find(std::string_view name) const = 0;
  // Its functions: a serialized FunctionDefLibrary, or nothing. The owner keeps it alive; null: it lives as this does.
  virtual std::string_view function_library() const { return {}; }
  virtual std::shared_ptr<const void> function_library_owner() const { return nullptr; }
  // TensorFlow's versions.producer: what wrote the graph; 0: it does not say.
  virtual int producer() const { return 0; }
  // A serialized ModelInfo (runtime/model_info.h), or nothing.
  virtual std::string_view model_info() const { return {}; }
  // What its file has ready of its constants; null: nothing. Lives as this does.
  virtual LaidOutConstants* laid_out() const { return nullptr; }
};

}  // namespace tarn
