// Histogram: how the values of a tensor are spread, in the buckets that TensorFlow's summaries have.
//
//   Histogram histogram;
//   TARN_RETURN_IF_ERROR(histogram.Add(weights));
//   FileWriter::AddHistogram (graph/file_writer.h) writes one to an event file.
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace tarn {

// Thread-compatible.
class Histogram {
 public:
  // ±1e-12 · 1.1^k up to ±1e20, 0 and ±the largest double, rising: the limits that a bucket ends before.
  static const std::vector<double>& default_limits();

  Histogram();
  // Numbers of any kind. Errors: a NaN or an infinity, a dtype that has no numbers; then nothing is added.
  Status Add(const Tensor& values);
  void Add(double value);

  double min() const { return min_; }
  double max() const { return max_; }
  double count() const { return count_; }
  double sum() const { return sum_; }
  double sum_squares() const { return sum_squares_; }
  // A bucket holds the values from the limit before it up to its own. Neighbouring empty buckets are one, as in
  // TensorFlow's files.
  struct Bucket {
    double limit, count;
    bool operator==(const Bucket&) const = default;
  };
  std::vector<Bucket> buckets() const;

 private:
  std::vector<double> counts_;
  double min_, max_, count_ = 0, sum_ = 0, sum_squares_ = 0;
};

}  // namespace tarn
