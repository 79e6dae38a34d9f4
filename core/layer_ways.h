// A kernel may know several ways to compute a layer ("direct", "F(4x4, 3x3)"); which is the fastest depends on the
// processor. Who measured them (the tool tune) chooses here, for the kernels of a program that is being made.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace tarn {

class LayerWays {
 public:
  virtual ~LayerWays() = default;
  // An index of `ways`, or -1: what the kernel thinks best.
  virtual int choose(std::string_view node, std::span<const std::string> ways) const = 0;
};

}  // namespace tarn
