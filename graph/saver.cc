#include "graph/saver.h"

#include <algorithm>
#include <set>

#include "core/file.h"
#include "graph/checkpoint.h"
#include "graph/graph_def.h"
#include "graph/meta_graph.h"
#include "graph/variable_values.h"
#include "graph/variables.h"

namespace tarn {
namespace {

constexpr char kCpu[] = "/device:CPU:0";             // where TensorFlow's savers restore
constexpr float kKeepCheckpointEveryNHours = 10000;  // TensorFlow's default: never

// The variables asked for, or every one of the collections that is in the graph; by name in checkpoints, sorted as
// TensorFlow has them.
std::map<std::string, Output> variables_to_save(const Scope& scope, const SaverOptions& options) {
  if (!options.var_map.empty()) return options.var_map;
  std::map<std::string, Output> variables;
  for (const Output& variable : options.var_list) variables.emplace(variable.op().name(), variable);
  if (!variables.empty()) return variables;
  for (const VariableRecord& record : scope.collections().variables()) {
    std::optional<NodeId> id = scope.graph().find(record.variable);
    if (id) variables.emplace(record.variable, Output(&scope.graph(), Wire{*id, 0}));
  }
  return variables;
}

// `name` is the variable's in checkpoints.
Status check_variable(const Scope& scope, const std::string& name, const Output& variable) {
  if (variable.is_none()) {
    return invalid_argument("Saver: ", name.empty() ? std::string("a variable of var_list") : quoted(name),
                            " is no output of any node (an error earlier, or an average that was not made)");
  }
  const std::string& node = variable.op().name();
  if (variable.op().graph() != &scope.graph()) {
    return invalid_argument("Saver: ", quoted(node), " is of another graph").with_node(node);
  }
  if (is_variable(variable.op().node())) return {};
  return invalid_argument("Saver: ", quoted(node), " is a ", variable.op().type(), ", not a variable").with_node(node);
}

// What SaveV2 takes: a reference, or what reads a handle: the variable's own `Read/ReadVariableOp`, or a new node.
Output saved_value(const Scope& scope, const Output& variable) {
  if (variable.fact().is_ref) return variable;
  const VariableRecord* record = scope.collections().find_variable(variable.op().name());
  std::optional<NodeId> read = record == nullptr ? std::nullopt : scope.graph().find(record->snapshot);
  return read ? Output(&scope.graph(), Wire{*read, 0}) : read_variable(scope, variable);
}

Tensor strings(const std::vector<std::string>& values) {
  return Tensor::vector<std::string>(std::span<const std::string>(values));
}

Result<std::vector<std::string>> constant_strings(const Graph& graph, Wire wire) {
  const Fact& fact = graph.fact(wire);
  if (!fact.has_value() || fact.dtype != DType::kString) {
    return invalid_argument("the saver's ", quoted(graph.wire_name(wire)), " is not a constant list of strings");
  }
  std::span<const std::string> values = fact.value.flat<std::string>();
  return std::vector<std::string>(values.begin(), values.end());
}

}  // namespace

Saver::Saver(const Scope& scope, SaverOptions options) : options_(std::move(options)), scope_(scope) {
  std::map<std::string, Output> variables = variables_to_save(scope, options_);
  if (variables.empty()) scope.UpdateStatus(invalid_argument("Saver: there are no variables to save"));
  for (const auto& [name, variable] : variables) {
    if (!scope.ok()) return;
    scope.UpdateStatus(check_variable(scope, name, variable));
  }
  if (scope.ok()) add_nodes(scope.NewSubScope("save").WithNoControlDependencies(), variables);
}

void Saver::add_nodes(const Scope& scope, const std::map<std::string, Output>& by_name) {
  std::vector<std::string> names;
  std::vector<DType> dtypes;
  std::vector<Output> variables;
  std::vector<Output> values;
  for (const auto& [name, variable] : by_name) {
    const Fact& fact = variable.fact().variable();
    names.push_back(name);
    dtypes.push_back(fact.dtype);
    variables.push_back(variable);
    values.push_back(saved_value(scope, variable));
    items_.push_back({.name = name, .slice = {}, .node = variable.op().name(), .fact = fact});
  }
  const Tensor name_list = strings(names);
  const Tensor whole = strings(std::vector<std::string>(names.size()));  // "": not a part of anything

  auto placeholder = [&](std::string_view name, const Input& value) {
    return AddNode(scope.WithOpName(name), "PlaceholderWithDefault", {value}, {{"shape", Shape()}}).output(0);
  };
  Output filename = placeholder("filename", "model");
  Output prefix = placeholder("Const", filename);

  Operation save = AddNode(scope, "SaveV2", {prefix, name_list, whole, InputList(values)}, {{"dtypes", dtypes}});
  Output saved = AddNode(scope.WithOpName("control_dependency").WithControlDependencies({save}).ColocateWith(prefix),
                         "Identity", {prefix})
                     .output(0);

  Operation restore = AddNode(scope.WithDevice(kCpu), "RestoreV2", {prefix, name_list, whole}, {{"dtypes", dtypes}});
  std::vector<Operation> assigned;
  for (size_t i = 0; i < variables.size() && scope.ok(); ++i) {
    if (!variables[i].fact().is_ref) {
      Output value = AddNode(scope, "Identity", {restore.output(static_cast<int>(i))}).output(0);
      assigned.push_back(AddNode(scope, "AssignVariableOp", {variables[i], value}));
      continue;
    }
    assigned.push_back(AddNode(scope.ColocateWith(variables[i].op()), "Assign",
                               {variables[i], restore.output(static_cast<int>(i))},
                               {{"validate_shape", true}, {"use_locking", true}}));
  }
  Operation restore_all = AddNode(scope.WithOpName("restore_all").WithControlDependencies(assigned), "NoOp", {});
  names_ = {
      .filename_tensor = prefix.name(), .save_tensor = saved.name(), .restore_op = restore_all.name(), .version = 2};
}

Result<Saver> Saver::FromMetaGraph(const MetaGraph& meta, SaverOptions options) {
  if (!meta.saver) return not_found("the MetaGraph has no saver");
  Saver saver;
  saver.options_ = std::move(options);
  saver.names_ = *meta.saver;
  saver.imported_ = meta.collections;
  const Graph& graph = meta.graph;
  TARN_ASSIGN_OR_RETURN(NodeId restore_all, graph.find_node(saver.names_.restore_op));
  // save/restore_all waits for Assign(variable, RestoreV2:k) of every variable, of a resource variable for
  // AssignVariableOp(handle, Identity(RestoreV2:k)); a sharded saver's for
  // save/restore_shard, save/restore_shard_1 …, which wait for their variables'.
  std::vector<NodeId> waiting = {restore_all};
  std::set<NodeId> seen = {restore_all};
  for (size_t next = 0; next < waiting.size(); ++next) {
    const Node& assign = graph.node(waiting[next]);
    if (assign.is("NoOp")) {
      for (NodeId id : assign.controls) {
        if (seen.insert(id).second) waiting.push_back(id);
      }
    }
    if (!assign.is("Assign") && !assign.is("AssignVariableOp")) continue;
    Wire variable = assign.inputs[0], value = assign.inputs[1];
    while (graph.node(value.node).is("Identity")) value = graph.node(value.node).inputs[0];
    const Node& restore = graph.node(value.node);
    if (!restore.is("RestoreV2")) continue;
    TARN_ASSIGN_OR_RETURN(std::vector<std::string> names, constant_strings(graph, restore.inputs[1]));
    TARN_ASSIGN_OR_RETURN(std::vector<std::string> slices, constant_strings(graph, restore.inputs[2]));
    auto slot = static_cast<size_t>(value.slot);
    if (slot >= names.size() || slot >= slices.size()) continue;  // RestoreV2 itself says so when it runs
    saver.items_.push_back({.name = names[slot],
                            .slice = slices[slot],
                            .node = graph.node(variable.node).name,
                            .fact = graph.fact(variable).variable()});
  }
  return saver;
}

Status Saver::write_meta(const Graph& graph, const std::string& prefix) const {
  TARN_RETURN_IF_ERROR(expect_fits_proto(graph));
  pb::MetaGraphDef meta = export_meta_graph(graph, collections());
  pb::SaverDef& def = *meta.mutable_saver_def();
  def.set_filename_tensor_name(names_.filename_tensor);
  def.set_save_tensor_name(names_.save_tensor);
  def.set_restore_op_name(names_.restore_op);
  def.set_max_to_keep(std::max(options_.max_to_keep, 0));
  def.set_keep_checkpoint_every_n_hours(kKeepCheckpointEveryNHours);
  def.set_version(pb::SaverDef::V2);
  return write_file_atomically(prefix + ".meta", serialize(meta));
}

CheckpointHistory& Saver::history(const std::string& dir, const std::string& latest_filename) {
  CheckpointHistory::Options options{
      .max_to_keep = options_.max_to_keep, .state_name = latest_filename, .relative_paths = options_.relative_paths};
  return histories_.try_emplace(path_join(dir, latest_filename), std::move(options)).first->second;
}

Result<std::string> Saver::Save(Session& session, const std::string& path, std::optional<int64_t> global_step,
                                const std::string& latest_filename) {
  if (scope_ && !scope_->ok()) return scope_->status().with_context("Saver");
  if (path_name(path).empty()) return invalid_argument("Save: ", quoted(path), " names no file");
  if (latest_filename == path_name(path)) {
    // TensorFlow refuses the same: the state file would have the name of a V1 checkpoint.
    return invalid_argument("Save: ", quoted(latest_filename), " cannot be both the checkpoint and its state file");
  }
  if (!session.graph().find_wire(names_.save_tensor).ok()) {
    return failed_precondition("Save: the session's graph has no ", quoted(names_.save_tensor),
                               "; make the Saver before the Session");
  }
  const std::string prefix = global_step ? str_cat(path, "-", *global_step) : path;
  TARN_RETURN_IF_ERROR(make_dirs(path_dir(prefix)));
  CheckpointHistory& checkpoints = history(path_dir(prefix), latest_filename);
  TARN_RETURN_IF_ERROR(checkpoints.begin(prefix));
  if (Status status = write_checkpoint(session, prefix); !status.ok()) {
    checkpoints.abandon();
    return status.with_context(str_cat("saving ", quoted(prefix)));
  }
  TARN_RETURN_IF_ERROR(checkpoints.record(prefix));
  return prefix;
}

Status Saver::write_checkpoint(Session& session, const std::string& prefix) {
  std::vector<NamedTensor> state;
  if (options_.training_state) {
    TARN_ASSIGN_OR_RETURN(state, collect_training_state(session, tracked_));
  }
  session.extend_checkpoint(prefix, std::move(state));
  std::vector<Tensor> saved;
  Status status =
      session.Run({{names_.filename_tensor, Tensor::scalar<std::string>(prefix)}}, {names_.save_tensor}, &saved);
  session.extend_checkpoint(prefix, {});
  if (status.ok() && options_.write_meta_graph) status = write_meta(session.graph(), prefix);
  return status;
}

// Everything that Restore would trip over, before anything changes.
Result<CheckpointReader> Saver::check(const std::string& path) const {
  TARN_ASSIGN_OR_RETURN(CheckpointReader reader, CheckpointReader::open(path));
  std::vector<std::string> stored;
  for (const CheckpointEntry& entry : reader.entries()) stored.push_back(entry.name);
  Problems problems;
  for (const Item& item : items_) {
    const CheckpointEntry* entry = reader.find(item.name);
    if (entry == nullptr) {
      problems.add(not_found("variable ", quoted(item.node), ": ",
                             item.name == item.node ? std::string("it") : quoted(item.name),
                             " is not in the checkpoint", did_you_mean(item.name, stored)));
      continue;
    }
    bool fits = !item.slice.empty() || item.fact.shape.is_compatible_with(entry->shape);
    if (entry->dtype == item.fact.dtype && fits) continue;
    problems.add(invalid_argument("variable ", quoted(item.node), " is ", item.fact.to_string(),
                                  ", the checkpoint has ", dtype_short_name(entry->dtype), entry->shape.to_string()));
  }
  TARN_RETURN_IF_ERROR(problems.to_status(str_cat("restoring ", quoted(path), ": nothing was restored")));
  return reader;
}

Status Saver::Restore(Session& session, const std::string& path) {
  if (scope_ && !scope_->ok()) return scope_->status().with_context("Saver");
  warnings_.clear();
  const std::string context = str_cat("restoring ", quoted(path));
  TARN_ASSIGN_OR_RETURN(CheckpointReader reader, check(path));
  TrainingState state;
  if (options_.training_state) {
    Result<TrainingState> stored = TrainingState::read(reader);
    if (!stored.ok()) return stored.status().with_context(context);
    state = *std::move(stored);
  }
  // One RestoreV2 reads all values, with their checksums, before the first Assign.
  auto restore_variables = [&] {
    return session.Run({{names_.filename_tensor, Tensor::scalar<std::string>(path)}}, {}, {names_.restore_op}, nullptr);
  };
  if (!options_.training_state) return restore_variables().with_context(context);
  // What is tracked comes first, for it may refuse.
  TARN_RETURN_IF_ERROR(state.restore_tracked(tracked_, restore_variables).with_context(context));
  state.restore_random(session);
  warnings_ = state.missing(session, tracked_);
  return {};
}

Result<std::string> Saver::RestoreLatest(Session& session, const std::string& dir, const std::string& latest_filename) {
  if (!dir_exists(dir)) return std::string();
  if (!file_exists(path_join(dir, latest_filename))) {
    // The first save may have been killed.
    TARN_RETURN_IF_ERROR(sweep_unfinished_checkpoints(dir, latest_filename));
    return std::string();
  }
  TARN_RETURN_IF_ERROR(RecoverLastCheckpoints(dir, latest_filename));
  TARN_ASSIGN_OR_RETURN(std::string latest, latest_checkpoint(dir, latest_filename));
  TARN_RETURN_IF_ERROR(Restore(session, latest));
  return latest;
}

Status Saver::RecoverLastCheckpoints(const std::string& dir, const std::string& latest_filename) {
  TARN_RETURN_IF_ERROR(sweep_unfinished_checkpoints(dir, latest_filename));
  TARN_ASSIGN_OR_RETURN(CheckpointState state, read_checkpoint_state(dir, latest_filename));
  std::erase_if(state.all, [](const std::string& prefix) { return !checkpoint_exists(prefix); });
  history(dir, latest_filename).recover(state);
  return {};
}

}  // namespace tarn
