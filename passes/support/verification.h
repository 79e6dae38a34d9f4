// Verification: runs a graph before and after a pass on the same inputs, and holds the outputs to what the pass
// promises. PassManager does so after each step, and its bisection measures by the same means.
//
//   Verifier verifier({}, kSeed);  // on made-up inputs
//   TARN_ASSIGN_OR_RETURN(ends.feeds, verifier.make_feeds(before, ends));
//   Comparison comparison;
//   TARN_RETURN_IF_ERROR(verifier.compare(pass, context, before, after, ends, comparison));
// Thread-compatible.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "graph/session.h"
#include "passes/pass.h"

namespace tarn {

// What a graph is run with and asked for as it is now: passes may rename inputs and outputs.
struct GraphEnds {
  std::vector<std::string> inputs, outputs;
  std::vector<Session::Feed> feeds;
};

// What passes take tensors to be (PassContext::assume).
using Assumptions = std::vector<std::pair<std::string, Tensor>>;

struct Comparison {
  std::vector<std::string> assumed;  // "keep_prob = 1": what was fed, for the pass holds at inference only
  // The largest difference of any output, relative to that output's largest magnitude.
  double max_relative_difference = 0;
  int64_t compared = 0;  // elements of outputs
  // Where an output differs by more than a rounding pass promises: how far one rounding of every constant moves it in
  // the untouched graph. Four times that is a network's own doing. The largest of such outputs.
  double rounding_noise = 0;
  // The largest difference for the constants that a quantizing pass changed.
  double max_constant_difference = 0;
};

class Verifier {
 public:
  // `given`: what graphs are fed; empty: seeded random values for every input, unknown sizes such that the graph runs.
  Verifier(std::vector<Session::Feed> given, uint64_t seed) : given_(std::move(given)), seed_(seed) {}
  Result<std::vector<Session::Feed>> make_feeds(const Graph& graph, const GraphEnds& ends) const;
  // A difference beyond the pass's contract is an error naming pass and output, and the first node that both graphs
  // have and that differs. `comparison` is what was measured until then.
  Status compare(const PassDef& pass, const PassContext& context, const Graph& before, const Graph& after,
                 GraphEnds ends, Comparison& comparison) const;
  // Of each output, whatever was promised, where both graphs are told what passes assumed.
  Result<std::vector<double>> differences(const Graph& before, GraphEnds ends_before, const Graph& after,
                                          GraphEnds ends_after, const Assumptions& assumptions) const;

 private:
  // Feeds that the graph has no place for are left out.
  Result<std::vector<Tensor>> fetch(const Graph& graph, const std::vector<Session::Feed>& feeds,
                                    const std::vector<std::string>& names) const;
  Status compare_constants(const PassDef& pass, const PassContext& context, const Graph& before, const Graph& after,
                           Comparison& comparison) const;
  std::vector<double> rounding_noise(const Graph& graph, const std::vector<Session::Feed>& feeds,
                                     const std::vector<std::string>& names, const std::vector<Tensor>& values) const;
  std::string first_difference(const PassDef& pass, const Graph& before, const Graph& after,
                               const std::vector<Session::Feed>& feeds) const;

  std::vector<Session::Feed> given_;
  uint64_t seed_;
};

// What a pass assumed of inputs that are fed is fed to the passes after it, too.
void feed_on(const Assumptions& assumptions, std::vector<Session::Feed>& feeds);

// Largest |a - b| relative to the largest magnitude in `a` (1 if a is all zeros); infinity where dtype or shape differ,
// or where one is NaN and the other is not.
double relative_difference(const Tensor& a, const Tensor& b);

}  // namespace tarn
