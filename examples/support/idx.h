// Reads idx files, the format of MNIST: a big-endian header (magic, one size a dimension), then bytes.
//
//   Result<Tensor> images = read_idx_images("train-images-idx3-ubyte.gz");    // u8[60000,28,28]
//   Result<Tensor> labels = read_idx_labels("train-labels-idx1-ubyte.gz");    // u8[60000]
//
// Gzip is recognised by content, whatever the name says. Every error names the path and both values. Memory for the
// elements is asked for only after the header agrees with what a file of this size can hold.
#pragma once

#include <cstdint>
#include <string>

#include "core/tensor.h"

namespace tarn::examples {

struct IdxOptions {
  // Bytes after the last element are an error unless this is set.
  bool allow_trailing_bytes = false;
  // Labels must be below this.
  int classes = 10;
};

// u8[N, rows, columns].  Errors: NotFound, PermissionDenied, InvalidArgument (not such a file), DataLoss (damaged).
Result<Tensor> read_idx_images(const std::string& path, const IdxOptions& options = {});
// u8[N], each below options.classes.
Result<Tensor> read_idx_labels(const std::string& path, const IdxOptions& options = {});

struct LabelledImages {
  Tensor images;  // u8[N, rows, columns]
  Tensor labels;  // u8[N]
};
// Both files; an error naming both if their counts differ.
Result<LabelledImages> read_idx_pair(const std::string& images_path, const std::string& labels_path,
                                     const IdxOptions& options = {});

}  // namespace tarn::examples
