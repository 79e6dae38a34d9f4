#include "graph/aligned_graph.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "graph/graph_def.h"
#include "graph/tensor_proto.h"

namespace tarn {
namespace {

// Length-delimited fields, each a field number and wire type 2.
constexpr uint32_t kNodeField = 1;     // GraphDef.node
constexpr char kAttrKey = 5 << 3 | 2;  // NodeDef.attr, a map: of its entries key and value
constexpr char kEntryKeyKey = 1 << 3 | 2;
constexpr char kEntryValueKey = 2 << 3 | 2;
constexpr char kTensorKey = 8 << 3 | 2;   // AttrValue.tensor
constexpr char kContentKey = 4 << 3 | 2;  // TensorProto.tensor_content

size_t varint_size(uint64_t value) {
  size_t size = 1;
  for (; value > 127; value >>= 7) ++size;
  return size;
}

// `size` bytes that say nothing; 0, or between 3 and 130: key and length take three.
std::string padding(size_t size) {
  std::string out;
  if (size == 0) return out;
  put_varint(out, kPaddingField << 3 | 2);
  put_varint(out, size - 3);
  out.resize(size);
  return out;
}

// How much goes before a message of `bytes` that is written at `at` behind a key of `key` bytes, for its content to
// begin at a multiple.
size_t padding_before(size_t at, size_t key, size_t bytes, size_t content) {
  size_t pad = 0;
  // The padding is part of the message's length, whose own length may grow by it: at most one more try.
  for (int attempt = 0; attempt < 3; ++attempt) {
    size_t begin = at + key + varint_size(pad + bytes) + pad + content;
    if (begin % kContentAlignment == 0) break;
    size_t missing = kContentAlignment - begin % kContentAlignment;
    pad = (pad + missing) % kContentAlignment;
    if (pad == 1 || pad == 2) pad += kContentAlignment;
  }
  return pad;
}

}  // namespace

void put_varint(std::string& out, uint64_t value) {
  for (; value > 127; value >>= 7) out += static_cast<char>((value & 127) | 128);
  out += static_cast<char>(value);
}

void put_bytes_key(std::string& out, uint32_t field, size_t size) {
  put_varint(out, uint64_t{field} << 3 | 2);
  put_varint(out, size);
}

std::string start_of_aligned(size_t at, uint32_t field, std::string_view head, size_t content) {
  const size_t size = head.size() + content;
  const size_t pad = padding_before(at, varint_size(uint64_t{field} << 3 | 2), size, head.size());
  std::string start;
  put_bytes_key(start, field, pad + size);
  return start.append(padding(pad)).append(head);
}

Status AlignedGraphWriter::write(std::string_view bytes) {
  size_ += bytes.size();
  return sink_(bytes);
}

Status AlignedGraphWriter::add(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const AttrValue* value = node.is("Const") ? node.attrs.find("value") : nullptr;
  if (value != nullptr && value->is<Tensor>()) {
    const Tensor& tensor = value->as<Tensor>();
    if (is_written_as_content(tensor) && tensor.byte_size() >= kAlignedContent) return add_constant(graph, id, tensor);
  }
  std::string bytes = serialize(export_node_def(graph, id));
  std::string head;
  put_bytes_key(head, kNodeField, bytes.size());
  TARN_RETURN_IF_ERROR(write(head));
  return write(bytes);
}

Status AlignedGraphWriter::add_constant(const Graph& graph, NodeId id, const Tensor& value) {
  constexpr std::string_view kValue = "value";
  // Attrs are written in the order of their names: a Const's others, `dtype` and those that begin with '_', come first.
  pb::NodeDef node = export_node_def(graph, id, {}, kValue);
  std::string_view content(static_cast<const char*>(value.data()), value.byte_size());
  pb::TensorProto without_content;
  without_content.set_dtype(dtype_to_proto(value.dtype()));
  *without_content.mutable_tensor_shape() = shape_to_proto(value.shape());
  // Each message around the content, from the inside out: what stands before what is within.
  std::string head = serialize(without_content);
  auto wrap = [&](char key) {
    std::string outer(1, key);
    put_varint(outer, head.size() + content.size());
    head.insert(0, outer);
  };
  head += kContentKey;
  put_varint(head, content.size());
  wrap(kTensorKey);
  wrap(kEntryValueKey);
  std::string key(1, kEntryKeyKey);
  put_varint(key, kValue.size());
  head.insert(0, key.append(kValue));
  wrap(kAttrKey);
  head.insert(0, serialize(node));

  TARN_RETURN_IF_ERROR(write(start_of_aligned(size_, kNodeField, head, content.size())));
  return write(content);
}

Status AlignedGraphWriter::finish(const Graph& graph) {
  return write(serialize(export_without_nodes(graph)));
}

}  // namespace tarn
