// fold_mode_placeholders: what tells a graph whether it is trained or used becomes a constant.
//
// Before:  is_training = Placeholder;  keep_prob = Placeholder        After:  is_training = false;  keep_prob = 1
// When:    a Placeholder that is no input (of which none may be given), as passes/support/modes.h finds it: of all that
//          the outputs need
//          - bool: everything that depends on it is branches (Switch, Select, If, Case, through logic, casts and
//            arithmetic on scalars) and dropout: false, if it decides dropout, or its name (train, phase) or what lies
//            about its branches (batch norms, moments, random numbers, updates, names of such layers) says that it is a
//            mode. Not if its name says that it is on at inference (is_test)
//          - int, called learning_phase (Keras): the same, 0
//          - floating: it is the keep probability (1) or the rate (0) of dropout, as remove_dropout finds it, and
//            decides nothing else but branches
//          - PlaceholderWithDefault, of any dtype: its default
//          - whatever is named in name="NAME=VALUE" (several times): that value, in place of all these rules
//          One that decides branches or dropout, or is called like a mode, but is not sure to be one, stays, and is
//          told of
// Keeps:   the names of inputs and outputs.   Contract: exact, given the values: verification feeds them.
// Ends:    every change removes a placeholder.
#include "passes/pass.h"
#include "passes/support/modes.h"
#include "passes/support/rewriter.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {
    {.name = "name",
     .doc = "NAME=VALUE: what a placeholder is, in place of what the rules say: true, false, a number for all its "
            "elements, or a list [1;2]",
     .is_list = true},
    {.name = "may_be_gone",
     .kind = PassArg::kFlag,
     .fallback = "false",
     .doc = "a name that the graph does not have is no error: for pipelines that run again"}};

Status fold(Rewriter& r, NodeId id, const Tensor& value, std::string_view why) {
  std::string name = r.node(id).name;
  r.context().assume(name, value);
  Patch patch = r.patch();
  patch.replace_node(id, patch.constant(name + "/folded", value));
  return r.commit(patch, id, str_cat(why, ": ", value_text(value)));
}

Status fold(Rewriter& r, const ModePlaceholder& mode) {
  const Node& node = r.node(mode.node);
  if (mode.takes_default)
    return r.splice(mode.node, node.inputs[0],
                    mode.value ? str_cat(mode.reason, ": ", value_text(*mode.value)) : mode.reason);
  if (mode.value) return fold(r, mode.node, *mode.value, mode.reason);
  r.context().notes.push_back(str_cat(printable(node.name), ": left alone: ", mode.reason));
  return {};
}

// Folding one placeholder opens nothing up for another: once over all is enough.
Status fold_mode_placeholders(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(Rewriter r, Rewriter::make(graph, context));
  MissingName missing = context.args.flag("may_be_gone") ? MissingName::kSkip : MissingName::kError;
  TARN_ASSIGN_OR_RETURN(std::vector<ModeValue> told, read_mode_values(r, context.args.list("name"), "name", missing));
  std::vector<ModePlaceholder> modes = find_modes(r);
  auto may_go_on = [&] { return context.changes < context.most_changes; };
  for (const ModeValue& value : told) {
    if (may_go_on()) TARN_RETURN_IF_ERROR(fold(r, value.node, value.value, "as told"));
  }
  for (const ModePlaceholder& mode : modes) {
    if (may_go_on() && graph.is_alive(mode.node)) TARN_RETURN_IF_ERROR(fold(r, mode));
  }
  return {};
}

constexpr std::string_view kDoc = R"(What tells a graph whether it is trained or used becomes a constant.
  Before:  is_training = Placeholder;  keep_prob = Placeholder        After:  is_training = false;  keep_prob = 1
  When:    a Placeholder that is no input (of which none may be given), and of what the outputs need
           - bool: everything that depends on it is branches (Switch, Select, If, Case, through logic, casts and
             arithmetic on scalars) and dropout: false, if it decides dropout, or its name (train, phase) or what lies
             about its branches (batch norms, moments, random numbers, updates) says that it is a mode. Not if its
             name says that it is on at inference (is_test)
           - int, called learning_phase (Keras): the same, 0
           - floating: it is the keep probability (1) or the rate (0) of dropout, and decides nothing else but branches
           - PlaceholderWithDefault, of any dtype: its default
           - whatever is named in name="NAME=VALUE" (several times): that value, in place of all these rules.
           One that decides branches or dropout, or is called like a mode, but is not sure to be one, stays, and is told
           of: summarize_graph lists them too. Verification feeds what was decided
  Keeps:   the names of inputs and outputs.)";

}  // namespace

extern const PassDef pass_fold_mode_placeholders;
const PassDef pass_fold_mode_placeholders = {
    .name = "fold_mode_placeholders", .doc = kDoc, .contract = exact(), .run = fold_mode_placeholders, .args = kArgs};

}  // namespace tarn
