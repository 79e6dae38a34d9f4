// remove_dropout: what training drops, inference keeps.
//
// Before:  y = Mul(RealDiv(x, keep), Floor(Add(keep, RandomUniform(Shape(x)))))        After:  y = x
// When:    the forms of passes/support/dropout.h, in float, double, half and bfloat16: keep (or rate) a constant, or a
//          scalar that does not depend on an input of the graph. Within loops and branches, too. The mask is no larger
//          than x: its shape is made of x's, or known. What else reads the mask goes on reading it
// Math:    with keep = 1 the mask is 1 everywhere (u is below 1) and the scale is 1: verification runs the graph before
//          with rate 0, keep 1, scale 1
// Keeps:   the name of y.   Contract: exact.
// Ends:    every change removes a product with a mask.
#include <algorithm>

#include "passes/pass.h"
#include "passes/support/dropout.h"
#include "passes/support/known_values.h"
#include "passes/support/rewriter.h"

namespace tarn {
namespace {

// Of one wire nothing can be assumed that is not one number: a constant that is both a rate and a keep probability.
bool may_assume(const PassContext& context, const std::string& name, double number) {
  return std::all_of(context.assumptions.begin(), context.assumptions.end(),
                     [&](const auto& assumed) { return assumed.first != name || number_of(assumed.second) == number; });
}

Status remove(Rewriter& r, NodeId id) {
  const Node& node = r.node(id);
  if (!node.controls.empty() || r.is_input(id)) return {};
  std::optional<Dropout> found = find_dropout(r, id);
  if (!found) return {};
  std::vector<std::pair<std::string, Tensor>> assumed;
  for (const Dropout::Neutral& neutral : found->neutral) {
    std::string name = r.graph().wire_name(neutral.wire);
    if (!may_assume(r.context(), name, neutral.value)) return {};
    TARN_ASSIGN_OR_RETURN(Tensor value, filled(r.fact(neutral.wire).dtype, {}, neutral.value));
    assumed.emplace_back(std::move(name), std::move(value));
  }
  for (auto& [name, value] : assumed) {
    bool is_known = std::any_of(r.context().assumptions.begin(), r.context().assumptions.end(),
                                [&, &name = name](const auto& other) { return other.first == name; });
    if (!is_known) r.context().assume(name, value);
  }
  return r.splice(id, found->x, "dropout, which only training needs");
}

constexpr std::string_view kDoc = R"(What training drops, inference keeps.
  Before:  y = Mul(RealDiv(x, keep), Floor(Add(keep, RandomUniform(Shape(x)))))        After:  y = x
  When:    dropout as any TensorFlow 1.x or 2.x wrote it (floor(keep + u), u >= rate, u < keep; x / keep, x * scale;
           Mul or Select[V2]), in float, double, half and bfloat16: keep (or rate) a constant, or a scalar that does not
           depend on an input of the graph. Within loops and branches, too. The mask is no larger than x
  Math:    with keep = 1 mask and scale are 1: verification runs the graph before with rate 0, keep 1, scale 1
  Keeps:   the name of y.)";

}  // namespace

extern const PassDef pass_remove_dropout;
const PassDef pass_remove_dropout = {
    .name = "remove_dropout",
    .doc = kDoc,
    .contract = exact(),
    .run = [](Graph& graph, PassContext& context) { return rewrite(graph, context, remove); },
};

}  // namespace tarn
