#include "runtime/compile.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/search.h"
#include "runtime/compile_dynamic8.h"
#include "runtime/compile_state.h"
#include "runtime/inline_calls.h"

namespace tarn {
namespace {

// What kernels read while they are prepared (sizes, axes, zero points) is small; weights are not.
constexpr size_t kMostShownForFewRuns = size_t{1} << 12;

using namespace compiling;

Status not_fed(const WorkNode& node) {
  return invalid_argument("you must feed a value for placeholder ", in_quotes(node.name), " (", node.facts[0], ")");
}

// What a run may not take the memory for.
Status size_problem(const State& state, std::string_view op, std::string_view node, const Fact& fact) {
  Status status = judge_value_size(fact.dtype, fact.shape, state.options.limits.most_value_bytes);
  if (status.ok()) return status;
  return status.with_context(node_label(op, node)).with_node(std::string(node));
}

// Turns scheduled units into steps over value slots.
class Lowering {
 public:
  Lowering(State& state, std::vector<int> order)
      : state_(state),
        settings_{.threads = state.options.threads,
                  .memory = &state.source,
                  .max_layer_error = state.options.max_layer_error,
                  .laid_out = state.options.laid_out != nullptr ? state.options.laid_out : state.source.laid_out(),
                  .ways = state.options.ways},
        order_(std::move(order)),
        program_(new Program),
        value_of_feed_(state.feed_facts.size(), -1),
        step_of_(state.nodes.size(), -1),
        carried_(kHasControlFlow && !state.frames.empty() ? state.nodes.size() : 0) {
    size_t outputs = 0;
    for (const WorkNode& node : state.nodes) {
      first_output_.push_back(outputs);
      outputs += node.facts.size();
    }
    value_of_.assign(outputs, -1);
  }

  Result<std::unique_ptr<Program>> lower() {
    for (const CompileRequest::Feed& feed : state_.request.feeds) {
      program_->feeds.push_back({feed.dtype, feed.shape, {}, false});
    }
    for (int f = 0; f < state_.frame_count(); ++f) {
      program_->loops.emplace_back();
      program_->loops.back().frame = state_.frames[static_cast<size_t>(f)].name;
    }
    for (int unit : order_) add_step(unit);
    for (Wire wire : state_.fetches) program_->fetches.push_back(state_.fact(wire));
    find_copies();
    check_sizes();
    TARN_RETURN_IF_ERROR(state_.problems.to_status());
    for (size_t s = 0; s < program_->steps.size(); ++s) {
      if (state_.is_stopped()) return state_.stopped();
      prepare(s);
    }
    TARN_RETURN_IF_ERROR(state_.problems.to_status());
    std::vector<int> kept;
    for (Wire wire : state_.options.keep_fetches ? state_.fetches : std::vector<Wire>()) kept.push_back(value_of(wire));
    std::vector<char> hands_on(program_->steps.size());
    for (size_t step = 0; step < hands_on.size(); ++step) hands_on[step] = this->hands_on(step) ? 1 : 0;
    if (kHasStreaming && may_reorder()) narrow(hands_on, kept);
    if (kHasStreaming && state_.options.stream) stream_rows(*program_, state_.options, hands_on, reuse_, kept);
    if (kHasStreaming && state_.options.stream && !state_.options.few_runs)
      group_elements(*program_, state_.options, hands_on, reuse_, kept);
    plan_values(*program_, hands_on, reuse_, kept);
    TARN_RETURN_IF_ERROR(check_arena());
    finish_stats();
    return std::move(program_);
  }

 private:
  // --- values -----------------------------------------------------------------------------------------------------
  int value_of(Wire wire) {
    int& index = is_feed(wire)
                     ? value_of_feed_[static_cast<size_t>(feed_index(wire))]
                     : value_of_[first_output_[static_cast<size_t>(wire.node)] + static_cast<size_t>(wire.slot)];
    if (index >= 0) return index;
    index = static_cast<int>(program_->values.size());
    Value& value = program_->values.emplace_back();
    value.fact = state_.fact(wire);
    if (is_feed(wire)) {
      value.kind = ValueKind::kFeed;
      value.feed = feed_index(wire);
    } else if (const WorkNode& node = state_.nodes[static_cast<size_t>(wire.node)];
               value.fact.has_value() && (node.folded || (node.is_merge_of_one() && wire.slot == 1))) {
      value.kind = ValueKind::kConstant;
      program_->stats.constant_bytes += value.fact.value.byte_size();
    }
    return index;
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
    Step& step = begin_step(unit);
    if (unit >= kFetchUnit) {
      step.kind = StepKind::kFetch;
      step.fetch = unit - kFetchUnit;
      Wire wire = state_.fetches[static_cast<size_t>(step.fetch)];
      step.inputs = {value_of(wire)};
      step.node = state_.wire_name(wire);
      step.may_be_dead = !is_feed(wire);
      if (kHasVariables && state_.fact(wire).is_ref) step.ref_inputs = {0};
      return;
    }
    if (kHasControlFlow && !is_node_unit(unit)) {
      fill_loop_step(step, unit);
      return;
    }
    const WorkNode& node = state_.nodes[static_cast<size_t>(unit)];
    const WorkNode& tail = node.tail >= 0 ? state_.nodes[static_cast<size_t>(node.tail)] : node;
    int tail_index = node.tail >= 0 ? node.tail : unit;
    step.node = tail.name;
    if (node.tail >= 0) step.head = node.name;
    step.op = node.op_name;
    step.may_be_dead = node.may_be_dead();
    if (kHasStreaming && step.may_be_dead) step.liveness = liveness_of(node);
    step.uninitialized_ok = (node.traits() & kUninitializedOk) != 0;
    Control control = node.control();
    if (control == Control::kSwitch && node.taken_branch >= 0) {
      step.kind = StepKind::kView;
      step.inputs = {value_of(node.inputs[0])};
      step.outputs = {value_of({unit, node.taken_branch})};
    } else {
      if (control == Control::kMerge && !node.is_merge_of_one()) {
        for (size_t i = 0; i < node.all_inputs.size(); ++i) {
          Wire wire = node.all_inputs[i];
          if (state_.never_alive(wire)) continue;
          step.inputs.push_back(is_back_edge(state_, unit, wire) ? carried_[static_cast<size_t>(wire.node)].to
                                                                 : value_of(wire));
          step.merge_indices.push_back(static_cast<int>(i));
        }
      } else {
        for (Wire wire : unit_inputs(state_, unit)) step.inputs.push_back(value_of(wire));
      }
      size_t outputs = node.is_merge_of_one() ? 1 : tail.facts.size();
      for (size_t slot = 0; slot < outputs; ++slot)
        step.outputs.push_back(value_of({tail_index, static_cast<int>(slot)}));
      step.kind = kind_of(node);
      if (step.kind == StepKind::kSwitch || step.kind == StepKind::kMerge) program_->has_branches = true;
    }
    // A handle that is only handed on says nothing of the value.
    bool hands_handle_on = !kHasVariables || (!step.outputs.empty() && fact_of(step.outputs[0]).behind != nullptr);
    for (size_t i = 0; i < step.inputs.size() && !hands_handle_on; ++i) {
      bool is_handed_on = i < step.outputs.size() && fact_of(step.outputs[i]).behind != nullptr;
      if (!is_handed_on && fact_of(step.inputs[i]).is_variable()) step.ref_inputs.push_back(static_cast<int>(i));
    }
    bool forwards = step.kind != StepKind::kKernel && step.kind != StepKind::kNothing;
    for (size_t slot = 0; slot < step.outputs.size(); ++slot) {
      bool merge_index = step.kind == StepKind::kMerge && slot == 1;
      set_output_kind(step.outputs[slot], forwards && !merge_index);
    }
    for (int before : kHasControlFlow ? unit_controls(state_, unit) : std::vector<int>()) {
      const WorkNode& control_node = state_.nodes[static_cast<size_t>(before)];
      int step_before = step_of_[static_cast<size_t>(unit_of(state_, before))];
      bool may_be_dead = control_node.may_be_dead() && control != Control::kTrigger && control != Control::kMerge;
      if (may_be_dead && step_before >= 0) step.dead_controls.push_back(step_before);
    }
    if ((node.traits() & kWritesRef) != 0) program_->writes_variables = true;
    if (!step.ref_inputs.empty()) program_->reads_variables = true;
    program_->most_inputs = std::max(program_->most_inputs, static_cast<int>(step.inputs.size()));
    if (control == Control::kEnter && !node.is_constant_enter)
      program_->loops[static_cast<size_t>(node.entered_frame)].entering.push_back(step.outputs[0]);
    if (control == Control::kExit) {
      int frame = state_.frame_of(node.inputs[0]);
      program_->loops[static_cast<size_t>(frame)].leaving.push_back(step.inputs[0]);
    }
  }

  // A number for its conditions; -1 where they are not all that it depends on.
  int liveness_of(const WorkNode& node) {
    if (node.uncertain) return -1;
    auto known = std::find(livenesses_.begin(), livenesses_.end(), node.conditions);
    if (known == livenesses_.end()) known = livenesses_.insert(known, node.conditions);
    return static_cast<int>(known - livenesses_.begin()) + 1;
  }

  // --- loops ------------------------------------------------------------------------------------------------------
  int add_value(const Fact& fact, ValueKind kind) {
    Value& value = program_->values.emplace_back();
    value.kind = kind;
    value.fact = fact;
    value.fact.value = Tensor();
    value.fact.elements.clear();
    return static_cast<int>(program_->values.size()) - 1;
  }

  // A loop begins with nothing carried, and its end carries what NextIteration gives.
  void fill_loop_step(Step& step, int unit) {
    bool is_begin = unit < kLoopEndUnit;
    int frame = unit - (is_begin ? kLoopBeginUnit : kLoopEndUnit);
    Loop& loop = program_->loops[static_cast<size_t>(frame)];
    const int index = static_cast<int>(program_->steps.size()) - 1;
    step.kind = is_begin ? StepKind::kLoopBegin : StepKind::kLoopEnd;
    step.loop = frame;
    step.node = loop.frame;
    step.op = is_begin ? "LoopBegin" : "LoopEnd";
    if (is_begin) {
      loop.begin = index;
      program_->has_branches = true;
      for (int next : state_.frames[static_cast<size_t>(frame)].next_iterations) {
        if (!state_.node(next).live) continue;
        const Fact& fact = state_.fact({next, 0});
        Loop::Carried carried{value_of({next, 0}), add_value(fact, ValueKind::kForwarded)};
        if (!fact.is_variable() && fact.dtype != DType::kResource && fact.dtype != DType::kVariant) {
          for (int& buffer : carried.buffers) {
            buffer = add_value(fact, can_be_planned(fact) ? ValueKind::kPlanned : ValueKind::kDynamic);
            step.outputs.push_back(buffer);
          }
        }
        step.outputs.push_back(carried.to);
        carried_[static_cast<size_t>(next)] = carried;
        loop.carried.push_back(carried);
      }
    } else {
      loop.end = index;
      for (const Loop::Carried& carried : loop.carried) step.inputs.push_back(carried.from);
    }
  }

  // --- values that steps make and read ----------------------------------------------------------------------------
  // Whether what comes in beside input 0 is known by now. Where a Reshape's sizes are not, its shape may be known all
  // the same, from the other sizes; then its kernel still has to see whether what is fed fits.
  bool needs_no_other_input(const WorkNode& node) const {
    return all_of(std::span<const Wire>(node.inputs).subspan(1),
                  [&](Wire wire) { return state_.fact(wire).has_value(); });
  }

  StepKind kind_of(const WorkNode& node) const {
    Control control = node.control();
    if (control == Control::kSwitch) return StepKind::kSwitch;
    if (control == Control::kMerge && !node.is_merge_of_one()) return StepKind::kMerge;
    if (control == Control::kTrigger) return StepKind::kNothing;
    if (node.is_merge_of_one() || control != Control::kNone) return StepKind::kView;
    if (node.facts.size() == 1 && node.facts[0].has_value() && node.inputs.empty()) return StepKind::kConstant;
    bool reads_handle = kHasVariables && (node.traits() & (kView | kTakesVariable)) == (kView | kTakesVariable);
    if (reads_handle || (node.is_view() && node.facts[0].shape.is_fully_known() && needs_no_other_input(node)))
      return StepKind::kView;
    if (node.op->def->kernels.empty() && node.facts.empty()) return StepKind::kNothing;
    return StepKind::kKernel;
  }

  Step& begin_step(int unit) {
    if (is_node_unit(unit)) step_of_[static_cast<size_t>(unit)] = static_cast<int>(program_->steps.size());
    unit_of_step_.push_back(unit);
    return program_->steps.emplace_back();
  }

  // --- variables --------------------------------------------------------------------------------------------------
  // Whether outputs of the step may be its inputs' memory.
  bool hands_on(size_t s) const {
    const Step& step = program_->steps[s];
    bool view_kernel = step.kind == StepKind::kKernel && is_node_unit(unit_of_step_[s]) &&
                       state_.nodes[static_cast<size_t>(unit_of_step_[s])].is_view();
    return step.kind == StepKind::kView || step.kind == StepKind::kSwitch || step.kind == StepKind::kMerge ||
           view_kernel;
  }

  // A view of a variable that is still read when the variable changes must be a copy.
  void find_copies() {
    if (!kHasVariables || !program_->writes_variables) return;
    size_t values = program_->values.size();
    // By value: the variable it refers to or is a view of; "" for none, "*" if it can't be told.
    std::vector<std::string> variable(values);
    std::vector<int> last_read(values, -1), made(values, -1);
    std::map<std::string, std::vector<int>> writers;
    for (size_t s = 0; s < program_->steps.size(); ++s) {
      const Step& step = program_->steps[s];
      int unit = unit_of_step_[s];
      const WorkNode* node = is_node_unit(unit) ? &state_.nodes[static_cast<size_t>(unit)] : nullptr;
      if (node != nullptr && (node->traits() & kWritesRef) != 0) {
        for (int in : step.inputs) {
          if (fact_of(in).is_variable()) writers[variable[static_cast<size_t>(in)]].push_back(static_cast<int>(s));
        }
      }
      for (int out : step.outputs) {
        made[static_cast<size_t>(out)] = static_cast<int>(s);
        std::string& name = variable[static_cast<size_t>(out)];
        bool refers = fact_of(out).is_variable();
        if (refers && step.kind == StepKind::kLoopBegin) {
          name = "*";
        } else if (refers && step.inputs.empty()) {
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
    LoopNest loops(*program_);
    for (size_t s = program_->steps.size(); s-- > 0;) {
      const Step& step = program_->steps[s];
      int until = static_cast<int>(s);
      if (hands_on(s)) {
        for (int out : step.outputs) until = std::max(until, last_read[static_cast<size_t>(out)]);
      }
      for (int in : step.inputs) {
        int& last = last_read[static_cast<size_t>(in)];
        last = std::max(last, loops.last_use(made[static_cast<size_t>(in)], until));
      }
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

  // Shapes are judged, sizes are not: a file can declare 2^62 floats.
  void check_sizes() {
    for (const Step& step : program_->steps) {
      for (int out : step.outputs) {
        const Value& value = program_->values[static_cast<size_t>(out)];
        if (value.kind != ValueKind::kPlanned) continue;
        state_.problems.add(size_problem(state_, step.op, step.node, value.fact));
      }
    }
  }

  // Which value takes most of an arena that is too large.
  Status check_arena() const {
    auto most = static_cast<size_t>(std::clamp<int64_t>(state_.options.limits.most_bytes, 0, kMostValueBytes));
    if (program_->stats.arena_bytes <= most) return {};
    const Step* largest = nullptr;
    size_t largest_bytes = 0;
    for (const Step& step : program_->steps) {
      size_t bytes = step.scratch_bytes;
      for (int out : step.outputs) {
        const Value& value = program_->values[static_cast<size_t>(out)];
        if (value.kind != ValueKind::kPlanned) continue;
        bytes += static_cast<size_t>(value.fact.shape.elements()) * dtype_size(value.fact.dtype);
      }
      if (largest != nullptr && bytes <= largest_bytes) continue;
      largest = &step;
      largest_bytes = bytes;
    }
    return resource_exhausted("the values of a run need ", program_->stats.arena_bytes, " bytes, more than the ", most,
                              " that a run may have; most of them ", node_label(largest->op, largest->node), ", ",
                              largest_bytes, " bytes")
        .with_node(largest->node);
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
      const bool is_constant = program_->values[static_cast<size_t>(step.inputs[i])].kind == ValueKind::kConstant;
      const bool is_hidden = state_.options.few_runs && inputs[i].value.byte_size() > kMostShownForFewRuns;
      if (!is_constant || is_hidden) inputs[i].value = Tensor();
    }
    for (int out : step.outputs) outputs.push_back(program_->values[static_cast<size_t>(out)].fact);
    auto context = [&] {
      return PrepareContext(node.op->def->name, node.name, node.attrs, inputs, outputs, node.epilogue, settings_);
    };
    for (const Backend& backend : state_.options.backends) {
      if (!kHasOtherLibraries || find_kernel(*node.op, node.attrs, {&backend, 1}).ok()) break;  // the op's own
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
    step.kernel = dynamic8_kernel(node);
    if (step.kernel == nullptr) step.kernel = make_kernel(*node.op->def, **def);
    PrepareContext asked = context();
    Status status = step.kernel->prepare(asked);
    for (const Fact& input : inputs) {
      if (input.has_value()) state_.source.let_go(input.value.data(), input.value.byte_size());
    }
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
    std::string_view attr = node.op->schema.kernel_attr();
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

  // Whether nothing but its inputs says when a step may run.
  bool may_reorder() const {
    constexpr size_t kMostSteps = 4000;  // each try costs a pass over them
    if (state_.options.few_runs || program_->has_branches || !program_->loops.empty() || program_->writes_variables ||
        program_->steps.size() > kMostSteps)
      return false;
    return std::none_of(state_.nodes.begin(), state_.nodes.end(), [](const WorkNode& node) {
      return node.live && ((node.traits() & kStateful) != 0 || !node.controls.empty());
    });
  }

  void narrow(std::vector<char>& hands_on, const std::vector<int>& kept) {
    const auto bound = [&] { return lower_bound_bytes(find_lifetimes(*program_, hands_on, reuse_, kept).blocks); };
    const size_t before = bound();
    const std::vector<int> order = narrow_order(*program_, hands_on, reuse_, kept);
    std::vector<int> back(order.size());
    for (size_t at = 0; at < order.size(); ++at) back[static_cast<size_t>(order[at])] = static_cast<int>(at);
    if (std::is_sorted(order.begin(), order.end())) return;
    put_in_order(order, hands_on);
    if (bound() >= before) put_in_order(back, hands_on);
  }

  void put_in_order(const std::vector<int>& order, std::vector<char>& hands_on) {
    const auto moved = [&](auto& all) {
      std::remove_reference_t<decltype(all)> in_order;
      for (int s : order) in_order.push_back(std::move(all[static_cast<size_t>(s)]));
      all = std::move(in_order);
    };
    moved(program_->steps);
    moved(hands_on);
    moved(reuse_);
    moved(unit_of_step_);
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
  const KernelSettings settings_;
  std::vector<int> order_;
  std::unique_ptr<Program> program_;
  std::vector<size_t> first_output_;    // by node, of all outputs one after another
  std::vector<int> value_of_;           // by output; -1: none yet
  std::vector<int> value_of_feed_;      // by feed
  std::vector<int> step_of_;            // by node that a unit is of
  std::vector<Loop::Carried> carried_;  // by NextIteration node
  std::vector<int> unit_of_step_;
  std::vector<std::vector<Condition>> livenesses_;
  std::vector<std::vector<std::pair<int, int>>> reuse_;  // by step
};

// Everything that is known without choosing kernels.
Status analyze(State& state, bool keeps_codes) {
  TARN_RETURN_IF_ERROR(prune(state));
  TARN_RETURN_IF_ERROR(find_frames(state));
  if (keeps_codes) keep_codes(state);
  infer_and_fold(state);
  return state.problems.to_status();
}

Result<std::unique_ptr<Program>> compile_inlined(const NodeSource& source, const CompileRequest& request,
                                                 const CompileOptions& options) {
  State state(source, request, options);
  TARN_RETURN_IF_ERROR(analyze(state, true));
  choose_dynamic8(state);
  mark_live(state);
  fuse_epilogues(state);
  TARN_ASSIGN_OR_RETURN(std::vector<int> order, schedule(state));
  return Lowering(state, std::move(order)).lower();
}

Result<std::vector<Fact>> check_inlined(const NodeSource& source, const CompileRequest& request,
                                        const CompileOptions& options) {
  State state(source, request, options);
  TARN_RETURN_IF_ERROR(analyze(state, false));
  mark_live(state);
  for (const WorkNode& node : state.nodes) {
    bool is_constant = node.inputs.empty() && node.facts.size() == 1 && node.facts[0].has_value();
    bool needs_kernel = node.live && !node.is_view() && !is_constant && node.control() == Control::kNone &&
                        !(node.op->def->kernels.empty() && node.facts.empty());
    if (!needs_kernel) continue;
    if ((node.traits() & kSourceOp) != 0) {
      state.problems.add(not_fed(node));
      continue;
    }
    Result<const KernelDef*> kernel = find_kernel(*node.op, node.attrs, options.backends);
    if (!kernel.ok()) state.problems.add(kernel.status().with_context(node_label(node.op_name, node.name)));
    for (const Fact& fact : node.facts) {
      if (!fact.is_ref && !fact.has_value() && fact.shape.is_fully_known())
        state.problems.add(size_problem(state, node.op_name, node.name, fact));
    }
  }
  TARN_RETURN_IF_ERROR(state.problems.to_status());
  std::vector<Fact> facts;
  for (Wire wire : state.fetches) facts.push_back(state.fact(wire));
  return facts;
}

Result<std::unique_ptr<InlinedGraph>> written_out(const NodeSource& source, const CompileRequest& request,
                                                  const CompileOptions& options) {
  int64_t most = options.limits.most_nodes;
  if (source.node_count() > most)
    return resource_exhausted("the graph has ", source.node_count(), " nodes, more than the ", most, " it may have");
  return inline_calls(source, request, *options.ops, {.max_nodes = most});
}

}  // namespace

Result<std::unique_ptr<Program>> compile(const NodeSource& source, const CompileRequest& request,
                                         const CompileOptions& options) {
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<InlinedGraph> inlined, written_out(source, request, options));
  if (inlined == nullptr) return compile_inlined(source, request, options);
  return compile_inlined(inlined->source(), inlined->request(), options);
}

Result<std::vector<Fact>> check(const NodeSource& source, const CompileRequest& request, CompileOptions options) {
  options.most_folded_growth = 0;
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<InlinedGraph> inlined, written_out(source, request, options));
  if (inlined == nullptr) return check_inlined(source, request, options);
  return check_inlined(inlined->source(), inlined->request(), options);
}

}  // namespace tarn
