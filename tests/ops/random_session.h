// Runs a random op as a session does: what a node has drawn is kept until the next run.
//
//   Session session;
//   Result<Tensor> x = session.draw("RandomUniform", attrs, {shape});
#pragma once

#include "tests/ops/harness.h"

namespace tarn::testing {

// One session's worth of state.
struct Session {
  ResourceMap resources;
  Services services;
  Session() { services.set_resources(&resources); }

  Result<Tensor> draw(std::string_view op_name, AttrMap attrs, const Tensors& inputs, std::string_view node = "random",
                      int threads = 1) {
    const OpRegistry::Op& op = *op_table().find(op_name);
    std::vector<InputInfo> infos;
    for (const Tensor& x : inputs) infos.push_back({x.dtype(), false, "x"});
    NodeTypes types;
    TARN_RETURN_IF_ERROR(op.schema.resolve(node, attrs, infos, {.infer_from_inputs = true}, types));
    ThreadPool pool(threads);
    TARN_ASSIGN_OR_RETURN(Tensors outputs,
                          evaluate_node(op, node, attrs, inputs, {.threads = &pool, .services = &services}));
    return outputs[0];
  }
};

}  // namespace tarn::testing
