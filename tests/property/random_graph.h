// Random graphs that run: what passes, readers and executors are tried on.
//
//   GraphCase one = random_graph(/*seed=*/7, {}, nullptr);
//   Session(one.graph).Run(one.feeds, one.outputs, &values);      // works
//
// A graph grows piece by piece: a motif that passes look for (motifs/), an op drawn from the op table by its
// signature, or an op on sample inputs that its own tests have (SampleSource). Each piece is run on the values at hand
// before it is taken; what inference or the run refuses is drawn again, and counted. The same seed gives the same
// graph.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "graph/session.h"

namespace tarn::testing {

// Not <random>'s distributions: those differ between standard libraries.
class Random {
 public:
  // Seeds side by side begin far apart: what one draws is not what the next one draws a step later.
  explicit Random(uint64_t seed) : state_(scrambled(seed + 0x1234567)) {}
  uint64_t bits();
  // [0, n); 0 for n < 1.
  int below(int n) { return n < 1 ? 0 : static_cast<int>(bits() % static_cast<uint64_t>(n)); }
  double unit() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  bool chance(double probability) { return unit() < probability; }
  template <class T>
  const T& pick(const std::vector<T>& of) {
    return of[static_cast<size_t>(below(static_cast<int>(of.size())))];
  }
  template <class T>
  T pick(std::initializer_list<T> of) {
    return of.begin()[below(static_cast<int>(of.size()))];
  }

 private:
  static uint64_t scrambled(uint64_t x);
  uint64_t state_;
};

// Floats in [-2, 2], of few digits or of many; now and then NaN, infinity or -0 where `specials`. Small integers.
Tensor random_value(DType dtype, const Shape& shape, Random& random, bool specials = false);

// A graph and how it is run. Inputs as PassManagerOptions::inputs: none, or what the passes are told of.
struct GraphCase {
  Graph graph;
  std::vector<std::string> inputs, outputs;
  std::vector<Session::Feed> feeds;
};
// The outputs; errors as Session::Run's.
Result<std::vector<Tensor>> run_case(const GraphCase& graph_case);
Result<std::vector<Tensor>> run_graph(const Graph& graph, const std::vector<Session::Feed>& feeds,
                                      const std::vector<std::string>& fetches);

// Inputs on which an op is known to run.
struct OpSample {
  std::string op;
  AttrMap attrs;
  std::vector<Tensor> inputs;
};
using SampleSource = std::function<std::optional<OpSample>(Random& random)>;

// Of the pieces drawn: by what they are ("motif conv_bn", "table", "sample").
struct DrawCounts {
  struct Count {
    int64_t drawn = 0, refused = 0;
  };
  std::map<std::string, Count> pieces;
  std::map<std::string, int64_t> ops;  // nodes of the finished graphs
  void add(const DrawCounts& other);
};

GraphCase random_graph(uint64_t seed, const SampleSource& samples, DrawCounts* counts);

// A tensor of the graph under construction, with its value on the feeds.
struct GrownValue {
  Wire wire;
  Tensor tensor;
  bool is_constant = false;  // a Const's
};

// A few lines of graph text that are to become part of a graph. Names are the piece's own: they get a prefix.
class Piece {
 public:
  Piece(Random& random, const std::vector<GrownValue>& values) : random_(random), values_(values) {}

  Random& random() { return random_; }
  const std::vector<GrownValue>& values() const { return values_; }
  template <class... Args>
  void line(const Args&... args) {
    str_append(text_, args..., "\n");
  }
  // Names for the lines: a value at hand, a constant, a fed Placeholder (which may know less of its shape).
  std::string import(size_t value);
  std::string constant(std::string_view name, const Tensor& tensor);
  std::string placeholder(std::string_view name, const Tensor& tensor);
  // A constant of this dtype and shape; perhaps one that is there already.
  std::string weights(std::string_view name, DType dtype, const Shape& shape, double shared = 0.25);
  // A value at hand for which `accepts` holds, later ones preferred; nothing if there is none.
  std::optional<size_t> find(const std::function<bool(const GrownValue&)>& accepts);
  // Such a value, or a new constant or Placeholder of this dtype and shape.
  std::string tensor_of(DType dtype, const Shape& shape);
  const Tensor& value_of(size_t value) const { return values_[value].tensor; }

  // With control flow only these can be fetched ("exit", "merge:0"); else everything.
  std::vector<std::string> exports;
  bool has_control_flow = false;

  const std::string& text() const { return text_; }
  const std::vector<std::pair<std::string, size_t>>& imports() const { return imports_; }
  const std::vector<Session::Feed>& feeds() const { return feeds_; }

 private:
  Random& random_;
  const std::vector<GrownValue>& values_;
  std::string text_;
  std::vector<std::pair<std::string, size_t>> imports_;
  std::vector<Session::Feed> feeds_;
};

// "f32[2,3]".
std::string type_text(DType dtype, const Shape& shape);

// What passes look for. `draw` writes its lines; false if there is nothing at hand that it could begin with.
struct Motif {
  std::string_view name;
  double weight;
  bool (*draw)(Piece& piece);
};
// Those of one file of motifs/, which is in the table by being there.
struct MotifFile {
  std::span<const Motif> motifs;
};
extern const std::span<const MotifFile* const> motif_files;
// Of all files.
const std::vector<Motif>& motifs();

}  // namespace tarn::testing
