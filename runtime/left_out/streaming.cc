// In place of compile_stream.cc and compile_elements.cc where the build has no part `streaming` (cmake/ops_from.cmake): each step runs as a
// whole.
#include "runtime/compile_state.h"

namespace tarn::compiling {

void group_elements(Program&, const CompileOptions&, const std::vector<char>&,
                    std::vector<std::vector<std::pair<int, int>>>&, const std::vector<int>&) {}
void stream_rows(Program&, const CompileOptions&, const std::vector<char>&,
                 std::vector<std::vector<std::pair<int, int>>>&, const std::vector<int>&) {}

}  // namespace tarn::compiling
