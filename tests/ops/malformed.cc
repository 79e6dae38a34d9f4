#include "tests/ops/malformed.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <csignal>
#include <cstring>

namespace tarn::testing {
namespace {

char g_current[512];

#ifndef TARN_SANITIZED
void say_current(int signal_number) {
  // Only what a signal handler may do.
  ssize_t ignored = write(2, "\ndied while trying: ", 20);
  ignored = write(2, g_current, strlen(g_current));
  ignored = write(2, "\n", 1);
  (void)ignored;
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);
}
#endif

void install_handler() {
#ifndef TARN_SANITIZED
  for (int number : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL}) std::signal(number, say_current);
#endif
}

constexpr int64_t kExtremes[] = {-1, 0, 1, 2, 7, 99, -99, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, int64_t{1} << 40};
constexpr int64_t kMostElements = int64_t{1} << 22;

// `x` with another shape: its elements again and again.
Tensor resized(const Tensor& x, const Shape& shape) {
  Tensor y = *Tensor::zeros(x.dtype(), shape);
  if (x.element_count() == 0) return y;
  for (int64_t i = 0; i < y.element_count(); ++i) {
    auto to = static_cast<size_t>(i), from = static_cast<size_t>(i % x.element_count());
    if (x.dtype() == DType::kString) {
      y.mutable_flat<std::string>()[to] = x.flat<std::string>()[from];
    } else {
      size_t size = dtype_size(x.dtype());
      std::memcpy(static_cast<char*>(y.mutable_data()) + to * size, static_cast<const char*>(x.data()) + from * size,
                  size);
    }
  }
  return y;
}

class Trial {
 public:
  Trial(const OpRegistry::Op& op, const BoundCase& bound) : op_(op), bound_(bound) {}

  void all() {
    for (size_t i = 0; i < bound_.inputs.size(); ++i) {
      shapes_of_input(i);
      dtypes_of_input(i);
      values_of_input(i);
    }
    for (const auto& [name, value] : bound_.attrs) values_of_attr(name, value);
    input_counts();
  }

  MalformedReport report;

 private:
  // Tries `broken`, whose attrs are what a file holds: dtypes and counts do not follow from the inputs.
  void attempt(BoundCase broken, const std::string& how, bool infer_attrs = false) {
    std::string what = str_cat(op_.def->name, " '", bound_.source->label, "' with ", how);
    std::snprintf(g_current, sizeof g_current, "%s", what.c_str());
    ++report.tried;
    std::vector<InputInfo> infos;
    for (size_t i = 0; i < broken.inputs.size(); ++i) {
      bool is_ref = i < bound_.types.inputs.size() && bound_.types.inputs[i].is_ref;
      DType dtype = takes_handle(op_, i) ? DType::kResource : broken.inputs[i].dtype();
      infos.push_back({dtype, is_ref, "input"});
    }
    broken.types = {};
    Status status = op_.schema.resolve("broken", broken.attrs, infos, {.infer_from_inputs = infer_attrs}, broken.types);
    if (!status.ok()) {
      refused(status, what);
      return;
    }
    // Known as constants, and only as shapes: what inference cannot see, the kernel must.
    for (Known known : {Known::kValues, Known::kShapes, Known::kNothing}) {
      std::vector<Fact> outputs;
      status = infer_node(op_, "broken", broken.attrs, broken.types, facts_of(broken, known), outputs);
      if (!status.ok()) {
        refused(status, what);
        continue;
      }
      if (op_.def->control != Control::kNone) continue;
      bool runs = true;  // within what a test may allocate
      for (const Fact& fact : outputs) {
        if (!fact.shape.is_fully_known()) continue;
        Result<int64_t> count = fact.shape.element_count();
        runs = runs && count.ok() && *count <= kMostElements;
        if (fact.has_value() && fact.value.element_count() > kMostElements) {
          report.problems.push_back(str_cat(what, ": inference made a value of ", fact.shape.to_string()));
        }
      }
      if (!runs) continue;
      Outcome outcome = run_op(op_, broken, {.known = known});
      if (!outcome.status.ok()) refused(outcome.status, what);
      // Accepted: then the result must follow from the inputs, not from memory that nobody wrote or nobody gave.
      Outcome again = run_op(op_, broken, {.known = known, .fill = 0x5A});
      for (size_t i = 0; outcome.status.ok() && i < outcome.outputs.size() && i < again.outputs.size(); ++i) {
        bool same = !outcome.outputs[i].is_valid() || outcome.outputs[i].identical_to(again.outputs[i]);
        if (!same) report.problems.push_back(str_cat(what, ": output ", i, " depends on memory that is not an input"));
      }
      for (const std::string& violation : outcome.violations) report.problems.push_back(str_cat(what, ": ", violation));
    }
  }
  void refused(const Status& status, const std::string& what) {
    ++report.refused;
    if (status.code() == Code::kInternal) {
      report.problems.push_back(str_cat(what, ": blames itself: ", status.to_string()));
    }
  }

  BoundCase with_input(size_t i, Tensor tensor) const {
    BoundCase broken = bound_;
    broken.inputs[i] = std::move(tensor);
    return broken;
  }

  void shapes_of_input(size_t i) {
    const Tensor& x = bound_.inputs[i];
    std::vector<Shape> shapes = {
        Shape(), Shape{0}, Shape{1}, Shape{3}, Shape{1, 1}, Shape{0, 0, 0, 0}, Shape{2, 1, 1, 1, 1}};
    for (int d = 0; d < x.shape().rank(); ++d) {
      for (int64_t dim : {int64_t{0}, int64_t{1}, x.shape().dim(d) + 1, 2 * x.shape().dim(d)}) {
        shapes.push_back(x.shape());
        shapes.back().set_dim(d, dim);
      }
    }
    Shape wider = x.shape();
    wider.add_dim(2);
    shapes.push_back(wider);
    shapes.push_back(Shape(std::span<const int64_t>(std::vector<int64_t>(33, 1))));
    for (const Shape& shape : shapes) {
      if (shape == x.shape() || shape.elements() > 1 << 16) continue;
      attempt(with_input(i, resized(x, shape)), str_cat("input ", i, " of shape ", shape.to_string()));
    }
  }

  void dtypes_of_input(size_t i) {
    for (DType dtype : {DType::kFloat, DType::kDouble, DType::kInt32, DType::kInt64, DType::kBool, DType::kString,
                        DType::kQUInt8, DType::kHalf}) {
      if (dtype == bound_.inputs[i].dtype()) continue;
      Tensor other = *Tensor::zeros(dtype, bound_.inputs[i].shape());
      attempt(with_input(i, other), str_cat("input ", i, " as ", dtype_name(dtype)));
      BoundCase inferred = with_input(i, other);
      inferred.attrs = bound_.source->attrs;
      attempt(inferred, str_cat("input ", i, " as ", dtype_name(dtype), ", attrs following"), true);
    }
  }

  // Indices, sizes, axes: whatever is integer may hold anything. So may floats.
  void values_of_input(size_t i) {
    const Tensor& x = bound_.inputs[i];
    DType dtype = x.dtype();
    bool is_float = dtype == DType::kFloat || dtype == DType::kDouble;
    bool is_index = dtype == DType::kInt32 || dtype == DType::kInt64 || dtype == DType::kInt16 || dtype == DType::kInt8;
    if (x.element_count() == 0 || (!is_index && !is_float)) return;
    std::vector<size_t> places;
    for (size_t k = 0; k < static_cast<size_t>(x.element_count()) && k < 4; ++k) places.push_back(k);
    // The first value too large for an index is the size of some dim.
    std::vector<int64_t> values(std::begin(kExtremes), std::end(kExtremes));
    for (const Tensor& other : bound_.inputs)
      values.insert(values.end(), other.shape().dims().begin(), other.shape().dims().end());
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    for (int64_t value : values) {
      if (dtype == DType::kInt32 && (value > INT32_MAX || value < INT32_MIN)) continue;
      auto put = [&](Tensor& t, size_t k) {
        if (dtype == DType::kInt32) t.mutable_flat<int32_t>()[k] = static_cast<int32_t>(value);
        if (dtype == DType::kInt64) t.mutable_flat<int64_t>()[k] = value;
        if (dtype == DType::kInt16) t.mutable_flat<int16_t>()[k] = static_cast<int16_t>(value);
        if (dtype == DType::kInt8) t.mutable_flat<int8_t>()[k] = static_cast<int8_t>(value);
        if (dtype == DType::kFloat) t.mutable_flat<float>()[k] = static_cast<float>(value);
        if (dtype == DType::kDouble) t.mutable_flat<double>()[k] = static_cast<double>(value);
      };
      for (size_t k : places) {
        Tensor broken = copy_of(x);
        put(broken, k);
        attempt(with_input(i, broken), str_cat("input ", i, "[", k, "] = ", value));
      }
      Tensor broken = copy_of(x);
      for (size_t k = 0; k < static_cast<size_t>(x.element_count()); ++k) put(broken, k);
      attempt(with_input(i, broken), str_cat("input ", i, " all ", value));
    }
    for (double value : {__builtin_nan(""), __builtin_inf(), -__builtin_inf(), 1e300}) {
      if (!is_float) break;
      Tensor broken = map(x, [&](double) { return value; });
      attempt(with_input(i, dtype == DType::kFloat ? to_dtype(broken, dtype) : broken),
              str_cat("input ", i, " all ", value));
    }
  }

  void with_attr(const std::string& name, AttrValue value) {
    BoundCase broken = bound_;
    std::string text = str_cat("attr ", name, " = ", value.to_string());
    broken.attrs.set(name, std::move(value));
    attempt(std::move(broken), text);
  }

  void values_of_attr(const std::string& name, const AttrValue& value) {
    BoundCase missing = bound_;
    missing.attrs.erase(name);
    attempt(missing, str_cat("attr ", name, " missing"));
    with_attr(name, value.is<std::string>() ? AttrValue(int64_t{3}) : AttrValue("text"));
    with_attr(name, AttrValue(AttrValue::EmptyList()));
    if (value.is<int64_t>()) {
      for (int64_t v : kExtremes) with_attr(name, v);
    } else if (value.is<float>()) {
      for (float v : {-1.0f, 0.0f, 1e30f, __builtin_nanf(""), __builtin_inff()}) with_attr(name, v);
    } else if (value.is<bool>()) {
      with_attr(name, !value.as<bool>());
    } else if (value.is<std::string>()) {
      for (const char* v : {"", "FOO", "NCHW", "EXPLICIT"}) with_attr(name, v);
    } else if (value.is<DType>()) {
      for (DType v : {DType::kInvalid, DType::kFloat, DType::kInt32, DType::kInt64, DType::kString, DType::kVariant}) {
        with_attr(name, v);
      }
    } else if (value.is<Shape>()) {
      for (const Shape& v : {Shape(), Shape{0}, Shape{-1, 3}, Shape::unknown()}) with_attr(name, v);
    } else if (value.is<std::vector<int64_t>>()) {
      const auto& list = value.as<std::vector<int64_t>>();
      with_attr(name, std::vector<int64_t>(list.size() + 1, 1));
      if (!list.empty()) with_attr(name, std::vector<int64_t>(list.begin(), list.end() - 1));
      for (int64_t v : kExtremes) {
        for (size_t k = 0; k < list.size(); ++k) {
          std::vector<int64_t> broken = list;
          broken[k] = v;
          with_attr(name, broken);
        }
      }
    }
  }

  void input_counts() {
    if (bound_.source->ref_inputs.empty() && !bound_.inputs.empty()) {
      BoundCase fewer = bound_;
      fewer.inputs.pop_back();
      attempt(fewer, "the last input missing");
      fewer.attrs = bound_.source->attrs;
      attempt(fewer, "the last input missing, attrs following", true);
      BoundCase more = bound_;
      more.inputs.push_back(more.inputs.back());
      attempt(more, "one input too many");
      more.attrs = bound_.source->attrs;
      attempt(more, "one input too many, attrs following", true);
      BoundCase none = bound_;
      none.inputs.clear();
      attempt(none, "no inputs");
      none.attrs = bound_.source->attrs;
      attempt(none, "no inputs, attrs following", true);
    }
  }

  const OpRegistry::Op& op_;
  const BoundCase& bound_;
};

}  // namespace

MalformedReport try_malformed(const OpRegistry::Op& op, const BoundCase& bound) {
  install_handler();
  Trial trial(op, bound);
  trial.all();
  return std::move(trial.report);
}

}  // namespace tarn::testing
