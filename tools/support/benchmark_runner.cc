#include "tools/support/benchmark_runner.h"

#include <chrono>

#include "core/file.h"
#include "core/sample_tensor.h"
#include "graph/file_kind.h"
#include "graph/variable_values.h"
#include "passes/support/sample_inputs.h"
#include "tools/support/graph_ends.h"
#include "tools/support/graph_file.h"

namespace tarn {
namespace {

// Adds the time that passes until it is stopped, or gone.
class Stopwatch {
 public:
  explicit Stopwatch(double& milliseconds) : milliseconds_(&milliseconds), begin_(std::chrono::steady_clock::now()) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() { stop(); }
  void stop() {
    if (milliseconds_ == nullptr) return;
    *milliseconds_ += std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin_).count();
    milliseconds_ = nullptr;
  }

 private:
  double* milliseconds_;
  std::chrono::steady_clock::time_point begin_;
};

template <class T>
void fill(std::span<T> to, const std::vector<double>& values) {
  for (size_t i = 0; i < to.size(); ++i) to[i] = static_cast<T>(values[i]);
}

Result<Tensor> tensor_of(const BenchmarkInput& input, DType dtype, const Shape& shape, uint64_t seed) {
  if (input.values.empty()) return sample_tensor(dtype, shape, seed);
  TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::zeros(dtype, shape));
  if (tensor.element_count() != static_cast<int64_t>(input.values.size())) {
    return invalid_argument("--input_layer_values: ", input.values.size(), " values for ", quoted(input.name),
                            ", which has ", tensor.element_count(), " (", dtype_short_name(dtype), shape, ")");
  }
  switch (dtype) {
    case DType::kFloat: fill(tensor.mutable_flat<float>(), input.values); break;
    case DType::kDouble: fill(tensor.mutable_flat<double>(), input.values); break;
    case DType::kInt32: fill(tensor.mutable_flat<int32_t>(), input.values); break;
    case DType::kInt64: fill(tensor.mutable_flat<int64_t>(), input.values); break;
    case DType::kUInt8: fill(tensor.mutable_flat<uint8_t>(), input.values); break;
    case DType::kInt8: fill(tensor.mutable_flat<int8_t>(), input.values); break;
    case DType::kBool: fill(tensor.mutable_flat<bool>(), input.values); break;
    default:
      return invalid_argument("--input_layer_values: ", quoted(input.name), " takes ", dtype_name(dtype),
                              "; values are given for float, double, int and bool inputs");
  }
  return tensor;
}

// An app maps its file: that is what is timed wherever the file allows it. The engine wants a binary GraphDef; other
// forms are turned into one.
Result<std::shared_ptr<const Engine>> engine_of(const std::string& path, const EngineOptions& options) {
  Result<std::shared_ptr<const Engine>> engine = Engine::load_file(path, options);
  if (engine.ok()) return engine;
  ReadOptions read{.allow_unknown_ops = true};
  TARN_ASSIGN_OR_RETURN(std::string bytes, read_unpacked(path, read.max_bytes));
  TARN_ASSIGN_OR_RETURN(uint64_t bytes_of_file, file_size(path));
  bool is_binary = bytes.size() == bytes_of_file && sniff(bytes).kind == FileKind::kBinaryProto;
  TARN_ASSIGN_OR_RETURN(AnyGraph any, parse_any_graph(std::move(bytes), path, read));
  if (is_binary && !any.is_meta_graph()) return engine;  // for its reasons
  TARN_ASSIGN_OR_RETURN(std::string graph, graph_bytes(any.graph, GraphFormat::kBinary));
  auto owner = std::make_shared<const std::string>(std::move(graph));
  return Engine::load_bytes(*owner, owner, path, options);
}

// What an input's users must have, where the file does not say its shape; unknown if nothing tells.
Shape guessed_shape(const Graph& graph, Wire wire) {
  Shape shape = guess_shape(graph, wire);
  return shape.is_scalar() ? Shape::unknown() : shape;
}

Result<Shape> guessed_shape(const std::string& path, const std::string& input) {
  TARN_ASSIGN_OR_RETURN(AnyGraph any, load_graph_file(path, {.allow_unknown_ops = true}));
  TARN_ASSIGN_OR_RETURN(Wire wire, any.graph.find_wire(input));
  return guessed_shape(any.graph, wire);
}

}  // namespace

Result<BenchmarkRunner> BenchmarkRunner::load(const std::string& path, const BenchmarkOptions& options) {
  BenchmarkRunner runner;
  runner.path_ = path;
  if (options.executor == ExecutorKind::kEngine) {
    TARN_RETURN_IF_ERROR(engine_error(runner.load_engine(path, options), path, options.outputs));
  } else {
    TARN_RETURN_IF_ERROR(runner.load_session(path, options));
  }
  return runner;
}

Status BenchmarkRunner::make_feed(const BenchmarkInput& input, DType dtype, const Shape& declared) {
  if (input.dtype && dtype != DType::kInvalid && *input.dtype != dtype) {
    return invalid_argument("--input_layer_type: ", quoted(input.name), " takes ", dtype_name(dtype), ", not ",
                            dtype_name(*input.dtype));
  }
  if (dtype == DType::kInvalid) dtype = input.dtype.value_or(DType::kFloat);
  Shape shape = input.shape.value_or(declared);
  if (!shape.has_rank()) {
    return invalid_argument("--input_layer_shape: the graph does not say the shape of ", quoted(input.name),
                            "; give one, as 1,224,224,3");
  }
  // One picture, one row: what an app runs.
  if (!input.shape && shape.rank() > 0 && shape.dim(0) < 0) shape.set_dim(0, 1);
  if (!shape.is_fully_known()) {
    return invalid_argument("--input_layer_shape: the graph leaves the shape of ", quoted(input.name), " open, ", shape,
                            "; give one, as 1,224,224,3");
  }
  Result<Tensor> tensor = tensor_of(input, dtype, shape, feeds_.size() + 1);
  if (!tensor.ok()) return tensor.status();
  feeds_.emplace_back(input.name, *std::move(tensor));
  return {};
}

Status BenchmarkRunner::load_engine(const std::string& path, const BenchmarkOptions& options) {
  EngineOptions engine_options;
  engine_options.threads = options.threads;
  engine_options.quantize = options.quantize;
  engine_options.streaming = options.streaming;
  engine_options.max_layer_error = options.max_layer_error;
  engine_options.ways = options.ways;
  engine_options.ops = &linked_ops();
  for (const BenchmarkInput& input : options.inputs) engine_options.inputs.push_back(input.name);
  engine_options.outputs = options.outputs;
  Stopwatch watch(load_ms_);
  TARN_ASSIGN_OR_RETURN(std::shared_ptr<const Engine> engine, engine_of(path, engine_options));
  context_ = std::make_shared<EngineContext>(engine);
  watch.stop();
  const std::vector<EngineTensorInfo>& inputs = engine->inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    BenchmarkInput input = options.inputs.empty() ? BenchmarkInput{.name = inputs[i].name} : options.inputs[i];
    Shape shape = inputs[i].shape;
    if (!shape.has_rank() && !input.shape) {
      TARN_ASSIGN_OR_RETURN(shape, guessed_shape(path, input.name));
    }
    TARN_RETURN_IF_ERROR(make_feed(input, inputs[i].dtype, shape));
    TARN_RETURN_IF_ERROR(context_->set_input(static_cast<int>(i), feeds_.back().second));
  }
  for (const EngineTensorInfo& output : engine->outputs()) outputs_.push_back(output.name);
  Stopwatch compiling(load_ms_);  // for these shapes
  TARN_RETURN_IF_ERROR(context_->prepare());
  return {};
}

Status BenchmarkRunner::load_session(const std::string& path, const BenchmarkOptions& options) {
  Stopwatch watch(load_ms_);
  TARN_ASSIGN_OR_RETURN(AnyGraph any, load_graph_file(path, {.allow_unknown_ops = true}));
  auto graph = std::make_shared<const Graph>(std::move(any.graph));
  SessionOptions session_options;
  session_options.threads = options.threads;
  session_ = std::make_unique<Session>(graph, session_options);
  if (!options.checkpoint.empty()) {
    TARN_ASSIGN_OR_RETURN(std::string prefix, find_checkpoint(options.checkpoint));
    TARN_ASSIGN_OR_RETURN(CheckpointReader checkpoint, CheckpointReader::open(prefix));
    std::string restore_op = any.saver ? any.saver->restore_op : "";
    TARN_RETURN_IF_ERROR(restore_variables(*graph, checkpoint, {.restore_op = restore_op}, *session_));
  }
  watch.stop();
  TARN_RETURN_IF_ERROR(check_nodes("init_ops", options.initializers, *graph, path));
  TARN_RETURN_IF_ERROR(check_nodes("output_layer", options.outputs, *graph, path));
  TARN_RETURN_IF_ERROR(check_nodes("target_layer", options.targets, *graph, path));
  for (const std::string& initializer : options.initializers) {
    Status status = session_->Run(initializer);
    if (!status.ok()) return status.with_context(str_cat(path, ": --init_ops"));
  }
  outputs_ = options.outputs;
  targets_ = options.targets;
  if (outputs_.empty() && targets_.empty()) {
    TARN_ASSIGN_OR_RETURN(std::string output, only_output(*graph, path, "output_layer"));
    outputs_.push_back(output);
  }
  std::vector<BenchmarkInput> inputs = options.inputs;
  if (inputs.empty()) {
    std::vector<std::string> needed_by = outputs_;
    needed_by.insert(needed_by.end(), targets_.begin(), targets_.end());
    for (const std::string& name : likely_inputs(*graph, needed_by)) inputs.push_back({.name = name});
  }
  for (const BenchmarkInput& input : inputs) {
    Result<Wire> wire = graph->find_wire(input.name);
    if (!wire.ok()) return wire.status().with_context(str_cat(path, ": --input_layer"));
    const Fact& fact = graph->fact(*wire);
    TARN_RETURN_IF_ERROR(
        make_feed(input, fact.dtype, fact.shape.has_rank() ? fact.shape : guessed_shape(*graph, *wire)));
  }
  Stopwatch compiling(load_ms_);
  Result<std::shared_ptr<const Program>> program = session_->program(feeds_, outputs_, targets_);
  if (!program.ok()) return graph_error(program.status(), path);
  program_ = *std::move(program);
  return {};
}

Status BenchmarkRunner::run() {
  if (session_ != nullptr) return graph_error(session_->Run(feeds_, outputs_, targets_, &fetched_), path_);
  return engine_error(context_->run(), path_, outputs_);
}

std::shared_ptr<const Program> BenchmarkRunner::program() const {
  if (program_ != nullptr) return program_;
  const Program* program = context_->program();
  return {context_, program};
}

Status BenchmarkRunner::run_profiled(std::vector<int64_t>& step_nanoseconds) {
  if (session_ != nullptr) {
    std::vector<Session::StepTime> times;
    TARN_RETURN_IF_ERROR(session_->RunProfiled(feeds_, outputs_, targets_, &fetched_, &times));
    step_nanoseconds.clear();
    for (const Session::StepTime& time : times) step_nanoseconds.push_back(time.nanoseconds);
    return {};
  }
  step_nanoseconds.assign(context_->program()->steps.size(), 0);
  auto on_step = [](void* user, int step, int64_t nanoseconds) {
    (*static_cast<std::vector<int64_t>*>(user))[static_cast<size_t>(step)] = nanoseconds;
  };
  context_->observe_steps(on_step, &step_nanoseconds);
  Status status = context_->run();
  context_->observe_steps(nullptr, nullptr);
  return status;
}

int64_t BenchmarkRunner::batch() const {
  if (feeds_.empty() || feeds_[0].second.shape().rank() < 1) return 1;
  return feeds_[0].second.shape().dim(0);
}

}  // namespace tarn
