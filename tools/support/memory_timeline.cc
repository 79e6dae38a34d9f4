#include "tools/support/memory_timeline.h"

#include <algorithm>
#include <cstdio>

#include "tools/support/html.h"
#include "tools/support/report_style.h"

namespace tarn {
namespace {

// As the planner does (runtime/compile_memory.cc): the planned values whose memory a value may be, and how long loops
// keep them.
class Lifetimes {
 public:
  explicit Lifetimes(const Program& program) : program_(program), roots_(program.values.size()) {
    for (size_t s = 0; s < program.steps.size(); ++s) follow(program.steps[s], static_cast<int>(s));
  }

  std::vector<PlannedBuffer> take() { return std::move(buffers_); }

 private:
  // Places among buffers_, of the value's own memory or of what it looks at.
  std::vector<size_t>& roots(int value) { return roots_[static_cast<size_t>(value)]; }

  void follow(const Step& step, int index) {
    for (int input : step.inputs) use(input, step.kind == StepKind::kFetch ? last_step() : index);
    for (int output : step.outputs) {
      const Value& value = program_.values[static_cast<size_t>(output)];
      if (value.kind == ValueKind::kPlanned && roots(output).empty()) {
        roots(output).push_back(buffers_.size());
        size_t bytes = static_cast<size_t>(value.fact.shape.elements()) * dtype_size(value.fact.dtype);
        buffers_.push_back({step.node, step.op, value.offset, bytes, index, index});
      } else if (value.kind == ValueKind::kForwarded) {
        for (int input : step.inputs) add(roots(output), roots(input));
      }
    }
    if (step.scratch_bytes > 0)
      buffers_.push_back({step.node, step.op, step.scratch_offset, step.scratch_bytes, index, index, true,
                          step.parts > 0 ? step.parts + 1 : 0});
    if (step.kind != StepKind::kLoopBegin && step.kind != StepKind::kLoopEnd) return;
    for (const Loop::Carried& carried : program_.loops[static_cast<size_t>(step.loop)].carried) {
      for (int buffer : carried.buffers) {
        if (buffer >= 0) add(roots(carried.to), roots(buffer));
      }
      use(carried.to, index);
    }
  }

  static void add(std::vector<size_t>& to, const std::vector<size_t>& from) {
    for (size_t root : from) {
      if (std::find(to.begin(), to.end(), root) == to.end()) to.push_back(root);
    }
  }

  void use(int value, int step) {
    for (size_t root : roots(value)) {
      PlannedBuffer& buffer = buffers_[root];
      buffer.last = std::max(buffer.last, step);
      // What a loop reads from outside must last for all of its iterations.
      for (const Loop& loop : program_.loops) {
        bool read_inside = loop.begin <= step && step <= loop.end;
        bool made_inside = loop.begin <= buffer.first && buffer.first <= loop.end;
        if (read_inside && !made_inside) buffer.last = std::max(buffer.last, loop.end);
      }
    }
  }

  int last_step() const { return static_cast<int>(program_.steps.size()) - 1; }

  const Program& program_;
  std::vector<std::vector<size_t>> roots_;
  std::vector<PlannedBuffer> buffers_;
};

// Bytes of the arena that are in use at each step; memory that one value takes over from another counts once.
std::vector<size_t> bytes_in_use(const std::vector<PlannedBuffer>& buffers, int steps) {
  std::vector<std::vector<const PlannedBuffer*>> starts(static_cast<size_t>(steps));
  for (const PlannedBuffer& buffer : buffers) starts[static_cast<size_t>(buffer.first)].push_back(&buffer);
  std::vector<size_t> in_use;
  std::vector<const PlannedBuffer*> alive;
  for (int s = 0; s < steps; ++s) {
    std::erase_if(alive, [s](const PlannedBuffer* buffer) { return buffer->last < s; });
    alive.insert(alive.end(), starts[static_cast<size_t>(s)].begin(), starts[static_cast<size_t>(s)].end());
    std::sort(alive.begin(), alive.end(),
              [](const PlannedBuffer* a, const PlannedBuffer* b) { return a->offset < b->offset; });
    size_t bytes = 0, end = 0;
    for (const PlannedBuffer* buffer : alive) {
      size_t from = std::max(end, buffer->offset), to = buffer->offset + buffer->bytes;
      if (to > from) bytes += to - from;
      end = std::max(end, to);
    }
    in_use.push_back(bytes);
  }
  return in_use;
}

// What lies where, in the picture's units.
constexpr double kWidth = 1000, kHeight = 300, kLeft = 4, kTop = 16, kBottom = 18;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f", value);
  return text;
}

// The same op has the same colour: one of 12 hues.
int hue_of(std::string_view op) {
  unsigned hash = 2166136261U;
  for (char c : op) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return static_cast<int>(hash % 12) * 30;
}

}  // namespace

std::vector<PlannedBuffer> memory_timeline(const Program& program) {
  return Lifetimes(program).take();
}

std::string kind_text(const PlannedBuffer& buffer) {
  if (!buffer.is_scratch) return "";
  return buffer.streamed_steps > 0 ? str_cat(", of ", buffer.streamed_steps, " steps together") : ", scratch";
}

std::string memory_svg(const Program& program) {
  std::vector<PlannedBuffer> buffers = memory_timeline(program);
  size_t arena = program.stats.arena_bytes, bound = program.stats.arena_lower_bound_bytes;
  auto steps = static_cast<int>(program.steps.size());
  if (arena == 0 || steps == 0) return "<p>No arena: nothing is computed between inputs and outputs.</p>\n";
  std::vector<size_t> in_use = bytes_in_use(buffers, steps);
  constexpr size_t kMostDrawn = 4000;
  size_t left_out = buffers.size() > kMostDrawn ? buffers.size() - kMostDrawn : 0;
  std::stable_sort(buffers.begin(), buffers.end(),
                   [](const PlannedBuffer& a, const PlannedBuffer& b) { return a.bytes > b.bytes; });
  buffers.resize(buffers.size() - left_out);

  auto x = [&](int step) { return kLeft + (kWidth - 2 * kLeft) * step / steps; };
  auto y = [&](size_t bytes) { return kTop + kHeight * (1 - static_cast<double>(bytes) / static_cast<double>(arena)); };
  std::string svg = str_cat("<svg class=\"memory\" viewBox=\"0 0 ", number(kWidth), " ",
                            number(kTop + kHeight + kBottom), "\" role=\"img\" aria-label=\"memory plan\">\n");
  str_append(svg, "<rect class=\"plot\" x=\"", number(kLeft), "\" y=\"", number(kTop), "\" width=\"",
             number(kWidth - 2 * kLeft), "\" height=\"", number(kHeight), "\"/>\n");
  for (const PlannedBuffer& buffer : buffers) {
    double top = y(buffer.offset + buffer.bytes), bottom = y(buffer.offset);
    str_append(svg, "<rect class=\"buffer", buffer.is_scratch ? " scratch" : "", "\" style=\"--hue:", hue_of(buffer.op),
               "\" x=\"", number(x(buffer.first)), "\" y=\"", number(top), "\" width=\"",
               number(x(buffer.last + 1) - x(buffer.first)), "\" height=\"", number(bottom - top), "\"><title>",
               html_text(buffer.node), " (", html_text(buffer.op), ")", kind_text(buffer), ": ",
               bytes_text(buffer.bytes), " at ", buffer.offset, ", steps ", buffer.first, " to ", buffer.last,
               "</title></rect>\n");
  }
  svg += "<path class=\"in-use\" d=\"";
  for (int s = 0; s < steps; ++s) {
    std::string height = number(y(in_use[static_cast<size_t>(s)]));
    str_append(svg, s == 0 ? "M" : "L", number(x(s)), " ", height, "L", number(x(s + 1)), " ", height);
  }
  svg += "\"/>\n";
  auto line = [&](const char* kind, size_t bytes, double text_x, const char* anchor, const std::string& text) {
    str_append(svg, "<line class=\"", kind, "\" x1=\"", number(kLeft), "\" x2=\"", number(kWidth - kLeft), "\" y1=\"",
               number(y(bytes)), "\" y2=\"", number(y(bytes)), "\"/><text text-anchor=\"", anchor, "\" x=\"",
               number(text_x), "\" y=\"", number(y(bytes) - 4), "\">", text, "</text>\n");
  };
  line("arena", arena, kLeft, "start", str_cat("arena ", bytes_text(arena)));
  line("bound", bound, kWidth - kLeft, "end", str_cat("lower bound ", bytes_text(bound)));
  str_append(svg, "<text x=\"", number(kLeft), "\" y=\"", number(kTop + kHeight + 14), "\">step 0</text><text x=\"",
             number(kWidth - kLeft), "\" y=\"", number(kTop + kHeight + 14), "\" text-anchor=\"end\">step ", steps - 1,
             "</text>\n</svg>\n");
  if (left_out > 0) str_append(svg, "<p class=\"note\">The ", left_out, " smallest buffers are not drawn.</p>\n");
  return svg;
}

std::string memory_svg_file(const Program& program) {
  std::string svg = memory_svg(program);
  size_t end = svg.rfind("</svg>\n");
  if (end == std::string::npos) {
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 400 40\"><text x=\"10\" y=\"24\">No arena: nothing "
           "is "
           "computed between inputs and outputs.</text></svg>\n";
  }
  svg.resize(end);  // a note may follow, which is HTML
  constexpr std::string_view kOpening = "<svg class=\"memory\"";
  return str_cat(kOpening, " xmlns=\"http://www.w3.org/2000/svg\"",
                 svg.substr(kOpening.size(), svg.find('\n') - kOpening.size()), "\n<style>", kReportColours,
                 kMemoryStyle, "</style>", svg.substr(svg.find('\n')), "</svg>\n");
}

FullestStep fullest_step(const Program& program) {
  if (program.stats.arena_bytes == 0) return {};
  std::vector<size_t> in_use = bytes_in_use(memory_timeline(program), static_cast<int>(program.steps.size()));
  auto most = std::max_element(in_use.begin(), in_use.end());
  return {static_cast<int>(most - in_use.begin()), *most};
}

}  // namespace tarn
