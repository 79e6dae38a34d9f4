#include "tools/support/graph_runner.h"

#include <algorithm>
#include <map>

#include "core/file.h"
#include "core/image_codec.h"
#include "core/regex.h"
#include "graph/file_kind.h"
#include "graph/freeze.h"
#include "graph/functions.h"
#include "graph/npy.h"
#include "graph/saved_model.h"
#include "graph/variable_values.h"
#include "tools/support/graph_file.h"

namespace tarn {
namespace {

// uint8 for quint8 and so on: files of tensors know no quantized dtypes.
DType storage_dtype(DType dtype) {
  switch (dtype) {
    case DType::kQInt8: return DType::kInt8;
    case DType::kQUInt8: return DType::kUInt8;
    case DType::kQInt16: return DType::kInt16;
    case DType::kQUInt16: return DType::kUInt16;
    case DType::kQInt32: return DType::kInt32;
    default: return dtype;
  }
}

// What a signature calls a tensor stands for it, unless the graph has a node of that name itself.
std::string graph_name(const Graph& graph, const std::map<std::string, SignatureTensor>& names,
                       const std::string& name) {
  auto found = names.find(name);
  bool is_taken = found == names.end() || found->second.name.empty() || graph.find_node(name).ok();
  return is_taken ? name : found->second.name;
}

std::vector<std::string> graph_names(const Graph& graph, const Signature& signature,
                                     const std::vector<std::string>& fetches) {
  std::vector<std::string> names;
  for (const std::string& fetch : fetches) names.push_back(graph_name(graph, signature.outputs, fetch));
  return names;
}

std::vector<NamedFeed> adapted(const Graph& graph, const Signature& signature, const std::vector<NamedFeed>& feeds) {
  std::vector<NamedFeed> result = feeds;
  for (NamedFeed& feed : result) {
    feed.first = graph_name(graph, signature.inputs, feed.first);
    Result<Wire> wire = graph.find_wire(feed.first);
    if (!wire.ok()) continue;  // the executor says so
    const Fact& fact = graph.fact(*wire);
    DType wanted = fact.dtype;
    // A .bin file is one string; where a batch is taken, of whatever rank, it is a batch of one.
    if (wanted == DType::kString && feed.second.dtype() == DType::kString && feed.second.shape().is_scalar() &&
        fact.shape.has_rank()) {
      Shape one;
      for (int d = 0; d < fact.shape.rank(); ++d) one.add_dim(1);
      Result<Tensor> batch = feed.second.reshaped(one);
      if (batch.ok() && fact.shape.is_compatible_with(one)) feed.second = *std::move(batch);
    }
    if (wanted != feed.second.dtype() && storage_dtype(wanted) == feed.second.dtype()) {
      feed.second = feed.second.reinterpreted(wanted);
    }
  }
  return result;
}

// "'a', 'b'": the keys of a signature's tensors, or of signatures.
template <class T>
std::string names_text(const std::map<std::string, T>& named) {
  std::vector<std::string> names;
  for (const auto& [name, value] : named) names.push_back(tarn::quoted(name));
  return str_join(names);
}

std::vector<std::string> names_of(const std::vector<NamedFeed>& feeds) {
  std::vector<std::string> names;
  for (const NamedFeed& feed : feeds) names.push_back(feed.first);
  return names;
}

// Tensors that are fed, each as a Placeholder, and the names that feeds and fetches then have: what lies behind them
// is not to be frozen, and an output of a queue is fed as any other.
struct CutGraph {
  Graph graph;
  std::vector<std::string> feeds, fetches;
};
Result<CutGraph> cut_at_feeds(const Graph& graph, const std::vector<NamedFeed>& feeds,
                              const std::vector<std::string>& fetches) {
  CutGraph cut{graph, names_of(feeds), fetches};
  for (size_t i = 0; i < feeds.size(); ++i) {
    const Tensor& tensor = feeds[i].second;
    TARN_ASSIGN_OR_RETURN(Wire fed, graph.find_wire(feeds[i].first));
    if (graph.node(fed.node).is("Placeholder")) continue;
    const Fact& fact = graph.fact(fed);
    if ((fact.dtype != DType::kInvalid && fact.dtype != tensor.dtype()) ||
        !fact.shape.is_compatible_with(tensor.shape())) {
      return invalid_argument("feed ", tarn::quoted(feeds[i].first), ": expects ", fact.to_string(), ", got ",
                              dtype_short_name(tensor.dtype()), tensor.shape());
    }
    std::string name = cut.graph.unique_name(str_cat(graph.node(fed.node).name, "/fed_", fed.slot));
    NodeSpec placeholder{
        .name = name, .op = "Placeholder", .attrs = {{"dtype", tensor.dtype()}, {"shape", fact.shape}}};
    TARN_ASSIGN_OR_RETURN(NodeId id, cut.graph.add(std::move(placeholder)));
    cut.graph.replace_uses(fed, {id, 0});
    cut.feeds[i] = name;
    for (size_t o = 0; o < fetches.size(); ++o) {
      if (Result<Wire> fetched = graph.find_wire(fetches[o]); fetched.ok() && *fetched == fed) cut.fetches[o] = name;
    }
  }
  return cut;
}

// A copy that outlives the engine's next run.
Result<Tensor> copy_of(const TensorView& view) {
  TARN_ASSIGN_OR_RETURN(Tensor copy, Tensor::allocate(view.dtype, *view.shape));
  if (view.dtype == DType::kString) {
    std::span<std::string> to = copy.mutable_flat<std::string>();
    std::copy_n(view.as<std::string>(), to.size(), to.begin());
  } else if (copy.byte_size() > 0) {
    std::copy_n(view.as<char>(), copy.byte_size(), static_cast<char*>(copy.mutable_data()));
  }
  return copy;
}

// What the signatures need of functions is put in place, so that sessions and engines run it.
Status inline_calls(AnyGraph& any) {
  if (!calls_functions(any.graph, any.graph.ids())) return {};
  std::vector<NodeId> targets;
  for (const auto& [name, signature] : any.signatures) {
    for (const auto& [key, tensor] : signature.outputs) {
      if (Result<NodeId> id = any.graph.find_node(tensor.name); id.ok()) targets.push_back(*id);
    }
  }
  TARN_ASSIGN_OR_RETURN(any.graph, inline_functions(any.graph, targets));
  return {};
}

}  // namespace

Result<ExecutorKind> executor_kind_from_name(std::string_view name) {
  if (name == "session") return ExecutorKind::kSession;
  if (name == "engine") return ExecutorKind::kEngine;
  return invalid_argument("--executor: there is no ", tarn::quoted(name), "; there are session and engine",
                          did_you_mean(name, {"session", "engine"}));
}

std::string_view executor_kind_name(ExecutorKind kind) {
  return kind == ExecutorKind::kSession ? "session" : "engine";
}

Result<Quantize> quantize_from_name(std::string_view name, ExecutorKind executor) {
  if (name.empty()) return Quantize::kAsStored;
  if (name != "none" && name != kDynamic8Name)
    return invalid_argument("--quantize: there is no ", quoted(name), "; there are none and ", kDynamic8Name);
  if (executor == ExecutorKind::kSession)
    return invalid_argument("--quantize: a session computes in float; give --executor=engine too");
  return name == "none" ? Quantize::kNone : Quantize::kDynamic8;
}

Result<GraphRunner> GraphRunner::load(const std::string& graph, const std::string& checkpoint,
                                      GraphRunnerOptions options) {
  GraphRunner runner;
  runner.options_ = options;
  runner.path_ = graph;
  ReadOptions read;
  read.allow_unknown_ops = true;  // those that no fetch needs are no trouble
  read.tags = options.tags;
  TARN_ASSIGN_OR_RETURN(AnyGraph any, read_any_graph(graph, read));
  // Without --checkpoint the one that belongs to the graph, or else lies beside it, as freezing takes it.
  std::string values = checkpoint.empty() ? any.checkpoint : checkpoint;
  bool is_found = options.take_checkpoint_beside && values.empty() && has_variables(any.graph);
  if (is_found) values = checkpoint_beside(any);
  is_found = is_found && !values.empty();
  if (is_found) {
    any.notes.push_back(str_cat("the variables have the values of the checkpoint ", tarn::quoted(values),
                                ", which lies with the graph"));
  }
  bool may_keep_bytes = options.executor == ExecutorKind::kEngine && values.empty() && !any.is_meta_graph() &&
                        !options.files.any &&
                        options.files.folder.empty();  // freezing reads files, the engine does not
  if (may_keep_bytes) {
    TARN_ASSIGN_OR_RETURN(std::string bytes, read_unpacked(graph, read.max_bytes));
    if (sniff(bytes).kind == FileKind::kBinaryProto)
      runner.file_bytes_ = std::make_shared<const std::string>(std::move(bytes));
  }
  if (any.form == AnyGraph::Form::kSavedModel) TARN_RETURN_IF_ERROR(inline_calls(any));
  TARN_RETURN_IF_ERROR(runner.choose_signature(any.signatures));
  runner.notes_ = any.notes;
  runner.files_ = std::make_unique<ModelFiles>(options.files, any);
  runner.tables_ = table_sources(any, *runner.files_);
  runner.graph_ = std::make_shared<const Graph>(std::move(any.graph));
  if (any.saver) runner.restore_op_ = any.saver->restore_op;
  bool of_saved_model = checkpoint.empty() && any.form == AnyGraph::Form::kSavedModel;
  if (!values.empty()) {
    TARN_ASSIGN_OR_RETURN(std::string prefix, find_checkpoint(values));
    TARN_ASSIGN_OR_RETURN(runner.checkpoint_, CheckpointReader::open(prefix));
    runner.tables_.checkpoint = prefix;
  }
  if (options.executor == ExecutorKind::kSession) {
    SessionOptions session_options;
    session_options.threads = options.threads;
    session_options.files = runner.files_.get();
    runner.session_ = std::make_unique<Session>(runner.graph_, session_options);
    if (of_saved_model) {
      TARN_RETURN_IF_ERROR(initialize_saved_model(any, *runner.session_, runner.notes_));
    } else if (runner.checkpoint_) {
      Status restored =
          restore_variables(*runner.graph_, *runner.checkpoint_, {.restore_op = runner.restore_op_}, *runner.session_);
      if (!restored.ok() && !is_found) return restored;
      // Nobody asked for it: another graph's, perhaps, and of no use to this one.
      if (!restored.ok()) runner.notes_.push_back(str_cat("that checkpoint is not taken: ", restored.message()));
    }
    // Tables that cannot be filled now (from files, say) are said to be empty by who reads them, and run() says why;
    // others are none's loss.
    runner.tables_status_ = runner.session_->InitializeTables();
    fill_mutable_tables(runner.tables_, *runner.session_);
  }
  return runner;
}

Result<GraphRunner> GraphRunner::of_graph(Graph graph, std::string name, GraphRunnerOptions options) {
  GraphRunner runner;
  runner.path_ = std::move(name);
  runner.graph_ = std::make_shared<const Graph>(std::move(graph));
  if (options.executor == ExecutorKind::kSession) {
    SessionOptions session_options;
    session_options.threads = options.threads;
    runner.session_ = std::make_unique<Session>(runner.graph_, session_options);
    (void)runner.session_->InitializeTables();  // as in load()
  }
  runner.options_ = std::move(options);
  return runner;
}

Status GraphRunner::choose_signature(const Signatures& signatures) {
  std::string name = options_.signature.empty() ? std::string(kServingDefault) : options_.signature;
  auto found = signatures.find(name);
  if (found == signatures.end() && options_.signature.empty() && signatures.size() == 1) found = signatures.begin();
  if (found != signatures.end()) {
    signature_ = found->second;
    return {};
  }
  if (options_.signature.empty()) {
    unchosen_ = names_text(signatures);
    return {};
  }
  return not_found("--signature: ", tarn::quoted(name), " is no signature of ", path_,
                   signatures.empty() ? "; it has none" : str_cat("; it has ", names_text(signatures)));
}

std::vector<std::string> GraphRunner::unsupported_ops(const std::vector<NamedFeed>& feeds,
                                                      const std::vector<std::string>& fetches) const {
  std::vector<NodeId> stops, targets;
  for (const NamedFeed& feed : feeds) {
    if (Result<NodeId> id = graph_->find_node(feed.first); id.ok()) stops.push_back(*id);
  }
  for (const std::string& fetch : fetches) {
    if (Result<NodeId> id = graph_->find_node(fetch); id.ok()) targets.push_back(*id);
  }
  std::vector<bool> needed = ancestors(*graph_, targets, stops);
  Result<std::vector<NodeId>> order = topological_order(*graph_);
  std::vector<std::string> ops;
  for (NodeId id : order.ok() ? *order : graph_->ids()) {
    bool is_fed = std::find(stops.begin(), stops.end(), id) != stops.end();
    const Node& node = graph_->node(id);
    bool missing = needed[static_cast<size_t>(id)] && !is_fed && node.def == nullptr;
    if (missing && std::find(ops.begin(), ops.end(), node.op) == ops.end()) ops.push_back(node.op);
  }
  return ops;
}

Status GraphRunner::check_names(const std::vector<std::string>& feeds, const std::vector<std::string>& fetches) const {
  Problems problems;
  auto judge = [&](const std::vector<std::string>& names, const std::map<std::string, SignatureTensor>& of_signature,
                   std::string_view what) {
    for (const std::string& name : names) {
      Status status = graph_->find_wire(graph_name(*graph_, of_signature, name)).status();
      // Of ops that are not supported the executor names all.
      if (status.ok() || status.code() == Code::kUnimplemented) continue;
      std::string hint;
      if (status.code() == Code::kNotFound && !of_signature.empty()) {
        hint =
            str_cat("; the signature's ", what, of_signature.size() == 1 ? " is " : "s are ", names_text(of_signature));
      } else if (status.code() == Code::kNotFound && !unchosen_.empty()) {
        hint = str_cat("; for a signature's names choose one with --signature: there are ", unchosen_);
      }
      problems.add(
          Status(status.code(), str_cat(status.message(), hint)).with_context(what == "input" ? "feed" : "fetch"));
    }
  };
  judge(feeds, signature_.inputs, "input");
  judge(fetches, signature_.outputs, "output");
  return problems.to_status("");
}

Result<std::vector<Tensor>> GraphRunner::run(const std::vector<NamedFeed>& feeds,
                                             const std::vector<std::string>& fetches) {
  TARN_RETURN_IF_ERROR(check_names(names_of(feeds), fetches));
  std::vector<NamedFeed> fitting = adapted(*graph_, signature_, feeds);
  std::vector<std::string> names = graph_names(*graph_, signature_, fetches);
  if (options_.executor == ExecutorKind::kEngine) return run_engine(fitting, names);
  std::vector<Tensor> outputs;
  Status status = session_->Run(fitting, names, &outputs);
  bool lacks_table = !tables_status_.ok() && status.message().find("Table not initialized") != std::string::npos;
  if (lacks_table) return Status(status.code(), str_cat(status.message(), "; ", tables_status_.message()));
  TARN_RETURN_IF_ERROR(status);
  return outputs;
}

Result<std::vector<Tensor>> GraphRunner::run(const std::vector<NamedFeed>& feeds,
                                             const std::vector<std::string>& fetches,
                                             const std::vector<std::string>& targets) {
  if (session_ == nullptr) return unimplemented("the engine runs no targets: it changes no variables");
  std::vector<Tensor> outputs;
  TARN_RETURN_IF_ERROR(
      session_->Run(adapted(*graph_, signature_, feeds), graph_names(*graph_, signature_, fetches), targets, &outputs));
  return outputs;
}

Status GraphRunner::load_engine(const std::vector<NamedFeed>& given, const std::vector<std::string>& fetches) {
  const std::vector<std::string> feeds = names_of(given);
  EngineOptions options;
  options.threads = options_.threads;
  options.ops = &linked_ops();      // what an app has
  options.images = &image_codec();  // and may have
  options.regex = &regex_compiler();
  options.quantize = options_.quantize;
  options.inputs = feeds;
  options.outputs = fetches;
  std::shared_ptr<const std::string> bytes = file_bytes_;
  needed_feeds_.assign(feeds.size(), true);
  // With nothing fed, an engine on the whole file would ask for its Placeholders: freezing strips them.
  if (bytes == nullptr || feeds.empty()) {
    VariableValues values = checkpoint_ ? checkpoint_values(*checkpoint_, {.restore_op = restore_op_}) : no_values();
    TARN_ASSIGN_OR_RETURN(CutGraph cut, cut_at_feeds(*graph_, given, fetches));
    TARN_ASSIGN_OR_RETURN(FrozenGraph frozen, freeze(cut.graph, {.outputs = cut.fetches, .tables = tables_}, values));
    if (!frozen.inexact.empty())
      return unimplemented("the engine changes no variables, and ", frozen.inexact[0], "; a session runs it");
    // What is fed but needed by no output (a decoder's targets) is gone with the rest; sessions pass over it too.
    options.inputs.clear();
    for (size_t i = 0; i < feeds.size(); ++i) {
      needed_feeds_[i] = frozen.graph.find_node(cut.feeds[i]).ok();
      if (needed_feeds_[i]) options.inputs.push_back(cut.feeds[i]);
    }
    options.outputs = cut.fetches;
    TARN_ASSIGN_OR_RETURN(std::string frozen_bytes, graph_bytes(frozen.graph, GraphFormat::kBinary));
    bytes = std::make_shared<const std::string>(std::move(frozen_bytes));
  }
  TARN_ASSIGN_OR_RETURN(engine_, Engine::load_bytes(*bytes, bytes, path_, options));
  engine_feeds_ = feeds;
  engine_fetches_ = fetches;
  return {};
}

Result<std::vector<Tensor>> GraphRunner::run_engine(const std::vector<NamedFeed>& feeds,
                                                    const std::vector<std::string>& fetches) {
  std::vector<std::string> names = names_of(feeds);
  if (engine_ == nullptr || names != engine_feeds_ || fetches != engine_fetches_) {
    TARN_RETURN_IF_ERROR(load_engine(feeds, fetches));
  }
  EngineContext context(engine_);
  int input = 0;
  for (size_t i = 0; i < feeds.size(); ++i) {
    if (needed_feeds_[i]) TARN_RETURN_IF_ERROR(context.set_input(input++, feeds[i].second));
  }
  TARN_RETURN_IF_ERROR(context.run());
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < fetches.size(); ++i) {
    TARN_ASSIGN_OR_RETURN(const TensorView* view, context.output(static_cast<int>(i)));
    TARN_ASSIGN_OR_RETURN(Tensor output, copy_of(*view));
    outputs.push_back(std::move(output));
  }
  return outputs;
}

Result<std::vector<NamedFeed>> read_feeds(std::string_view flag, const std::vector<std::string>& items) {
  std::vector<NamedFeed> feeds;
  Problems problems;
  for (const std::string& item : items) {
    size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == item.size()) {
      problems.add(invalid_argument("--", flag, ": expected NAME=FILE, found ", tarn::quoted(item)));
      continue;
    }
    std::string name = item.substr(0, equals);
    bool repeated = std::any_of(feeds.begin(), feeds.end(), [&](const NamedFeed& feed) { return feed.first == name; });
    if (repeated) problems.add(invalid_argument("--", flag, ": ", tarn::quoted(name), " is fed twice"));
    Result<Tensor> tensor = read_tensor_file(item.substr(equals + 1));
    problems.add(tensor.status());
    if (tensor.ok()) feeds.emplace_back(std::move(name), *std::move(tensor));
  }
  TARN_RETURN_IF_ERROR(problems.to_status(""));
  return feeds;
}

Result<std::vector<std::string>> write_outputs(const std::string& dir, const std::vector<std::string>& names,
                                               const std::vector<Tensor>& tensors,
                                               const std::vector<std::string>& inputs) {
  std::map<std::string, std::string> tensor_of;  // by file
  std::vector<TensorFile> files;
  for (size_t i = 0; i < names.size(); ++i) {
    TARN_ASSIGN_OR_RETURN(TensorFile file, make_tensor_file(names[i], tensors[i]));
    auto [other, is_new] = tensor_of.emplace(file.name, names[i]);
    if (!is_new) {
      return invalid_argument(tarn::quoted(other->second), " and ", tarn::quoted(names[i]),
                              " would both be written to ", file.name);
    }
    files.push_back(std::move(file));
  }
  std::vector<std::string> paths;
  for (const TensorFile& file : files) {
    paths.push_back(path_join(dir, file.name));
    TARN_RETURN_IF_ERROR(check_output_path("out_dir", paths.back(), inputs));
  }
  TARN_RETURN_IF_ERROR(make_dirs(dir));
  for (size_t i = 0; i < files.size(); ++i) TARN_RETURN_IF_ERROR(write_file_atomically(paths[i], files[i].bytes));
  return paths;
}

}  // namespace tarn
