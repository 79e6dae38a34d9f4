// freeze_graph: TensorFlow's freeze_graph: variables become constants, the rest that no output needs goes.
#include <gflags/gflags.h>

#include "tools/support/freeze_files.h"
#include "tools/support/main.h"

DEFINE_string(
    input_graph, "",
    "Whatever holds the graph: .pb, .pbtxt, .meta, a SavedModel (folder or file), a checkpoint with its .meta, "
    "Tarn's text; gzip-packed or not. The content decides");
DEFINE_string(input_saver, "", "SaverDef file whose restore op says which tensor belongs to which variable");
DEFINE_string(input_checkpoint, "",
              "Checkpoint with the variables' values, of either version: a prefix, one of its files, its folder or the "
              "'checkpoint' file there. Without it, the one that lies with the graph; alone, its .meta is the graph");
DEFINE_int32(checkpoint_version, 2, "Accepted for TensorFlow's sake: the content decides");
DEFINE_string(output_graph, "", "File to write: .pb, or text if it ends in .pbtxt; without it nothing is written");
DEFINE_bool(input_binary, false, "Accepted for TensorFlow's sake: the content decides");
DEFINE_string(
    output_node_names, "",
    "Nodes that must stay, comma-separated: NAME or NAME:0. Without it, the outputs of the signature, else the "
    "likeliest node, which is printed");
DEFINE_string(restore_op_name, "save/restore_all", "Accepted for TensorFlow's sake, unused");
DEFINE_string(filename_tensor_name, "save/Const:0", "Accepted for TensorFlow's sake, unused");
DEFINE_bool(clear_devices, true, "Nodes forget which device they were placed on");
DEFINE_string(initializer_nodes, "", "Nodes to run after the checkpoint was restored, comma-separated");
DEFINE_string(variable_names_whitelist, "", "Only these variables become constants, comma-separated");
DEFINE_string(variable_names_allowlist, "", "The newer name of --variable_names_whitelist");
DEFINE_string(variable_names_blacklist, "", "These variables stay variables, comma-separated");
DEFINE_string(variable_names_denylist, "", "The newer name of --variable_names_blacklist");
DEFINE_string(input_meta_graph, "", "MetaGraph (.meta) to take instead of --input_graph");
DEFINE_string(input_saved_model_dir, "", "SavedModel to take instead of --input_graph");
DEFINE_string(
    saved_model_tags, "serve",
    "Tags of the SavedModel's graph, comma-separated: exactly these; empty: the graph that has none. Not given, "
    "a SavedModel's only graph is taken whatever its tags, or where none is for serving the one without tags");
DEFINE_string(signature, "", "Signature whose outputs are taken, by name; without it serving_default, or the only one");
DEFINE_string(use_ema, "never",
              "Moving averages (<variable>/ExponentialMovingAverage) in place of variables: never; auto, of those that "
              "have one; always, and it is an error if a trainable variable has none");
DEFINE_bool(cut_image_decoding, false,
            "The graph takes decoded and prepared pictures: DecodeJpeg and its like are cut off, with the casts, "
            "resizing and scaling behind them, which are kept as text in the Placeholder's attr _preprocessing");
DEFINE_bool(allow_files, false,
            "Let the graph read any file that it names, for its tables; those in the assets/ of a SavedModel it may "
            "read anyway");
DEFINE_string(files_dir, "",
              "Folder with the files that the graph names (vocabularies of tables), under the last part of the name");
DEFINE_bool(check, true, "Run the frozen graph once on zeros before it is written");

namespace {

tarn::Status list(std::string_view flag, const std::string& value, std::vector<std::string>& items) {
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> more, tarn::list_flag(flag, value));
  items.insert(items.end(), more.begin(), more.end());
  return {};
}

tarn::Status run() {
  tarn::FreezeFiles files;
  files.graph = FLAGS_input_graph;
  files.meta_graph = FLAGS_input_meta_graph;
  files.saved_model_dir = FLAGS_input_saved_model_dir;
  files.saver = FLAGS_input_saver;
  files.checkpoint = FLAGS_input_checkpoint;
  files.output = FLAGS_output_graph;
  files.signature = FLAGS_signature;
  files.options.clear_devices = FLAGS_clear_devices;
  files.options.cut_image_decoding = FLAGS_cut_image_decoding;
  files.check = FLAGS_check;
  files.access = {FLAGS_allow_files, FLAGS_files_dir};
  tarn::Result<tarn::UseEma> use_ema = tarn::use_ema_from_name(FLAGS_use_ema);
  if (!use_ema.ok()) return use_ema.status().with_context("--use_ema");
  files.use_ema = *use_ema;
  if (tarn::flag_was_given("saved_model_tags")) {
    TARN_RETURN_IF_ERROR(list("saved_model_tags", FLAGS_saved_model_tags, files.tags));
    if (files.tags.empty()) files.tags = {""};
  }
  TARN_RETURN_IF_ERROR(list("initializer_nodes", FLAGS_initializer_nodes, files.initializer_nodes));
  TARN_RETURN_IF_ERROR(list("output_node_names", FLAGS_output_node_names, files.options.outputs));
  TARN_RETURN_IF_ERROR(list("variable_names_whitelist", FLAGS_variable_names_whitelist, files.options.only));
  TARN_RETURN_IF_ERROR(list("variable_names_allowlist", FLAGS_variable_names_allowlist, files.options.only));
  TARN_RETURN_IF_ERROR(list("variable_names_blacklist", FLAGS_variable_names_blacklist, files.options.except));
  TARN_RETURN_IF_ERROR(list("variable_names_denylist", FLAGS_variable_names_denylist, files.options.except));
  TARN_ASSIGN_OR_RETURN(tarn::FrozenGraph frozen, tarn::freeze_files(files));
  for (const std::string& note : frozen.notes) tarn::print(note, ".\n");
  for (const std::string& warning : frozen.warnings) tarn::warn("freeze_graph", warning);
  tarn::print("Froze ", frozen.variables, " variables.\n", frozen.graph.node_count(), " ops in the final graph.\n");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = "freeze_graph",
       .summary = "Turns the variables of a trained graph into constants and drops what the outputs do not need.",
       .example = "freeze_graph --input_graph=graph.pbtxt --input_checkpoint=model.ckpt-1000 "
                  "--output_node_names=output_node --output_graph=frozen.pb\n"
                  "freeze_graph --input_meta_graph=model.ckpt-1000.meta --input_checkpoint=model.ckpt-1000 "
                  "--output_node_names=output_node --output_graph=frozen.pb\n"
                  "freeze_graph --input_checkpoint=train/model.ckpt-1000 --output_graph=frozen.pb\n"
                  "freeze_graph --input_graph=export/1 --output_graph=frozen.pb",
       .one_of = {"input_graph", "input_meta_graph", "input_saved_model_dir", "input_checkpoint"},
       .ranges = {{"checkpoint_version", 1, 2}},
       .may_be_empty = {"saved_model_tags"}},
      run);
}
