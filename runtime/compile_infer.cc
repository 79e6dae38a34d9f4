#include <algorithm>
#include <map>
#include <set>

#include "core/op_names.h"
#include "core/search.h"
#include "core/sorting.h"
#include "runtime/branch_taken.h"
#include "runtime/compile_state.h"
#include "runtime/evaluate.h"

namespace tarn::compiling {

State::~State() = default;

const Fact& State::fact(Wire wire) const {
  if (is_feed(wire)) return feed_facts[static_cast<size_t>(feed_index(wire))];
  const WorkNode& node = nodes[static_cast<size_t>(wire.node)];
  static const Fact kUnknown;
  return static_cast<size_t>(wire.slot) < node.facts.size() ? node.facts[static_cast<size_t>(wire.slot)] : kUnknown;
}

std::string State::wire_name(Wire wire) const {
  Wire fed = is_feed(wire) ? request.feeds[static_cast<size_t>(feed_index(wire))].tensor : wire;
  std::string name(is_feed(wire) ? source.name(fed.node) : std::string_view(node(wire.node).name));
  if (fed.slot > 0) str_append(name, ":", fed.slot);
  return name;
}

bool State::never_alive(Wire wire) const {
  if (!kHasControlFlow || is_feed(wire)) return false;
  const WorkNode& node = nodes[static_cast<size_t>(wire.node)];
  return node.never_runs || (node.taken_branch >= 0 && wire.slot != node.taken_branch);
}

namespace {

// Nodes whose op is missing, by op, said in one problem each.
void report_unsupported(State& state) {
  std::vector<int> nodes;
  for (size_t n = 0; n < state.nodes.size(); ++n) {
    if (state.nodes[n].op == nullptr) nodes.push_back(static_cast<int>(n));
  }
  sort_indices(nodes, [&](int a, int b) { return state.node(a).op_name < state.node(b).op_name; });
  for (size_t begin = 0, end = 0; begin < nodes.size(); begin = end) {
    const std::string& op = state.node(nodes[begin]).op_name;
    std::string some;
    for (; end < nodes.size() && state.node(nodes[end]).op_name == op; ++end) {
      if (end - begin < 3) str_append(some, end > begin ? ", " : "", in_quotes(state.node(nodes[end]).name));
    }
    size_t count = end - begin;
    std::string more = count > 3 ? str_cat(" and ", count - 3, " more") : "";
    state.problems.add(unimplemented("op ", in_quotes(op), " is not supported (node", count > 1 ? "s " : " ", some,
                                     more, ")", did_you_mean_op(op, state.options.ops->names()), kLeftOutAdvice));
  }
}

// Variables are read and written by what knows them, and handed on by views, branches and IdentityN: to any other op a
// handle would look like a tensor. Empty if `node` may have this input.
std::string judge_handle(const WorkNode& node, size_t input, const Fact& fact) {
  if constexpr (!kHasVariables) return {};
  const std::vector<ArgSpec>& args = node.op->schema.inputs();
  bool takes_variable = (node.traits() & kTakesVariable) != 0;
  if (takes_variable && input < args.size() && args[input].dtype == DType::kResource) {
    return fact.behind != nullptr ? "" : "is no handle on a variable";
  }
  bool hands_on = (node.is_view() && input == 0) || node.control() != Control::kNone || node.op_name == "IdentityN";
  return fact.behind == nullptr || hands_on ? "" : "is a handle on a variable, which this op does not take";
}

// Control-flow ops have facts of their own: they hand on what they get.
void infer_control(State& state, WorkNode& node, const NodeTypes& types, const std::vector<Fact>& inputs) {
  node.facts = std::vector<Fact>(types.outputs.size());
  for (size_t i = 0; i < node.facts.size(); ++i) {
    node.facts[i].dtype = types.outputs[i].dtype;
    node.facts[i].is_ref = types.outputs[i].is_ref;
  }
  if (node.control() == Control::kSwitch) {
    for (Fact& fact : node.facts) {
      fact.shape = inputs[0].shape;
      fact.behind = inputs[0].behind;
    }
    if (inputs[1].has_value() && inputs[1].value.element_count() == 1) {
      node.taken_branch = branch_taken(inputs[1].dtype, inputs[1].value.data(), node.facts.size());
      node.facts[static_cast<size_t>(node.taken_branch)].value = inputs[0].value;
    }
    return;
  }
  // Merge
  node.facts[1].shape = Shape();
  if (node.forwards_input) {
    node.facts[0].shape = state.fact(node.inputs[0]).shape;
    // With a value it would be folded, and who reads it would die with what it only waits for.
    if (node.controls.empty()) node.facts[0].value = state.fact(node.inputs[0]).value;
    node.facts[0].behind = state.fact(node.inputs[0]).behind;
    node.facts[1].value = Tensor::scalar<int32_t>(node.merge_index);
    return;
  }
  node.facts[0].shape = state.fact(node.inputs[0]).shape;
  node.facts[0].behind = state.fact(node.inputs[0]).behind;
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    const Fact& other = state.fact(node.inputs[i]);
    node.facts[0].shape = common_shape(node.facts[0].shape, other.shape);
    node.facts[0].behind = common_variable(node.facts[0], other);
  }
}

bool needs_service(const WorkNode& node) {
  return kHasServices && node.op->def->needs != ServiceId::kCount;
}

bool worth_folding(const State& state, const WorkNode& node) {
  if (node.is_view()) return true;
  size_t in_bytes = 0, out_bytes = 0;
  for (Wire wire : node.inputs) in_bytes += state.fact(wire).value.byte_size();
  for (const Fact& fact : node.facts) {
    Result<int64_t> count = fact.shape.element_count();
    if (!count.ok()) return in_bytes <= state.options.most_folded_bytes;
    out_bytes += static_cast<size_t>(*count) * std::max<size_t>(1, dtype_size(fact.dtype));
  }
  return out_bytes <= state.options.most_folded_bytes || out_bytes <= state.options.most_folded_growth * in_bytes;
}

}  // namespace

void fold(State& state, WorkNode& node) {
  // kNoFold is for passes: here it is known what is fed.
  constexpr uint32_t kKeep = kStateful | kSourceOp | kWritesRef;
  if (!state.options.fold || (node.traits() & kKeep) != 0 || needs_service(node) || node.may_be_dead() ||
      (kHasControlFlow && node.never_runs) || node.keeps_codes || node.facts.empty()) {
    return;
  }
  auto all_known = [](const std::vector<Fact>& facts) {
    return all_of(facts, [](const Fact& fact) { return fact.has_value() && !fact.is_ref; });
  };
  std::vector<Tensor> inputs;
  for (Wire wire : node.inputs) {
    const Fact& fact = state.fact(wire);
    if (fact.has_value()) inputs.push_back(fact.value);
  }
  if (!all_known(node.facts) && inputs.size() == node.inputs.size() && !node.inputs.empty() &&
      node.control() == Control::kNone && worth_folding(state, node)) {
    EvaluateOptions options;
    options.backends = state.options.backends;
    Result<std::vector<Tensor>> values = evaluate_node(*node.op, node.name, node.attrs, inputs, options);
    if (!values.ok()) return;  // an error of a value belongs to the run, if it ever comes to that
    for (size_t i = 0; i < node.facts.size(); ++i) {
      node.facts[i].shape = (*values)[i].shape();
      node.facts[i].value = (*values)[i];
    }
  }
  if (!all_known(node.facts)) return;
  node.folded = true;
  node.inherited_controls = node.controls;
  for (Wire wire : node.inputs) {
    if (is_feed(wire)) continue;
    const WorkNode& before = state.nodes[static_cast<size_t>(wire.node)];
    for (int control : before.folded ? before.inherited_controls : std::vector<int>())
      node.inherited_controls.push_back(control);
  }
  // Each once: by every way through what was folded they would be as many as there are ways.
  std::vector<int>& inherited = node.inherited_controls;
  sort_values(inherited);
  inherited.erase(std::unique(inherited.begin(), inherited.end()), inherited.end());
}

namespace {

// Of a loop's first node: what is true of the value that goes in and of all that come back, as far as those are known.
void infer_loop_merge(const State& state, WorkNode& node, const NodeTypes& types, const Fact& before) {
  node.facts = std::vector<Fact>(types.outputs.size());
  node.facts[1].dtype = types.outputs[1].dtype;
  node.facts[1].shape = Shape();
  Fact& merged = node.facts[0];
  bool is_first = true;
  auto join = [&](const Fact& fact) {
    merged.shape = is_first ? fact.shape : common_shape(merged.shape, fact.shape);
    merged.behind = is_first ? fact.behind : common_variable(merged, fact);
    is_first = false;
  };
  if (before.dtype != DType::kInvalid) join(before);  // never knows more than it did: so inference ends
  for (Wire wire : node.inputs) {
    bool is_judged = is_feed(wire) || !state.node(wire.node).facts.empty();
    if (is_judged && !state.never_alive(wire)) join(state.fact(wire));
  }
  merged.dtype = types.outputs[0].dtype;
  merged.is_ref = types.outputs[0].is_ref;
}

// What TensorArrays and stacks hold is known by the node that makes them, if every handle leads back to one.
void find_contents(State& state, WorkNode& node, std::vector<Fact>& inputs) {
  if ((node.traits() & kTakesContainer) == 0 || inputs.empty()) return;
  node.container = container_of(state, node.inputs[0]);
  if (node.container < 0 && state.containers_are_known) {
    state.containers_are_known = false;
    for (auto& [maker, contents] : state.containers) contents.is_anything = true;
  }
  if (node.container < 0) return;
  Contents& contents = state.containers[node.container];
  contents.is_anything = !state.containers_are_known;
  inputs[0].contents = &contents;
}

void reset(WorkNode& node) {
  node.inputs = node.all_inputs;
  node.problem = {};
  node.conditions.clear();
  node.inherited_controls.clear();
  node.uncertain = node.never_runs = node.forwards_input = node.folded = false;
  node.taken_branch = -1;
  node.merge_index = 0;
}

Status infer_one(State& state, int index) {
  WorkNode& node = state.node(index);
  reset(node);
  Fact before = node.facts.empty() ? Fact{} : node.facts[0];
  if (node.op == nullptr) return {};
  if (node.facts.empty()) {
    TARN_ASSIGN_OR_RETURN(node.attrs, state.source.attrs(node.source));
  }
  std::vector<std::string> producers(node.inputs.size());
  std::vector<InputInfo> infos(node.inputs.size());
  std::vector<Fact> facts(node.inputs.size());
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    Wire wire = node.inputs[i];
    facts[i] = state.fact(wire);
    producers[i] = state.wire_name(wire);
    infos[i] = {facts[i].dtype, facts[i].is_ref, producers[i]};
    if (is_feed(wire)) continue;
    const WorkNode& from = state.node(wire.node);
    if (from.op != nullptr && !from.facts.empty() && static_cast<size_t>(wire.slot) >= from.facts.size()) {
      return invalid_argument(node_label(node.op_name, node.name), ": input ", i, " '", producers[i],
                              "': ", node_label(from.op_name, from.name), " has ", from.facts.size(),
                              from.facts.size() == 1 ? " output" : " outputs");
    }
  }
  NodeTypes types;
  TARN_RETURN_IF_ERROR(node.op->schema.resolve(node.name, node.attrs, infos, {}, types));
  for (size_t i = 0; i < facts.size(); ++i) {
    std::string problem = judge_handle(node, i, facts[i]);
    if (problem.empty()) continue;
    return unimplemented(node_label(node.op_name, node.name), ": input ", i, " ", in_quotes(producers[i]), " ",
                         problem);
  }
  if (needs_service(node) && (state.options.services == nullptr || !state.options.services->has(node.op->def->needs))) {
    return unimplemented(node_label(node.op_name, node.name), ": needs ", service_name(node.op->def->needs),
                         ", which this runtime does not offer");
  }
  find_conditions(state, node);
  Control control = node.control();
  if (kHasControlFlow && control == Control::kMerge && node.frame >= 0 && has_back_edge(state, index)) {
    infer_loop_merge(state, node, types, before);
    return {};
  }
  if (control == Control::kSwitch || control == Control::kMerge) {
    infer_control(state, node, types, facts);
    if (node.forwards_input) fold(state, node);
    return {};
  }
  find_contents(state, node, facts);
  Status status = infer_node(*node.op, node.name, node.attrs, types, facts, node.facts);
  // On a branch that never runs a contradiction harms nobody.
  if (!status.ok()) return kHasControlFlow && node.never_runs ? Status() : status;
  if (kHasControlFlow && node.is_constant_enter) {
    node.facts[0].elements = facts[0].elements;
    if (!node.may_be_dead()) node.facts[0].value = facts[0].value;
  }
  fold(state, node);
  return {};
}

// Whether what comes back to the loop's first node `merge` is more than was thought of it.
bool must_widen(const State& state, int merge) {
  const WorkNode& node = state.node(merge);
  if (node.facts.empty() || node.never_runs || !node.problem.ok()) return false;
  const Fact& known = node.facts[0];
  for (Wire wire : node.all_inputs) {
    if (!is_back_edge(state, merge, wire) || state.never_alive(wire) || state.node(wire.node).facts.empty()) continue;
    const Fact& back = state.fact(wire);
    if (back.dtype != known.dtype || !(common_shape(known.shape, back.shape) == known.shape)) return true;
    if (known.behind == nullptr) continue;
    std::shared_ptr<const Fact> common = common_variable(known, back);
    if (common == nullptr || !(common->shape == known.behind->shape)) return true;
  }
  return false;
}

bool operator==(const Contents& a, const Contents& b) {
  return a.is_empty == b.is_empty && a.is_anything == b.is_anything && a.shape == b.shape;
}

// Infers what is marked in `again` and all that follows from it.
void infer_pass(State& state, std::vector<char>& again) {
  for (size_t n = 0; n < state.nodes.size() && !state.is_stopped(); ++n) {
    WorkNode& node = state.nodes[n];
    auto changed = [&](int before) {
      return before >= 0 && static_cast<size_t>(before) < n && again[static_cast<size_t>(before)] != 0;
    };
    bool must = again[n] != 0;
    for (Wire wire : node.all_inputs) must = must || changed(wire.node);
    for (int control : node.controls) must = must || changed(control);
    again[n] = must ? 1 : 0;
    if (must) node.problem = infer_one(state, static_cast<int>(n));
  }
}

// Marks what must be inferred again, now that what comes back in loops is known; false if nothing must.
bool find_changes(State& state, const std::map<int, Contents>& contents_before, std::vector<char>& again) {
  std::fill(again.begin(), again.end(), 0);
  bool any = false;
  auto mark = [&](int n) {
    again[static_cast<size_t>(n)] = 1;
    any = true;
  };
  for (size_t f = 0; f < state.frames.size(); ++f) {
    LoopFrame& frame = state.frames[f];
    for (int merge : frame.merges) {
      if (must_widen(state, merge)) mark(merge);
    }
    if (!frame.is_regular || is_regular(state, static_cast<int>(f))) continue;
    frame.is_regular = false;
    for (int enter : frame.enters) mark(enter);
    for (int merge : frame.merges) mark(merge);
    for (int exit : frame.exits) mark(exit);
  }
  std::set<int> changed;  // makers
  for (const auto& [maker, contents] : state.containers) {
    auto before = contents_before.find(maker);
    if (before == contents_before.end() || !(before->second == contents)) changed.insert(maker);
  }
  for (size_t n = 0; n < state.nodes.size() && !changed.empty(); ++n) {
    if (changed.contains(state.nodes[n].container)) mark(static_cast<int>(n));
  }
  return any;
}

// Loops: a value that comes back may be less than what went in told (another batch size, an unknown length). Facts only
// ever get weaker, so this ends, and soon: what still changes after many passes has its shapes given up.
void infer_all(State& state) {
  for (WorkNode& node : state.nodes) node.all_inputs = node.inputs;
  std::vector<char> again(state.nodes.size(), 1);
  if constexpr (!kHasControlFlow) return infer_pass(state, again);
  constexpr int kMostPasses = 50;
  for (int pass = 0;; ++pass) {
    std::map<int, Contents> contents = state.containers;
    infer_pass(state, again);
    if (state.frames.empty() && state.containers.empty()) return;
    if (state.is_stopped() || !find_changes(state, contents, again)) return;
    if (pass < kMostPasses) continue;
    for (const LoopFrame& frame : state.frames) {
      for (int merge : frame.merges) {
        WorkNode& node = state.node(merge);
        if (node.facts.empty() || !node.facts[0].shape.has_rank()) continue;
        node.facts[0].shape = Shape::unknown();
        again[static_cast<size_t>(merge)] = 1;  // what is behind it believed the shape that it had
      }
    }
  }
}

}  // namespace

void infer_and_fold(State& state) {
  infer_all(state);
  if (state.is_stopped()) return state.problems.add(state.stopped());
  for (const WorkNode& node : state.nodes) {
    if (!node.problem.ok()) state.problems.add(node.problem);
  }
  report_unsupported(state);
  bool inferred = state.problems.empty();
  for (Wire wire : state.fetches) {
    if (is_feed(wire)) continue;
    const WorkNode& node = state.nodes[static_cast<size_t>(wire.node)];
    bool is_judged = node.op != nullptr && inferred;
    if (is_judged && state.fact(wire).dtype == DType::kResource) {
      state.problems.add(invalid_argument("fetch '", node.name,
                                          "': a resource handle cannot be fetched; fetch what "
                                          "reads it"));
    }
    if (is_judged && static_cast<size_t>(wire.slot) < node.facts.size() && state.never_alive(wire)) {
      state.problems.add(invalid_argument("fetch '", node.name, wire.slot > 0 ? str_cat(":", wire.slot) : "",
                                          "': its branch is never taken: a constant predicate decides so"));
    }
    if (!is_judged || static_cast<size_t>(wire.slot) < node.facts.size()) continue;
    state.problems.add(invalid_argument("fetch '", node.name, ":", wire.slot,
                                        "': ", node_label(node.op_name, node.name), " has ", node.facts.size(),
                                        node.facts.size() == 1 ? " output" : " outputs"));
  }
}

}  // namespace tarn::compiling
