#include "ops/variables.h"

namespace tarn {

Status expect_variable_of(const InferContext& c, int i, std::string_view dtype_attr) {
  if (c.input(i).behind == nullptr) return {};
  DType holds = c.variable(i).dtype, wanted = c.attr<DType>(dtype_attr);
  if (holds == wanted) return {};
  return invalid_argument("attr ", quoted(dtype_attr), " is ", dtype_name(wanted), " but the variable of input ", i,
                          " holds ", dtype_name(holds));
}

}  // namespace tarn
