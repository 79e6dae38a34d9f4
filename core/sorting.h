// Sorting with one body for every order: std::sort is a kilobyte of code for each, std::stable_sort two, and an engine
// is weighed (docs/binary_size.md). For lists of names, steps and ops; equals stay in their order.
//
//   sort_indices(order, [&](int a, int b) { return sizes[a] < sizes[b]; });
//   sort_values(names);
#pragma once

#include <numeric>
#include <span>
#include <vector>

namespace tarn {

using IsLess = bool (*)(const void* order, int a, int b);
void sort_indices(std::span<int> indices, IsLess is_less, const void* order);

template <class Less>
void sort_indices(std::span<int> indices, const Less& less) {
  sort_indices(
      indices, [](const void* order, int a, int b) { return (*static_cast<const Less*>(order))(a, b); }, &less);
}

// By `less`, which compares two values.
template <class T, class Less>
void sort_values(std::vector<T>& values, const Less& less) {
  std::vector<int> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  sort_indices(order,
               [&](int a, int b) { return less(values[static_cast<size_t>(a)], values[static_cast<size_t>(b)]); });
  std::vector<T> sorted;
  sorted.reserve(values.size());
  for (int index : order) sorted.push_back(std::move(values[static_cast<size_t>(index)]));
  values = std::move(sorted);
}
template <class T>
void sort_values(std::vector<T>& values) {
  sort_values(values, [](const T& a, const T& b) { return a < b; });
}

}  // namespace tarn
