#include <gtest/gtest.h>

#include "tests/ops/harness.h"
#include "tests/ops/stateless_services.h"

namespace tarn::testing {
namespace {

TARN_OP_WITHOUT_CASES(MergeV2Checkpoints, "needs files: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(ReadFile, "needs a FileReader: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(HashTable, "needs a ResourceMap: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(HashTableV2, "needs a ResourceMap: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(MutableHashTable, "needs a ResourceMap: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(MutableHashTableV2, "needs a ResourceMap: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(InitializeTable, "its input is a table: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(InitializeTableV2, "its input is a table: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(InitializeTableFromTextFile, "its input is a table: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(InitializeTableFromTextFileV2, "its input is a table: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(LookupTableFind, "its input is a table: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(LookupTableFindV2, "its input is a table: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(LookupTableInsert, "its input is a table: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(LookupTableInsertV2, "its input is a table: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(LookupTableImport, "its input is a table: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(LookupTableImportV2, "its input is a table: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(LookupTableRemoveV2, "its input is a table: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(LookupTableSize, "its input is a table: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(LookupTableSizeV2, "its input is a table: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(LookupTableExport, "its input is a table: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(LookupTableExportV2, "its input is a table: tests/graph/table_test.cc");
TARN_OP_WITHOUT_CASES(DecodeJpeg, "needs an ImageCodec: tests/graph/picture_test.cc");
TARN_OP_WITHOUT_CASES(DecodePng, "needs an ImageCodec: tests/graph/picture_test.cc");
TARN_OP_WITHOUT_CASES(DecodeGif, "needs an ImageCodec: tests/graph/picture_test.cc");
TARN_OP_WITHOUT_CASES(DecodeBmp, "needs an ImageCodec: tests/graph/picture_test.cc");
TARN_OP_WITHOUT_CASES(DecodeImage, "needs an ImageCodec: tests/graph/picture_test.cc");
TARN_OP_WITHOUT_CASES(EncodeJpeg, "needs an ImageCodec: tests/graph/picture_test.cc");
TARN_OP_WITHOUT_CASES(EncodePng, "needs an ImageCodec: tests/graph/picture_test.cc");

Tensor text(std::initializer_list<std::string> values) {
  return Tensor::from<std::string>({static_cast<int64_t>(values.size())}, values);
}

std::string refusal(std::string_view op, const AttrMap& attrs, const Tensors& inputs) {
  Result<Tensors> y = evaluate_op(op_table(), op, attrs, inputs, {.services = &stateless_services()});
  return y.ok() ? "accepted" : std::string(y.status().message());
}

TEST(StringToNumber, NamesTheTextThatIsNoNumber) {
  for (const char* bad :
       {"", "1 2", "1e", "0x", "0x1p3", "1_0", "1f", "-", "infx", "nan(3)", "1,5", "+-1", "infinity"}) {
    std::string words = refusal("StringToNumber", {{"out_type", DType::kFloat}}, {text({"1", bad})});
    EXPECT_NE(words.find(str_cat("could not correctly convert string: ", quoted(bad))), std::string::npos) << words;
  }
  for (const char* bad : {"+1", "1.0", "2147483648", "0x10", "  ", ""}) {
    EXPECT_NE(refusal("StringToNumber", {{"out_type", DType::kInt32}}, {text({bad})}), "accepted") << bad;
  }
}

TEST(AsString, RefusesFillsAndAttrsThatCouldBeAFormat) {
  Tensor x = Tensor::from<float>({1}, {1.5f});
  for (const AttrMap& attrs :
       {AttrMap{{"fill", "%n"}}, AttrMap{{"fill", "n"}}, AttrMap{{"fill", "00"}}, AttrMap{{"width", int64_t{1} << 40}},
        AttrMap{{"precision", -2}}, AttrMap{{"scientific", true}, {"shortest", true}}}) {
    EXPECT_NE(refusal("AsString", attrs, {x}), "accepted");
  }
  EXPECT_NE(refusal("AsString", {{"precision", 2}}, {ints({1}, {1})}), "accepted");
}

TEST(Substr, NamesPositionsOutside) {
  EXPECT_NE(
      refusal("Substr", {}, {text({"abc"}), ints({}, {4}), ints({}, {1})}).find("pos 4 out of range for string 'abc'"),
      std::string::npos);
  EXPECT_EQ(refusal("Substr", {}, {text({"abc"}), ints({}, {3}), ints({}, {INT32_MAX})}), "accepted");
}

TEST(Substr, CountsANegativeLengthOfCharactersFromTheStartOnly) {
  EXPECT_NE(refusal("Substr", {{"unit", "UTF8_CHAR"}}, {text({"abc"}), ints({}, {-2}), ints({}, {-1})}), "accepted");
  EXPECT_EQ(refusal("Substr", {}, {text({"abc"}), ints({}, {-2}), ints({}, {-1})}), "accepted");
}

TEST(RegexFullMatch, RefusesPatternsThatAreNone) {
  for (std::string bad :
       {"a**", "a*+",   "a+?*",  "a???",   "{2}",         "a{2}{3}", "a{3,2}",     "a{1001}", "(?i)*",   "x|*",
        "(*)", "(",     "a)",    "(?:a",   "[a",          "[z-a]",   "[[:foo:]]",  "[\\Q]",   "[a-\\d]", "\\1",
        "\\8", "\\Z",   "\\h",   "\\",     "\\x{110000}", "(?P<>x)", "(?P<a b>x)", "(?P<n",   "(?P=n)",  "(?<n>x)",
        "(?i", "(?x)a", "(?-)a", "(?i-)a", "\xff",        "[\xff]",  "\\Q\xff\\E"}) {
    EXPECT_NE(refusal("StaticRegexFullMatch", {{"pattern", bad}}, {text({"a"})}).find("Invalid pattern"),
              std::string::npos)
        << bad;
  }
}

TEST(DecodeRaw, RefusesLengthsThatDiffer) {
  EXPECT_NE(refusal("DecodeRaw", {{"out_type", DType::kUInt8}}, {text({"ab", "a"})}).find("element 1 has size 1 != 2"),
            std::string::npos);
  EXPECT_NE(refusal("DecodeRaw", {{"out_type", DType::kInt32}}, {text({"abc"})}).find("not a multiple of 4"),
            std::string::npos);
}

TEST(DecodeBase64, RefusesOtherCharactersAndLengths) {
  for (const char* bad : {"a", "ab+d", "ab=d", "abcde", "YQ=", "====", "a==="}) {
    EXPECT_NE(refusal("DecodeBase64", {}, {text({bad})}), "accepted") << bad;
  }
}

TEST(ParseExample, RefusesEveryTruncationAndSaysWhatIsMissing) {
  // tf.train.Example with x = [1.0, 2.0] as floats
  const std::string example("\x0a\x13\x0a\x11\x0a\x01x\x12\x0c\x12\x0a\x0a\x08\x00\x00\x80\x3f\x00\x00\x00\x40", 21);
  auto words = [&](const std::string& bytes, DType dtype, const Shape& shape) {
    AttrMap attrs{{"Nsparse", 0},
                  {"Ndense", 1},
                  {"sparse_types", std::vector<DType>{}},
                  {"Tdense", std::vector<DType>{dtype}},
                  {"dense_shapes", std::vector<Shape>{shape}}};
    return refusal("ParseExample", attrs,
                   {text({bytes}), text({}), Tensor::scalar<std::string>("x"), *Tensor::zeros(dtype, {0})});
  };
  EXPECT_EQ(words(example, DType::kFloat, {2}), "accepted");
  for (size_t size = 0; size < example.size(); ++size) {
    EXPECT_NE(words(example.substr(0, size), DType::kFloat, {2}), "accepted") << size;
  }
  EXPECT_NE(words(example, DType::kFloat, {3}).find("Values size: 2 but output shape: [3]"), std::string::npos);
  EXPECT_NE(words(example, DType::kInt64, {2}).find("Data types don't match. Expected type: int64"), std::string::npos);
  EXPECT_NE(words("", DType::kFloat, {2}).find("is required but could not be found"), std::string::npos);
}

TEST(ParseExample, RefusesFieldNumbersThatNoMessageHas) {
  // Before them an Example without features: {} of field 1. Then field 2^32 + 1, which must not count as 1; and field
  // 0.
  for (const std::string& field :
       {std::string("\x8a\x80\x80\x80\x80\x02\x00", 7), std::string("\x02\x00\x0a\x00", 4)}) {
    AttrMap attrs{{"Nsparse", 0},
                  {"Ndense", 0},
                  {"sparse_types", std::vector<DType>{}},
                  {"Tdense", std::vector<DType>{}},
                  {"dense_shapes", std::vector<Shape>{}}};
    std::string bytes = std::string("\x0a\x00", 2) + field;
    EXPECT_NE(refusal("ParseExample", attrs, {text({bytes}), text({})}).find("Could not parse example"),
              std::string::npos);
  }
}

TEST(ParseExample, RefusesABatchThatOneLongExampleMakesHuge) {
  // x = 70,000 floats, packed, in one of 70,000 examples: 20 GB if all were as long.
  auto field = [](int number, const std::string& bytes) {
    std::string text(1, static_cast<char>(number << 3 | 2));
    size_t size = bytes.size();
    for (; size >= 0x80; size >>= 7) text += static_cast<char>(size | 0x80);
    return text + static_cast<char>(size) + bytes;
  };
  constexpr int64_t kMany = 70'000;
  std::string numbers(kMany * sizeof(float), '\0');
  std::string entry = field(1, "x") + field(2, field(2, field(1, numbers)));
  std::vector<std::string> examples(kMany);
  examples[7] = field(1, field(1, entry));
  Tensor batch = *Tensor::zeros(DType::kString, {kMany});
  std::copy(examples.begin(), examples.end(), batch.mutable_flat<std::string>().begin());
  AttrMap attrs{{"Nsparse", 0},
                {"Ndense", 1},
                {"sparse_types", std::vector<DType>{}},
                {"Tdense", std::vector<DType>{DType::kFloat}},
                {"dense_shapes", std::vector<Shape>{Shape{kUnknownDim}}}};

  std::string words = refusal("ParseExample", attrs,
                              {batch, text({}), Tensor::scalar<std::string>("x"), Tensor::from<float>({1}, {0})});

  EXPECT_NE(words.find("Key: x.  70000 examples as long as the longest, of shape [70000,70000]"), std::string::npos)
      << words;
}

TEST(MergeSummary, RefusesATagThatIsThereTwice) {
  Tensor one = (*evaluate_op(op_table(), "ScalarSummary", {},
                             std::vector{Tensor::scalar<std::string>("loss"), Tensor::scalar(1.0f)}))[0];

  EXPECT_NE(refusal("MergeSummary", {}, {one, one}).find("Duplicate tag 'loss' found in summary inputs"),
            std::string::npos);
  EXPECT_NE(refusal("MergeSummary", {}, {Tensor::scalar<std::string>("\x0a\xff")}), "accepted");
}

TEST(HistogramSummary, RefusesNan) {
  Tensors inputs = {Tensor::scalar<std::string>("w"), Tensor::from<float>({2}, {1, NAN})};
  EXPECT_NE(refusal("HistogramSummary", {}, inputs).find("in summary histogram"), std::string::npos);
}

}  // namespace
}  // namespace tarn::testing
