/** The Overview page: who uses what now and before, what waits and why, projects, machines, numbers, storage. */
import { MainAreaWidget } from '@jupyterlab/apputils';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import React from 'react';
import { gpuIcon } from '../look/icons';
import { dots } from '../look/sentences';
import { addStylesheet } from '../look/stylesheet';
import type { Translate } from '../look/words';
import { isHeardOf, isLive } from '../server/types';
import { loadWords } from '../sidebar/loadwords';
import { isWaiting } from '../sidebar/panelmodel';
import { Glyph, useClock } from '../sidebar/panelparts';
import type { OverviewModel, Span } from './overviewmodel';
import { Card, MachinesCard, NumbersCard, ProjectsCard, StorageCard, UseCard, WaitingCard } from './tables';
import { TimelineView } from './timeline';

export const OVERVIEW_ID = 'gpurun-overview';

const CLOCK_S = 5;

export interface OverviewProps {
  model: OverviewModel;
  trans: Translate;
  onOpen: (id: string) => void;
}

class OverviewPage extends ReactWidget {
  constructor(private props: OverviewProps) {
    super();
    this.addClass('gpurun-overview');
    addStylesheet(this.node);
  }

  render(): JSX.Element {
    return <UseSignal signal={this.props.model.changed}>{() => <Page {...this.props} />}</UseSignal>;
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.props.model.start();
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) { // what is attached in sight gets no after-show
      this.props.model.start();
    }
  }

  protected onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.props.model.stop();
  }

  dispose(): void {
    this.props.model.stop();
    super.dispose();
  }
}

export type OverviewWidget = MainAreaWidget<OverviewPage>;

export function makeOverview(props: OverviewProps): OverviewWidget {
  const page = new MainAreaWidget({ content: new OverviewPage(props) });
  page.id = OVERVIEW_ID;
  page.title.label = props.trans.__('GPU Overview');
  page.title.icon = gpuIcon;
  page.title.closable = true;
  page.toolbar.hide();
  return page;
}

function Page(props: OverviewProps): JSX.Element {
  const { model, trans } = props;
  const now = useClock(CLOCK_S);
  return (
    <div className="gpurun-overview-page">
      <header className="gpurun-overview-head">
        <h1>{trans.__('GPU overview')}</h1>
        <span className="gpurun-overview-load">{nowWords(model, trans)}</span>
        <SpanSwitch model={model} trans={trans} />
      </header>
      <div className="gpurun-trouble" role="status">
        {(model.trouble || model.live.trouble) && <Glyph name="warning" />}
        {model.live.trouble || model.trouble}
      </div>
      {model.overview && <Cards {...props} now={now} />}
    </div>
  );
}

function Cards({ now, ...props }: OverviewProps & { now: number }): JSX.Element {
  const { model, trans } = props;
  const { timeline, projects, statistics, status } = model.overview!;
  const { agents, queue } = model.live;
  return (
    <div className="gpurun-cards">
      <Card title={trans.__('Devices over time')} wide>
        <TimelineView {...props} timeline={timeline} now={now} />
      </Card>
      <WaitingCard {...props} queue={queue} />
      <ProjectsCard {...props} projects={projects} />
      <UseCard {...props} {...{ timeline, statistics }} />
      <MachinesCard {...props} agents={agents} />
      <NumbersCard {...props} statistics={statistics} />
      <StorageCard {...props} status={status} />
    </div>
  );
}

/** `2/3 GPUs · 1 waiting · 2 runs at work`. */
function nowWords({ live }: OverviewModel, trans: Translate): string {
  const working = live.runs.filter(run => isLive(run) && !isWaiting(run) && !isHeardOf(run)).length;
  return live.loaded.devices ? dots(loadWords(live, trans), trans._n('%1 run at work', '%1 runs at work', working)) : '';
}

function SpanSwitch({ model, trans }: { model: OverviewModel; trans: Translate }): JSX.Element {
  const words: Record<Span, string> = { hour: trans.__('Hour'), day: trans.__('Day'), week: trans.__('Week') };
  return (
    <div className="gpurun-spans" role="group" aria-label={trans.__('How far back the timeline goes')}>
      {(Object.keys(words) as Span[]).map(span => (
        <button
          key={span}
          type="button"
          className="jp-Button jp-mod-styled jp-mod-minimal"
          aria-pressed={model.span === span}
          onClick={() => model.show(span)}
        >
          {words[span]}
        </button>
      ))}
    </div>
  );
}
