// Updates of parts of a variable, a reference or a resource: what Scatter*, ScatterNd* and their likes on resources
// share. `Parts` says which parts the indices name: Rows (one number each) or Slices (several numbers each).
//
//   .infer = scatter::infer<scatter::Rows>,
//   .kernels = scatter::kCombineKernels<scatter::Rows, scatter::Plus, float, Half>,
#pragma once

#include <algorithm>

#include "ops/elementwise.h"
#include "ops/support/slice_rows.h"
#include "ops/variables.h"

namespace tarn::scatter {

class Rows {
 public:
  static constexpr std::string_view kDtypeAttr = "dtype";  // of the ops on resources
  // updates.shape = indices.shape + variable.shape[1:], or one number for all.
  static Status judge_updates(const Shape& variable, const Shape& indices, const Shape& updates);

  Rows(const TensorView& indices, const Shape& variable) : indices_(IntList::of(indices)), limit_(variable.dim(0)) {}
  static int depth(const Shape&) { return 1; }
  int64_t count() const { return indices_.size(); }
  int64_t operator[](int64_t i) const { return indices_[i]; }
  Status judge() const;

 private:
  IntList indices_;
  int64_t limit_;
};

class Slices : public SliceRows {
 public:
  static constexpr std::string_view kDtypeAttr = "T";
  // updates.shape = indices.shape[:-1] + variable.shape[depth:].
  static Status judge_updates(const Shape& variable, const Shape& indices, const Shape& updates);

  using SliceRows::SliceRows;
  static int depth(const Shape& indices) { return static_cast<int>(indices.dim(-1)); }
  Status judge() const { return SliceRows::judge("the variable"); }
};

template <class Parts>
Status infer(InferContext& c) {
  if (c.input(0).behind != nullptr) TARN_RETURN_IF_ERROR(expect_variable_of(c, 0, Parts::kDtypeAttr));
  const Shape& variable = c.variable(0).shape;
  if (variable.has_rank() && c.shape(1).has_rank()) {
    TARN_RETURN_IF_ERROR(Parts::judge_updates(variable, c.shape(1), c.shape(2)));
  }
  return c.output_count() > 0 ? c.set_output(0, variable) : Status();
}

template <class Parts>
struct Target {
  Parts parts;
  TensorView to;      // the variable's value, to be written
  int64_t inner = 0;  // elements of a part
  int64_t step = 0;   // from the update of one element to the next: 0 if one number serves all
};

// Judges what is there while running, before anything changes.
template <class Parts>
Result<Target<Parts>> target_of(RunContext& c) {
  Variable& variable = *c.variable(0);
  if (!variable.is_initialized()) {
    return failed_precondition("Attempting to use uninitialized value ", variable.name());
  }
  const Shape &shape = variable.value().shape(), &indices = *c.input(1).shape, &updates = *c.input(2).shape;
  TARN_RETURN_IF_ERROR(Parts::judge_updates(shape, indices, updates));
  TARN_RETURN_IF_ERROR(Parts(c.input(1), shape).judge());
  Tensor& value = variable.mutable_value();
  TensorView to{value.dtype(), &value.shape(), value.mutable_data(), value.element_count()};
  if (to.data == nullptr && to.count > 0) return resource_exhausted("out of memory for the variable");
  int depth = Parts::depth(indices);
  int64_t inner = dim_product(value.shape(), depth, value.shape().rank());
  return Target<Parts>{Parts(c.input(1), value.shape()), to, inner, updates.is_scalar() ? 0 : 1};
}

template <class Parts>
class UpdateKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(Target<Parts> target, target_of<Parts>(c));
    const TensorView& updates = c.input(2);
    int64_t inner = target.inner;
    // In the order of the indices: of parts named twice, the last stays.
    for (int64_t i = 0; i < target.parts.count(); ++i) {
      int64_t at = target.parts[i] * inner;
      if (target.step == 1) {
        copy_elements(updates.dtype, mutable_element_at(target.to, at), element_at(updates, i * inner), inner);
        continue;
      }
      for (int64_t k = 0; k < inner; ++k) {
        copy_elements(updates.dtype, mutable_element_at(target.to, at + k), element_at(updates, 0), 1);
      }
    }
    give_variable(c);
    return {};
  }
};

// variable[place] = F()(variable[place], update); half and bfloat16 are rounded each time, as in TensorFlow.
template <class Parts, class T, template <class> class F>
class CombineKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    if (c.input(1).count > 0) TARN_RETURN_IF_ERROR(judge_divisors(c.input(2)));
    TARN_ASSIGN_OR_RETURN(Target<Parts> target, target_of<Parts>(c));
    const T* updates = c.input(2).as<T>();
    T* to = target.to.template as<T>();
    const Parts& parts = target.parts;
    int64_t count = parts.count(), inner = target.inner, step = target.step;
    // Threads share the columns, so every part is changed in the order of the indices.
    c.threads().parallel_for(inner, std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, count)),
                             [&](int64_t begin, int64_t end, int) {
                               ElementFunctor<F, T> f;
                               for (int64_t i = 0; i < count; ++i) {
                                 T* part = to + parts[i] * inner;
                                 const T* from = updates + i * inner * step;
                                 for (int64_t k = begin; k < end; ++k) part[k] = f(part[k], from[k * step]);
                               }
                             });
    give_variable(c);
    return {};
  }

 private:
  static Status judge_divisors(const TensorView& updates) {
    if constexpr (std::is_integral_v<T> && F<T>::kDivides) {
      std::span<const T> divisors = updates.flat<T>();
      auto zero = std::find(divisors.begin(), divisors.end(), T(0));
      if (zero != divisors.end()) {
        return invalid_argument("division by zero: updates", element_position(*updates.shape, zero - divisors.begin()),
                                " is 0");
      }
    }
    return {};
  }
};

template <class T>
struct Plus {
  static constexpr bool kDivides = false;
  T operator()(T a, T b) const { return wrap_add(a, b); }
};
template <class T>
struct Minus {
  static constexpr bool kDivides = false;
  T operator()(T a, T b) const { return wrap_subtract(a, b); }
};
template <class T>
struct Times {
  static constexpr bool kDivides = false;
  T operator()(T a, T b) const { return wrap_multiply(a, b); }
};
template <class T>
struct Over {
  static constexpr bool kDivides = true;
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      if (b == T(-1)) return wrap_subtract(T(0), a);  // the smallest number's quotient wraps
    }
    return static_cast<T>(a / b);
  }
};
template <class T>
struct Smaller {
  static constexpr bool kDivides = false;
  T operator()(T a, T b) const { return std::min(a, b); }
};
template <class T>
struct Larger {
  static constexpr bool kDivides = false;
  T operator()(T a, T b) const { return std::max(a, b); }
};

template <class Parts>
static constexpr KernelDef kUpdateKernels[] = {portable_kernel<UpdateKernel<Parts>>()};
template <class Parts, template <class> class F, class... Ts>
static constexpr KernelDef kCombineKernels[] = {portable_kernel<CombineKernel<Parts, Ts, F>>(dtype_of<Ts>())...};
// Every dtype that TensorFlow's kernels have.
template <class Parts, template <class> class F>
static constexpr auto& kNumberKernels = kCombineKernels<Parts, F, float, double, Half, BFloat16, int32_t, int64_t,
                                                        uint8_t, int8_t, int16_t, uint16_t, uint32_t, uint64_t>;

// The signatures of the ops on references.
constexpr std::string_view kRefInputs = "ref: Ref(T), indices: Tindices, updates: T";
constexpr std::string_view kRefOutputs = "output_ref: Ref(T)";
constexpr std::string_view kRefUpdateAttrs = "T: type; Tindices: {int32, int64}; use_locking: bool = true";
constexpr std::string_view kRefNumberAttrs =
    "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
    "quint16, uint16, complex128, half, uint32, uint64}; Tindices: {int32, int64}; use_locking: bool = false";

constexpr uint32_t kResourceTraits = kStateful | kWritesRef | kTakesVariable;
constexpr std::string_view kNoGradient = "it changes a variable";

}  // namespace tarn::scatter
