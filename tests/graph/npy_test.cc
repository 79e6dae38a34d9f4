#include "graph/npy.h"

#include <gtest/gtest.h>

#include "core/file.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"
#include "tests/support/tensors.h"

namespace tarn {
namespace {

// A file as NumPy writes it, with this header and these data bytes.
std::string npy(const std::string& dict, std::string_view data, char version = 1) {
  std::string header = dict;
  size_t length_bytes = version == 1 ? 2 : 4;
  size_t total = 8 + length_bytes + header.size() + 1;
  header.append((64 - total % 64) % 64, ' ');
  header += '\n';
  std::string bytes("\x93NUMPY");
  bytes += version;
  bytes += '\0';
  for (size_t i = 0; i < length_bytes; ++i) bytes += static_cast<char>(header.size() >> (8 * i));
  return bytes + header + std::string(data);
}

std::string raw(const Tensor& tensor) {
  return std::string(static_cast<const char*>(tensor.data()), tensor.byte_size());
}

TEST(Npy, EveryNumericDtypeComesBackFromItsFile) {
  for (DType dtype : storable_dtypes()) {
    if (dtype == DType::kString || dtype == DType::kBFloat16) continue;
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 3}, Shape{0, 4}, Shape{1, 2, 3, 4, 5, 2, 1}}) {
      Tensor tensor = random_tensor(dtype, shape, 7);
      Result<std::string> bytes = npy_bytes(tensor);
      ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();

      Result<Tensor> again = parse_npy(*bytes);

      ASSERT_TRUE(again.ok()) << dtype_name(dtype) << shape.to_string() << ": " << again.status().to_string();
      EXPECT_EQ(again->shape(), shape);
      EXPECT_EQ(raw(*again), raw(tensor)) << dtype_name(dtype);
      EXPECT_EQ(bytes->find('\n') % 64, 63u) << "NumPy aligns the data to 64 bytes";
    }
  }
}

TEST(Npy, StringsComeBackFromTheirFileUnlessTheyEndInZeros) {
  std::string with_zero("a\0b", 3);
  Tensor tensor = Tensor::from<std::string>({2, 2}, {"", with_zero, "\xc3\xa9", "longest"});
  for (const Tensor& strings : {tensor, Tensor::from<std::string>({1}, {""}), Tensor::from<std::string>({0, 3}, {})}) {
    Result<std::string> bytes = npy_bytes(strings);
    ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();

    Result<Tensor> again = parse_npy(*bytes);

    ASSERT_TRUE(again.ok()) << again.status().to_string();
    EXPECT_TRUE(again->identical_to(strings)) << again->to_string();
  }
  EXPECT_NE(npy_bytes(tensor)->find("'|S7'"), std::string::npos);
  Result<std::string> refused = npy_bytes(Tensor::from<std::string>({2}, {"a", std::string("b\0", 2)}));
  EXPECT_NE(refused.status().message().find("element 1 ends in a zero byte"), std::string_view::npos);
}

TEST(Npy, QuantizedDtypesAreWrittenAsTheIntegersTheyAreStoredAs) {
  Tensor tensor = Tensor::from<uint8_t>({2}, {1, 255}).reinterpreted(DType::kQUInt8);

  Result<Tensor> again = parse_npy(*npy_bytes(tensor));

  EXPECT_TRUE(again->identical_to(Tensor::from<uint8_t>({2}, {1, 255})));
}

TEST(Npy, Bfloat16IsWidenedExactly) {
  Tensor tensor = *Tensor::allocate(DType::kBFloat16, {2});
  tensor.mutable_flat<BFloat16>()[0] = {0x3fc0};  // 1.5
  tensor.mutable_flat<BFloat16>()[1] = {0xc000};  // -2

  EXPECT_TRUE(parse_npy(*npy_bytes(tensor))->identical_to(Tensor::from<float>({2}, {1.5f, -2})));
}

TEST(Npy, FortranOrderIsPutIntoCOrder) {
  // [[1, 2, 3], [4, 5, 6]], first index fastest.
  Tensor columns = Tensor::from<int32_t>({6}, {1, 4, 2, 5, 3, 6});
  Tensor cube = Tensor::from<int32_t>({8}, {0, 4, 2, 6, 1, 5, 3, 7});

  Result<Tensor> matrix = parse_npy(npy("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }", raw(columns)));
  Result<Tensor> three = parse_npy(npy("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 2, 2), }", raw(cube)));

  EXPECT_TRUE(matrix->identical_to(Tensor::from<int32_t>({2, 3}, {1, 2, 3, 4, 5, 6})));
  EXPECT_TRUE(three->identical_to(Tensor::from<int32_t>({2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7})));
}

TEST(Npy, HeadersOfEveryVersionAndSpellingAreRead) {
  std::string one = raw(Tensor::scalar<float>(1.5f));
  Tensor expected = Tensor::from<float>({1}, {1.5f});

  for (char version : {1, 2, 3}) {
    EXPECT_TRUE(parse_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", one, version))
                    ->identical_to(expected));
  }
  EXPECT_TRUE(parse_npy(npy(R"({"shape":(1L,),"fortran_order":False,"descr":"=f4"})", one))->identical_to(expected));
  // Any byte but 0 is true.
  EXPECT_TRUE(
      parse_npy(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", std::string_view("\x02\x00", 2)))
          ->identical_to(Tensor::from<bool>({2}, {true, false})));
}

TEST(Npy, WhatItDoesNotReadIsSaidByItsName) {
  struct {
    std::string bytes;
    std::string_view says;
  } cases[] = {
      {"", "does not begin with \\x93NUMPY"},
      {"PK\x03\x04", "archive"},
      {"\x93NUMPY", "ends within its header"},
      {std::string("\x93NUMPY\x01\x00\xff\xff{", 11), "ends within its header"},
      {std::string("\x93NUMPY\x09\x00\x01\x00{", 11), "version 9"},
      {npy("{'descr': '<U7', 'fortran_order': False, 'shape': (1,), }", "x"), "string[1] takes 28 bytes"},
      {npy("{'descr': '>U1', 'fortran_order': False, 'shape': (1,), }", "xxxx"), "big-endian '>U1'"},
      {npy("{'descr': '|S', 'fortran_order': False, 'shape': (1,), }", ""), "no dtype of text"},
      {npy("{'descr': '|S0', 'fortran_order': False, 'shape': (9999999999,), }", ""), "strings of no length"},
      {npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }", "\xff\xff\xff\x7f"), "none of Unicode"},
      {npy("{'descr': '|S7', 'fortran_order': False, 'shape': (1,), }", "x"), "takes 7 bytes, but the file has 1"},
      {npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "x"), "pickled"},
      {npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "abcd"), "big-endian '>f4'"},
      {npy("{'descr': '<f16', 'fortran_order': False, 'shape': (1,), }", "x"), "'<f16'"},
      {npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "x"), "records"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "abcd"), "takes 8 bytes, but the file has 4"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "abcde"), "takes 4 bytes, but the file has 5"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", "x"), ""},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2305843009213693952, 4), }", "x"), ""},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "x"), "expected a dim"},
      {npy("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }", "x"), "expected True or False"},
      {npy("{'descr': '<f4', 'shape': (1,), }", "x"), "lacks fortran_order"},
      {npy("{'descr': '<f4', 'extra': 1}", "x"), "unknown key 'extra'"},
      {npy("nonsense", "x"), "expected '{'"},
  };

  for (const auto& one : cases) {
    Result<Tensor> tensor = parse_npy(one.bytes);
    ASSERT_FALSE(tensor.ok()) << one.says;
    EXPECT_NE(tensor.status().message().find(one.says), std::string_view::npos) << tensor.status().to_string();
  }
}

TEST(Npy, EveryPrefixOfAFileIsAnErrorAndNotACrash) {
  std::string bytes = *npy_bytes(random_tensor(DType::kFloat, {3, 4}, 1));

  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(parse_npy(std::string_view(bytes).substr(0, length)).ok()) << length;
  }
}

// As NumPy 1.26 writes np.array([['a', 'b\u00e9'], ['', '\U0001f600c']]) and the like.
TEST(Npy, TextArraysAreReadAsStrings) {
  auto fields = [](std::initializer_list<std::u32string_view> texts) {
    std::string data;
    for (std::u32string_view text : texts) {
      for (size_t i = 0; i < 2; ++i) {
        auto code = i < text.size() ? static_cast<uint32_t>(text[i]) : 0;
        for (int byte = 0; byte < 4; ++byte) data += static_cast<char>(code >> (8 * byte) & 0xff);
      }
    }
    return data;
  };
  std::string wide = npy("{'descr': '<U2', 'fortran_order': False, 'shape': (2, 2), }",
                         fields({U"a", U"b\u00e9", U"", U"\U0001f600c"}));
  std::string turned = npy("{'descr': '<U2', 'fortran_order': True, 'shape': (2, 2), }",
                           fields({U"a", U"", U"b\u00e9", U"\U0001f600c"}));
  Tensor expected = Tensor::from<std::string>({2, 2}, {"a", "b\xc3\xa9", "",
                                                       "\xf0\x9f\x98\x80"
                                                       "c"});

  for (const std::string& bytes : {wide, turned}) {
    Result<Tensor> text = parse_npy(bytes);
    ASSERT_TRUE(text.ok()) << text.status().to_string();
    EXPECT_TRUE(text->identical_to(expected)) << text->to_string();
  }
  Result<Tensor> plain = parse_npy(
      npy("{'descr': '|S3', 'fortran_order': False, 'shape': (3,), }", std::string_view("b\0\0\0\xff\0xyz", 9)));
  ASSERT_TRUE(plain.ok()) << plain.status().to_string();
  EXPECT_TRUE(plain->identical_to(Tensor::from<std::string>({3}, {"b", std::string("\0\xff", 2), "xyz"})));
}

TEST(Npy, StringScalarsAreBinFiles) {
  TempDir dir;
  std::string bytes("RIFF\0\1", 6);
  ASSERT_TRUE(write_file_atomically(dir.file("a.bin"), bytes).ok());

  EXPECT_TRUE(read_tensor_file(dir.file("a.bin"))->identical_to(Tensor::scalar<std::string>(bytes)));
  EXPECT_EQ(make_tensor_file("a/b:0", Tensor::scalar<std::string>(bytes))->name, "a.b.bin");
  EXPECT_EQ(make_tensor_file("a/b:1", Tensor::scalar<float>(1))->name, "a.b_1.npy");
  EXPECT_EQ(make_tensor_file("s", Tensor::from<std::string>({1}, {"x"}))->name, "s.npy");
  EXPECT_SAYS(make_tensor_file("s", Tensor::from<std::string>({1}, {bytes + '\0'})).status(), {"tensor 's'", "zero"});
  EXPECT_SAYS(read_tensor_file(dir.file("a.txt")).status(), {"a.txt", ".npy"});
  EXPECT_SAYS(read_tensor_file(dir.file("none.npy")).status(), {"none.npy", "No such file"});
}

}  // namespace
}  // namespace tarn
