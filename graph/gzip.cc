#include "graph/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

namespace tarn {

bool is_gzip(std::string_view bytes) {
  return bytes.starts_with("\x1f\x8b");
}

Result<std::string> gunzip(std::string_view bytes, uint64_t max_bytes) {
  constexpr int kGzipWindow = 15 + 16;  // largest window; +16: a gzip header
  constexpr size_t kPiece = size_t{1} << 20;
  z_stream stream = {};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) return resource_exhausted("gzip: out of memory");
  struct End {
    z_stream* stream;
    ~End() { inflateEnd(stream); }
  } end{&stream};
  std::string out;
  size_t taken = 0, made = 0;
  while (true) {
    if (made == out.size()) {
      if (out.size() > max_bytes) return resource_exhausted("gzip: unpacks to more than ", max_bytes, " bytes");
      out.resize(out.size() + std::max(kPiece, out.size() / 2));
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

}  // namespace tarn
