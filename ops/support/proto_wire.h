// Protocol buffers by hand, for the few messages that ops read and write (Example, Summary): no library is needed.
//
//   ProtoReader reader(bytes);
//   while (reader.next()) if (reader.field() == 1 && reader.is_bytes()) use(reader.bytes());
//   if (!reader.ok()) …                       // damaged
//
//   ProtoWriter summary;
//   summary.add_bytes(1, tag);  summary.add_float(2, value);  summary.text()
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace tarn {

class ProtoReader {
 public:
  enum Type : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  explicit ProtoReader(std::string_view bytes) : rest_(bytes) {}

  // Goes to the next field; false at the end or where the bytes are damaged.
  bool next() {
    uint64_t key = 0;
    if (rest_.empty() || !ok_ || !take_varint(key)) return false;
    if (key > UINT32_MAX || key >> 3 == 0) return ok_ = false;  // no field has such a number
    field_ = static_cast<uint32_t>(key >> 3);
    type_ = static_cast<uint32_t>(key & 7);
    switch (type_) {
      case kVarint: return take_varint(number_);
      case kFixed64: return take(8);
      case kFixed32: return take(4);
      case kBytes: {
        uint64_t size = 0;
        return take_varint(size) && take(size);
      }
      default: return ok_ = false;  // groups, which nothing writes
    }
  }
  bool ok() const { return ok_; }
  uint32_t field() const { return field_; }
  bool is_bytes() const { return type_ == kBytes; }
  bool is_varint() const { return type_ == kVarint; }
  bool is_fixed32() const { return type_ == kFixed32; }
  std::string_view bytes() const { return piece_; }
  uint64_t varint() const { return number_; }
  float as_float() const {
    float value = 0;
    std::memcpy(&value, piece_.data(), sizeof(value));  // little-endian, as the machines we run on
    return value;
  }

  // Reads one number off the front of `bytes`; false if they are damaged.
  static bool take_varint(std::string_view& bytes, uint64_t& value) {
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

 private:
  bool take_varint(uint64_t& value) { return ok_ = take_varint(rest_, value); }
  bool take(uint64_t size) {
    if (size > rest_.size()) return ok_ = false;
    piece_ = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest_, piece_;
  uint64_t number_ = 0;
  uint32_t field_ = 0, type_ = 0;
  bool ok_ = true;
};

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
