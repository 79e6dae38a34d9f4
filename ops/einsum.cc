// Einsum: sums of products over labelled dims, "bij,bjk->bik", of one operand or of two.
#include <algorithm>
#include <utility>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/kernels/gemm.h"
#include "ops/support/array.h"
#include "ops/support/integer_product.h"

namespace tarn {
namespace {

// A label is a letter's number, or kLetters + i for dim i, counted from the last, of those under an ellipsis: so
// operands of different rank line up there.
constexpr int kLetters = 52, kMostBroadcastDims = 12, kLabels = kLetters + kMostBroadcastDims;
constexpr char kEllipsis = '.';

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
int label_of(char letter) {
  return letter >= 'a' ? letter - 'a' : letter - 'A' + 26;
}
char letter_of(int label) {
  return static_cast<char>(label < 26 ? 'a' + label : 'A' + label - 26);
}

// ---- The equation
// ----------------------------------------------------------------------------------------------------

// Subscripts as letters, and '.' for an ellipsis: "ab." for "ab...".
struct Equation {
  std::vector<std::string> inputs;
  std::string output;
};

Result<std::string> parse_subscripts(std::string_view text) {
  constexpr std::string_view kDots = "...";
  std::string subscripts;
  for (size_t i = 0; i < text.size(); ++i) {
    if (is_letter(text[i])) {
      subscripts += text[i];
    } else if (text.substr(i).starts_with(kDots) && subscripts.find(kEllipsis) == std::string::npos) {
      subscripts += kEllipsis;
      i += kDots.size() - 1;
    } else {
      return invalid_argument("subscripts are letters and at most one '...', got ", quoted(text));
    }
  }
  if (subscripts.size() > kMaxRank) return invalid_argument("an operand has ", subscripts.size(), " labels");
  return subscripts;
}

Result<Equation> parse_equation(const std::string& text, int input_count) {
  constexpr std::string_view kArrow = "->";
  size_t arrow = text.find(kArrow);
  if (arrow == std::string::npos || text.find(kArrow, arrow + kArrow.size()) != std::string::npos) {
    return invalid_argument("the equation must have one '->', is ", quoted(text));
  }
  std::vector<std::string> inputs = str_split(std::string_view(text).substr(0, arrow), ',');
  if (inputs.empty()) inputs.emplace_back();  // a scalar
  if (std::ssize(inputs) != input_count) {
    return invalid_argument("equation ", quoted(text), " has ", inputs.size(), " operands, the op ", input_count);
  }
  if (input_count > 2) return unimplemented("there are ", input_count, " operands; one and two are supported");
  Equation equation;
  for (const std::string& input : inputs) {
    TARN_ASSIGN_OR_RETURN(std::string subscripts, parse_subscripts(input));
    equation.inputs.push_back(std::move(subscripts));
  }
  TARN_ASSIGN_OR_RETURN(equation.output, parse_subscripts(std::string_view(text).substr(arrow + kArrow.size())));
  for (char c : equation.output) {
    bool is_there =
        c == kEllipsis || std::any_of(equation.inputs.begin(), equation.inputs.end(),
                                      [&](const auto& input) { return input.find(c) != std::string::npos; });
    if (!is_there) return invalid_argument("output label '", c, "' of equation ", quoted(text), " is in no operand");
  }
  return equation;
}

bool has_ellipsis(const std::string& subscripts) {
  return subscripts.find(kEllipsis) != std::string::npos;
}

std::string subscripts_text(const std::string& subscripts) {
  std::string text;
  for (char c : subscripts) text += c == kEllipsis ? std::string("...") : std::string(1, c);
  return text;
}

// How many dims the ellipsis stands for in a shape of `rank` dims.
Result<int> ellipsis_dims(const std::string& subscripts, int rank, size_t input) {
  bool has = has_ellipsis(subscripts);
  int letters = static_cast<int>(subscripts.size()) - (has ? 1 : 0);
  if (has ? rank < letters : rank != letters) {
    return invalid_argument("inputs[", input, "] must have rank ", letters, has ? " at least" : "", " for ",
                            quoted(subscripts_text(subscripts)), ", has rank ", rank);
  }
  if (rank - letters > kMostBroadcastDims) {
    return unimplemented("the ellipsis of inputs[", input, "] stands for ", rank - letters, " dims; at most ",
                         kMostBroadcastDims, " are supported");
  }
  return rank - letters;
}

// Calls f(dim, label) for each dim of a shape of which the ellipsis takes `broadcast` dims.
template <class F>
void for_each_dim(const std::string& subscripts, int broadcast, const F& f) {
  int dim = 0;
  for (char c : subscripts) {
    if (c != kEllipsis) {
      f(dim++, label_of(c));
    } else {
      for (int i = broadcast - 1; i >= 0; --i) f(dim++, kLetters + i);
    }
  }
}

// The size of each label; not there: kAbsent. Sizes of a letter are equal, those under an ellipsis broadcast.
constexpr int64_t kAbsent = -2;
struct Sizes {
  Sizes() { std::fill(std::begin(of), std::end(of), kAbsent); }
  int64_t of[kLabels];
  int broadcast = 0;  // the dims that the output's ellipsis stands for
};

Status add_sizes(const std::string& subscripts, const Shape& shape, size_t input, Sizes& sizes) {
  TARN_ASSIGN_OR_RETURN(int broadcast, ellipsis_dims(subscripts, shape.rank(), input));
  sizes.broadcast = std::max(sizes.broadcast, broadcast);
  Status status;
  for_each_dim(subscripts, broadcast, [&](int dim, int label) {
    int64_t &known = sizes.of[label], size = shape.dim(dim);
    bool stretches = label >= kLetters;
    if (known == kAbsent || known == size || (stretches && known == 1)) {
      known = size;
    } else if (size == kUnknownDim) {
      if (stretches && known == 1) known = kUnknownDim;
    } else if (known == kUnknownDim) {
      if (!stretches || size != 1) known = size;
    } else if (!stretches || size != 1) {
      std::string what = stretches ? "under the ellipsis" : str_cat("of label '", letter_of(label), "'");
      status.update(invalid_argument("dim ", dim, " of inputs[", input, "], ", shape.to_string(), ", is ", size,
                                     "; the dim ", what, " was ", known, " before"));
    }
  });
  return status;
}

Result<Shape> output_shape(const Equation& equation, const Sizes& sizes) {
  if (sizes.broadcast > 0 && !has_ellipsis(equation.output)) {
    return invalid_argument("the operands' ellipses stand for ", sizes.broadcast,
                            " dims, but there is no ellipsis in the output");
  }
  if (std::ssize(equation.output) + sizes.broadcast > kMaxRank) {
    return invalid_argument("the output would have more than ", kMaxRank, " dims");
  }
  Shape shape;
  for_each_dim(equation.output, sizes.broadcast, [&](int, int label) { shape.add_dim(sizes.of[label]); });
  return shape;
}

Status infer_einsum(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Equation equation, parse_equation(c.attr<std::string>("equation"), c.input_count()));
  Sizes sizes;
  bool is_open = false;  // an operand may have any number of dims under its ellipsis
  for (size_t i = 0; i < equation.inputs.size(); ++i) {
    const std::string& subscripts = equation.inputs[i];
    const Shape& shape = c.shape(static_cast<int>(i));
    if (shape.has_rank()) {
      TARN_RETURN_IF_ERROR(add_sizes(subscripts, shape, i, sizes));
    } else if (has_ellipsis(subscripts)) {
      is_open = true;
    } else {
      TARN_RETURN_IF_ERROR(
          add_sizes(subscripts, Shape::unknown_of_rank(static_cast<int>(subscripts.size())), i, sizes));
    }
  }
  if (is_open) return {};
  TARN_ASSIGN_OR_RETURN(Shape shape, output_shape(equation, sizes));
  return set_output_checked(c, 0, shape);
}

// ---- The kernel
// ------------------------------------------------------------------------------------------------------

// A tensor by labels: the elements from one to the next along each; the diagonal of a label that is there twice.
struct Steps {
  bool there[kLabels] = {};
  bool repeats = false;
  int64_t of[kLabels] = {};

  // A dim of size 1 that is stretched under the ellipsis does not count as there.
  Steps(const std::string& subscripts, const Shape& shape, const Sizes& sizes) {
    int letters = static_cast<int>(subscripts.size()) - (has_ellipsis(subscripts) ? 1 : 0);
    int64_t stride[kMaxRank];
    row_strides(shape, stride);
    for_each_dim(subscripts, shape.rank() - letters, [&](int dim, int label) {
      if (label >= kLetters && shape.dim(dim) != sizes.of[label]) return;
      repeats |= there[label];
      there[label] = true;
      of[label] += stride[dim];
    });
  }
};

// Labels in some order, outermost first.
struct Labels {
  int count = 0;
  int at[kLabels] = {};

  void add(int label) { at[count++] = label; }
  void add(const Labels& labels) {
    for (int i = 0; i < labels.count; ++i) add(labels.at[i]);
  }
  int64_t elements(const Sizes& sizes) const {
    int64_t product = 1;
    for (int i = 0; i < count; ++i) product *= sizes.of[at[i]];
    return product;
  }
  Labels then(const Labels& next) const {
    Labels all = *this;
    all.add(next);
    return all;
  }
};

// Whether a tensor with these steps lies in memory as rows of `labels` do.
bool is_laid_out(const Steps& steps, const Labels& labels, const Sizes& sizes) {
  int64_t stride = 1;
  for (int i = labels.count - 1; i >= 0; --i) {
    int64_t size = sizes.of[labels.at[i]];
    if (size != 1 && steps.of[labels.at[i]] != stride) return false;
    stride *= size;
  }
  return true;
}

// Between a tensor with steps and one in rows of `labels`.
Status copy_dims(const Steps& steps, const Labels& labels, const Sizes& sizes, bool to_rows, StridedCopy& copy) {
  int64_t stride[kLabels];
  int64_t next = 1;
  for (int i = labels.count - 1; i >= 0; --i) {
    stride[i] = next;
    next *= sizes.of[labels.at[i]];
  }
  for (int i = 0; i < labels.count; ++i) {
    int64_t step = steps.of[labels.at[i]];
    TARN_RETURN_IF_ERROR(copy.add_dim(sizes.of[labels.at[i]], to_rows ? stride[i] : step, to_rows ? step : stride[i]));
  }
  return {};
}

size_t aligned(size_t bytes) {
  return (bytes + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
}

// How one operand becomes rows of [batch, outer, inner], each label that only it has summed away.
struct Arrangement {
  Labels rows, summed;
  bool transposed = false;  // it lies as [batch, inner, outer] already
  bool copies = true;
  size_t copy_bytes = 0, sum_bytes = 0;

  Arrangement(const Steps& steps, const Labels& batch, const Labels& outer, const Labels& inner, const Labels& sums,
              const Sizes& sizes, size_t element_bytes)
      : rows(batch.then(outer).then(inner)), summed(sums) {
    if (summed.count == 0 && !steps.repeats) {
      transposed = !is_laid_out(steps, rows, sizes) && is_laid_out(steps, batch.then(inner).then(outer), sizes);
      copies = !transposed && !is_laid_out(steps, rows, sizes);
    }
    if (!copies) return;
    copy_bytes = aligned(static_cast<size_t>(rows.then(summed).elements(sizes)) * element_bytes);
    if (summed.count > 0) sum_bytes = aligned(static_cast<size_t>(rows.elements(sizes)) * element_bytes);
  }
};

// x has what is batch, its own and inner; y the same. The product is [batch, x's own, y's own].
struct Plan {
  Sizes sizes;
  Shape shape;
  bool swapped = false;
  Labels batch, x_own, y_own, inner, x_summed, y_summed, product;
};

Result<Plan> plan_einsum(const Equation& equation, std::span<const Shape* const> shapes) {
  Plan plan;
  for (size_t i = 0; i < shapes.size(); ++i) {
    TARN_RETURN_IF_ERROR(add_sizes(equation.inputs[i], *shapes[i], i, plan.sizes));
  }
  TARN_ASSIGN_OR_RETURN(plan.shape, output_shape(equation, plan.sizes));
  TARN_RETURN_IF_ERROR(plan.shape.element_count().status());
  const bool pair = shapes.size() == 2;
  const Steps x(equation.inputs[0], *shapes[0], plan.sizes);
  const Steps y(pair ? equation.inputs[1] : "", pair ? *shapes[1] : Shape{}, plan.sizes);
  // Those of the output in its order, the others in that of the operands.
  bool seen[kLabels] = {};
  for_each_dim(equation.output, plan.sizes.broadcast, [&](int, int label) {
    if (std::exchange(seen[label], true)) return;
    bool in_x = x.there[label], in_y = y.there[label];
    (in_x && in_y ? plan.batch : in_y ? plan.y_own : plan.x_own).add(label);
  });
  for (size_t i = 0; i < shapes.size(); ++i) {
    for (char c : equation.inputs[i]) {
      if (c == kEllipsis || std::exchange(seen[label_of(c)], true)) continue;
      bool in_x = x.there[label_of(c)], in_y = y.there[label_of(c)];
      (in_x && in_y ? plan.inner : in_y ? plan.y_summed : plan.x_summed).add(label_of(c));
    }
  }
  // The order of the operands is free: that of the output needs no copy of the product.
  Steps output(equation.output, plan.shape, plan.sizes);
  plan.swapped = pair && !is_laid_out(output, plan.batch.then(plan.x_own).then(plan.y_own), plan.sizes) &&
                 is_laid_out(output, plan.batch.then(plan.y_own).then(plan.x_own), plan.sizes);
  if (plan.swapped) {
    std::swap(plan.x_own, plan.y_own);
    std::swap(plan.x_summed, plan.y_summed);
  }
  plan.product = plan.batch.then(plan.x_own).then(plan.y_own);
  return plan;
}

// One of `m x k` by `k x n`.
template <class T>
struct Product {
  bool x_transposed, y_transposed;
  int64_t m, n, k;

  static constexpr bool kHasGemm = std::is_floating_point_v<T>;

  size_t scratch_bytes(int threads) const {
    if constexpr (kHasGemm) {
      return aligned(kernels::gemm_scratch_bytes<T>(m, n, k, threads));
    } else {
      return 0;
    }
  }
  void run(ThreadPool& pool, const T* x, const T* y, T* product, void* scratch) const {
    if constexpr (kHasGemm) {
      kernels::gemm<T>(pool, x_transposed, y_transposed, m, n, k, x, x_transposed ? m : k, y, y_transposed ? k : n,
                       false, product, n, {}, scratch);
    } else {
      int64_t x_row = x_transposed ? 1 : k, x_step = x_transposed ? m : 1;
      int64_t y_row = y_transposed ? 1 : n, y_step = y_transposed ? k : 1;
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          product[i * n + j] = wrapped_dot(x + i * x_row, x_step, y + j * y_step, y_row, k);
        }
      }
    }
  }
};

template <class T>
void sum_rows(const T* from, int64_t rows, int64_t length, T* to, ThreadPool& threads) {
  int64_t least = std::max<int64_t>(1, kElementsPerRange / std::max<int64_t>(1, length));
  threads.parallel_for(rows, least, [=](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      if constexpr (std::is_floating_point_v<T>) {
        double sum = 0;
        for (int64_t j = 0; j < length; ++j) sum += static_cast<double>(from[i * length + j]);
        to[i] = static_cast<T>(sum);
      } else {
        T sum = 0;
        for (int64_t j = 0; j < length; ++j) sum = wrap_add(sum, from[i * length + j]);
        to[i] = sum;
      }
    }
  });
}

template <class T>
class EinsumKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(equation_, parse_equation(c.attr<std::string>("equation"), c.input_count()));
    const Shape* shapes[2] = {};
    for (int i = 0; i < c.input_count(); ++i) {
      shapes[i] = &c.input(i).shape;
      if (!shapes[i]->is_fully_known()) return {};
    }
    TARN_ASSIGN_OR_RETURN(Plan plan, plan_einsum(equation_, std::span(shapes, equation_.inputs.size())));
    if (plan.shape.elements() > 0) c.request_scratch(Work(*this, plan, shapes, c.threads()).scratch_bytes);
    return {};
  }

  Status run(RunContext& c) const override {
    const Shape* shapes[2] = {};
    for (int i = 0; i < c.input_count(); ++i) shapes[i] = c.input(i).shape;
    TARN_ASSIGN_OR_RETURN(const Plan plan, plan_einsum(equation_, std::span(shapes, equation_.inputs.size())));
    TARN_ASSIGN_OR_RETURN(TensorView output, c.output(0, plan.shape));
    if (output.count == 0) return {};
    Work work(*this, plan, shapes, c.threads().threads());
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(work.scratch_bytes));
    char* memory = static_cast<char*>(scratch);
    auto take = [&](size_t bytes) { return static_cast<void*>(std::exchange(memory, memory + bytes)); };
    const Steps steps(equation_.output, plan.shape, plan.sizes);
    T* product = work.product_bytes > 0 ? static_cast<T*>(take(work.product_bytes)) : output.as<T>();
    if (equation_.inputs.size() == 1) {
      TARN_RETURN_IF_ERROR(arrange(c, 0, plan, work.x, work.x_steps, product, take).status());
    } else {
      TARN_ASSIGN_OR_RETURN(const T* x, arrange(c, plan.swapped ? 1 : 0, plan, work.x, work.x_steps, nullptr, take));
      TARN_ASSIGN_OR_RETURN(const T* y, arrange(c, plan.swapped ? 0 : 1, plan, work.y, work.y_steps, nullptr, take));
      work.multiply(c.threads(), x, y, product, memory);
    }
    if (work.product_bytes == 0) return {};
    if (steps.repeats) zero_elements(output.dtype, output.data, output.count);
    StridedCopy copy;
    TARN_RETURN_IF_ERROR(copy_dims(steps, plan.product, plan.sizes, false, copy));
    copy.run(output.dtype, output.data, product, c.threads());
    return {};
  }

 private:
  struct Work {
    Steps x_steps, y_steps;
    Arrangement x, y;
    Product<T> matrix;
    int64_t batches;
    bool threads_share_batch;  // each multiplies whole matrices; else all share every one
    size_t product_bytes = 0;  // 0: it is made in the output
    size_t bytes_per_thread = 0, scratch_bytes = 0;

    Work(const EinsumKernel& kernel, const Plan& plan, const Shape* const* shapes, int threads)
        : x_steps(steps_of(kernel, plan, shapes, plan.swapped ? 1 : 0)),
          y_steps(steps_of(kernel, plan, shapes, plan.swapped ? 0 : 1)),
          x(x_steps, plan.batch, plan.x_own, plan.inner, plan.x_summed, plan.sizes, sizeof(T)),
          y(y_steps, plan.batch, plan.inner, plan.y_own, plan.y_summed, plan.sizes, sizeof(T)),
          matrix{x.transposed, y.transposed, plan.x_own.elements(plan.sizes), plan.y_own.elements(plan.sizes),
                 plan.inner.elements(plan.sizes)},
          batches(plan.batch.elements(plan.sizes)),
          threads_share_batch(threads > 1 && batches >= threads) {
      const Steps output(kernel.equation_.output, plan.shape, plan.sizes);
      if (output.repeats || !is_laid_out(output, plan.product, plan.sizes)) {
        product_bytes = aligned(static_cast<size_t>(plan.product.elements(plan.sizes)) * sizeof(T));
      }
      scratch_bytes = product_bytes + x.copy_bytes + x.sum_bytes;
      if (kernel.equation_.inputs.size() == 1) return;
      bytes_per_thread = matrix.scratch_bytes(1);
      scratch_bytes +=
          y.copy_bytes + y.sum_bytes +
          (threads_share_batch ? bytes_per_thread * static_cast<size_t>(threads) : matrix.scratch_bytes(threads));
    }

    static Steps steps_of(const EinsumKernel& kernel, const Plan& plan, const Shape* const* shapes, size_t i) {
      bool is_there = i < kernel.equation_.inputs.size();
      return Steps(is_there ? kernel.equation_.inputs[i] : "", is_there ? *shapes[i] : Shape{}, plan.sizes);
    }

    void multiply(ThreadPool& pool, const T* left, const T* right, T* product, char* scratch) const {
      auto one = [&](ThreadPool& threads, int64_t i, void* memory) {
        matrix.run(threads, left + i * matrix.m * matrix.k, right + i * matrix.k * matrix.n,
                   product + i * matrix.m * matrix.n, memory);
      };
      if (!threads_share_batch) {
        for (int64_t i = 0; i < batches; ++i) one(pool, i, scratch);
        return;
      }
      // A multiply-add takes an eighth of what an element of a copy does.
      double cost = static_cast<double>(matrix.m) * static_cast<double>(matrix.n) * static_cast<double>(matrix.k) / 8;
      auto least = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(kElementsPerRange) / (cost + 1)));
      pool.parallel_for(batches, least, [&](int64_t begin, int64_t end, int thread) {
        ThreadPool alone(1, pool.stop());  // starts no thread
        for (int64_t i = begin; i < end; ++i) one(alone, i, scratch + static_cast<size_t>(thread) * bytes_per_thread);
      });
    }
  };

  // The operand's rows: in place, in scratch, or in `to` if that is given.
  template <class Take>
  Result<const T*> arrange(RunContext& c, int i, const Plan& plan, const Arrangement& how, const Steps& steps, T* to,
                           const Take& take) const {
    const TensorView& in = c.input(i);
    const T* from = in.as<T>();
    if (!how.copies && to == nullptr) return from;
    T* rows = how.summed.count > 0 || to == nullptr ? static_cast<T*>(take(how.copy_bytes)) : to;
    StridedCopy copy;
    TARN_RETURN_IF_ERROR(copy_dims(steps, how.rows.then(how.summed), plan.sizes, true, copy));
    copy.run(in.dtype, rows, from, c.threads());
    if (how.summed.count == 0) return rows;
    T* sums = to != nullptr ? to : static_cast<T*>(take(how.sum_bytes));
    sum_rows(rows, how.rows.elements(plan.sizes), how.summed.elements(plan.sizes), sums, c.threads());
    return sums;
  }

  Equation equation_;
};

// ---- The gradient
// ----------------------------------------------------------------------------------------------------

Wire einsum(GradContext& c, std::span<const Wire> inputs, const std::string& left, const std::string& output) {
  return c.op("Einsum", inputs, {{"equation", str_cat(left, "->", subscripts_text(output))}});
}
Wire einsum(GradContext& c, Wire x, const std::string& from, const std::string& to) {
  return from == to ? x : einsum(c, std::span(&x, 1), subscripts_text(from), to);
}

// The size of a label of x, [1].
Wire label_size(GradContext& c, Wire x, const std::string& subscripts, char label) {
  size_t at = subscripts.find(label), dots = subscripts.find(kEllipsis);
  bool from_end = dots != std::string::npos && dots < at;
  int64_t axis = static_cast<int64_t>(at) - (from_end ? std::ssize(subscripts) : 0);
  const Shape& shape = c.fact(x).shape;
  if (shape.has_rank() && shape.dim(static_cast<int>(axis)) != kUnknownDim) {
    return c.int_vector(std::vector<int64_t>{shape.dim(static_cast<int>(axis))});
  }
  // [axis : axis + 1], to the end if that is the last
  return c.op("StridedSlice",
              {c.op("Shape", {x}), c.int_vector(std::vector<int64_t>{axis}),
               c.int_vector(std::vector<int64_t>{axis + 1}), c.int_vector(std::vector<int64_t>{1})},
              {{"end_mask", int64_t{axis == -1 ? 1 : 0}}});
}

std::string without(const std::string& subscripts, const std::string& labels) {
  std::string rest;
  for (char c : subscripts) rest += labels.find(c) == std::string::npos ? std::string(1, c) : "";
  return rest;
}

// The gradient that reaches x: dy has the subscripts `subscripts`, of which x has others that were summed away.
Wire stretch_along_summed(GradContext& c, Wire dy, const std::string& dy_subscripts, Wire x,
                          const std::string& x_subscripts, const std::string& to, const std::string& summed) {
  if (summed.empty()) return einsum(c, dy, dy_subscripts, to);
  // dy [b] -> [a, b] -> as x, for "ab->b"
  std::vector<Wire> sizes;
  for (char label : summed) sizes.push_back(label_size(c, x, x_subscripts, label));
  sizes.push_back(c.op("Shape", {dy}));
  sizes.push_back(int_scalar(c, 0));
  Wire stretched = c.op("BroadcastTo", {dy, c.op("ConcatV2", sizes)});
  return einsum(c, stretched, summed + dy_subscripts, to);
}

// Labels of `subscripts` that are in neither of the others, each once.
std::string labels_only_in(const std::string& subscripts, const std::string& a, const std::string& b) {
  std::string only;
  for (char c : subscripts) {
    bool is_elsewhere = a.find(c) != a.npos || b.find(c) != b.npos || only.find(c) != only.npos;
    if (c != kEllipsis && !is_elsewhere) only += c;
  }
  return only;
}

// z = sum x y  =>  dx = sum dz y, over the labels that x does not have; the same with x and y exchanged
Wire pair_gradient(GradContext& c, Wire x, const std::string& x_subscripts, Wire y, const std::string& y_subscripts,
                   const std::string& z_subscripts) {
  std::string summed = labels_only_in(x_subscripts, y_subscripts, z_subscripts);
  // Dims under the ellipsis come first and may be stretched: the sum over those is that of any broadcast.
  bool broadcasts = has_ellipsis(z_subscripts);
  std::string letters = without(x_subscripts, ".");
  std::string lined_up = broadcasts ? kEllipsis + letters : letters;
  std::string kept = without(lined_up, summed);
  std::string left = str_cat(subscripts_text(z_subscripts), ",", subscripts_text(y_subscripts));
  Wire dx = einsum(c, std::vector<Wire>{c.grad(), y}, left, kept);
  dx = stretch_along_summed(c, dx, kept, x, x_subscripts, lined_up, summed);
  if (!broadcasts) return dx;
  if (!has_ellipsis(x_subscripts)) return sum_to_shape_of(c, x, dx);
  return einsum(c, sum_to_shape_of(c, einsum(c, x, x_subscripts, lined_up), dx), lined_up, x_subscripts);
}

Status gradient(GradContext& c) {
  TARN_ASSIGN_OR_RETURN(Equation equation, parse_equation(c.attr<std::string>("equation"), c.input_count()));
  const std::string& x = equation.inputs[0];
  if (c.input_count() == 1) {
    c.set_grad(0, stretch_along_summed(c, c.grad(), equation.output, c.input(0), x, x,
                                       labels_only_in(x, equation.output, "")));
    return {};
  }
  const std::string& y = equation.inputs[1];
  c.set_grad(0, pair_gradient(c, c.input(0), x, c.input(1), y, equation.output));
  c.set_grad(1, pair_gradient(c, c.input(1), y, c.input(0), x, equation.output));
  return {};
}

constexpr std::string_view kDoc = R"(Sums of products over labelled dims: "bij,bjk->bik" is BatchMatMul.
  inputs  one or two T[...]   equation  a letter a dim of each operand, then "->" and those of the output: labels that
  it lacks are summed over. A label twice in an operand is its diagonal; twice in the output, zeros beside the diagonal.
  "..." stands for any dims (12 at most), which stretch as in NumPy   returns  output  T. Integers wrap.
  Errors: InvalidArgument naming the label or dim where sizes differ, or what is wrong with the equation; Unimplemented
  of more than two operands.   Source: TensorFlow linalg_ops Einsum.)";

}  // namespace

extern const OpDef op_Einsum;
const OpDef op_Einsum = {
    .name = "Einsum",
    .inputs = "inputs: N * T",
    .outputs = "output: T",
    .attrs = "equation: string; N: int >= 1; T: type",
    .infer = infer_einsum,
    .kernels = kKernelsFor<EinsumKernel, float, double, Half, BFloat16, int32_t, int64_t>,
};

TARN_OP_FILE(einsum, {&op_Einsum, kDoc, gradient})

}  // namespace tarn
