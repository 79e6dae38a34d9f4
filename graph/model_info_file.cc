#include "graph/model_info_file.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "core/strings.h"
#include "graph/aligned_graph.h"
#include "graph/file_kind.h"
#include "graph/gzip.h"
#include "graph/text_values.h"
#include "proto/graph.pb.h"

namespace tarn {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr uint32_t kModelInfoKey = pb::GraphDef::kModelInfoFieldNumber << 3 | 2;
constexpr uint32_t kPaddingKey = kPaddingField << 3 | 2;
static_assert((kModelInfoKey ^ kPaddingKey) < 128, "the keys differ in their first byte alone");

// A field of the file: where its key, its payload and what follows begin.
struct Extent {
  size_t begin = 0, payload = 0, end = 0;
};

Result<std::vector<Extent>> model_info_fields(std::string_view bytes) {
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max()))
    return resource_exhausted("the file has more than 2 GiB");
  CodedInputStream stream(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
  stream.SetTotalBytesLimit(std::numeric_limits<int>::max());
  std::vector<Extent> fields;
  auto here = [&] { return static_cast<size_t>(stream.CurrentPosition()); };
  while (true) {
    Extent field{.begin = here()};
    uint32_t key = stream.ReadTag();
    if (key == 0) {
      if (stream.ConsumedEntireMessage() && here() == bytes.size()) return fields;
      break;
    }
    int length = 0;
    bool is_info = key == kModelInfoKey;
    if (!(is_info ? stream.ReadVarintSizeAsInt(&length) : WireFormatLite::SkipField(&stream, key))) break;
    field.payload = here();
    if (!stream.Skip(length)) break;
    field.end = here();
    if (is_info) fields.push_back(field);
  }
  return data_loss("not a GraphDef from byte ", here(), " on");
}

Result<std::string> with_field(std::string_view bytes, std::string_view model_info) {
  TARN_ASSIGN_OR_RETURN(std::vector<Extent> fields, model_info_fields(bytes));
  std::string out(bytes);
  // At the end it goes; elsewhere it becomes padding of its size, for what follows to stay where it is.
  for (; !fields.empty() && fields.back().end == out.size(); fields.pop_back()) out.resize(fields.back().begin);
  for (const Extent& field : fields) {
    out[field.begin] = static_cast<char>(out[field.begin] ^ static_cast<char>(kModelInfoKey ^ kPaddingKey));
    out.replace(field.payload, field.end - field.payload, field.end - field.payload, '\0');
  }
  if (model_info.empty()) return out;
  pb::GraphDef field;
  field.set_model_info(std::string(model_info));
  field.AppendToString(&out);
  if (out.size() > static_cast<size_t>(std::numeric_limits<int>::max()))
    return resource_exhausted("the file would have more than 2 GiB");
  return out;
}

// Tarn's text: a line before the first node.
std::string with_line(std::string_view text, std::string_view model_info) {
  constexpr std::string_view kDirective = "@model_info";
  const std::string line = model_info.empty() ? "" : model_info_line(model_info);
  std::string out;
  bool is_written = false;
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view whole = text.substr(0, end == std::string_view::npos ? text.size() : end + 1);
    text.remove_prefix(whole.size());
    std::string_view content = whole.substr(std::min(whole.size(), whole.find_first_not_of(" \t\r\n")));
    if (content.starts_with(kDirective)) continue;
    bool is_head = content.empty() || content[0] == '#' || content[0] == '@';
    if (!is_head && !is_written) {
      out += line;
      is_written = true;
    }
    out += whole;
  }
  if (!is_written) str_append(out, out.empty() || out.ends_with('\n') ? "" : "\n", line);
  return out;
}

}  // namespace

Result<std::string> with_model_info(std::string_view bytes, std::string_view model_info) {
  if (is_gzip(bytes)) return unimplemented("it is packed: unpack it first (gunzip)");
  switch (sniff(bytes).kind) {
    case FileKind::kTarnText: return with_line(bytes, model_info);
    case FileKind::kBinaryProto:
    case FileKind::kEmpty: return with_field(bytes, model_info);
    default: return unimplemented("text for TensorFlow has no place for what is told of the model; write a .pb");
  }
}

}  // namespace tarn
