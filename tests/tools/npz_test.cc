#include "tools/support/npz.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "graph/npy.h"
#include "tests/support/checkpoints.h"

namespace tarn {
namespace {

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

struct Member {
  std::string name, content;
  bool deflate = false;
};

// A zip archive, byte by byte.
std::string zip(const std::vector<Member>& members, uint32_t claimed_size = 0) {
  std::string out, directory;
  for (const Member& member : members) {
    std::string packed = member.content;
    if (member.deflate) {
      uLongf length = compressBound(packed.size());
      std::string zlib(length, '\0');
      compress(reinterpret_cast<Bytef*>(zlib.data()), &length, reinterpret_cast<const Bytef*>(packed.data()),
               packed.size());
      packed = zlib.substr(2, length - 6);  // without zlib's header and checksum
    }
    auto offset = static_cast<uint32_t>(out.size());
    auto crc = static_cast<uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(member.content.data()), static_cast<uInt>(member.content.size())));
    auto common = [&](std::string& to) {
      put<uint16_t>(to, 20);
      put<uint16_t>(to, 0);
      put<uint16_t>(to, member.deflate ? 8 : 0);
      put<uint32_t>(to, 0);
      put<uint32_t>(to, crc);
      put<uint32_t>(to, static_cast<uint32_t>(packed.size()));
      put<uint32_t>(to, claimed_size != 0 ? claimed_size : static_cast<uint32_t>(member.content.size()));
      put<uint16_t>(to, static_cast<uint16_t>(member.name.size()));
      put<uint16_t>(to, 0);
    };
    put<uint32_t>(out, 0x04034b50);
    common(out);
    out += member.name + packed;
    put<uint32_t>(directory, 0x02014b50);
    put<uint16_t>(directory, 20);
    common(directory);
    put<uint16_t>(directory, 0);
    put<uint16_t>(directory, 0);
    put<uint16_t>(directory, 0);
    put<uint32_t>(directory, 0);
    put<uint32_t>(directory, offset);
    directory += member.name;
  }
  auto at = static_cast<uint32_t>(out.size());
  out += directory;
  put<uint32_t>(out, 0x06054b50);
  put<uint32_t>(out, 0);
  put<uint16_t>(out, static_cast<uint16_t>(members.size()));
  put<uint16_t>(out, static_cast<uint16_t>(members.size()));
  put<uint32_t>(out, static_cast<uint32_t>(directory.size()));
  put<uint32_t>(out, at);
  put<uint16_t>(out, 0);
  return out;
}

std::string array(std::vector<float> values) {
  return *npy_bytes(Tensor::vector<float>(values));
}

TEST(Npz, ReadsStoredAndDeflatedArrays) {
  Result<std::vector<NamedTensor>> arrays =
      parse_npz(zip({{"a.npy", array({1, 2})}, {"b|c:0.npy", array(std::vector<float>(1000, 7)), true}}));

  ASSERT_TRUE(arrays.ok()) << arrays.status().to_string();
  ASSERT_EQ(arrays->size(), 2u);
  EXPECT_EQ((*arrays)[0].name, "a");
  EXPECT_EQ((*arrays)[0].tensor.to_string(), "f32[2]{1, 2}");
  EXPECT_EQ((*arrays)[1].name, "b|c:0");
  EXPECT_EQ((*arrays)[1].tensor.flat<float>()[999], 7);
}

TEST(Npz, DamagedArchivesAreRefused) {
  const std::string good = zip({{"a.npy", array(std::vector<float>(50, 3)), true}});
  ASSERT_TRUE(parse_npz(good).ok());
  for (size_t cut = 0; cut < good.size(); ++cut) EXPECT_FALSE(parse_npz(good.substr(0, cut)).ok()) << cut;
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(~bytes[at]);
    Result<std::vector<NamedTensor>> arrays = parse_npz(bytes);
    // Dates, versions and names are not checked by anything; values are.
    if (arrays.ok() && arrays->size() == 1) {
      EXPECT_EQ((*arrays)[0].tensor.flat<float>()[49], 3) << at;
    }
  }
  EXPECT_SAYS(parse_npz(zip({{"a.npy", array({1}), true}}, 0x7fffffff)).status(), {"'a.npy'"});
  EXPECT_SAYS(parse_npz(zip({{"a.npy", "no array"}})).status(), {"'a.npy'"});
}

TEST(Npz, ManyNamesForOnePieceAreRefusedAndSoIsTheirSum) {
  std::string once = zip({{"a.npy", array({1, 2})}, {"b.npy", array({1, 2})}});
  std::string twice = zip({{"a.npy", array({1, 2})}, {"a.npy", array({1, 2})}});
  // The second entry of the directory, of 46 + 5 bytes before the 22 of its end, leads to the first one's bytes.
  std::string shared = once;
  shared.replace(shared.size() - 22 - 51 + 42, 4, std::string(4, '\0'));

  EXPECT_SAYS(parse_npz(shared).status(), {"'b.npy'", "another entry has the same bytes, at 0"});
  EXPECT_SAYS(parse_npz(twice).status(), {"two entries are called 'a.npy'"});
  uint64_t each = array({1, 2}).size();
  EXPECT_TRUE(parse_npz(once, {.member_bytes = each, .total_bytes = 2 * each}).ok());
  EXPECT_SAYS(parse_npz(once, {.member_bytes = each, .total_bytes = 2 * each - 1}).status(), {"'b.npy'", "unpacks to"});
}

}  // namespace
}  // namespace tarn
