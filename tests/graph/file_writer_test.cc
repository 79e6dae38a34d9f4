#include "graph/file_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>

#include "core/crc32c.h"
#include "core/file.h"
#include "core/histogram.h"
#include "graph/graph_io.h"
#include "graph/ops.h"
#include "graph/variables.h"
#include "proto/event.pb.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"

namespace tarn {
namespace {

uint64_t number_at(const std::string& bytes, size_t offset, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) {
    value |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[offset + i])) << (8 * i);
  }
  return value;
}

// The events of a file, read apart from what wrote it; stops at the first thing wrong.
std::vector<pb::Event> events_in(const std::string& path) {
  const std::string bytes = read_file(path).value_or("");
  std::vector<pb::Event> events;
  for (size_t at = 0; at < bytes.size();) {
    EXPECT_GE(bytes.size() - at, 16u);
    const uint64_t length = number_at(bytes, at, 8);
    EXPECT_EQ(number_at(bytes, at + 8, 4), crc32c_mask(crc32c(bytes.substr(at, 8))));
    EXPECT_LE(at + 16 + length, bytes.size());
    const std::string data = bytes.substr(at + 12, length);
    EXPECT_EQ(number_at(bytes, at + 12 + length, 4), crc32c_mask(crc32c(data)));
    pb::Event event;
    EXPECT_TRUE(event.ParseFromString(data));
    events.push_back(event);
    at += 16 + length;
  }
  return events;
}

// TensorFlow 2.15's tf.io.TFRecordWriter for the record b"tarn".
TEST(FileWriter, FramesRecordsAsTensorFlow) {
  const unsigned char expected[] = {0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x42, 0x45,
                                    0x52, 0x04, 0x74, 0x61, 0x72, 0x6e, 0x99, 0xcb, 0x77, 0xe6};
  EXPECT_EQ(tf_record("tarn"), std::string(expected, expected + sizeof(expected)));
}

TEST(FileWriter, TheFileBeginsWithItsVersionAndHoldsWhatWasAddedInOrder) {
  TempDir dir;
  Scope root = Scope::NewRootScope();
  CreateVariable(root.WithOpName("w"), {2}, Initializer::Zeros());
  const double before = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  FileWriter writer = *FileWriter::Create(dir.file("logs/run"));

  ASSERT_TRUE(writer.AddGraph(root.graph()).ok());
  ASSERT_TRUE(writer.AddMetaGraph(root.graph(), root.collections()).ok());
  ASSERT_TRUE(writer.AddScalar("loss", 0.1, 7).ok());
  ASSERT_TRUE(writer.AddHistogram("w", Tensor::from<float>({3}, {-1, 0, 2}), 8).ok());
  ASSERT_TRUE(writer.AddSessionStart(9).ok());
  EXPECT_EQ(events_in(writer.path()).size(), 1u) << "the version is there from the start, the rest is gathered";
  ASSERT_TRUE(writer.Flush().ok());

  const std::vector<pb::Event> events = events_in(writer.path());
  ASSERT_EQ(events.size(), 6u);
  EXPECT_EQ(events[0].file_version(), "brain.Event:2");
  EXPECT_GE(events[0].wall_time(), before - 1);
  Result<Graph> graph = parse_graph(events[1].graph_def(), "event");
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  EXPECT_EQ(graph->names(), root.graph().names());
  EXPECT_EQ(parse_meta_graph(events[2].meta_graph_def(), "event")->collections.variables().size(), 1u);
  EXPECT_EQ(events[3].step(), 7);
  EXPECT_EQ(events[3].summary().value(0).tag(), "loss");
  EXPECT_EQ(events[3].summary().value(0).simple_value(), 0.1f);
  const pb::HistogramProto& histogram = events[4].summary().value(0).histo();
  EXPECT_EQ(histogram.num(), 3);
  EXPECT_EQ(histogram.min(), -1);
  EXPECT_EQ(histogram.max(), 2);
  EXPECT_EQ(histogram.sum(), 1);
  EXPECT_EQ(histogram.sum_squares(), 5);
  EXPECT_EQ(events[5].session_log().status(), pb::SessionLog::START);
  EXPECT_EQ(events[5].step(), 9);
}

TEST(FileWriter, EachRunHasAFileOfItsOwn) {
  TempDir dir;
  FileWriter first = *FileWriter::Create(dir.path());
  FileWriter second = *FileWriter::Create(dir.path(), {.filename_suffix = ".v2"});
  FileWriter third = *FileWriter::Create(dir.path());  // within the same second, most likely

  EXPECT_EQ(list_dir(dir.path())->size(), 3u);
  EXPECT_THAT(path_name(first.path()), testing::MatchesRegex("events\\.out\\.tfevents\\.[0-9]+\\..+"));
  EXPECT_TRUE(second.path().ends_with(".v2"));
  EXPECT_NE(first.path(), third.path());
}

TEST(FileWriter, SaysWhatCannotBeWritten) {
  TempDir dir;
  FileWriter writer = *FileWriter::Create(dir.path());
  const float infinity = std::numeric_limits<float>::infinity();

  EXPECT_SAYS(writer.AddHistogram("w", Tensor::from<float>({2}, {1, NAN}), 1), {"'w'", "element 1", "NaN"});
  EXPECT_SAYS(writer.AddHistogram("w", Tensor::from<float>({1}, {infinity}), 1), {"'w'", "infinite"});
  EXPECT_SAYS(writer.AddHistogram("w", Tensor::scalar<std::string>("x"), 1), {"'w'", "string"});
  EXPECT_SAYS(writer.AddScalar("", 1, 1), {"tag"});
  ASSERT_TRUE(write_file_atomically(dir.file("file"), "").ok());
  EXPECT_SAYS(FileWriter::Create(dir.file("file")).status(), {dir.file("file")});
  ASSERT_TRUE(writer.Close().ok());
  EXPECT_SAYS(writer.AddScalar("loss", 1, 1), {writer.path(), "closed"});
  EXPECT_EQ(events_in(writer.path()).size(), 1u);
}

TEST(FileWriter, AFullDiskIsSaidAndLosesNothingThatIsTriedAgain) {
  TempDir dir;
  FileWriter writer = *FileWriter::Create(dir.path());
  ASSERT_TRUE(writer.AddScalar("a", 1, 1).ok());
  {
    FailNth fault(0, ENOSPC);
    ScopedFileHook scope(&fault);
    EXPECT_SAYS(writer.Flush(), {writer.path()});
  }

  ShortTransfers hook(3);
  ScopedFileHook scope(&hook);
  ASSERT_TRUE(writer.Flush().ok());

  EXPECT_EQ(events_in(writer.path()).size(), 2u);
}

TEST(Histogram, BucketsAreTensorFlows) {
  const std::vector<double>& limits = Histogram::default_limits();

  // 774 powers of 1.1 from 1e-12 stay below 1e20; with the largest double, both signs and 0.
  EXPECT_EQ(limits.size(), 2 * (774 + 1) + 1u);
  EXPECT_TRUE(std::is_sorted(limits.begin(), limits.end()));
  EXPECT_EQ(limits[775], 0);
  EXPECT_EQ(limits[776], 1e-12);
  EXPECT_EQ(limits.back(), std::numeric_limits<double>::max());
}

TEST(Histogram, CountsValuesBelowTheirLimitAndJoinsEmptyBuckets) {
  Histogram histogram;
  ASSERT_TRUE(histogram.Add(Tensor::from<int32_t>({3}, {0, 0, -5})).ok());

  const std::vector<Histogram::Bucket> buckets = histogram.buckets();

  // … -5 | empty | 0 0 | empty …
  ASSERT_EQ(buckets.size(), 5u);
  EXPECT_EQ(buckets[0].count, 0);
  EXPECT_EQ(buckets[1].count, 1);
  EXPECT_TRUE(buckets[0].limit <= -5 && buckets[1].limit > -5);
  EXPECT_EQ(buckets[2], (Histogram::Bucket{0, 0}));
  EXPECT_EQ(buckets[3], (Histogram::Bucket{1e-12, 2}));
  EXPECT_EQ(buckets[4], (Histogram::Bucket{std::numeric_limits<double>::max(), 0}));
}

TEST(Histogram, TakesEveryKindOfNumber) {
  Histogram histogram;
  ASSERT_TRUE(histogram.Add(Tensor::scalar<bool>(true)).ok());
  ASSERT_TRUE(histogram.Add(Tensor::scalar<double>(-2)).ok());
  ASSERT_TRUE(histogram.Add(Tensor::scalar<uint8_t>(200)).ok());
  ASSERT_TRUE(histogram.Add(Tensor::scalar<uint16_t>(0x3c00).reinterpreted(DType::kHalf)).ok());      // 1
  ASSERT_TRUE(histogram.Add(Tensor::scalar<uint16_t>(0x4000).reinterpreted(DType::kBFloat16)).ok());  // 2
  histogram.Add(std::numeric_limits<double>::max());

  EXPECT_EQ(histogram.count(), 6);
  EXPECT_EQ(histogram.min(), -2);
  EXPECT_EQ(histogram.buckets().back().count, 1);
}

}  // namespace
}  // namespace tarn
