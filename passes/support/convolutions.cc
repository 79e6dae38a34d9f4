#include "passes/support/convolutions.h"

#include <algorithm>

namespace tarn {

std::optional<std::vector<int64_t>> integers(const Tensor* tensor) {
  if (tensor == nullptr) return std::nullopt;
  Result<std::vector<int64_t>> values = int_values(*tensor);
  if (!values.ok()) return std::nullopt;
  return *std::move(values);
}

bool is_zero(const Tensor* tensor) {
  if (tensor == nullptr || tensor->element_count() != 1) return false;
  Result<Tensor> zero = Tensor::zeros(tensor->dtype(), tensor->shape());
  return zero.ok() && tensor->identical_to(*zero);
}

std::optional<Around> same_padding(int64_t size, int64_t window, int64_t stride, int64_t dilation) {
  int64_t reach = (window - 1) * dilation;  // of a window beyond its first cell
  int64_t total = reach;
  if (stride != 1) {
    if (size < 0) return std::nullopt;
    int64_t outputs = (size + stride - 1) / stride;
    total = std::max<int64_t>(0, (outputs - 1) * stride + reach + 1 - size);
  }
  return Around{total / 2, total - total / 2};
}

int height_dim(const Node& node) {
  return node.attrs.get_or<std::string>("data_format", "NHWC") == "NCHW" ? 2 : 1;
}

std::vector<int64_t> four(const Node& node, std::string_view attr) {
  std::vector<int64_t> values = node.attrs.get_or<std::vector<int64_t>>(attr, {});
  return values.size() == 4 ? values : std::vector<int64_t>(4, 1);
}

}  // namespace tarn
