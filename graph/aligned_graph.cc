#include "graph/aligned_graph.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "graph/graph_def.h"

namespace tarn {
namespace {

constexpr uint32_t kPaddingField = 1000;
constexpr char kNodeKey = 1 << 3 | 2;  // GraphDef.node, length-delimited

void put_varint(std::string& out, uint64_t value) {
  for (; value > 127; value >>= 7) out += static_cast<char>((value & 127) | 128);
  out += static_cast<char>(value);
}

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

// The largest tensor_content among the node's attrs.
std::string_view content_of(const pb::NodeDef& node) {
  std::string_view largest;
  for (const auto& [name, attr] : node.attr()) {
    std::string_view content = attr.tensor().tensor_content();
    if (content.size() > largest.size()) largest = content;
  }
  return largest;
}

// A node of `bytes` whose content begins at `content` of them, written behind `out`.
void add_node(std::string& out, const std::string& bytes, size_t content) {
  size_t pad = 0;
  // The padding is part of the node's length, whose own length may grow by it: at most one more try.
  for (int attempt = 0; content != std::string::npos && attempt < 3; ++attempt) {
    size_t at = out.size() + 1 + varint_size(pad + bytes.size()) + pad + content;
    if (at % kContentAlignment == 0) break;
    size_t missing = kContentAlignment - at % kContentAlignment;
    pad = (pad + missing) % kContentAlignment;
    if (pad == 1 || pad == 2) pad += kContentAlignment;
  }
  out += kNodeKey;
  put_varint(out, pad + bytes.size());
  out += padding(pad);
  out += bytes;
}

}  // namespace

std::string aligned_graph_bytes(pb::GraphDef def) {
  const size_t size = def.ByteSizeLong();
  google::protobuf::RepeatedPtrField<pb::NodeDef> nodes;
  nodes.Swap(def.mutable_node());
  std::string out;
  out.reserve(size + size / 128 + 4096);
  for (pb::NodeDef& node : nodes) {
    std::string bytes = serialize(node);
    std::string_view content = content_of(node);
    // Found again by its bytes: the key before it keeps a shorter beginning from being taken for it.
    size_t place = content.size() >= kAlignedContent ? bytes.find(content) : std::string::npos;
    node.Clear();
    add_node(out, bytes, place);
  }
  return out += serialize(def);
}

}  // namespace tarn
