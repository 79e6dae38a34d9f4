#include "graph/table_file.h"

#include <leveldb/env.h>
#include <leveldb/iterator.h>
#include <leveldb/options.h>
#include <leveldb/table.h>
#include <leveldb/table_builder.h>
#include <snappy.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>

#include "core/crc32c.h"

namespace tarn {
namespace {

constexpr size_t kFooterBytes = 48;
constexpr size_t kHandlesBytes = 40;  // two handles, padded with zeros
constexpr uint64_t kMagic = 0xdb4775248b80fb57;
constexpr size_t kTrailerBytes = 5;  // block type, checksum
constexpr size_t kBlockBytes = size_t{256} << 10;
// A snappy copy makes at most 64 bytes from 3.
constexpr size_t kMostSnappyRatio = 22;

std::string hex(uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

template <class T>
T load(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

// Takes a base-128 number of at most `max_bytes` bytes off the front; false if there is none, or if it is longer than
// it need be (two spellings of one number would hide a changed byte).
template <class T>
bool take_varint(std::string_view& in, T& value, size_t max_bytes) {
  value = 0;
  for (size_t i = 0; i < max_bytes && i < in.size(); ++i) {
    auto byte = static_cast<uint8_t>(in[i]);
    T part = byte & 0x7f;
    if ((part << (7 * i)) >> (7 * i) != part) return false;  // bits beyond T
    value |= part << (7 * i);
    if (byte < 0x80) {
      if (byte == 0 && i > 0) return false;
      in.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

struct Handle {
  uint64_t offset = 0, size = 0;
  uint64_t end() const { return offset + size + kTrailerBytes; }  // once checked against the file
};

bool take_handle(std::string_view& in, Handle& handle) {
  return take_varint(in, handle.offset, 10) && take_varint(in, handle.size, 10);
}

struct Footer {
  Handle metaindex, index;
};

// A block's bytes as they are once decompressed.
struct DecodedBlock {
  std::string_view contents;
  std::string storage;  // of a compressed one
};

class Checker {
 public:
  explicit Checker(std::string_view bytes) : bytes_(bytes) {}

  // Checks everything; returns the number of entries.
  Result<uint64_t> check() {
    TARN_ASSIGN_OR_RETURN(Footer footer, read_footer());
    TARN_ASSIGN_OR_RETURN(DecodedBlock index, read_block(footer.index, "index block"));
    // Blocks follow each other without gaps: data, metaindex, index, footer. So every byte belongs to something
    // checked.
    uint64_t next = 0;
    uint64_t entries = 0;
    Status status = walk(index.contents, "index block", footer.index.offset, [&](std::string_view value) -> Status {
      Handle handle;
      if (!take_handle(value, handle) || !value.empty()) return data_loss("the index block holds a bad block handle");
      TARN_RETURN_IF_ERROR(expect_offset("data block", handle.offset, next));
      TARN_ASSIGN_OR_RETURN(DecodedBlock block, read_block(handle, "data block"));
      next = handle.end();
      return walk(block.contents, "data block", handle.offset, [&](std::string_view) {
        ++entries;
        return Status();
      });
    });
    TARN_RETURN_IF_ERROR(status);
    TARN_RETURN_IF_ERROR(expect_offset("metaindex block", footer.metaindex.offset, next));
    TARN_ASSIGN_OR_RETURN(DecodedBlock metaindex, read_block(footer.metaindex, "metaindex block"));
    TARN_RETURN_IF_ERROR(walk(metaindex.contents, "metaindex block", footer.metaindex.offset,
                              [](std::string_view) { return Status(); }));
    TARN_RETURN_IF_ERROR(expect_offset("index block", footer.index.offset, footer.metaindex.end()));
    TARN_RETURN_IF_ERROR(expect_offset("footer", bytes_.size() - kFooterBytes, footer.index.end()));
    return entries;
  }

 private:
  static Status expect_offset(std::string_view what, uint64_t offset, uint64_t expected) {
    if (offset == expected) return {};
    return data_loss("the ", what, " is at byte ", offset, " but what comes before it ends at byte ", expected);
  }

  Result<Footer> read_footer() const {
    if (bytes_.size() < kFooterBytes) {
      return data_loss("not a table file: ", bytes_.size(), " bytes, shorter than the footer of ", kFooterBytes);
    }
    std::string_view footer = bytes_.substr(bytes_.size() - kFooterBytes);
    auto magic = load<uint64_t>(footer, kHandlesBytes);
    if (magic != kMagic) {
      return data_loss("not a table file (or a truncated one): it ends in ", hex(magic),
                       " instead of the magic number ", hex(kMagic));
    }
    std::string_view handles = footer.substr(0, kHandlesBytes);
    Footer result;
    if (!take_handle(handles, result.metaindex) || !take_handle(handles, result.index)) {
      return data_loss("the footer holds a bad block handle");
    }
    size_t junk = handles.find_first_not_of('\0');
    if (junk != std::string_view::npos) {
      return data_loss("the footer's padding holds ", hex(static_cast<uint8_t>(handles[junk])), " at byte ",
                       bytes_.size() - kFooterBytes + kHandlesBytes - handles.size() + junk);
    }
    return result;
  }

  Result<DecodedBlock> read_block(const Handle& handle, std::string_view what) const {
    uint64_t room = bytes_.size() - kFooterBytes;
    if (handle.size > room || handle.offset > room - handle.size ||
        room - handle.size - handle.offset < kTrailerBytes) {
      return data_loss("the ", what, " at byte ", handle.offset, " with ", handle.size, " bytes does not fit into ",
                       bytes_.size(), " bytes of file");
    }
    auto size = static_cast<size_t>(handle.size);
    std::string_view block = bytes_.substr(static_cast<size_t>(handle.offset), size + kTrailerBytes);
    auto stored = load<uint32_t>(block, size + 1);
    uint32_t computed = crc32c_mask(crc32c(block.substr(0, size + 1)));
    if (stored != computed) {
      return data_loss("the ", what, " at byte ", handle.offset, " is damaged: checksum ", hex(stored), " is stored, ",
                       hex(computed), " computed");
    }
    DecodedBlock result;
    result.contents = block.substr(0, size);
    switch (auto type = static_cast<uint8_t>(block[size])) {
      case leveldb::kNoCompression: return result;
      case leveldb::kSnappyCompression: break;
      default: return data_loss("the ", what, " at byte ", handle.offset, " has unknown compression type ", type);
    }
    size_t length = 0;
    if (!snappy::GetUncompressedLength(block.data(), size, &length) || length / kMostSnappyRatio > size) {
      return data_loss("the ", what, " at byte ", handle.offset, " claims ", length, " bytes from ", size,
                       " bytes of snappy");
    }
    if (!snappy::Uncompress(block.data(), size, &result.storage)) {
      return data_loss("the ", what, " at byte ", handle.offset, " is not valid snappy");
    }
    result.contents = result.storage;
    return result;
  }

  // Goes over a block's entries and restart points; calls `visit` with each value.
  template <class Visit>
  static Status walk(std::string_view contents, std::string_view what, uint64_t block_offset, const Visit& visit) {
    auto bad = [&](const auto&... problem) {
      return data_loss("the ", what, " at byte ", block_offset, ' ', problem...);
    };
    if (contents.size() < sizeof(uint32_t)) return bad("has only ", contents.size(), " bytes");
    size_t room = contents.size() - sizeof(uint32_t);
    auto restarts = load<uint32_t>(contents, room);
    if (restarts == 0 || restarts > room / sizeof(uint32_t)) {
      return bad("claims ", restarts, " restart points in ", contents.size(), " bytes");
    }
    size_t entries_bytes = room - restarts * sizeof(uint32_t);
    auto restart_at = [&](size_t i) { return load<uint32_t>(contents, entries_bytes + i * sizeof(uint32_t)); };

    std::string_view in = contents.substr(0, entries_bytes);
    size_t next_restart = 0;
    size_t key_bytes = 0;
    while (!in.empty()) {
      size_t at = entries_bytes - in.size();
      uint32_t shared, unshared, value_bytes;
      if (!take_varint(in, shared, 5) || !take_varint(in, unshared, 5) || !take_varint(in, value_bytes, 5)) {
        return bad("has a bad entry header at ", at);
      }
      bool restart = next_restart < restarts && restart_at(next_restart) == at;
      if (restart) ++next_restart;
      if (shared > (restart ? 0 : key_bytes)) {
        return bad("has an entry at ", at, " that shares ", shared, " bytes with a key of ", restart ? 0 : key_bytes);
      }
      uint64_t rest = uint64_t{unshared} + value_bytes;
      if (rest > in.size()) return bad("has an entry at ", at, " of ", rest, " bytes; ", in.size(), " are left");
      key_bytes = size_t{shared} + unshared;
      if (key_bytes > kMaxTableKeyBytes) return bad("has a key of ", key_bytes, " bytes at ", at);
      TARN_RETURN_IF_ERROR(visit(in.substr(unshared, value_bytes)));
      in.remove_prefix(static_cast<size_t>(rest));
    }
    if (entries_bytes == 0 && restarts == 1 && restart_at(0) == 0) return {};  // an empty block
    if (next_restart != restarts) {
      return bad("has restart point ", next_restart, " at ", restart_at(next_restart), ", where no entry begins");
    }
    return {};
  }

  std::string_view bytes_;
};

// leveldb reads from memory that we hold.
class MemoryFile : public leveldb::RandomAccessFile {
 public:
  explicit MemoryFile(std::string_view bytes) : bytes_(bytes) {}
  leveldb::Status Read(uint64_t offset, size_t n, leveldb::Slice* result, char*) const override {
    if (offset > bytes_.size()) return leveldb::Status::IOError("read past the end");
    std::string_view part = bytes_.substr(static_cast<size_t>(offset), n);
    *result = leveldb::Slice(part.data(), part.size());
    return leveldb::Status::OK();
  }

 private:
  std::string_view bytes_;
};

class StringFile : public leveldb::WritableFile {
 public:
  leveldb::Status Append(const leveldb::Slice& data) override {
    bytes.append(data.data(), data.size());
    return leveldb::Status::OK();
  }
  leveldb::Status Close() override { return leveldb::Status::OK(); }
  leveldb::Status Flush() override { return leveldb::Status::OK(); }
  leveldb::Status Sync() override { return leveldb::Status::OK(); }
  std::string bytes;
};

std::string_view view(const leveldb::Slice& slice) {
  return {slice.data(), slice.size()};
}

Status from_leveldb(const leveldb::Status& status) {
  return status.ok() ? Status() : data_loss("the table cannot be read: ", status.ToString());
}

}  // namespace

Status visit_table(std::string_view bytes,
                   const std::function<Status(std::string_view key, std::string_view value)>& visit) {
  TARN_ASSIGN_OR_RETURN(uint64_t expected, Checker(bytes).check());

  MemoryFile file(bytes);
  leveldb::Options options;
  options.paranoid_checks = true;
  leveldb::Table* opened = nullptr;
  TARN_RETURN_IF_ERROR(from_leveldb(leveldb::Table::Open(options, &file, bytes.size(), &opened)));
  std::unique_ptr<leveldb::Table> table(opened);
  leveldb::ReadOptions read_options;
  read_options.verify_checksums = true;
  std::unique_ptr<leveldb::Iterator> entry(table->NewIterator(read_options));

  std::string previous;
  uint64_t count = 0;
  for (entry->SeekToFirst(); entry->Valid(); entry->Next()) {
    std::string_view key = view(entry->key());
    if (count > 0 && key <= previous) {
      return data_loss(key == previous ? "two entries have the key " : "keys are not sorted: after ", quoted(previous),
                       key == previous ? "" : str_cat(" comes ", quoted(key)));
    }
    TARN_RETURN_IF_ERROR(visit(key, view(entry->value())));
    previous = key;
    ++count;
  }
  TARN_RETURN_IF_ERROR(from_leveldb(entry->status()));
  if (count != expected) return data_loss("the table holds ", expected, " entries but only ", count, " can be read");
  return {};
}

Result<std::string> build_table(const std::map<std::string, std::string>& entries) {
  leveldb::Options options;
  options.compression = leveldb::kNoCompression;
  options.block_size = kBlockBytes;
  StringFile file;
  leveldb::TableBuilder builder(options, &file);
  for (const auto& [key, value] : entries) builder.Add(key, value);
  TARN_RETURN_IF_ERROR(from_leveldb(builder.Finish()));
  return std::move(file.bytes);
}

}  // namespace tarn
