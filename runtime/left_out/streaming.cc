// In place of compile_order.cc, compile_stream.cc and compile_elements.cc where the build has no part `streaming`
// (cmake/ops_from.cmake): steps run in the order of the file, each as a whole.
#include "runtime/compile_state.h"

namespace tarn::compiling {

std::vector<int> narrow_order(Program&, const std::vector<char>&, const std::vector<std::vector<std::pair<int, int>>>&,
                              const std::vector<int>&) {
  return {};
}

void group_elements(Program&, const CompileOptions&, const std::vector<char>&,
                    std::vector<std::vector<std::pair<int, int>>>&, const std::vector<int>&) {}
void stream_rows(Program&, const CompileOptions&, const std::vector<char>&,
                 std::vector<std::vector<std::pair<int, int>>>&, const std::vector<int>&) {}

}  // namespace tarn::compiling
