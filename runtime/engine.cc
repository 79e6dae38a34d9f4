#include "runtime/engine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "core/file.h"
#include "core/linked_types.h"
#include "core/search.h"
#include "runtime/compile.h"
#include "runtime/engine_ends.h"
#include "runtime/table_initializers.h"
#include "runtime/tuning.h"
#include "runtime/wire.h"

namespace tarn {
namespace {

// "x" or "x:0" for the same tensor.
std::string_view without_zero(std::string_view name) {
  return name.ends_with(":0") ? name.substr(0, name.size() - 2) : name;
}

Result<int> find_tensor(const std::vector<EngineTensorInfo>& tensors, std::string_view name, std::string_view what) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].name == without_zero(name)) return static_cast<int>(i);
  }
  std::vector<std::string> names;
  std::string shown;
  for (const EngineTensorInfo& tensor : tensors) {
    names.push_back(tensor.name);
    str_append(shown, shown.empty() ? "" : ", ", in_quotes(tensor.name));
  }
  return not_found("the model has no ", what, " ", in_quotes(name), did_you_mean(name, names), " (it has ", shown, ")");
}

// The dtype of a tensor that an op unknown here gives (an iterator's, a queue's): what a node that takes it expects, or
// what its node says of itself where nobody takes it but the caller.
DType dtype_by_use(const NodeSource& source, const OpRegistry& ops, Wire wire) {
  for (int n = 0; n < source.node_count(); ++n) {
    std::span<const Wire> inputs = source.inputs(n);
    auto use = first_equal(inputs, wire);
    const OpRegistry::Op* op = use == inputs.end() ? nullptr : ops.find(source.op(n));
    if (op == nullptr) continue;
    Result<AttrMap> attrs = source.attrs(n);
    NodeTypes types;
    std::vector<InputInfo> infos(inputs.size());
    if (!attrs.ok() || !op->schema.resolve(source.name(n), *attrs, infos, {}, types).ok()) continue;
    DType dtype = types.inputs[static_cast<size_t>(use - inputs.begin())].dtype;
    if (dtype != DType::kInvalid) return dtype;
  }
  Result<AttrMap> attrs = source.attrs(wire.node);
  for (std::string_view list : {"output_types", "component_types"}) {
    auto types = attrs.ok() ? attrs->get_or<std::vector<DType>>(list, {}) : std::vector<DType>();
    if (static_cast<size_t>(wire.slot) < types.size()) return types[static_cast<size_t>(wire.slot)];
  }
  return DType::kInvalid;
}

bool overlap(const void* a, size_t a_bytes, const void* b, size_t b_bytes) {
  auto a_begin = reinterpret_cast<uintptr_t>(a), b_begin = reinterpret_cast<uintptr_t>(b);
  return a_bytes > 0 && b_bytes > 0 && a_begin < b_begin + b_bytes && b_begin < a_begin + a_bytes;
}

Status judge_output_memory(std::string_view name, const Shape& shape, DType dtype, size_t bytes) {
  auto needed = static_cast<size_t>(shape.elements()) * dtype_size(dtype);
  if (needed == bytes) return {};
  return invalid_argument("output ", in_quotes(name), ": ", dtype, shape, " has ", needed, " bytes, its memory ",
                          bytes);
}

// Seeds for random ops that have none of their own, other ones in every context: dropout that a model still has runs.
class ContextSeeds : public RandomSeeds {
 public:
  uint64_t next_seed() override {
    // SplitMix64 on clock, address and count: nothing here can fail as a system's random device can.
    auto now = static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
    uint64_t x = now ^ reinterpret_cast<uintptr_t>(this) ^ (count_.fetch_add(1) * 0x9e3779b97f4a7c15u);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }

 private:
  std::atomic<uint64_t> count_ = 0;
};

}  // namespace

Engine::~Engine() = default;

Result<std::shared_ptr<const Engine>> Engine::load_file(const std::string& path, EngineOptions options) {
  TARN_ASSIGN_OR_RETURN(MappedFile file, map_file(path));
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<WireGraph> graph, WireGraph::parse(file.bytes(), file.owner(), path));
  graph->set_mapped();
  return load_source(std::move(graph), path, std::move(options));
}

Result<std::shared_ptr<const Engine>> Engine::load_bytes(std::string_view bytes, std::shared_ptr<const void> owner,
                                                         std::string name, EngineOptions options) {
  static constexpr char kCallersMemory = 0;
  if (owner == nullptr) owner = std::shared_ptr<const void>(&kCallersMemory, [](const void*) {});
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<WireGraph> graph, WireGraph::parse(bytes, std::move(owner), name));
  return load_source(std::move(graph), std::move(name), std::move(options));
}

Result<std::shared_ptr<const Engine>> Engine::load_source(std::shared_ptr<const NodeSource> graph, std::string name,
                                                          EngineOptions options) {
  std::shared_ptr<Engine> engine(new Engine);
  engine->name_ = std::move(name);
  engine->source_ = std::move(graph);
  engine->options_ = std::move(options);
  engine->offered_.set_resources(&engine->no_resources_);
  engine->offered_.set<ImageCodec>(engine->options_.images);
  engine->offered_.set<RegexCompiler>(engine->options_.regex);
  if (engine->options_.ops == nullptr) engine->options_.ops = &linked_ops();
  Result<bool> dynamic8 = wants_dynamic8(engine->options_.quantize, engine->source_->model_info());
  engine->dynamic8_ = dynamic8.ok() && *dynamic8;
  Status status = dynamic8.status();
  if (status.ok()) status = engine->add_custom_ops();
  if (status.ok()) status = engine->choose_inputs_and_outputs();
  if (kHasVariables && status.ok()) engine->find_table_initializers();
  if (status.ok()) status = engine->check_graph();
  if (!status.ok()) return status.with_context(quoted(engine->name_));
  return std::shared_ptr<const Engine>(std::move(engine));
}

Status Engine::add_custom_ops() {
  if (options_.custom_ops.empty()) return {};
  std::vector<const OpDef*> defs;
  for (const std::shared_ptr<const CustomOp>& op : options_.custom_ops) {
    if (options_.ops->find(op->def().name) != nullptr)
      return already_exists("op ", in_quotes(op->def().name), " is one that there is already: choose another name");
    defs.push_back(&op->def());
  }
  own_ops_ = std::make_unique<OpRegistry>(*options_.ops, defs);
  if (!own_ops_->errors().empty()) return invalid_argument(own_ops_->errors()[0]);
  options_.ops = own_ops_.get();
  return {};
}

Status Engine::choose_inputs_and_outputs() {
  const NodeSource& source = *source_;
  Problems problems;
  TARN_ASSIGN_OR_RETURN(EngineEnds ends, choose_ends(source, options_.inputs, options_.outputs));
  input_wires_ = std::move(ends.inputs);
  output_wires_ = std::move(ends.outputs);

  auto label = [&](Wire wire) {
    std::string_view name = source.name(wire.node);
    return wire.slot == 0 ? std::string(name) : str_cat(name, ":", wire.slot);
  };
  for (Wire wire : input_wires_) {
    EngineTensorInfo info{label(wire), DType::kInvalid, Shape::unknown()};
    Result<AttrMap> attrs = source.attrs(wire.node);
    if (!attrs.ok()) {
      problems.add(attrs.status());
      continue;
    }
    const OpRegistry::Op* op = options_.ops->find(source.op(wire.node));
    if (op != nullptr && (op->def->traits & kSourceOp) != 0) {
      info.shape = attrs->get_or<Shape>("shape", Shape::unknown());
    }
    if (op != nullptr) {
      std::vector<ArgType> types = op->schema.output_types(*attrs);
      if (static_cast<size_t>(wire.slot) < types.size()) {
        info.dtype = types[static_cast<size_t>(wire.slot)].dtype;
      } else {
        problems.add(invalid_argument("input ", in_quotes(info.name), ": ",
                                      node_label(source.op(wire.node), source.name(wire.node)), " has ", types.size(),
                                      types.size() == 1 ? " output" : " outputs"));
      }
    } else {
      info.dtype = dtype_by_use(source, *options_.ops, wire);
    }
    inputs_.push_back(std::move(info));
  }
  for (Wire wire : output_wires_) outputs_.push_back({label(wire), DType::kInvalid, Shape::unknown()});
  return problems.to_status();
}

void Engine::find_table_initializers() {
  const NodeSource& source = *source_;
  auto count = static_cast<size_t>(source.node_count());
  std::vector<TableInitializer> initializers = tarn::find_table_initializers(source, *options_.ops);
  if (initializers.empty()) return;
  std::vector<char> needed(count, 0);
  std::vector<int> left;
  for (Wire wire : output_wires_) left.push_back(wire.node);
  while (!left.empty()) {
    int node = left.back();
    left.pop_back();
    if (node < 0 || needed[static_cast<size_t>(node)] != 0) continue;
    needed[static_cast<size_t>(node)] = 1;
    for (Wire wire : source.inputs(node)) left.push_back(wire.node);
    for (int control : source.controls(node)) left.push_back(control);
  }
  for (const TableInitializer& initializer : initializers) {
    if (needed[static_cast<size_t>(initializer.table)] != 0) table_initializers_.push_back(initializer.node);
  }
}

// Whatever is wrong shows now, not in the first run; and the outputs' facts.
Status Engine::check_graph() {
  std::vector<Shape> declared;
  for (const EngineTensorInfo& input : inputs_) declared.push_back(input.shape);
  Result<std::vector<Fact>> facts = check(*source_, request_for(declared), compile_options());
  if (!facts.ok()) return facts.status();
  for (size_t i = 0; i < outputs_.size(); ++i) {
    outputs_[i].dtype = (*facts)[i].dtype;
    outputs_[i].shape = (*facts)[i].shape;
  }
  // The first run's program, unknown dims as 1. Other sizes may be the only ones that fit (a flattened image): such
  // errors belong to the run.
  for (Shape& shape : declared) {
    if (!shape.has_rank()) return {};
    for (int d = 0; d < shape.rank(); ++d) {
      if (shape.dim(d) < 0) shape.set_dim(d, 1);
    }
  }
  Result<std::shared_ptr<const Program>> first = program(declared);
  // What this engine was built without does not depend on sizes.
  if (!kLeftOutAdvice.empty() && !first.ok() && first.status().message().find(kLeftOutAdvice) != std::string_view::npos)
    return first.status();
  return {};
}

Result<int> Engine::find_input(std::string_view name) const {
  return find_tensor(inputs_, name, "input");
}
Result<int> Engine::find_output(std::string_view name) const {
  return find_tensor(outputs_, name, "output");
}

CompileRequest Engine::request_for(std::span<const Shape> input_shapes) const {
  CompileRequest request;
  for (size_t i = 0; i < inputs_.size(); ++i)
    request.feeds.push_back({input_wires_[i], inputs_[i].dtype, input_shapes[i]});
  request.fetches = output_wires_;
  return request;
}

CompileOptions Engine::compile_options() const {
  CompileOptions options;
  options.ops = options_.ops;
  options.backends = options_.backends;
  options.threads = ThreadPool::resolve(options_.threads);
  options.services = &offered_;
  options.limits = options_.limits;
  options.keep_fetches = true;
  options.dynamic8 = dynamic8_;
  options.stream = options_.streaming;
  options.max_layer_error = options_.max_layer_error;
  options.laid_out = options_.laid_out;
  options.ways = options_.ways;
  return options;
}

Result<std::shared_ptr<const Program>> Engine::program(std::span<const Shape> input_shapes, int threads,
                                                       const RunLimits& limits, const StopSignal* stop) const {
  constexpr size_t kMostPrograms = 16;
  CompileOptions options = compile_options();
  options.threads = ThreadPool::resolve(threads);
  std::unique_ptr<LayerWays> tuned;
  if (options.ways == nullptr) {
    tuned = tuned_ways(model_info(), options.threads);
    options.ways = tuned.get();
  }
  options.limits = limits;
  options.stop = stop;
  std::unique_lock lock(mutex_, std::try_to_lock);
  while (!lock.owns_lock() && stop != nullptr && !lock.try_lock()) {
    // Another context's planning cannot be stopped from here, but waiting for it can.
    if (stop->is_stopped()) return stopped_error(*stop, limits.timeout_ms, "it waits for another to be planned");
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  if (!lock.owns_lock()) lock.lock();
  for (const Compiled& compiled : programs_) {
    if (compiled.threads == options.threads && std::equal(compiled.input_shapes.begin(), compiled.input_shapes.end(),
                                                          input_shapes.begin(), input_shapes.end())) {
      return compiled.program;
    }
  }
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<Program> made, compile(*source_, request_for(input_shapes), options));
  std::shared_ptr<const Program> program = std::move(made);
  if (programs_.size() == kMostPrograms) programs_.erase(programs_.begin());
  programs_.push_back({{input_shapes.begin(), input_shapes.end()}, options.threads, program});
  return program;
}

EngineContext::EngineContext(std::shared_ptr<const Engine> engine)
    : engine_(std::move(engine)),
      limits_(engine_->options_.limits),
      held_(engine_->inputs_.size()),
      shapes_(engine_->inputs_.size()),
      feeds_(engine_->inputs_.size()),
      is_set_(engine_->inputs_.size(), 0) {
  set_threads(engine_->options_.threads);
  services_.set_resources(&resources_);
  seeds_ = std::make_unique<ContextSeeds>();
  services_.set<RandomSeeds>(seeds_.get());
  services_.set<ImageCodec>(engine_->options_.images);
  services_.set<RegexCompiler>(engine_->options_.regex);
}

EngineContext::~EngineContext() = default;

void EngineContext::set_threads(int threads) {
  if (pool_ != nullptr && threads == threads_) return;
  threads_ = threads;
  pool_ = std::make_unique<ThreadPool>(threads);
  shapes_changed_ = true;
}

Status EngineContext::switch_program(const StopSignal* stop) {
  TARN_ASSIGN_OR_RETURN(std::shared_ptr<const Program> program, engine_->program(shapes_, threads_, limits_, stop));
  if (context_ == nullptr || &context_->program() != program.get()) {
    context_ = std::make_unique<Context>(std::move(program));
    has_run_ = false;  // what was put out went with the other
  }
  shapes_changed_ = false;
  return context_->allocate();
}

Status EngineContext::prepare() {
  for (size_t i = 0; i < shapes_.size(); ++i) {
    if (is_set_[i] != 0) continue;
    shapes_[i] = engine_->inputs_[i].shape;
    if (!shapes_[i].has_rank()) {
      return failed_precondition("input ", in_quotes(engine_->inputs_[i].name),
                                 " has no declared shape: set it before prepare()");
    }
    for (int d = 0; d < shapes_[i].rank(); ++d) {
      if (shapes_[i].dim(d) < 0) shapes_[i].set_dim(d, 1);
    }
  }
  return switch_program(nullptr);
}

Status EngineContext::set_input(std::string_view name, const Tensor& tensor) {
  TARN_ASSIGN_OR_RETURN(int index, engine_->find_input(name));
  return set_input(index, tensor);
}

Status EngineContext::set_input(int index, const Tensor& tensor) {
  if (index < 0 || index >= static_cast<int>(feeds_.size())) {
    return out_of_range("input ", index, ": the model has ", feeds_.size(), " inputs");
  }
  auto i = static_cast<size_t>(index);
  const EngineTensorInfo& info = engine_->inputs_[i];
  if (info.dtype != DType::kInvalid && tensor.dtype() != info.dtype) {
    return invalid_argument("input ", in_quotes(info.name), ": expects ", info.dtype, ", got ", tensor.dtype());
  }
  if (!info.shape.is_compatible_with(tensor.shape())) {
    return invalid_argument("input ", in_quotes(info.name), ": expects shape ", info.shape, ", got ", tensor.shape());
  }
  held_[i] = tensor;
  for (int o = 0; has_run_ && o < static_cast<int>(engine_->outputs_.size()); ++o) {
    // What the last run put out lies where the next run writes.
    const TensorView& output = context_->fetched_view(o);
    size_t bytes = static_cast<size_t>(output.count) * dtype_size(output.dtype);
    bool is_callers = !output_memory_.empty() && output_memory_[static_cast<size_t>(o)].data == output.data;
    if (is_callers || !overlap(output.data, bytes, tensor.data(), tensor.byte_size())) continue;
    TARN_ASSIGN_OR_RETURN(held_[i], Tensor::allocate(tensor.dtype(), tensor.shape()));
    std::memcpy(held_[i].mutable_data(), tensor.data(), tensor.byte_size());
    break;
  }
  if (!(shapes_[i] == tensor.shape())) {
    shapes_[i] = tensor.shape();
    shapes_changed_ = true;
  }
  feeds_[i] = {tensor.dtype(), &shapes_[i], const_cast<void*>(held_[i].data()), tensor.element_count()};
  is_set_[i] = 1;
  return {};
}

Status EngineContext::set_input_memory(int index, const Shape& shape, const void* data, size_t bytes) {
  if (index < 0 || index >= static_cast<int>(feeds_.size())) {
    return out_of_range("input ", index, ": the model has ", feeds_.size(), " inputs");
  }
  const EngineTensorInfo& info = engine_->inputs_[static_cast<size_t>(index)];
  size_t element = dtype_size(info.dtype);
  if (element == 0)
    return invalid_argument("input ", in_quotes(info.name), ": ", info.dtype, " has no plain memory form");
  Result<int64_t> count = shape.element_count();
  if (!count.ok()) return count.status().with_context(str_cat("input ", in_quotes(info.name)));
  if (static_cast<size_t>(*count) > SIZE_MAX / element || static_cast<size_t>(*count) * element != bytes) {
    return invalid_argument("input ", in_quotes(info.name), ": ", bytes, " bytes given, but ", info.dtype, shape,
                            " needs ", static_cast<size_t>(*count) * element);
  }
  if (data == nullptr && bytes > 0) return invalid_argument("input ", in_quotes(info.name), ": the pointer is null");
  if (reinterpret_cast<uintptr_t>(data) % element != 0) {
    // Copied once here rather than refused: a byte buffer from another language has no alignment to promise.
    TARN_ASSIGN_OR_RETURN(Tensor copy, Tensor::allocate(info.dtype, shape));
    std::copy_n(static_cast<const char*>(data), bytes, static_cast<char*>(copy.mutable_data()));
    return set_input(index, copy);
  }
  return set_input(index, Tensor::view(info.dtype, shape, data, nullptr));
}

// Tables live in the context, as variables would: each fills its own.
Status EngineContext::fill_tables(const RunEnvironment& environment) {
  CompileRequest request;
  request.targets = engine_->table_initializers_;
  CompileOptions options = engine_->compile_options();
  options.threads = pool_->threads();
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<Program> program, compile(*engine_->source_, request, options));
  Context context(std::shared_ptr<const Program>{std::move(program)});
  TARN_RETURN_IF_ERROR(context.allocate());
  TARN_RETURN_IF_ERROR(context.run({}, {}, environment));
  tables_filled_ = true;
  return {};
}

Status EngineContext::set_output_memory(int index, void* data, size_t bytes) {
  if (index < 0 || index >= static_cast<int>(engine_->outputs_.size())) {
    return out_of_range("output ", index, ": the model has ", engine_->outputs_.size(), " outputs");
  }
  const EngineTensorInfo& info = engine_->outputs_[static_cast<size_t>(index)];
  if (data != nullptr && dtype_size(info.dtype) == 0)
    return invalid_argument("output ", in_quotes(info.name), ": ", info.dtype, " has no plain memory form");
  output_memory_.resize(engine_->outputs_.size());
  for (size_t o = 0; data != nullptr && o < output_memory_.size(); ++o) {
    const OutputMemory& other = output_memory_[o];
    if (static_cast<int>(o) != index && overlap(data, bytes, other.data, other.bytes)) {
      return invalid_argument("output ", in_quotes(info.name), ": its memory overlaps that of output ",
                              in_quotes(engine_->outputs_[o].name));
    }
  }
  output_memory_[static_cast<size_t>(index)] = {data, data == nullptr ? 0 : bytes};
  return {};
}

bool EngineContext::overlaps_an_input(const OutputMemory& memory) const {
  for (const TensorView& feed : feeds_) {
    size_t bytes = static_cast<size_t>(feed.count) * dtype_size(feed.dtype);
    if (overlap(memory.data, memory.bytes, feed.data, bytes)) return true;
  }
  return false;
}

// Before a run: outputs whose size is known must have the size of their memory, and are made there where that can be.
Status EngineContext::place_outputs() {
  for (size_t o = 0; o < output_memory_.size(); ++o) {
    const OutputMemory& memory = output_memory_[o];
    const Fact& fact = context_->program().fetches[o];
    bool is_known = memory.data != nullptr && fact.shape.is_fully_known();
    if (is_known)
      TARN_RETURN_IF_ERROR(judge_output_memory(engine_->outputs_[o].name, fact.shape, fact.dtype, memory.bytes));
    bool is_aligned = reinterpret_cast<uintptr_t>(memory.data) % kTensorAlignment == 0;
    bool may_be_made_there = is_known && memory.bytes > 0 && is_aligned && !overlaps_an_input(memory);
    (void)context_->place_fetch(static_cast<int>(o), may_be_made_there ? memory.data : nullptr);
  }
  return {};
}

// After it: what was made elsewhere is copied.
Status EngineContext::finish_outputs() {
  for (size_t o = 0; o < output_memory_.size(); ++o) {
    const OutputMemory& memory = output_memory_[o];
    const TensorView& view = context_->fetched_view(static_cast<int>(o));
    if (memory.data == nullptr || view.data == memory.data) continue;
    TARN_RETURN_IF_ERROR(judge_output_memory(engine_->outputs_[o].name, *view.shape, view.dtype, memory.bytes));
    if (memory.bytes > 0) std::memcpy(memory.data, view.data, memory.bytes);
  }
  return {};
}

Status EngineContext::run() {
  has_run_ = false;
  Problems problems;
  for (size_t i = 0; i < feeds_.size(); ++i) {
    if (is_set_[i] == 0) problems.add(str_cat("input ", in_quotes(engine_->inputs_[i].name), " is not set"));
  }
  TARN_RETURN_IF_ERROR(problems.to_status());
  stop_.begin(limits_.timeout_ms);
  Status status = run_begun();
  stop_.end();
  has_run_ = status.ok();
  return status;
}

Status EngineContext::run_begun() {
  if (context_ == nullptr || shapes_changed_) TARN_RETURN_IF_ERROR(switch_program(&stop_));
  RunEnvironment environment;
  environment.pool = pool_.get();
  environment.services = &services_;
  environment.limits = limits_;
  environment.stop = &stop_;
  if (kHasVariables && !tables_filled_ && !engine_->table_initializers_.empty())
    TARN_RETURN_IF_ERROR(fill_tables(environment));
  TARN_RETURN_IF_ERROR(place_outputs());
  environment.on_step = on_step_;
  environment.user = on_step_user_;
  // A variable is written as a whole or not at all: then steps are stopped between, not within.
  pool_->set_stop(context_->program().writes_variables ? nullptr : &stop_);
  Status status = context_->run(feeds_, {}, environment);
  pool_->set_stop(nullptr);
  TARN_RETURN_IF_ERROR(status);
  return finish_outputs();
}

Result<const TensorView*> EngineContext::output(int index) const {
  if (index < 0 || index >= static_cast<int>(engine_->outputs_.size())) {
    return out_of_range("output ", index, ": the model has ", engine_->outputs_.size(), " outputs");
  }
  if (!has_run_)
    return failed_precondition("output ", in_quotes(engine_->outputs_[static_cast<size_t>(index)].name),
                               ": nothing was run yet");
  return &context_->fetched_view(index);
}

Result<const TensorView*> EngineContext::output(std::string_view name) const {
  TARN_ASSIGN_OR_RETURN(int index, engine_->find_output(name));
  return output(index);
}

}  // namespace tarn
