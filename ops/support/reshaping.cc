#include "ops/reshaping.h"

#include <algorithm>

#include "core/search.h"

namespace tarn {

Result<Shape> reshaped(const Shape& input, const IntList& sizes) {
  if (sizes.size() > kMaxRank) return invalid_argument("shape has ", sizes.size(), " dims, at most ", kMaxRank);
  Shape output;
  int unknown = -1;
  bool has_zero = false;
  int64_t product = 1;  // of the dims given, zeros left out
  for (int64_t i = 0; i < sizes.size(); ++i) {
    int64_t size = sizes[i];
    if (size < -1) return invalid_argument("size ", i, " must be non-negative, not ", size);
    if (size == -1) {
      if (unknown >= 0) return invalid_argument("only one size may be -1, not both ", unknown, " and ", i);
      unknown = static_cast<int>(i);
    } else if (size == 0) {
      has_zero = true;
    } else {
      TARN_ASSIGN_OR_RETURN(product, checked_multiply(product, size));
    }
    output.add_dim(size);
  }
  if (!input.is_fully_known()) return output;
  TARN_ASSIGN_OR_RETURN(int64_t count, input.element_count());
  if (unknown >= 0) {
    // As TensorFlow: where a size is 0, zero dims of the input do not count, so [0, 3] as [-1, 0] is [3, 0].
    int64_t counted = 1;
    for (int64_t dim : input.dims()) {
      if (dim > 0 || !has_zero) counted *= dim;
    }
    output.set_dim(unknown, counted / product);
  }
  Result<int64_t> made = output.element_count();
  if (!made.ok() || *made != count) {
    return invalid_argument("cannot reshape a tensor of shape ", input, " (", count, " elements) to ", sizes);
  }
  return output;
}

Status infer_reshape(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "shape"));
  if (std::optional<IntList> sizes = IntList::known(c, 1)) {
    TARN_ASSIGN_OR_RETURN(Shape output, reshaped(c.shape(0), *sizes));
    TARN_RETURN_IF_ERROR(set_output_checked(c, 0, output));
    if (c.input(0).has_value() && output.is_fully_known()) {
      TARN_ASSIGN_OR_RETURN(Tensor value, c.input(0).value.reshaped(output));
      c.set_value(0, value);
    }
    return {};
  }
  if (c.shape(1).rank() == 1 && c.shape(1).dim(0) > kMaxRank)
    return invalid_argument("shape has ", c.shape(1).dim(0), " dims, at most ", kMaxRank);
  std::optional<std::vector<int64_t>> sizes = known_elements(c, 1);
  if (!sizes) return {};
  // A size not known is as good as a -1: both are what is left, if there is only one of them.
  auto is_open = [](int64_t size) { return size == -1 || size == kUnknownElement; };
  bool may_solve = std::count_if(sizes->begin(), sizes->end(), is_open) == 1 && !contains(*sizes, 0);
  if (may_solve) {
    std::replace_if(sizes->begin(), sizes->end(), is_open, -1);
    TARN_ASSIGN_OR_RETURN(Shape output,
                          reshaped(c.shape(0), IntList(DType::kInt64, sizes->data(), std::ssize(*sizes))));
    return set_output_checked(c, 0, output);
  }
  Shape output;
  for (int64_t size : *sizes) output.add_dim(is_open(size) ? kUnknownDim : size);
  return c.set_output(0, output);
}

}  // namespace tarn
