#include "runtime/evaluate.h"

#include "core/op_names.h"
#include "runtime/branch_taken.h"
#include "runtime/run_limits.h"

namespace tarn {
namespace {

constexpr Backend kPortableOnly[] = {Backend::kPortable};

class EvaluateContext : public RunContext {
 public:
  EvaluateContext(std::string_view node, std::span<const Tensor> inputs, std::span<const Fact> output_facts,
                  const EvaluateOptions& options, ThreadPool& pool, const Services& services)
      : tensors_(inputs.begin(), inputs.end()), outputs_(output_facts.size()), options_(options) {
    for (const Fact& fact : output_facts) output_dtypes_.push_back(fact.dtype);
    output_shapes_.resize(outputs_.size());
    for (const Tensor& tensor : tensors_) {
      views_.push_back({tensor.dtype(), &tensor.shape(), const_cast<void*>(tensor.data()), tensor.element_count()});
    }
    for (size_t i = 0; kHasVariables && i < options.variables.size() && i < views_.size(); ++i) {
      Variable* variable = options.variables[i];
      if (variable == nullptr || !variable->is_initialized()) continue;
      const Tensor& value = variable->value();
      views_[i] = {value.dtype(), &value.shape(), const_cast<void*>(value.data()), value.element_count()};
    }
    inputs_ = views_;
    pool_ = &pool;
    services_ = &services;
    node_ = node;
    output_count_ = static_cast<int>(outputs_.size());
  }

  Variable* variable(int i) override {
    return kHasVariables && static_cast<size_t>(i) < options_.variables.size()
               ? options_.variables[static_cast<size_t>(i)]
               : nullptr;
  }
  Result<TensorView> output(int i, const Shape& shape) override {
    auto slot = static_cast<size_t>(i);
    TARN_RETURN_IF_ERROR(judge_value_size(output_dtypes_[slot], shape, RunLimits().most_value_bytes));
    TARN_ASSIGN_OR_RETURN(outputs_[slot], Tensor::allocate(output_dtypes_[slot], shape));
    output_shapes_[slot] = shape;
    Tensor& tensor = outputs_[slot];
    return TensorView{tensor.dtype(), &output_shapes_[slot], tensor.buffer()->data(), tensor.element_count()};
  }
  Status forward(int input, int output, const Shape& shape) override {
    TARN_ASSIGN_OR_RETURN(outputs_[static_cast<size_t>(output)], tensors_[static_cast<size_t>(input)].reshaped(shape));
    return {};
  }
  void set_variable(int output, Variable* variable) override {
    if (kHasVariables && variable->is_initialized()) outputs_[static_cast<size_t>(output)] = variable->value();
  }
  void set_output(int output, Tensor tensor) override { outputs_[static_cast<size_t>(output)] = std::move(tensor); }
  Result<void*> scratch(size_t bytes) override {
    if (scratch_ == nullptr || scratch_->bytes() < bytes) {
      TARN_RETURN_IF_ERROR(
          judge_value_size(DType::kUInt8, Shape{static_cast<int64_t>(bytes)}, RunLimits().most_value_bytes));
      TARN_ASSIGN_OR_RETURN(scratch_, Buffer::allocate(DType::kUInt8, static_cast<int64_t>(bytes)));
    }
    return scratch_->data();
  }

  std::vector<Tensor> take_outputs() { return std::move(outputs_); }

 private:
  std::vector<Tensor> tensors_;
  std::vector<TensorView> views_;
  std::vector<Tensor> outputs_;
  std::vector<DType> output_dtypes_;
  std::vector<Shape> output_shapes_;
  const EvaluateOptions& options_;
  std::shared_ptr<Buffer> scratch_;
};

// Whether the variable given for input i is one by a resource handle.
bool takes_handle(const OpRegistry::Op& op, size_t i) {
  return i < op.schema.inputs().size() && op.schema.inputs()[i].dtype == DType::kResource;
}

// Control-flow ops have no kernel; on values at hand they only forward.
Result<std::vector<Tensor>> evaluate_control(const OpRegistry::Op& op, std::span<const Tensor> inputs,
                                             size_t output_count) {
  switch (op.def->control) {
    case Control::kSwitch: {
      std::vector<Tensor> outputs(output_count);
      int taken = branch_taken(inputs[1].dtype(), inputs[1].data(), output_count);
      outputs[static_cast<size_t>(taken)] = inputs[0];
      return outputs;
    }
    case Control::kMerge: return std::vector<Tensor>{inputs[0], Tensor::scalar<int32_t>(0)};
    default: return std::vector<Tensor>{inputs[0]};
  }
}

}  // namespace

Result<std::vector<Tensor>> evaluate_node(const OpRegistry::Op& op, std::string_view node, const AttrMap& attrs,
                                          std::span<const Tensor> inputs, const EvaluateOptions& options) {
  std::string label = node_label(op.def->name, node);
  std::vector<Fact> input_facts;
  for (size_t i = 0; i < inputs.size(); ++i) {
    input_facts.push_back(Fact::of(inputs[i]));
    if (kHasVariables && i < options.variables.size() && options.variables[i] != nullptr) {
      const Variable& variable = *options.variables[i];
      Fact& fact = input_facts.back();
      if (variable.is_initialized()) fact.shape = variable.value().shape();
      if (takes_handle(op, i)) {
        fact = {.dtype = DType::kResource,
                .shape = Shape(),
                .behind = std::make_shared<Fact>(Fact{.dtype = fact.dtype, .shape = fact.shape})};
      } else {
        fact.is_ref = true;
      }
    }
  }
  NodeTypes types;
  types.outputs = op.schema.output_types(attrs);
  std::vector<Fact> output_facts;
  TARN_RETURN_IF_ERROR(infer_node(op, node, attrs, types, input_facts, output_facts));
  if (kHasControlFlow && op.def->control != Control::kNone) return evaluate_control(op, inputs, output_facts.size());
  bool all_known = true;
  std::vector<Tensor> values;
  for (const Fact& fact : output_facts) {
    all_known = all_known && fact.has_value();
    values.push_back(fact.value);
  }
  if (all_known && !values.empty()) return values;

  std::span<const Backend> backends =
      options.backends.empty() ? std::span<const Backend>(kPortableOnly) : options.backends;
  Result<const KernelDef*> kernel_def = find_kernel(op, attrs, backends);
  if (!kernel_def.ok()) return kernel_def.status().with_context(label);
  std::unique_ptr<Kernel> kernel = make_kernel(*op.def, **kernel_def);
  if (!options.inputs_are_constant) {
    for (Fact& fact : input_facts) fact.value = Tensor();
  }
  ThreadPool one(1);
  ThreadPool& pool = options.threads != nullptr ? *options.threads : one;
  static const Services kNone;
  const Services& services = options.services != nullptr ? *options.services : kNone;
  const KernelSettings settings{.threads = pool.threads()};
  PrepareContext prepare(op.def->name, node, attrs, input_facts, output_facts, options.epilogue, settings);
  Status status = kernel->prepare(prepare);
  if (!status.ok()) return status.with_context(label);
  EvaluateContext context(node, inputs, output_facts, options, pool, services);
  status = kernel->run(context);
  if (!status.ok()) return status.with_context(label);
  return context.take_outputs();
}

Result<std::vector<Tensor>> evaluate_op(const OpRegistry& registry, std::string_view op, AttrMap attrs,
                                        std::span<const Tensor> inputs, const EvaluateOptions& options) {
  const OpRegistry::Op* found = registry.find(op);
  if (found == nullptr)
    return unimplemented("op ", in_quotes(op), " is not supported", did_you_mean_op(op, registry.names()));
  std::vector<InputInfo> infos;
  for (size_t i = 0; i < inputs.size(); ++i) {
    bool is_variable = i < options.variables.size() && options.variables[i] != nullptr;
    bool is_handle = is_variable && takes_handle(*found, i);
    infos.push_back({is_handle ? DType::kResource : inputs[i].dtype(), is_variable && !is_handle, "input"});
  }
  NodeTypes types;
  TARN_RETURN_IF_ERROR(found->schema.resolve("evaluate", attrs, infos, {.infer_from_inputs = true}, types));
  return evaluate_node(*found, "evaluate", attrs, inputs, options);
}

}  // namespace tarn
