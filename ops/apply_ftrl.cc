// ApplyFtrl and ApplyFtrlV2.
#include <cmath>

#include "ops/apply.h"
#include "ops/elementwise.h"

namespace tarn {
namespace {

constexpr std::string_view kNames[] = {"var", "accum", "linear", "grad", "lr", "l1", "l2", "lr_power"};
constexpr ApplyInputs kInputs{.refs = 3, .grad = 3, .names = kNames};
constexpr std::string_view kV2Names[] = {"var", "accum", "linear",       "grad",    "lr",
                                         "l1",  "l2",    "l2_shrinkage", "lr_power"};
constexpr ApplyInputs kV2Inputs{.refs = 3, .grad = 3, .names = kV2Names};

Status infer(InferContext& c) {
  return infer_apply(c, kInputs);
}
Status infer_v2(InferContext& c) {
  return infer_apply(c, kV2Inputs);
}

template <class T>
struct FtrlOptions {
  T learning_rate = 0, l1 = 0, l2 = 0, l2_shrinkage = 0, lr_power = 0;
  bool multiply_linear_by_lr = false;

  // As TensorFlow judges them; NaN is refused too.
  Status judge() const {
    auto bad = [](const char* name, T value, const char* wanted) {
      return invalid_argument("'", name, "' is ", value, ", must be ", wanted);
    };
    bool zero_allowed = multiply_linear_by_lr;  // then nothing is divided by lr
    if (!(learning_rate > T(0) || (zero_allowed && learning_rate == T(0)))) {
      return bad("lr", learning_rate, zero_allowed ? "0 or above" : "above 0");
    }
    if (!(l1 >= T(0))) return bad("l1", l1, "0 or above");
    if (!(l2 >= T(0))) return bad("l2", l2, "0 or above");
    if (!(l2_shrinkage >= T(0))) return bad("l2_shrinkage", l2_shrinkage, "0 or above");
    if (!(lr_power <= T(0))) return bad("lr_power", lr_power, "0 or below");
    return {};
  }
  T power(T accum) const { return lr_power == T(-0.5) ? std::sqrt(accum) : std::pow(accum, -lr_power); }
};

// All is multiplied by lr where multiply_linear_by_lr says so: linear holds lr times what it holds otherwise.
template <class T>
void ftrl_update(const FtrlOptions<T>& o, T gradient, T& var, T& accum, T& linear) {
  const T scale = o.multiply_linear_by_lr ? o.learning_rate : T(1);
  const T rate = o.multiply_linear_by_lr ? T(1) : o.learning_rate;
  T new_accum = accum + gradient * gradient;
  T shrunk = gradient + T(2) * o.l2_shrinkage * var;
  T new_power = o.power(new_accum);
  linear += shrunk * scale - (new_power - o.power(accum)) / rate * var;
  T threshold = o.l1 * scale;
  T sign = linear > T(0) ? T(1) : linear < T(0) ? T(-1) : linear;
  T pull = threshold * sign - linear;
  T curvature = new_power / rate + T(2) * o.l2 * scale;
  var = std::fabs(linear) > threshold ? pull / curvature : T(0);
  accum = new_accum;
}

template <class T, bool kHasShrinkage>
class FtrlKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    multiply_linear_by_lr_ = c.attr<bool>("multiply_linear_by_lr");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(judge_apply(c, kHasShrinkage ? kV2Inputs : kInputs));
    auto number = [&](int i) { return c.input(i).item<T>(); };
    FtrlOptions<T> options{.learning_rate = number(4),
                           .l1 = number(5),
                           .l2 = number(6),
                           .l2_shrinkage = kHasShrinkage ? number(7) : T(0),
                           .lr_power = number(kHasShrinkage ? 8 : 7),
                           .multiply_linear_by_lr = multiply_linear_by_lr_};
    TARN_RETURN_IF_ERROR(options.judge());
    const TensorView& gradient = c.input(3);
    const T* grad = gradient.as<T>();
    T *linear = variable_data<T>(c, 2), *accum = variable_data<T>(c, 1), *var = variable_data<T>(c, 0);
    c.threads().parallel_for(gradient.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) ftrl_update(options, grad[i], var[i], accum[i], linear[i]);
    });
    give_variable(c);
    return {};
  }

 private:
  bool multiply_linear_by_lr_ = false;
};

constexpr KernelDef kKernels[] = {
    portable_kernel<FtrlKernel<float, false>>(DType::kFloat),
    portable_kernel<FtrlKernel<double, false>>(DType::kDouble),
};
constexpr KernelDef kV2Kernels[] = {
    portable_kernel<FtrlKernel<float, true>>(DType::kFloat),
    portable_kernel<FtrlKernel<double, true>>(DType::kDouble),
};

constexpr std::string_view kFtrlAttrs =
    "T: {float, double, int32, uint8, int16, int8, complex64, int64, qint8, quint8, qint32, bfloat16, qint16, "
    "quint16, uint16, complex128, half, uint32, uint64}; use_locking: bool = false; multiply_linear_by_lr: bool = "
    "false";
constexpr std::string_view kDoc = R"(A step of FTRL-proximal (follow the regularized leader).
  var, accum, linear  variables T[...] of one shape   grad  T[...], var's shape   lr, l1, l2, lr_power  T, scalars
  returns  the variable var
  new_accum = accum + grad^2;  linear += grad - (new_accum^-lr_power - accum^-lr_power) / lr * var;
  var = (l1 * sign(linear) - linear) / (new_accum^-lr_power / lr + 2 * l2) where |linear| > l1, else 0;
  accum = new_accum.  With multiply_linear_by_lr, linear holds lr times as much.
  Errors: InvalidArgument if shapes differ, lr is not above 0, l1 or l2 is below 0 or lr_power above;
  FailedPrecondition if a variable has no value.  Source: TensorFlow training_ops ApplyFtrl; McMahan et al. 2013.)";
constexpr std::string_view kV2Doc = R"(A step of FTRL-proximal with L2 shrinkage of the gradient.
  var, accum, linear  variables T[...] of one shape   grad  T[...], var's shape
  lr, l1, l2, l2_shrinkage, lr_power  T, scalars   returns  the variable var
  ApplyFtrl with grad + 2 * l2_shrinkage * var added to linear in grad's place; accum takes grad^2 alone.
  Errors: InvalidArgument if shapes differ, lr is not above 0, l1, l2 or l2_shrinkage is below 0 or lr_power above;
  FailedPrecondition if a variable has no value.  Source: TensorFlow training_ops ApplyFtrlV2.)";
constexpr std::string_view kResourceDoc = R"(ApplyFtrl for resource variables.
  Inputs, formula and errors are ApplyFtrl's, with handles for its variables; returns nothing.
  Source: TensorFlow training_ops ResourceApplyFtrl.)";
constexpr std::string_view kResourceV2Doc = R"(ApplyFtrlV2 for resource variables.
  Inputs, formula and errors are ApplyFtrlV2's, with handles for its variables; returns nothing.
  Source: TensorFlow training_ops ResourceApplyFtrlV2.)";

}  // namespace

extern const OpDef op_ApplyFtrl, op_ApplyFtrlV2, op_ResourceApplyFtrl, op_ResourceApplyFtrlV2;
const OpDef op_ApplyFtrl = {
    .name = "ApplyFtrl",
    .inputs = "var: Ref(T), accum: Ref(T), linear: Ref(T), grad: T, lr: T, l1: T, l2: T, lr_power: T",
    .outputs = "out: Ref(T)",
    .attrs = kFtrlAttrs,
    .traits = kApplyTraits,
    .infer = infer,
    .kernels = kKernels,
};
const OpDef op_ApplyFtrlV2 = {
    .name = "ApplyFtrlV2",
    .inputs = "var: Ref(T), accum: Ref(T), linear: Ref(T), grad: T, lr: T, l1: T, l2: T, l2_shrinkage: T, lr_power: T",
    .outputs = "out: Ref(T)",
    .attrs = kFtrlAttrs,
    .traits = kApplyTraits,
    .infer = infer_v2,
    .kernels = kV2Kernels,
};
const OpDef op_ResourceApplyFtrl = {
    .name = "ResourceApplyFtrl",
    .inputs = "var: resource, accum: resource, linear: resource, grad: T, lr: T, l1: T, l2: T, lr_power: T",
    .attrs = kFtrlAttrs,
    .traits = kResourceApplyTraits,
    .infer = infer,
    .kernels = kKernels,
};
const OpDef op_ResourceApplyFtrlV2 = {
    .name = "ResourceApplyFtrlV2",
    .inputs =
        "var: resource, accum: resource, linear: resource, grad: T, lr: T, l1: T, l2: T, l2_shrinkage: T, lr_power: T",
    .attrs = kFtrlAttrs,
    .traits = kResourceApplyTraits,
    .infer = infer_v2,
    .kernels = kV2Kernels,
};

TARN_OP_FILE(apply_ftrl, {&op_ApplyFtrl, kDoc, nullptr, kApplyReason}, {&op_ApplyFtrlV2, kV2Doc, nullptr, kApplyReason},
             {&op_ResourceApplyFtrl, kResourceDoc, nullptr, kApplyReason},
             {&op_ResourceApplyFtrlV2, kResourceV2Doc, nullptr, kApplyReason})

}  // namespace tarn
