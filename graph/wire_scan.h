// Looks through the bytes of a protobuf message before libprotobuf parses them: what is damaged is named with its byte
// offset and node, and a small file that would become a huge object is refused before it does.
//
//   TARN_RETURN_IF_ERROR(scan_wire(bytes, *pb::GraphDef::descriptor(), {}));
//   pb::GraphDef def;  def.ParseFromString(bytes);   // does not fail now
//
// Takes no memory and reads no payload but varints and text.
#pragma once

#include <google/protobuf/descriptor.h>

#include <cstdint>
#include <string_view>

#include "core/status.h"

namespace tarn {

struct ScanLimits {
  int64_t max_nodes = 1'000'000;      // NodeDefs
  int64_t max_messages = 24'000'000;  // of any kind; two bytes of file can be one
  int max_function_depth = 16;        // function attrs within function attrs
};

// DataLoss where the bytes are not such a message: also where a known field has another wire type than it must (no
// writer does that; another kind of file does). ResourceExhausted beyond a limit. Unknown fields are fine.
Status scan_wire(std::string_view bytes, const google::protobuf::Descriptor& type, const ScanLimits& limits = {});

}  // namespace tarn
