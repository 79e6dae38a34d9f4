// DynamicPartition.
#include "core/op.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// The shape of an item; nullopt while something is unknown.
Result<std::optional<Shape>> item_shape(const Shape& data, const Shape& partitions) {
  if (!data.has_rank() || !partitions.has_rank()) return std::optional<Shape>();
  bool fits = data.rank() >= partitions.rank();
  Shape item;
  for (int d = 0; d < data.rank() && fits; ++d) {
    if (d >= partitions.rank()) item.add_dim(data.dim(d));
    fits = d >= partitions.rank() || data.dim(d) == partitions.dim(d) || data.dim(d) == kUnknownDim ||
           partitions.dim(d) == kUnknownDim;
  }
  if (fits) return std::optional<Shape>(item);
  return invalid_argument("data.shape must start with partitions.shape, got data.shape = ", data.to_string(),
                          ", partitions.shape = ", partitions.to_string());
}

Shape with_rows(int64_t rows, const Shape& item) {
  Shape shape{rows};
  for (int64_t dim : item.dims()) shape.add_dim(dim);
  return shape;
}

Status infer_partition(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(std::optional<Shape> item, item_shape(c.shape(0), c.shape(1)));
  for (int i = 0; i < c.output_count(); ++i) {
    TARN_RETURN_IF_ERROR(c.set_output(i, item ? with_rows(kUnknownDim, *item) : Shape::unknown()));
  }
  return {};
}

class PartitionKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(std::optional<Shape> item, item_shape(*c.input(0).shape, *c.input(1).shape));
    std::span<const int32_t> partitions = c.input(1).flat<int32_t>();
    auto count = static_cast<size_t>(c.output_count());
    std::vector<int64_t> rows(count, 0);
    for (size_t i = 0; i < partitions.size(); ++i) {
      if (partitions[i] < 0 || static_cast<size_t>(partitions[i]) >= count) {
        return invalid_argument("partitions[", i, "] = ", partitions[i], " is not in [0, ", count, ")");
      }
      ++rows[static_cast<size_t>(partitions[i])];
    }
    std::vector<TensorView> outputs(count);
    for (size_t p = 0; p < count; ++p) {
      TARN_ASSIGN_OR_RETURN(outputs[p], c.output(static_cast<int>(p), with_rows(rows[p], *item)));
    }
    int64_t size = item->elements();
    if (size == 0) return {};
    std::vector<int64_t> next(count, 0);
    for (size_t i = 0; i < partitions.size(); ++i) {
      auto p = static_cast<size_t>(partitions[i]);
      copy_elements(c.input(0).dtype, mutable_element_at(outputs[p], next[p]),
                    element_at(c.input(0), static_cast<int64_t>(i) * size), size);
      next[p] += size;
    }
    return {};
  }
};

constexpr KernelDef kKernels[] = {portable_kernel<PartitionKernel>()};

// The numbers of the items go through the same partition; they say where each gradient belongs.
Status partition_gradient(GradContext& c) {
  Wire shape = shape_of(c, c.input(1));
  Wire zero = int_scalar(c, 0), one = int_scalar(c, 1);
  Wire count = c.op("Prod", {shape, zero}, {{"keep_dims", false}});
  Wire numbers = c.op("Reshape", {c.op("Range", {zero, count, one}), shape});
  Wire parts = c.op("DynamicPartition", {numbers, c.input(1)}, {{"num_partitions", c.attr<int64_t>("num_partitions")}});
  std::vector<Wire> wires;
  auto outputs = static_cast<int>(c.attr<int64_t>("num_partitions"));
  for (int i = 0; i < outputs; ++i) wires.push_back(GradContext::slot(parts, i));
  for (int i = 0; i < outputs; ++i) wires.push_back(grad_or_zeros(c, i));
  Wire stitched = c.op("DynamicStitch", wires, {{"N", outputs}});
  c.set_grad(0, c.op("Reshape", {stitched, shape_of(c, c.input(0))}));
  return {};
}

constexpr std::string_view kDoc = R"(Shares the items of a tensor out over several, in their order.
  data  T: of the shape of partitions, then the shape of an item   partitions  int32, each in [0, num_partitions)
  returns  num_partitions tensors T[how many, item]
  Errors: InvalidArgument for a partition that there is not, or shapes that do not fit.
  Source: TensorFlow data_flow_ops DynamicPartition.)";

}  // namespace

extern const OpDef op_DynamicPartition;
const OpDef op_DynamicPartition = {
    .name = "DynamicPartition",
    .inputs = "data: T, partitions: int32",
    .outputs = "outputs: num_partitions * T",
    .attrs = "num_partitions: int >= 1; T: type",
    .infer = infer_partition,
    .kernels = kKernels,
};

TARN_OP_FILE(dynamic_partition, {&op_DynamicPartition, kDoc, partition_gradient})

}  // namespace tarn
