// What ops share that take handles on variables, or references and handles alike.
//
//   Status infer(InferContext& c) {
//     TARN_RETURN_IF_ERROR(expect_variable_of(c, 0, "dtype"));   // the variable holds what the attr dtype says
//     return c.set_output(0, c.variable(0).shape);
//   }
#pragma once

#include "core/op.h"

namespace tarn {

// InvalidArgument if input i is a handle on a variable of another dtype than the attr says.
Status expect_variable_of(const InferContext& c, int i, std::string_view dtype_attr);

// At the end of an op that changed the variable of input 0: a reference op returns it, a resource op nothing.
inline void give_variable(RunContext& c) {
  if (c.output_count() > 0) c.set_variable(0, c.variable(0));
}

}  // namespace tarn
