// Convolutions as layers write them, with what stands before and behind them, and what a pass may meet instead.
#include <algorithm>

#include "tests/property/layer_parts.h"

namespace tarn::testing {
namespace {

// [pad] -> convolution -> [bias] -> batch norm -> [activation], and what a pass may meet instead of each.
bool draw_convolution(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen image = choose_image(piece);
  std::string x = image.name;
  DType dtype = image.dtype;
  bool channels_first = random.chance(0.1);
  int64_t in = image.shape.dim(channels_first ? 1 : 3);
  if (in == 0) return false;
  std::string form = channels_first ? "NCHW" : "NHWC";
  double before = random.unit();
  bool resizes = before < 0.1 && dtype == DType::kFloat && !channels_first;
  if (resizes) {
    x = lines("ResizeBilinear(", x, ", ", lines.ints({3 + random.below(4), 5}), ")",
              random.chance(0.5) ? " {align_corners=true}" : "");
  }
  bool pads = before > 0.04 && before < 0.25;
  if (pads) {
    std::string sizes = piece.constant(
        "pads", Tensor::from<int32_t>(
                    Shape{4, 2}, channels_first ? std::initializer_list<int32_t>{0, 0, 0, 0, 1, random.below(2), 1, 1}
                                                : std::initializer_list<int32_t>{0, 0, 1, random.below(2), 1, 1, 0,
                                                                                 random.chance(0.1) ? 1 : 0}));
    std::string op = resizes || random.chance(0.35) ? "MirrorPad" : "Pad";
    x = lines(op, "(", x, ", ", sizes, ")",
              op == "MirrorPad" ? random.pick({" {mode=\"REFLECT\"}", " {mode=\"SYMMETRIC\"}"}) : "");
  } else if (before > 0.8 && before < 0.86) {
    x = perhaps_scaled(piece, lines, x, dtype, in);
  }
  int kernel = 1 + random.below(3), stride = 1 + random.below(2);
  int64_t out = 1 + random.below(4);
  std::string padding = random.chance(pads ? 0.75 : 0.3) ? "VALID" : "SAME";
  std::string strides =
      channels_first ? str_cat("[1, 1, ", stride, ", ", stride, "]") : str_cat("[1, ", stride, ", ", stride, ", 1]");
  std::string dilations =
      random.chance(0.1) ? (channels_first ? ", dilations=[1, 1, 2, 2]" : ", dilations=[1, 2, 2, 1]") : "";
  bool depthwise = random.chance(0.3);
  int64_t multiplier = depthwise ? 1 + random.below(2) : 1;
  Shape filter = depthwise ? Shape{kernel, kernel, in, multiplier} : Shape{kernel, kernel, in, out};
  if (depthwise) out = in * multiplier;
  bool atrous = !channels_first && random.chance(0.08);
  std::string weights = random.chance(0.05) ? piece.placeholder("fed_weights", random_value(dtype, filter, random))
                                            : piece.weights("weights", dtype, filter, 0.4);
  weights = perhaps_identity(piece, lines, weights);
  std::string block, crops;
  if (atrous) {
    block = lines.ints({2, 2});
    piece.line("zeros: i32[2,2] = zeros");
    piece.line("paddings: i32[2,2] = {2, ", 2 + image.shape.dim(1) % 2, ", 2, ", 2 + image.shape.dim(2) % 2, "}");
    x = lines("SpaceToBatchND(", x, ", ", block, ", paddings)");
  }
  std::string attrs =
      str_cat(" {strides=", strides, ", padding=\"", padding, "\"", dilations, ", data_format=\"", form, "\"}");
  auto layer = [&](const std::string& input) {
    return lines(depthwise ? "DepthwiseConv2dNative(" : "Conv2D(", input, ", ", weights, ")", attrs);
  };
  std::string y = layer(x);
  if (atrous) y = lines("BatchToSpaceND(", y, ", ", block, ", zeros)");
  if (random.chance(0.1)) lines("Neg(", y, ")");  // somebody else reads it
  y = perhaps_bias(piece, lines, y, dtype, out, channels_first);
  y = perhaps_identity(piece, lines, y);
  bool concat = !channels_first && random.chance(0.08);
  if (concat) {
    std::string other = layer(x);
    y = lines("ConcatV2(", y, ", ", other, ", ", lines.scalar(DType::kInt32, 3), ")");
    out *= 2;
  }
  if (random.chance(0.7) && !(channels_first && dtype != DType::kFloat))
    y = batch_norm(piece, lines, y, dtype, out, 4, channels_first);
  if (random.chance(0.1)) {  // the same weights once more
    std::string twin = perhaps_bias(piece, lines, layer(x), dtype, out, channels_first);
    if (random.chance(0.5)) batch_norm(piece, lines, twin, dtype, out, 4, channels_first);
  }
  y = perhaps_scaled(piece, lines, y, dtype, out);
  perhaps_activation(piece, lines, y);
  return true;
}

bool draw_transposed_convolution(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen image = choose_image(piece);
  int64_t in = image.shape.dim(3), out = 1 + random.below(3);
  std::string weights = piece.weights("weights", image.dtype, Shape{2, 2, out, in});
  std::string sizes = lines.ints({static_cast<int>(image.shape.dim(0)), static_cast<int>(image.shape.dim(1)) * 2,
                                  static_cast<int>(image.shape.dim(2)) * 2, static_cast<int>(out)});
  std::string y = lines("Conv2DBackpropInput(", sizes, ", ", weights, ", ", image.name,
                        ") {strides=[1, 2, 2, 1], padding=\"SAME\"}");
  y = perhaps_bias(piece, lines, y, image.dtype, out, false);
  if (random.chance(0.7)) y = batch_norm(piece, lines, y, image.dtype, out, 4, false);
  perhaps_activation(piece, lines, y);
  return true;
}

// Dilations as TensorFlow 1.x wrote them: a convolution of every other row and column, blocks of which are a batch.
bool draw_atrous(Piece& piece) {
  Random& random = piece.random();
  Lines lines{piece};
  Chosen image = choose_image(piece);
  int64_t in = image.shape.dim(3);
  if (in == 0) return false;
  int kernel = 1 + random.below(3), rate = 2 + random.below(2);
  bool is_same = random.chance(0.6), depthwise = random.chance(0.3);
  int before = is_same ? (kernel - 1) * rate / 2 : 0, after = is_same ? (kernel - 1) * rate - before : 0;
  std::vector<int32_t> paddings, crops;
  for (int d = 1; d <= 2; ++d) {
    int size = static_cast<int>(image.shape.dim(d)) + before + after;
    int more = (rate - size % rate) % rate;  // so that the blocks come out even
    if (random.chance(0.05)) more += rate;
    paddings.insert(paddings.end(), {before, after + more});
    crops.insert(crops.end(), {0, random.chance(0.05) ? 0 : more});
  }
  auto two_by_two = [](const std::vector<int32_t>& values) {
    Tensor tensor = *Tensor::zeros(DType::kInt32, Shape{2, 2});
    std::copy(values.begin(), values.end(), tensor.mutable_flat<int32_t>().begin());
    return tensor;
  };
  std::string block = lines.ints({rate, rate});
  std::string x =
      lines("SpaceToBatchND(", image.name, ", ", block, ", ", piece.constant("paddings", two_by_two(paddings)), ")");
  int64_t out = depthwise ? in : 1 + random.below(3);
  Shape filter = depthwise ? Shape{kernel, kernel, in, 1} : Shape{kernel, kernel, in, out};
  std::string y = lines(depthwise ? "DepthwiseConv2dNative(" : "Conv2D(", x, ", ",
                        piece.weights("weights", image.dtype, filter), ") {strides=[1, 1, 1, 1], padding=\"VALID\"}");
  y = lines("BatchToSpaceND(", y, ", ", block, ", ", piece.constant("crops", two_by_two(crops)), ")");
  y = perhaps_bias(piece, lines, y, image.dtype, out, false);
  if (random.chance(0.5)) y = batch_norm(piece, lines, y, image.dtype, out, 4, false);
  perhaps_activation(piece, lines, y);
  return true;
}

constexpr Motif kMotifs[] = {
    {"convolution", 3, draw_convolution},
    {"transposed_convolution", 0.5, draw_transposed_convolution},
    {"atrous", 0.6, draw_atrous},
};

}  // namespace

extern const MotifFile motifs_convolutions;
const MotifFile motifs_convolutions = {kMotifs};

}  // namespace tarn::testing
