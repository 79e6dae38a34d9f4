// Runs a graph given in Tarn's text form, twice each time: nothing of a run may be left for the next.
//
//   EXPECT_EQ(run("x: i32[] = Placeholder\ny = Neg(x)\n", {{"x", Tensor::scalar(3)}}, {"y"}), "i32[]{-3}");
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/session.h"

namespace tarn::testing {

using Feeds = std::vector<Session::Feed>;

// The fetched tensors as text, or the error's message.
std::string session_run(std::string_view text, const Feeds& feeds, const std::vector<std::string>& fetches,
                        const RunLimits& limits = {});
std::string engine_run(std::string_view text, const Feeds& feeds, const std::vector<std::string>& fetches,
                       const RunLimits& limits = {});
// What both give; if they differ, the one behind the other.
std::string run(std::string_view text, const Feeds& feeds, const std::vector<std::string>& fetches);

}  // namespace tarn::testing
