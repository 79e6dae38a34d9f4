#include "runtime/inline_calls.h"

#include <algorithm>
#include <map>
#include <set>

#include "runtime/function_calls.h"

namespace tarn {
namespace {

using Function = FunctionLibrary::Function;

struct NewNode {
  std::string name, op;
  std::vector<Wire> inputs;
  std::vector<int> controls;
  AttrMap attrs;
  int base = -1;  // a node of the graph before, with its attrs
};

class Inliner : public InlinedGraph, private NodeSource {
 public:
  Inliner(const NodeSource& base, const OpRegistry& ops, FunctionLibrary library)
      : base_(base), ops_(ops), library_(std::move(library)) {}

  const NodeSource& source() const override { return *this; }
  const CompileRequest& request() const override { return request_; }

  Status run(const CompileRequest& request, const std::vector<int>& calls) {
    for (int n = 0; n < base_.node_count(); ++n) {
      NewNode node;
      node.name = base_.name(n);
      node.op = base_.op(n);
      node.inputs.assign(base_.inputs(n).begin(), base_.inputs(n).end());
      node.controls.assign(base_.controls(n).begin(), base_.controls(n).end());
      node.base = n;
      nodes_.push_back(std::move(node));
    }
    LibraryJudge judge(library_, ops_);
    int64_t total = 0;
    for (int n : calls) {
      Call call = call_of(base_.op(n), library_, ops_);
      TARN_ASSIGN_OR_RETURN(AttrMap attrs, base_.attrs(n));
      Result<std::vector<FunctionAttr>> functions = functions_of(call, base_.op(n), attrs);
      if (!functions.ok()) return functions.status().with_context(label(n));
      for (const FunctionAttr& function : *functions) {
        Result<int64_t> size = judge.judge(function.name);
        if (!size.ok()) return size.status().with_context(label(n));
        total += *size;
      }
      if (total > kMostCalledNodes)
        return resource_exhausted(label(n), ": the calls make more than ", kMostCalledNodes, " nodes in all");
      nodes_[static_cast<size_t>(n)].attrs = std::move(attrs);
    }
    for (const CompileRequest::Feed& feed : request.feeds) fed_.insert({feed.tensor.node, feed.tensor.slot});
    pending_ = calls;
    while (!pending_.empty()) {
      int n = pending_.back();
      pending_.pop_back();
      Status status = expand(n);
      if (!status.ok()) return status.with_context(label(n)).with_node(node(n).name);
    }
    for (NewNode& each : nodes_) {
      for (Wire& wire : each.inputs) wire = resolved(wire);
    }
    request_ = request;
    for (Wire& fetch : request_.fetches) fetch = resolved(fetch);
    return {};
  }

 private:
  // --- NodeSource ---------------------------------------------------------------------------------------------------
  int node_count() const override { return static_cast<int>(nodes_.size()); }
  std::string_view name(int n) const override { return node(n).name; }
  std::string_view op(int n) const override { return node(n).op; }
  std::span<const Wire> inputs(int n) const override { return node(n).inputs; }
  std::span<const int> controls(int n) const override { return node(n).controls; }
  Result<AttrMap> attrs(int n) const override {
    if (node(n).base >= 0) return base_.attrs(node(n).base);
    return node(n).attrs;
  }
  int find(std::string_view name) const override { return base_.find(name); }

  const NewNode& node(int n) const { return nodes_[static_cast<size_t>(n)]; }
  std::string label(int n) const { return node_label(node(n).op, node(n).name); }

  // --- writing nodes ------------------------------------------------------------------------------------------------
  int add(std::string name, std::string_view op, std::vector<Wire> inputs, AttrMap attrs,
          std::vector<int> controls = {}) {
    NewNode node;
    node.name = std::move(name);
    node.op = op;
    node.inputs = std::move(inputs);
    node.controls = std::move(controls);
    node.attrs = std::move(attrs);
    nodes_.push_back(std::move(node));
    return static_cast<int>(nodes_.size()) - 1;
  }

  // What is read of a call's output comes from the nodes that were written for it.
  Wire resolved(Wire wire) const {
    while (!fed_.contains({wire.node, wire.slot})) {
      auto it = redirected_.find({wire.node, wire.slot});
      if (it == redirected_.end()) break;
      wire = it->second;
    }
    return wire;
  }

  // The call becomes a node that is done when the call is.
  void become(int n, std::string_view op, std::vector<Wire> inputs, AttrMap attrs, std::vector<int> controls) {
    NewNode& call = nodes_[static_cast<size_t>(n)];
    call.base = -1;
    call.op = op;
    call.inputs = std::move(inputs);
    call.attrs = std::move(attrs);
    call.controls = std::move(controls);
  }

  // --- function bodies ----------------------------------------------------------------------------------------------
  struct Body {
    std::vector<Wire> outputs;
    std::vector<DType> dtypes;  // by output; kInvalid where the signature does not say
    std::vector<int> effects;   // nodes that run for their effect
  };

  // An attr of a body's node, with what the call gives for its placeholders.
  static Result<AttrValue> bind(const AttrValue& value, const AttrMap* binding) {
    if (value.is<AttrValue::Placeholder>()) {
      const std::string& name = value.as<AttrValue::Placeholder>().name;
      const AttrValue* given = binding == nullptr ? nullptr : binding->find(name);
      if (given != nullptr) return *given;
      return invalid_argument("it is the function's ", quoted(name), ", which the call does not give");
    }
    if (!value.is<FunctionAttr>() || value.as<FunctionAttr>().attrs == nullptr) return value;
    FunctionAttr function = value.as<FunctionAttr>();
    auto attrs = std::make_shared<AttrMap>();
    for (const auto& [name, inner] : *function.attrs) {
      TARN_ASSIGN_OR_RETURN(AttrValue bound, bind(inner, binding));
      attrs->set(name, std::move(bound));
    }
    function.attrs = std::move(attrs);
    return AttrValue(std::move(function));
  }

  // Where an input of a body's node, or what the function returns, comes from.
  struct Names {
    std::map<std::string_view, std::pair<size_t, int64_t>> arguments;  // first of `wires`, and how many
    std::map<std::string_view, size_t> nodes;                          // index in the function
  };

  static Result<int64_t> index_from(std::string_view text) {
    int64_t value = 0;
    if (text.empty() || text.size() > 9) return invalid_argument(quoted(text), " is no index");
    for (char c : text) {
      if (c < '0' || c > '9') return invalid_argument(quoted(text), " is no index");
      value = value * 10 + (c - '0');
    }
    return value;
  }

  // The first slot of output `name` of a body's node.
  Result<int64_t> first_slot(const NewNode& producer, std::string_view name, int64_t& count) const {
    const OpRegistry::Op* op = ops_.find(producer.op);
    const Function* function = op == nullptr ? library_.find(producer.op) : nullptr;
    if (op == nullptr && function == nullptr) {  // an op unknown here: who needs it is told so later
      count = kMostCalledNodes;
      return 0;
    }
    int64_t first = 0;
    std::vector<std::string> names;
    for (const ArgSpec& output : op != nullptr ? op->schema.outputs() : function->outputs) {
      TARN_ASSIGN_OR_RETURN(count, arg_count(output, producer.attrs));
      if (output.name == name) return first;
      names.push_back(output.name);
      first += count;
    }
    return not_found(node_label(producer.op, producer.name), " has no output ", quoted(name),
                     did_you_mean(name, names));
  }

  Result<Wire> find_wire(std::string_view text, const Names& names, std::span<const Wire> arguments, int first) const {
    size_t colon = text.find(':');
    std::string_view name = text.substr(0, colon);
    std::string_view rest = colon == std::string_view::npos ? "" : text.substr(colon + 1);
    if (auto argument = names.arguments.find(name); argument != names.arguments.end()) {
      int64_t index = 0;
      if (!rest.empty()) {
        TARN_ASSIGN_OR_RETURN(index, index_from(rest.substr(rest.rfind(':') + 1)));
      }
      auto [begin, count] = argument->second;
      if (index >= count) return invalid_argument(quoted(text), ": the argument is ", count, " tensors");
      return arguments[begin + static_cast<size_t>(index)];
    }
    auto found = names.nodes.find(name);
    if (found == names.nodes.end()) return not_found(quoted(text), " is no node or argument of the function");
    int producer = first + static_cast<int>(found->second);
    if (rest.empty()) return Wire{producer, 0};
    size_t second = rest.find(':');
    TARN_ASSIGN_OR_RETURN(int64_t index, index_from(second == std::string_view::npos ? rest : rest.substr(second + 1)));
    if (second == std::string_view::npos) return Wire{producer, static_cast<int>(index)};
    int64_t count = 0;
    TARN_ASSIGN_OR_RETURN(int64_t slot, first_slot(node(producer), rest.substr(0, second), count));
    if (index >= count) return invalid_argument(quoted(text), ": that output is ", count, " tensors");
    return Wire{producer, static_cast<int>(slot + index)};
  }

  // Writes out the nodes of a function. What needs nothing from within it waits for `controls`.
  Result<Body> write_body(const FunctionAttr& called, const std::vector<Wire>& arguments, const std::string& prefix,
                          const std::vector<int>& controls) {
    const Function& function = *library_.find(called.name);
    Result<Body> body = write_function(function, called.attrs.get(), arguments, prefix, controls);
    if (!body.ok()) return body.status().with_context(str_cat("function ", quoted(function.name)));
    return body;
  }

  Result<Body> write_function(const Function& function, const AttrMap* binding, const std::vector<Wire>& arguments,
                              const std::string& prefix, const std::vector<int>& controls) {
    static const AttrMap kNone;
    const AttrMap& given = binding != nullptr ? *binding : kNone;
    Names names;
    size_t used = 0;
    for (const ArgSpec& argument : function.inputs) {
      TARN_ASSIGN_OR_RETURN(int64_t count, arg_count(argument, given));
      names.arguments.emplace(argument.name, std::make_pair(used, count));
      used += static_cast<size_t>(count);
    }
    if (used != arguments.size())
      return invalid_argument("it takes ", used, " inputs, the call gives ", arguments.size());

    auto first = static_cast<int>(nodes_.size());
    for (size_t i = 0; i < function.nodes.size(); ++i) {
      const FunctionLibrary::Node& from = function.nodes[i];
      TARN_ASSIGN_OR_RETURN(AttrMap written, library_.attrs(function, from));
      AttrMap attrs;
      for (const auto& [name, value] : written) {
        Result<AttrValue> bound = bind(value, binding);
        if (!bound.ok())
          return bound.status().with_context(str_cat(node_label(from.op, from.name), ": attr ", quoted(name)));
        attrs.set(name, *std::move(bound));
      }
      names.nodes.emplace(from.name, i);
      add(str_cat(prefix, "/", from.name), from.op, {}, std::move(attrs));
    }
    TARN_RETURN_IF_ERROR(link_body(function, names, arguments, first, controls));

    Body body;
    for (const ArgSpec& output : function.outputs) {
      std::string_view text = function.returns.at(output.name);
      TARN_ASSIGN_OR_RETURN(int64_t count, arg_count(output, given));
      if (count != 1) return unimplemented("output ", quoted(output.name), " is a list of tensors");
      Result<Wire> wire = find_wire(text, names, arguments, first);
      if (!wire.ok()) return wire.status().with_context(str_cat("output ", quoted(output.name)));
      body.outputs.push_back(*wire);
      DType dtype = output.dtype;
      if (!output.type_attr.empty()) dtype = given.get_or<DType>(output.type_attr, DType::kInvalid);
      body.dtypes.push_back(dtype);
    }
    for (std::string_view control : function.control_returns) {
      auto at = names.nodes.find(control);
      if (at != names.nodes.end()) body.effects.push_back(first + static_cast<int>(at->second));
    }
    if (function.control_returns.empty()) add_effects(first, first + static_cast<int>(function.nodes.size()), body);
    for (size_t i = 0; i < function.nodes.size(); ++i) {
      if (call_of(function.nodes[i].op, library_, ops_) != Call::kNone) pending_.push_back(first + static_cast<int>(i));
    }
    return body;
  }

  // Older libraries do not say what runs for its effect: what changes variables, and calls that may.
  void add_effects(int begin, int end, Body& body) const {
    for (int n = begin; n < end; ++n) {
      const OpRegistry::Op* op = ops_.find(node(n).op);
      if (op == nullptr) continue;
      bool calls = node(n).op == "StatefulPartitionedCall" || node(n).op == "If" || node(n).op == "While";
      bool has_no_output = (op->def->traits & kStateful) != 0 && op->schema.outputs().empty();
      if ((op->def->traits & kWritesRef) != 0 || has_no_output || calls) body.effects.push_back(n);
    }
  }

  // Connects the nodes of a body with each other and with the arguments.
  Status link_body(const Function& function, const Names& names, const std::vector<Wire>& arguments, int first,
                   const std::vector<int>& controls) {
    size_t count = function.nodes.size();
    std::vector<bool> waits(count, true);  // for `controls`, since nothing within the body comes before it
    for (size_t i = 0; i < count; ++i) {
      NewNode& to = nodes_[static_cast<size_t>(first) + i];
      auto label = [&] { return node_label(function.nodes[i].op, function.nodes[i].name); };
      for (std::string_view text : function.nodes[i].inputs) {
        if (text.starts_with('^')) {
          auto before = names.nodes.find(text.substr(1));
          if (before == names.nodes.end()) {
            if (names.arguments.contains(text.substr(1))) continue;
            return not_found(label(), ": input ", quoted(text), " is no node of the function");
          }
          to.controls.push_back(first + static_cast<int>(before->second));
          waits[i] = false;
          continue;
        }
        Result<Wire> wire = find_wire(text, names, arguments, first);
        if (!wire.ok()) return wire.status().with_context(str_cat(label(), ": input"));
        to.inputs.push_back(*wire);
        if (wire->node >= first) waits[i] = false;
      }
    }
    // A constant waits for nothing if whatever reads it needs something else of the call as well: it may be folded
    // then.
    std::vector<bool> is_free(count, false);
    for (size_t i = 0; i < count; ++i) is_free[i] = function.nodes[i].op == "Const" && waits[i];
    auto must_wait = [&](Wire wire) {
      if (wire.node >= first) is_free[static_cast<size_t>(wire.node - first)] = false;
    };
    for (size_t i = 0; i < count; ++i) {
      const NewNode& reader = nodes_[static_cast<size_t>(first) + i];
      bool others = std::any_of(reader.inputs.begin(), reader.inputs.end(), [&](Wire wire) {
        return wire.node < first || function.nodes[static_cast<size_t>(wire.node - first)].op != "Const";
      });
      // What a call makes of its inputs may need nothing else.
      others = others && call_of(reader.op, library_, ops_) == Call::kNone;
      for (Wire wire : others ? std::vector<Wire>() : reader.inputs) must_wait(wire);
      for (int control : reader.controls) must_wait({control, 0});
    }
    for (const auto& [output, text] : function.returns) {
      Result<Wire> wire = find_wire(text, names, arguments, first);
      if (wire.ok()) must_wait(*wire);
    }
    for (size_t i = 0; i < count; ++i) {
      if (!waits[i] || is_free[i]) continue;
      NewNode& to = nodes_[static_cast<size_t>(first) + i];
      to.controls.insert(to.controls.end(), controls.begin(), controls.end());
    }
    return {};
  }

  // The outputs of a body, available once all its effects are had.
  std::vector<Wire> after_effects(const Body& body, const std::vector<DType>& types, const std::string& prefix) {
    if (body.effects.empty()) return body.outputs;
    std::vector<Wire> outputs;
    for (size_t i = 0; i < body.outputs.size(); ++i) {
      outputs.push_back(
          {add(str_cat(prefix, "/output_", i), "Identity", {body.outputs[i]}, {{"T", types[i]}}, body.effects), 0});
    }
    return outputs;
  }

  // --- calls --------------------------------------------------------------------------------------------------------
  Status expand(int n) {
    // Adding nodes moves them all: what is needed of the call is copied.
    NewNode call = node(n);
    Call kind = call_of(call.op, library_, ops_);
    TARN_ASSIGN_OR_RETURN(std::vector<FunctionAttr> functions, functions_of(kind, call.op, call.attrs));
    switch (kind) {
      case Call::kPartitioned:
      case Call::kByName: return expand_call(n, call, functions[0]);
      case Call::kIf: return expand_if(n, call, functions);
      case Call::kWhile: return expand_while(n, call, functions);
      case Call::kNone: break;
    }
    return {};
  }

  static std::vector<DType> types_of(const NewNode& call, std::string_view attr) {
    return call.attrs.get_or<std::vector<DType>>(attr, {});
  }

  static Status judge_count(std::string_view what, size_t has, size_t expected) {
    if (has == expected) return {};
    return invalid_argument(what, " gives ", has, " outputs, the node has ", expected);
  }

  Status expand_call(int n, const NewNode& call, const FunctionAttr& function) {
    TARN_ASSIGN_OR_RETURN(Body body, write_body(function, call.inputs, call.name, call.controls));
    std::vector<DType> types = body.dtypes;
    if (const AttrValue* declared = call.attrs.find("Tout");
        declared != nullptr && declared->is<std::vector<DType>>()) {
      types = declared->as<std::vector<DType>>();
      TARN_RETURN_IF_ERROR(judge_count(str_cat("function ", quoted(function.name)), body.outputs.size(), types.size()));
    }
    std::vector<Wire> outputs = after_effects(body, types, call.name);
    std::vector<int> done = body.effects;
    done.insert(done.end(), call.controls.begin(), call.controls.end());
    for (size_t i = 0; i < outputs.size(); ++i) {
      redirect(n, i, outputs[i]);
      done.push_back(outputs[i].node);
    }
    become(n, "NoOp", {}, {}, std::move(done));
    return {};
  }

  void redirect(int n, size_t slot, Wire to) { redirected_[{n, static_cast<int>(slot)}] = to; }

  // A call's condition as a bool: numbers are true unless they are 0.
  Wire as_bool(Wire wire, DType dtype, const std::string& prefix) {
    if (dtype == DType::kBool || dtype == DType::kInvalid) return wire;
    return {add(str_cat(prefix, "/pred"), "Cast", {wire}, {{"SrcT", dtype}, {"DstT", DType::kBool}}), 0};
  }

  Status expand_if(int n, const NewNode& call, const std::vector<FunctionAttr>& functions) {
    std::vector<DType> in = types_of(call, "Tin"), out = types_of(call, "Tout");
    if (call.inputs.size() != in.size() + 1) {
      return invalid_argument("it has ", call.inputs.size(), " inputs, for 'cond' and ", in.size(), " of attr 'Tin'");
    }
    Wire pred = as_bool(call.inputs[0], call.attrs.get_or<DType>("Tcond", DType::kBool), call.name);
    Wire split{add(str_cat(call.name, "/Switch"), "Switch", {pred, pred}, {{"T", DType::kBool}}, call.controls), 0};
    std::vector<Wire> arguments[2];
    for (size_t i = 0; i < in.size(); ++i) {
      int node =
          add(str_cat(call.name, "/Switch_", i), "Switch", {call.inputs[i + 1], pred}, {{"T", in[i]}}, call.controls);
      for (int branch = 0; branch < 2; ++branch) arguments[branch].push_back({node, branch});
    }
    std::vector<Wire> outputs[2], done;
    for (int branch = 0; branch < 2; ++branch) {
      const FunctionAttr& function = functions[static_cast<size_t>(branch)];
      int pivot = add(str_cat(call.name, branch == 0 ? "/else" : "/then"), "Identity", {{split.node, branch}},
                      {{"T", DType::kBool}});
      TARN_ASSIGN_OR_RETURN(Body body, write_body(function, arguments[branch], call.name, {pivot}));
      TARN_RETURN_IF_ERROR(judge_count(str_cat("function ", quoted(function.name)), body.outputs.size(), out.size()));
      outputs[branch] = after_effects(body, out, call.name);
      done.push_back(
          {add(str_cat(call.name, "/done_", branch), "Identity", {{pivot, 0}}, {{"T", DType::kBool}}, body.effects),
           0});
    }
    for (size_t i = 0; i < out.size(); ++i) {
      redirect(
          n, i,
          {add(str_cat(call.name, "/Merge_", i), "Merge", {outputs[0][i], outputs[1][i]}, {{"T", out[i]}, {"N", 2}}),
           0});
    }
    become(n, "Merge", done, {{"T", DType::kBool}, {"N", 2}}, {});
    return {};
  }

  Status expand_while(int n, const NewNode& call, const std::vector<FunctionAttr>& functions) {
    std::vector<DType> types = types_of(call, "T");
    size_t count = types.size();
    if (call.inputs.size() != count)
      return invalid_argument("it has ", call.inputs.size(), " inputs, for ", count, " of attr 'T'");
    // A value that the body gives back as it got it is the same in all iterations.
    std::vector<bool> is_constant = unchanged(*library_.find(functions[1].name), count);
    std::string frame = str_cat(call.name, "/frame_", n);
    std::vector<Wire> values(count), merges(count);
    std::vector<int> merge_nodes;
    for (size_t i = 0; i < count; ++i) {
      int enter = add(str_cat(call.name, "/Enter_", i), "Enter", {call.inputs[i]},
                      {{"T", types[i]}, {"frame_name", frame}, {"is_constant", static_cast<bool>(is_constant[i])}},
                      call.controls);
      values[i] = {enter, 0};
      if (is_constant[i]) continue;
      values[i] = {
          add(str_cat(call.name, "/Merge_", i), "Merge", {{enter, 0}, {enter, 0}}, {{"T", types[i]}, {"N", 2}}), 0};
      merge_nodes.push_back(values[i].node);
    }
    if (merge_nodes.empty()) return invalid_argument("its body changes nothing, so that the loop would have no end");
    TARN_ASSIGN_OR_RETURN(Body cond, write_body(functions[0], values, str_cat(call.name, "/cond"), {merge_nodes[0]}));
    TARN_RETURN_IF_ERROR(judge_count(str_cat("function ", quoted(functions[0].name)), cond.outputs.size(), 1));
    Wire pred =
        as_bool(after_effects(cond, {cond.dtypes[0] == DType::kInvalid ? DType::kBool : cond.dtypes[0]}, call.name)[0],
                cond.dtypes[0], call.name);
    Wire decides{add(str_cat(call.name, "/LoopCond"), "LoopCond", {pred}, {}), 0};
    std::vector<Wire> arguments = values;
    std::vector<int> exits;
    int pivot = -1;
    for (size_t i = 0; i < count; ++i) {
      if (is_constant[i]) {
        redirect(n, i, call.inputs[i]);
        continue;
      }
      int node = add(str_cat(call.name, "/Switch_", i), "Switch", {values[i], decides}, {{"T", types[i]}});
      arguments[i] = {add(str_cat(call.name, "/Identity_", i), "Identity", {{node, 1}}, {{"T", types[i]}}), 0};
      if (pivot < 0) pivot = arguments[i].node;
      exits.push_back(add(str_cat(call.name, "/Exit_", i), "Exit", {{node, 0}}, {{"T", types[i]}}));
      redirect(n, i, {exits.back(), 0});
    }
    TARN_ASSIGN_OR_RETURN(Body body, write_body(functions[1], arguments, str_cat(call.name, "/body"), {pivot}));
    TARN_RETURN_IF_ERROR(judge_count(str_cat("function ", quoted(functions[1].name)), body.outputs.size(), count));
    std::vector<Wire> next = after_effects(body, types, call.name);
    size_t merge = 0;
    for (size_t i = 0; i < count; ++i) {
      if (is_constant[i]) continue;
      int back = add(str_cat(call.name, "/NextIteration_", i), "NextIteration", {next[i]}, {{"T", types[i]}});
      nodes_[static_cast<size_t>(merge_nodes[merge++])].inputs[1] = {back, 0};
    }
    become(n, "NoOp", {}, {}, exits);
    return {};
  }

  static std::vector<bool> unchanged(const Function& body, size_t count) {
    std::vector<bool> result(count, false);
    for (size_t i = 0; i < count && i < body.inputs.size() && i < body.outputs.size(); ++i) {
      auto given = body.returns.find(body.outputs[i].name);
      result[i] = given != body.returns.end() && given->second == body.inputs[i].name;
    }
    return result;
  }

  const NodeSource& base_;
  const OpRegistry& ops_;
  FunctionLibrary library_;
  CompileRequest request_;
  std::vector<NewNode> nodes_;
  std::vector<int> pending_;  // calls to be written out
  std::map<std::pair<int, int>, Wire> redirected_;
  std::set<std::pair<int, int>> fed_;
};

// The calls among the nodes that `request` needs.
std::vector<int> needed_calls(const NodeSource& source, const CompileRequest& request, const FunctionLibrary& library,
                              const OpRegistry& ops) {
  std::vector<char> seen(static_cast<size_t>(source.node_count()), 0);
  std::vector<int> open, calls;
  auto is_fed = [&](Wire wire) {
    return std::any_of(request.feeds.begin(), request.feeds.end(),
                       [&](const CompileRequest::Feed& feed) { return feed.tensor == wire; });
  };
  auto visit = [&](int n) {
    if (seen[static_cast<size_t>(n)] != 0) return;
    seen[static_cast<size_t>(n)] = 1;
    open.push_back(n);
  };
  for (Wire wire : request.fetches) {
    if (!is_fed(wire)) visit(wire.node);
  }
  for (int target : request.targets) visit(target);
  while (!open.empty()) {
    int n = open.back();
    open.pop_back();
    if (call_of(source.op(n), library, ops) != Call::kNone) calls.push_back(n);
    for (Wire wire : source.inputs(n)) {
      if (!is_fed(wire)) visit(wire.node);
    }
    for (int control : source.controls(n)) visit(control);
  }
  return calls;
}

}  // namespace

Result<std::unique_ptr<InlinedGraph>> inline_calls(const NodeSource& source, const CompileRequest& request,
                                                   const OpRegistry& ops) {
  bool may_call = !source.function_library().empty();
  for (int n = 0; n < source.node_count() && !may_call; ++n) {
    may_call = call_of(source.op(n), FunctionLibrary(), ops) != Call::kNone;
  }
  if (!may_call) return std::unique_ptr<InlinedGraph>();
  std::shared_ptr<const void> owner = source.function_library_owner();
  std::string_view bytes = source.function_library();
  if (owner == nullptr) {
    auto copy = std::make_shared<const std::string>(bytes);
    bytes = *copy;
    owner = copy;
  }
  TARN_ASSIGN_OR_RETURN(FunctionLibrary library, FunctionLibrary::parse(bytes, std::move(owner)));
  std::vector<int> calls = needed_calls(source, request, library, ops);
  if (calls.empty()) return std::unique_ptr<InlinedGraph>();
  auto inliner = std::make_unique<Inliner>(source, ops, std::move(library));
  TARN_RETURN_IF_ERROR(inliner->run(request, calls));
  return std::unique_ptr<InlinedGraph>(std::move(inliner));
}

}  // namespace tarn
