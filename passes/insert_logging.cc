// insert_logging: nodes print what they give, while they run in TensorFlow.
//
// Before:  a = Relu(x);  y = Neg(a)        After:  a = Relu(x);  a__print__ = Print(a, a);  y = Neg(a__print__)
// When:    nodes with one of the ops (op=), of those whose name begins with one of the prefixes (prefix=); all, if
//          neither is given. Something reads an output of theirs, or they are outputs of the graph: then an Identity of
//          their Print takes their name, and theirs is <name>/silent. Not
//          - what branches and loops are made of: Switch, Merge, Enter …
//          - what gives a reference or a handle, and ops whose dtypes are not known here; told by name (op=), that is
//            an error
//          - nodes that have their Print
// Text:    ";<op>;" with show_op, ";<name>__print__;" with show_name, then `message`, then all outputs that are read.
//          first_n and summarize are Print's: how often it prints, and how many elements
// Keeps:   all values.   Contract: as told; Print is TensorFlow's, no runtime here has it (strip takes it out again).
// Ends:    every change gives a node its Print.
// TensorFlow's: gave Print the dtypes of all outputs and the values of those that were read; printed nothing where
//          output 0 was not read, and nothing of the graph's outputs; stopped a branch by printing both.
#include <algorithm>
#include <map>
#include <set>

#include "graph/records.h"
#include "passes/pass.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {
    {.name = "op", .doc = "nodes with this op; may be given several times", .is_list = true},
    {.name = "prefix", .doc = "nodes whose name begins so; may be given several times", .is_list = true},
    {.name = "show_op", .kind = PassArg::kFlag, .fallback = "false", .doc = "print the node's op"},
    {.name = "show_name", .kind = PassArg::kFlag, .fallback = "false", .doc = "print the node's name"},
    {.name = "message", .doc = "printed before the values"},
    {.name = "first_n", .kind = PassArg::kInteger, .fallback = "-1", .doc = "print so many times; -1: each time"},
    {.name = "summarize", .kind = PassArg::kInteger, .fallback = "1024", .doc = "print so many elements"}};

class InsertLogging {
 public:
  InsertLogging(Graph& graph, PassContext& context)
      : graph_(graph), context_(context), ops_(context.args.list("op")), prefixes_(context.args.list("prefix")) {}

  Status run() {
    TARN_ASSIGN_OR_RETURN(std::vector<NodeId> outputs, context_.find(graph_, context_.outputs));
    TARN_ASSIGN_OR_RETURN(std::vector<NodeId> inputs, context_.find(graph_, context_.inputs));
    std::vector<NodeRecord> before = node_records(graph_), after;
    std::vector<NodeId> ids = graph_.ids();
    Problems problems;
    for (size_t i = 0; i < ids.size(); ++i) {
      NodeId id = ids[i];
      bool takes_name = has(outputs, id) && !has(inputs, id) && !graph_.node(id).is("Placeholder") &&
                        !context_.wants_other_outputs(graph_.node(id).name);
      std::set<int> slots = read_slots(id);
      if (takes_name) slots.insert(0);
      if (slots.empty() || !is_meant(id) || has_print(id) || context_.changes >= context_.most_changes) {
        after.push_back(std::move(before[i]));
      } else if (Status status = expect_printable(id, slots); !status.ok()) {
        if (is_told_by_op(id)) problems.add(status);
        after.push_back(std::move(before[i]));
      } else {
        add_print(std::move(before[i]), id, slots, takes_name, after);
      }
    }
    TARN_RETURN_IF_ERROR(problems.to_status(""));
    if (context_.changes == 0) return {};
    redirect(after);
    TARN_ASSIGN_OR_RETURN(graph_, graph_of_records(graph_, std::move(after), {.infer_attrs = true}));
    return {};
  }

 private:
  static bool has(const std::vector<NodeId>& ids, NodeId id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  }
  bool is_told_by_op(NodeId id) const { return std::find(ops_.begin(), ops_.end(), graph_.node(id).op) != ops_.end(); }
  bool is_meant(NodeId id) const {
    const Node& node = graph_.node(id);
    if (node.is("Print") || (node.def != nullptr && node.def->def->control != Control::kNone)) return false;
    bool begins = std::any_of(prefixes_.begin(), prefixes_.end(),
                              [&](const std::string& prefix) { return node.name.starts_with(prefix); });
    return (ops_.empty() || is_told_by_op(id)) && (prefixes_.empty() || begins);
  }
  // Its own, or the one that it passes on.
  bool has_print(NodeId id) const {
    const Node& node = graph_.node(id);
    if (node.is("Identity")) {
      const Node& from = graph_.node(node.inputs[0].node);
      if (from.is("Print") && from.name.starts_with(node.name + "__print__")) return true;
    }
    return std::any_of(graph_.uses(id).begin(), graph_.uses(id).end(),
                       [&](const Use& use) { return use.input == 0 && graph_.node(use.node).is("Print"); });
  }
  std::set<int> read_slots(NodeId id) const {
    std::set<int> slots;
    for (const Use& use : graph_.uses(id)) {
      if (use.input != Use::kControl) slots.insert(use.slot);
    }
    return slots;
  }

  Status expect_printable(NodeId id, const std::set<int>& slots) const {
    const Node& node = graph_.node(id);
    for (int slot : slots) {
      Fact fact = slot < std::ssize(node.outputs) ? node.outputs[static_cast<size_t>(slot)] : Fact();
      if (fact.dtype == DType::kInvalid)
        return unimplemented(node_label(node.op, node.name), ": nothing is known of its dtypes here");
      if (fact.is_ref || fact.dtype == DType::kResource || fact.dtype == DType::kVariant)
        return invalid_argument(node_label(node.op, node.name), " gives ", fact.to_string(),
                                ", which Print cannot print");
    }
    return {};
  }

  void add_print(NodeRecord record, NodeId id, const std::set<int>& slots, bool takes_name,
                 std::vector<NodeRecord>& after) {
    std::string name = record.name, device = record.device;
    std::string print_name = graph_.unique_name(name + "__print__");
    std::string silent_name = takes_name ? graph_.unique_name(name + "/silent") : name;
    auto tensor = [&](int slot) { return slot == 0 ? silent_name : str_cat(silent_name, ":", slot); };
    int first = *slots.begin();
    std::string text;
    if (context_.args.flag("show_op")) str_append(text, ";", record.op, ";");
    if (context_.args.flag("show_name")) str_append(text, ";", print_name, ";");
    text += context_.args.text("message");
    NodeRecord print{.name = print_name, .op = "Print", .device = device, .inputs = {tensor(first)}};
    std::vector<DType> dtypes;
    for (int slot : slots) {
      print.inputs.push_back(tensor(slot));
      dtypes.push_back(graph_.fact({id, slot}).dtype);
    }
    DType dtype = dtypes.front();
    print.attrs = {{"T", dtype},
                   {"U", std::move(dtypes)},
                   {"message", std::move(text)},
                   {"first_n", context_.args.integer("first_n")},
                   {"summarize", context_.args.integer("summarize")}};
    printed_.insert(print_name);
    // Who reads the Identity reads what the Print gives.
    if (!takes_name) now_[tensor(first)] = print_name;
    record.name = silent_name;
    for (int slot : slots) {
      if (takes_name && slot > 0) now_[str_cat(name, ":", slot)] = tensor(slot);
    }
    after.push_back(std::move(record));
    after.push_back(std::move(print));
    if (takes_name) {
      after.push_back(
          {.name = name, .op = "Identity", .device = device, .inputs = {print_name}, .attrs = {{"T", dtype}}});
    }
    context_.changed(name, str_cat("prints ", slots.size(), slots.size() == 1 ? " output" : " outputs"));
  }

  void redirect(std::vector<NodeRecord>& records) const {
    for (NodeRecord& record : records) {
      if (printed_.contains(record.name)) continue;
      for (std::string& input : record.inputs) {
        if (auto found = now_.find(input); found != now_.end()) input = found->second;
      }
    }
  }

  Graph& graph_;
  PassContext& context_;
  std::vector<std::string> ops_, prefixes_;
  std::map<std::string, std::string> now_;  // tensors, and those that are read in their place
  std::set<std::string> printed_;           // the Prints
};

Status insert_logging(Graph& graph, PassContext& context) {
  return InsertLogging(graph, context).run();
}

constexpr std::string_view kDoc =
    R"(Nodes print what they give, while they run in TensorFlow: insert_logging(op=Conv2D, show_name=true).
  Before:  a = Relu(x);  y = Neg(a)        After:  a = Relu(x);  a__print__ = Print(a, a);  y = Neg(a__print__)
  When:    nodes with one of the ops (op=), of those whose name begins with one of the prefixes (prefix=); all, if
           neither is given. Something reads an output of theirs, or they are outputs of the graph: then an Identity of
           their Print takes their name, and theirs is <name>/silent. Not what branches and loops are made of, nor what
           gives a reference, a handle or a dtype that is not known here, nor nodes that have their Print
  Text:    ";<op>;" with show_op, ";<name>__print__;" with show_name, then `message`, then all outputs that are read
  Keeps:   all values. Print is TensorFlow's: no runtime here has it, and strip takes it out again.
  TensorFlow's printed nothing of the graph's outputs, and stopped a branch by printing both.)";

}  // namespace

extern const PassDef pass_insert_logging;
const PassDef pass_insert_logging = {
    .name = "insert_logging", .doc = kDoc, .contract = as_told(), .run = insert_logging, .args = kArgs};

}  // namespace tarn
