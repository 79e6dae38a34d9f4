#include "examples/support/byte_source.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "core/file.h"

namespace tarn::examples {
namespace {

constexpr size_t kChunkBytes = 64 * 1024;
constexpr int kGzipWindow = 15 + 16;         // zlib: largest window, gzip wrapper
constexpr int64_t kDeflateBestRatio = 1032;  // zlib's documentation: 1032:1 is the limit of deflate

}  // namespace

struct ByteSource::State {
  std::string path;
  std::optional<RandomAccessFile> file;
  int64_t file_bytes = 0;
  int64_t position = 0;  // in the file, of the next refill
  bool gzip = false;
  bool in_member = true;  // gzip: inside a member, not between two
  z_stream stream{};
  std::array<uint8_t, kChunkBytes> chunk;
  std::span<uint8_t> unread;  // of chunk

  ~State() {
    if (gzip) ::inflateEnd(&stream);
  }

  bool at_file_end() const { return position == file_bytes; }

  Status refill() {
    if (!unread.empty() || at_file_end()) return {};
    size_t count = std::min(chunk.size(), static_cast<size_t>(file_bytes - position));
    TARN_RETURN_IF_ERROR(
        file->read_at(static_cast<uint64_t>(position), {reinterpret_cast<char*>(chunk.data()), count}));
    position += static_cast<int64_t>(count);
    unread = std::span(chunk.data(), count);
    return {};
  }

  Result<size_t> read_raw(std::span<uint8_t> out) {
    size_t done = 0;
    while (done < out.size()) {
      TARN_RETURN_IF_ERROR(refill());
      if (unread.empty()) break;
      size_t count = std::min(unread.size(), out.size() - done);
      std::memcpy(out.data() + done, unread.data(), count);
      unread = unread.subspan(count);
      done += count;
    }
    return done;
  }

  Status damaged(std::string_view how) const {
    return data_loss(quoted(path), ": the gzip data are damaged (", how, ") after ",
                     static_cast<uint64_t>(stream.total_out), " unpacked bytes");
  }

  Result<size_t> read_gzip(std::span<uint8_t> out) {
    size_t done = 0;
    while (done < out.size()) {
      TARN_RETURN_IF_ERROR(refill());
      if (!in_member) {
        if (unread.empty()) break;
        // The next member; its header is checked by inflate.
        if (::inflateReset(&stream) != Z_OK) return internal_error("inflateReset failed");
        in_member = true;
      }
      stream.next_in = unread.data();
      stream.avail_in = static_cast<uInt>(unread.size());
      stream.next_out = out.data() + done;
      stream.avail_out = static_cast<uInt>(std::min<size_t>(out.size() - done, 1u << 30));
      uInt wanted = stream.avail_out;
      int code = ::inflate(&stream, Z_NO_FLUSH);
      done += wanted - stream.avail_out;
      unread = unread.last(stream.avail_in);
      if (code == Z_STREAM_END) {
        in_member = false;
      } else if (code == Z_BUF_ERROR && at_file_end()) {
        return data_loss(quoted(path), ": the gzip file is cut short: its ", file_bytes, " bytes end after ",
                         static_cast<uint64_t>(stream.total_out), " unpacked bytes, inside the compressed data");
      } else if (code == Z_MEM_ERROR) {
        return resource_exhausted(quoted(path), ": out of memory while unpacking");
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return damaged(stream.msg != nullptr ? stream.msg : "unreadable");
      }
    }
    return done;
  }
};

ByteSource::ByteSource(std::unique_ptr<State> state) : state_(std::move(state)) {}
ByteSource::ByteSource(ByteSource&&) noexcept = default;
ByteSource& ByteSource::operator=(ByteSource&&) noexcept = default;
ByteSource::~ByteSource() = default;

Result<ByteSource> ByteSource::open(const std::string& path) {
  auto state = std::make_unique<State>();
  state->path = path;
  TARN_ASSIGN_OR_RETURN(state->file, RandomAccessFile::open(path));
  state->file_bytes = static_cast<int64_t>(state->file->size());
  TARN_RETURN_IF_ERROR(state->refill());
  if (state->unread.size() >= 2 && state->unread[0] == 0x1f && state->unread[1] == 0x8b) {
    if (::inflateInit2(&state->stream, kGzipWindow) != Z_OK) {
      return resource_exhausted(quoted(path), ": out of memory while unpacking");
    }
    state->gzip = true;
  }
  return ByteSource(std::move(state));
}

Result<size_t> ByteSource::read(std::span<uint8_t> out) {
  return state_->gzip ? state_->read_gzip(out) : state_->read_raw(out);
}

bool ByteSource::is_gzip() const {
  return state_->gzip;
}
int64_t ByteSource::file_bytes() const {
  return state_->file_bytes;
}
int64_t ByteSource::most_content_bytes() const {
  return state_->gzip ? state_->file_bytes * kDeflateBestRatio : state_->file_bytes;
}

}  // namespace tarn::examples
