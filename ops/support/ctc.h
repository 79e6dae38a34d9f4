// What CTCGreedyDecoder and CTCBeamSearchDecoder share: sizes, the blank, and sequences as a sparse matrix.
#pragma once

#include <vector>

#include "core/kernel.h"

namespace tarn {

struct CtcSizes {
  int64_t time = kUnknownDim, batch = kUnknownDim, classes = kUnknownDim;
};

// inputs [time, batch, classes], lengths [batch]; what is unknown stays so.
Result<CtcSizes> ctc_sizes(const Shape& inputs, const Shape& lengths);
// Which class is the blank; a negative index counts from the end.
Result<int64_t> ctc_blank(int64_t blank_index, int64_t classes);
Status judge_lengths(const TensorView& lengths, const CtcSizes& sizes);
// A row a sequence, into outputs `indices` int64[n, 2], `values` int64[n], `shape` int64[2].
Status store_sequences(RunContext& c, const std::vector<std::vector<int64_t>>& sequences, int indices, int values,
                       int shape);

}  // namespace tarn
