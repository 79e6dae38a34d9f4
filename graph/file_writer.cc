#include "graph/file_writer.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "core/crc32c.h"
#include "core/file.h"
#include "core/histogram.h"
#include "graph/graph_def.h"
#include "graph/meta_graph.h"
#include "proto/event.pb.h"

namespace tarn {
namespace {

constexpr char kFileVersion[] = "brain.Event:2";

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') return "localhost";
  std::string text = name;
  for (char& c : text) {
    if (c == '/') c = '_';
  }
  return text;
}

template <class T>
std::string little_endian(T value) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(T); ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

pb::Event event_at(int64_t step) {
  pb::Event event;
  event.set_wall_time(wall_seconds());
  event.set_step(step);
  return event;
}

Status check_tag(std::string_view tag) {
  return tag.empty() ? invalid_argument("an event without a tag") : Status();
}

}  // namespace

std::string tf_record(std::string_view data) {
  const std::string length = little_endian(static_cast<uint64_t>(data.size()));
  return str_cat(length, little_endian(crc32c_mask(crc32c(length))), data, little_endian(crc32c_mask(crc32c(data))));
}

Result<FileWriter> FileWriter::Create(const std::string& logdir, FileWriterOptions options) {
  TARN_RETURN_IF_ERROR(make_dirs(logdir));
  char seconds[32];
  std::snprintf(seconds, sizeof(seconds), "%010lld", static_cast<long long>(wall_seconds()));
  const std::string base =
      path_join(logdir, str_cat("events.out.tfevents.", std::string_view(seconds), ".", host_name()));
  // Another run may have begun in the same second. TensorBoard reads a folder's files in the order of their names.
  for (int attempt = 0;; ++attempt) {
    const std::string path = str_cat(base, attempt == 0 ? "" : str_cat(".", attempt), options.filename_suffix);
    Result<AppendFile> file = AppendFile::create(path);
    if (file.status().code() == Code::kAlreadyExists) continue;
    if (!file.ok()) return file.status();
    FileWriter writer(*std::move(file), std::move(options));
    pb::Event event;
    event.set_wall_time(wall_seconds());
    event.set_file_version(kFileVersion);
    TARN_RETURN_IF_ERROR(writer.add(serialize(event)));
    TARN_RETURN_IF_ERROR(writer.Flush());
    return writer;
  }
}

Status FileWriter::add(std::string_view event) {
  TARN_RETURN_IF_ERROR(file_.append(tf_record(event)));
  return wall_seconds() - flushed_seconds_ < options_.flush_seconds ? Status() : Flush();
}

Status FileWriter::Flush() {
  flushed_seconds_ = wall_seconds();
  return file_.flush();
}

Status FileWriter::Close() {
  return file_.close();
}

Status FileWriter::AddScalar(std::string_view tag, double value, int64_t step) {
  TARN_RETURN_IF_ERROR(check_tag(tag));
  pb::Event event = event_at(step);
  pb::Summary::Value& entry = *event.mutable_summary()->add_value();
  entry.set_tag(std::string(tag));
  entry.set_simple_value(static_cast<float>(value));
  return add(serialize(event));
}

Status FileWriter::AddHistogram(std::string_view tag, const Tensor& values, int64_t step) {
  TARN_RETURN_IF_ERROR(check_tag(tag));
  Histogram histogram;
  if (Status status = histogram.Add(values); !status.ok()) {
    return status.with_context(str_cat("histogram ", quoted(tag)));
  }
  pb::Event event = event_at(step);
  pb::Summary::Value& entry = *event.mutable_summary()->add_value();
  entry.set_tag(std::string(tag));
  pb::HistogramProto& proto = *entry.mutable_histo();
  proto.set_min(histogram.min());
  proto.set_max(histogram.max());
  proto.set_num(histogram.count());
  proto.set_sum(histogram.sum());
  proto.set_sum_squares(histogram.sum_squares());
  for (const Histogram::Bucket& bucket : histogram.buckets()) {
    proto.add_bucket_limit(bucket.limit);
    proto.add_bucket(bucket.count);
  }
  return add(serialize(event));
}

Status FileWriter::AddGraph(const Graph& graph) {
  TARN_RETURN_IF_ERROR(expect_fits_proto(graph));
  pb::Event event = event_at(0);
  event.set_graph_def(serialize(export_graph_def(graph)));
  return add(serialize(event));
}

Status FileWriter::AddMetaGraph(const Graph& graph, const Collections& collections) {
  TARN_RETURN_IF_ERROR(expect_fits_proto(graph));
  pb::Event event = event_at(0);
  event.set_meta_graph_def(serialize(export_meta_graph(graph, collections)));
  return add(serialize(event));
}

Status FileWriter::AddSessionStart(int64_t step) {
  pb::Event event = event_at(step);
  event.mutable_session_log()->set_status(pb::SessionLog::START);
  return add(serialize(event));
}

}  // namespace tarn
