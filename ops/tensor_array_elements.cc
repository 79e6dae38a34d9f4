// Elements of TensorArrays, one by one or many at once: written, read, gathered, scattered, split and concatenated.
#include "ops/support/tensor_array.h"

#include <numeric>

#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// --- shapes ---------------------------------------------------------------------------------------------------------
Shape behind_first(const Shape& shape) {
  if (!shape.has_rank() || shape.rank() == 0) return Shape::unknown();
  return Shape(shape.dims().subspan(1));
}

Shape with_first(int64_t first, const Shape& element) {
  if (!element.has_rank() || element.rank() >= kMaxRank) return Shape::unknown();
  Shape shape{first};
  for (int64_t dim : element.dims()) shape.add_dim(dim);
  return shape;
}

// What is known of an element, if the compiler has seen all that is written; and what the op's attr declares.
Result<Shape> known_element(const InferContext& c, const Shape& declared) {
  const Contents* contents = c.input(0).contents;
  Shape seen = contents == nullptr ? Shape::unknown() : contents->element(Shape::unknown());
  return seen.is_compatible_with(declared) ? seen.merge(declared) : Result<Shape>(declared);
}

void will_hold(const InferContext& c, const Shape& element) {
  if (c.input(0).contents != nullptr) c.input(0).contents->add(element);
}

Status infer_write(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 0, "index"));
  will_hold(c, c.shape(2));
  return infer_scalar(c);
}

Status infer_read(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 0, "index"));
  return c.set_output(0, known_element(c, Shape::unknown()));
}

Status infer_gather(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "indices"));
  TARN_ASSIGN_OR_RETURN(Shape element, known_element(c, c.attr<Shape>("element_shape")));
  int64_t count = c.shape(1).has_rank() ? c.shape(1).dim(0) : kUnknownDim;
  return c.set_output(0, with_first(count, element));
}

Status infer_scatter(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "indices"));
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(2, 1, "value"));
  if (c.shape(1).has_rank() && c.shape(2).has_rank() && c.shape(1).dim(0) >= 0 && c.shape(2).dim(0) >= 0 &&
      c.shape(1).dim(0) != c.shape(2).dim(0)) {
    return invalid_argument("there are ", c.shape(1).dim(0), " indices for a value of ", c.shape(2).dim(0),
                            " elements");
  }
  will_hold(c, behind_first(c.shape(2)));
  return infer_scalar(c);
}

Status infer_pack(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Shape element, known_element(c, c.attr<Shape>("element_shape")));
  return c.set_output(0, with_first(kUnknownDim, element));
}

Status infer_unpack(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(1, 1, "value"));
  will_hold(c, behind_first(c.shape(1)));
  return infer_scalar(c);
}

Status infer_split(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank_at_least(1, 1, "value"));
  TARN_RETURN_IF_ERROR(c.expect_rank(2, 1, "lengths"));
  std::optional<IntList> lengths = IntList::known(c, 2);
  int64_t length = lengths && lengths->size() > 0 ? (*lengths)[0] : kUnknownDim;
  for (int64_t i = 1; lengths && i < lengths->size(); ++i) {
    if ((*lengths)[i] != length) length = kUnknownDim;
  }
  will_hold(c, with_first(length < 0 ? kUnknownDim : length, behind_first(c.shape(1))));
  return infer_scalar(c);
}

Status infer_concat(InferContext& c) {
  const Shape& declared = c.attr<Shape>("element_shape_except0");
  TARN_ASSIGN_OR_RETURN(Shape element, known_element(c, with_first(kUnknownDim, declared)));
  TARN_RETURN_IF_ERROR(c.set_output(0, with_first(kUnknownDim, behind_first(element))));
  bool has_size = c.input(0).elements.size() == 1;
  return c.set_output(1, Shape{has_size ? c.input(0).elements[0] : kUnknownDim});
}

// --- kernels --------------------------------------------------------------------------------------------------------
class WriteKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorArray * array, TensorArray::of(c, 0));
    TARN_ASSIGN_OR_RETURN(int64_t index, single_int(IntList::of(c.input(1)), "index"));
    TARN_RETURN_IF_ERROR(array->write(index, c.input(2)));
    return pass_flow(c, 3, 0);
  }
};

Result<TensorArray*> array_of_dtype(RunContext& c, DType dtype) {
  TARN_ASSIGN_OR_RETURN(TensorArray * array, TensorArray::of(c, 0));
  if (array->options().dtype == dtype) return array;
  return invalid_argument("TensorArray ", quoted(array->options().name), " holds ", dtype_name(array->options().dtype),
                          ", not ", dtype_name(dtype));
}

class ReadKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    dtype_ = c.attr<DType>("dtype");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorArray * array, array_of_dtype(c, dtype_));
    TARN_ASSIGN_OR_RETURN(int64_t index, single_int(IntList::of(c.input(1)), "index"));
    TARN_ASSIGN_OR_RETURN(Shape shape, array->shape_to_read(index));
    TARN_ASSIGN_OR_RETURN(TensorView value, c.output(0, shape));
    array->read(index, value.data);
    return {};
  }

 private:
  DType dtype_ = DType::kInvalid;
};

class GatherKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    dtype_ = c.attr<DType>("dtype");
    declared_ = c.attr<Shape>("element_shape");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorArray * array, array_of_dtype(c, dtype_));
    const TensorView& indices = c.input(1);
    if (indices.shape->rank() != 1)
      return invalid_argument("indices must be a vector, have shape ", indices.shape->to_string());
    return gather(c, *array, {indices.as<int32_t>(), static_cast<size_t>(indices.count)});
  }

 protected:
  Status gather(RunContext& c, TensorArray& array, std::span<const int32_t> indices) const {
    TARN_ASSIGN_OR_RETURN(Shape element, element_shape(array, indices));
    TARN_ASSIGN_OR_RETURN(TensorView value, c.output(0, with_first(std::ssize(indices), element)));
    int64_t step = element.elements();
    for (size_t i = 0; i < indices.size(); ++i) {
      TARN_RETURN_IF_ERROR(array.shape_to_read(indices[i]).status());  // read twice
      array.read(indices[i], mutable_element_at(value, static_cast<int64_t>(i) * step));
    }
    return {};
  }
  DType dtype_ = DType::kInvalid;

 private:
  Result<Shape> element_shape(const TensorArray& array, std::span<const int32_t> indices) const {
    if (indices.empty()) {
      TARN_ASSIGN_OR_RETURN(Shape element, declared_.merge(array.options().element_shape));
      if (element.is_fully_known()) return element;
      return invalid_argument("TensorArray ", quoted(array.options().name),
                              ": no element is gathered, and the shape of ", "one, ", element.to_string(),
                              ", is not fully known");
    }
    TARN_ASSIGN_OR_RETURN(Shape first, array.shape_to_read(indices[0]));
    for (size_t i = 1; i < indices.size(); ++i) {
      TARN_ASSIGN_OR_RETURN(Shape other, array.shape_to_read(indices[i]));
      if (other == first) continue;
      return invalid_argument("TensorArray ", quoted(array.options().name),
                              ": the elements have different shapes: index ", indices[0], " has ", first.to_string(),
                              ", index ", indices[i], " ", other.to_string());
    }
    if (!declared_.is_compatible_with(first)) {
      return invalid_argument("TensorArray ", quoted(array.options().name), ": an element has shape ",
                              first.to_string(), ", attr 'element_shape' is ", declared_.to_string());
    }
    return first;
  }
  Shape declared_;
};

class ScatterKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorArray * array, array_of_dtype(c, c.input(2).dtype));
    const TensorView& indices = c.input(1);
    const TensorView& value = c.input(2);
    if (indices.shape->rank() != 1 || value.shape->rank() < 1 || value.shape->dim(0) != indices.count) {
      return invalid_argument("indices ", indices.shape->to_string(), " must be as many as the first dim of the value ",
                              value.shape->to_string());
    }
    Shape element = behind_first(*value.shape);
    int64_t step = element.elements();
    for (int64_t i = 0; i < indices.count; ++i) {
      TARN_RETURN_IF_ERROR(array->write(indices.as<int32_t>()[i], element, element_at(value, i * step)));
    }
    return pass_flow(c, 3, 0);
  }
};

class PackKernel : public GatherKernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorArray * array, array_of_dtype(c, dtype_));
    TARN_ASSIGN_OR_RETURN(int64_t size, array->size());
    std::vector<int32_t> all(static_cast<size_t>(size));
    std::iota(all.begin(), all.end(), 0);
    return gather(c, *array, all);
  }
};

class UnpackKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& value = c.input(1);
    TARN_ASSIGN_OR_RETURN(TensorArray * array, array_of_dtype(c, value.dtype));
    TARN_ASSIGN_OR_RETURN(int64_t size, array->size());
    if (value.shape->rank() < 1) return invalid_argument("the value must be at least a vector, is a scalar");
    if (value.shape->dim(0) != size && !array->options().is_dynamic) {
      return invalid_argument("TensorArray ", quoted(array->options().name), " has ", size,
                              " elements, but the value has ", value.shape->dim(0), ", and it is not resizeable");
    }
    Shape element = behind_first(*value.shape);
    int64_t step = element.elements();
    for (int64_t i = 0; i < value.shape->dim(0); ++i)
      TARN_RETURN_IF_ERROR(array->write(i, element, element_at(value, i * step)));
    return pass_flow(c, 2, 0);
  }
};

class SplitKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorArray * array, array_of_dtype(c, c.input(1).dtype));
    const TensorView& value = c.input(1);
    const TensorView& lengths = c.input(2);
    if (lengths.shape->rank() != 1 || value.shape->rank() < 1) {
      return invalid_argument("lengths must be a vector and the value at least one, but have shapes ",
                              lengths.shape->to_string(), " and ", value.shape->to_string());
    }
    int64_t sum = 0;
    for (int64_t i = 0; i < lengths.count; ++i) {
      int64_t length = lengths.as<int64_t>()[i];
      if (length < 0 || __builtin_add_overflow(sum, length, &sum))
        return invalid_argument("lengths must be >= 0 and have a sum, one is ", length);
    }
    if (sum != value.shape->dim(0)) {
      return invalid_argument("the lengths are ", sum, " in all, but the value has ", value.shape->dim(0), " rows");
    }
    TARN_ASSIGN_OR_RETURN(int64_t size, array->size());
    if (size != lengths.count && !array->options().is_dynamic) {
      return invalid_argument("TensorArray ", quoted(array->options().name), " has ", size, " elements, but there are ",
                              lengths.count, " lengths, and it is not resizeable");
    }
    Shape piece = *value.shape;
    int64_t row = dim_product(*value.shape, 1, value.shape->rank()), at = 0;
    for (int64_t i = 0; i < lengths.count; ++i) {
      piece.set_dim(0, lengths.as<int64_t>()[i]);
      TARN_RETURN_IF_ERROR(array->write(i, piece, element_at(value, at * row)));
      at += lengths.as<int64_t>()[i];
    }
    return pass_flow(c, 3, 0);
  }
};

class ConcatKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    dtype_ = c.attr<DType>("dtype");
    declared_ = c.attr<Shape>("element_shape_except0");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorArray * array, array_of_dtype(c, dtype_));
    TARN_ASSIGN_OR_RETURN(int64_t size, array->size());
    TARN_ASSIGN_OR_RETURN(TensorView lengths, c.output(1, Shape{size}));
    TARN_ASSIGN_OR_RETURN(Shape rest, rest_of_shape(*array, size, lengths.as<int64_t>()));
    int64_t rows = 0;
    for (int64_t i = 0; i < size; ++i) {  // elements that were never written are as long as is declared
      if (!__builtin_add_overflow(rows, lengths.as<int64_t>()[i], &rows)) continue;
      return resource_exhausted("TensorArray ", quoted(array->options().name),
                                ": the elements have more than 2^63 rows in all");
    }
    TARN_ASSIGN_OR_RETURN(TensorView value, c.output(0, with_first(rows, rest)));
    int64_t row = rest.elements(), at = 0;
    for (int64_t i = 0; i < size; ++i) {
      array->read(i, mutable_element_at(value, at * row));
      at += lengths.as<int64_t>()[i];
    }
    return {};
  }

 private:
  // The shape of an element but for its first dim, which `lengths` gets.
  Result<Shape> rest_of_shape(const TensorArray& array, int64_t size, int64_t* lengths) const {
    if (size == 0) {
      if (declared_.is_fully_known()) return declared_;
      return invalid_argument("TensorArray ", quoted(array.options().name), " has no element, and attr ",
                              "'element_shape_except0' ", declared_.to_string(), " is not fully known");
    }
    Shape rest;
    for (int64_t i = 0; i < size; ++i) {
      TARN_ASSIGN_OR_RETURN(Shape shape, array.shape_to_read(i));
      if (shape.rank() == 0) {
        return invalid_argument("TensorArray ", quoted(array.options().name), ": index ", i,
                                " is a scalar; scalars can be gathered, not concatenated");
      }
      lengths[i] = shape.dim(0);
      if (i == 0) rest = behind_first(shape);
      if (behind_first(shape) == rest && declared_.is_compatible_with(rest)) continue;
      return invalid_argument(
          "TensorArray ", quoted(array.options().name), ": but for their first dim elements must be ",
          i == 0 ? declared_.to_string() : rest.to_string(), ", index ", i, " is ", shape.to_string());
    }
    return rest;
  }
  DType dtype_ = DType::kInvalid;
  Shape declared_;
};

constexpr KernelDef kWriteKernels[] = {portable_kernel<WriteKernel>()};
constexpr KernelDef kReadKernels[] = {portable_kernel<ReadKernel>()};
constexpr KernelDef kGatherKernels[] = {portable_kernel<GatherKernel>()};
constexpr KernelDef kPackKernels[] = {portable_kernel<PackKernel>()};
constexpr KernelDef kUnpackKernels[] = {portable_kernel<UnpackKernel>()};
constexpr KernelDef kScatterKernels[] = {portable_kernel<ScatterKernel>()};
constexpr KernelDef kSplitKernels[] = {portable_kernel<SplitKernel>()};
constexpr KernelDef kConcatKernels[] = {portable_kernel<ConcatKernel>()};

constexpr std::string_view kWriteDoc = R"(Writes an element of a TensorArray.
  handle   index  int32, a scalar   value  T[...]   flow_in  f32   returns  flow_out  f32
  Errors: InvalidArgument if it was written or read before, or its shape is not that of the array's elements.
  Source: TensorFlow data_flow_ops TensorArrayWrite.)";
constexpr std::string_view kReadDoc = R"(Reads an element of a TensorArray.
  handle   index  int32, a scalar   flow_in  f32   returns  value  dtype[...]
  Errors: InvalidArgument if it was cleared by a read before, or never written and no zeros can stand for it.
  Source: TensorFlow data_flow_ops TensorArrayRead.)";
constexpr std::string_view kGatherDoc = R"(Elements of a TensorArray as one tensor, with a first dim more.
  handle   indices  int32[n]   flow_in  f32   returns  value  dtype[n, ...]
  Errors: InvalidArgument if the elements differ in shape.   Source: TensorFlow data_flow_ops TensorArrayGather.)";
constexpr std::string_view kScatterDoc = R"(Writes the parts of a tensor, along its first dim, to a TensorArray.
  handle   indices  int32[n]   value  T[n, ...]   flow_in  f32   returns  flow_out  f32
  Source: TensorFlow data_flow_ops TensorArrayScatter.)";
constexpr std::string_view kPackDoc = R"(All elements of a TensorArray as one tensor, with a first dim more.
  handle   flow_in  f32   returns  value  dtype[n, ...]
  Errors: InvalidArgument if the elements differ in shape.   Source: TensorFlow data_flow_ops TensorArrayPack.)";
constexpr std::string_view kUnpackDoc = R"(Writes the parts of a tensor, along its first dim, to all of a TensorArray.
  handle   value  T[n, ...]   flow_in  f32   returns  flow_out  f32
  Errors: InvalidArgument if there are not as many, unless the array grows.
  Source: TensorFlow data_flow_ops TensorArrayUnpack.)";
constexpr std::string_view kSplitDoc =
    R"(Writes consecutive rows of a tensor to a TensorArray, lengths[i] of them to element i.
  handle   value  T[rows, ...]   lengths  int64[n]   flow_in  f32   returns  flow_out  f32
  Errors: InvalidArgument if the lengths are not the rows in all.   Source: TensorFlow data_flow_ops TensorArraySplit.)";
constexpr std::string_view kConcatDoc = R"(All elements of a TensorArray one behind the other, along their first dim.
  handle   flow_in  f32   returns  value  dtype[rows, ...]   lengths  int64[n]: the rows of each
  Source: TensorFlow data_flow_ops TensorArrayConcat.)";
constexpr std::string_view kReason = "loops are differentiated as a whole, which is not built yet";

constexpr uint32_t kTakes = kStateful | kTakesContainer;

}  // namespace

extern const OpDef op_TensorArrayPack, op_TensorArrayUnpack, op_TensorArrayWrite, op_TensorArrayRead,
    op_TensorArrayGather, op_TensorArrayScatter, op_TensorArraySplit, op_TensorArrayConcat, op_TensorArrayWriteV2,
    op_TensorArrayWriteV3, op_TensorArrayReadV2, op_TensorArrayReadV3, op_TensorArrayGatherV2, op_TensorArrayGatherV3,
    op_TensorArrayScatterV2, op_TensorArrayScatterV3, op_TensorArraySplitV2, op_TensorArraySplitV3,
    op_TensorArrayConcatV2, op_TensorArrayConcatV3;
const OpDef op_TensorArrayWrite = {
    .name = "TensorArrayWrite",
    .inputs = "handle: Ref(string), index: int32, value: T, flow_in: float",
    .outputs = "flow_out: float",
    .attrs = "T: type",
    .traits = kTakes,
    .infer = infer_write,
    .kernels = kWriteKernels,
};
const OpDef op_TensorArrayWriteV2 = {
    .name = "TensorArrayWriteV2",
    .inputs = "handle: string, index: int32, value: T, flow_in: float",
    .outputs = "flow_out: float",
    .attrs = "T: type",
    .traits = kTakes,
    .infer = infer_write,
    .kernels = kWriteKernels,
};
const OpDef op_TensorArrayWriteV3 = {
    .name = "TensorArrayWriteV3",
    .inputs = "handle: resource, index: int32, value: T, flow_in: float",
    .outputs = "flow_out: float",
    .attrs = "T: type",
    .traits = kTakes,
    .infer = infer_write,
    .kernels = kWriteKernels,
};
const OpDef op_TensorArrayRead = {
    .name = "TensorArrayRead",
    .inputs = "handle: Ref(string), index: int32, flow_in: float",
    .outputs = "value: dtype",
    .attrs = "dtype: type",
    .traits = kTakes,
    .infer = infer_read,
    .kernels = kReadKernels,
};
const OpDef op_TensorArrayReadV2 = {
    .name = "TensorArrayReadV2",
    .inputs = "handle: string, index: int32, flow_in: float",
    .outputs = "value: dtype",
    .attrs = "dtype: type",
    .traits = kTakes,
    .infer = infer_read,
    .kernels = kReadKernels,
};
const OpDef op_TensorArrayReadV3 = {
    .name = "TensorArrayReadV3",
    .inputs = "handle: resource, index: int32, flow_in: float",
    .outputs = "value: dtype",
    .attrs = "dtype: type",
    .traits = kTakes,
    .infer = infer_read,
    .kernels = kReadKernels,
};
const OpDef op_TensorArrayGather = {
    .name = "TensorArrayGather",
    .inputs = "handle: Ref(string), indices: int32, flow_in: float",
    .outputs = "value: dtype",
    .attrs = "dtype: type; element_shape: shape = ?",
    .traits = kTakes,
    .infer = infer_gather,
    .kernels = kGatherKernels,
};
const OpDef op_TensorArrayGatherV2 = {
    .name = "TensorArrayGatherV2",
    .inputs = "handle: string, indices: int32, flow_in: float",
    .outputs = "value: dtype",
    .attrs = "dtype: type; element_shape: shape = ?",
    .traits = kTakes,
    .infer = infer_gather,
    .kernels = kGatherKernels,
};
const OpDef op_TensorArrayGatherV3 = {
    .name = "TensorArrayGatherV3",
    .inputs = "handle: resource, indices: int32, flow_in: float",
    .outputs = "value: dtype",
    .attrs = "dtype: type; element_shape: shape = ?",
    .traits = kTakes,
    .infer = infer_gather,
    .kernels = kGatherKernels,
};
const OpDef op_TensorArrayPack = {
    .name = "TensorArrayPack",
    .inputs = "handle: Ref(string), flow_in: float",
    .outputs = "value: dtype",
    .attrs = "dtype: type; element_shape: shape = ?",
    .traits = kTakes,
    .infer = infer_pack,
    .kernels = kPackKernels,
};
const OpDef op_TensorArrayUnpack = {
    .name = "TensorArrayUnpack",
    .inputs = "handle: Ref(string), value: T, flow_in: float",
    .outputs = "flow_out: float",
    .attrs = "T: type",
    .traits = kTakes,
    .infer = infer_unpack,
    .kernels = kUnpackKernels,
};
const OpDef op_TensorArrayScatter = {
    .name = "TensorArrayScatter",
    .inputs = "handle: Ref(string), indices: int32, value: T, flow_in: float",
    .outputs = "flow_out: float",
    .attrs = "T: type",
    .traits = kTakes,
    .infer = infer_scatter,
    .kernels = kScatterKernels,
};
const OpDef op_TensorArrayScatterV2 = {
    .name = "TensorArrayScatterV2",
    .inputs = "handle: string, indices: int32, value: T, flow_in: float",
    .outputs = "flow_out: float",
    .attrs = "T: type",
    .traits = kTakes,
    .infer = infer_scatter,
    .kernels = kScatterKernels,
};
const OpDef op_TensorArrayScatterV3 = {
    .name = "TensorArrayScatterV3",
    .inputs = "handle: resource, indices: int32, value: T, flow_in: float",
    .outputs = "flow_out: float",
    .attrs = "T: type",
    .traits = kTakes,
    .infer = infer_scatter,
    .kernels = kScatterKernels,
};
const OpDef op_TensorArraySplit = {
    .name = "TensorArraySplit",
    .inputs = "handle: Ref(string), value: T, lengths: int64, flow_in: float",
    .outputs = "flow_out: float",
    .attrs = "T: type",
    .traits = kTakes,
    .infer = infer_split,
    .kernels = kSplitKernels,
};
const OpDef op_TensorArraySplitV2 = {
    .name = "TensorArraySplitV2",
    .inputs = "handle: string, value: T, lengths: int64, flow_in: float",
    .outputs = "flow_out: float",
    .attrs = "T: type",
    .traits = kTakes,
    .infer = infer_split,
    .kernels = kSplitKernels,
};
const OpDef op_TensorArraySplitV3 = {
    .name = "TensorArraySplitV3",
    .inputs = "handle: resource, value: T, lengths: int64, flow_in: float",
    .outputs = "flow_out: float",
    .attrs = "T: type",
    .traits = kTakes,
    .infer = infer_split,
    .kernels = kSplitKernels,
};
const OpDef op_TensorArrayConcat = {
    .name = "TensorArrayConcat",
    .inputs = "handle: Ref(string), flow_in: float",
    .outputs = "value: dtype, lengths: int64",
    .attrs = "dtype: type; element_shape_except0: shape = ?",
    .traits = kTakes,
    .infer = infer_concat,
    .kernels = kConcatKernels,
};
const OpDef op_TensorArrayConcatV2 = {
    .name = "TensorArrayConcatV2",
    .inputs = "handle: string, flow_in: float",
    .outputs = "value: dtype, lengths: int64",
    .attrs = "dtype: type; element_shape_except0: shape = ?",
    .traits = kTakes,
    .infer = infer_concat,
    .kernels = kConcatKernels,
};
const OpDef op_TensorArrayConcatV3 = {
    .name = "TensorArrayConcatV3",
    .inputs = "handle: resource, flow_in: float",
    .outputs = "value: dtype, lengths: int64",
    .attrs = "dtype: type; element_shape_except0: shape = ?",
    .traits = kTakes,
    .infer = infer_concat,
    .kernels = kConcatKernels,
};

TARN_OP_FILE(
    tensor_array_elements, {&op_TensorArrayPack, kPackDoc, nullptr, kReason},
    {&op_TensorArrayUnpack, kUnpackDoc, nullptr, kReason}, {&op_TensorArrayWrite, kWriteDoc, nullptr, kReason},
    {&op_TensorArrayWriteV2, kWriteDoc, nullptr, kReason}, {&op_TensorArrayWriteV3, kWriteDoc, nullptr, kReason},
    {&op_TensorArrayRead, kReadDoc, nullptr, kReason}, {&op_TensorArrayReadV2, kReadDoc, nullptr, kReason},
    {&op_TensorArrayReadV3, kReadDoc, nullptr, kReason}, {&op_TensorArrayGather, kGatherDoc, nullptr, kReason},
    {&op_TensorArrayGatherV2, kGatherDoc, nullptr, kReason}, {&op_TensorArrayGatherV3, kGatherDoc, nullptr, kReason},
    {&op_TensorArrayScatter, kScatterDoc, nullptr, kReason}, {&op_TensorArrayScatterV2, kScatterDoc, nullptr, kReason},
    {&op_TensorArrayScatterV3, kScatterDoc, nullptr, kReason}, {&op_TensorArraySplit, kSplitDoc, nullptr, kReason},
    {&op_TensorArraySplitV2, kSplitDoc, nullptr, kReason}, {&op_TensorArraySplitV3, kSplitDoc, nullptr, kReason},
    {&op_TensorArrayConcat, kConcatDoc, nullptr, kReason}, {&op_TensorArrayConcatV2, kConcatDoc, nullptr, kReason},
    {&op_TensorArrayConcatV3, kConcatDoc, nullptr, kReason})

}  // namespace tarn
