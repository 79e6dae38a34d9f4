// The pages of docs/compatibility.md that no table knows: formats, limits, and where we differ from TensorFlow on
// purpose. What is said of TensorFlow is 2.15.1 on a CPU, tried.
#include "core/graph_version.h"
#include "passes/support/documentation.h"

namespace tarn {

std::string compatibility_notes() {
  std::string text = R"(## Formats and versions

What a file is, its content says. docs/saved_models.md and docs/checkpoint_format.md have the details.

| format | read | written |
| --- | --- | --- |
| GraphDef, binary (`.pb`) | of any producer version, 0 (unknown) included; `min_consumer` up to )";
  str_append(
      text, kConsumerVersion,
      R"( | yes, with the versions it came with; constants of 16 KB and more begin at multiples of 64 bytes, for which a field stands in their node that every reader skips |
| GraphDef, text (`.pbtxt`) | yes | yes |
| MetaGraphDef (`.meta`), binary or text | yes | binary, with every checkpoint |
| SavedModel, schema version 1, binary or text | of TensorFlow 1.x and 2.x, by tag set; signatures, assets, initializer (`legacy_init_op`, `main_op`, `__saved_model_init_op`) | as TensorFlow 1.x's builder does |
| checkpoint, version 2 | several shards, slices of partitioned variables, blocks packed with snappy; every checksum is looked at | one shard, not packed: byte for byte what TensorFlow writes |
| checkpoint, version 1 | whole or in shards | no |
| object-based checkpoint (TensorFlow 2) | by the keys, or by the names that the variables had | no |
| `checkpoint` state file | yes | yes |
| function library | calls are written out where they stand (If, While, PartitionedCall and its stateful form, functions called by name) | passed on as it was |
| Tarn's text (docs/text_format.md) | yes | yes |
| gzip around any of the graph files | yes | no |
| event files of TensorBoard | no | scalars, histograms, the graph |
| NumPy `.npy`; of op suites `.npz` (stored or deflated) | yes; not big-endian | `.npy` |

Weights above 2 GiB: a GraphDef cannot hold them (a limit of protobuf), which is said before anything is written. TensorFlow Lite, ONNX, Keras
HDF5, PyTorch, TF-Hub pages and Git LFS pointers are refused by what they are.

Attrs that an op got after the TensorFlow whose signatures these are: ignored, with a line, where they hold the value that says what was always
done; else an error that names the version which brought them.

## Limits

Of files from elsewhere, so that a few bytes cannot ask for any memory or time; `ReadOptions`, `WireLimits` and `RunLimits` change them.

| of | limit |
| --- | --- |
| a graph file | 2 GiB - 1; 1,000,000 nodes; 65,536 inputs a node; 1,000 attrs a node; names of 4,096 bytes; outputs 0 to 65,535 of a node |
| attrs | functions and lists 16 deep; tensors of rank 254 |
| constants | 4 GiB of all tensors of a graph (2 GiB of one in the engine), counted before memory is taken |
| calls of functions | 100 deep, 64 where a SavedModel is opened or frozen; 1,000,000 nodes once written out; a function that calls itself is refused |
| what a run makes | 4 GiB a value, 16 GiB at a time, constants and feeds aside; judged at load where shapes are known by then |
| a while loop | 100,000,000 iterations; a deadline if one is asked for |
| a TensorArray | 4,194,304 elements |
| a regular expression | what RE2 takes: 8 MB, 1,000 repetitions |
| a version 1 checkpoint | 4 GiB a file |

## Differences from TensorFlow that are deliberate

docs/bad_inputs.md says what becomes of damaged and hostile files, docs/quantization.md where the Quantized* ops differ.

Refused here, accepted there: each is a mistake in every file it was seen in, and what TensorFlow makes of it is nobody's intention.

| given | here | TensorFlow 2.15 |
| --- | --- | --- |
| an empty graph file (0 bytes) | an error | an empty graph |
| a constant with more values than its shape has elements | an error that says both numbers | the values beyond are dropped |
| a constant of unknown rank | an error | a scalar |
| a value outside of its dtype (`half_val: 100000`, 300 as uint8) | an error | the low bits |
| a constant with `tensor_content` and typed values | an error | the content |
| a node's name of more than 4,096 bytes | an error | a node of that name |
| FusedBatchNorm with a negative epsilon | an error | infinities |
| Dequantize with min_range above max_range | an error | values that fall as the codes rise |
| ops that read or write files (ReadFile, tables from files) | only where the program allows it (`SessionOptions::files`); WriteFile, MatchingFiles, PyFunc, Print (which `optimize_for_mobile` takes out) and the like are not there | they run |
| a bool constant of 2 | an error | true |
| a checkpoint with a repeated key, with tensors that share bytes, without shards, without a header, or of an endianness that does not exist | an error | accepted |
| an op that no fetch needs, of a kind that is not here | kept as it is, and written again | the file cannot be imported |

Accepted here, refused there:

| given | here | TensorFlow 2.15 |
| --- | --- | --- |
| a vector of one element for `start`, `limit`, `delta` of Range and for the axis of ConcatV2 | its element | an error |
| a Transpose whose constant `perm` has a number below 0 | counted from the end | the process ends (a failed check) |
| LRN with a radius of 2^31 - 1 | all channels | an error |
| a feed that no fetch needs | passed over, in the engine too where the graph has variables | the same, but the name must be in the graph |
| FusedBatchNorm with T = double | for tests of gradients | there is none |

Both accept, and the values differ:

| of | here | TensorFlow 2.15 |
| --- | --- | --- |
| Cast from floating to integer: NaN | 0 | the smallest integer on x86 |
| Cast from floating to integer: beyond the range | the nearest integer there is | the smallest integer on x86 |
| Empty with init = false; items of DynamicStitch that no index names | 0 | whatever the memory held |
| FusedBatchNormV3's `reserve_space_3` | a scalar, as TensorFlow without oneDNN | f32[0] with oneDNN |
| TopKV2 and NaN | NaN counts as the largest | undefined |
| a JPEG cut short, with `try_recover_truncated` | what libjpeg-turbo of this system fills in | what its own fills in |
| reads and writes of a variable that no edge orders | reads see the value from before the run | any order |
| random numbers of ops with seeds | TensorFlow's, on any number of threads | Multinomial's differ with the number of threads |
| random ops without seeds | the session chooses; saved with a checkpoint, so that resumed training goes on with the same bits | chosen anew |
| floating sums | the same bits on any number of threads (portable kernels) | may differ between runs |
| FusedPadConv2D and FusedResizeAndPadConv2D of several images | each is convolved | the first one's result for all |
| devices and colocation (`device`, `_class`) | read, kept, of no effect: a graph runs in one place | placement |
| gradients through while loops | an error that names the node | there are some |
| graph rewriting (constant folding, layout, fusing) | within the compiler, never in the file; passes are asked for by name | by Grappler, before each run |
| freeze_graph | writes `versions`, runs the result once before it writes it, takes any file that holds a graph | no `versions`, no run |
| optimize_for_inference | keeps weights that something besides the batch norm reads, and batch norms in training mode; takes CheckNumerics out wherever it is | scales them for all who read them; folds those too; leaves who reads a CheckNumerics without input |
| strip_unused, placeholder_type_enum | by default what the graph says; a dtype that contradicts it is an error | float by default, written over the one that is there |

In the session alone, by nature: reference variables (`VariableV2`, `Assign` …), optimizers, checkpoints, random ops that save their state. An
engine refuses them by name when it loads the graph; freezing takes them out.

)");
  return text;
}

}  // namespace tarn
