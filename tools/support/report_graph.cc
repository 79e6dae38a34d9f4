#include "tools/support/report_graph.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "graph/algorithms.h"
#include "tools/support/graphviz.h"
#include "tools/support/html.h"

namespace tarn {
namespace {

// Graphviz takes minutes for graphs of thousands of nodes, and nobody finds anything in a picture of so many.
constexpr int kMostForGraphviz = 800, kMostDrawn = 2500;

// The graph without its constants: what reads one has no wire there.
Graph without_constants(const Graph& graph) {
  Graph copy = graph;
  for (NodeId id : graph.ids()) {
    if (!graph.node(id).is("Const")) continue;
    copy.set_controls(id, {});
    std::vector<Use> uses = copy.uses(id);
    for (const Use& use : uses) {
      if (use.input != Use::kControl) {
        copy.set_input(use.node, use.input, Wire{});
        continue;
      }
      std::vector<NodeId> controls = copy.node(use.node).controls;
      std::erase(controls, id);
      copy.set_controls(use.node, std::move(controls));
    }
    copy.remove(id);
  }
  return copy;
}

std::string title_of(const Node& node) {
  std::vector<std::string> outputs;
  for (const Fact& fact : node.outputs) outputs.push_back(fact.to_string());
  return str_cat(html_text(node.name), " (", html_text(node.op), ")", outputs.empty() ? "" : ": ",
                 html_text(str_join(outputs)));
}

std::string class_of(NodeId id, const std::map<NodeId, std::string>& marks) {
  auto mark = marks.find(id);
  return mark == marks.end() ? "node" : "node " + mark->second;
}

// Graphviz's page of SVG made a part of ours: without prolog, comments, links and sizes; nodes named.
class Adopter {
 public:
  Adopter(const Graph& graph, const std::map<NodeId, std::string>& marks) : graph_(graph), marks_(marks) {}

  std::string adopt(std::string_view svg) {
    size_t open = svg.find("<svg");
    if (open == std::string_view::npos) return {};
    size_t close = svg.find('>', open);
    std::string_view box = attribute(svg.substr(open, close - open), "viewBox");
    std::string out = str_cat("<svg class=\"graph\" viewBox=\"", box, "\">\n");
    ids_ = graph_.ids();
    for (std::string_view rest = svg.substr(close + 1); !rest.empty();) rest = next(rest, out);
    return out;
  }

 private:
  static std::string_view attribute(std::string_view tag, std::string_view name) {
    std::string key = str_cat(name, "=\"");
    size_t at = tag.find(key);
    if (at == std::string_view::npos) return {};
    std::string_view value = tag.substr(at + key.size());
    return value.substr(0, value.find('"'));
  }

  // Copies one tag or text to `out`; returns what comes after it.
  std::string_view next(std::string_view rest, std::string& out) {
    if (rest[0] != '<') {
      size_t end = std::min(rest.find('<'), rest.size());
      if (!in_title_) out += rest.substr(0, end);
      return rest.substr(end);
    }
    if (rest.starts_with("<!--")) {
      size_t end = rest.find("-->");
      return end == std::string_view::npos ? std::string_view() : rest.substr(end + 3);
    }
    size_t end = std::min(rest.find('>'), rest.size() - 1);
    std::string_view tag = rest.substr(0, end + 1);
    if (tag.starts_with("<g ")) {
      kind_ = attribute(tag, "class");
      // A node's class comes with its number, which is in the title.
      if (kind_ != "node") str_append(out, "<g class=\"", kind_, "\"", transform(tag), ">");
    } else if (tag == "<title>") {
      in_title_ = true;
      if (kind_ == "node") open_node(rest.substr(end + 1), out);
    } else if (tag == "</title>") {
      in_title_ = false;
    } else if (!tag.starts_with("<a ") && tag != "</a>") {
      out += tag;
    }
    return rest.substr(end + 1);
  }

  static std::string transform(std::string_view tag) {
    std::string_view value = attribute(tag, "transform");
    return value.empty() ? "" : str_cat(" transform=\"", value, "\"");
  }

  void open_node(std::string_view number, std::string& out) {
    auto index = static_cast<size_t>(std::atol(std::string(number.substr(0, 12)).c_str()));
    if (index >= ids_.size()) {
      out += "<g class=\"node\">";
      return;
    }
    NodeId id = ids_[index];
    str_append(out, "<g class=\"", class_of(id, marks_), "\"><title>", title_of(graph_.node(id)), "</title>");
  }

  const Graph& graph_;
  const std::map<NodeId, std::string>& marks_;
  std::vector<NodeId> ids_;  // by the number that nodes have in the dot file
  std::string kind_;
  bool in_title_ = false;
};

// Layer by layer from the inputs down, each node below all that it reads; within a layer near what it reads.
class LayeredPicture {
 public:
  LayeredPicture(const Graph& graph, const std::map<NodeId, std::string>& marks) : graph_(graph), marks_(marks) {
    place();
  }

  std::string draw() const {
    std::string svg = str_cat("<svg class=\"graph\" viewBox=\"0 0 ", width_, " ",
                              static_cast<int>(layers_.size()) * kRowHeight, "\">\n");
    for (NodeId id : graph_.ids()) {
      for (const Use& use : graph_.uses(id)) draw_edge(id, use, svg);
    }
    for (const std::vector<NodeId>& layer : layers_) {
      for (NodeId id : layer) draw_node(id, svg);
    }
    return svg + "</svg>\n";
  }

 private:
  static constexpr int kBoxWidth = 150, kBoxHeight = 32, kGap = 14, kRowHeight = 64;
  struct Place {
    int layer = 0;
    double x = 0;  // of the middle, layers being centered on 0 until all are placed
  };
  Place& place_of(NodeId id) { return places_[static_cast<size_t>(id)]; }
  const Place& place_of(NodeId id) const { return places_[static_cast<size_t>(id)]; }

  void place() {
    places_.resize(static_cast<size_t>(graph_.id_limit()));
    Result<std::vector<NodeId>> sorted = topological_order(graph_);
    std::vector<NodeId> order = sorted.ok() ? *std::move(sorted) : graph_.ids();
    for (NodeId id : order) {
      int layer = 0;
      for_each_producer(id, [&](NodeId producer) { layer = std::max(layer, place_of(producer).layer + 1); });
      place_of(id).layer = layer;
      if (layers_.size() <= static_cast<size_t>(layer)) layers_.resize(static_cast<size_t>(layer) + 1);
      layers_[static_cast<size_t>(layer)].push_back(id);
    }
    size_t widest = 1;
    for (std::vector<NodeId>& layer : layers_) {
      std::vector<std::pair<double, NodeId>> wanted;
      for (NodeId id : layer) wanted.emplace_back(middle_of_producers(id), id);
      std::stable_sort(wanted.begin(), wanted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      for (size_t i = 0; i < layer.size(); ++i) {
        layer[i] = wanted[i].second;
        double column = static_cast<double>(i) - static_cast<double>(layer.size() - 1) / 2;
        place_of(layer[i]).x = column * (kBoxWidth + kGap);
      }
      widest = std::max(widest, layer.size());
    }
    width_ = static_cast<int>(widest) * (kBoxWidth + kGap);
    for (NodeId id : order) place_of(id).x += width_ / 2.0;
  }

  template <class Call>
  void for_each_producer(NodeId id, const Call& call) const {
    const Node& node = graph_.node(id);
    for (Wire wire : node.inputs) {
      if (!wire.is_none() && !is_back_edge(graph_, id, wire.node)) call(wire.node);
    }
    for (NodeId control : node.controls) call(control);
  }

  double middle_of_producers(NodeId id) const {
    double sum = 0;
    int count = 0;
    for_each_producer(id, [&](NodeId producer) {
      sum += place_of(producer).x;
      ++count;
    });
    return count > 0 ? sum / count : 0;
  }

  static int top_of(const Place& place) { return place.layer * kRowHeight + (kRowHeight - kBoxHeight) / 2; }

  void draw_edge(NodeId from, const Use& use, std::string& svg) const {
    const Place &a = place_of(from), &b = place_of(use.node);
    int from_y = top_of(a) + kBoxHeight, to_y = top_of(b), half = (from_y + to_y) / 2;
    str_append(svg, "<g class=\"edge\"><path ", use.input == Use::kControl ? "stroke-dasharray=\"4 3\" " : "",
               "fill=\"none\" stroke=\"black\" d=\"M", std::llround(a.x), " ", from_y, "C", std::llround(a.x), " ",
               half, " ", std::llround(b.x), " ", half, " ", std::llround(b.x), " ", to_y, "\"/></g>\n");
  }

  void draw_node(NodeId id, std::string& svg) const {
    const Node& node = graph_.node(id);
    const Place& place = place_of(id);
    auto text = [&](int y, std::string_view words) {
      constexpr size_t kMostCharacters = 24;
      std::string shown = printable(words);
      if (shown.size() > kMostCharacters) {
        size_t cut = shown.size() - kMostCharacters + 1;  // the end of a name tells most
        while (cut < shown.size() && (static_cast<unsigned char>(shown[cut]) & 0xc0) == 0x80) ++cut;
        shown = "…" + shown.substr(cut);
      }
      str_append(svg, "<text text-anchor=\"middle\" font-size=\"11\" x=\"", std::llround(place.x), "\" y=\"",
                 top_of(place) + y, "\">", html_text(shown), "</text>");
    };
    str_append(svg, "<g class=\"", class_of(id, marks_), "\"><title>", title_of(node),
               "</title><rect fill=\"#ffffff\" stroke=\"black\" rx=\"6\" x=\"", std::llround(place.x) - kBoxWidth / 2,
               "\" y=\"", top_of(place), "\" width=\"", kBoxWidth, "\" height=\"", kBoxHeight, "\"/>");
    text(13, node.op);
    text(26, node.name);
    svg += "</g>\n";
  }

  const Graph& graph_;
  const std::map<NodeId, std::string>& marks_;
  std::vector<Place> places_;
  std::vector<std::vector<NodeId>> layers_;
  int width_ = 0;
};

}  // namespace

GraphPicture graph_picture(const Graph& graph, const std::map<NodeId, std::string>& marks, bool use_graphviz) {
  int constants = 0;
  for (NodeId id : graph.ids()) constants += graph.node(id).is("Const") ? 1 : 0;
  int count = graph.node_count() - constants;
  if (count > kMostDrawn) {
    return {"<p>Not drawn.</p>\n", str_cat(count, " nodes besides constants are too many for a picture (at most ",
                                           kMostDrawn, "); convert_graph writes them as dot.")};
  }
  bool only_constants = count == 0;
  Graph drawn = only_constants ? graph : without_constants(graph);
  GraphPicture picture;
  if (constants > 0 && !only_constants)
    picture.note = str_cat(constants, constants == 1 ? " constant is" : " constants are", " not drawn. ");
  if (use_graphviz && drawn.node_count() <= kMostForGraphviz) {
    Result<std::string> svg = dot_to_svg(graph_to_dot(drawn));
    if (svg.ok()) picture.html = Adopter(drawn, marks).adopt(*svg);
    if (!svg.ok()) str_append(picture.note, "Drawn in layers: ", svg.status().message(), ".");
  } else if (use_graphviz) {
    str_append(picture.note, "Drawn in layers: ", drawn.node_count(), " nodes are many for Graphviz.");
  }
  if (picture.html.empty()) picture.html = LayeredPicture(drawn, marks).draw();
  return picture;
}

}  // namespace tarn
