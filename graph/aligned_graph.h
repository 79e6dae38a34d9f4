// GraphDefs whose large constants lie aligned in the file, so that an engine which maps it uses them where they are.
//
//   AlignedGraphWriter writer([&](std::string_view bytes) { return file.append(bytes); });
//   for (NodeId id : graph.ids()) TARN_RETURN_IF_ERROR(writer.add(graph, id));
//   TARN_RETURN_IF_ERROR(writer.finish(graph));
//
// What moves them is a field that stands first in their NodeDef, of a number that no reader knows and every reader of
// protobufs skips (TensorFlow, OpenCV and Netron do). It is still a GraphDef: no byte else changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "graph/graph.h"

namespace tarn {

constexpr uint32_t kPaddingField = 1000;  // its number, in whatever message
constexpr size_t kContentAlignment = 64;  // bytes: a cache line, and the widest vector
constexpr size_t kAlignedContent = size_t{16}
                                   << 10;  // shorter contents are copied in no time; the field takes up to 68

void put_varint(std::string& out, uint64_t value);
// What stands before `size` bytes that are the value of a length-delimited field.
void put_bytes_key(std::string& out, uint32_t field, size_t size);
// What stands before `content` bytes, for them to lie aligned in a file of `at` bytes so far: key and length of the
// field whose message ends with them, padding, and `head`, what the message has before them.
std::string start_of_aligned(size_t at, uint32_t field, std::string_view head, size_t content);

// Thread-compatible.
class AlignedGraphWriter {
 public:
  using Sink = std::function<Status(std::string_view bytes)>;
  explicit AlignedGraphWriter(Sink sink) : sink_(std::move(sink)) {}

  // Large constants go to the sink from where they lie in memory, uncopied.
  Status add(const Graph& graph, NodeId id);
  // What else the graph has, once its nodes are added.
  Status finish(const Graph& graph);
  size_t size() const { return size_; }  // of what was written

 private:
  Status write(std::string_view bytes);
  Status add_constant(const Graph& graph, NodeId id, const Tensor& value);

  Sink sink_;
  size_t size_ = 0;
};

}  // namespace tarn
