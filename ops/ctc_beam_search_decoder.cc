// CTCBeamSearchDecoder.
#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <vector>

#include "core/op.h"
#include "ops/support/arguments.h"
#include "ops/support/ctc.h"

namespace tarn {
namespace {

Status infer_beam_search(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(CtcSizes sizes, ctc_sizes(c.shape(0), c.shape(1)));
  int64_t paths = c.attr<int64_t>("top_paths"), width = c.attr<int64_t>("beam_width");
  if (paths > width) {
    return invalid_argument("requested more paths than the beam width: top_paths ", paths, ", beam_width ", width);
  }
  auto count = static_cast<int>(paths);
  for (int i = 0; i < count; ++i) {
    TARN_RETURN_IF_ERROR(c.set_output(i, Shape{kUnknownDim, 2}));
    TARN_RETURN_IF_ERROR(c.set_output(count + i, Shape{kUnknownDim}));
    TARN_RETURN_IF_ERROR(c.set_output(2 * count + i, Shape{2}));
  }
  return c.set_output(3 * count, Shape{sizes.batch, paths});
}

// Beam search over label sequences (Graves, "Supervised Sequence Labelling with RNNs", 2012, sec. 7.5): each one knows
// the logarithm of its probability of ending in a blank, in its label, and in either.
template <class T>
class BeamSearch {
 public:
  BeamSearch(int64_t classes, size_t width) : classes_(classes), width_(width) {
    Entry& root = entries_.emplace_back();
    root.now.total = root.now.blank = 0;  // log 1
    leaves_.push_back(&root);
  }

  void step(const T* logits) {
    T largest = logits[0];
    for (int64_t k = 1; k < classes_; ++k) largest = std::max(largest, logits[k]);
    T sum = 0;
    for (int64_t k = 0; k < classes_; ++k) sum += std::exp(logits[k] - largest);
    T offset = largest + std::log(sum);  // logits - offset: log of the softmax

    std::vector<Entry*> branches = std::move(leaves_);
    leaves_.clear();
    for (Entry* b : branches) b->before = b->now;
    for (Entry* b : branches) {
      if (b->parent != nullptr) {
        if (b->parent->is_active()) {
          // A label again after itself needs a blank between.
          T previous = b->label == b->parent->label ? b->parent->before.blank : b->parent->before.total;
          b->now.label = log_sum(b->now.label, previous);
        }
        b->now.label += logits[b->label] - offset;
      }
      b->now.blank = b->before.total + logits[classes_ - 1] - offset;
      b->now.total = log_sum(b->now.blank, b->now.label);
      insert(b);
    }
    for (Entry* b : branches) {
      if (!is_candidate(b->before.total)) continue;
      for (int64_t label = 0; label < classes_ - 1; ++label) {
        auto found = b->children.find(label);
        if (found != b->children.end() && found->second->is_active()) continue;
        T total = logits[label] - offset + (label == b->label ? b->before.blank : b->before.total);
        Entry* child = found != b->children.end() ? found->second : nullptr;
        if (!is_candidate(total)) {
          if (child != nullptr) child->before = {};
          continue;
        }
        if (child == nullptr) {
          child = &entries_.emplace_back();
          child->parent = b;
          child->label = label;
          b->children.emplace(label, child);
        }
        // What it was before stays: pushed out of the beam in this step, it is still to be grown from that below.
        child->now = {.total = total, .blank = kNever, .label = total};
        if (leaves_.size() == width_) {
          leaves_.back()->now = {};
          leaves_.pop_back();
        }
        insert(child);
      }
    }
  }

  // How many sequences there are, the likeliest first.
  size_t size() const { return leaves_.size(); }
  T log_probability(size_t i) const { return leaves_[i]->now.total; }
  std::vector<int64_t> labels(size_t i, bool merge_repeated) const {
    std::vector<int64_t> labels;
    int64_t before = -1;
    for (const Entry* e = leaves_[i]; e->parent != nullptr; e = e->parent) {
      if (!merge_repeated || e->label != before) labels.push_back(e->label);
      before = e->label;
    }
    std::reverse(labels.begin(), labels.end());
    return labels;
  }

 private:
  static constexpr T kNever = -std::numeric_limits<T>::infinity();  // log 0

  struct Probability {
    T total = kNever, blank = kNever, label = kNever;
  };
  struct Entry {
    Entry* parent = nullptr;
    int64_t label = -1;
    std::map<int64_t, Entry*> children;
    Probability before, now;
    bool is_active() const { return now.total != kNever; }
  };

  static T log_sum(T a, T b) {
    if (a == kNever && b == kNever) return kNever;
    return a > b ? a + std::log1p(std::exp(b - a)) : b + std::log1p(std::exp(a - b));
  }
  bool is_candidate(T total) const {
    return total > kNever && (leaves_.size() < width_ || total > leaves_.back()->now.total);
  }
  void insert(Entry* entry) {
    auto is_better = [](const Entry* a, const Entry* b) { return a->now.total > b->now.total; };
    leaves_.insert(std::upper_bound(leaves_.begin(), leaves_.end(), entry, is_better), entry);
  }

  int64_t classes_;
  size_t width_;
  std::deque<Entry> entries_;   // all there ever were: parents of later ones
  std::vector<Entry*> leaves_;  // those in the beam, the likeliest first
};

template <class T>
class BeamSearchKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    merge_repeated_ = c.attr<bool>("merge_repeated");
    width_ = c.attr<int64_t>("beam_width");
    paths_ = c.attr<int64_t>("top_paths");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(CtcSizes sizes, ctc_sizes(*c.input(0).shape, *c.input(1).shape));
    if (sizes.classes < 1) return invalid_argument("inputs have no classes");
    TARN_RETURN_IF_ERROR(judge_lengths(c.input(1), sizes));
    auto paths = static_cast<size_t>(paths_);
    int count = static_cast<int>(paths_);
    TARN_ASSIGN_OR_RETURN(TensorView log_probability, c.output(3 * count, Shape{sizes.batch, paths_}));
    const T* inputs = c.input(0).as<T>();
    std::vector<std::vector<std::vector<int64_t>>> sequences(paths);
    for (int64_t b = 0; b < sizes.batch; ++b) {
      BeamSearch<T> search(sizes.classes, static_cast<size_t>(width_));
      for (int64_t t = 0; t < c.input(1).as<int32_t>()[b]; ++t) {
        const T* row = inputs + (t * sizes.batch + b) * sizes.classes;
        for (int64_t k = 0; k < sizes.classes; ++k) {
          if (std::isnan(row[k])) return invalid_argument("inputs[", t, ",", b, ",", k, "] is no number");
        }
        search.step(row);
      }
      if (search.size() < paths) {
        return invalid_argument("Less leaves in the beam search than requested: ", search.size(), " of ", paths,
                                " for row ", b);
      }
      for (size_t i = 0; i < paths; ++i) {
        sequences[i].push_back(search.labels(i, merge_repeated_));
        log_probability.as<T>()[b * paths_ + static_cast<int64_t>(i)] = search.log_probability(i);
      }
    }
    for (int i = 0; i < count; ++i) {
      TARN_RETURN_IF_ERROR(store_sequences(c, sequences[static_cast<size_t>(i)], i, count + i, 2 * count + i));
    }
    return {};
  }

 private:
  bool merge_repeated_ = true;
  int64_t width_ = 1, paths_ = 1;
};

constexpr KernelDef kKernels[] = {portable_kernel<BeamSearchKernel<float>>(DType::kFloat),
                                  portable_kernel<BeamSearchKernel<double>>(DType::kDouble)};

constexpr std::string_view kDoc = R"(The likeliest label sequences of what a CTC network says, by beam search.
  inputs  T[time, batch, classes], logits; the last class is the blank   sequence_length  int32[batch]
  returns  top_paths times decoded_indices  int64[n, 2], decoded_values  int64[n], decoded_shape  int64[2]: the first,
           second … of each row as a sparse matrix; log_probability  T[batch, top_paths]
  merge_repeated makes equal neighbours in a sequence one, even where a blank was between.
  Errors: InvalidArgument for shapes, more paths than beams, NaN.   Source: TensorFlow ctc_ops; Graves 2012.)";

}  // namespace

extern const OpDef op_CTCBeamSearchDecoder;
const OpDef op_CTCBeamSearchDecoder = {
    .name = "CTCBeamSearchDecoder",
    .inputs = "inputs: T, sequence_length: int32",
    .outputs =
        "decoded_indices: top_paths * int64, decoded_values: top_paths * int64, decoded_shape: top_paths * int64, "
        "log_probability: T",
    .attrs = "beam_width: int >= 1; top_paths: int >= 1; merge_repeated: bool = true; T: {float, double} = float",
    .infer = infer_beam_search,
    .kernels = kKernels,
};

TARN_OP_FILE(ctc_beam_search_decoder,
             {&op_CTCBeamSearchDecoder, kDoc, nullptr, "its outputs are labels; CTC's loss trains"})

}  // namespace tarn
