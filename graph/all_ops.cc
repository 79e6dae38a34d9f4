#include "graph/all_ops.h"

namespace tarn {

const OpRegistry& all_ops() {
  static const OpRegistry registry(op_files);
  return registry;
}

}  // namespace tarn
