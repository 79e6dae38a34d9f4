#include "tools/support/chrome_trace.h"

#include "core/json_text.h"
#include "tools/support/progress.h"

namespace tarn {
namespace {

std::string microseconds(int64_t nanoseconds) {
  return fixed_text(static_cast<double>(nanoseconds) / 1e3, 3);
}

void append_event(std::string& out, const std::string& name, std::string_view category, int64_t begin, int64_t length,
                  const std::string& arguments) {
  str_append(out, out.ends_with("[") ? "\n" : ",\n", R"({"ph": "X", "pid": 1, "tid": 1, "name": )", name,
             R"(, "cat": )", json_text(category), R"(, "ts": )", microseconds(begin), R"(, "dur": )",
             microseconds(length), R"(, "args": {)", arguments, "}}");
}

std::string facts_of(const Program& program, const Step& step) {
  std::string shapes;
  for (int output : step.outputs)
    str_append(shapes, shapes.empty() ? "" : ", ", program.values[static_cast<size_t>(output)].fact.to_string());
  std::string text = str_cat(R"("op": )", json_text(step.op), R"(, "output": )", json_text(shapes));
  if (step.scratch_bytes > 0) str_append(text, R"(, "scratch bytes": )", step.scratch_bytes);
  return text;
}

}  // namespace

std::string chrome_trace(const Program& program, std::span<const std::vector<int64_t>> runs) {
  std::string out = R"({"displayTimeUnit": "ms", "traceEvents": [)";
  int64_t now = 0;
  for (size_t run = 0; run < runs.size(); ++run) {
    int64_t length = 0;
    for (int64_t nanoseconds : runs[run]) length += nanoseconds;
    append_event(out, json_text(str_cat("run ", run)), "run", now, length, "");
    for (size_t s = 0; s < program.steps.size() && s < runs[run].size(); ++s) {
      const Step& step = program.steps[s];
      if (step.kind != StepKind::kFetch && runs[run][s] > 0)
        append_event(out, json_text(step.node), step.op, now, runs[run][s], facts_of(program, step));
      now += runs[run][s];
    }
  }
  return out + "\n]}\n";
}

}  // namespace tarn
