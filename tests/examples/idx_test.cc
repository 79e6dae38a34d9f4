#include "examples/support/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/examples/temp_folder.h"

namespace tarn::examples {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string images_error(const std::string& path, const IdxOptions& options = {}) {
  Result<Tensor> result = read_idx_images(path, options);
  return result.ok() ? "no error" : result.status().to_string();
}
std::string labels_error(const std::string& path) {
  Result<Tensor> result = read_idx_labels(path);
  return result.ok() ? "no error" : result.status().to_string();
}
std::string header(uint32_t magic, std::vector<uint32_t> dims) {
  std::string out = big_endian(magic);
  for (uint32_t dim : dims) out += big_endian(dim);
  return out;
}

TEST(Idx, ReadsRawAndGzipAlikeWhateverTheName) {
  TempFolder folder;
  std::string raw = folder.write("images.gz", idx_images(3));
  std::string packed = folder.write("images", gzip(idx_images(3)));

  Result<Tensor> from_raw = read_idx_images(raw);
  Result<Tensor> from_packed = read_idx_images(packed);

  ASSERT_TRUE(from_raw.ok()) << from_raw.status().to_string();
  ASSERT_TRUE(from_packed.ok()) << from_packed.status().to_string();
  EXPECT_EQ(from_raw->shape().to_string(), "[3,28,28]");
  EXPECT_TRUE(from_raw->identical_to(*from_packed));
  EXPECT_EQ(from_raw->flat<uint8_t>()[5], 35);
}

TEST(Idx, ReadsLabels) {
  TempFolder folder;

  Result<Tensor> labels = read_idx_labels(folder.write("labels", gzip(idx_labels(12))));

  ASSERT_TRUE(labels.ok()) << labels.status().to_string();
  EXPECT_EQ(labels->shape().to_string(), "[12]");
  EXPECT_EQ(labels->flat<uint8_t>()[11], 1);
}

TEST(Idx, FollowsConcatenatedGzipMembers) {
  TempFolder folder;
  std::string content = idx_images(5);
  std::string two = gzip(content.substr(0, 1000)) + gzip(content.substr(1000));

  Result<Tensor> images = read_idx_images(folder.write("images", two));

  ASSERT_TRUE(images.ok()) << images.status().to_string();
  EXPECT_EQ(images->flat<uint8_t>().back(), static_cast<uint8_t>(content.back()));
}

TEST(Idx, RefusesAWrongMagicSayingWhatItIs) {
  TempFolder folder;
  struct Case {
    std::string bytes;
    std::vector<std::string> says;
  };
  const Case cases[] = {
      {"", {"empty (0 bytes)", "0x00000803"}},
      {std::string(1, '\0'), {"got only 1 bytes", "0x00000803"}},
      {idx_labels(20), {"expected magic 0x00000803, got 0x00000801", "labels file"}},
      {header(0, {1, 28, 28}), {"expected magic 0x00000803, got 0x00000000", "0x00 is no idx element type"}},
      {header(0x0d03, {1, 28, 28}), {"got 0x00000d03", "float32 elements, 3 dimensions"}},
      {header(0x0800, {}), {"got 0x00000800", "uint8 elements, 0 dimensions"}},
      {header(0x08ff, {1}), {"got 0x000008ff", "uint8 elements, 255 dimensions"}},
      {header(0x03080000, {1}), {"got 0x03080000", "bytes are swapped (little-endian)"}},
      {"<html>404</html>", {"got 0x3c68746d", "not an idx file"}},
      {gzip(""), {"got only 0 bytes"}},
  };
  for (const Case& c : cases) {
    std::string path = folder.write("bad", c.bytes);
    std::string error = images_error(path);
    EXPECT_THAT(error, HasSubstr(path));
    for (const std::string& text : c.says) EXPECT_THAT(error, HasSubstr(text));
  }
  EXPECT_THAT(labels_error(folder.write("bad", idx_images(1))), HasSubstr("expected magic 0x00000801, got 0x00000803"));
}

TEST(Idx, RefusesSizesThatTheFileCannotHoldBeforeAllocating) {
  TempFolder folder;
  const struct {
    std::vector<uint32_t> dims;
    std::string says;
  } cases[] = {
      {{0xffffffff, 28, 28}, "4294967295 x 28 x 28 elements need"},
      {{1, 0, 28}, "rows 0, expected at least 1"},
      {{1, 28, 0}, "columns 0, expected at least 1"},
      {{0, 28, 28}, "count 0, expected at least 1"},
      {{1, 28, 0x80000000}, "1 x 28 x 2147483648 elements need"},
      {{0xffffffff, 0xffffffff, 0xffffffff}, "overflow"},
  };
  for (const auto& c : cases) {
    std::string bytes = header(0x803, c.dims) + std::string(784, 'x');
    EXPECT_THAT(images_error(folder.write("raw", bytes)), HasSubstr(c.says));
    EXPECT_THAT(images_error(folder.write("packed", gzip(bytes))), HasSubstr(c.says));
  }
}

TEST(Idx, NamesTheMissingAndTheExcessBytes) {
  TempFolder folder;
  std::string content = idx_images(2);  // 16 + 1568 bytes
  std::string shorter = content.substr(0, content.size() - 1);

  EXPECT_THAT(images_error(folder.write("a", shorter)),
              HasSubstr("need a file of 1584 bytes, got 1583 bytes (1 too few)"));
  EXPECT_THAT(images_error(folder.write("a", content + "x")), HasSubstr("got 1585 bytes (1 too many)"));
  EXPECT_THAT(images_error(folder.write("a", gzip(shorter))), HasSubstr("need 1584 bytes, got only 1583"));
  EXPECT_THAT(images_error(folder.write("a", gzip(content + "x"))),
              HasSubstr("need 1584 bytes, but the content is longer"));
  EXPECT_THAT(images_error(folder.write("a", content.substr(0, 9))), HasSubstr("expected 16 bytes, got 9"));
}

TEST(Idx, TakesExcessBytesWhenAskedTo) {
  TempFolder folder;
  IdxOptions options;
  options.allow_trailing_bytes = true;

  EXPECT_TRUE(read_idx_images(folder.write("raw", idx_images(2) + "tail"), options).ok());
  EXPECT_TRUE(read_idx_images(folder.write("packed", gzip(idx_images(2) + "tail")), options).ok());
}

TEST(Idx, HintsAtSwappedSizesUnderARightMagic) {
  TempFolder folder;
  std::string swapped = header(0x803, {0x02000000, 0x1c000000, 0x1c000000}) + idx_images(2).substr(16);

  EXPECT_THAT(images_error(folder.write("raw", swapped)),
              AllOf(HasSubstr("2 x 28 x 28"), HasSubstr("probably swapped")));
  EXPECT_THAT(images_error(folder.write("packed", gzip(swapped))), HasSubstr("probably swapped"));
}

TEST(Idx, NamesTheBadLabelAndItsIndex) {
  TempFolder folder;
  std::string labels = idx_labels(30);
  labels[8 + 17] = 10;
  EXPECT_THAT(labels_error(folder.write("a", labels)), HasSubstr("label 10 at index 17, expected 0 to 9"));
  labels[8 + 3] = '\xff';
  EXPECT_THAT(labels_error(folder.write("a", labels)), HasSubstr("label 255 at index 3"));
}

TEST(Idx, NamesBothFilesWhenCountsDiffer) {
  TempFolder folder;
  std::string images = folder.write("images", idx_images(3));
  std::string labels = folder.write("labels", idx_labels(2));

  Result<LabelledImages> pair = read_idx_pair(images, labels);

  ASSERT_FALSE(pair.ok());
  EXPECT_EQ(pair.status().message(), "'" + images + "' has 3 images but '" + labels + "' has 2 labels");
}

TEST(Idx, SaysHowAGzipFileIsDamaged) {
  TempFolder folder;
  std::string packed = gzip(idx_images(4));
  std::string bad_crc = packed;
  bad_crc[bad_crc.size() - 8] ^= 1;
  std::string bad_body = packed;
  for (size_t i = 40; i < 60; ++i) bad_body[i] = '\xff';

  for (size_t length : {size_t{2}, size_t{9}, size_t{30}, packed.size() / 2, packed.size() - 9, packed.size() - 1}) {
    EXPECT_THAT(images_error(folder.write("a", packed.substr(0, length))), HasSubstr("cut short")) << length;
  }
  EXPECT_THAT(images_error(folder.write("a", bad_crc)), HasSubstr("damaged (incorrect data check)"));
  EXPECT_THAT(images_error(folder.write("a", bad_body)), HasSubstr("DataLoss"));
  EXPECT_THAT(images_error(folder.write("a", packed + "junk")), HasSubstr("damaged (incorrect header check)"));
}

TEST(Idx, StopsAtTheHeadersSizeInAGzipBomb) {
  TempFolder folder;
  // 64 MB of zeros after one image: reading stops one byte past it.
  std::string bomb = gzip(idx_images(1) + std::string(64 << 20, '\0'));

  EXPECT_THAT(images_error(folder.write("bomb", bomb)), HasSubstr("need 800 bytes, but the content is longer"));
}

TEST(Idx, SaysErrnoForWhatIsNotAReadableFile) {
  TempFolder folder;
  std::string fifo = folder.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);

  EXPECT_THAT(images_error(folder.file("none.gz")),
              AllOf(HasSubstr("NotFound"), HasSubstr(folder.file("none.gz")), HasSubstr("No such file or directory")));
  EXPECT_THAT(images_error(folder.path()), AllOf(HasSubstr(folder.path()), HasSubstr("Is a directory")));
  EXPECT_THAT(images_error(fifo), HasSubstr("it is a FIFO, not a regular file"));
  EXPECT_THAT(images_error("/dev/zero"), HasSubstr("it is a device, not a regular file"));
}

TEST(Idx, SaysPermissionDenied) {
  TempFolder folder;
  std::string path = folder.write("secret", idx_images(1));
  ::chmod(folder.path().c_str(), 0755);
  ::chmod(path.c_str(), 0);
  constexpr uid_t kNobody = 65534;
  uid_t user = ::geteuid();
  if (user == 0) {
    ASSERT_EQ(::seteuid(kNobody), 0);  // root may read every file
  }

  std::string error = images_error(path);

  if (user == 0) {
    ASSERT_EQ(::seteuid(user), 0);
  }
  EXPECT_THAT(error, AllOf(HasSubstr("PermissionDenied"), HasSubstr(path), HasSubstr("Permission denied")));
}

TEST(Idx, ReadsTheRealMnistFiles) {
  const char* data = std::getenv("TARN_DATA");
  if (data == nullptr) GTEST_SKIP() << "TARN_DATA is not set: no MNIST files to read";
  std::string folder = std::string(data) + "/mnist/";

  Result<LabelledImages> test =
      read_idx_pair(folder + "t10k-images-idx3-ubyte.gz", folder + "t10k-labels-idx1-ubyte.gz");

  ASSERT_TRUE(test.ok()) << test.status().to_string();
  EXPECT_EQ(test->images.shape().to_string(), "[10000,28,28]");
  EXPECT_EQ(test->labels.flat<uint8_t>()[0], 7);  // the first test digit is a well-known 7
}

}  // namespace
}  // namespace tarn::examples
