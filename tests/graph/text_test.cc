#include "graph/text.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "core/file.h"
#include "graph/algorithms.h"
#include "core/half.h"
#include "tests/support/file_ops.h"
#include "tests/support/tensors.h"

namespace tarn {
namespace {

using testing::file_ops;

Result<Graph> read(std::string_view text) {
  return graph_from_text(text, {.source = "t.txt", .ops = &file_ops()});
}

std::string rewritten(std::string_view text) {
  Result<Graph> graph = read(text);
  return graph.ok() ? graph_to_text(*graph) : graph.status().to_string();
}

TEST(Text, ReadsLikeTheGraph) {
  const char kText[] =
      R"(x: f32[?,4] = Placeholder
w: f32[4,2] = {1, 2, 3, 4, 5, 6, 7, 8.5}
axis: i32[] = -1
label: str[] = "cat"
y: f32? = MatMul(x, w, ^init) on "/device:CPU:0"
z: f32? = Conv2D(y, y) {dilations=[1, 2, 2, 1], padding="SAME", strides=[1, 1, 1, 1]}
init = NoOp
parts: (f32?, f32?) = Split(axis, x) {num_split=2}
sum: f32? = AddN(parts, parts:1, y)
v: ref(f32[3]) = VariableV2
)";
  EXPECT_EQ(rewritten(kText), kText);

  Result<Graph> graph = read(kText);
  ASSERT_TRUE(graph.ok());
  const Node& sum = graph->node(*graph->find("sum"));
  EXPECT_EQ(sum.attrs.get<int64_t>("N"), 3);
  EXPECT_EQ(sum.attrs.get<DType>("T"), DType::kFloat);
  EXPECT_EQ(graph->node(*graph->find("v")).attrs.get<Shape>("shape"), Shape({3}));
  EXPECT_EQ(graph->node(*graph->find("axis")).attrs.get<Tensor>("value").item<int32_t>(), -1);
}

TEST(Text, HandWritingIsTaken) {
  const char kText[] =
      R"(# Comments, blank lines, any order, values over several lines, no types where they are not needed.

  out = Relu( a,   # the input
              ^b )
  a: f32[2] = Placeholder {}
  b = NoOp()
  c: f64 = Placeholder
  k = AllKinds { dtype=f32, s="", i=0x, f=1 }
)";
  Result<Graph> graph = read(kText);
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.status().message(),
            "t.txt:8:37: '0x' is no value; a string needs quotes\n"
            "    k = AllKinds { dtype=f32, s=\"\", i=0x, f=1 }\n"
            "                                      ^");

  std::string good(kText, std::string_view(kText).find("  k ="));
  EXPECT_EQ(rewritten(good), "out: f32[2] = Relu(a, ^b)\na: f32[2] = Placeholder\nb = NoOp\nc: f64? = Placeholder\n");
}

TEST(Text, EveryAttrKindReadsBackIdentically) {
  Result<Graph> graph = import_graph_def(testing::rich_graph_def(), {.ops = &file_ops()});
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  (*graph).set_attr(*graph->find("kinds"), "f", std::bit_cast<float>(0x7fc01234u));
  (*graph).set_attr(*graph->find("kinds"), "lf", std::vector<float>{NAN, -0.0f, 1, 1e30f, -INFINITY});
  (*graph).set_attr(*graph->find("kinds"), "_invalid", DType::kInvalid);

  for (bool types : {true, false}) {
    std::string text = graph_to_text(*graph, {.types = types});
    Result<Graph> again = read(text);
    ASSERT_TRUE(again.ok()) << again.status().to_string() << "\n" << text;
    EXPECT_EQ(graph_difference(*graph, *again), "") << text;
    EXPECT_EQ(graph_to_text(*again, {.types = types}), text);
  }
}

TEST(Text, GraphsOfUnknownOpsReadBackIdentically) {
  static const OpRegistry none{std::span<const OpDef* const>()};
  Result<Graph> graph = import_graph_def(testing::rich_graph_def(), {.allow_unknown_ops = true, .ops = &none});
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();

  std::string text = graph_to_text(*graph);
  Result<Graph> again = graph_from_text(text, {.allow_unknown_ops = true, .ops = &none});

  ASSERT_TRUE(again.ok()) << again.status().to_string() << "\n" << text;
  EXPECT_EQ(graph_difference(*graph, *again), "") << text;
}

TEST(Text, ConstantsAreExactForEveryDType) {
  for (DType dtype : storable_dtypes()) {
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{3, 2}, Shape{1, 7, 9}, Shape{40}}) {
      for (int seed = 0; seed < 8; ++seed) {  // random bits: NaNs, infinities and denormals among them
        Tensor tensor = random_tensor(dtype, shape, seed);
        std::string text = tensor_to_text(tensor, {.max_list_elements = seed % 2 == 0 ? 64 : 4});
        Result<Tensor> again = tensor_from_text(text);
        ASSERT_TRUE(again.ok()) << again.status().to_string() << "\n" << text;
        EXPECT_TRUE(again->identical_to(tensor)) << text;
      }
    }
  }
}

TEST(Text, HalfNumbersRoundTripThroughFloat) {
  for (uint32_t bits = 0; bits < 1u << 16; ++bits) {
    auto half = static_cast<uint16_t>(bits);
    if (!std::isnan(half_to_float(half))) {
      EXPECT_EQ(float_to_half(half_to_float(half)), half);
    }
    if (!std::isnan(bfloat16_to_float(half))) {
      EXPECT_EQ(float_to_bfloat16(bfloat16_to_float(half)), half);
    }
  }
  EXPECT_EQ(half_to_float(0x3c00), 1.0f);
  EXPECT_EQ(half_to_float(0x0001), 0x1p-24f);
  EXPECT_EQ(half_to_float(0x7bff), 65504.0f);
  EXPECT_EQ(float_to_half(65519.0f), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
  EXPECT_EQ(float_to_half(1.0f + 0x1p-11f), 0x3c00);             // a tie: to even
  EXPECT_EQ(float_to_half(1.0f + 0x1p-11f + 0x1p-20f), 0x3c01);  // above it
}

TEST(Text, ShortConstants) {
  auto tensor = [](std::string_view text) {
    Result<Tensor> read = tensor_from_text(text);
    EXPECT_TRUE(read.ok()) << read.status().to_string();
    return read.ok() ? *read : Tensor();
  };
  EXPECT_TRUE(tensor("f32[2,3]zeros").identical_to(*Tensor::zeros(DType::kFloat, {2, 3})));
  EXPECT_TRUE(tensor("i8[3]fill(-3)").identical_to(tensor("i8[3]{-3, -3, -3}")));
  EXPECT_TRUE(tensor("str[2]fill(\"a\\x00\")").identical_to(tensor("str[2]{\"a\\x00\", \"a\\x00\"}")));
  EXPECT_TRUE(tensor("c64[1]{(1, -2)}").identical_to(tensor("c64[1]hex\"0000803f000000c0\"")));
  EXPECT_TRUE(tensor("f32[1]{0x7fc00001}").identical_to(tensor("f32[1]base64\"AQDAfw==\"")));
  EXPECT_EQ(tensor_to_text(tensor("i32[6]fill(7)")), "i32[6]fill(7)");
  EXPECT_EQ(tensor_to_text(tensor("f32[100]zeros")), "f32[100]zeros");
  EXPECT_EQ(tensor_to_text(tensor("f32[5]{0, 0, 0, 0, -0}")), "f32[5]{0, 0, 0, 0, -0}");

  Tensor random = tensor("f32[1000]random(seed=7)");
  EXPECT_TRUE(random.identical_to(tensor("f32[10,100]random(seed=7, min=-1, max=1)").reshaped({1000}).value_or({})));
  EXPECT_FALSE(random.identical_to(tensor("f32[1000]random(seed=8)")));
  double sum = 0;
  for (float v : random.flat<float>()) {
    EXPECT_TRUE(v >= -1 && v < 1);
    sum += v;
  }
  // The mean of 1000 uniform values on [-1, 1) has standard deviation 1 / sqrt(3000) = 0.018; five of them.
  EXPECT_NEAR(sum / 1000, 0, 0.09);
  Tensor small = tensor("i8[500]random(seed=1, min=-3, max=3)");
  for (int8_t v : small.flat<int8_t>()) EXPECT_TRUE(v >= -3 && v < 3);
  // docs/text_format.md: the same on every machine.
  Tensor doubles = tensor("f64[20]random(seed=5, min=0, max=1)");
  for (uint64_t i = 0; i < 20; ++i) {
    uint64_t x = 6 * 0x9e3779b97f4a7c15u + i * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    EXPECT_EQ(doubles.flat<double>()[i], std::ldexp(static_cast<double>(x >> 11), -53));
  }
}

TEST(Text, WritesWhatItIsToldForConstantsItKnows) {
  Result<Graph> graph = read("w: f32[100] = random(seed=3)\nv: f32[50] = random(seed=4)\n");
  ASSERT_TRUE(graph.ok());
  auto literal = [](const Tensor& tensor) { return tensor.element_count() == 100 ? "random(seed=3)" : ""; };
  EXPECT_EQ(graph_to_text(*graph, {.elide_constants = true, .literal = literal}),
            "w: f32[100] = random(seed=3)\nv: f32[50] = {...}\n");
  EXPECT_NE(rewritten("v: f32[50] = {...}").find("was cut when it was written"), std::string::npos);
}

TEST(Text, AttrsLeftOutComeBackOnlyWhereTheyFollow) {
  // The dtype of a Merge follows from its first input, unless that is the back edge.
  const char kText[] =
      R"(x: f32[2] = Placeholder
a: f32[2] = Enter(x) {frame_name="w"}
m: (f32?, i32?) = Merge(a, n)
n: f32? = NextIteration(m)
)";
  EXPECT_EQ(rewritten(kText), kText);
  // ConcatV2's Tidx differs from its default: it follows from the axis.
  const char kConcat[] = "a: i64[] = 0\nx: f32[2] = Placeholder\nc: f32? = ConcatV2(x, x, a)\n";
  EXPECT_EQ(rewritten(kConcat), kConcat);
  EXPECT_EQ(read(kConcat)->node(2).attrs.get<DType>("Tidx"), DType::kInt64);
  // Cast's SrcT follows from the input, DstT from the type before '='.
  const char kCast[] = "x: f32[2] = Placeholder\ny: i32? = Cast(x)\n";
  EXPECT_EQ(rewritten(kCast), kCast);
  EXPECT_NE(rewritten("x: f32[2] = Placeholder\ny = Cast(x)\n").find("Cast 'y': attr 'DstT' (type) is missing"),
            std::string::npos);
  const char kRestore[] = "p: str[] = \"model\"\nn: str[2] = {\"a\", \"b\"}\nr: (f32?, i64?) = RestoreV2(p, n, n)\n";
  EXPECT_EQ(rewritten(kRestore), kRestore);
}

struct BadText {
  std::string_view text;
  std::string_view message;  // its start, or a part of it
};

TEST(Text, ErrorsPointAtTheirPlace) {
  const BadText kBad[] = {
      {"x", "t.txt:1:2: expected '=' after the name, got the end of the text"},
      {"x = ", "t.txt:1:5: expected an op or a constant, got the end of the text"},
      {"\n\nx: f33[2] = Placeholder", "t.txt:3:4: 'f33' is no type"},
      {"x: f32[-2] = Placeholder", "t.txt:1:8: dim -2 is below 0"},
      {"x: f32[2 = Placeholder", "t.txt:1:10: expected ',' after a dim, got '='"},
      {"x = Relu(y", "expected ',' after an input, got the end of the text"},
      {"x = Relu(y) {T=f32", "expected ',' after an attr, got the end of the text"},
      {"x = Relu(y) {T f32}", "t.txt:1:16: expected '=' after an attr's name, got 'f32'"},
      {"x = Relu(y) {T=f32, T=f32}", "t.txt:1:21: attr 'T' is given twice"},
      {"x = Relu(y) z", "t.txt:1:13: expected the end of the line, got 'z'"},
      {"x = Relu(y) on cpu", "t.txt:1:16: expected a device (a string)"},
      {"x = Relu(y) {a=\"open", "expected a value, got a string without its closing '\"'"},
      {"x = Relu(y) {a=\"\\q\"}", "unknown escape '\\q'"},
      {"x = Relu(y) {a=99999999999999999999}", "does not fit into 64 bits"},
      {"x = Relu(y) {a=[1, \"b\"]}", "the elements of a list must be of one kind"},
      {"x = Relu(y) {a=SAME}", "'SAME' is no value; a string needs quotes"},
      {"x = 3", "t.txt:1:5: a constant needs its type before '='"},
      {"x: f32[2] = {1}", "t.txt:1:15: f32[2] takes 2 elements, got 1"},
      {"x: f32[2] = {1, 2, 3}", "f32[2] takes 2 elements, got more"},
      {"x: f32[?] = zeros", "needs a type with all its dims"},
      {"x: i8[1] = {128}", "t.txt:1:13: '128' is no int8 number"},
      {"x: u8[1] = {-1}", "'-1' is no uint8 number"},
      {"x: i32[1] = {1.5}", "'1.5' is no int32 number"},
      {"x: f32[1] = {1.5x}", "'1.5x' is no float number"},
      {"x: bool[1] = {1}", "'1' is neither true nor false"},
      {"x: bool[1] = hex\"02\"", "bool element 0 is 2"},
      {"x: f32[1099511627776] = zeros", "t.txt:1:25: f32[1099511627776] needs 4398046511104 bytes"},
      {"x: f32[4294967296,4294967296,4294967296] = fill(1)", "needs more than 2^63 bytes"},
      {"x: f32[2] = base64\"AAA\"", "no multiple of 4"},
      {"x: f32[2] = base64\"AAAA\"", "f32[2] takes 8 bytes, got 3"},
      {"x: f32[2] = random(sed=1)", "t.txt:1:20: random() takes seed, min and max, not 'sed'"},
      {"x: resource[] = zeros", "there are no constants of resource"},
      {"@version {producer=1}", "t.txt:1:2: expected '@versions {…}'"},
      {"@versions {producer=-1}", "'producer' is none of"},
      {"@library base64\"/w==\"", "not a FunctionDefLibrary: byte 0 of 1"},
      {"é = NoOp", "t.txt:1:1: expected a node's name, got the character"},
      {"x: f32 = Placeholder\ny = Relu(x, z)", "t.txt:2:13: Relu 'y': input 1: 'z': no node 'z' in the graph"},
      {"x: f32 = Placeholder\nx: f32 = Placeholder", "t.txt:2:1: node name 'x' is taken by t.txt:1:1"},
      {"x: i32 = Placeholder\n  y: f32 = Relu(x)", "t.txt:2:3: Relu 'y': input 0 'features' expects float"},
      {"x: f32[2] = Placeholder\ny: f32[3] = Relu(x)", "t.txt:2:4: Relu 'y' gives (f32[2]), not (f32[3])"},
      {"x: (f32, f32) = Placeholder", "Placeholder 'x' gives (f32?), not (f32?, f32?)"},
      {"a = Relu(b) {T=f32}\nb = Relu(a) {T=f32}", "t.txt:1:1: the graph has a cycle: 'a' -> 'b' -> 'a'"},
      {"x = Zorn", "op not supported: Zorn (1 node: 'x')"},
  };
  for (const BadText& bad : kBad) {
    Result<Graph> graph = read(bad.text);
    ASSERT_FALSE(graph.ok()) << bad.text;
    EXPECT_NE(graph.status().message().find(bad.message), std::string::npos) << bad.text << "\n"
                                                                             << graph.status().message();
  }
}

TEST(Text, SyntaxErrorsOfSeveralLinesAreSaidAtOnce) {
  Status status = read("a = (\nb: f32[2] = Placeholder\nc = Relu(b))\nd == NoOp\n").status();
  std::string_view message = status.message();
  EXPECT_NE(message.find("t.txt:3:12"), std::string::npos) << message;
  EXPECT_NE(message.find("t.txt:4:4"), std::string::npos) << message;
}

TEST(Text, CaretStandsUnderTheSpotEvenInLongOrForeignLines) {
  std::string text = "# größe\nx = Relu(y) {a=\"größe\", b=!}";
  Status status = read(text).status();
  EXPECT_NE(status.message().find("t.txt:2:27: expected a value, got the character '!'\n"
                                  "  x = Relu(y) {a=\"größe\", b=!}\n"
                                  "                            ^"),
            std::string::npos)
      << status.message();
  EXPECT_LT(read("x = Relu(" + std::string(100'000, 'y') + "!)").status().message().size(), 400u);
}

TEST(Text, TheExamplesOfTheDocumentationAreRead) {
  Result<std::string> page = read_file(str_cat(TARN_SOURCE_DIR, "/docs/text_format.md"));
  ASSERT_TRUE(page.ok()) << page.status().to_string();
  size_t begin = page->find("```\n") + 4;
  Result<Graph> graph =
      graph_from_text(page->substr(begin, page->find("```", begin) - begin), {.allow_unknown_ops = true});
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  EXPECT_EQ(graph->node_count(), 7);

  int constants = 0;
  for (size_t at = page->find("| `k: "); at != std::string::npos; at = page->find("| `k: ", at + 1)) {
    std::string line = page->substr(at + 3, page->find('`', at + 3) - at - 3);
    if (line.find("…") != std::string::npos) continue;  // base64 in part
    EXPECT_TRUE(read(line).ok()) << read(line).status().to_string();
    ++constants;
  }
  EXPECT_EQ(constants, 6);
}

TEST(Text, NestingIsLimited) {
  std::string text = "x = NoOp {a=" + std::string(100'000, '[');
  EXPECT_NE(read(text).status().message().find("nested more than 64 deep"), std::string::npos);
}

}  // namespace
}  // namespace tarn
