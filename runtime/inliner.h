// Inliner: the graph that inline_calls() makes. Private to runtime/inline*.cc:
//   inline_calls.cc          which calls, and the nodes written for them
//   inline_body.cc           a function's nodes
//   inline_control_flow.cc   If, Case and While
#pragma once

#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "runtime/function_calls.h"
#include "runtime/inline_calls.h"

namespace tarn {

class Inliner : public InlinedGraph, private NodeSource {
 public:
  Inliner(const NodeSource& base, const OpRegistry& ops, FunctionLibrary library, const InlineCallsOptions& options)
      : base_(base),
        ops_(ops),
        library_(std::move(library)),
        options_(options),
        judge_(library_, ops_, {options.max_nodes, options.max_depth}),
        base_count_(base.node_count()) {}

  // A call of the graph before; one that is not needed stays as it is where it can't be written out.
  struct CallNode {
    int node;
    bool is_needed;
  };
  Status run(const CompileRequest& request, const std::vector<CallNode>& calls);

  const NodeSource& source() const override { return *this; }
  const CompileRequest& request() const override { return request_; }
  std::vector<int> order() const override;
  int origin(int node) const override;

 private:
  using Function = FunctionLibrary::Function;
  using Attrs = std::shared_ptr<const AttrMap>;

  struct NewNode {
    std::string name, op;
    std::vector<Wire> inputs;
    std::vector<int> controls;
    Attrs attrs;
    int call = -1;  // that it was written out for
  };

  // --- NodeSource ---------------------------------------------------------------------------------------------------
  int node_count() const override { return base_count_ + static_cast<int>(made_.size()); }
  std::string_view name(int n) const override;
  std::string_view op(int n) const override;
  std::span<const Wire> inputs(int n) const override;
  std::span<const int> controls(int n) const override;
  Result<AttrMap> attrs(int n) const override;
  int find(std::string_view name) const override { return base_.find(name); }

  // --- nodes (inline_calls.cc) --------------------------------------------------------------------------------------
  // What was written; null for a node of the graph before that stays as it is.
  const NewNode* written(int n) const;
  NewNode& made(int n) { return made_[static_cast<size_t>(n - base_count_)]; }
  std::string label(int n) const { return node_label(op(n), name(n)); }
  Call call_at(int n) const { return call_of(op(n), library_, ops_); }

  // Names that are taken get a number behind them.
  int add(std::string name, std::string_view op, std::vector<Wire> inputs, AttrMap attrs,
          std::vector<int> controls = {});
  int add(std::string name, std::string_view op, std::vector<Wire> inputs, Attrs attrs, std::vector<int> controls);
  // Counts nodes and what else takes memory against the limit, before they are made.
  static constexpr int64_t kWiresOfANode = 8, kBytesOfANode = 256;  // that count as one node
  Status spend(int64_t nodes, int64_t bytes = 0);
  Status spend_on_control_flow(const NewNode& call, size_t nodes) {
    auto count = static_cast<int64_t>(nodes) + 8;
    return spend(count, count * (std::ssize(call.name) + std::ssize(call.controls)));
  }
  // A node to wait for until the value is there: a Switch runs even if this side of it is not taken.
  int after(Wire wire);
  // One node to wait for instead of all of these; none: -1.
  int gathered(const std::vector<int>& nodes, const std::string& name);
  // What stays under the call's name: it is done once `outputs` are there and `done` ran.
  void finish(int n, const std::vector<Wire>& outputs, const std::vector<DType>& types, std::vector<int> done);
  // What is read of a call's output comes from what was written for it.
  Result<Wire> resolved(Wire wire);
  Status resolve_all(const CompileRequest& request);

  // Whether a call is left alone because of InlineCallsOptions::keep_plain_control_flow.
  bool stays_as_it_is(Call kind, const AttrMap& attrs) const;
  Status expand_all(int n);
  Status expand(int n);
  Status expand_call(int n, const NewNode& call, const FunctionAttr& function);
  void forget_from(int first, int call);

  // --- function bodies (inline_body.cc) -----------------------------------------------------------------------------
  struct Body {
    std::vector<Wire> outputs;
    std::vector<DType> dtypes;  // by output; kInvalid where the signature does not say
    std::vector<int> effects;   // nodes that run for more than their outputs
    int first = 0;              // node
  };
  // Where an input of a body's node, or what the function returns, comes from.
  struct Names {
    std::map<std::string_view, std::pair<size_t, int64_t>> arguments;  // first of `wires`, and how many
    std::map<std::string_view, size_t> nodes;                          // index in the function
  };
  struct BodyAttrs {
    Attrs attrs;
    bool has_placeholders = false;
    int64_t bytes = 0;  // without tensors, which copies share
  };

  // Writes out the nodes of a function. What needs nothing from within it waits for `controls`.
  Result<Body> write_body(const FunctionAttr& called, const std::vector<Wire>& arguments, const std::string& prefix,
                          const std::vector<int>& controls);
  Result<Body> write_function(const Function& function, const AttrMap& given, const std::vector<Wire>& arguments,
                              const std::string& prefix, const std::vector<int>& controls);
  Result<BodyAttrs> body_attrs(const Function& function, const FunctionLibrary::Node& node);
  Status link_body(const Function& function, const Names& names, const std::vector<Wire>& arguments, int first,
                   const std::vector<int>& controls);
  void find_effects(const Function& function, const Names& names, Body& body) const;
  Result<int64_t> slot_of_unknown(const Function& function, std::string_view producer, std::string_view output);
  Result<int64_t> first_slot(const Function& function, int producer, std::string_view inner_name, std::string_view name,
                             int64_t& count);
  Result<Wire> find_wire(const Function& function, std::string_view text, const Names& names,
                         std::span<const Wire> arguments, int first, int64_t further = 0);
  // The outputs of a body, there once all its effects are had; one that is an argument as it came waits for `controls`.
  std::vector<Wire> outputs_after(const Body& body, const std::vector<DType>& types, const std::string& prefix,
                                  const std::vector<int>& controls);

  // --- control flow (inline_control_flow.cc) ------------------------------------------------------------------------
  // Values split on a predicate, and the two sides joined again: [0] is for false.
  struct Split {
    std::vector<Wire> values[2];
    int pivot[2];  // alive on its side
    int pred = -1;
  };
  struct Side {
    std::vector<Wire> outputs;
    Wire done;  // alive once its effects are had; none if it has none
  };
  Split split(const std::string& prefix, Wire pred, const std::vector<Wire>& values, const std::vector<DType>& types,
              const std::vector<int>& controls);
  Result<Side> write_side(const FunctionAttr& function, const std::vector<Wire>& arguments,
                          const std::vector<DType>& types, const std::string& prefix, int pivot);
  Side join(const std::string& prefix, const Split& split, const Side (&sides)[2], const std::vector<DType>& types);
  Result<Side> write_branches(const NewNode& call, const std::vector<FunctionAttr>& functions, size_t begin, size_t end,
                              const std::vector<Wire>& values, const std::vector<DType>& types,
                              const std::vector<DType>& out, int pivot);
  Status expand_if(int n, const NewNode& call, const std::vector<FunctionAttr>& functions);
  Status expand_case(int n, const NewNode& call, const std::vector<FunctionAttr>& functions);
  Status expand_while(int n, const NewNode& call, const std::vector<FunctionAttr>& functions);
  Wire as_bool(Wire wire, DType dtype, const std::string& prefix);
  static std::vector<bool> unchanged(const Function& body, size_t count);
  static std::vector<DType> types_of(const NewNode& call, std::string_view attr) {
    return call.attrs->get_or<std::vector<DType>>(attr, {});
  }
  static Status judge_count(const FunctionAttr& function, size_t has, size_t expected);

  const NodeSource& base_;
  const OpRegistry& ops_;
  FunctionLibrary library_;
  InlineCallsOptions options_;
  LibraryJudge judge_;
  int base_count_;
  CompileRequest request_;
  std::deque<NewNode> made_;                            // nodes from base_count_ on
  std::map<int, NewNode> replaced_;                     // calls of the graph before
  std::unordered_map<int, std::vector<Wire>> rewired_;  // inputs of nodes of the graph before that read calls
  std::unordered_set<std::string_view> names_;          // of made_
  std::map<int, std::pair<int, int>> written_for_;      // by call: first and last + 1
  std::vector<int> pending_;                            // calls to be written out
  std::map<std::pair<int, int>, Wire> redirected_;      // outputs of calls
  std::map<std::pair<int, int>, int> after_;            // see after()
  std::set<std::pair<int, int>> fed_;
  std::map<const FunctionLibrary::Node*, BodyAttrs> body_attrs_;
  // By function, for its nodes of unknown ops: what their outputs are called by who reads them.
  std::map<const Function*, std::map<std::string_view, std::set<std::string_view>>> read_as_;
  int64_t spent_ = 0;
  int current_ = -1;  // the call being written out
};

}  // namespace tarn
