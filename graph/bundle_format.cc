#include "graph/bundle_format.h"

#include <cstdio>
#include <cstring>
#include <limits>

#include "core/crc32c.h"
#include "graph/checkpoint.h"

namespace tarn {

std::string checkpoint_data_path(std::string_view prefix, int shard, int shard_count) {
  char suffix[40];
  std::snprintf(suffix, sizeof(suffix), ".data-%05d-of-%05d", shard, shard_count);
  return str_cat(prefix, std::string_view(suffix));
}

std::string checkpoint_index_path(std::string_view prefix) {
  return str_cat(prefix, ".index");
}

namespace bundle {
namespace {

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

uint32_t extend_by_length(uint32_t crc, uint64_t length) {
  if (length > std::numeric_limits<uint32_t>::max()) return crc32c(bytes_of(length), crc);
  return crc32c(bytes_of(static_cast<uint32_t>(length)), crc);
}

bool take_varint(std::string_view& in, uint64_t& value) {
  value = 0;
  for (size_t i = 0; i < 10 && i < in.size(); ++i) {
    auto byte = static_cast<uint8_t>(in[i]);
    if (i == 9 && byte > 1) return false;
    value |= uint64_t{byte & 0x7fU} << (7 * i);
    if (byte < 0x80) {
      if (byte == 0 && i > 0) return false;
      in.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

}  // namespace

std::string hex32(uint32_t value) {
  char text[12];
  std::snprintf(text, sizeof(text), "0x%08x", value);
  return text;
}

Status check_name(std::string_view name) {
  if (name.empty()) return invalid_argument("a tensor's name is empty");
  if (name.find('\0') != std::string_view::npos) return invalid_argument("name ", quoted(name), " holds a NUL byte");
  for (const std::string& part : str_split(name, '/')) {
    if (part == "..") return invalid_argument("name ", quoted(name), " has a '..' component");
  }
  return {};
}

EncodedStrings encode_strings(const Tensor& tensor) {
  EncodedStrings out;
  for (const std::string& text : tensor.flat<std::string>()) {
    uint64_t length = text.size();
    out.crc = extend_by_length(out.crc, length);
    for (; length >= 0x80; length >>= 7) out.head.push_back(static_cast<char>(length | 0x80));
    out.head.push_back(static_cast<char>(length));
    out.bytes += text.size();
  }
  uint32_t checksum = crc32c_mask(out.crc);
  out.head.append(bytes_of(checksum));
  out.bytes += out.head.size();
  out.crc = crc32c(bytes_of(checksum), out.crc);
  for (const std::string& text : tensor.flat<std::string>()) out.crc = crc32c(text, out.crc);
  return out;
}

Status decode_strings(std::string_view bytes, Tensor& tensor, uint32_t& crc) {
  crc = 0;
  std::span<std::string> texts = tensor.mutable_flat<std::string>();
  std::string_view in = bytes;
  std::vector<uint64_t> lengths;
  uint64_t total = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    uint64_t length;
    if (!take_varint(in, length)) return data_loss("the length of string ", i, " is malformed");
    crc = extend_by_length(crc, length);
    if (length > bytes.size() || total + length > bytes.size()) {
      return data_loss("string ", i, " claims ", length, " bytes of ", bytes.size());
    }
    total += length;
    lengths.push_back(length);
  }
  uint32_t stored;
  if (in.size() < sizeof(stored)) return data_loss("the checksum of the string lengths is cut off");
  std::memcpy(&stored, in.data(), sizeof(stored));
  if (stored != crc32c_mask(crc)) {
    return data_loss("the string lengths are damaged: checksum ", hex32(stored), " is stored, ",
                     hex32(crc32c_mask(crc)), " computed");
  }
  crc = crc32c(in.substr(0, sizeof(stored)), crc);
  in.remove_prefix(sizeof(stored));
  if (in.size() != total)
    return data_loss("the strings have ", total, " bytes together but ", in.size(), " are stored");
  crc = crc32c(in, crc);
  for (size_t i = 0; i < texts.size(); ++i) {
    texts[i].assign(in.substr(0, static_cast<size_t>(lengths[i])));
    in.remove_prefix(static_cast<size_t>(lengths[i]));
  }
  return {};
}

}  // namespace bundle
}  // namespace tarn
