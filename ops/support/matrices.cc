#include "ops/matrices.h"

namespace tarn {

Result<Matrices> Matrices::of(const Shape& shape, std::string_view name) {
  Matrices matrices;
  if (!shape.has_rank()) return matrices;
  if (shape.rank() < 2) {
    return invalid_argument("input '", name, "' must have rank 2 or more, has shape ", shape.to_string());
  }
  matrices.rows = shape.dim(-2);
  matrices.columns = shape.dim(-1);
  matrices.batch_shape = Shape(shape.dims().first(static_cast<size_t>(shape.rank() - 2)));
  if (matrices.batch_shape.is_fully_known()) {
    TARN_ASSIGN_OR_RETURN(matrices.batch, matrices.batch_shape.element_count());
  }
  return matrices;
}

Result<Matrices> Matrices::square(const Shape& shape, std::string_view name) {
  TARN_ASSIGN_OR_RETURN(Matrices matrices, of(shape, name));
  if (matrices.rows != matrices.columns && matrices.rows != kUnknownDim && matrices.columns != kUnknownDim) {
    return invalid_argument("matrices of '", name, "' must be square, its shape is ", shape.to_string());
  }
  if (matrices.rows == kUnknownDim) matrices.rows = matrices.columns;
  matrices.columns = matrices.rows;
  return matrices;
}

Shape Matrices::with_dims(std::initializer_list<int64_t> dims) const {
  if (!batch_shape.has_rank()) return Shape::unknown();
  Shape shape = batch_shape;
  for (int64_t dim : dims) shape.add_dim(dim);
  return shape;
}

int64_t smaller_dim(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return 0;
  return a == kUnknownDim || b == kUnknownDim ? kUnknownDim : std::min(a, b);
}

Status infer_square(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Matrices x, Matrices::square(c.shape(0), "input"));
  return c.set_output(0, x.with_dims({x.rows, x.columns}));
}

}  // namespace tarn
