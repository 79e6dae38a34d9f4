// speech_commands: which keywords a network hears: TensorFlow's label_wav, and its streaming example for recordings.
#include <gflags/gflags.h>

#include <cstdio>

#include "core/file.h"
#include "tools/support/keyword_model.h"
#include "tools/support/main.h"
#include "tools/support/metadata_flags.h"
#include "tools/support/recognize_commands.h"
#include "tools/support/scores.h"
#include "tools/support/sound.h"

DEFINE_string(wav, "", "WAV files, comma-separated: 16 bits, of any rate");
DEFINE_string(graph, "", "Frozen graph of a keyword model");
DEFINE_string(labels, "",
              "Text file with a label a line, in the order of the scores; by default those that the model tells, else "
              "their numbers");
DEFINE_string(input_name, "", "Input: a WAV file's bytes, samples, or the spectrum of them; by default found");
DEFINE_string(output_name, "", "Output with the scores; by default the only node that nothing uses");
DEFINE_int32(how_many_labels, 3, "Labels to print, best first");
DEFINE_string(stream, "auto",
              "yes, no, or auto: listen to a recording longer than the model's clip in windows, as TensorFlow's "
              "streaming example does; no takes its beginning");
DEFINE_bool(as_it_is, false,
            "Put the file's bytes into the model whatever its rate and length, as TensorFlow's label_wav does");
DEFINE_int32(sample_rate, 0, "Samples a second that the model takes; by default what it tells, else 16000");
DEFINE_int32(clip_duration_ms, 0, "Length of the model's clip; by default what the graph says, else 1000");
DEFINE_int32(clip_stride_ms, 30, "From one window to the next");
DEFINE_int32(average_window_ms, 500, "Scores are averaged over this long");
DEFINE_int32(suppression_ms, 1500, "After a word nothing is reported for so long");
DEFINE_int32(minimum_count, 3, "Windows that an average needs");
DEFINE_double(detection_threshold, 0.7, "An average from here on is a word");
DEFINE_int32(window_size_ms, 30, "Of the spectrum, for models that take it");
DEFINE_int32(window_stride_ms, 0, "Of the spectrum, for models that take it; by default what fits");
DEFINE_int32(dct_coefficient_count, 0, "Of the spectrum, for models that take it; by default what fits");
DEFINE_string(executor, "engine", "engine: what an app runs, or session");
DEFINE_int32(threads, 0, "Threads; by default one per core");

namespace {

enum class Stream { kAuto, kYes, kNo };

tarn::Result<Stream> stream_flag() {
  if (FLAGS_stream == "auto") return Stream::kAuto;
  if (FLAGS_stream == "yes" || FLAGS_stream == "no") return FLAGS_stream == "yes" ? Stream::kYes : Stream::kNo;
  return tarn::invalid_argument("--stream: there is no ", tarn::quoted(FLAGS_stream), "; there are auto, yes and no");
}

struct Listener {
  tarn::KeywordModel model;
  std::vector<std::string> labels = {};
  Stream stream = Stream::kAuto;

  // Scores may be more than labels, and the other way round: said once.
  void fit_labels(size_t scores) {
    if (!labels.empty() && labels.size() != scores)
      tarn::warn("speech_commands", tarn::str_cat(labels.size(), " labels for ", scores, " scores"));
    for (size_t i = labels.size(); i < scores; ++i) labels.push_back(tarn::str_cat(i));
    labels.resize(scores);
  }
};

std::string seconds(size_t samples, int rate) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.4g s", static_cast<double>(samples) / rate);
  return text;
}

tarn::Status print_best(Listener& listener, const std::vector<float>& scores) {
  listener.fit_labels(scores.size());
  for (size_t index : tarn::best_scores(scores, static_cast<size_t>(FLAGS_how_many_labels))) {
    char text[64];  // as label_wav.py prints it
    std::snprintf(text, sizeof(text), " (score = %.5f)\n", static_cast<double>(scores[index]));
    tarn::print(tarn::printable(listener.labels[index]), text);
  }
  return {};
}

// As TensorFlow's test_streaming_accuracy: a window every few milliseconds.
tarn::Status listen_in_windows(Listener& listener, const std::vector<float>& samples) {
  tarn::KeywordModel& model = listener.model;
  auto stride = std::max<size_t>(1, static_cast<size_t>(int64_t{FLAGS_clip_stride_ms} * model.sample_rate() / 1000));
  std::optional<tarn::RecognizeCommands> recognizer;
  int heard = 0;
  for (size_t at = 0; at + model.clip_samples() <= samples.size(); at += stride) {
    TARN_ASSIGN_OR_RETURN(std::vector<float> scores, model.run({samples.data() + at, model.clip_samples()}));
    if (!recognizer) {
      listener.fit_labels(scores.size());
      recognizer.emplace(listener.labels, tarn::RecognizeOptions{.average_window_ms = FLAGS_average_window_ms,
                                                                 .detection_threshold = FLAGS_detection_threshold,
                                                                 .suppression_ms = FLAGS_suppression_ms,
                                                                 .minimum_count = FLAGS_minimum_count});
    }
    auto time_ms = static_cast<int64_t>(at) * 1000 / model.sample_rate();
    std::optional<tarn::HeardCommand> command = recognizer->add(scores, time_ms);
    if (!command) continue;
    tarn::print(command->time_ms, "ms: ", tarn::printable(command->label), ": ",
                tarn::score_text(static_cast<float>(command->score)), "\n");
    ++heard;
  }
  if (heard == 0) std::fprintf(stderr, "speech_commands: no word is heard in it\n");
  return {};
}

tarn::Status listen_to_file(Listener& listener, const std::string& path) {
  TARN_ASSIGN_OR_RETURN(std::string bytes, tarn::read_file(path));
  TARN_ASSIGN_OR_RETURN(std::vector<float> scores, listener.model.run_file(std::move(bytes)));
  return print_best(listener, scores);
}

tarn::Status listen(Listener& listener, const std::string& path) {
  tarn::KeywordModel& model = listener.model;
  TARN_ASSIGN_OR_RETURN(tarn::Sound file, tarn::read_sound(path));
  if (FLAGS_as_it_is) return listen_to_file(listener, path);
  TARN_ASSIGN_OR_RETURN(tarn::Sound sound, tarn::resampled(file, model.sample_rate()));
  std::vector<std::string> done;
  if (file.channels > 1) done.push_back(tarn::str_cat("the first of ", file.channels, " channels is taken"));
  if (file.sample_rate != model.sample_rate())
    done.push_back(tarn::str_cat("resampled to ", model.sample_rate(), " Hz"));
  std::vector<float>& samples = sound.samples;
  const size_t length = samples.size(), clip = model.clip_samples();
  // With less than this more there are not the windows for an average.
  bool is_long = length >= clip + static_cast<size_t>(int64_t{FLAGS_average_window_ms} * model.sample_rate() / 1000);
  bool in_windows = listener.stream == Stream::kYes || (listener.stream == Stream::kAuto && is_long);
  if (length < clip) {
    done.push_back(tarn::str_cat(seconds(clip - length, model.sample_rate()), " of silence added"));
    samples.resize(clip);
  } else if (in_windows) {
    done.push_back(tarn::str_cat("heard in windows of ", seconds(clip, model.sample_rate())));
  } else if (length > clip) {
    done.push_back(tarn::str_cat("the first ", seconds(clip, model.sample_rate()), " taken"));
    samples.resize(clip);
  }
  if (!done.empty()) {
    std::fprintf(stderr, "speech_commands: %s (%s, %d Hz): %s\n", tarn::printable(path).c_str(),
                 seconds(file.samples.size(), file.sample_rate).c_str(), file.sample_rate,
                 tarn::str_join(done).c_str());
  }
  if (in_windows) return listen_in_windows(listener, samples);
  if (model.takes_files() && done.empty()) return listen_to_file(listener, path);
  TARN_ASSIGN_OR_RETURN(std::vector<float> scores, model.run(samples));
  return print_best(listener, scores);
}

tarn::Status run(const tarn::Arguments& more) {
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> files, tarn::list_flag("wav", FLAGS_wav));
  files.insert(files.end(), more.begin(), more.end());
  if (files.empty()) return tarn::invalid_argument("--wav: name a WAV file");
  TARN_ASSIGN_OR_RETURN(Stream stream, stream_flag());
  tarn::KeywordOptions options{.input = FLAGS_input_name,
                               .output = FLAGS_output_name,
                               .sample_rate = FLAGS_sample_rate,
                               .clip_duration_ms = FLAGS_clip_duration_ms,
                               .window_size_ms = FLAGS_window_size_ms,
                               .window_stride_ms = FLAGS_window_stride_ms,
                               .dct_coefficient_count = FLAGS_dct_coefficient_count,
                               .threads = FLAGS_threads};
  TARN_ASSIGN_OR_RETURN(options.executor, tarn::executor_kind_from_name(FLAGS_executor));
  TARN_ASSIGN_OR_RETURN(tarn::KeywordModel model, tarn::KeywordModel::load(FLAGS_graph, options));
  if (FLAGS_as_it_is && !model.takes_files())
    return tarn::invalid_argument("--as_it_is: ", FLAGS_graph, " takes no file, but what is in it");
  Listener listener{.model = std::move(model), .stream = stream};
  listener.labels = listener.model.labels();
  if (!FLAGS_labels.empty()) {
    TARN_ASSIGN_OR_RETURN(listener.labels, tarn::read_labels(FLAGS_labels));
  }
  tarn::Problems problems;  // one file that cannot be read does not keep the others from being heard
  for (const std::string& file : files) {
    if (files.size() > 1) tarn::print(tarn::printable(file), ":\n");
    problems.add(listen(listener, file));
  }
  return problems.to_status("");
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(
      argc, argv,
      {.name = "speech_commands",
       .summary = "Says which keyword a network hears in a WAV file, or which and when in a longer recording. What was "
                  "done to the sound to fit it to the network is said on standard error.",
       .example = "speech_commands --wav=yes.wav --graph=conv_actions.pb --labels=labels.txt\n"
                  "speech_commands --graph=kws.pb --labels=labels.txt recording.wav",
       .required = {"graph"},
       .ranges = {{"how_many_labels", 1, 1e6},
                  {"sample_rate", 1000, 768000},
                  {"clip_duration_ms", 1, 600000},
                  {"clip_stride_ms", 1, 60000},
                  {"average_window_ms", 1, 600000},
                  {"suppression_ms", 0, 600000},
                  {"minimum_count", 1, 10000},
                  {"detection_threshold", 0, 1},
                  {"window_size_ms", 1, 60000},
                  {"window_stride_ms", 1, 60000},
                  {"dct_coefficient_count", 1, 1000},
                  {"threads", 1, 1024}},
       .arguments = "WAV…"},
      run);
}
