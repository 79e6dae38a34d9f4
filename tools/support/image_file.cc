#include "tools/support/image_file.h"

#include <jerror.h>
#include <jpeglib.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>

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

// libpng leaves through its error handler, which must not return: a jump back to decode_png_into, over C frames alone.
struct PngSource {
  const char* bytes;
  size_t left;
  jmp_buf back;
  char message[256];
};

extern "C" void leave_png(png_structp png, png_const_charp message) {
  auto* source = static_cast<PngSource*>(::png_get_error_ptr(png));
  std::snprintf(source->message, sizeof(source->message), "%s", message);
  longjmp(source->back, 1);
}

extern "C" void ignore_png_warning(png_structp, png_const_charp) {}  // of chunks that say nothing about the pixels

extern "C" void read_png_bytes(png_structp png, png_bytep to, size_t size) {
  auto* source = static_cast<PngSource*>(::png_get_io_ptr(png));
  if (source->left < size) ::png_error(png, "the file ends too early");
  std::memcpy(to, source->bytes, size);
  source->bytes += size;
  source->left -= size;
}

// What decode_png_into fills.
struct PngTarget {
  Image image;
  Status status;

  bool start(png_structp png, png_infop info) {
    bool is_gray = (::png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR) == 0;
    bool has_alpha =
        (::png_get_color_type(png, info) & PNG_COLOR_MASK_ALPHA) != 0 || ::png_get_valid(png, info, PNG_INFO_tRNS) != 0;
    Result<Image> made =
        empty_image(::png_get_image_width(png, info), ::png_get_image_height(png, info), is_gray ? 1 : 3, "PNG");
    status = made.status();
    if (!made.ok()) return false;
    image = *std::move(made);
    if (has_alpha) image.done.emplace_back("alpha dropped");
    if (::png_get_bit_depth(png, info) == 16) image.done.emplace_back("16 bits made 8");
    return true;
  }
  uint8_t* row(png_uint_32 y) { return image.pixels.data() + stride() * static_cast<size_t>(y); }
  size_t stride() const { return static_cast<size_t>(image.width) * static_cast<size_t>(image.channels); }
};

// Pixels as TensorFlow's DecodePng gives them: the upper 8 bits of 16, colors as stored whatever gamma or alpha say.
// Everything with a destructor belongs to the caller: a jump runs none.
bool decode_png_into(png_structp png, png_infop info, PngSource& source, PngTarget& target) {
  if (setjmp(source.back) != 0) return false;
  ::png_set_read_fn(png, &source, read_png_bytes);
  // Nothing but the picture: packed texts and color profiles may be as large as they like.
  ::png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  ::png_read_info(png, info);
  if (!target.start(png, info)) return true;
  ::png_set_expand(png);  // palettes, and fewer than 8 bits
  ::png_set_strip_alpha(png);
  ::png_set_strip_16(png);
  int passes = ::png_set_interlace_handling(png);
  ::png_read_update_info(png, info);
  if (::png_get_rowbytes(png, info) != target.stride()) ::png_error(png, "rows of an unexpected size");
  png_uint_32 height = ::png_get_image_height(png, info);
  for (int pass = 0; pass < passes; ++pass) {
    for (png_uint_32 y = 0; y < height; ++y) ::png_read_row(png, target.row(y), nullptr);
  }
  ::png_read_end(png, nullptr);  // a file cut after its pixels is one cut short
  return true;
}

Result<Image> decode_png(std::string_view bytes) {
  PngSource source;
  std::memset(&source, 0, sizeof(source));
  source.bytes = bytes.data();
  source.left = bytes.size();
  png_structp png = ::png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, leave_png, ignore_png_warning);
  png_infop info = png == nullptr ? nullptr : ::png_create_info_struct(png);
  PngTarget target;
  bool done = info != nullptr && decode_png_into(png, info, source, target);
  ::png_destroy_read_struct(&png, &info, nullptr);
  if (!done) return data_loss("PNG: ", source.message[0] == '\0' ? "libpng does not start" : printable(source.message));
  if (!target.status.ok()) return target.status.with_context("PNG");
  return std::move(target.image);
}

// libjpeg leaves through error_exit, which must not return: a jump back to decode_jpeg_into, over C frames alone.
struct JpegErrors {
  jpeg_error_mgr manager;  // first, so that a pointer to it is one to the whole
  jmp_buf back;
  char message[JMSG_LENGTH_MAX];
};

extern "C" void leave_jpeg(j_common_ptr jpeg) {
  auto* errors = reinterpret_cast<JpegErrors*>(jpeg->err);
  jpeg->err->format_message(jpeg, errors->message);
  longjmp(errors->back, 1);
}

extern "C" void judge_jpeg_message(j_common_ptr jpeg, int level) {
  if (level >= 0) return;  // tracing
  // Warnings: data are missing or damaged, and libjpeg would go on with gray. Stray bytes and odd headers do no harm.
  int code = jpeg->err->msg_code;
  if (code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR) leave_jpeg(jpeg);
}

extern "C" void count_jpeg_scans(j_common_ptr jpeg) {
  // A few kilobytes of empty scans can keep a decoder busy for hours; real encoders write about ten.
  constexpr int kMostScans = 100;
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number > kMostScans) {
    auto* errors = reinterpret_cast<JpegErrors*>(jpeg->err);
    std::snprintf(errors->message, sizeof(errors->message), "more than %d scans", kMostScans);
    longjmp(errors->back, 1);
  }
}

// Everything with a destructor belongs to the caller: a jump runs none. `size_error` and `image` are filled between.
bool decode_jpeg_into(std::string_view bytes, jpeg_decompress_struct& jpeg, JpegErrors& errors,
                      bool (*start)(jpeg_decompress_struct&, void*), void* user, uint8_t* (*row_of)(void*, int)) {
  if (setjmp(errors.back) != 0) return false;
  ::jpeg_create_decompress(&jpeg);
  ::jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  ::jpeg_read_header(&jpeg, TRUE);
  if (!start(jpeg, user)) return true;
  ::jpeg_start_decompress(&jpeg);
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW row = row_of(user, static_cast<int>(jpeg.output_scanline));
    ::jpeg_read_scanlines(&jpeg, &row, 1);
  }
  ::jpeg_finish_decompress(&jpeg);
  return true;
}

// What decode_jpeg_into fills.
struct JpegTarget {
  Image image;
  Status status;
};

Result<Image> decode_jpeg(std::string_view bytes) {
  jpeg_decompress_struct jpeg;
  std::memset(&jpeg, 0, sizeof(jpeg));
  JpegErrors errors;
  std::memset(&errors, 0, sizeof(errors));
  jpeg.err = ::jpeg_std_error(&errors.manager);
  errors.manager.error_exit = leave_jpeg;
  errors.manager.emit_message = judge_jpeg_message;
  jpeg_progress_mgr progress;
  std::memset(&progress, 0, sizeof(progress));
  progress.progress_monitor = count_jpeg_scans;

  JpegTarget target;
  struct Callbacks {
    jpeg_progress_mgr* progress;
    JpegTarget* target;
  } callbacks{&progress, &target};
  auto start = [](jpeg_decompress_struct& header, void* user) {
    auto& to = *static_cast<Callbacks*>(user);
    header.progress = to.progress;
    header.dct_method = JDCT_IFAST;  // as TensorFlow's decoder: networks were trained on what it gives
    bool is_gray = header.jpeg_color_space == JCS_GRAYSCALE;
    bool is_cmyk = header.jpeg_color_space == JCS_CMYK || header.jpeg_color_space == JCS_YCCK;
    header.out_color_space = is_gray ? JCS_GRAYSCALE : is_cmyk ? JCS_CMYK : JCS_RGB;
    Result<Image> image = empty_image(header.image_width, header.image_height, is_gray ? 1 : is_cmyk ? 4 : 3, "JPEG");
    if (image.ok()) {
      to.target->image = *std::move(image);
    } else {
      to.target->status = image.status();
    }
    return to.target->status.ok();
  };
  auto row_of = [](void* user, int row) {
    Image& image = static_cast<Callbacks*>(user)->target->image;
    size_t stride = static_cast<size_t>(image.width) * static_cast<size_t>(image.channels);
    return image.pixels.data() + stride * static_cast<size_t>(row);
  };
  bool done = decode_jpeg_into(bytes, jpeg, errors, start, &callbacks, row_of);
  bool is_inverted = jpeg.saw_Adobe_marker != 0;
  ::jpeg_destroy_decompress(&jpeg);
  if (!done) return data_loss("JPEG: ", printable(errors.message));
  if (!target.status.ok()) return target.status.with_context("JPEG");
  Image& image = target.image;
  if (image.channels != 4) return std::move(image);

  // Inks on white. Adobe's files hold what is left of the light.
  std::vector<uint8_t> pixels;
  pixels.reserve(image.pixels.size() / 4 * 3);
  for (size_t i = 0; i < image.pixels.size(); i += 4) {
    auto light = [&](size_t c) { return is_inverted ? image.pixels[i + c] : 255 - image.pixels[i + c]; };
    for (size_t c = 0; c < 3; ++c) pixels.push_back(static_cast<uint8_t>(light(c) * light(3) / 255));
  }
  image.pixels = std::move(pixels);
  image.channels = 3;
  return std::move(image);
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

// Of formats that ops/images alone knows: [height, width, channels], or frames of it.
Result<Image> image_of(const Result<Tensor>& decoded, std::string_view format) {
  if (!decoded.ok()) return decoded.status().with_context(format);
  const Shape& shape = decoded->shape();
  auto channels = static_cast<int>(shape.dim(-1));
  TARN_ASSIGN_OR_RETURN(Image image, empty_image(shape.dim(-2), shape.dim(-3), channels == 4 ? 3 : channels, format));
  const uint8_t* from = decoded->flat<uint8_t>().data();
  auto to_channels = static_cast<size_t>(image.channels);
  for (size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = from[i / to_channels * static_cast<size_t>(channels) + i % to_channels];
  if (channels == 4) image.done.emplace_back("alpha dropped");
  if (shape.rank() == 4 && shape.dim(0) > 1) image.done.push_back(str_cat("the first of ", shape.dim(0), " pictures"));
  return image;
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
  if (bytes.starts_with("GIF8")) return image_of(image_codec().decode_gif(bytes), "GIF");
  if (bytes.starts_with("BM")) return image_of(image_codec().decode_bmp(bytes, 0), "BMP");
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
