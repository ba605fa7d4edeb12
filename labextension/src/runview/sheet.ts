/** What a log box has behind its window: something long, of which only what is in sight is in the page. */

/** A place in a sheet that is found again when something above it has changed. */
export interface Anchor {
  readonly part: object | null;
  readonly row: number;
  readonly offset: number; // pixels below the row's top
}

export interface Counted {
  /** How many lines are kept, and how many there have been, as surely as it is known. */
  readonly length: number;
  readonly total: number;
  readonly sureness: 'exact' | 'atLeast' | 'about';
  /** Whether they are not the last ones. */
  readonly isFurtherUp?: boolean;
}

export interface Sheet {
  readonly node: HTMLElement;
  readonly counted: Counted;
  /** Lay out what there is now, in lines of this height; returns the height of it all. Heights are pixels. */
  layOut(lineHeight: number): number;
  /** Draw what stands between two heights. */
  draw(top: number, bottom: number): void;
  /** What stands at a height, as it was laid out. */
  anchorAt(top: number): Anchor;
  /** Line `index` of those that are kept. */
  anchorOf(index: number): Anchor;
  /** Where an anchor stands now, and the height of its row; null where it is no longer there. */
  find(anchor: Anchor): { top: number; height: number } | null;
}
