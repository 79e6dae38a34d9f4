// Pad and PadV2.
#include <cstring>

#include "core/linked_parts.h"
#include "core/op.h"
#include "core/row_kernel.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

Status judge_padding(int d, int64_t before, int64_t behind) {
  if (before >= 0 && behind >= 0) return {};
  return invalid_argument("paddings of dim ", d, " must be >= 0, are ", before, " and ", behind);
}

Result<int64_t> padded_dim(int d, int64_t dim, int64_t before, int64_t behind) {
  TARN_RETURN_IF_ERROR(judge_padding(d, before, behind));
  int64_t padded = 0;
  if (__builtin_add_overflow(dim, before, &padded) || __builtin_add_overflow(padded, behind, &padded)) {
    return invalid_argument("dim ", d, " = ", dim, " with paddings ", before, " and ", behind, " leaves int64");
  }
  return padded;
}

Status infer_pad(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 2, "paddings"));
  if (c.input_count() > 2) TARN_RETURN_IF_ERROR(c.expect_rank(2, 0, "constant_values"));
  const Shape& shape = c.shape(0);
  const Shape& paddings = c.shape(1);
  int64_t rank = shape.has_rank() ? shape.rank() : kUnknownDim;
  if (paddings.has_rank()) {
    bool fits = paddings.is_compatible_with(Shape{rank, 2}) && paddings.dim(0) <= kMaxRank;
    if (!fits) {
      return invalid_argument("paddings must have shape [", rank, ",2] for ", shape, ", have ", paddings);
    }
    if (rank == kUnknownDim) rank = paddings.dim(0);
  }
  if (rank == kUnknownDim) return {};
  Shape output = Shape::unknown_of_rank(static_cast<int>(rank));
  if (std::optional<IntList> values = IntList::known(c, 1)) {
    for (int d = 0; d < rank; ++d) {
      TARN_RETURN_IF_ERROR(judge_padding(d, (*values)[2 * d], (*values)[2 * d + 1]));
      if (!shape.has_rank() || shape.dim(d) == kUnknownDim) continue;
      TARN_ASSIGN_OR_RETURN(int64_t dim, padded_dim(d, shape.dim(d), (*values)[2 * d], (*values)[2 * d + 1]));
      output.set_dim(d, dim);
    }
  }
  return set_output_checked(c, 0, output);
}

class PadKernel : public Kernel, public RowKernel {
 public:
  Status prepare(PrepareContext& c) override {
    if (kHasStreaming && c.input(1).has_value()) prepare_rows(c);
    return {};
  }
  RowKernel* by_rows() override { return kHasStreaming && rows_.images > 0 ? this : nullptr; }
  const RowWindow& row_window() const override { return rows_; }
  size_t row_scratch_bytes(int64_t) const override { return 0; }
  void run_rows(const RowBand& band) const override {
    const auto fill = [&](std::byte* to, size_t bytes) {
      const auto count = static_cast<int64_t>(bytes / dtype_size(dtype_));
      if (band.inputs.size() > 2) {
        fill_elements(dtype_, to, band.inputs[2].data, count, band.pool);
      } else {
        zero_elements(dtype_, to, count);
      }
    };
    auto* to = static_cast<std::byte*>(band.y);
    const auto* from = static_cast<const std::byte*>(band.x);
    for (int64_t row = band.first - rows_.pad; row < band.first - rows_.pad + band.rows; ++row) {
      if (row < 0 || row >= rows_.in_rows) {
        fill(to, rows_.out_row_bytes);
      } else {
        fill(to, left_bytes_);
        std::memcpy(to + left_bytes_, from, rows_.in_row_bytes);
        fill(to + left_bytes_ + rows_.in_row_bytes, rows_.out_row_bytes - left_bytes_ - rows_.in_row_bytes);
        from += rows_.in_row_bytes;
      }
      to += rows_.out_row_bytes;
    }
  }

  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    const Shape& shape = *x.shape;
    IntList paddings = IntList::of(c.input(1));
    if (!(*c.input(1).shape == Shape{shape.rank(), 2})) {
      return invalid_argument("paddings must have shape [", shape.rank(), ",2], have ", *c.input(1).shape);
    }
    if (c.input_count() > 2 && c.input(2).shape->rank() != 0) {
      return invalid_argument("input 'constant_values' must be a scalar, has ", *c.input(2).shape);
    }
    Shape output = shape;
    for (int d = 0; d < shape.rank(); ++d) {
      TARN_ASSIGN_OR_RETURN(int64_t dim, padded_dim(d, shape.dim(d), paddings[2 * d], paddings[2 * d + 1]));
      output.set_dim(d, dim);
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    if (c.input_count() > 2) {
      fill_elements(y.dtype, y.data, c.input(2).data, y.count, c.threads());
    } else {
      zero_elements(y.dtype, y.data, y.count);
    }
    if (x.count == 0) return {};
    int64_t from_stride[kMaxRank], to_stride[kMaxRank];
    row_strides(shape, from_stride);
    row_strides(output, to_stride);
    int64_t offset = 0;
    StridedCopy copy;
    for (int d = 0; d < shape.rank(); ++d) {
      offset += paddings[2 * d] * to_stride[d];
      TARN_RETURN_IF_ERROR(copy.add_dim(shape.dim(d), to_stride[d], from_stride[d]));
    }
    copy.run(y.dtype, mutable_element_at(y, offset), x.data, c.threads());
    return {};
  }

 private:
  // Of images [N, H, W, C] that are padded at their sides alone.
  void prepare_rows(const PrepareContext& c) {
    const Shape &shape = c.input(0).shape, &output = c.output(0).shape;
    dtype_ = c.input(0).dtype;
    const size_t element = dtype_size(dtype_);
    if (shape.rank() != 4 || !shape.is_fully_known() || !output.is_fully_known() || output.elements() == 0) return;
    if (element == 0 || shape.elements() == 0 || c.input(1).value.element_count() != 8) return;
    if (!(output.dim(0) == shape.dim(0)) || output.dim(3) != shape.dim(3)) return;
    const IntList paddings = IntList::of(c.input(1).value);
    rows_.images = shape.dim(0);
    rows_.in_rows = shape.dim(1);
    rows_.out_rows = output.dim(1);
    rows_.in_row_bytes = static_cast<size_t>(shape.dim(2) * shape.dim(3)) * element;
    rows_.out_row_bytes = static_cast<size_t>(output.dim(2) * output.dim(3)) * element;
    rows_.pad = paddings[2];
    rows_.work = static_cast<double>(rows_.out_row_bytes);
    left_bytes_ = static_cast<size_t>(paddings[4] * shape.dim(3)) * element;
  }

  DType dtype_ = DType::kInvalid;
  RowWindow rows_;
  size_t left_bytes_ = 0;  // of a row's padding in front
};

constexpr KernelDef kKernels[] = {portable_kernel<PadKernel>()};

Status pad_gradient(GradContext& c) {
  // dx = the part of dy where x was. As in TensorFlow, constant_values gets no gradient.
  Wire x = c.input(0), paddings = c.input(1);
  DType index = c.attr<DType>("Tpaddings");
  Wire begin;
  if (std::optional<std::vector<int64_t>> known = constant_ints(c, paddings)) {
    std::vector<int64_t> before;
    for (size_t i = 0; i < known->size(); i += 2) before.push_back((*known)[i]);
    begin = int_list(c, before, index);
  } else {
    begin = c.op("Unpack", {paddings}, {{"num", 2}, {"axis", 1}});
  }
  c.set_grad(0, c.op("Slice", {c.grad(), begin, shape_of(c, x, index)}));
  return {};
}

constexpr std::string_view kPadDoc = R"(Puts zeros around a tensor.
  input  T[...]   paddings  Tpaddings[rank, 2]: how many before and behind each dim   returns  T[...], larger
  Errors: InvalidArgument naming the dim of a negative padding.   Source: TensorFlow array_ops Pad.)";
constexpr std::string_view kPadV2Doc = R"(Puts copies of one value around a tensor.
  input  T[...]   paddings  Tpaddings[rank, 2]   constant_values  T, a scalar   returns  T[...], larger
  Source: TensorFlow array_ops PadV2.)";

}  // namespace

extern const OpDef op_Pad, op_PadV2;
const OpDef op_Pad = {
    .name = "Pad",
    .inputs = "input: T, paddings: Tpaddings",
    .outputs = "output: T",
    .attrs = "T: type; Tpaddings: {int32, int64} = int32",
    .infer = infer_pad,
    .kernels = kKernels,
};
const OpDef op_PadV2 = {
    .name = "PadV2",
    .inputs = "input: T, paddings: Tpaddings, constant_values: T",
    .outputs = "output: T",
    .attrs = "T: type; Tpaddings: {int32, int64} = int32",
    .infer = infer_pad,
    .kernels = kKernels,
};

TARN_OP_FILE(pad, {&op_Pad, kPadDoc, pad_gradient}, {&op_PadV2, kPadV2Doc, pad_gradient})

}  // namespace tarn
