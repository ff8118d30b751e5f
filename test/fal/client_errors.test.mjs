// Every type of error that the vendor documents, and every one that the simulator knows: by its type alone it is decided whether
// the picture ends with words for a person, or is submitted once more after the first has failed for certain.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertPaidOnce, closed, ended, givenBatch, startAccount } from './support/account.mjs';
import { inLanes, lanes } from './support/lanes.mjs';

let account;
before(async () => {
  account = await startAccount({ env: { FAL_FAILURES_MAX: '1000', ATTEMPTS_MAX: '4' } });
});
after(() => account?.stop());

const again = 'again';
const refused = ['provider_refused', /did not accept our request/];
const expected = {
  // of a model
  internal_server_error: again,
  generation_timeout: again,
  downstream_service_error: again,
  downstream_service_unavailable: again,
  content_policy_violation: ['content_rejected', /content rules/],
  no_media_generated: ['no_object_found', /made nothing of this picture/],
  image_load_error: ['picture_unreadable', /could not read this picture/],
  file_download_error: again, // our own upload was not there yet
  face_detection_error: ['no_object_found', /no face/],
  image_too_small: ['picture_unreadable', /too small/],
  image_too_large: ['picture_too_large', /too large/],
  file_too_large: ['file_too_large', /too large/],
  greater_than: refused,
  greater_than_equal: refused,
  less_than: refused,
  less_than_equal: refused,
  multiple_of: refused,
  sequence_too_short: refused,
  sequence_too_long: refused,
  one_of: refused,
  feature_not_supported: refused,
  invalid_archive: refused,
  archive_file_count_below_minimum: refused,
  archive_file_count_exceeds_maximum: refused,
  unsupported_image_format: ['file_type_unsupported', /does not take this kind of picture/],
  // of the platform
  request_timeout: again,
  startup_timeout: again,
  runner_scheduling_failure: again,
  runner_connection_timeout: again,
  runner_disconnected: again,
  runner_connection_refused: again,
  runner_connection_error: again,
  runner_incomplete_response: again,
  runner_server_error: again,
  internal_error: again,
  client_disconnected: ['attempts_exhausted', /stopped working on it/],
  client_cancelled: ['attempts_exhausted', /stopped working on it/],
  bad_request: refused,
};

async function endsWith(type, { id, endpoint }) {
  await account.sandbox.fault(`error:${type}`, { step: 'submit', endpoint });
  const job = await givenBatch(account, 1, { quality: 'low', model: id });
  const { status, items } = await ended(account, job);
  const calls = await closed(account, job);
  const states = calls.map((call) => call.state);
  assert.equal(calls[0].error_type, type);
  if (expected[type] === again) return assert.deepEqual([status, states], ['succeeded', ['failed', 'succeeded']]);
  const [code, words] = expected[type];
  assert.deepEqual([status, states], ['failed', ['failed']]);
  assert.equal(items[0].error.code, code);
  assert.match(items[0].error.message, words);
  assert.doesNotMatch(items[0].error.message, /Input should|Failed to|detail/, 'the provider’s own text is not for the customer');
}

test('every type of error', { concurrency: lanes.length }, async (t) => {
  const { known } = await account.sandbox.get('faults');
  const types = known.map(({ fault }) => fault).filter((fault) => fault.startsWith('error:')).map((fault) => fault.slice(6));
  assert.deepEqual(types.sort(), Object.keys(expected).sort(), 'the table names them all');
  await inLanes(t, types, endsWith);
});

test('nobody paid twice, and the books cover what was charged', async () => {
  await assertPaidOnce(account);
});
