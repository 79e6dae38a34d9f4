// Variables as TensorFlow 1.x writes them. Reference variables: VariableV2 `w`, its initial value, `w/Assign` and
// `w/read`. Resource variables: VarHandleOp `w`, its initial value, `w/IsInitialized/VarIsInitializedOp`, `w/Assign`
// and `w/Read/ReadVariableOp`.
//
//   ModelVariable w = CreateVariable(scope.WithOpName("w"), {784, 10}, Initializer::TruncatedNormal(0.1));
//   auto y = ops::MatMul(scope, x, w.read);
//   Operation init = GlobalVariablesInitializer(scope);   // run once: every w/Assign
//   Scope resources = scope.WithResourceVariables();      // what is made there is a resource variable
//
// Each variable is recorded in scope.collections(), from which Saver, optimizers and MetaGraphs take them.
#pragma once

#include <optional>
#include <string>

#include "graph/scope.h"

namespace tarn {

// How a variable gets its first value: nodes under `<variable>/Initializer/`, called as TensorFlow's initializers call
// theirs. Random ones draw new numbers in every session unless they have a seed, or the scope has (SetRandomSeed).
class Initializer {
 public:
  static Initializer Zeros() { return Initializer(Kind::kConstant, "zeros", 0, 0); }
  static Initializer Ones() { return Initializer(Kind::kConstant, "ones", 1, 0); }
  static Initializer Constant(double value) { return Initializer(Kind::kConstant, "Const", value, 0); }
  // In [low, high).
  static Initializer RandomUniform(double low, double high) {
    return Initializer(Kind::kRandomUniform, "random_uniform", low, high);
  }
  // Values more than two stddev from the mean are drawn again.
  static Initializer TruncatedNormal(double stddev, double mean = 0) {
    return Initializer(Kind::kTruncatedNormal, "truncated_normal", stddev, mean);
  }
  // Uniform in +-sqrt(6 / (fan_in + fan_out)); Glorot and Bengio 2010. What tf.layers uses for kernels.
  static Initializer GlorotUniform() { return Initializer(Kind::kGlorotUniform, "random_uniform", 0, 0); }

  Initializer WithSeed(int64_t seed) const {
    Initializer copy = *this;
    copy.seed_ = seed;
    return copy;
  }
  // The initial value's nodes, in `scope` (which is `<variable>/Initializer`).
  Output Build(const Scope& scope, const Shape& shape, DType dtype) const;

 private:
  enum class Kind { kConstant, kRandomUniform, kTruncatedNormal, kGlorotUniform };
  Initializer(Kind kind, std::string name, double a, double b) : kind_(kind), name_(std::move(name)), a_(a), b_(b) {}
  Output fill(const Scope& scope, const Shape& shape, DType dtype) const;
  Output random(const Scope& scope, const Shape& shape, DType dtype, std::string_view op, double first, double second,
                bool is_range) const;

  Kind kind_;
  std::string name_;
  double a_, b_;
  std::optional<int64_t> seed_;
};

struct ModelVariable {
  Output ref;             // w: what Assign and Apply* take; of a resource variable its handle, for their like
  Output read;            // w/read or w/Read/ReadVariableOp: its value
  Operation initializer;  // w/Assign
};

struct VariableOptions {
  DType dtype = DType::kFloat;  // of an Initializer; an initial value has its own
  bool trainable = true;
  bool use_resource = false;       // also where the scope says so
  std::string colocate_with = {};  // a variable that this one serves (slots); empty: itself
};

// Like tf.get_variable: the initial value is `<name>/Initializer/…`. The shape must be known.
ModelVariable CreateVariable(const Scope& scope, const Shape& shape, const Initializer& initializer,
                             const VariableOptions& options = {});
// Like tf.Variable: any value, constants as `<name>/initial_value`.
ModelVariable CreateVariable(const Scope& scope, const Input& initial_value, const VariableOptions& options = {});

// The variable `global_step` (int64, not trainable) that optimizers count with; made on first use.
ModelVariable GetOrCreateGlobalStep(const Scope& scope);

// A NoOp `init` that waits for the initializers of all variables made so far.
Operation GlobalVariablesInitializer(const Scope& scope);

// TRAINABLE_VARIABLES of the scope's graph, as references or handles, in the order they were made.
std::vector<Output> TrainableVariables(const Scope& scope);

// What a variable is declared to hold, of a reference or a handle.
inline const Fact& variable_fact(const Output& variable) {
  return variable.fact().variable();
}
// The value behind a handle, by a ReadVariableOp in `scope`; references, values and none as they are.
Output read_variable(const Scope& scope, const Output& output);
// The op that does to this variable what `op` does to a reference one: of a handle on it AssignVariableOp for Assign,
// AssignAddVariableOp for AssignAdd, ResourceApplyAdam for ApplyAdam.
std::string op_for_variable(std::string_view op, const Output& variable);

}  // namespace tarn
