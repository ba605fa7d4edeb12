/** What completion offers at a place of a launch file, by its schema. */
import type { Completion, CompletionResult } from '@codemirror/autocomplete';
import { written } from './text';
import type { Option, Schema } from './types';

/** The offers at an offset of the text; null where there are none. */
export function offersAt(schema: Schema, text: string, offset: number): CompletionResult | null {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  const key = /^[\w-]*$/.exec(line);
  if (key) {
    return { from: offset - key[0].length, options: keys(schema, text, key[0]), validFor: /^[\w-]*$/ };
  }
  const value = /^(\w+):\s+(\S*)$/.exec(line);
  const option = value && schema.properties[value[1]];
  const options = option ? values(option) : [];
  return value && options.length ? { from: offset - value[2].length, options } : null;
}

function keys(schema: Schema, text: string, typed: string): Completion[] {
  const there = new Set(text.split('\n').map(line => /^(\w+):/.exec(line)?.[1]));
  return Object.entries(schema.properties)
    .filter(([name]) => name === typed || !there.has(name))
    .map(([name, option], place) => ({
      label: name,
      detail: kindOf(option),
      info: option.description,
      type: 'property',
      boost: -place, // in the order of the schema, which is by importance
      apply: option.type === 'object' ? `${name}:\n  ` : `${name}: `
    }));
}

function values(option: Option): Completion[] {
  const choices = option.enum ?? (option.type === 'boolean' ? ['true', 'false'] : (option.examples ?? []).map(written));
  return choices.map(label => ({ label, type: 'constant', info: option.description }));
}

/** The kind of an option, as it is shown beside its name. */
export function kindOf(option: Option): string {
  return option.type ?? (option.enum ? option.enum.join(' | ') : (option.anyOf ?? []).map(one => one.type).join(' | '));
}
