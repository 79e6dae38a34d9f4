#include "examples/support/idx.h"

#include <array>

#include "examples/support/byte_source.h"

namespace tarn::examples {
namespace {

// The magic is two zero bytes, the element type, the number of dimensions.
constexpr uint32_t kImagesMagic = 0x00000803;  // uint8, 3 dimensions: count, rows, columns
constexpr uint32_t kLabelsMagic = 0x00000801;  // uint8, 1 dimension: count

std::string hex(uint32_t value) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) out += kDigits[(value >> shift) & 15];
  return out;
}

uint32_t big_endian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

std::string_view type_name(uint8_t type) {
  switch (type) {
    case 0x08: return "uint8";
    case 0x09: return "int8";
    case 0x0b: return "int16";
    case 0x0c: return "int32";
    case 0x0d: return "float32";
    case 0x0e: return "float64";
  }
  return "";
}

// What a wrong magic probably is, for the end of the message.
std::string explain_magic(uint32_t magic, uint32_t expected) {
  if (magic == kLabelsMagic && expected == kImagesMagic) return "; this is a labels file, images were expected";
  if (magic == kImagesMagic && expected == kLabelsMagic) return "; this is an images file, labels were expected";
  if (__builtin_bswap32(magic) == expected) {
    return "; the header's bytes are swapped (little-endian), idx headers are big-endian";
  }
  if (magic >> 16 != 0) return "; this is not an idx file";
  auto type = static_cast<uint8_t>(magic >> 8);
  std::string_view name = type_name(type);
  std::string dimensions = str_cat(magic & 0xff, " dimensions");
  if (name.empty()) return str_cat("; 0x", hex(type).substr(8), " is no idx element type, ", dimensions);
  return str_cat("; that means ", name, " elements, ", dimensions);
}

struct Header {
  std::array<int64_t, 3> dims{};
  int rank = 0;
  int64_t bytes = 0;     // of the header
  int64_t elements = 0;  // product of dims, each a byte

  std::string to_string() const {
    std::string out;
    for (int i = 0; i < rank; ++i) str_append(out, i > 0 ? " x " : "", dims[i]);
    return out;
  }
};

// The product of the dims, or an error if it leaves int64.
Result<int64_t> element_count(const std::array<int64_t, 3>& dims, int rank) {
  int64_t count = 1;
  for (int i = 0; i < rank; ++i) {
    TARN_ASSIGN_OR_RETURN(count, checked_multiply(count, dims[i]));
  }
  return count;
}

// " (…bytes are swapped)" if the dims fit the file only when read little-endian.
std::string swapped_dims_hint(const Header& header, int64_t content_bytes, bool exact) {
  Header swapped = header;
  for (int i = 0; i < header.rank; ++i) {
    swapped.dims[i] = __builtin_bswap32(static_cast<uint32_t>(header.dims[i]));
  }
  Result<int64_t> count = element_count(swapped.dims, swapped.rank);
  if (!count.ok() || *count == 0) return {};
  bool fits = exact ? header.bytes + *count == content_bytes : header.bytes + *count <= content_bytes;
  if (!fits) return {};
  return str_cat("; read little-endian the sizes would be ", swapped.to_string(),
                 ": the header's bytes are probably swapped, idx headers are big-endian");
}

Result<Header> read_header(ByteSource& source, const std::string& path, uint32_t expected_magic) {
  if (source.file_bytes() == 0) {
    return invalid_argument(quoted(path), ": the file is empty (0 bytes), expected an idx file with magic ",
                            hex(expected_magic));
  }
  std::array<uint8_t, 16> raw{};
  TARN_ASSIGN_OR_RETURN(size_t got, source.read(std::span(raw).first(4)));
  uint32_t magic = big_endian(raw.data());
  if (got < 4) {
    return invalid_argument(quoted(path), ": expected an idx file with magic ", hex(expected_magic), ", got only ", got,
                            " bytes");
  }
  if (magic != expected_magic) {
    return invalid_argument(quoted(path), ": expected magic ", hex(expected_magic), ", got ", hex(magic),
                            explain_magic(magic, expected_magic));
  }

  Header header;
  header.rank = static_cast<int>(magic & 0xff);
  header.bytes = 4 + 4 * header.rank;
  size_t size_bytes = static_cast<size_t>(header.bytes) - 4;
  TARN_ASSIGN_OR_RETURN(got, source.read(std::span(raw).subspan(4, size_bytes)));
  if (got < size_bytes) {
    return data_loss(quoted(path), ": the file ends inside the header: expected ", header.bytes, " bytes, got ",
                     got + 4);
  }
  constexpr std::string_view kDimNames[] = {"count", "rows", "columns"};
  for (int i = 0; i < header.rank; ++i) {
    header.dims[i] = big_endian(&raw[4 + 4 * static_cast<size_t>(i)]);
    if (header.dims[i] == 0) {
      return invalid_argument(quoted(path), ": the header says ", kDimNames[i], " 0, expected at least 1");
    }
  }
  return header;
}

// Before any memory is asked for: what the header promises must fit what a file of this size can hold.
Status check_size(Header& header, const ByteSource& source, const std::string& path, const IdxOptions& options) {
  Result<int64_t> count = element_count(header.dims, header.rank);
  int64_t most = source.most_content_bytes();
  if (!count.ok()) {
    return invalid_argument(quoted(path), ": the header's ", header.to_string(), " elements overflow; the file has ",
                            source.file_bytes(), " bytes", swapped_dims_hint(header, most, !source.is_gzip()));
  }
  header.elements = *count;
  int64_t expected = header.bytes + *count;
  if (source.is_gzip()) {
    if (expected <= most) return {};
    return data_loss(quoted(path), ": the header's ", header.to_string(), " elements need ", expected,
                     " bytes, but a gzip file of ", source.file_bytes(), " bytes unpacks to at most ", most,
                     swapped_dims_hint(header, most, false));
  }
  bool longer = source.file_bytes() > expected;
  if (source.file_bytes() == expected || (longer && options.allow_trailing_bytes)) return {};
  return data_loss(quoted(path), ": the header's ", header.to_string(), " elements need a file of ", expected,
                   " bytes, got ", source.file_bytes(), " bytes (",
                   longer ? source.file_bytes() - expected : expected - source.file_bytes(),
                   longer ? " too many)" : " too few)", swapped_dims_hint(header, source.file_bytes(), true));
}

Result<Tensor> read_idx(const std::string& path, uint32_t expected_magic, const IdxOptions& options) {
  TARN_ASSIGN_OR_RETURN(ByteSource source, ByteSource::open(path));
  TARN_ASSIGN_OR_RETURN(Header header, read_header(source, path, expected_magic));
  TARN_RETURN_IF_ERROR(check_size(header, source, path, options));

  Result<Tensor> tensor = Tensor::allocate(
      DType::kUInt8, Shape(std::span<const int64_t>(header.dims.data(), static_cast<size_t>(header.rank))));
  if (!tensor.ok()) return tensor.status().with_context(quoted(path));
  std::span<uint8_t> elements = tensor->mutable_flat<uint8_t>();
  TARN_ASSIGN_OR_RETURN(size_t got, source.read(elements));
  if (got < elements.size()) {
    return data_loss(quoted(path), ": the header's ", header.to_string(), " elements need ",
                     header.bytes + header.elements, " bytes, got only ", header.bytes + static_cast<int64_t>(got),
                     swapped_dims_hint(header, header.bytes + static_cast<int64_t>(got), true));
  }
  // One byte more: none may come, and gzip's checksum is verified on the way to the end.
  std::array<uint8_t, 1> extra;
  TARN_ASSIGN_OR_RETURN(got, source.read(extra));
  if (got > 0 && !options.allow_trailing_bytes) {
    return data_loss(quoted(path), ": the header's ", header.to_string(), " elements need ",
                     header.bytes + header.elements, " bytes, but the content is longer");
  }
  return tensor;
}

}  // namespace

Result<Tensor> read_idx_images(const std::string& path, const IdxOptions& options) {
  return read_idx(path, kImagesMagic, options);
}

Result<Tensor> read_idx_labels(const std::string& path, const IdxOptions& options) {
  TARN_ASSIGN_OR_RETURN(Tensor labels, read_idx(path, kLabelsMagic, options));
  std::span<const uint8_t> values = labels.flat<uint8_t>();
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] >= options.classes) {
      return invalid_argument(quoted(path), ": label ", values[i], " at index ", i, ", expected 0 to ",
                              options.classes - 1);
    }
  }
  return labels;
}

Result<LabelledImages> read_idx_pair(const std::string& images_path, const std::string& labels_path,
                                     const IdxOptions& options) {
  LabelledImages pair;
  TARN_ASSIGN_OR_RETURN(pair.images, read_idx_images(images_path, options));
  TARN_ASSIGN_OR_RETURN(pair.labels, read_idx_labels(labels_path, options));
  if (pair.images.shape().dim(0) != pair.labels.shape().dim(0)) {
    return invalid_argument(quoted(images_path), " has ", pair.images.shape().dim(0), " images but ",
                            quoted(labels_path), " has ", pair.labels.shape().dim(0), " labels");
  }
  return pair;
}

}  // namespace tarn::examples
