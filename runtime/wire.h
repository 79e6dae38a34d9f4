// WireGraph: a GraphDef read in place, without copying and without libprotobuf. The engine's NodeSource.
//
//   Result<std::unique_ptr<WireGraph>> graph = WireGraph::parse(bytes, owner, "model.pb");
//
// parse() checks the whole structure (wire format, names, inputs, cycles, versions, limits) and says every problem at
// once; attrs are decoded when asked for. Tensor contents that lie aligned in the file are used in place. The
// function library is kept as it is, for who compiles calls; debug information is passed over unread. Immutable, so
// thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/node_source.h"
#include "runtime/wire_laid_out.h"

namespace tarn {

struct WireLimits {
  int64_t max_nodes = 1'000'000;
  int64_t max_inputs_per_node = 65'536;
  int max_attr_depth = 16;                      // functions and lists within attrs
  int64_t max_tensor_bytes = int64_t{2} << 30;  // of a constant that the file spells in fewer bytes
};

class WireGraph : public NodeSource {
 public:
  // `owner` keeps `bytes` alive. `file` is for messages.
  static Result<std::unique_ptr<WireGraph>> parse(std::string_view bytes, std::shared_ptr<const void> owner,
                                                  std::string file, const WireLimits& limits = {});

  int node_count() const override { return static_cast<int>(nodes_.size()); }
  std::string_view name(int node) const override { return nodes_[static_cast<size_t>(node)].name; }
  std::string_view op(int node) const override { return nodes_[static_cast<size_t>(node)].op; }
  std::span<const Wire> inputs(int node) const override;
  std::span<const int> controls(int node) const override;
  Result<AttrMap> attrs(int node) const override;
  int find(std::string_view name) const override;
  std::string_view function_library() const override { return library_; }
  std::shared_ptr<const void> function_library_owner() const override { return library_owner_; }
  int producer() const override { return producer_; }
  std::string_view model_info() const override { return model_info_; }
  LaidOutConstants* laid_out() const override { return laid_out_.get(); }
  void let_go(const void* data, size_t bytes) const override;

  // The bytes are of a MappedFile: pages of constants that were read leave memory.
  void set_mapped() { is_mapped_ = true; }

  const std::string& file() const { return file_; }
  std::vector<std::string> names() const;

 private:
  struct NodeRecord {
    std::string_view name, op;
    size_t attrs_begin = 0, attrs_end = 0;              // in attrs_
    size_t input_names_begin = 0, input_names_end = 0;  // in input_names_
    size_t inputs_begin = 0, inputs_end = 0;            // in inputs_
    size_t controls_begin = 0, controls_end = 0;        // in controls_
  };
  WireGraph() = default;
  Status read_fields();
  Status add_node(std::string_view message, int64_t offset, std::string_view& damage);
  void add_library(std::string_view part);
  Status link();
  Status check_acyclic() const;
  static constexpr int kNoMore = -2;
  int producer(int node, int i) const;

  std::string file_;
  std::string_view bytes_;
  std::shared_ptr<const void> owner_;
  WireLimits limits_;
  std::string_view library_, model_info_;
  std::shared_ptr<const void> library_owner_;
  std::unique_ptr<LaidOutConstants> laid_out_;
  bool is_mapped_ = false;
  int producer_ = 0;  // of `versions`; 0: unknown
  std::vector<NodeRecord> nodes_;
  std::vector<std::string_view> attrs_;  // undecoded map entries
  std::vector<std::string_view> input_names_;
  std::vector<Wire> inputs_;
  std::vector<int> controls_;
  std::vector<int> by_name_;  // nodes, sorted by name
};

}  // namespace tarn
