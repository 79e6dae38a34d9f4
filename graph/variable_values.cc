#include "graph/variable_values.h"

#include <algorithm>
#include <map>

#include "core/thread_pool.h"

namespace tarn {
namespace {

// What a RestoreV2 reads for a variable.
struct Source {
  std::string key;
  std::string slice;  // TensorFlow's shape_and_slice; empty: the whole tensor
};
using Sources = std::multimap<NodeId, Source>;

// The strings of a constant; empty if `wire` is none.
std::vector<std::string> strings_of(const Graph& graph, Wire wire) {
  const Node& node = graph.node(wire.node);
  Tensor value = node.is("Const") ? node.attrs.get_or<Tensor>("value", Tensor()) : Tensor();
  if (value.dtype() != DType::kString) return {};
  std::span<const std::string> strings = value.flat<std::string>();
  return {strings.begin(), strings.end()};
}

bool assigns(const Node& node) {
  return (node.is("Assign") || node.is("AssignVariableOp")) && node.inputs.size() == 2;
}

// Back through nodes that pass their input on.
Wire through_identities(const Graph& graph, Wire wire) {
  while (!wire.is_none() && (graph.node(wire.node).is("Identity") || graph.node(wire.node).is("RefIdentity"))) {
    wire = graph.node(wire.node).inputs[0];
  }
  return wire;
}

void add_source(const Graph& graph, const Node& assign, Sources& sources) {
  Wire target = through_identities(graph, assign.inputs[0]);
  Wire value = through_identities(graph, assign.inputs[1]);
  if (target.is_none() || value.is_none() || !is_variable(graph.node(target.node))) return;
  const Node& restore = graph.node(value.node);
  bool has_slices = restore.is("RestoreV2") || restore.is("RestoreSlice");
  if ((!has_slices && !restore.is("Restore")) || restore.inputs.size() < (has_slices ? 3u : 2u)) return;
  std::vector<std::string> keys = strings_of(graph, restore.inputs[1]);
  std::vector<std::string> slices = has_slices ? strings_of(graph, restore.inputs[2]) : std::vector<std::string>();
  auto slot = static_cast<size_t>(value.slot);
  if (slot >= keys.size()) return;
  sources.emplace(target.node, Source{keys[slot], slot < slices.size() ? slices[slot] : ""});
}

Result<Sources> sources_of(const Graph& graph, const std::string& restore_op) {
  Sources sources;
  std::vector<bool> counts(static_cast<size_t>(graph.id_limit()), true);
  if (!restore_op.empty()) {
    Result<NodeId> id = graph.find_node(restore_op);
    if (!id.ok()) return id.status().with_context("the saver's restore op");
    counts = ancestors(graph, std::span(&*id, 1));
  }
  for (NodeId id : graph.ids()) {
    if (counts[static_cast<size_t>(id)] && assigns(graph.node(id))) add_source(graph, graph.node(id), sources);
  }
  return sources;
}

Fact declared_fact(const Node& node) {
  Fact fact{node.attrs.get_or<DType>("dtype", DType::kInvalid), node.attrs.get_or<Shape>("shape", Shape::unknown()),
            Tensor(), false};
  // Version 1 wrote [] for "unknown" too.
  if (node.is("Variable") && fact.shape.is_scalar()) fact.shape = Shape::unknown();
  return fact;
}

// "conv/kernel/part_1" -> {"conv/kernel", 1}: how TensorFlow calls the parts of a partitioned variable.
std::optional<std::pair<std::string, size_t>> part_of(const std::string& name) {
  constexpr std::string_view kMark = "/part_";
  size_t at = name.rfind(kMark);
  if (at == std::string::npos) return std::nullopt;
  std::string number = name.substr(at + kMark.size());
  if (number.empty() || number.size() > 6 || number.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::pair(name.substr(0, at), static_cast<size_t>(std::stoi(number)));
}

// The slice of a partitioned tensor that part `number` holds: they are numbered along the one dimension that is cut.
std::optional<Source> part_source(const std::string& name, const CheckpointReader& checkpoint) {
  std::optional<std::pair<std::string, size_t>> part = part_of(name);
  const CheckpointEntry* whole = part ? checkpoint.find(part->first) : nullptr;
  if (whole == nullptr || part->second >= whole->slices.size()) return std::nullopt;
  std::vector<TensorSlice> slices = whole->slices;
  auto starts = [](const TensorSlice& slice) {
    std::vector<int64_t> starts;
    for (const TensorSlice::Extent& extent : slice.extents) starts.push_back(extent.start);
    return starts;
  };
  std::sort(slices.begin(), slices.end(),
            [&](const TensorSlice& a, const TensorSlice& b) { return starts(a) < starts(b); });
  std::string text;
  for (int64_t dim : whole->shape.dims()) str_append(text, dim, " ");
  return Source{part->first, str_cat(text, slices[part->second].to_string())};
}

// Whether the graph restores another variable from all of this tensor.
bool is_of_another(const Graph& graph, const Node& node, const Sources& sources, const std::string& key) {
  return std::any_of(sources.begin(), sources.end(), [&](const Sources::value_type& entry) {
    return entry.second.key == key && entry.second.slice.empty() &&
           variable_storage_name(graph.node(entry.first)) != variable_storage_name(node);
  });
}

// Where its value is, or nullopt.
std::optional<Source> choose(const Graph& graph, NodeId id, const Sources& sources, const CheckpointReader& checkpoint,
                             bool saver_decides) {
  const Node& node = graph.node(id);
  auto [begin, end] = sources.equal_range(id);
  if (saver_decides && begin != end) return begin->second;
  if (checkpoint.find(node.name) != nullptr) return Source{node.name, ""};
  for (auto it = begin; it != end; ++it) {
    if (checkpoint.find(it->second.key) != nullptr) return it->second;
  }
  if (std::optional<Source> part = part_source(node.name, checkpoint)) return part;
  // Of object-based checkpoints; and variables that several nodes share, by the name they share. There several
  // variables may have the same name: what the saver gives to another one is not this one's.
  for (const std::string& name : {node.name, node.attrs.get_or<std::string>("shared_name", "")}) {
    if (name.empty()) continue;
    const CheckpointEntry* entry = checkpoint.find_variable(name);
    if (entry != nullptr && !(saver_decides && is_of_another(graph, node, sources, entry->name)))
      return Source{entry->name, ""};
  }
  return std::nullopt;
}

constexpr std::string_view kEmaSuffix = "/ExponentialMovingAverage";

// Puts moving averages in the place of the variables that have one.
class EmaChooser {
 public:
  EmaChooser(const CheckpointReader& checkpoint, const VariableReadOptions& options)
      : checkpoint_(checkpoint), options_(options) {}

  // `counts`: for the notes, and for kAlways.
  void apply(const Node& node, std::optional<Source>& source, bool counts = true) {
    if (!source) return;
    std::string shadow = source->key + std::string(kEmaSuffix);
    const CheckpointEntry* own = checkpoint_.find(source->key);
    const CheckpointEntry* average = checkpoint_.find(shadow);
    bool fits = own != nullptr && average != nullptr && own->dtype == average->dtype && own->shape == average->shape;
    if (!fits) {
      if (counts && options_.use_ema == UseEma::kAlways && is_trainable(node)) {
        problems_.add(
            not_found("variable ", quoted(node.name), " has no moving average ", quoted(shadow), " in the checkpoint"));
      }
      return;
    }
    count_ += counts ? 1 : 0;
    if (options_.use_ema != UseEma::kNever) source->key = shadow;
  }

  Status finish(size_t variables) const {
    if (options_.notes != nullptr && count_ > 0) {
      options_.notes->push_back(
          options_.use_ema == UseEma::kNever
              ? str_cat("the checkpoint has moving averages of ", count_, " of ", variables, " variables (<variable>",
                        kEmaSuffix, "), which are not used; --use_ema=auto takes them")
              : str_cat(count_, " of ", variables, " variables have the values of their moving averages (<variable>",
                        kEmaSuffix, ")"));
    }
    return problems_.to_status("--use_ema=always");
  }

 private:
  bool is_trainable(const Node& node) const {
    if (options_.trainable.empty()) {
      auto dtype = node.attrs.get_or<DType>("dtype", DType::kInvalid);
      bool is_statistic = node.name.ends_with("/moving_mean") || node.name.ends_with("/moving_variance");
      return (dtype == DType::kFloat || dtype == DType::kDouble) && !is_statistic;
    }
    return std::find(options_.trainable.begin(), options_.trainable.end(), node.name) != options_.trainable.end();
  }

  const CheckpointReader& checkpoint_;
  const VariableReadOptions& options_;
  int count_ = 0;
  Problems problems_;
};

Result<Tensor> read_one(const Node& node, const std::optional<Source>& source, const CheckpointReader& checkpoint) {
  Fact expected = declared_fact(node);
  std::string label = str_cat("variable ", quoted(node.name), " (", expected.to_string(), ")");
  std::string key = source ? source->key : node.name;
  const CheckpointEntry* entry = checkpoint.find(key);
  if (entry == nullptr) {
    std::vector<std::string> names = checkpoint.variable_names();
    return not_found(label, key == node.name ? "" : str_cat(", saved as ", quoted(key), ","),
                     " is not in the checkpoint", did_you_mean(key, names));
  }
  std::string stored_as = key == node.name ? "" : str_cat(" (as ", quoted(key), ")");
  Result<Tensor> value = Tensor();
  if (source->slice.empty()) {
    if (entry->dtype != expected.dtype || !expected.shape.is_compatible_with(entry->shape)) {
      return invalid_argument(label, ": the checkpoint has ", dtype_short_name(entry->dtype), entry->shape, stored_as);
    }
    value = checkpoint.read(key);
  } else {
    Result<TensorSlice::Spec> spec = TensorSlice::parse(source->slice);
    if (!spec.ok()) return spec.status().with_context(label);
    value = checkpoint.read_slice(key, *spec);
  }
  if (!value.ok()) {
    // Which checkpoint it is heads all the problems.
    std::string_view message = value.status().message();
    std::string heading = str_cat("checkpoint ", quoted(checkpoint.prefix()), ": ");
    if (message.starts_with(heading)) message.remove_prefix(heading.size());
    return Status(value.status().code(), str_cat(label, ": ", message));
  }
  if (value->dtype() != expected.dtype || !expected.shape.is_compatible_with(value->shape())) {
    return invalid_argument(label, ": the checkpoint has ", dtype_short_name(value->dtype()), value->shape(),
                            stored_as);
  }
  return value;
}

}  // namespace

bool is_variable(const Node& node) {
  return node.is("VariableV2") || node.is("Variable") || is_resource_variable(node);
}

bool is_resource_variable(const Node& node) {
  return node.is("VarHandleOp");
}

std::string variable_storage_name(const Node& node) {
  return variable_name(node.attrs, node.name);
}

Result<UseEma> use_ema_from_name(std::string_view name) {
  if (name == "never") return UseEma::kNever;
  if (name == "auto") return UseEma::kAuto;
  if (name == "always") return UseEma::kAlways;
  return invalid_argument("there is no ", quoted(name), "; there are never, auto and always",
                          did_you_mean(name, {"never", "auto", "always"}));
}

Result<std::vector<Tensor>> read_variables(const Graph& graph, std::span<const NodeId> variables,
                                           const CheckpointReader& checkpoint, const VariableReadOptions& options) {
  TARN_ASSIGN_OR_RETURN(Sources sources, sources_of(graph, options.restore_op));
  EmaChooser averages(checkpoint, options);
  std::vector<std::optional<Source>> chosen;
  for (NodeId id : variables) {
    chosen.push_back(choose(graph, id, sources, checkpoint, !options.restore_op.empty()));
    averages.apply(graph.node(id), chosen.back());
  }
  // Copying and checking the bytes is what takes time.
  std::vector<std::optional<Result<Tensor>>> read(variables.size());
  ThreadPool pool(0);
  pool.parallel_for(static_cast<int64_t>(read.size()), 1, [&](int64_t begin, int64_t end, int) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
      read[i].emplace(read_one(graph.node(variables[i]), chosen[i], checkpoint));
  });
  std::vector<Tensor> values;
  Problems problems;
  for (std::optional<Result<Tensor>>& value : read) {
    problems.add(value->status());
    if (value->ok()) values.push_back(**std::move(value));
  }
  TARN_RETURN_IF_ERROR(problems.to_status(str_cat("checkpoint ", quoted(checkpoint.prefix()))));
  TARN_RETURN_IF_ERROR(averages.finish(variables.size()));
  return values;
}

Status restore_variables(const Graph& graph, const CheckpointReader& checkpoint, const VariableReadOptions& options,
                         Session& session, std::span<const NodeId> wanted) {
  TARN_ASSIGN_OR_RETURN(Sources sources, sources_of(graph, options.restore_op));
  Problems problems;
  EmaChooser averages(checkpoint, options);
  size_t count = 0;
  std::vector<std::pair<std::string, Tensor>> values;
  for (NodeId id : graph.ids()) {
    const Node& node = graph.node(id);
    if (!is_variable(node)) continue;
    std::optional<Source> source = choose(graph, id, sources, checkpoint, !options.restore_op.empty());
    if (!source || checkpoint.find(source->key) == nullptr) continue;
    bool counts = wanted.empty() || std::find(wanted.begin(), wanted.end(), id) != wanted.end();
    count += counts ? 1 : 0;
    averages.apply(node, source, counts);
    Result<Tensor> value = read_one(node, source, checkpoint);
    problems.add(value.status());
    if (value.ok()) values.emplace_back(variable_storage_name(node), *std::move(value));
  }
  TARN_RETURN_IF_ERROR(problems.to_status(str_cat("checkpoint ", quoted(checkpoint.prefix()))));
  TARN_RETURN_IF_ERROR(averages.finish(count));
  for (auto& [name, value] : values) {
    Variable* variable =
        session.resources().find_or_create<Variable>(name, [&] { return std::make_unique<Variable>(name); });
    variable->set_value(std::move(value));
  }
  return {};
}

}  // namespace tarn
