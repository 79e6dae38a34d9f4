#include "graph/npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "core/file.h"

namespace tarn {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kAlignment = 64;  // of the data; NumPy's own

struct NumpyType {
  std::string_view name;  // without the byte order
  DType dtype;
};
// The first row of a dtype is how it is written.
constexpr NumpyType kNumpyTypes[] = {
    {"f4", DType::kFloat},     {"f8", DType::kDouble},      {"f2", DType::kHalf},   {"i1", DType::kInt8},
    {"i2", DType::kInt16},     {"i4", DType::kInt32},       {"i8", DType::kInt64},  {"u1", DType::kUInt8},
    {"u2", DType::kUInt16},    {"u4", DType::kUInt32},      {"u8", DType::kUInt64}, {"b1", DType::kBool},
    {"c8", DType::kComplex64}, {"c16", DType::kComplex128}, {"i1", DType::kQInt8},  {"u1", DType::kQUInt8},
    {"i2", DType::kQInt16},    {"u2", DType::kQUInt16},     {"i4", DType::kQInt32},
};

// The header is a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (1, 784), }
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  struct Header {
    std::string descr;
    bool fortran_order = false;
    std::vector<int64_t> shape;
  };

  Result<Header> parse() {
    Header header;
    bool has_descr = false, has_order = false, has_shape = false;
    if (!take('{')) return wrong("'{'");
    while (!take('}')) {
      std::string key;
      if (!take_string(key) || !take(':')) return wrong("a key and ':'");
      if (key == "descr") {
        has_descr = true;
        if (peek() == '[') return unimplemented("records (structured dtypes) are not supported");
        if (!take_string(header.descr)) return wrong("a dtype in quotes");
      } else if (key == "fortran_order") {
        has_order = true;
        header.fortran_order = take_word("True");
        if (!header.fortran_order && !take_word("False")) return wrong("True or False");
      } else if (key == "shape") {
        has_shape = true;
        TARN_RETURN_IF_ERROR(parse_shape(header.shape));
      } else {
        return data_loss("header: unknown key ", quoted(key), " (there are descr, fortran_order and shape)");
      }
      if (!take(',') && peek() != '}') return wrong("',' or '}'");
    }
    if (!has_descr || !has_order || !has_shape) {
      return data_loss("header: lacks ", !has_descr ? "descr" : !has_order ? "fortran_order" : "shape");
    }
    return header;
  }

 private:
  Status parse_shape(std::vector<int64_t>& shape) {
    if (!take('(')) return wrong("'('");
    while (!take(')')) {
      skip_space();
      int64_t dim = 0;
      auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), dim);
      if (error != std::errc() || dim < 0) return wrong("a dim");
      at_ = static_cast<size_t>(end - text_.data());
      take('L');  // Python 2 wrote long integers so
      shape.push_back(dim);
      if (shape.size() > static_cast<size_t>(kMaxRank)) return data_loss("header: more than ", kMaxRank, " dims");
      if (!take(',') && peek() != ')') return wrong("',' or ')'");
    }
    return {};
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  char peek() {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    skip_space();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  bool take_string(std::string& value) {
    char quote = peek();
    if (quote != '\'' && quote != '"') return false;
    size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return false;
    value = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return true;
  }
  Status wrong(std::string_view expected) const {
    return data_loss("header: expected ", expected, " at character ", at_ + 1, " of ", quoted(text_));
  }

  std::string_view text_;
  size_t at_ = 0;
};

// How an element lies in the file: text takes `bytes` of it, whatever its length is.
struct Element {
  DType dtype = DType::kInvalid;
  int64_t bytes = 0;
  bool is_utf32 = false;  // of text: U, else S
};

Result<Element> element_of_descr(const std::string& descr) {
  std::string_view name = descr;
  char order = name.empty() ? '\0' : name[0];
  if (order == '<' || order == '>' || order == '|' || order == '=') name.remove_prefix(1);
  for (const NumpyType& type : kNumpyTypes) {
    if (type.name != name) continue;
    if (order == '>' && dtype_size(type.dtype) > 1) {
      return unimplemented("big-endian ", quoted(descr), " is not supported: save array.astype('<", name, "')");
    }
    return Element{type.dtype, static_cast<int64_t>(dtype_size(type.dtype))};
  }
  char kind = name.empty() ? '\0' : name[0];
  if (kind == 'U' || kind == 'S' || kind == 'a') {
    constexpr int64_t kMostCharacters = int64_t{1} << 40;
    int64_t length = -1;
    auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), length);
    if (error != std::errc() || end != name.data() + name.size() || length < 0 || length > kMostCharacters)
      return data_loss("header: ", quoted(descr), " is no dtype of text: expected S or U and a length");
    if (order == '>' && kind == 'U')
      return unimplemented("big-endian ", quoted(descr), " is not supported: save array.astype('<", name, "')");
    return Element{DType::kString, kind == 'U' ? 4 * length : length, kind == 'U'};
  }
  if (kind == 'O') {
    return unimplemented("object arrays (", descr, ") are not supported: they hold pickled Python; of strings, save ",
                         "array.astype('S')");
  }
  return unimplemented("dtype ", quoted(descr), " is not supported");
}

void append_utf8(std::string& to, uint32_t code) {
  auto put = [&](uint32_t byte) { to += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6), put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12), put(0x80 | (code >> 6 & 0x3f)), put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18), put(0x80 | (code >> 12 & 0x3f)), put(0x80 | (code >> 6 & 0x3f)), put(0x80 | (code & 0x3f));
  }
}

// NumPy fills shorter elements up with zeros, and takes those at the end for no part of them.
Result<std::string> text_of(std::string_view field, bool is_utf32) {
  if (!is_utf32) return std::string(field.substr(0, field.find_last_not_of('\0') + 1));
  std::string text;
  size_t zeros = 0;
  for (size_t at = 0; at + 4 <= field.size(); at += 4) {
    uint32_t code = 0;
    for (size_t i = 0; i < 4; ++i) code |= static_cast<uint32_t>(static_cast<unsigned char>(field[at + i])) << (8 * i);
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
      return data_loss("character ", code, " is none of Unicode");
    if (code == 0) {
      ++zeros;
      continue;
    }
    text.append(zeros, '\0');
    zeros = 0;
    append_utf8(text, code);
  }
  return text;
}

Result<Tensor> text_tensor(std::string_view data, const Element& element, const Shape& shape, int64_t count) {
  // Elements of no length take no bytes of the file, which bounds all others.
  constexpr int64_t kMostEmpty = int64_t{1} << 20;
  if (element.bytes == 0 && count > kMostEmpty) return resource_exhausted(count, " strings of no length");
  TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(DType::kString, shape));
  std::span<std::string> to = tensor.mutable_flat<std::string>();
  auto bytes = static_cast<size_t>(element.bytes);
  for (size_t i = 0; i < to.size(); ++i) {
    TARN_ASSIGN_OR_RETURN(to[i], text_of(data.substr(i * bytes, bytes), element.is_utf32));
  }
  return tensor;
}

// Elements as they lie in Fortran order (first index fastest), put into C order.
Result<Tensor> from_fortran_order(const Tensor& raw, std::span<const int64_t> dims) {
  TARN_ASSIGN_OR_RETURN(Tensor result, Tensor::allocate(raw.dtype(), Shape(dims)));
  size_t size = dtype_size(raw.dtype());
  const auto* from = static_cast<const char*>(raw.data());
  auto* to = static_cast<char*>(result.mutable_data());
  std::vector<int64_t> steps(dims.size());  // in the file, along each dim
  int64_t step = 1;
  for (size_t d = 0; d < dims.size(); ++d) {
    steps[d] = step;
    step *= dims[d];
  }
  std::vector<int64_t> index(dims.size(), 0);
  int64_t source = 0;
  for (int64_t i = 0; i < result.element_count(); ++i) {
    if (raw.dtype() == DType::kString) {
      result.mutable_flat<std::string>()[static_cast<size_t>(i)] = raw.flat<std::string>()[static_cast<size_t>(source)];
    } else {
      std::memcpy(to + static_cast<size_t>(i) * size, from + static_cast<size_t>(source) * size, size);
    }
    for (size_t d = dims.size(); d-- > 0;) {
      source += steps[d];
      if (++index[d] < dims[d]) break;
      source -= steps[d] * dims[d];
      index[d] = 0;
    }
  }
  return result;
}

size_t header_size(std::string_view bytes, size_t length_bytes) {
  size_t size = 0;
  for (size_t i = 0; i < length_bytes; ++i) {
    size |= static_cast<size_t>(static_cast<unsigned char>(bytes[kMagic.size() + 2 + i])) << (8 * i);
  }
  return size;
}

Tensor widened(const Tensor& bfloat16) {
  Result<Tensor> result = Tensor::allocate(DType::kFloat, bfloat16.shape());
  if (!result.ok()) return {};
  std::span<const BFloat16> from = bfloat16.flat<BFloat16>();
  auto* to = static_cast<uint32_t*>(result->mutable_data());
  for (size_t i = 0; i < from.size(); ++i) to[i] = static_cast<uint32_t>(from[i].bits) << 16;
  return *std::move(result);
}

}  // namespace

Result<Tensor> parse_npy(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) {
    if (bytes.starts_with("PK")) return invalid_argument("not a .npy file but an archive (.npz?): give one array");
    return invalid_argument("not a .npy file: it does not begin with \\x93NUMPY");
  }
  if (bytes.size() < kMagic.size() + 2) return data_loss("the file ends within its header");
  int version = bytes[kMagic.size()];
  if (version < 1 || version > 3) return unimplemented(".npy version ", version, " is not supported (1 to 3 are)");
  size_t length_bytes = version == 1 ? 2 : 4;
  size_t header_begin = kMagic.size() + 2 + length_bytes;
  if (bytes.size() < header_begin) return data_loss("the file ends within its header");
  size_t header_bytes = header_size(bytes, length_bytes);
  if (bytes.size() - header_begin < header_bytes) return data_loss("the file ends within its header");
  TARN_ASSIGN_OR_RETURN(HeaderParser::Header header, HeaderParser(bytes.substr(header_begin, header_bytes)).parse());
  TARN_ASSIGN_OR_RETURN(Element element, element_of_descr(header.descr));
  DType dtype = element.dtype;
  TARN_ASSIGN_OR_RETURN(Shape shape, Shape::make(header.shape));
  std::string_view data = bytes.substr(header_begin + header_bytes);
  TARN_ASSIGN_OR_RETURN(int64_t count, shape.element_count());
  Result<int64_t> wanted = checked_multiply(count, element.bytes);
  if (!wanted.ok() || static_cast<uint64_t>(*wanted) != data.size()) {
    return data_loss(dtype_name(dtype), shape, " takes ", wanted.ok() ? str_cat(*wanted) : "more than 2^63",
                     " bytes, but the file has ", data.size());
  }
  if (dtype == DType::kString) {
    TARN_ASSIGN_OR_RETURN(Tensor text, text_tensor(data, element, shape, count));
    return header.fortran_order && shape.rank() > 1 ? from_fortran_order(text, header.shape) : text;
  }
  TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(dtype, shape));
  if (!data.empty()) std::memcpy(tensor.mutable_data(), data.data(), data.size());
  if (dtype == DType::kBool) {
    // Any other byte in a bool is undefined behaviour to read.
    auto* values = static_cast<uint8_t*>(tensor.mutable_data());
    for (int64_t i = 0; i < count; ++i) values[i] = values[i] != 0 ? 1 : 0;
  }
  if (header.fortran_order && shape.rank() > 1) return from_fortran_order(tensor, header.shape);
  return tensor;
}

namespace {

// The elements of a text array: each takes as much as the longest one, filled up with zeros. `width` is at least 1.
Result<std::string> text_elements(const Tensor& tensor, size_t& width) {
  std::span<const std::string> elements = tensor.flat<std::string>();
  width = 1;
  for (size_t i = 0; i < elements.size(); ++i) {
    if (elements[i].ends_with('\0')) {
      return unimplemented("a string", tensor.shape(), " tensor whose element ", i,
                           " ends in a zero byte cannot be written as .npy: readers would drop it");
    }
    width = std::max(width, elements[i].size());
  }
  constexpr size_t kMostBytes = size_t{1} << 31;
  if (elements.size() > kMostBytes / width) {
    return resource_exhausted("a string", tensor.shape(), " tensor takes ", elements.size(), " times ", width,
                              " bytes as .npy, above ", kMostBytes);
  }
  std::string bytes(elements.size() * width, '\0');
  for (size_t i = 0; i < elements.size(); ++i) elements[i].copy(bytes.data() + i * width, width);
  return bytes;
}

}  // namespace

Result<std::string> npy_bytes(const Tensor& tensor) {
  if (tensor.dtype() == DType::kBFloat16) {
    Tensor wide = widened(tensor);
    if (!wide.is_valid()) return resource_exhausted("out of memory for ", tensor.shape());
    return npy_bytes(wide);
  }
  const NumpyType* found = std::find_if(std::begin(kNumpyTypes), std::end(kNumpyTypes),
                                        [&](const NumpyType& t) { return t.dtype == tensor.dtype(); });
  bool is_text = tensor.dtype() == DType::kString;
  if (found == std::end(kNumpyTypes) && !is_text) {
    return unimplemented("a ", dtype_name(tensor.dtype()), tensor.shape(), " tensor cannot be written as .npy");
  }
  std::string text, descr;
  if (is_text) {
    size_t width = 0;
    TARN_ASSIGN_OR_RETURN(text, text_elements(tensor, width));
    descr = str_cat("|S", width);
  } else {
    descr = str_cat(dtype_size(tensor.dtype()) == 1 ? "|" : "<", found->name);
  }
  std::string dims;
  for (int64_t dim : tensor.shape().dims()) str_append(dims, dims.empty() ? "" : ", ", dim);
  if (tensor.shape().rank() == 1) dims += ',';
  std::string header = str_cat("{'descr': '", descr, "', 'fortran_order': False, 'shape': (", dims, "), }");
  size_t total = kMagic.size() + 4 + header.size() + 1;
  header.append((kAlignment - total % kAlignment) % kAlignment, ' ');
  header += '\n';
  std::string bytes(kMagic);
  if (header.size() <= 0xffff) {
    bytes += std::string_view("\x01\x00", 2);
    bytes += static_cast<char>(header.size() & 0xff);
    bytes += static_cast<char>(header.size() >> 8);
  } else {
    return internal_error("the header of ", tensor.shape(), " is too long");  // 254 dims of 19 digits are not
  }
  bytes += header;
  if (is_text) return bytes + text;
  bytes.append(static_cast<const char*>(tensor.data()), tensor.byte_size());
  return bytes;
}

Result<Tensor> read_npy(const std::string& path) {
  TARN_ASSIGN_OR_RETURN(std::string bytes, read_file(path));
  Result<Tensor> tensor = parse_npy(bytes);
  if (!tensor.ok()) return tensor.status().with_context(path);
  return tensor;
}

Status write_npy(const std::string& path, const Tensor& tensor) {
  Result<std::string> bytes = npy_bytes(tensor);
  if (!bytes.ok()) return bytes.status().with_context(path);
  return write_file_atomically(path, *bytes);
}

Result<Tensor> read_tensor_file(const std::string& path) {
  if (path.ends_with(".npy")) return read_npy(path);
  if (!path.ends_with(".bin")) {
    bool is_picture = path.ends_with(".jpg") || path.ends_with(".jpeg") || path.ends_with(".png");
    return invalid_argument(quoted(path), ": expected a .npy file (of strings: dtype S or U), or a .bin file with the ",
                            "bytes of one string",
                            path.ends_with(".npz") ? ": save one of its arrays with numpy.save"
                            : is_picture           ? ": a picture's bytes go into a file of such a name"
                                                   : "");
  }
  TARN_ASSIGN_OR_RETURN(std::string bytes, read_file(path));
  return Tensor::scalar<std::string>(std::move(bytes));
}

std::string tensor_file_stem(std::string_view tensor_name) {
  if (tensor_name.ends_with(":0")) tensor_name.remove_suffix(2);
  std::string stem(tensor_name);
  std::replace(stem.begin(), stem.end(), '/', '.');
  std::replace(stem.begin(), stem.end(), ':', '_');
  return stem;
}

Result<TensorFile> make_tensor_file(std::string_view tensor_name, const Tensor& tensor) {
  std::string stem = tensor_file_stem(tensor_name);
  if (tensor.dtype() == DType::kString && tensor.shape().is_scalar()) {
    return TensorFile{stem + ".bin", tensor.item<std::string>()};
  }
  Result<std::string> bytes = npy_bytes(tensor);
  if (!bytes.ok()) return bytes.status().with_context(str_cat("tensor ", quoted(tensor_name)));
  return TensorFile{stem + ".npy", *std::move(bytes)};
}

}  // namespace tarn
