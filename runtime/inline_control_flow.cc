// If, Case and While made of Switch, Merge and loop frames.
#include <algorithm>

#include "runtime/inliner.h"

namespace tarn {

Status Inliner::judge_count(const FunctionAttr& function, size_t has, size_t expected) {
  if (has == expected) return {};
  return invalid_argument("function ", in_quotes(function.name), " gives ", has, " outputs, the node has ", expected);
}

// A call's condition as a bool: numbers are true unless they are 0.
Wire Inliner::as_bool(Wire wire, DType dtype, const std::string& prefix) {
  if (dtype == DType::kBool || dtype == DType::kInvalid) return wire;
  return {add(str_cat(prefix, "/pred"), "Cast", {wire}, {{"SrcT", dtype}, {"DstT", DType::kBool}}), 0};
}

// --- If and Case -----------------------------------------------------------------------------------------------------
Inliner::Split Inliner::split(const std::string& prefix, Wire pred, const std::vector<Wire>& values,
                              const std::vector<DType>& types, const std::vector<int>& controls) {
  Split split;
  split.pred = add(prefix + "/switch_pred", "Switch", {pred, pred}, {{"T", DType::kBool}}, controls);
  for (int side = 0; side < 2; ++side) {
    split.pivot[side] =
        add(prefix + (side == 0 ? "/pivot_f" : "/pivot_t"), "Identity", {{split.pred, side}}, {{"T", DType::kBool}});
  }
  for (size_t i = 0; i < values.size(); ++i) {
    int node = add(str_cat(prefix, "/Switch_", i), "Switch", {values[i], pred}, {{"T", types[i]}}, controls);
    for (int side = 0; side < 2; ++side) split.values[side].push_back({node, side});
  }
  return split;
}

Result<Inliner::Side> Inliner::write_side(const FunctionAttr& function, const std::vector<Wire>& arguments,
                                          const std::vector<DType>& types, const std::string& prefix, int pivot) {
  TARN_ASSIGN_OR_RETURN(Body body, write_body(function, arguments, prefix, {pivot}));
  TARN_RETURN_IF_ERROR(judge_count(function, body.outputs.size(), types.size()));
  Side side;
  side.outputs = outputs_after(body, types, prefix, {});  // arguments are of this side alone
  if (!body.effects.empty())
    side.done = {add(prefix + "/done", "Identity", {{pivot, 0}}, {{"T", DType::kBool}}, body.effects), 0};
  return side;
}

Inliner::Side Inliner::join(const std::string& prefix, const Split& split, const Side (&sides)[2],
                            const std::vector<DType>& types) {
  auto merge = [&](std::string name, Wire a, Wire b, DType type) {
    return Wire{add(std::move(name), "Merge", {a, b}, {{"T", type}, {"N", 2}}), 0};
  };
  Side joined;
  for (size_t i = 0; i < types.size(); ++i)
    joined.outputs.push_back(merge(str_cat(prefix, "/Merge_", i), sides[0].outputs[i], sides[1].outputs[i], types[i]));
  if (sides[0].done.is_none() && sides[1].done.is_none()) return joined;
  Wire done[2];
  for (int side = 0; side < 2; ++side)
    done[side] = sides[side].done.is_none() ? Wire{split.pivot[side], 0} : sides[side].done;
  joined.done = merge(prefix + "/Merge_done", done[0], done[1], DType::kBool);
  return joined;
}

Status Inliner::expand_if(int n, const NewNode& call, const std::vector<FunctionAttr>& functions) {
  std::vector<DType> in = types_of(call, "Tin"), out = types_of(call, "Tout");
  if (call.inputs.size() != in.size() + 1) {
    return invalid_argument("it has ", call.inputs.size(), " inputs, for 'cond' and ", in.size(), " of attr 'Tin'");
  }
  TARN_RETURN_IF_ERROR(spend_on_control_flow(call, in.size() + 3 * out.size()));
  Wire pred = as_bool(call.inputs[0], call.attrs->get_or<DType>("Tcond", DType::kBool), call.name);
  Split sides = split(call.name, pred, {call.inputs.begin() + 1, call.inputs.end()}, in, call.controls);
  Side written[2];
  for (size_t side = 0; side < 2; ++side) {
    const char* name = side == 0 ? "/else" : "/then";
    TARN_ASSIGN_OR_RETURN(written[side],
                          write_side(functions[side], sides.values[side], out, call.name + name, sides.pivot[side]));
  }
  Side joined = join(call.name, sides, written, out);
  std::vector<int> done;
  if (!joined.done.is_none()) done = {joined.done.node};
  if (out.empty() && done.empty()) done = {sides.pred};
  finish(n, joined.outputs, out, std::move(done));
  return {};
}

// Branches `begin` … `end` - 1: halved until one is left. values[0] says which.
Result<Inliner::Side> Inliner::write_branches(const NewNode& call, const std::vector<FunctionAttr>& functions,
                                              size_t begin, size_t end, const std::vector<Wire>& values,
                                              const std::vector<DType>& types, const std::vector<DType>& out,
                                              int pivot) {
  if (end - begin == 1) {
    return write_side(functions[begin], {values.begin() + 1, values.end()}, out, str_cat(call.name, "/branch", begin),
                      pivot);
  }
  TARN_RETURN_IF_ERROR(spend_on_control_flow(call, types.size() + 3 * out.size()));
  size_t middle = begin + (end - begin) / 2;
  std::string prefix = str_cat(call.name, "/below_", middle);
  Wire limit{add(prefix + "/limit", "Const", {},
                 {{"dtype", DType::kInt32}, {"value", Tensor::scalar(static_cast<int32_t>(middle))}}, {pivot}),
             0};
  Wire pred{add(prefix + "/Less", "Less", {values[0], limit}, {{"T", DType::kInt32}}), 0};
  Split sides = split(prefix, pred, values, types, {});
  Side written[2];
  TARN_ASSIGN_OR_RETURN(written[0],
                        write_branches(call, functions, middle, end, sides.values[0], types, out, sides.pivot[0]));
  TARN_ASSIGN_OR_RETURN(written[1],
                        write_branches(call, functions, begin, middle, sides.values[1], types, out, sides.pivot[1]));
  return join(prefix, sides, written, out);
}

// y = Case(index, x): what no branch has for its index is for the last one.
Status Inliner::expand_case(int n, const NewNode& call, const std::vector<FunctionAttr>& functions) {
  std::vector<DType> in = types_of(call, "Tin"), out = types_of(call, "Tout");
  if (call.inputs.size() != in.size() + 1) {
    return invalid_argument("it has ", call.inputs.size(), " inputs, for 'branch_index' and ", in.size(),
                            " of attr 'Tin'");
  }
  TARN_RETURN_IF_ERROR(spend_on_control_flow(call, in.size()));
  std::vector<DType> types = {DType::kInt32};
  for (DType type : in) types.push_back(type);
  auto number = [&](std::string_view name, size_t value, int before) {
    return Wire{add(str_cat(call.name, name), "Const", {},
                    {{"dtype", DType::kInt32}, {"value", Tensor::scalar(static_cast<int32_t>(value))}}, {before}),
                0};
  };
  // All that it takes, there once what it waits for ran: so all branches wait for that.
  std::vector<Wire> values = call.inputs;
  for (size_t i = 0; i < values.size() && !call.controls.empty(); ++i)
    values[i] = {add(str_cat(call.name, "/input_", i), "Identity", {values[i]}, {{"T", types[i]}}, call.controls), 0};
  int there = after(values[0]);
  Wire zero = number("/zero", 0, there), last = number("/last", functions.size() - 1, there);
  Wire is_negative{add(call.name + "/Less", "Less", {values[0], zero}, {{"T", DType::kInt32}}), 0};
  values[0] = {add(call.name + "/index", "Select", {is_negative, last, values[0]}, {{"T", DType::kInt32}}), 0};
  TARN_ASSIGN_OR_RETURN(Side joined,
                        write_branches(call, functions, 0, functions.size(), values, types, out, values[0].node));
  std::vector<int> done;
  if (!joined.done.is_none()) done = {joined.done.node};
  if (out.empty() && done.empty()) done = {values[0].node};
  finish(n, joined.outputs, out, std::move(done));
  return {};
}

// --- While -----------------------------------------------------------------------------------------------------------
// Which values the body gives back as it got them.
std::vector<bool> Inliner::unchanged(const Function& body, size_t count) {
  std::vector<bool> result(count, false);
  auto is_list = [](const ArgSpec& arg) { return !arg.number_attr.empty() || !arg.type_list_attr.empty(); };
  if (std::any_of(body.inputs.begin(), body.inputs.end(), is_list) ||
      std::any_of(body.outputs.begin(), body.outputs.end(), is_list))
    return result;  // arguments and tensors are not the same then
  for (size_t i = 0; i < count && i < body.inputs.size() && i < body.outputs.size(); ++i) {
    auto given = body.returns.find(body.outputs[i].name);
    result[i] = given != body.returns.end() && given->second == body.inputs[i].name;
  }
  return result;
}

Status Inliner::expand_while(int n, const NewNode& call, const std::vector<FunctionAttr>& functions) {
  std::vector<DType> types = types_of(call, "T");
  size_t count = types.size();
  if (call.inputs.size() != count)
    return invalid_argument("it has ", call.inputs.size(), " inputs, for ", count, " of attr 'T'");
  if (count == 0) return invalid_argument("it has no input, so that nothing tells one iteration from the next");
  TARN_RETURN_IF_ERROR(spend_on_control_flow(call, 8 * count));
  auto name = [&](std::string_view part, size_t i) { return str_cat(call.name, "/", part, "_", i); };
  // A value that the body gives back as it got it is the same in all iterations. One at least goes round.
  std::vector<bool> is_constant = unchanged(*library_.find(functions[1].name), count);
  if (std::find(is_constant.begin(), is_constant.end(), false) == is_constant.end()) is_constant[0] = false;
  std::string frame = call.name + "/while_context";
  std::vector<int> controls;
  if (int before = gathered(call.controls, call.name + "/input_control_node"); before >= 0) controls = {before};
  std::vector<Wire> values(count);
  std::vector<int> merges;
  for (size_t i = 0; i < count; ++i) {
    AttrMap attrs{{"T", types[i]}, {"frame_name", frame}, {"is_constant", static_cast<bool>(is_constant[i])}};
    attrs.set("parallel_iterations", call.attrs->get_or<int64_t>("parallel_iterations", 10));
    values[i] = {add(name("Enter", i), "Enter", {call.inputs[i]}, std::move(attrs), controls), 0};
    if (is_constant[i]) continue;
    values[i] = {add(name("Merge", i), "Merge", {values[i], values[i]}, {{"T", types[i]}, {"N", 2}}), 0};
    merges.push_back(values[i].node);
  }
  TARN_ASSIGN_OR_RETURN(Body cond, write_body(functions[0], values, call.name + "/cond", {merges[0]}));
  TARN_RETURN_IF_ERROR(judge_count(functions[0], cond.outputs.size(), 1));
  if (cond.dtypes[0] == DType::kInvalid) cond.dtypes[0] = DType::kBool;
  Wire goes_on = as_bool(outputs_after(cond, cond.dtypes, call.name + "/cond", {})[0], cond.dtypes[0], call.name);
  Wire decides{add(call.name + "/LoopCond", "LoopCond", {goes_on}, AttrMap()), 0};
  std::vector<Wire> arguments = values, outputs(count);
  std::vector<int> exits;
  int pivot = -1;
  for (size_t i = 0; i < count; ++i) {
    if (is_constant[i]) continue;
    int node = add(name("Switch", i), "Switch", {values[i], decides}, {{"T", types[i]}});
    arguments[i] = {add(name("Identity", i), "Identity", {{node, 1}}, {{"T", types[i]}}), 0};
    if (pivot < 0) pivot = arguments[i].node;
    outputs[i] = {add(name("Exit", i), "Exit", {{node, 0}}, {{"T", types[i]}}), 0};
    exits.push_back(outputs[i].node);
  }
  // Who reads a handle that went through the loop reads what the loop left.
  for (size_t i = 0; i < count; ++i) {
    if (!is_constant[i]) continue;
    outputs[i] = call.inputs[i];
    if (types[i] == DType::kResource)
      outputs[i] = {add(name("Unchanged", i), "Identity", {call.inputs[i]}, {{"T", types[i]}}, exits), 0};
  }
  TARN_ASSIGN_OR_RETURN(Body body, write_body(functions[1], arguments, call.name + "/body", {pivot}));
  TARN_RETURN_IF_ERROR(judge_count(functions[1], body.outputs.size(), count));
  std::vector<Wire> carried;
  std::vector<DType> carried_types;
  for (size_t i = 0; i < count; ++i) {
    if (is_constant[i]) continue;
    carried.push_back(body.outputs[i]);
    carried_types.push_back(types[i]);
  }
  body.outputs = std::move(carried);
  std::vector<Wire> next = outputs_after(body, carried_types, call.name + "/body", {pivot});
  for (size_t i = 0; i < next.size(); ++i) {
    int back = add(name("NextIteration", i), "NextIteration", {next[i]}, {{"T", carried_types[i]}});
    made(merges[i]).inputs[1] = {back, 0};
  }
  finish(n, outputs, types, exits);
  return {};
}

}  // namespace tarn
