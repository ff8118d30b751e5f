import { describe, expect, it } from 'vitest';
import { unwrap, ApiError } from '../src/lib/api';
import { history_max, load_history, remember, save_history, type PastBatch } from '../src/lib/history';
import { distinct, match_sent, model_name } from '../src/lib/names';
import { bytes_words, dollars, duration_words, item_words, plural, reason_words, stage_words } from '../src/lib/words';

describe('names', () => {
  it('of models are the names of their pictures', () => {
    expect(model_name('chair.oak.v2.jpeg')).toBe('chair.oak.v2.glb');
    expect(model_name('C:\\shots\\Stuhl grün.png')).toBe('Stuhl grün.glb');
    expect(model_name('README')).toBe('README.glb');
    expect(model_name('.png')).toBe('.png.glb');
  });
  it('are made distinct before they are sent', () => {
    expect(distinct(['a.png', 'A.png', 'a.png', 'a (2).png', 'b'])).toEqual(['a.png', 'A (2).png', 'a (3).png', 'a (2) (2).png', 'b']);
  });
  it('match the answer to what was sent, even if the server cleans them', () => {
    const named = (...names: string[]): { file_name: string }[] => names.map((file_name) => ({ file_name }));
    expect(match_sent(named('c.png', 'a.png'), ['a.png', 'b.png', 'c.png'], ['b.png'])).toEqual([2, 0]);
    expect(match_sent(named('a_.png', 'c.png'), ['a?.png', 'b.png', 'c.png'], ['b.png'])).toEqual([0, 2]);
    expect(match_sent(named('x.png'), ['a.png', 'b.png'], [])).toEqual([null]);
  });
});

describe('words', () => {
  it('for sizes, money and time', () => {
    expect([0, 1, 900, 4300, 54_000, 10_485_760, 11_000_000].map(bytes_words)).toEqual(['0 bytes', '1 byte', '900 bytes', '4.2 KB', '53 KB', '10 MB', '10.5 MB']);
    expect(dollars(156)).toBe('$1.56');
    expect(plural(1, 'model')).toBe('1 model');
    expect(plural(1234, 'model')).toBe('1,234 models');
    expect([900, 61_000, 3_700_000].map(duration_words)).toEqual(['0 s', '1 min 1 s', '1 h 1 min']);
  });
  it('for stages, known and unknown', () => {
    expect(stage_words('texture')).toBe('Painting the texture');
    expect(stage_words('quad_remesh')).toBe('Quad remesh');
    expect(item_words({ item_id: '', file_name: '', status: 'running', stage: null, progress: null, error: null })).toBe('Working');
  });
  it('for reasons: the server first, then the code', () => {
    expect(reason_words({ code: 'x', message: 'Too dark' })).toBe('Too dark.');
    expect(reason_words({ code: 'contract_missed', message: '' })).toMatch(/quality/);
    expect(reason_words({ code: 'odd_thing', message: '' })).toBe('Odd thing.');
    expect(reason_words(null)).toBe('No reason was given.');
  });
});

describe('the envelope', () => {
  it('gives the data of a success', () => {
    expect(unwrap(200, '{"status":"success","data":{"a":1},"message":"","errors":[]}', null)).toEqual({ a: 1 });
  });
  it('turns everything else into an error with the code', () => {
    const caught = (http: number, text: string, retry: string | null = null): ApiError => {
      try {
        unwrap(http, text, retry);
      } catch (error) {
        return error as ApiError;
      }
      throw new Error('nothing was thrown');
    };
    expect(caught(402, '{"status":"error","errors":[{"code":"insufficient_credits","message":"no"}]}')).toMatchObject({ http: 402, code: 'insufficient_credits', message: 'no' });
    expect(caught(429, '{}', '30').retry_after_s).toBe(30);
    expect(caught(502, '<html>Bad gateway</html>')).toMatchObject({ http: 502, code: 'http_502' });
    expect(caught(200, 'not json')).toMatchObject({ http: 200 });
    expect(caught(500, 'null')).toMatchObject({ http: 500 });
  });
});

describe('the list of earlier batches', () => {
  const batch = (job_id: string, at: number): PastBatch => ({ job_id, at, count: 1, quality: 'low', title: '', credits_each: 35, rejected: [], outcome: null });
  const memory = (): Pick<Storage, 'getItem' | 'setItem'> => {
    const map = new Map<string, string>();
    return { getItem: (key) => map.get(key) ?? null, setItem: (key, value) => void map.set(key, value) };
  };
  it('keeps the newest twenty, each once', () => {
    let batches: PastBatch[] = [];
    for (let i = 0; i < 30; i++) batches = remember(batches, batch(`j${i}`, i));
    batches = remember(batches, { ...batch('j15', 15), outcome: 'partial' });
    expect(batches).toHaveLength(history_max);
    expect(batches[0]?.job_id).toBe('j29');
    expect(batches.filter((one) => one.job_id === 'j15')).toEqual([{ ...batch('j15', 15), outcome: 'partial' }]);
  });
  it('belongs to one person and survives rubbish', () => {
    const store = memory();
    save_history(store, 'ann', [batch('j', 1)]);
    expect(load_history(store, 'ann')).toHaveLength(1);
    expect(load_history(store, 'bob')).toEqual([]);
    for (const rubbish of ['{', '7', '[null, {"job_id": 3}, {"job_id": "k", "at": 2}]']) {
      store.setItem('i2m.batches.ann', rubbish);
      expect(load_history(store, 'ann').length).toBeLessThanOrEqual(1);
    }
  });
});
