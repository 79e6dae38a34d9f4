// Messages of files: GraphDef, MetaGraphDef, SavedModel and their like, binary or text, with errors a person can use.
// Graphs are read and written by graph/graph_io.h.
//
//   pb::MetaGraphDef meta;
//   Status status = read_proto("model.ckpt-7.meta", {}, meta);
#pragma once

#include <google/protobuf/message.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/status.h"
#include "graph/wire_scan.h"

namespace tarn {

struct ProtoReadOptions {
  uint64_t max_bytes = (uint64_t{2} << 30) - 1;  // protobuf's own limit
  ScanLimits scan;
};

// Binary or text, told by the content. Errors name the path; damage has a byte offset, or line and column, and the
// node.
Status read_proto(const std::string& path, const ProtoReadOptions& options, google::protobuf::Message& message);

// The same for bytes at hand; errors have no path.
Status parse_proto(std::string_view bytes, const ProtoReadOptions& options, google::protobuf::Message& message);
Status parse_binary(std::string_view bytes, const ScanLimits& limits, google::protobuf::Message& message);
Status parse_pbtxt(std::string_view text, google::protobuf::Message& message);

// What libprotobuf's text parser says, without the names of our messages: "there is no field "x"".
std::string text_proto_error(std::string_view message);

// One problem: why `bytes` are not what was `wanted` ("a GraphDef"): empty, a picture, an archive, another message.
Status wrong_file(std::string_view bytes, std::string_view wanted, const Status& otherwise);

// As TensorFlow writes text protos; the same message gives the same text.
std::string to_pbtxt(const google::protobuf::Message& message);

}  // namespace tarn
