// SparseReshape.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/support/arguments.h"
#include "ops/support/sparse.h"

namespace tarn {
namespace {

Result<int64_t> product_of(std::span<const int64_t> dims, std::string_view name) {
  int64_t product = 1;
  for (int64_t dim : dims) {
    if (dim < 0) return invalid_argument("Expected shape dimensions to be non-negative, got ", dim, " in ", name);
    if (__builtin_mul_overflow(product, dim, &product)) {
      return invalid_argument(name, " [", str_join(dims, ","), "] has more elements than can be counted");
    }
  }
  return product;
}

// `wanted` with its -1 replaced, for a tensor of the shape `input`.
Result<std::vector<int64_t>> reshaped(std::span<const int64_t> input, std::vector<int64_t> wanted) {
  TARN_ASSIGN_OR_RETURN(int64_t elements, product_of(input, "input_shape"));
  auto unknown = wanted.end();
  int64_t product = 1;
  for (auto dim = wanted.begin(); dim != wanted.end(); ++dim) {
    auto position = dim - wanted.begin();
    if (*dim == -1) {
      if (unknown != wanted.end()) {
        return invalid_argument("only one output dimension may be -1, not both ", unknown - wanted.begin(), " and ",
                                position);
      }
      unknown = dim;
      continue;
    }
    if (*dim < 0) return invalid_argument("size ", position, " must be non-negative, not ", *dim);
    if (__builtin_mul_overflow(product, *dim, &product)) {
      return invalid_argument("new_shape [", str_join(wanted, ","), "] has more elements than can be counted");
    }
  }
  auto shapes = [&] {
    return str_cat("input_shape=[", str_join(input, ","), "] output_shape=[", str_join(wanted, ","), "]");
  };
  if (unknown != wanted.end()) {
    if (product == 0) {
      return invalid_argument(
          "reshape cannot infer the missing input size for an empty tensor unless all specified input sizes are "
          "non-zero");
    }
    *unknown = elements / product;
    if (*unknown * product == elements) return wanted;
    return invalid_argument("Input to reshape is a SparseTensor with ", elements,
                            " dense values, but the requested shape requires a multiple of ", product, ". ", shapes());
  }
  if (product == elements) return wanted;
  return invalid_argument("Input to reshape is a tensor with ", elements, " dense values, but the requested shape has ",
                          product, ". ", shapes());
}

std::vector<int64_t> elements_of(const IntList& list) {
  std::vector<int64_t> elements;
  for (int64_t i = 0; i < list.size(); ++i) elements.push_back(list[i]);
  return elements;
}

Status infer_reshape(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_sparse(c.shape(0), Shape::unknown(), c.shape(1), "input_shape"));
  TARN_RETURN_IF_ERROR(c.expect_rank(2, 1, "new_shape"));
  int64_t rank = dim_or_unknown(c.shape(2), 0);
  TARN_RETURN_IF_ERROR(c.set_output(0, Shape{dim_or_unknown(c.shape(0), 0), rank}));
  TARN_RETURN_IF_ERROR(c.set_output(1, Shape{rank}));
  std::optional<IntList> input = IntList::known(c, 1), wanted = IntList::known(c, 2);
  if (!input || !wanted) return {};
  TARN_ASSIGN_OR_RETURN(std::vector<int64_t> shape, reshaped(elements_of(*input), elements_of(*wanted)));
  c.set_value(1, Tensor::from<int64_t>(Shape{rank}, std::span<const int64_t>(shape)));
  return {};
}

class ReshapeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& indices = c.input(0);
    TARN_RETURN_IF_ERROR(judge_sparse(*indices.shape, Shape::unknown(), *c.input(1).shape, "input_shape"));
    TARN_RETURN_IF_ERROR(expect_rank(c.input(2), 1, "new_shape"));
    std::vector<int64_t> from = elements_of(IntList::of(c.input(1)));
    TARN_ASSIGN_OR_RETURN(std::vector<int64_t> to, reshaped(from, elements_of(IntList::of(c.input(2)))));
    int64_t count = indices.shape->dim(0);
    auto from_rank = static_cast<int64_t>(from.size()), to_rank = static_cast<int64_t>(to.size());
    TARN_ASSIGN_OR_RETURN(int64_t elements, product_of(to, "new_shape"));
    if (count > 0 && elements == 0) {
      return invalid_argument("Input tensor has ", count, " non zero elements but input shape ([", str_join(from, ","),
                              "]) or output shape ([", str_join(to, ","), "]) is empty");
    }
    TARN_ASSIGN_OR_RETURN(TensorView shape, c.output(1, Shape{to_rank}));
    std::copy(to.begin(), to.end(), shape.as<int64_t>());
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape{count, to_rank}));
    const auto* index = indices.as<int64_t>();
    auto* out = y.as<int64_t>();
    if (from == to) {
      std::copy_n(index, y.count, out);
      return {};
    }
    // Indices that are out of bounds are not judged, as in TensorFlow: whatever reads them does that.
    for (int64_t i = 0; i < count; ++i) {
      int64_t place = 0;
      for (int64_t d = 0; d < from_rank; ++d) {
        place = wrap_add(wrap_multiply(place, from[static_cast<size_t>(d)]), index[i * from_rank + d]);
      }
      for (int64_t d = to_rank - 1; d > 0; --d) {
        int64_t dim = to[static_cast<size_t>(d)];
        out[i * to_rank + d] = place % dim;
        place /= dim;
      }
      if (to_rank > 0) out[i * to_rank] = place;
    }
    return {};
  }
};

constexpr KernelDef kKernels[] = {portable_kernel<ReshapeKernel>()};

constexpr std::string_view kDoc = R"(The indices of a sparse tensor's elements once it has another shape.
  input_indices  int64[n, rank]   input_shape  int64[rank]   new_shape  int64[k], one of them may be -1
  returns  output_indices  int64[n, k], output_shape  int64[k]; values stay as they are
  Errors: InvalidArgument naming both shapes if their sizes differ.   Source: TensorFlow sparse_ops SparseReshape.)";

}  // namespace

extern const OpDef op_SparseReshape;
const OpDef op_SparseReshape = {
    .name = "SparseReshape",
    .inputs = "input_indices: int64, input_shape: int64, new_shape: int64",
    .outputs = "output_indices: int64, output_shape: int64",
    .infer = infer_reshape,
    .kernels = kKernels,
};

TARN_OP_FILE(sparse_reshape, {&op_SparseReshape, kDoc, nullptr, "indices have no gradient; values pass it by"})

}  // namespace tarn
