// Checkpoints made to do harm: every checksum of the index is right, what it says is not.
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <map>

#include "core/crc32c.h"
#include "core/file.h"
#include "graph/checkpoint.h"
#include "graph/table_file.h"
#include "proto/checkpoint.pb.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"

namespace tarn {
namespace {

class HostileCheckpoint : public testing::Test {
 protected:
  using Entry = pb::BundleEntryProto;

  void SetUp() override {
    data_ = std::string(64, '\x3f');
    header_.set_num_shards(1);
    header_.mutable_version()->set_producer(1);
    entries_["w"] = entry(pb::DT_FLOAT, {2}, 0, 8);
  }

  Entry entry(pb::DataType dtype, std::initializer_list<int64_t> dims, int64_t offset, int64_t size) const {
    Entry out;
    out.set_dtype(dtype);
    out.mutable_shape();
    for (int64_t dim : dims) out.mutable_shape()->add_dim()->set_size(dim);
    out.set_offset(offset);
    out.set_size(size);
    if (offset >= 0 && size >= 0 && static_cast<uint64_t>(offset) <= data_.size()) {
      out.set_crc32c(
          crc32c_mask(crc32c(std::string_view(data_).substr(static_cast<size_t>(offset), static_cast<size_t>(size)))));
    }
    return out;
  }

  // Writes and reads it.
  Status status() const {
    std::map<std::string, std::string> table = raw_;
    table.emplace("", header_.SerializeAsString());
    for (const auto& [key, value] : entries_) table.emplace(key, value.SerializeAsString());
    return status_of(*build_table(table));
  }
  Status status_of(const std::string& index) const {
    TempDir dir;
    EXPECT_TRUE(write_file_atomically(dir.file("c.index"), index).ok());
    EXPECT_TRUE(write_file_atomically(checkpoint_data_path(dir.file("c"), 0, 1), data_).ok());
    return read_everything(dir.file("c"));
  }
  Status with(const std::function<void(Entry&)>& change) {
    Entry kept = entries_["w"];
    change(entries_["w"]);
    Status got = status();
    entries_["w"] = kept;
    return got;
  }

  std::string data_;
  pb::BundleHeaderProto header_;
  std::map<std::string, Entry> entries_;
  std::map<std::string, std::string> raw_;
};

TEST_F(HostileCheckpoint, IsFineUntouched) {
  EXPECT_TRUE(status().ok()) << status().to_string();
}

TEST_F(HostileCheckpoint, OffsetsAndSizesOutsideTheFile) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  for (int64_t offset : {int64_t{57}, int64_t{64}, int64_t{1} << 40, kMost, kMost - 7}) {
    EXPECT_SAYS(with([&](Entry& w) { w.set_offset(offset); }), {"tensor 'w'", str_cat("offset ", offset), "has 64"});
  }
  EXPECT_SAYS(with([](Entry& w) { w.set_offset(-8); }), {"tensor 'w'", "offset is -8"});
  for (int64_t size : {int64_t{0}, int64_t{4}, int64_t{12}, int64_t{1} << 62}) {
    EXPECT_SAYS(with([&](Entry& w) { w.set_size(size); }), {"tensor 'w'", str_cat("size is ", size), "f32[2] has 8"});
  }
  EXPECT_SAYS(with([](Entry& w) { w.set_size(-1); }), {"tensor 'w'", "size -1"});
}

TEST_F(HostileCheckpoint, ShapesNoTensorHas) {
  constexpr int64_t k32 = int64_t{1} << 32, k62 = int64_t{1} << 62;
  for (std::vector<int64_t> dims : {std::vector<int64_t>{-1},
                                    {std::numeric_limits<int64_t>::min()},
                                    {k32, k32},
                                    {k62 + 2},
                                    {int64_t{1} << 40},
                                    {0, k62, k62},
                                    std::vector<int64_t>(300, 1)}) {
    Status got = with([&](Entry& w) {
      w.clear_shape();
      for (int64_t dim : dims) w.mutable_shape()->add_dim()->set_size(dim);
    });
    EXPECT_SAYS(got, {"tensor 'w'"});
  }
  EXPECT_SAYS(with([](Entry& w) {
                w.clear_shape();
                w.mutable_shape()->set_unknown_rank(true);
              }),
              {"tensor 'w'", "rank is unknown"});
}

TEST_F(HostileCheckpoint, DTypesNoTensorHas) {
  for (int dtype : {0, 9999, 101, 20, 21, 24, -5}) {
    EXPECT_SAYS(with([&](Entry& w) { w.set_dtype(static_cast<pb::DataType>(dtype)); }), {"tensor 'w'"});
  }
  EXPECT_SAYS(with([](Entry& w) { w.set_dtype(pb::DT_STRING); }), {"tensor 'w'", "string"});
  EXPECT_SAYS(with([](Entry& w) {
                w.set_dtype(pb::DT_BOOL);
                w.mutable_shape()->mutable_dim(0)->set_size(8);
              }),
              {"tensor 'w'", "bool element 0 is 63"});
}

TEST_F(HostileCheckpoint, StringsThatClaimMoreThanThereIs) {
  std::string lengths = "\x80\x80\x80\x80\x80\x80\x80\x80\x10";  // 2^60
  uint64_t length = uint64_t{1} << 60;
  uint32_t crc = crc32c({reinterpret_cast<const char*>(&length), 8});
  uint32_t masked = crc32c_mask(crc);
  data_ = lengths + std::string(reinterpret_cast<const char*>(&masked), 4) + std::string(20, 'x');
  entries_["w"] = entry(pb::DT_STRING, {1}, 0, static_cast<int64_t>(data_.size()));
  EXPECT_SAYS(status(), {"tensor 'w'", "string 0 claims 1152921504606846976 bytes"});
  EXPECT_SAYS(with([](Entry& w) { w.mutable_shape()->mutable_dim(0)->set_size(int64_t{1} << 34); }),
              {"tensor 'w'", "too small for 17179869184 strings"});
}

TEST_F(HostileCheckpoint, ShardsThatAreNotThere) {
  for (int shard : {5, 1, -1}) {
    EXPECT_SAYS(with([&](Entry& w) { w.set_shard_id(shard); }), {"tensor 'w'", str_cat("data file ", shard, " of 1")});
  }
  for (int count : {0, -1, std::numeric_limits<int>::max()}) {
    header_.set_num_shards(count);
    EXPECT_SAYS(status(), {"c.index", str_cat("claims ", count, " data files")});
  }
  header_.set_num_shards(2);
  EXPECT_SAYS(status(), {"c.data-00000-of-00002", "No such file", "it holds tensor 'w'"});
}

TEST_F(HostileCheckpoint, HeadersOfOtherWorlds) {
  header_.set_endianness(pb::BundleHeaderProto::BIG);
  EXPECT_SAYS(status(), {"big-endian", "not supported"});
  header_.set_endianness(static_cast<pb::BundleHeaderProto::Endianness>(9));
  EXPECT_SAYS(status(), {"endianness 9"});
  header_.clear_endianness();
  header_.mutable_version()->set_min_consumer(1000000);
  EXPECT_SAYS(status(), {"format version 1000000", "this one has version 1"});
  header_.mutable_version()->set_min_consumer(0);
  header_.mutable_version()->add_bad_consumers(1);
  EXPECT_FALSE(status().ok());

  raw_[""] = "\xff\xff junk";
  EXPECT_SAYS(status(), {"c.index", "header is malformed"});
  raw_.clear();
  EXPECT_SAYS(status_of(*build_table({{"w", entries_["w"].SerializeAsString()}})), {"c.index", "no header", "'w'"});
  EXPECT_SAYS(status_of(*build_table({})), {"c.index", "no entries"});
}

TEST_F(HostileCheckpoint, EntriesAndKeysOfJunk) {
  for (const char* key : {"a", "z"}) {
    raw_ = {{key, "\xff\xff\xff"}};
    EXPECT_SAYS(status(), {key, "malformed"});
    raw_ = {{key, ""}};
    EXPECT_SAYS(status(), {key, "empty"});
  }
  raw_.clear();
  entries_["../../etc/passwd"] = entry(pb::DT_FLOAT, {1}, 8, 4);
  EXPECT_SAYS(status(), {"'..'"});
  entries_.erase("../../etc/passwd");
  entries_[std::string("a\0b", 3)] = entry(pb::DT_FLOAT, {1}, 8, 4);
  EXPECT_SAYS(status(), {"a\\x00b", "NUL"});
  entries_.erase(std::string("a\0b", 3));
  entries_[std::string("\0junk", 5)] = entry(pb::DT_FLOAT, {1}, 8, 4);
  EXPECT_SAYS(status(), {"slice", "belongs to no tensor"});
  entries_.erase(std::string("\0junk", 5));
  entries_[std::string(1 << 20, 'k')] = entry(pb::DT_FLOAT, {1}, 8, 4);
  EXPECT_SAYS(status(), {"key of 1048576 bytes"});
}

TEST_F(HostileCheckpoint, ChecksumsOfOtherBytes) {
  EXPECT_SAYS(with([](Entry& w) { w.set_crc32c(12); }),
              {"tensor 'w'", "c.data-00000-of-00001", "at offset 0", "0x0000000c is stored", "computed"});
}

TEST_F(HostileCheckpoint, TensorsThatShareBytes) {
  entries_["v"] = entry(pb::DT_FLOAT, {2}, 4, 8);
  EXPECT_SAYS(status(), {"tensor 'v' at offset 4", "overlaps tensor 'w', 8 bytes at offset 0"});
  entries_["v"] = entries_["w"];
  EXPECT_SAYS(status(), {"overlaps"});
  entries_["v"] = entry(pb::DT_FLOAT, {0}, 4, 0);  // nothing to share
  EXPECT_TRUE(status().ok()) << status().to_string();
  // Keys share their beginnings in the file: 64 KiB each in a few bytes.
  entries_.clear();
  for (int i = 0; i < 2000; ++i) entries_[std::string(60000, 'k') + std::to_string(i)] = entry(pb::DT_FLOAT, {0}, 0, 0);
  EXPECT_SAYS(status(), {"too much memory"});
}

TEST_F(HostileCheckpoint, SlicesThatDoNotMakeATensor) {
  auto slice = [](int64_t start, int64_t length) { return TensorSlice{{{start, length}}}; };
  auto make = [&](std::vector<TensorSlice> slices) {
    entries_.clear();
    Entry whole;
    whole.set_dtype(pb::DT_FLOAT);
    whole.mutable_shape()->add_dim()->set_size(4);
    int64_t offset = 0;
    for (const TensorSlice& part : slices) {
      *whole.add_slices() = part.to_proto();
      Result<Shape> shape = part.shape_of(Shape{4});
      int64_t length = shape.ok() ? shape->dim(0) : 1;
      entries_[part.key("p")] = entry(pb::DT_FLOAT, {length}, offset, length * 4);
      offset += length * 4;
    }
    entries_["p"] = whole;
  };
  make({slice(0, 2), slice(2, 2)});
  EXPECT_TRUE(status().ok()) << status().to_string();
  make({slice(0, 2)});
  EXPECT_SAYS(status(), {"'p'", "1 slices hold 2 of 4 elements"});
  make({slice(0, 2), slice(1, 2)});
  EXPECT_SAYS(status(), {"'p'", "'0,2' and '1,2' overlap"});
  make({slice(0, 2), slice(2, 3)});
  EXPECT_SAYS(status(), {"'p'", "'2,3' leaves dim 0"});
  make({slice(0, 2), slice(-2, 2)});
  EXPECT_SAYS(status(), {"'p'", "'-2,2' leaves"});
  make({slice(0, 2), slice(std::numeric_limits<int64_t>::max(), 2)});
  EXPECT_SAYS(status(), {"'p'", "leaves"});
  make({TensorSlice{{{0, 2}, {0, 1}}}});
  EXPECT_SAYS(status(), {"'p'", "has 2 extents"});
  make({slice(0, 2), slice(2, 2)});
  entries_.erase(slice(2, 2).key("p"));
  EXPECT_SAYS(status(), {"slice '2,2' of tensor 'p' is missing"});
  make({slice(0, 2), slice(2, 2)});
  *entries_["p"].add_slices() = slice(2, 2).to_proto();
  EXPECT_SAYS(status(), {"slice '2,2' of tensor 'p'", "listed twice"});
  make({slice(0, 2), slice(2, 2)});
  entries_[slice(2, 2).key("p")].set_dtype(pb::DT_INT32);
  EXPECT_SAYS(status(), {"slice '2,2' of tensor 'p'", "dtype 3", "dtype 1"});
  make({slice(0, 2), slice(2, 2)});
  entries_["p"].mutable_slices(0)->mutable_extent(0)->set_length(-1);
  EXPECT_SAYS(status(), {"'p'", "length -1"});
}

TEST_F(HostileCheckpoint, EveryProblemIsSaidAtOnce) {
  entries_["a"] = entry(pb::DT_FLOAT, {2}, -1, 8);
  entries_["b"] = entry(pb::DT_FLOAT, {2}, 8, 9);
  EXPECT_SAYS(status(), {"2 problems", "tensor 'a'", "tensor 'b'"});
}

TEST_F(HostileCheckpoint, FilesThatAreNone) {
  TempDir dir;
  EXPECT_SAYS(read_everything(dir.file("c")), {"c.index", "No such file"});
  ASSERT_TRUE(make_dirs(dir.file("c.index")).ok());
  EXPECT_SAYS(read_everything(dir.file("c")), {"c.index", "Is a directory"});

  ASSERT_TRUE(write_checkpoint(dir.file("d"), {{"w", Tensor::scalar<float>(1)}, {"v", Tensor::scalar<float>(1)}}).ok());
  std::string data = checkpoint_data_path(dir.file("d"), 0, 1);
  ASSERT_TRUE(remove_file(data).ok());
  EXPECT_SAYS(read_everything(dir.file("d")), {data, "No such file", "it holds tensor 'v', tensor 'w'"});
  ASSERT_TRUE(make_dirs(data).ok());
  EXPECT_SAYS(read_everything(dir.file("d")), {data, "Is a directory", "'v'"});
}

}  // namespace
}  // namespace tarn
