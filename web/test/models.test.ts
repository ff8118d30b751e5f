import { describe, expect, it } from 'vitest';
import { item_of } from '../src/lib/model';
import { bounds_words, changed_of, choice_words, fault_of, fields_of, label_of, models_of, standards_of, type Field, type Model } from '../src/lib/models';
import { item_words } from '../src/lib/words';

const schema = {
  type: 'object',
  properties: {
    texture: { title: 'Texture', type: 'string', enum: ['no', 'standard', 'HD'], default: 'standard' },
    texture_size: { type: 'integer', enum: [512, 1024], default: 1024 },
    pbr: { type: 'boolean', default: false },
    guidance: { type: 'number', minimum: 0, maximum: 10, default: 7.5 },
    steps: { type: 'integer', minimum: 1, default: 12 },
    box: { type: 'array', default: [] },
  },
};
const model: Model = { id: 'm', name: 'M', px_min: 0, fields: fields_of(schema) };
const field = (name: string): Field => {
  const found = model.fields.find((each) => each.name === name);
  if (!found) throw new Error(name);
  return found;
};

describe('the form of a model', () => {
  it('has a control for each parameter that one can show, in the order of the schema', () => {
    expect(model.fields.map(({ name, kind }) => [name, kind])).toEqual([
      ['texture', 'choice'],
      ['texture_size', 'choice'],
      ['pbr', 'switch'],
      ['guidance', 'number'],
      ['steps', 'number'],
    ]);
    expect(field('texture').label).toBe('Texture');
    expect(field('texture_size').label).toBe('Texture size');
    expect(field('guidance').whole).toBe(false);
  });
  it('begins with the defaults, and sends what differs from them, with its own type', () => {
    const values = standards_of(model);
    expect(values).toEqual({ texture: 'standard', texture_size: 1024, pbr: false, guidance: 7.5, steps: 12 });
    expect(changed_of(model, values)).toEqual({});
    expect(changed_of(model, { ...values, texture_size: 512, pbr: true, unknown: 1 })).toEqual({ texture_size: 512, pbr: true });
  });
  it('says what is wrong with a number', () => {
    expect(fault_of(field('guidance'), 10)).toBeNull();
    expect(fault_of(field('guidance'), 10.1)).toBe('Not more than 10.');
    expect(fault_of(field('guidance'), -0.1)).toBe('Not less than 0.');
    expect(fault_of(field('guidance'), Number.NaN)).toBe('Give a number.');
    expect(fault_of(field('steps'), 1.5)).toBe('Give a whole number.');
    expect(fault_of(field('steps'), 100_000)).toBeNull();
    expect([field('guidance'), field('steps'), field('pbr')].map(bounds_words)).toEqual(['0 to 10', 'at least 1', '']);
  });
  it('has words for what has none', () => {
    expect(label_of('ss_guidance-strength')).toBe('Ss guidance strength');
    expect(['', 'a-pose', 512, 'HD'].map(choice_words)).toEqual(['None', 'A pose', '512', 'HD']);
  });
});

describe('the models', () => {
  const wire = (id: string, pictures_min = 1): object => ({ id, name: '', version: 1, pictures_min, pictures_max: 4, picture: null, parameters: null });
  it('are those that are made of one picture; the standard is one of them', () => {
    const models = models_of({ default: 'b', models: [wire('a', 2), wire('b'), wire('c'), null] });
    expect(models.models.map(({ id, name }) => [id, name])).toEqual([['b', 'b'], ['c', 'c']]);
    expect(models.standard).toBe('b');
    expect(models_of({ default: 'gone', models: [wire('c')] }).standard).toBe('c');
  });
  it('are none where the server makes them by itself, or said nothing', () => {
    expect(models_of({ default: '', models: [] })).toEqual({ standard: '', models: [] });
    expect(models_of({})).toEqual({ standard: '', models: [] });
  });
});

describe('an item whose answer was lost', () => {
  it('is not over, and says what will happen', () => {
    const item = item_of({ item_id: 'i', file_name: 'a.png', status: 'unsure', stage: 'unsure' });
    expect(item.status).toBe('unsure');
    expect(item_words(item)).toMatch(/answer was lost.*credits come back/);
  });
});
