// Protocol buffers by hand, for the few messages that ops write (Summary): no library is needed. What they read:
// core/proto_reader.h.
//
//   ProtoWriter summary;
//   summary.add_bytes(1, tag);  summary.add_float(2, value);  summary.text()
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/proto_reader.h"

namespace tarn {

class ProtoWriter {
 public:
  void add_bytes(uint32_t field, std::string_view bytes) {
    key(field, ProtoReader::kBytes);
    varint(bytes.size());
    text_.append(bytes);
  }
  void add_message(uint32_t field, const ProtoWriter& message) { add_bytes(field, message.text()); }
  void add_varint(uint32_t field, uint64_t value) {
    key(field, ProtoReader::kVarint);
    varint(value);
  }
  void add_float(uint32_t field, float value) {
    key(field, ProtoReader::kFixed32);
    raw(value);
  }
  void add_double(uint32_t field, double value) {
    key(field, ProtoReader::kFixed64);
    raw(value);
  }
  // One element of a packed list.
  void raw(double value) { text_.append(reinterpret_cast<const char*>(&value), sizeof(value)); }
  void raw(float value) { text_.append(reinterpret_cast<const char*>(&value), sizeof(value)); }
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) text_ += static_cast<char>(value | 0x80);
    text_ += static_cast<char>(value);
  }
  const std::string& text() const { return text_; }

 private:
  void key(uint32_t field, ProtoReader::Type type) { varint(uint64_t{field} << 3 | type); }
  std::string text_;
};

}  // namespace tarn
