// Pattern: a small graph to look for, written as text.
//
//   static const Pattern kPattern(R"(
//     y: f32 = Mul(conv, scale)
//     conv: one_user = Conv2D|DepthwiseConv2dNative(x, w)
//     w = Const
//     scale = Const
//   )");
//   if (std::optional<Match> found = kPattern.match(rewriter, id)) … found->wire("x"), found->node("conv") …
//
// A line is `name: predicates = Op|Op(inputs)`; the first line's node is the root, which the caller holds. `*` is any
// op. An input is the name of another line (its output 0; `bn:1` another one), a free name, which captures whatever is
// read there (the same name twice: the same wire twice), `_` for whatever is not of interest, or `...` for any number
// more. Without parentheses inputs do not matter. The first two inputs of a commutative op (kCommutative) match either
// way round.
// Predicates: a dtype (f32, i64, …) or `floating` or `integer` of output 0; `one_user`: read once, by the pattern, and
// not public; `inner`: read within the pattern only; `any_controls`. Without that a node other than the root waits for
// nothing and nothing waits for it. A Const must be no input of the graph.
//
// A pattern whose lines form a tree is matched downwards from the root; one that reads a node from several places goes
// through VF2 on the part of the graph within its reach. Thread-safe once made.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "passes/support/rewriter.h"

namespace tarn {

class Match {
 public:
  Wire wire(std::string_view name) const;  // of a line: its node's output 0
  NodeId node(std::string_view name) const { return wire(name).node; }

 private:
  friend class Pattern;
  std::vector<std::pair<std::string_view, Wire>> captures_;
};

class Pattern {
 public:
  // Text that is no pattern is a defect of the program: status() says what is wrong, and nothing matches.
  explicit Pattern(std::string_view text);
  const Status& status() const { return status_; }
  // Ops that the root may have; empty: any.
  std::vector<std::string> root_ops() const { return lines_.empty() ? std::vector<std::string>() : lines_[0].ops; }
  bool is_tree() const { return is_tree_; }

  std::optional<Match> match(const Rewriter& rewriter, NodeId root) const;
  // With one matcher, whatever the pattern's form: for tests, which ask both for the same answer.
  enum class Matcher { kDownwards, kVf2 };
  std::optional<Match> match(const Rewriter& rewriter, NodeId root, Matcher matcher) const;

 private:
  struct Input {
    int line = -1;  // or
    int free = -1;  // an index in free_names_; if that is -1 too, anything
    int slot = 0;   // of a line's node
  };
  struct Line {
    std::string name;
    std::vector<std::string> ops;  // empty: any
    std::vector<Input> inputs;
    bool has_inputs = false, more_inputs = false;  // are given; "..." ends them
    DType dtype = DType::kInvalid;
    bool floating = false, integer = false, one_user = false, inner = false, any_controls = false;
  };
  struct Binding {
    std::vector<NodeId> nodes;  // of lines; -1: not yet
    std::vector<Wire> free;     // of free names; none: not yet
  };
  using Obligations = std::vector<std::pair<int, NodeId>>;  // this line must be that node
  class Reader;

  bool node_fits(const Rewriter& rewriter, int line, NodeId id) const;
  bool take_inputs(const Node& node, const Line& line, bool swapped, Binding& binding, Obligations& todo) const;
  bool solve(const Rewriter& rewriter, Obligations todo, Binding& binding) const;
  bool users_fit(const Rewriter& rewriter, const Binding& binding) const;
  bool match_vf2(const Rewriter& rewriter, NodeId root, Binding& binding) const;

  Status status_;
  std::vector<Line> lines_;
  std::vector<std::string> free_names_;
  bool is_tree_ = true;
};

// What to do where a pattern is found. `apply` commits a patch, or finds a reason not to and returns OK.
struct Rule {
  const Pattern* pattern;
  Status (*apply)(Rewriter& rewriter, NodeId root, const Match& match);
};
// rewrite() with these rules, the first that changes something at a node; only nodes whose op roots a pattern are
// looked at. Errors: also a pattern that is none.
Status rewrite_matches(Graph& graph, PassContext& context, std::span<const Rule> rules);

}  // namespace tarn
