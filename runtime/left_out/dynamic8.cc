// In place of compile_dynamic8.cc where no model of the build asks for it (cmake/ops_from.cmake).
#include "runtime/compile_dynamic8.h"

namespace tarn {

Result<bool> wants_dynamic8(Quantize quantize, std::string_view) {
  if (quantize != Quantize::kDynamic8) return false;
  return unimplemented("this engine was built without dynamic8: build it with -DTARN_DYNAMIC8=ON, or for a model that ",
                       "asks for it");
}

namespace compiling {

void keep_codes(State&) {}
void choose_dynamic8(State&) {}
std::unique_ptr<Kernel> dynamic8_kernel(const WorkNode&) {
  return nullptr;
}

}  // namespace compiling
}  // namespace tarn
