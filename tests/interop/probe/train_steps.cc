// Runs training steps of a graph file on given batches, so that TensorFlow can run the same ones and be compared.
//
//   train_steps --graph=graph.pbtxt --init=init --feed=input_node=images.npy,labels=labels.npy --fetch=loss
//               --target=Adam --steps=10 --final=fc2/bias --out_dir=steps
//
// A feed's first dimension is the step: images f32[10,64,784] feeds f32[64,784] ten times. What step 3 fetches goes to
// out_dir/3, what is fetched after the last step, with nothing fed, to out_dir/final. With a .meta file variables may
// come from checkpoints (--restore, --restore_each) and go to some (--save, --save_each), as a training program's Saver
// would do it. Random ops go on where they are.
#include <gflags/gflags.h>

#include "core/file.h"
#include "graph/graph_io.h"
#include "graph/saver.h"
#include "tools/support/graph_runner.h"
#include "tools/support/main.h"

DEFINE_string(graph, "", "Graph file; a .meta for --restore and --save");
DEFINE_string(init, "", "Node to run first");
DEFINE_string(restore, "", "Checkpoint to start from");
DEFINE_string(restore_each, "", "Step 3 starts from the checkpoint of this name and -3");
DEFINE_string(save_each, "", "What came of the steps before step 3 goes to the checkpoint of this name and -3");
DEFINE_int32(every, 1, "… but only at steps that this divides");
DEFINE_string(feed, "", "NAME=FILE, comma-separated; the files' first dimension is the step");
DEFINE_string(fetch, "", "Tensors to fetch at each step, comma-separated");
DEFINE_string(target, "", "Nodes to run at each step, comma-separated");
DEFINE_int32(steps, 0, "Steps");
DEFINE_string(final, "", "Tensors to fetch after the last step, comma-separated");
DEFINE_string(save, "", "Checkpoint to write after the last step");
DEFINE_int32(save_step, 0, "Its global step");
DEFINE_string(out_dir, "", "Where the results go");
DEFINE_int32(threads, 1, "Threads");

namespace tarn {
namespace {

// values[step], without the first dimension.
Result<Tensor> slice_of(const NamedFeed& feed, int64_t step) {
  const Tensor& all = feed.second;
  if (all.shape().rank() < 1 || all.shape()[0] < FLAGS_steps || all.dtype() == DType::kString) {
    return invalid_argument("feed ", quoted(feed.first), ": expected numbers for ", FLAGS_steps, " steps, got ",
                            dtype_short_name(all.dtype()), all.shape());
  }
  std::vector<int64_t> dims;
  for (int i = 1; i < all.shape().rank(); ++i) dims.push_back(all.shape()[i]);
  const size_t bytes = all.byte_size() / static_cast<size_t>(all.shape()[0]);
  const auto* data = static_cast<const std::byte*>(all.data()) + static_cast<size_t>(step) * bytes;
  return Tensor::view(all.dtype(), Shape(dims), data, std::make_shared<const Tensor>(all));
}

Status fetch_into(Session& session, const std::vector<Session::Feed>& feeds, const std::vector<std::string>& fetches,
                  const std::vector<std::string>& targets, const std::string& folder) {
  if (fetches.empty() && targets.empty()) return {};
  std::vector<Tensor> outputs;
  TARN_RETURN_IF_ERROR(session.Run(feeds, fetches, targets, &outputs));
  return write_outputs(path_join(FLAGS_out_dir, folder), fetches, outputs).status();
}

Status run() {
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> feed_items, list_flag("feed", FLAGS_feed));
  TARN_ASSIGN_OR_RETURN(std::vector<NamedFeed> batches, read_feeds("feed", feed_items));
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> fetches, list_flag("fetch", FLAGS_fetch));
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> targets, list_flag("target", FLAGS_target));
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> final_fetches, list_flag("final", FLAGS_final));

  MetaGraph meta;
  std::optional<Saver> saver;
  if (!(FLAGS_restore + FLAGS_restore_each + FLAGS_save + FLAGS_save_each).empty()) {
    TARN_ASSIGN_OR_RETURN(meta, read_meta_graph(FLAGS_graph, {.allow_unknown_ops = true}));
    TARN_ASSIGN_OR_RETURN(saver,
                          Saver::FromMetaGraph(meta, {.max_to_keep = 0, .write_meta_graph = !FLAGS_save.empty()}));
  } else {
    TARN_ASSIGN_OR_RETURN(AnyGraph any, read_any_graph(FLAGS_graph));
    meta.graph = std::move(any.graph);
  }
  Session session(meta.graph, {.threads = FLAGS_threads});
  if (!FLAGS_init.empty()) TARN_RETURN_IF_ERROR(session.Run(FLAGS_init));
  if (!FLAGS_restore.empty()) TARN_RETURN_IF_ERROR(saver->Restore(session, FLAGS_restore));
  auto save_each = [&](int64_t step) -> Status {
    if (FLAGS_save_each.empty() || step == 0 || step % FLAGS_every != 0) return {};
    return saver->Save(session, FLAGS_save_each, step).status();
  };
  for (int64_t step = 0; step < FLAGS_steps; ++step) {
    TARN_RETURN_IF_ERROR(save_each(step));
    if (!FLAGS_restore_each.empty() && step % FLAGS_every == 0) {
      TARN_RETURN_IF_ERROR(saver->Restore(session, str_cat(FLAGS_restore_each, "-", step)));
    }
    std::vector<Session::Feed> feeds;
    for (const NamedFeed& batch : batches) {
      TARN_ASSIGN_OR_RETURN(Tensor value, slice_of(batch, step));
      feeds.emplace_back(batch.first, value);
    }
    TARN_RETURN_IF_ERROR(fetch_into(session, feeds, fetches, targets, std::to_string(step)));
  }
  TARN_RETURN_IF_ERROR(save_each(FLAGS_steps));
  TARN_RETURN_IF_ERROR(fetch_into(session, {}, final_fetches, {}, "final"));
  if (FLAGS_save.empty()) return {};
  TARN_ASSIGN_OR_RETURN(std::string prefix, saver->Save(session, FLAGS_save, FLAGS_save_step));
  print("saved ", prefix, "\n");
  return {};
}

}  // namespace
}  // namespace tarn

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "train_steps",
                          .summary = "Runs training steps of a graph file on given batches.",
                          .example = "train_steps --graph=graph.pbtxt --init=init --feed=x=batches.npy --fetch=loss "
                                     "--target=Adam --steps=10 --out_dir=steps",
                          .required = {"graph", "out_dir"},
                          .ranges = {{"steps", 0, 1e6}, {"every", 1, 1e6}, {"threads", 1, 1024}}},
                         tarn::run);
}
