// Nodes whose op a file or a feed asks the impossible of: strides of 0, indices that are not there, sizes beyond any
// memory (section D of the catalogue of bad inputs, whose rows are named). Each with what must be said of it, or with
// the shape of what it makes where TensorFlow takes it too.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "graph/session.h"

namespace tarn::testing {

struct BadOperator {
  int row;
  const char* what;
  const char* op;
  std::vector<std::string> inputs;  // constants in Tarn's text form
  std::string attrs;                // likewise; types and counts follow from the inputs
  std::vector<std::string> says;    // parts of the message besides op and node
  std::string makes = "";           // "f32[0,4]": accepted, and this comes out of output 0
};

std::vector<BadOperator> bad_windows();  // convolutions, pools, normalisations, images, blocks
std::vector<BadOperator> bad_arrays();   // what moves, counts and gathers elements
std::vector<BadOperator> bad_math();     // what computes, and what an app must not do

// How the inputs of the bad node come about.
enum class Known { kConstants, kFeeds, kRanks, kNothing };

// A graph with the bad node 'y', and what its placeholders are fed.
struct BadModel {
  std::string bytes;
  std::vector<Session::Feed> feeds;
};
BadModel bad_model(const BadOperator& bad, Known known);

// Output 0 of 'y'.
Result<Tensor> run_session(const Graph& graph, const std::vector<Session::Feed>& feeds);

// "row 77, Fill: 2^40 elements, fed"
std::string label(const BadOperator& bad, Known known);

// That what was `made` is what the table says: "f32[0,4]", or with values "i32[1]{0}".
void expect_value(const BadOperator& bad, const Result<Tensor>& made, const char* where);

}  // namespace tarn::testing
