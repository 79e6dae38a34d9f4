#include "graph/table_file.h"

#include <gtest/gtest.h>
#include <snappy.h>

#include <cstring>
#include <vector>

#include "core/crc32c.h"

#include "tests/support/checkpoints.h"

namespace tarn {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

Result<Entries> read_all(std::string_view bytes) {
  Entries entries;
  Status status = visit_table(bytes, [&](std::string_view key, std::string_view value) {
    entries.emplace_back(key, value);
    return Status();
  });
  if (!status.ok()) return status;
  return entries;
}

std::string fixed32(uint32_t value) {
  return {reinterpret_cast<const char*>(&value), 4};
}

std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
  return out;
}

std::string entry(uint64_t shared, std::string_view rest, std::string_view value) {
  return str_cat(varint(shared), varint(rest.size()), varint(value.size()), rest, value);
}

std::string contents(std::string_view entries, std::vector<uint32_t> restarts = {0}) {
  std::string out(entries);
  for (uint32_t restart : restarts) out += fixed32(restart);
  return out + fixed32(static_cast<uint32_t>(restarts.size()));
}

std::string with_trailer(std::string block, uint8_t type = 0) {
  block.push_back(static_cast<char>(type));
  return block + fixed32(crc32c_mask(crc32c(block)));
}

std::string handle(uint64_t offset, uint64_t size) {
  return varint(offset) + varint(size);
}

std::string footer(std::string handles) {
  handles.resize(40);
  return handles + fixed32(0x8b80fb57) + fixed32(0xdb477524);
}

// A table written here by hand from one data block (with its trailer), valid around it.
std::string table_of(const std::string& block) {
  uint64_t size = block.size() - 5;
  std::string meta = with_trailer(contents(""));
  std::string index = with_trailer(contents(entry(0, "zzz", handle(0, size))));
  uint64_t meta_at = block.size(), index_at = meta_at + meta.size();
  return block + meta + index + footer(handle(meta_at, meta.size() - 5) + handle(index_at, index.size() - 5));
}

TEST(TableFile, RoundTripsManyEntriesOverManyBlocks) {
  std::map<std::string, std::string> entries;
  for (int i = 0; i < 5000; ++i)
    entries[str_cat("layer", i % 7, "/weights_", i)] = std::string(static_cast<size_t>(i % 400), 'v');
  entries[""] = "header";
  entries[std::string("\0\xff\1", 3)] = "";
  Result<std::string> bytes = build_table(entries);
  ASSERT_TRUE(bytes.ok());
  EXPECT_GT(bytes->size(), size_t{3} << 18);  // more than one block of 256 KiB
  Result<Entries> back = read_all(*bytes);
  ASSERT_TRUE(back.ok()) << back.status().to_string();
  EXPECT_EQ(*back, Entries(entries.begin(), entries.end()));
}

TEST(TableFile, AnEmptyTableHasNoEntries) {
  EXPECT_TRUE(read_all(*build_table({}))->empty());
}

TEST(TableFile, EveryFlippedByteIsFound) {
  std::string bytes = *build_table({{"", "header"}, {"a", "one"}, {"ab", "two"}, {"b", std::string(40, 'x')}});
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int mask = 1; mask < 256; ++mask) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ mask);
      ASSERT_FALSE(read_all(damaged).ok()) << "byte " << at << " xor " << mask;
    }
  }
}

TEST(TableFile, EveryTruncationAndExtensionIsFound) {
  std::string bytes = *build_table({{"", "header"}, {"a", "one"}});
  for (size_t length = 0; length < bytes.size(); ++length) {
    ASSERT_FALSE(read_all(std::string_view(bytes).substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(read_all(bytes + '\0').ok());
  EXPECT_FALSE(read_all('\0' + bytes).ok());
  EXPECT_FALSE(read_all(bytes + bytes).ok());
}

TEST(TableFile, WhatIsNoTableIsNamed) {
  EXPECT_SAYS(read_all("").status(), {"not a table file", "0 bytes"});
  EXPECT_SAYS(read_all(std::string(47, '\0')).status(), {"47 bytes"});
  EXPECT_SAYS(read_all(std::string(4096, '\0')).status(), {"not a table file", "0xdb4775248b80fb57"});
}

TEST(TableFile, ReadsAHandMadeTable) {
  Result<Entries> got = read_all(table_of(with_trailer(contents(entry(0, "ab", "1") + entry(1, "c", "2")))));
  ASSERT_TRUE(got.ok()) << got.status().to_string();
  EXPECT_EQ(*got, (Entries{{"ab", "1"}, {"ac", "2"}}));
}

TEST(TableFile, BlocksThatLevelDbWouldTrustAreRefused) {
  std::string good = entry(0, "ab", "1");
  uint32_t most = 0xffffffff;
  struct Case {
    std::string contents, says;
  };
  for (const Case& c : {
           Case{"ab", "has only 2 bytes"},
           Case{good + fixed32(0) + fixed32(0), "claims 0 restart points"},
           Case{good + fixed32(0) + fixed32(uint32_t{1} << 31), "claims 2147483648 restart points"},
           Case{contents(good, {most}), "restart point 0 at 4294967295"},
           Case{contents(good, {0, 3}), "restart point 1 at 3"},
           Case{contents(entry(200, "ab", "1")), "shares 200 bytes with a key of 0"},
           Case{contents(good + entry(3, "c", "2")), "shares 3 bytes with a key of 2"},
           Case{contents(varint(0) + varint(2) + varint(most) + "ab1"), "of 4294967297 bytes"},
           // The sum of both wraps around 32 bits.
           Case{contents(varint(0) + varint(most) + varint(2) + "ab1"), "of 4294967297 bytes"},
           Case{contents(varint(0) + varint(uint64_t{1} << 40) + varint(2) + "ab1"), "bad entry header"},
           Case{contents(std::string("\0\x82", 2)), "bad entry header"},
           Case{contents(entry(0, std::string(kMaxTableKeyBytes + 1, 'k'), "")), "has a key of 65537 bytes"},
       }) {
    EXPECT_SAYS(read_all(table_of(with_trailer(c.contents))).status(), {"data block at byte 0", c.says});
  }
}

TEST(TableFile, KeysMustIncrease) {
  EXPECT_SAYS(read_all(table_of(with_trailer(contents(entry(0, "a", "1") + entry(0, "a", "2"))))).status(),
              {"two entries", "'a'"});
  EXPECT_SAYS(read_all(table_of(with_trailer(contents(entry(0, "b", "1") + entry(0, "a", "2"))))).status(),
              {"not sorted", "'b'", "'a'"});
}

TEST(TableFile, SnappyBlocksAreReadAndLyingOnesRefused) {
  std::string plain = contents(entry(0, "ab", std::string(3000, 'x')));
  std::string packed;
  snappy::Compress(plain.data(), plain.size(), &packed);
  Result<Entries> got = read_all(table_of(with_trailer(packed, 1)));
  ASSERT_TRUE(got.ok()) << got.status().to_string();
  EXPECT_EQ((*got)[0].second, std::string(3000, 'x'));

  EXPECT_SAYS(read_all(table_of(with_trailer(packed, 7))).status(), {"unknown compression type 7"});
  EXPECT_SAYS(read_all(table_of(with_trailer(varint(0xffffffff) + "abc", 1))).status(), {"claims 4294967295 bytes"});
  EXPECT_SAYS(read_all(table_of(with_trailer("\x20garbage garbage", 1))).status(), {"not valid snappy"});
  std::string hostile;
  std::string inner = contents(varint(0) + varint(2) + varint(0xffffffff) + "ab1");
  snappy::Compress(inner.data(), inner.size(), &hostile);
  EXPECT_SAYS(read_all(table_of(with_trailer(hostile, 1))).status(), {"of 4294967297 bytes"});
}

TEST(TableFile, HandlesThatLeaveTheFileOrOverlapAreRefused) {
  std::string bytes = table_of(with_trailer(contents(entry(0, "a", "1"))));
  std::string body = bytes.substr(0, bytes.size() - 48);
  constexpr uint64_t k62 = uint64_t{1} << 62, k63 = uint64_t{1} << 63, kMost = ~uint64_t{0};
  std::string good_meta = handle(18, 8);
  for (const std::string& index :
       {handle(kMost, 20), handle(k63, k63), handle(0, k62), handle(1000, 5), handle(5, kMost), handle(kMost - 10, 10),
        handle(bytes.size() - 48, 0), std::string(20, '\xff'), handle(0, 13), good_meta, std::string()}) {
    EXPECT_FALSE(read_all(body + footer(good_meta + index)).ok());
    EXPECT_FALSE(read_all(body + footer(index + good_meta)).ok());
  }

  // The index names a data block out of the file, itself, or leaves a hole.
  std::string block = with_trailer(contents(entry(0, "a", "1")));
  std::string meta = with_trailer(contents(""));
  for (const std::string& data : {handle(k62, 5), handle(0, k62), handle(1, 3), handle(block.size() + meta.size(), 15),
                                  std::string("\xff"), handle(0, block.size() - 5) + "x"}) {
    std::string index = with_trailer(contents(entry(0, "z", data)));
    uint64_t index_at = block.size() + meta.size();
    std::string all =
        block + meta + index + footer(handle(block.size(), meta.size() - 5) + handle(index_at, index.size() - 5));
    EXPECT_FALSE(read_all(all).ok());
  }
  std::string index = with_trailer(contents(""));  // names no block: the bytes before belong to nothing
  std::string all =
      block + meta + index + footer(handle(block.size(), 8) + handle(block.size() + meta.size(), index.size() - 5));
  EXPECT_SAYS(read_all(all).status(), {"metaindex block is at byte 18", "ends at byte 0"});
}

}  // namespace
}  // namespace tarn
