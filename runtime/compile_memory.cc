#include <algorithm>

#include "core/search.h"
#include "runtime/compile_state.h"

namespace tarn::compiling {

LoopNest::LoopNest(const Program& program)
    : program_(program), innermost_(kHasControlFlow ? program.steps.size() : 0, -1), parent_(program.loops.size(), -1) {
  if constexpr (!kHasControlFlow) return;
  int loop = -1;
  for (size_t s = 0; s < program.steps.size(); ++s) {
    const Step& step = program.steps[s];
    if (step.kind == StepKind::kLoopBegin) {
      parent_[static_cast<size_t>(step.loop)] = loop;
      loop = step.loop;
    }
    innermost_[s] = loop;
    if (step.kind == StepKind::kLoopEnd) loop = parent_[static_cast<size_t>(step.loop)];
  }
}

int LoopNest::last_use(int made, int read) const {
  if constexpr (!kHasControlFlow) return read;
  int last = read;
  int loop = static_cast<size_t>(read) < innermost_.size() ? innermost_[static_cast<size_t>(read)] : -1;
  for (; loop >= 0; loop = parent_[static_cast<size_t>(loop)]) {
    const Loop& around = program_.loops[static_cast<size_t>(loop)];
    if (around.begin <= made && made <= around.end) break;
    last = std::max(last, around.end);
  }
  return last;
}

namespace {

class Planner {
 public:
  Planner(Program& program, const std::vector<char>& hands_on,
          const std::vector<std::vector<std::pair<int, int>>>& reuse)
      : program_(program), loops_(program), hands_on_(hands_on), reuse_(reuse) {}

  PlannedLifetimes lifetimes(const std::vector<int>& kept) {
    find_roots();
    find_lifetimes(kept);
    find_groups();
    return {lifetimes_, group_};
  }

  void plan(const std::vector<int>& kept) {
    lifetimes(kept);
    MemoryPlan plan = plan_memory(lifetimes_);
    assert(plan_is_valid(lifetimes_, plan));
    for (size_t v = 0; v < group_.size(); ++v) {
      if (group_[v] >= 0) program_.values[v].offset = plan.offsets[static_cast<size_t>(group_[v])];
    }
    for (size_t s = 0; s < program_.steps.size(); ++s) {
      if (scratch_group_[s] >= 0)
        program_.steps[s].scratch_offset = plan.offsets[static_cast<size_t>(scratch_group_[s])];
    }
    program_.stats.arena_bytes = plan.arena_bytes;
    program_.stats.arena_lower_bound_bytes = plan.lower_bound_bytes;
  }

 private:
  const Value& value(int v) const { return program_.values[static_cast<size_t>(v)]; }
  const std::vector<int>& roots(int v) const { return roots_[static_cast<size_t>(v)]; }

  static void add(std::vector<int>& to, const std::vector<int>& from) {
    for (int root : from) {
      if (!contains(to, root)) to.push_back(root);
    }
  }

  // roots_[v]: the planned values whose memory v may be.
  void find_roots() {
    roots_.resize(program_.values.size());
    for (size_t s = 0; s < program_.steps.size(); ++s) {
      const Step& step = program_.steps[s];
      for (int out : step.outputs) {
        std::vector<int>& mine = roots_[static_cast<size_t>(out)];
        if (value(out).kind == ValueKind::kPlanned) mine.push_back(out);
        for (int in : hands_on_[s] != 0 ? step.inputs : std::vector<int>()) add(mine, roots(in));
      }
      if (!kHasControlFlow || step.kind != StepKind::kLoopBegin) continue;
      for (const Loop::Carried& carried : program_.loops[static_cast<size_t>(step.loop)].carried) {
        for (int buffer : carried.buffers) {
          if (buffer >= 0) add(roots_[static_cast<size_t>(carried.to)], roots(buffer));
        }
      }
    }
  }

  void find_lifetimes(const std::vector<int>& kept) {
    first_.assign(program_.values.size(), -1);
    last_.assign(program_.values.size(), -1);
    auto use = [&](int v, int step) {
      for (int root : roots(v)) {
        int& last = last_[static_cast<size_t>(root)];
        last = std::max(last, loops_.last_use(first_[static_cast<size_t>(root)], step));
      }
    };
    for (size_t s = 0; s < program_.steps.size(); ++s) {
      const Step& step = program_.steps[s];
      for (int out : step.outputs) {
        for (int root : roots(out)) {
          if (root == out) first_[static_cast<size_t>(root)] = static_cast<int>(s);
        }
        use(out, static_cast<int>(s));
      }
      for (int in : step.inputs) use(in, static_cast<int>(s));
      if (!kHasControlFlow || step.kind != StepKind::kLoopEnd) continue;
      for (const Loop::Carried& carried : program_.loops[static_cast<size_t>(step.loop)].carried)
        use(carried.to, static_cast<int>(s));
    }
    for (int v : kept) use(v, static_cast<int>(program_.steps.size()));
  }

  // Storage groups: an output that takes over a dying input's memory joins its group.
  void find_groups() {
    group_.assign(program_.values.size(), -1);
    scratch_group_.assign(program_.steps.size(), -1);
    for (size_t s = 0; s < program_.steps.size(); ++s) {
      const Step& step = program_.steps[s];
      for (size_t o = 0; o < step.outputs.size(); ++o) {
        auto out = static_cast<size_t>(step.outputs[o]);
        const Fact& fact = program_.values[out].fact;
        if (program_.values[out].kind != ValueKind::kPlanned || first_[out] != static_cast<int>(s)) continue;
        size_t bytes = static_cast<size_t>(fact.shape.elements()) * dtype_size(fact.dtype);
        int taken = reusable_input(s, static_cast<int>(o), bytes);
        if (taken >= 0) {
          group_[out] = taken;
          Lifetime& lifetime = lifetimes_[static_cast<size_t>(taken)];
          lifetime.last = std::max(lifetime.last, last_[out]);
        } else {
          group_[out] = static_cast<int>(lifetimes_.size());
          lifetimes_.push_back({bytes, first_[out], std::max(first_[out], last_[out])});
        }
      }
      if (step.scratch_bytes > 0) {
        scratch_group_[s] = static_cast<int>(lifetimes_.size());
        lifetimes_.push_back({step.scratch_bytes, static_cast<int>(s), static_cast<int>(s)});
      }
    }
  }

  // The storage group of an input of step s that dies here and may hold output o, or -1.
  int reusable_input(size_t s, int o, size_t bytes) const {
    const Step& step = program_.steps[s];
    for (auto [i, output] : reuse_[s]) {
      if (output != o) continue;
      int in = step.inputs[static_cast<size_t>(i)];
      const std::vector<int>& mine = roots(in);
      if (mine.size() != 1 || last_[static_cast<size_t>(mine[0])] != static_cast<int>(s)) continue;
      const Fact& fact = value(in).fact;
      if (!fact.shape.is_fully_known() ||
          static_cast<size_t>(fact.shape.elements()) * dtype_size(fact.dtype) != bytes) {
        continue;
      }
      int root_group = group_[static_cast<size_t>(mine[0])];
      if (lifetimes_[static_cast<size_t>(root_group)].bytes < bytes ||
          lifetimes_[static_cast<size_t>(root_group)].last > static_cast<int>(s))
        continue;
      // Nothing else this step reads or writes may live there.
      bool alone = true;
      for (size_t k = 0; k < step.inputs.size(); ++k) {
        int other = step.inputs[k];
        if (other == in) {  // read at other inputs too: only if those may be written over as well
          auto pair = std::make_pair(static_cast<int>(k), o);
          alone = alone && contains(reuse_[s], pair);
          continue;
        }
        for (int root : roots(other)) alone = alone && group_[static_cast<size_t>(root)] != root_group;
      }
      for (int other : step.outputs) alone = alone && group_[static_cast<size_t>(other)] != root_group;
      if (alone) return root_group;
    }
    return -1;
  }

  Program& program_;
  LoopNest loops_;
  const std::vector<char>& hands_on_;                           // by step
  const std::vector<std::vector<std::pair<int, int>>>& reuse_;  // by step
  std::vector<std::vector<int>> roots_;                         // by value, as all that follow
  std::vector<int> first_, last_;
  std::vector<int> group_;
  std::vector<int> scratch_group_;  // by step
  std::vector<Lifetime> lifetimes_;
};

}  // namespace

void plan_values(Program& program, const std::vector<char>& hands_on,
                 const std::vector<std::vector<std::pair<int, int>>>& reuse, const std::vector<int>& kept) {
  Planner(program, hands_on, reuse).plan(kept);
}

PlannedLifetimes find_lifetimes(Program& program, const std::vector<char>& hands_on,
                                const std::vector<std::vector<std::pair<int, int>>>& reuse,
                                const std::vector<int>& kept) {
  return Planner(program, hands_on, reuse).lifetimes(kept);
}

}  // namespace tarn::compiling
