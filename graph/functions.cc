#include "graph/functions.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "core/tensor_fields.h"
#include "core/tensor_name.h"
#include "graph/assemble.h"
#include "graph/graph_def.h"
#include "graph/wire_scan.h"

namespace tarn {
namespace {

constexpr int kMostAttrDepth = 16;

bool is_call(std::string_view op) {
  return op == "PartitionedCall" || op == "StatefulPartitionedCall";
}
bool is_if(std::string_view op) {
  return op == "If" || op == "StatelessIf";
}
bool is_while(std::string_view op) {
  return op == "While" || op == "StatelessWhile";
}

// A function as it is used: each node's inputs still by the names of the function's own arguments and nodes.
struct Function {
  const pb::FunctionDef* def = nullptr;
  std::unordered_map<std::string, int> nodes;  // by name: index in def
};

class Inliner {
 public:
  Inliner(const Graph& graph, std::span<const NodeId> targets, const InlineOptions& options)
      : graph_(graph), targets_(targets), options_(options) {}

  Result<Graph> run() {
    TARN_RETURN_IF_ERROR(read_library());
    std::vector<bool> needed(static_cast<size_t>(graph_.id_limit()), true);
    if (!targets_.empty()) needed = ancestors(graph_, targets_);
    for (NodeId id : graph_.ids()) {
      TARN_RETURN_IF_ERROR(expand({record_of(graph_.node(id)), 0, "", needed[static_cast<size_t>(id)]}));
    }
    resolve_aliases();
    AssembleOptions assemble;
    assemble.ops = &graph_.ops();
    assemble.allow_unknown_ops = true;
    assemble.place = [](int node, int) { return str_cat("node ", node); };
    Problems problems;
    Graph result = assemble_graph(std::move(records_), assemble, problems);
    TARN_RETURN_IF_ERROR(problems.to_status("the graph with its functions inlined is not valid"));
    result.versions = graph_.versions;
    if (still_calls()) result.library = graph_.library;
    return result;
  }

 private:
  // A node that may be a call; `depth` calls deep, in `chain` ("f -> g").
  struct Item {
    NodeRecord record;
    int depth = 0;
    std::string chain;
    bool is_needed = true;
  };

  Status read_library() {
    if (graph_.library.empty()) return {};
    TARN_RETURN_IF_ERROR(scan_wire(graph_.library, *pb::FunctionDefLibrary::descriptor()).with_context("the library"));
    if (!library_.ParseFromString(graph_.library)) return data_loss("the function library is malformed");
    for (const pb::FunctionDef& def : library_.function()) {
      Function& function = functions_[def.signature().name()];
      function.def = &def;
      for (int i = 0; i < def.node_def_size(); ++i) function.nodes.emplace(def.node_def(i).name(), i);
    }
    return {};
  }

  NodeRecord record_of(const Node& node) const {
    NodeRecord record{.name = node.name, .op = node.op, .device = node.device, .attrs = node.attrs};
    for (Wire wire : node.inputs) record.inputs.push_back(graph_.wire_name(wire));
    for (NodeId control : node.controls) record.inputs.push_back("^" + graph_.node(control).name);
    return record;
  }

  // --- one node at a time, those of a function's body behind its call ----------------------------------------------
  Status expand(Item first) {
    std::deque<Item> queue;
    queue.push_back(std::move(first));
    while (!queue.empty()) {
      Item item = std::move(queue.front());
      queue.pop_front();
      std::vector<NodeRecord> made;
      Result<bool> done = expand_one(item, made);
      if (!done.ok()) {
        if (item.is_needed) return done.status().with_node(item.record.name);
        done = false;
      }
      if (!*done) {
        emit(std::move(item.record));
        continue;
      }
      // In order, before what follows: so the body stands where the call stood.
      for (auto record = made.rbegin(); record != made.rend(); ++record) {
        queue.push_front({std::move(*record), item.depth + 1, chain_, item.is_needed});
      }
      made_ += static_cast<int64_t>(made.size());
      if (made_ + graph_.node_count() > options_.max_nodes) {
        return resource_exhausted(node_label(item.record.op, item.record.name), ": with functions inlined (", chain_,
                                  ") the graph has more than ", options_.max_nodes, " nodes")
            .with_node(item.record.name);
      }
    }
    return {};
  }

  void emit(NodeRecord record) { records_.push_back(std::move(record)); }

  // False if the node is no call; else what stands in its place.
  Result<bool> expand_one(Item& item, std::vector<NodeRecord>& made) {
    NodeRecord& node = item.record;
    bool by_name = functions_.contains(node.op) && graph_.ops().find(node.op) == nullptr;
    bool takes_apart = is_call(node.op) || by_name || ((is_if(node.op) || is_while(node.op)) && takes_resources(node));
    if (!takes_apart) return false;
    std::string label = node_label(node.op, node.name);
    if (item.depth >= options_.max_depth) {
      return resource_exhausted(label, ": functions call each other more than ", options_.max_depth, " deep (",
                                shortened(item.chain), ")");
    }
    chain_ = item.chain;
    Status status = is_if(node.op)      ? lower_if(node, made)
                    : is_while(node.op) ? lower_while(node, made)
                    : by_name           ? inline_call(node, node.op, node.attrs, made)
                                        : inline_partitioned_call(node, made);
    if (!status.ok()) return status.with_context(label);
    return true;
  }

  static std::string shortened(const std::string& chain) {
    constexpr size_t kMost = 120;
    return chain.size() <= kMost ? chain : chain.substr(0, kMost) + "…";
  }

  static bool takes_resources(const NodeRecord& node) {
    for (std::string_view attr : {"Tin", "T"}) {
      const AttrValue* types = node.attrs.find(attr);
      if (types == nullptr || !types->is<std::vector<DType>>()) continue;
      const auto& list = types->as<std::vector<DType>>();
      if (std::find(list.begin(), list.end(), DType::kResource) != list.end()) return true;
    }
    return false;
  }

  Result<FunctionAttr> function_attr(const NodeRecord& node, std::string_view attr) const {
    const AttrValue* value = node.attrs.find(attr);
    if (value == nullptr || !value->is<FunctionAttr>()) return invalid_argument("attr '", attr, "' names no function");
    return value->as<FunctionAttr>();
  }

  Status inline_partitioned_call(const NodeRecord& node, std::vector<NodeRecord>& made) {
    TARN_ASSIGN_OR_RETURN(FunctionAttr f, function_attr(node, "f"));
    return inline_call(node, f.name, f.attrs != nullptr ? *f.attrs : AttrMap(), made);
  }

  // --- a call ------------------------------------------------------------------------------------------------------
  struct Call {
    std::vector<std::string> data, controls;  // inputs
  };
  static Call inputs_of(const NodeRecord& node) {
    Call call;
    for (const std::string& input : node.inputs) (input.starts_with("^") ? call.controls : call.data).push_back(input);
    return call;
  }

  Result<const Function*> find_function(const std::string& name) const {
    auto found = functions_.find(name);
    if (found != functions_.end()) return &found->second;
    std::vector<std::string> names;
    for (const auto& [other, function] : functions_) names.push_back(other);
    return not_found("function ", quoted(name), " is not in the graph's library", did_you_mean(name, names));
  }

  Status inline_call(const NodeRecord& node, const std::string& function_name, const AttrMap& attrs,
                     std::vector<NodeRecord>& made) {
    TARN_ASSIGN_OR_RETURN(const Function* function, find_function(function_name));
    chain_ += chain_.empty() ? function_name : " -> " + function_name;
    Status status = inline_body(node, *function, attrs, made);
    return status.ok() ? status : status.with_context(str_cat("function ", quoted(function_name)));
  }

  Status inline_body(const NodeRecord& node, const Function& function, const AttrMap& attrs,
                     std::vector<NodeRecord>& made) {
    const pb::FunctionDef& def = *function.def;
    if (def.node_def_size() > options_.max_nodes) {
      return resource_exhausted("it has ", def.node_def_size(), " nodes; the limit is ", options_.max_nodes);
    }
    Call call = inputs_of(node);
    std::map<std::string, std::vector<std::string>, std::less<>> arguments;  // by name: what is wired to it
    size_t next = 0;
    for (const pb::OpDef::ArgDef& arg : def.signature().input_arg()) {
      TARN_ASSIGN_OR_RETURN(size_t count, arg_count(arg, attrs));
      if (count > call.data.size() - next)
        return invalid_argument("argument '", arg.name(), "' is not wired: the call has ", call.data.size(), " inputs");
      for (size_t i = 0; i < count; ++i) arguments[arg.name()].push_back(call.data[next++]);
    }
    if (next != call.data.size())
      return invalid_argument("it takes ", next, " inputs but is called with ", call.data.size());

    Body body{node, function, arguments, call.controls};
    for (const pb::NodeDef& inner : def.node_def()) {
      TARN_ASSIGN_OR_RETURN(NodeRecord record, body_node(body, inner, attrs));
      made.push_back(std::move(record));
    }
    std::vector<std::string> outputs;
    std::vector<DType> types;
    for (const pb::OpDef::ArgDef& arg : def.signature().output_arg()) {
      auto ret = def.ret().find(arg.name());
      if (ret == def.ret().end()) return invalid_argument("result '", arg.name(), "' is not wired");
      TARN_ASSIGN_OR_RETURN(size_t count, arg_count(arg, attrs));
      for (size_t i = 0; i < count; ++i) {
        TARN_ASSIGN_OR_RETURN(std::string text, wire_text(body, ret->second, i));
        outputs.push_back(std::move(text));
        types.push_back(output_type(arg, attrs, i));
      }
    }
    types_of_outputs_[node.name] = std::move(types);
    std::vector<std::string> controls;
    for (const auto& [name, inner] :
         std::map<std::string, std::string>(def.control_ret().begin(), def.control_ret().end())) {
      if (!function.nodes.contains(inner)) return invalid_argument("control result '", inner, "' is no node of it");
      controls.push_back("^" + node.name + "/" + inner);
    }
    if (outputs.empty() && controls.empty()) controls = call.controls;
    replace_by(node, outputs, controls, made);
    return {};
  }

  // How many tensors an argument stands for.
  static Result<size_t> arg_count(const pb::OpDef::ArgDef& arg, const AttrMap& attrs) {
    constexpr int64_t kMost = 65'536;
    if (!arg.number_attr().empty()) {
      auto count = attrs.get_or<int64_t>(arg.number_attr(), -1);
      if (count < 0 || count > kMost) return invalid_argument("attr '", arg.number_attr(), "' is ", count);
      return static_cast<size_t>(count);
    }
    if (!arg.type_list_attr().empty()) {
      const AttrValue* types = attrs.find(arg.type_list_attr());
      if (types == nullptr || !types->is<std::vector<DType>>())
        return invalid_argument("attr '", arg.type_list_attr(), "' is no list of types");
      return types->as<std::vector<DType>>().size();
    }
    return size_t{1};
  }

  static DType output_type(const pb::OpDef::ArgDef& arg, const AttrMap& attrs, size_t element) {
    if (arg.type() != 0) return dtype_from_number(arg.type()).value_or(DType::kInvalid);
    if (!arg.type_attr().empty()) return attrs.get_or<DType>(arg.type_attr(), DType::kInvalid);
    const AttrValue* types = attrs.find(arg.type_list_attr());
    return types != nullptr && types->is<std::vector<DType>>() && element < types->as<std::vector<DType>>().size()
               ? types->as<std::vector<DType>>()[element]
               : DType::kInvalid;
  }

  // What a call's name stands for from now on. Data goes to where it is made; the node that stays is for those who
  // fetch it by name, or wait for it.
  void replace_by(const NodeRecord& node, const std::vector<std::string>& outputs,
                  const std::vector<std::string>& controls, std::vector<NodeRecord>& made) {
    NodeRecord stays{.name = node.name, .device = node.device, .inputs = outputs};
    for (size_t i = 0; i < outputs.size(); ++i) aliases_[slot_text(node.name, i)] = outputs[i];
    stays.inputs.insert(stays.inputs.end(), controls.begin(), controls.end());
    const std::vector<DType>& types = types_of_outputs_[node.name];
    stays.op = outputs.empty() ? "NoOp" : outputs.size() == 1 ? "Identity" : "IdentityN";
    if (outputs.size() == 1 && types.size() == 1) stays.attrs.set("T", types[0]);
    if (outputs.size() > 1) stays.attrs.set("T", types);
    made.push_back(std::move(stays));
  }

  static std::string slot_text(const std::string& name, size_t slot) {
    return slot == 0 ? name : str_cat(name, ":", slot);
  }

  struct Body {
    const NodeRecord& call;
    const Function& function;
    const std::map<std::string, std::vector<std::string>, std::less<>>& arguments;
    const std::vector<std::string>& controls;
  };

  Result<NodeRecord> body_node(const Body& body, const pb::NodeDef& inner, const AttrMap& attrs) {
    NodeRecord record{.name = body.call.name + "/" + inner.name(), .op = inner.op()};
    record.device = inner.device().empty() ? body.call.device : inner.device();
    auto context = [&](const Status& status) { return status.with_context(node_label(inner.op(), inner.name())); };
    for (const auto& [name, proto] : inner.attr()) {
      int64_t no_limit_here = int64_t{4} << 30;
      Result<AttrValue> value = attr_from_proto(proto, kMostAttrDepth, no_limit_here);
      if (!value.ok()) return context(value.status().with_context(str_cat("attr '", name, "'")));
      Result<AttrValue> bound = bind(*value, attrs, 0);
      if (!bound.ok()) return context(bound.status());
      record.attrs.set(name, *std::move(bound));
    }
    bool has_inner_input = false;
    std::vector<std::string> controls;
    for (const std::string& input : inner.input()) {
      if (input.starts_with("^")) {
        std::string name = input.substr(1);
        // A wait for an argument is one for whoever gives it.
        if (auto argument = body.arguments.find(name); argument != body.arguments.end()) {
          for (const std::string& text : argument->second) {
            Result<TensorName> producer = parse_tensor_name(text);
            if (producer.ok()) controls.push_back("^" + std::string(producer->node));
          }
          continue;
        }
        if (!body.function.nodes.contains(name))
          return context(not_found("no node ", quoted(name), " in the function"));
        controls.push_back("^" + body.call.name + "/" + name);
        has_inner_input = true;
        continue;
      }
      size_t colon = input.find(':');
      has_inner_input |= body.function.nodes.contains(input.substr(0, colon));
      Result<std::string> text = wire_text(body, input, 0);
      if (!text.ok()) return context(text.status());
      record.inputs.push_back(*std::move(text));
    }
    record.inputs.insert(record.inputs.end(), controls.begin(), controls.end());
    // What the call waits for, its first nodes wait for; in a branch or a loop that keeps them inside it.
    if (!has_inner_input) {
      for (const std::string& control : body.controls) {
        if (std::find(record.inputs.begin(), record.inputs.end(), control) == record.inputs.end())
          record.inputs.push_back(control);
      }
    }
    return record;
  }

  // Attrs of a function's nodes that are given by the call.
  Result<AttrValue> bind(const AttrValue& value, const AttrMap& attrs, int depth) const {
    if (value.is<AttrValue::Placeholder>()) {
      const std::string& name = value.as<AttrValue::Placeholder>().name;
      const AttrValue* given = attrs.find(name);
      if (given == nullptr) return invalid_argument("attr '", name, "' of the function is not given by its call");
      return *given;
    }
    if (!value.is<FunctionAttr>() || value.as<FunctionAttr>().attrs == nullptr || depth >= kMostAttrDepth) return value;
    FunctionAttr function = value.as<FunctionAttr>();
    auto bound = std::make_shared<AttrMap>();
    for (const auto& [name, inner] : *function.attrs) {
      TARN_ASSIGN_OR_RETURN(AttrValue inner_bound, bind(inner, attrs, depth + 1));
      bound->set(name, std::move(inner_bound));
    }
    function.attrs = std::move(bound);
    return AttrValue(function);
  }

  // "x", "x:1" of an argument; "node:out:0" of a node. `add` further on in a list.
  Result<std::string> wire_text(const Body& body, const std::string& text, size_t add) {
    std::vector<std::string> words = str_split(text, ':');
    size_t index = add;
    if (words.size() > 1) {
      const std::string& number = words.back();
      bool is_number =
          !number.empty() && number.size() < 7 && number.find_first_not_of("0123456789") == std::string::npos;
      if (!is_number || words.size() > 3) return invalid_argument("input ", quoted(text), " is malformed");
      index += static_cast<size_t>(std::stoi(number));
    }
    auto argument = body.arguments.find(words[0]);
    if (argument != body.arguments.end() && words.size() < 3) {
      if (index >= argument->second.size()) return invalid_argument("input ", quoted(text), " has no such element");
      return argument->second[index];
    }
    auto node = body.function.nodes.find(words[0]);
    if (node == body.function.nodes.end() || words.size() != 3)
      return not_found("input ", quoted(text), " is no argument and no node of the function");
    TARN_ASSIGN_OR_RETURN(size_t first,
                          first_slot(body.function.def->node_def(node->second), words[1], *body.function.def));
    return slot_text(body.call.name + "/" + words[0], first + index);
  }

  // The slot where output argument `name` of a function's node begins.
  Result<size_t> first_slot(const pb::NodeDef& node, const std::string& name, const pb::FunctionDef& within) const {
    size_t slot = 0;
    if (const OpRegistry::Op* op = graph_.ops().find(node.op())) {
      for (const ArgSpec& arg : op->schema.outputs()) {
        if (arg.name == name) return slot;
        TARN_ASSIGN_OR_RETURN(size_t count, output_count(node, arg.number_attr, arg.type_list_attr));
        slot += count;
      }
      return not_found(node_label(node.op(), node.name()), " has no output '", name, "'");
    }
    if (auto function = functions_.find(node.op()); function != functions_.end()) {
      for (const pb::OpDef::ArgDef& arg : function->second.def->signature().output_arg()) {
        if (arg.name() == name) return slot;
        TARN_ASSIGN_OR_RETURN(size_t count, output_count(node, arg.number_attr(), arg.type_list_attr()));
        slot += count;
      }
      return not_found(node_label(node.op(), node.name()), " has no output '", name, "'");
    }
    // An op that this binary does not have. If all that is read of it has one name, that is its only output.
    std::set<std::string> names;
    auto see = [&](const std::string& text) {
      std::vector<std::string> words = str_split(text, ':');
      if (words.size() == 3 && words[0] == node.name()) names.insert(words[1]);
    };
    for (const pb::NodeDef& other : within.node_def()) {
      for (const std::string& input : other.input()) see(input);
    }
    for (const auto& [arg, text] : within.ret()) see(text);
    if (names.size() == 1) return size_t{0};
    return unimplemented("op not supported: ", node.op(), " of ", quoted(node.name()), "; which of its outputs is '",
                         name, "' is not known");
  }

  static Result<size_t> output_count(const pb::NodeDef& node, const std::string& number_attr,
                                     const std::string& type_list_attr) {
    const std::string& attr = number_attr.empty() ? type_list_attr : number_attr;
    if (attr.empty()) return size_t{1};
    auto found = node.attr().find(attr);
    if (found == node.attr().end())
      return invalid_argument(node_label(node.op(), node.name()), ": attr '", attr, "' is missing");
    if (number_attr.empty()) return static_cast<size_t>(found->second.list().type_size());
    if (found->second.i() < 0) return invalid_argument(node_label(node.op(), node.name()), ": ", attr, " is negative");
    return static_cast<size_t>(found->second.i());
  }

  // --- If and While that are handed variables ----------------------------------------------------------------------
  static std::vector<DType> types_of(const NodeRecord& node, std::string_view attr) {
    const AttrValue* value = node.attrs.find(attr);
    return value != nullptr && value->is<std::vector<DType>>() ? value->as<std::vector<DType>>() : std::vector<DType>();
  }
  static NodeRecord simple(std::string name, std::string op, std::vector<std::string> inputs, DType type,
                           const NodeRecord& from) {
    NodeRecord record{.name = std::move(name), .op = std::move(op), .device = from.device, .inputs = std::move(inputs)};
    record.attrs.set("T", type);
    return record;
  }
  NodeRecord call_of(std::string name, const FunctionAttr& f, std::vector<std::string> inputs, std::vector<DType> in,
                     std::vector<DType> out, const NodeRecord& from) {
    NodeRecord record{.name = std::move(name), .op = "PartitionedCall", .device = from.device};
    record.inputs = std::move(inputs);
    record.attrs = {{"f", f}, {"Tin", std::move(in)}, {"Tout", std::move(out)}};
    return record;
  }

  // y = If(p, x) -> each input switched on p, both branches called with their side of it, each output merged.
  Status lower_if(const NodeRecord& node, std::vector<NodeRecord>& made) {
    TARN_ASSIGN_OR_RETURN(FunctionAttr then_branch, function_attr(node, "then_branch"));
    TARN_ASSIGN_OR_RETURN(FunctionAttr else_branch, function_attr(node, "else_branch"));
    Call call = inputs_of(node);
    std::vector<DType> in = types_of(node, "Tin"), out = types_of(node, "Tout");
    if (call.data.size() != in.size() + 1)
      return invalid_argument("it has ", call.data.size(), " inputs but Tin lists ", in.size());
    std::string predicate = call.data[0];
    if (node.attrs.get_or<DType>("Tcond", DType::kBool) != DType::kBool) {
      NodeRecord to_bool =
          simple(node.name + "/ToBool", "ToBool", {predicate}, node.attrs.get_or<DType>("Tcond", DType::kBool), node);
      predicate = to_bool.name;
      made.push_back(std::move(to_bool));
    }
    std::vector<std::string> switch_inputs = {predicate, predicate};
    switch_inputs.insert(switch_inputs.end(), call.controls.begin(), call.controls.end());
    std::string pivot = node.name + "/switch_pred";
    made.push_back(simple(pivot, "Switch", switch_inputs, DType::kBool, node));
    made.push_back(simple(node.name + "/pivot_f", "Identity", {pivot}, DType::kBool, node));
    made.push_back(simple(node.name + "/pivot_t", "Identity", {pivot + ":1"}, DType::kBool, node));
    std::vector<std::string> then_inputs, else_inputs;
    for (size_t i = 0; i < in.size(); ++i) {
      std::string name = str_cat(node.name, "/Switch_", i);
      made.push_back(simple(name, "Switch", {call.data[i + 1], predicate}, in[i], node));
      then_inputs.push_back(name + ":1");
      else_inputs.push_back(name);
    }
    then_inputs.push_back("^" + node.name + "/pivot_t");
    else_inputs.push_back("^" + node.name + "/pivot_f");
    std::string then_call = node.name + "/then", else_call = node.name + "/else";
    made.push_back(call_of(then_call, then_branch, then_inputs, in, out, node));
    made.push_back(call_of(else_call, else_branch, else_inputs, in, out, node));
    std::vector<std::string> outputs, controls;
    for (size_t i = 0; i < out.size(); ++i) {
      std::string name = str_cat(node.name, "/Merge_", i);
      NodeRecord merge = simple(name, "Merge", {slot_text(else_call, i), slot_text(then_call, i)}, out[i], node);
      merge.attrs.set("N", int64_t{2});
      made.push_back(std::move(merge));
      outputs.push_back(name);
    }
    types_of_outputs_[node.name] = out;
    replace_by(node, outputs, controls, made);
    return {};
  }

  // Handles do not change from round to round: they come in as constants of the frame.
  Status lower_while(const NodeRecord& node, std::vector<NodeRecord>& made) {
    TARN_ASSIGN_OR_RETURN(FunctionAttr cond, function_attr(node, "cond"));
    TARN_ASSIGN_OR_RETURN(FunctionAttr body, function_attr(node, "body"));
    Call call = inputs_of(node);
    std::vector<DType> types = types_of(node, "T");
    if (call.data.size() != types.size())
      return invalid_argument("it has ", call.data.size(), " inputs but T lists ", types.size());
    auto name = [&](std::string_view part, size_t i) { return str_cat(node.name, "/", part, "_", i); };
    std::vector<std::string> cond_inputs, body_inputs;
    std::string some_merge, some_switch;
    for (size_t i = 0; i < types.size(); ++i) {
      bool is_constant = types[i] == DType::kResource;
      std::vector<std::string> inputs = {call.data[i]};
      inputs.insert(inputs.end(), call.controls.begin(), call.controls.end());
      NodeRecord enter = simple(name("Enter", i), "Enter", inputs, types[i], node);
      enter.attrs.set("frame_name", node.name);
      enter.attrs.set("is_constant", is_constant);
      enter.attrs.set("parallel_iterations", node.attrs.get_or<int64_t>("parallel_iterations", 10));
      made.push_back(std::move(enter));
      if (is_constant) {
        cond_inputs.push_back(name("Enter", i));
        body_inputs.push_back(name("Enter", i));
        continue;
      }
      NodeRecord merge =
          simple(name("Merge", i), "Merge", {name("Enter", i), name("NextIteration", i)}, types[i], node);
      merge.attrs.set("N", int64_t{2});
      made.push_back(std::move(merge));
      cond_inputs.push_back(name("Merge", i));
      body_inputs.push_back(name("Identity", i));
      if (some_merge.empty()) {
        some_merge = name("Merge", i);
        some_switch = name("Identity", i);
      }
    }
    if (some_merge.empty()) return unimplemented("a loop over nothing but variables");
    cond_inputs.push_back("^" + some_merge);
    std::string cond_call = node.name + "/cond", loop_cond = node.name + "/LoopCond", body_call = node.name + "/body";
    made.push_back(call_of(cond_call, cond, cond_inputs, types, {DType::kBool}, node));
    made.push_back({.name = loop_cond, .op = "LoopCond", .device = node.device, .inputs = {cond_call}});
    body_inputs.push_back("^" + some_switch);
    std::vector<std::string> outputs;
    for (size_t i = 0; i < types.size(); ++i) {
      if (types[i] == DType::kResource) {
        outputs.push_back(call.data[i]);
        continue;
      }
      made.push_back(simple(name("Switch", i), "Switch", {name("Merge", i), loop_cond}, types[i], node));
      made.push_back(simple(name("Identity", i), "Identity", {name("Switch", i) + ":1"}, types[i], node));
      made.push_back(simple(name("Exit", i), "Exit", {name("Switch", i)}, types[i], node));
      outputs.push_back(name("Exit", i));
    }
    made.push_back(call_of(body_call, body, body_inputs, types, types, node));
    for (size_t i = 0; i < types.size(); ++i) {
      if (types[i] == DType::kResource) continue;
      made.push_back(simple(name("NextIteration", i), "NextIteration", {slot_text(body_call, i)}, types[i], node));
    }
    // The handles go round it: who reads the loop's result waits for no variable.
    types_of_outputs_[node.name] = types;
    replace_by(node, outputs, {}, made);
    return {};
  }

  // --- the wires to what was a call ---------------------------------------------------------------------------------
  std::string resolved(const std::string& text) const {
    std::string now = text;
    // A chain of calls is no longer than they are deep, but functions may give back their arguments.
    for (size_t steps = 0; steps <= aliases_.size(); ++steps) {
      auto found = aliases_.find(now.ends_with(":0") ? now.substr(0, now.size() - 2) : now);
      if (found == aliases_.end()) break;
      now = found->second;
    }
    return now;
  }
  void resolve_aliases() {
    for (NodeRecord& record : records_) {
      for (std::string& input : record.inputs) {
        if (!input.starts_with("^")) input = resolved(input);
      }
    }
  }
  bool still_calls() const {
    return std::any_of(records_.begin(), records_.end(), [&](const NodeRecord& record) {
      if (functions_.contains(record.op)) return true;
      return std::any_of(record.attrs.begin(), record.attrs.end(), [](const AttrMap::Entry& entry) {
        return entry.second.is<FunctionAttr>() || entry.second.is<std::vector<FunctionAttr>>();
      });
    });
  }

  const Graph& graph_;
  std::span<const NodeId> targets_;
  const InlineOptions& options_;
  pb::FunctionDefLibrary library_;
  std::map<std::string, Function, std::less<>> functions_;
  std::vector<NodeRecord> records_;
  std::unordered_map<std::string, std::string> aliases_;  // "call:1" -> what gives it
  std::unordered_map<std::string, std::vector<DType>> types_of_outputs_;
  std::string chain_;  // of functions, to where we are
  int64_t made_ = 0;
};

}  // namespace

bool calls_functions(const Graph& graph, std::span<const NodeId> nodes) {
  std::set<std::string> names;
  if (pb::FunctionDefLibrary library; !graph.library.empty() && library.ParseFromString(graph.library)) {
    for (const pb::FunctionDef& function : library.function()) names.insert(function.signature().name());
  }
  return std::any_of(nodes.begin(), nodes.end(), [&](NodeId id) {
    const Node& node = graph.node(id);
    if (is_call(node.op) || (node.def == nullptr && names.contains(node.op))) return true;
    if (!is_if(node.op) && !is_while(node.op)) return false;
    return std::any_of(node.inputs.begin(), node.inputs.end(),
                       [&](Wire wire) { return !wire.is_none() && graph.fact(wire).dtype == DType::kResource; });
  });
}

Result<Graph> inline_functions(const Graph& graph, std::span<const NodeId> targets, const InlineOptions& options) {
  return Inliner(graph, targets, options).run();
}

}  // namespace tarn
