// Sorting with one body for every order: std::sort is a kilobyte of code for each, std::stable_sort two, and an engine
// is weighed (docs/binary_size.md). For lists of names, steps and ops; equals stay in their order.
//
//   sort_indices(order, [&](int a, int b) { return sizes[a] < sizes[b]; });
//   sort_values(names);
#pragma once

#include <span>
#include <utility>
#include <vector>

namespace tarn {

using IsLess = bool (*)(const void* order, int a, int b);
void sort_indices(std::span<int> indices, IsLess is_less, const void* order);

template <class Less>
void sort_indices(std::span<int> indices, const Less& less) {
  sort_indices(
      indices, [](const void* order, int a, int b) { return (*static_cast<const Less*>(order))(a, b); }, &less);
}

// What stands where: 0 … count - 1, sorted.
std::vector<int> sorted_order(size_t count, IsLess is_less, const void* order);

template <class Less>
std::vector<int> sorted_order(size_t count, const Less& less) {
  return sorted_order(
      count, [](const void* order, int a, int b) { return (*static_cast<const Less*>(order))(a, b); }, &less);
}

// By `less`, which compares two values.
template <class T, class Less>
void sort_values(std::vector<T>& values, const Less& less) {
  std::vector<int> order = sorted_order(values.size(), [&](int a, int b) {
    return less(values[static_cast<size_t>(a)], values[static_cast<size_t>(b)]);
  });
  // Each ring of values that take each other's places goes on by one.
  for (size_t first = 0; first < values.size(); ++first) {
    T held = std::move(values[first]);
    size_t to = first;
    while (true) {
      auto from = static_cast<size_t>(order[to]);
      order[to] = static_cast<int>(to);
      if (from == first) break;
      values[to] = std::move(values[from]);
      to = from;
    }
    values[to] = std::move(held);
  }
}
template <class T>
void sort_values(std::vector<T>& values) {
  sort_values(values, [](const T& a, const T& b) { return a < b; });
}

}  // namespace tarn
