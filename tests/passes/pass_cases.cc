#include "tests/passes/pass_cases.h"

#include <algorithm>
#include <optional>

#include "core/file.h"
#include "graph/text.h"

namespace tarn::testing {
namespace {

constexpr std::string_view kSeparator = "-----";

// "# pass: strip" -> "strip" if it is that header.
std::optional<std::string> header(const std::string& line, std::string_view name) {
  std::string start = str_cat("# ", name, ":");
  if (!line.starts_with(start)) return std::nullopt;
  size_t begin = line.find_first_not_of(' ', start.size());
  return begin == std::string::npos ? "" : line.substr(begin);
}

void take_header(const std::string& line, PassCase& to) {
  if (auto pass = header(line, "pass")) to.pass = *pass;
  if (auto keep = header(line, "keep")) to.keep = str_split(*keep, ',', true);
  if (auto inputs = header(line, "inputs")) to.inputs = str_split(*inputs, ',', true);
  if (auto verify = header(line, "verify")) to.verify = *verify != "no";
}

// Lines [begin, end) of one case.
Result<PassCase> parse_case(const std::vector<std::string>& lines, size_t begin, size_t end, const PassCase& defaults) {
  PassCase result = defaults;
  size_t i = begin;
  // Headers and the sentence: up to the first empty line after the sentence.
  for (; i < end && (result.sentence.empty() || !lines[i].empty()); ++i) {
    str_append(result.head, lines[i], "\n");
    if (lines[i].starts_with("#")) {
      take_header(lines[i], result);
    } else if (!lines[i].empty()) {
      str_append(result.sentence, result.sentence.empty() ? "" : " ", lines[i]);
    }
  }
  if (result.sentence.empty()) return invalid_argument("line ", begin + 1, ": a case begins with a sentence");
  result.line = static_cast<int>(i) + 1;
  bool arrow = false;
  for (; i < end; ++i) {
    if (!arrow && lines[i].starts_with("=>")) {
      arrow = true;
      result.is_unchanged = lines[i] == "=> unchanged";
      if (!result.is_unchanged && lines[i] != "=>") {
        return invalid_argument("line ", i + 1, ": expected '=>' or '=> unchanged'");
      }
      continue;
    }
    str_append(arrow ? result.after : result.before, lines[i], "\n");
  }
  if (!arrow) return invalid_argument("line ", begin + 1, ": the case has no '=>'");
  if (result.pass.empty() || result.keep.empty()) {
    return invalid_argument("line ", begin + 1, ": '# pass:' and '# keep:' must be given");
  }
  return result;
}

Result<PassCaseFile> parse_file(const std::string& path, const std::string& text) {
  PassCaseFile file{path, path_name(path), "", {}};
  file.name = file.name.substr(0, file.name.rfind('.'));
  std::vector<std::string> lines = str_split(text, '\n');
  PassCase defaults;
  size_t i = 0;
  for (; i < lines.size() && lines[i].starts_with("#"); ++i) {
    str_append(file.head, lines[i], "\n");
    take_header(lines[i], defaults);
  }
  while (i < lines.size()) {
    size_t end = i;
    while (end < lines.size() && lines[end] != kSeparator) ++end;
    TARN_ASSIGN_OR_RETURN(PassCase one, parse_case(lines, i, end, defaults));
    file.cases.push_back(std::move(one));
    i = end + 1;
  }
  return file;
}

// "random(seed=7)" for a constant that is.
std::string random_literal(const Tensor& value) {
  constexpr int kMostSeed = 99;
  if (value.element_count() < 4 || !dtype_is_floating(value.dtype())) return {};
  for (int seed = 1; seed <= kMostSeed; ++seed) {
    std::string body = str_cat("random(seed=", seed, ")");
    Result<Tensor> candidate =
        tensor_from_text(str_cat(dtype_short_name(value.dtype()), value.shape().to_string(), body));
    if (candidate.ok() && candidate->identical_to(value)) return body;
  }
  return {};
}

}  // namespace

Result<std::vector<PassCaseFile>> read_pass_cases(const std::string& dir) {
  std::vector<PassCaseFile> files;
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> names, list_dir(dir));
  for (const std::string& name : names) {
    if (!name.ends_with(".graph")) continue;
    std::string path = path_join(dir, name);
    TARN_ASSIGN_OR_RETURN(std::string text, read_file(path));
    Result<PassCaseFile> file = parse_file(path, text);
    if (!file.ok()) return file.status().with_context(path);
    files.push_back(*std::move(file));
  }
  return files;
}

std::string pass_case_text(const PassCaseFile& file) {
  std::string text = file.head;
  for (size_t i = 0; i < file.cases.size(); ++i) {
    const PassCase& one = file.cases[i];
    if (i > 0) str_append(text, kSeparator, "\n");
    str_append(text, one.head, one.before, one.is_unchanged ? "=> unchanged\n" : "=>\n",
               one.is_unchanged ? "" : one.after);
  }
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

std::string pass_graph_text(const Graph& graph, bool sorted) {
  TextWriteOptions options;
  options.literal = random_literal;
  std::string text = graph_to_text(graph, options);
  if (!sorted) return text;
  std::vector<std::string> lines = str_split(text, '\n');
  std::sort(lines.begin(), lines.end());
  return str_join(lines, "\n");
}

Result<PassOutcome> run_pass_case(const PassCase& pass_case, const std::string& source) {
  TextReadOptions read;
  read.source = source;
  read.first_line = pass_case.line;
  read.allow_unknown_ops = !pass_case.verify;
  TARN_ASSIGN_OR_RETURN(Graph before, graph_from_text(pass_case.before, read));
  std::string pass = pass_case.pass;
  constexpr std::string_view kHere = "$here";
  for (size_t at = pass.find(kHere); at != std::string::npos; at = pass.find(kHere))
    pass.replace(at, kHere.size(), path_join(TARN_SOURCE_DIR, "tests/passes"));
  TARN_ASSIGN_OR_RETURN(std::vector<PipelineStep> pipeline, parse_pipeline(pass));
  PassManagerOptions options;
  options.inputs = pass_case.inputs;
  options.outputs = pass_case.keep;
  options.verify = pass_case.verify;
  PassOutcome outcome{before, before, {}};
  Result<std::vector<PassReport>> reports = PassManager(options).run(outcome.after, pipeline);
  if (!reports.ok()) return reports.status();
  outcome.report = reports->at(0);
  return outcome;
}

}  // namespace tarn::testing
