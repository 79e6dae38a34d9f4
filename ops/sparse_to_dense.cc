// SparseToDense.
#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

struct Sizes {
  int64_t count, rank;
};

// How many places the indices name, and with how many numbers each.
Result<Sizes> sizes_of(const Shape& indices) {
  if (indices.rank() > 2) {
    return invalid_argument("sparse_indices should be a scalar, vector, or matrix, has shape ", indices.to_string());
  }
  return Sizes{indices.rank() > 0 ? indices.dim(0) : 1, indices.rank() > 1 ? indices.dim(1) : 1};
}

bool same_or_unknown(int64_t a, int64_t b) {
  return a == b || a == kUnknownDim || b == kUnknownDim;
}

Status judge_shapes(const Shape& indices, const Shape& shape, const Shape& values, const Shape& fill) {
  if (shape.has_rank() && shape.rank() != 1) {
    return invalid_argument("output_shape must be rank 1, has shape ", shape.to_string());
  }
  if (!fill.is_compatible_with(Shape())) {
    return invalid_argument("default_value should be a scalar, has shape ", fill.to_string());
  }
  if (values.has_rank() && values.rank() > 1) {
    return invalid_argument("sparse_values must be a scalar or a vector, has shape ", values.to_string());
  }
  if (!indices.has_rank()) return {};
  TARN_ASSIGN_OR_RETURN(Sizes sizes, sizes_of(indices));
  if (shape.has_rank() && !same_or_unknown(shape.dim(0), sizes.rank)) {
    return invalid_argument("output_shape has ", shape.dim(0), " elements, sparse_indices ", indices.to_string(),
                            " have ", sizes.rank, " numbers each");
  }
  if (values.rank() == 1 && !same_or_unknown(values.dim(0), sizes.count)) {
    return invalid_argument("sparse_values has incorrect shape ", values.to_string(), ", should be [] or [",
                            sizes.count, "]");
  }
  return {};
}

Status infer_sparse_to_dense(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_shapes(c.shape(0), c.shape(1), c.shape(2), c.shape(3)));
  TARN_ASSIGN_OR_RETURN(Shape shape, known_shape(c, 1, "output_shape"));
  return set_output_checked(c, 0, shape);
}

class SparseToDenseKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    validate_ = c.attr<bool>("validate_indices");
    return {};
  }

  Status run(RunContext& c) const override {
    const TensorView &indices = c.input(0), &values = c.input(2);
    TARN_RETURN_IF_ERROR(judge_shapes(*indices.shape, *c.input(1).shape, *values.shape, *c.input(3).shape));
    TARN_ASSIGN_OR_RETURN(Sizes sizes, sizes_of(*indices.shape));
    TARN_ASSIGN_OR_RETURN(Shape shape, shape_from(IntList::of(c.input(1)), "output_shape"));
    TARN_ASSIGN_OR_RETURN(TensorView dense, c.output(0, shape));
    fill_elements(dense.dtype, dense.data, c.input(3).data, dense.count, c.threads());
    IntList list = IntList::of(indices);
    int64_t before = -1;
    for (int64_t i = 0; i < sizes.count; ++i) {
      int64_t place = 0;
      for (int64_t d = 0; d < sizes.rank; ++d) {
        int64_t index = list[i * sizes.rank + d], size = shape.dim(static_cast<int>(d));
        if (index < 0 || index >= size) {
          return invalid_argument("indices", row_text(list, i, sizes.rank), " is out of bounds: need 0 <= index < ",
                                  shape.to_string());
        }
        place = place * size + index;
      }
      // Row-major places grow with their indices.
      if (validate_ && place <= before) {
        return invalid_argument("indices", row_text(list, i, sizes.rank),
                                place == before ? " is repeated" : " is out of order");
      }
      before = place;
      int64_t from = values.shape->rank() == 1 ? i : 0;
      copy_elements(dense.dtype, mutable_element_at(dense, place), element_at(values, from), 1);
    }
    return {};
  }

 private:
  static std::string row_text(const IntList& list, int64_t row, int64_t rank) {
    std::vector<int64_t> index;
    for (int64_t d = 0; d < rank; ++d) index.push_back(list[row * rank + d]);
    return str_cat("[", row, "] = [", str_join(index, ","), "]");
  }

  bool validate_ = true;
};

constexpr KernelDef kKernels[] = {portable_kernel<SparseToDenseKernel>()};

// Each value has the gradient of its place; the default that of all other places.
Status sparse_to_dense_gradient(GradContext& c) {
  const Shape &indices = c.fact(c.input(0)).shape, &values = c.fact(c.input(2)).shape;
  if (indices.rank() != 2 || values.rank() != 1) {
    return unimplemented("the gradient of SparseToDense needs a matrix of indices and a vector of values");
  }
  int rank = static_cast<int>(c.fact(c.grad()).shape.has_rank() ? c.fact(c.grad()).shape.rank() : -1);
  if (rank < 0) return unimplemented("the gradient of SparseToDense needs the rank of its output");
  Wire of_values = c.op("GatherNd", {c.grad(), c.input(0)});
  std::vector<int64_t> axes;
  for (int d = 0; d < rank; ++d) axes.push_back(d);
  Wire all = c.op("Sum", {c.grad(), c.int_vector(axes)}, {{"keep_dims", false}});
  Wire placed = c.op("Sum", {of_values, c.int_vector(std::vector<int64_t>{0})}, {{"keep_dims", false}});
  c.set_grad(2, of_values);
  c.set_grad(3, c.op("Sub", {all, placed}));
  return {};
}

constexpr std::string_view kDoc = R"(A tensor of one value, with others at given places.
  sparse_indices  Tindices[n, rank], or [n] or a scalar for a vector   output_shape  Tindices[rank]
  sparse_values  T[n], or a scalar for all places   default_value  T
  returns  dense  T[output_shape]
  validate_indices asks for places in row-major order, each once; without it the last one counts.
  Errors: InvalidArgument for places outside, naming them.   Source: TensorFlow sparse_ops SparseToDense.)";

}  // namespace

extern const OpDef op_SparseToDense;
const OpDef op_SparseToDense = {
    .name = "SparseToDense",
    .inputs = "sparse_indices: Tindices, output_shape: Tindices, sparse_values: T, default_value: T",
    .outputs = "dense: T",
    .attrs = "validate_indices: bool = true; T: type; Tindices: {int32, int64}",
    .infer = infer_sparse_to_dense,
    .kernels = kKernels,
    .kernel_attr = "T",
};

TARN_OP_FILE(sparse_to_dense, {&op_SparseToDense, kDoc, sparse_to_dense_gradient})

}  // namespace tarn
