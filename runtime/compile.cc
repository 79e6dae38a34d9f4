#include "runtime/compile.h"

#include <algorithm>
#include <map>
#include <set>

#include "runtime/compile_state.h"

namespace tarn {
namespace {

using namespace compiling;

Status not_fed(const WorkNode& node) {
  return invalid_argument("you must feed a value for placeholder ", quoted(node.name), " (", node.facts[0].to_string(),
                          ")");
}

// Turns scheduled units into steps over value slots.
class Lowering {
 public:
  Lowering(State& state, std::vector<int> order) : state_(state), order_(std::move(order)), program_(new Program) {}

  Result<std::unique_ptr<Program>> lower() {
    for (const CompileRequest::Feed& feed : state_.request.feeds) {
      program_->feeds.push_back({feed.dtype, feed.shape, {}, false});
    }
    for (int unit : order_) add_step(unit);
    for (Wire wire : state_.fetches) program_->fetches.push_back(state_.fact(wire));
    find_copies();
    check_sizes();
    TARN_RETURN_IF_ERROR(state_.problems.to_status(""));
    for (size_t s = 0; s < program_->steps.size(); ++s) prepare(s);
    TARN_RETURN_IF_ERROR(state_.problems.to_status(""));
    plan();
    finish_stats();
    return std::move(program_);
  }

 private:
  // --- values -----------------------------------------------------------------------------------------------------
  int value_of(Wire wire) {
    auto [it, fresh] = value_of_.try_emplace({wire.node, wire.slot}, static_cast<int>(program_->values.size()));
    if (!fresh) return it->second;
    Value value;
    value.fact = state_.fact(wire);
    if (is_feed(wire)) {
      value.kind = ValueKind::kFeed;
      value.feed = feed_index(wire);
    } else if (const WorkNode& node = state_.nodes[static_cast<size_t>(wire.node)];
               value.fact.has_value() && (node.folded || (node.forwards_input && wire.slot == 1))) {
      value.kind = ValueKind::kConstant;
      program_->stats.constant_bytes += value.fact.value.byte_size();
    }
    program_->values.push_back(std::move(value));
    return it->second;
  }

  const Fact& fact_of(int value) const { return program_->values[static_cast<size_t>(value)].fact; }

  static bool can_be_planned(const Fact& fact) {
    return !fact.is_ref && fact.shape.is_fully_known() && dtype_size(fact.dtype) > 0;
  }

  void set_output_kind(int value, bool forwarded) {
    Value& v = program_->values[static_cast<size_t>(value)];
    if (v.kind == ValueKind::kConstant || v.kind == ValueKind::kFeed) return;
    v.kind = forwarded || v.fact.is_variable() ? ValueKind::kForwarded
             : can_be_planned(v.fact)          ? ValueKind::kPlanned
                                               : ValueKind::kDynamic;
  }

  // --- steps ------------------------------------------------------------------------------------------------------
  void add_step(int unit) {
    Step step;
    if (unit >= kFetchUnit) {
      step.kind = StepKind::kFetch;
      step.fetch = unit - kFetchUnit;
      Wire wire = state_.fetches[static_cast<size_t>(step.fetch)];
      step.inputs = {value_of(wire)};
      step.node =
          is_feed(wire)
              ? std::string(state_.source.name(state_.request.feeds[static_cast<size_t>(feed_index(wire))].tensor.node))
              : state_.nodes[static_cast<size_t>(wire.node)].name;
      step.may_be_dead = !is_feed(wire);
      if (state_.fact(wire).is_ref) step.ref_inputs = {0};
      push(std::move(step), unit);
      return;
    }
    const WorkNode& node = state_.nodes[static_cast<size_t>(unit)];
    const WorkNode& tail = node.tail >= 0 ? state_.nodes[static_cast<size_t>(node.tail)] : node;
    int tail_index = node.tail >= 0 ? node.tail : unit;
    step.node = tail.name;
    step.op = node.op_name;
    step.may_be_dead = node.may_be_dead();
    step.uninitialized_ok = (node.traits() & kUninitializedOk) != 0;
    Control control = node.op->def->control;
    if (control == Control::kSwitch && node.taken_branch >= 0) {
      step.kind = StepKind::kView;
      step.inputs = {value_of(node.inputs[0])};
      step.outputs = {value_of({unit, node.taken_branch})};
    } else {
      for (Wire wire : unit_inputs(state_, unit)) step.inputs.push_back(value_of(wire));
      size_t outputs = node.forwards_input ? 1 : tail.facts.size();
      for (size_t slot = 0; slot < outputs; ++slot)
        step.outputs.push_back(value_of({tail_index, static_cast<int>(slot)}));
      step.kind = kind_of(node);
      if (step.kind == StepKind::kSwitch || step.kind == StepKind::kMerge) program_->has_branches = true;
    }
    // A handle that is only handed on says nothing of the value.
    bool hands_handle_on = !step.outputs.empty() && fact_of(step.outputs[0]).behind != nullptr;
    for (size_t i = 0; i < step.inputs.size() && !hands_handle_on; ++i) {
      if (fact_of(step.inputs[i]).is_variable()) step.ref_inputs.push_back(static_cast<int>(i));
    }
    bool forwards = step.kind != StepKind::kKernel && step.kind != StepKind::kNothing;
    for (size_t slot = 0; slot < step.outputs.size(); ++slot) {
      bool merge_index = step.kind == StepKind::kMerge && slot == 1;
      set_output_kind(step.outputs[slot], forwards && !merge_index);
    }
    for (int before : unit_controls(state_, unit)) {
      const WorkNode& control_node = state_.nodes[static_cast<size_t>(before)];
      auto it = step_of_.find(unit_of(state_, before));
      if (control_node.may_be_dead() && it != step_of_.end()) step.dead_controls.push_back(it->second);
    }
    if ((node.traits() & kWritesRef) != 0) program_->writes_variables = true;
    if (!step.ref_inputs.empty()) program_->reads_variables = true;
    program_->most_inputs = std::max(program_->most_inputs, static_cast<int>(step.inputs.size()));
    push(std::move(step), unit);
  }

  // Whether what comes in beside input 0 is known by now. Where a Reshape's sizes are not, its shape may be known all
  // the same, from the other sizes; then its kernel still has to see whether what is fed fits.
  bool needs_no_other_input(const WorkNode& node) const {
    return std::all_of(node.inputs.begin() + 1, node.inputs.end(),
                       [&](Wire wire) { return state_.fact(wire).has_value(); });
  }

  StepKind kind_of(const WorkNode& node) const {
    Control control = node.op->def->control;
    if (control == Control::kSwitch) return StepKind::kSwitch;
    if (control == Control::kMerge && !node.forwards_input) return StepKind::kMerge;
    if (node.forwards_input) return StepKind::kView;
    if (node.facts.size() == 1 && node.facts[0].has_value() && node.inputs.empty()) return StepKind::kConstant;
    bool reads_handle = (node.traits() & (kView | kTakesVariable)) == (kView | kTakesVariable);
    if (reads_handle || (node.is_view() && node.facts[0].shape.is_fully_known() && needs_no_other_input(node)))
      return StepKind::kView;
    if (node.op->def->kernels.empty() && node.facts.empty()) return StepKind::kNothing;
    return StepKind::kKernel;
  }

  void push(Step step, int unit) {
    step_of_[unit] = static_cast<int>(program_->steps.size());
    unit_of_step_.push_back(unit);
    program_->steps.push_back(std::move(step));
  }

  // --- variables --------------------------------------------------------------------------------------------------
  // Whether outputs of the step may be its inputs' memory.
  bool hands_on(size_t s) const {
    const Step& step = program_->steps[s];
    bool view_kernel = step.kind == StepKind::kKernel && unit_of_step_[s] < kFetchUnit &&
                       state_.nodes[static_cast<size_t>(unit_of_step_[s])].is_view();
    return step.kind == StepKind::kView || step.kind == StepKind::kSwitch || step.kind == StepKind::kMerge ||
           view_kernel;
  }

  // A view of a variable that is still read when the variable changes must be a copy.
  void find_copies() {
    if (!program_->writes_variables) return;
    size_t values = program_->values.size();
    // By value: the variable it refers to or is a view of; "" for none, "*" if it can't be told.
    std::vector<std::string> variable(values);
    std::vector<int> last_read(values, -1);
    std::map<std::string, std::vector<int>> writers;
    for (size_t s = 0; s < program_->steps.size(); ++s) {
      const Step& step = program_->steps[s];
      int unit = unit_of_step_[s];
      const WorkNode* node = unit < kFetchUnit ? &state_.nodes[static_cast<size_t>(unit)] : nullptr;
      if (node != nullptr && (node->traits() & kWritesRef) != 0) {
        for (int in : step.inputs) {
          if (fact_of(in).is_variable()) writers[variable[static_cast<size_t>(in)]].push_back(static_cast<int>(s));
        }
      }
      for (int out : step.outputs) {
        std::string& name = variable[static_cast<size_t>(out)];
        bool refers = fact_of(out).is_variable();
        if (refers && step.inputs.empty()) {
          name = variable_name(node->attrs, node->name);
        } else if (hands_on(s) || refers) {
          for (int in : step.inputs) {
            const std::string& from = variable[static_cast<size_t>(in)];
            if (!from.empty()) name = name.empty() || name == from ? from : "*";
          }
        }
      }
    }
    // Reads reach back through views: last first.
    for (size_t s = program_->steps.size(); s-- > 0;) {
      const Step& step = program_->steps[s];
      int until = static_cast<int>(s);
      if (hands_on(s)) {
        for (int out : step.outputs) until = std::max(until, last_read[static_cast<size_t>(out)]);
      }
      for (int in : step.inputs)
        last_read[static_cast<size_t>(in)] = std::max(last_read[static_cast<size_t>(in)], until);
    }
    for (size_t s = 0; s < program_->steps.size(); ++s) {
      Step& step = program_->steps[s];
      if (step.kind != StepKind::kView || step.outputs.size() != 1) continue;
      auto out = static_cast<size_t>(step.outputs[0]);
      if (fact_of(step.outputs[0]).is_variable() || variable[out].empty()) continue;
      bool changed = false;
      for (const auto& [name, steps] : writers) {
        if (name != variable[out] && name != "*" && variable[out] != "*") continue;
        for (int writer : steps) changed = changed || (writer > static_cast<int>(s) && writer <= last_read[out]);
      }
      if (!changed) continue;
      step.kind = StepKind::kCopy;
      set_output_kind(step.outputs[0], false);
    }
  }

  // Shapes are judged, sizes are not: a file can declare 2^62 floats. Below this limit no sum of sizes overflows.
  void check_sizes() {
    constexpr int64_t kMostBytes = int64_t{1} << 40;
    for (const Step& step : program_->steps) {
      for (int out : step.outputs) {
        const Value& value = program_->values[static_cast<size_t>(out)];
        if (value.kind != ValueKind::kPlanned) continue;
        Result<int64_t> count = value.fact.shape.element_count();
        if (count.ok() && *count <= kMostBytes / static_cast<int64_t>(dtype_size(value.fact.dtype))) continue;
        state_.problems.add(resource_exhausted(node_label(step.op, step.node), ": an output of ",
                                               value.fact.to_string(), " is larger than any memory (", kMostBytes,
                                               " bytes)")
                                .with_node(step.node));
      }
    }
  }

  // --- kernels ----------------------------------------------------------------------------------------------------
  void prepare(size_t s) {
    Step& step = program_->steps[s];
    reuse_.emplace_back();
    if (step.kind != StepKind::kKernel) return;
    const WorkNode& node = state_.nodes[static_cast<size_t>(unit_of_step_[s])];
    if ((node.traits() & kSourceOp) != 0) {
      state_.problems.add(not_fed(node));
      return;
    }
    std::vector<Fact> inputs, outputs;
    for (int in : step.inputs) inputs.push_back(program_->values[static_cast<size_t>(in)].fact);
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      if (program_->values[static_cast<size_t>(step.inputs[i])].kind != ValueKind::kConstant)
        inputs[i].value = Tensor();
    }
    for (int out : step.outputs) outputs.push_back(program_->values[static_cast<size_t>(out)].fact);
    auto context = [&] {
      return PrepareContext(node.op->def->name, node.name, node.attrs, inputs, outputs, node.epilogue,
                            state_.options.threads);
    };
    for (const Backend& backend : state_.options.backends) {
      if (find_kernel(*node.op, node.attrs, {&backend, 1}).ok()) break;  // the op's own
      PrepareContext asked = context();
      std::unique_ptr<Kernel> kernel = backend_kernel(node, backend, inputs, asked);
      if (kernel == nullptr) continue;
      step.kernel = std::move(kernel);
      keep_request(step, asked);
      return;
    }
    Result<const KernelDef*> def = find_kernel(*node.op, node.attrs, state_.options.backends);
    if (!def.ok()) {
      state_.problems.add(def.status().with_context(node_label(node.op_name, node.name)));
      return;
    }
    step.kernel = (*def)->make();
    PrepareContext asked = context();
    Status status = step.kernel->prepare(asked);
    if (!status.ok()) {
      state_.problems.add(Status(status.code(), str_cat(node_label(node.op_name, node.name), ": ", status.message(),
                                                        input_facts_text(node.op->schema, node.attrs, inputs)))
                              .with_node(node.name));
    }
    keep_request(step, asked);
  }

  // What a library beside the op's own file has for this node; null if it has nothing, or declines.
  std::unique_ptr<Kernel> backend_kernel(const WorkNode& node, Backend backend, std::span<const Fact> inputs,
                                         PrepareContext& context) const {
    const std::string& attr = node.op->schema.kernel_attr();
    DType dtype = attr.empty() ? DType::kInvalid : node.attrs.get_or<DType>(attr, DType::kInvalid);
    // These kernels are made for exact shapes and look at none when they run.
    for (const Fact& input : inputs) {
      if (!input.shape.is_fully_known()) return nullptr;
    }
    for (const BackendKernelFile* file : state_.options.backend_files) {
      for (const BackendKernel& kernel : *file) {
        if (kernel.op != node.op->def->name || kernel.def.backend != backend || kernel.def.dtype != dtype) continue;
        if (state_.options.only_faster && (kernel.is_faster == nullptr || !kernel.is_faster(context))) continue;
        std::unique_ptr<Kernel> made = kernel.def.make();
        if (made->prepare(context).ok()) return made;
      }
    }
    return nullptr;
  }

  void keep_request(Step& step, const PrepareContext& context) {
    step.scratch_bytes = context.request().scratch_bytes;
    reuse_.back() = context.request().reuse;
  }

  // --- memory -----------------------------------------------------------------------------------------------------
  // roots[v]: the planned values whose memory v may be.
  std::vector<std::vector<int>> find_roots() const {
    std::vector<std::vector<int>> roots(program_->values.size());
    for (size_t s = 0; s < program_->steps.size(); ++s) {
      const Step& step = program_->steps[s];
      for (int out : step.outputs) {
        std::vector<int>& mine = roots[static_cast<size_t>(out)];
        if (program_->values[static_cast<size_t>(out)].kind == ValueKind::kPlanned) mine.push_back(out);
        if (!hands_on(s)) continue;
        for (int in : step.inputs) {
          for (int root : roots[static_cast<size_t>(in)]) {
            if (std::find(mine.begin(), mine.end(), root) == mine.end()) mine.push_back(root);
          }
        }
      }
    }
    return roots;
  }

  void plan() {
    size_t values = program_->values.size();
    std::vector<std::vector<int>> roots = find_roots();
    std::vector<int> first(values, -1), last(values, -1);
    for (size_t s = 0; s < program_->steps.size(); ++s) {
      for (int out : program_->steps[s].outputs) {
        for (int root : roots[static_cast<size_t>(out)]) {
          if (root == out) first[static_cast<size_t>(root)] = static_cast<int>(s);
          last[static_cast<size_t>(root)] = static_cast<int>(s);
        }
      }
      for (int in : program_->steps[s].inputs) {
        for (int root : roots[static_cast<size_t>(in)]) last[static_cast<size_t>(root)] = static_cast<int>(s);
      }
    }
    if (state_.options.keep_fetches) {
      for (Wire wire : state_.fetches) {
        for (int root : roots[static_cast<size_t>(value_of(wire))])
          last[static_cast<size_t>(root)] = static_cast<int>(program_->steps.size());
      }
    }
    // Storage groups: an output that takes over a dying input's memory joins its group.
    std::vector<Lifetime> lifetimes;
    std::vector<int> group(values, -1);
    std::vector<int> scratch_group(program_->steps.size(), -1);
    for (size_t s = 0; s < program_->steps.size(); ++s) {
      const Step& step = program_->steps[s];
      for (size_t o = 0; o < step.outputs.size(); ++o) {
        auto out = static_cast<size_t>(step.outputs[o]);
        const Value& value = program_->values[out];
        if (value.kind != ValueKind::kPlanned || first[out] != static_cast<int>(s)) continue;
        size_t bytes = static_cast<size_t>(value.fact.shape.elements()) * dtype_size(value.fact.dtype);
        int taken = reusable_input(s, static_cast<int>(o), bytes, roots, last, group, lifetimes);
        if (taken >= 0) {
          group[out] = taken;
          lifetimes[static_cast<size_t>(taken)].last = std::max(lifetimes[static_cast<size_t>(taken)].last, last[out]);
        } else {
          group[out] = static_cast<int>(lifetimes.size());
          lifetimes.push_back({bytes, first[out], std::max(first[out], last[out])});
        }
      }
      if (step.scratch_bytes > 0) {
        scratch_group[s] = static_cast<int>(lifetimes.size());
        lifetimes.push_back({step.scratch_bytes, static_cast<int>(s), static_cast<int>(s)});
      }
    }
    MemoryPlan plan = plan_memory(lifetimes);
    assert(plan_is_valid(lifetimes, plan));
    for (size_t v = 0; v < values; ++v) {
      if (group[v] >= 0) program_->values[v].offset = plan.offsets[static_cast<size_t>(group[v])];
    }
    for (size_t s = 0; s < program_->steps.size(); ++s) {
      if (scratch_group[s] >= 0)
        program_->steps[s].scratch_offset = plan.offsets[static_cast<size_t>(scratch_group[s])];
    }
    program_->stats.arena_bytes = plan.arena_bytes;
    program_->stats.arena_lower_bound_bytes = plan.lower_bound_bytes;
  }

  // The storage group of an input of step s that dies here and may hold output o, or -1.
  int reusable_input(size_t s, int o, size_t bytes, const std::vector<std::vector<int>>& roots,
                     const std::vector<int>& last, const std::vector<int>& group,
                     const std::vector<Lifetime>& lifetimes) const {
    const Step& step = program_->steps[s];
    for (auto [i, output] : reuse_[s]) {
      if (output != o) continue;
      int in = step.inputs[static_cast<size_t>(i)];
      const std::vector<int>& mine = roots[static_cast<size_t>(in)];
      if (mine.size() != 1 || last[static_cast<size_t>(mine[0])] != static_cast<int>(s)) continue;
      const Value& value = program_->values[static_cast<size_t>(in)];
      if (!value.fact.shape.is_fully_known() ||
          static_cast<size_t>(value.fact.shape.elements()) * dtype_size(value.fact.dtype) != bytes) {
        continue;
      }
      int root_group = group[static_cast<size_t>(mine[0])];
      if (lifetimes[static_cast<size_t>(root_group)].bytes < bytes ||
          lifetimes[static_cast<size_t>(root_group)].last > static_cast<int>(s))
        continue;
      // Nothing else this step reads or writes may live there.
      bool alone = true;
      for (int other : step.inputs) {
        if (other == in) continue;
        for (int root : roots[static_cast<size_t>(other)])
          alone = alone && group[static_cast<size_t>(root)] != root_group;
      }
      for (int other : step.outputs) alone = alone && group[static_cast<size_t>(other)] != root_group;
      if (alone) return root_group;
    }
    return -1;
  }

  void finish_stats() {
    ProgramStats& stats = program_->stats;
    for (const WorkNode& node : state_.nodes) {
      if (node.live || node.folded) ++stats.nodes;
      if (node.folded) ++stats.folded_nodes;
      if (node.fused_into >= 0) ++stats.fused_nodes;
    }
  }

  State& state_;
  std::vector<int> order_;
  std::unique_ptr<Program> program_;
  std::map<std::pair<int, int>, int> value_of_;
  std::map<int, int> step_of_;  // by unit
  std::vector<int> unit_of_step_;
  std::vector<std::vector<std::pair<int, int>>> reuse_;  // by step
};

}  // namespace

Result<std::unique_ptr<Program>> compile(const NodeSource& source, const CompileRequest& request,
                                         const CompileOptions& options) {
  State state{source, request, options, {}, {}, {}, {}, {}};
  TARN_RETURN_IF_ERROR(prune(state));
  infer_and_fold(state);
  TARN_RETURN_IF_ERROR(state.problems.to_status(""));
  mark_live(state);
  fuse_epilogues(state);
  TARN_ASSIGN_OR_RETURN(std::vector<int> order, schedule(state));
  return Lowering(state, std::move(order)).lower();
}

Result<std::vector<Fact>> check(const NodeSource& source, const CompileRequest& request, CompileOptions options) {
  options.most_folded_growth = 0;
  State state{source, request, options, {}, {}, {}, {}, {}};
  TARN_RETURN_IF_ERROR(prune(state));
  infer_and_fold(state);
  TARN_RETURN_IF_ERROR(state.problems.to_status(""));
  mark_live(state);
  for (const WorkNode& node : state.nodes) {
    bool is_constant = node.inputs.empty() && node.facts.size() == 1 && node.facts[0].has_value();
    bool needs_kernel = node.live && !node.is_view() && !is_constant && node.op->def->control == Control::kNone &&
                        !(node.op->def->kernels.empty() && node.facts.empty());
    if (!needs_kernel) continue;
    if ((node.traits() & kSourceOp) != 0) {
      state.problems.add(not_fed(node));
      continue;
    }
    Result<const KernelDef*> kernel = find_kernel(*node.op, node.attrs, options.backends);
    if (!kernel.ok()) state.problems.add(kernel.status().with_context(node_label(node.op_name, node.name)));
  }
  TARN_RETURN_IF_ERROR(state.problems.to_status(""));
  std::vector<Fact> facts;
  for (Wire wire : state.fetches) facts.push_back(state.fact(wire));
  return facts;
}

}  // namespace tarn
