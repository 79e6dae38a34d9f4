// Keeps the page's files, so that it works without a network. What make_page writes in place of the two names below changes with any
// of the files; a new version is fetched as a whole beside the old one.
const kVersion = 'VERSION';
const kFiles = ['FILES'];
const kCache = `tarn-${kVersion}`;

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(kCache).then((cache) => cache.addAll(kFiles)).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  const drop_old = async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith('tarn-') && name !== kCache) await caches.delete(name);
    }
    await self.clients.claim();
  };
  event.waitUntil(drop_old());
});

// Files that are kept come from there; others (the photos' network) from the network, and are kept then.
self.addEventListener('fetch', (event) => {
  if (event.request.method !== 'GET' || new URL(event.request.url).origin !== location.origin) return;
  const answer = async () => {
    const cache = await caches.open(kCache);
    const kept = await cache.match(event.request, { ignoreSearch: true });
    if (kept) return kept;
    const response = await fetch(event.request);
    if (response.ok) await cache.put(event.request, response.clone());
    return response;
  };
  event.respondWith(answer());
});
