#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "core/file.h"
#include "graph/checkpoint.h"
#include "graph/table_file.h"
#include "graph/tensor_proto.h"
#include "graph/variable_values.h"
#include "proto/checkpoint.pb.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"

namespace tarn {
namespace {

// A checkpoint of version 1, put together as TensorFlow's writer does it: typed fields, no dtype, no shape.
class V1File {
 public:
  // `fill` gives the values of the slice; its dims are the whole tensor's.
  void add(const std::string& name, pb::DataType dtype, std::vector<int64_t> dims, const std::string& slice,
           const std::function<void(pb::TensorProto&)>& fill) {
    pb::SavedSliceMeta* meta = nullptr;
    for (pb::SavedSliceMeta& known : *header.mutable_meta()->mutable_tensor()) {
      if (known.name() == name) meta = &known;
    }
    if (meta == nullptr) {
      meta = header.mutable_meta()->add_tensor();
      meta->set_name(name);
      meta->set_type(dtype);
      meta->mutable_shape();
      for (int64_t dim : dims) meta->mutable_shape()->add_dim()->set_size(dim);
    }
    TensorSlice part;
    for (size_t i = 0; i < dims.size(); ++i) part.extents.emplace_back();
    if (!slice.empty()) {
      std::string text;
      for (int64_t dim : dims) str_append(text, dim, " ");
      part = TensorSlice::parse(text + slice)->slice;
    }
    *meta->add_slice() = part.to_proto();
    pb::SavedTensorSlices& entry = entries[part.key(name)];
    entry.mutable_data()->set_name(name);
    *entry.mutable_data()->mutable_slice() = part.to_proto();
    fill(*entry.mutable_data()->mutable_data());
  }
  void add_floats(const std::string& name, std::vector<int64_t> dims, const std::vector<float>& values,
                  const std::string& slice = "") {
    add(name, pb::DT_FLOAT, std::move(dims), slice, [&](pb::TensorProto& data) {
      for (float value : values) data.add_float_val(value);
    });
  }

  std::string bytes() const {
    std::map<std::string, std::string> table{{"", header.SerializeAsString()}};
    for (const auto& [key, entry] : entries) table.emplace(key, entry.SerializeAsString());
    return *build_table(table);
  }

  pb::SavedTensorSlices header;
  std::map<std::string, pb::SavedTensorSlices> entries;  // by key
};

V1File two_tensors() {
  V1File file;
  file.header.mutable_meta()->mutable_versions()->set_producer(1);
  file.add_floats("b", {3}, {1, 2, 3});
  file.add_floats("w", {2, 2}, {1, 2}, "0,1:-");
  file.add_floats("w", {2, 2}, {3, 4}, "1,1:-");
  return file;
}

class V1Checkpoint : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& bytes) {
    EXPECT_TRUE(write_file_atomically(dir_.file(name), bytes).ok());
    return dir_.file(name);
  }
  Status status_of(const V1File& file) { return read_everything(write("bad.ckpt", file.bytes())); }

  TempDir dir_;
};

TEST_F(V1Checkpoint, IsReadWholeAndInParts) {
  Result<CheckpointReader> reader = CheckpointReader::open(write("v1.ckpt", two_tensors().bytes()));

  ASSERT_TRUE(reader.ok()) << reader.status().to_string();
  EXPECT_EQ(reader->version(), 1);
  ASSERT_EQ(reader->entries().size(), 2u);
  EXPECT_EQ(reader->entries()[1].slices.size(), 2u);
  EXPECT_EQ(reader->read("b")->to_string(), "f32[3]{1, 2, 3}");
  EXPECT_EQ(reader->read("w")->to_string(), "f32[2,2]{1, 2, 3, 4}");
  EXPECT_EQ(reader->read_slice("w", *TensorSlice::parse("2 2 1,1:-"))->to_string(), "f32[1,2]{3, 4}");
  EXPECT_SAYS(reader->read("bb").status(), {"Key 'bb' not found", "did you mean 'b'"});
}

TEST_F(V1Checkpoint, HoldsEveryDtype) {
  V1File file;
  file.add("d", pb::DT_DOUBLE, {}, "", [](pb::TensorProto& data) { data.add_double_val(0.5); });
  file.add("i", pb::DT_INT64, {2}, "", [](pb::TensorProto& data) {
    data.add_int64_val(-1);
    data.add_int64_val(int64_t{1} << 40);
  });
  file.add("u", pb::DT_UINT8, {1}, "", [](pb::TensorProto& data) { data.add_int_val(255); });
  file.add("s", pb::DT_STRING, {2}, "", [](pb::TensorProto& data) {
    data.add_string_val("a");
    data.add_string_val("");
  });
  file.add("h", pb::DT_HALF, {1}, "", [](pb::TensorProto& data) { data.add_half_val(0x3c00); });
  file.add("t", pb::DT_BOOL, {1}, "", [](pb::TensorProto& data) { data.add_bool_val(true); });
  file.add("none", pb::DT_FLOAT, {0, 4}, "", [](pb::TensorProto&) {});

  Result<CheckpointReader> reader = CheckpointReader::open(write("v1.ckpt", file.bytes()));

  ASSERT_TRUE(reader.ok()) << reader.status().to_string();
  EXPECT_EQ(reader->read("d")->item<double>(), 0.5);
  EXPECT_EQ(reader->read("i")->flat<int64_t>()[1], int64_t{1} << 40);
  EXPECT_EQ(reader->read("u")->flat<uint8_t>()[0], 255);
  EXPECT_EQ(reader->read("s")->flat<std::string>()[0], "a");
  EXPECT_EQ(reader->read("h")->dtype(), DType::kHalf);
  EXPECT_TRUE(reader->read("t")->flat<bool>()[0]);
  EXPECT_EQ(reader->read("none")->shape().to_string(), "[0,4]");
}

TEST_F(V1Checkpoint, InShardsIsOneCheckpoint) {
  V1File first, second;
  first.add_floats("b", {1}, {7});
  first.add_floats("w", {2}, {1}, "0,1");
  second.add_floats("w", {2}, {2}, "1,1");
  write("m.ckpt-00000-of-00002", first.bytes());
  write("m.ckpt-00001-of-00002", second.bytes());

  for (const char* name : {"m.ckpt", "m.ckpt-00001-of-00002"}) {
    Result<std::string> prefix = find_checkpoint(dir_.file(name));
    ASSERT_TRUE(prefix.ok()) << prefix.status().to_string();
    Result<CheckpointReader> reader = CheckpointReader::open(*prefix);
    ASSERT_TRUE(reader.ok()) << reader.status().to_string();
    EXPECT_EQ(reader->read("w")->to_string(), "f32[2]{1, 2}");
    EXPECT_EQ(reader->read("b")->to_string(), "f32[1]{7}");
  }
  ASSERT_TRUE(remove_file(dir_.file("m.ckpt-00001-of-00002")).ok());
  EXPECT_SAYS(CheckpointReader::open(dir_.file("m.ckpt")).status(), {"m.ckpt", "1 of its 00002 files are there"});
}

TEST_F(V1Checkpoint, EveryFlippedByteAndEveryCutIsFound) {  // 95, 96
  const std::string good = two_tensors().bytes();
  ASSERT_TRUE(read_everything(write("good.ckpt", good)).ok());
  for (size_t at = 0; at < good.size(); ++at) {
    for (unsigned char flip : {0xff, 0x01}) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ flip);
      EXPECT_FALSE(read_everything(write("bad.ckpt", bytes)).ok()) << "byte " << at;
    }
    EXPECT_FALSE(read_everything(write("bad.ckpt", good.substr(0, at))).ok()) << "cut at " << at;
  }
}

TEST_F(V1Checkpoint, HostileHeadersAreRefused) {  // 100, 101, 105, 107
  auto with = [&](const std::function<void(pb::SavedSliceMeta&)>& change) {
    V1File file;
    file.add_floats("w", {2}, {1, 2});
    change(*file.header.mutable_meta()->mutable_tensor(0));
    return status_of(file);
  };
  auto dims = [](std::vector<int64_t> sizes) {
    return [sizes](pb::SavedSliceMeta& meta) {
      meta.mutable_shape()->clear_dim();
      for (int64_t size : sizes) meta.mutable_shape()->add_dim()->set_size(size);
      meta.mutable_slice(0)->clear_extent();
      for (size_t i = 0; i < sizes.size(); ++i) meta.mutable_slice(0)->add_extent();
    };
  };

  EXPECT_SAYS(with(dims({-1})), {"tensor 'w'", "-1"});
  EXPECT_SAYS(with(dims({int64_t{1} << 32, int64_t{1} << 32})), {"tensor 'w'"});
  EXPECT_SAYS(with(dims({0, int64_t{1} << 62, int64_t{1} << 62})), {"tensor 'w'"});
  EXPECT_SAYS(with(dims(std::vector<int64_t>(300, 1))), {"tensor 'w'", "rank 300"});
  for (int dtype : {0, 9999, 101, 20, 21}) {
    EXPECT_SAYS(with([&](pb::SavedSliceMeta& meta) { meta.set_type(static_cast<pb::DataType>(dtype)); }),
                {"tensor 'w'"});
  }
  EXPECT_SAYS(with([](pb::SavedSliceMeta& meta) { meta.mutable_shape()->set_unknown_rank(true); }), {"tensor 'w'"});
  EXPECT_SAYS(with([](pb::SavedSliceMeta& meta) { meta.set_name(""); }), {"its name is empty"});
  EXPECT_SAYS(with([](pb::SavedSliceMeta& meta) { *meta.add_slice() = meta.slice(0); }), {"listed twice"});
  EXPECT_SAYS(with([](pb::SavedSliceMeta& meta) { meta.clear_slice(); }), {"no slice of it is listed"});
  V1File future = two_tensors();
  future.header.mutable_meta()->mutable_versions()->set_min_consumer(1'000'000);
  EXPECT_SAYS(status_of(future), {"needs a reader of format version 1000000"});
  EXPECT_SAYS(read_everything(write("bad.ckpt", *build_table({{"w", "junk"}}))), {"it has no header"});
  EXPECT_SAYS(read_everything(write("bad.ckpt", *build_table({{"", "junk"}}))), {"its header"});
}

TEST_F(V1Checkpoint, ValuesThatDoNotFitTheHeaderAreRefused) {  // 99, 102, 109
  auto with = [&](const std::function<void(V1File&, pb::SavedTensorSlices&)>& change) {
    V1File file = two_tensors();
    for (auto& [key, entry] : file.entries) {
      if (entry.data().name() == "b") change(file, entry);
    }
    return status_of(file);
  };

  EXPECT_SAYS(
      with([](V1File&, pb::SavedTensorSlices& entry) { entry.mutable_data()->mutable_data()->add_float_val(4); }),
      {"tensor 'b'", "holds 4 values", "has 3"});
  // One value never stands for many: a small file would be any number of gigabytes.
  EXPECT_SAYS(with([](V1File& file, pb::SavedTensorSlices& entry) {
                for (pb::SavedSliceMeta& meta : *file.header.mutable_meta()->mutable_tensor()) {
                  if (meta.name() == "b") meta.mutable_shape()->mutable_dim(0)->set_size(int64_t{1} << 40);
                }
                entry.mutable_data()->mutable_data()->mutable_float_val()->Truncate(1);
              }),
              {"tensor 'b'", "holds 1 values"});
  EXPECT_SAYS(with([](V1File&, pb::SavedTensorSlices& entry) {
                entry.mutable_data()->mutable_data()->clear_float_val();
                entry.mutable_data()->mutable_data()->set_tensor_content(std::string(12, '\0'));
              }),
              {"tensor 'b'", "tensor_content"});
  EXPECT_SAYS(with([](V1File&, pb::SavedTensorSlices& entry) { entry.mutable_data()->set_name("c"); }),
              {"tensor 'b'", "'c'"});
  V1File missing = two_tensors();
  missing.entries.erase(missing.entries.begin());
  EXPECT_SAYS(status_of(missing), {"is missing"});
  V1File extra = two_tensors();
  extra.entries["zzz"] = extra.entries.begin()->second;
  EXPECT_SAYS(status_of(extra), {"'zzz'", "no slice that the header lists"});
}

TEST_F(V1Checkpoint, SlicesThatOverlapOrLeaveGapsAreRefused) {
  V1File overlap;
  overlap.add_floats("w", {3}, {1, 2}, "0,2");
  overlap.add_floats("w", {3}, {2, 3}, "1,2");
  EXPECT_SAYS(status_of(overlap), {"tensor 'w'", "overlap"});
  V1File gap;
  gap.add_floats("w", {3}, {1}, "0,1");
  EXPECT_SAYS(status_of(gap), {"tensor 'w'", "hold 1 of 3 elements"});
}

TEST_F(V1Checkpoint, OfTensorFlowHasTheValuesOfItsTwinOfVersion2) {
  const char* data = std::getenv("TARN_DATA");
  if (data == nullptr) GTEST_SKIP() << "TARN_DATA is not set: no files of TensorFlow's here";
  for (const char* folder : {"r0", "r1"}) {
    std::string dir = str_cat(data, "/tf_fixtures/", folder);
    Result<CheckpointReader> v1 = CheckpointReader::open(dir + "/v1.ckpt");
    Result<CheckpointReader> v2 = CheckpointReader::open(dir + "/model.ckpt-7");
    ASSERT_TRUE(v1.ok()) << v1.status().to_string();
    ASSERT_TRUE(v2.ok()) << v2.status().to_string();
    ASSERT_EQ(v1->entries().size(), v2->entries().size());
    for (const CheckpointEntry& entry : v2->entries()) {
      Result<Tensor> a = v1->read(entry.name), b = v2->read(entry.name);
      ASSERT_TRUE(a.ok() && b.ok()) << entry.name;
      EXPECT_TRUE(a->identical_to(*b)) << entry.name;
    }
  }
}

}  // namespace
}  // namespace tarn
