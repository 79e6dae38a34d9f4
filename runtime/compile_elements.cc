// Steps that run together, by blocks of elements: sigmoids, products, sums and the like of tensors of one size, one
// after another, as the gates of a recurrent cell or a swish are. A block of each value is in the nearest cache; what
// only steps of the group read is nowhere else.
//
//   gates -> Sigmoid, Tanh, Mul, AddV2, … -> cell and output      ten steps of a basic LSTM cell are one
#include <algorithm>
#include <chrono>
#include <map>

#include "core/element_kernel.h"
#include "core/search.h"
#include "runtime/compile_state.h"

namespace tarn::compiling {
namespace {

constexpr int kMostParts = 48;
constexpr int kMostInputs = 4;                 // of a part
constexpr int64_t kBlock = 1024;               // elements: 4 KB of each value
constexpr int64_t kElementsPerThread = 16384;  // of a step; fewer are not worth waking a thread for

// Runs the kernels of a group. Its outputs are those values that others read.
class ElementGroup : public Kernel {
 public:
  struct Source {
    int local = -1, output = -1, input = -1;  // one of them: a block or an output made in the group, or an input of it
    int64_t step = 1;
  };
  struct Part {
    std::unique_ptr<Kernel> kernel;
    const ElementKernel* elements = nullptr;
    std::vector<Source> sources;
    int local = -1, output = -1;  // one of them
  };

  ElementGroup(std::vector<Part> parts, std::vector<Shape> shapes, int locals, int64_t count, int threads)
      : parts_(std::move(parts)), shapes_(std::move(shapes)), locals_(locals), count_(count) {
    const int64_t least = std::max<int64_t>(kBlock, kElementsPerThread / static_cast<int64_t>(parts_.size()));
    least_ = least;
    shares_ = std::clamp<int64_t>(count / least, 1, threads);
  }

  Status run(RunContext& c) const override {
    float* outputs[kMostParts];
    for (size_t o = 0; o < shapes_.size(); ++o) {
      TARN_ASSIGN_OR_RETURN(TensorView y, c.output(static_cast<int>(o), shapes_[o]));
      outputs[o] = y.as<float>();
    }
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(scratch_bytes()));
    const StopSignal* stop = c.threads().stop();
    const int64_t least = std::max(least_, (count_ + shares_ - 1) / shares_);
    c.threads().parallel_for_whole(count_, least, [&](int64_t begin, int64_t end, int thread) {
      ThreadPool serial(1, stop);
      float* blocks = static_cast<float*>(scratch) + int64_t{thread} * locals_ * kBlock;
      for (int64_t at = begin; at < end && !serial.is_stopped(); at += kBlock)
        make_block(c, outputs, blocks, at, std::min(kBlock, end - at), serial);
    });
    return {};
  }

  size_t scratch_bytes() const { return sizeof(float) * static_cast<size_t>(shares_ * locals_ * kBlock); }

 private:
  void make_block(RunContext& c, float* const* outputs, float* blocks, int64_t at, int64_t n,
                  ThreadPool& serial) const {
    using Clock = std::chrono::steady_clock;
    int64_t* nanoseconds = c.part_nanoseconds();
    for (size_t p = 0; p < parts_.size(); ++p) {
      const auto start = nanoseconds == nullptr ? Clock::time_point() : Clock::now();
      const Part& part = parts_[p];
      ElementInput inputs[kMostInputs];
      for (size_t i = 0; i < part.sources.size(); ++i) {
        const Source& source = part.sources[i];
        inputs[i].step = source.step;
        inputs[i].x = source.local >= 0    ? blocks + source.local * kBlock
                      : source.output >= 0 ? outputs[source.output] + at
                                           : c.input(source.input).as<float>() + at * source.step;
      }
      float* y = part.local >= 0 ? blocks + part.local * kBlock : outputs[part.output] + at;
      part.elements->run_elements({inputs, part.sources.size()}, y, n, serial);
      if (nanoseconds == nullptr) continue;
      const int64_t time = std::chrono::nanoseconds(Clock::now() - start).count();
      __atomic_fetch_add(nanoseconds + p, time, __ATOMIC_RELAXED);
    }
  }

  std::vector<Part> parts_;
  std::vector<Shape> shapes_;  // of the outputs
  int locals_;
  int64_t count_, least_ = 0, shares_ = 1;
};

class Grouping {
 public:
  Grouping(Program& program, const CompileOptions& options, const std::vector<char>& hands_on,
           std::vector<std::vector<std::pair<int, int>>>& reuse, const std::vector<int>& kept)
      : program_(program), options_(options), hands_on_(hands_on), reuse_(reuse) {
    uses_.assign(program.values.size(), 0);
    const auto use = [&](int v) {
      if (v >= 0) ++uses_[static_cast<size_t>(v)];
    };
    for (const Step& step : program.steps) std::for_each(step.inputs.begin(), step.inputs.end(), use);
    std::for_each(kept.begin(), kept.end(), use);
    for (const Loop& loop : program.loops) {
      for (const Loop::Carried& carried : loop.carried) use(carried.from);
      std::for_each(loop.entering.begin(), loop.entering.end(), use);
      std::for_each(loop.leaving.begin(), loop.leaving.end(), use);
    }
  }

  void run() {
    const int steps = static_cast<int>(program_.steps.size());
    for (int s = 0; s < steps;) {
      const int64_t count = count_of(s);
      int end = s + 1;
      while (count > 0 && end < steps && end - s < kMostParts && count_of(end) == count &&
             step(end).liveness == step(s).liveness)
        ++end;
      if (end - s > 1 && has_inner_value(s, end)) join(s, end - 1, count);
      s = end;
    }
  }

 private:
  const Step& step(int s) const { return program_.steps[static_cast<size_t>(s)]; }
  const Value& value(int v) const { return program_.values[static_cast<size_t>(v)]; }

  // Elements of a planned or given value of floats; 0: it is none.
  int64_t elements_of(int v) const {
    const Value& of = value(v);
    const bool is_there =
        of.kind == ValueKind::kPlanned || of.kind == ValueKind::kFeed || of.kind == ValueKind::kConstant;
    if (!is_there || of.fact.dtype != DType::kFloat || of.fact.is_ref || !of.fact.shape.is_fully_known()) return 0;
    return of.fact.shape.elements();
  }

  // Of what the step makes; 0: it cannot be in a group.
  int64_t count_of(int s) const {
    const Step& one = step(s);
    if (one.kind != StepKind::kKernel || one.kernel == nullptr || one.liveness < 0 || !one.ref_inputs.empty() ||
        !one.dead_controls.empty() || one.outputs.size() != 1 || hands_on_[static_cast<size_t>(s)] != 0 ||
        one.inputs.size() > kMostInputs || one.parts != 0 || one.kernel->by_elements() == nullptr)
      return 0;
    if (value(one.outputs[0]).kind != ValueKind::kPlanned) return 0;
    const int64_t count = elements_of(one.outputs[0]);
    for (int in : one.inputs) {
      const int64_t given = elements_of(in);
      if (given != count && given != 1) return 0;
    }
    return count;
  }

  // How often the steps of [begin, end) read it.
  int reads_within(int v, int begin, int end) const {
    int reads = 0;
    for (int s = begin; s < end; ++s)
      reads += static_cast<int>(std::count(step(s).inputs.begin(), step(s).inputs.end(), v));
    return reads;
  }
  bool is_local(int v, int begin, int end) const {
    return uses_[static_cast<size_t>(v)] == reads_within(v, begin, end);
  }
  bool has_inner_value(int begin, int end) const {
    for (int s = begin; s < end; ++s) {
      const int made = step(s).outputs[0];
      if (reads_within(made, s + 1, end) > 0) return true;
    }
    return false;
  }

  int last_read(int v, int begin, int end) const {
    int last = begin;
    for (int s = begin; s <= end; ++s) {
      if (contains(step(s).inputs, v)) last = s;
    }
    return last;
  }

  // Memory of the group that holds a block of one value after another: scratch, or an output before it is made.
  struct Place {
    int made = -1;       // of an output: the step that makes it
    int first = -1;      // the step that writes there first
    int free_from = -1;  // the step that reads it last, and may write over it
  };

  // Where a value goes that only the group reads, from step s to step `last`. Negative: in scratch memory.
  static int place_for(int s, int last, std::vector<Place>& outputs, std::vector<Place>& blocks) {
    const auto take = [&](Place& place) {
      if (place.first < 0) place.first = s;
      place.free_from = last;
    };
    for (size_t o = 0; o < outputs.size(); ++o) {
      if (outputs[o].made < last || outputs[o].free_from > s) continue;
      take(outputs[o]);
      return static_cast<int>(o);
    }
    size_t b = 0;
    while (b < blocks.size() && blocks[b].free_from > s) ++b;
    if (b == blocks.size()) blocks.emplace_back();
    take(blocks[b]);
    return -1 - static_cast<int>(b);
  }

  void join(int begin, int end, int64_t count) {
    std::vector<ElementGroup::Part> parts;
    std::vector<int> inputs, outputs;
    std::vector<Shape> shapes;
    std::vector<Place> output_places, blocks;
    for (int s = begin; s <= end; ++s) {
      const int made = step(s).outputs[0];
      if (is_local(made, begin, end + 1)) continue;
      outputs.push_back(made);
      shapes.push_back(value(made).fact.shape);
      output_places.push_back({.made = s});
    }
    std::map<int, int> place_of;  // by value, as place_for() gives it
    for (int s = begin; s <= end; ++s) {
      Step& from = program_.steps[static_cast<size_t>(s)];
      ElementGroup::Part& part = parts.emplace_back();
      part.elements = from.kernel->by_elements();
      part.kernel = std::move(from.kernel);
      for (int in : from.inputs) {
        ElementGroup::Source& source = part.sources.emplace_back();
        source.step = elements_of(in) == count ? 1 : 0;
        if (const auto place = place_of.find(in); place != place_of.end()) {
          (place->second < 0 ? source.local : source.output) = place->second < 0 ? -1 - place->second : place->second;
        } else {
          const auto known = std::find(inputs.begin(), inputs.end(), in);
          source.input = static_cast<int>(known - inputs.begin());
          if (known == inputs.end()) inputs.push_back(in);
        }
      }
      const int made = from.outputs[0];
      const auto output = std::find(outputs.begin(), outputs.end(), made);
      int place = static_cast<int>(output - outputs.begin());
      if (output == outputs.end()) {
        place = place_for(s, last_read(made, begin, end), output_places, blocks);
      } else if (Place& own = output_places[static_cast<size_t>(place)]; own.first < 0) {
        own.first = s;
      }
      place_of[made] = place;
      (place < 0 ? part.local : part.output) = place < 0 ? -1 - place : place;
    }
    // An input that dies here may hold an output whose memory is written once all parts have read the input.
    std::vector<std::pair<int, int>> reuse;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (elements_of(inputs[i]) != count) continue;
      const int last = last_read(inputs[i], begin, end);
      for (size_t o = 0; o < outputs.size(); ++o) {
        if (output_places[o].first >= last) reuse.emplace_back(static_cast<int>(i), static_cast<int>(o));
      }
    }
    for (int s = begin; s < end; ++s) {
      Step& part = program_.steps[static_cast<size_t>(s)];
      part.kind = StepKind::kPart;
      part.scratch_bytes = 0;
      reuse_[static_cast<size_t>(s)].clear();
      if (contains(outputs, part.outputs[0])) {
        part.outputs.clear();
      } else {
        program_.values[static_cast<size_t>(part.outputs[0])].kind = ValueKind::kBand;
      }
    }
    Step& last = program_.steps[static_cast<size_t>(end)];
    auto kernel = std::make_unique<ElementGroup>(std::move(parts), std::move(shapes), static_cast<int>(blocks.size()),
                                                 count, options_.threads);
    last.parts = end - begin;
    last.scratch_bytes = kernel->scratch_bytes();
    last.inputs = std::move(inputs);
    last.outputs = std::move(outputs);
    last.kernel = std::move(kernel);
    reuse_[static_cast<size_t>(end)] = std::move(reuse);
    program_.most_inputs = std::max(program_.most_inputs, static_cast<int>(last.inputs.size()));
    program_.stats.grouped_steps += end - begin + 1;
  }

  Program& program_;
  const CompileOptions& options_;
  const std::vector<char>& hands_on_;
  std::vector<std::vector<std::pair<int, int>>>& reuse_;
  std::vector<int> uses_;  // by value
};

}  // namespace

void group_elements(Program& program, const CompileOptions& options, const std::vector<char>& hands_on,
                    std::vector<std::vector<std::pair<int, int>>>& reuse, const std::vector<int>& kept) {
  Grouping(program, options, hands_on, reuse, kept).run();
}

}  // namespace tarn::compiling
