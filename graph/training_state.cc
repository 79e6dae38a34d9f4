#include "graph/training_state.h"

namespace tarn {
namespace {

constexpr std::string_view kVersion = "_tarn/version", kSeeds = "_tarn/random_seeds", kRandom = "_tarn/random/",
                           kTracked = "_tarn/state/";
constexpr int64_t kPresentVersion = 1;
constexpr size_t kPositionNumbers = 6;
// The generator makes as many again when a session goes on: seconds. Each random op draws two seeds once.
constexpr int64_t kMostSeeds = int64_t{1} << 30;

// By their attributes: what a custom op draws is counted too.
bool is_random(const Node& node) {
  return node.attrs.contains("seed") && node.attrs.contains("seed2");
}

// Its two seeds are 0: the session chooses them when it first runs.
bool takes_seeds(const Node& node) {
  return is_random(node) && node.attrs.get_or<int64_t>("seed", 1) == 0 && node.attrs.get_or<int64_t>("seed2", 1) == 0;
}

Tensor to_tensor(const RandomState::Position& position) {
  std::vector<int64_t> numbers(position.key.begin(), position.key.end());
  numbers.insert(numbers.end(), position.counter.begin(), position.counter.end());
  return Tensor::vector<int64_t>(numbers);
}

Result<RandomState::Position> to_position(const Tensor& tensor) {
  std::span<const int64_t> numbers = tensor.flat<int64_t>();
  bool fits = tensor.dtype() == DType::kInt64 && numbers.size() == kPositionNumbers;
  for (int64_t number : numbers) fits = fits && number >= 0 && number <= 0xffffffff;
  if (!fits) return data_loss("expected i64[6] of 32-bit numbers, got ", tensor.to_string());
  RandomState::Position position;
  for (size_t i = 0; i < kPositionNumbers; ++i) {
    (i < 2 ? position.key[i] : position.counter[i - 2]) = static_cast<uint32_t>(numbers[i]);
  }
  return position;
}

}  // namespace

Result<std::vector<NamedTensor>> collect_training_state(Session& session, const TrackedState& tracked) {
  std::vector<NamedTensor> tensors;
  const Graph& graph = session.graph();
  const Session::SeedState seeds = session.seed_state();
  bool any = !tracked.empty(), needs_seeds = seeds.drawn > 0;
  for (NodeId id : graph.ids()) {
    any = any || is_random(graph.node(id));
    needs_seeds = needs_seeds || takes_seeds(graph.node(id));
  }
  if (!any) return tensors;
  tensors.push_back({std::string(kVersion), Tensor::scalar(kPresentVersion)});
  for (const std::string& node : session.resources().names(RandomState::kKind)) {
    const auto* state = session.resources().find<RandomState>(node);
    if (state->has_begun()) tensors.push_back({str_cat(kRandom, node), to_tensor(state->get())});
  }
  if (needs_seeds) {
    tensors.push_back({std::string(kSeeds), Tensor::from<int64_t>({2}, {static_cast<int64_t>(seeds.seed),
                                                                        static_cast<int64_t>(seeds.drawn)})});
  }
  for (const auto& [name, object] : tracked) {
    Result<Tensor> state = object->SaveState();
    if (!state.ok()) return state.status().with_context(str_cat("the state of ", quoted(name)));
    tensors.push_back({str_cat(kTracked, name), *std::move(state)});
  }
  return tensors;
}

Result<TrainingState> TrainingState::read(const CheckpointReader& reader) {
  TrainingState state;
  if (reader.find(kVersion) == nullptr) return state;
  TARN_ASSIGN_OR_RETURN(Tensor version, reader.read(kVersion));
  if (version.item<int64_t>() != kPresentVersion) {
    return unimplemented("training state: ", quoted(kVersion), " is ", version.to_string(),
                         "; this program reads version ", kPresentVersion);
  }
  state.found_ = true;
  for (const CheckpointEntry& entry : reader.entries()) {
    std::string_view name = entry.name;
    const bool random = name.starts_with(kRandom), tracked = name.starts_with(kTracked);
    if (!random && !tracked && name != kSeeds) continue;
    TARN_ASSIGN_OR_RETURN(Tensor tensor, reader.read(name));
    if (tracked) {
      state.tracked_.emplace(name.substr(kTracked.size()), std::move(tensor));
    } else if (random) {
      Result<RandomState::Position> position = to_position(tensor);
      if (!position.ok()) return position.status().with_context(quoted(name));
      state.random_.emplace(name.substr(kRandom.size()), *position);
    } else {
      std::span<const int64_t> numbers = tensor.flat<int64_t>();
      if (numbers.size() != 2) return data_loss(quoted(name), ": expected i64[2], got ", tensor.to_string());
      if (numbers[1] < 0 || numbers[1] > kMostSeeds) {
        return data_loss(quoted(name), ": ", numbers[1], " seeds drawn, expected 0 to ", kMostSeeds);
      }
      state.seeds_ = {static_cast<uint64_t>(numbers[0]), static_cast<uint64_t>(numbers[1])};
      state.has_seeds_ = true;
    }
  }
  return state;
}

Status TrainingState::restore_tracked(const TrackedState& tracked, const std::function<Status()>& then) const {
  std::vector<std::pair<std::string, Tensor>> before;
  auto give = [&]() -> Status {
    for (const auto& [name, object] : tracked) {
      const auto saved = tracked_.find(name);
      if (saved == tracked_.end()) continue;
      const std::string context = str_cat("the state of ", quoted(name));
      Result<Tensor> now = object->SaveState();
      if (!now.ok()) return now.status().with_context(context);
      TARN_RETURN_IF_ERROR(object->RestoreState(saved->second).with_context(context));
      before.emplace_back(name, *std::move(now));
    }
    return then();
  };
  Status status = give();
  if (status.ok()) return status;
  for (const auto& [name, state] : before) {
    Status back = tracked.at(name)->RestoreState(state);
    if (!back.ok()) status = status.with_context(str_cat(quoted(name), " lost its state: ", back.message()));
  }
  return status;
}

void TrainingState::restore_random(Session& session) const {
  if (!found_) return;
  for (const std::string& node : session.resources().names(RandomState::kKind)) {
    if (!random_.contains(node)) session.resources().find<RandomState>(node)->clear();
  }
  for (const auto& [node, position] : random_) {
    if (!session.graph().find(node)) continue;
    auto make = [&position = position] { return std::make_unique<RandomState>(position); };
    session.resources().find_or_create<RandomState>(node, make)->set(position);
  }
  if (has_seeds_) session.set_seed_state(seeds_);
}

std::vector<std::string> TrainingState::missing(const Session& session, const TrackedState& tracked) const {
  std::vector<std::string> sentences;
  for (const auto& [name, object] : tracked) {
    if (tracked_.contains(name)) continue;
    sentences.push_back(str_cat("the checkpoint has no state of ", quoted(name), ", which starts anew"));
  }
  if (found_) return sentences;
  std::vector<std::string> nodes;
  const Graph& graph = session.graph();
  for (NodeId id : graph.ids()) {
    // What only gives variables their first values has done its work.
    const bool initializer = graph.node(id).name.find("/Initializer/") != std::string::npos;
    if (is_random(graph.node(id)) && !initializer) nodes.push_back(quoted(graph.node(id).name));
  }
  if (nodes.empty()) return sentences;
  constexpr size_t kMost = 3;
  const size_t more = nodes.size() > kMost ? nodes.size() - kMost : 0;
  nodes.resize(nodes.size() - more);
  sentences.push_back(str_cat("the checkpoint has no state of random ops, so ", str_join(nodes),
                              more > 0 ? str_cat(" and ", more, " more") : "",
                              " will not draw the numbers that an uninterrupted run draws"));
  return sentences;
}

}  // namespace tarn
