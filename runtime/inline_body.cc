// The nodes of a function, written out for one call of it.
#include <algorithm>

#include "runtime/inliner.h"

namespace tarn {
namespace {

// What copies of an attr take; tensors share their memory.
int64_t bytes_of(const AttrValue& value) {
  if (value.is<std::string>()) return std::ssize(value.as<std::string>());
  int64_t bytes = 0;
  if (value.is<std::vector<std::string>>()) {
    for (const std::string& each : value.as<std::vector<std::string>>()) bytes += 32 + std::ssize(each);
  } else if (value.is<FunctionAttr>() && value.as<FunctionAttr>().attrs != nullptr) {
    for (const auto& [name, inner] : *value.as<FunctionAttr>().attrs) bytes += bytes_of(inner);
  } else {
    value.visit([&](const auto& held) {
      if constexpr (requires { held.data(); } && !std::is_same_v<std::decay_t<decltype(held)>, Tensor>)
        bytes = std::ssize(held) * static_cast<int64_t>(sizeof(*held.data()));
    });
  }
  return bytes;
}

// An attr of a body's node, with what the call gives for its placeholders.
Result<AttrValue> bind(const AttrValue& value, const AttrMap& given) {
  if (value.is<AttrValue::Placeholder>()) {
    const std::string& name = value.as<AttrValue::Placeholder>().name;
    if (const AttrValue* bound = given.find(name)) return *bound;
    return invalid_argument("it is the function's ", in_quotes(name), ", which the call does not give");
  }
  if (!value.is<FunctionAttr>() || value.as<FunctionAttr>().attrs == nullptr) return value;
  FunctionAttr function = value.as<FunctionAttr>();
  auto attrs = std::make_shared<AttrMap>();
  for (const auto& [name, inner] : *function.attrs) {
    TARN_ASSIGN_OR_RETURN(AttrValue bound, bind(inner, given));
    attrs->set(name, std::move(bound));
  }
  function.attrs = std::move(attrs);
  return AttrValue(std::move(function));
}

bool has_placeholder(const AttrValue& value) {
  if (value.is<AttrValue::Placeholder>()) return true;
  if (!value.is<FunctionAttr>() || value.as<FunctionAttr>().attrs == nullptr) return false;
  const AttrMap& attrs = *value.as<FunctionAttr>().attrs;
  return std::any_of(attrs.begin(), attrs.end(), [](const auto& entry) { return has_placeholder(entry.second); });
}

Result<int64_t> index_from(std::string_view text) {
  int64_t value = 0;
  if (text.empty() || text.size() > 9) return invalid_argument(in_quotes(text), " is no index");
  for (char c : text) {
    if (c < '0' || c > '9') return invalid_argument(in_quotes(text), " is no index");
    value = value * 10 + (c - '0');
  }
  return value;
}

DType dtype_of(const ArgSpec& output, const AttrMap& given, int64_t element) {
  if (!output.type_attr.empty()) return given.get_or<DType>(output.type_attr, DType::kInvalid);
  if (output.type_list_attr.empty()) return output.dtype;
  auto types = given.get_or<std::vector<DType>>(output.type_list_attr, {});
  return element < std::ssize(types) ? types[static_cast<size_t>(element)] : DType::kInvalid;
}

}  // namespace

// Decoded once for each node of a function, however often that is called.
Result<Inliner::BodyAttrs> Inliner::body_attrs(const Function& function, const FunctionLibrary::Node& node) {
  if (auto known = body_attrs_.find(&node); known != body_attrs_.end()) return known->second;
  TARN_ASSIGN_OR_RETURN(AttrMap attrs, library_.attrs(function, node));
  BodyAttrs result;
  for (const auto& [name, value] : attrs) {
    result.has_placeholders = result.has_placeholders || has_placeholder(value);
    result.bytes += std::ssize(name) + bytes_of(value);
  }
  result.attrs = std::make_shared<const AttrMap>(std::move(attrs));
  body_attrs_.emplace(&node, result);
  return result;
}

// What the readers of an op's outputs call them, where the op is not known here: if all use one name, that is its only
// output.
Result<int64_t> Inliner::slot_of_unknown(const Function& function, std::string_view producer, std::string_view output) {
  auto [it, fresh] = read_as_.try_emplace(&function);
  if (fresh) {
    auto see = [&](std::string_view text) {
      size_t colon = text.find(':'), second = colon == std::string_view::npos ? colon : text.find(':', colon + 1);
      if (second == std::string_view::npos) return;
      it->second[text.substr(0, colon)].insert(text.substr(colon + 1, second - colon - 1));
    };
    for (const FunctionLibrary::Node& node : function.nodes) {
      for (std::string_view text : node.inputs) see(text);
    }
    for (const auto& [name, text] : function.returns) see(text);
  }
  // Who needs it is told so when it is compiled; a file would be wrong.
  if (it->second[producer].size() < 2 || !options_.as_file) return 0;
  return unimplemented("the op of ", in_quotes(producer), " is not supported; which of its outputs is ",
                       in_quotes(output), " is not known");
}

// The first slot of output `name` of a body's node.
Result<int64_t> Inliner::first_slot(const Function& function, int producer, std::string_view inner_name,
                                    std::string_view name, int64_t& count) {
  const NewNode& node = made(producer);
  const OpRegistry::Op* op = ops_.find(node.op);
  const Function* called = op == nullptr ? library_.find(node.op) : nullptr;
  if (op == nullptr && called == nullptr) {
    count = kMostTensorsOfArg;
    return slot_of_unknown(function, inner_name, name);
  }
  int64_t first = 0;
  std::vector<std::string> names;
  for (const ArgSpec& output : op != nullptr ? op->schema.outputs() : called->outputs) {
    TARN_ASSIGN_OR_RETURN(count, arg_count(output, *node.attrs));
    if (output.name == name) return first;
    names.emplace_back(output.name);
    first += count;
  }
  return not_found(node_label(node.op, node.name), " has no output ", in_quotes(name), did_you_mean(name, names));
}

// "x" or "x:1" of an argument, "node:output:0" of a node; `further` on in a list.
Result<Wire> Inliner::find_wire(const Function& function, std::string_view text, const Names& names,
                                std::span<const Wire> arguments, int first, int64_t further) {
  size_t colon = text.find(':');
  std::string_view name = text.substr(0, colon);
  std::string_view rest = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (auto argument = names.arguments.find(name); argument != names.arguments.end()) {
    int64_t index = 0;
    if (!rest.empty()) {
      TARN_ASSIGN_OR_RETURN(index, index_from(rest.substr(rest.rfind(':') + 1)));
    }
    index += further;
    auto [begin, count] = argument->second;
    if (index >= count) return invalid_argument(in_quotes(text), ": the argument is ", count, " tensors");
    return arguments[begin + static_cast<size_t>(index)];
  }
  auto found = names.nodes.find(name);
  if (found == names.nodes.end()) return not_found(in_quotes(text), " is no node or argument of the function");
  int producer = first + static_cast<int>(found->second);
  if (rest.empty()) return Wire{producer, static_cast<int>(further)};
  size_t second = rest.find(':');
  TARN_ASSIGN_OR_RETURN(int64_t index, index_from(second == std::string_view::npos ? rest : rest.substr(second + 1)));
  index += further;
  if (second == std::string_view::npos) return Wire{producer, static_cast<int>(index)};
  int64_t count = 0;
  TARN_ASSIGN_OR_RETURN(int64_t slot, first_slot(function, producer, name, rest.substr(0, second), count));
  if (index >= count) return invalid_argument(in_quotes(text), ": that output is ", count, " tensors");
  return Wire{producer, static_cast<int>(slot + index)};
}

Result<Inliner::Body> Inliner::write_body(const FunctionAttr& called, const std::vector<Wire>& arguments,
                                          const std::string& prefix, const std::vector<int>& controls) {
  static const AttrMap kNone;
  const Function& function = *library_.find(called.name);
  Result<Body> body =
      write_function(function, called.attrs != nullptr ? *called.attrs : kNone, arguments, prefix, controls);
  if (!body.ok()) return body.status().with_context(str_cat("function ", in_quotes(function.name)));
  return body;
}

Result<Inliner::Body> Inliner::write_function(const Function& function, const AttrMap& given,
                                              const std::vector<Wire>& arguments, const std::string& prefix,
                                              const std::vector<int>& controls) {
  Names names;
  size_t used = 0;
  for (const ArgSpec& argument : function.inputs) {
    TARN_ASSIGN_OR_RETURN(int64_t count, arg_count(argument, given));
    names.arguments.emplace(argument.name, std::make_pair(used, count));
    used += static_cast<size_t>(count);
  }
  if (used != arguments.size())
    return invalid_argument("it takes ", used, " inputs, the call gives ", arguments.size());

  Body body;
  body.first = node_count();
  for (size_t i = 0; i < function.nodes.size(); ++i) {
    const FunctionLibrary::Node& from = function.nodes[i];
    TARN_ASSIGN_OR_RETURN(BodyAttrs written, body_attrs(function, from));
    TARN_RETURN_IF_ERROR(
        spend(1 + std::ssize(from.inputs) / kWiresOfANode, written.bytes + std::ssize(prefix) + std::ssize(from.name)));
    if (written.has_placeholders) {
      AttrMap attrs;
      for (const auto& [name, value] : *written.attrs) {
        Result<AttrValue> bound = bind(value, given);
        if (!bound.ok())
          return bound.status().with_context(str_cat(node_label(from.op, from.name), ": attr ", in_quotes(name)));
        attrs.set(name, *std::move(bound));
      }
      written.attrs = std::make_shared<const AttrMap>(std::move(attrs));
    }
    names.nodes.emplace(from.name, i);
    add(str_cat(prefix, "/", from.name), from.op, {}, std::move(written.attrs), {});
  }
  TARN_RETURN_IF_ERROR(link_body(function, names, arguments, body.first, controls));
  for (const ArgSpec& output : function.outputs) {
    TARN_ASSIGN_OR_RETURN(int64_t count, arg_count(output, given));
    TARN_RETURN_IF_ERROR(spend(count / kWiresOfANode));
    for (int64_t i = 0; i < count; ++i) {
      Result<Wire> wire = find_wire(function, function.returns.at(output.name), names, arguments, body.first, i);
      if (!wire.ok()) return wire.status().with_context(str_cat("output ", in_quotes(output.name)));
      body.outputs.push_back(*wire);
      body.dtypes.push_back(dtype_of(output, given, i));
    }
  }
  find_effects(function, names, body);
  for (size_t i = 0; i < function.nodes.size(); ++i) {
    int n = body.first + static_cast<int>(i);
    if (call_at(n) != Call::kNone && !stays_as_it_is(call_at(n), *made(n).attrs)) pending_.push_back(n);
  }
  return body;
}

// Connects the nodes of a body with each other and with the arguments. A node waits for `controls` if nothing within
// the body comes before it; a call does so in any case, since its function may do something with arguments alone.
Status Inliner::link_body(const Function& function, const Names& names, const std::vector<Wire>& arguments, int first,
                          const std::vector<int>& controls) {
  size_t count = function.nodes.size();
  auto is_inner = [&](int node) { return node >= first && node < first + static_cast<int>(count); };
  auto op_of = [&](int node) { return function.nodes[static_cast<size_t>(node - first)].op; };
  // Compiled, a constant waits for nothing and may be folded, and is in every loop frame; then its readers wait.
  std::vector<bool> is_free(count, false);
  for (size_t i = 0; i < count; ++i) is_free[i] = function.nodes[i].op == "Const" && !options_.as_file;
  auto must_wait = [&](int node) {
    if (is_inner(node)) is_free[static_cast<size_t>(node - first)] = false;
  };
  std::vector<bool> waits(count, true);
  for (size_t i = 0; i < count; ++i) {
    int n = first + static_cast<int>(i);
    NewNode& to = made(n);  // stays where it is when nodes are added
    auto label = [&] { return node_label(function.nodes[i].op, function.nodes[i].name); };
    auto comes_after = [&](int before) {
      if (is_inner(before) && (op_of(before) != "Const" || options_.as_file)) waits[i] = false;
    };
    for (std::string_view text : function.nodes[i].inputs) {
      if (text.starts_with('^')) {
        if (auto before = names.nodes.find(text.substr(1)); before != names.nodes.end()) {
          to.controls.push_back(first + static_cast<int>(before->second));
          comes_after(to.controls.back());
          must_wait(to.controls.back());
        } else if (auto argument = names.arguments.find(text.substr(1)); argument != names.arguments.end()) {
          // A wait for an argument is one for whoever gives it.
          auto [begin, size] = argument->second;
          for (int64_t k = 0; k < size; ++k) to.controls.push_back(after(arguments[begin + static_cast<size_t>(k)]));
        } else {
          return not_found(label(), ": input ", in_quotes(text), " is no node of the function");
        }
        continue;
      }
      Result<Wire> wire = find_wire(function, text, names, arguments, first);
      if (!wire.ok()) return wire.status().with_context(str_cat(label(), ": input"));
      to.inputs.push_back(*wire);
      comes_after(wire->node);
    }
    bool is_call = call_at(n) != Call::kNone;
    if (is_call) waits[i] = true;
    for (Wire wire : is_call ? to.inputs : std::vector<Wire>()) must_wait(wire.node);
  }
  for (const auto& [output, text] : function.returns) {
    Result<Wire> wire = find_wire(function, text, names, arguments, first);
    if (wire.ok()) must_wait(wire->node);
  }
  for (size_t i = 0; i < count; ++i) {
    if (is_free[i] && made(first + static_cast<int>(i)).controls.empty()) continue;
    std::vector<int>& before = made(first + static_cast<int>(i)).controls;
    if (waits[i]) before.insert(before.end(), controls.begin(), controls.end());
    std::sort(before.begin(), before.end());
    before.erase(std::unique(before.begin(), before.end()), before.end());
  }
  return {};
}

// Which of the nodes that the function says it runs for their effect have one: those that do something, or come after
// what does. Older libraries do not say: there it is what changes variables, and calls that do.
void Inliner::find_effects(const Function& function, const Names& names, Body& body) const {
  size_t count = function.nodes.size();
  std::vector<char> has_effect(count, 0);
  std::vector<size_t> open;
  for (size_t i = 0; i < count; ++i) {
    const NewNode& node = *written(body.first + static_cast<int>(i));
    const OpRegistry::Op* op = ops_.find(node.op);
    Call call = call_of(node.op, library_, ops_);
    bool has = call == Call::kNone && tarn::has_effect(op);
    if (call != Call::kNone) {
      Result<std::vector<FunctionAttr>> functions = functions_of(call, node.op, *node.attrs);
      has = !functions.ok() || std::any_of(functions->begin(), functions->end(),
                                           [&](const FunctionAttr& each) { return judge_.has_effect(each.name); });
    }
    if (!has) continue;
    has_effect[i] = 1;
    open.push_back(i);
    bool gives_nothing = op != nullptr && ((op->def->traits & kWritesRef) != 0 || op->schema.outputs().empty());
    if (function.control_returns.empty() && (call != Call::kNone || gives_nothing))
      body.effects.push_back(body.first + static_cast<int>(i));
  }
  if (function.control_returns.empty() || open.empty()) return;
  std::vector<std::vector<size_t>> readers(count);
  for (size_t i = 0; i < count; ++i) {
    const NewNode& node = *written(body.first + static_cast<int>(i));
    auto see = [&](int before) {
      auto k = static_cast<size_t>(before - body.first);
      if (before >= body.first && k < count) readers[k].push_back(i);
    };
    for (Wire wire : node.inputs) see(wire.node);
    for (int control : node.controls) see(control);
  }
  while (!open.empty()) {
    size_t i = open.back();
    open.pop_back();
    for (size_t reader : readers[i]) {
      if (has_effect[reader] != 0) continue;
      has_effect[reader] = 1;
      open.push_back(reader);
    }
  }
  for (std::string_view control : function.control_returns) {
    auto at = names.nodes.find(control);
    if (at != names.nodes.end() && has_effect[at->second] != 0)
      body.effects.push_back(body.first + static_cast<int>(at->second));
  }
}

std::vector<Wire> Inliner::outputs_after(const Body& body, const std::vector<DType>& types, const std::string& prefix,
                                         const std::vector<int>& controls) {
  std::vector<int> waits;
  if (body.outputs.empty()) return {};
  if (int effects = gathered(body.effects, prefix + "/output_control_node"); effects >= 0) waits.push_back(effects);
  std::vector<Wire> outputs = body.outputs;
  for (size_t i = 0; i < outputs.size(); ++i) {
    std::vector<int> before = waits;
    if (outputs[i].node < body.first) before.insert(before.end(), controls.begin(), controls.end());
    if (before.empty()) continue;
    AttrMap attrs;
    if (types[i] != DType::kInvalid) attrs.set("T", types[i]);
    outputs[i] = {add(str_cat(prefix, "/output_", i), "Identity", {outputs[i]}, std::move(attrs), std::move(before)),
                  0};
  }
  return outputs;
}

}  // namespace tarn
