#include "examples/support/mnist.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "examples/support/download.h"
#include "examples/support/sha256.h"
#include "tests/examples/temp_folder.h"

namespace tarn::examples {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Four small files with the right names.
void write_files(const TempFolder& folder, uint32_t train, uint32_t test) {
  folder.write("train-images-idx3-ubyte.gz", gzip(idx_images(train)));
  folder.write("train-labels-idx1-ubyte.gz", gzip(idx_labels(train)));
  folder.write("t10k-images-idx3-ubyte", idx_images(test));  // unpacked by hand, as people do
  folder.write("t10k-labels-idx1-ubyte.gz", gzip(idx_labels(test)));
}

// Only the generator and the folder given: nothing of this machine.
MnistOptions sealed(const TempFolder& folder) {
  MnistOptions options;
  options.use_environment = false;
  options.download = false;
  options.download_dir = folder.file("none");
  options.synthetic_train_count = 50;
  options.synthetic_test_count = 20;
  return options;
}

TEST(Mnist, ReadsAFolderOfFilesScaledToOne) {
  TempFolder folder;
  write_files(folder, 30, 10);
  MnistOptions options = sealed(folder);
  options.data_dir = folder.path();

  Result<Mnist> mnist = load_mnist(options);

  ASSERT_TRUE(mnist.ok()) << mnist.status().to_string();
  EXPECT_EQ(mnist->train_images.shape().to_string(), "[30,784]");
  EXPECT_EQ(mnist->test_images.shape().to_string(), "[10,784]");
  EXPECT_FLOAT_EQ(mnist->train_images.flat<float>()[3], 21 / 255.0f);
  EXPECT_EQ(mnist->train_labels.flat<int64_t>()[13], 3);
  EXPECT_EQ(mnist->test_labels.dtype(), DType::kInt64);
  EXPECT_FALSE(mnist->synthetic);
  EXPECT_EQ(mnist->name(), "MNIST");
  EXPECT_EQ(mnist->note(), "");
  EXPECT_EQ(mnist->source, folder.path());
}

TEST(Mnist, NeverReplacesAGivenFolderThatFails) {
  TempFolder folder;
  MnistOptions options = sealed(folder);
  options.data_dir = folder.file("none");
  EXPECT_THAT(load_mnist(options).status().to_string(), HasSubstr("No such file or directory"));

  options.data_dir = folder.write("file", "x");
  EXPECT_THAT(load_mnist(options).status().to_string(), HasSubstr("Not a directory"));

  write_files(folder, 30, 10);
  std::filesystem::remove(folder.file("train-labels-idx1-ubyte.gz"));
  std::filesystem::remove(folder.file("t10k-labels-idx1-ubyte.gz"));
  options.data_dir = folder.path();
  EXPECT_THAT(load_mnist(options).status().to_string(),
              HasSubstr("has no train-labels-idx1-ubyte.gz, t10k-labels-idx1-ubyte.gz"));

  folder.write("train-labels-idx1-ubyte.gz", gzip(idx_labels(29)));
  folder.write("t10k-labels-idx1-ubyte.gz", gzip(idx_labels(10)));
  EXPECT_THAT(load_mnist(options).status().to_string(), HasSubstr("has 30 images but"));

  folder.write("train-images-idx3-ubyte.gz", idx_images(29, 14, 14));
  EXPECT_THAT(load_mnist(options).status().to_string(), HasSubstr("14 x 14 pixels, expected 28 x 28"));
}

TEST(Mnist, SaysOnEveryLineThatSyntheticDigitsAreNotMnist) {
  TempFolder folder;
  MnistOptions options = sealed(folder);
  std::vector<std::string> lines;
  options.log = [&](std::string_view line) { lines.emplace_back(line); };

  Result<Mnist> mnist = load_mnist(options);

  ASSERT_TRUE(mnist.ok()) << mnist.status().to_string();
  EXPECT_TRUE(mnist->synthetic);
  EXPECT_THAT(std::string(mnist->name()), HasSubstr("NOT MNIST"));
  EXPECT_THAT(std::string(mnist->note()), HasSubstr("NOT MNIST"));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("no MNIST: '" + folder.file("none")));
  EXPECT_EQ(lines[1], "data: synthetic digits (NOT MNIST) from generator, seed 1, 50 training and 20 test digits");
}

TEST(Mnist, SyntheticTrainAndTestSetsDiffer) {
  TempFolder folder;
  Result<Mnist> mnist = load_mnist(sealed(folder));
  ASSERT_TRUE(mnist.ok());
  EXPECT_FALSE(rows(mnist->train_images, 0, 20)->identical_to(mnist->test_images));
}

TEST(Mnist, WithoutTheGeneratorListsEveryPlaceTried) {
  TempFolder folder;
  MnistOptions options = sealed(folder);
  options.synthesize = false;
  options.download = true;
  options.mirrors = {"file://" + folder.file("mirror1"), "file://" + folder.file("mirror2")};

  Result<Mnist> mnist = load_mnist(options);

  ASSERT_FALSE(mnist.ok());
  EXPECT_EQ(mnist.status().code(), Code::kNotFound);
  EXPECT_THAT(std::string(mnist.status().message()), AllOf(HasSubstr("mirror1/train-images"), HasSubstr("mirror2/")));
}

TEST(Mnist, DownloadsFromAMirrorOnceAndThenReadsTheFiles) {
  const char* data = std::getenv("TARN_DATA");
  if (data == nullptr) GTEST_SKIP() << "TARN_DATA is not set: no MNIST files to serve as a mirror";
  TempFolder folder;
  MnistOptions options = sealed(folder);
  options.download = true;
  options.download_dir = folder.file("a/mnist");
  options.mirrors = {"file:///nowhere", "file://" + std::string(data) + "/mnist"};
  options.synthesize = false;

  Result<Mnist> mnist = load_mnist(options);
  options.mirrors = {"file:///nowhere"};
  Result<Mnist> again = load_mnist(options);

  ASSERT_TRUE(mnist.ok()) << mnist.status().to_string();
  EXPECT_EQ(mnist->train_images.shape().to_string(), "[60000,784]");
  EXPECT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_EQ(folder.names().size(), 4u);
}

TEST(Download, GivesTheFileOnlyWithTheRightChecksum) {
  TempFolder folder;
  std::string good = folder.write("good", "the right bytes");
  std::string bad = folder.write("bad", "tampered");
  std::string target = folder.file("out");

  Status wrong = download({"file://" + bad}, target, sha256_hex("the right bytes"), nullptr);
  EXPECT_EQ(wrong.code(), Code::kUnavailable);
  EXPECT_THAT(std::string(wrong.message()), AllOf(HasSubstr("checksum"), HasSubstr(sha256_hex("tampered"))));
  EXPECT_FALSE(std::filesystem::exists(target));

  // A bad mirror first does no harm.
  Status right = download({"file://" + bad, "file://" + good}, target, sha256_hex("the right bytes"), nullptr);
  EXPECT_TRUE(right.ok()) << right.to_string();
  EXPECT_EQ(read_bytes(target), "the right bytes");
  EXPECT_EQ(folder.names().size(), 3u);  // no temporary file is left
}

TEST(Download, SaysWhatWentWrong) {
  TempFolder folder;
  // ".invalid" resolves nowhere (RFC 6761); http is not asked at all.
  Status status = download({"https://tarn.invalid/x", "http://localhost/x"}, folder.file("out"), "0", nullptr);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("https://tarn.invalid/x: "), HasSubstr("http://localhost/x: ")));
  EXPECT_THAT(folder.names(), IsEmpty());
}

TEST(OneHot, SetsOneColumnARow) {
  Tensor labels = Tensor::from<int64_t>(Shape{3}, {2, 0, 1});

  Result<Tensor> out = one_hot(labels, 3);

  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->shape().to_string(), "[3,3]");
  EXPECT_THAT(out->flat<float>(), ElementsAre(0, 0, 1, 1, 0, 0, 0, 1, 0));
}

TEST(OneHot, NamesALabelOutOfRange) {
  EXPECT_THAT(std::string(one_hot(Tensor::from<int64_t>(Shape{2}, {1, 3}), 3).status().message()),
              HasSubstr("label 3 at index 1, expected 0 to 2"));
  EXPECT_FALSE(one_hot(Tensor::from<float>(Shape{1}, {1}), 3).ok());
}

TEST(Rows, LookAtAPartAndKeepItAlive) {
  Result<Tensor> part = rows(Tensor::from<float>(Shape{3, 2}, {1, 2, 3, 4, 5, 6}), 1, 3);
  ASSERT_TRUE(part.ok());
  EXPECT_EQ(part->shape().to_string(), "[2,2]");
  EXPECT_THAT(part->flat<float>(), ElementsAre(3, 4, 5, 6));
  EXPECT_FALSE(rows(*part, 1, 3).ok());
  EXPECT_FALSE(rows(*part, -1, 1).ok());
}

// Images whose only pixel is their index.
Batches numbered_batches(int64_t count, BatchOptions options) {
  Result<Tensor> images = Tensor::allocate(DType::kFloat, Shape{count, 1});
  Result<Tensor> labels = Tensor::allocate(DType::kInt64, Shape{count});
  for (int64_t i = 0; i < count; ++i) {
    images->mutable_flat<float>()[static_cast<size_t>(i)] = static_cast<float>(i);
    labels->mutable_flat<int64_t>()[static_cast<size_t>(i)] = i;
  }
  return *Batches::create(*images, *labels, options);
}

std::vector<int64_t> take(Batches& batches, int count, std::vector<bool>* ends = nullptr) {
  std::vector<int64_t> all;
  for (int i = 0; i < count; ++i) {
    Result<Batch> batch = batches.next();
    EXPECT_TRUE(batch.ok());
    for (size_t k = 0; k < batch->labels.flat<int64_t>().size(); ++k) {
      all.push_back(batch->labels.flat<int64_t>()[k]);
      EXPECT_EQ(batch->images.flat<float>()[k], static_cast<float>(all.back()));
    }
    if (ends != nullptr) ends->push_back(batch->ends_epoch);
  }
  return all;
}

std::vector<int64_t> sorted(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

TEST(Batches, VisitEveryExampleOnceAnEpochInANewOrder) {
  Batches batches = numbered_batches(10, {.batch_size = 5, .seed = 3});
  std::vector<int64_t> first = take(batches, 2), second = take(batches, 2);
  std::vector<int64_t> all(10);
  std::iota(all.begin(), all.end(), 0);

  EXPECT_EQ(sorted(first), all);
  EXPECT_EQ(sorted(second), all);
  EXPECT_NE(first, all);
  EXPECT_NE(first, second);
}

// The order was computed apart from this code, in Python: splitmix64, values below 2^64 mod n drawn again,
// Fisher-Yates.
TEST(Batches, GiveTheSameOrderOnEveryMachine) {
  Batches batches = numbered_batches(10, {.batch_size = 10, .seed = 3});
  Batches same = numbered_batches(10, {.batch_size = 10, .seed = 3});
  Batches other = numbered_batches(10, {.batch_size = 10, .seed = 4});
  std::vector<int64_t> order = take(batches, 1);

  EXPECT_EQ(order, take(same, 1));
  EXPECT_NE(order, take(other, 1));
  EXPECT_THAT(order, ElementsAre(2, 4, 0, 1, 9, 3, 7, 8, 5, 6));
}

TEST(Batches, TreatTheRemainderAsAsked) {
  using Remainder = BatchOptions::Remainder;
  std::vector<bool> ends;
  Batches keep = numbered_batches(7, {.batch_size = 3, .shuffle = false, .remainder = Remainder::kKeep});
  EXPECT_THAT(take(keep, 4, &ends), ElementsAre(0, 1, 2, 3, 4, 5, 6, 0, 1, 2));
  EXPECT_THAT(ends, ElementsAre(false, false, true, false));
  EXPECT_EQ(keep.per_epoch(), 3);

  ends.clear();
  Batches drop = numbered_batches(7, {.batch_size = 3, .shuffle = false, .remainder = Remainder::kDrop});
  EXPECT_THAT(take(drop, 3, &ends), ElementsAre(0, 1, 2, 3, 4, 5, 0, 1, 2));
  EXPECT_THAT(ends, ElementsAre(false, true, false));
  EXPECT_EQ(drop.per_epoch(), 2);

  ends.clear();
  Batches carry = numbered_batches(7, {.batch_size = 3, .shuffle = false, .remainder = Remainder::kCarry});
  EXPECT_THAT(take(carry, 3, &ends), ElementsAre(0, 1, 2, 3, 4, 5, 6, 0, 1));
  EXPECT_THAT(ends, ElementsAre(false, false, true));
}

TEST(Batches, RefuseWhatDoesNotFit) {
  Tensor images = Tensor::from<float>(Shape{2, 1}, {0, 1});
  Tensor labels = Tensor::from<int64_t>(Shape{2}, {0, 1});
  EXPECT_THAT(std::string(Batches::create(images, labels, {.batch_size = 0}).status().message()),
              HasSubstr("batch size 0, expected 1 to 2"));
  EXPECT_FALSE(Batches::create(images, labels, {.batch_size = 3}).ok());
  EXPECT_FALSE(Batches::create(images, Tensor::from<int64_t>(Shape{1}, {0}), {.batch_size = 1}).ok());
}

}  // namespace
}  // namespace tarn::examples
