/** One option of a launch file as a field of the form, by its schema. */
import React from 'react';
import { useDraft } from './draft';
import { valueOf, written } from './text';
import type { Option } from './types';
import type { Translate } from '../look/words';

/** Change the option, or one entry of it; undefined removes it. */
export type Change = (value: unknown, entry?: string) => void;

interface FieldProps {
  id: string;
  option: Option;
  value: unknown;
  describedBy: string;
  invalid: boolean;
  change: Change;
  rename: (before: string, after: string) => void;
  trans: Translate;
}

/** The control that fits the option's type. */
export function Field(props: FieldProps): JSX.Element {
  const { option, id } = props;
  if (option.type === 'boolean') {
    return <Check {...props} />;
  }
  if (option.enum) {
    return <Choice {...props} />;
  }
  if (option.type === 'object') {
    return <Entries {...props} />;
  }
  return option.type === 'array' || id.endsWith('-code') ? <Lines {...props} /> : <Line {...props} />;
}

function aria({ id, describedBy, invalid }: FieldProps) {
  return { id, 'aria-describedby': describedBy, 'aria-invalid': invalid || undefined };
}

function Check(props: FieldProps): JSX.Element {
  const checked = props.value === true;
  return <input {...aria(props)} type="checkbox" checked={checked} onChange={() => props.change(checked ? undefined : true)} />;
}

function Choice(props: FieldProps): JSX.Element {
  return (
    <select
      {...aria(props)}
      className="jp-mod-styled"
      value={String(props.value ?? '')}
      onChange={event => props.change(event.target.value || undefined)}
    >
      <option value="">{props.trans.__('as fits')}</option>
      {props.option.enum?.map(choice => (
        <option key={choice} value={choice}>
          {choice}
        </option>
      ))}
    </select>
  );
}

function Line(props: FieldProps): JSX.Element {
  const { option, value, change } = props;
  const isNumber = option.type === 'integer' || option.type === 'number';
  const either = option.anyOf !== undefined; // a number or a text such as 2h
  const draft = useDraft(value === undefined || value === null ? '' : String(value), text =>
    change(text === '' ? undefined : isNumber || (either && /^[\d.]+$/.test(text)) ? valueOf(text) : text)
  );
  return (
    <input
      {...aria(props)}
      {...draft}
      className="jp-mod-styled"
      type={isNumber ? 'number' : 'text'}
      min={option.minimum}
      max={option.maximum}
      placeholder={placeholder(option)}
      spellCheck={false}
    />
  );
}

function Lines(props: FieldProps): JSX.Element {
  const { option, value, change } = props;
  const isList = option.type === 'array';
  const shown = Array.isArray(value) ? value.map(String).join('\n') : String(value ?? '');
  const draft = useDraft(shown, text => change(isList ? listOf(text) : text || undefined));
  return (
    <textarea
      {...aria(props)}
      {...draft}
      className="jp-mod-styled"
      rows={Math.min(12, Math.max(isList ? 1 : 4, draft.value.split('\n').length))}
      placeholder={isList ? props.trans.__('one in each line') : undefined}
      spellCheck={false}
    />
  );
}

function listOf(text: string): string[] | undefined {
  const lines = text.split('\n').filter(line => line !== '');
  return lines.length ? lines : undefined;
}

function Entries(props: FieldProps): JSX.Element {
  const entries = isRecord(props.value) ? Object.entries(props.value) : [];
  return (
    <div className="gpurun-launch-entries" role="group" {...aria(props)} aria-labelledby={`${props.id}-label`}>
      {entries.map(([name, value], place) => (
        // by place: a row stays the same one, with the keyboard in it, when its name changes
        <Entry key={place} {...props} name={name} value={value} />
      ))}
      <NewEntry {...props} />
    </div>
  );
}

function Entry({ name, value, change, rename, trans, option }: FieldProps & { name: string }): JSX.Element {
  const texts = takesTexts(option);
  const called = useDraft(name, () => undefined);
  const draft = useDraft(texts ? String(value ?? '') : written(value), text => change(texts ? text : valueOf(text), name));
  const finish = (event: React.FocusEvent<HTMLInputElement>) => {
    const after = event.target.value.trim();
    called.onBlur();
    if (after && after !== name) {
      rename(name, after);
    }
  };
  return (
    <div className="gpurun-launch-entry">
      <input className="jp-mod-styled" aria-label={trans.__('Name')} spellCheck={false} {...called} onBlur={finish} />
      <input className="jp-mod-styled" aria-label={trans.__('Value of %1', name)} spellCheck={false} {...draft} />
      <button
        type="button"
        className="jp-Button jp-mod-minimal gpurun-launch-remove"
        aria-label={trans.__('Remove %1', name)}
        title={trans.__('Remove %1', name)}
        onClick={() => change(undefined, name)}
      >
        ✕
      </button>
    </div>
  );
}

/** An empty row, which becomes an entry once it has a name and a value. */
function NewEntry({ change, trans, option }: FieldProps): JSX.Element {
  const [name, setName] = React.useState('');
  const [text, setText] = React.useState('');
  const finish = () => {
    if (name.trim() && text) {
      change(takesTexts(option) ? text : valueOf(text), name.trim());
      setName('');
      setText('');
    }
  };
  const onKeyDown = (event: React.KeyboardEvent) => event.key === 'Enter' && finish();
  const shared = { className: 'jp-mod-styled', spellCheck: false, onBlur: finish, onKeyDown };
  return (
    <div className="gpurun-launch-entry">
      <input {...shared} aria-label={trans.__('New name')} placeholder={trans.__('name')} value={name} onChange={e => setName(e.target.value)} />
      <input
        {...shared}
        aria-label={trans.__('New value')}
        placeholder={takesTexts(option) ? trans.__('value') : trans.__('0.1, 0.01')}
        value={text}
        onChange={e => setText(e.target.value)}
      />
      <span />
    </div>
  );
}

function takesTexts(option: Option): boolean {
  return (option as { additionalProperties?: { type?: string } }).additionalProperties?.type === 'string';
}

function placeholder(option: Option): string | undefined {
  const { examples } = option;
  return examples?.length ? String(examples[0]) : option.default === undefined ? undefined : String(option.default);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
