// File names on their way to the server and back.

export function stem_of(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot > 0 ? name.slice(0, dot) : name;
}

/// The name a model is saved under: the picture's own, with the model's ending.
export function model_name(picture_name: string): string {
  const stem = stem_of(picture_name.split(/[\\/]/).at(-1) ?? '').trim();
  return `${stem || 'model'}.glb`;
}

/// Makes names distinct ("vase.png", "vase (2).png"), so that every answer of the server can be matched to its picture.
export function distinct(names: string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const stem = stem_of(name);
    const ending = name.slice(stem.length);
    let candidate = name;
    for (let n = 2; taken.has(candidate.toLowerCase()); n++) candidate = `${stem} (${n})${ending}`;
    taken.add(candidate.toLowerCase());
    return candidate;
  });
}

/// Which of the sent files an item was made from: by name, or by place where the server changed the names.
export function match_sent(items: { file_name: string }[], sent: string[], rejected: string[]): (number | null)[] {
  const by_name = items.map((item) => {
    const at = sent.indexOf(item.file_name);
    return at < 0 ? null : at;
  });
  if (by_name.every((at) => at !== null)) return by_name;
  const accepted = sent.map((name, at) => ({ name, at })).filter(({ name }) => !rejected.includes(name));
  return accepted.length === items.length ? accepted.map(({ at }) => at) : by_name;
}
