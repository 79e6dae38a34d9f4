#include "graph/tensor_slice.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "proto/checkpoint.pb.h"

namespace tarn {
namespace {

bool read_number(std::string_view text, int64_t& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// Ordered code: numbers and strings as bytes that sort like the values.

// The bytes of an unsigned number without leading zeros, their count before them.
void append_ordered_number(std::string& out, uint64_t value) {
  char bytes[8];
  int count = 0;
  for (; value > 0; value >>= 8) bytes[count++] = static_cast<char>(value & 0xff);
  out.push_back(static_cast<char>(count));
  while (count > 0) out.push_back(bytes[--count]);
}

// 00 and ff are escaped as 00 ff and ff 00; 00 01 ends the string.
void append_ordered_string(std::string& out, std::string_view text) {
  for (char c : text) {
    out.push_back(c);
    if (c == '\0') out.push_back('\xff');
    if (c == '\xff') out.push_back('\0');
  }
  out.append({'\0', '\1'});
}

// A signed number in the fewest bytes n that hold it in 7n - 1 bits and a sign, big-endian; the first n bits are then
// flipped from the sign so that longer numbers sort outside shorter ones: 0 -> 80, -1 -> 7f, 64 -> c0 40.
void append_ordered_signed(std::string& out, int64_t value) {
  uint64_t magnitude = value < 0 ? ~static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  int bits = 64 - __builtin_clzll(magnitude | 1);
  if (magnitude == 0) bits = 0;
  int length = bits / 7 + 1;
  // Ten bytes hold the sign-extended number and its header of up to ten bits.
  uint8_t bytes[10];
  uint8_t fill = value < 0 ? 0xff : 0;
  for (int i = 0; i < 10; ++i)
    bytes[9 - i] = i < 8 ? static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * i)) : fill;
  uint8_t* first = bytes + 10 - length;
  for (int bit = 0; bit < length; ++bit) first[bit / 8] ^= static_cast<uint8_t>(0x80 >> (bit % 8));
  out.append(reinterpret_cast<const char*>(first), static_cast<size_t>(length));
}

// Elements of a row-major tensor, one step along each dimension.
std::vector<int64_t> strides_of(const Shape& shape) {
  std::vector<int64_t> strides(static_cast<size_t>(shape.rank()), 1);
  for (int i = shape.rank() - 2; i >= 0; --i) {
    strides[static_cast<size_t>(i)] = strides[static_cast<size_t>(i) + 1] * shape.dim(i + 1);
  }
  return strides;
}

// Calls copy(offset in full, offset in part, elements) for each run that is contiguous in both.
template <class F>
void for_each_run(const TensorSlice& slice, const Shape& full, const Shape& part, const F& copy) {
  if (part.elements() == 0) return;
  int rank = full.rank();
  // From dimension `inner` on everything after the first is whole: one run.
  int inner = rank - 1;
  while (inner > 0 && part.dim(inner) == full.dim(inner)) --inner;
  int64_t run = 1;
  for (int i = std::max(inner, 0); i < rank; ++i) run *= part.dim(i);
  std::vector<int64_t> strides = strides_of(full);
  std::vector<int64_t> index(static_cast<size_t>(std::max(inner, 0)), 0);
  int64_t part_offset = 0;
  while (true) {
    int64_t full_offset = 0;
    for (int i = 0; i < rank; ++i) {
      auto at = static_cast<size_t>(i);
      full_offset += (slice.extents[at].start + (at < index.size() ? index[at] : 0)) * strides[at];
    }
    copy(full_offset, part_offset, run);
    part_offset += run;
    int i = static_cast<int>(index.size()) - 1;
    for (; i >= 0; --i) {
      if (++index[static_cast<size_t>(i)] < part.dim(i)) break;
      index[static_cast<size_t>(i)] = 0;
    }
    if (i < 0) return;
  }
}

void copy_elements(const Tensor& from, int64_t from_offset, Tensor& to, void* to_data, int64_t to_offset,
                   int64_t count) {
  if (from.dtype() == DType::kString) {
    const std::string* source = from.flat<std::string>().data() + from_offset;
    std::copy(source, source + count, static_cast<std::string*>(to_data) + to_offset);
    return;
  }
  auto size = static_cast<int64_t>(dtype_size(to.dtype()));
  std::memcpy(static_cast<char*>(to_data) + to_offset * size,
              static_cast<const char*>(from.data()) + from_offset * size, static_cast<size_t>(count * size));
}

}  // namespace

Result<TensorSlice::Spec> TensorSlice::parse(std::string_view text) {
  auto bad = [&] { return invalid_argument("shape and slice ", quoted(text), " is not of the form \"10 4 0,5:-\""); };
  std::vector<std::string> words = str_split(text, ' ');
  if (words.empty()) return bad();
  Spec spec;
  std::vector<int64_t> dims(words.size() - 1);
  for (size_t i = 0; i < dims.size(); ++i) {
    if (!read_number(words[i], dims[i]) || dims[i] < 0) return bad();
  }
  TARN_ASSIGN_OR_RETURN(spec.full_shape, Shape::make(dims));
  for (const std::string& piece : str_split(words.back(), ':')) {
    Extent extent;
    if (piece != "-") {
      size_t comma = piece.find(',');
      if (comma == std::string::npos || !read_number(std::string_view(piece).substr(0, comma), extent.start) ||
          !read_number(std::string_view(piece).substr(comma + 1), extent.length)) {
        return bad();
      }
    }
    spec.slice.extents.push_back(extent);
  }
  Result<Shape> part = spec.slice.shape_of(spec.full_shape);
  if (!part.ok()) return part.status().with_context(str_cat("shape and slice ", quoted(text)));
  return spec;
}

Result<TensorSlice> TensorSlice::from_proto(const pb::TensorSliceProto& proto) {
  TensorSlice slice;
  for (const pb::TensorSliceProto::Extent& extent : proto.extent()) {
    bool has_length = extent.has_length_case() == pb::TensorSliceProto::Extent::kLength;
    if (!has_length && extent.start() != 0)
      return data_loss("a slice starts at ", extent.start(), " and has no length");
    slice.extents.push_back({extent.start(), has_length ? extent.length() : kAll});
    if (has_length && extent.length() < 0) return data_loss("a slice has length ", extent.length());
  }
  return slice;
}

pb::TensorSliceProto TensorSlice::to_proto() const {
  pb::TensorSliceProto proto;
  for (const Extent& extent : extents) {
    pb::TensorSliceProto::Extent* out = proto.add_extent();
    if (extent.length == kAll) continue;
    out->set_start(extent.start);
    out->set_length(extent.length);
  }
  return proto;
}

bool TensorSlice::is_full() const {
  return std::all_of(extents.begin(), extents.end(), [](const Extent& extent) { return extent.length == kAll; });
}

std::string TensorSlice::to_string() const {
  std::string out;
  for (const Extent& extent : extents) {
    if (!out.empty()) out += ':';
    if (extent.length == kAll) {
      out += '-';
    } else {
      str_append(out, extent.start, ',', extent.length);
    }
  }
  return out;
}

Result<Shape> TensorSlice::shape_of(const Shape& full) const {
  if (static_cast<int>(extents.size()) != full.rank()) {
    return invalid_argument("slice '", to_string(), "' has ", extents.size(), " extents but the tensor has shape ",
                            full);
  }
  Shape shape;
  for (int i = 0; i < full.rank(); ++i) {
    const Extent& extent = extents[static_cast<size_t>(i)];
    if (extent.length == kAll) {
      shape.add_dim(full.dim(i));
      continue;
    }
    if (extent.start < 0 || extent.length < 0 || extent.start > full.dim(i) ||
        extent.length > full.dim(i) - extent.start) {
      return invalid_argument("slice '", to_string(), "' leaves dim ", i, " of shape ", full);
    }
    shape.add_dim(extent.length);
  }
  return shape;
}

bool TensorSlice::overlaps(const TensorSlice& other, const Shape& full) const {
  for (int i = 0; i < full.rank(); ++i) {
    const Extent& a = extents[static_cast<size_t>(i)];
    const Extent& b = other.extents[static_cast<size_t>(i)];
    int64_t a_end = a.length == kAll ? full.dim(i) : a.start + a.length;
    int64_t b_end = b.length == kAll ? full.dim(i) : b.start + b.length;
    if (std::max(a.start, b.start) >= std::min(a_end, b_end)) return false;
  }
  return true;
}

std::string TensorSlice::key(std::string_view name) const {
  std::string out;
  append_ordered_number(out, 0);
  append_ordered_string(out, name);
  append_ordered_number(out, extents.size());
  for (const Extent& extent : extents) {
    append_ordered_signed(out, extent.start);
    append_ordered_signed(out, extent.length);
  }
  return out;
}

void copy_into_slice(const Tensor& part, const TensorSlice& slice, Tensor& full) {
  void* data = full.mutable_data();
  for_each_run(slice, full.shape(), part.shape(), [&](int64_t full_offset, int64_t part_offset, int64_t count) {
    copy_elements(part, part_offset, full, data, full_offset, count);
  });
}

Result<Tensor> copy_slice(const Tensor& full, const TensorSlice& slice) {
  TARN_ASSIGN_OR_RETURN(Shape shape, slice.shape_of(full.shape()));
  TARN_ASSIGN_OR_RETURN(Tensor part, Tensor::allocate(full.dtype(), shape));
  void* data = part.mutable_data();
  for_each_run(slice, full.shape(), shape, [&](int64_t full_offset, int64_t part_offset, int64_t count) {
    copy_elements(full, full_offset, part, data, part_offset, count);
  });
  return part;
}

}  // namespace tarn
