// What every browser test needs: Debian's Chromium with software WebGL, a page that reports what goes wrong in it, and eyes.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { PNG } from 'pngjs';

export const shots = process.env.SHOTS ?? null;
if (shots) mkdirSync(shots, { recursive: true });

export async function launch() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  if (!existsSync(executablePath)) throw new Error(`${executablePath} is not there: install chromium or set CHROMIUM`);
  // Playwright gives every launch its own empty user-data-dir and removes it afterwards.
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--use-angle=swiftshader',
      '--enable-unsafe-swiftshader',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/// A page in a context of its own. `trouble` collects console errors, page errors, policy violations and requests that
/// left for another host. Answers listed in `expected` (a part of the URL) may be errors.
export async function open(browser, { base_url, expected = [], ...options }) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, reducedMotion: 'reduce', acceptDownloads: true, ...options });
  const trouble = [];
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  const page = await context.newPage();
  page.on('pageerror', (error) => trouble.push(`page error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() !== 'error' && !/policy|Trusted/i.test(message.text())) return;
    if (/Failed to load resource|net::/.test(message.text()) && expected.some((part) => message.location().url.includes(part))) return;
    trouble.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(base_url) && !/^(blob|data):/.test(url)) trouble.push(`left the house: ${url}`);
  });
  return { context, page, trouble };
}

export async function shot(page, name) {
  if (shots) await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/// Has axe-core judge what is on the screen: labels, roles, contrast, order. No finding is accepted.
export async function accessible(page, where) {
  await page.evaluate(axe);
  const findings = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
      // model-viewer puts a region of the same name into each of its shadow roots; that is not ours to name.
      rules: { 'landmark-unique': { enabled: false } },
    });
    return violations.map(({ id, help, nodes }) => `${id}: ${help} (${nodes.map((node) => node.target.join(' ')).slice(0, 3).join(' | ')})`);
  });
  assert.deepEqual(findings, [], where);
}

/// Signs in and waits for the header.
export async function sign_in(page, base_url, email, password) {
  if (!page.url().startsWith(base_url)) await page.goto(base_url);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByTestId('credits').waitFor();
  await page.getByRole('radio').first().waitFor();
}

/// Lets files fall onto the drop zone, as from a desktop.
export async function drop(page, files) {
  const packed = files.map(({ name, bytes }) => ({ name, base64: bytes.toString('base64') }));
  const transfer = await page.evaluateHandle((list) => {
    const made = new DataTransfer();
    for (const { name, base64 } of list) {
      const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      made.items.add(new File([bytes], name)); // no type: the page has to look for itself
    }
    return made;
  }, packed);
  const zone = page.getByTestId('drop-zone');
  await zone.dispatchEvent('dragover', { dataTransfer: transfer });
  await zone.dispatchEvent('drop', { dataTransfer: transfer });
}

export async function no_sideways_scroll(page) {
  return page.evaluate(() => {
    const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (wide <= 0) return null;
    const found = [...document.querySelectorAll('body *')].find((node) => node.getBoundingClientRect().right > innerWidth + 1);
    return `${wide}px too wide, first at <${found?.tagName.toLowerCase()} class="${found?.className}">`;
  });
}

/// Looks at an element as a person would: how much of it is not background, and how varied that part is.
export async function look(locator) {
  await locator.scrollIntoViewIfNeeded();
  const { width, height, data } = PNG.sync.read(await locator.screenshot());
  const at = (x, y) => [...data.subarray((y * width + x) * 4, (y * width + x) * 4 + 3)];
  const far = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
  // The background is a soft gradient, dark or light: compare each pixel with the nearer edge of its own row.
  let seen = 0;
  const sum = [0, 0, 0];
  const squares = [0, 0, 0];
  const inset = Math.round(width * 0.04);
  for (let y = inset; y < height - inset; y++) {
    const left = at(inset, y);
    const right = at(width - 1 - inset, y);
    for (let x = inset; x < width - inset; x++) {
      const colour = at(x, y);
      if (far(colour, x < width / 2 ? left : right) < 48) continue;
      seen += 1;
      for (let c = 0; c < 3; c++) {
        sum[c] += colour[c];
        squares[c] += colour[c] ** 2;
      }
    }
  }
  const share = seen / ((width - 2 * inset) * (height - 2 * inset));
  const variance = seen === 0 ? 0 : Math.max(...sum.map((total, c) => squares[c] / seen - (total / seen) ** 2));
  return { share, variance, data };
}

/// Share of pixels that differ clearly between two looks at the same element.
export function difference(a, b) {
  if (a.data.length !== b.data.length) return 1;
  let differing = 0;
  for (let i = 0; i < a.data.length; i += 4) {
    if (Math.abs(a.data[i] - b.data[i]) + Math.abs(a.data[i + 1] - b.data[i + 1]) + Math.abs(a.data[i + 2] - b.data[i + 2]) > 36) differing += 1;
  }
  return differing / (a.data.length / 4);
}

/// Waits until the viewer shows its model and the picture in front of it has faded.
export async function viewer_ready(viewer) {
  await viewer.scrollIntoViewIfNeeded();
  await viewer.evaluate(
    (node) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('the viewer did not load its model in time')), 90_000);
        const done = () => (clearTimeout(timer), resolve());
        if (node.loaded) done();
        node.addEventListener('load', done);
        node.addEventListener('error', (event) => reject(new Error(`viewer: ${event.detail?.type}`)));
      }),
  );
  await viewer.evaluate(async (node) => {
    for (let i = 0; i < 200 && !node.modelIsVisible; i++) await new Promise((resolve) => setTimeout(resolve, 50));
    await new Promise((resolve) => setTimeout(resolve, 900)); // the poster's fade
  });
}

/// Presses Tab until the wanted element has the focus. Answers how many presses it took; throws where Tab never gets there.
export async function tab_to(page, locator, presses_max = 60) {
  const reached = () => locator.evaluate((node) => node === document.activeElement || node.contains(document.activeElement));
  for (let presses = 0; presses <= presses_max; presses++) {
    if (await reached()) {
      const visible = await page.evaluate(() => {
        let node = document.activeElement;
        while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
        return node?.matches(':focus-visible') ?? false;
      });
      if (!visible) throw new Error('the focus is there but cannot be seen');
      return presses;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not reach ${locator}`);
}
