#include "tests/ops/harness.h"

#include <cmath>
#include <cstring>

#include "tests/ops/stateless_services.h"

namespace tarn::testing {
namespace {

constexpr size_t kGuardBytes = 64;
constexpr uint8_t kGuard = 0xC3;

ThreadPool& pool_of(int threads) {
  static ThreadPool one(1), two(2), three(3);
  return threads == 1 ? one : threads == 2 ? two : three;
}

// Where an op has no attr of one dtype, its list of dtypes stands in: all its double inputs get the same.
bool takes_kernel_dtype(const ArgSpec& arg, const OpSchema& schema) {
  if (arg.dtype == DType::kResource) return !schema.kernel_attr().empty();  // what is behind the handle
  if (schema.kernel_attr().empty()) return !arg.type_list_attr.empty();
  return arg.type_attr == schema.kernel_attr();
}

// Calls f(arg, input index) for every input of the case, as its signature reads without any attr: the one list arg
// takes what the others leave.
template <class F>
void for_each_input(const OpSchema& schema, size_t input_count, const AttrMap& attrs, const F& f) {
  size_t next = 0;
  for (size_t a = 0; a < schema.inputs().size(); ++a) {
    const ArgSpec& arg = schema.inputs()[a];
    size_t count = 1;
    if (!arg.number_attr.empty() || !arg.type_list_attr.empty()) {
      size_t fixed_after = 0;
      for (size_t b = a + 1; b < schema.inputs().size(); ++b) {
        const ArgSpec& other = schema.inputs()[b];
        bool same_count = !arg.number_attr.empty() && other.number_attr == arg.number_attr;
        fixed_after += same_count || (other.number_attr.empty() && other.type_list_attr.empty()) ? 1 : 0;
      }
      const AttrValue* number = arg.number_attr.empty() ? nullptr : attrs.find(arg.number_attr);
      size_t rest = input_count - std::min(input_count, next + fixed_after);
      count = number != nullptr && number->is<int64_t>() ? static_cast<size_t>(number->as<int64_t>()) : rest;
    }
    for (size_t i = 0; i < count && next < input_count; ++i) f(arg, next++);
  }
}

Tensor cast_input(const Tensor& x, DType dtype) {
  if (dtype == DType::kDouble) return x;
  Tensor scaled = x;
  if (dtype == DType::kBool) {
    scaled = map(x, [](double v) { return v > 0 ? 1.0 : 0.0; });
  } else if (!dtype_is_floating(dtype) && dtype != DType::kString) {
    bool whole = true;
    for (double v : x.flat<double>()) whole = whole && v == std::trunc(v);
    if (!whole) scaled = map(x, [](double v) { return std::trunc(v * 8); });
    std::string_view name = dtype_name(dtype);
    if (name.starts_with("u") || name.starts_with("qu")) scaled = map(scaled, [](double v) { return std::fabs(v); });
  }
  return to_dtype(scaled, dtype);
}

// A copy with `fill` behind its elements, where a kernel may read but must not care what it finds.
Tensor with_slack(const Tensor& x, uint8_t fill) {
  if (x.dtype() == DType::kString) return copy_of(x);
  constexpr size_t kSlack = 4096;
  std::shared_ptr<Buffer> buffer = *Buffer::allocate(DType::kUInt8, static_cast<int64_t>(x.byte_size() + kSlack));
  auto* memory = static_cast<uint8_t*>(buffer->data());
  if (x.byte_size() > 0) std::memcpy(memory, x.data(), x.byte_size());
  std::memset(memory + x.byte_size(), fill, kSlack);
  return Tensor::view(x.dtype(), x.shape(), memory, buffer);
}

class WatchedContext : public RunContext {
 public:
  WatchedContext(const BoundCase& bound, const RunOptions& options, std::span<const Fact> outputs, size_t scratch_bytes,
                 std::span<Variable* const> variables)
      : bound_(bound),
        options_(options),
        facts_(outputs),
        scratch_bytes_(scratch_bytes),
        variables_(variables),
        outputs_(outputs.size()),
        shapes_(outputs.size()),
        guarded_(outputs.size()) {
    for (const Tensor& input : bound.inputs) tensors_.push_back(with_slack(input, options.fill));
    for (size_t i = 0; i < tensors_.size(); ++i) {
      Tensor& t = tensors_[i];
      views_.push_back({t.dtype(), &t.shape(), const_cast<void*>(t.data()), t.element_count()});
      if (variables[i] != nullptr && variables[i]->is_initialized()) {
        const Tensor& value = variables[i]->value();
        views_[i] = {value.dtype(), &value.shape(), const_cast<void*>(value.data()), value.element_count()};
      }
    }
    inputs_ = views_;
    pool_ = &pool_of(options.threads);
    services_ = options.services != nullptr ? options.services : &stateless_services();
    node_ = "watched";
    output_count_ = static_cast<int>(outputs_.size());
  }

  Variable* variable(int i) override { return variables_[static_cast<size_t>(i)]; }

  Result<TensorView> output(int i, const Shape& shape) override {
    auto slot = static_cast<size_t>(i);
    if (slot >= outputs_.size()) return internal_error("there is no output ", i);
    DType dtype = facts_[slot].dtype;
    if (!facts_[slot].shape.is_compatible_with(shape)) {
      violate(str_cat("output ", i, " produced as ", shape.to_string(), " but inferred as ",
                      facts_[slot].shape.to_string()));
    }
    if (outputs_[slot].is_valid()) violate(str_cat("output ", i, " asked for twice"));
    TARN_ASSIGN_OR_RETURN(int64_t count, shape.element_count());
    size_t element = dtype == DType::kString ? sizeof(std::string) : dtype_size(dtype);
    if (element != 0 && count > options_.most_output_bytes / static_cast<int64_t>(element)) {
      return resource_exhausted("output of shape ", shape.to_string(), " is beyond the limit of the test");
    }
    shapes_[slot] = shape;
    for (auto [input, output] : options_.reuse) {
      Tensor& from = tensors_[static_cast<size_t>(input)];
      if (output != i || from.element_count() != count || from.dtype() == DType::kString) continue;
      if (dtype_size(from.dtype()) != element) continue;
      outputs_[slot] = *from.reinterpreted(dtype).reshaped(shape);
      return TensorView{dtype, &shapes_[slot], const_cast<void*>(from.data()), count};
    }
    if (dtype == DType::kString) {
      TARN_ASSIGN_OR_RETURN(outputs_[slot], Tensor::allocate(dtype, shape));
      return TensorView{dtype, &shapes_[slot], outputs_[slot].buffer()->data(), count};
    }
    // guard, elements, guard
    size_t bytes = static_cast<size_t>(count) * element;
    TARN_ASSIGN_OR_RETURN(std::shared_ptr<Buffer> buffer,
                          Buffer::allocate(DType::kUInt8, static_cast<int64_t>(bytes + 2 * kGuardBytes)));
    auto* memory = static_cast<uint8_t*>(buffer->data());
    std::memset(memory, kGuard, bytes + 2 * kGuardBytes);
    std::memset(memory + kGuardBytes, options_.fill, bytes);
    outputs_[slot] = Tensor::view(dtype, shape, memory + kGuardBytes, buffer);
    guarded_[slot] = {memory, bytes};
    return TensorView{dtype, &shapes_[slot], memory + kGuardBytes, count};
  }
  Status forward(int input, int output, const Shape& shape) override {
    if (!facts_[static_cast<size_t>(output)].shape.is_compatible_with(shape)) {
      violate(str_cat("output ", output, " forwarded as ", shape.to_string(), " but inferred as ",
                      facts_[static_cast<size_t>(output)].shape.to_string()));
    }
    TARN_ASSIGN_OR_RETURN(outputs_[static_cast<size_t>(output)], tensors_[static_cast<size_t>(input)].reshaped(shape));
    return {};
  }
  void set_variable(int output, Variable* variable) override {
    if (variable->is_initialized()) outputs_[static_cast<size_t>(output)] = copy_of(variable->value());
  }
  void set_output(int output, Tensor tensor) override { outputs_[static_cast<size_t>(output)] = std::move(tensor); }
  Result<void*> scratch(size_t bytes) override {
    // Where an output's shape is only known while running, so may be the scratch.
    bool planned = std::all_of(facts_.begin(), facts_.end(), [](const Fact& f) { return f.shape.is_fully_known(); });
    if (bytes > scratch_bytes_ && planned && (options_.known == Known::kShapes || options_.known == Known::kValues)) {
      violate(str_cat("run() asks for ", bytes, " bytes of scratch, prepare() for ", scratch_bytes_));
    }
    if (bytes > static_cast<size_t>(options_.most_output_bytes)) return resource_exhausted("scratch of ", bytes);
    TARN_ASSIGN_OR_RETURN(scratch_, Buffer::allocate(DType::kUInt8, static_cast<int64_t>(bytes)));
    if (bytes > 0) std::memset(scratch_->data(), options_.fill, bytes);
    return scratch_->data();
  }

  void finish(Outcome& outcome) {
    for (size_t i = 0; i < outputs_.size(); ++i) {
      auto [memory, bytes] = guarded_[i];
      for (size_t k = 0; memory != nullptr && k < kGuardBytes; ++k) {
        if (memory[k] != kGuard || memory[kGuardBytes + bytes + k] != kGuard) {
          violate(str_cat("output ", i, " was written outside of its memory"));
          break;
        }
      }
      if (outcome.status.ok() && !outputs_[i].is_valid() && !facts_[i].is_ref)
        violate(str_cat("output ", i, " was not made"));
    }
    for (size_t i = 0; i < tensors_.size(); ++i) {
      bool reused = false;
      for (auto [input, output] : options_.reuse) reused = reused || static_cast<size_t>(input) == i;
      if (!reused && !tensors_[i].identical_to(bound_.inputs[i])) violate(str_cat("input ", i, " was changed"));
    }
    outcome.outputs = std::move(outputs_);
    outcome.violations = std::move(violations_);
  }

 private:
  void violate(std::string text) { violations_.push_back(std::move(text)); }

  const BoundCase& bound_;
  const RunOptions& options_;
  std::span<const Fact> facts_;
  size_t scratch_bytes_;
  std::span<Variable* const> variables_;
  Tensors tensors_, outputs_;
  std::vector<TensorView> views_;
  std::vector<Shape> shapes_;
  std::vector<std::pair<uint8_t*, size_t>> guarded_;
  std::shared_ptr<Buffer> scratch_;
  std::vector<std::string> violations_;
};

// Whether the op's kernel attr is the dtype of what is behind its handles.
bool takes_handle_dtype(const OpRegistry::Op& op) {
  return op.schema.kernel_attr() == "dtype";
}

bool is_handle_input(const BoundCase& bound, size_t i) {
  return i < bound.types.inputs.size() && bound.types.inputs[i].dtype == DType::kResource;
}
bool is_variable_input(const BoundCase& bound, size_t i) {
  return i < bound.types.inputs.size() && (bound.types.inputs[i].is_ref || is_handle_input(bound, i));
}

}  // namespace

const OpRegistry& op_table() {
  static const OpRegistry ops(op_files);
  return ops;
}

std::vector<DType> dtypes_of(const OpRegistry::Op& op, const OpCase& op_case) {
  std::string_view attr = op.schema.kernel_attr();
  if (!attr.empty() && op_case.attrs.contains(attr)) {
    const AttrValue* value = op_case.attrs.find(attr);
    return {value->is<DType>() ? value->as<DType>() : DType::kInvalid};
  }
  bool follows = false;  // from a double input
  for_each_input(op.schema, op_case.inputs.size(), op_case.attrs, [&](const ArgSpec& arg, size_t i) {
    follows = follows || (takes_kernel_dtype(arg, op.schema) && op_case.inputs[i].dtype() == DType::kDouble);
  });
  if (!follows) return {DType::kInvalid};
  const AttrSpec* spec = op.schema.find_attr(attr);
  auto allowed = [&](DType t) {
    if (spec == nullptr || spec->allowed_types.empty()) return true;
    return std::find(spec->allowed_types.begin(), spec->allowed_types.end(), t) != spec->allowed_types.end();
  };
  constexpr DType kSpread[] = {DType::kDouble, DType::kFloat,    DType::kInt32,  DType::kInt64,  DType::kUInt8,
                               DType::kInt8,   DType::kInt16,    DType::kBool,   DType::kString, DType::kHalf,
                               DType::kUInt16, DType::kBFloat16, DType::kUInt32, DType::kUInt64, DType::kQUInt8,
                               DType::kQInt8,  DType::kQInt32};
  std::vector<DType> result;
  auto add = [&](DType t) {
    if (t == DType::kString && op_case.numbers_only) return;
    if (t == DType::kVariant || t == DType::kResource) return;  // no numbers: lists and handles have tests of their own
    if (allowed(t) && std::find(result.begin(), result.end(), t) == result.end()) result.push_back(t);
  };
  for (const KernelDef& kernel : op.def->kernels) {
    if (kernel.dtype != DType::kInvalid) add(kernel.dtype);
    if (kernel.dtype != DType::kInvalid) continue;
    for (DType t : kSpread) add(t);
  }
  if (op.def->kernels.empty()) {
    for (DType t : kSpread) add(t);
  }
  return result;
}

bool takes_handle(const OpRegistry::Op& op, size_t i) {
  return i < op.schema.inputs().size() && op.schema.inputs()[i].dtype == DType::kResource;
}

Result<BoundCase> bind_case(const OpRegistry::Op& op, const OpCase& op_case, DType dtype) {
  BoundCase bound;
  bound.source = &op_case;
  bound.dtype = dtype;
  bound.attrs = op_case.attrs;
  bound.inputs = op_case.inputs;
  for_each_input(op.schema, op_case.inputs.size(), op_case.attrs, [&](const ArgSpec& arg, size_t i) {
    if (op_case.inputs[i].dtype() != DType::kDouble) return;
    DType wanted = arg.dtype == DType::kResource ? DType::kInvalid : arg.dtype;
    if (takes_kernel_dtype(arg, op.schema) && dtype != DType::kInvalid) {
      wanted = dtype;
    } else if (!arg.type_attr.empty()) {
      const AttrSpec* spec = op.schema.find_attr(arg.type_attr);
      const AttrValue* given = op_case.attrs.find(arg.type_attr);
      const auto& types = spec->allowed_types;
      auto allows = [&](DType type) { return std::find(types.begin(), types.end(), type) != types.end(); };
      wanted = types.empty() || allows(dtype) ? dtype : allows(DType::kFloat) ? DType::kFloat : types[0];
      if (given != nullptr && given->is<DType>()) wanted = given->as<DType>();
    }
    if (wanted != DType::kInvalid) bound.inputs[i] = cast_input(op_case.inputs[i], wanted);
  });
  std::vector<InputInfo> infos;
  for (size_t i = 0; i < bound.inputs.size(); ++i) {
    const std::vector<int>& refs = op_case.ref_inputs;
    bool is_variable = std::find(refs.begin(), refs.end(), static_cast<int>(i)) != refs.end();
    bool is_handle = is_variable && takes_handle(op, i);
    infos.push_back({is_handle ? DType::kResource : bound.inputs[i].dtype(), is_variable && !is_handle, "input"});
    // A handle does not say what it is on; builders give the attr.
    std::string_view attr = op.schema.kernel_attr();
    bool follows = is_handle && takes_handle_dtype(op) && !bound.attrs.contains(attr);
    if (follows) bound.attrs.set(attr, bound.inputs[i].dtype());
  }
  TARN_RETURN_IF_ERROR(op.schema.resolve("case", bound.attrs, infos, {.infer_from_inputs = true}, bound.types));
  if (!op.schema.kernel_attr().empty() && dtype == DType::kInvalid) {
    bound.dtype = bound.attrs.get_or<DType>(op.schema.kernel_attr(), DType::kInvalid);
  }
  return bound;
}

Tensors expected_outputs(const OpRegistry::Op& op, const BoundCase& bound, Tensors* in_double) {
  Tensors inputs;
  for (size_t i = 0; i < bound.inputs.size(); ++i) {
    bool was_double = bound.source->inputs[i].dtype() == DType::kDouble;
    inputs.push_back(was_double ? to_double(bound.inputs[i]) : bound.inputs[i]);
  }
  Tensors wide = bound.source->reference(inputs, bound.attrs);
  std::vector<DType> dtypes;
  bool refs_have_outputs = wide.size() == bound.types.outputs.size() + bound.source->ref_inputs.size();
  if (refs_have_outputs) {
    for (const ArgType& type : bound.types.outputs) dtypes.push_back(type.dtype);
  }
  for (int i : bound.source->ref_inputs) dtypes.push_back(bound.inputs[static_cast<size_t>(i)].dtype());
  Tensors rounded;
  for (size_t i = 0; i < wide.size(); ++i) {
    bool generic = wide[i].dtype() == DType::kDouble && i < dtypes.size();
    rounded.push_back(generic ? to_dtype(wide[i], dtypes[i]) : wide[i]);
  }
  (void)op;
  if (in_double != nullptr) *in_double = std::move(wide);
  return rounded;
}

std::vector<Fact> facts_of(const BoundCase& bound, Known known) {
  std::vector<Fact> facts;
  for (size_t i = 0; i < bound.inputs.size(); ++i) {
    const Tensor& input = bound.inputs[i];
    Fact fact = Fact::of(input);
    bool is_handle = is_handle_input(bound, i);
    fact.is_ref = is_variable_input(bound, i) && !is_handle;
    if (known != Known::kValues || fact.is_ref || is_handle) fact.value = Tensor();
    if (known == Known::kRanks) fact.shape = Shape::unknown_of_rank(input.shape().rank());
    if (known == Known::kNothing) fact.shape = Shape::unknown();
    if (is_handle) fact = Fact{.dtype = DType::kResource, .shape = Shape(), .behind = std::make_shared<Fact>(fact)};
    facts.push_back(fact);
  }
  return facts;
}

Outcome run_op(const OpRegistry::Op& op, const BoundCase& bound, const RunOptions& options) {
  Outcome outcome;
  std::vector<Fact> inputs = facts_of(bound, options.known);
  outcome.status = infer_node(op, "watched", bound.attrs, bound.types, inputs, outcome.inferred);
  if (!outcome.status.ok()) return outcome;
  Backend backends[] = {options.backend};
  Result<const KernelDef*> def = options.kernel;
  if (options.kernel == nullptr) def = find_kernel(op, bound.attrs, backends);
  outcome.has_kernel = def.ok();
  if (!def.ok()) {
    outcome.status = def.status();
    return outcome;
  }
  for (Fact& fact : outcome.inferred) fact.value = Tensor();
  std::unique_ptr<Kernel> kernel = (*def)->make();
  const KernelSettings settings{.threads = options.threads};
  PrepareContext prepare(op.def->name, "watched", bound.attrs, inputs, outcome.inferred, {}, settings);
  outcome.status = kernel->prepare(prepare);
  if (!outcome.status.ok()) return outcome;
  outcome.request = prepare.request();

  std::vector<std::unique_ptr<Variable>> owned;
  std::vector<Variable*> variables(bound.inputs.size(), nullptr);
  for (size_t i = 0; i < bound.inputs.size(); ++i) {
    if (!is_variable_input(bound, i)) continue;
    owned.push_back(std::make_unique<Variable>(str_cat("variable", i)));
    owned.back()->set_value(copy_of(bound.inputs[i]));
    variables[i] = owned.back().get();
  }
  WatchedContext context(bound, options, outcome.inferred, outcome.request.scratch_bytes, variables);
  outcome.status = kernel->run(context);
  context.finish(outcome);
  for (const auto& variable : owned) outcome.variables.push_back(variable->value());
  return outcome;
}

Tensor copy_of(const Tensor& x) {
  Tensor y = *Tensor::zeros(x.dtype(), x.shape());
  if (x.dtype() == DType::kString) {
    std::span<std::string> out = y.mutable_flat<std::string>();
    for (size_t i = 0; i < out.size(); ++i) out[i] = x.flat<std::string>()[i];
  } else if (x.byte_size() > 0) {
    std::memcpy(y.mutable_data(), x.data(), x.byte_size());
  }
  return y;
}

std::string difference(const Tensor& got, const Tensor& want, double tolerance) {
  if (got.is_valid() != want.is_valid()) return got.is_valid() ? "is there, wanted none" : "is not there";
  if (!got.is_valid()) return {};
  if (got.dtype() != want.dtype()) {
    return str_cat("has dtype ", dtype_name(got.dtype()), ", wanted ", dtype_name(want.dtype()));
  }
  if (!(got.shape() == want.shape())) {
    return str_cat("has shape ", got.shape().to_string(), ", wanted ", want.shape().to_string());
  }
  if (!dtype_is_floating(got.dtype())) {
    if (got.identical_to(want)) return {};
    return str_cat("is ", got.to_string(24), ", wanted ", want.to_string(24));
  }
  Tensor a = to_double(got), b = to_double(want);
  double magnitude = 0;
  for (double v : b.flat<double>()) {
    if (std::isfinite(v)) magnitude = std::max(magnitude, std::fabs(v));
  }
  double allowed = tolerance * magnitude, worst = 0;
  std::string text;
  for (int64_t i = 0; i < a.element_count(); ++i) {
    double x = a.flat<double>()[static_cast<size_t>(i)], y = b.flat<double>()[static_cast<size_t>(i)];
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    double off = std::fabs(x - y);
    if (off <= allowed) continue;
    if (text.empty() || off > worst) {
      worst = off;
      text = str_cat("[", i, "] is ", x, ", wanted ", y, " (off by ", off, ", allowed ", allowed, ")");
    }
  }
  return text;
}

}  // namespace tarn::testing
