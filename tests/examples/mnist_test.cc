#include "examples/support/mnist.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "core/sha256.h"
#include "examples/support/download.h"
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

}  // namespace
}  // namespace tarn::examples
