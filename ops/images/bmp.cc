// BMP, uncompressed, as TensorFlow decodes it: 8 bits gray, 24 and 32 bits colors.
#include <cstdlib>

#include "ops/images/formats.h"

namespace tarn::images {
namespace {

int64_t number_at(std::string_view bytes, size_t at, int size) {
  uint32_t value = 0;
  for (int i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + static_cast<size_t>(i)]);
  return size == 4 ? static_cast<int32_t>(value) : static_cast<int64_t>(value);
}

}  // namespace

Result<Tensor> decode_bmp(std::string_view bytes, int channels) {
  constexpr size_t kHeaderBytes = 32;
  if (bytes.size() < kHeaderBytes) {
    return invalid_argument("Incomplete bmp content, requires at least ", kHeaderBytes,
                            " bytes to find the header size, width, height, and bpp, got ", bytes.size());
  }
  int64_t begin = number_at(bytes, 10, 4), width = number_at(bytes, 18, 4), height = number_at(bytes, 22, 4);
  int64_t bits = number_at(bytes, 28, 2);
  if (channels != 0 && channels != bits / 8) {
    return invalid_argument("channels attribute ", channels, " does not match bits per pixel from file ", bits);
  }
  int64_t found = bits / 8;
  if (found != 1 && found != 3 && found != 4) {
    return invalid_argument("Number of channels must be 1, 3 or 4, was ", found, " (", bits, " bits per pixel)");
  }
  bool top_down = height < 0;
  int64_t rows = std::abs(height);
  if (width <= 0 || height == 0 || begin < 0) {
    return invalid_argument("a BMP of ", width, " x ", height, " with its pixels at byte ", begin);
  }
  TARN_RETURN_IF_ERROR(judge_size(width, rows));
  int64_t stride = (8 * found * width + 31) / 32 * 4;  // rows end at a multiple of four bytes; the last one need not
  int64_t needed = begin + (rows - 1) * stride + width * found;
  if (needed > static_cast<int64_t>(bytes.size())) {
    return invalid_argument("Incomplete bmp content, requires at least ", needed, " bytes, got ", bytes.size());
  }
  TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::zeros(DType::kUInt8, Shape{rows, width, found}));
  uint8_t* to = tensor.mutable_flat<uint8_t>().data();
  for (int64_t y = 0; y < rows; ++y) {
    const char* from = bytes.data() + begin + (top_down ? y : rows - 1 - y) * stride;
    for (int64_t x = 0; x < width; ++x, from += found, to += found) {
      for (int64_t c = 0; c < found; ++c) {
        int64_t source = found > 1 && c < 3 ? 2 - c : c;  // blue comes first in the file
        to[c] = static_cast<uint8_t>(from[source]);
      }
    }
  }
  return tensor;
}

}  // namespace tarn::images
