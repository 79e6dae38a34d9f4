// Steps that run together, by rows: a chain of convolutions and pools, each the only reader of the one before, is made
// band by band of its last output's rows. What lies between two of them is some rows in scratch memory: those that the
// next band of the reader needs, and those it needs again, which are moved to the front. Each thread makes an equal
// part of the rows of all images, by itself; where two parts meet, both make the rows that both need.
//
//   x -> Conv2D -> DepthwiseConv2dNative -> Conv2D -> y      112 x 112 x 64 and 56 x 56 x 128 never are in memory
#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstring>
#include <limits>

#include "core/row_kernel.h"
#include "runtime/compile_state.h"

namespace tarn::compiling {
namespace {

constexpr int kMostParts = 16;
constexpr size_t kCacheBytes = 384 << 10;   // bands of a chain are in L2, beside a block of weights
constexpr double kMostWorkTwice = 1.12;     // of a thread, with the rows that another makes too
constexpr double kWorkPerThread = 1 << 20;  // multiply-adds that are worth waking a thread for
constexpr size_t kNever = std::numeric_limits<size_t>::max();

constexpr size_t aligned(size_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

using RowKernels = std::vector<RowKernel*>;

// Rows that are made to have rows [begin, end) of the last output.
struct RowRange {
  int64_t begin = 0, end = 0;
};

RowRange range_before(const RowWindow& window, const RowWindow& before, RowRange rows) {
  return {before.begin_of_band(window.input_begin(rows.begin)), before.end_of_band(window.input_end(rows.end))};
}

// How a chain is cut into bands.
struct BandPlan {
  std::vector<int64_t> band_rows;    // of each kernel's output: at most so many at a time
  std::vector<int64_t> buffer_rows;  // of all but the last
  std::vector<size_t> buffers;       // where they begin in a thread's memory
  size_t scratch = 0;                // where the kernels' own memory begins
  size_t thread_bytes = 0;

  BandPlan() = default;
  BandPlan(std::span<RowKernel* const> kernels, int64_t last_rows)
      : band_rows(kernels.size()), buffer_rows(kernels.size() - 1), buffers(kernels.size() - 1) {
    for (size_t k = kernels.size(); k-- > 0;) {
      const RowWindow& window = kernels[k]->row_window();
      if (k + 1 == kernels.size()) {
        band_rows[k] = window.end_of_band(last_rows);
        continue;
      }
      // Once it has begun, a band takes as many new rows as it goes on. Bands that begin and end at their multiples may
      // have rows before and behind what is asked for.
      const RowWindow& reader = kernels[k + 1]->row_window();
      const int64_t read = (band_rows[k + 1] - 1) * reader.stride + reader.extent;
      band_rows[k] = window.end_of_band(std::max<int64_t>(1, band_rows[k + 1] * reader.stride));
      buffer_rows[k] = std::min(window.out_rows, read + 2 * (window.multiple - 1));
    }
    for (size_t k = 0; k < buffers.size(); ++k) {
      buffers[k] = scratch;
      scratch += aligned(static_cast<size_t>(buffer_rows[k]) * kernels[k]->row_window().out_row_bytes);
    }
    thread_bytes = scratch;
    for (size_t k = 0; k < kernels.size(); ++k)
      thread_bytes = std::max(thread_bytes, scratch + aligned(kernels[k]->row_scratch_bytes(band_rows[k])));
  }

  bool is_large_enough(std::span<RowKernel* const> kernels) const {
    for (size_t k = 0; k < kernels.size(); ++k) {
      const RowWindow& window = kernels[k]->row_window();
      if (band_rows[k] < std::min(window.out_rows, window.rows_at_once)) return false;
    }
    return true;
  }
};

// How many threads share a chain, and how much more a thread does for the rows that two of them make.
struct Shares {
  int64_t units, unit_rows;  // what threads are given whole numbers of: so many rows of an image
  int64_t count = 1;
  double most_work = 1;  // of a thread, as a multiple of its equal part of all work

  Shares(std::span<RowKernel* const> kernels, int threads) {
    const RowWindow& last = kernels.back()->row_window();
    unit_rows = last.multiple;
    const int64_t image_units = (last.out_rows + unit_rows - 1) / unit_rows;
    units = last.images * image_units;
    double image_work = 0;
    for (RowKernel* kernel : kernels)
      image_work += kernel->row_window().work * static_cast<double>(kernel->row_window().out_rows);
    const double work = image_work * static_cast<double>(last.images);
    count = std::clamp<int64_t>(std::min<int64_t>(threads, static_cast<int64_t>(work / kWorkPerThread)), 1, units);
    double most = 0;
    for (int64_t share = 0; share < count; ++share) {
      double own = 0;
      const int64_t end = units * (share + 1) / count;
      for (int64_t unit = units * share / count; unit < end;) {
        const int64_t first = unit % image_units, taken = std::min(end - unit, image_units - first);
        own += taken == image_units
                   ? image_work
                   : work_of(kernels, {first * unit_rows, std::min(last.out_rows, (first + taken) * unit_rows)});
        unit += taken;
      }
      most = std::max(most, own);
    }
    if (work > 0) most_work = most * static_cast<double>(count) / work;
  }

 private:
  static double work_of(std::span<RowKernel* const> kernels, RowRange rows) {
    double work = 0;
    for (size_t k = kernels.size(); k-- > 0;) {
      const RowWindow& window = kernels[k]->row_window();
      work += window.work * static_cast<double>(rows.end - rows.begin);
      if (k > 0) rows = range_before(window, kernels[k - 1]->row_window(), rows);
    }
    return work;
  }
};

// Runs the kernels of a chain. Its inputs: those of its last step, then those of the others, one after another; what is
// the output of one of them has no memory.
class StreamKernel : public Kernel {
 public:
  struct Part {
    std::unique_ptr<Kernel> kernel;
    RowKernel* rows = nullptr;
    int first_input = 0, input_count = 0;
  };

  StreamKernel(std::vector<Part> parts, BandPlan bands, Shares shares, Shape shape)
      : parts_(std::move(parts)), bands_(std::move(bands)), shares_(shares), shape_(std::move(shape)) {}

  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape_));
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(scratch_bytes()));
    const StopSignal* stop = c.threads().stop();
    const int64_t least = (shares_.units + shares_.count - 1) / shares_.count;
    c.threads().parallel_for_whole(shares_.units, least, [&](int64_t begin, int64_t end, int thread) {
      ThreadPool serial(1, stop);
      Run(*this, c, y, serial, static_cast<std::byte*>(scratch) + static_cast<size_t>(thread) * bands_.thread_bytes)
          .make(begin, end);
    });
    return {};
  }

  size_t scratch_bytes() const { return bands_.thread_bytes * static_cast<size_t>(shares_.count); }

 private:
  // One thread's.
  class Run {
   public:
    Run(const StreamKernel& chain, RunContext& context, const TensorView& y, ThreadPool& serial, std::byte* memory)
        : chain_(chain),
          context_(context),
          x_(static_cast<const std::byte*>(context.input(chain.parts_[0].first_input).data)),
          y_(static_cast<std::byte*>(y.data)),
          serial_(serial),
          memory_(memory),
          nanoseconds_(context.part_nanoseconds()) {}

    void make(int64_t begin, int64_t end) {
      const int64_t unit = chain_.shares_.unit_rows;
      const RowWindow& last = window(last_part());
      const int64_t image_units = (last.out_rows + unit - 1) / unit;
      while (begin < end) {
        image_ = begin / image_units;
        const int64_t first = begin % image_units, taken = std::min(end - begin, image_units - first);
        make_rows(first * unit, std::min(last.out_rows, (first + taken) * unit));
        begin += taken;
      }
    }

   private:
    size_t last_part() const { return chain_.parts_.size() - 1; }
    const RowWindow& window(size_t part) const { return chain_.parts_[part].rows->row_window(); }

    void make_rows(int64_t begin, int64_t end) {
      RowRange rows{begin, end};
      for (size_t part = last_part() + 1; part-- > 0;) {
        made_[part] = kept_[part] = rows.begin;
        if (part > 0) rows = range_before(window(part), window(part - 1), rows);
      }
      make_until(last_part(), end);
    }

    // As deep as the chain is long, which kMostParts bounds.
    void make_until(size_t part, int64_t end) {
      const RowWindow& rows = window(part);
      end = rows.end_of_band(end);
      if (part < last_part()) {  // rows that no window sees are left out
        const int64_t needed = rows.begin_of_band(window(part + 1).input_begin(made_[part + 1]));
        if (made_[part] < needed) made_[part] = kept_[part] = needed;
      }
      while (made_[part] < end && !serial_.is_stopped()) {
        const int64_t count = std::min(chain_.bands_.band_rows[part], end - made_[part]);
        if (part > 0) make_until(part - 1, rows.input_end(made_[part] + count));
        make_band(part, count);
      }
    }

    void make_band(size_t part, int64_t count) {
      if (serial_.is_stopped()) return;
      using Clock = std::chrono::steady_clock;
      const auto start = nanoseconds_ == nullptr ? Clock::time_point() : Clock::now();
      const Part& made = chain_.parts_[part];
      const RowWindow& rows = window(part);
      made.rows->run_rows({.image = image_,
                           .first = made_[part],
                           .rows = count,
                           .x = input_row(part, rows.input_begin(made_[part])),
                           .y = output_row(part, count),
                           .inputs = {&context_.input(made.first_input), static_cast<size_t>(made.input_count)},
                           .pool = serial_,
                           .scratch = memory_ + chain_.bands_.scratch});
      made_[part] += count;
      if (nanoseconds_ == nullptr) return;
      const int64_t time = std::chrono::nanoseconds(Clock::now() - start).count();
      __atomic_fetch_add(nanoseconds_ + part, time, __ATOMIC_RELAXED);
    }

    const std::byte* input_row(size_t part, int64_t row) const {
      const RowWindow& rows = window(part);
      const std::byte* first = part == 0 ? x_ + static_cast<size_t>(image_ * rows.in_rows) * rows.in_row_bytes
                                         : memory_ + chain_.bands_.buffers[part - 1];
      if (part > 0) row -= kept_[part - 1];
      return first + static_cast<size_t>(row) * rows.in_row_bytes;
    }

    // Where the next `count` rows go. Rows that the reader is done with make room, once there is none.
    std::byte* output_row(size_t part, int64_t count) {
      const RowWindow& rows = window(part);
      if (part == last_part()) {
        return y_ + static_cast<size_t>(image_ * rows.out_rows + made_[part]) * rows.out_row_bytes;
      }
      std::byte* buffer = memory_ + chain_.bands_.buffers[part];
      if (made_[part] - kept_[part] + count > chain_.bands_.buffer_rows[part]) {
        const int64_t needed = std::min(made_[part], window(part + 1).input_begin(made_[part + 1]));
        std::memmove(buffer, buffer + static_cast<size_t>(needed - kept_[part]) * rows.out_row_bytes,
                     static_cast<size_t>(made_[part] - needed) * rows.out_row_bytes);
        kept_[part] = needed;
      }
      assert(made_[part] - kept_[part] + count <= chain_.bands_.buffer_rows[part]);
      return buffer + static_cast<size_t>(made_[part] - kept_[part]) * rows.out_row_bytes;
    }

    const StreamKernel& chain_;
    const RunContext& context_;
    const std::byte* x_;
    std::byte* y_;
    ThreadPool& serial_;
    std::byte* memory_;
    int64_t* nanoseconds_;
    int64_t image_ = 0;
    int64_t kept_[kMostParts];  // the first row that is in the part's buffer
    int64_t made_[kMostParts];  // the row after the last one that is made
  };

  std::vector<Part> parts_;
  BandPlan bands_;
  Shares shares_;
  Shape shape_;
};

// Chooses the chains and makes them.
class Streaming {
 public:
  Streaming(Program& program, const CompileOptions& options, const std::vector<char>& hands_on,
            std::vector<std::vector<std::pair<int, int>>>& reuse, const std::vector<int>& kept)
      : program_(program), options_(options), hands_on_(hands_on), reuse_(reuse), kept_(kept) {}

  void run() {
    if (!program_.loops.empty() || program_.has_branches || options_.few_runs) return;
    find_row_kernels();
    std::vector<Run> runs = find_runs();
    if (runs.empty()) return;
    find_bytes_alive();
    size_t bound = 0;
    std::vector<char> in_run(program_.steps.size(), 0);
    for (const Run& run : runs) std::fill(in_run.begin() + run.first, in_run.begin() + run.last + 1, 1);
    size_t most_alive = 0;
    for (size_t s = 0; s < alive_.size(); ++s) {
      most_alive = std::max(most_alive, alive_[s]);
      if (in_run[s] == 0) bound = std::max(bound, alive_[s]);
    }
    for (Run& run : runs) {
      size_t own = 0;
      for (int s = run.first; s <= run.last; ++s) own = std::max(own, alive_[static_cast<size_t>(s)]);
      run.most_alive = own;
    }
    // Those that need most first: what they leave is the least that the others have to come to.
    std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) { return a.most_alive > b.most_alive; });
    for (Run& run : runs) {
      if (run.most_alive <= bound) continue;
      find_costs(run);
      bound = std::max(bound, least_bound(run));
    }
    // A little more is not worth more chains, nor a little less any.
    bound += bound / 32;
    if (bound > most_alive - most_alive / 8) return;
    for (const Run& run : runs) {
      if (run.most_alive > bound) choose(run, bound);
    }
  }

 private:
  // Steps first … last, each of which may join the one before.
  struct Run {
    int first = 0, last = 0;
    size_t most_alive = 0;
    std::vector<std::vector<size_t>> costs;  // [begin - first][end - begin]: the most bytes alive while these run
  };

  const Step& step(int s) const { return program_.steps[static_cast<size_t>(s)]; }
  RowKernel* rows(int s) const { return rows_[static_cast<size_t>(s)]; }
  size_t bytes_of(int value) const {
    const Fact& fact = program_.values[static_cast<size_t>(value)].fact;
    return static_cast<size_t>(fact.shape.elements()) * dtype_size(fact.dtype);
  }

  void find_row_kernels() {
    for (size_t s = 0; s < program_.steps.size(); ++s) {
      const Step& step = program_.steps[s];
      bool may_join = step.kind == StepKind::kKernel && step.kernel != nullptr && !step.may_be_dead &&
                      step.ref_inputs.empty() && step.dead_controls.empty() && step.outputs.size() == 1 &&
                      !step.inputs.empty() && hands_on_[s] == 0;
      if (may_join) {
        const Value& in = program_.values[static_cast<size_t>(step.inputs[0])];
        const Value& out = program_.values[static_cast<size_t>(step.outputs[0])];
        may_join = out.kind == ValueKind::kPlanned && (in.kind == ValueKind::kPlanned || in.kind == ValueKind::kFeed);
      }
      rows_.push_back(may_join ? step.kernel->by_rows() : nullptr);
    }
  }

  std::vector<Run> find_runs() const {
    std::vector<int> uses(program_.values.size(), 0);
    for (const Step& step : program_.steps) {
      for (int in : step.inputs) ++uses[static_cast<size_t>(in)];
    }
    for (int value : kept_) ++uses[static_cast<size_t>(value)];
    auto joins = [&](int s) {
      if (rows(s) == nullptr || rows(s - 1) == nullptr) return false;
      const int between = step(s).inputs[0];
      const RowWindow &from = rows(s - 1)->row_window(), &to = rows(s)->row_window();
      return between == step(s - 1).outputs[0] && uses[static_cast<size_t>(between)] == 1 && from.images == to.images &&
             from.out_rows == to.in_rows && from.out_row_bytes == to.in_row_bytes;
    };
    std::vector<Run> runs;
    const int steps = static_cast<int>(program_.steps.size());
    for (int s = 0; s < steps;) {
      int last = s;
      while (last + 1 < steps && joins(last + 1)) ++last;
      if (last > s) runs.push_back({s, last, 0, {}});
      s = last + 1;
    }
    return runs;
  }

  // alive_: by step. before_: of what is made before the step and needed at it or later.
  void find_bytes_alive() {
    lifetimes_ = find_lifetimes(program_, hands_on_, reuse_, kept_);
    const size_t steps = program_.steps.size();
    std::vector<int64_t> alive(steps + 2, 0), before(steps + 2, 0);
    for (const Lifetime& block : lifetimes_.blocks) {
      const auto bytes = static_cast<int64_t>(aligned(block.bytes));
      const auto first = static_cast<size_t>(block.first), last = std::min(static_cast<size_t>(block.last), steps);
      alive[first] += bytes;
      before[first + 1] += bytes;
      alive[last + 1] -= bytes;
      before[std::max(last, first) + 1] -= bytes;
    }
    int64_t alive_now = 0, before_now = 0;
    for (size_t s = 0; s < steps; ++s) {
      alive_.push_back(static_cast<size_t>(alive_now += alive[s]));
      before_.push_back(static_cast<size_t>(before_now += before[s]));
    }
  }

  RowKernels kernels_of(int begin, int end) const { return {rows_.begin() + begin, rows_.begin() + end + 1}; }

  // What steps begin … end need at a time if they run together.
  size_t bytes_together(int begin, int end, const BandPlan& bands, const Shares& shares) const {
    size_t bytes = before_[static_cast<size_t>(begin)];
    const int out = step(end).outputs[0];
    const int block = lifetimes_.block_of[static_cast<size_t>(out)];
    if (block < 0 || lifetimes_.blocks[static_cast<size_t>(block)].first >= begin) bytes += aligned(bytes_of(out));
    return bytes + bands.thread_bytes * static_cast<size_t>(shares.count);
  }

  // The smallest bands that are as fast as whole images.
  BandPlan smallest_bands(std::span<RowKernel* const> kernels) const {
    const RowWindow& last = kernels.back()->row_window();
    for (int64_t count = last.multiple;; count += last.multiple) {
      BandPlan bands(kernels, count);
      if (count >= last.out_rows || bands.is_large_enough(kernels)) return bands;
    }
  }

  size_t cost(int begin, int end) const {
    const RowKernels kernels = kernels_of(begin, end);
    const Shares shares(kernels, options_.threads);
    if (shares.most_work > kMostWorkTwice) return kNever;
    // What is kept takes the place of scratch memory in which it would be made in each run; only what is more counts.
    size_t kept = 0, scratch = 0;
    for (RowKernel* kernel : kernels) kept += kernel->kept_bytes();
    for (int s = begin; s <= end; ++s) scratch = std::max(scratch, step(s).scratch_bytes);
    return bytes_together(begin, end, smallest_bands(kernels), shares) + (kept > scratch ? kept - scratch : 0);
  }

  void find_costs(Run& run) const {
    for (int begin = run.first; begin <= run.last; ++begin) {
      std::vector<size_t>& costs = run.costs.emplace_back();
      costs.push_back(alive_[static_cast<size_t>(begin)]);
      for (int end = begin + 1; end <= std::min(run.last, begin + kMostParts - 1); ++end)
        costs.push_back(cost(begin, end));
    }
  }

  static size_t cost_of(const Run& run, int begin, int end) {
    return run.costs[static_cast<size_t>(begin - run.first)][static_cast<size_t>(end - begin)];
  }
  static int earliest_begin(const Run& run, int end) { return std::max(run.first, end - kMostParts + 1); }

  // The least that the run can come to, cut into chains in whatever way.
  static size_t least_bound(const Run& run) {
    std::vector<size_t> least = {0};  // of the steps before the n-th
    for (int end = run.first; end <= run.last; ++end) {
      size_t best = kNever;
      for (int begin = earliest_begin(run, end); begin <= end; ++begin)
        best = std::min(best, std::max(least[static_cast<size_t>(begin - run.first)], cost_of(run, begin, end)));
      least.push_back(best);
    }
    return least.back();
  }

  // Of the ways that need at most `bound` bytes the one with the fewest steps in chains.
  void choose(const Run& run, size_t bound) {
    constexpr int kNone = std::numeric_limits<int>::max();
    std::vector<int> fewest = {0}, begins = {0};
    for (int end = run.first; end <= run.last; ++end) {
      int best = kNone, best_begin = end;
      for (int begin = end; begin >= earliest_begin(run, end); --begin) {
        const int before = fewest[static_cast<size_t>(begin - run.first)];
        if (before == kNone || cost_of(run, begin, end) > bound) continue;
        const int joined = before + (end - begin);
        if (joined >= best) continue;
        best = joined;
        best_begin = begin;
      }
      fewest.push_back(best);
      begins.push_back(best_begin);
    }
    if (fewest.back() == kNone) return;
    for (int end = run.last; end >= run.first;) {
      const int begin = begins[static_cast<size_t>(end - run.first) + 1];
      if (begin < end) join(begin, end, bound);
      end = begin - 1;
    }
  }

  void join(int begin, int end, size_t bound) {
    const RowKernels kernels = kernels_of(begin, end);
    const Shares shares(kernels, options_.threads);
    BandPlan bands = smallest_bands(kernels);
    const int64_t multiple = kernels.back()->row_window().multiple;
    while (true) {  // larger bands move fewer rows
      BandPlan larger(kernels, 2 * ((bands.band_rows.back() + multiple - 1) / multiple * multiple));
      if (larger.band_rows == bands.band_rows || larger.scratch > kCacheBytes ||
          bytes_together(begin, end, larger, shares) > bound)
        break;
      bands = std::move(larger);
    }
    size_t kept = 0;
    for (RowKernel* kernel : kernels) {
      kept += kernel->kept_bytes();
      if (!kernel->begin_rows().ok()) return;  // no memory for it: they run as they would without
    }
    Step& last = program_.steps[static_cast<size_t>(end)];
    std::vector<StreamKernel::Part> parts;
    int input = static_cast<int>(last.inputs.size());
    for (int s = begin; s <= end; ++s) {
      Step& part = program_.steps[static_cast<size_t>(s)];
      StreamKernel::Part& made = parts.emplace_back();
      made.kernel = std::move(part.kernel);
      made.rows = rows(s);
      made.input_count = static_cast<int>(part.inputs.size());
      if (s == end) continue;
      made.first_input = input;
      input += made.input_count;
    }
    for (int s = begin; s < end; ++s) {
      Step& part = program_.steps[static_cast<size_t>(s)];
      part.kind = StepKind::kPart;
      part.scratch_bytes = 0;
      reuse_[static_cast<size_t>(s)].clear();
      program_.values[static_cast<size_t>(part.outputs[0])].kind = ValueKind::kBand;
      last.inputs.insert(last.inputs.end(), part.inputs.begin(), part.inputs.end());
    }
    const Shape shape = program_.values[static_cast<size_t>(last.outputs[0])].fact.shape;
    auto kernel = std::make_unique<StreamKernel>(std::move(parts), std::move(bands), shares, shape);
    last.parts = end - begin;
    last.scratch_bytes = kernel->scratch_bytes();
    last.kernel = std::move(kernel);
    program_.most_inputs = std::max(program_.most_inputs, static_cast<int>(last.inputs.size()));
    program_.stats.streamed_steps += end - begin + 1;
    program_.stats.streamed_kept_bytes += kept;
  }

  Program& program_;
  const CompileOptions& options_;
  const std::vector<char>& hands_on_;
  std::vector<std::vector<std::pair<int, int>>>& reuse_;
  const std::vector<int>& kept_;
  RowKernels rows_;  // by step; null: it runs as a whole
  PlannedLifetimes lifetimes_;
  std::vector<size_t> alive_, before_;  // by step
};

}  // namespace

void stream_rows(Program& program, const CompileOptions& options, const std::vector<char>& hands_on,
                 std::vector<std::vector<std::pair<int, int>>>& reuse, const std::vector<int>& kept) {
  Streaming(program, options, hands_on, reuse, kept).run();
}

}  // namespace tarn::compiling
