#include "tests/ops/eager_gradient.h"

namespace tarn::testing {
namespace {

class EagerBuilder : public GradBuilder {
 public:
  explicit EagerBuilder(Known known) : known_(known) {}

  Wire add(const Tensors& outputs, bool is_constant = false) {
    nodes_.push_back(outputs);
    facts_.emplace_back();
    for (const Tensor& t : outputs) {
      Fact fact = Fact::of(t);
      if (!is_constant && known_ != Known::kValues) {
        fact.value = Tensor();
        if (known_ == Known::kRanks) fact.shape = Shape::unknown_of_rank(t.shape().rank());
        if (known_ == Known::kNothing) fact.shape = Shape::unknown();
      }
      facts_.back().push_back(fact);
    }
    return {static_cast<int>(nodes_.size()) - 1, 0};
  }

  Wire op(std::string_view name, std::span<const Wire> inputs, const AttrMap& attrs) override {
    if (!status.ok()) return {};
    Tensors tensors;
    bool alive = false, all_alive = true;
    for (Wire wire : inputs) {
      if (wire.is_none()) {
        status = internal_error("gradient passes no wire to ", name);
        return {};
      }
      const Tensors& outputs = nodes_[static_cast<size_t>(wire.node)];
      if (static_cast<size_t>(wire.slot) >= outputs.size()) {
        status = internal_error("gradient uses output ", wire.slot, " of a node with ", outputs.size());
        return {};
      }
      tensors.push_back(outputs[static_cast<size_t>(wire.slot)]);
      alive = alive || tensors.back().is_valid();
      all_alive = all_alive && tensors.back().is_valid();
    }
    // Dead values of untaken branches: Merge takes the one that is alive, any other op is dead with its inputs.
    if (name == "Merge" && alive) {
      for (size_t i = 0; i < tensors.size(); ++i) {
        if (tensors[i].is_valid()) return add({tensors[i], Tensor::scalar(static_cast<int32_t>(i))});
      }
    }
    if (!all_alive) return add(Tensors(2));
    Result<Tensors> outputs = evaluate_op(op_table(), name, attrs, tensors);
    if (!outputs.ok()) {
      status = outputs.status();
      return {};
    }
    return add(*outputs);
  }
  Wire constant(const Tensor& value) override { return add({value}, /*is_constant=*/true); }
  const Fact& fact(Wire wire) const override {
    static const Fact none;
    if (wire.is_none()) return none;
    return facts_[static_cast<size_t>(wire.node)][static_cast<size_t>(wire.slot)];
  }
  const Tensor& tensor(Wire wire) const {
    return nodes_[static_cast<size_t>(wire.node)][static_cast<size_t>(wire.slot)];
  }

  Status status;

 private:
  Known known_;
  std::vector<Tensors> nodes_;
  std::vector<std::vector<Fact>> facts_;
};

}  // namespace

Result<Tensors> eager_gradient(const OpRegistry::Op& op, const BoundCase& bound, const Tensors& outputs,
                               const Tensors& grads, Known known) {
  EagerBuilder builder(known);
  std::vector<Wire> inputs, output_wires, grad_wires;
  for (const Tensor& t : bound.inputs) inputs.push_back(builder.add({t}));
  Wire made = builder.add(outputs);
  for (size_t i = 0; i < outputs.size(); ++i) output_wires.push_back({made.node, static_cast<int>(i)});
  for (const Tensor& t : grads) grad_wires.push_back(t.is_valid() ? builder.add({t}) : Wire{});
  GradContext context(builder, bound.attrs, inputs, output_wires, grad_wires);
  TARN_RETURN_IF_ERROR(op.entry->gradient(context));
  TARN_RETURN_IF_ERROR(builder.status);
  Tensors result;
  for (Wire wire : context.input_grads()) result.push_back(wire.is_none() ? Tensor() : builder.tensor(wire));
  return result;
}

}  // namespace tarn::testing
