/** A launch file as a form, made from the same schema. It changes the text, which stays what counts. */
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';
import { Field } from './fields';
import type { LaunchModel } from './launchmodel';
import { optionAt, optionsOf, renamed, withOption } from './text';
import type { Option, Problem } from './types';
import type { Translate } from '../look/words';

/** What most launches say; the rest is below a heading. */
const FIRST = ['name', 'dir', 'entry', 'module', 'args', 'notebook', 'code', 'values', 'gpu', 'project'];

export class LaunchForm extends ReactWidget {
  constructor(
    private model: LaunchModel,
    private trans: Translate
  ) {
    super();
    this.addClass('gpurun-launch-form');
  }

  protected render(): JSX.Element {
    return <UseSignal signal={this.model.changed}>{() => <Form model={this.model} trans={this.trans} />}</UseSignal>;
  }
}

interface FormProps {
  model: LaunchModel;
  trans: Translate;
}

function Form({ model, trans }: FormProps): JSX.Element {
  const values = optionsOf(model.text);
  if (!values || !model.schema) {
    const words = values ? trans.__('Loading the options…') : trans.__('The YAML cannot be read: correct it there first.');
    return <p className="gpurun-launch-note">{words}</p>;
  }
  const all = Object.entries(model.schema.properties);
  const rows = (options: [string, Option][]) =>
    options.map(([name, option]) => (
      <Row key={name} {...{ name, option, model, trans }} value={values[name]} problem={problemOf(model, name)} />
    ));
  const rest = all.filter(([name]) => !FIRST.includes(name));
  return (
    <form onSubmit={event => event.preventDefault()}>
      {rows(all.filter(([name]) => FIRST.includes(name)))}
      <details open={rest.some(([name]) => values[name] !== undefined) || undefined}>
        <summary>{trans.__('More options')}</summary>
        {rows(rest)}
      </details>
    </form>
  );
}

interface RowProps extends FormProps {
  name: string;
  option: Option;
  value: unknown;
  problem: Problem | undefined;
}

function Row({ name, option, value, problem, model, trans }: RowProps): JSX.Element {
  const id = `gpurun-launch-${React.useId().replace(/:/g, '')}-${name}`; // colons would have to be escaped in selectors
  const change = (to: unknown, entry?: string) => {
    model.text = withOption(model.text, entry === undefined ? [name] : [name, entry], to);
  };
  const rename = (before: string, after: string) => {
    model.text = renamed(model.text, name, before, after);
  };
  return (
    <div className="gpurun-launch-row" data-option={name} data-type={option.type}>
      <label htmlFor={id} id={`${id}-label`}>
        {name}
      </label>
      <Field {...{ id, option, value, change, rename, trans }} invalid={!!problem} describedBy={`${id}-about`} />
      <div className="gpurun-launch-about" id={`${id}-about`}>
        {problem ? <span className="gpurun-launch-wrong">{problem.message}</span> : option.description}
      </div>
    </div>
  );
}

function problemOf(model: LaunchModel, name: string): Problem | undefined {
  return model.preview?.problems.find(problem => optionAt(model.text, problem.line) === name);
}
