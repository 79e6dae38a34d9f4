// PNG by libpng, as TensorFlow decodes and encodes it.
#include <csetjmp>

#include <png.h>

#include <cstring>

#include "ops/images/formats.h"

namespace tarn::images {
namespace {

// libpng leaves through its error handler, which must not return: a jump back over C frames alone. Everything with a
// destructor belongs to the callers of the functions that set the jump: a jump runs none.
struct Stream {
  const char* bytes = nullptr;  // of a file being read
  size_t left = 0;
  std::string* written = nullptr;
  std::jmp_buf back;
  char message[256] = "";
};

extern "C" void leave_libpng(png_structp png, png_const_charp message) {
  auto* stream = static_cast<Stream*>(::png_get_error_ptr(png));
  std::strncpy(stream->message, message, sizeof(stream->message) - 1);
  std::longjmp(stream->back, 1);
}
extern "C" void ignore_warning(png_structp, png_const_charp) {}  // of chunks that say nothing about the pixels

extern "C" void read_bytes(png_structp png, png_bytep to, size_t size) {
  auto* stream = static_cast<Stream*>(::png_get_io_ptr(png));
  if (stream->left < size) ::png_error(png, "the file ends too early");
  std::memcpy(to, stream->bytes, size);
  stream->bytes += size;
  stream->left -= size;
}
extern "C" void write_bytes(png_structp png, png_bytep from, size_t size) {
  std::string& to = *static_cast<Stream*>(::png_get_io_ptr(png))->written;
  // Never grows: running out of memory must not unwind through libpng.
  if (size > to.capacity() - to.size()) ::png_error(png, "more bytes than a picture of this size can have");
  to.append(reinterpret_cast<const char*>(from), size);
}
extern "C" void flush_nothing(png_structp) {}

struct Reading {
  int channels = 0;
  DType dtype = DType::kUInt8;
  Tensor tensor;
  Status status;
  uint8_t* pixels = nullptr;
  size_t stride = 0;    // bytes of a row as it is read
  bool widens = false;  // 8 bits are read, 16 wanted
};

// The transformations of TensorFlow's decoder, in its order.
bool start(png_structp png, png_infop info, Reading& reading) {
  const int color = ::png_get_color_type(png, info), bits = ::png_get_bit_depth(png, info);
  const bool has_trns = ::png_get_valid(png, info, PNG_INFO_tRNS) != 0, is_palette = color == PNG_COLOR_TYPE_PALETTE;
  const bool has_alpha = (color & PNG_COLOR_MASK_ALPHA) != 0, is_gray = (color & PNG_COLOR_MASK_COLOR) == 0;
  const auto width = ::png_get_image_width(png, info), height = ::png_get_image_height(png, info);
  reading.status = judge_size(width, height);
  if (!reading.status.ok()) return false;
  if (reading.channels == 0) reading.channels = is_palette ? (has_trns ? 4 : 3) : ::png_get_channels(png, info);
  const bool wants_16 = reading.dtype == DType::kUInt16;
  if (reading.channels % 2 == 0) {  // alpha is wanted
    if (!has_alpha && has_trns) ::png_set_tRNS_to_alpha(png);
    if (!has_alpha && !has_trns) ::png_set_add_alpha(png, (1u << bits) - 1, PNG_FILLER_AFTER);
  } else if (has_alpha || has_trns) {
    ::png_set_strip_alpha(png);
  }
  if (bits > 8 && !wants_16) ::png_set_strip_16(png);
  reading.widens = bits <= 8 && wants_16;
  ::png_set_packing(png);
  if (wants_16) ::png_set_swap(png);  // to the machine's order, little-endian
  if (is_palette) ::png_set_palette_to_rgb(png);
  const bool wants_gray = reading.channels < 3;
  if (is_gray && bits < 8) ::png_set_expand_gray_1_2_4_to_8(png);
  if (wants_gray && !is_gray) ::png_set_rgb_to_gray(png, 1, 0.299, 0.587);  // of red and green; blue has the rest
  if (!wants_gray && is_gray) ::png_set_gray_to_rgb(png);

  Result<Tensor> tensor = Tensor::zeros(reading.dtype, Shape{height, width, reading.channels});
  reading.status = tensor.status();
  if (!tensor.ok()) return false;
  reading.tensor = *std::move(tensor);
  reading.pixels = static_cast<uint8_t*>(reading.tensor.mutable_data());
  reading.stride = static_cast<size_t>(width) * static_cast<size_t>(reading.channels) * (bits > 8 && wants_16 ? 2 : 1);
  return true;
}

bool decode_into(png_structp png, png_infop info, Stream& stream, Reading& reading) {
  if (setjmp(stream.back) != 0) return false;
  ::png_set_read_fn(png, &stream, read_bytes);
  // Nothing but the picture: packed texts and color profiles may be as large as they like.
  ::png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  ::png_read_info(png, info);
  if (!start(png, info, reading)) return true;
  int passes = ::png_set_interlace_handling(png);
  ::png_read_update_info(png, info);
  if (::png_get_rowbytes(png, info) != reading.stride) ::png_error(png, "rows of an unexpected size");
  png_uint_32 height = ::png_get_image_height(png, info);
  for (int pass = 0; pass < passes; ++pass) {
    for (png_uint_32 y = 0; y < height; ++y) ::png_read_row(png, reading.pixels + y * reading.stride, nullptr);
  }
  ::png_read_end(png, nullptr);  // a file cut after its pixels is one cut short
  return true;
}

bool encode_into(png_structp png, png_infop info, Stream& stream, const Tensor& pixels, int compression) {
  if (setjmp(stream.back) != 0) return false;
  ::png_set_write_fn(png, &stream, write_bytes, flush_nothing);
  if (compression != -1) ::png_set_compression_level(png, compression);
  constexpr int kColorTypes[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                 PNG_COLOR_TYPE_RGB_ALPHA};
  const Shape& shape = pixels.shape();
  int bits = pixels.dtype() == DType::kUInt16 ? 16 : 8;
  ::png_set_IHDR(png, info, static_cast<png_uint_32>(shape.dim(1)), static_cast<png_uint_32>(shape.dim(0)), bits,
                 kColorTypes[shape.dim(2)], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  ::png_write_info(png, info);
  if (bits == 16) ::png_set_swap(png);
  const auto* from = static_cast<const uint8_t*>(pixels.data());
  size_t stride = pixels.byte_size() / static_cast<size_t>(shape.dim(0));
  for (int64_t y = 0; y < shape.dim(0); ++y) ::png_write_row(png, from + static_cast<size_t>(y) * stride);
  ::png_write_end(png, nullptr);
  return true;
}

}  // namespace

Result<Tensor> decode_png(std::string_view bytes, int channels, DType dtype) {
  Stream stream;
  stream.bytes = bytes.data();
  stream.left = bytes.size();
  png_structp png = ::png_create_read_struct(PNG_LIBPNG_VER_STRING, &stream, leave_libpng, ignore_warning);
  png_infop info = png == nullptr ? nullptr : ::png_create_info_struct(png);
  Reading reading;
  reading.channels = channels;
  reading.dtype = dtype;
  bool done = info != nullptr && decode_into(png, info, stream, reading);
  ::png_destroy_read_struct(&png, &info, nullptr);
  if (!done) return invalid_argument("Invalid PNG data, size ", bytes.size(), ": ", printable(stream.message));
  if (!reading.status.ok()) return reading.status.with_context("PNG");
  if (reading.widens) {  // v in both bytes: 255 becomes 65535. From the end on, as both share the memory.
    auto* wide = static_cast<uint16_t*>(reading.tensor.mutable_data());
    for (int64_t i = reading.tensor.element_count(); i-- > 0;) {
      uint8_t value = static_cast<const uint8_t*>(reading.tensor.data())[i];
      wide[i] = static_cast<uint16_t>(value << 8 | value);
    }
  }
  return std::move(reading.tensor);
}

Result<std::string> encode_png(const Tensor& pixels, int compression) {
  // zlib's bound for any window (an eighth more), libpng's 12 bytes for each 8192, a filter byte a row, and the header.
  constexpr size_t kHeaderBytes = 4096;
  size_t raw = pixels.byte_size() + static_cast<size_t>(pixels.shape().dim(0));
  std::string bytes;
  bytes.reserve(raw + raw / 4 + kHeaderBytes);
  Stream stream;
  stream.written = &bytes;
  png_structp png = ::png_create_write_struct(PNG_LIBPNG_VER_STRING, &stream, leave_libpng, ignore_warning);
  png_infop info = png == nullptr ? nullptr : ::png_create_info_struct(png);
  bool done = info != nullptr && encode_into(png, info, stream, pixels, compression);
  ::png_destroy_write_struct(&png, &info);
  if (!done) return invalid_argument("PNG encoding failed: ", printable(stream.message));
  bytes.shrink_to_fit();
  return bytes;
}

}  // namespace tarn::images
