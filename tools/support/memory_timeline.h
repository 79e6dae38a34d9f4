// Where the values of a program lie in its arena, and from which step to which: the memory plan as something to look
// at.
//
//   std::vector<PlannedBuffer> buffers = memory_timeline(*cost.program);
//   page += memory_svg(*cost.program);          // steps to the right, addresses upwards
#pragma once

#include <string>
#include <vector>

#include "runtime/program.h"

namespace tarn {

struct PlannedBuffer {
  std::string node, op;  // whose step writes it
  size_t offset = 0, bytes = 0;
  int first = 0, last = 0;  // steps, both included
  bool is_scratch = false;  // a kernel's own, during its step
  int streamed_steps = 0;   // of scratch memory: how many steps run together in it, by rows
};

// In the order of steps. A value that takes over the memory of one that its step reads last is a buffer of its own, at
// the same place: the two have that one step in common. Fetched values stay to the end.
std::vector<PlannedBuffer> memory_timeline(const Program& program);

// ", scratch" or ", of 5 steps together"; of a value "".
std::string kind_text(const PlannedBuffer& buffer);

// The arena over the steps as an <svg> element: a box a buffer, the bytes in use, the arena's size and its lower bound.
// Of very many buffers the largest are drawn.
std::string memory_svg(const Program& program);
// The same as a file of its own, in light or dark as whoever looks at it has it.
std::string memory_svg_file(const Program& program);

// The step with most bytes in use, and how many; -1 where there is no arena.
struct FullestStep {
  int step = -1;
  size_t bytes = 0;
};
FullestStep fullest_step(const Program& program);

}  // namespace tarn
