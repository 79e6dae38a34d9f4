// TensorArrays, written and read one by one, all at once, and in a loop.
#include "tests/property/motif_parts.h"

namespace tarn::testing {
namespace {

bool draw_tensor_array(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece, 1, 3);
  std::string dtype = str_cat("{dtype=", word(x.dtype), "}");
  std::string size = lines.scalar(DType::kInt32, 2), zero = lines.scalar(DType::kInt32, 0),
              one = lines.scalar(DType::kInt32, 1);
  piece.line("ta = TensorArrayV3(", size, ") {dtype=", word(x.dtype), ", clear_after_read=false}");
  std::string handle = "ta";
  if (random.chance(0.2)) handle = lines("Identity(ta)");
  std::string first = lines("TensorArrayWriteV3(", handle, ", ", zero, ", ", x.name, ", ta:1)");
  std::string second =
      lines("TensorArrayWriteV3(", handle, ", ", one, ", ", lines("Neg(", x.name, ")"), ", ", first, ")");
  switch (random.below(3)) {
    case 0:
      lines("TensorArrayReadV3(", handle, ", ", random.chance(0.5) ? zero : one, ", ", second, ") ", dtype);
      break;
    case 1: lines("TensorArrayGatherV3(", handle, ", ", lines.ints({1, 0}), ", ", second, ") ", dtype); break;
    default: lines("TensorArrayConcatV3(", handle, ", ", second, ") ", dtype);
  }
  if (random.chance(0.3)) lines("TensorArraySizeV3(", handle, ", ", second, ")");
  return true;
}

// An array filled turn by turn, as tf.map_fn does.
bool draw_map(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece, 1, 3);
  auto rows = static_cast<int>(x.shape.dim(0));
  if (rows > 4) return false;
  std::string dtype = str_cat("{dtype=", word(x.dtype), "}");
  std::string frame = str_cat(" {frame_name=\"map", random.below(1 << 20), "\"");
  std::string size = lines.scalar(DType::kInt32, rows), zero = lines.scalar(DType::kInt32, 0);
  std::vector<int> all;
  for (int row = 0; row < rows; ++row) all.push_back(row);
  std::string range = lines.ints(all);
  piece.line("from = TensorArrayV3(", size, ") ", dtype);
  piece.line("into = TensorArrayV3(", size, ") ", dtype);
  piece.line("filled = TensorArrayScatterV3(from, ", range, ", ", x.name, ", from:1)");
  std::string i_enter = lines("Enter(", zero, ")", frame, "}"), flow_enter = lines("Enter(into:1)", frame, "}");
  auto constant = [&](const std::string& of) { return lines("Enter(", of, ")", frame, ", is_constant=true}"); };
  std::string n_enter = constant(size), from = constant("from"), into = constant("into"), filled = constant("filled");
  piece.line("i = Merge(", i_enter, ", i_next)");
  piece.line("flow = Merge(", flow_enter, ", flow_next)");
  piece.line("less = Less(i, ", n_enter, ")");
  piece.line("cond = LoopCond(less)");
  piece.line("i_switch = Switch(i, cond)");
  piece.line("flow_switch = Switch(flow, cond)");
  piece.line("i_body = Identity(i_switch:1)");
  piece.line("one = Const(^i_body) {dtype=i32, value=i32[]{1}}");
  piece.line("i_added = Add(i_body, one)");
  piece.line("row = TensorArrayReadV3(", from, ", i_body, ", filled, ") ", dtype);
  piece.line("made = ", random.pick({"Neg", "Square", "Relu"}), "(row)");
  piece.line("write = TensorArrayWriteV3(", into, ", i_body, made, flow_switch:1)");
  piece.line("i_next = NextIteration(i_added)");
  piece.line("flow_next = NextIteration(write)");
  piece.line("flow_exit = Exit(flow_switch)");
  piece.line("y = TensorArrayGatherV3(into, ", range, ", flow_exit) ", dtype);
  piece.has_control_flow = true;
  piece.exports = {"y"};
  return true;
}

constexpr Motif kMotifs[] = {{"tensor_array", 0.3, draw_tensor_array}, {"map", 0.3, draw_map}};

}  // namespace

extern const MotifFile motifs_tensor_arrays;
const MotifFile motifs_tensor_arrays = {kMotifs};

}  // namespace tarn::testing
