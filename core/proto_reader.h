// ProtoReader: the fields of a protocol buffer one after the other, in place, without a library. What the engine and
// the ops read messages with.
//
//   ProtoReader reader(bytes);
//   while (reader.next()) {
//     if (reader.field() == 1 && reader.is_bytes()) use(reader.bytes());      // a message: ProtoReader(reader.bytes())
//   }
//   TARN_RETURN_IF_ERROR(reader.status());      // damaged: says how
//
// Every field is read whole by next(), so one that nobody asks for is passed over, and checked all the same.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/status.h"

namespace tarn {

class ProtoReader {
 public:
  enum Type : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  explicit ProtoReader(std::string_view bytes) : rest_(bytes) {}

  // Goes to the next field; false at the end or where the bytes are damaged.
  bool next();
  bool ok() const { return problem_ == nullptr; }
  // What is damaged; empty if nothing is.
  std::string_view problem() const { return ok() ? std::string_view() : problem_; }
  // DataLoss with problem() as its message.
  Status status() const;

  uint32_t field() const { return field_; }
  Type type() const { return static_cast<Type>(type_); }
  bool is_bytes() const { return type_ == kBytes; }
  bool is_varint() const { return type_ == kVarint; }
  bool is_fixed32() const { return type_ == kFixed32; }
  bool is_fixed64() const { return type_ == kFixed64; }
  // The field's value: of bytes, a text or a message; of a fixed number, its bytes.
  std::string_view bytes() const { return piece_; }
  uint64_t varint() const { return number_; }
  int32_t as_int32() const { return static_cast<int32_t>(number_); }
  float as_float() const { return fixed<float>(); }
  double as_double() const { return fixed<double>(); }
  uint32_t as_fixed32() const { return fixed<uint32_t>(); }
  // Where the next field begins.
  const char* at() const { return rest_.data(); }

  // Reads one number off the front of `bytes`; false if they end within it, or it is longer than 10.
  static bool take_varint(std::string_view& bytes, uint64_t& value);

 private:
  template <class T>
  T fixed() const {
    T value = 0;
    std::memcpy(&value, piece_.data(), sizeof(value));  // little-endian, as the machines we run on
    return value;
  }
  bool fail(const char* problem);
  bool take_varint(uint64_t& value);
  bool take(uint64_t size);

  std::string_view rest_, piece_;
  uint64_t number_ = 0;
  uint32_t field_ = 0, type_ = 0;
  const char* problem_ = nullptr;
};

}  // namespace tarn
