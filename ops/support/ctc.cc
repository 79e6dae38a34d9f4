#include "ops/support/ctc.h"

namespace tarn {

Result<CtcSizes> ctc_sizes(const Shape& inputs, const Shape& lengths) {
  if (inputs.has_rank() && inputs.rank() != 3) {
    return invalid_argument("inputs must be [time, batch, classes], have shape ", inputs.to_string());
  }
  if (lengths.has_rank() && lengths.rank() != 1) {
    return invalid_argument("sequence_length must be a vector, has shape ", lengths.to_string());
  }
  CtcSizes sizes;
  if (inputs.has_rank()) sizes = {inputs.dim(0), inputs.dim(1), inputs.dim(2)};
  if (!lengths.has_rank() || lengths.dim(0) == kUnknownDim) return sizes;
  if (sizes.batch == kUnknownDim) sizes.batch = lengths.dim(0);
  if (sizes.batch == lengths.dim(0)) return sizes;
  return invalid_argument("sequence_length has ", lengths.dim(0), " elements, but inputs ", inputs.to_string(),
                          " have a batch of ", sizes.batch);
}

Result<int64_t> ctc_blank(int64_t blank_index, int64_t classes) {
  if (classes == kUnknownDim) return blank_index;
  if (classes < 1) return invalid_argument("inputs have no classes");
  int64_t blank = blank_index < 0 ? blank_index + classes : blank_index;
  if (blank >= 0 && blank < classes) return blank;
  return invalid_argument("blank_index expected to be between ", -classes, " and ", classes - 1, ", is ", blank_index);
}

Status judge_lengths(const TensorView& lengths, const CtcSizes& sizes) {
  for (int64_t b = 0; b < sizes.batch; ++b) {
    int32_t length = lengths.as<int32_t>()[b];
    if (length < 0 || length > sizes.time) {
      return invalid_argument("sequence_length[", b, "] = ", length, " is not in [0, ", sizes.time, "], the time");
    }
  }
  return {};
}

Status store_sequences(RunContext& c, const std::vector<std::vector<int64_t>>& sequences, int indices, int values,
                       int shape) {
  size_t count = 0, longest = 0;
  for (const std::vector<int64_t>& sequence : sequences) {
    count += sequence.size();
    longest = std::max(longest, sequence.size());
  }
  auto total = static_cast<int64_t>(count);
  TARN_ASSIGN_OR_RETURN(TensorView index, c.output(indices, Shape{total, 2}));
  TARN_ASSIGN_OR_RETURN(TensorView value, c.output(values, Shape{total}));
  TARN_ASSIGN_OR_RETURN(TensorView size, c.output(shape, Shape{2}));
  auto *index_at = index.as<int64_t>(), *value_at = value.as<int64_t>();
  for (size_t row = 0; row < sequences.size(); ++row) {
    for (size_t k = 0; k < sequences[row].size(); ++k) {
      *index_at++ = static_cast<int64_t>(row);
      *index_at++ = static_cast<int64_t>(k);
      *value_at++ = sequences[row][k];
    }
  }
  size.as<int64_t>()[0] = static_cast<int64_t>(sequences.size());
  size.as<int64_t>()[1] = static_cast<int64_t>(longest);
  return {};
}

}  // namespace tarn
