#include "graph/tensor_proto.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <filesystem>
#include <limits>

#include "core/file.h"
#include "tests/support/checkpoints.h"
#include "tests/support/tensors.h"

namespace tarn {
namespace {

pb::TensorProto proto_of(pb::DataType dtype, std::initializer_list<int64_t> dims) {
  pb::TensorProto proto;
  proto.set_dtype(dtype);
  proto.mutable_tensor_shape();
  for (int64_t dim : dims) proto.mutable_tensor_shape()->add_dim()->set_size(dim);
  return proto;
}

Status error_of(const pb::TensorProto& proto) {
  return tensor_from_proto(proto).status();
}

TEST(TensorProto, RoundTripsEveryDType) {
  for (DType dtype : storable_dtypes()) {
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{2, 3}, Shape{0}, Shape{3, 0, 2}}) {
      Tensor tensor = random_tensor(dtype, shape, /*seed=*/static_cast<int>(dtype));
      pb::TensorProto proto = tensor_to_proto(tensor);
      pb::TensorProto parsed;
      ASSERT_TRUE(parsed.ParseFromString(proto.SerializeAsString()));
      Result<Tensor> back = tensor_from_proto(parsed);
      ASSERT_TRUE(back.ok()) << dtype_name(dtype) << shape.to_string() << ": " << back.status().to_string();
      EXPECT_TRUE(back->identical_to(tensor)) << dtype_name(dtype) << shape.to_string();
      EXPECT_EQ(!proto.tensor_content().empty(), tensor.element_count() > 1 && dtype != DType::kString &&
                                                     dtype != DType::kBool && dtype != DType::kUInt16 &&
                                                     dtype != DType::kComplex64 && dtype != DType::kComplex128);
    }
  }
}

TEST(TensorProto, WritesOneElementInItsTypedField) {
  EXPECT_EQ(tensor_to_proto(Tensor::scalar<float>(2.5F)).float_val(0), 2.5F);
  EXPECT_EQ(tensor_to_proto(Tensor::scalar<int8_t>(-3)).int_val(0), -3);
  EXPECT_EQ(tensor_to_proto(Tensor::scalar<Half>(Half{0xfc00})).half_val(0), 0xfc00);
  EXPECT_EQ(tensor_to_proto(Tensor::from<float>({2}, {1, 2})).float_val_size(), 0);
}

TEST(TensorProto, TheLastValueRepeats) {
  pb::TensorProto proto = proto_of(pb::DT_FLOAT, {2, 2});
  proto.add_float_val(1);
  proto.add_float_val(7);
  EXPECT_EQ(tensor_from_proto(proto)->to_string(), "f32[2,2]{1, 7, 7, 7}");

  proto = proto_of(pb::DT_STRING, {3});
  proto.add_string_val("a");
  EXPECT_EQ(tensor_from_proto(proto)->flat<std::string>()[2], "a");

  proto = proto_of(pb::DT_COMPLEX64, {3});
  for (float v : {1.F, 2.F, 3.F, 4.F}) proto.add_scomplex_val(v);
  Result<Tensor> tensor = tensor_from_proto(proto);
  const auto* parts = static_cast<const float*>(tensor->data());
  EXPECT_EQ(std::vector<float>(parts, parts + 6), (std::vector<float>{1, 2, 3, 4, 3, 4}));
}

TEST(TensorProto, NoValueAtAllMeansZeros) {
  for (DType dtype : storable_dtypes()) {
    pb::TensorProto proto = proto_of(dtype_to_proto(dtype), {10});
    Result<Tensor> tensor = tensor_from_proto(proto);
    ASSERT_TRUE(tensor.ok());
    EXPECT_TRUE(tensor->identical_to(*Tensor::zeros(dtype, Shape{10}))) << dtype_name(dtype);
  }
}

TEST(TensorProto, KeepsTheBitsOfOddFloats) {
  std::vector<uint32_t> bits = {0x7fc00001, 0xffc12345, 0x7f800000, 0xff800000, 1, 0x80000000};
  for (bool typed : {false, true}) {
    pb::TensorProto proto = proto_of(pb::DT_FLOAT, {6});
    if (typed) {
      for (uint32_t b : bits) proto.add_float_val(std::bit_cast<float>(b));
    } else {
      proto.set_tensor_content(bits.data(), 24);
    }
    Result<Tensor> tensor = tensor_from_proto(proto);
    ASSERT_TRUE(tensor.ok());
    EXPECT_EQ(std::memcmp(tensor->data(), bits.data(), 24), 0);
  }
}

TEST(TensorProto, ContentOfTheWrongSizeIsNamedWithBothSizes) {
  pb::TensorProto proto = proto_of(pb::DT_FLOAT, {10});
  proto.set_tensor_content(std::string(4, 'x'));
  EXPECT_SAYS(error_of(proto), {"4 bytes", "f32[10]", "40"});
  proto = proto_of(pb::DT_FLOAT, {2});
  for (size_t bytes : {size_t{7}, size_t{9}, size_t{64}}) {
    proto.set_tensor_content(std::string(bytes, 'x'));
    EXPECT_SAYS(error_of(proto), {str_cat(bytes, " bytes"), "f32[2]", "needs 8"});
  }
  proto = proto_of(pb::DT_DOUBLE, {int64_t{1} << 61});
  proto.set_tensor_content("12345678");
  EXPECT_SAYS(error_of(proto), {"8 bytes", "more than 2^63"});
}

TEST(TensorProto, ShapesThatNoTensorHasAreRefused) {
  EXPECT_SAYS(error_of(proto_of(pb::DT_FLOAT, {2, -1})), {"dim 1", "-1"});
  EXPECT_SAYS(error_of(proto_of(pb::DT_FLOAT, {std::numeric_limits<int64_t>::min()})),
              {"dim 0", "-9223372036854775808"});
  pb::TensorProto proto = proto_of(pb::DT_FLOAT, {});
  proto.mutable_tensor_shape()->set_unknown_rank(true);
  EXPECT_SAYS(error_of(proto), {"rank is unknown"});
  constexpr int64_t k32 = int64_t{1} << 32, k62 = int64_t{1} << 62;
  EXPECT_SAYS(error_of(proto_of(pb::DT_FLOAT, {k32, k32, k32})), {"more than 2^63 elements"});
  EXPECT_SAYS(error_of(proto_of(pb::DT_FLOAT, {0, k62, k62})), {"more than 2^63 elements"});
  proto = proto_of(pb::DT_FLOAT, {});
  for (int i = 0; i < 300; ++i) proto.mutable_tensor_shape()->add_dim()->set_size(1);
  EXPECT_SAYS(error_of(proto), {"rank 300", "254"});
}

TEST(TensorProto, ASplatAboveTheLimitTakesNoMemory) {
  for (int64_t count : {int64_t{1} << 40, int64_t{1} << 30, int64_t{1} << 62}) {
    pb::TensorProto proto = proto_of(pb::DT_FLOAT, {count});
    EXPECT_SAYS(error_of(proto), {"above the limit", "0 values"});
    proto.add_float_val(1);
    Status status = error_of(proto);
    EXPECT_EQ(status.code(), Code::kResourceExhausted);
    EXPECT_SAYS(status, {"above the limit of 2147483648", "1 value"});
  }
  EXPECT_SAYS(error_of(proto_of(pb::DT_STRING, {int64_t{1} << 27})), {"above the limit"});

  pb::TensorProto proto = proto_of(pb::DT_FLOAT, {100});
  EXPECT_FALSE(tensor_from_proto(proto, {.max_bytes = 399}).ok());
  EXPECT_TRUE(tensor_from_proto(proto, {.max_bytes = 400}).ok());
}

TEST(TensorProto, TooManyValuesAreRefused) {
  pb::TensorProto proto = proto_of(pb::DT_FLOAT, {2});
  for (int i = 0; i < 5; ++i) proto.add_float_val(1);
  EXPECT_SAYS(error_of(proto), {"float_val", "5 values", "f32[2]", "takes 2"});
  proto = proto_of(pb::DT_FLOAT, {0});
  proto.add_float_val(1);
  EXPECT_SAYS(error_of(proto), {"1 values", "f32[0]"});
}

TEST(TensorProto, AmbiguousOrMisplacedValuesAreRefused) {
  pb::TensorProto proto = proto_of(pb::DT_FLOAT, {2});
  proto.set_tensor_content("12345678");
  proto.add_float_val(1);
  EXPECT_SAYS(error_of(proto), {"both tensor_content", "float_val"});

  proto = proto_of(pb::DT_FLOAT, {2});
  proto.add_int_val(1);
  EXPECT_SAYS(error_of(proto), {"float tensor has values in int_val", "float_val"});

  proto = proto_of(pb::DT_STRING, {2});
  proto.set_tensor_content("ab");
  EXPECT_SAYS(error_of(proto), {"string tensor has tensor_content"});

  proto = proto_of(pb::DT_COMPLEX64, {2});
  proto.add_scomplex_val(1);
  EXPECT_SAYS(error_of(proto), {"scomplex_val", "pairs"});
}

TEST(TensorProto, ValuesOutsideTheTypeAreRefused) {
  struct Case {
    pb::DataType dtype;
    int value;
    std::string_view range;
  };
  for (const Case& c : {Case{pb::DT_UINT8, 300, "0 to 255"}, Case{pb::DT_QUINT8, -1, "0 to 255"},
                        Case{pb::DT_INT8, 128, "-128 to 127"}, Case{pb::DT_QINT8, -129, "-128 to 127"},
                        Case{pb::DT_INT16, 32768, "-32768 to 32767"}, Case{pb::DT_UINT16, 65536, "0 to 65535"},
                        Case{pb::DT_HALF, 100000, "0 to 65535"}, Case{pb::DT_BFLOAT16, -1, "0 to 65535"}}) {
    pb::TensorProto proto = proto_of(c.dtype, {2});
    auto* values =
        c.dtype == pb::DT_HALF || c.dtype == pb::DT_BFLOAT16 ? proto.mutable_half_val() : proto.mutable_int_val();
    values->Add(1);
    values->Add(c.value);
    EXPECT_SAYS(error_of(proto), {"[1]", str_cat(c.value), c.range});
  }
  pb::TensorProto proto = proto_of(pb::DT_BOOL, {3});
  proto.set_tensor_content(std::string("\0\1\2", 3));
  EXPECT_SAYS(error_of(proto), {"bool element 2 is 2"});
}

TEST(TensorProto, DTypesWithoutValuesAreNamed) {
  EXPECT_SAYS(error_of(proto_of(pb::DT_INVALID, {})), {"dtype is missing"});
  EXPECT_SAYS(error_of(proto_of(pb::DT_FLOAT_REF, {})), {"101", "reference type", "float_ref"});
  EXPECT_SAYS(error_of(proto_of(static_cast<pb::DataType>(9999), {})), {"9999"});
  EXPECT_SAYS(error_of(proto_of(pb::DT_FLOAT8_E5M2, {})), {"DT_FLOAT8_E5M2"});
  EXPECT_SAYS(error_of(proto_of(pb::DT_RESOURCE, {})), {"resource"});
  EXPECT_SAYS(error_of(proto_of(pb::DT_VARIANT, {})), {"variant"});
}

TEST(TensorProto, EveryConstOfTheRealModelsReads) {
  const char* data = std::getenv("TARN_DATA");
  if (data == nullptr) GTEST_SKIP() << "TARN_DATA is not set: no real models here";
  int graphs = 0, constants = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(str_cat(data, "/models"))) {
    if (entry.path().extension() != ".pb" || entry.path().filename() == "saved_model.pb") continue;
    Result<std::string> bytes = read_file(entry.path().string());
    ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
    pb::GraphDef graph;
    ASSERT_TRUE(graph.ParseFromString(*bytes)) << entry.path();
    ++graphs;
    for (const pb::NodeDef& node : graph.node()) {
      if (node.op() != "Const") continue;
      const pb::TensorProto& proto = node.attr().at("value").tensor();
      Result<Tensor> tensor = tensor_from_proto(proto);
      ASSERT_TRUE(tensor.ok()) << entry.path() << ' ' << node.name() << ": " << tensor.status().to_string();
      EXPECT_TRUE(tensor_from_proto(tensor_to_proto(*tensor))->identical_to(*tensor)) << node.name();
      ++constants;
    }
  }
  EXPECT_GT(graphs, 50);
  EXPECT_GT(constants, 1000);
}

TEST(ShapeProto, KeepsUnknownDimsAndRank) {
  for (const Shape& shape : {Shape{}, Shape{-1, 28, 28, 1}, Shape{0}, Shape::unknown()}) {
    Result<Shape> back = shape_from_proto(shape_to_proto(shape));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->to_string(), shape.to_string());
  }
  pb::TensorShapeProto proto;
  proto.add_dim()->set_size(-2);
  EXPECT_SAYS(shape_from_proto(proto).status(), {"-2"});
}

}  // namespace
}  // namespace tarn
