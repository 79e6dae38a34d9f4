// JPEG by libjpeg, as TensorFlow decodes and encodes it.
#include <jerror.h>
#include <csetjmp>
#include <cstdio>

#include <jpeglib.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "ops/images/formats.h"

namespace tarn::images {
namespace {

// libjpeg leaves through error_exit, which must not return: a jump back over C frames alone. Everything with a
// destructor belongs to the callers of the functions that set the jump: a jump runs none.
struct Errors {
  jpeg_error_mgr manager;  // first, so that a pointer to it is one to the whole
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX];
  bool forgives;  // a file cut short is filled up
};

extern "C" void leave_libjpeg(j_common_ptr jpeg) {
  auto* errors = reinterpret_cast<Errors*>(jpeg->err);
  jpeg->err->format_message(jpeg, errors->message);
  std::longjmp(errors->back, 1);
}

extern "C" void judge_message(j_common_ptr jpeg, int level) {
  if (level >= 0) return;  // tracing
  // Warnings: data are missing or damaged, and libjpeg would go on with gray. Stray bytes and odd headers do no harm.
  auto* errors = reinterpret_cast<Errors*>(jpeg->err);
  int code = jpeg->err->msg_code;
  if (code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR) return;
  if (errors->forgives && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER)) return;
  leave_libjpeg(jpeg);
}

extern "C" void count_scans(j_common_ptr jpeg) {
  // A few kilobytes of empty scans can keep a decoder busy for hours; real encoders write about ten.
  constexpr int kMostScans = 100;
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number <= kMostScans) return;
  auto* errors = reinterpret_cast<Errors*>(jpeg->err);
  std::snprintf(errors->message, sizeof(errors->message), "more than %d scans", kMostScans);
  std::longjmp(errors->back, 1);
}

void prepare_errors(Errors& errors) {
  std::memset(&errors, 0, sizeof(errors));
  ::jpeg_std_error(&errors.manager);
  errors.manager.error_exit = leave_libjpeg;
  errors.manager.emit_message = judge_message;
}

// What is decoded and where to.
struct Reading {
  std::string_view bytes;
  int channels = 0;
  JpegReading how;
  jpeg_progress_mgr progress;
  Tensor tensor;
  Status status;
  std::string ink;  // a row of CMYK
  uint8_t* pixels = nullptr;
  size_t stride = 0;  // bytes of a row
  bool is_ink = false;
};

J_DCT_METHOD dct_method(std::string_view name) {
  return name == "INTEGER_ACCURATE" ? JDCT_ISLOW : JDCT_IFAST;  // IFAST is also what TensorFlow takes without a name
}

// Attrs and header together give the size; false if it cannot be read, and `status` says why.
bool start(jpeg_decompress_struct& jpeg, Reading& reading) {
  if (reading.channels == 0) reading.channels = std::min(jpeg.num_components, 3);
  if (reading.channels != 1 && reading.channels != 3) {
    reading.status = invalid_argument("a JPEG is read with 1 or 3 channels, not ", reading.channels);
    return false;
  }
  reading.is_ink = reading.channels == 3 && (jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK);
  jpeg.out_color_space = reading.channels == 1 ? JCS_GRAYSCALE : reading.is_ink ? JCS_CMYK : JCS_RGB;
  jpeg.do_fancy_upsampling = reading.how.fancy_upscaling ? TRUE : FALSE;
  jpeg.scale_num = 1;
  jpeg.scale_denom = static_cast<unsigned>(reading.how.ratio);
  jpeg.dct_method = dct_method(reading.how.dct_method);
  jpeg.progress = &reading.progress;
  ::jpeg_calc_output_dimensions(&jpeg);
  reading.status = judge_size(jpeg.image_width, jpeg.image_height);  // what it takes to decode, whatever the ratio
  if (!reading.status.ok()) return false;
  Shape shape{jpeg.output_height, jpeg.output_width, reading.channels};
  Result<Tensor> tensor = Tensor::zeros(DType::kUInt8, shape);
  reading.status = tensor.status();
  if (!tensor.ok()) return false;
  reading.tensor = *std::move(tensor);
  reading.pixels = static_cast<uint8_t*>(reading.tensor.mutable_data());
  reading.stride = static_cast<size_t>(jpeg.output_width) * static_cast<size_t>(reading.channels);
  if (reading.is_ink) reading.ink.resize(static_cast<size_t>(jpeg.output_width) * 4);
  return true;
}

// Inks on white. Adobe's files hold what is left of the light.
void ink_to_light(const Reading& reading, bool is_inverted, uint8_t* row) {
  for (size_t i = 0; i < reading.ink.size(); i += 4) {
    auto light = [&](size_t c) {
      int value = static_cast<unsigned char>(reading.ink[i + c]);
      return is_inverted ? value : 255 - value;
    };
    for (size_t c = 0; c < 3; ++c) *row++ = static_cast<uint8_t>(light(c) * light(3) / 255);
  }
}

// False if libjpeg left with a message.
bool decode_into(jpeg_decompress_struct& jpeg, Errors& errors, Reading& reading) {
  if (setjmp(errors.back) != 0) return false;
  ::jpeg_create_decompress(&jpeg);
  ::jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(reading.bytes.data()), reading.bytes.size());
  ::jpeg_read_header(&jpeg, TRUE);
  if (!start(jpeg, reading)) return true;
  ::jpeg_start_decompress(&jpeg);
  while (jpeg.output_scanline < jpeg.output_height) {
    unsigned y = jpeg.output_scanline;
    uint8_t* to = reading.pixels + static_cast<size_t>(y) * reading.stride;
    JSAMPROW row = reading.is_ink ? reinterpret_cast<JSAMPROW>(reading.ink.data()) : to;
    ::jpeg_read_scanlines(&jpeg, &row, 1);
    if (reading.is_ink) ink_to_light(reading, jpeg.saw_Adobe_marker != 0, to);
  }
  ::jpeg_finish_decompress(&jpeg);
  return true;
}

struct Writing {
  const Tensor* pixels;
  const JpegWriting* how;
  std::string xmp;
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
};

bool encode_into(jpeg_compress_struct& jpeg, Errors& errors, Writing& writing) {
  if (setjmp(errors.back) != 0) return false;
  ::jpeg_create_compress(&jpeg);
  ::jpeg_mem_dest(&jpeg, &writing.bytes, &writing.size);
  const Shape& shape = writing.pixels->shape();
  const JpegWriting& how = *writing.how;
  jpeg.image_height = static_cast<JDIMENSION>(shape.dim(0));
  jpeg.image_width = static_cast<JDIMENSION>(shape.dim(1));
  jpeg.input_components = how.gray ? 1 : 3;
  jpeg.in_color_space = how.gray ? JCS_GRAYSCALE : JCS_RGB;
  ::jpeg_set_defaults(&jpeg);
  if (how.optimize_size) jpeg.optimize_coding = TRUE;
  jpeg.density_unit = how.density_in_cm ? 2 : 1;
  jpeg.X_density = static_cast<UINT16>(how.x_density);
  jpeg.Y_density = static_cast<UINT16>(how.y_density);
  ::jpeg_set_quality(&jpeg, how.quality, TRUE);
  if (how.progressive) ::jpeg_simple_progression(&jpeg);
  for (int i = 0; i < jpeg.num_components && !how.chroma_downsampling; ++i) {
    jpeg.comp_info[i].h_samp_factor = 1;
    jpeg.comp_info[i].v_samp_factor = 1;
  }
  ::jpeg_start_compress(&jpeg, TRUE);
  if (!writing.xmp.empty()) {
    ::jpeg_write_marker(&jpeg, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(writing.xmp.data()),
                        static_cast<unsigned>(writing.xmp.size()));
  }
  const auto* from = static_cast<const uint8_t*>(writing.pixels->data());
  size_t stride = static_cast<size_t>(shape.dim(1)) * static_cast<size_t>(jpeg.input_components);
  while (jpeg.next_scanline < jpeg.image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(from + static_cast<size_t>(jpeg.next_scanline) * stride);
    ::jpeg_write_scanlines(&jpeg, &row, 1);
  }
  ::jpeg_finish_compress(&jpeg);
  return true;
}

}  // namespace

Result<Tensor> decode_jpeg(std::string_view bytes, int channels, const JpegReading& how) {
  Errors errors;
  prepare_errors(errors);
  errors.forgives = how.try_recover_truncated;
  jpeg_decompress_struct jpeg;
  std::memset(&jpeg, 0, sizeof(jpeg));
  jpeg.err = &errors.manager;
  Reading reading;
  reading.bytes = bytes;
  reading.channels = channels;
  reading.how = how;
  std::memset(&reading.progress, 0, sizeof(reading.progress));
  reading.progress.progress_monitor = count_scans;
  bool done = !bytes.empty() && decode_into(jpeg, errors, reading);
  ::jpeg_destroy_decompress(&jpeg);
  if (bytes.empty()) return invalid_argument("Invalid JPEG data, size 0");
  if (!done) {
    return invalid_argument("Invalid JPEG data or crop window, data size ", bytes.size(), ": ",
                            printable(errors.message));
  }
  if (!reading.status.ok()) return reading.status.with_context("JPEG");
  return std::move(reading.tensor);
}

Result<std::string> encode_jpeg(const Tensor& pixels, const JpegWriting& how) {
  Errors errors;
  prepare_errors(errors);
  jpeg_compress_struct jpeg;
  std::memset(&jpeg, 0, sizeof(jpeg));
  jpeg.err = &errors.manager;
  Writing writing;
  writing.pixels = &pixels;
  writing.how = &how;
  if (!how.xmp_metadata.empty()) {
    writing.xmp = std::string("http://ns.adobe.com/xap/1.0/") + '\0' + std::string(how.xmp_metadata);
    constexpr size_t kMostMarkerBytes = 65533;
    if (writing.xmp.size() > kMostMarkerBytes) {
      return invalid_argument("attr 'xmp_metadata' has ", how.xmp_metadata.size(), " bytes, too many for a marker");
    }
  }
  bool done = encode_into(jpeg, errors, writing);
  std::string bytes;
  if (done) bytes.assign(reinterpret_cast<const char*>(writing.bytes), writing.size);
  ::jpeg_destroy_compress(&jpeg);
  std::free(writing.bytes);
  if (!done) return invalid_argument("JPEG encoding failed: ", printable(errors.message));
  return bytes;
}

}  // namespace tarn::images
