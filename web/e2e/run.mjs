// The page against a running server, in a real browser, from sign-in to a model on the screen and a file on the disk.
//
//   BASE_URL=http://127.0.0.1:8080 EMAIL=… PASSWORD=… PICTURES=a.png,b.jpg,c.webp SHOTS=/tmp/shots npm run e2e
//
// PICTURES: two or more that become models. Two batches are started, so the account needs credits for PICTURES + 1 low ones.
// TIMEOUT_S: how long a batch may take, 300 unless told.
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { basename, parse } from 'node:path';
import { after, before, test } from 'node:test';
import { accessible, difference, drop, launch, look, no_sideways_scroll, open, shot, sign_in, tab_to, viewer_ready } from './browser.mjs';

const env = (name) => {
  if (!process.env[name]) throw new Error(`${name} is not set; see the head of e2e/run.mjs`);
  return process.env[name];
};
const base_url = env('BASE_URL').replace(/\/$/, '');
const email = env('EMAIL');
const password = env('PASSWORD');
const pictures = env('PICTURES').split(',').map((path) => path.trim());
const batch_ms = Number(process.env.TIMEOUT_S ?? 300) * 1000;
const number_in = (text) => Number(/-?[\d,]+/.exec(text)[0].replaceAll(',', ''));

let browser;
let job_url = null;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const available = async (page) => {
  await page.waitForFunction(() => /\d/.test(document.querySelector('[data-testid=credits]')?.textContent ?? ''));
  return number_in(await page.getByTestId('credits').textContent());
};
const all_over = (page) =>
  page.waitForFunction(
    () => {
      const items = [...document.querySelectorAll('[data-testid=item]')];
      return items.length > 0 && items.every((item) => ['succeeded', 'failed', 'cancelled'].includes(item.dataset.status));
    },
    null,
    { timeout: batch_ms },
  );

test('a batch goes from pictures to models', async (t) => {
  const { page, trouble, context } = await open(browser, { base_url, expected: ['/auth/login'] });
  let broken = false;
  // Each step stands on the one before: after a failure the rest is skipped instead of waiting for what cannot come.
  const step = (name, work) =>
    t.test(name, async (own) => {
      if (broken) return own.skip('an earlier step failed');
      broken = true;
      await work();
      broken = false;
    });
  let before_credits = 0;
  let total = 0;

  await step('the server sends the policy the build computed', async () => {
    const response = await page.goto(base_url);
    const policy = readFileSync(new URL('../dist/csp.txt', import.meta.url), 'utf8').trim();
    assert.equal(response.headers()['content-security-policy'], policy);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await shot(page, 'desktop-light-sign-in');
    await accessible(page, 'desktop-light-sign-in');
    await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
    await shot(page, 'desktop-dark-sign-in');
    await accessible(page, 'desktop-dark-sign-in');
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  });

  await step('a wrong password is said so, and nothing else is lost', async () => {
    await page.getByLabel('E-mail').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(`${password} not`);
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'do not match' }).waitFor();
    assert.equal(await page.getByLabel('E-mail').inputValue(), email);
    assert.equal(await page.getByLabel('Password', { exact: true }).getAttribute('aria-invalid'), 'true');
    assert.equal(await page.getByLabel('Password', { exact: true }).getAttribute('autocomplete'), 'current-password');
  });

  await step('the right one opens the workshop', async () => {
    await sign_in(page, base_url, email, password);
    before_credits = await available(page);
    assert.ok(await page.getByRole('button', { name: /^Generate/ }).isDisabled());
    await page.getByText('Add a picture to begin.').waitFor();
    await shot(page, 'desktop-light-empty');
    await accessible(page, 'desktop-light-empty');
  });

  await step('pictures come by picker and by drop; the others are left out with a reason', async () => {
    await page.getByTestId('picker').setInputFiles(pictures[0]);
    await page.getByTestId('tile').first().waitFor();
    await drop(page, [
      ...pictures.slice(1).map((path) => ({ name: basename(path), bytes: readFileSync(path) })),
      { name: 'notes.png', bytes: Buffer.from('These are notes, whatever the name says.') },
      { name: 'empty.jpg', bytes: Buffer.alloc(0) },
      { name: 'twin.png', bytes: readFileSync(pictures[0]) },
    ]);
    const left_out = page.getByTestId('left-out');
    await left_out.filter({ hasText: 'twin.png' }).waitFor();
    const text = await left_out.innerText();
    assert.match(text, /3 files are left out/);
    assert.match(text, /notes\.png It is not a picture/);
    assert.match(text, /empty\.jpg The file is empty/);
    assert.match(text, /twin\.png The same picture/);
    await page.waitForFunction((n) => document.querySelectorAll('[data-testid=tile] img').length === n, pictures.length);
    await shot(page, 'desktop-light-left-out');
    await accessible(page, 'desktop-light-left-out');
  });

  await step('removing can be undone', async () => {
    await page.getByRole('button', { name: `Remove ${basename(pictures[0])}` }).click();
    assert.equal(await page.getByTestId('tile').count(), pictures.length - 1);
    await page.getByRole('button', { name: 'Undo' }).click();
    assert.equal(await page.getByTestId('tile').count(), pictures.length);
    assert.match(await page.getByTestId('tile').first().innerText(), new RegExp(parse(pictures[0]).name));
    await page.getByTestId('left-out').filter({ hasText: 'twin.png' }).waitFor();
    for (const name of ['notes.png', 'empty.jpg', 'twin.png']) await page.getByRole('button', { name: `Dismiss ${name}` }).click();
    await page.getByRole('button', { name: 'Clear all' }).click();
    assert.equal(await page.getByTestId('tile').count(), 0);
    await page.keyboard.press('Control+z');
    assert.equal(await page.getByTestId('tile').count(), pictures.length);
    assert.deepEqual(
      await page.getByTestId('tile').locator('.name').allTextContents(),
      pictures.map((path) => basename(path)),
    );
  });

  await step('the price is the sum, before anything starts', async () => {
    for (const quality of ['High', 'Low', 'Medium']) {
      await page.getByRole('radio', { name: quality }).check();
      const each = number_in(await page.locator('label', { has: page.getByRole('radio', { name: quality }) }).locator('.terms').innerText());
      total = number_in(await page.getByTestId('total').textContent());
      assert.equal(total, each * pictures.length);
      assert.equal(number_in(await page.getByTestId('left').textContent()), Math.abs(before_credits - total));
    }
    const count = pictures.length === 1 ? '1 model' : `${pictures.length} models`;
    await page.getByRole('button', { name: `Generate ${count} for ${total.toLocaleString('en-US')} credits` }).waitFor();
    await shot(page, 'desktop-light-ready');
    await accessible(page, 'desktop-light-ready');
    await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
    await shot(page, 'desktop-dark-ready');
    await accessible(page, 'desktop-dark-ready');
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  });

  await step('each picture shows its own progress', async () => {
    await page.evaluate(() => {
      window.seen_states = new Set();
      new MutationObserver(() => {
        for (const node of document.querySelectorAll('[data-testid=state]')) window.seen_states.add(node.textContent.replace(/\s*\d+%/, '').trim());
      }).observe(document.body, { subtree: true, childList: true, characterData: true });
    });
    await page.getByRole('button', { name: /^Generate/ }).click();
    await page.getByTestId('item').first().waitFor({ timeout: 60_000 });
    assert.match(page.url(), /#\/jobs\/[\w-]+$/);
    job_url = page.url();
    assert.equal(await page.getByTestId('item').count(), pictures.length);
    await page.locator('[data-testid=item][data-status=running]').first().waitFor({ timeout: batch_ms }).catch(() => {});
    await shot(page, 'desktop-light-running');
    await accessible(page, 'desktop-light-running');
    await all_over(page);
    const states = await page.evaluate(() => [...window.seen_states]);
    assert.ok(states.length > 0, 'no state was ever shown');
    t.diagnostic(`states seen: ${states.join(', ')}`);
  });

  await step('every model is on the screen, seen with eyes', async () => {
    await page.getByTestId('headline').filter({ hasText: /ready/ }).waitFor();
    const viewers = page.locator('model-viewer');
    for (let i = 0; i < pictures.length; i++) {
      await page.getByTestId('item').nth(i).scrollIntoViewIfNeeded();
      await viewers.nth(i).waitFor({ timeout: 60_000 });
      await viewer_ready(viewers.nth(i));
      const seen = await look(viewers.nth(i));
      t.diagnostic(`${basename(pictures[i])}: ${(seen.share * 100).toFixed(1)} % of the picture, variance ${seen.variance.toFixed(0)}`);
      assert.ok(seen.share > 0.04 && seen.share < 0.9, `the model fills ${seen.share} of its viewport`);
      assert.ok(seen.variance > 60, `the model has no shading or texture (variance ${seen.variance})`);
      assert.equal(await viewers.nth(i).evaluate((node) => node.autoRotate), false, 'it turns although motion is reduced');
    }
    // The eyes themselves: with the model hidden there must be nothing to see.
    await viewers.first().evaluate((node) => (node.style.visibility = 'hidden'));
    const nothing = await look(page.locator('.stage').first());
    assert.ok(nothing.share < 0.01, `something is seen where nothing is (${nothing.share})`);
    await viewers.first().evaluate((node) => (node.style.visibility = ''));
    await page.evaluate(() => window.scrollTo(0, 0));
    await shot(page, 'desktop-light-results');
    await accessible(page, 'desktop-light-results');
    await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
    await shot(page, 'desktop-dark-results');
    await accessible(page, 'desktop-dark-results');
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  });

  await step('the arrow keys turn a model', async () => {
    const viewer = page.locator('model-viewer').first();
    const front = await look(viewer);
    const orbit = () => viewer.evaluate((node) => node.getCameraOrbit().theta);
    const theta = await orbit();
    await page.evaluate(() => document.querySelector('#main').focus());
    await tab_to(page, viewer);
    for (let i = 0; i < 8; i++) await page.keyboard.press('ArrowRight');
    await page.waitForTimeout(1200);
    assert.notEqual(await orbit(), theta);
    t.diagnostic(`turning changed ${(difference(front, await look(viewer)) * 100).toFixed(1)} % of the pixels`);
  });

  await step('downloads are whole models under the pictures\u2019 names', async () => {
    for (const path of pictures) {
      const name = `${parse(path).name}.glb`;
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: `Download ${name}` }).click(),
      ]);
      assert.equal(download.suggestedFilename(), name);
      check_glb(await download.path());
    }
  });

  await step('all of them come with one click', async () => {
    const names = [];
    page.on('download', (download) => names.push(download.suggestedFilename()));
    await page.getByRole('button', { name: /^Download (all|the)/ }).click();
    await page.getByText(/models? downloaded$/).first().waitFor({ timeout: 60_000 });
    await page.waitForTimeout(500);
    assert.deepEqual(names.sort(), pictures.map((path) => `${parse(path).name}.glb`).sort());
  });

  await step('the credits on the page are the credits spent', async () => {
    const text = await page.getByTestId('job-credits').innerText();
    assert.equal(number_in(/Spent\s*([\d,]+)/.exec(text)[1]), total);
    await page.waitForFunction(
      (wanted) => Number(/[\d,]+/.exec(document.querySelector('[data-testid=credits]').textContent)[0].replaceAll(',', '')) === wanted,
      before_credits - total,
      { timeout: 15_000 },
    );
  });

  await step('a reload finds the batch again, and so does the list of earlier ones', async () => {
    await page.reload();
    await page.getByTestId('headline').filter({ hasText: /ready/ }).waitFor();
    assert.equal(await page.getByTestId('item').count(), pictures.length);
    await page.getByRole('link', { name: 'New batch', exact: true }).first().click();
    await page.getByRole('heading', { name: 'Earlier batches in this browser' }).waitFor();
    await shot(page, 'desktop-light-history');
    await accessible(page, 'desktop-light-history');
    await page.getByRole('link', { name: new RegExp(parse(pictures[0]).name) }).first().click();
    await page.getByTestId('headline').filter({ hasText: /ready/ }).waitFor();
  });

  await step('signing out leaves nothing behind', async () => {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    const thumbs = await page.evaluate(
      () =>
        new Promise((resolve) => {
          const request = indexedDB.open('image2model');
          request.onsuccess = () => {
            const count = request.result.transaction('thumbs').objectStore('thumbs').count();
            count.onsuccess = () => resolve(count.result);
          };
        }),
    );
    assert.equal(thumbs, 0);
  });

  assert.deepEqual(trouble, []);
  await context.close();
});

test('it works without a mouse', async (t) => {
  const { page, trouble, context } = await open(browser, { base_url });
  const key = (name) => page.keyboard.press(name);
  await page.goto(base_url);
  await tab_to(page, page.getByLabel('E-mail'));
  await page.keyboard.type(email);
  await tab_to(page, page.getByLabel('Password', { exact: true }));
  await page.keyboard.type(password);
  await tab_to(page, page.getByRole('button', { name: 'Sign in' }));
  await key('Enter');
  await page.getByRole('radio').first().waitFor();

  await tab_to(page, page.getByRole('button', { name: 'Choose pictures' }));
  // Playwright switches the chooser's interception on behind the listener's back; give it the time.
  const chosen = new Promise((resolve) => page.once('filechooser', resolve));
  await page.waitForTimeout(300);
  await key('Enter');
  await (await chosen).setFiles(pictures.slice(0, 2));
  await page.waitForFunction(() => document.querySelectorAll('[data-testid=tile] img').length === 2);

  await tab_to(page, page.getByRole('button', { name: `Remove ${basename(pictures[1])}` }));
  await key('Space');
  assert.equal(await page.getByTestId('tile').count(), 1);
  assert.notEqual(await page.evaluate(() => document.activeElement?.tagName), 'BODY', 'the focus fell off the page');

  const medium = page.getByRole('radio', { name: 'Medium' });
  await tab_to(page, medium);
  await key('ArrowUp');
  assert.ok(await page.getByRole('radio', { name: 'Low' }).isChecked());
  await tab_to(page, page.getByRole('button', { name: /^Generate 1 model for/ }));
  await key('Enter');
  await page.getByTestId('item').first().waitFor();
  await all_over(page);

  const viewer = page.locator('model-viewer').first();
  await viewer.waitFor({ timeout: 60_000 });
  await viewer_ready(viewer);
  await page.evaluate(() => document.querySelector('#main').focus());
  t.diagnostic(`Tab reaches the model after ${await tab_to(page, viewer)} presses`);
  const link = page.getByRole('link', { name: /^Download .*\.glb$/ });
  await tab_to(page, link);
  const [download] = await Promise.all([page.waitForEvent('download'), key('Enter')]);
  check_glb(await download.path());
  await page.evaluate(() => document.activeElement.blur());
  await tab_to(page, page.getByRole('button', { name: 'Sign out' }));
  await key('Space');
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.deepEqual(trouble, []);
  await context.close();
});

test('it fits a phone', async () => {
  const { page, trouble, context } = await open(browser, {
    base_url, viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2,
  });
  const fits = async (where) => {
    for (const width of [390, 360]) {
      await page.setViewportSize({ width, height: 844 });
      assert.equal(await no_sideways_scroll(page), null, `${where} at ${width}px`);
    }
    await page.setViewportSize({ width: 390, height: 844 });
  };
  await page.goto(base_url);
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await fits('sign-in');
  await shot(page, 'phone-sign-in');
  await sign_in(page, base_url, email, password);
  await fits('empty');
  await shot(page, 'phone-empty');
  await page.getByTestId('picker').setInputFiles(pictures);
  await page.waitForFunction((n) => document.querySelectorAll('[data-testid=tile] img').length === n, pictures.length);
  await fits('ready');
  await shot(page, 'phone-ready');
  await accessible(page, 'phone-ready');
  if (job_url) {
    await page.evaluate((hash) => (location.hash = hash), new URL(job_url).hash);
    await page.getByTestId('headline').filter({ hasText: /ready/ }).waitFor();
    const viewer = page.locator('model-viewer').first();
    await viewer.waitFor({ timeout: 60_000 });
    await viewer_ready(viewer);
    await fits('results');
    await shot(page, 'phone-results');
    await accessible(page, 'phone-results');
  }
  assert.deepEqual(trouble, []);
  await context.close();
});

function check_glb(path) {
  const bytes = readFileSync(path);
  assert.equal(bytes.subarray(0, 4).toString('latin1'), 'glTF');
  assert.equal(bytes.readUInt32LE(4), 2);
  assert.equal(bytes.readUInt32LE(8), statSync(path).size);
}
