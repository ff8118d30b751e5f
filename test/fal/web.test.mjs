// The page in a real browser, with the simulator as the provider: a model and its options are chosen from what the server says of
// them, reach the provider, and a batch is cancelled after being asked twice. By mouse, by keyboard, and on a phone.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, afterEach, before, test } from 'node:test';

import { accessible, launch, no_sideways_scroll, open, shot, sign_in, tab_to } from '../../web/e2e/browser.mjs';
import { ball } from '../http/support/pictures.mjs';
import { eventually } from '../http/support/stack.mjs';
import { assertPaidOnce, itemsOf, startAccount } from './support/account.mjs';

let account;
let browser;
let picture;
before(async () => {
  const WEB_ROOT = fileURLToPath(new URL('../../web/dist', import.meta.url));
  [account, browser] = await Promise.all([startAccount({ env: { WEB_ROOT, FAL_CONCURRENCY: '1' } }), launch()]);
  picture = join(account.stack.folder, 'ball.png');
  writeFileSync(picture, ball({ side: 200 }));
});
after(async () => {
  await browser?.close();
  await account?.stop();
});
afterEach(async () => {
  await account.sandbox.post('settings', { run_ms: 100 });
});

async function workshop(options) {
  const { user } = account.member;
  const opened = await open(browser, { base_url: account.stack.base, ...options });
  await sign_in(opened.page, account.stack.base, user.email, user.password);
  await opened.page.getByTestId('model').waitFor();
  return opened;
}
const lastJob = async () => (await account.stack.rows('select id from job_history order by created_at desc limit 1'))[0].id;

test('a model and its options are chosen, and are what the provider is sent', async () => {
  const { page, trouble, context } = await workshop();
  const model = page.getByTestId('model');
  assert.match(await model.locator('option:checked').textContent(), /Tripo v2\.5 \(standard\)/);
  assert.ok((await model.locator('option').count()) >= 12);
  await page.getByText('Options', { exact: true }).click();
  assert.equal(await page.getByLabel('Texture', { exact: true }).locator('option:checked').textContent(), 'Standard');

  await model.selectOption('triposr');
  const share = page.getByLabel('Object’s share of the picture');
  assert.equal(await share.inputValue(), '0.9');
  await share.fill('3');
  await page.getByText('Not more than 1.').waitFor();
  await page.getByTestId('picker').setInputFiles(picture);
  await page.getByText('One of the model’s options is not valid.').waitFor();
  assert.ok(await page.getByRole('button', { name: /^Generate/ }).isDisabled());
  await shot(page, 'fal-options-wrong');
  await accessible(page, 'an option that is wrong');
  await share.fill('0.8');
  await page.getByLabel('Remove the background').uncheck();
  await page.getByText('2 changed').waitFor();
  await shot(page, 'fal-options');
  await accessible(page, 'options');
  await page.getByRole('button', { name: /^Generate/ }).click();
  await page.getByTestId('headline').filter({ hasText: 'Your model is ready' }).waitFor({ timeout: 30_000 });
  const [item] = await account.stack.rows(`select model, model_parameters from job_items where job_id = '${await lastJob()}'`);
  assert.equal(item.model, 'triposr');
  assert.deepEqual([item.model_parameters.foreground_ratio, item.model_parameters.do_remove_background], [0.8, false]);
  const [call] = await account.stack.rows(`select endpoint from provider_calls where job_id = '${await lastJob()}'`);
  assert.equal(call.endpoint, 'fal-ai/triposr');
  assert.deepEqual(trouble, []);
  await context.close();
});

test('by keyboard alone', async () => {
  const { page, trouble, context } = await workshop();
  await page.getByTestId('picker').setInputFiles(picture);
  await tab_to(page, page.getByTestId('model'));
  await page.keyboard.type('TripoSR');
  await tab_to(page, page.locator('summary', { hasText: 'Options' }));
  await page.keyboard.press('Enter');
  await tab_to(page, page.getByLabel('Resolution of the mesh'));
  await page.keyboard.press('Control+A');
  await page.keyboard.type('128');
  await tab_to(page, page.getByRole('button', { name: /^Generate/ }));
  await page.keyboard.press('Enter');
  await page.getByTestId('headline').filter({ hasText: 'Your model is ready' }).waitFor({ timeout: 30_000 });
  const [item] = await account.stack.rows(`select model, model_parameters from job_items where job_id = '${await lastJob()}'`);
  assert.deepEqual([item.model, item.model_parameters.mc_resolution], ['triposr', 128]);
  assert.deepEqual(trouble, []);
  await context.close();
});

test('a batch is cancelled, after it was asked whether it shall be; credits come back', async () => {
  await account.sandbox.post('settings', { run_ms: 60_000 });
  const { page, trouble, context } = await workshop();
  await page.getByTestId('picker').setInputFiles([picture]);
  await page.getByRole('button', { name: /^Generate/ }).click();
  await page.getByTestId('cancel').waitFor();
  await eventually(async () => (await account.sandbox.get('requests')).IN_PROGRESS === 1, { what: 'the request being in progress' });
  await page.getByTestId('cancel').click();
  const ask = page.getByTestId('cancel-ask');
  await ask.filter({ hasText: 'Cancel 1 picture?' }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Keep going');
  await shot(page, 'fal-cancel-ask');
  await accessible(page, 'asking');
  await page.keyboard.press('Escape');
  await page.getByTestId('cancel').waitFor();
  assert.equal((await itemsOf(account, await lastJob()))[0].status, 'running', 'nothing was cancelled yet');
  await page.getByTestId('cancel').click();
  await page.getByRole('button', { name: 'Cancel the batch' }).click();
  await page.getByTestId('headline').filter({ hasText: 'This batch was cancelled' }).waitFor({ timeout: 20_000 });
  await page.getByTestId('item').filter({ hasText: 'Cancelled.' }).filter({ hasText: 'returned' }).waitFor();
  assert.match(await page.getByTestId('job-credits').innerText(), /Returned\s*52/);
  await shot(page, 'fal-cancelled');
  await accessible(page, 'cancelled');
  assert.deepEqual(trouble, []);
  await context.close();
  await assertPaidOnce(account);
});

test('on a phone, in the dark, while an answer is lost', async () => {
  await account.sandbox.post('settings', { run_ms: 4000 });
  await account.sandbox.fault('drop_after', { step: 'submit' });
  const { page, trouble, context } = await workshop({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
  await page.getByText('Options', { exact: true }).click();
  await page.getByTestId('picker').setInputFiles(picture);
  assert.equal(await no_sideways_scroll(page), null);
  for (const control of await page.getByTestId('model-picker').locator('select, summary, input').all()) {
    const box = await control.boundingBox();
    assert.ok(box.height >= 24 && box.width >= 24, 'a finger finds it');
  }
  await shot(page, 'fal-phone-options');
  await accessible(page, 'a phone');
  await page.getByRole('button', { name: /^Generate/ }).click();
  await page.getByTestId('state').filter({ hasText: 'answer was lost' }).waitFor({ timeout: 20_000 });
  assert.equal(await no_sideways_scroll(page), null);
  await shot(page, 'fal-phone-unsure');
  await page.getByTestId('headline').filter({ hasText: 'Your model is ready' }).waitFor({ timeout: 30_000 });
  assert.deepEqual(trouble, []);
  await context.close();
  await assertPaidOnce(account);
});
