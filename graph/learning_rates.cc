#include "graph/learning_rates.h"

#include <numbers>

#include "graph/variables.h"

namespace tarn {
namespace {

// The nodes of one schedule.
class Schedule {
 public:
  Schedule(const Scope& scope, std::string_view name, const Input& learning_rate)
      : outer_(scope),
        inner_(scope.NewSubScope(scope.op_name().empty() ? name : std::string_view(scope.op_name()))),
        dtype_(dtype_of(learning_rate)) {
    rate = number("initial_learning_rate", learning_rate);
  }
  // A scalar of the schedule's dtype.
  Output number(std::string_view name, const Input& value) const { return number(name, value, dtype_); }
  Output number(std::string_view name, const Input& value, DType dtype) const {
    if (value.is_constant()) return ops::ConstOfType(inner_.WithOpName(name), value.constant(), dtype);
    const Output output = read(value.output());
    if (output.is_none() || output.dtype() == dtype) return output;
    return op("Cast", {output}, {{"DstT", dtype}});
  }
  // The step itself, which may be given as its handle.
  Output read(const Output& step) const { return read_variable(inner_, step); }
  Output op(std::string_view type, const std::vector<NodeArg>& args, AttrMap attrs = {}) const {
    return AddNode(inner_, type, args, std::move(attrs)).output(0);
  }
  // The node that has the schedule's name.
  Output result(std::string_view type, const std::vector<NodeArg>& args) const {
    return AddNodeNamed(outer_, inner_.prefix(), type, args).output(0);
  }
  Output error(const Status& status) const {
    outer_.UpdateStatus(status);
    return {};
  }
  const std::string& name() const { return inner_.prefix(); }
  // global_step / decay_steps
  Output progress(const Output& global_step, const Input& decay_steps, bool staircase) const {
    Output steps = number("decay_steps", decay_steps);
    Output share = op("RealDiv", {number("global_step", global_step), steps});
    return staircase ? op("Floor", {share}) : share;
  }
  // The same, at most 1.
  Output limited_progress(const Output& global_step, const Input& decay_steps) const {
    Output steps = number("decay_steps", decay_steps);
    Output now = op("Minimum", {number("global_step", global_step), steps});
    return op("RealDiv", {now, steps});
  }
  // 1 + cos(pi * x)
  Output raised_cosine(const Output& x) const {
    return op("Add", {1.0, op("Cos", {op("Mul", {std::numbers::pi, x})})});
  }

  Output rate;

 private:
  // TensorFlow takes Python's numbers for float32.
  static DType dtype_of(const Input& learning_rate) {
    if (!learning_rate.is_constant()) return variable_fact(learning_rate.output()).dtype;
    return learning_rate.constant().is_literal() ? DType::kFloat : learning_rate.constant().tensor().dtype();
  }

  Scope outer_, inner_;
  DType dtype_;
};

}  // namespace

Output ExponentialDecay(const Scope& scope, const Input& learning_rate, const Output& global_step,
                        const Input& decay_steps, const Input& decay_rate, bool staircase) {
  if (!scope.ok()) return {};
  Schedule s(scope, "ExponentialDecay", learning_rate);
  Output base = s.number("decay_rate", decay_rate);
  Output factor = s.op("Pow", {base, s.progress(global_step, decay_steps, staircase)});
  return s.result("Mul", {s.rate, factor});
}

Output NaturalExpDecay(const Scope& scope, const Input& learning_rate, const Output& global_step,
                       const Input& decay_steps, const Input& decay_rate, bool staircase) {
  if (!scope.ok()) return {};
  Schedule s(scope, "ExponentialDecay", learning_rate);  // TensorFlow's name
  Output base = s.op("Exp", {s.op("Neg", {s.number("decay_rate", decay_rate)})});
  Output factor = s.op("Pow", {base, s.progress(global_step, decay_steps, staircase)});
  return s.result("Mul", {s.rate, factor});
}

Output InverseTimeDecay(const Scope& scope, const Input& learning_rate, const Output& global_step,
                        const Input& decay_steps, const Input& decay_rate, bool staircase) {
  if (!scope.ok()) return {};
  Schedule s(scope, "InverseTimeDecay", learning_rate);
  Output speed = s.number("decay_rate", decay_rate);
  Output slowed = s.op("Mul", {speed, s.progress(global_step, decay_steps, staircase)});
  return s.result("RealDiv", {s.rate, s.op("Add", {1.0, slowed})});
}

Output PiecewiseConstant(const Scope& scope, const Output& x, const std::vector<Input>& boundaries,
                         const std::vector<Input>& values) {
  if (!scope.ok()) return {};
  Schedule s(scope, "PiecewiseConstant", values.empty() ? Input(0.0f) : values.back());
  if (boundaries.empty() || values.size() != boundaries.size() + 1) {
    return s.error(invalid_argument("PiecewiseConstant ", quoted(s.name()), ": there must be one value more than ",
                                    "boundaries, and a boundary; there are ", values.size(), " values and ",
                                    boundaries.size(), " boundaries"));
  }
  // x <= b0 ? v0 : (x <= b1 ? v1 : …), written from the end
  Output value = s.rate;
  const Output now = s.read(x);
  for (size_t i = boundaries.size(); i-- > 0;) {
    Output is_before = s.op("LessEqual", {now, s.number("boundary", boundaries[i], now.dtype())});
    Output here = s.number("value", values[i]);
    value = i > 0 ? s.op("Select", {is_before, here, value}) : s.result("Select", {is_before, here, value});
  }
  return value;
}

Output PolynomialDecay(const Scope& scope, const Input& learning_rate, const Output& global_step,
                       const Input& decay_steps, const PolynomialDecayOptions& options) {
  if (!scope.ok()) return {};
  Schedule s(scope, "PolynomialDecay", learning_rate);
  Output end = s.number("end_learning_rate", options.end_learning_rate);
  Output power = s.number("power", options.power);
  Output progress;
  if (options.cycle) {
    // The multiple of decay_steps at or after this step; the first one at step 0.
    Output steps = s.number("decay_steps", decay_steps);
    Output now = s.number("global_step", global_step);
    Output periods = s.op("Ceil", {s.op("RealDiv", {now, steps})});
    Output one = s.number("one", 1);
    Output multiplier = s.op("Select", {s.op("Equal", {now, 0}), one, periods});
    progress = s.op("RealDiv", {now, s.op("Mul", {steps, multiplier})});
  } else {
    progress = s.limited_progress(global_step, decay_steps);
  }
  Output range = s.op("Sub", {s.rate, end});
  Output left = s.op("Pow", {s.op("Sub", {1.0, progress}), power});
  return s.result("Add", {s.op("Mul", {range, left}), end});
}

Output CosineDecay(const Scope& scope, const Input& learning_rate, const Output& global_step, const Input& decay_steps,
                   double alpha) {
  if (!scope.ok()) return {};
  Schedule s(scope, "CosineDecay", learning_rate);
  Output cosine = s.op("Mul", {0.5, s.raised_cosine(s.limited_progress(global_step, decay_steps))});
  Output decayed = s.op("Add", {s.op("Mul", {1 - alpha, cosine}), alpha});
  return s.result("Mul", {s.rate, decayed});
}

Output CosineDecayRestarts(const Scope& scope, const Input& learning_rate, const Output& global_step,
                           const Input& first_decay_steps, const CosineDecayRestartsOptions& options) {
  if (!scope.ok()) return {};
  Schedule s(scope, "SGDRDecay", learning_rate);
  if (!(options.t_mul > 0)) {
    return s.error(
        invalid_argument("CosineDecayRestarts ", quoted(s.name()), ": t_mul must be positive, is ", options.t_mul));
  }
  Output alpha = s.number("alpha", options.alpha);
  Output t_mul = s.number("t_mul", options.t_mul);
  Output m_mul = s.number("m_mul", options.m_mul);
  Output progress = s.progress(global_step, first_decay_steps, false);
  Output restarts, done;  // full periods behind this step, and the share of the period it is in
  if (options.t_mul == 1) {
    restarts = s.op("Floor", {progress});
    done = s.op("Sub", {progress, restarts});
  } else {
    // Periods 1, t, t^2 …: i of them take (1 - t^i) / (1 - t), so i = log(1 - progress * (1 - t)) / log(t).
    Output shrink = s.op("Sub", {1.0, t_mul});
    Output grown = s.op("Sub", {1.0, s.op("Mul", {progress, shrink})});
    restarts = s.op("Floor", {s.op("RealDiv", {s.op("Log", {grown}), s.op("Log", {t_mul})})});
    Output period = s.op("Pow", {t_mul, restarts});
    Output behind = s.op("RealDiv", {s.op("Sub", {1.0, period}), shrink});
    done = s.op("RealDiv", {s.op("Sub", {progress, behind}), period});
  }
  Output height = s.op("Mul", {0.5, s.op("Pow", {m_mul, restarts})});
  Output cosine = s.op("Mul", {height, s.raised_cosine(done)});
  Output decayed = s.op("Add", {s.op("Mul", {s.op("Sub", {1.0, alpha}), cosine}), alpha});
  return s.result("Mul", {s.rate, decayed});
}

Output LinearWarmUp(const Scope& scope, const Input& learning_rate, const Output& global_step,
                    const Input& warm_up_steps) {
  if (!scope.ok()) return {};
  Schedule s(scope, "LinearWarmUp", learning_rate);
  Output risen = s.op("Minimum", {1.0, s.progress(global_step, warm_up_steps, false)});
  return s.result("Mul", {s.rate, risen});
}

}  // namespace tarn
