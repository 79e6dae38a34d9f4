// CheckpointReader: which version of the format a checkpoint has is found out here; what both have in common follows.
#include <algorithm>
#include <map>
#include <set>

#include "core/file.h"
#include "graph/checkpoint_source.h"
#include "graph/file_kind.h"
#include "graph/wire_scan.h"
#include "proto/checkpoint.pb.h"

namespace tarn {
namespace {

constexpr std::string_view kObjectGraphKey = "_CHECKPOINTABLE_OBJECT_GRAPH";

// The beginning and the end, which tell what it is: it may be gigabytes.
Result<std::string> ends_of_file(const std::string& path) {
  constexpr uint64_t kBegin = 4096, kEnd = 48;
  TARN_ASSIGN_OR_RETURN(RandomAccessFile file, RandomAccessFile::open(path));
  uint64_t begin = std::min(file.size(), kBegin), end = std::min(file.size() - begin, kEnd);
  std::string bytes(begin + end, '\0');
  TARN_RETURN_IF_ERROR(file.read_at(0, std::span<char>(bytes).first(begin)));
  TARN_RETURN_IF_ERROR(file.read_at(file.size() - end, std::span<char>(bytes).subspan(begin)));
  return bytes;
}

bool is_table(const std::string& path) {
  Result<std::string> bytes = ends_of_file(path);
  return bytes.ok() && sniff(*bytes).kind == FileKind::kCheckpointTable;
}

// Of a file given in place of a checkpoint.
Status explain_file(const std::string& path) {
  TARN_ASSIGN_OR_RETURN(std::string bytes, ends_of_file(path));
  Sniffed sniffed = sniff(bytes);
  std::string_view what = sniffed.name;
  switch (sniffed.kind) {
    case FileKind::kEmpty: what = "an empty file"; break;
    case FileKind::kBinaryProto: what = "a binary file (a GraphDef?)"; break;
    case FileKind::kGraphPbtxt: what = "a GraphDef as text"; break;
    case FileKind::kMetaGraphPbtxt: what = "a MetaGraphDef as text"; break;
    case FileKind::kSavedModelPbtxt: what = "a SavedModel as text"; break;
    case FileKind::kTarnText: what = "a text file"; break;
    case FileKind::kCheckpointTable:
    case FileKind::kCheckpointState:
    case FileKind::kForeign: break;
  }
  return invalid_argument(quoted(path), " is no checkpoint but ", what, sniffed.hint.empty() ? "" : "; ", sniffed.hint);
}

// No such file: what else the folder has.
Status explain_missing(const std::string& prefix) {
  std::vector<std::string> prefixes;
  constexpr std::string_view kSuffix = ".index";
  for (const std::string& name : list_dir(path_dir(prefix)).value_or({})) {
    if (name.ends_with(kSuffix)) prefixes.push_back(name.substr(0, name.size() - kSuffix.size()));
  }
  Status status = read_file(checkpoint_index_path(prefix), 0).status();
  return Status(Code::kNotFound, str_cat(status.message(), did_you_mean(path_name(prefix), prefixes)));
}

Result<std::shared_ptr<const CheckpointSource>> open_source(const std::string& prefix, TensorMemory memory) {
  if (file_exists(checkpoint_index_path(prefix))) return open_bundle(prefix, memory);
  if (file_exists(prefix)) return is_table(prefix) ? open_v1_checkpoint(prefix, {prefix}) : explain_file(prefix);
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> shards, v1_shards(prefix));
  if (!shards.empty()) return open_v1_checkpoint(prefix, shards);
  return explain_missing(prefix);
}

}  // namespace

struct CheckpointReader::Rep {
  std::shared_ptr<const CheckpointSource> source;
  // Of an object-based checkpoint: keys by the names that the variables had in their graph.
  std::map<std::string, std::string, std::less<>> keys;

  Result<Tensor> read_entry(size_t i) const;
  Status read_object_graph(const CheckpointReader& reader);
};

Result<Tensor> CheckpointReader::Rep::read_entry(size_t i) const {
  const CheckpointEntry& entry = source->entries[i];
  if (entry.slices.empty()) return source->read_part(i, 0);
  TARN_ASSIGN_OR_RETURN(Tensor whole, Tensor::allocate(entry.dtype, entry.shape));
  for (size_t k = 0; k < entry.slices.size(); ++k) {
    TARN_ASSIGN_OR_RETURN(Tensor part, source->read_part(i, k));
    copy_into_slice(part, entry.slices[k], whole);
  }
  return whole;
}

// TensorFlow 2 names tensors by the way through the objects that hold them ("layer/kernel/.ATTRIBUTES/VARIABLE_VALUE");
// which variable of a graph each was is in a message of its own.
Status CheckpointReader::Rep::read_object_graph(const CheckpointReader& reader) {
  const CheckpointEntry* entry = reader.find(kObjectGraphKey);
  if (entry == nullptr || entry->dtype != DType::kString || entry->shape.elements() != 1) return {};
  TARN_ASSIGN_OR_RETURN(Tensor text, reader.read(kObjectGraphKey));
  const std::string& bytes = text.flat<std::string>()[0];
  Status status = scan_wire(bytes, *pb::TrackableObjectGraph::descriptor());
  pb::TrackableObjectGraph graph;
  if (status.ok() && !graph.ParseFromString(bytes)) status = data_loss("it is malformed");
  if (!status.ok()) return status.with_context(str_cat("checkpoint ", quoted(source->prefix), ": its object graph"));
  std::set<std::string> ambiguous;
  for (const auto& object : graph.nodes()) {
    for (const auto& attribute : object.attributes()) {
      if (attribute.full_name().empty() || reader.find(attribute.checkpoint_key()) == nullptr) continue;
      auto [found, is_new] = keys.emplace(attribute.full_name(), attribute.checkpoint_key());
      if (!is_new && found->second != attribute.checkpoint_key()) ambiguous.insert(attribute.full_name());
    }
  }
  // Two layers of one name: only the program that made them knows which is which.
  for (const std::string& name : ambiguous) keys.erase(name);
  return {};
}

// Slices in the order in which they begin along the dimension that is cut most: only those that begin before another
// one ends can overlap it.
Status check_slices(const std::string& label, const Shape& full, const std::vector<TensorSlice>& slices) {
  constexpr int64_t kMostPairs = 2'000'000;  // a grid of 100 x 100 has a million
  int64_t covered = 0, pairs = 0;
  std::vector<const TensorSlice*> ordered;
  for (const TensorSlice& slice : slices) {
    TARN_ASSIGN_OR_RETURN(Shape part, slice.shape_of(full));
    covered += part.elements();
    if (part.elements() > 0) ordered.push_back(&slice);
  }
  size_t cut = 0, most_starts = 0;
  for (int d = 0; d < full.rank(); ++d) {
    std::set<int64_t> starts;
    for (const TensorSlice* slice : ordered) starts.insert(slice->extents[static_cast<size_t>(d)].start);
    if (starts.size() > most_starts) cut = static_cast<size_t>(d), most_starts = starts.size();
  }
  auto start = [&](const TensorSlice* slice) { return full.rank() == 0 ? 0 : slice->extents[cut].start; };
  std::stable_sort(ordered.begin(), ordered.end(),
                   [&](const TensorSlice* a, const TensorSlice* b) { return start(a) < start(b); });
  for (size_t i = 0; i < ordered.size(); ++i) {
    const TensorSlice& slice = *ordered[i];
    bool reaches_end = full.rank() == 0 || slice.extents[cut].length == TensorSlice::kAll;
    for (size_t k = i + 1; k < ordered.size(); ++k) {
      if (!reaches_end && start(ordered[k]) - start(&slice) >= slice.extents[cut].length) break;
      if (++pairs > kMostPairs) {
        return resource_exhausted(label, ": its ", slices.size(), " slices are cut in more ways than are compared");
      }
      if (!slice.overlaps(*ordered[k], full)) continue;
      return data_loss(label, ": slices '", slice.to_string(), "' and '", ordered[k]->to_string(), "' overlap");
    }
  }
  if (covered == full.elements()) return {};
  return data_loss(label, ": its ", slices.size(), " slices hold ", covered, " of ", full.elements(), " elements");
}

Result<CheckpointReader> CheckpointReader::open(const std::string& prefix, TensorMemory memory) {
  auto rep = std::make_shared<Rep>();
  TARN_ASSIGN_OR_RETURN(rep->source, open_source(prefix, memory));
  CheckpointReader reader(rep);
  TARN_RETURN_IF_ERROR(rep->read_object_graph(reader));
  return reader;
}

const std::string& CheckpointReader::prefix() const {
  return rep_->source->prefix;
}
const std::vector<CheckpointEntry>& CheckpointReader::entries() const {
  return rep_->source->entries;
}
int CheckpointReader::version() const {
  return rep_->source->version;
}
uint64_t CheckpointReader::unused_data_bytes() const {
  return rep_->source->unused_bytes;
}

const CheckpointEntry* CheckpointReader::find(std::string_view name) const {
  const auto& entries = rep_->source->entries;
  auto found =
      std::lower_bound(entries.begin(), entries.end(), name,
                       [](const CheckpointEntry& entry, std::string_view wanted) { return entry.name < wanted; });
  return found != entries.end() && found->name == name ? &*found : nullptr;
}

const CheckpointEntry* CheckpointReader::find_variable(std::string_view name) const {
  if (const CheckpointEntry* entry = find(name)) return entry;
  auto key = rep_->keys.find(name);
  return key == rep_->keys.end() ? nullptr : find(key->second);
}
std::vector<std::string> CheckpointReader::variable_names() const {
  std::vector<std::string> names;
  for (const CheckpointEntry& entry : entries()) names.push_back(entry.name);
  for (const auto& [name, key] : rep_->keys) names.push_back(name);
  return names;
}

Result<Tensor> CheckpointReader::read(std::string_view name) const {
  const CheckpointEntry* entry = find(name);
  if (entry == nullptr) {
    std::vector<std::string> names;
    for (const CheckpointEntry& other : entries()) names.push_back(other.name);
    return not_found("Key ", quoted(name), " not found in checkpoint ", quoted(prefix()), did_you_mean(name, names));
  }
  return rep_->read_entry(static_cast<size_t>(entry - entries().data()));
}

Result<Tensor> CheckpointReader::read_slice(std::string_view name, const TensorSlice::Spec& spec) const {
  const CheckpointEntry* entry = find(name);
  if (entry == nullptr) return read(name);  // says what is near
  if (!(entry->shape == spec.full_shape)) {
    return invalid_argument("checkpoint ", quoted(prefix()), ": tensor ", quoted(name), " has shape ", entry->shape,
                            " but a slice of shape ", spec.full_shape, " was asked for");
  }
  // A part that is stored as such needs no other.
  for (size_t k = 0; k < entry->slices.size(); ++k) {
    if (entry->slices[k] == spec.slice) {
      return rep_->source->read_part(static_cast<size_t>(entry - entries().data()), k);
    }
  }
  TARN_ASSIGN_OR_RETURN(Tensor whole, read(name));
  return copy_slice(whole, spec.slice);
}

}  // namespace tarn
