#include "graph/freeze.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "core/tensor_name.h"
#include "graph/freeze_handles.h"
#include "graph/freeze_inputs.h"
#include "graph/freeze_state.h"
#include "graph/freeze_updates.h"
#include "graph/functions.h"
#include "graph/image_metadata.h"
#include "graph/model_info.h"
#include "graph/records.h"
#include "graph/variable_values.h"
#include "proto/graph.pb.h"

namespace tarn {
namespace {

// "kernel/part_0" is a part of the partitioned variable "kernel".
bool is_or_is_part_of(std::string_view variable, std::string_view name) {
  return variable.starts_with(name) &&
         (variable.size() == name.size() || variable.substr(name.size()).starts_with("/part_"));
}

class Freezer {
 public:
  Freezer(const Graph& graph, const FreezeOptions& options) : graph_(graph), options_(options) {}

  Result<FrozenGraph> run(const VariableValues& values) {
    TARN_RETURN_IF_ERROR(find_outputs());
    TARN_RETURN_IF_ERROR(check_variable_lists());
    needed_ = ancestors(graph_, outputs_);
    find_inputs();
    keep_tables();
    // An input brings what it is fed, whatever it was.
    std::vector<bool> computed = needed_;
    for (const auto& [id, of_node] : inputs_) computed[static_cast<size_t>(id)] = false;
    TARN_ASSIGN_OR_RETURN(
        handles_, Handles::follow(graph_, computed, [&](const Node& variable) { return is_chosen(variable.name); }));
    updated_ = follow_updates(graph_, needed_, outputs_, handles_.holders());
    warnings_.insert(warnings_.end(), updated_.warnings.begin(), updated_.warnings.end());
    for (NodeId id : graph_.ids()) {
      if (is_needed(id)) rewrite(id);
    }
    TARN_RETURN_IF_ERROR(problems_.to_status("freezing"));
    TARN_RETURN_IF_ERROR(strip_records());
    TARN_RETURN_IF_ERROR(fill_in_values(values));
    return assemble();
  }

 private:
  bool is_needed(NodeId id) const { return needed_[static_cast<size_t>(id)]; }

  Status find_outputs() {
    if (options_.outputs.empty()) return invalid_argument("You need to supply the name of a node as output.");
    Problems problems;
    for (const std::string& name : options_.outputs) {
      Result<NodeId> id = graph_.find_node(name);
      // A node without outputs may be one to be run; of others the slot must be there.
      bool has_outputs = id.ok() && graph_.node(*id).def != nullptr && !graph_.node(*id).outputs.empty();
      problems.add(has_outputs ? graph_.find_wire(name).status() : id.status());
      if (id.ok()) outputs_.push_back(*id);
    }
    return problems.to_status("outputs");
  }

  Status check_variable_lists() {
    std::vector<std::string> variables;
    for (NodeId id : graph_.ids()) {
      if (is_variable(graph_.node(id))) variables.push_back(graph_.node(id).name);
    }
    Problems problems;
    for (const std::vector<std::string>* list : {&options_.only, &options_.except}) {
      for (const std::string& name : *list) {
        if (list == &options_.except &&
            std::find(options_.only.begin(), options_.only.end(), name) != options_.only.end())
          problems.add(invalid_argument(quoted(name), " is both to be frozen and to stay a variable"));
        bool is_there = std::any_of(variables.begin(), variables.end(),
                                    [&](const std::string& variable) { return is_or_is_part_of(variable, name); });
        if (is_there) continue;
        problems.add(not_found(quoted(name), " is no variable of the graph", did_you_mean(name, variables)));
      }
    }
    return problems.to_status("");
  }

  bool is_chosen(const std::string& name) const {
    auto in = [&](const std::vector<std::string>& list) {
      return std::any_of(list.begin(), list.end(),
                         [&](const std::string& listed) { return is_or_is_part_of(name, listed); });
    };
    return (options_.only.empty() || in(options_.only)) && !in(options_.except);
  }

  // Where the frozen graph is fed though this one fed itself; what lies behind is not needed any more.
  void find_inputs() {
    std::vector<ModelInput> inputs = queue_inputs(graph_, needed_, outputs_);
    if (options_.cut_image_decoding) {
      ImageInputs images = image_inputs(graph_, needed_);
      for (ModelInput& input : images.inputs) {
        notes_.push_back(str_cat(quoted(input.name), " takes the picture in place of ", input.preprocessing));
        inputs.push_back(std::move(input));
      }
      if (std::vector<std::string> inside = decoders_inside(images); !inside.empty()) {
        warnings_.push_back(str_cat(str_join(inside), inside.size() == 1 ? " decodes" : " decode",
                                    " a picture an iteration, in a loop (tf.map_fn): that is not cut"));
      } else if (images.inputs.empty()) {
        warnings_.push_back("no picture is decoded on the way to the outputs: nothing is cut");
      }
    }
    if (inputs.empty()) return;
    for (ModelInput& input : inputs) {
      stops_.push_back(input.wire.node);
      if (input.preprocessing.empty()) {
        notes_.push_back(str_cat(quoted(input.name), " (", dtype_short_name(input.dtype), input.shape,
                                 ") is a Placeholder now, in place of ",
                                 node_label(graph_.node(input.wire.node).op, graph_.node(input.wire.node).name)));
      }
      inputs_[input.wire.node].push_back(std::move(input));
    }
    needed_ = ancestors(graph_, outputs_, stops_);
    for (const auto& [id, of_node] : inputs_) {
      for (const ModelInput& input : of_node) {
        if (input.decoder < 0 || input.decoder == id || !is_needed(input.decoder)) continue;
        warnings_.push_back(str_cat("the outputs need more of ", quoted(graph_.node(input.decoder).name),
                                    " than the picture that ", quoted(input.name),
                                    " takes (its size?): the file is still decoded"));
      }
    }
    // A source that another one hides (a queue filled from an iterator) is none.
    std::erase_if(inputs_, [&](const auto& entry) { return !is_needed(entry.first); });
  }

  // Names of decoders in while loops, written out or still functions.
  std::vector<std::string> decoders_inside(const ImageInputs& images) const {
    std::vector<std::string> names;
    for (const std::string& name : images.in_loops) names.push_back(quoted(name));
    pb::FunctionDefLibrary library;
    if (!images.inputs.empty() || !names.empty() || !library.ParseFromString(graph_.library)) return names;
    for (const pb::FunctionDef& function : library.function()) {
      for (const pb::NodeDef& node : function.node_def()) {
        if (decodes_picture(node.op()))
          names.push_back(str_cat(quoted(node.name()), " of function ", quoted(function.signature().name())));
      }
    }
    return names;
  }

  void keep_tables() {
    for (const TableInitializer& kept : keep_table_initializers(graph_, stops_, needed_)) {
      const std::string &table = graph_.node(kept.table).name, &initializer = graph_.node(kept.node).name;
      notes_.push_back(str_cat("table ", quoted(table), " stays with its initializer ", quoted(initializer),
                               ", which TensorFlow is to run first"));
      initializers_.push_back(kept.node);
      filled_tables_.insert(table);
    }
    TableContents contents = read_tables(graph_, needed_, options_.tables);
    table_reasons_ = std::move(contents.reasons);
    for (FilledTable& filled : contents.tables) {
      const std::string &table = graph_.node(filled.table).name, &filler = graph_.node(filled.filler).name;
      if (filled_tables_.contains(table)) continue;
      notes_.push_back(str_cat("table ", quoted(table), " has its ", filled.keys.element_count(),
                               " entries in the graph now; TensorFlow is to run ", quoted(filler), " first"));
      initializers_.push_back(filled.filler);
      filled_tables_.insert(table);
      contents_.emplace(filled.table, std::move(filled));
    }
  }

  // A table that is filled once, with what it holds.
  void rewrite_table(NodeId id, const FilledTable& filled) {
    NodeRecord record = copy(id);
    std::string_view version = record.op.ends_with("V2") ? "V2" : "";
    record.op = str_cat("HashTable", version);
    emit(std::move(record));
    const std::string& filler = graph_.node(filled.filler).name;
    std::string keys = graph_.unique_name(filler + "/keys"), values = graph_.unique_name(filler + "/values");
    emit({.name = keys, .op = "Const", .attrs = {{"dtype", filled.keys.dtype()}, {"value", filled.keys}}});
    emit({.name = values, .op = "Const", .attrs = {{"dtype", filled.values.dtype()}, {"value", filled.values}}});
    emit({.name = filler,
          .op = str_cat("InitializeTable", version),
          .inputs = {graph_.node(id).name, keys, values},
          .attrs = {{"Tkey", filled.keys.dtype()}, {"Tval", filled.values.dtype()}}});
  }

  // --- rewriting ----------------------------------------------------------------------------------------------------
  std::string wire_text(Wire wire) const {
    if (auto found = inputs_.find(wire.node); found != inputs_.end()) {
      for (const ModelInput& input : found->second) {
        if (input.wire == wire) return input.name;
      }
    }
    return graph_.wire_name(wire);
  }

  // What `id` takes in this input: of a variable the value that the updates before leave.
  std::string input_text(NodeId id, size_t input) const {
    auto found = updated_.last_update.find({id, static_cast<int>(input)});
    return found == updated_.last_update.end() ? wire_text(graph_.node(id).inputs[input])
                                               : graph_.node(found->second).name;
  }

  NodeRecord copy(NodeId id) const {
    const Node& node = graph_.node(id);
    std::vector<std::string> inputs;
    for (size_t i = 0; i < node.inputs.size(); ++i) inputs.push_back(input_text(id, i));
    AttrMap attrs = node.attrs;
    attrs.erase("_class");
    return remade(id, node.op, std::move(inputs), std::move(attrs));
  }
  // A node of the same name and control inputs, with other op, data inputs and attrs.
  NodeRecord remade(NodeId id, std::string op, std::vector<std::string> inputs, AttrMap attrs) const {
    const Node& node = graph_.node(id);
    NodeRecord record{.name = node.name, .op = std::move(op), .device = options_.clear_devices ? "" : node.device};
    record.inputs = std::move(inputs);
    // An input is waited for by feeding it.
    for (NodeId control : node.controls) {
      if (!inputs_.contains(control)) record.inputs.push_back("^" + graph_.node(control).name);
    }
    record.attrs = std::move(attrs);
    return record;
  }
  void emit(NodeRecord record) { records_.push_back(std::move(record)); }

  // An update whose value the outputs read.
  void rewrite_update(NodeId id, const Node& node) {
    AttrMap type{{"T", handles_.dtype(id)}};
    switch (update_form(node)) {
      case UpdateForm::kSet: return emit(remade(id, "Identity", {input_text(id, 1)}, type));
      case UpdateForm::kAdd: return emit(remade(id, "Add", {input_text(id, 0), input_text(id, 1)}, type));
      case UpdateForm::kSubtract: return emit(remade(id, "Sub", {input_text(id, 0), input_text(id, 1)}, type));
      case UpdateForm::kNone: break;
    }
    refuse(node, "changes a variable, and an output reads what it gives");
  }
  bool has_data_users(NodeId id) const {
    const std::vector<Use>& uses = graph_.uses(id);
    return std::any_of(uses.begin(), uses.end(),
                       [&](const Use& use) { return use.input != Use::kControl && is_needed(use.node); });
  }
  bool is_valued(NodeId id) const { return updated_.valued[static_cast<size_t>(id)]; }

  void rewrite(NodeId id) {
    const Node& node = graph_.node(id);
    if (auto found = inputs_.find(id); found != inputs_.end()) {
      for (const ModelInput& input : found->second) {
        NodeRecord record{.name = input.name, .op = "Placeholder", .attrs = {{"dtype", input.dtype}}};
        record.attrs.set("shape", input.shape);
        if (!input.preprocessing.empty()) record.attrs.set("_preprocessing", input.preprocessing);
        emit(std::move(record));
      }
      return;
    }
    if (auto found = contents_.find(id); found != contents_.end()) return rewrite_table(id, found->second);
    if (is_variable(node) && handles_.of(id) != Handle::kNone) {
      variable_of_[node.name] = id;
      emit(remade(id, "Const", {}, {}));
      return;
    }
    int input = handles_.input_of(node);
    if (input < 0) {
      emit(copy(id));
      return;
    }
    Handle kind = handles_.of(node.inputs[static_cast<size_t>(input)].node);
    if (kind == Handle::kReference) {
      rewrite_reference_user(id, node, input);
    } else {
      rewrite_resource_user(id, node);
    }
  }

  void rewrite_reference_user(NodeId id, const Node& node, int input) {
    AttrMap type{{"T", handles_.dtype(id)}};
    if (std::string_view op = value_op(node.op); !op.empty()) {
      if (node.is("RefMerge") && !all_inputs_are_handles(node)) {
        return refuse(node, "brings together frozen variables and others");
      }
      NodeRecord record = copy(id);
      record.op = op;
      return emit(std::move(record));
    }
    if (node.is("IsVariableInitialized")) return emit_true(id, input);
    // Whatever else reads a reference gets the value it would have read.
    if (!takes_reference(node)) return emit(copy(id));
    if (is_valued(id)) return rewrite_update(id, node);
    lost_updates_.push_back(node.name);
    emit(remade(id, "Identity", {wire_text(node.inputs[static_cast<size_t>(input)])}, type));
  }

  void rewrite_resource_user(NodeId id, const Node& node) {
    DType dtype = handles_.dtype(id);
    std::string value = input_text(id, 0);
    if (passes_resources(node.op)) {
      if (node.is("Merge") && !all_inputs_are_handles(node)) {
        return refuse(node, "brings together frozen variables and others");
      }
      NodeRecord record = copy(id);
      record.attrs.set("T", dtype);
      record.attrs.erase("_output_shapes");
      return emit(std::move(record));
    }
    if (node.is("ReadVariableOp")) return emit(remade(id, "Identity", {value}, {{"T", dtype}}));
    if (node.is("VariableShape")) {
      AttrMap attrs{{"T", dtype}, {"out_type", node.attrs.get_or<DType>("out_type", DType::kInt32)}};
      return emit(remade(id, "Shape", {value}, attrs));
    }
    if (node.is("VarIsInitializedOp")) return emit_true(id, 0);
    if (node.is("ResourceGather") && node.inputs.size() == 2) return rewrite_gather(id, node, dtype);
    if (node.is("ResourceGatherNd") && node.inputs.size() == 2) {
      auto indices = node.attrs.get_or<DType>("Tindices", DType::kInt32);
      return emit(remade(id, "GatherNd", {value, input_text(id, 1)}, {{"Tparams", dtype}, {"Tindices", indices}}));
    }
    bool changes = changes_variable(node);
    if (changes && is_valued(id)) return rewrite_update(id, node);
    if (!is_valued(id) && !has_data_users(id)) {  // only its end is waited for, in its branch or loop
      if (changes) lost_updates_.push_back(node.name);
      int input = handles_.input_of(node);
      if (is_variable(graph_.node(node.inputs[static_cast<size_t>(input)].node)))
        return emit(remade(id, "NoOp", {}, {}));
      return emit(remade(id, "Identity", {input_text(id, input)}, {{"T", dtype}}));
    }
    refuse(node, str_cat("takes the variable itself, not its value"));
  }

  void rewrite_gather(NodeId id, const Node& node, DType dtype) {
    if (node.attrs.get_or<int64_t>("batch_dims", 0) != 0) return refuse(node, "batch_dims is not 0");
    auto indices = node.attrs.get_or<DType>("Tindices", DType::kInt32);
    // Not GatherV2: the axis would be a Const of the root frame, which TensorFlow refuses inside a loop.
    emit(remade(id, "Gather", {input_text(id, 0), input_text(id, 1)}, {{"Tparams", dtype}, {"Tindices", indices}}));
  }

  // What `id` asks of the handle in `input` is true.
  void emit_true(NodeId id, int input) {
    NodeRecord record = remade(id, "Const", {}, {{"dtype", DType::kBool}, {"value", Tensor::scalar<bool>(true)}});
    Wire handle = graph_.node(id).inputs[static_cast<size_t>(input)];
    if (!is_variable(graph_.node(handle.node))) {
      // It must be alive in the same branch and frame as the handle.
      std::string value = graph_.unique_name(record.name + "/value");
      emit({.name = value, .op = "Identity", .inputs = {wire_text(handle)}, .attrs = {{"T", handles_.dtype(id)}}});
      record.inputs.push_back("^" + value);
    }
    emit(std::move(record));
  }

  bool all_inputs_are_handles(const Node& node) {
    return std::all_of(node.inputs.begin(), node.inputs.end(), [&](Wire wire) {
      // What comes round a loop is what went in.
      return wire.is_none() || handles_.of(wire.node) != Handle::kNone ||
             graph_.node(wire.node).op.ends_with("NextIteration");
    });
  }

  void refuse(const Node& node, std::string_view why) {
    problems_.add(unimplemented(node.op, " ", quoted(node.name), " ", why,
                                ": it has no frozen form; choose outputs that do not need it, or leave its variable a "
                                "variable (variable_names_denylist)")
                      .with_node(node.name));
  }

  // --- what is left -------------------------------------------------------------------------------------------------
  // Rewriting took away uses: strips once more.
  Status strip_records() {
    std::unordered_map<std::string_view, size_t> by_name;
    for (size_t i = 0; i < records_.size(); ++i) by_name.emplace(records_[i].name, i);
    std::vector<char> kept(records_.size(), 0);
    std::vector<size_t> stack;
    auto visit = [&](const std::string& name) {
      auto found = by_name.find(name);
      if (found == by_name.end()) return internal_error("freezing left nothing of ", quoted(name));
      stack.push_back(found->second);
      return Status();
    };
    for (NodeId output : outputs_) TARN_RETURN_IF_ERROR(visit(graph_.node(output).name));
    for (NodeId initializer : initializers_) TARN_RETURN_IF_ERROR(visit(graph_.node(initializer).name));
    while (!stack.empty()) {
      size_t i = stack.back();
      stack.pop_back();
      if (kept[i] != 0) continue;
      kept[i] = 1;
      for (const std::string& input : records_[i].inputs) {
        TARN_ASSIGN_OR_RETURN(TensorName name, parse_tensor_name(input));
        TARN_RETURN_IF_ERROR(visit(std::string(name.node)));
      }
    }
    std::vector<NodeRecord> left;
    for (size_t i = 0; i < records_.size(); ++i) {
      if (kept[i] != 0) left.push_back(std::move(records_[i]));
    }
    records_ = std::move(left);
    return {};
  }

  Status fill_in_values(const VariableValues& values) {
    std::vector<NodeId> variables;
    std::vector<NodeRecord*> constants;
    for (NodeRecord& record : records_) {
      auto found = variable_of_.find(record.name);
      if (found == variable_of_.end()) continue;
      variables.push_back(found->second);
      constants.push_back(&record);
    }
    variable_count_ = static_cast<int>(variables.size());
    if (variables.empty()) return {};
    TARN_ASSIGN_OR_RETURN(std::vector<Tensor> tensors, values(graph_, variables));
    for (size_t i = 0; i < constants.size(); ++i) {
      constants[i]->attrs = {{"dtype", tensors[i].dtype()}, {"value", tensors[i]}};
    }
    return {};
  }

  Result<FrozenGraph> assemble() {
    FrozenGraph frozen;
    frozen.variables = variable_count_;
    frozen.notes = std::move(notes_);
    frozen.inexact = std::move(updated_.warnings);
    frozen.warnings = std::move(warnings_);
    if (!lost_updates_.empty()) {
      constexpr size_t kMostShown = 3;
      std::vector<std::string> shown;
      for (const std::string& name : lost_updates_) {
        if (shown.size() < kMostShown) shown.push_back(quoted(name));
      }
      frozen.warnings.push_back(str_cat("the outputs waited for ", lost_updates_.size(),
                                        lost_updates_.size() == 1 ? " update" : " updates", " of variables (",
                                        str_join(shown), lost_updates_.size() > kMostShown ? ", …" : "",
                                        "): the frozen graph has the variables' saved values instead, on every run"));
    }
    TARN_ASSIGN_OR_RETURN(frozen.graph,
                          graph_of_records(graph_, std::move(records_), {.heading = "the frozen graph is not valid"}));
    drop_uncalled_library(frozen.graph);
    drop_self_test(frozen.graph);
    for (std::string& note : take_metadata_of_preparations(frozen.graph)) frozen.notes.push_back(std::move(note));
    for (const std::string& name : drop_metadata_of_missing(frozen.graph))
      frozen.notes.push_back(str_cat("what was told of ", quoted(name), " (metadata) is dropped: it is gone"));
    for (std::string& warning : unfrozen_state(graph_, frozen.graph, options_.outputs, filled_tables_, table_reasons_))
      frozen.warnings.push_back(std::move(warning));
    return frozen;
  }

  const Graph& graph_;
  const FreezeOptions& options_;
  std::vector<NodeId> outputs_, initializers_, stops_;
  std::vector<bool> needed_;
  Handles handles_;
  UpdatedReads updated_;
  std::vector<NodeRecord> records_;
  std::unordered_map<std::string, NodeId> variable_of_;         // frozen ones, by name
  std::unordered_map<NodeId, std::vector<ModelInput>> inputs_;  // nodes that become Placeholders
  std::unordered_set<std::string> filled_tables_;
  std::unordered_map<NodeId, FilledTable> contents_;  // of tables whose initializer is made here
  std::map<std::string, std::string> table_reasons_;
  std::vector<std::string> lost_updates_, notes_, warnings_;
  Problems problems_;
  int variable_count_ = 0;
};

}  // namespace

Result<FrozenGraph> freeze(const Graph& graph, const FreezeOptions& options, const VariableValues& values) {
  std::vector<NodeId> outputs, needed;
  for (const std::string& name : options.outputs) {
    if (Result<NodeId> id = graph.find_node(name); id.ok()) outputs.push_back(*id);  // the Freezer says what is not
  }
  std::vector<bool> is_needed = ancestors(graph, outputs);
  for (NodeId id : graph.ids()) {
    if (is_needed[static_cast<size_t>(id)]) needed.push_back(id);
  }
  if (!calls_functions(graph, needed)) return Freezer(graph, options).run(values);
  // All of the graph: what restores the variables, and so tells their names in the checkpoint, may be a function too.
  TARN_ASSIGN_OR_RETURN(Graph flat, inline_functions(graph, outputs));
  return Freezer(flat, options).run(values);
}

}  // namespace tarn
