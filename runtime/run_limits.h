// RunLimits: what a run may ask for before it is stopped. A few bytes of a file can ask for any time (a loop that never
// ends) and any memory (Fill, Range, Tile to sizes that come as values).
//
//   Session session(graph, {.limits = {.timeout_ms = 2000, .most_bytes = int64_t{1} << 30}});
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/shape.h"
#include "core/status.h"
#include "core/stop_signal.h"

namespace tarn {

struct RunLimits {
  // Of all loops of a run together, so that loops within loops are no way around it: some ten seconds of a loop that
  // does nothing.
  int64_t most_iterations = 100'000'000;
  int64_t timeout_ms = 0;  // of a run; 0: none. Looked at between steps, in engines also within them
  // Of one value that an op makes: refused before its memory is taken, at load where its shape is known by then.
  int64_t most_value_bytes = int64_t{4} << 30;
  // Of all values that a run has at a time, constants and feeds aside.
  int64_t most_bytes = int64_t{16} << 30;
  // Of a graph and what is written out for its calls: refused at load.
  int64_t most_nodes = 1'000'000;
};

// Why a run has stopped, and where it was: "it is at Conv2D 'conv1'".
inline Status stopped_error(const StopSignal& stop, int64_t timeout_ms, std::string_view where) {
  if (stop.state() == StopSignal::State::kCancelled)
    return Status(Code::kCancelled, str_cat("the run was cancelled; ", where));
  return Status(Code::kDeadlineExceeded, str_cat("the run has not ended after ", timeout_ms, " ms; ", where));
}

// Beyond all limits, which are cut to it: no sum of a program's sizes overflows.
constexpr int64_t kMostValueBytes = sizeof(void*) == 4 ? int64_t{1} << 30 : int64_t{1} << 40;

// ResourceExhausted if a value of this dtype and (fully known) shape has more than `most` bytes: of strings the
// objects, not the text.
inline Status judge_value_size(DType dtype, const Shape& shape, int64_t most) {
  if (most > kMostValueBytes) most = kMostValueBytes;
  auto element = static_cast<int64_t>(dtype == DType::kString ? sizeof(std::string) : dtype_size(dtype));
  Result<int64_t> count = shape.element_count();
  if (element == 0 || (count.ok() && *count <= most / element)) return {};
  std::string needs = count.ok() && *count <= INT64_MAX / element ? str_cat(*count * element) : "more than 2^63";
  return resource_exhausted("an output of ", dtype_short_name(dtype), shape, " needs ", needs, " bytes, more than the ",
                            most, " that a value may have");
}

}  // namespace tarn
