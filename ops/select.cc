// Select and SelectV2.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// Whether `condition` fits a `value`: a scalar, a vector that chooses rows, or the same shape.
Status judge_condition(const Shape& condition, const Shape& value) {
  if (!condition.has_rank() || !value.has_rank() || condition.rank() == 0) return {};
  bool chooses_rows = condition.rank() == 1 && value.rank() >= 1;
  if (chooses_rows ? Shape{condition.dim(0)}.is_compatible_with(Shape{value.dim(0)})
                   : condition.is_compatible_with(value)) {
    return {};
  }
  return invalid_argument("condition ", condition.to_string(),
                          " is neither a scalar, nor a vector with an element a row,", " nor of the shape of 't', ",
                          value.to_string());
}

Status infer_select(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Shape value, c.shape(1).merge(c.shape(2)));
  TARN_RETURN_IF_ERROR(judge_condition(c.shape(0), value));
  return c.set_output(0, value);
}

Status infer_select_v2(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Shape value, broadcast_shapes(c.shape(1), c.shape(2)));
  return c.set_output(0, broadcast_shapes(c.shape(0), value));
}

// y[i] = condition[i] ? t[i] : e[i], steps 0 where an input is stretched; elements of sizeof(T) bytes whatever they
// mean.
template <class T>
void select_row(const bool* condition, const void* t, const void* e, void* y, int64_t condition_step, int64_t t_step,
                int64_t e_step, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const void* from =
        condition[i * condition_step] ? static_cast<const T*>(t) + i * t_step : static_cast<const T*>(e) + i * e_step;
    static_cast<T*>(y)[i] = *static_cast<const T*>(from);
  }
}

using SelectRow = void (*)(const bool*, const void*, const void*, void*, int64_t, int64_t, int64_t, int64_t);

struct Bytes16 {
  uint64_t half[2];
};

SelectRow row_function(DType dtype) {
  if (dtype == DType::kString) return select_row<std::string>;
  switch (dtype_size(dtype)) {
    case 1: return select_row<uint8_t>;
    case 2: return select_row<uint16_t>;
    case 4: return select_row<uint32_t>;
    case 8: return select_row<uint64_t>;
    case 16: return select_row<Bytes16>;
    default: return nullptr;
  }
}

size_t element_bytes(DType dtype) {
  return dtype == DType::kString ? sizeof(std::string) : dtype_size(dtype);
}

class SelectKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    row_ = row_function(c.output(0).dtype);
    if (row_ == nullptr) return unimplemented("cannot choose among ", dtype_name(c.output(0).dtype), " values");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &condition = c.input(0), &t = c.input(1), &e = c.input(2);
    if (!(*t.shape == *e.shape)) {
      return invalid_argument("'t' ", t.shape->to_string(), " and 'e' ", e.shape->to_string(), " differ in shape");
    }
    TARN_RETURN_IF_ERROR(judge_condition(*condition.shape, *t.shape));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *t.shape));
    if (y.count == 0) return {};
    const bool* chooses_t = condition.as<bool>();
    if (condition.shape->rank() == 0 || condition.shape->rank() != t.shape->rank()) {
      int64_t rows = condition.count;
      int64_t row = y.count / rows;
      for (int64_t i = 0; i < rows; ++i) {
        copy_elements(y.dtype, mutable_element_at(y, i * row), element_at(chooses_t[i] ? t : e, i * row), row);
      }
      return {};
    }
    size_t size = element_bytes(y.dtype);
    c.threads().parallel_for(y.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      size_t at = static_cast<size_t>(begin) * size;
      row_(chooses_t + begin, t.as<char>() + at, e.as<char>() + at, y.as<char>() + at, 1, 1, 1, end - begin);
    });
    return {};
  }

 private:
  SelectRow row_ = nullptr;
};

class SelectV2Kernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    row_ = row_function(c.output(0).dtype);
    if (row_ == nullptr) return unimplemented("cannot choose among ", dtype_name(c.output(0).dtype), " values");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &condition = c.input(0), &t = c.input(1), &e = c.input(2);
    TARN_ASSIGN_OR_RETURN(Shape values, broadcast_shapes(*t.shape, *e.shape));
    TARN_ASSIGN_OR_RETURN(Shape shape, broadcast_shapes(*condition.shape, values));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count == 0) return {};
    int64_t strides[3][kMaxRank];
    for (int i = 0; i < 3; ++i) fill_strides(*c.input(i).shape, shape, strides[i]);
    int inner = shape.rank() - 1;
    int64_t n = inner >= 0 ? shape.dim(inner) : 1;
    size_t size = element_bytes(y.dtype);
    c.threads().parallel_for(
        y.count / n, std::max<int64_t>(1, kElementsPerRange / n), [&](int64_t begin, int64_t end, int) {
          for (int64_t row = begin; row < end; ++row) {
            int64_t offsets[3] = {0, 0, 0};
            int64_t rest = row;
            for (int d = inner - 1; d >= 0; --d) {
              int64_t index = rest % shape.dim(d);
              rest /= shape.dim(d);
              for (int i = 0; i < 3; ++i) offsets[i] += index * strides[i][d];
            }
            auto step = [&](int i) { return inner >= 0 ? strides[i][inner] : 0; };
            row_(condition.as<bool>() + offsets[0], t.as<char>() + static_cast<size_t>(offsets[1]) * size,
                 e.as<char>() + static_cast<size_t>(offsets[2]) * size,
                 y.as<char>() + static_cast<size_t>(row * n) * size, step(0), step(1), step(2), n);
          }
        });
    return {};
  }

 private:
  // Strides of `input` along the dims of `output`, in elements; 0 where it is stretched.
  static void fill_strides(const Shape& input, const Shape& output, int64_t* strides) {
    int64_t size = 1;
    for (int i = 1; i <= output.rank(); ++i) {
      int64_t dim = i <= input.rank() ? input.dim(-i) : 1;
      strides[output.rank() - i] = dim == 1 ? 0 : size;
      size *= dim;
    }
  }

  SelectRow row_ = nullptr;
};

constexpr KernelDef kSelectKernels[] = {portable_kernel<SelectKernel>()};
constexpr KernelDef kSelectV2Kernels[] = {portable_kernel<SelectV2Kernel>()};

Status select_gradient(GradContext& c) {
  // dt = dy where the condition holds, de = dy elsewhere
  Wire zeros = c.op("ZerosLike", {c.grad()});
  c.set_grad(1, c.op("Select", {c.input(0), c.grad(), zeros}));
  c.set_grad(2, c.op("Select", {c.input(0), zeros, c.grad()}));
  return {};
}

Status select_v2_gradient(GradContext& c) {
  // dt = dy where the condition holds, de = dy elsewhere; each summed over the dims it was stretched along
  Wire zeros = c.op("ZerosLike", {c.grad()});
  c.set_grad(1, sum_to_shape_of(c, c.input(1), c.op("SelectV2", {c.input(0), c.grad(), zeros})));
  c.set_grad(2, sum_to_shape_of(c, c.input(2), c.op("SelectV2", {c.input(0), zeros, c.grad()})));
  return {};
}

constexpr std::string_view kSelectDoc = R"(t where the condition holds, e elsewhere.
  condition  bool: a scalar, a vector with an element a row of t, or t's shape
  t, e       T[...], one shape   returns  T[...], the same shape
  Errors: InvalidArgument if the shapes do not fit.  Source: TensorFlow math_ops Select.)";
constexpr std::string_view kSelectV2Doc = R"(t where the condition holds, e elsewhere; all three broadcast.
  condition  bool   t, e  T   returns  T, the broadcast of the three shapes
  Errors: InvalidArgument if the shapes do not broadcast.  Source: TensorFlow math_ops SelectV2.)";

}  // namespace

extern const OpDef op_Select, op_SelectV2;
const OpDef op_Select = {
    .name = "Select",
    .inputs = "condition: bool, t: T, e: T",
    .outputs = "output: T",
    .attrs = "T: type",
    .infer = infer_select,
    .kernels = kSelectKernels,
};
const OpDef op_SelectV2 = {
    .name = "SelectV2",
    .inputs = "condition: bool, t: T, e: T",
    .outputs = "output: T",
    .attrs = "T: type",
    .infer = infer_select_v2,
    .kernels = kSelectV2Kernels,
};

TARN_OP_FILE(select, {&op_Select, kSelectDoc, select_gradient}, {&op_SelectV2, kSelectV2Doc, select_v2_gradient})

}  // namespace tarn
