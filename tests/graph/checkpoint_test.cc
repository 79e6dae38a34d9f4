#include "graph/checkpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "core/file.h"
#include "graph/table_file.h"
#include "proto/checkpoint.pb.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"
#include "tests/support/tensors.h"

namespace tarn {
namespace {

// --- Files that TensorFlow wrote ---------------------------------------------------------------------------------

std::string data_file(const std::string& name) {
  const char* data = std::getenv("TARN_DATA");
  return data == nullptr ? std::string() : str_cat(data, "/", name);
}
#define NEED_DATA() \
  if (std::getenv("TARN_DATA") == nullptr) GTEST_SKIP() << "TARN_DATA is not set: no files of TensorFlow's here"

// The fixtures hold the same variables as V1 checkpoints, another format altogether: its slices are the reference.
void expect_equal_to_v1(const std::string& v1_path, const CheckpointReader& reader) {
  std::string bytes = *read_file(v1_path);
  int slices = 0;
  Status status = visit_table(bytes, [&](std::string_view key, std::string_view value) {
    pb::SavedTensorSlices saved;
    EXPECT_TRUE(saved.ParseFromString(std::string(value)));
    if (key.empty()) return Status();
    const pb::SavedSlice& data = saved.data();
    const CheckpointEntry* entry = reader.find(data.name());
    EXPECT_NE(entry, nullptr) << data.name();
    if (entry == nullptr) return Status();
    TensorSlice slice = *TensorSlice::from_proto(data.slice());
    EXPECT_EQ(slice.key(data.name()), key);
    Result<Tensor> tensor = reader.read_slice(data.name(), {entry->shape, slice});
    EXPECT_TRUE(tensor.ok()) << tensor.status().to_string();
    if (!tensor.ok()) return Status();
    if (tensor->dtype() == DType::kFloat) {
      std::span<const float> values = tensor->flat<float>();
      EXPECT_EQ(std::vector<float>(values.begin(), values.end()),
                std::vector<float>(data.data().float_val().begin(), data.data().float_val().end()));
    } else {
      std::span<const int64_t> values = tensor->flat<int64_t>();
      EXPECT_EQ(std::vector<int64_t>(values.begin(), values.end()),
                std::vector<int64_t>(data.data().int64_val().begin(), data.data().int64_val().end()));
    }
    ++slices;
    return Status();
  });
  EXPECT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(slices, 6);
}

TEST(CheckpointFixture, ReadsTensorFlowsTensorsExactly) {
  NEED_DATA();
  for (const char* folder : {"r0", "r1"}) {
    std::string dir = data_file(str_cat("tf_fixtures/", folder));
    Result<CheckpointReader> reader = CheckpointReader::open(dir + "/model.ckpt-7");
    ASSERT_TRUE(reader.ok()) << reader.status().to_string();
    std::vector<std::string> lines;
    for (const CheckpointEntry& entry : reader->entries()) {
      lines.push_back(str_cat(entry.name, ' ', dtype_short_name(entry.dtype), entry.shape, ' ', entry.slices.size()));
    }
    EXPECT_EQ(lines, (std::vector<std::string>{"global_step i64[] 0", "m/b f32[4] 0", "m/gamma f32[4] 0",
                                               "m/part f32[10,4] 2", "m/w f32[3,3,3,4] 0"}));
    EXPECT_EQ(reader->unused_data_bytes(), 0U);
    expect_equal_to_v1(dir + "/v1.ckpt", *reader);
  }
}

TEST(CheckpointFixture, WritesTheBytesThatTensorFlowWrote) {
  NEED_DATA();
  TempDir dir;
  for (const char* name :
       {"tf_fixtures/r0/model.ckpt-7", "tf_fixtures/r1/model.ckpt-7", "tf_fixtures/sm/variables/variables",
        "models/ckpt_v2_twovars/model.ckpt", "models/ckpt_v2_lenet_kisan/lenet",
        "models/ckpt_v2_mnist_bn_derflanehc/model.ckpt", "models/ckpt_v2_ntm/my_model.ckpt"}) {
    std::string theirs = data_file(name), ours = dir.file("ours");
    Result<CheckpointReader> reader = CheckpointReader::open(theirs);
    ASSERT_TRUE(reader.ok()) << reader.status().to_string();
    Result<CheckpointWriter> writer = CheckpointWriter::create(ours);
    for (const CheckpointEntry& entry : reader->entries()) {
      if (entry.slices.empty()) {
        ASSERT_TRUE(writer->add(entry.name, *reader->read(entry.name)).ok());
      }
      for (const TensorSlice& slice : entry.slices) {
        TensorSlice::Spec spec{entry.shape, slice};
        ASSERT_TRUE(writer->add_slice(entry.name, spec, *reader->read_slice(entry.name, spec)).ok());
      }
    }
    ASSERT_TRUE(writer->finish().ok());
    EXPECT_EQ(*read_file(ours + ".index"), *read_file(theirs + ".index")) << name;
    EXPECT_EQ(*read_file(checkpoint_data_path(ours, 0, 1)), *read_file(checkpoint_data_path(theirs, 0, 1))) << name;
  }
}

TEST(CheckpointFixture, ReadsEveryRealCheckpoint) {
  NEED_DATA();
  int checkpoints = 0, strings = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(data_file("models"))) {
    std::string path = file.path().string();
    if (!path.ends_with(".index")) continue;
    Result<CheckpointReader> reader = CheckpointReader::open(path.substr(0, path.size() - 6));
    ASSERT_TRUE(reader.ok()) << reader.status().to_string();
    for (const CheckpointEntry& entry : reader->entries()) {
      Result<Tensor> tensor = reader->read(entry.name);
      ASSERT_TRUE(tensor.ok()) << tensor.status().to_string();
      strings += entry.dtype == DType::kString ? 1 : 0;
    }
    ++checkpoints;
  }
  EXPECT_GT(checkpoints, 10);
  EXPECT_GT(strings, 0);
}

TEST(CheckpointFixture, EveryFlippedOrMissingByteIsFound) {
  NEED_DATA();
  TempDir dir;
  std::string from = data_file("tf_fixtures/r0/model.ckpt-7"), prefix = dir.file("c");
  std::string index = *read_file(from + ".index"), data = *read_file(checkpoint_data_path(from, 0, 1));
  auto plain_write = [](const std::string& path, const std::string& bytes) {
    FILE* file = fopen(path.c_str(), "wb");
    fwrite(bytes.data(), 1, bytes.size(), file);
    fclose(file);
  };
  std::string index_path = prefix + ".index", data_path = checkpoint_data_path(prefix, 0, 1);
  plain_write(index_path, index);
  plain_write(data_path, data);
  ASSERT_TRUE(read_everything(prefix).ok());
  for (auto [path, good] : {std::pair(index_path, index), std::pair(data_path, data)}) {
    for (size_t at = 0; at < good.size(); ++at) {
      for (int mask : {0x01, 0x80, 0xff}) {
        std::string bytes = good;
        bytes[at] = static_cast<char>(bytes[at] ^ mask);
        plain_write(path, bytes);
        Status status = read_everything(prefix);
        ASSERT_TRUE(says(status, {path})) << "byte " << at << ": " << status.to_string();
        ASSERT_TRUE(path == index_path || says(status, {"tensor '", "at offset", "stored", "computed"}));
      }
      plain_write(path, good.substr(0, at));
      ASSERT_TRUE(says(read_everything(prefix), {path})) << "cut to " << at;
    }
    plain_write(path, good);
  }
}

// --- Round trips -------------------------------------------------------------------------------------------------

TEST(Checkpoint, RoundTripsEveryDTypeAndShape) {
  TempDir dir;
  std::vector<NamedTensor> tensors;
  for (DType dtype : storable_dtypes()) {
    int i = 0;
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{3, 5}, Shape{0}, Shape{2, 0}, Shape{2, 1, 70000}}) {
      tensors.push_back({str_cat(dtype_name(dtype), "/", i++), random_tensor(dtype, shape, i)});
      if (dtype == DType::kString && i == 5) break;
    }
  }
  std::reverse(tensors.begin(), tensors.end());
  ASSERT_TRUE(write_checkpoint(dir.file("c"), tensors).ok());
  EXPECT_EQ(*list_dir(dir.path()), (std::vector<std::string>{"c.data-00000-of-00001", "c.index"}));
  Result<CheckpointReader> reader = CheckpointReader::open(dir.file("c"));
  ASSERT_TRUE(reader.ok()) << reader.status().to_string();
  EXPECT_EQ(reader->entries().size(), tensors.size());
  EXPECT_EQ(reader->unused_data_bytes(), 0U);
  for (const NamedTensor& expected : tensors) {
    Result<Tensor> tensor = reader->read(expected.name);
    ASSERT_TRUE(tensor.ok()) << tensor.status().to_string();
    EXPECT_TRUE(tensor->identical_to(expected.tensor)) << expected.name;
  }
}

TEST(Checkpoint, MappedTensorsAreTheFilesOwnBytesWhereTheyLieRight) {
  TempDir dir;
  const std::string prefix = dir.file("c");
  const Tensor odd = Tensor::from<uint8_t>(Shape{3}, {1, 2, 3}), even = Tensor::from<float>(Shape{2}, {1.5F, -2.0F});
  const Tensor words = Tensor::from<std::string>(Shape{2}, {"a", "bc"});
  // By name: "a" comes first and moves "b" to where no float may lie; "0" lies at the start.
  ASSERT_TRUE(write_checkpoint(prefix, {{"0", even}, {"a", odd}, {"b", even}, {"s", words}}).ok());
  Result<CheckpointReader> reader = CheckpointReader::open(prefix, TensorMemory::kMapped);
  ASSERT_TRUE(reader.ok()) << reader.status().to_string();
  EXPECT_EQ((*reader->read("a")).data(), (*reader->read("a")).data());
  EXPECT_EQ((*reader->read("0")).data(), (*reader->read("0")).data());
  EXPECT_NE((*reader->read("b")).data(), (*reader->read("b")).data());
  Tensor kept = *reader->read("0");
  EXPECT_TRUE(reader->read("a")->identical_to(odd));
  EXPECT_TRUE(reader->read("b")->identical_to(even));
  EXPECT_TRUE(reader->read("s")->identical_to(words));
  // A tensor outlives its reader, and the file's name.
  *reader = *CheckpointReader::open(prefix);
  ASSERT_TRUE(remove_file(checkpoint_data_path(prefix, 0, 1)).ok());
  EXPECT_TRUE(kept.identical_to(even));
  // What changes such a tensor has a copy of its own.
  static_cast<float*>(kept.mutable_data())[0] = 7.0F;
  EXPECT_EQ(kept.flat<float>()[0], 7.0F);
}

TEST(Checkpoint, MappedBytesAreCheckedToo) {
  TempDir dir;
  const std::string prefix = dir.file("c");
  ASSERT_TRUE(write_checkpoint(prefix, {{"w", Tensor::from<float>(Shape{2}, {1.5F, -2.0F})}}).ok());
  const std::string path = checkpoint_data_path(prefix, 0, 1);
  std::string bytes = *read_file(path);
  bytes[3] = static_cast<char>(bytes[3] ^ 1);
  ASSERT_TRUE(write_file_atomically(path, bytes).ok());
  Result<CheckpointReader> reader = CheckpointReader::open(prefix, TensorMemory::kMapped);
  ASSERT_TRUE(reader.ok()) << reader.status().to_string();
  EXPECT_EQ(reader->read("w").status().code(), Code::kDataLoss);
}

TEST(Checkpoint, RoundTripsPartsAndCutsNewOnes) {
  TempDir dir;
  Tensor whole = random_tensor(DType::kFloat, Shape{300, 7}, 1);
  Result<CheckpointWriter> writer = CheckpointWriter::create(dir.file("c"));
  for (const char* text : {"300 7 100,200:3,4", "300 7 0,100:-", "300 7 100,200:0,3"}) {
    TensorSlice::Spec spec = *TensorSlice::parse(text);
    ASSERT_TRUE(writer->add_slice("w", spec, *copy_slice(whole, spec.slice)).ok());
  }
  ASSERT_TRUE(writer->add_slice("v", *TensorSlice::parse("300 7 -:-"), whole).ok());
  ASSERT_TRUE(writer->finish().ok());

  Result<CheckpointReader> reader = CheckpointReader::open(dir.file("c"));
  ASSERT_TRUE(reader.ok()) << reader.status().to_string();
  EXPECT_EQ(reader->find("w")->slices.size(), 3U);
  EXPECT_EQ(reader->find("v")->slices.size(), 0U);
  EXPECT_TRUE(reader->read("w")->identical_to(whole));
  EXPECT_TRUE(reader->read("v")->identical_to(whole));
  for (const char* text : {"300 7 100,200:0,3", "300 7 50,100:2,4", "300 7 -:-"}) {
    TensorSlice::Spec spec = *TensorSlice::parse(text);
    EXPECT_TRUE(reader->read_slice("w", spec)->identical_to(*copy_slice(whole, spec.slice))) << text;
  }
  EXPECT_SAYS(reader->read_slice("w", *TensorSlice::parse("301 7 0,1:-")).status(), {"'w'", "[300,7]", "[301,7]"});
}

TEST(Checkpoint, AMissingKeyIsNamedWithItsNeighbours) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("c"), {{"layer/weights", Tensor::scalar<float>(1)}}).ok());
  Status status = CheckpointReader::open(dir.file("c"))->read("layer/weight").status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_SAYS(status, {"Key 'layer/weight' not found in checkpoint", "did you mean 'layer/weights'"});
}

TEST(Checkpoint, WriterRefusesWhatCannotBeReadBack) {
  TempDir dir;
  Result<CheckpointWriter> writer = CheckpointWriter::create(dir.file("c"));
  Tensor one = Tensor::scalar<float>(1);
  ASSERT_TRUE(writer->add("w", one).ok());
  EXPECT_SAYS(writer->add("w", one), {"'w'", "already"});
  EXPECT_SAYS(writer->add("", one), {"empty"});
  EXPECT_SAYS(writer->add(std::string("a\0b", 3), one), {"NUL"});
  EXPECT_SAYS(writer->add("../a", one), {"'..'"});
  EXPECT_SAYS(writer->add(std::string(1 << 20, 'k'), one), {"too long"});
  EXPECT_SAYS(writer->add("v", Tensor()), {"'v'", "no value"});
  EXPECT_SAYS(writer->add_slice("p", *TensorSlice::parse("4 0,2"), one), {"'p'", "[2]", "[]"});
  Tensor two = Tensor::from<float>({2}, {1, 2});
  ASSERT_TRUE(writer->add_slice("p", *TensorSlice::parse("4 0,2"), two).ok());
  EXPECT_SAYS(writer->add_slice("p", *TensorSlice::parse("4 1,2"), two), {"overlap"});
  EXPECT_SAYS(writer->add_slice("p", *TensorSlice::parse("5 2,2"), two), {"[5]", "[4]"});
  EXPECT_SAYS(writer->finish(), {"'p'", "2 of 4 elements"});
  EXPECT_TRUE(list_dir(dir.path())->empty());
}

TEST(Checkpoint, WriterRefusesDirectoriesAndMissingOnes) {
  TempDir dir;
  EXPECT_SAYS(write_checkpoint(dir.path(), {}), {"that is a directory", "model.ckpt"});
  EXPECT_SAYS(write_checkpoint(dir.path() + "/", {}), {"that is a directory"});
  EXPECT_SAYS(write_checkpoint("", {}), {"empty"});
  EXPECT_SAYS(write_checkpoint(dir.file("none/c"), {}), {dir.file("none"), "No such file or directory"});
  ASSERT_TRUE(make_dirs(dir.file("c.index")).ok());
  EXPECT_SAYS(write_checkpoint(dir.file("c"), {}), {dir.file("c.index"), "Is a directory"});
  EXPECT_EQ(list_dir(dir.path())->size(), 1U);
}

}  // namespace
}  // namespace tarn
