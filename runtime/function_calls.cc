#include "runtime/function_calls.h"

#include <algorithm>
#include <set>

namespace tarn {
namespace {

using Function = FunctionLibrary::Function;

// Which attrs of a call name functions.
std::vector<std::string_view> function_attrs(Call call) {
  switch (call) {
    case Call::kPartitioned: return {"f"};
    case Call::kIf: return {"else_branch", "then_branch"};
    case Call::kWhile: return {"cond", "body"};
    case Call::kCase:  // a list
    case Call::kByName:
    case Call::kNone: break;
  }
  return {};
}

Status judge_returns(const Function& function) {
  std::set<std::string_view> names;
  for (const FunctionLibrary::Node& node : function.nodes) {
    if (!names.insert(node.name).second)
      return invalid_argument("function ", in_quotes(function.name), ": two nodes are called ", in_quotes(node.name));
  }
  for (const ArgSpec& arg : function.inputs) names.insert(arg.name);
  for (const ArgSpec& output : function.outputs) {
    auto given = function.returns.find(output.name);
    if (given == function.returns.end()) {
      return invalid_argument("function ", in_quotes(function.name), ": nothing is returned as output ",
                              in_quotes(output.name));
    }
    if (names.contains(given->second.substr(0, given->second.find(':')))) continue;
    return invalid_argument("function ", in_quotes(function.name), ": output ", in_quotes(output.name), " returns ",
                            in_quotes(given->second), ", which is no node or argument of it");
  }
  for (std::string_view control : function.control_returns) {
    if (!names.contains(control)) {
      return invalid_argument("function ", in_quotes(function.name), ": it waits for ", in_quotes(control),
                              ", which is no node of it");
    }
  }
  return {};
}

}  // namespace

Call call_of(std::string_view op) {
  if (op.empty() || std::string_view("PSIWC").find(op[0]) == std::string_view::npos) return Call::kNone;
  if (op == "PartitionedCall" || op == "StatefulPartitionedCall") return Call::kPartitioned;
  if (op == "If" || op == "StatelessIf") return Call::kIf;
  if (op == "Case" || op == "StatelessCase") return Call::kCase;
  if (op == "While" || op == "StatelessWhile") return Call::kWhile;
  return Call::kNone;
}

Call call_of(std::string_view op, const FunctionLibrary& library, const OpRegistry& ops) {
  if (Call call = call_of(op); call != Call::kNone) return call;
  return ops.find(op) == nullptr && library.find(op) != nullptr ? Call::kByName : Call::kNone;
}

Result<std::vector<FunctionAttr>> functions_of(Call call, std::string_view op, const AttrMap& attrs) {
  if (call == Call::kByName) return std::vector<FunctionAttr>{{std::string(op), std::make_shared<AttrMap>(attrs)}};
  std::vector<FunctionAttr> functions;
  if (call == Call::kCase) {
    functions = attrs.get_or<std::vector<FunctionAttr>>("branches", {});
    if (functions.empty()) return invalid_argument("attr 'branches' names no function");
  }
  for (std::string_view name : function_attrs(call)) {
    const AttrValue* value = attrs.find(name);
    if (value == nullptr || !value->is<FunctionAttr>())
      return invalid_argument("attr ", in_quotes(name), " names no function");
    functions.push_back(value->as<FunctionAttr>());
  }
  return functions;
}

Result<int64_t> arg_count(const ArgSpec& arg, const AttrMap& attrs) {
  if (!arg.number_attr.empty()) {
    const AttrValue* number = attrs.find(arg.number_attr);
    if (number != nullptr && number->is<int64_t>() && number->as<int64_t>() >= 0 &&
        number->as<int64_t>() <= kMostTensorsOfArg)
      return number->as<int64_t>();
    return invalid_argument("attr ", in_quotes(arg.number_attr), " gives no number");
  }
  if (!arg.type_list_attr.empty()) {
    const AttrValue* types = attrs.find(arg.type_list_attr);
    if (types != nullptr && types->is<std::vector<DType>>()) return std::ssize(types->as<std::vector<DType>>());
    if (types != nullptr && types->is<AttrValue::EmptyList>()) return 0;
    return invalid_argument("attr ", in_quotes(arg.type_list_attr), " gives no types");
  }
  return 1;
}

bool has_effect(const OpRegistry::Op* op) {
  if (op == nullptr) return true;
  uint32_t traits = op->def->traits;
  if ((traits & kWritesRef) != 0) return true;
  if ((traits & kStateful) == 0) return false;
  bool reads_variable = (traits & kTakesVariable) != 0;
  bool makes_handle = op->schema.inputs().empty() && op->schema.outputs().size() == 1;
  return !reads_variable && !makes_handle;
}

// Puts a function on the path of calls, with those that it makes itself.
Status LibraryJudge::open(std::string_view name, std::vector<Place>& stack) const {
  TARN_ASSIGN_OR_RETURN(const Function* function, find(name));
  auto path = std::find_if(stack.begin(), stack.end(), [&](const Place& p) { return p.function == function; });
  if (path != stack.end()) {
    std::vector<std::string> names;
    for (; path != stack.end(); ++path) names.push_back(quoted(path->function->name));
    names.push_back(quoted(function->name));
    return invalid_argument("functions call themselves: ", str_join(names, " -> "));
  }
  if (std::ssize(stack) >= limits_.max_depth) {
    return resource_exhausted("functions call each other more than ", limits_.max_depth, " deep, from ",
                              in_quotes(stack[0].function->name), " to ", in_quotes(function->name));
  }
  TARN_RETURN_IF_ERROR(judge_returns(*function));
  TARN_ASSIGN_OR_RETURN(std::vector<const Function*> calls, calls_of(*function));
  stack.push_back({function, std::move(calls)});
  return {};
}

Result<int64_t> LibraryJudge::judge(std::string_view name) {
  if (auto known = size_of_.find(name); known != size_of_.end()) return known->second.nodes;
  std::vector<Place> stack;
  TARN_RETURN_IF_ERROR(open(name, stack));
  while (!stack.empty()) {
    Place& place = stack.back();
    if (place.next < place.calls.size()) {
      const Function* callee = place.calls[place.next++];
      if (!size_of_.contains(callee->name)) TARN_RETURN_IF_ERROR(open(callee->name, stack));
      continue;
    }
    Size size{std::ssize(place.function->nodes), 1, false};
    for (const FunctionLibrary::Node& node : place.function->nodes) {
      Call call = call_of(node.op, library_, ops_);
      size.has_effect = size.has_effect || (call == Call::kNone && tarn::has_effect(ops_.find(node.op)));
      // A Switch, or what a loop needs, for each value.
      if (call == Call::kIf || call == Call::kCase || call == Call::kWhile) size.nodes += std::ssize(node.inputs);
    }
    for (const Function* callee : place.calls) {
      const Size& of_callee = size_of_.at(callee->name);
      size.has_effect = size.has_effect || of_callee.has_effect;
      size.nodes = std::min(size.nodes + of_callee.nodes, limits_.max_nodes + 1);
      size.depth = std::max(size.depth, of_callee.depth + 1);
    }
    if (size.nodes > limits_.max_nodes) {
      return resource_exhausted("function ", in_quotes(place.function->name), " makes more than ", limits_.max_nodes,
                                " nodes with all that it calls");
    }
    if (size.depth > limits_.max_depth) {
      return resource_exhausted("functions call each other more than ", limits_.max_depth, " deep, from ",
                                in_quotes(place.function->name));
    }
    size_of_.emplace(place.function->name, size);
    stack.pop_back();
  }
  return size_of_.at(name).nodes;
}

bool LibraryJudge::has_effect(std::string_view function) const {
  auto size = size_of_.find(function);
  return size == size_of_.end() || size->second.has_effect;
}

Result<const Function*> LibraryJudge::find(std::string_view name) const {
  if (const Function* function = library_.find(name)) return function;
  return not_found("function ", in_quotes(name), " is not in the file's library", did_you_mean(name, library_.names()));
}

Result<std::vector<const Function*>> LibraryJudge::calls_of(const Function& function) const {
  std::vector<const Function*> calls;
  for (const FunctionLibrary::Node& node : function.nodes) {
    Call call = call_of(node.op, library_, ops_);
    if (call == Call::kNone) continue;
    TARN_ASSIGN_OR_RETURN(AttrMap attrs, library_.attrs(function, node));
    auto here = [&](const Status& status) {
      return status.with_context(str_cat("function ", in_quotes(function.name), ": ", node_label(node.op, node.name)));
    };
    Result<std::vector<FunctionAttr>> named = functions_of(call, node.op, attrs);
    if (!named.ok()) return here(named.status());
    for (const FunctionAttr& callee : *named) {
      Result<const Function*> found = find(callee.name);
      if (!found.ok()) return here(found.status());
      calls.push_back(*found);
    }
  }
  return calls;
}

}  // namespace tarn
