#include "graph/wire_scan.h"

#include "core/utf8.h"
#include "proto/graph.pb.h"

namespace tarn {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kLength = 2, kStartGroup = 3, kEndGroup = 4, kFixed32 = 5 };

constexpr std::string_view kWireTypeNames[8] = {"a varint",        "8 bytes", "a length",    "a group start",
                                                "an end of group", "4 bytes", "wire type 6", "wire type 7"};

// libprotobuf's own limit is 100 messages within messages; ours are counted below it.
constexpr int kMostDepth = 96;

WireType wire_type_of(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64: return kFixed64;
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32: return kFixed32;
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
    case FieldDescriptor::TYPE_MESSAGE:
    case FieldDescriptor::TYPE_GROUP: return kLength;
    default: return kVarint;
  }
}

class Scanner {
 public:
  Scanner(std::string_view bytes, const ScanLimits& limits) : bytes_(bytes), limits_(limits) {}

  Status message(size_t at, size_t end, const Descriptor& type, int depth) {
    if (depth > kMostDepth) return error(Code::kDataLoss, at, "messages are nested more than ", kMostDepth, " deep");
    if (++messages_ > limits_.max_messages) {
      return error(Code::kResourceExhausted, at, "more than ", limits_.max_messages, " messages");
    }
    while (at < end) TARN_RETURN_IF_ERROR(field(at, end, type, depth));
    return {};
  }

 private:
  // Reads the field at `at` and moves behind it.
  Status field(size_t& at, size_t end, const Descriptor& type, int depth) {
    size_t start = at;
    uint64_t tag = 0;
    TARN_RETURN_IF_ERROR(varint(at, end, tag));
    uint64_t number = tag >> 3;
    auto wire = static_cast<WireType>(tag & 7);
    bool is_reserved =
        number >= FieldDescriptor::kFirstReservedNumber && number <= FieldDescriptor::kLastReservedNumber;
    if (number == 0 || number > FieldDescriptor::kMaxNumber || is_reserved) {
      return error(Code::kDataLoss, start, "field number ", number, " in ", type.name());
    }
    if (wire == kStartGroup || wire == kEndGroup || wire > kFixed32) {
      return error(Code::kDataLoss, start, "field ", number, " of ", type.name(), " is ", kWireTypeNames[wire]);
    }
    const FieldDescriptor* known = type.FindFieldByNumber(static_cast<int>(number));
    if (known != nullptr) {
      WireType expected = wire_type_of(*known);
      bool packed = wire == kLength && known->is_packable();
      if (wire != expected && !packed) {
        return error(Code::kDataLoss, start, "field '", known->name(), "' of ", type.name(), " must be ",
                     kWireTypeNames[expected], " but is ", kWireTypeNames[wire]);
      }
    }
    uint64_t size = wire == kFixed64 ? 8 : wire == kFixed32 ? 4 : 0;
    if (wire == kVarint) {
      TARN_RETURN_IF_ERROR(varint(at, end, size));
      return is_tensor_bool(known) && size > 1 ? bool_error(start, size) : Status();
    }
    if (wire == kLength) TARN_RETURN_IF_ERROR(varint(at, end, size));
    if (size > end - at) {
      return error(Code::kDataLoss, start, "field ", number, " of ", type.name(), " has ", size, " bytes, but only ",
                   end - at, " are left");
    }
    size_t payload = at;
    at += size;
    if (known == nullptr || wire != kLength) return {};
    return contents(payload, at, *known, depth);
  }

  Status contents(size_t at, size_t end, const FieldDescriptor& field, int depth) {
    switch (field.type()) {
      case FieldDescriptor::TYPE_MESSAGE: return nested(at, end, *field.message_type(), depth);
      case FieldDescriptor::TYPE_STRING: return text(at, end, field);
      case FieldDescriptor::TYPE_BYTES: return {};
      default: break;
    }
    WireType element = wire_type_of(field);
    if (element != kVarint) {
      size_t size = element == kFixed64 ? 8 : 4;
      if ((end - at) % size == 0) return {};
      return error(Code::kDataLoss, at, "field '", field.name(), "' has ", end - at, " bytes, no multiple of ", size);
    }
    uint64_t value = 0;
    bool is_bool = is_tensor_bool(&field);
    while (at < end) {
      size_t start = at;
      TARN_RETURN_IF_ERROR(varint(at, end, value));
      if (is_bool && value > 1) return bool_error(start, value);
    }
    return {};
  }

  // Elements of a tensor are what was meant; the parser would make 1 of a 2.
  static bool is_tensor_bool(const FieldDescriptor* field) {
    return field != nullptr && field->type() == FieldDescriptor::TYPE_BOOL &&
           field->containing_type() == pb::TensorProto::descriptor();
  }
  Status bool_error(size_t at, uint64_t value) {
    return error(Code::kInvalidArgument, at, "bool_val ", value, " is not within 0 to 1");
  }

  Status nested(size_t at, size_t end, const Descriptor& type, int depth) {
    bool is_node = &type == pb::NodeDef::descriptor();
    bool is_function = &type == pb::NameAttrList::descriptor();
    if (is_node) {
      if (++nodes_ > limits_.max_nodes) {
        return error(Code::kResourceExhausted, at, "more than ", limits_.max_nodes, " nodes");
      }
      node_begin_ = at;
      node_end_ = end;
    }
    function_depth_ += is_function;
    if (function_depth_ > limits_.max_function_depth) {
      return error(Code::kInvalidArgument, at, "function attrs are nested more than ", limits_.max_function_depth,
                   " deep");
    }
    Status status = message(at, end, type, depth + 1);
    function_depth_ -= is_function;
    if (status.ok() && is_node) node_begin_ = node_end_ = 0;
    return status;
  }

  Status text(size_t at, size_t end, const FieldDescriptor& field) {
    std::string_view text = bytes_.substr(at, end - at);
    size_t bad = first_bad_utf8(text);
    if (bad != std::string_view::npos) {
      return error(Code::kInvalidArgument, at + bad, "field '", field.name(), "' is not UTF-8: ", quoted(text));
    }
    return {};
  }

  Status varint(size_t& at, size_t end, uint64_t& value) {
    size_t start = at;
    value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (at >= end) return error(Code::kDataLoss, start, "the bytes end within a number");
      auto byte = static_cast<unsigned char>(bytes_[at++]);
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return {};
    }
    return error(Code::kDataLoss, start, "a number is longer than 10 bytes");
  }

  template <class... Args>
  Status error(Code code, size_t at, const Args&... args) {
    Status status = make_error(code, "byte ", at, " of ", bytes_.size(), node_text(), ": ", args...);
    return node_end_ > node_begin_ ? status.with_node(node_name()) : status;
  }

  std::string node_text() const {
    if (node_end_ == node_begin_) return {};
    return str_cat(" (node ", nodes_ - 1, " ", quoted(node_name()), ")");
  }

  // The name of the node being scanned, if it stands before the damage, where writers put it.
  std::string_view node_name() const {
    constexpr unsigned char kNameTag = 1 << 3 | kLength;
    std::string_view node = bytes_.substr(node_begin_, node_end_ - node_begin_);
    if (node.size() < 2 || static_cast<unsigned char>(node[0]) != kNameTag) return {};
    auto size = static_cast<unsigned char>(node[1]);
    return size < 0x80 && size <= node.size() - 2 ? node.substr(2, size) : std::string_view();
  }

  std::string_view bytes_;
  const ScanLimits& limits_;
  int64_t nodes_ = 0;
  int64_t messages_ = 0;
  int function_depth_ = 0;
  size_t node_begin_ = 0, node_end_ = 0;  // of the node being scanned; equal: none
};

}  // namespace

Status scan_wire(std::string_view bytes, const Descriptor& type, const ScanLimits& limits) {
  return Scanner(bytes, limits).message(0, bytes.size(), type, 1);
}

}  // namespace tarn
