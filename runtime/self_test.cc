#include "runtime/self_test.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/crc32c.h"
#include "core/half.h"
#include "core/sample_tensor.h"

namespace tarn {
namespace {

// Other instruction sets add in another order: measured differences are some 1e-6 of an output's range, of deep
// networks 1e-5. A wrong kernel or a damaged weight is far beyond this.
constexpr double kTolerance = 1e-3;
// In 8 bits such a difference may make another code of an input, a 255th of its range: a few of those.
constexpr double kTolerance8 = 0.05;
// An output of this many elements and fewer is stored whole, of a larger one as many, evenly spaced.
constexpr int64_t kMostValues = 64;

struct Value {
  bool is_floating = false;
  double number = 0;
};

// Element `index` of raw memory; of dtypes that are no numbers here, its bytes are compared.
Value value_at(DType dtype, const void* data, int64_t index) {
  auto at = [&](auto zero) {
    std::memcpy(&zero, static_cast<const char*>(data) + static_cast<size_t>(index) * sizeof(zero), sizeof(zero));
    return zero;
  };
  switch (dtype) {
    case DType::kFloat: return {true, static_cast<double>(at(0.0F))};
    case DType::kDouble: return {true, at(0.0)};
    case DType::kHalf: return {true, static_cast<double>(half_to_float(at(uint16_t{0})))};
    case DType::kBFloat16: return {true, static_cast<double>(bfloat16_to_float(at(uint16_t{0})))};
    default: return {};
  }
}

// Two roundings of the dtype itself, where they are more than the tolerance.
double rounding_of(DType dtype) {
  return dtype == DType::kHalf ? 0x1p-10 : dtype == DType::kBFloat16 ? 0x1p-7 : 0;
}

std::string number_text(DType dtype, const void* data, int64_t index) {
  Value value = value_at(dtype, data, index);
  if (value.is_floating) return str_cat(value.number);
  const auto* bytes = static_cast<const char*>(data) + static_cast<size_t>(index) * dtype_size(dtype);
  return Tensor::view(dtype, Shape(), bytes, nullptr).to_string();
}

double range_of(DType dtype, const void* data, int64_t count) {
  double range = 0;
  for (int64_t i = 0; i < count; ++i) {
    Value value = value_at(dtype, data, i);
    if (!value.is_floating) return 0;
    if (std::isfinite(value.number)) range = std::max(range, std::abs(value.number));
  }
  return range;
}

SelfTest::Output record(const std::string& name, const TensorView& view) {
  SelfTest::Output output{.name = name, .dtype = view.dtype, .shape = *view.shape};
  output.step = std::max<int64_t>(1, (view.count + kMostValues - 1) / kMostValues);
  if (view.dtype == DType::kString) return output;
  size_t size = dtype_size(view.dtype);
  for (int64_t i = 0; i < view.count; i += output.step)
    output.values.append(static_cast<const char*>(view.data) + static_cast<size_t>(i) * size, size);
  output.range = range_of(view.dtype, view.data, view.count);
  return output;
}

Status compare(const SelfTest::Output& expected, const TensorView& got, double tolerance, SelfTestReport& report) {
  if (got.dtype != expected.dtype || !(*got.shape == expected.shape)) {
    return internal_error("it is ", dtype_short_name(got.dtype), *got.shape, ", expected ",
                          dtype_short_name(expected.dtype), expected.shape);
  }
  if (got.dtype == DType::kString) return {};
  size_t size = dtype_size(got.dtype);
  int64_t count = got.count == 0 ? 0 : (got.count - 1) / expected.step + 1;
  if (size == 0 || expected.values.size() != static_cast<size_t>(count) * size)
    return data_loss(expected.values.size(), " bytes are stored of ", count, " values of ", size);
  double allowed = std::max(tolerance, rounding_of(got.dtype)) * expected.range;
  for (int64_t i = 0; i < count; ++i) {
    int64_t at = i * expected.step;
    Value a = value_at(got.dtype, expected.values.data(), i), b = value_at(got.dtype, got.data, at);
    bool is_same = std::memcmp(expected.values.data() + static_cast<size_t>(i) * size,
                               static_cast<const char*>(got.data) + static_cast<size_t>(at) * size, size) == 0;
    bool are_nan = a.is_floating && std::isnan(a.number) && std::isnan(b.number);
    ++report.values;
    if (is_same || are_nan) continue;
    double difference = a.is_floating ? std::abs(a.number - b.number) : std::numeric_limits<double>::infinity();
    if (!(difference <= allowed)) {
      return internal_error("element ", at, " is ", number_text(got.dtype, got.data, at), ", expected ",
                            number_text(got.dtype, expected.values.data(), i),
                            a.is_floating ? str_cat(" within ", allowed) : "");
    }
    if (expected.range > 0)
      report.max_relative_difference = std::max(report.max_relative_difference, difference / expected.range);
  }
  return {};
}

// A damaged weight may not be seen in some numbers of some outputs.
Result<uint32_t> constants_checksum(const NodeSource& graph) {
  uint32_t checksum = 0;
  for (int node = 0; node < graph.node_count(); ++node) {
    if (graph.op(node) != "Const") continue;
    TARN_ASSIGN_OR_RETURN(AttrMap attrs, graph.attrs(node));
    const AttrValue* value = attrs.find("value");
    if (value == nullptr || !value->is<Tensor>()) continue;
    const Tensor& tensor = value->as<Tensor>();
    if (tensor.dtype() == DType::kString) continue;
    checksum = crc32c({static_cast<const char*>(tensor.data()), tensor.byte_size()}, checksum);
    graph.let_go(tensor.data(), tensor.byte_size());
  }
  return checksum;
}

Status feed(EngineContext& context, const SelfTest& test) {
  const std::vector<EngineTensorInfo>& infos = context.engine().inputs();
  std::vector<bool> is_fed(infos.size(), false);
  for (const SelfTest::Input& input : test.inputs) {
    Result<int> index = context.engine().find_input(input.name);
    if (!index.ok()) return failed_precondition("the engine was opened for other inputs: ", index.status().message());
    TARN_ASSIGN_OR_RETURN(Tensor values, sample_tensor(input.dtype, input.shape, input.seed));
    TARN_RETURN_IF_ERROR(context.set_input(*index, values));
    is_fed[static_cast<size_t>(*index)] = true;
  }
  for (size_t i = 0; i < infos.size(); ++i) {
    if (!is_fed[i]) return failed_precondition("it has no values for the input ", in_quotes(infos[i].name));
  }
  return {};
}

Result<SelfTestReport> run(const std::shared_ptr<const Engine>& engine, const SelfTest& test) {
  TARN_ASSIGN_OR_RETURN(uint32_t checksum, constants_checksum(engine->graph()));
  if (checksum != test.constants_crc32c) {
    return internal_error("the constants are not those that it was made with: their CRC-32C is ", checksum,
                          ", expected ", test.constants_crc32c);
  }
  EngineContext context(engine);
  TARN_RETURN_IF_ERROR(feed(context, test));
  TARN_RETURN_IF_ERROR(context.run());
  SelfTestReport report;
  Problems problems;
  for (const SelfTest::Output& output : test.outputs) {
    Result<const TensorView*> view = context.output(output.name);
    if (!view.ok()) {
      problems.add(failed_precondition("the engine was opened for other outputs: ", view.status().message()));
      continue;
    }
    problems.add(
        compare(output, **view, test.tolerance, report).with_context(str_cat("output ", in_quotes(output.name))));
    ++report.outputs;
  }
  TARN_RETURN_IF_ERROR(problems.to_status());
  return report;
}

}  // namespace

Result<SelfTestReport> run_self_test(const std::shared_ptr<const Engine>& engine, const SelfTest& test) {
  Result<SelfTestReport> report = run(engine, test);
  if (!report.ok()) return report.status().with_context(str_cat(printable(engine->name()), ": self-test"));
  return report;
}

Result<SelfTestReport> run_self_test(const std::shared_ptr<const Engine>& engine) {
  Result<ModelInfo> info = parse_model_info(engine->model_info());
  if (!info.ok()) return info.status().with_context(printable(engine->name()));
  if (!info->self_test) {
    return not_found(printable(engine->name()),
                     ": no self-test is stored with the model; optimize_for_mobile writes one");
  }
  return run_self_test(engine, *info->self_test);
}

Result<SelfTest> make_self_test(const std::shared_ptr<const Engine>& engine, std::span<const Shape> shapes) {
  SelfTest test{.tolerance = engine->quantize() == Quantize::kDynamic8 ? kTolerance8 : kTolerance};
  for (size_t i = 0; i < engine->inputs().size(); ++i) {
    const EngineTensorInfo& info = engine->inputs()[i];
    test.inputs.push_back({info.name, info.dtype, shapes[i], i + 1});
  }
  {
    EngineContext context(engine);
    TARN_RETURN_IF_ERROR(feed(context, test));
    TARN_RETURN_IF_ERROR(context.run());
    for (size_t i = 0; i < engine->outputs().size(); ++i) {
      TARN_ASSIGN_OR_RETURN(const TensorView* view, context.output(static_cast<int>(i)));
      test.outputs.push_back(record(engine->outputs()[i].name, *view));
    }
  }
  bool has_values = std::any_of(test.outputs.begin(), test.outputs.end(),
                                [](const SelfTest::Output& output) { return !output.values.empty(); });
  if (!has_values) return failed_precondition("the outputs are empty, or strings, for made-up inputs");
  TARN_ASSIGN_OR_RETURN(test.constants_crc32c, constants_checksum(engine->graph()));
  Result<SelfTestReport> again = run(engine, test);
  if (!again.ok()) return failed_precondition("a second run gives other values: ", again.status().message());
  return test;
}

}  // namespace tarn
