// FileWriter: TensorBoard's event files, as TensorFlow's tf.summary.FileWriter writes them.
//
//   TARN_ASSIGN_OR_RETURN(FileWriter log, FileWriter::Create("logs/run1"));   // events.out.tfevents.<secs>.<host>
//   TARN_RETURN_IF_ERROR(log.AddGraph(root.graph()));
//   TARN_RETURN_IF_ERROR(log.AddScalar("loss", loss, step));
//   TARN_RETURN_IF_ERROR(log.AddHistogram("W", *session.variable("W"), step));
//   TARN_RETURN_IF_ERROR(log.Flush());                                        // tensorboard --logdir=logs
//
// A file is a sequence of records: length, masked crc32c of the length, an Event, masked crc32c of the Event. Each run
// of a program writes a file of its own; TensorBoard puts those of one folder together.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/append_file.h"
#include "graph/collections.h"
#include "graph/graph.h"

namespace tarn {

struct FileWriterOptions {
  std::string filename_suffix = {};
  double flush_seconds = 120;  // as TensorFlow: what is older than that when something is added reaches the disk
};

// Thread-compatible.
class FileWriter {
 public:
  // Makes `logdir` if need be, and a new file in it.
  static Result<FileWriter> Create(const std::string& logdir, FileWriterOptions options = {});

  Status AddScalar(std::string_view tag, double value, int64_t step);
  // Numbers of any shape, in TensorFlow's buckets. Errors: a NaN or an infinity among them, by tag.
  Status AddHistogram(std::string_view tag, const Tensor& values, int64_t step);
  Status AddGraph(const Graph& graph);
  // With the collections of its variables.
  Status AddMetaGraph(const Graph& graph, const Collections& collections);
  // A run begins with `step`: from the second run of a folder on, TensorBoard forgets what the earlier ones recorded
  // from that step on. (The first must say so too.)
  Status AddSessionStart(int64_t step);

  Status Flush();
  // Flushes; adding something after it is an error. Destruction does the same without telling errors.
  Status Close();
  const std::string& path() const { return file_.path(); }

 private:
  FileWriter(AppendFile file, FileWriterOptions options) : file_(std::move(file)), options_(std::move(options)) {}
  Status add(std::string_view event);

  AppendFile file_;
  FileWriterOptions options_;
  double flushed_seconds_ = 0;
};

// One record of a TFRecord file.
std::string tf_record(std::string_view data);

}  // namespace tarn
