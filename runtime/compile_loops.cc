// Which nodes run in which while loop. TensorFlow's rule: an Enter brings its value into the frame it names, an Exit
// takes it out into the frame around, and all that any other node gets comes from one frame.
#include <algorithm>
#include <set>

#include "runtime/compile_state.h"

namespace tarn::compiling {
namespace {

constexpr int kMostNested = 100;  // frames within frames

std::string frame_text(const State& state, int frame) {
  if (frame < 0) return "in no loop";
  return str_cat("in frame ", in_quotes(state.frames[static_cast<size_t>(frame)].name));
}

class FrameFinder {
 public:
  explicit FrameFinder(State& state) : state_(state) {}

  Status find() {
    for (size_t n = 0; n < state_.nodes.size(); ++n) place(static_cast<int>(n));
    if (state_.frames.empty() && state_.problems.empty()) return {};
    for (size_t n = 0; n < state_.nodes.size(); ++n) judge_next_iterations(static_cast<int>(n));
    judge_fetches();
    return state_.problems.to_status();
  }

 private:
  std::string label(int n) const { return node_label(state_.node(n).op_name, state_.node(n).name); }

  void place(int n) {
    WorkNode& node = state_.node(n);
    Control control = node.control();
    int source = -1, frame = -1;  // the input that said which frame
    bool is_known = false, forward = false;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      Wire wire = node.inputs[i];
      if (is_back_edge(state_, n, wire)) continue;
      forward = true;
      if (is_free_constant(wire)) continue;
      int from = is_feed(wire) ? -1 : state_.frame_of(wire);
      if (!is_known) {
        is_known = true;
        source = static_cast<int>(i);
        frame = from;
      } else if (from != frame) {
        Wire first = node.inputs[static_cast<size_t>(source)];
        state_.problems.add(invalid_argument(label(n),
                                             " has inputs from different frames: ", in_quotes(state_.wire_name(first)),
                                             " is ", frame_text(state_, frame), ", ", in_quotes(state_.wire_name(wire)),
                                             " is ", frame_text(state_, from), fed_text(first), fed_text(wire)));
        node.frame = std::max(frame, from);  // so that those behind it have nothing to say
        return;
      }
    }
    for (int before : node.controls) {
      if (is_over_at_once(before)) continue;
      int from = state_.frame_after(before);
      if (!is_known) {
        is_known = true;
        frame = from;
      } else if (from != frame) {
        state_.problems.add(invalid_argument(
            label(n), " has inputs from different frames: it is ", frame_text(state_, frame), ", and waits for ",
            in_quotes(state_.node(before).name), ", which is ", frame_text(state_, from)));
        node.frame = std::max(frame, from);
        return;
      }
    }
    node.frame = frame;
    // A fed control input says no frame, it only contradicts one.
    if (frame >= 0 && !node.fed_controls.empty()) {
      state_.problems.add(invalid_argument(
          label(n), " has inputs from different frames: it is ", frame_text(state_, frame), ", and waits for ",
          in_quotes(state_.source.name(node.fed_controls[0])), ", which is in no loop"));
      return;
    }
    switch (control) {
      case Control::kEnter: enter(n); break;
      case Control::kExit:
        // What it takes out must be of the frame: not a control input, nor a constant, alone says which that is.
        if (frame < 0 || node.inputs.empty() || is_feed(node.inputs[0]) || state_.frame_of(node.inputs[0]) != frame) {
          not_in_loop(n, "leaves");
          node.frame = frame < 0 ? -1 : state_.frames[static_cast<size_t>(frame)].parent;
          return;
        }
        state_.frames[static_cast<size_t>(frame)].exits.push_back(n);
        node.frame = state_.frames[static_cast<size_t>(frame)].parent;
        break;
      case Control::kNextIteration:
        if (frame < 0) {
          not_in_loop(n, "goes on with");
          return;
        }
        state_.frames[static_cast<size_t>(frame)].next_iterations.push_back(n);
        break;
      case Control::kMerge:
        if (!has_back_edge(state_, n)) break;
        if (!forward) {
          state_.problems.add(
              invalid_argument(label(n), " has no input but from NextIteration: no iteration can begin"));
        } else if (frame >= 0) {
          state_.frames[static_cast<size_t>(frame)].merges.push_back(n);
        }
        break;
      default: break;
    }
  }

  // The same in every frame: written out function bodies have such ones, so that they may be folded.
  bool is_free_constant(Wire wire) const {
    if (is_feed(wire)) return false;
    const WorkNode& node = state_.node(wire.node);
    return node.op_name == "Const" && node.inputs.empty() && node.controls.empty();
  }

  // Nothing comes before it and nothing happens: whoever waits for it waits for nothing, in a loop or not. TensorFlow
  // drops such waits, and freezing has left some behind.
  bool is_over_at_once(int n) const {
    const WorkNode& node = state_.node(n);
    return node.op_name == "NoOp" && node.controls.empty() && node.fed_controls.empty();
  }

  void not_in_loop(int n, std::string_view what) {
    Wire wire = state_.node(n).inputs.empty() ? Wire{} : state_.node(n).inputs[0];
    std::string from = wire.node == -1 ? "" : str_cat(": its input ", in_quotes(state_.wire_name(wire)), " is in none");
    state_.problems.add(invalid_argument(label(n), " ", what, " no loop", from, wire.node == -1 ? "" : fed_text(wire)));
  }

  std::string fed_text(Wire wire) const {
    return is_feed(wire) ? str_cat("; ", in_quotes(state_.wire_name(wire)), " is fed, and what is in a loop cannot be")
                         : "";
  }

  void enter(int n) {
    WorkNode& node = state_.node(n);
    Result<AttrMap> attrs = state_.source.attrs(node.source);
    if (!attrs.ok()) return;  // said when the node is judged
    auto name = attrs->get_or<std::string>("frame_name", "");
    node.is_constant_enter = attrs->get_or<bool>("is_constant", false);
    auto [it, fresh] = frame_of_.try_emplace(name, static_cast<int>(state_.frames.size()));
    if (fresh) {
      LoopFrame frame;
      frame.name = name;
      frame.parent = node.frame;
      if (node.frame >= 0) frame.depth = state_.frames[static_cast<size_t>(node.frame)].depth + 1;
      if (frame.depth == kMostNested + 1) {
        state_.problems.add(resource_exhausted(label(n), ": frame ", in_quotes(name), " is within ", kMostNested,
                                               " others, the most that are allowed"));
      }
      state_.frames.push_back(std::move(frame));
    }
    LoopFrame& frame = state_.frames[static_cast<size_t>(it->second)];
    if (frame.parent != node.frame) {
      state_.problems.add(
          invalid_argument(label(n), ": frame ", in_quotes(name),
                           " is entered from two places: ", in_quotes(state_.node(frame.enters[0]).name), " is ",
                           frame_text(state_, frame.parent), ", this one ", frame_text(state_, node.frame)));
      return;
    }
    frame.enters.push_back(n);
    node.entered_frame = it->second;
  }

  void judge_next_iterations(int n) {
    const WorkNode& node = state_.node(n);
    for (Wire wire : node.inputs) {
      if (is_feed(wire) || state_.node(wire.node).control() != Control::kNextIteration) continue;
      if (!is_back_edge(state_, n, wire)) {
        state_.problems.add(invalid_argument(label(n), ": its input ", in_quotes(state_.wire_name(wire)),
                                             " is of another iteration, which only a Merge may take"));
      } else if (state_.frame_of(wire) != node.frame) {
        state_.problems.add(invalid_argument(label(n), " is ", frame_text(state_, node.frame), " but ",
                                             in_quotes(state_.wire_name(wire)), ", which comes back to it, is ",
                                             frame_text(state_, state_.frame_of(wire))));
      }
    }
    for (int before : node.controls) {
      if (state_.node(before).control() != Control::kNextIteration) continue;
      state_.problems.add(invalid_argument(label(n), " waits for ", in_quotes(state_.node(before).name),
                                           " of another iteration, which only a Merge may take"));
    }
  }

  void judge_fetches() {
    for (Wire wire : state_.fetches) {
      if (is_feed(wire) || state_.frame_of(wire) < 0) continue;
      state_.problems.add(invalid_argument("fetch ", in_quotes(state_.wire_name(wire)), ": it is ",
                                           frame_text(state_, state_.frame_of(wire)),
                                           ", with a value an iteration; fetch what an Exit takes out"));
    }
  }

  State& state_;
  std::map<std::string, int> frame_of_;
};

}  // namespace

Status find_frames(State& state) {
  return FrameFinder(state).find();
}

int container_of(State& state, Wire wire) {
  std::vector<int> open, seen;
  std::set<int> visited;
  int maker = -1;
  bool is_known = true;  // as long as all that was seen leads to one maker
  auto visit = [&](Wire next) {
    if (is_feed(next) || next.node < 0) {
      is_known = false;
    } else if (visited.insert(next.node).second) {
      open.push_back(next.node);
      seen.push_back(next.node);
    }
  };
  auto found = [&](int node) {
    is_known = is_known && node >= 0 && (maker < 0 || maker == node);
    maker = node;
  };
  visit(wire);
  while (!open.empty() && is_known) {
    int at = open.back();
    open.pop_back();
    const WorkNode& node = state.node(at);
    bool takes = (node.traits() & kTakesContainer) != 0;
    bool hands_on = node.control() != Control::kNone || (node.traits() & kView) != 0;
    if (node.made_by != kNotLookedFor) {
      found(node.made_by);
    } else if ((node.traits() & kMakesContainer) != 0 && !takes) {
      found(at);
    } else if (node.control() == Control::kMerge) {
      for (Wire input : node.all_inputs) visit(input);
    } else if (((node.traits() & kMakesContainer) != 0 || hands_on) && !node.all_inputs.empty()) {
      // A gradient's array has the shapes of what it is the gradient of.
      visit(node.all_inputs[0]);
    } else {
      is_known = false;
    }
  }
  if (!is_known) maker = -1;
  // All handles on the way are on the same; if there is none, that is so of the first alone.
  for (int node :
       maker >= 0 ? seen : std::vector<int>(seen.begin(), seen.begin() + std::min<ptrdiff_t>(1, std::ssize(seen))))
    state.node(node).made_by = maker;
  return maker;
}

}  // namespace tarn::compiling
