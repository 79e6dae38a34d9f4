#include "tests/support/bad_operators.h"

namespace tarn::testing {
namespace {

const std::string kImage = "f32[1,4,4,2]random(seed=1)", kFilter = "f32[3,3,2,3]random(seed=2)";

std::string conv(const std::string& more, const std::string& padding = "SAME") {
  return "padding=\"" + padding + "\", " + more;
}

}  // namespace

std::vector<BadOperator> bad_windows() {
  const std::string plain = conv("strides=[1,1,1,1]");
  std::vector<BadOperator> cases = {
      {55, "stride 0", "Conv2D", {kImage, kFilter}, conv("strides=[1,0,1,1]"), {"strides", "0"}},
      {55, "dilation 0", "Conv2D", {kImage, kFilter}, plain + ", dilations=[1,1,0,1]", {"dilations", "0"}},
      {55, "kernel height 0", "Conv2D", {kImage, "f32[0,3,2,3]zeros"}, plain, {"filter", "[0,3,2,3]"}},
      {55, "no channels in", "Conv2D", {"f32[1,4,4,0]zeros", "f32[3,3,0,3]zeros"}, plain, {"filter", "[3,3,0,3]"}},
      {56, "stride -1", "Conv2D", {kImage, kFilter}, conv("strides=[1,-1,-1,1]"), {"strides", "-1"}},
      {56, "stride 2^31", "Conv2D", {kImage, kFilter}, conv("strides=[1,2147483648,1,1]"), {"strides", "2147483648"}},
      {56, "three strides", "Conv2D", {kImage, kFilter}, conv("strides=[1,1,1]"), {"strides", "3", "4"}},
      {56, "no strides", "Conv2D", {kImage, kFilter}, conv("strides=[]"), {"strides"}},
      {56, "a stride over the batch", "Conv2D", {kImage, kFilter}, conv("strides=[2,1,1,1]"), {"strides", "2"}},
      {57, "dilation -1", "Conv2D", {kImage, kFilter}, plain + ", dilations=[1,-1,1,1]", {"dilations", "-1"}},
      // TensorFlow takes this one: all but the middle of the kernel sees pads.
      {57, "dilation 2^30", "Conv2D", {kImage, kFilter}, plain + ", dilations=[1,1073741824,1,1]", {"bytes"}},
      {57,
       "dilation 2^30, VALID",
       "Conv2D",
       {kImage, kFilter},
       conv("strides=[1,1,1,1], dilations=[1,1073741824,1,1]", "VALID"),
       {"[1,4,4,2]", "[3,3,2,3]"}},
      {58, "padding FOO", "Conv2D", {kImage, kFilter}, conv("strides=[1,1,1,1]", "FOO"), {"padding", "FOO"}},
      {58,
       "too few pads",
       "Conv2D",
       {kImage, kFilter},
       conv("strides=[1,1,1,1], explicit_paddings=[0,0,1,1]", "EXPLICIT"),
       {"explicit_paddings", "4", "8"}},
      {58,
       "negative pads",
       "Conv2D",
       {kImage, kFilter},
       conv("strides=[1,1,1,1], explicit_paddings=[0,0,-1,1,0,0,0,0]", "EXPLICIT"),
       {"explicit_paddings", "-1"}},
      {58,
       "2^31 pads",
       "Conv2D",
       {kImage, kFilter},
       conv("strides=[1,1,1,1], explicit_paddings=[0,0,2147483648,0,0,0,0,0]", "EXPLICIT"),
       {"explicit_paddings", "2147483648"}},
      {58, "layout ABCD", "Conv2D", {kImage, kFilter}, plain + ", data_format=\"ABCD\"", {"data_format", "ABCD"}},
      {59, "filter of rank 3", "Conv2D", {kImage, "f32[3,3,2]zeros"}, plain, {"filter", "[3,3,2]"}},
      {59, "input of rank 3", "Conv2D", {"f32[4,4,2]zeros", kFilter}, plain, {"input", "[4,4,2]"}},
      {59, "5 channels for 2", "Conv2D", {"f32[1,4,4,5]zeros", "f32[3,3,2,4]zeros"}, plain, {"[1,4,4,5]", "[3,3,2,4]"}},
      {59, "3 filters in 2 groups", "Conv2D", {"f32[1,4,4,4]zeros", kFilter}, plain, {"[1,4,4,4]", "[3,3,2,3]"}},
      {60,
       "kernel larger than the image",
       "Conv2D",
       {kImage, "f32[5,5,2,3]zeros"},
       conv("strides=[1,1,1,1]", "VALID"),
       {"[1,4,4,2]", "[5,5,2,3]"}},
      {61, "empty batch", "Conv2D", {"f32[0,4,4,2]zeros", kFilter}, plain, {}, "f32[0,4,4,3]"},
      {61, "image of 0 x 0", "Conv2D", {"f32[1,0,0,2]zeros", kFilter}, plain, {}, "f32[1,0,0,3]"},
      {61, "no channels out", "Conv2D", {kImage, "f32[3,3,2,0]zeros"}, plain, {}, "f32[1,4,4,0]"},

      {64, "multiplier 0", "DepthwiseConv2dNative", {kImage, "f32[3,3,2,0]zeros"}, plain, {}, "f32[1,4,4,0]"},
      {64, "other channels", "DepthwiseConv2dNative", {kImage, "f32[3,3,3,1]zeros"}, plain, {"[1,4,4,2]", "[3,3,3,1]"}},
      {64,
       "stride 0",
       "DepthwiseConv2dNative",
       {kImage, "f32[3,3,2,1]zeros"},
       conv("strides=[1,0,0,1]"),
       {"strides", "0"}},

      {84,
       "9 scales for 2 channels",
       "FusedBatchNorm",
       {kImage, "f32[9]zeros", "f32[2]zeros", "f32[2]zeros", "f32[2]zeros"},
       "is_training=false",
       {"scale", "[9]", "[1,4,4,2]"}},
      {84,
       "1 mean for 4 channels",
       "FusedBatchNorm",
       {"f32[1,2,2,4]zeros", "f32[4]zeros", "f32[4]zeros", "f32[1]zeros", "f32[4]zeros"},
       "is_training=false",
       {"mean", "[1]", "[1,2,2,4]"}},
      {84,
       "no image, V3",
       "FusedBatchNormV3",
       {"f32[0,2,2,2]zeros", "f32[2]zeros", "f32[2]zeros", "f32[2]zeros", "f32[2]fill(1)"},
       "is_training=false",
       {},
       "f32[0,2,2,2]"},
      {84,
       "no image, training",
       "FusedBatchNorm",
       {"f32[0,2,2,2]zeros", "f32[2]zeros", "f32[2]zeros", "f32[0]zeros", "f32[0]zeros"},
       "is_training=true",
       {},
       "f32[0,2,2,2]"},
      {84,
       "epsilon NaN",
       "FusedBatchNorm",
       {kImage, "f32[2]zeros", "f32[2]zeros", "f32[2]zeros", "f32[2]fill(1)"},
       "is_training=false, epsilon=nan",
       {"epsilon", "nan"}},
      {84,
       "epsilon -1",
       "FusedBatchNorm",
       {kImage, "f32[2]zeros", "f32[2]zeros", "f32[2]zeros", "f32[2]fill(1)"},
       "is_training=false, epsilon=-1.0",
       {"epsilon", "-1"}},
      {85, "radius -5", "LRN", {kImage}, "depth_radius=-5", {"depth_radius", "-5"}},
      {85, "radius 2^31 - 1", "LRN", {kImage}, "depth_radius=2147483647", {}, "f32[1,4,4,2]"},
      {85, "radius 2^62", "LRN", {kImage}, "depth_radius=4611686018427387904", {"depth_radius"}},

      {87, "block 0", "SpaceToBatchND", {kImage, "i32[2]{0, 2}", "i32[2,2]zeros"}, "", {"block_shape", "0"}},
      {87,
       "negative pads",
       "SpaceToBatchND",
       {kImage, "i32[2]{2, 2}", "i32[2,2]{-9, 0, 0, 0}"},
       "",
       {"paddings", "-9"}},
      {87,
       "pads of 2^31 - 1",
       "SpaceToBatchND",
       {kImage, "i32[2]{1, 1}", "i32[2,2]{2147483647, 0, 0, 0}"},
       "",
       {"bytes"}},
      {87,
       "pads of 2^63 - 1",
       "SpaceToBatchND",
       {kImage, "i32[2]{1, 1}", "i64[2,2]{9223372036854775807, 9223372036854775807, 0, 0}"},
       "",
       {"paddings", "9223372036854775807"}},
      {87,
       "crops of 99",
       "BatchToSpaceND",
       {"f32[4,2,2,1]zeros", "i32[2]{2, 2}", "i32[2,2]{99, 0, 0, 0}"},
       "",
       {"crops", "99"}},
      {87,
       "block 0",
       "BatchToSpaceND",
       {"f32[4,2,2,1]zeros", "i32[2]{2, 0}", "i32[2,2]zeros"},
       "",
       {"block_shape", "0"}},
      {87,
       "blocks whose product overflows",
       "BatchToSpaceND",
       {"f32[4,2,2,1]zeros", "i64[2]{4294967296, 4294967296}", "i32[2,2]zeros"},
       "",
       {"block_shape", "4294967296"}},
      {87, "block 0", "SpaceToBatch", {kImage, "i32[2,2]zeros"}, "block_size=0", {"block_size", "0"}},
      {87, "block 0", "BatchToSpace", {"f32[4,2,2,1]zeros", "i32[2,2]zeros"}, "block_size=0", {"block_size", "0"}},
      {87, "crops of 99", "BatchToSpace", {"f32[4,2,2,1]zeros", "i32[2,2]fill(99)"}, "block_size=2", {"crops", "99"}},
      {87, "block 0", "DepthToSpace", {"f32[1,2,2,4]zeros"}, "block_size=0", {"block_size", "0"}},
      {87, "block -2", "DepthToSpace", {"f32[1,2,2,4]zeros"}, "block_size=-2", {"block_size", "-2"}},
      {87,
       "block 2^31 - 1",
       "DepthToSpace",
       {"f32[1,2,2,4]zeros"},
       "block_size=2147483647",
       {"block_size", "2147483647"}},
      {87, "block 2^32", "DepthToSpace", {"f32[1,2,2,4]zeros"}, "block_size=4294967296", {"block_size", "4294967296"}},
      {87, "block 3 of 4", "SpaceToDepth", {kImage}, "block_size=3", {"block_size", "3", "[1,4,4,2]"}},
      {87, "block 2^31 - 1", "SpaceToDepth", {kImage}, "block_size=2147483647", {"block_size", "2147483647"}},

      {94,
       "EXPLICIT pads with padding SAME",
       "Conv2D",
       {kImage, kFilter},
       plain + ", explicit_paddings=[0,0,1,1,1,1,0,0]",
       {"explicit_paddings", "SAME"}},
      {94,
       "NCHW with an NHWC image",
       "Conv2D",
       {"f32[1,5,4,2]zeros", kFilter},
       plain + ", data_format=\"NCHW\"",
       {"[1,5,4,2]", "[3,3,2,3]"}},
      {94,
       "NCHW with NHWC strides",
       "Conv2D",
       {"f32[1,2,4,4]zeros", kFilter},
       conv("strides=[1,2,2,1], data_format=\"NCHW\""),
       {"strides"}},
  };
  auto add = [&](BadOperator bad) { cases.push_back(std::move(bad)); };

  // Gradients of convolutions: sizes come as values.
  const std::string kGrad = "f32[1,4,4,3]random(seed=3)";
  for (auto& bad : std::vector<BadOperator>{
           {62, "size -4", "", {"i32[4]{1, -4, 4, 2}", kFilter, kGrad}, plain, {"input_sizes", "-4"}},
           {62,
            "sizes of another image",
            "",
            {"i32[4]{1, 9, 9, 2}", kFilter, kGrad},
            plain,
            {"[1,9,9,2]", "[1,4,4,3]"}},
           {62, "one size", "", {"i32[1]{4}", kFilter, kGrad}, plain, {"input_sizes", "[1]"}},
           {62, "a scalar size", "", {"i32[]{4}", kFilter, kGrad}, plain, {"input_sizes", "[]"}},
           {62,
            "sizes of 2^30",
            "",
            {"i32[4]{1073741824, 1073741824, 1073741824, 2}", kFilter, kGrad},
            plain,
            {"1073741824"}}}) {
    bad.op = "Conv2DBackpropInput";
    add(bad);
  }
  for (auto& bad : std::vector<BadOperator>{
           {63,
            "no gradient, no image",
            "",
            {"f32[0,4,4,2]zeros", "i32[4]{3, 3, 2, 3}", "f32[0,4,4,3]zeros"},
            plain,
            {},
            "f32[3,3,2,3]"},
           {63,
            "no gradient for an image",
            "",
            {kImage, "i32[4]{3, 3, 2, 3}", "f32[1,0,0,3]zeros"},
            plain,
            {"[1,4,4,2]", "[1,0,0,3]"}},
           {63,
            "sizes of another filter",
            "",
            {kImage, "i32[4]{3, 3, 2, 4}", kGrad},
            plain,
            {"[3,3,2,4]", "[1,4,4,3]"}},
           {63, "a filter of height 0", "", {kImage, "i32[4]{0, 3, 2, 3}", kGrad}, plain, {"filter", "[0,3,2,3]"}},
           {63, "a filter of height -1", "", {kImage, "i32[4]{-1, 3, 2, 3}", kGrad}, plain, {"filter_sizes", "-1"}},
           {63, "no channels", "", {kImage, "i32[4]{3, 3, 0, 3}", kGrad}, plain, {"[3,3,0,3]"}},
           {63,
            "sizes of 2^30",
            "",
            {kImage, "i32[4]{1073741824, 1073741824, 1073741824, 3}", kGrad},
            plain,
            {"1073741824"}}}) {
    bad.op = "Conv2DBackpropFilter";
    add(bad);
  }

  for (const char* op : {"MaxPool", "AvgPool"}) {
    const std::string one = ", strides=[1,1,1,1]";
    add({65, "window 0", op, {kImage}, conv("ksize=[1,0,2,1]" + one), {"ksize", "0"}});
    add({65, "window -1", op, {kImage}, conv("ksize=[1,-1,2,1]" + one), {"ksize", "-1"}});
    add({65, "window 2^31 - 1", op, {kImage}, conv("ksize=[1,2147483647,2147483647,1]" + one), {}, "f32[1,4,4,2]"});
    add({65, "three sizes", op, {kImage}, conv("ksize=[1,2,2]" + one), {"ksize", "3", "4"}});
    add({65, "stride 0", op, {kImage}, conv("ksize=[1,2,2,1], strides=[1,0,1,1]"), {"strides", "0"}});
    add({65, "rank 2", op, {"f32[4,4]zeros"}, conv("ksize=[1,2,2,1]" + one), {"[4,4]"}});
    add({65, "window larger than the image", op, {kImage}, conv("ksize=[1,5,5,1]" + one, "VALID"), {"[1,4,4,2]", "5"}});
    add({65, "pooling of channels", op, {kImage}, conv("ksize=[1,1,1,2]" + one), {"ksize", "2"}});
  }
  const std::string pool = conv("ksize=[1,2,2,1], strides=[1,2,2,1]");
  add({66,
       "a gradient of another size",
       "MaxPoolGrad",
       {kImage, "f32[1,2,2,2]zeros", "f32[1,4,4,2]zeros"},
       pool,
       {"[1,4,4,2]", "[1,2,2,2]"}});
  add({66,
       "an output of another size",
       "MaxPoolGrad",
       {kImage, "f32[1,3,3,2]zeros", "f32[1,3,3,2]zeros"},
       pool,
       {"[1,4,4,2]", "[1,3,3,2]"}});
  add({66, "no output", "MaxPoolGrad", {kImage, "f32[0]zeros", "f32[0]zeros"}, pool, {"[0]"}});
  add({66, "size -4", "AvgPoolGrad", {"i32[4]{1, -4, 4, 2}", "f32[1,2,2,2]zeros"}, pool, {"orig_input_shape", "-4"}});
  add({66,
       "an oversized gradient",
       "AvgPoolGrad",
       {"i32[4]{1, 4, 4, 2}", "f32[1,9,9,2]zeros"},
       pool,
       {"[1,4,4,2]", "[1,9,9,2]"}});

  for (const char* op : {"ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea"}) {
    add({86, "size 0", op, {kImage, "i32[2]{0, 5}"}, "", {"size", "0"}});
    add({86, "size -1", op, {kImage, "i32[2]{5, -1}"}, "", {"size", "-1"}});
    add({86, "size 2^31 - 1", op, {kImage, "i32[2]{2147483647, 2147483647}"}, "", {"2147483647"}});
    add({86, "size 2^31 - 1 of a line", op, {kImage, "i32[2]{2147483647, 1}"}, "", {"2147483647", "bytes"}});
    add({86, "three sizes", op, {kImage, "i32[3]{5, 5, 5}"}, "", {"size", "[3]"}});
    add({86, "no pixels", op, {"f32[1,0,0,2]zeros", "i32[2]{5, 5}"}, "", {"images", "[1,0,0,2]"}});
  }
  return cases;
}

}  // namespace tarn::testing
