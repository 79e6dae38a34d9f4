// OpDef: what one op is, written as a constant in ops/<file>.cc; and OpEntry, which adds docs and the gradient.
//
//   const OpDef op_Relu = {.name = "Relu", .inputs = "features: T", .outputs = "activations: T",
//                          .attrs = "T: {float, double}", .infer = infer_unchanged, .kernels = kReluKernels};
//   TARN_OP_FILE(relu, {&op_Relu, kReluDoc, relu_gradient}, …)
//
// Inputs, outputs and attrs are in the notation of TensorFlow's REGISTER_OP: "values: N * T", "ref: Ref(T)",
// "output: dtypes", "strides: list(int)", "padding: {'SAME', 'VALID'}", "N: int >= 1", "keep_dims: bool = false".
// Inputs and outputs are separated by commas, attrs by semicolons. No constructor runs for any of it.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "core/attr.h"
#include "core/fact.h"
#include "core/kernel.h"
#include "core/services.h"
#include "core/status.h"

namespace tarn {

enum OpTraits : uint32_t {
  kPure = 0,
  kStateful = 1 << 0,         // never folded, never merged with its like, kept for its effect
  kCommutative = 1 << 1,      // the first two inputs may be swapped
  kAggregate = 1 << 2,        // N inputs summed
  kView = 1 << 3,             // output 0 is input 0's memory, perhaps under another shape; no other output
  kUninitializedOk = 1 << 4,  // its first input may be a variable without a value
  kWritesRef = 1 << 5,        // changes the variables behind its inputs, the first or all
  kBiasAdd = 1 << 6,          // may be fused as the bias of a kTakesEpilogue producer
  kTakesEpilogue = 1 << 7,    // its kernels honour PrepareContext::epilogue()
  kSourceOp = 1 << 8,         // a Placeholder: has a value only if fed
  kNoFold = 1 << 9,           // pure, but evaluating it early gains nothing (PreventGradient …)
  kTakesVariable = 1 << 10,   // its resource inputs are handles on variables; with kWritesRef, all of them change
  kMakesContainer = 1 << 11,  // output 0 is a handle on a TensorArray or a stack, which lives as long as the run
  kTakesContainer = 1 << 12,  // input 0 is such a handle
  kResidualAdd = 1 << 13,     // x + y: may be fused as the residual of a kTakesResidual producer
  kTakesResidual = 1 << 14,   // its kernels of floats honour has_residual, too
};

// What the executor itself does for control-flow ops.
// kTrigger: runs even if what it waits for is dead.
enum class Control : uint8_t { kNone, kSwitch, kMerge, kEnter, kExit, kNextIteration, kLoopCond, kTrigger };

class InferContext {
 public:
  InferContext(const AttrMap& attrs, std::span<const Fact> inputs, std::span<Fact> outputs)
      : attrs_(attrs), inputs_(inputs), outputs_(outputs) {}

  template <class T>
  const T& attr(std::string_view name) const {
    return attrs_.get<T>(name);
  }
  template <class T, size_t N>
  [[gnu::always_inline]] const T& attr(const char (&name)[N]) const {
    return attrs_.get<T>(name);
  }
  const AttrMap& attrs() const { return attrs_; }
  int input_count() const { return static_cast<int>(inputs_.size()); }
  int output_count() const { return static_cast<int>(outputs_.size()); }
  const Fact& input(int i) const { return inputs_[static_cast<size_t>(i)]; }
  const Shape& shape(int i) const { return input(i).shape; }
  // What the variable is declared to hold that input i refers to; any other input itself.
  const Fact& variable(int i) const { return input(i).variable(); }
  // The constant value of input i as integers, or nullopt if it is not constant. int32 or int64.
  std::optional<std::vector<int64_t>> int_value(int i) const;

  // Output dtypes are set already, from the signature. Outputs start with unknown shape.
  Status set_output(int i, const Shape& shape) {
    outputs_[static_cast<size_t>(i)].shape = shape;
    return {};
  }
  Status set_output(int i, const Result<Shape>& shape) {
    if (!shape.ok()) return shape.status();
    return set_output(i, *shape);
  }
  void set_value(int i, Tensor value) { outputs_[static_cast<size_t>(i)].value = std::move(value); }
  Fact& output(int i) { return outputs_[static_cast<size_t>(i)]; }

  // InvalidArgument unless input i may have this rank: "input 'filter' must have rank 4, has shape [5,5]".
  Status expect_rank(int i, int rank, std::string_view name) const;
  Status expect_rank_at_least(int i, int rank, std::string_view name) const;

 private:
  const AttrMap& attrs_;
  std::span<const Fact> inputs_;
  std::span<Fact> outputs_;
};

// What is true of both shapes.
Shape common_shape(Shape a, const Shape& b);
// What is true of the variables behind either handle; null if one is on no variable or their dtypes differ.
std::shared_ptr<const Fact> common_variable(const Fact& a, const Fact& b);

// infer functions many ops share.
Status infer_unchanged(InferContext& c);  // every output has the shape of input 0
Status infer_broadcast(InferContext& c);  // output 0 = broadcast of inputs 0 and 1
Status infer_scalar(InferContext& c);     // every output is a scalar
Status infer_unknown(InferContext& c);    // nothing known
Status infer_no_outputs(InferContext& c);
// Output i takes the merged shape of all inputs.
Status infer_merged_inputs(InferContext& c);

// One end of a wire in a graph under construction.
struct Wire {
  int node = -1;
  int slot = 0;
  bool is_none() const { return node < 0; }
  bool operator==(const Wire&) const = default;
};

// How a gradient function writes nodes without knowing graph/: implemented there.
class GradBuilder {
 public:
  virtual ~GradBuilder() = default;
  // Adds a node; dtype attrs follow from the inputs. Returns its first output; on error the status sticks and every
  // later call does nothing.
  virtual Wire op(std::string_view op, std::span<const Wire> inputs, const AttrMap& attrs) = 0;
  virtual Wire constant(const Tensor& value) = 0;
  virtual const Fact& fact(Wire wire) const = 0;
};

class GradContext {
 public:
  GradContext(GradBuilder& builder, const AttrMap& attrs, std::span<const Wire> inputs, std::span<const Wire> outputs,
              std::span<const Wire> grad_outputs)
      : builder_(builder),
        attrs_(attrs),
        inputs_(inputs),
        outputs_(outputs),
        grads_(grad_outputs),
        input_grads_(inputs.size()) {}

  template <class T>
  const T& attr(std::string_view name) const {
    return attrs_.get<T>(name);
  }
  const AttrMap& attrs() const { return attrs_; }
  int input_count() const { return static_cast<int>(inputs_.size()); }
  Wire input(int i) const { return inputs_[static_cast<size_t>(i)]; }
  Wire output(int i) const { return outputs_[static_cast<size_t>(i)]; }
  // The gradient that reaches output i; none if nothing depends on it.
  Wire grad(int i = 0) const { return grads_[static_cast<size_t>(i)]; }
  const Fact& fact(Wire wire) const { return builder_.fact(wire); }

  Wire op(std::string_view name, std::initializer_list<Wire> inputs, const AttrMap& attrs = {}) {
    return builder_.op(name, std::span<const Wire>(inputs.begin(), inputs.size()), attrs);
  }
  Wire op(std::string_view name, std::span<const Wire> inputs, const AttrMap& attrs = {}) {
    return builder_.op(name, inputs, attrs);
  }
  // Output `slot` of the node that made `wire`.
  static Wire slot(Wire wire, int slot) { return {wire.node, slot}; }
  Wire constant(const Tensor& value) { return builder_.constant(value); }
  // A scalar of the dtype of `like`.
  Wire scalar(double value, Wire like);
  Wire int_vector(std::span<const int64_t> values);  // int32

  // Gives input i its gradient; inputs that get none have none.
  void set_grad(int i, Wire wire) { input_grads_[static_cast<size_t>(i)] = wire; }
  std::span<const Wire> input_grads() const { return input_grads_; }

 private:
  GradBuilder& builder_;
  const AttrMap& attrs_;
  std::span<const Wire> inputs_, outputs_, grads_;
  std::vector<Wire> input_grads_;
};

using InferFunction = Status (*)(InferContext&);
using GradientFunction = Status (*)(GradContext&);

// The parts of an op that an app brings along while it runs: functions with what they need beside them. Held by
// shared_ptr.
class CustomOp : public std::enable_shared_from_this<CustomOp> {
 public:
  virtual ~CustomOp() = default;
  // Its `custom` is this; lives as long.
  virtual const struct OpDef& def() const = 0;
  virtual Status infer(std::string_view node, InferContext& context) const = 0;
  virtual std::unique_ptr<Kernel> make_kernel() const = 0;
};

// The core part: all that an app needs.
struct OpDef {
  std::string_view name;
  std::string_view inputs = "";
  std::string_view outputs = "";
  std::string_view attrs = "";
  uint32_t traits = kPure;
  InferFunction infer = nullptr;
  std::span<const KernelDef> kernels = {};
  // The attr whose dtype chooses among kernels; empty: the first type attr of the signature, if any.
  std::string_view kernel_attr = "";
  Activation activation = Activation::kNone;  // may be fused as this into a kTakesEpilogue producer
  Control control = Control::kNone;
  ServiceId needs = ServiceId::kCount;  // kCount: none
  const CustomOp* custom = nullptr;     // then `infer` and the kernels' `make` are its
};

// The whole of it, in binaries that build, train or document graphs.
struct OpEntry {
  const OpDef* def;
  std::string_view doc;  // first line: one sentence; then shapes, errors, source
  GradientFunction gradient = nullptr;
  std::string_view no_gradient_reason = "";  // why there is none, when gradient is null
};

using OpFile = std::span<const OpEntry>;

// Defines ops_<file>, which the generated table (cmake/op_table.cmake) names.
#define TARN_OP_FILE(file, ...)                                   \
  extern const OpFile ops_##file;                                 \
  static constexpr OpEntry k_entries_of_##file[] = {__VA_ARGS__}; \
  constinit const OpFile ops_##file{k_entries_of_##file};

// Every op file of this binary: generated.
extern const std::span<const OpFile* const> op_files;

}  // namespace tarn
