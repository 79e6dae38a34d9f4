// In place of compile_loops.cc and compile_conditions.cc where no model of the build has branches, loops or what lives
// in them (cmake/ops_from.cmake): every node runs, once, and their ops are refused as such that this engine has not.
#include "runtime/compile_state.h"

namespace tarn::compiling {

Status find_frames(State&) {
  return {};
}
bool is_regular(const State&, int) {
  return true;
}
int container_of(State&, Wire) {
  return -1;
}
void find_conditions(State&, WorkNode&) {}

}  // namespace tarn::compiling
