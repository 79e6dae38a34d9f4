#include "tools/support/npz.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "core/file.h"
#include "graph/npy.h"

namespace tarn {
namespace {

// APPNOTE.TXT 6.3, 4.3.16, 4.3.12 and 4.3.7.
constexpr uint32_t kEndSignature = 0x06054b50, kEntrySignature = 0x02014b50, kLocalSignature = 0x04034b50;
constexpr size_t kEndBytes = 22, kEntryBytes = 46, kLocalBytes = 30;
constexpr uint64_t kMostDeflateRatio = 1032;  // zlib's technical details

template <class T>
T load(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

struct Member {
  std::string name;
  uint16_t method = 0;
  uint32_t crc = 0;
  uint64_t packed = 0, size = 0, header = 0;
};

Result<std::vector<Member>> members_of(std::string_view bytes) {
  if (bytes.size() < kEndBytes) return data_loss("not a zip archive: only ", bytes.size(), " bytes");
  size_t end = bytes.size() - kEndBytes;
  size_t lowest = end - std::min(end, size_t{65'535});  // a comment may follow
  while (load<uint32_t>(bytes, end) != kEndSignature) {
    if (end == lowest) return data_loss("not a zip archive, or cut off: there is no end of a directory");
    --end;
  }
  auto count = load<uint16_t>(bytes, end + 10);
  uint64_t at = load<uint32_t>(bytes, end + 16);
  std::vector<Member> members;
  for (int i = 0; i < count; ++i) {
    if (at > end || end - at < kEntryBytes || load<uint32_t>(bytes, at) != kEntrySignature)
      return data_loss("entry ", i, " of the archive's directory is malformed");
    Member member;
    member.method = load<uint16_t>(bytes, at + 10);
    member.crc = load<uint32_t>(bytes, at + 16);
    member.packed = load<uint32_t>(bytes, at + 20);
    member.size = load<uint32_t>(bytes, at + 24);
    uint64_t name = load<uint16_t>(bytes, at + 28), extra = load<uint16_t>(bytes, at + 30),
             comment = load<uint16_t>(bytes, at + 32);
    member.header = load<uint32_t>(bytes, at + 42);
    if (end - at - kEntryBytes < name + extra + comment)
      return data_loss("entry ", i, " of the archive's directory is cut off");
    member.name = bytes.substr(at + kEntryBytes, name);
    at += kEntryBytes + name + extra + comment;
    members.push_back(std::move(member));
  }
  return members;
}

Result<std::string> inflated(std::string_view packed, uint64_t size) {
  std::string out(size, '\0');
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return resource_exhausted("zlib: out of memory");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  int code = inflate(&stream, Z_FINISH);
  uLong made = stream.total_out;
  inflateEnd(&stream);
  if (code != Z_STREAM_END || made != size) return data_loss("its deflated data are damaged");
  return out;
}

Result<std::string> content_of(std::string_view bytes, const Member& member, uint64_t max_bytes) {
  if (member.header > bytes.size() || bytes.size() - member.header < kLocalBytes ||
      load<uint32_t>(bytes, member.header) != kLocalSignature) {
    return data_loss("its header is not at byte ", member.header);
  }
  uint64_t begin = member.header + kLocalBytes + load<uint16_t>(bytes, member.header + 26) +
                   load<uint16_t>(bytes, member.header + 28);
  if (begin > bytes.size() || member.packed > bytes.size() - begin)
    return data_loss("its ", member.packed, " bytes do not fit into the archive");
  if (member.size > max_bytes) return resource_exhausted("it unpacks to ", member.size, " bytes, above ", max_bytes);
  std::string_view packed = bytes.substr(begin, member.packed);
  std::string content;
  if (member.method == 0) {
    if (member.packed != member.size) return data_loss("it is stored, but of two sizes");
    content = packed;
  } else if (member.method == Z_DEFLATED) {
    if (member.size / kMostDeflateRatio > member.packed)
      return data_loss("it claims ", member.size, " bytes from ", member.packed);
    TARN_ASSIGN_OR_RETURN(content, inflated(packed, member.size));
  } else {
    return unimplemented("it is packed with method ", member.method, "; 0 (stored) and 8 (deflated) are known");
  }
  uLong crc = crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
  if (crc != member.crc) return data_loss("its checksum is wrong");
  return content;
}

}  // namespace

Result<std::vector<NamedTensor>> parse_npz(std::string_view bytes, const NpzLimits& limits) {
  TARN_ASSIGN_OR_RETURN(std::vector<Member> members, members_of(bytes));
  std::vector<NamedTensor> arrays;
  std::set<uint64_t> headers;
  std::set<std::string_view> names;
  uint64_t total = 0;
  for (const Member& member : members) {
    // A thousand entries for one piece of packed zeros would be a thousand arrays.
    if (!headers.insert(member.header).second)
      return data_loss(quoted(member.name), ": another entry has the same bytes, at ", member.header);
    if (!names.insert(member.name).second) return data_loss("two entries are called ", quoted(member.name));
    total += member.size;
    if (total > limits.total_bytes) {
      return resource_exhausted(quoted(member.name), ": with it the archive unpacks to ", total, " bytes, above ",
                                limits.total_bytes);
    }
    Result<std::string> content = content_of(bytes, member, limits.member_bytes);
    if (!content.ok()) return content.status().with_context(quoted(member.name));
    Result<Tensor> tensor = parse_npy(*content);
    if (!tensor.ok()) return tensor.status().with_context(quoted(member.name));
    std::string name = member.name;
    if (name.ends_with(".npy")) name.resize(name.size() - 4);
    arrays.push_back({std::move(name), *std::move(tensor)});
  }
  return arrays;
}

Result<std::vector<NamedTensor>> read_npz(const std::string& path) {
  TARN_ASSIGN_OR_RETURN(std::string bytes, read_file(path));
  Result<std::vector<NamedTensor>> arrays = parse_npz(bytes);
  if (!arrays.ok()) return arrays.status().with_context(path);
  return arrays;
}

}  // namespace tarn
