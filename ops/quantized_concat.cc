// QuantizedConcat.
#include <cstring>

#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/quantized.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// Inputs: the axis, N values, N mins, N maxs.
int values_of(int input_count) {
  return (input_count - 1) / 3;
}

// The values' shape along `axis`; kUnknownDim where not known. Errors: they differ in another dim.
template <class ShapeOf>
Result<Shape> joined_shape(int count, int axis, const ShapeOf& shape_of) {
  Shape output;
  int64_t along = 0;
  bool is_first = true;
  for (int i = 0; i < count; ++i) {
    Shape shape = shape_of(i);
    const int64_t size = shape.has_rank() ? shape.dim(axis) : kUnknownDim;
    if (size == kUnknownDim || along == kUnknownDim) {
      along = kUnknownDim;
    } else if (__builtin_add_overflow(along, size, &along)) {
      return invalid_argument("the concatenated dim leaves int64");
    }
    if (!shape.has_rank()) continue;
    shape.set_dim(axis, kUnknownDim);
    if (is_first) output = shape;
    is_first = false;
    Result<Shape> merged = output.merge(shape);
    if (!merged.ok()) {
      return invalid_argument("values must agree in all dims but ", axis, ": ", output.to_string(), " against values[",
                              i, "] ", shape_of(i).to_string());
    }
    output = *merged;
  }
  output.set_dim(axis, along);
  return output;
}

Status infer_quantized_concat(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_single(c, 0, "concat_dim"));
  const int count = values_of(c.input_count());
  int rank = -1;
  for (int i = 1; i <= count; ++i) {
    TARN_RETURN_IF_ERROR(judge_single(c.shape(i + count), str_cat("input_mins[", i - 1, "]")));
    TARN_RETURN_IF_ERROR(judge_single(c.shape(i + 2 * count), str_cat("input_maxes[", i - 1, "]")));
    if (!c.shape(i).has_rank()) continue;
    if (rank >= 0 && c.shape(i).rank() != rank) {
      return invalid_argument("values must have the same rank: one has ", rank, " dims, values[", i - 1, "] is ",
                              c.shape(i).to_string());
    }
    rank = c.shape(i).rank();
  }
  TARN_RETURN_IF_ERROR(set_range(c, 1));
  if (rank < 0) return {};
  if (rank == 0) return invalid_argument("can't concatenate scalars (use Pack)");
  std::optional<IntList> known = IntList::known(c, 0);
  if (!known) return c.set_output(0, Shape::unknown_of_rank(rank));
  TARN_ASSIGN_OR_RETURN(int64_t given, single_int(*known, "concat_dim"));
  TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(given, rank, "concat_dim"));
  TARN_ASSIGN_OR_RETURN(Shape output, joined_shape(count, axis, [&](int i) { return c.shape(i + 1); }));
  return set_output_checked(c, 0, output);
}

template <class T>
class QuantizedConcatKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const int count = values_of(c.input_count());
    TARN_ASSIGN_OR_RETURN(int64_t given, single_int(IntList::of(c.input(0)), "concat_dim"));
    const Shape& first = *c.input(1).shape;
    TARN_ASSIGN_OR_RETURN(int axis, resolve_axis(given, first.rank(), "concat_dim"));
    for (int i = 2; i <= count; ++i) {
      if (c.input(i).shape->rank() == first.rank()) continue;
      return invalid_argument("values must have the same rank: values[0] is ", first.to_string(), ", values[", i - 1,
                              "] ", c.input(i).shape->to_string());
    }
    TARN_ASSIGN_OR_RETURN(Shape shape, joined_shape(count, axis, [&](int i) { return *c.input(i + 1).shape; }));
    CodeRange range{0, std::numeric_limits<float>::lowest()};
    for (int i = 0; i < count; ++i) {
      TARN_ASSIGN_OR_RETURN(CodeRange one, range_of(c, i));
      range = {std::min(range.min, one.min), std::max(range.max, one.max)};
    }
    if (std::is_signed_v<T>) {  // even around 0
      const float largest = std::max(std::fabs(range.min), std::fabs(range.max));
      range = {-largest, largest};
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    const int64_t inner = dim_product(shape, axis + 1, shape.rank()), outer = dim_product(shape, 0, axis);
    const int64_t y_width = shape.dim(axis) * inner;
    T* to = y.as<T>();
    for (int i = 0; i < count; ++i) {
      TARN_ASSIGN_OR_RETURN(CodeRange one, range_of(c, i));
      const int64_t width = c.input(i + 1).shape->dim(axis) * inner;
      if (y.count > 0 && width > 0) copy(c.threads(), c.input(i + 1).as<T>(), one, outer, width, range, y_width, to);
      to += width;
    }
    return write_range(c, 1, range);
  }

 private:
  static Result<CodeRange> range_of(RunContext& c, int i) {
    const int count = values_of(c.input_count());
    CodeRange range;
    TARN_ASSIGN_OR_RETURN(range.min, read_single(c, 1 + count + i, "input_mins"));
    TARN_ASSIGN_OR_RETURN(range.max, read_single(c, 1 + 2 * count + i, "input_maxes"));
    if (range.min <= range.max) return range;
    return invalid_argument("input_mins[", i, "] ", range.min, " must not exceed input_maxes[", i, "] ", range.max);
  }

  // Rows of `width` codes, from one range to the other, to rows that are y_width apart.
  static void copy(ThreadPool& threads, const T* x, const CodeRange& from, int64_t rows, int64_t width,
                   const CodeRange& to, int64_t y_width, T* y) {
    const bool is_same = from.min == to.min && from.max == to.max;
    const CodesToFloats<T> value(from);
    const FloatsToCodes<T> code(to);
    threads.parallel_for(rows, std::max<int64_t>(1, kElementsPerRange / width), [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) {
        const T* in = x + row * width;
        T* out = y + row * y_width;
        if (is_same) {
          std::memcpy(out, in, static_cast<size_t>(width) * sizeof(T));
        } else {
          for (int64_t i = 0; i < width; ++i) out[i] = code(value(in[i]));
        }
      }
    });
  }
};

constexpr KernelDef kKernels[] = {
    portable_kernel<QuantizedConcatKernel<uint8_t>>(DType::kQUInt8),
    portable_kernel<QuantizedConcatKernel<int32_t>>(DType::kQInt32),
};

constexpr std::string_view kDoc = R"(Joins tensors of codes along one dim, in a range that holds all of theirs.
  concat_dim  int32, a scalar   values  N tensors T[...], equal in all other dims
  input_mins, input_maxes  N floats each, of one element: the values' ranges
  returns  output  T[...]   output_min, output_max  float: the smallest min and 0, the largest max; even around 0 for qint32
  Values of another range than the output's are rounded once more.
  Errors: InvalidArgument naming two shapes that differ, for a range that is none.
  Source: TensorFlow array_ops QuantizedConcat.)";

}  // namespace

extern const OpDef op_QuantizedConcat;
const OpDef op_QuantizedConcat = {
    .name = "QuantizedConcat",
    .inputs = "concat_dim: int32, values: N * T, input_mins: N * float, input_maxes: N * float",
    .outputs = "output: T, output_min: float, output_max: float",
    .attrs = "N: int >= 2; T: type",
    .infer = infer_quantized_concat,
    .kernels = kKernels,
    .kernel_attr = "T",
};

TARN_OP_FILE(quantized_concat, {&op_QuantizedConcat, kDoc, nullptr, "its inputs are quantized: whole numbers"})

}  // namespace tarn
