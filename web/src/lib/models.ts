// The models that a batch may choose from, and the form of each one's parameters. All of it is drawn from the JSON Schema that
// the server sends; nothing here knows a model.
import type { Data, Loose } from './api';

export type Value = string | number | boolean;

/// One parameter, as a control shows it.
export interface Field {
  name: string;
  label: string;
  kind: 'choice' | 'switch' | 'number' | 'text';
  choices: Value[];
  min: number | null;
  max: number | null;
  whole: boolean;
  standard: Value | null;
}

export interface Model {
  id: string;
  name: string;
  /// A smaller picture is refused; 0 where none is.
  px_min: number;
  fields: Field[];
}

export interface Models {
  standard: string;
  models: Model[];
}

/// `texture_quality` is "Texture quality" where the schema has no title.
export function label_of(name: string): string {
  const words = name.replace(/[_\-.]+/g, ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const is_value = (value: unknown): value is Value => ['string', 'number', 'boolean'].includes(typeof value);
const number_or_null = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null);

export function fields_of(schema: unknown): Field[] {
  const properties = record_of(record_of(schema)['properties']);
  return Object.entries(properties).flatMap(([name, any]): Field[] => {
    const property = record_of(any);
    const choices = Array.isArray(property['enum']) ? property['enum'].filter(is_value) : [];
    const type = property['type'];
    const numeric = type === 'integer' || type === 'number';
    const kind = choices.length > 0 ? 'choice' : type === 'boolean' ? 'switch' : numeric ? 'number' : type === 'string' ? 'text' : null;
    if (!kind) return []; // what no control can show keeps its default
    return [
      {
        name,
        label: typeof property['title'] === 'string' && property['title'] ? property['title'] : label_of(name),
        kind,
        choices,
        min: number_or_null(property['minimum']),
        max: number_or_null(property['maximum']),
        whole: type === 'integer',
        standard: is_value(property['default']) ? property['default'] : null,
      },
    ];
  });
}

export function models_of(wire: Loose<Data<'list_models'>>): Models {
  const models = (wire.models ?? [])
    .filter((model) => model?.id && (model.pictures_min ?? 1) <= 1) // a batch makes each model of one picture
    .map((model) => ({
      id: model?.id ?? '',
      name: model?.name || (model?.id ?? ''),
      px_min: model?.picture?.px_min ?? 0,
      fields: fields_of(model?.parameters),
    }));
  const standard = models.some((model) => model.id === wire.default) ? (wire.default ?? '') : (models[0]?.id ?? '');
  return { standard, models };
}

export type Values = Record<string, Value>;

export const standards_of = (model: Model): Values =>
  Object.fromEntries(model.fields.flatMap((field) => (field.standard === null ? [] : [[field.name, field.standard]])));

/// What is wrong with a value, or null. The server asks the same of it once more.
export function fault_of(field: Field, value: Value | null | undefined): string | null {
  if (field.kind !== 'number') return null;
  if (typeof value !== 'number' || !Number.isFinite(value)) return 'Give a number.';
  if (field.whole && !Number.isInteger(value)) return 'Give a whole number.';
  if (field.min !== null && value < field.min) return `Not less than ${field.min}.`;
  if (field.max !== null && value > field.max) return `Not more than ${field.max}.`;
  return null;
}

/// What a batch says of its parameters: those that differ from the model's own, in the schema's order.
export function changed_of(model: Model, values: Values): Values {
  return Object.fromEntries(
    model.fields.flatMap(({ name, standard }): [string, Value][] => {
      const value = values[name];
      return value === undefined || value === standard ? [] : [[name, value]];
    }),
  );
}

export const bounds_words = ({ min, max }: Field): string =>
  min !== null && max !== null ? `${min} to ${max}` : min !== null ? `at least ${min}` : max !== null ? `at most ${max}` : '';

/// A choice in words: what is empty is "None".
export const choice_words = (value: Value): string => (typeof value === 'string' ? (value === '' ? 'None' : label_of(value)) : String(value));

function record_of(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
