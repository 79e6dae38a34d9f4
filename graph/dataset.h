// Dataset: an input pipeline, as TensorFlow's tf.data describes it. DatasetIterator: one pass through it, whose
// position fits in a checkpoint.
//
//   Dataset data = Dataset::FromTensorSlices({images, labels})      // an example a row
//                      .Shuffle({.seed = 1})                        // all of them, anew each epoch
//                      .Batch(100)
//                      .Repeat()
//                      .Prefetch(2);                                // made on another thread
//   TARN_ASSIGN_OR_RETURN(std::unique_ptr<DatasetIterator> batches, data.MakeIterator());
//   Example batch;                                                  // f32[100,784], i64[100]
//   TARN_ASSIGN_OR_RETURN(bool more, batches->Next(&batch));
//
// The same description gives the same examples in the same order on every machine, whatever Prefetch and Map's
// parallel_calls are. So a position is a number: how many examples were taken. Restoring it skips that many, without
// making them where that is possible.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/checkpointable.h"

namespace tarn {

// The components of one element: an image and its label, or a batch of each.
using Example = std::vector<Tensor>;

class DatasetIterator;

// A description; a value, cheap to copy. The first error in it is what MakeIterator gives. Thread-compatible.
class Dataset {
 public:
  // Rows of the tensors' first dimension, which must be equal.
  static Dataset FromTensorSlices(std::vector<Tensor> components);
  // Gives the next example, or nullopt at the end.
  using Generator = std::function<Result<std::optional<Example>>()>;
  // `start` is called at each epoch's beginning, and by a restored iterator. The generators must give the same examples
  // each time; what was taken before is made again then, and thrown away.
  static Dataset FromGenerator(std::function<Generator()> start);

  // `index` counts the examples from the first epoch on: seed random changes with it, for they may be made in any order
  // or left out. Where nobody knows how many examples an epoch has, as of a generator, number i of epoch e (both from
  // 0) is e * 2^40 + i.
  using MapFunction = std::function<Result<Example>(Example example, int64_t index)>;
  // `parallel_calls` > 1: that many at a time, each on a thread of its own; `function` must bear it.
  Dataset Map(MapFunction function, int parallel_calls = 1) const;

  struct ShuffleOptions {
    int64_t buffer_size = 0;  // 0: all examples of an epoch; else each is drawn from the next so many
    uint64_t seed = 1;
    bool reshuffle_each_iteration = true;
  };
  Dataset Shuffle(const ShuffleOptions& options) const;
  // What is left when `batch_size` does not divide the count is a smaller batch, or dropped.
  Dataset Batch(int64_t batch_size, bool drop_remainder = false) const;
  // Without a count: for ever.
  Dataset Repeat(std::optional<int64_t> count = std::nullopt) const;
  Dataset Take(int64_t count) const;
  Dataset Skip(int64_t count) const;
  // Up to `buffer_size` elements are made ahead, on another thread.
  Dataset Prefetch(int64_t buffer_size) const;

  Result<std::unique_ptr<DatasetIterator>> MakeIterator() const;
  // How many elements there are; nullopt: for ever, or as many as a generator gives.
  std::optional<int64_t> cardinality() const;
  // "FromTensorSlices(f32[60000,784],i64[60000]).Shuffle(all,seed=1).Batch(100).Repeat()": what decides which element
  // comes when.
  const std::string& description() const { return description_; }

  class Stage;  // of an iterator; graph/dataset_stage.h

 private:
  using MakeStage = std::function<std::unique_ptr<Stage>()>;
  Dataset() = default;
  Dataset then(std::string description, MakeStage make) const;

  std::string description_;
  MakeStage make_;
  Status status_;
};

// One per thread.
class DatasetIterator : public Checkpointable {
 public:
  ~DatasetIterator() override;

  // False at the end. After an error every call gives it again.
  Result<bool> Next(Example* example);
  // How many elements Next gave.
  int64_t position() const { return position_; }

  // A string: position and description. Restoring refuses that of another pipeline, or of other data.
  Result<Tensor> SaveState() const override;
  Status RestoreState(const Tensor& state) override;

 private:
  friend class Dataset;
  DatasetIterator(Dataset dataset, std::unique_ptr<Dataset::Stage> stage);

  Dataset dataset_;
  std::unique_ptr<Dataset::Stage> stage_;
  int64_t position_ = 0;
  Status status_;
};

}  // namespace tarn
