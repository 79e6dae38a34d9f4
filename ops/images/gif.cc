// GIF, all frames, as TensorFlow 2 decodes it: each is drawn over the one before; how a frame is disposed of is
// ignored. The picture is as wide and high as the largest frame, whatever the screen's size; a frame's place is on the
// screen. The format: CompuServe's "GIF89a specification".
#include <algorithm>
#include <array>
#include <vector>

#include "ops/images/formats.h"

namespace tarn::images {
namespace {

using Color = std::array<uint8_t, 3>;

struct Frame {
  int64_t left = 0, top = 0, width = 0, height = 0;
  std::vector<Color> colors;  // none: the file's
  int transparent = -1;
  std::string indices;  // a byte a pixel
};

class GifReader {
 public:
  explicit GifReader(std::string_view bytes) : bytes_(bytes) {}

  Result<Tensor> read() {
    TARN_ASSIGN_OR_RETURN(std::string_view magic, take(6));
    if (magic != "GIF87a" && magic != "GIF89a") return invalid_argument("it begins with ", quoted(magic));
    TARN_ASSIGN_OR_RETURN(std::string_view screen, take(7));
    TARN_RETURN_IF_ERROR(read_colors(screen[4], colors_));
    int transparent = -1;
    for (bool ended = false; !ended;) {
      TARN_ASSIGN_OR_RETURN(std::string_view kind, take(1));
      switch (kind[0]) {
        case 0x3B: ended = true; break;
        case 0x21: TARN_RETURN_IF_ERROR(read_extension(transparent)); break;
        case 0x2C:
          TARN_RETURN_IF_ERROR(read_frame(transparent));
          transparent = -1;
          break;
        default: return invalid_argument("byte ", at_ - 1, " begins no block");
      }
    }
    if (frames_.empty()) return invalid_argument("it has no frame");
    return draw();
  }

 private:
  Result<std::string_view> take(size_t size) {
    if (size > bytes_.size() - at_) return invalid_argument("the file ends too early, at byte ", bytes_.size());
    std::string_view piece = bytes_.substr(at_, size);
    at_ += size;
    return piece;
  }
  static int64_t number(std::string_view piece, size_t at) {
    return static_cast<unsigned char>(piece[at]) | static_cast<unsigned char>(piece[at + 1]) << 8;
  }

  Status read_colors(char flags, std::vector<Color>& colors) {
    if ((flags & 0x80) == 0) return {};
    size_t count = size_t{2} << (flags & 7);
    TARN_ASSIGN_OR_RETURN(std::string_view table, take(3 * count));
    for (size_t i = 0; i < count; ++i) {
      colors.push_back({static_cast<uint8_t>(table[3 * i]), static_cast<uint8_t>(table[3 * i + 1]),
                        static_cast<uint8_t>(table[3 * i + 2])});
    }
    return {};
  }

  // Blocks of up to 255 bytes, until an empty one.
  Result<std::string> read_blocks() {
    std::string data;
    while (true) {
      TARN_ASSIGN_OR_RETURN(std::string_view size, take(1));
      if (size[0] == 0) return data;
      TARN_ASSIGN_OR_RETURN(std::string_view block, take(static_cast<unsigned char>(size[0])));
      data += block;
    }
  }

  Status read_extension(int& transparent) {
    TARN_ASSIGN_OR_RETURN(std::string_view label, take(1));
    bool is_control = static_cast<unsigned char>(label[0]) == 0xF9;
    TARN_ASSIGN_OR_RETURN(std::string data, read_blocks());
    if (is_control && data.size() >= 4 && (data[0] & 1) != 0) transparent = static_cast<unsigned char>(data[3]);
    return {};
  }

  Status read_frame(int transparent) {
    TARN_ASSIGN_OR_RETURN(std::string_view head, take(9));
    Frame frame;
    frame.left = number(head, 0), frame.top = number(head, 2);
    frame.width = number(head, 4), frame.height = number(head, 6);
    frame.transparent = transparent;
    TARN_RETURN_IF_ERROR(judge_size(frame.width, frame.height));
    width_ = std::max(width_, frame.width), height_ = std::max(height_, frame.height);
    TARN_RETURN_IF_ERROR(judge_size(width_, height_, static_cast<int64_t>(frames_.size()) + 1));
    TARN_RETURN_IF_ERROR(read_colors(head[8], frame.colors));
    TARN_ASSIGN_OR_RETURN(std::string_view code_bits, take(1));
    TARN_ASSIGN_OR_RETURN(std::string data, read_blocks());
    auto count = static_cast<size_t>(frame.width * frame.height);
    TARN_RETURN_IF_ERROR(unpack(data, code_bits[0], count, frame.indices));
    if ((head[8] & 0x40) != 0) deinterlace(frame);
    frames_.push_back(std::move(frame));
    return {};
  }

  // LZW: a code stands for an index, or for what an earlier code stood for and one more.
  static Status unpack(std::string_view data, int bits, size_t count, std::string& to) {
    constexpr int kMostCodes = 4096;
    if (bits < 1 || bits > 8) return invalid_argument("LZW codes of ", bits, " bits");
    const int clear = 1 << bits, end = clear + 1;
    std::vector<int> prefix(kMostCodes, -1), length(kMostCodes, 1);
    std::vector<char> last(kMostCodes, 0);
    for (int i = 0; i < clear; ++i) last[static_cast<size_t>(i)] = static_cast<char>(i);
    int width = bits + 1, next = end + 1, before = -1, held = 0;
    uint32_t buffer = 0;
    size_t at = 0;
    to.clear();
    while (to.size() < count) {
      while (held < width) {
        if (at == data.size()) return invalid_argument("the pixels end too early: ", to.size(), " of ", count);
        buffer |= static_cast<uint32_t>(static_cast<unsigned char>(data[at++])) << held;
        held += 8;
      }
      int code = static_cast<int>(buffer & ((1u << width) - 1));
      buffer >>= width;
      held -= width;
      if (code == clear) {
        width = bits + 1, next = end + 1, before = -1;
        continue;
      }
      if (code == end) return invalid_argument("the pixels end too early: ", to.size(), " of ", count);
      if (code > next || (code == next && before < 0) || (before < 0 && code > clear)) {
        return invalid_argument("a code that stands for nothing");
      }
      // What the code stands for; a new one for the code before and its own first index.
      int known = code == next ? before : code;
      auto size = static_cast<size_t>(length[static_cast<size_t>(known)]);
      size_t begin = to.size();
      to.resize(begin + size);
      int walk = known;
      for (size_t k = size; k-- > 0; walk = prefix[static_cast<size_t>(walk)]) {
        to[begin + k] = last[static_cast<size_t>(walk)];
      }
      char first = to[begin];
      if (code == next) to += first;
      if (before >= 0 && next < kMostCodes) {
        auto place = static_cast<size_t>(next++);
        prefix[place] = before;
        last[place] = first;
        length[place] = length[static_cast<size_t>(before)] + 1;
        if (next == 1 << width && width < 12) ++width;
      }
      before = code;
    }
    to.resize(count);
    return {};
  }

  static void deinterlace(Frame& frame) {
    std::string rows(frame.indices.size(), '\0');
    auto width = static_cast<size_t>(frame.width);
    size_t from = 0;
    constexpr std::pair<int64_t, int64_t> kPasses[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
    for (auto [first, step] : kPasses) {
      for (int64_t y = first; y < frame.height; y += step) {
        rows.replace(static_cast<size_t>(y) * width, width, frame.indices, from, width);
        from += width;
      }
    }
    frame.indices = std::move(rows);
  }

  Result<Tensor> draw() const {
    auto count = static_cast<int64_t>(frames_.size());
    TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::zeros(DType::kUInt8, Shape{count, height_, width_, 3}));
    uint8_t* canvas = tensor.mutable_flat<uint8_t>().data();
    const int64_t size = height_ * width_ * 3;
    for (const Frame& frame : frames_) {
      if (&frame != frames_.data()) std::copy_n(canvas - size, size, canvas);
      const std::vector<Color>& colors = frame.colors.empty() ? colors_ : frame.colors;
      if (colors.empty()) return invalid_argument("missing color map for a frame");
      for (int64_t y = 0; y < frame.height && frame.top + y < height_; ++y) {
        for (int64_t x = 0; x < frame.width && frame.left + x < width_; ++x) {
          auto index = static_cast<unsigned char>(frame.indices[static_cast<size_t>(y * frame.width + x)]);
          uint8_t* pixel = canvas + ((frame.top + y) * width_ + frame.left + x) * 3;
          if (static_cast<int>(index) == frame.transparent) {
            if (&frame == frames_.data()) std::fill_n(pixel, 3, uint8_t{0});
            continue;
          }
          if (index >= colors.size()) {
            return invalid_argument("found color index ", static_cast<int>(index), " outside of color map range ",
                                    colors.size());
          }
          std::copy_n(colors[index].data(), 3, pixel);
        }
      }
      canvas += size;
    }
    return tensor;
  }

  std::string_view bytes_;
  size_t at_ = 0;
  int64_t width_ = 0, height_ = 0;
  std::vector<Color> colors_;
  std::vector<Frame> frames_;
};

}  // namespace

Result<Tensor> decode_gif(std::string_view bytes) {
  Result<Tensor> tensor = GifReader(bytes).read();
  if (!tensor.ok()) return tensor.status().with_context("Invalid GIF data");
  return tensor;
}

}  // namespace tarn::images
