#include "core/proto_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace tarn {
namespace {

using namespace std::string_literals;

TEST(ProtoReader, GoesThroughFieldsOfEveryType) {
  const std::string bytes = "\x08\x96\x01\x12\x02hi\x1d\x00\x00\x80\x3f\x21\x00\x00\x00\x00\x00\x00\xf8\x3f"s;
  ProtoReader reader(bytes);
  ASSERT_TRUE(reader.next());
  EXPECT_TRUE(reader.is_varint());
  EXPECT_EQ(reader.varint(), 150u);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.field(), 2u);
  EXPECT_EQ(reader.bytes(), "hi");
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.as_float(), 1.0f);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.as_double(), 1.5);
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.status().ok());
}

TEST(ProtoReader, SaysWhatIsDamaged) {
  const struct {
    std::string bytes;
    std::string_view problem;
  } cases[] = {
      {"\x08"s, "longer than what is left"},          // no value
      {"\x08\x80"s, "longer than what is left"},      // within a number
      {"\x88"s, "longer than what is left"},          // within the field's number
      {"\x12\x05hi"s, "longer than what is left"},    // a text
      {"\x1d\x00\x00"s, "longer than what is left"},  // four bytes
      {"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f"s, "longer than what is left"},
      {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s, "longer than 10 bytes"},
      {"\x0b"s, "unknown wire type"},  // a group
      {"\x0e\x00"s, "unknown wire type"},
      {"\x00\x00"s, "0 or reserved"},
      {"\xc0\xa3\x09\x00"s, "0 or reserved"},              // 19000
      {"\x88\x80\x80\x80\x80\x01\x00"s, "0 or reserved"},  // more than 32 bits
  };
  for (const auto& [bytes, problem] : cases) {
    ProtoReader reader(bytes);
    EXPECT_FALSE(reader.next()) << problem;
    EXPECT_NE(reader.problem().find(problem), std::string_view::npos) << reader.problem() << " of " << bytes.size();
    EXPECT_EQ(reader.status().code(), Code::kDataLoss);
    EXPECT_FALSE(reader.next());
  }
}

}  // namespace
}  // namespace tarn
