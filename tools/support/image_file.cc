#include "tools/support/image_file.h"

#include <algorithm>
#include <cstring>

#include "core/file.h"
#include "core/image_codec.h"

namespace tarn {
namespace {

Status check_size(int64_t width, int64_t height) {
  if (width >= 1 && height >= 1 && width <= kMostPixels / height) return {};
  return invalid_argument("the picture is said to be ", width, " x ", height, "; from 1 to ", kMostPixels,
                          " pixels are read");
}

Result<Image> empty_image(int64_t width, int64_t height, int channels, std::string_view format) {
  TARN_RETURN_IF_ERROR(check_size(width, height));
  Image image;
  image.width = static_cast<int>(width);
  image.height = static_cast<int>(height);
  image.channels = channels;
  image.format = format;
  image.pixels.resize(static_cast<size_t>(width) * static_cast<size_t>(height) * static_cast<size_t>(channels));
  return image;
}

// The netpbm formats: P2, P5 (gray) and P3, P6 (RGB), text and binary.
class NetpbmReader {
 public:
  explicit NetpbmReader(std::string_view bytes) : bytes_(bytes) {}

  Result<Image> read() {
    bool is_text = bytes_[1] == '2' || bytes_[1] == '3';
    bool is_gray = bytes_[1] == '2' || bytes_[1] == '5';
    std::string_view format = is_gray ? "PGM" : "PPM";
    at_ = 2;
    int64_t header[3];
    constexpr std::string_view kNames[] = {"width", "height", "largest value"};
    for (int i = 0; i < 3; ++i) {
      Result<int64_t> number = next_number();
      if (!number.ok()) return number.status().with_context(str_cat(format, ": ", kNames[i]));
      header[i] = *number;
    }
    const int64_t most = header[2];
    if (most < 1 || most > 65535) {
      return invalid_argument(format, ": the largest value is said to be ", most, "; expected 1 to 65535");
    }
    Result<Image> image = empty_image_checked(header[0], header[1], is_gray ? 1 : 3, format, is_text, most);
    if (!image.ok()) return image.status().with_context(format);
    if (!is_text) ++at_;  // the one blank after the header
    for (size_t i = 0; i < image->pixels.size(); ++i) {
      Result<int64_t> value = is_text ? next_number() : next_binary(most);
      if (!value.ok()) return value.status().with_context(str_cat(format, ": value ", i, " of ", image->pixels.size()));
      if (*value > most) {
        return invalid_argument(format, ": value ", i, " is ", *value, "; the largest is said to be ", most);
      }
      image->pixels[i] = static_cast<uint8_t>((*value * 255 + most / 2) / most);
    }
    return image;
  }

 private:
  // Every value takes at least a byte: a file too short is refused before memory for its picture is taken.
  Result<Image> empty_image_checked(int64_t width, int64_t height, int channels, std::string_view format, bool is_text,
                                    int64_t most) const {
    TARN_RETURN_IF_ERROR(check_size(width, height));
    int64_t expected = width * height * channels * (!is_text && most > 255 ? 2 : 1);
    auto left = static_cast<int64_t>(bytes_.size() - std::min(at_, bytes_.size()));
    if (left < expected) {
      return data_loss(width, " x ", height, " needs ", expected, " bytes, but only ", left, " are left");
    }
    return empty_image(width, height, channels, format);
  }

  void skip_blanks() {
    while (at_ < bytes_.size()) {
      if (bytes_[at_] == '#') {
        while (at_ < bytes_.size() && bytes_[at_] != '\n') ++at_;
      } else if (std::string_view(" \t\r\n\v\f").find(bytes_[at_]) != std::string_view::npos) {
        ++at_;
      } else {
        return;
      }
    }
  }

  Result<int64_t> next_number() {
    skip_blanks();
    if (at_ >= bytes_.size()) return data_loss("the file ends here");
    int64_t number = 0;
    size_t begin = at_;
    constexpr int64_t kFarTooMuch = int64_t{1} << 40;
    for (; at_ < bytes_.size() && bytes_[at_] >= '0' && bytes_[at_] <= '9'; ++at_) {
      number = std::min(number * 10 + (bytes_[at_] - '0'), kFarTooMuch);
    }
    if (at_ == begin) return invalid_argument("expected a number at byte ", at_);
    return number;
  }

  Result<int64_t> next_binary(int64_t most) {
    size_t size = most > 255 ? 2 : 1;
    if (bytes_.size() - at_ < size || at_ > bytes_.size()) return data_loss("the file ends here");
    int64_t value = static_cast<unsigned char>(bytes_[at_++]);
    if (size == 2) value = value << 8 | static_cast<unsigned char>(bytes_[at_++]);
    return value;
  }

  std::string_view bytes_;
  size_t at_ = 0;
};

// Of what ops/images decodes: [height, width, channels], or frames of it.
Result<Image> image_of(const Tensor& decoded, std::string_view format) {
  const Shape& shape = decoded.shape();
  const auto channels = static_cast<int>(shape.dim(-1));
  const bool has_alpha = channels % 2 == 0;
  TARN_ASSIGN_OR_RETURN(Image image,
                        empty_image(shape.dim(-2), shape.dim(-3), has_alpha ? channels - 1 : channels, format));
  const uint8_t* from = decoded.flat<uint8_t>().data();
  auto to_channels = static_cast<size_t>(image.channels);
  for (size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = from[i / to_channels * static_cast<size_t>(channels) + i % to_channels];
  if (has_alpha) image.done.emplace_back("alpha dropped");
  if (shape.rank() == 4 && shape.dim(0) > 1) image.done.push_back(str_cat("the first of ", shape.dim(0), " pictures"));
  return image;
}

// Of a file that was decoded, which is sound.
bool png_has_chunk(std::string_view bytes, std::string_view type) {
  constexpr size_t kSignature = 8, kAround = 12;  // length, type and checksum
  for (size_t at = kSignature; bytes.size() - at >= kAround;) {
    if (bytes.substr(at + 4, 4) == type) return true;
    size_t length = 0;
    for (char byte : bytes.substr(at, 4)) length = length << 8 | static_cast<unsigned char>(byte);
    if (length > bytes.size() - at - kAround) return false;
    at += kAround + length;
  }
  return false;
}

Result<Image> decode_png(std::string_view bytes) {
  TARN_ASSIGN_OR_RETURN(Tensor decoded, image_codec().decode_png(bytes, 0, DType::kUInt8));
  TARN_ASSIGN_OR_RETURN(Image image, image_of(decoded, "PNG"));
  if (image.done.empty() && png_has_chunk(bytes, "tRNS")) image.done.emplace_back("alpha dropped");
  constexpr size_t kBitDepth = 24;  // byte of the file, in the header that comes first
  if (bytes[kBitDepth] == 16) image.done.emplace_back("16 bits made 8");
  return image;
}

Result<Image> decode_jpeg(std::string_view bytes) {
  TARN_ASSIGN_OR_RETURN(Tensor decoded, image_codec().decode_jpeg(bytes, 0, {}));
  return image_of(decoded, "JPEG");
}

Result<Image> decode_gif(std::string_view bytes) {
  TARN_ASSIGN_OR_RETURN(Tensor decoded, image_codec().decode_gif(bytes));
  return image_of(decoded, "GIF");
}

Result<Image> decode_bmp(std::string_view bytes) {
  Result<Tensor> decoded = image_codec().decode_bmp(bytes, 0);
  if (!decoded.ok()) return decoded.status().with_context("BMP");
  return image_of(*decoded, "BMP");
}

}  // namespace

Status write_image(const std::string& path, const Image& image) {
  TARN_ASSIGN_OR_RETURN(Tensor pixels,
                        Tensor::allocate(DType::kUInt8, Shape{image.height, image.width, image.channels}));
  std::memcpy(pixels.mutable_data(), image.pixels.data(), image.pixels.size());
  TARN_ASSIGN_OR_RETURN(std::string bytes, image_codec().encode_png(pixels, /*compression=*/-1));
  return write_file_atomically(path, bytes);
}

Result<Image> decode_image(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.empty()) return invalid_argument("the file is empty");
  if (bytes.starts_with("\x89PNG\r\n\x1a\n"sv)) return decode_png(bytes);
  if (bytes.starts_with("\xff\xd8\xff"sv)) return decode_jpeg(bytes);
  if (bytes.starts_with("GIF8")) return decode_gif(bytes);
  if (bytes.starts_with("BM")) return decode_bmp(bytes);
  bool is_netpbm = bytes.size() > 2 && bytes[0] == 'P' && "2356"sv.find(bytes[1]) != std::string_view::npos &&
                   " \t\r\n#"sv.find(bytes[2]) != std::string_view::npos;
  if (is_netpbm) return NetpbmReader(bytes).read();
  struct Other {
    std::string_view magic, name;
  };
  constexpr Other kOthers[] = {{"RIFF", "a RIFF file (WebP?)"}, {"II*\0"sv, "a TIFF"},   {"MM\0*"sv, "a TIFF"},
                               {"\x1f\x8b", "gzip-packed"},     {"%PDF", "a PDF"},       {"<svg", "an SVG"},
                               {"P1", "a bitmap (PBM)"},        {"P4", "a bitmap (PBM)"}};
  for (const Other& other : kOthers) {
    if (bytes.starts_with(other.magic)) {
      return unimplemented("it is ", other.name, "; PNG, JPEG, BMP, GIF, PGM and PPM are read");
    }
  }
  return invalid_argument("not a picture that is read here (PNG, JPEG, BMP, GIF, PGM, PPM): it begins with ",
                          quoted(bytes.substr(0, 8)));
}

Result<Image> read_image(const std::string& path) {
  constexpr uint64_t kMostBytes = uint64_t{1} << 30;
  TARN_ASSIGN_OR_RETURN(std::string bytes, read_file(path, kMostBytes));
  Result<Image> image = decode_image(bytes);
  if (!image.ok()) return image.status().with_context(path);
  return image;
}

}  // namespace tarn
