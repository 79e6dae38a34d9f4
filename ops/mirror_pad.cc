// MirrorPad, and MirrorPadGrad, which folds the padding back.
#include <algorithm>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// How far the first mirrored element is from the edge: REFLECT leaves the edge itself out.
int64_t mirror_offset(const AttrMap& attrs) {
  return attrs.get<std::string>("mode") == "REFLECT" ? 1 : 0;
}

// `dim` is the size without padding.
Status judge_padding(int d, int64_t dim, int64_t before, int64_t behind, int64_t offset) {
  if (before < 0 || behind < 0) {
    return invalid_argument("paddings of dim ", d, " must be >= 0, are ", before, " and ", behind);
  }
  int64_t most = dim - offset;
  if (dim == kUnknownDim || (before <= most && behind <= most)) return {};
  // An empty dim has nothing to mirror; nothing is asked of it by no padding.
  if (dim == 0 && before == 0 && behind == 0) return {};
  return invalid_argument("paddings of dim ", d, ", ", before, " and ", behind, ", must be at most ",
                          std::max<int64_t>(0, most), ": the dim has ", dim,
                          offset == 1 ? " elements, and REFLECT leaves the edge out" : " elements");
}

Result<int64_t> padded_dim(int d, int64_t dim, int64_t before, int64_t behind, int64_t offset, bool folds) {
  if (!folds) {
    TARN_RETURN_IF_ERROR(judge_padding(d, dim, before, behind, offset));
    int64_t padded = 0;
    if (__builtin_add_overflow(dim, before, &padded) || __builtin_add_overflow(padded, behind, &padded)) {
      return invalid_argument("dim ", d, " = ", dim, " with paddings ", before, " and ", behind, " leaves int64");
    }
    return padded;
  }
  TARN_RETURN_IF_ERROR(judge_padding(d, kUnknownDim, before, behind, offset));
  // Both are below dim unless it is too small; so no difference overflows.
  int64_t left = before > dim || behind > dim ? -1 : dim - before - behind;
  if (left < 0) {
    return invalid_argument("paddings of dim ", d, ", ", before, " and ", behind, ", are more than its ", dim,
                            " elements");
  }
  TARN_RETURN_IF_ERROR(judge_padding(d, left, before, behind, offset));
  return left;
}

Status judge_paddings_shape(const Shape& paddings, int64_t rank, const Shape& shape) {
  if (paddings.is_compatible_with(Shape{rank, 2}) && (!paddings.has_rank() || paddings.dim(0) <= kMaxRank)) return {};
  return invalid_argument("paddings must have shape [", rank, ",2] for ", shape.to_string(), ", have ",
                          paddings.to_string());
}

Status infer_mirror(InferContext& c, bool folds) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 2, "paddings"));
  const Shape& shape = c.shape(0);
  int64_t rank = shape.has_rank() ? shape.rank() : kUnknownDim;
  TARN_RETURN_IF_ERROR(judge_paddings_shape(c.shape(1), rank, shape));
  if (rank == kUnknownDim && c.shape(1).has_rank()) rank = c.shape(1).dim(0);
  if (rank == kUnknownDim) return {};
  Shape output = Shape::unknown_of_rank(static_cast<int>(rank));
  if (std::optional<IntList> values = IntList::known(c, 1)) {
    int64_t offset = mirror_offset(c.attrs());
    for (int d = 0; d < rank; ++d) {
      int64_t before = (*values)[2 * d], behind = (*values)[2 * d + 1];
      TARN_RETURN_IF_ERROR(judge_padding(d, kUnknownDim, before, behind, offset));
      if (!shape.has_rank() || shape.dim(d) == kUnknownDim) continue;
      TARN_ASSIGN_OR_RETURN(int64_t dim, padded_dim(d, shape.dim(d), before, behind, offset, folds));
      output.set_dim(d, dim);
    }
  }
  return set_output_checked(c, 0, output);
}

Status infer_pad(InferContext& c) {
  return infer_mirror(c, false);
}
Status infer_grad(InferContext& c) {
  return infer_mirror(c, true);
}

Result<Shape> output_shape(const RunContext& c, int64_t offset, bool folds) {
  const Shape& shape = *c.input(0).shape;
  TARN_RETURN_IF_ERROR(judge_paddings_shape(*c.input(1).shape, shape.rank(), shape));
  IntList paddings = IntList::of(c.input(1));
  Shape output = shape;
  for (int d = 0; d < shape.rank(); ++d) {
    TARN_ASSIGN_OR_RETURN(int64_t dim,
                          padded_dim(d, shape.dim(d), paddings[2 * d], paddings[2 * d + 1], offset, folds));
    output.set_dim(d, dim);
  }
  return output;
}

class MirrorPadKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    offset_ = mirror_offset(c.attrs());
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    const Shape& shape = *x.shape;
    TARN_ASSIGN_OR_RETURN(Shape output, output_shape(c, offset_, false));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    if (y.count == 0) return {};
    IntList paddings = IntList::of(c.input(1));
    int64_t from_stride[kMaxRank], stride[kMaxRank], center = 0;
    row_strides(shape, from_stride);
    row_strides(output, stride);
    StridedCopy copy;
    for (int d = 0; d < shape.rank(); ++d) {
      center += paddings[2 * d] * stride[d];
      TARN_RETURN_IF_ERROR(copy.add_dim(shape.dim(d), stride[d], from_stride[d]));
    }
    copy.run(y.dtype, mutable_element_at(y, center), x.data, c.threads());
    // From the last dim to the first, y itself is mirrored: along the dims behind d it is whole already, along those
    // before d only the center is there yet.
    for (int d = shape.rank() - 1; d >= 0; --d) {
      int64_t before = paddings[2 * d], behind = paddings[2 * d + 1];
      center -= before * stride[d];
      TARN_RETURN_IF_ERROR(mirror(c, y, shape, stride, d, before, center, 2 * before - 1 + offset_));
      int64_t end = before + shape.dim(d);
      TARN_RETURN_IF_ERROR(mirror(c, y, shape, stride, d, behind, center + end * stride[d], -1 - offset_));
    }
    return {};
  }

 private:
  // Writes `count` slabs along dim d from `to` on; the first comes from `apart` slabs further, the next from one less.
  static Status mirror(RunContext& c, const TensorView& y, const Shape& shape, const int64_t* stride, int d,
                       int64_t count, int64_t to, int64_t apart) {
    if (count == 0) return {};
    StridedCopy copy;
    for (int e = 0; e < d; ++e) TARN_RETURN_IF_ERROR(copy.add_dim(shape.dim(e), stride[e], stride[e]));
    TARN_RETURN_IF_ERROR(copy.add_dim(count, stride[d], -stride[d]));
    TARN_RETURN_IF_ERROR(copy.add_dim(stride[d], 1, 1));
    copy.run(y.dtype, mutable_element_at(y, to), mutable_element_at(y, to + apart * stride[d]), c.threads());
    return {};
  }

  int64_t offset_ = 0;
};

// Where an element of the center is found along one dim of the padded tensor: there, and mirrored.
struct Places {
  int count = 0;
  int64_t at[3];
};

Places places_of(int64_t i, int64_t dim, int64_t before, int64_t behind, int64_t offset) {
  Places places;
  int64_t left = before - 1 - i + offset;  // mirrored at the beginning
  int64_t right = dim - 1 - i - offset;    // at the end, counted from there
  if (i >= offset && left >= 0) places.at[places.count++] = left;
  places.at[places.count++] = before + i;
  if (right >= 0 && right < behind) places.at[places.count++] = before + dim + right;
  return places;
}

template <class T>
class MirrorPadGradKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    offset_ = mirror_offset(c.attrs());
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& dy = c.input(0);
    const Shape& padded = *dy.shape;
    TARN_ASSIGN_OR_RETURN(Shape shape, output_shape(c, offset_, true));
    if (shape.rank() > StridedCopy::kMostDims) {
      return unimplemented("folding a tensor of more than ", StridedCopy::kMostDims, " dims");
    }
    TARN_ASSIGN_OR_RETURN(TensorView dx, c.output(0, shape));
    if (dx.count == 0) return {};
    IntList paddings = IntList::of(c.input(1));
    int64_t stride[StridedCopy::kMostDims];
    row_strides(padded, stride);
    const T* in = dy.as<T>();
    T* out = dx.as<T>();
    int rank = shape.rank(), outer = std::max(0, rank - 1);
    int64_t n = rank > 0 ? shape.dim(-1) : 1;
    c.threads().parallel_for(
        dx.count / n, std::max<int64_t>(1, kElementsPerRange / n), [&](int64_t begin, int64_t end, int) {
          for (int64_t row = begin; row < end; ++row) {
            Places places[StridedCopy::kMostDims];
            int64_t rest = row;
            for (int d = outer - 1; d >= 0; --d) {
              places[d] = places_of(rest % shape.dim(d), shape.dim(d), paddings[2 * d], paddings[2 * d + 1], offset_);
              rest /= shape.dim(d);
            }
            T* to = out + row * n;
            std::fill_n(to, n, T(0));
            add_rows(in, places, stride, outer, [&](const T* from) {
              int64_t before = rank > 0 ? paddings[2 * outer] : 0;
              int64_t behind = rank > 0 ? paddings[2 * outer + 1] : 0;
              fold_row(from, to, n, before, behind);
            });
          }
        });
    return {};
  }

 private:
  // Calls add(row) for every row of dy that comes from one row of x: every combination of places.
  template <class Add>
  static void add_rows(const T* in, const Places* places, const int64_t* stride, int outer, const Add& add) {
    int which[StridedCopy::kMostDims] = {};
    for (;;) {
      int64_t offset = 0;
      for (int d = 0; d < outer; ++d) offset += places[d].at[which[d]] * stride[d];
      add(in + offset);
      int d = outer - 1;
      while (d >= 0 && ++which[d] == places[d].count) which[d--] = 0;
      if (d < 0) return;
    }
  }

  void fold_row(const T* from, T* to, int64_t n, int64_t before, int64_t behind) const {
    for (int64_t j = 0; j < before; ++j) {
      T& sum = to[before - 1 - j + offset_];
      sum = wrap_add(sum, from[j]);
    }
    for (int64_t i = 0; i < n; ++i) to[i] = wrap_add(to[i], from[before + i]);
    for (int64_t j = 0; j < behind; ++j) {
      T& sum = to[n - 1 - j - offset_];
      sum = wrap_add(sum, from[before + n + j]);
    }
  }

  int64_t offset_ = 0;
};

constexpr KernelDef kPadKernels[] = {portable_kernel<MirrorPadKernel>()};

constexpr std::string_view kKept[] = {"mode"};

Status pad_gradient(GradContext& c) {
  c.set_grad(0, c.op("MirrorPadGrad", {c.grad(), c.input(1)}, kept_attrs(c, kKept)));
  return {};
}

Status grad_gradient(GradContext& c) {
  c.set_grad(0, c.op("MirrorPad", {c.grad(), c.input(1)}, kept_attrs(c, kKept)));
  return {};
}

constexpr std::string_view kPadDoc = R"(Pads a tensor with its own elements, mirrored at its edges.
  input  T[...]   paddings  Tpaddings[rank, 2]: how many before and behind each dim   returns  T[...], larger
  mode REFLECT leaves the edge out (1 2 3 -> 3 2 1 2 3 2), SYMMETRIC repeats it (1 2 3 -> 2 1 1 2 3 3).
  Errors: InvalidArgument naming the dim whose paddings are negative or more than it has to mirror.
  Source: TensorFlow array_ops MirrorPad.)";
constexpr std::string_view kGradDoc = R"(The gradient of MirrorPad: adds the padding to where it was mirrored from.
  input  T[...], padded   paddings  Tpaddings[rank, 2]   returns  T[...], without the padding
  Source: TensorFlow array_ops MirrorPadGrad.)";

}  // namespace

extern const OpDef op_MirrorPad, op_MirrorPadGrad;
const OpDef op_MirrorPad = {
    .name = "MirrorPad",
    .inputs = "input: T, paddings: Tpaddings",
    .outputs = "output: T",
    .attrs = "T: type; Tpaddings: {int32, int64} = int32; mode: {'REFLECT', 'SYMMETRIC'}",
    .infer = infer_pad,
    .kernels = kPadKernels,
};
const OpDef op_MirrorPadGrad = {
    .name = "MirrorPadGrad",
    .inputs = "input: T, paddings: Tpaddings",
    .outputs = "output: T",
    .attrs = "T: type; Tpaddings: {int32, int64} = int32; mode: {'REFLECT', 'SYMMETRIC'}",
    .infer = infer_grad,
    .kernels = kKernelsFor<MirrorPadGradKernel, float, double, Half, BFloat16, int32_t, int64_t, uint8_t, int8_t,
                           int16_t, uint16_t>,
};

TARN_OP_FILE(mirror_pad, {&op_MirrorPad, kPadDoc, pad_gradient}, {&op_MirrorPadGrad, kGradDoc, grad_gradient})

}  // namespace tarn
