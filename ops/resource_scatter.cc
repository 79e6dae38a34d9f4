// ResourceScatterUpdate, ResourceScatterAdd, ResourceScatterSub: changes rows of a resource variable.
#include "ops/elementwise.h"
#include "ops/support/array.h"
#include "ops/variables.h"

namespace tarn {
namespace {

// updates.shape = indices.shape + variable.shape[1:], or one number for all.
Result<Shape> updates_shape(const Shape& variable, const Shape& indices) {
  if (variable.rank() < 1) {
    return invalid_argument("the variable must be at least a vector, has shape ", variable.to_string());
  }
  Shape shape = indices;
  if (indices.rank() + variable.rank() - 1 > kMaxRank) {
    return invalid_argument("the updates would have ", indices.rank() + variable.rank() - 1, " dims");
  }
  for (int d = 1; d < variable.rank(); ++d) shape.add_dim(variable.dim(d));
  return shape;
}

Status judge_updates(const Shape& variable, const Shape& indices, const Shape& updates) {
  if (!variable.has_rank() || !indices.has_rank() || updates.is_scalar()) return {};
  TARN_ASSIGN_OR_RETURN(Shape wanted, updates_shape(variable, indices));
  if (wanted.is_compatible_with(updates)) return {};
  return invalid_argument("updates must have the shape ", wanted.to_string(), " (of indices ", indices.to_string(),
                          " and the variable's rows) or be a scalar, have shape ", updates.to_string());
}

Status infer(InferContext& c) {
  TARN_RETURN_IF_ERROR(expect_variable_of(c, 0, "dtype"));
  return judge_updates(c.variable(0).shape, c.shape(1), c.shape(2));
}

// Where each row of updates goes; the judgement of what is there while running.
struct Rows {
  IntList indices;
  int64_t inner = 0;  // elements of a row
  int64_t step = 0;   // from the update of one element to the next: 0 if one number serves all
};

Result<Rows> judge_rows(RunContext& c) {
  const Variable& variable = *c.variable(0);
  if (!variable.is_initialized()) {
    return failed_precondition("Attempting to use uninitialized value ", variable.name());
  }
  const Shape& shape = variable.value().shape();
  const TensorView& updates = c.input(2);
  if (shape.rank() < 1) return updates_shape(shape, *c.input(1).shape).status();
  TARN_RETURN_IF_ERROR(judge_updates(shape, *c.input(1).shape, *updates.shape));
  Rows rows{.indices = IntList::of(c.input(1)),
            .inner = dim_product(shape, 1, shape.rank()),
            .step = updates.shape->is_scalar() ? 0 : 1};
  // Before anything changes.
  for (int64_t i = 0; i < rows.indices.size(); ++i) {
    int64_t index = rows.indices[i];
    if (index < 0 || index >= shape.dim(0)) {
      return invalid_argument("indices[", i, "] = ", index, " is not in [0, ", shape.dim(0), ")");
    }
  }
  return rows;
}

class ScatterUpdateKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(Rows rows, judge_rows(c));
    Tensor& value = c.variable(0)->mutable_value();
    TensorView to{value.dtype(), &value.shape(), value.mutable_data(), value.element_count()};
    if (to.data == nullptr && to.count > 0) return resource_exhausted("out of memory for the variable");
    const TensorView& updates = c.input(2);
    // In the order of the indices: of rows named twice, the last stays.
    for (int64_t i = 0; i < rows.indices.size(); ++i) {
      int64_t row = rows.indices[i] * rows.inner;
      if (rows.step == 1) {
        copy_elements(to.dtype, mutable_element_at(to, row), element_at(updates, i * rows.inner), rows.inner);
        continue;
      }
      for (int64_t k = 0; k < rows.inner; ++k) {
        copy_elements(to.dtype, mutable_element_at(to, row + k), element_at(updates, 0), 1);
      }
    }
    return {};
  }
};

template <class T, int sign>
class ScatterAddKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(Rows rows, judge_rows(c));
    Tensor& value = c.variable(0)->mutable_value();
    T* to = static_cast<T*>(value.mutable_data());
    if (to == nullptr && value.element_count() > 0) return resource_exhausted("out of memory for the variable");
    const T* updates = c.input(2).as<T>();
    // Threads share the columns, so every sum is taken in the order of the rows.
    int64_t count = rows.indices.size();
    c.threads().parallel_for(rows.inner, std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, count)),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t i = 0; i < count; ++i) {
                                 T* row = to + rows.indices[i] * rows.inner;
                                 const T* from = updates + i * rows.inner * rows.step;
                                 for (int64_t k = begin; k < end; ++k) add(row[k], from[k * rows.step]);
                               }
                             });
    return {};
  }

 private:
  static void add(T& sum, T x) {
    if constexpr (std::is_floating_point_v<T>) {
      sum += sign > 0 ? x : -x;
    } else {  // wraps
      auto a = static_cast<uint64_t>(sum), b = static_cast<uint64_t>(x);
      sum = static_cast<T>(sign > 0 ? a + b : a - b);
    }
  }
};

constexpr KernelDef kUpdateKernels[] = {portable_kernel<ScatterUpdateKernel>()};
template <int sign>
constexpr KernelDef kAddKernels[] = {
    portable_kernel<ScatterAddKernel<float, sign>>(DType::kFloat),
    portable_kernel<ScatterAddKernel<double, sign>>(DType::kDouble),
    portable_kernel<ScatterAddKernel<int32_t, sign>>(DType::kInt32),
    portable_kernel<ScatterAddKernel<int64_t, sign>>(DType::kInt64),
};

constexpr std::string_view kInputs = "resource: resource, indices: Tindices, updates: dtype";
constexpr std::string_view kAddAttrs =
    "dtype: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
    "quint16, uint16, complex128, half, uint32, uint64}; Tindices: {int32, int64}";
constexpr uint32_t kTraits = kStateful | kWritesRef | kTakesVariable;

constexpr std::string_view kUpdateDoc = R"(Gives rows of a variable new values.
  resource  a handle on a variable dtype[n, ...]   indices  Tindices[...], each in [0, n)
  updates   dtype[indices.shape, ...], or a scalar for all of them;   of rows named twice the last stays
  Errors: InvalidArgument naming the index, its place and n; FailedPrecondition if the variable has no value.
  Source: TensorFlow resource_variable_ops ResourceScatterUpdate.)";
constexpr std::string_view kAddDoc = R"(Adds to rows of a variable.
  resource  a handle on a variable dtype[n, ...]   indices  Tindices[...], each in [0, n)
  updates   dtype[indices.shape, ...], or a scalar for all of them;   rows named twice get both; integers wrap
  Errors: InvalidArgument naming the index, its place and n; FailedPrecondition if the variable has no value.
  Source: TensorFlow resource_variable_ops ResourceScatterAdd.)";
constexpr std::string_view kSubDoc = R"(Subtracts from rows of a variable.
  resource  a handle on a variable dtype[n, ...]   indices  Tindices[...], each in [0, n)
  updates   dtype[indices.shape, ...], or a scalar for all of them;   rows named twice get both; integers wrap
  Errors: InvalidArgument naming the index, its place and n; FailedPrecondition if the variable has no value.
  Source: TensorFlow resource_variable_ops ResourceScatterSub.)";
constexpr std::string_view kNoGradient = "it changes a variable";

}  // namespace

extern const OpDef op_ResourceScatterUpdate, op_ResourceScatterAdd, op_ResourceScatterSub;
const OpDef op_ResourceScatterUpdate = {
    .name = "ResourceScatterUpdate",
    .inputs = kInputs,
    .attrs = "dtype: type; Tindices: {int32, int64}",
    .traits = kTraits,
    .infer = infer,
    .kernels = kUpdateKernels,
};
const OpDef op_ResourceScatterAdd = {
    .name = "ResourceScatterAdd",
    .inputs = kInputs,
    .attrs = kAddAttrs,
    .traits = kTraits,
    .infer = infer,
    .kernels = kAddKernels<1>,
};
const OpDef op_ResourceScatterSub = {
    .name = "ResourceScatterSub",
    .inputs = kInputs,
    .attrs = kAddAttrs,
    .traits = kTraits,
    .infer = infer,
    .kernels = kAddKernels<-1>,
};

TARN_OP_FILE(resource_scatter, {&op_ResourceScatterUpdate, kUpdateDoc, nullptr, kNoGradient},
             {&op_ResourceScatterAdd, kAddDoc, nullptr, kNoGradient},
             {&op_ResourceScatterSub, kSubDoc, nullptr, kNoGradient})

}  // namespace tarn
