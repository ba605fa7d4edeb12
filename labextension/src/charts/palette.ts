/** The colours of charts: JupyterLab's own for text and lines, and eight for curves that read on a light and a dark ground. */

// Told apart with every kind of colour vision, each with a contrast of 3 or more to its ground.
const LIGHT = ['#1f6fc5', '#b35900', '#1a7f37', '#a33ea1', '#c4302b', '#0f7f86', '#6b5b00', '#5a5f66'];
const DARK = ['#6cb6ff', '#f0a35e', '#56d364', '#dc8cdc', '#ff7b72', '#56d4dd', '#d9c14a', '#b7bec6'];

/** So that no curve is known by its colour alone: the second eight are dotted, the third dashed and dotted. */
const PATTERNS = [[], [2, 3], [8, 3, 2, 3], [14, 4]];

/** The colour that curve `index` has in the present theme. */
export function curveColour(index: number): string {
  const colours = document.body.dataset.jpThemeLight === 'false' ? DARK : LIGHT;
  return colours[index % colours.length];
}

/** The dashes of curve `index`; none for the first eight. */
export function curveDashes(index: number): number[] {
  return PATTERNS[Math.floor(index / LIGHT.length) % PATTERNS.length];
}

/** What a CSS variable of the theme says. */
export function themeColour(variable: string, otherwise = '#808080'): string {
  return getComputedStyle(document.body).getPropertyValue(variable).trim() || otherwise;
}

/** Call `changed` when JupyterLab has another theme; returns what ends that. */
export function watchTheme(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  observer.observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-name', 'data-jp-theme-light'] });
  return () => observer.disconnect();
}
