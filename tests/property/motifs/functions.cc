// Calls of functions, and the Ifs whose branches are functions.
#include "graph/graph_io.h"
#include "graph/text_lexer.h"
#include "tests/property/motif_parts.h"

namespace tarn::testing {
namespace {

// clamp(a) = Relu(Neg(a));  size(a) = Abs(a);  twice(a, b) = clamp(a) + b, and double that. Of f32; nodes without the
// attrs that have a default, as old files have them.
constexpr std::string_view kLibrary = R"(library {
  function {
    signature {
      name: "clamp" input_arg { name: "a" type: DT_FLOAT } output_arg { name: "out" type: DT_FLOAT }
    }
    node_def { name: "neg" op: "Neg" input: "a" attr { key: "T" value { type: DT_FLOAT } } }
    node_def { name: "relu" op: "Relu" input: "neg:y:0" attr { key: "T" value { type: DT_FLOAT } } }
    ret { key: "out" value: "relu:activations:0" }
  }
  function {
    signature {
      name: "size" input_arg { name: "a" type: DT_FLOAT } output_arg { name: "out" type: DT_FLOAT }
    }
    node_def { name: "abs" op: "Abs" input: "a" attr { key: "T" value { type: DT_FLOAT } } }
    ret { key: "out" value: "abs:y:0" }
  }
  function {
    signature {
      name: "twice" input_arg { name: "a" type: DT_FLOAT } input_arg { name: "b" type: DT_FLOAT }
      output_arg { name: "sum" type: DT_FLOAT } output_arg { name: "twice" type: DT_FLOAT }
    }
    node_def {
      name: "inner" op: "PartitionedCall" input: "a"
      attr { key: "Tin" value { list { type: DT_FLOAT } } } attr { key: "Tout" value { list { type: DT_FLOAT } } }
      attr { key: "f" value { func { name: "clamp" } } }
    }
    node_def { name: "sum" op: "AddV2" input: "inner:output:0" input: "b"
               attr { key: "T" value { type: DT_FLOAT } } }
    node_def { name: "twice" op: "AddV2" input: "sum:z:0" input: "sum:z:0"
               attr { key: "T" value { type: DT_FLOAT } } }
    ret { key: "sum" value: "sum:z:0" }
    ret { key: "twice" value: "twice:z:0" }
  }
}
)";

const std::string& library_line() {
  static const std::string kLine = [] {
    Result<Graph> graph = parse_graph(std::string(kLibrary), "functions.pbtxt");
    return graph.ok() ? str_cat("@library base64\"", base64_encode(graph->library), "\"") : graph.status().to_string();
  }();
  return kLine;
}

bool draw_call(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  auto is_f32 = [](const GrownValue& v) { return v.tensor.dtype() == DType::kFloat && v.tensor.shape().rank() <= 4; };
  std::optional<size_t> value = piece.find(is_f32);
  if (!value) return false;
  piece.line(library_line());
  std::string x = piece.import(*value);
  std::string call = random.pick({"PartitionedCall(", "StatefulPartitionedCall("});
  double form = random.unit();
  if (form < 0.4) {
    lines(call, x, ") {Tin=[f32], Tout=[f32], f=@", random.pick({"clamp", "size"}), "}");
  } else if (form < 0.7) {
    std::string b = random.chance(0.5) ? x : piece.weights("b", DType::kFloat, {});
    lines(call, x, ", ", b, ") {Tin=[f32, f32], Tout=[f32, f32], f=@twice}");
  } else {
    Tensor flag = Tensor::scalar<bool>(random.chance(0.5));
    std::string cond = random.chance(0.5) ? piece.constant("cond", flag) : piece.placeholder("is_training", flag);
    lines(random.pick({"If(", "StatelessIf("}), cond, ", ", x,
          ") {Tcond=bool, Tin=[f32], Tout=[f32], then_branch=@clamp, else_branch=@size}");
  }
  if (random.chance(0.3)) lines("Identity(", x, ", ^n0)");  // waits for the call
  return true;
}

constexpr Motif kMotifs[] = {{"call", 0.5, draw_call}};

}  // namespace

extern const MotifFile motifs_functions;
const MotifFile motifs_functions = {kMotifs};

}  // namespace tarn::testing
