// What stands behind a CheckpointReader: a checkpoint of either version, opened and judged. No header for others.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/checkpoint.h"

namespace tarn {

struct CheckpointSource {
  virtual ~CheckpointSource() = default;
  // Part `part` of entry `entry`: the tensor itself, or its slice of that number.
  virtual Result<Tensor> read_part(size_t entry, size_t part) const = 0;

  std::string prefix;
  int version = 2;
  std::vector<CheckpointEntry> entries;  // sorted by name
  uint64_t unused_bytes = 0;
};

// Version 2: <prefix>.index and its data files. NotFound if there is no index.
Result<std::shared_ptr<const CheckpointSource>> open_bundle(const std::string& prefix, TensorMemory memory);
// Version 1: the files at `paths` (a checkpoint of one file, or all its shards) are tables of SavedTensorSlices.
Result<std::shared_ptr<const CheckpointSource>> open_v1_checkpoint(const std::string& prefix,
                                                                   const std::vector<std::string>& paths);

// "<prefix>-00000-of-00002" and its siblings, in order; empty if there are none. An incomplete set is an error that
// names what is missing.
Result<std::vector<std::string>> v1_shards(const std::string& prefix);

// Whether the slices of a tensor of shape `full` cover each element once; `label` opens the message.
Status check_slices(const std::string& label, const Shape& full, const std::vector<TensorSlice>& slices);

}  // namespace tarn
