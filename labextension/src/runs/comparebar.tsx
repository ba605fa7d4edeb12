/** The bar above the curves: which metrics are drawn, and how. */
import { HTMLSelect, ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';
import type { XAxis } from '../charts/chart';
import type { Translate } from '../look/words';
import { Glyph } from '../sidebar/panelparts';
import type { CompareModel } from './comparemodel';

export function makeCompareBar(model: CompareModel, trans: Translate): ReactWidget {
  const bar = ReactWidget.create(
    <UseSignal signal={model.changed}>{() => <CompareBar model={model} trans={trans} />}</UseSignal>
  );
  bar.addClass('gpurun-comparebar');
  return bar;
}

function CompareBar({ model, trans }: { model: CompareModel; trans: Translate }): JSX.Element {
  return (
    <>
      <div className="gpurun-trouble" role="alert">
        {model.trouble && <Glyph name="warning" />}
        {model.trouble}
      </div>
      <div className="gpurun-filters">
        <Metrics model={model} trans={trans} />
        <label className="gpurun-field">
          <span>{trans.__('Along')}</span>
          <HTMLSelect value={model.xAxis} onChange={event => model.set({ xAxis: event.target.value as XAxis })}>
            <option value="step">{trans.__('Step')}</option>
            <option value="time">{trans.__('Time')}</option>
          </HTMLSelect>
        </label>
        <label className="gpurun-field">
          <span>{trans.__('Smoothing')}</span>
          <input
            type="range"
            min={0}
            max={0.99}
            step={0.01}
            value={model.smoothing}
            onChange={event => model.set({ smoothing: Number(event.target.value) })}
          />
        </label>
        <label className="gpurun-switch">
          <input type="checkbox" checked={model.logScale} onChange={event => model.set({ logScale: event.target.checked })} />
          {trans.__('Log scale')}
        </label>
      </div>
    </>
  );
}

function Metrics({ model, trans }: { model: CompareModel; trans: Translate }): JSX.Element {
  const toggle = (name: string, on: boolean) =>
    void model.choose(on ? [...model.chosen, name] : model.chosen.filter(other => other !== name));
  return (
    <fieldset className="gpurun-choices">
      <legend>{trans.__('Metrics')}</legend>
      {model.metrics.map(name => (
        <label key={name}>
          <input type="checkbox" checked={model.chosen.includes(name)} onChange={event => toggle(name, event.target.checked)} />
          {name}
        </label>
      ))}
      {model.comparison && !model.metrics.length && trans.__('These runs have logged none.')}
    </fieldset>
  );
}
