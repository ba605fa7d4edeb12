/** How an attempt is called and drawn: as its run is. */
import { glyphOf, GlyphName, stateName } from '../look/sentences';
import type { Translate } from '../look/words';
import type { Run } from '../server/types';
import type { Attempt } from './answers';

export function glyphOfAttempt({ state, outcome }: Attempt): GlyphName {
  return glyphOf({ state, outcome } as Run);
}

export function stateOfAttempt({ state, outcome }: Attempt, trans: Translate): string {
  return stateName({ state, outcome } as Run, trans);
}
