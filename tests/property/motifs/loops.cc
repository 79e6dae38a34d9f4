// Loops.
#include "tests/property/motif_parts.h"

namespace tarn::testing {
namespace {

// while (i < n) { x = f(x); i += 1 }
bool draw_loop(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen x = choose(piece);
  std::string frame = str_cat(" {frame_name=\"loop", random.below(1 << 20), "\"");
  std::string begin = lines.scalar(DType::kInt32, 0);
  Tensor count = Tensor::scalar<int32_t>(random.below(4));
  std::string n = random.chance(0.5) ? piece.constant("n", count) : piece.placeholder("n", count);
  std::string by = piece.weights("by", x.dtype, {});
  std::string i_enter = lines("Enter(", begin, ")", frame, "}"), x_enter = lines("Enter(", x.name, ")", frame, "}");
  std::string n_enter = lines("Enter(", n, ")", frame, ", is_constant=true}");
  std::string by_enter = lines("Enter(", by, ")", frame, ", is_constant=true}");
  piece.line("i = Merge(", i_enter, ", i_next)");
  piece.line("x_merge = Merge(", x_enter, ", x_next)");
  piece.line("less = Less(i, ", n_enter, ")");
  piece.line("cond = LoopCond(less)");
  piece.line("i_switch = Switch(i, cond)");
  piece.line("x_switch = Switch(x_merge, cond)");
  piece.line("i_body = Identity(i_switch:1)");
  piece.line("one = Const(^i_body) {dtype=i32, value=i32[]{1}}");
  piece.line("i_added = Add(i_body, one)");
  std::string body = lines(random.pick({"Mul(", "Add(", "Sub(", "Maximum("}), "x_switch:1, ", by_enter, ")");
  if (random.chance(0.4)) {  // does not change from round to round
    std::string fixed = lines("Neg(", lines("Mul(", by_enter, ", ", by_enter, ")"), ")");
    body = lines("Add(", body, ", ", fixed, ")");
  }
  if (random.chance(0.3)) body = lines("Identity(", body, ")");
  piece.line("i_next = NextIteration(i_added)");
  piece.line("x_next = NextIteration(", body, ")");
  piece.line("x_exit = Exit(x_switch)");
  piece.line("i_exit = Exit(i_switch)");
  piece.has_control_flow = true;
  piece.exports = {"x_exit"};
  if (random.chance(0.4)) piece.exports.push_back("i_exit");
  return true;
}

constexpr Motif kMotifs[] = {
    {"loop", 0.8, draw_loop},
};

}  // namespace

extern const MotifFile motifs_loops;
const MotifFile motifs_loops = {kMotifs};

}  // namespace tarn::testing
