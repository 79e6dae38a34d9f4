#include "tools/support/scores.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace tarn {

Result<std::vector<std::vector<float>>> score_rows(const Tensor& output, std::string_view name, int64_t rows) {
  std::vector<float> scores;
  for (float score : output.flat<float>()) scores.push_back(score);
  for (double score : output.flat<double>()) scores.push_back(static_cast<float>(score));
  const Shape& shape = output.shape();
  auto count = static_cast<int64_t>(scores.size());
  bool are_rows =
      count > 0 && count % rows == 0 &&
      (rows == 1 ? shape.rank() <= 1 || count == shape.dim(-1) : shape.rank() > 1 && count == rows * shape.dim(-1));
  if (!are_rows) {
    return invalid_argument("output ", tarn::quoted(name), " is ", dtype_short_name(output.dtype()), shape,
                            "; scores are ", rows == 1 ? "one row" : str_cat(rows, " rows"), " of floats");
  }
  std::vector<std::vector<float>> result;
  for (auto row = scores.begin(); row != scores.end(); row += count / rows)
    result.emplace_back(row, row + count / rows);
  return result;
}

std::vector<size_t> best_scores(const std::vector<float>& scores, size_t most) {
  std::vector<size_t> best(scores.size());
  std::iota(best.begin(), best.end(), size_t{0});
  // Not a number is no score: last.
  auto is_better = [&](size_t a, size_t b) {
    return scores[a] > scores[b] || (std::isnan(scores[b]) && !std::isnan(scores[a]));
  };
  std::stable_sort(best.begin(), best.end(), is_better);
  best.resize(std::min(best.size(), most));
  return best;
}

std::string score_text(float score) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", static_cast<double>(score));
  return text;
}

}  // namespace tarn
