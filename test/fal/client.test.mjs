// Our client against the simulator, when all goes well: a batch becomes models, the credits settle, the books agree.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';

import { assertRefused, dataOf, filesOf, get, upload } from '../http/support/client.mjs';
import { ball, realPicture } from '../http/support/pictures.mjs';
import { assertCredits, assertPaidOnce, closed, ended, givenBatch, priceOf, startAccount } from './support/account.mjs';

let account;
let spent = 0;
before(async () => {
  account = await startAccount();
});
beforeEach(() => {
  account.door.open = true;
});
after(() => account?.stop());

async function assertMade(job, count, quality) {
  const done = await ended(account, job);
  assert.equal(done.status, 'succeeded', JSON.stringify(done.items));
  spent += count * priceOf[quality];
  await assertCredits(account, { spent });
  const models = await filesOf(account.stack, account.member.token, job);
  assert.equal(models.length, count);
  for (const model of models) {
    const { body } = await get(account.stack, model.url);
    assert.equal(body.length, model.size);
    assert.equal(body.toString('latin1', 0, 4), 'glTF');
  }
}

test('a batch becomes models: each call is a row with its price, its version and its request', async () => {
  const job = await givenBatch(account, 3);
  await assertMade(job, 3, 'low');
  const calls = await closed(account, job);
  assert.equal(calls.length, 3);
  for (const call of calls) {
    const { provider, model, model_version, endpoint, submission, state, price_microusd, cost_microusd } = call;
    assert.deepEqual(
      { provider, model, model_version, endpoint, submission, state, price_microusd, cost_microusd },
      {
        provider: 'fal',
        model: 'tripo-v2.5',
        model_version: 1,
        endpoint: 'tripo3d/tripo/v2.5/image-to-3d',
        submission: 1,
        state: 'succeeded',
        price_microusd: 300_000,
        cost_microusd: 300_000,
      },
    );
    assert.ok(call.accepted_at && call.ended_at && call.request_id);
  }
  const { charged, booked } = await assertPaidOnce(account);
  assert.equal(booked, charged);
});

test('with all webhooks lost a batch becomes models by polling', async () => {
  account.door.open = false;
  const taken = account.door.taken;
  const job = await givenBatch(account, 2, { quality: 'medium' });
  await assertMade(job, 2, 'medium');
  assert.equal(account.door.taken, taken);
  for (const call of await closed(account, job)) assert.equal(call.hooked_at, null);
});

test('a webhook makes what is polled seldom quick', async () => {
  await account.stack.restart('work', { FAL_POLL_MS: '60000', FAL_POLL_MAX_MS: '60000' });
  const job = await givenBatch(account, 2);
  await assertMade(job, 2, 'low');
  for (const call of await closed(account, job)) assert.notEqual(call.hooked_at, null);
  await account.stack.restart('work');
});

test('the status comes as events too, and what breaks the stream costs a poll', async () => {
  account.door.open = false;
  await account.stack.restart('work', { FAL_STREAM: 'true' });
  await account.sandbox.forgetCalls();
  await account.sandbox.fault('drop_after', { step: 'stream' });
  await account.sandbox.fault('html_502', { step: 'stream', skip: 1 });
  const job = await givenBatch(account, 4);
  await assertMade(job, 4, 'low');
  assert.ok((await account.sandbox.calls('stream')).length >= 4);
  await account.stack.restart('work');
});

test('a model and its parameters are what is sent, and what it costs', async () => {
  const job = await givenBatch(account, 1, { quality: 'low', model: 'tripo-v2.5', parameters: '{"texture":"HD"}' });
  await assertMade(job, 1, 'low');
  const [call] = await closed(account, job);
  assert.equal(call.price_microusd, 400_000);
  const [item] = await account.stack.rows(`select model, model_version, model_parameters from job_items where job_id = '${job}'`);
  assert.deepEqual([item.model, item.model_version, item.model_parameters.texture], ['tripo-v2.5', 1, 'HD']);
  const { charged, booked } = await assertPaidOnce(account);
  assert.equal(booked, charged);
});

const folder = new URL('../../config/models/', import.meta.url);
const catalogue = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(new URL(name, folder))));
const pictures = readdirSync(new URL('../data/pictures/', import.meta.url));
const files = [{ name: 'a.png', bytes: ball({ side: 96 }) }];
for (const [title, fields, words] of [
  ['an unknown model', { model: 'no-such' }, /no model no-such/],
  ['a parameter that the model does not have', { parameters: '{"style":"gold"}' }, /parameters.style/],
  ['a value that is none of its choices', { parameters: '{"texture":"8K"}' }, /one of/],
  ['a value of another type', { parameters: '{"pbr":"yes"}' }, /true or false/],
  ['what is no JSON', { parameters: '{"texture":' }, /JSON object/],
]) {
  test(`${title} is refused, and nothing moves`, async () => {
    const nothingMoved = await account.stack.watch();
    assertRefused(await upload(account.stack, account.member.token, { files, fields }), 422, 'invalid', words);
    await nothingMoved();
  });
}

test('models are served with the schema of their parameters, which is the catalogue\'s', async () => {
  const { default: standard, models } = dataOf(await get(account.stack, '/api/v1/models', account.member.token));
  assert.equal(standard, 'tripo-v2.5');
  for (const model of catalogue) {
    const served = models.find((each) => each.id === model.id);
    assert.deepEqual([served.version, served.name, served.parameters], [model.version, model.name, model.parameters]);
    assert.equal(served.picture.px_min, model.limits.picture_px_min ?? 0);
  }
  assert.equal(models.length, catalogue.length);
});

test('a picture that the model would refuse is rejected before anything is held or paid', async () => {
  const nothingMoved = await account.stack.watch();
  const submits = (await account.sandbox.ledger()).rows.length;
  const answer = await upload(account.stack, account.member.token, { files, fields: { model: 'hunyuan-3.1-rapid' } });
  const errors = assertRefused(answer, 422, 'picture_unreadable', /./);
  assert.match(errors[0].message, /at least 128 by 128/);
  await nothingMoved();
  assert.equal((await account.sandbox.ledger()).rows.length, submits);
});

test('a picture of a format that the model does not read is written anew', async () => {
  const [webp] = pictures.filter((name) => name.endsWith('.webp'));
  const picture = [{ name: webp, bytes: realPicture(webp) }];
  const fields = { quality: 'low', model: 'meshy-v6' };
  await account.sandbox.forgetCalls();
  const { job_id: job } = dataOf(await upload(account.stack, account.member.token, { files: picture, fields }), 202);
  await assertMade(job, 1, 'low');
  const [sent] = await account.sandbox.calls('upload');
  assert.match(sent.path, /picture\.jpeg/);
});

/** Width and height in a JPEG's frame header. */
function sizeOf(jpeg) {
  for (let at = 2; at < jpeg.length; at += 2 + jpeg.readUInt16BE(at + 2)) {
    if ([0xc0, 0xc1, 0xc2].includes(jpeg[at + 1])) return [jpeg.readUInt16BE(at + 7), jpeg.readUInt16BE(at + 5)];
  }
  throw new Error('no frame in it');
}

test('a picture above a model\'s limits is made to fit; one that cannot be is refused before anything is paid', async () => {
  const { stack, sandbox, member } = account;
  const MODELS_DIR = mkdtempSync(join(stack.folder, 'models-'));
  const tripo = catalogue.find(({ id }) => id === 'tripo-v2.5');
  const limited = (id, limits) =>
    writeFileSync(join(MODELS_DIR, `${id}.json`), JSON.stringify({ ...tripo, id, limits: { ...tripo.limits, ...limits } }));
  limited('narrow', { picture_bytes_max: 20_000, picture_px_max: 400 });
  limited('impossible', { picture_bytes_max: 900 });
  for (const role of ['serve', 'work']) await stack.restart(role, { MODELS_DIR });
  const name = 'cc0-teddy-B-alpha.png';
  const picture = realPicture(name);
  assert.ok(picture.length > 200_000);
  const send = async (model) => {
    const files = [{ name, bytes: picture }];
    return dataOf(await upload(stack, member.token, { files, fields: { quality: 'low', model } }), 202).job_id;
  };

  await sandbox.forgetCalls();
  await assertMade(await send('narrow'), 1, 'low');
  const [sent] = await sandbox.calls('upload');
  const arrived = Buffer.from(await (await fetch(`${sandbox.url}${sent.path}`)).arrayBuffer());
  assert.ok(arrived.length <= 20_000, `${arrived.length} bytes`);
  const [width, height] = sizeOf(arrived);
  assert.ok(Math.max(width, height) <= 400 && Math.min(width, height) > 100, `${width} by ${height}`);

  await sandbox.forgetCalls();
  const job = await send('impossible');
  const { items } = await ended(account, job);
  assert.equal(items[0].error.code, 'picture_too_large');
  assert.match(items[0].error.message, /takes pictures up to 900 bytes/);
  assert.deepEqual(await closed(account, job), []);
  for (const step of ['initiate', 'submit']) assert.deepEqual(await sandbox.calls(step), []);
  await assertCredits(account, { spent });
  for (const role of ['serve', 'work']) await stack.restart(role);
});

test('every model of the catalogue makes a model that keeps to its preset', async () => {
  assert.ok(catalogue.length >= 12);
  const jobs = [];
  for (const { id } of catalogue) jobs.push([id, await givenBatch(account, 1, { quality: 'high', model: id }, 160)]);
  for (const [id, job] of jobs) {
    const done = await ended(account, job);
    assert.equal(done.status, 'succeeded', `${id}: ${JSON.stringify(done.items)}`);
    spent += priceOf.high;
  }
  const { charged, booked } = await assertPaidOnce(account);
  assert.equal(booked, charged);
  await assertCredits(account, { spent });
});
