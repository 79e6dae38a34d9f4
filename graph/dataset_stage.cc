#include "graph/dataset_stage.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <limits>

#include "core/random.h"
#include "core/thread_pool.h"

namespace tarn {
namespace {

constexpr int64_t kForEver = std::numeric_limits<int64_t>::max();
constexpr int kEpochShift = 40;  // Dataset::MapFunction's index in epochs of unknown size

// Row `row` of a tensor: a view that keeps its memory.
Tensor row_of(const Tensor& tensor, int64_t row) {
  std::vector<int64_t> dims;
  for (int i = 1; i < tensor.shape().rank(); ++i) dims.push_back(tensor.shape()[i]);
  const size_t bytes = tensor.byte_size() / static_cast<size_t>(tensor.shape()[0]);
  const auto* data = static_cast<const std::byte*>(tensor.data()) + static_cast<size_t>(row) * bytes;
  return Tensor::view(tensor.dtype(), Shape(dims), data, std::make_shared<const Tensor>(tensor));
}

// Copies `count` elements of `dtype`.
void copy_elements(DType dtype, const void* from, void* to, int64_t count) {
  if (dtype == DType::kString) {
    const auto* strings = static_cast<const std::string*>(from);
    std::copy(strings, strings + count, static_cast<std::string*>(to));
  } else if (count > 0) {
    std::memcpy(to, from, static_cast<size_t>(count) * dtype_size(dtype));
  }
}

class Slices : public Dataset::Stage {
 public:
  explicit Slices(std::vector<Tensor> components) : components_(std::move(components)) {}
  Status start(int64_t) override {
    position_ = 0;
    return {};
  }
  Result<bool> next(DatasetItem& item) override {
    if (position_ == count()) return false;
    item.row = position_++;
    return true;
  }
  Result<int64_t> skip(int64_t count) override {
    const int64_t skipped = std::min(count, this->count() - position_);
    position_ += skipped;
    return skipped;
  }
  std::optional<int64_t> size() const override { return count(); }
  const std::vector<Tensor>* rows() const override { return &components_; }

 private:
  int64_t count() const { return components_[0].shape()[0]; }
  std::vector<Tensor> components_;
  int64_t position_ = 0;
};

class FromGenerator : public Dataset::Stage {
 public:
  explicit FromGenerator(std::function<Dataset::Generator()> start) : start_(std::move(start)) {}
  Status start(int64_t) override {
    generator_ = start_();
    if (!generator_) return invalid_argument("FromGenerator: start() gave no generator");
    return {};
  }
  Result<bool> next(DatasetItem& item) override {
    TARN_ASSIGN_OR_RETURN(std::optional<Example> example, generator_());
    if (!example) return false;
    item = {-1, *std::move(example)};
    return true;
  }
  std::optional<int64_t> size() const override { return std::nullopt; }
  const std::vector<Tensor>* rows() const override { return nullptr; }

 private:
  std::function<Dataset::Generator()> start_;
  Dataset::Generator generator_;
};

// A stage behind another one, whose rows it hands on unless it says otherwise.
class After : public Dataset::Stage {
 public:
  explicit After(DatasetStage from) : from_(std::move(from)) {}
  std::optional<int64_t> size() const override { return from_->size(); }
  const std::vector<Tensor>* rows() const override { return from_->rows(); }

 protected:
  DatasetStage from_;
};

// Takes as many as it maps at a time, maps them on their threads and hands them out in order.
class Map : public After {
 public:
  Map(DatasetStage from, Dataset::MapFunction function, int parallel_calls)
      : After(std::move(from)), function_(std::move(function)), pool_(parallel_calls) {}
  Status start(int64_t epoch) override {
    ready_.clear();
    // An epoch's examples are counted from those of the epochs before it. Where their number is not known, epoch and
    // place tell them apart: how many were read ahead of what was asked for must not matter.
    const std::optional<int64_t> size = from_->size();
    index_ = size && *size != kForEver ? epoch * *size : epoch << kEpochShift;
    return from_->start(epoch);
  }
  Result<bool> next(DatasetItem& item) override {
    if (ready_.empty()) TARN_RETURN_IF_ERROR(map_more());
    if (ready_.empty()) return false;
    Result<Example> mapped = std::move(ready_.front());
    ready_.pop_front();
    if (!mapped.ok()) return mapped.status().with_context("Map");
    item = {-1, *std::move(mapped)};
    return true;
  }
  Result<int64_t> skip(int64_t count) override {
    const int64_t made = std::min(count, static_cast<int64_t>(ready_.size()));
    ready_.erase(ready_.begin(), ready_.begin() + made);
    TARN_ASSIGN_OR_RETURN(const int64_t skipped, from_->skip(count - made));
    index_ += skipped;
    return made + skipped;
  }
  const std::vector<Tensor>* rows() const override { return nullptr; }

 private:
  Status map_more() {
    std::vector<Example> examples;
    Status failed;  // comes after what is before it
    while (examples.size() < static_cast<size_t>(pool_.threads())) {
      DatasetItem item;
      Result<bool> more = from_->next(item);
      if (!more.ok()) failed = more.status();
      if (!more.ok() || !*more) break;
      examples.push_back(dataset_values(std::move(item), from_->rows()));
    }
    const auto count = static_cast<int64_t>(examples.size());
    std::vector<std::optional<Result<Example>>> mapped(examples.size());
    pool_.parallel_for(count, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const auto at = static_cast<size_t>(i);
        mapped[at] = function_(std::move(examples[at]), index_ + i);
      }
    });
    index_ += count;
    for (std::optional<Result<Example>>& result : mapped) ready_.push_back(*std::move(result));
    if (!failed.ok() && ready_.empty()) return failed;
    if (!failed.ok()) ready_.push_back(failed);
    return {};
  }

  Dataset::MapFunction function_;
  ThreadPool pool_;
  std::deque<Result<Example>> ready_;
  int64_t index_ = 0;
};

// Each epoch's order follows from the seed and the epoch alone.
class Shuffle : public After {
 public:
  Shuffle(DatasetStage from, const Dataset::ShuffleOptions& options) : After(std::move(from)), options_(options) {}
  Status start(int64_t epoch) override {
    buffer_.clear();
    given_ = 0;
    filled_ = false;
    random_ = Random(options_.seed, options_.reshuffle_each_iteration ? static_cast<uint64_t>(epoch) : 0);
    return from_->start(epoch);
  }
  Result<bool> next(DatasetItem& item) override {
    if (!filled_) TARN_RETURN_IF_ERROR(fill());
    if (given_ == buffer_.size()) return false;
    if (options_.buffer_size == 0) {
      item = std::move(buffer_[given_++]);
      return true;
    }
    DatasetItem& drawn = buffer_[random_.below(buffer_.size())];
    item = std::move(drawn);
    TARN_ASSIGN_OR_RETURN(bool more, from_->next(drawn));
    if (!more) {
      drawn = std::move(buffer_.back());
      buffer_.pop_back();
    }
    return true;
  }
  Result<int64_t> skip(int64_t count) override {
    if (options_.buffer_size != 0) return Stage::skip(count);
    if (!filled_) TARN_RETURN_IF_ERROR(fill());
    const int64_t skipped = std::min(count, static_cast<int64_t>(buffer_.size() - given_));
    given_ += static_cast<size_t>(skipped);
    return skipped;
  }

 private:
  Status fill() {
    const std::optional<int64_t> size = from_->size();
    if (options_.buffer_size == 0 && size == kForEver) {
      return invalid_argument(
          "Shuffle: all of a pipeline that goes on for ever; shuffle before Repeat, or set buffer_size");
    }
    const int64_t most = options_.buffer_size == 0 ? kForEver : options_.buffer_size;
    if (size) buffer_.reserve(static_cast<size_t>(std::min(most, *size)));
    for (DatasetItem item; static_cast<int64_t>(buffer_.size()) < most; item = {}) {
      TARN_ASSIGN_OR_RETURN(bool more, from_->next(item));
      if (!more) break;
      buffer_.push_back(std::move(item));
    }
    if (options_.buffer_size == 0) shuffle(std::span(buffer_), random_);
    filled_ = true;
    return {};
  }

  Dataset::ShuffleOptions options_;
  Random random_{0};
  std::vector<DatasetItem> buffer_;
  size_t given_ = 0;  // of the buffer, when it holds all
  bool filled_ = false;
};

class Batch : public After {
 public:
  Batch(DatasetStage from, int64_t batch_size, bool drop_remainder)
      : After(std::move(from)), batch_size_(batch_size), drop_remainder_(drop_remainder) {}
  Status start(int64_t epoch) override { return from_->start(epoch); }
  Result<bool> next(DatasetItem& item) override {
    items_.clear();
    for (DatasetItem one; static_cast<int64_t>(items_.size()) < batch_size_; one = {}) {
      TARN_ASSIGN_OR_RETURN(bool more, from_->next(one));
      if (!more) break;
      items_.push_back(std::move(one));
    }
    const auto count = static_cast<int64_t>(items_.size());
    if (count == 0 || (count < batch_size_ && drop_remainder_)) return false;
    item = {-1, {}};
    const size_t components = from_->rows() != nullptr ? from_->rows()->size() : items_[0].values.size();
    for (size_t component = 0; component < components; ++component) {
      TARN_ASSIGN_OR_RETURN(Tensor batch,
                            from_->rows() != nullptr ? gather((*from_->rows())[component]) : stack(component));
      item.values.push_back(std::move(batch));
    }
    return true;
  }
  Result<int64_t> skip(int64_t count) override {
    // More than there can be is all of them.
    const int64_t most = count > kForEver / batch_size_ ? kForEver : count * batch_size_;
    TARN_ASSIGN_OR_RETURN(const int64_t skipped, from_->skip(most));
    return batches(skipped);
  }
  std::optional<int64_t> size() const override {
    const std::optional<int64_t> size = from_->size();
    if (!size || *size == kForEver) return size;
    return batches(*size);
  }
  const std::vector<Tensor>* rows() const override { return nullptr; }

 private:
  int64_t batches(int64_t examples) const {
    return examples / batch_size_ + (!drop_remainder_ && examples % batch_size_ != 0 ? 1 : 0);
  }

  Result<Tensor> gather(const Tensor& from) const {
    Shape shape = from.shape();
    shape.set_dim(0, static_cast<int64_t>(items_.size()));
    TARN_ASSIGN_OR_RETURN(Tensor batch, Tensor::allocate(from.dtype(), shape));
    const size_t bytes = from.byte_size() / static_cast<size_t>(from.shape()[0]);
    const int64_t elements = from.element_count() / from.shape()[0];
    const auto* data = static_cast<const std::byte*>(from.data());
    auto* to = static_cast<std::byte*>(batch.mutable_data());
    for (const DatasetItem& item : items_) {
      copy_elements(from.dtype(), data + static_cast<size_t>(item.row) * bytes, to, elements);
      to += bytes;
    }
    return batch;
  }

  Result<Tensor> stack(size_t component) const {
    const Tensor* first = nullptr;
    for (const DatasetItem& item : items_) {
      if (item.values.size() != items_[0].values.size()) {
        return invalid_argument("Batch: examples of ", items_[0].values.size(), " and of ", item.values.size(),
                                " components");
      }
      const Tensor& value = item.values[component];
      if (first == nullptr) first = &value;
      if (!value.is_valid() || value.dtype() != first->dtype() || !(value.shape() == first->shape())) {
        return invalid_argument("Batch: component ", component, " is ", dtype_short_name(first->dtype()),
                                first->shape(), " in one example and ", dtype_short_name(value.dtype()), value.shape(),
                                " in another");
      }
    }
    std::vector<int64_t> dims = {static_cast<int64_t>(items_.size())};
    for (int i = 0; i < first->shape().rank(); ++i) dims.push_back(first->shape()[i]);
    TARN_ASSIGN_OR_RETURN(Tensor batch, Tensor::allocate(first->dtype(), Shape(dims)));
    auto* to = static_cast<std::byte*>(batch.mutable_data());
    for (const DatasetItem& item : items_) {
      copy_elements(first->dtype(), item.values[component].data(), to, first->element_count());
      to += first->byte_size();
    }
    return batch;
  }

  int64_t batch_size_;
  bool drop_remainder_;
  std::vector<DatasetItem> items_;
};

class Repeat : public After {
 public:
  Repeat(DatasetStage from, std::optional<int64_t> count) : After(std::move(from)), count_(count ? *count : kForEver) {}
  Status start(int64_t epoch) override {
    // Numbers of the epochs within go on where those of the iteration before ended.
    first_ = count_ == kForEver ? 0 : epoch * count_;
    return start_epoch(0);
  }
  Result<bool> next(DatasetItem& item) override {
    while (epoch_ < count_) {
      TARN_ASSIGN_OR_RETURN(bool more, from_->next(item));
      if (more) {
        ++given_;
        return true;
      }
      if (given_ == 0 && count_ == kForEver) return false;  // of nothing
      if (epoch_ + 1 == count_) break;
      TARN_RETURN_IF_ERROR(start_epoch(epoch_ + 1));
    }
    return false;
  }
  Result<int64_t> skip(int64_t count) override {
    int64_t skipped = 0;
    while (skipped < count && epoch_ < count_) {
      TARN_ASSIGN_OR_RETURN(const int64_t here, from_->skip(count - skipped));
      given_ += here;
      skipped += here;
      if (skipped == count) break;
      if ((given_ == 0 && count_ == kForEver) || epoch_ + 1 == count_) break;
      int64_t epoch = epoch_ + 1;
      // Whole epochs are passed over without looking at them.
      if (const std::optional<int64_t> size = from_->size(); size && *size > 0) {
        const int64_t whole = std::min((count - skipped) / *size, count_ - 1 - epoch);
        epoch += whole;
        skipped += whole * *size;
      }
      TARN_RETURN_IF_ERROR(start_epoch(epoch));
    }
    return skipped;
  }
  std::optional<int64_t> size() const override {
    const std::optional<int64_t> size = from_->size();
    if (!size || *size == 0 || count_ == 0) return size ? std::optional<int64_t>(0) : size;
    return *size > kForEver / count_ ? kForEver : *size * count_;
  }

 private:
  Status start_epoch(int64_t epoch) {
    epoch_ = epoch;
    given_ = 0;
    return from_->start(first_ + epoch);
  }
  int64_t count_, first_ = 0, epoch_ = 0, given_ = 0;
};

class Part : public After {
 public:
  Part(DatasetStage from, int64_t skip, std::optional<int64_t> take)
      : After(std::move(from)), skip_(skip), take_(take ? *take : kForEver) {}
  Status start(int64_t epoch) override {
    left_ = take_;
    to_skip_ = skip_;
    return from_->start(epoch);
  }
  Result<bool> next(DatasetItem& item) override {
    TARN_RETURN_IF_ERROR(pass());
    if (left_ == 0) return false;
    --left_;
    return from_->next(item);
  }
  Result<int64_t> skip(int64_t count) override {
    TARN_RETURN_IF_ERROR(pass());
    TARN_ASSIGN_OR_RETURN(const int64_t skipped, from_->skip(std::min(count, left_)));
    left_ -= skipped;
    return skipped;
  }
  std::optional<int64_t> size() const override {
    const std::optional<int64_t> size = from_->size();
    if (!size) return size;
    const int64_t rest = *size == kForEver ? kForEver : std::max<int64_t>(0, *size - skip_);
    return std::min(take_, rest);
  }

 private:
  Status pass() {
    if (to_skip_ == 0) return {};
    TARN_RETURN_IF_ERROR(from_->skip(to_skip_).status());
    to_skip_ = 0;
    return {};
  }
  int64_t skip_, take_, left_ = 0, to_skip_ = 0;
};

}  // namespace

Result<int64_t> Dataset::Stage::skip(int64_t count) {
  for (int64_t skipped = 0; skipped < count; ++skipped) {
    DatasetItem item;
    TARN_ASSIGN_OR_RETURN(bool more, next(item));
    if (!more) return skipped;
  }
  return count;
}

Example dataset_values(DatasetItem item, const std::vector<Tensor>* rows) {
  if (rows == nullptr) return std::move(item.values);
  Example values;
  for (const Tensor& component : *rows) values.push_back(row_of(component, item.row));
  return values;
}

DatasetStage make_slices_stage(std::vector<Tensor> components) {
  return std::make_unique<Slices>(std::move(components));
}
DatasetStage make_generator_stage(std::function<Dataset::Generator()> start) {
  return std::make_unique<FromGenerator>(std::move(start));
}
DatasetStage make_map_stage(DatasetStage from, Dataset::MapFunction function, int parallel_calls) {
  return std::make_unique<Map>(std::move(from), std::move(function), parallel_calls);
}
DatasetStage make_shuffle_stage(DatasetStage from, const Dataset::ShuffleOptions& options) {
  return std::make_unique<Shuffle>(std::move(from), options);
}
DatasetStage make_batch_stage(DatasetStage from, int64_t batch_size, bool drop_remainder) {
  return std::make_unique<Batch>(std::move(from), batch_size, drop_remainder);
}
DatasetStage make_repeat_stage(DatasetStage from, std::optional<int64_t> count) {
  return std::make_unique<Repeat>(std::move(from), count);
}
DatasetStage make_part_stage(DatasetStage from, int64_t skip, std::optional<int64_t> take) {
  return std::make_unique<Part>(std::move(from), skip, take);
}

}  // namespace tarn
