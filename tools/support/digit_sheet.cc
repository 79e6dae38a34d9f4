#include "tools/support/digit_sheet.h"

#include <leptonica/allheaders.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>

#include "core/strings.h"

namespace tarn {
namespace {

struct DestroyPix {
  void operator()(PIX* pix) const { ::pixDestroy(&pix); }
};
using Pix = std::unique_ptr<PIX, DestroyPix>;
struct DestroyBoxes {
  void operator()(BOXA* boxes) const { ::boxaDestroy(&boxes); }
};
struct DestroyFont {
  void operator()(L_BMF* font) const { ::bmfDestroy(&font); }
};

Status no_memory(std::string_view step) {
  return resource_exhausted("leptonica: ", step, " failed");
}

// A part of the picture, in pixels.
struct Part {
  int left = 0, top = 0, width = 0, height = 0;
  int right() const { return left + width; }
  int bottom() const { return top + height; }
  double middle() const { return top + height / 2.0; }
};

Part joined(const Part& a, const Part& b) {
  Part both{std::min(a.left, b.left), std::min(a.top, b.top)};
  both.width = std::max(a.right(), b.right()) - both.left;
  both.height = std::max(a.bottom(), b.bottom()) - both.top;
  return both;
}

// The picture as gray bytes; ink darker than its ground once oriented().
struct Page {
  int width = 0, height = 0;
  std::vector<uint8_t> gray;
  std::vector<bool> ink;

  size_t at(int x, int y) const { return static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x); }
};

Page page_of(const Image& image) {
  Page page{.width = image.width, .height = image.height, .gray = {}, .ink = {}};
  size_t pixels = static_cast<size_t>(image.width) * static_cast<size_t>(image.height);
  if (image.channels == 1) {
    page.gray = image.pixels;
    return page;
  }
  page.gray.resize(pixels);
  for (size_t i = 0; i < pixels; ++i) {
    const uint8_t* rgb = image.pixels.data() + 3 * i;
    page.gray[i] = static_cast<uint8_t>((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
  }
  return page;
}

Pix pix_of(const Page& page) {
  Pix pix(::pixCreate(page.width, page.height, 8));
  if (pix == nullptr) return pix;
  l_uint32* row = ::pixGetData(pix.get());
  for (int y = 0; y < page.height; ++y, row += ::pixGetWpl(pix.get())) {
    for (int x = 0; x < page.width; ++x) SET_DATA_BYTE(row, x, page.gray[page.at(x, y)]);
  }
  return pix;
}

void take_gray(PIX* pix, Page& page) {
  l_uint32* row = ::pixGetData(pix);
  for (int y = 0; y < page.height; ++y, row += ::pixGetWpl(pix)) {
    for (int x = 0; x < page.width; ++x) page.gray[page.at(x, y)] = static_cast<uint8_t>(GET_DATA_BYTE(row, x));
  }
}

// Half the side of the square that a pixel is compared with: some digits wide, so that a stroke never fills it.
int neighborhood(const Page& page) {
  return std::clamp(std::min(page.width, page.height) / 8, 4, 60);
}

// Strokes are few among what surrounds them, so the larger deviations from the local mean are theirs: the sign of the
// deviations' third moment is the sign of the strokes.
Result<bool> has_light_ink(const Page& page, PIX* pix) {
  int half = std::min(neighborhood(page), (std::min(page.width, page.height) - 1) / 2);
  Pix mean(::pixBlockconv(pix, half, half));
  if (mean == nullptr) return no_memory("the local mean");
  double third = 0;
  l_uint32* row = ::pixGetData(mean.get());
  for (int y = 0; y < page.height; ++y, row += ::pixGetWpl(mean.get())) {
    for (int x = 0; x < page.width; ++x) {
      double deviation = page.gray[page.at(x, y)] - static_cast<double>(GET_DATA_BYTE(row, x));
      third += deviation * deviation * deviation;
    }
  }
  return third > 0;
}

// Single pixels of noise go, edges stay.
Status take_specks_out(Page& page, Pix& pix) {
  constexpr int kLeastSide = 100;  // smaller pictures have strokes of a pixel or two
  if (std::min(page.width, page.height) < kLeastSide) return {};
  Pix smooth(::pixMedianFilter(pix.get(), 3, 3));
  if (smooth == nullptr) return no_memory("the median filter");
  take_gray(smooth.get(), page);
  pix = std::move(smooth);
  return {};
}

// Fills page.ink.
Result<Pix> threshold(Page& page, PIX* pix) {
  constexpr float kFactor = 0.18f;  // of Sauvola's T = m (1 - k (1 - s / 128)): pencil counts, paper's grain does not
  int half = std::min(neighborhood(page), (std::min(page.width, page.height) - 4) / 2);
  PIX* binary = nullptr;
  int tiles_x = std::max(1, page.width / 2000), tiles_y = std::max(1, page.height / 2000);
  if (half < 2 || ::pixSauvolaBinarizeTiled(pix, half, kFactor, tiles_x, tiles_y, nullptr, &binary) != 0)
    return no_memory("the threshold");
  Pix result(binary);
  page.ink.resize(page.gray.size());
  l_uint32* row = ::pixGetData(result.get());
  for (int y = 0; y < page.height; ++y, row += ::pixGetWpl(result.get())) {
    for (int x = 0; x < page.width; ++x) page.ink[page.at(x, y)] = GET_DATA_BIT(row, x) != 0;
  }
  return result;
}

Result<std::vector<Part>> connected_parts(PIX* binary) {
  std::unique_ptr<BOXA, DestroyBoxes> boxes(::pixConnCompBB(binary, 8));
  if (boxes == nullptr) return no_memory("connected parts");
  std::vector<Part> parts;
  for (int i = 0; i < ::boxaGetCount(boxes.get()); ++i) {
    Part part;
    if (::boxaGetBoxGeometry(boxes.get(), i, &part.left, &part.top, &part.width, &part.height) == 0)
      parts.push_back(part);
  }
  return parts;
}

// Edges of the paper, shadows and ruled lines: long, and either thin or at the rim.
bool is_frame(const Part& part, const Page& page) {
  bool is_long = part.width > page.width * 6 / 10 || part.height > page.height * 6 / 10;
  bool at_rim = part.left <= 1 || part.top <= 1 || part.right() >= page.width - 1 || part.bottom() >= page.height - 1;
  bool is_thin = part.width > 12 * part.height || part.height > 20 * part.width;
  return is_thin || (is_long && at_rim);
}

// What most of the ink's height is: the median of the parts' heights, each counted by its height, so that specks do not
// outvote digits.
double usual_height(const std::vector<Part>& parts) {
  std::vector<int> heights;
  int64_t total = 0;
  for (const Part& part : parts) {
    heights.push_back(part.height);
    total += int64_t{part.height} * part.height;
  }
  std::sort(heights.begin(), heights.end());
  int64_t sum = 0;
  for (int height : heights) {
    sum += int64_t{height} * height;
    if (2 * sum >= total) return height;
  }
  return 0;
}

int overlap(int begin_a, int end_a, int begin_b, int end_b) {
  return std::max(0, std::min(end_a, end_b) - std::max(begin_a, begin_b));
}

// A stroke of its own (the bar of a 5, a broken 8) belongs to the part that it stands over or next to.
void join_strokes(std::vector<Part>& parts, double usual) {
  bool changed = true;
  while (changed) {
    changed = false;
    for (size_t i = 0; i < parts.size() && !changed; ++i) {
      for (size_t j = i + 1; j < parts.size() && !changed; ++j) {
        const Part &a = parts[i], &b = parts[j];
        Part both = joined(a, b);
        const Part& small = a.height * a.width < b.height * b.width ? a : b;
        int common_x = overlap(a.left, a.right(), b.left, b.right());
        int common_y = overlap(a.top, a.bottom(), b.top, b.bottom());
        int gap_x = std::max(0, std::max(a.left, b.left) - std::min(a.right(), b.right()));
        int gap_y = std::max(0, std::max(a.top, b.top) - std::min(a.bottom(), b.bottom()));
        bool is_stroke = small.height < 0.6 * usual;
        bool is_within = common_x >= small.width * 8 / 10 && common_y >= small.height * 8 / 10;
        bool is_stacked = is_stroke && common_x >= small.width / 2 && both.height <= 1.25 * usual;
        bool is_next = small.height < 0.75 * usual && small.width < 0.5 * usual &&
                       std::max(gap_x, gap_y) <= 0.1 * usual && both.height <= 1.25 * usual &&
                       both.width <= 1.2 * usual;
        if (!is_within && !is_stacked && !is_next) continue;
        parts[i] = both;
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(j));
        changed = true;
      }
    }
  }
}

// Two digits that touch are cut where the ink between them is thinnest.
void divide_touching(const Page& page, std::vector<Part>& parts, double usual) {
  for (size_t i = 0; i < parts.size(); ++i) {
    Part part = parts[i];
    if (part.width <= 1.5 * part.height || part.height < 0.5 * usual || part.width < 1.4 * usual) continue;
    int pieces = std::max(2, static_cast<int>(std::lround(part.width / (0.75 * usual))));
    int expected = part.width / pieces;
    int best = -1, best_ink = page.height + 1;
    for (int x = part.left + expected * 6 / 10; x < part.left + expected * 14 / 10 && x < part.right() - 2; ++x) {
      int ink = 0;
      for (int y = part.top; y < part.bottom(); ++y) ink += page.ink[page.at(x, y)] ? 1 : 0;
      if (ink < best_ink) best_ink = ink, best = x;
    }
    if (best < 0 || best_ink > 0.45 * part.height) continue;
    auto trimmed = [&](int left, int right) {
      Part piece{left, part.bottom(), right - left, 0};
      int bottom = part.top;
      for (int y = part.top; y < part.bottom(); ++y) {
        for (int x = left; x < right; ++x) {
          if (!page.ink[page.at(x, y)]) continue;
          piece.top = std::min(piece.top, y);
          bottom = std::max(bottom, y + 1);
        }
      }
      piece.height = std::max(0, bottom - piece.top);
      return piece;
    };
    parts[i] = trimmed(part.left, best);
    parts.insert(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1, trimmed(best, part.right()));
  }
}

// Lines may slope: a digit belongs to the line whose last digit to its left is nearest in height.
std::vector<std::vector<Part>> lines_of(std::vector<Part> parts, double usual) {
  std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.left < b.left; });
  std::vector<std::vector<Part>> lines;
  for (const Part& part : parts) {
    std::vector<Part>* best = nullptr;
    double nearest = 0.6 * usual;
    for (std::vector<Part>& line : lines) {
      double distance = std::abs(line.back().middle() - part.middle());
      if (distance < nearest) nearest = distance, best = &line;
    }
    if (best == nullptr) best = &lines.emplace_back();
    best->push_back(part);
  }
  auto height_of = [](const std::vector<Part>& line) {
    double sum = 0;
    for (const Part& part : line) sum += part.middle();
    return sum / static_cast<double>(line.size());
  };
  std::sort(lines.begin(), lines.end(), [&](const auto& a, const auto& b) { return height_of(a) < height_of(b); });
  return lines;
}

// How wide the strokes are: of a band of length l and width w the area is l * w and the outline 2 * l.
double stroke_width(const Page& page, const Part& part) {
  int area = 0, outline = 0;
  for (int y = part.top; y < part.bottom(); ++y) {
    for (int x = part.left; x < part.right(); ++x) {
      if (!page.ink[page.at(x, y)]) continue;
      ++area;
      bool is_inner = x > 0 && y > 0 && x + 1 < page.width && y + 1 < page.height && page.ink[page.at(x - 1, y)] &&
                      page.ink[page.at(x + 1, y)] && page.ink[page.at(x, y - 1)] && page.ink[page.at(x, y + 1)];
      if (!is_inner) ++outline;
    }
  }
  return outline == 0 ? 1 : 2.0 * area / outline;
}

uint8_t quantile(std::vector<uint8_t>& values, double part) {
  auto at = values.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

// Strokes wider by `radius` pixels.
void widen(Image& image, int radius) {
  std::vector<uint8_t> from = image.pixels;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      uint8_t most = 0;
      for (int v = std::max(0, y - radius); v <= std::min(image.height - 1, y + radius); ++v) {
        for (int u = std::max(0, x - radius); u <= std::min(image.width - 1, x + radius); ++u)
          most = std::max(most, from[static_cast<size_t>(v * image.width + u)]);
      }
      image.pixels[static_cast<size_t>(y * image.width + x)] = most;
    }
  }
}

// The digit alone: 255 where the page is as dark as its ink, 0 where it is as light as its ground, and 0 away from its
// strokes, so that neither neighbors nor shadows are seen. Pixels at a stroke's edge keep their shade.
Image cut_out(const Page& page, const Part& part) {
  constexpr double kMnistStroke = 2.2;  // pixels of 20, of thin writers of MNIST; a pen's on a photograph may be less
  std::vector<uint8_t> inks, grounds;
  int reach = std::max(2, part.height / 6);
  for (int y = std::max(0, part.top - reach); y < std::min(page.height, part.bottom() + reach); ++y) {
    for (int x = std::max(0, part.left - reach); x < std::min(page.width, part.right() + reach); ++x) {
      bool is_inside = x >= part.left && x < part.right() && y >= part.top && y < part.bottom();
      bool is_ink = page.ink[page.at(x, y)];
      if (is_ink && is_inside) inks.push_back(page.gray[page.at(x, y)]);
      if (!is_ink) grounds.push_back(page.gray[page.at(x, y)]);
    }
  }
  double widened = kMnistStroke - 20.0 * stroke_width(page, part) / std::max(part.width, part.height);
  int radius = static_cast<int>(std::lround(std::max(0.0, widened) * std::max(part.width, part.height) / 40));
  int margin = 2 + radius;
  Image image;
  image.width = part.width + 2 * margin;
  image.height = part.height + 2 * margin;
  image.channels = 1;
  image.pixels.resize(static_cast<size_t>(image.width) * static_cast<size_t>(image.height));
  if (inks.empty() || grounds.empty()) return image;
  double ink = quantile(inks, 0.3), ground = quantile(grounds, 0.5);
  double range = std::max(1.0, ground - ink);
  for (int y = 0; y < part.height + 2; ++y) {
    for (int x = 0; x < part.width + 2; ++x) {
      int page_x = part.left + x - 1, page_y = part.top + y - 1;
      if (page_x < 0 || page_y < 0 || page_x >= page.width || page_y >= page.height) continue;
      bool is_near = false;
      for (int v = std::max(part.top, page_y - 1); v <= std::min(part.bottom() - 1, page_y + 1); ++v) {
        for (int u = std::max(part.left, page_x - 1); u <= std::min(part.right() - 1, page_x + 1); ++u)
          is_near |= page.ink[page.at(u, v)];
      }
      if (!is_near) continue;
      double strength = std::clamp((ground - page.gray[page.at(page_x, page_y)]) / range, 0.0, 1.0);
      image.pixels[static_cast<size_t>((y + margin - 1) * image.width + x + margin - 1)] =
          static_cast<uint8_t>(std::lround(255 * strength));
    }
  }
  if (radius > 0) widen(image, radius);
  return image;
}

// leptonica's messages would go to standard error.
class QuietLeptonica {
 public:
  QuietLeptonica() : before_(::setMsgSeverity(L_SEVERITY_NONE)) {}
  ~QuietLeptonica() { ::setMsgSeverity(before_); }
  QuietLeptonica(const QuietLeptonica&) = delete;
  QuietLeptonica& operator=(const QuietLeptonica&) = delete;

 private:
  int before_;
};

}  // namespace

Result<DigitSheet> find_digits(const Image& image) {
  constexpr int kLeastSide = 12;
  QuietLeptonica quiet;
  DigitSheet sheet;
  if (std::min(image.width, image.height) < kLeastSide) {
    return invalid_argument("the picture is ", image.width, " x ", image.height, "; digits are looked for from ",
                            kLeastSide, " x ", kLeastSide, " on");
  }
  Page page = page_of(image);
  Pix pix = pix_of(page);
  if (pix == nullptr) return no_memory("a picture");
  TARN_ASSIGN_OR_RETURN(bool is_light, has_light_ink(page, pix.get()));
  if (is_light) {
    sheet.done.emplace_back("light ink on a dark ground");
    for (uint8_t& value : page.gray) value = static_cast<uint8_t>(255 - value);
    pix = pix_of(page);
    if (pix == nullptr) return no_memory("a picture");
  }
  TARN_RETURN_IF_ERROR(take_specks_out(page, pix));
  TARN_ASSIGN_OR_RETURN(Pix binary, threshold(page, pix.get()));
  TARN_ASSIGN_OR_RETURN(std::vector<Part> parts, connected_parts(binary.get()));

  std::erase_if(parts, [&](const Part& part) { return is_frame(part, page) || part.width * part.height < 9; });
  double usual = usual_height(parts);
  std::erase_if(parts, [&](const Part& part) { return part.height > 2.5 * usual || part.height < 0.08 * usual; });
  join_strokes(parts, usual);
  size_t before = parts.size();
  std::erase_if(parts, [&](const Part& part) { return part.height < std::max(0.4 * usual, 6.0); });
  if (parts.size() < before) sheet.done.push_back(str_cat(before - parts.size(), " specks passed over"));
  divide_touching(page, parts, usual);

  for (const std::vector<Part>& line : lines_of(std::move(parts), usual)) {
    int last_right = line[0].left;
    for (const Part& part : line) {
      FoundDigit digit{.left = part.left, .top = part.top, .width = part.width, .height = part.height};
      digit.line = sheet.lines;
      digit.after_gap = part.left - last_right > 1.5 * usual;
      digit.image = cut_out(page, part);
      last_right = part.right();
      sheet.digits.push_back(std::move(digit));
    }
    ++sheet.lines;
  }
  return sheet;
}

Status draw_reading(const Image& image, const DigitSheet& sheet, const std::vector<std::string>& texts,
                    const std::vector<bool>& doubtful, const std::string& path) {
  QuietLeptonica quiet;
  Pix pix(::pixCreate(image.width, image.height, 32));
  if (pix == nullptr) return no_memory("a picture");
  auto channels = static_cast<size_t>(image.channels);
  size_t next = 0;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x, next += channels) {
      const uint8_t* from = image.pixels.data() + next;
      ::pixSetRGBPixel(pix.get(), x, y, from[0], from[channels == 1 ? 0 : 1], from[channels == 1 ? 0 : 2]);
    }
  }
  int heights = 0;
  for (const FoundDigit& digit : sheet.digits) heights += digit.height;
  int usual = sheet.digits.empty() ? 0 : heights / static_cast<int>(sheet.digits.size());
  int points = std::clamp(usual / 5 / 2 * 2, 4, 20);  // leptonica's fonts have 4, 6, … 20
  int line_width = std::max(1, usual / 40);
  std::unique_ptr<L_BMF, DestroyFont> font(::bmfCreate(nullptr, points));
  if (font == nullptr) return no_memory("a font");
  for (size_t i = 0; i < sheet.digits.size(); ++i) {
    const FoundDigit& digit = sheet.digits[i];
    const bool is_doubtful = i < doubtful.size() && doubtful[i];
    const int red = is_doubtful ? 220 : 0, green = is_doubtful ? 60 : 150, blue = is_doubtful ? 0 : 60;
    BOX* box = ::boxCreate(std::max(0, digit.left - 2 * line_width), std::max(0, digit.top - 2 * line_width),
                           digit.width + 4 * line_width, digit.height + 4 * line_width);
    if (box == nullptr) return no_memory("a frame");
    ::pixRenderBoxArb(pix.get(), box, line_width, static_cast<l_uint8>(red), static_cast<l_uint8>(green),
                      static_cast<l_uint8>(blue));
    ::boxDestroy(&box);
    l_uint32 color = 0;
    ::composeRGBPixel(red, green, blue, &color);
    int above = digit.top - 3 * line_width;
    int base = above > 2 * points ? above : digit.top + digit.height + 3 * line_width + 2 * points;
    ::pixSetTextline(pix.get(), font.get(), texts[i].c_str(), color, std::max(0, digit.left - line_width), base,
                     nullptr, nullptr);
  }
  Image drawn;
  drawn.width = image.width;
  drawn.height = image.height;
  drawn.channels = 3;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      l_int32 red = 0, green = 0, blue = 0;
      ::pixGetRGBPixel(pix.get(), x, y, &red, &green, &blue);
      for (int value : {red, green, blue}) drawn.pixels.push_back(static_cast<uint8_t>(value));
    }
  }
  return write_image(path, drawn);
}

Status draw_tiles(const std::vector<Image>& tiles, const DigitSheet& sheet, const std::string& path) {
  constexpr int kGap = 2, kScale = 2;
  if (tiles.empty()) return invalid_argument("no digit is found, so there is nothing to draw");
  const int side_x = tiles[0].width * kScale, side_y = tiles[0].height * kScale;
  std::vector<int> counts(static_cast<size_t>(sheet.lines));
  for (const FoundDigit& digit : sheet.digits) ++counts[static_cast<size_t>(digit.line)];
  Image drawn;
  drawn.channels = 1;
  drawn.width = *std::max_element(counts.begin(), counts.end()) * (side_x + kGap) + kGap;
  drawn.height = sheet.lines * (side_y + kGap) + kGap;
  drawn.pixels.assign(static_cast<size_t>(drawn.width) * static_cast<size_t>(drawn.height), 96);
  std::vector<int> next(counts.size());
  for (size_t i = 0; i < tiles.size(); ++i) {
    int line = sheet.digits[i].line, column = next[static_cast<size_t>(line)]++;
    for (int y = 0; y < side_y; ++y) {
      for (int x = 0; x < side_x; ++x) {
        int to_x = kGap + column * (side_x + kGap) + x, to_y = kGap + line * (side_y + kGap) + y;
        drawn.pixels[static_cast<size_t>(to_y) * static_cast<size_t>(drawn.width) + static_cast<size_t>(to_x)] =
            tiles[i].pixels[static_cast<size_t>(y / kScale * tiles[i].width + x / kScale)];
      }
    }
  }
  return write_image(path, drawn);
}

}  // namespace tarn
