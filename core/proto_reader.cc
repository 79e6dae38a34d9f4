#include "core/proto_reader.h"

namespace tarn {
namespace {

constexpr char kTooShort[] = "a field is longer than what is left of the file";

// Numbers that protobuf keeps for itself.
constexpr bool is_reserved(uint32_t field) {
  return field == 0 || (field >= 19000 && field <= 19999);
}

}  // namespace

bool ProtoReader::next() {
  uint64_t key = 0;
  if (rest_.empty() || !ok() || !take_varint(key)) return false;
  field_ = static_cast<uint32_t>(key >> 3);
  type_ = static_cast<uint32_t>(key & 7);
  if (key > UINT32_MAX || is_reserved(field_)) return fail("a field number is 0 or reserved");
  switch (type_) {
    case kVarint: return take_varint(number_);
    case kFixed64: return take(8);
    case kFixed32: return take(4);
    case kBytes: {
      uint64_t size = 0;
      return take_varint(size) && take(size);
    }
    default: return fail("a field has an unknown wire type");  // groups too, which nothing writes
  }
}

Status ProtoReader::status() const {
  return ok() ? Status() : data_loss(problem());
}

bool ProtoReader::take_varint(std::string_view& bytes, uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (bytes.empty()) return false;
    auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

bool ProtoReader::fail(const char* problem) {
  problem_ = problem;
  return false;
}

bool ProtoReader::take_varint(uint64_t& value) {
  const size_t before = rest_.size();
  if (take_varint(rest_, value)) return true;
  return fail(before - rest_.size() < 10 ? kTooShort : "a number is longer than 10 bytes");
}

bool ProtoReader::take(uint64_t size) {
  if (size > rest_.size()) return fail(kTooShort);
  piece_ = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

}  // namespace tarn
