// Engine: a frozen GraphDef, ready to run in an app. Loads the file in place, refuses at load what it cannot run (every
// missing op at once), plans memory before the first run.
//
//   Result<std::shared_ptr<const Engine>> engine = Engine::load_file("digits.pb");
//   EngineContext context(*engine);
//   context.set_input("input_node", image);            // Tensor or caller's memory
//   context.run();
//   const TensorView* p = *context.output("output_node");
//
// An Engine is const after load and thread-safe; an EngineContext (arena, inputs, outputs) is one per thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/image_codec.h"
#include "core/op_schema.h"
#include "core/regex.h"
#include "runtime/compile.h"
#include "runtime/executor.h"
#include "runtime/node_source.h"
#include "runtime/quantize.h"

namespace tarn {

struct EngineOptions {
  int threads = 1;  // of each context's runs; 1 starts none, 0 is one per fast core
  // Tensor names; empty: every Placeholder, and every node nobody uses.
  std::vector<std::string> inputs = {}, outputs = {};
  std::vector<Backend> backends = {Backend::kPortable};
  const OpRegistry* ops = nullptr;  // null: the ops linked into this binary
  // Ops of the app's own beside those.
  std::vector<std::shared_ptr<const CustomOp>> custom_ops = {};
  // Reads and writes pictures for DecodeJpeg and its like, which are refused without one: image_codec(), in an app that
  // links ops/images. It must outlive the engine's contexts.
  ImageCodec* images = nullptr;
  // Regular expressions for RegexReplace and its like, refused without it: regex_compiler(), in an app that links
  // ops/re2.
  RegexCompiler* regex = nullptr;
  RunLimits limits = {};  // of every run
  Quantize quantize = Quantize::kAsStored;
  // Convolutions and pools that follow each other run together, some rows at a time, where that saves memory. The bits
  // are the same either way.
  bool streaming = true;
  // Convolutions are computed by a transform only if it moves no output by more than this part of the range of the
  // layer's outputs; 0: by none.
  double max_layer_error = kMaxLayerError;
  // Null: what the file has (optimize_for_mobile --prepack). It must outlive the engine.
  LaidOutConstants* laid_out = nullptr;
  const LayerWays* ways = nullptr;  // null: what the file has for this processor (the tool tune); likewise
};

struct EngineTensorInfo {
  std::string name;  // as in the graph: "input_node", "split:1"
  DType dtype;
  Shape shape;  // -1 where the file leaves it open
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  // Maps the file. Errors name the file and everything that is wrong with it.
  static Result<std::shared_ptr<const Engine>> load_file(const std::string& path, EngineOptions options = {});
  // Uses `bytes` in place; `owner` keeps them alive (null: the caller does, for as long as the engine lives).
  static Result<std::shared_ptr<const Engine>> load_bytes(std::string_view bytes, std::shared_ptr<const void> owner,
                                                          std::string name, EngineOptions options = {});
  // Of a graph at hand, in whatever form, which several engines may share; what it looks at must outlive them.
  static Result<std::shared_ptr<const Engine>> load_source(std::shared_ptr<const NodeSource> graph, std::string name,
                                                           EngineOptions options = {});
  ~Engine();

  const std::vector<EngineTensorInfo>& inputs() const { return inputs_; }
  const std::vector<EngineTensorInfo>& outputs() const { return outputs_; }
  const std::string& name() const { return name_; }
  const NodeSource& graph() const { return *source_; }
  const EngineOptions& options() const { return options_; }
  // What options and file come to: kNone or kDynamic8.
  Quantize quantize() const { return dynamic8_ ? Quantize::kDynamic8 : Quantize::kNone; }
  // What is stored with the model, for parse_model_info(); nothing: "". Lives as long as the engine.
  std::string_view model_info() const { return source_->model_info(); }
  // Index of an input or output by name ("x" or "x:0"); NotFound lists the names there are.
  Result<int> find_input(std::string_view name) const;
  Result<int> find_output(std::string_view name) const;

  // The program for these input shapes and outputs; compiled on first use, then kept.
  Result<std::shared_ptr<const Program>> program(std::span<const Shape> input_shapes) const {
    return program(input_shapes, options_.threads, options_.limits, nullptr);
  }
  // The same for so many threads, and for a run that may be stopped meanwhile.
  Result<std::shared_ptr<const Program>> program(std::span<const Shape> input_shapes, int threads,
                                                 const RunLimits& limits, const StopSignal* stop) const;

 private:
  friend class EngineContext;
  Engine() = default;
  Status add_custom_ops();
  Status choose_inputs_and_outputs();
  void find_table_initializers();
  Status check_graph();
  CompileOptions compile_options() const;
  CompileRequest request_for(std::span<const Shape> input_shapes) const;

  struct Compiled {
    std::vector<Shape> input_shapes;
    int threads;
    std::shared_ptr<const Program> program;
  };
  std::string name_;
  std::shared_ptr<const NodeSource> source_;
  EngineOptions options_;
  std::unique_ptr<OpRegistry> own_ops_;  // with custom ones
  std::vector<EngineTensorInfo> inputs_, outputs_;
  std::vector<Wire> input_wires_, output_wires_;
  std::vector<int> table_initializers_;  // nodes that fill the tables which the outputs need; run once a context
  ResourceMap no_resources_;             // presence alone counts while compiling
  bool dynamic8_ = false;
  Services offered_;
  mutable std::mutex mutex_;
  mutable std::vector<Compiled> programs_;
};

class EngineContext {
 public:
  explicit EngineContext(std::shared_ptr<const Engine> engine);
  ~EngineContext();

  // Takes the memory for the inputs' declared shapes (unknown dims as 1), so that the first run is like the others.
  Status prepare();
  Status set_input(int index, const Tensor& tensor);
  Status set_input(std::string_view name, const Tensor& tensor);
  // Looks at the caller's memory (aligned for the dtype) until it is set again. `bytes` must be what dtype and shape
  // need.
  Status set_input_memory(int index, const Shape& shape, const void* data, size_t bytes);
  // From now on runs leave output `index` in this memory, of exactly its size: made there where that can be, else
  // copied. Null: where it lies in the context.
  Status set_output_memory(int index, void* data, size_t bytes);
  // Every input must be set. Errors name inputs and nodes.
  Status run();
  // Any thread, at any time: a run that is under way ends within milliseconds, as Cancelled.
  void cancel() const { stop_.cancel(); }
  // Of the runs from now on.
  void set_timeout(int64_t timeout_ms) { limits_.timeout_ms = timeout_ms; }
  void set_threads(int threads);  // as in EngineOptions
  int threads() const { return pool_->threads(); }
  bool has_run() const { return has_run_; }  // and ended well
  // From now on `on_step` is called after each step of the program with its index and time (see RunEnvironment); null:
  // no more. For profiles.
  void observe_steps(void (*on_step)(void* user, int step, int64_t nanoseconds), void* user) {
    on_step_ = on_step;
    on_step_user_ = user;
  }
  // Valid until the next run.
  Result<const TensorView*> output(int index) const;
  Result<const TensorView*> output(std::string_view name) const;
  const Engine& engine() const { return *engine_; }
  // Of the last program: arena, lower bound, steps.
  const Program* program() const { return context_ ? &context_->program() : nullptr; }
  std::shared_ptr<const Program> shared_program() const { return context_ ? context_->shared_program() : nullptr; }
  size_t memory_bytes() const { return context_ ? context_->memory_bytes() : 0; }

 private:
  struct OutputMemory {
    void* data = nullptr;
    size_t bytes = 0;
  };

  Status switch_program(const StopSignal* stop);
  Status fill_tables(const RunEnvironment& environment);
  Status run_begun();
  Status place_outputs();
  Status finish_outputs();
  bool overlaps_an_input(const OutputMemory& memory) const;

  std::shared_ptr<const Engine> engine_;
  RunLimits limits_;
  mutable StopSignal stop_;
  int threads_;  // as asked for
  std::unique_ptr<ThreadPool> pool_;
  ResourceMap resources_;
  std::unique_ptr<RandomSeeds> seeds_;
  Services services_;
  std::vector<Tensor> held_;  // inputs set as tensors
  std::vector<Shape> shapes_;
  std::vector<TensorView> feeds_;  // data == nullptr and count > 0: not set
  std::vector<char> is_set_;
  std::vector<OutputMemory> output_memory_;  // the caller's, by output; empty: none
  bool shapes_changed_ = true;
  bool has_run_ = false;
  bool tables_filled_ = false;
  std::unique_ptr<Context> context_;
  void (*on_step_)(void* user, int step, int64_t nanoseconds) = nullptr;
  void* on_step_user_ = nullptr;
};

// The ops linked into this binary: the full table, or the lean one of a model. Defined by the table's library.
const OpRegistry& linked_ops();

}  // namespace tarn
