#include "core/sorting.h"

#include <algorithm>
#include <numeric>

namespace tarn {

// Merges runs of 1, 2, 4 …: n log n steps whatever the order is.
void sort_indices(std::span<int> indices, IsLess is_less, const void* order) {
  std::vector<int> merged(indices.size());
  for (size_t run = 1; run < indices.size(); run *= 2) {
    for (size_t begin = 0; begin < indices.size(); begin += 2 * run) {
      size_t middle = std::min(begin + run, indices.size()), end = std::min(begin + 2 * run, indices.size());
      size_t left = begin, right = middle;
      for (size_t to = begin; to < end; ++to) {
        bool takes_right = left == middle || (right < end && is_less(order, indices[right], indices[left]));
        merged[to] = indices[takes_right ? right++ : left++];
      }
    }
    std::copy(merged.begin(), merged.end(), indices.begin());
  }
}

std::vector<int> sorted_order(size_t count, IsLess is_less, const void* order) {
  std::vector<int> indices(count);
  std::iota(indices.begin(), indices.end(), 0);
  sort_indices(indices, is_less, order);
  return indices;
}

}  // namespace tarn
