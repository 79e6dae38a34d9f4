#include "graph/session.h"

#include <algorithm>
#include <random>

#include "core/file.h"
#include "core/image_codec.h"
#include "core/regex.h"
#include "graph/checkpoint_store.h"
#include "graph/graph_source.h"
#include "graph/scope.h"
#include "runtime/compile.h"
#include "runtime/table_initializers.h"

namespace tarn {

Status choose_backend(std::string_view name, SessionOptions& options) {
  const std::vector<std::string> names = {"portable", "dnnl", "auto"};
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    return invalid_argument("backend ", quoted(name), " is none of portable, dnnl and auto", did_you_mean(name, names));
  }
  if (name == "dnnl" && dnnl_files.empty()) {
    return failed_precondition("backend \"dnnl\": this program was built without oneDNN (TARN_DNNL=OFF)");
  }
  options.backends = {Backend::kPortable};
  if (name != "portable") options.backends = {Backend::kDnnl, Backend::kPortable};
  options.only_faster = name == "auto";
  return {};
}

class Session::Seeds : public RandomSeeds {
 public:
  explicit Seeds(std::optional<uint64_t> seed) { set({seed ? *seed : fresh(), 0}); }
  uint64_t next_seed() override {
    std::lock_guard lock(mutex_);
    ++state_.drawn;
    return generator_();
  }
  SeedState get() const {
    std::lock_guard lock(mutex_);
    return state_;
  }
  void set(const SeedState& state) {
    std::lock_guard lock(mutex_);
    state_ = state;
    generator_.seed(state.seed);
    generator_.discard(state.drawn);
  }

 private:
  static uint64_t fresh() {
    std::random_device device;
    return (uint64_t{device()} << 32) | device();
  }
  mutable std::mutex mutex_;
  SeedState state_;
  std::mt19937_64 generator_;
};

// One compiled program and the contexts that run it. Everything but `idle` is immutable.
struct Session::Signature {
  struct FeedShape {
    std::string name;
    DType dtype;
    Shape shape;
  };
  struct Worker {
    explicit Worker(std::shared_ptr<const Program> program) : context(std::move(program)) {}
    Context context;
    std::vector<TensorView> feeds;
  };
  std::vector<FeedShape> feeds;
  std::vector<std::string> fetches, targets;
  std::shared_ptr<const Program> program;
  std::mutex mutex;
  std::vector<std::unique_ptr<Worker>> idle;

  bool matches(const std::vector<Feed>& given, const std::vector<std::string>& wanted,
               const std::vector<std::string>& run) const {
    if (given.size() != feeds.size() || wanted != fetches || run != targets) return false;
    for (size_t i = 0; i < given.size(); ++i) {
      if (given[i].first != feeds[i].name || given[i].second.dtype() != feeds[i].dtype ||
          !(given[i].second.shape() == feeds[i].shape)) {
        return false;
      }
    }
    return true;
  }
  std::unique_ptr<Worker> take() {
    {
      std::lock_guard lock(mutex);
      if (!idle.empty()) {
        std::unique_ptr<Worker> worker = std::move(idle.back());
        idle.pop_back();
        return worker;
      }
    }
    auto worker = std::make_unique<Worker>(program);
    worker->feeds.resize(feeds.size());
    return worker;
  }
  void give_back(std::unique_ptr<Worker> worker) {
    std::lock_guard lock(mutex);
    idle.push_back(std::move(worker));
  }
};

FileReader& disk_files() {
  class DiskFiles : public FileReader {
   public:
    Result<std::string> read(const std::string& path) override {
      constexpr uint64_t kMostBytes = uint64_t{1} << 30;
      return read_file(path, kMostBytes);
    }
  };
  static DiskFiles files;
  return files;
}

Session::Session(std::shared_ptr<const Graph> graph, SessionOptions options)
    : graph_(std::move(graph)),
      options_(std::move(options)),
      pool_(options_.threads),
      seeds_(std::make_unique<Seeds>(options_.seed)) {
  services_.set_resources(&resources_);
  services_.set<RandomSeeds>(seeds_.get());
  services_.set<ImageCodec>(&image_codec());
  services_.set<RegexCompiler>(&regex_compiler());
  services_.set<FileReader>(options_.files);
  set_checkpoint_store(make_checkpoint_store());
}

Session::Session(const Scope& scope, SessionOptions options) : Session(scope.shared_graph(), std::move(options)) {
  scope_ = std::make_unique<const Scope>(scope);
}

Session::Session(const Graph& graph, SessionOptions options)
    : Session(std::make_shared<const Graph>(graph), std::move(options)) {}

Session::~Session() = default;

Status Session::InitializeTables() {
  std::vector<std::string> initializers;
  for (const TableInitializer& found : find_table_initializers(GraphSource(*graph_), graph_->ops())) {
    if (graph_->is_alive(found.node) && graph_->node(found.node).def != nullptr)
      initializers.push_back(graph_->node(found.node).name);
  }
  if (initializers.empty()) return {};
  Status status = Run({}, {}, initializers, nullptr);
  if (status.ok() || initializers.size() == 1) return status;
  // One that cannot run (its file may not be read) is no reason for the others to be empty.
  for (const std::string& initializer : initializers) (void)Run({}, {}, {initializer}, nullptr);
  return status;
}

void Session::set_checkpoint_store(std::unique_ptr<CheckpointStore> store) {
  checkpoints_ = std::make_unique<ExtendedCheckpointStore>(std::move(store));
  services_.set<CheckpointStore>(checkpoints_.get());
}

void Session::extend_checkpoint(const std::string& prefix, std::vector<NamedTensor> extra) {
  checkpoints_->extend(prefix, std::move(extra));
}

void Session::allow_checkpoint_writes(bool allowed) {
  checkpoints_->allow_writes(allowed);
}

Session::SeedState Session::seed_state() const {
  return seeds_->get();
}

void Session::set_seed_state(const SeedState& state) {
  seeds_->set(state);
}

Result<std::unique_ptr<Session::Signature>> Session::compile_signature(const std::vector<Feed>& feeds,
                                                                       const std::vector<std::string>& fetches,
                                                                       const std::vector<std::string>& targets) const {
  if (scope_ != nullptr) TARN_RETURN_IF_ERROR(Status(scope_->status()).with_context("the graph could not be built"));
  auto signature = std::make_unique<Signature>();
  CompileRequest request;
  Problems problems;
  for (const auto& [name, tensor] : feeds) {
    signature->feeds.push_back({name, tensor.dtype(), tensor.shape()});
    Result<Wire> wire = graph_->find_wire(name);
    if (!wire.ok()) {
      problems.add(wire.status().with_context("feed"));
      continue;
    }
    const Fact& fact = graph_->fact(*wire);
    if (!tensor.is_valid()) {
      problems.add(str_cat("feed ", quoted(name),
                           ": the tensor is invalid; Tensor::from gives that unless the values fill the shape"));
    } else if (fact.dtype != DType::kInvalid && fact.dtype != tensor.dtype()) {
      problems.add(
          str_cat("feed ", quoted(name), ": expects ", dtype_name(fact.dtype), ", got ", dtype_name(tensor.dtype())));
    } else if (!fact.shape.is_compatible_with(tensor.shape())) {
      problems.add(
          str_cat("feed ", quoted(name), ": expects ", fact.to_string(), ", got shape ", tensor.shape().to_string()));
    }
    request.feeds.push_back({*wire, tensor.dtype(), tensor.shape()});
  }
  for (const std::string& name : fetches) {
    Result<Wire> wire = graph_->find_wire(name);
    if (wire.status().code() == Code::kUnimplemented) {
      request.targets.push_back(*graph_->find_node(name));  // compile() names this op with all others that are missing
      continue;
    }
    if (!wire.ok()) {
      problems.add(wire.status().with_context("fetch"));
      continue;
    }
    request.fetches.push_back(*wire);
  }
  for (const std::string& name : targets) {
    Result<NodeId> node = graph_->find_node(name);
    if (!node.ok()) {
      problems.add(node.status().with_context("target"));
      continue;
    }
    request.targets.push_back(*node);
  }
  if (fetches.empty() && targets.empty()) problems.add("nothing to run: give a fetch or a target");
  TARN_RETURN_IF_ERROR(problems.to_status(""));
  signature->fetches = fetches;
  signature->targets = targets;
  CompileOptions options;
  options.ops = &graph_->ops();
  options.backends = options_.backends;
  options.backend_files = dnnl_files;
  options.only_faster = options_.only_faster;
  options.threads = pool_.threads();
  options.services = &services_;
  options.limits = options_.limits;
  options.few_runs = options_.few_runs;
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<Program> program, compile(GraphSource(*graph_), request, options));
  signature->program = std::move(program);
  return signature;
}

Result<Session::Signature*> Session::find_or_compile(const std::vector<Feed>& feeds,
                                                     const std::vector<std::string>& fetches,
                                                     const std::vector<std::string>& targets) {
  {
    std::shared_lock lock(signatures_lock_);
    for (const auto& signature : signatures_) {
      if (signature->matches(feeds, fetches, targets)) return signature.get();
    }
  }
  std::unique_lock lock(signatures_lock_);
  for (const auto& signature : signatures_) {
    if (signature->matches(feeds, fetches, targets)) return signature.get();
  }
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<Signature> signature, compile_signature(feeds, fetches, targets));
  signatures_.push_back(std::move(signature));
  return signatures_.back().get();
}

Status Session::Run(const std::vector<Feed>& feeds, const std::vector<std::string>& fetches,
                    const std::vector<std::string>& targets, std::vector<Tensor>* outputs) {
  return run_observed(feeds, fetches, targets, outputs, nullptr);
}

Status Session::RunProfiled(const std::vector<Feed>& feeds, const std::vector<std::string>& fetches,
                            const std::vector<std::string>& targets, std::vector<Tensor>* outputs,
                            std::vector<StepTime>* times) {
  return run_observed(feeds, fetches, targets, outputs, times);
}

Status Session::run_observed(const std::vector<Feed>& feeds, const std::vector<std::string>& fetches,
                             const std::vector<std::string>& targets, std::vector<Tensor>* outputs,
                             std::vector<StepTime>* times) {
  if (outputs == nullptr && !fetches.empty())
    return invalid_argument("fetches are given but there is nowhere to put them");
  TARN_ASSIGN_OR_RETURN(Signature * signature, find_or_compile(feeds, fetches, targets));
  if (outputs != nullptr) outputs->resize(fetches.size());
  std::unique_ptr<Signature::Worker> worker = signature->take();
  for (size_t i = 0; i < feeds.size(); ++i) {
    const Tensor& tensor = feeds[i].second;
    worker->feeds[i] = {tensor.dtype(), &tensor.shape(), const_cast<void*>(tensor.data()), tensor.element_count()};
  }
  RunEnvironment environment;
  environment.pool = &pool_;
  environment.services = &services_;
  environment.limits = options_.limits;
  if (times != nullptr) {
    const std::vector<Step>& steps = signature->program->steps;
    times->resize(steps.size());
    for (size_t i = 0; i < steps.size(); ++i) {
      (*times)[i].node = steps[i].node;
      (*times)[i].op = steps[i].op;
    }
    environment.user = times;
    environment.on_step = [](void* user, int step, int64_t nanoseconds) {
      StepTime& time = (*static_cast<std::vector<StepTime>*>(user))[static_cast<size_t>(step)];
      time.nanoseconds += nanoseconds;
      ++time.calls;
    };
  }
  std::span<Tensor> fetched;
  if (outputs != nullptr) fetched = *outputs;
  auto run = [&] { return worker->context.run(worker->feeds, fetched, environment); };
  Status status;
  if (signature->program->writes_variables) {
    std::unique_lock lock(variables_lock_);
    status = run();
  } else {
    std::shared_lock lock(variables_lock_);
    status = run();
  }
  signature->give_back(std::move(worker));
  return status;
}

Status Session::Run(std::string_view target) {
  return Run({}, {}, {std::string(target)}, nullptr);
}

Result<Tensor> Session::variable(std::string_view name) const {
  std::shared_lock lock(variables_lock_);
  const Variable* variable = resources_.find<Variable>(name);
  if (variable == nullptr) {
    return not_found("variable ", quoted(name), " does not exist in this session",
                     did_you_mean(name, resources_.names(Variable::kKind)));
  }
  if (!variable->is_initialized()) return failed_precondition("variable ", quoted(name), " has no value yet");
  // A copy: the session goes on changing its own.
  Tensor copy = variable->value();
  (void)copy.mutable_data();
  return copy;
}

Result<std::shared_ptr<const Program>> Session::program(const std::vector<Feed>& feeds,
                                                        const std::vector<std::string>& fetches,
                                                        const std::vector<std::string>& targets) {
  TARN_ASSIGN_OR_RETURN(Signature * signature, find_or_compile(feeds, fetches, targets));
  return signature->program;
}

}  // namespace tarn
