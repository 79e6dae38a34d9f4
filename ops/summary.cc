// ScalarSummary, HistogramSummary, MergeSummary: TensorFlow's Summary messages, for event files.
#include <cmath>
#include <set>

#include "core/histogram.h"
#include "core/op.h"
#include "ops/support/arguments.h"
#include "ops/support/pixel.h"
#include "ops/support/proto_wire.h"

namespace tarn {
namespace {

// The fields of TensorFlow's messages.
enum SummaryField : uint32_t { kValue = 1 };
enum ValueField : uint32_t { kTag = 1, kSimpleValue = 2, kHisto = 5 };
enum HistogramField : uint32_t { kMin = 1, kMax = 2, kNum = 3, kSum = 4, kSumSquares = 5, kLimit = 6, kBucket = 7 };

Status judge_tags(const Shape& tags, const Shape& values) {
  if (tags.is_compatible_with(values)) return {};
  // Of old: a scalar and a vector of one element.
  if (tags.is_fully_known() && values.is_fully_known() && tags.elements() == 1 && values.elements() == 1) return {};
  bool may_be_one =
      (!tags.is_fully_known() || tags.elements() == 1) && (!values.is_fully_known() || values.elements() == 1);
  if (may_be_one) return {};
  return invalid_argument("tags and values not the same shape: ", tags.to_string(), " != ", values.to_string());
}

Status infer_scalar_summary(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_tags(c.shape(0), c.shape(1)));
  return c.set_output(0, Shape());
}

template <class T>
class ScalarKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView &tags = c.input(0), &values = c.input(1);
    TARN_RETURN_IF_ERROR(judge_tags(*tags.shape, *values.shape));
    ProtoWriter summary;
    for (int64_t i = 0; i < tags.count; ++i) {
      ProtoWriter value;
      const std::string& tag = tags.as<std::string>()[i];
      if (!tag.empty()) value.add_bytes(kTag, tag);
      value.add_float(kSimpleValue, pixel_to_float(values.as<T>()[i]));
      summary.add_message(kValue, value);
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape()));
    *y.as<std::string>() = summary.text();
    return {};
  }
};

Status infer_histogram(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 0, "tag"));
  return c.set_output(0, Shape());
}

class HistogramKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(expect_scalar(c.input(0), "tag"));
    const TensorView& values = c.input(1);
    Histogram histogram;
    Status status = histogram.Add(Tensor::view(values.dtype, *values.shape, values.data, nullptr));
    if (!status.ok()) {
      return status.with_context(str_cat("Nan or Infinity in summary histogram for: ", c.node_name()));
    }
    ProtoWriter histo, limits, counts;
    auto add = [&](uint32_t field, double value) {
      if (value != 0 || std::signbit(value)) histo.add_double(field, value);  // what is 0 is left out
    };
    add(kMin, histogram.min());
    add(kMax, histogram.max());
    add(kNum, histogram.count());
    add(kSum, histogram.sum());
    add(kSumSquares, histogram.sum_squares());
    for (const Histogram::Bucket& bucket : histogram.buckets()) {
      limits.raw(bucket.limit);
      counts.raw(bucket.count);
    }
    histo.add_message(kLimit, limits);
    histo.add_message(kBucket, counts);
    ProtoWriter value, summary;
    const std::string& tag = *c.input(0).as<std::string>();
    if (!tag.empty()) value.add_bytes(kTag, tag);
    value.add_message(kHisto, histo);
    summary.add_message(kValue, value);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape()));
    *y.as<std::string>() = summary.text();
    return {};
  }
};

// Repeated fields of messages put one after the other are one list.
class MergeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    std::set<std::string_view> tags;
    std::string merged;
    for (int i = 0; i < c.input_count(); ++i) {
      for (int64_t k = 0; k < c.input(i).count; ++k) {
        const std::string& summary = c.input(i).as<std::string>()[k];
        TARN_RETURN_IF_ERROR(add_tags(summary, i, tags));
        merged += summary;
      }
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape()));
    *y.as<std::string>() = std::move(merged);
    return {};
  }

 private:
  static Status add_tags(std::string_view bytes, int input, std::set<std::string_view>& tags) {
    ProtoReader summary(bytes);
    while (summary.next()) {
      if (summary.field() != kValue || !summary.is_bytes()) continue;
      std::string_view tag;
      ProtoReader value(summary.bytes());
      while (value.next()) {
        if (value.field() == kTag && value.is_bytes()) tag = value.bytes();
      }
      if (!value.ok()) return invalid_argument("Could not parse one of the summary inputs: input ", input);
      // Values without a tag are told apart by what made them.
      if (!tag.empty() && !tags.insert(tag).second) {
        return invalid_argument("Duplicate tag ", quoted(tag), " found in summary inputs");
      }
    }
    return summary.ok() ? Status() : invalid_argument("Could not parse one of the summary inputs: input ", input);
  }
};

template <class... Ts>
constexpr KernelDef kScalarKernels[] = {portable_kernel<ScalarKernel<Ts>>(dtype_of<Ts>())...};
constexpr KernelDef kHistogramKernels[] = {portable_kernel<HistogramKernel>()};
constexpr KernelDef kMergeKernels[] = {portable_kernel<MergeKernel>()};

constexpr std::string_view kNoGradient = "it writes down what happened";
constexpr std::string_view kScalarDoc = R"(Numbers with their tags, as a serialized Summary message.
  tags  string[...]   values  T, of the same shape   returns  string, a scalar
  Source: TensorFlow logging_ops ScalarSummary.)";
constexpr std::string_view kHistogramDoc = R"(How the values of a tensor are spread, as a serialized Summary message.
  tag  string   values  T[...]   returns  string, a scalar: buckets as TensorFlow's
  Errors: InvalidArgument for NaN and infinities.   Source: TensorFlow logging_ops HistogramSummary.)";
constexpr std::string_view kMergeDoc = R"(Several serialized Summary messages as one.
  inputs  N tensors string   returns  string, a scalar
  Errors: InvalidArgument for a tag that is there twice, or what is no Summary.
  Source: TensorFlow logging_ops MergeSummary.)";

}  // namespace

extern const OpDef op_ScalarSummary, op_HistogramSummary, op_MergeSummary;
const OpDef op_ScalarSummary = {
    .name = "ScalarSummary",
    .inputs = "tags: string, values: T",
    .outputs = "summary: string",
    .attrs = "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}",
    .infer = infer_scalar_summary,
    .kernels = kScalarKernels<float, double, int32_t, uint8_t, int16_t, int8_t, int64_t, BFloat16, uint16_t, Half,
                              uint32_t, uint64_t>,
};
const OpDef op_HistogramSummary = {
    .name = "HistogramSummary",
    .inputs = "tag: string, values: T",
    .outputs = "summary: string",
    .attrs = "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64} = float",
    .infer = infer_histogram,
    .kernels = kHistogramKernels,
};
const OpDef op_MergeSummary = {
    .name = "MergeSummary",
    .inputs = "inputs: N * string",
    .outputs = "summary: string",
    .attrs = "N: int >= 1",
    .infer = infer_scalar,
    .kernels = kMergeKernels,
};

TARN_OP_FILE(summary, {&op_ScalarSummary, kScalarDoc, nullptr, kNoGradient},
             {&op_HistogramSummary, kHistogramDoc, nullptr, kNoGradient},
             {&op_MergeSummary, kMergeDoc, nullptr, kNoGradient})

}  // namespace tarn
