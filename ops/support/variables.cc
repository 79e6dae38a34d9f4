#include "ops/variables.h"

namespace tarn {

Status expect_variable_of(const InferContext& c, int i, std::string_view dtype_attr) {
  if (c.input(i).behind == nullptr) return {};
  DType holds = c.variable(i).dtype, wanted = c.attr<DType>(dtype_attr);
  if (holds == wanted) return {};
  return invalid_argument("attr ", in_quotes(dtype_attr), " is ", wanted, " but the variable of input ", i, " holds ",
                          holds);
}

}  // namespace tarn
