// NonMaxSuppression, V2 to V5, and NonMaxSuppressionWithOverlaps.
#include <cmath>
#include <limits>
#include <queue>

#include "core/op.h"
#include "ops/support/array.h"
#include "ops/support/pixel.h"

namespace tarn {
namespace {

// Inputs by version: boxes, scores, max_output_size; from V2 iou_threshold; from V3 score_threshold; V5 soft_nms_sigma.
Status judge_shapes(const Shape& boxes, const Shape& scores, bool are_overlaps) {
  if (are_overlaps ? !boxes.is_compatible_with(Shape{kUnknownDim, kUnknownDim})
                   : !boxes.is_compatible_with(Shape{kUnknownDim, 4})) {
    return invalid_argument(
        are_overlaps ? "overlaps must be a square matrix, have shape " : "boxes must have shape [?,4], have ",
        boxes.to_string());
  }
  if (!scores.is_compatible_with(Shape{kUnknownDim})) {
    return invalid_argument("scores must be a vector, have shape ", scores.to_string());
  }
  bool fits = !boxes.has_rank() || scores.is_compatible_with(Shape{boxes.dim(0)});
  if (fits && are_overlaps && boxes.has_rank()) fits = Shape{boxes.dim(0)}.is_compatible_with(Shape{boxes.dim(1)});
  if (fits) return {};
  return invalid_argument("scores has incompatible shape ", scores.to_string(), " with ",
                          are_overlaps ? "overlaps " : "boxes ", boxes.to_string());
}

template <bool kOverlaps>
Status infer_nms(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_shapes(c.shape(0), c.shape(1), kOverlaps));
  constexpr std::string_view kNames[] = {
      "", "", "max_output_size", "iou_threshold", "score_threshold", "soft_nms_sigma"};
  for (int i = 2; i < c.input_count(); ++i) TARN_RETURN_IF_ERROR(c.expect_rank(i, 0, kNames[i]));
  Shape selected{kUnknownDim};
  std::optional<std::vector<int64_t>> most = c.int_value(2);
  if (most && (*most)[0] < 0) return invalid_argument("max_output_size must not be negative, is ", (*most)[0]);
  if (most && c.attrs().get_or<bool>("pad_to_max_output_size", false)) selected.set_dim(0, (*most)[0]);
  TARN_RETURN_IF_ERROR(set_output_checked(c, 0, selected));
  if (c.output_count() == 2) return c.set_output(1, Shape());
  if (c.output_count() == 3) {
    TARN_RETURN_IF_ERROR(set_output_checked(c, 1, selected));
    return c.set_output(2, Shape());
  }
  return {};
}

float scalar_of(const TensorView& view) {
  return view.dtype == DType::kHalf ? half_to_float(view.item<uint16_t>()) : view.item<float>();
}

// The part of two boxes' union that both have. Corners come in any order.
float overlap_of(const float* a, const float* b) {
  float a_low_y = std::min(a[0], a[2]), a_high_y = std::max(a[0], a[2]);
  float a_low_x = std::min(a[1], a[3]), a_high_x = std::max(a[1], a[3]);
  float b_low_y = std::min(b[0], b[2]), b_high_y = std::max(b[0], b[2]);
  float b_low_x = std::min(b[1], b[3]), b_high_x = std::max(b[1], b[3]);
  float a_area = (a_high_y - a_low_y) * (a_high_x - a_low_x), b_area = (b_high_y - b_low_y) * (b_high_x - b_low_x);
  if (a_area <= 0 || b_area <= 0) return 0;
  float height = std::max(std::min(a_high_y, b_high_y) - std::max(a_low_y, b_low_y), 0.0f);
  float width = std::max(std::min(a_high_x, b_high_x) - std::max(a_low_x, b_low_x), 0.0f);
  float both = height * width;
  return both / (a_area + b_area - both);
}

struct Thresholds {
  float overlap = 0.5f, score = std::numeric_limits<float>::lowest(), sigma = 0;
};

struct Selected {
  std::vector<int32_t> boxes;
  std::vector<float> scores;
};

// Greedy: the best box that is left is taken, boxes that overlap it too much are dropped; with sigma, their scores sink
// instead (Bodla et al., "Soft-NMS", 2017). `round` is to the precision of the scores' dtype.
template <class Overlap, class Round>
Selected select(std::span<const float> scores, size_t most, const Thresholds& limits, const Overlap& overlap,
                const Round& round) {
  struct Candidate {
    int32_t box;
    float score;
    size_t begin;  // taken boxes from here on have not been held against it yet
  };
  auto is_worse = [](const Candidate& a, const Candidate& b) {
    return a.score == b.score ? a.box > b.box : a.score < b.score;
  };
  std::priority_queue<Candidate, std::vector<Candidate>, decltype(is_worse)> left(is_worse);
  for (size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] > limits.score) left.push({static_cast<int32_t>(i), scores[i], 0});
  }
  bool is_soft = limits.sigma > 0;
  float scale = is_soft ? round(-0.5f / limits.sigma) : 0;
  Selected selected;
  while (selected.boxes.size() < most && !left.empty()) {
    Candidate next = left.top();
    left.pop();
    float before = next.score;
    bool is_dropped = false;
    for (size_t j = selected.boxes.size(); j-- > next.begin;) {
      float similarity = round(overlap(next.box, selected.boxes[j]));
      if (is_soft) next.score = round(next.score * round(std::exp(round(scale * similarity * similarity))));
      is_dropped = !is_soft && similarity > limits.overlap;
      // Boxes whose coordinates are no numbers sink to the end, as in TensorFlow.
      if (!is_soft && std::isnan(similarity)) next.score = round(next.score * 0);
      if (is_dropped || next.score <= limits.score) break;
    }
    if (is_dropped) continue;
    next.begin = selected.boxes.size();
    if (next.score == before) {
      selected.boxes.push_back(next.box);
      selected.scores.push_back(next.score);
    } else if (next.score > limits.score) {
      left.push(next);
    }
  }
  return selected;
}

template <class T, bool kOverlaps>
class NmsKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    limits_.overlap = c.attrs().get_or<float>("iou_threshold", 0.5f);
    pad_ = c.attrs().get_or<bool>("pad_to_max_output_size", false);
    return {};
  }

  Status run(RunContext& c) const override {
    const TensorView &boxes = c.input(0), &scores = c.input(1);
    TARN_RETURN_IF_ERROR(judge_shapes(*boxes.shape, *scores.shape, kOverlaps));
    for (int i = 2; i < c.input_count(); ++i) {
      if (c.input(i).shape->rank() != 0) {
        return invalid_argument("input ", i, " must be a scalar, has shape ", c.input(i).shape->to_string());
      }
    }
    Thresholds limits = limits_;
    if (c.input_count() > 3) limits.overlap = scalar_of(c.input(3));
    if (c.input_count() > 4) limits.score = scalar_of(c.input(4));
    if (c.input_count() > 5) limits.sigma = scalar_of(c.input(5));
    if (!kOverlaps && !(limits.overlap >= 0 && limits.overlap <= 1)) {
      return invalid_argument("iou_threshold must be in [0, 1], is ", limits.overlap);
    }
    if (!(limits.sigma >= 0)) return invalid_argument("soft_nms_sigma must be non-negative, is ", limits.sigma);
    int32_t most = c.input(2).item<int32_t>();
    if (most < 0) return invalid_argument("max_output_size must be non-negative, is ", most);

    std::vector<float> values = floats_of(boxes), score_values = floats_of(scores);
    auto overlap = [&](int64_t i, int64_t j) {
      if (kOverlaps) return values[static_cast<size_t>(i * boxes.shape->dim(1) + j)];
      return overlap_of(values.data() + 4 * i, values.data() + 4 * j);
    };
    auto round = [](float x) { return pixel_to_float(pixel_from_float<T>(x)); };
    Selected selected = select(score_values, static_cast<size_t>(most), limits, overlap, round);

    auto found = static_cast<int32_t>(selected.boxes.size());
    int64_t size = pad_ ? most : found;
    TARN_ASSIGN_OR_RETURN(TensorView indices, c.output(0, Shape{size}));
    std::fill_n(indices.as<int32_t>(), size, 0);
    std::copy(selected.boxes.begin(), selected.boxes.end(), indices.as<int32_t>());
    if (c.output_count() == 1) return {};
    TARN_ASSIGN_OR_RETURN(TensorView valid, c.output(c.output_count() - 1, Shape()));
    *valid.as<int32_t>() = found;
    if (c.output_count() == 2) return {};
    TARN_ASSIGN_OR_RETURN(TensorView kept, c.output(1, Shape{size}));
    for (int64_t i = 0; i < size; ++i) {
      kept.as<T>()[i] = pixel_from_float<T>(i < found ? selected.scores[static_cast<size_t>(i)] : 0.0f);
    }
    return {};
  }

 private:
  static std::vector<float> floats_of(const TensorView& view) {
    std::vector<float> values;
    values.reserve(static_cast<size_t>(view.count));
    for (int64_t i = 0; i < view.count; ++i) values.push_back(pixel_to_float(view.as<T>()[i]));
    return values;
  }

  Thresholds limits_;
  bool pad_ = false;
};

constexpr KernelDef kFloatKernels[] = {portable_kernel<NmsKernel<float, false>>()};
constexpr KernelDef kKernels[] = {portable_kernel<NmsKernel<float, false>>(DType::kFloat),
                                  portable_kernel<NmsKernel<Half, false>>(DType::kHalf)};
constexpr KernelDef kOverlapKernels[] = {portable_kernel<NmsKernel<float, true>>()};

constexpr std::string_view kNoGradient = "which boxes are best does not change smoothly";
constexpr std::string_view kV1Doc = R"(The best boxes of those that overlap, best first.
  boxes  float[n, 4]: two opposite corners y, x, y, x   scores  float[n]   max_output_size  int32
  returns  selected_indices  int32[m]: into boxes
  A box is dropped that shares more than iou_threshold of the union with one taken before. Equal scores: the first.
  Errors: InvalidArgument for shapes, a threshold outside [0, 1], a negative size.
  Source: TensorFlow image_ops NonMaxSuppression.)";
constexpr std::string_view kV2Doc = R"(The best boxes of those that overlap, best first; the threshold is an input.
  As NonMaxSuppression.   Source: TensorFlow image_ops NonMaxSuppressionV2.)";
constexpr std::string_view kV3Doc = R"(The best boxes of those that overlap and score above a threshold, best first.
  As NonMaxSuppressionV2, and boxes of score_threshold or less are left out.   Source: TensorFlow image_ops.)";
constexpr std::string_view kV4Doc = R"(The best boxes of those that overlap, and how many they are.
  As NonMaxSuppressionV3; pad_to_max_output_size fills selected_indices up with 0 beyond valid_outputs.
  Source: TensorFlow image_ops NonMaxSuppressionV4.)";
constexpr std::string_view kV5Doc = R"(The best boxes of those that overlap, their scores, and how many they are.
  As NonMaxSuppressionV4; with soft_nms_sigma above 0, scores of overlapping boxes sink by exp(-iou^2 / 2 sigma)
  instead of being dropped.   Source: TensorFlow image_ops NonMaxSuppressionV5; Bodla et al. 2017.)";
constexpr std::string_view kOverlapsDoc = R"(The best of those that overlap, where a matrix says how much.
  overlaps  float[n, n]   scores  float[n]   max_output_size  int32   overlap_threshold, score_threshold  float
  returns  selected_indices  int32[m].   Source: TensorFlow image_ops NonMaxSuppressionWithOverlaps.)";

}  // namespace

extern const OpDef op_NonMaxSuppression, op_NonMaxSuppressionV2, op_NonMaxSuppressionV3, op_NonMaxSuppressionV4,
    op_NonMaxSuppressionV5, op_NonMaxSuppressionWithOverlaps;
const OpDef op_NonMaxSuppression = {
    .name = "NonMaxSuppression",
    .inputs = "boxes: float, scores: float, max_output_size: int32",
    .outputs = "selected_indices: int32",
    .attrs = "iou_threshold: float = 0.5",
    .infer = infer_nms<false>,
    .kernels = kFloatKernels,
};
const OpDef op_NonMaxSuppressionV2 = {
    .name = "NonMaxSuppressionV2",
    .inputs = "boxes: T, scores: T, max_output_size: int32, iou_threshold: T_threshold",
    .outputs = "selected_indices: int32",
    .attrs = "T: {half, float} = float; T_threshold: {half, float} = float",
    .infer = infer_nms<false>,
    .kernels = kKernels,
};
const OpDef op_NonMaxSuppressionV3 = {
    .name = "NonMaxSuppressionV3",
    .inputs = "boxes: T, scores: T, max_output_size: int32, iou_threshold: T_threshold, score_threshold: T_threshold",
    .outputs = "selected_indices: int32",
    .attrs = "T: {half, float} = float; T_threshold: {half, float} = float",
    .infer = infer_nms<false>,
    .kernels = kKernels,
};
const OpDef op_NonMaxSuppressionV4 = {
    .name = "NonMaxSuppressionV4",
    .inputs = "boxes: T, scores: T, max_output_size: int32, iou_threshold: T_threshold, score_threshold: T_threshold",
    .outputs = "selected_indices: int32, valid_outputs: int32",
    .attrs =
        "T: {half, float} = float; T_threshold: {half, float} = float; pad_to_max_output_size: bool = "
        "false",
    .infer = infer_nms<false>,
    .kernels = kKernels,
};
const OpDef op_NonMaxSuppressionV5 = {
    .name = "NonMaxSuppressionV5",
    .inputs =
        "boxes: T, scores: T, max_output_size: int32, iou_threshold: T, score_threshold: T, soft_nms_sigma: "
        "T",
    .outputs = "selected_indices: int32, selected_scores: T, valid_outputs: int32",
    .attrs = "T: {half, float} = float; pad_to_max_output_size: bool = false",
    .infer = infer_nms<false>,
    .kernels = kKernels,
};
const OpDef op_NonMaxSuppressionWithOverlaps = {
    .name = "NonMaxSuppressionWithOverlaps",
    .inputs =
        "overlaps: float, scores: float, max_output_size: int32, overlap_threshold: float, score_threshold: "
        "float",
    .outputs = "selected_indices: int32",
    .infer = infer_nms<true>,
    .kernels = kOverlapKernels,
};

TARN_OP_FILE(non_max_suppression, {&op_NonMaxSuppression, kV1Doc, nullptr, kNoGradient},
             {&op_NonMaxSuppressionV2, kV2Doc, nullptr, kNoGradient},
             {&op_NonMaxSuppressionV3, kV3Doc, nullptr, kNoGradient},
             {&op_NonMaxSuppressionV4, kV4Doc, nullptr, kNoGradient},
             {&op_NonMaxSuppressionV5, kV5Doc, nullptr, kNoGradient},
             {&op_NonMaxSuppressionWithOverlaps, kOverlapsDoc, nullptr, kNoGradient})

}  // namespace tarn
