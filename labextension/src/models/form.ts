/** A dialog with fields that stays until the server has taken what was written, or the person gives up. */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';
import { element } from '../look/dom';
import type { Translate } from '../look/words';

export interface Field {
  name: string;
  label: string;
  value?: string;
  /** What may be chosen; a select where `only`, else offered while one writes. */
  choices?: readonly string[];
  only?: boolean;
  placeholder?: string;
  required?: boolean;
}

export type Values = Record<string, string>;

export interface Form {
  title: string;
  fields: readonly Field[];
  accept: string;
  /** A sentence above the fields. */
  intro?: string;
  trans: Translate;
}

let numbers = 0; // makes ids that labels refer to

/** Ask until `act` succeeds; returns what it gave, or undefined where the person gave up. */
export async function askUntil<T>(form: Form, act: (values: Values) => Promise<T>): Promise<T | undefined> {
  let fields = form.fields;
  let trouble = '';
  for (;;) {
    const body = new FormBody(fields, form.intro, trouble);
    const buttons = [Dialog.cancelButton({ label: form.trans.__('Cancel') }), Dialog.okButton({ label: form.accept })];
    const answer = await showDialog({ title: form.title, body, buttons, focusNodeSelector: '.gpurun-form input' });
    const values = answer.value;
    if (!answer.button.accept || !values) {
      return undefined;
    }
    fields = fields.map(field => ({ ...field, value: values[field.name] }));
    try {
      return await act(values);
    } catch (error) {
      trouble = (error as Error).message;
    }
  }
}

class FormBody extends Widget implements Dialog.IBodyWidget<Values> {
  private inputs = new Map<string, HTMLInputElement | HTMLSelectElement>();

  constructor(fields: readonly Field[], intro: string | undefined, trouble: string) {
    super();
    this.addClass('gpurun-form');
    if (intro) {
      element('p', 'gpurun-form-intro', this.node).textContent = intro;
    }
    if (trouble) {
      const told = element('p', 'gpurun-form-trouble', this.node);
      told.setAttribute('role', 'alert');
      told.textContent = trouble;
    }
    fields.forEach(field => this.add(field));
  }

  getValue(): Values {
    return Object.fromEntries([...this.inputs].map(([name, input]) => [name, input.value.trim()]));
  }

  private add(field: Field): void {
    const id = `gpurun-field-${++numbers}`;
    const label = element('label', 'gpurun-form-label', this.node);
    label.htmlFor = id;
    label.textContent = field.label;
    const input = field.only ? this.select(field) : this.text(field, id);
    input.id = id;
    input.dataset.field = field.name;
    input.required = !!field.required;
    this.inputs.set(field.name, input);
  }

  private select(field: Field): HTMLSelectElement {
    const select = element('select', 'jp-mod-styled', this.node);
    for (const choice of field.choices ?? []) {
      select.add(new Option(choice, choice, false, choice === field.value));
    }
    return select;
  }

  private text(field: Field, id: string): HTMLInputElement {
    const input = element('input', 'jp-mod-styled', this.node);
    input.type = 'text';
    input.value = field.value ?? '';
    input.placeholder = field.placeholder ?? '';
    if (field.choices?.length) {
      const list = element('datalist', '', this.node);
      list.id = `${id}-choices`;
      field.choices.forEach(choice => list.append(new Option(choice, choice)));
      input.setAttribute('list', list.id);
    }
    return input;
  }
}
