// Tile.
#include "core/op.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Result<int64_t> tiled_dim(int d, int64_t dim, int64_t multiple) {
  if (multiple < 0) return invalid_argument("multiples[", d, "] must be >= 0, not ", multiple);
  if (dim == kUnknownDim) return kUnknownDim;
  return checked_multiply(dim, multiple);
}

Status infer_tile(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "multiples"));
  const Shape& shape = c.shape(0);
  int64_t rank = shape.has_rank() ? shape.rank() : c.shape(1).has_rank() ? c.shape(1).dim(0) : kUnknownDim;
  if (rank == kUnknownDim) return {};
  if (rank > kMaxRank || !c.shape(1).is_compatible_with(Shape{rank})) {
    return invalid_argument("multiples must have one element a dim of ", shape.to_string(), ", have shape ",
                            c.shape(1).to_string());
  }
  Shape output = Shape::unknown_of_rank(static_cast<int>(rank));
  if (std::optional<IntList> multiples = IntList::known(c, 1)) {
    for (int d = 0; d < rank; ++d) {
      TARN_ASSIGN_OR_RETURN(int64_t dim, tiled_dim(d, shape.has_rank() ? shape.dim(d) : kUnknownDim, (*multiples)[d]));
      output.set_dim(d, dim);
    }
  }
  return set_output_checked(c, 0, output);
}

class TileKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    const Shape& shape = *x.shape;
    IntList multiples = IntList::of(c.input(1));
    if (multiples.size() != shape.rank()) {
      return invalid_argument("multiples ", multiples.to_string(), " must have one element a dim of ",
                              shape.to_string());
    }
    Shape output = shape;
    for (int d = 0; d < shape.rank(); ++d) {
      TARN_ASSIGN_OR_RETURN(int64_t dim, tiled_dim(d, shape.dim(d), multiples[d]));
      output.set_dim(d, dim);
    }
    TARN_RETURN_IF_ERROR(output.element_count().status());
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    if (y.count == 0) return {};
    int64_t from_stride[kMaxRank], to_stride[kMaxRank];
    row_strides(shape, from_stride);
    row_strides(output, to_stride);
    StridedCopy copy;  // each dim is two: which copy, and where in it
    for (int d = 0; d < shape.rank(); ++d) {
      TARN_RETURN_IF_ERROR(copy.add_dim(multiples[d], to_stride[d] * shape.dim(d), 0));
      TARN_RETURN_IF_ERROR(copy.add_dim(shape.dim(d), to_stride[d], from_stride[d]));
    }
    copy.run(y.dtype, y.data, x.data, c.threads());
    return {};
  }
};

constexpr KernelDef kKernels[] = {portable_kernel<TileKernel>()};

Status tile_gradient(GradContext& c) {
  // dx = dy as [m0, d0, m1, d1, …], summed over the m
  Wire x = c.input(0), multiples = c.input(1);
  DType index = c.attr<DType>("Tmultiples");
  int rank = c.fact(x).shape.has_rank() ? c.fact(x).shape.rank() : c.fact(c.grad()).shape.rank();
  if (rank < 0) return unimplemented("the gradient of Tile needs the rank of its input");
  if (rank == 0) {
    c.set_grad(0, c.grad());
    return {};
  }
  Wire shape = shape_of(c, x, index);
  Wire columns[] = {multiples, shape};
  int64_t all[] = {-1};
  Wire split = c.op("Reshape", {c.op("Pack", columns, {{"axis", 1}}), c.int_vector(all)});
  std::vector<int64_t> axes;
  for (int d = 0; d < rank; ++d) axes.push_back(2 * d);
  c.set_grad(0, c.op("Sum", {c.op("Reshape", {c.grad(), split}), c.int_vector(axes)}));
  return {};
}

constexpr std::string_view kDoc = R"(Repeats a tensor along each dim.
  input  T[...]   multiples  Tmultiples[rank], each >= 0   returns  T[...]: dim d is multiples[d] times as long
  Source: TensorFlow array_ops Tile.)";

}  // namespace

extern const OpDef op_Tile;
const OpDef op_Tile = {
    .name = "Tile",
    .inputs = "input: T, multiples: Tmultiples",
    .outputs = "output: T",
    .attrs = "T: type; Tmultiples: {int32, int64} = int32",
    .infer = infer_tile,
    .kernels = kKernels,
};

TARN_OP_FILE(tile, {&op_Tile, kDoc, tile_gradient})

}  // namespace tarn
