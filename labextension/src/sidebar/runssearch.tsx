/** The search of the sidebar: the server looks through all runs, not only through those that are held here. */
import React from 'react';
import type { Run } from '../server/types';
import type { PanelModel } from './panelmodel';

const DELAY_MS = 250;
const MOST_FOUND = 100;

export interface Found {
  runs: Run[];
  /** A sentence where the server could not be asked. */
  trouble: string;
}

/** What is found for `asked`, kept up to date; null while nothing is asked for. */
export function useSearch(model: PanelModel, asked: string): Found | null {
  const [found, setFound] = React.useState<Found | null>(null);
  const words = asked.trim();
  React.useEffect(() => {
    if (!words) {
      setFound(null);
      return;
    }
    let stale = false;
    const timer = window.setTimeout(async () => {
      const answer = await find(model, words);
      if (!stale) { // else something else is asked for by now
        setFound(answer);
      }
    }, DELAY_MS);
    return () => {
      stale = true;
      clearTimeout(timer);
    };
  }, [model, words]);
  return words && found ? { ...found, runs: found.runs.map(run => model.run(run.id) ?? run) } : null; // kept up to date, where the sidebar holds it
}

async function find(model: PanelModel, words: string): Promise<Found> {
  try {
    const query = new URLSearchParams({ q: words, limit: String(MOST_FOUND) });
    const { runs } = await model.server.api.request<{ runs: Run[] }>(`runs?${query}`);
    return { runs, trouble: '' };
  } catch (error) {
    return { runs: [], trouble: error instanceof Error ? error.message : String(error) };
  }
}
