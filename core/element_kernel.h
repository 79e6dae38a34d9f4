// ElementKernel: what a kernel has beside run() if each element of its float output is made of the elements at the same
// place of its float inputs. Steps of such kernels run together, a block of elements at a time, and what lies between
// them is never there as a whole (runtime/compile_elements.cc).
//
//   const ElementKernel* elements = kernel.by_elements();               // after prepare(); null: it has to run as a
//   whole elements->run_elements(inputs, y, 1024, serial);
//
// An element has the bits that it has in run().
#pragma once

#include <cstdint>
#include <span>

#include "core/kernel.h"

namespace tarn {

struct ElementInput {
  const float* x = nullptr;
  int64_t step = 1;  // 0: one value for all
};

class ElementKernel {
 public:
  virtual ~ElementKernel() = default;
  // y may be an input of step 1. `serial` has one thread: others make other blocks.
  virtual void run_elements(std::span<const ElementInput> inputs, float* y, int64_t n, ThreadPool& serial) const = 0;
};

}  // namespace tarn
