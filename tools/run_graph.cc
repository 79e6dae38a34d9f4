// run_graph: runs a graph on NumPy files and writes what it gives as NumPy files.
#include <gflags/gflags.h>

#include <algorithm>

#include "tools/support/graph_file.h"
#include "tools/support/graph_runner.h"
#include "tools/support/main.h"

DEFINE_string(
    graph, "",
    "Whatever holds the graph: .pb, .pbtxt, .meta, a SavedModel, Tarn's text; the content decides, .gz is unpacked");
DEFINE_string(
    checkpoint, "",
    "Checkpoint with the variables' values: a prefix, one of its files, or its folder; without it, the one that lies "
    "with the graph");
DEFINE_string(
    feed, "",
    "NAME=FILE, comma-separated: NumPy .npy files (strings: dtype S or U), or .bin files with the bytes of one string. "
    "A name is a tensor's, or the signature's");
DEFINE_string(fetch, "", "Tensors to compute, comma-separated: NAME or NAME:OUTPUT, or the signature's names");
DEFINE_string(tags, "",
              "Tags of a SavedModel's graph, comma-separated; by default the only one, the one for serving, or the one "
              "without tags");
DEFINE_string(signature, "",
              "Signature whose names --feed and --fetch take; by default serving_default, or the only one");
DEFINE_string(out_dir, "", "Folder for the results: NAME.npy, with '/' as '.' and ':1' as '_1'");
DEFINE_string(executor, "session", "session, or engine: what an app runs");
DEFINE_string(quantize, "",
              "none, or dynamic8: products with constant weights in 8 bits; by default as the model's metadata asks "
              "(--executor=engine)");
DEFINE_bool(allow_files, false,
            "Let the graph read any file that it names; those in the assets/ of a SavedModel it may read anyway");
DEFINE_string(files_dir, "",
              "Folder with the files that the graph names (vocabularies of tables), under the last part of the name");
DEFINE_int32(threads, 0, "Threads; by default one per core");

namespace {

std::vector<std::string> feed_names(const std::vector<std::string>& items) {
  std::vector<std::string> names;
  for (const std::string& item : items) {
    if (size_t equals = item.find('='); equals != std::string::npos && equals > 0)
      names.push_back(item.substr(0, equals));
  }
  return names;
}

tarn::Status run() {
  TARN_ASSIGN_OR_RETURN(tarn::ExecutorKind executor, tarn::executor_kind_from_name(FLAGS_executor));
  TARN_ASSIGN_OR_RETURN(tarn::Quantize quantize, tarn::quantize_from_name(FLAGS_quantize, executor));
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> feed_items, tarn::list_flag("feed", FLAGS_feed));
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> fetches, tarn::list_flag("fetch", FLAGS_fetch));
  tarn::Result<std::vector<tarn::NamedFeed>> feeds = tarn::read_feeds("feed", feed_items);
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> tags, tarn::list_flag("tags", FLAGS_tags));
  tarn::Result<tarn::GraphRunner> loaded = tarn::GraphRunner::load(FLAGS_graph, FLAGS_checkpoint,
                                                                   {.executor = executor,
                                                                    .threads = FLAGS_threads,
                                                                    .tags = tags,
                                                                    .signature = FLAGS_signature,
                                                                    .take_checkpoint_beside = true,
                                                                    .files = {FLAGS_allow_files, FLAGS_files_dir},
                                                                    .quantize = quantize});
  if (!feeds.ok()) {  // said together with what else is wrong
    tarn::Problems problems;
    problems.add(feeds.status());
    problems.add(loaded.ok() ? tarn::graph_error(loaded->check_names(feed_names(feed_items), fetches), FLAGS_graph)
                             : loaded.status());
    return problems.to_status("");
  }
  TARN_RETURN_IF_ERROR(loaded.status());
  tarn::GraphRunner& runner = *loaded;
  for (const std::string& note : runner.notes()) tarn::warn("run_graph", note);
  tarn::Result<std::vector<tarn::Tensor>> ran = runner.run(*feeds, fetches);
  if (!ran.ok()) {
    bool lacks_value = ran.status().message().find("Attempting to use uninitialized value") != std::string::npos;
    if (lacks_value && executor == tarn::ExecutorKind::kSession && FLAGS_checkpoint.empty()) {
      tarn::Status named = tarn::graph_error(ran.status(), FLAGS_graph);
      return {named.code(), tarn::str_cat(named.message(), "; no checkpoint lies with the graph, or not its value: ",
                                          "give the variables' with --checkpoint")};
    }
    // Of a Placeholder that does not say its shape nobody knows that it takes a batch.
    bool is_one_string = std::any_of(feed_items.begin(), feed_items.end(),
                                     [](const std::string& item) { return item.ends_with(".bin"); });
    if (is_one_string && ran.status().message().find("has shape []") != std::string::npos) {
      ran = tarn::Status(ran.status().code(), tarn::str_cat(ran.status().message(),
                                                            "; a .bin file is one string, of shape []: a .npy file of "
                                                            "dtype S holds a batch"));
    }
    bool is_frozen_here = executor == tarn::ExecutorKind::kSession || !FLAGS_checkpoint.empty();
    return is_frozen_here ? tarn::graph_error(ran.status(), FLAGS_graph)
                          : tarn::engine_error(ran.status(), FLAGS_graph, fetches);
  }
  const std::vector<tarn::Tensor>& outputs = *ran;
  std::vector<std::string> inputs{FLAGS_graph};
  for (const std::string& item : feed_items) inputs.push_back(item.substr(item.find('=') + 1));
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> paths, tarn::write_outputs(FLAGS_out_dir, fetches, outputs, inputs));
  for (size_t i = 0; i < fetches.size(); ++i) {
    tarn::print(fetches[i], " ", tarn::dtype_short_name(outputs[i].dtype()), outputs[i].shape(), " -> ", paths[i],
                "\n");
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = "run_graph",
       .summary = "Runs a graph on NumPy files and writes what it gives as NumPy files.",
       .example = "run_graph --graph=digits.pb --feed=input_node=image.npy --fetch=output_node --out_dir=results\n"
                  "run_graph --graph=model.ckpt-7.meta --checkpoint=model.ckpt-7 --feed=x=x.npy --fetch=y --out_dir=.",
       .required = {"graph", "fetch", "out_dir"},
       .ranges = {{"threads", 1, 1024}}},
      run);
}
