// DynamicStitch and ParallelDynamicStitch.
#include "core/op.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// data must have the dims of its indices, then the shape of an item; nullopt while something is unknown.
Result<std::optional<Shape>> item_shape(const Shape& indices, const Shape& data, int position) {
  auto mismatch = [&] {
    return invalid_argument("data[", position, "] must have the dims of indices[", position, "] first: it has shape ",
                            data.to_string(), ", they have ", indices.to_string());
  };
  if (!indices.has_rank() || !data.has_rank()) return std::optional<Shape>();
  if (data.rank() < indices.rank()) return mismatch();
  Shape item;
  for (int d = 0; d < data.rank(); ++d) {
    if (d >= indices.rank()) {
      item.add_dim(data.dim(d));
    } else if (data.dim(d) != indices.dim(d) && data.dim(d) != kUnknownDim && indices.dim(d) != kUnknownDim) {
      return mismatch();
    }
  }
  return std::optional<Shape>(item);
}

Shape with_rows(int64_t rows, const Shape& item) {
  Shape shape{rows};
  for (int64_t dim : item.dims()) shape.add_dim(dim);
  return shape;
}

Status differ(const Shape& item, const Shape& other, int position) {
  return invalid_argument("all data must have items of one shape: data[0] has ", item.to_string(), ", data[", position,
                          "] has ", other.to_string());
}

Status infer_stitch(InferContext& c) {
  int count = c.input_count() / 2;
  Shape item = Shape::unknown();
  int64_t last = -1;
  bool all_known = true;
  for (int i = 0; i < count; ++i) {
    TARN_ASSIGN_OR_RETURN(std::optional<Shape> other, item_shape(c.shape(i), c.shape(count + i), i));
    if (other) {
      Result<Shape> merged = item.merge(*other);
      if (!merged.ok()) return differ(item, *other, i);
      item = *merged;
    }
    std::optional<IntList> indices = IntList::known(c, i);
    all_known = all_known && indices.has_value();
    for (int64_t k = 0; indices && k < indices->size(); ++k) {
      if ((*indices)[k] < 0) return invalid_argument("indices[", i, "] must not be negative: ", indices->to_string());
      last = std::max(last, (*indices)[k]);
    }
  }
  if (!item.has_rank()) return c.set_output(0, Shape::unknown());
  return set_output_checked(c, 0, with_rows(all_known ? last + 1 : kUnknownDim, item));
}

class StitchKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    int count = c.input_count() / 2;
    std::optional<Shape> item;
    int64_t last = -1;
    for (int i = 0; i < count; ++i) {
      TARN_ASSIGN_OR_RETURN(std::optional<Shape> other, item_shape(*c.input(i).shape, *c.input(count + i).shape, i));
      if (item && !(*item == *other)) return differ(*item, *other, i);
      item = other;
      for (int32_t index : c.input(i).flat<int32_t>()) {
        if (index < 0) return invalid_argument("indices[", i, "] must not be negative: there is ", index);
        last = std::max<int64_t>(last, index);
      }
    }
    TARN_ASSIGN_OR_RETURN(TensorView merged, c.output(0, with_rows(last + 1, *item)));
    zero_elements(merged.dtype, merged.data, merged.count);  // rows that no index names
    int64_t size = item->elements();
    for (int i = 0; i < count && size > 0; ++i) {
      int64_t from = 0;
      for (int32_t index : c.input(i).flat<int32_t>()) {
        copy_elements(merged.dtype, mutable_element_at(merged, index * size), element_at(c.input(count + i), from),
                      size);
        from += size;
      }
    }
    return {};
  }
};

constexpr KernelDef kKernels[] = {portable_kernel<StitchKernel>()};

// Each row of the result goes back to where it came from; where several wrote it, to all of them, as in TensorFlow.
Status stitch_gradient(GradContext& c) {
  int count = c.input_count() / 2;
  for (int i = 0; i < count; ++i) {
    c.set_grad(count + i, c.op("GatherV2", {c.grad(), c.input(i), int_scalar(c, 0)}));
  }
  return {};
}

constexpr std::string_view kDoc = R"(Puts items from several tensors where indices say.
  indices  N tensors int32   data  N tensors T: of the shape of their indices, then the shape of an item
  returns  merged  T[largest index + 1, item]: merged[indices[k][i]] = data[k][i], the later one where two name a place
  Items that no index names are 0 (in TensorFlow: whatever the memory held).
  Errors: InvalidArgument for a negative index or shapes that do not fit.   Source: TensorFlow data_flow_ops.)";
constexpr std::string_view kParallelDoc = R"(Puts items from several tensors where indices say; no place is named twice.
  As DynamicStitch, which it is here.   Source: TensorFlow data_flow_ops ParallelDynamicStitch.)";

}  // namespace

extern const OpDef op_DynamicStitch, op_ParallelDynamicStitch;
const OpDef op_DynamicStitch = {
    .name = "DynamicStitch",
    .inputs = "indices: N * int32, data: N * T",
    .outputs = "merged: T",
    .attrs = "N: int >= 1; T: type",
    .infer = infer_stitch,
    .kernels = kKernels,
};
const OpDef op_ParallelDynamicStitch = {
    .name = "ParallelDynamicStitch",
    .inputs = "indices: N * int32, data: N * T",
    .outputs = "merged: T",
    .attrs = "N: int >= 1; T: type",
    .infer = infer_stitch,
    .kernels = kKernels,
};

TARN_OP_FILE(dynamic_stitch, {&op_DynamicStitch, kDoc, stitch_gradient},
             {&op_ParallelDynamicStitch, kParallelDoc, stitch_gradient})

}  // namespace tarn
