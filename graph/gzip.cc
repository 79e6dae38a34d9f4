#include "graph/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

namespace tarn {
namespace {

// Whether a protobuf message or a text can begin so: a tag has a field number and one of the wire types there are.
bool may_be_graph(std::string_view start) {
  if (start.empty()) return true;
  auto first = static_cast<unsigned char>(start[0]);
  unsigned wire_type = first & 7;
  bool may_be_tag = (first >= 0x80 || first >= 8) && wire_type != 3 && wire_type != 4 && wire_type < 6;
  bool may_be_text = first >= 0x20 || first == '\t' || first == '\n' || first == '\r';
  return may_be_tag || may_be_text;
}

// What the last four bytes say of the size, if that is possible: Deflate makes at most 1032 bytes of one.
size_t size_hint(std::string_view bytes, uint64_t max_bytes) {
  if (bytes.size() < 4) return 0;
  uint64_t size = 0;
  for (size_t i = 0; i < 4; ++i) size |= uint64_t{static_cast<unsigned char>(bytes[bytes.size() - 4 + i])} << (8 * i);
  return size <= max_bytes && size <= 1032 * uint64_t{bytes.size()} ? static_cast<size_t>(size) : 0;
}

Result<std::string> unpack(std::string_view bytes, uint64_t max_bytes, bool must_be_graph) {
  constexpr int kGzipWindow = 15 + 16;  // largest window; +16: a gzip header
  constexpr size_t kPiece = size_t{1} << 20;
  z_stream stream = {};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) return resource_exhausted("gzip: out of memory");
  struct End {
    z_stream* stream;
    ~End() { inflateEnd(stream); }
  } end{&stream};
  std::string out;
  out.reserve(size_hint(bytes, max_bytes) + 1);
  size_t taken = 0, made = 0;
  while (true) {
    if (made == out.size()) {
      if (out.size() > max_bytes) return resource_exhausted("gzip: unpacks to more than ", max_bytes, " bytes");
      if (made > 0 && must_be_graph && !may_be_graph(out))
        return data_loss("gzip: what is packed in it is not a GraphDef, nor a graph in text form");
      size_t more = kPiece;  // at first: so much shows what it is
      if (made > 0) more = std::max({kPiece, out.capacity() - out.size(), out.size() / 2});
      // One byte more than may be shows that there is more.
      uint64_t room = std::min<uint64_t>(max_bytes - out.size(), std::numeric_limits<uint32_t>::max()) + 1;
      out.resize(out.size() + std::min<uint64_t>(more, room));
    }
    auto give = static_cast<uInt>(std::min<size_t>(bytes.size() - taken, std::numeric_limits<uInt>::max()));
    auto room = static_cast<uInt>(std::min<size_t>(out.size() - made, std::numeric_limits<uInt>::max()));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + taken));
    stream.avail_in = give;
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + made);
    stream.avail_out = room;
    int code = inflate(&stream, Z_NO_FLUSH);
    taken += give - stream.avail_in;
    made += room - stream.avail_out;
    if (code == Z_STREAM_END) {
      if (taken == bytes.size()) break;
      // Members may follow one another, as gzip itself allows.
      if (!is_gzip(bytes.substr(taken))) break;  // padding
      if (inflateReset(&stream) != Z_OK) return internal_error("gzip: cannot go on");
      continue;
    }
    bool starved = code == Z_BUF_ERROR && taken == bytes.size();
    if (starved || (code == Z_OK && taken == bytes.size() && stream.avail_out > 0)) {
      return data_loss("gzip: the file ends at byte ", bytes.size(), ", before its data does");
    }
    if (code != Z_OK && code != Z_BUF_ERROR) {
      return data_loss("gzip: damaged near byte ", taken, stream.msg != nullptr ? ": " : "",
                       stream.msg != nullptr ? stream.msg : "");
    }
  }
  if (made > max_bytes) return resource_exhausted("gzip: unpacks to more than ", max_bytes, " bytes");
  out.resize(made);
  return out;
}

}  // namespace

bool is_gzip(std::string_view bytes) {
  return bytes.starts_with("\x1f\x8b");
}

Result<std::string> gunzip(std::string_view bytes, uint64_t max_bytes) {
  return unpack(bytes, max_bytes, false);
}

Result<std::string> gunzip_graph(std::string_view bytes, uint64_t max_bytes) {
  return unpack(bytes, max_bytes, true);
}

}  // namespace tarn
