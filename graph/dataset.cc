#include "graph/dataset.h"

#include <charconv>
#include <limits>

#include "graph/dataset_stage.h"

namespace tarn {

Dataset Dataset::then(std::string description, MakeStage make) const {
  Dataset next;
  next.description_ = str_cat(description_, ".", description);
  next.make_ = std::move(make);
  next.status_ = status_;
  return next;
}

Dataset Dataset::FromTensorSlices(std::vector<Tensor> components) {
  Dataset dataset;
  std::vector<std::string> facts;
  for (const Tensor& tensor : components) {
    facts.push_back(tensor.is_valid() ? str_cat(dtype_short_name(tensor.dtype()), tensor.shape()) : "invalid");
  }
  dataset.description_ = str_cat("FromTensorSlices(", str_join(facts, ","), ")");
  bool alike = !components.empty();
  for (const Tensor& tensor : components) {
    alike = alike && tensor.is_valid() && tensor.shape().rank() > 0 && tensor.shape()[0] == components[0].shape()[0];
  }
  if (!alike) {
    dataset.status_ = invalid_argument(dataset.description_, ": expected tensors with one first dimension");
    return dataset;
  }
  dataset.make_ = [components = std::move(components)] { return make_slices_stage(components); };
  return dataset;
}

Dataset Dataset::FromGenerator(std::function<Generator()> start) {
  Dataset dataset;
  dataset.description_ = "FromGenerator()";
  dataset.make_ = [start = std::move(start)] { return make_generator_stage(start); };
  return dataset;
}

Dataset Dataset::Map(MapFunction function, int parallel_calls) const {
  Dataset next = then("Map()", [make = make_, function = std::move(function), parallel_calls] {
    return make_map_stage(make(), function, parallel_calls);
  });
  if (parallel_calls < 1) next.status_.update(invalid_argument("Map: ", parallel_calls, " calls, expected at least 1"));
  return next;
}

Dataset Dataset::Shuffle(const ShuffleOptions& options) const {
  Dataset next = then(str_cat("Shuffle(", options.buffer_size == 0 ? "all" : std::to_string(options.buffer_size),
                              ",seed=", options.seed, options.reshuffle_each_iteration ? "" : ",once", ")"),
                      [make = make_, options] { return make_shuffle_stage(make(), options); });
  if (options.buffer_size < 0) {
    next.status_.update(invalid_argument("Shuffle: buffer_size ", options.buffer_size, ", expected 0 (all) or more"));
  }
  return next;
}

Dataset Dataset::Batch(int64_t batch_size, bool drop_remainder) const {
  Dataset next =
      then(str_cat("Batch(", batch_size, drop_remainder ? ",drop_remainder" : "", ")"),
           [make = make_, batch_size, drop_remainder] { return make_batch_stage(make(), batch_size, drop_remainder); });
  if (batch_size < 1) next.status_.update(invalid_argument("Batch: size ", batch_size, ", expected at least 1"));
  return next;
}

Dataset Dataset::Repeat(std::optional<int64_t> count) const {
  Dataset next = then(str_cat("Repeat(", count ? std::to_string(*count) : "", ")"),
                      [make = make_, count] { return make_repeat_stage(make(), count); });
  if (count && *count < 0) next.status_.update(invalid_argument("Repeat: count ", *count, ", expected at least 0"));
  return next;
}

Dataset Dataset::Take(int64_t count) const {
  Dataset next =
      then(str_cat("Take(", count, ")"), [make = make_, count] { return make_part_stage(make(), 0, count); });
  if (count < 0) next.status_.update(invalid_argument("Take: count ", count, ", expected at least 0"));
  return next;
}

Dataset Dataset::Skip(int64_t count) const {
  Dataset next =
      then(str_cat("Skip(", count, ")"), [make = make_, count] { return make_part_stage(make(), count, {}); });
  if (count < 0) next.status_.update(invalid_argument("Skip: count ", count, ", expected at least 0"));
  return next;
}

Dataset Dataset::Prefetch(int64_t buffer_size) const {
  Dataset next = then("", [make = make_, buffer_size] { return make_prefetch_stage(make(), buffer_size); });
  next.description_ = description_;  // does not change what comes when
  if (buffer_size < 1) {
    next.status_.update(invalid_argument("Prefetch: buffer_size ", buffer_size, ", expected at least 1"));
  }
  return next;
}

Result<std::unique_ptr<DatasetIterator>> Dataset::MakeIterator() const {
  if (!status_.ok()) return status_;
  DatasetStage stage = make_();
  TARN_RETURN_IF_ERROR(stage->start(0));
  return std::unique_ptr<DatasetIterator>(new DatasetIterator(*this, std::move(stage)));
}

std::optional<int64_t> Dataset::cardinality() const {
  if (!status_.ok()) return std::nullopt;
  std::optional<int64_t> size = make_()->size();
  return size == std::numeric_limits<int64_t>::max() ? std::nullopt : size;
}

DatasetIterator::DatasetIterator(Dataset dataset, DatasetStage stage)
    : dataset_(std::move(dataset)), stage_(std::move(stage)) {}

DatasetIterator::~DatasetIterator() = default;

Result<bool> DatasetIterator::Next(Example* example) {
  if (!status_.ok()) return status_;
  DatasetItem item;
  Result<bool> more = stage_->next(item);
  if (!more.ok()) {
    status_ = more.status().with_context(str_cat("input element ", position_));
    return status_;
  }
  if (!*more) return false;
  ++position_;
  *example = dataset_values(std::move(item), stage_->rows());
  return true;
}

namespace {

constexpr std::string_view kPosition = "position ", kOf = " of ";

}  // namespace

Result<Tensor> DatasetIterator::SaveState() const {
  return Tensor::scalar<std::string>(str_cat(kPosition, position_, kOf, dataset_.description()));
}

Status DatasetIterator::RestoreState(const Tensor& state) {
  const std::string text = state.item<std::string>();
  int64_t position = -1;
  const char* digits = text.data() + std::min(kPosition.size(), text.size());
  const auto [end, error] = std::from_chars(digits, text.data() + text.size(), position);
  const std::string_view rest(end, static_cast<size_t>(text.data() + text.size() - end));
  if (!text.starts_with(kPosition) || error != std::errc() || position < 0 || !rest.starts_with(kOf)) {
    return data_loss("expected the position of a Dataset, got ", state.to_string());
  }
  if (rest.substr(kOf.size()) != dataset_.description()) {
    return failed_precondition("the state is of another input pipeline: ", printable(rest.substr(kOf.size())),
                               "; this one is ", printable(dataset_.description()));
  }
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<DatasetIterator> fresh, dataset_.MakeIterator());
  TARN_ASSIGN_OR_RETURN(int64_t skipped, fresh->stage_->skip(position));
  if (skipped != position) {
    return out_of_range("the state is at position ", position, " of a pipeline that ends at ", skipped);
  }
  stage_ = std::move(fresh->stage_);
  position_ = position;
  status_ = {};
  return {};
}

}  // namespace tarn
