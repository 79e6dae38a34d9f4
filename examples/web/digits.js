// The first tab: a digit as it is drawn, read by the network.
import { Bars, milliseconds, percent } from './bars.js';
import { drawDigit, kPixels, kSide } from './mnist.js';
import { Paper } from './paper.js';

const kSure = 0.5;

export function startDigits(loadModel) {
  const element = (id) => document.getElementById(id);
  const bars = new Bars(element('bars'));
  const names = Array.from({ length: 10 }, (_, digit) => String(digit));
  const pixels = new Float32Array(kPixels);
  let model = null;
  let scores = null;
  let frame = 0;

  const say = (state, digit, phrase) => {
    element('answer').dataset.state = state;
    element('digit').textContent = digit;
    element('phrase').textContent = phrase;
  };

  function showPixels(isDigit) {
    const picture = new ImageData(kSide, kSide);
    pixels.forEach((ink, i) => picture.data.set([255 * ink, 255 * ink, 255 * ink, 255], 4 * i));
    element('seen').getContext('2d').putImageData(picture, 0, 0);
    element('seen').setAttribute('aria-label', `What the network sees: ${isDigit ? 'the digit, scaled and centred' : 'nothing yet'}`);
  }

  function read() {
    frame = 0;
    const isDigit = drawDigit(paper.strokes, pixels);
    showPixels(isDigit);
    element('paper').parentElement.classList.toggle('has-ink', isDigit);
    element('undo').disabled = element('clear').disabled = !isDigit;
    scores = null;
    if (!model || !isDigit) {
      bars.show(names.map((name) => ({ name, share: null })));
      element('latency').textContent = '–';
      if (model) say('empty', '–', 'Draw a digit from 0 to 9.');
      return;
    }
    const start = performance.now();
    const outputs = model.run({ [model.inputs[0].name]: pixels });
    const time = performance.now() - start;
    scores = Array.from(outputs[model.outputs[0].name].data);
    const best = scores.indexOf(Math.max(...scores));
    bars.show(scores.map((share, digit) => ({ name: names[digit], share })));
    say(scores[best] >= kSure ? 'sure' : 'unsure', names[best], scores[best] >= kSure ? percent(scores[best]) : 'Not sure yet.');
    element('latency').textContent = milliseconds(time);
  }

  // At most once a frame, however fast the hand is.
  const schedule = () => {
    frame ||= requestAnimationFrame(read);
  };
  const announce = () => {
    if (frame) {
      cancelAnimationFrame(frame);
      read();
    }
    if (!scores) return;
    const order = scores.map((share, digit) => [share, digit]).sort((a, b) => b[0] - a[0]);
    element('announcement').textContent = order[0][0] >= kSure
      ? `Looks like ${order[0][1]}, ${percent(order[0][0])}.`
      : `Not sure: ${order[0][1]} or ${order[1][1]}.`;
  };
  const paper = new Paper(element('paper'), { onchange: schedule, onlift: announce });
  const cleared = () => {
    element('announcement').textContent = paper.isEmpty ? 'The paper is empty.' : '';
    element('paper').focus({ preventScroll: true });
  };
  element('clear').addEventListener('click', () => { paper.clear(); cleared(); });
  element('undo').addEventListener('click', () => { paper.undo(); cleared(); });

  read();
  loadModel().then((loaded) => {
    model = loaded;
    read();
  }, (error) => say('failed', '–', error.message));

  // For whoever wants to know more than the page shows, from its console.
  return {
    paper,
    get pixels() { return pixels.slice(); },
    get scores() { return scores?.slice() ?? null; },
  };
}
