import { startDigits } from './digits.js';
import { startPhotos } from './photos.js';
import { hasSimd, load } from './tarn.js';

const element = (id) => document.getElementById(id);
const options = new URLSearchParams(location.search);
// What a page in one file brings along (make_page --single), for those who open it from a disk.
const inlined = globalThis.tarnFiles ?? {};
// ?simd=off: as on a browser without.
const simd = options.get('simd') === 'off' ? false : hasSimd();
const engine = (folder) => ({
  simd,
  wasm: { simd: inlined[`${folder}tarn-simd.wasm`] ?? `${folder}tarn-simd.wasm`, scalar: inlined[`${folder}tarn.wasm`] ?? `${folder}tarn.wasm` },
});

async function loadDigits() {
  const start = performance.now();
  const model = await load(inlined['digits.pb'] ?? 'digits.pb', engine(''));
  element('engine').textContent = `WebAssembly${simd ? ' with SIMD' : ''}, ready in ${Math.round(performance.now() - start)} ms`;
  return model;
}

async function loadPhotos() {
  element('model-name').textContent = 'Loading the network, some megabytes, once …';
  try {
    const model = await load('photos.pb', engine('photos/'));
    element('model-name').textContent = model.metadata.name ?? 'MobileNet';
    return { model };
  } catch (error) {
    element('model-name').textContent = '';
    throw /HTTP status 404/.test(error.message) ? new Error('This page came without a network for photos. Use your own model.') : error;
  }
}

async function loadOwn(file) {
  return { model: await load(await file.arrayBuffer(), engine('photos/')) };
}

const tabs = ['digits', 'photos'].filter((tab) => !element(`tab-${tab}`).hidden);
function select(name, focus) {
  for (const tab of tabs) {
    const isSelected = tab === name;
    element(`tab-${tab}`).setAttribute('aria-selected', String(isSelected));
    element(`tab-${tab}`).tabIndex = isSelected ? 0 : -1;
    element(`panel-${tab}`).hidden = !isSelected;
  }
  if (focus) element(`tab-${name}`).focus();
}
tabs.forEach((tab, i) => {
  element(`tab-${tab}`).addEventListener('click', () => {
    select(tab);
    history.replaceState(null, '', `#${tab}`);
  });
  element(`tab-${tab}`).addEventListener('keydown', (event) => {
    if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') select(tabs[(i + 1) % tabs.length], true);
  });
});
if (location.hash === '#photos' && tabs.includes('photos')) select('photos');

globalThis.tarnDemo = startDigits(loadDigits);
globalThis.tarnPhotos = startPhotos(loadPhotos, loadOwn);

if ('serviceWorker' in navigator && location.protocol.startsWith('http')) navigator.serviceWorker.register('service_worker.js');
