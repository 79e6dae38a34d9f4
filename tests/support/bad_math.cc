#include "tests/support/bad_operators.h"

namespace tarn::testing {

std::vector<BadOperator> bad_math() {
  const std::string k2x3 = "f32[2,3]random(seed=1)", k1x2x2x2 = "f32[1,2,2,2]random(seed=2)";
  std::vector<BadOperator> cases = {
      {82, "4 rows for 3 columns", "MatMul", {k2x3, "f32[4,5]zeros"}, "", {"[2,3]", "[4,5]"}},
      {82, "rank 3", "MatMul", {"f32[1,2,3]zeros", "f32[3,2]zeros"}, "", {"[1,2,3]"}},
      {82, "scalars", "MatMul", {"f32[]{1}", "f32[]{2}"}, "", {"[]"}},
      {82, "16 GiB of nothing", "MatMul", {"f32[65536,0]zeros", "f32[0,65536]zeros"}, "", {"17179869184"}},
      {82, "other batches", "BatchMatMul", {"f32[2,2,3]zeros", "f32[3,3,2]zeros"}, "", {"[2,2,3]", "[3,3,2]"}},
      {82, "other batches", "BatchMatMulV2", {"f32[2,2,3]zeros", "f32[3,3,2]zeros"}, "", {"[2,2,3]", "[3,3,2]"}},
      {82, "16 GiB", "BatchMatMulV2", {"f32[65536,1,1]zeros", "f32[1,1,65536]zeros"}, "", {"17179869184"}},

      {83, "5 biases for 2 channels", "BiasAdd", {k1x2x2x2, "f32[5]zeros"}, "", {"[5]", "[1,2,2,2]"}},
      {83, "a scalar bias", "BiasAdd", {k1x2x2x2, "f32[]{1}"}, "", {"bias", "[]"}},
      {83, "biases of rank 2", "BiasAdd", {k1x2x2x2, "f32[1,2]zeros"}, "", {"bias", "[1,2]"}},
      {83, "a scalar value", "BiasAdd", {"f32[]{1}", "f32[1]zeros"}, "", {"value", "[]"}},
      {83, "shapes that do not fit", "Add", {k2x3, "f32[2,4]zeros"}, "", {"[2,3]", "[2,4]"}},
      {83, "64 GiB", "Add", {"f32[131072,1]zeros", "f32[1,131072]zeros"}, "", {"68719476736"}},

      {88, "an integer by 0", "FloorDiv", {"i32[2]{1, 2}", "i32[2]{1, 0}"}, "", {"zero"}},
      {88, "an integer modulo 0", "FloorMod", {"i32[2]{1, 2}", "i32[]{0}"}, "", {"zero"}},
      {88, "an integer by 0", "Div", {"i64[2]{1, 2}", "i64[2]{1, 0}"}, "", {"zero"}},
      {88, "an integer by 0", "TruncateDiv", {"i32[1]{1}", "i32[1]{0}"}, "", {"zero"}},
      {88, "an integer modulo 0", "TruncateMod", {"i32[1]{1}", "i32[1]{0}"}, "", {"zero"}},
      {88, "an integer modulo 0", "Mod", {"i32[1]{1}", "i32[1]{0}"}, "", {"zero"}},
      {88, "-2^31 by -1", "FloorDiv", {"i32[1]{-2147483648}", "i32[1]{-1}"}, "", {}, "i32[1]{-2147483648}"},
      {88,
       "-2^63 by -1",
       "Div",
       {"i64[1]{-9223372036854775808}", "i64[1]{-1}"},
       "",
       {},
       "i64[1]{-9223372036854775808}"},
      {88, "-2^31 modulo -1", "FloorMod", {"i32[1]{-2147483648}", "i32[1]{-1}"}, "", {}, "i32[1]{0}"},
      {88, "-2^31 modulo -1", "TruncateMod", {"i32[1]{-2147483648}", "i32[1]{-1}"}, "", {}, "i32[1]{0}"},
      {88, "-2^31 negated", "Neg", {"i32[1]{-2147483648}"}, "", {}, "i32[1]{-2147483648}"},
      {88, "the size of -2^31", "Abs", {"i32[1]{-2147483648}"}, "", {}, "i32[1]{-2147483648}"},
      {88, "2 to the -1st", "Pow", {"i32[1]{2}", "i32[1]{-1}"}, "", {"negative", "-1"}},
      // TensorFlow gives what the processor does, on x86 the smallest number for all three.
      {88, "NaN as an integer", "Cast", {"f32[1]{nan}"}, "DstT=i32", {}, "i32[1]{0}"},
      {88,
       "too large for an integer",
       "Cast",
       {"f32[2]{1e30, -1e30}"},
       "DstT=i32",
       {},
       "i32[2]{2147483647, -2147483648}"},

      {89, "label 99", "SparseSoftmaxCrossEntropyWithLogits", {k2x3, "i32[2]{0, 99}"}, "", {"label 99", "row 1", "3"}},
      {89, "label -1", "SparseSoftmaxCrossEntropyWithLogits", {k2x3, "i32[2]{-1, 0}"}, "", {"label -1", "row 0", "3"}},
      {89, "3 labels for 2 rows", "SparseSoftmaxCrossEntropyWithLogits", {k2x3, "i32[3]zeros"}, "", {"[2,3]", "[3]"}},
      // As TensorFlow: a class that is not there is not among the first.
      {89, "class 99", "InTopK", {k2x3, "i32[2]{0, 99}"}, "k=3", {}, "bool[2]{true, false}"},
      {89, "2 rows, 1 target", "InTopK", {k2x3, "i32[1]{0}"}, "k=1", {"[2,3]", "[1]"}},
      {89, "other classes", "SoftmaxCrossEntropyWithLogits", {k2x3, "f32[2,4]zeros"}, "", {"[2,3]", "[2,4]"}},

      {90, "no range", "Dequantize", {"qu8[2]{1, 2}", "f32[0]zeros", "f32[0]zeros"}, "", {"min_range", "[0]"}},
      {90, "two ranges", "Dequantize", {"qu8[2]{1, 2}", "f32[2]zeros", "f32[2]fill(1)"}, "", {"min_range", "[2]"}},
      {90, "axis 9", "Dequantize", {"qu8[2]{1, 2}", "f32[2]zeros", "f32[2]fill(1)"}, "axis=9", {"axis", "9"}},
      {90,
       "1 bit",
       "FakeQuantWithMinMaxVars",
       {k2x3, "f32[]{0}", "f32[]{1}"},
       "num_bits=1",
       {"num_bits", "1", "2", "16"}},
      {90,
       "99 bits",
       "FakeQuantWithMinMaxVars",
       {k2x3, "f32[]{0}", "f32[]{1}"},
       "num_bits=99",
       {"num_bits", "99", "16"}},
      {90, "two minima", "FakeQuantWithMinMaxVars", {k2x3, "f32[2]zeros", "f32[]{1}"}, "", {"min", "[2]"}},

      {92, "a width of %n", "AsString", {"f32[1]{1}"}, "fill=\"%n\"", {"fill", "%n"}},
      {92, "what reads files", "MatchingFiles", {"str[]{\"/etc/*\"}"}, "", {}},
      {92, "what runs Python", "PyFunc", {"f32[1]{1}"}, "token=\"t\", Tin=[f32], Tout=[f32]", {}},
      {92,
       "what maps files",
       "ImmutableConst",
       {},
       "dtype=f32, shape=shape[1], memory_region_name=\"/etc/passwd\"",
       {}},
      {92, "what writes to the log", "Print", {"f32[1]{1}", "f32[1]{1}"}, "U=[f32], T=f32", {}},
  };
  return cases;
}

}  // namespace tarn::testing
