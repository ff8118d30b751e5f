// Tests side by side on one account: each has a model of its own for a while, and a fault that is planned for that model's
// endpoint, and for what begins with it, meets no other test's picture.
import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../../config/models/', import.meta.url);
export const lanes = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(new URL(name, folder))))
  .filter((model) => model.limits.pictures_min === 1 && !model.limits.picture_px_min)
  .filter((model, _, all) => !all.some((other) => other !== model && other.endpoint.startsWith(model.endpoint)))
  .slice(0, 6);

/** One subtest a case, as many at once as there are lanes: `each(case, model)`. The outer test needs concurrency: lanes.length. */
export async function inLanes(t, cases, each) {
  const free = [...lanes];
  await Promise.all(
    cases.map((one) =>
      t.test(`${Array.isArray(one) ? one[0] : one}`, async () => {
        const lane = free.pop();
        await each(one, lane).finally(() => free.push(lane));
      }),
    ),
  );
}
