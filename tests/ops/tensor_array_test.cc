// TensorArrays by session and engine; expected values by hand.
#include <gtest/gtest.h>

#include "graph/session.h"
#include "graph/text.h"
#include "tests/ops/harness.h"
#include "tests/support/text_runs.h"

namespace tarn::testing {
namespace {

constexpr const char* kHandles = "its handle is one that only the executor has; run as part of graphs here";
#define ONLY_IN_GRAPHS(op)                 \
  TARN_OP_WITHOUT_CASES(op, kHandles);     \
  TARN_OP_WITHOUT_CASES(op##V2, kHandles); \
  TARN_OP_WITHOUT_CASES(op##V3, kHandles)
ONLY_IN_GRAPHS(TensorArray);
ONLY_IN_GRAPHS(TensorArrayGrad);
ONLY_IN_GRAPHS(TensorArrayWrite);
ONLY_IN_GRAPHS(TensorArrayRead);
ONLY_IN_GRAPHS(TensorArrayGather);
ONLY_IN_GRAPHS(TensorArrayScatter);
ONLY_IN_GRAPHS(TensorArraySplit);
ONLY_IN_GRAPHS(TensorArrayConcat);
ONLY_IN_GRAPHS(TensorArraySize);
ONLY_IN_GRAPHS(TensorArrayClose);
TARN_OP_WITHOUT_CASES(TensorArrayPack, kHandles);
TARN_OP_WITHOUT_CASES(TensorArrayUnpack, kHandles);
TARN_OP_WITHOUT_CASES(TensorArrayGradWithShape, kHandles);

// Numbers 0 … 3 and indices, for all graphs here.
constexpr std::string_view kNumbers = R"(
zero: i32[] = 0
one: i32[] = 1
two: i32[] = 2
three: i32[] = 3
)";

std::string both(std::string_view text, const std::vector<std::string>& fetches, const Feeds& feeds = {}) {
  return run(str_cat(kNumbers, text), feeds, fetches);
}

TEST(TensorArray, GivesBackWhatWasWrittenInAnyOrder) {
  EXPECT_EQ(both(R"(
a: f32[2] = Placeholder
b: f32[2] = Neg(a)
array = TensorArrayV3(two) {dtype=f32}
w1 = TensorArrayWriteV3(array, one, a, array:1)
w0 = TensorArrayWriteV3(array, zero, b, w1)
r1 = TensorArrayReadV3(array, one, w0) {dtype=f32}
r0 = TensorArrayReadV3(array, zero, w0) {dtype=f32}
)",
                 {"r0", "r1"}, {{"a", Tensor::from<float>({2}, {1, 2})}}),
            "f32[2]{-1, -2} f32[2]{1, 2}");
}

TEST(TensorArray, OfVersion2HasAStringHandle) {
  EXPECT_EQ(both(R"(
a: f32[2] = Placeholder
flow: f32[] = 1
array = TensorArrayV2(two) {dtype=f32, tensor_array_name="mine"}
w1 = TensorArrayWriteV2(array, one, a, flow)
w0 = TensorArrayWriteV2(array, zero, a, w1)
both: i32[2] = {1, 0}
g = TensorArrayGatherV2(array, both, w0) {dtype=f32}
size = TensorArraySizeV2(array, w0)
)",
                 {"g", "size", "array"}, {{"a", Tensor::from<float>({2}, {1, 2})}}),
            "f32[2,2]{1, 2, 1, 2} i32[]{2} str[2]{'_tensor_arrays', 'mine'}");
}

TEST(TensorArray, OfVersion1HasAReference) {
  EXPECT_EQ(both(R"(
x: f32[3,2] = Placeholder
flow: f32[] = 1
indices: i32[2] = {2, 0}
array = TensorArray(three) {dtype=f32, tensor_array_name="first", clear_after_read=false}
u = TensorArrayUnpack(array, x, flow)
g = TensorArrayGather(array, indices, u) {dtype=f32}
r = TensorArrayRead(array, one, u) {dtype=f32}
p = TensorArrayPack(array, u) {dtype=f32}
size = TensorArraySize(array, u)
late = Identity(flow, ^g, ^r, ^p)
grad = TensorArrayGrad(array, late) {source="g"}
w = TensorArrayWrite(grad, one, r, late)
more = TensorArrayWrite(grad, one, r, w)
d = TensorArrayPack(grad, more) {dtype=f32}
lengths: i64[2] = {2, 1}
s = TensorArraySplit(other2, x, lengths, flow)
c = TensorArrayConcat(other2, s) {dtype=f32}
other2 = TensorArray(two) {dtype=f32}
)",
                 {"g", "r", "p", "size", "d", "c", "c:1"}, {{"x", Tensor::from<float>({3, 2}, {1, 2, 3, 4, 5, 6})}}),
            "f32[2,2]{5, 6, 1, 2} f32[2]{3, 4} f32[3,2]{1, 2, 3, 4, 5, 6} i32[]{3} f32[3,2]{0, 0, 6, 8, 0, 0} "
            "f32[3,2]{1, 2, 3, 4, 5, 6} i64[2]{2, 1}");
}

TEST(TensorArray, GradientsMayHaveMoreDimsInFront) {
  EXPECT_EQ(both(R"(
x: f32[2] = Placeholder
wide: f32[3,2] = {1, 2, 3, 4, 5, 6}
front: i32[1] = {3}
array = TensorArrayV3(two) {dtype=f32}
w0 = TensorArrayWriteV3(array, zero, x, array:1)
w1 = TensorArrayWriteV3(array, one, x, w0)
grad = TensorArrayGradWithShape(array, w1, front) {source="g"}
g0 = TensorArrayWriteV3(grad, one, wide, grad:1)
g1 = TensorArrayWriteV3(grad, one, wide, g0)
d1 = TensorArrayReadV3(grad, one, g1) {dtype=f32}
d0 = TensorArrayReadV3(grad, zero, g1) {dtype=f32}
)",
                 {"d0", "d1"}, {{"x", Tensor::from<float>({2}, {1, 2})}}),
            "f32[3,2]{0, 0, 0, 0, 0, 0} f32[3,2]{2, 4, 6, 8, 10, 12}");
}

TEST(TensorArray, ScattersAndGathers) {
  std::string text = R"(
x: f32[3,2] = Placeholder
indices: i32[3] = {2, 0, 1}
back: i32[2] = {2, 1}
array = TensorArrayV3(three) {dtype=f32}
s = TensorArrayScatterV3(array, indices, x, array:1)
g = TensorArrayGatherV3(array, back, s) {dtype=f32}
size = TensorArraySizeV3(array, s)
)";
  EXPECT_EQ(both(text, {"g", "size"}, {{"x", Tensor::from<float>({3, 2}, {1, 2, 3, 4, 5, 6})}}),
            "f32[2,2]{1, 2, 5, 6} i32[]{3}");
}

TEST(TensorArray, KnowsTheShapeOfItsElementsWhileItIsCompiled) {
  Result<Graph> graph = graph_from_text(str_cat(kNumbers, R"(
x: f32[3,2] = Placeholder
indices: i32[3] = {2, 0, 1}
array = TensorArrayV3(three) {dtype=f32}
s = TensorArrayScatterV3(array, indices, x, array:1)
r = TensorArrayReadV3(array, one, s) {dtype=f32}
size = TensorArraySizeV3(array, s)
all = Range(zero, size, one)
g = TensorArrayGatherV3(array, all, s) {dtype=f32}
)"));
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  Session session(*graph, {.threads = 1});
  auto facts = [&](const std::string& fetch) {
    auto program = session.program({{"x", Tensor::from<float>({3, 2}, {1, 2, 3, 4, 5, 6})}}, {fetch}, {});
    return program.ok() ? (*program)->fetches[0].to_string() : program.status().to_string();
  };
  EXPECT_EQ(facts("r"), "f32[2]");
  EXPECT_EQ(facts("g"), "f32[3,2]");
}

TEST(TensorArray, OfElementsOfSeveralShapesConcatenatesAndSplits) {
  EXPECT_EQ(both(R"(
x: f32[4,2] = Placeholder
lengths: i64[3] = {1, 0, 3}
array = TensorArrayV3(three) {dtype=f32, clear_after_read=false}
s = TensorArraySplitV3(array, x, lengths, array:1)
r2 = TensorArrayReadV3(array, two, s) {dtype=f32}
r1 = TensorArrayReadV3(array, one, s) {dtype=f32}
c = TensorArrayConcatV3(array, s) {dtype=f32}
)",
                 {"r1", "r2", "c", "c:1"}, {{"x", Tensor::from<float>({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8})}}),
            "f32[0,2]{} f32[3,2]{3, 4, 5, 6, 7, 8} f32[4,2]{1, 2, 3, 4, 5, 6, 7, 8} i64[3]{1, 0, 3}");
}

TEST(TensorArray, GrowsIfItIsDynamic) {
  EXPECT_EQ(both(R"(
a: i64[1] = Placeholder
array = TensorArrayV3(zero) {dtype=i64, dynamic_size=true, element_shape=[1]}
w = TensorArrayWriteV3(array, two, a, array:1)
size = TensorArraySizeV3(array, w)
all = Range(zero, size, one)
g = TensorArrayGatherV3(array, all, w) {dtype=i64, element_shape=[1]}
)",
                 {"g", "size"}, {{"a", Tensor::from<int64_t>({1}, {7})}}),
            "i64[3,1]{0, 0, 7} i32[]{3}");
}

TEST(TensorArray, HoldsEveryType) {
  for (const char* dtype : {"u8", "i8", "i16", "u16", "i32", "i64", "u32", "u64", "f16", "bf16", "f64", "bool"}) {
    SCOPED_TRACE(dtype);
    std::string text = R"(
x: f32[2] = Placeholder
v = Cast(x) {SrcT=f32, DstT=TYPE}
array = TensorArrayV3(one) {dtype=TYPE}
w = TensorArrayWriteV3(array, zero, v, array:1)
r = TensorArrayReadV3(array, zero, w) {dtype=TYPE}
same = Cast(r) {SrcT=TYPE, DstT=f32}
grad = TensorArrayGradV3(array, w) {source="g"}
g0 = TensorArrayWriteV3(grad, zero, v, grad:1)
g1 = TensorArrayWriteV3(grad, zero, v, g0)
added = TensorArrayReadV3(grad, zero, g1) {dtype=TYPE}
twice = Cast(added) {SrcT=TYPE, DstT=f32}
)";
    for (size_t at = text.find("TYPE"); at != std::string::npos; at = text.find("TYPE")) text.replace(at, 4, dtype);
    Feeds feeds = {{"x", Tensor::from<float>({2}, {1, 0})}};
    EXPECT_EQ(both(text, {"same"}, feeds), "f32[2]{1, 0}");
    if (std::string_view(dtype) == "bool") {
      EXPECT_NE(both(text, {"twice"}, feeds).find("values of bool cannot be added"), std::string::npos);
    } else {
      EXPECT_EQ(both(text, {"twice"}, feeds), "f32[2]{2, 0}");
    }
  }
  EXPECT_EQ(both(R"(
v: str[2] = {"one", "a long string that lies on the heap"}
array = TensorArrayV3(two) {dtype=str}
w0 = TensorArrayWriteV3(array, zero, v, array:1)
w1 = TensorArrayWriteV3(array, one, v, w0)
both: i32[2] = {0, 1}
g = TensorArrayGatherV3(array, both, w1) {dtype=str}
)",
                 {"g"}),
            "str[2,2]{'one', 'a long string that lies on the heap', 'one', 'a long string that lies on the heap'}");
}

// for (i = 0; i < n; ++i) out[i] = in[i] * 2
constexpr std::string_view kMap = R"(
x: f32[?,2] = Placeholder
shape = Shape(x)
begin: i32[1] = {0}
end: i32[1] = {1}
n = StridedSlice(shape, begin, end, end) {shrink_axis_mask=1}
all = Range(zero, n, one)
in = TensorArrayV3(n) {dtype=f32}
out = TensorArrayV3(n) {dtype=f32}
in_flow = TensorArrayScatterV3(in, all, x, in:1)
i_enter = Enter(zero) {frame_name="map"}
flow_enter = Enter(out:1) {frame_name="map"}
n_enter = Enter(n) {frame_name="map", is_constant=true}
one_enter = Enter(one) {frame_name="map", is_constant=true}
in_enter = Enter(in) {frame_name="map", is_constant=true}
in_flow_enter = Enter(in_flow) {frame_name="map", is_constant=true}
out_enter = Enter(out) {frame_name="map", is_constant=true}
i = Merge(i_enter, i_next)
flow = Merge(flow_enter, flow_next)
cond = LoopCond(less)
less = Less(i, n_enter)
i_switch = Switch(i, cond)
flow_switch = Switch(flow, cond)
i_body = Identity(i_switch:1)
read = TensorArrayReadV3(in_enter, i_body, in_flow_enter) {dtype=f32}
twice = Add(read, read)
write = TensorArrayWriteV3(out_enter, i_body, twice, flow_switch:1)
i_added = Add(i_body, one_enter)
i_next = NextIteration(i_added)
flow_next = NextIteration(write)
flow_exit = Exit(flow_switch)
size = TensorArraySizeV3(out, flow_exit)
indices = Range(zero, size, one)
y = TensorArrayGatherV3(out, indices, flow_exit) {dtype=f32, element_shape=[2]}
)";

TEST(TensorArray, IsFilledByALoop) {
  EXPECT_EQ(both(kMap, {"y"}, {{"x", Tensor::from<float>({3, 2}, {1, 2, 3, 4, 5, 6})}}),
            "f32[3,2]{2, 4, 6, 8, 10, 12}");
  EXPECT_EQ(both(kMap, {"y"}, {{"x", Tensor::from<float>({0, 2}, {})}}), "f32[0,2]{}");
}

TEST(TensorArray, InALoopLeavesNothingToBeKnownAtRunTime) {
  Result<Graph> graph = graph_from_text(str_cat(kNumbers, kMap));
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  Session session(*graph, {.threads = 1});
  auto program = session.program({{"x", Tensor::from<float>({3, 2}, {1, 2, 3, 4, 5, 6})}}, {"y"}, {});
  ASSERT_TRUE(program.ok()) << program.status().to_string();
  EXPECT_EQ((*program)->fetches[0].to_string(), "f32[3,2]");
  for (const Value& value : (*program)->values) {
    bool is_handle = value.fact.dtype == DType::kResource;
    EXPECT_TRUE(is_handle || value.kind != ValueKind::kDynamic) << value.fact.to_string();
  }
}

TEST(TensorArrayGradients, AddWhatIsWrittenAgain) {
  EXPECT_EQ(both(R"(
a: f32[2] = Placeholder
array = TensorArrayV3(two) {dtype=f32}
w0 = TensorArrayWriteV3(array, zero, a, array:1)
w1 = TensorArrayWriteV3(array, one, a, w0)
grad = TensorArrayGradV3(array, w1) {source="gradients"}
g0 = TensorArrayWriteV3(grad, zero, a, grad:1)
g00 = TensorArrayWriteV3(grad, zero, a, g0)
same = TensorArrayGradV3(array, g00) {source="gradients"}
r0 = TensorArrayReadV3(same, zero, same:1) {dtype=f32}
r1 = TensorArrayReadV3(same, one, same:1) {dtype=f32}
other = TensorArrayGradV3(array, w1) {source="gradients_1"}
r2 = TensorArrayReadV3(other, zero, other:1) {dtype=f32}
)",
                 {"r0", "r1", "r2"}, {{"a", Tensor::from<float>({2}, {1, 2})}}),
            "f32[2]{2, 4} f32[2]{0, 0} f32[2]{0, 0}");
}

struct Mistake {
  const char* what;
  const char* text;
  const char* fetch;
  const char* message;
};
const Mistake kMistakes[] = {
    {"WrittenTwice", "w = TensorArrayWriteV3(array, zero, a, array:1)\nv = TensorArrayWriteV3(array, zero, a, w)\n",
     "v", "could not write to index 0 because it has already been written to"},
    {"WrittenAfterRead",
     "w = TensorArrayWriteV3(array, zero, a, array:1)\nr = TensorArrayReadV3(array, zero, w) {dtype=f32}\nv = "
     "TensorArrayWriteV3(array, zero, r, w)\n",
     "v", "could not write to index 0 because it has already been read"},
    {"ReadTwice",
     "w = TensorArrayWriteV3(array, zero, a, array:1)\nr = TensorArrayReadV3(array, zero, w) {dtype=f32}\nflow = "
     "Identity(w, ^r)\nv = TensorArrayReadV3(array, zero, flow) {dtype=f32}\n",
     "v", "could not read index 0 twice because it was cleared after a previous read"},
    {"NeverWritten", "v = TensorArrayReadV3(array, one, array:1) {dtype=f32}\n", "v",
     "could not read from index 1 because it was never written"},
    {"BeyondTheEnd", "v = TensorArrayWriteV3(array, two, a, array:1)\n", "v",
     "index 2 is beyond its end: the array is not resizeable and its size is 2"},
    {"ReadBeyondTheEnd", "v = TensorArrayReadV3(array, three, array:1) {dtype=f32}\n", "v",
     "tried to read from index 3 but the array's size is 2"},
    {"Negative", "minus = Neg(one)\nv = TensorArrayWriteV3(array, minus, a, array:1)\n", "v",
     "could not write to index -1 because it is negative"},
    {"OfAnotherType", "v = TensorArrayWriteV3(array, zero, three, array:1)\n", "v",
     "holds float, a value to be written is int32"},
    {"ReadAsAnotherType",
     "w = TensorArrayWriteV3(array, zero, a, array:1)\nv = TensorArrayReadV3(array, zero, w) {dtype=i32}\n", "v",
     "holds float, not int32"},
    {"OfAnotherShape",
     "fixed = TensorArrayV3(two) {dtype=f32, element_shape=[3]}\nv = TensorArrayWriteV3(fixed, zero, a, fixed:1)\n",
     "v", "could not write to index 0 because the value has shape [2], an element [3]"},
    {"OfShapesThatDiffer",
     "same = TensorArrayV3(two) {dtype=f32, identical_element_shapes=true}\nb: f32[1] = {1}\nw = "
     "TensorArrayWriteV3(same, zero, a, same:1)\nv = TensorArrayWriteV3(same, one, b, w)\n",
     "v", "could not write to index 1 because the value has shape [1], an element [2]"},
    {"GatheredOfShapesThatDiffer",
     "b: f32[1] = {1}\nw = TensorArrayWriteV3(array, zero, a, array:1)\nu = TensorArrayWriteV3(array, one, b, w)\nall: "
     "i32[2] = {0, 1}\nv = TensorArrayGatherV3(array, all, u) {dtype=f32}\n",
     "v", "the elements have different shapes: index 0 has [2], index 1 [1]"},
    {"Negative size", "minus = Neg(one)\nbad = TensorArrayV3(minus) {dtype=f32}\nv = TensorArraySizeV3(bad, bad:1)\n",
     "v", "TensorArray size must be >= 0, is -1"},
    {"A huge size",
     "many: i32[] = 2147483647\nbad = TensorArrayV3(many) {dtype=f32}\nw = TensorArrayWriteV3(bad, zero, a, bad:1)\nv "
     "= "
     "TensorArrayReadV3(bad, zero, w) {dtype=f32}\n",
     "v", "TensorArray size 2147483647 is above 4194304"},
    {"A huge index",
     "many: i32[] = 2147483647\ndyn = TensorArrayV3(zero) {dtype=f32, dynamic_size=true}\nv = TensorArrayWriteV3(dyn, "
     "many, a, dyn:1)\n",
     "v", "index 2147483647 needs more than 4194304 elements"},
    {"Closed",
     "close = TensorArrayCloseV3(array)\nflow = Identity(array:1, ^close)\nv = TensorArrayWriteV3(array, zero, a, "
     "flow)\n",
     "v", "has already been closed"},
    {"LengthsThatAreTooFew", "lengths: i64[2] = {1, 0}\nv = TensorArraySplitV3(array, a, lengths, array:1)\n", "v",
     "the lengths are 1 in all, but the value has 2 rows"},
    {"ConcatenatedScalars",
     "s: f32[] = 1\nw = TensorArrayWriteV3(array, zero, s, array:1)\nu = TensorArrayWriteV3(array, one, s, w)\nv = "
     "TensorArrayConcatV3(array, u) {dtype=f32}\n",
     "v", "index 0 is a scalar"},
    {"MoreRowsThanCanBeCounted",
     "many: i32[] = 4194304\nbig = TensorArrayV3(many) {dtype=f32, element_shape=shape[4398046511104]}\nv = "
     "TensorArrayConcatV3(big, big:1) {dtype=f32}\n",
     "v", "the elements have more than 2^63 rows in all"},
    {"NoHandle", "h = VarHandleOp {dtype=f32, shape=shape[2]}\nv = TensorArraySizeV3(h, array:1)\n", "v",
     "is a handle on a variable, which this op does not take"},
};

TEST(TensorArray, MistakesAreNamed) {
  for (const Mistake& mistake : kMistakes) {
    SCOPED_TRACE(mistake.what);
    std::string text = str_cat(
        "a: f32[2] = Placeholder\narray = TensorArrayV3(two) {dtype=f32, tensor_array_name=\"mine\"}\n", mistake.text);
    std::string message = both(text, {mistake.fetch}, {{"a", Tensor::from<float>({2}, {1, 2})}});
    EXPECT_NE(message.find(mistake.message), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace tarn::testing
