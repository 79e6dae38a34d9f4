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

// How much goes before a node of `bytes` that is written at `at`, for its content to begin at a multiple.
size_t padding_before(size_t at, size_t bytes, size_t content) {
  size_t pad = 0;
  // The padding is part of the node's length, whose own length may grow by it: at most one more try.
  for (int attempt = 0; attempt < 3; ++attempt) {
    size_t begin = at + 1 + varint_size(pad + bytes) + pad + content;
    if (begin % kContentAlignment == 0) break;
    size_t missing = kContentAlignment - begin % kContentAlignment;
    pad = (pad + missing) % kContentAlignment;
    if (pad == 1 || pad == 2) pad += kContentAlignment;
  }
  return pad;
}

}  // namespace

Status AlignedGraphWriter::write(std::string_view bytes) {
  size_ += bytes.size();
  return sink_(bytes);
}

Status AlignedGraphWriter::add(const pb::NodeDef& node) {
  std::string bytes = serialize(node);
  std::string_view content = content_of(node);
  // Found again by its bytes: the key before it keeps a shorter beginning from being taken for it.
  size_t place = content.size() >= kAlignedContent ? bytes.find(content) : std::string::npos;
  size_t pad = place == std::string::npos ? 0 : padding_before(size_, bytes.size(), place);
  std::string head(1, kNodeKey);
  put_varint(head, pad + bytes.size());
  head += padding(pad);
  TARN_RETURN_IF_ERROR(write(head));
  return write(bytes);
}

Status AlignedGraphWriter::finish(const pb::GraphDef& rest) {
  return write(serialize(rest));
}

}  // namespace tarn
