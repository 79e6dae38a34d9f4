// What the report page (report_page.cc) looks like and does: its <style> and its <script>. Both are valid inside XML
// too: no '<' and no '&'.
#pragma once

#include <string_view>

namespace tarn {

constexpr std::string_view kReportColours = R"css(
:root { color-scheme: light dark; --ground: #ffffff; --panel: #f6f7f9; --ink: #1c2330; --faint: #667085; --line: #d9dee6;
  --accent: #0b6e99; --good: #1a7f4b; --bad: #b3372c; --box-light: 78%; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181f; --panel: #1c222b; --ink: #e4e8ee; --faint: #98a2b3;
  --line: #333c49; --accent: #5bb8e0; --good: #5ec48d; --bad: #ef8a80; --box-light: 42%; } }
)css";

// Of memory_svg().
constexpr std::string_view kMemoryStyle = R"css(
svg.memory { width: 100%; height: auto; display: block; }
svg.memory text { font-size: 11px; fill: var(--faint); }
svg.memory .plot { fill: var(--ground); }
svg.memory .buffer { fill: hsl(var(--hue) 48% var(--box-light)); stroke: var(--ground); stroke-width: 0.5; }
svg.memory .scratch { fill-opacity: 0.45; }
svg.memory .in-use { fill: none; stroke: var(--ink); stroke-width: 1.2; }
svg.memory .arena { stroke: var(--faint); }
svg.memory .bound { stroke: var(--bad); stroke-dasharray: 6 4; }
)css";

constexpr std::string_view kReportStyle = R"css(
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px; max-width: 1400px; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
h1 { font-size: 24px; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 36px 0 10px; }
h3 { font-size: 15px; margin: 0 0 8px; }
p { margin: 6px 0; }
code, .name { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 13px;
  overflow-wrap: anywhere; }
.faint, .note { color: var(--faint); }
.note { font-size: 13px; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px; margin-top: 18px; }
.tile { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
.tile .what { color: var(--faint); font-size: 13px; }
.tile .value { font-size: 21px; font-weight: 600; }
.tile .was { color: var(--faint); font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 6px 14px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--faint); font-weight: 500; font-size: 13px; white-space: nowrap; }
td.n, th.n { text-align: right; white-space: nowrap; }
summary { cursor: pointer; color: var(--accent); }
details ul { margin: 4px 0; padding-left: 18px; max-height: 320px; overflow-y: auto; }
details li { font-size: 13px; overflow-wrap: anywhere; }
.bar { display: block; height: 10px; min-width: 1px; background: var(--accent); border-radius: 2px; }
td.bars { width: 30%; vertical-align: middle; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(560px, 100%), 1fr)); gap: 16px; }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 12px; min-width: 0; }
.tools { display: flex; flex-wrap: wrap; gap: 6px; margin-bottom: 8px; align-items: center; }
.tools button, .tools input { font: inherit; font-size: 13px; color: var(--ink); background: var(--ground);
  border: 1px solid var(--line); border-radius: 6px; padding: 3px 10px; }
.tools button { cursor: pointer; }
.tools input { flex: 1 1 120px; min-width: 0; }
.view { height: 70vh; min-height: 320px; overflow: hidden; border: 1px solid var(--line); border-radius: 6px;
  background: var(--ground); touch-action: none; }
svg.graph { width: 100%; height: 100%; display: block; cursor: grab; }
svg.graph.held { cursor: grabbing; }
svg.graph text { font-family: system-ui, Helvetica, Arial, sans-serif; fill: #1c2330; }
svg.graph .graph > polygon { fill: none; stroke: none; }
svg.graph .edge path, svg.graph .edge line { stroke: var(--faint); }
svg.graph .edge polygon { fill: var(--faint); stroke: var(--faint); }
svg.graph .edge text { fill: var(--faint); }
svg.graph .node path, svg.graph .node polygon, svg.graph .node rect { stroke: #8a94a3; }
svg.graph .gone path, svg.graph .gone polygon, svg.graph .gone rect { stroke: #d0342c; stroke-width: 2.5; }
svg.graph .new path, svg.graph .new polygon, svg.graph .new rect { stroke: #1f9d55; stroke-width: 2.5; }
svg.graph .changed path, svg.graph .changed polygon, svg.graph .changed rect { stroke: #d98a00; stroke-width: 2.5; }
svg.graph .found path, svg.graph .found polygon, svg.graph .found rect { stroke: #7a3cff; stroke-width: 5; }
.key { display: inline-block; width: 12px; height: 12px; border-radius: 3px; border: 2.5px solid; margin: 0 5px 0 12px;
  vertical-align: -1px; }
)css";

// Each .view pans with the pointer and zooms with the wheel or the buttons, by changing its picture's viewBox; the
// field beside it finds nodes by their titles.
constexpr std::string_view kReportScript = R"js(
for (const panel of document.querySelectorAll(".panel.picture")) {
  const svg = panel.querySelector("svg.graph");
  if (!svg) continue;
  const whole = svg.getAttribute("viewBox").split(/[ ,]+/).map(Number);
  let box = whole.slice();
  const show = () => svg.setAttribute("viewBox", box.join(" "));
  // Pixels to picture: the picture keeps its proportions and stands in the middle.
  const frame = () => {
    const size = svg.getBoundingClientRect();
    const scale = Math.max(box[2] / size.width, box[3] / size.height);
    return { scale, left: box[0] + box[2] / 2 - scale * size.width / 2, top: box[1] + box[3] / 2 - scale * size.height / 2,
      size };
  };
  const zoom = (factor, x, y) => {
    const width = Math.min(Math.max(box[2] * factor, 40), whole[2] * 4), real = width / box[2];
    box = [x - (x - box[0]) * real, y - (y - box[1]) * real, width, box[3] * real];
    show();
  };
  const middle = (factor) => zoom(factor, box[0] + box[2] / 2, box[1] + box[3] / 2);
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    const f = frame();
    zoom(Math.exp(event.deltaY * 0.0015), f.left + (event.clientX - f.size.left) * f.scale,
         f.top + (event.clientY - f.size.top) * f.scale);
  }, { passive: false });
  const held = new Map();
  svg.addEventListener("pointerdown", (event) => {
    held.set(event.pointerId, event);
    svg.setPointerCapture(event.pointerId);
    svg.classList.add("held");
  });
  svg.addEventListener("pointermove", (event) => {
    const last = held.get(event.pointerId);
    if (!last) return;
    held.set(event.pointerId, event);
    const f = frame();
    if (held.size === 2) {
      const other = [...held.values()].find((e) => e.pointerId !== event.pointerId);
      const apart = (e) => Math.hypot(e.clientX - other.clientX, e.clientY - other.clientY);
      if (apart(event) > 0) middle(apart(last) / apart(event));
      return;
    }
    box[0] -= (event.clientX - last.clientX) * f.scale;
    box[1] -= (event.clientY - last.clientY) * f.scale;
    show();
  });
  const release = (event) => { held.delete(event.pointerId); svg.classList.toggle("held", held.size > 0); };
  svg.addEventListener("pointerup", release);
  svg.addEventListener("pointercancel", release);
  const center = (node) => {
    const at = node.getBoundingClientRect(), f = frame();
    const x = f.left + (at.left + at.width / 2 - f.size.left) * f.scale;
    const y = f.top + (at.top + at.height / 2 - f.size.top) * f.scale;
    const width = Math.min(whole[2], 700), height = width * f.size.height / f.size.width;
    box = [x - width / 2, y - height / 2, width, height];
    show();
  };
  // At first the topmost node at a size that can be read: a wide graph has nothing in the middle of its top.
  const start = () => {
    const size = svg.getBoundingClientRect();
    box = whole.slice();
    show();
    const nodes = [...svg.querySelectorAll(".node")];
    if (nodes.length === 0 || 1.5 * size.height >= whole[3]) return;
    const f = frame(), rects = nodes.map((node) => node.getBoundingClientRect());
    const top = rects.reduce((first, rect) => first.top > rect.top ? rect : first);
    const x = f.left + (top.left + top.width / 2 - f.size.left) * f.scale;
    const height = 1.2 * size.height, width = height * size.width / size.height;
    box = [x - width / 2, whole[1], width, height];
    show();
  };
  panel.querySelector("[data-do=in]").addEventListener("click", () => middle(0.7));
  panel.querySelector("[data-do=out]").addEventListener("click", () => middle(1 / 0.7));
  panel.querySelector("[data-do=all]").addEventListener("click", () => { box = whole.slice(); show(); });
  const field = panel.querySelector("input");
  let next = 0;
  field.addEventListener("input", () => { next = 0; });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    for (const node of svg.querySelectorAll(".found")) node.classList.remove("found");
    const wanted = field.value.toLowerCase();
    const nodes = [...svg.querySelectorAll(".node")].filter(
        (node) => wanted !== "" ? node.querySelector("title").textContent.toLowerCase().includes(wanted) : false);
    if (nodes.length === 0) return;
    const node = nodes[next++ % nodes.length];
    node.classList.add("found");
    center(node);
  });
  panel.querySelector(".tools").hidden = false;
  start();
}
)js";

}  // namespace tarn
