// `npm run e2e:mock`: everything in run.mjs against the mock server, and what only a mock can be asked to do:
// failing pictures, cut streams, lost connections, sessions that end, balances spent by somebody else.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { start_mock } from '../test/mock-server.mjs';
import { picture } from '../test/shapes.mjs';
import { accessible, drop, launch, look, no_sideways_scroll, open, shot, sign_in, viewer_ready } from './browser.mjs';

if (!existsSync(new URL('../dist/csp.txt', import.meta.url))) {
  console.error('e2e:mock: dist/ is not built; run `npm run build` first');
  process.exit(1);
}

const mock = await start_mock({ step_ms: 220 });
const base_url = mock.url;
const password = 'correct horse';
const folder = mkdtempSync(join(tmpdir(), 'i2m-pictures-'));
const made = (name) => {
  const path = join(folder, name);
  writeFileSync(path, picture(name));
  return path;
};
process.env.BASE_URL = base_url;
process.env.EMAIL = 'demo@studio.example';
process.env.PASSWORD = password;
process.env.PICTURES = ['vase.png', 'bottle.png', 'pawn.png'].map(made).join(',');
await import('./run.mjs');

let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await mock.close();
  rmSync(folder, { recursive: true, force: true });
});

const generate = (page) => page.getByRole('button', { name: /^Generate/ });
async function workshop(options, who = 'demo') {
  mock.world.offline_until = 0; // a test that failed must not take the next ones with it
  const opened = await open(browser, { base_url, ...options });
  await sign_in(opened.page, base_url, `${who}@studio.example`, password);
  return opened;
}
async function choose(page, names) {
  await page.getByTestId('picker').setInputFiles(names.map(made));
  await page.waitForFunction((n) => document.querySelectorAll('[data-testid=tile] img').length === n, names.length);
}
const headline = (page, text) => page.getByTestId('headline').filter({ hasText: text }).waitFor({ timeout: 60_000 });

test('a partly failed batch says which, why, and what came back', async () => {
  const { page, trouble, context } = await workshop({ expected: ['/events'] });
  await choose(page, ['vase.png', 'fail-bottle.png', 'reject-pawn.png', 'cut-lamp.png']);
  await generate(page).click();
  await headline(page, '2 of 3 models ready');
  const failed = page.getByTestId('item').filter({ hasText: 'fail-bottle' });
  await failed.getByText('could not be brought under 5,000 triangles').waitFor();
  await failed.getByText('52 credits returned').waitFor();
  await page.getByTestId('rejected').getByText('cut off at the edge').waitFor();
  const money = await page.getByTestId('job-credits').innerText();
  assert.match(money, /Spent\s+104[\s\S]*Returned\s+52/);
  for (const viewer of await page.locator('model-viewer').all()) {
    await viewer_ready(viewer);
    assert.ok((await look(viewer)).share > 0.04);
  }
  await page.evaluate(() => window.scrollTo(0, 0));
  await shot(page, 'desktop-light-partial');
  await accessible(page, 'desktop-light-partial');
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  await shot(page, 'desktop-dark-partial');
  await accessible(page, 'desktop-dark-partial');
  await page.setViewportSize({ width: 390, height: 844 });
  assert.equal(await no_sideways_scroll(page), null);
  await shot(page, 'phone-dark-partial');
  // The stream was cut on purpose; the page came back and said how far it had got.
  const streams = mock.world.log.filter((entry) => entry.path.endsWith('/events'));
  assert.ok(streams.some((entry) => Number(entry.headers['last-event-id']) > 0), 'no reconnect with Last-Event-ID');
  await page.reload();
  await page.getByTestId('rejected').getByText('cut off at the edge').waitFor();
  assert.deepEqual(trouble, []);
  await context.close();
});

test('a batch in which nothing came out is not called a success', async () => {
  const { page, trouble, context } = await workshop();
  await choose(page, ['fail-1.png', 'fail-2.png']);
  await generate(page).click();
  await headline(page, 'No model was made');
  assert.equal(await page.getByText('credits returned').count(), 2);
  assert.equal(await page.getByRole('button', { name: /^Download/ }).count(), 0);
  assert.match(await page.getByTestId('job-credits').innerText(), /Spent\s+0\s+Returned\s+104/);
  await page.reload();
  await headline(page, 'No model was made');
  assert.deepEqual(trouble, []);
  await context.close();
});

test('too few credits: the button is off and the reason stands beside it', async () => {
  const { page, context } = await workshop({}, 'poor');
  await choose(page, ['vase.png', 'pawn.png']);
  assert.ok(await generate(page).isDisabled());
  await page.getByText('44 credits short. Yours pay for 1 model of this quality.').waitFor();
  await shot(page, 'desktop-light-short');
  await accessible(page, 'desktop-light-short');
  await page.getByRole('button', { name: 'Remove pawn.png' }).click();
  assert.ok(await generate(page).isEnabled());
  await context.close();
});

test('credits spent by somebody else meanwhile: the server says no, the pictures stay', async () => {
  const { page, context } = await workshop({ expected: ['/upload/batch'] }, 'race');
  await choose(page, ['vase.png']);
  await generate(page).click();
  await page.getByRole('alert').filter({ hasText: 'not enough credits' }).waitFor();
  assert.equal(await page.getByTestId('tile').count(), 1);
  await context.close();
});

test('the sign-in says what is wrong', async () => {
  const { page, context } = await open(browser, { base_url, expected: ['/auth/login'] });
  await page.goto(base_url);
  for (const [who, words] of [['off', 'switched off'], ['many', 'in 30 seconds']]) {
    await page.getByLabel('E-mail').fill(`${who}@studio.example`);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').filter({ hasText: words }).waitFor();
  }
  mock.go_offline(1500);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').filter({ hasText: 'cannot be reached' }).waitFor();
  await page.waitForTimeout(1600);
  await context.close();
});

test('a session that ends keeps the work', async () => {
  const { page, trouble, context } = await workshop({}, 'short');
  await choose(page, ['vase.png', 'lamp.png']);
  await page.getByText('Your session has ended.').waitFor({ timeout: 15_000 });
  await page.getByText('Your 2 pictures are still here').waitFor();
  await shot(page, 'desktop-light-ended');
  await accessible(page, 'desktop-light-ended');
  assert.equal(await page.getByLabel('E-mail').inputValue(), 'short@studio.example');
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('[data-testid=tile] img').length === 2);
  // Once more, while a batch runs: signing in again goes on following it.
  await generate(page).click();
  await page.getByTestId('item').first().waitFor();
  await page.getByText('Your session has ended.').waitFor({ timeout: 15_000 });
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.keyboard.press('Enter');
  await headline(page, '2 models, ready');
  assert.deepEqual(trouble, []);
  await context.close();
});

test('somebody else who signs in does not find the work', async () => {
  const { page, context } = await workshop({}, 'short');
  await choose(page, ['vase.png']);
  await page.getByText('Your session has ended.').waitFor({ timeout: 15_000 });
  await sign_in(page, base_url, 'poor@studio.example', password);
  assert.equal(await page.getByTestId('tile').count(), 0);
  await context.close();
});

test('a lost connection is said quietly, and the page recovers by itself', async () => {
  const { page, trouble, context } = await workshop({ expected: ['/api/'] });
  await choose(page, ['slow-vase.png']);
  await generate(page).click();
  await page.locator('[data-testid=item][data-status=running]').waitFor();
  await page.setViewportSize({ width: 390, height: 844 });
  assert.equal(await no_sideways_scroll(page), null);
  await shot(page, 'phone-running');
  await page.setViewportSize({ width: 1360, height: 900 });
  mock.go_offline(3500);
  await page.getByTestId('banner').filter({ hasText: 'Connection lost' }).waitFor({ timeout: 15_000 });
  await shot(page, 'desktop-light-lost');
  await accessible(page, 'desktop-light-lost');
  await page.getByTestId('banner').waitFor({ state: 'detached', timeout: 20_000 });
  await headline(page, 'Your model is ready');
  assert.deepEqual(trouble, []);
  await context.close();
});

test('an upload can be stopped, and a repeated one is the same batch', async () => {
  const { page, context } = await workshop({ expected: ['/upload/batch'] });
  const noise = Buffer.concat([picture('vase.png'), Buffer.alloc(6_000_000, 7)]); // a PNG may be followed by anything
  await drop(page, [{ name: 'large-vase.png', bytes: noise }]);
  await page.waitForFunction(() => document.querySelectorAll('[data-testid=tile] img').length === 1);
  const network = await context.newCDPSession(page);
  await network.send('Network.enable');
  await network.send('Network.emulateNetworkConditions', { offline: false, latency: 20, downloadThroughput: -1, uploadThroughput: 900_000 });
  await generate(page).click();
  await page.getByTestId('sending').getByText(/[\d.]+ (KB|MB) of 5\.8 MB/).waitFor();
  await page.waitForTimeout(700);
  const share = Number(await page.getByRole('progressbar', { name: 'Upload' }).getAttribute('aria-valuenow'));
  assert.ok(share > 0 && share < 100, `upload progress ${share}`);
  await shot(page, 'desktop-light-sending');
  await accessible(page, 'desktop-light-sending');
  await page.getByRole('button', { name: 'Stop the upload' }).click();
  await page.getByRole('alert').filter({ hasText: 'Upload stopped' }).waitFor();
  await network.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });

  mock.world.log.length = 0;
  mock.go_offline(1200);
  await generate(page).click();
  await page.getByRole('alert').filter({ hasText: 'never charged twice' }).waitFor();
  await page.waitForTimeout(1300);
  const tries = new Set();
  page.on('request', (request) => request.url().endsWith('/upload/batch') && tries.add(request.headers()['idempotency-key']));
  // The answer is lost, not the request: the second try must get the first one's job.
  const jobs = mock.world.jobs.size;
  await page.route('**/upload/batch', async (route) => {
    await route.fetch();
    await route.abort('connectionreset');
    await page.unroute('**/upload/batch');
  });
  await generate(page).click();
  await page.getByRole('alert').filter({ hasText: 'never charged twice' }).waitFor();
  await generate(page).click();
  await headline(page, 'Your model is ready');
  assert.equal(tries.size, 1);
  assert.equal(mock.world.jobs.size, jobs + 1);
  await context.close();
});

test('too many and too large files are left out, and move up when there is room', async () => {
  const { page, context } = await workshop();
  const files = Array.from({ length: 27 }, (_, i) => ({ name: `vase-${i}.png`, bytes: Buffer.concat([picture('vase.png', 40), Buffer.from([i])]) }));
  await drop(page, [{ name: 'huge.png', bytes: Buffer.concat([picture('vase.png', 40), Buffer.alloc(10_485_760)]) }, ...files]);
  await page.getByText('3 files are left out').waitFor({ timeout: 20_000 });
  assert.equal(await page.getByTestId('tile').count(), 25);
  await page.getByText(/huge\.png It has 10\.0 MB|huge\.png It has 10 MB/).waitFor();
  await shot(page, 'desktop-light-many');
  await page.getByRole('button', { name: 'Remove vase-3.png' }).click();
  await page.getByText('2 files are left out').waitFor();
  assert.equal(await page.getByTestId('tile').count(), 25);
  await context.close();
});

test('pictures come from the clipboard', async () => {
  const { page, context } = await workshop();
  await page.evaluate((base64) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], 'image.png', { type: 'image/png' }));
    document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true }));
  }, readFileSync(made('vase.png')).toString('base64'));
  await page.getByTestId('tile').filter({ hasText: 'pasted-1.png' }).waitFor();
  await context.close();
});

test('a batch of somebody else is not here', async () => {
  const { page, context } = await workshop({ expected: ['/events'] });
  await page.evaluate(() => (location.hash = '#/jobs/00000000-0000-4000-8000-000000000000'));
  await page.getByRole('heading', { name: 'This batch is not here' }).waitFor();
  await context.close();
});

test('the models turn, and stop turning, when motion is welcome', async () => {
  const { page, trouble, context } = await workshop({ reducedMotion: 'no-preference' });
  await choose(page, ['pawn.png']);
  await generate(page).click();
  const viewer = page.locator('model-viewer');
  await viewer.waitFor({ timeout: 60_000 });
  assert.equal(await viewer.evaluate((node) => node.autoRotate), true);
  await page.getByRole('switch', { name: 'Turntable' }).uncheck();
  assert.equal(await viewer.evaluate((node) => node.autoRotate), false);
  assert.deepEqual(trouble, []);
  await context.close();
});
