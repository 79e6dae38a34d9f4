// The stages that an iterator of a Dataset is made of (graph/dataset.h), each pulling from the one before it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "graph/dataset.h"

namespace tarn {

// What moves between stages: a row of the source's tensors as long as nobody needs more than its number, else values.
// So shuffling moves numbers, and batching copies each row once.
struct DatasetItem {
  int64_t row = -1;
  Example values;
};

class Dataset::Stage {
 public:
  virtual ~Stage() = default;
  // Begins iteration number `epoch`, from 0, over from the start. Called before the first next().
  virtual Status start(int64_t epoch) = 0;
  // False at the iteration's end.
  virtual Result<bool> next(DatasetItem& item) = 0;
  // Passes over `count` items, or as many as there are; returns how many.
  virtual Result<int64_t> skip(int64_t count);
  // Items an iteration has, if that is known; INT64_MAX is for ever.
  virtual std::optional<int64_t> size() const = 0;
  // What rows are of: null if items are values.
  virtual const std::vector<Tensor>* rows() const = 0;
};

using DatasetStage = std::unique_ptr<Dataset::Stage>;

DatasetStage make_slices_stage(std::vector<Tensor> components);
DatasetStage make_generator_stage(std::function<Dataset::Generator()> start);
DatasetStage make_map_stage(DatasetStage from, Dataset::MapFunction function, int parallel_calls);
DatasetStage make_shuffle_stage(DatasetStage from, const Dataset::ShuffleOptions& options);
DatasetStage make_batch_stage(DatasetStage from, int64_t batch_size, bool drop_remainder);
DatasetStage make_repeat_stage(DatasetStage from, std::optional<int64_t> count);
DatasetStage make_part_stage(DatasetStage from, int64_t skip, std::optional<int64_t> take);
DatasetStage make_prefetch_stage(DatasetStage from, int64_t buffer_size);

// The values of an item that may be a row.
Example dataset_values(DatasetItem item, const std::vector<Tensor>* rows);

}  // namespace tarn
