#include "core/op_names.h"

#include "core/strings.h"

namespace tarn {

std::string did_you_mean_op(std::string_view op, const std::vector<std::string>& names, int most) {
  if (op == "Print") return "; it only says what passes: optimize_for_mobile takes it out";
  std::vector<std::string> near = nearest_names(op, names, most);
  // One letter more is a misspelling still.
  std::erase_if(
      near, [&](const std::string& name) { return name.size() > op.size() + 1 && name.find(op) != std::string::npos; });
  return did_you_mean(op, near, most);
}

}  // namespace tarn
