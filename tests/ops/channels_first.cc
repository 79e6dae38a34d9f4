#include "tests/ops/channels_first.h"

namespace tarn::testing {
namespace {

// N, spatial dims, C -> N, C, spatial dims.
template <class T>
std::vector<T> first(std::span<const T> dims) {
  std::vector<T> out(dims.begin(), dims.end());
  T channels = out.back();
  out.pop_back();
  out.insert(out.begin() + 1, channels);
  return out;
}

template <class T>
std::vector<T> last(std::span<const T> dims) {
  std::vector<T> out(dims.begin(), dims.end());
  T channels = out[1];
  out.erase(out.begin() + 1);
  out.push_back(channels);
  return out;
}

Tensor to_first(const Tensor& image) {
  return by_index(Shape(first(image.shape().dims())),
                  [&](const Index& index) { return at(image, last(std::span<const int64_t>(index))); });
}

Tensor to_last(const Tensor& image) {
  return by_index(Shape(last(image.shape().dims())),
                  [&](const Index& index) { return at(image, first(std::span<const int64_t>(index))); });
}

Tensor sizes_to(const Tensor& sizes, std::vector<int64_t> (*move)(std::span<const int64_t>)) {
  std::vector<int64_t> moved = move(int_list(sizes));
  std::vector<int32_t> narrow(moved.begin(), moved.end());
  return Tensor::vector<int32_t>(narrow);
}

using Pair = std::pair<int64_t, int64_t>;

AttrMap moved_attrs(const AttrMap& attrs, bool to_first, std::string_view format) {
  AttrMap moved = attrs;
  for (const char* name : {"strides", "dilations", "ksize"}) {
    if (!attrs.contains(name)) continue;
    std::span<const int64_t> dims = attrs.get<std::vector<int64_t>>(name);
    moved.set(name, to_first ? first(dims) : last(dims));
  }
  if (attrs.contains("explicit_paddings") && !attrs.get<std::vector<int64_t>>("explicit_paddings").empty()) {
    const auto& pads = attrs.get<std::vector<int64_t>>("explicit_paddings");
    std::vector<Pair> pairs;
    for (size_t i = 0; i < pads.size(); i += 2) pairs.emplace_back(pads[i], pads[i + 1]);
    std::vector<int64_t> flat;
    for (auto [before, after] : to_first ? first(std::span<const Pair>(pairs)) : last(std::span<const Pair>(pairs))) {
      flat.insert(flat.end(), {before, after});
    }
    moved.set("explicit_paddings", flat);
  }
  moved.set("data_format", std::string(format));
  return moved;
}

}  // namespace

OpCase channels_first(OpCase op_case, const ImageOperands& operands) {
  size_t rank = 4;
  for (int i : operands.images) rank = op_case.inputs[static_cast<size_t>(i)].shape().dims().size();
  op_case.label += ", channels first";
  op_case.attrs = moved_attrs(op_case.attrs, true, rank == 4 ? "NCHW" : "NCDHW");
  for (int i : operands.images) {
    Tensor& input = op_case.inputs[static_cast<size_t>(i)];
    input = to_first(input);
  }
  for (int i : operands.sizes) {
    Tensor& input = op_case.inputs[static_cast<size_t>(i)];
    input = sizes_to(input, first<int64_t>);
  }
  op_case.reference = [reference = op_case.reference, operands, rank](const Tensors& inputs, const AttrMap& attrs) {
    Tensors in = inputs;
    for (int i : operands.images) in[static_cast<size_t>(i)] = to_last(in[static_cast<size_t>(i)]);
    for (int i : operands.sizes) in[static_cast<size_t>(i)] = sizes_to(in[static_cast<size_t>(i)], last<int64_t>);
    Tensors out = reference(in, moved_attrs(attrs, false, rank == 4 ? "NHWC" : "NDHWC"));
    for (int i : operands.outputs) out[static_cast<size_t>(i)] = to_first(out[static_cast<size_t>(i)]);
    return out;
  };
  return op_case;
}

}  // namespace tarn::testing
