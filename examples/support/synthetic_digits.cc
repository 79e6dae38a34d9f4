#include "examples/support/synthetic_digits.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/thread_pool.h"
#include "examples/support/strokes.h"

namespace tarn::examples {
namespace {

// Listed twice: written that way more often.
constexpr std::string_view kZero[] = {
    "~ 32,0 12,14 2,50 12,86 32,100 52,86 62,50 52,14 32,0",
    "~ 40,0 20,14 6,52 8,88 24,100 44,86 56,48 54,12 40,0",
    "~ 38,4 18,10 3,45 8,84 30,100 55,84 62,46 52,12 34,2 26,10",
    "~ 34,0 10,8 -4,44 6,86 36,98 66,82 74,42 58,8 34,0",
};
constexpr std::string_view kOne[] = {
    "30,0 30,100", "~ 34,0 30,50 29,100", "30,0 30,100", "12,22 32,0 32,100", "8,24 30,0 30,100 | 6,100 56,100",
};
constexpr std::string_view kTwo[] = {
    "~ 4,24 14,6 32,0 52,8 58,28 46,52 24,76 4,98 | 4,98 62,98",
    "~ 6,22 18,4 38,0 54,14 52,38 34,66 14,92 4,94 6,80 18,78 36,90 50,96 66,90",
    "~ 4,22 16,4 36,0 54,12 54,34 34,64 6,96 | ~ 6,96 22,90 42,98 64,92",
    "~ 2,16 20,2 44,2 54,20 44,48 4,96 | 4,96 66,94",
};
constexpr std::string_view kThree[] = {
    "~ 6,12 22,0 46,2 56,20 46,40 24,48 | ~ 24,48 50,54 60,74 46,94 22,100 2,88",
    "6,2 54,2 28,40 | ~ 28,40 50,46 60,68 48,92 24,100 2,88",
    "~ 8,14 24,1 46,6 52,24 38,42 20,48 | ~ 20,48 42,48 58,64 52,90 28,100 4,92",
    "~ 6,12 22,0 46,2 56,20 46,40 24,48 | ~ 24,48 50,54 60,74 46,94 22,100 2,88",
};
constexpr std::string_view kFour[] = {
    "~ 12,2 6,34 10,54 30,58 62,50 | ~ 52,4 48,50 44,100",
    "44,0 2,64 64,64 | 44,0 44,100",
    "12,0 4,56 62,52 | 50,6 44,100",
    "~ 8,6 4,34 12,50 32,52 50,42 | ~ 56,0 50,42 46,100",
};
constexpr std::string_view kFive[] = {
    "56,2 14,2 10,44 | ~ 10,44 34,36 56,50 58,76 40,98 16,100 2,88",
    "~ 12,4 10,26 10,42 28,38 52,48 58,72 42,96 18,100 2,90 | 12,4 60,0",
    "~ 58,2 34,4 16,8 12,28 12,42 34,40 54,54 54,80 34,98 4,94",
};
constexpr std::string_view kSix[] = {
    "~ 48,0 26,16 8,50 6,78 22,100 46,96 56,76 44,58 24,60 8,76",
    "~ 36,0 16,30 4,66 12,94 34,100 52,86 50,64 30,58 10,72",
    "~ 54,4 34,6 12,34 4,70 16,96 38,98 54,80 46,60 26,56 8,70",
};
constexpr std::string_view kSeven[] = {
    "2,4 60,2 24,100",
    "2,6 58,2 | ~ 58,2 40,40 30,70 26,100",
    "2,4 60,2 24,100 | 16,50 56,48",
    "4,20 6,2 60,4 | ~ 60,4 38,48 30,100",
};
constexpr std::string_view kEight[] = {
    "~ 52,12 34,0 12,8 10,28 30,48 52,68 54,90 32,100 8,90 10,68 32,48 52,30 52,12",
    "~ 32,0 12,8 10,32 32,46 54,32 52,8 32,0 | ~ 32,46 8,58 4,84 32,100 60,84 56,58 32,46",
    "~ 56,8 38,0 16,6 14,26 34,46 52,66 52,90 30,100 8,90 10,68 30,48 48,28 58,10",
};
constexpr std::string_view kNine[] = {
    "~ 54,22 40,2 16,4 4,26 14,46 36,46 54,24 | ~ 54,20 52,60 46,100",
    "~ 52,20 36,0 12,8 4,32 20,48 42,40 54,18 54,50 46,84 26,100 8,94",
    "~ 50,12 26,2 6,20 8,44 30,50 50,36 | 50,6 44,100",
};

constexpr double kBoxPixels = 20;          // MNIST's digits fill a 20x20 box
constexpr double kShapeHeight = 100;       // of the shapes above
constexpr int kSegmentsBetweenPoints = 6;  // about a pixel each

// A smooth random displacement: a few plane waves, a pixel or so high and about a digit long.
class ElasticField {
 public:
  explicit ElasticField(Random& random) {
    for (Wave& wave : waves_) {
      double direction = random.uniform(0, 2 * std::numbers::pi);
      double frequency = 2 * std::numbers::pi / random.uniform(16, 34);
      wave = {frequency * std::cos(direction), frequency * std::sin(direction), random.uniform(0, 2 * std::numbers::pi),
              0.5 * random.normal(), 0.5 * random.normal()};
    }
  }
  Point operator()(Point p) const {
    Point moved = p;
    for (const Wave& wave : waves_) {
      double height = std::sin(wave.kx * p.x + wave.ky * p.y + wave.phase);
      moved.x += wave.dx * height;
      moved.y += wave.dy * height;
    }
    return moved;
  }

 private:
  struct Wave {
    double kx, ky, phase, dx, dy;
  };
  std::array<Wave, 4> waves_;
};

// The digit's lines in pixels, distorted, not yet placed.
std::vector<Polyline> distorted_lines(int digit, Random& random) {
  std::vector<std::string_view> shapes = digit_shapes(digit);
  std::vector<Stroke> strokes = parse_strokes(shapes[random.below(shapes.size())]);

  // Rotation by `angle`, shear to the right as most hands write, wider or narrower.
  double angle = std::clamp(0.11 * random.normal(), -0.3, 0.3);  // radians
  double shear = std::clamp(0.12 + 0.2 * random.normal(), -0.35, 0.65);
  double stretch = random.uniform(0.8, 1.4);
  double scale = kBoxPixels / kShapeHeight;
  double cosine = std::cos(angle), sine = std::sin(angle);
  double jitter = 0.018 * kShapeHeight;
  ElasticField elastic(random);

  std::vector<Polyline> lines;
  for (Stroke& stroke : strokes) {
    bool closed = stroke.points.size() > 2 && stroke.points.front().x == stroke.points.back().x &&
                  stroke.points.front().y == stroke.points.back().y;
    for (Point& p : stroke.points) {
      p.x += jitter * random.normal();
      p.y += jitter * random.normal();
    }
    if (closed) stroke.points.back() = stroke.points.front();
    Polyline line = flatten(stroke, kSegmentsBetweenPoints);
    // Straight strokes bend too, once they have points to bend at.
    if (!stroke.smooth) {
      Polyline finer = {line[0]};
      for (size_t i = 1; i < line.size(); ++i) {
        for (int step = 1; step <= 2 * kSegmentsBetweenPoints; ++step) {
          double t = step / (2.0 * kSegmentsBetweenPoints);
          finer.push_back(
              {line[i - 1].x + t * (line[i].x - line[i - 1].x), line[i - 1].y + t * (line[i].y - line[i - 1].y)});
        }
      }
      line = std::move(finer);
    }
    for (Point& p : line) {
      double x = (p.x - 32) * scale * stretch - shear * (p.y - 50) * scale;
      double y = (p.y - 50) * scale;
      p = elastic({cosine * x - sine * y, sine * x + cosine * y});
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

using Ink = std::array<double, kDigitSize * kDigitSize>;

// MNIST's pen has an edge wider than a pixel: its pictures were scanned finer and averaged.
double pen(double distance, double radius) {
  constexpr double kEdge = 1.3;  // pixels
  return line_coverage(distance / kEdge, radius / kEdge);
}

// Coverage of every pixel by a pen of half width `radius` along the lines.
Ink rasterise(const std::vector<Polyline>& lines, double radius) {
  Ink ink{};
  for (const Polyline& line : lines) {
    for (size_t i = 1; i < line.size(); ++i) {
      Point a = line[i - 1], b = line[i];
      double reach = radius + 1;
      auto first = [&](double v) { return std::max(0, static_cast<int>(std::floor(v - reach))); };
      auto last = [&](double v) { return std::min(kDigitSize - 1, static_cast<int>(std::ceil(v + reach))); };
      for (int y = first(std::min(a.y, b.y)); y <= last(std::max(a.y, b.y)); ++y) {
        for (int x = first(std::min(a.x, b.x)); x <= last(std::max(a.x, b.x)); ++x) {
          double& pixel = ink[static_cast<size_t>(y * kDigitSize + x)];
          pixel = std::max(pixel, pen(distance_to_segment({x + 0.5, y + 0.5}, a, b), radius));
        }
      }
    }
  }
  return ink;
}

void move_by(std::vector<Polyline>& lines, double dx, double dy) {
  for (Polyline& line : lines) {
    for (Point& p : line) p = {p.x + dx, p.y + dy};
  }
}

Point centre_of_mass(const Ink& ink) {
  double mass = 0;
  Point centre;
  for (int y = 0; y < kDigitSize; ++y) {
    for (int x = 0; x < kDigitSize; ++x) {
      double value = ink[static_cast<size_t>(y * kDigitSize + x)];
      mass += value;
      centre.x += value * (x + 0.5);
      centre.y += value * (y + 0.5);
    }
  }
  return {centre.x / mass, centre.y / mass};
}

}  // namespace

std::vector<std::string_view> digit_shapes(int digit) {
  constexpr std::span<const std::string_view> kShapes[] = {kZero, kOne, kTwo,   kThree, kFour,
                                                           kFive, kSix, kSeven, kEight, kNine};
  std::span<const std::string_view> shapes = kShapes[digit];
  return {shapes.begin(), shapes.end()};
}

DigitPixels draw_synthetic_digit(int digit, Random& random) {
  std::vector<Polyline> lines = distorted_lines(digit, random);
  double radius = std::clamp(1.2 + 0.3 * random.normal(), 0.65, 2.1);

  // Ink and all, the longer side fills the box (now and then not quite).
  Box box = bounds(lines);
  double longer = std::max(box.right - box.left, box.bottom - box.top);
  double scale = (kBoxPixels * random.uniform(0.93, 1.0) - 2 * radius) / longer;
  for (Polyline& line : lines) {
    for (Point& p : line) p = {p.x * scale, p.y * scale};
  }
  box = bounds(lines);
  constexpr double kMiddle = kDigitSize / 2.0;
  move_by(lines, kMiddle - (box.left + box.right) / 2, kMiddle - (box.top + box.bottom) / 2);

  // Centred by mass, give or take half a pixel (MNIST was moved by whole pixels).
  Point centre = centre_of_mass(rasterise(lines, radius));
  move_by(lines, kMiddle - centre.x + random.uniform(-0.5, 0.5), kMiddle - centre.y + random.uniform(-0.5, 0.5));

  Ink ink = rasterise(lines, radius);
  DigitPixels pixels;
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(std::lround(255 * ink[i]));
  return pixels;
}

Result<LabelledImages> synthetic_digits(const SyntheticDigitsOptions& options) {
  if (options.count < 1) return invalid_argument("synthetic digits: count ", options.count, ", expected at least 1");
  LabelledImages digits;
  TARN_ASSIGN_OR_RETURN(digits.images, Tensor::allocate(DType::kUInt8, Shape{options.count, kDigitSize, kDigitSize}));
  TARN_ASSIGN_OR_RETURN(digits.labels, Tensor::allocate(DType::kUInt8, Shape{options.count}));
  std::span<uint8_t> images = digits.images.mutable_flat<uint8_t>();
  std::span<uint8_t> labels = digits.labels.mutable_flat<uint8_t>();

  ThreadPool pool(options.threads);
  pool.parallel_for(options.count, 64, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      auto index = static_cast<size_t>(i);
      Random random(options.seed, static_cast<uint64_t>(i));
      labels[index] = static_cast<uint8_t>(random.below(10));
      DigitPixels pixels = draw_synthetic_digit(labels[index], random);
      std::copy(pixels.begin(), pixels.end(), images.begin() + static_cast<int64_t>(index * pixels.size()));
    }
  });
  return digits;
}

}  // namespace tarn::examples
