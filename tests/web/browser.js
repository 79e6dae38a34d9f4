// Headless Chromium through the DevTools protocol over a pipe: no package is needed for that.
//
//   const browser = await Browser.start();
//   const page = await browser.open('http://localhost:8000/', { width: 400, dark: true, touch: true });
//   await page.evaluate(() => document.title);
//   await page.drag([[10, 10], [50, 80]]);          // a real pointer: 'mouse', 'pen' or 'touch'
//   await browser.close();
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const kPatience = 60_000;

export function findChromium() {
  const named = process.env.TARN_CHROMIUM;
  const candidates = named ? [named] : ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  return candidates.find((candidate) => existsSync(candidate)) ?? null;
}

export class Browser {
  static async start() {
    const browser = new Browser();
    browser.profile = mkdtempSync(path.join(tmpdir(), 'tarn-chromium-'));
    browser.process = spawn(findChromium(), [
      '--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-dev-shm-usage', '--hide-scrollbars',
      '--force-device-scale-factor=1', '--remote-debugging-pipe', `--user-data-dir=${browser.profile}`, 'about:blank',
    ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    browser.next = 1;
    browser.waiting = new Map();
    browser.listeners = new Set();
    let left = '';
    browser.process.stdio[4].setEncoding('utf8').on('data', (data) => {
      const messages = (left + data).split('\0');
      left = messages.pop();
      messages.forEach((text) => browser.#hear(JSON.parse(text)));
    });
    browser.process.on('exit', (code) => {
      for (const { reject } of browser.waiting.values()) reject(new Error(`Chromium ended with ${code}`));
    });
    await browser.send('Browser.getVersion');
    return browser;
  }

  #hear(message) {
    if (message.id === undefined) {
      this.listeners.forEach((listener) => listener(message));
      return;
    }
    const { resolve, reject, method } = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    message.error ? reject(new Error(`${method}: ${message.error.message}`)) : resolve(message.result);
  }

  send(method, params = {}, sessionId = undefined) {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: no answer in ${kPatience} ms`)), kPatience);
      const settle = (f) => (value) => { clearTimeout(timer); f(value); };
      this.waiting.set(id, { resolve: settle(resolve), reject: settle(reject), method });
      this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  async open(url, { width = 960, height = 760, dark = false, touch = false, before = '' } = {}) {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, targetId, sessionId);
    await page.send('Page.enable');
    await page.send('Runtime.enable');
    await page.send('Log.enable');
    await page.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: touch });
    await page.send('Emulation.setTouchEmulationEnabled', { enabled: touch, maxTouchPoints: 2 });
    await page.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }] });
    if (before) await page.send('Page.addScriptToEvaluateOnNewDocument', { source: before });
    await page.go(url);
    return page;
  }

  async close() {
    await this.send('Browser.close').catch(() => {});
    await new Promise((resolve) => (this.process.exitCode === null ? this.process.on('exit', resolve) : resolve()));
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

class Page {
  constructor(browser, targetId, sessionId) {
    Object.assign(this, { browser, targetId, sessionId, problems: [] });
    browser.listeners.add((message) => {
      if (message.sessionId !== sessionId) return;
      const { method, params } = message;
      if (method === 'Runtime.exceptionThrown') this.problems.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
      if (method === 'Log.entryAdded' && params.entry.level === 'error') this.problems.push(`${params.entry.text} ${params.entry.url ?? ''}`);
      if (method === 'Page.loadEventFired') this.loaded?.();
    });
  }

  send(method, params) {
    return this.browser.send(method, params, this.sessionId);
  }

  async go(url) {
    const loaded = new Promise((resolve) => { this.loaded = resolve; });
    url === undefined ? await this.send('Page.reload') : await this.send('Page.navigate', { url });
    await loaded;
  }

  // The function runs in the page; its arguments and what it gives go through JSON.
  async evaluate(f, ...args) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression: `(${f})(...${JSON.stringify(args)})`, awaitPromise: true, returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async until(f, ...args) {
    const end = Date.now() + kPatience;
    for (;;) {
      const value = await this.evaluate(f, ...args);
      if (value) return value;
      if (Date.now() > end) throw new Error(`never true: ${f} (problems: ${this.problems.join('; ')})`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async drag(points, kind = 'mouse') {
    if (kind === 'touch') {
      const touch = (type, at) => this.send('Input.dispatchTouchEvent', { type, touchPoints: at ? [{ x: at[0], y: at[1] }] : [] });
      await touch('touchStart', points[0]);
      for (const point of points.slice(1)) await touch('touchMove', point);
      await touch('touchEnd');
      return;
    }
    const mouse = (type, [x, y], buttons) =>
      this.send('Input.dispatchMouseEvent', { type, x, y, button: 'left', buttons, clickCount: 1, pointerType: kind });
    await mouse('mousePressed', points[0], 1);
    // What the page draws in between it draws when it likes; the events themselves keep their order.
    await Promise.all(points.slice(1).map((point) => mouse('mouseMoved', point, 1)));
    await mouse('mouseReleased', points.at(-1), 0);
  }

  async click(selector) {
    await this.drag([await this.middleOf(selector)]);
  }
  async middleOf(selector) {
    const { x, y, width, height } = await this.boxOf(selector);
    return [x + width / 2, y + height / 2];
  }
  boxOf(selector) {
    return this.evaluate((selector) => document.querySelector(selector).getBoundingClientRect().toJSON(), selector);
  }

  async press(key, modifiers = 0) {
    const codes = { ArrowLeft: 37, ArrowUp: 38, ArrowRight: 39, ArrowDown: 40, ' ': 32, Enter: 13, Tab: 9, Delete: 46, Escape: 27 };
    const event = { key, code: key === ' ' ? 'Space' : key, windowsVirtualKeyCode: codes[key], modifiers };
    await this.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...event });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  }

  async screenshot() {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data, 'base64');
  }

  close() {
    return this.browser.send('Target.closeTarget', { targetId: this.targetId });
  }
}
