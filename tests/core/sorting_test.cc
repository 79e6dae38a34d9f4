#include "core/sorting.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace tarn {
namespace {

TEST(Sorting, IsStableAtEverySize) {
  std::mt19937 random(7);
  for (int size = 0; size < 70; ++size) {
    std::vector<std::pair<int, int>> values, expected;
    for (int i = 0; i < size; ++i) values.emplace_back(static_cast<int>(random() % 9), i);
    auto less = [](const auto& a, const auto& b) { return a.first < b.first; };
    expected = values;
    std::stable_sort(expected.begin(), expected.end(), less);

    sort_values(values, less);

    EXPECT_EQ(values, expected) << size;
  }
}

TEST(Sorting, OrdersIndicesByWhatTheyName) {
  const std::vector<int> sizes = {5, 1, 9, 1};
  std::vector<int> order = {3, 2, 1, 0};
  sort_indices(order, [&](int a, int b) { return sizes[static_cast<size_t>(a)] > sizes[static_cast<size_t>(b)]; });
  EXPECT_EQ(order, (std::vector<int>{2, 0, 3, 1}));
  std::vector<std::string> names = {"b", "", "a"};
  sort_values(names);
  EXPECT_EQ(names, (std::vector<std::string>{"", "a", "b"}));
}

}  // namespace
}  // namespace tarn
