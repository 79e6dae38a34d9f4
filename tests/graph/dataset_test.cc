#include "graph/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <numeric>

#include "tests/support/checkpoints.h"

namespace tarn {
namespace {

using ::testing::ElementsAre;

// Examples {i, 10 * i} for i below `count`: i64 scalars and f32[1] rows.
Dataset counting(int64_t count) {
  std::vector<int64_t> numbers;
  std::vector<float> tens;
  for (int64_t i = 0; i < count; ++i) {
    numbers.push_back(i);
    tens.push_back(static_cast<float>(10 * i));
  }
  return Dataset::FromTensorSlices(
      {Tensor::vector<int64_t>(numbers), Tensor::from<float>({count, 1}, std::span<const float>(tens))});
}

// The same from a generator.
Dataset generated(int64_t count) {
  return Dataset::FromGenerator([count]() -> Dataset::Generator {
    return [count, i = int64_t{0}]() mutable -> Result<std::optional<Example>> {
      if (i == count) return std::optional<Example>();
      const int64_t number = i++;
      return std::optional<Example>(
          Example{Tensor::scalar(number), Tensor::from<float>({1}, {static_cast<float>(10 * number)})});
    };
  });
}

// All numbers of the next `most` elements.
std::vector<int64_t> take(DatasetIterator& iterator, int64_t most = 1'000'000) {
  std::vector<int64_t> numbers;
  Example example;
  for (int64_t i = 0; i < most; ++i) {
    Result<bool> more = iterator.Next(&example);
    EXPECT_TRUE(more.ok()) << more.status().to_string();
    if (!more.ok() || !*more) break;
    for (size_t k = 0; k < example[0].flat<int64_t>().size(); ++k) {
      numbers.push_back(example[0].flat<int64_t>()[k]);
      EXPECT_EQ(example[1].flat<float>()[k], static_cast<float>(10 * numbers.back()));
    }
  }
  return numbers;
}

std::vector<int64_t> all_of(const Dataset& dataset, int64_t most = 1'000'000) {
  Result<std::unique_ptr<DatasetIterator>> iterator = dataset.MakeIterator();
  EXPECT_TRUE(iterator.ok()) << iterator.status().to_string();
  return iterator.ok() ? take(**iterator, most) : std::vector<int64_t>();
}

std::vector<int64_t> sorted(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

std::vector<int64_t> up_to(int64_t count) {
  std::vector<int64_t> values(static_cast<size_t>(count));
  std::iota(values.begin(), values.end(), 0);
  return values;
}

TEST(Dataset, GivesTheRowsOfTensorsInOrder) {
  std::unique_ptr<DatasetIterator> iterator = *counting(3).MakeIterator();
  Example example;

  ASSERT_TRUE(*iterator->Next(&example));
  EXPECT_EQ(example[0].to_string(), "i64[]{0}");
  EXPECT_EQ(example[1].to_string(), "f32[1]{0}");
  EXPECT_THAT(take(*iterator), ElementsAre(1, 2));
  EXPECT_EQ(iterator->position(), 3);
  EXPECT_FALSE(*iterator->Next(&example));
}

TEST(Dataset, BatchesKeepOrDropTheRemainder) {
  std::unique_ptr<DatasetIterator> keep = *counting(7).Batch(3).MakeIterator();
  Example batch;
  std::vector<int64_t> sizes;
  while (*keep->Next(&batch)) sizes.push_back(batch[0].shape()[0]);
  EXPECT_THAT(sizes, ElementsAre(3, 3, 1));
  EXPECT_EQ(batch[1].shape().to_string(), "[1,1]");

  EXPECT_THAT(all_of(counting(7).Batch(3, true)), ElementsAre(0, 1, 2, 3, 4, 5));
  // Filled up from the next epoch, as TensorFlow's input_data does.
  EXPECT_THAT(all_of(counting(7).Repeat().Batch(3), 3), ElementsAre(0, 1, 2, 3, 4, 5, 6, 0, 1));
  EXPECT_EQ(counting(7).Batch(3).cardinality(), 3);
  EXPECT_EQ(counting(7).Batch(3, true).Repeat(4).cardinality(), 8);
  EXPECT_EQ(counting(7).Repeat().cardinality(), std::nullopt);
}

TEST(Dataset, ShuffleVisitsEveryExampleOnceAnEpochInANewOrder) {
  std::vector<int64_t> both = all_of(counting(10).Shuffle({.seed = 3}).Repeat(2));
  ASSERT_EQ(both.size(), 20u);
  std::vector<int64_t> first(both.begin(), both.begin() + 10), second(both.begin() + 10, both.end());

  EXPECT_EQ(sorted(first), up_to(10));
  EXPECT_EQ(sorted(second), up_to(10));
  EXPECT_NE(first, up_to(10));
  EXPECT_NE(first, second);
  const std::vector<int64_t> once =
      all_of(counting(10).Shuffle({.seed = 3, .reshuffle_each_iteration = false}).Repeat(2));
  EXPECT_TRUE(std::equal(first.begin(), first.end(), once.begin()));
  EXPECT_TRUE(std::equal(first.begin(), first.end(), once.begin() + 10));
}

// The order was computed apart from this code, in Python: splitmix64, values below 2^64 mod n drawn again,
// Fisher-Yates.
TEST(Dataset, ShufflesAlikeOnEveryMachine) {
  EXPECT_THAT(all_of(counting(10).Shuffle({.seed = 3})), ElementsAre(2, 4, 0, 1, 9, 3, 7, 8, 5, 6));
  EXPECT_NE(all_of(counting(10).Shuffle({.seed = 3})), all_of(counting(10).Shuffle({.seed = 4})));
  EXPECT_EQ(all_of(counting(10).Shuffle({.seed = 3})), all_of(generated(10).Shuffle({.seed = 3})));
}

TEST(Dataset, AShuffleBufferLetsNoExampleComeEarlierThanItsLength) {
  const std::vector<int64_t> order = all_of(counting(50).Shuffle({.buffer_size = 7, .seed = 1}));

  EXPECT_EQ(sorted(order), up_to(50));
  EXPECT_NE(order, up_to(50));
  for (size_t i = 0; i < order.size(); ++i) EXPECT_LT(order[i], static_cast<int64_t>(i) + 7);
  EXPECT_EQ(order, all_of(generated(50).Shuffle({.buffer_size = 7, .seed = 1})));
}

TEST(Dataset, TakeAndSkipCutAnIteration) {
  EXPECT_THAT(all_of(counting(9).Skip(2).Take(3)), ElementsAre(2, 3, 4));
  EXPECT_THAT(all_of(counting(3).Take(2).Repeat(2)), ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(all_of(counting(3).Skip(5)), ElementsAre());
  EXPECT_EQ(counting(9).Skip(2).Take(30).cardinality(), 7);
  EXPECT_THAT(all_of(counting(0).Repeat()), ElementsAre());  // of nothing, for ever: nothing
  EXPECT_THAT(all_of(counting(4).Repeat(0)), ElementsAre());
}

TEST(Dataset, MapSeesEachExampleWithItsNumberOnAnyNumberOfThreads) {
  for (int calls : {1, 4}) {
    auto doubled = [](Example example, int64_t index) -> Result<Example> {
      EXPECT_EQ(example[0].item<int64_t>(), index % 5);
      const int64_t number = example[0].item<int64_t>() + 100 * index;
      return Example{Tensor::scalar(number), Tensor::from<float>({1}, {static_cast<float>(10 * number)})};
    };
    EXPECT_THAT(all_of(counting(5).Map(doubled, calls).Repeat(2)),
                ElementsAre(0, 101, 202, 303, 404, 500, 601, 702, 803, 904))
        << calls;
  }
}

// Of a generator, and of what goes on for ever, nobody knows an epoch's size; Map reads ahead of what Take lets
// through.
TEST(Dataset, MapNumbersEpochsOfUnknownSizeByEpochAndPlace) {
  auto index_of = [](Example, int64_t index) -> Result<Example> {
    return Example{Tensor::scalar(index), Tensor::from<float>({1}, {static_cast<float>(10 * index)})};
  };
  constexpr int64_t kSecond = int64_t{1} << 40;
  const std::vector<int64_t> want = {0, 1, 2, 3, 4, kSecond, kSecond + 1, kSecond + 2, kSecond + 3, kSecond + 4};
  for (const Dataset& source : {generated(9), counting(2).Repeat()}) {
    for (int calls : {1, 4}) {
      const Dataset dataset = source.Map(index_of, calls).Take(5).Repeat(2);
      SCOPED_TRACE(str_cat(dataset.description(), " ", calls, " at a time"));
      EXPECT_EQ(all_of(dataset), want);
      EXPECT_EQ(all_of(dataset.Prefetch(3)), want);
      for (int64_t position : {2, 5, 7}) {
        std::unique_ptr<DatasetIterator> before = *dataset.Prefetch(3).MakeIterator();
        take(*before, position);
        std::unique_ptr<DatasetIterator> after = *dataset.MakeIterator();
        ASSERT_TRUE(after->RestoreState(*before->SaveState()).ok());
        EXPECT_EQ(take(*after), std::vector<int64_t>(want.begin() + position, want.end())) << "from " << position;
      }
    }
  }
}

TEST(Dataset, AnErrorComesAfterWhatIsBeforeItAndStays) {
  auto fails_at_3 = [](Example example, int64_t index) -> Result<Example> {
    if (index == 3) return invalid_argument("three");
    return example;
  };
  for (int calls : {1, 8}) {
    std::unique_ptr<DatasetIterator> iterator = *counting(9).Map(fails_at_3, calls).Prefetch(2).MakeIterator();
    EXPECT_THAT(take(*iterator, 3), ElementsAre(0, 1, 2));
    Example example;
    for (int i = 0; i < 2; ++i) EXPECT_SAYS(iterator->Next(&example).status(), {"input element 3", "Map", "three"});
    EXPECT_EQ(iterator->position(), 3);
  }
}

TEST(Dataset, BatchesOfUnequalExamplesAreRefused) {
  auto grow = [](Example, int64_t index) -> Result<Example> {
    return Example{*Tensor::zeros(DType::kFloat, Shape{index + 1})};
  };
  std::unique_ptr<DatasetIterator> iterator = *counting(4).Map(grow).Batch(2).MakeIterator();
  Example example;
  EXPECT_SAYS(iterator->Next(&example).status(), {"component 0", "f32[1]", "f32[2]"});
}

TEST(Dataset, BatchesHoldStringsToo) {
  const std::vector<std::string> words = {"a", std::string(100, 'b'), "c"};
  const Dataset dataset = Dataset::FromTensorSlices({Tensor::vector<std::string>(words)});
  auto same = [](Example example, int64_t) -> Result<Example> { return example; };
  for (const Dataset& each : {dataset, dataset.Map(same)}) {
    std::unique_ptr<DatasetIterator> iterator = *each.Batch(2).MakeIterator();
    Example batch;
    ASSERT_TRUE(*iterator->Next(&batch));
    EXPECT_THAT(batch[0].flat<std::string>(), ElementsAre(words[0], words[1]));
  }
}

TEST(Dataset, MistakesAreSaidWhenTheIteratorIsMade) {
  EXPECT_SAYS(counting(3).Batch(0).Shuffle({}).MakeIterator().status(), {"Batch", "0"});
  EXPECT_SAYS(counting(3).Shuffle({.buffer_size = -1}).MakeIterator().status(), {"buffer_size -1"});
  EXPECT_SAYS(counting(3).Prefetch(0).MakeIterator().status(), {"Prefetch"});
  EXPECT_SAYS(Dataset::FromTensorSlices({Tensor::scalar(1.0f), Tensor::scalar(1.0f)}).MakeIterator().status(),
              {"FromTensorSlices(f32[],f32[])", "first dimension"});
  std::unique_ptr<DatasetIterator> endless = *counting(3).Repeat().Shuffle({}).MakeIterator();
  Example example;
  EXPECT_SAYS(endless->Next(&example).status(), {"for ever", "buffer_size"});
}

// Pipelines with every stage, over rows and over values.
std::vector<Dataset> pipelines() {
  auto same = [](Example example, int64_t) -> Result<Example> { return example; };
  std::vector<Dataset> all;
  for (const Dataset& source : {counting(23), generated(23)}) {
    all.push_back(source.Shuffle({.seed = 2}).Batch(5).Repeat());
    all.push_back(source.Shuffle({.buffer_size = 6, .seed = 2}).Repeat().Batch(5));
    all.push_back(source.Repeat().Shuffle({.buffer_size = 40, .seed = 2}).Batch(4, true));
    all.push_back(source.Map(same, 3).Shuffle({.seed = 2}).Take(17).Batch(3).Repeat(9));
    all.push_back(source.Skip(3).Shuffle({.seed = 7}).Repeat(3).Repeat(3).Map(same).Batch(2));
  }
  return all;
}

TEST(DatasetIterator, ARestoredPositionGoesOnAsIfNothingHadHappened) {
  for (const Dataset& dataset : pipelines()) {
    const std::vector<int64_t> whole = all_of(dataset, 60);
    for (int64_t position : {0, 1, 4, 5, 23, 31, 59}) {
      SCOPED_TRACE(str_cat(dataset.description(), " at ", position));
      std::unique_ptr<DatasetIterator> before = *dataset.Prefetch(3).MakeIterator();
      std::vector<int64_t> numbers = take(*before, position);
      const Tensor state = *before->SaveState();

      // Another prefetch depth; and an iterator that is somewhere else already.
      std::unique_ptr<DatasetIterator> after = *dataset.Prefetch(11).MakeIterator();
      take(*after, 7);
      Status status = after->RestoreState(state);

      ASSERT_TRUE(status.ok()) << status.to_string();
      EXPECT_EQ(after->position(), before->position());
      const std::vector<int64_t> rest = take(*after, 60 - position);
      numbers.insert(numbers.end(), rest.begin(), rest.end());
      EXPECT_EQ(numbers, whole);
    }
  }
}

TEST(DatasetIterator, SkippingDoesNotMakeWhatItPassesOver) {
  std::atomic<int> calls{0};
  auto count = [&](Example example, int64_t) -> Result<Example> {
    ++calls;
    return example;
  };
  const Dataset dataset = counting(1000).Shuffle({.seed = 1}).Map(count).Batch(10).Repeat();
  std::unique_ptr<DatasetIterator> iterator = *dataset.MakeIterator();

  // 10^12 steps: epochs are passed over by their number.
  Status status =
      iterator->RestoreState(Tensor::scalar<std::string>(str_cat("position 1000000000000 of ", dataset.description())));

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(calls, 0);
  take(*iterator, 1);
  EXPECT_EQ(calls, 10);
}

TEST(DatasetIterator, RefusesTheStateOfAnotherPipelineAndStaysWhereItIs) {
  std::unique_ptr<DatasetIterator> iterator = *counting(10).Batch(2).MakeIterator();
  take(*iterator, 2);
  const Tensor other = *(*counting(10).Batch(5).MakeIterator())->SaveState();

  EXPECT_SAYS(iterator->RestoreState(other), {"Batch(5)", "Batch(2)"});
  EXPECT_SAYS(iterator->RestoreState(Tensor::scalar(1.0f)), {"expected the position", "f32[]{1}"});
  EXPECT_SAYS(iterator->RestoreState(Tensor::scalar<std::string>("position -4 of x")), {"expected the position"});
  EXPECT_SAYS(
      iterator->RestoreState(Tensor::scalar<std::string>("position 6 of FromTensorSlices(i64[10],f32[10,1]).Batch(2)")),
      {"position 6", "ends at 5"});
  EXPECT_THAT(take(*iterator, 1), ElementsAre(4, 5));
}

}  // namespace
}  // namespace tarn
