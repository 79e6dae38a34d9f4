// What a classifier gives, for people: rows of scores, the best of them, their text.
//
//   TARN_ASSIGN_OR_RETURN(std::vector<std::vector<float>> rows, score_rows(outputs[0], "softmax", 1));
//   for (size_t index : best_scores(rows[0], 5)) print(labels[index], ": ", score_text(rows[0][index]), "\n");
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace tarn {

// An output of one row of scores for each of `rows` inputs. InvalidArgument, naming it, of other shapes and dtypes.
Result<std::vector<std::vector<float>>> score_rows(const Tensor& output, std::string_view name, int64_t rows);
// Indices, best first; of equal ones the first is first.
std::vector<size_t> best_scores(const std::vector<float>& scores, size_t most);
// As a C++ stream writes it, which TensorFlow's tools use: six digits.
std::string score_text(float score);

}  // namespace tarn
