/**
 * How strings find their translation where Jupyter cannot be imported: the run view takes a Translate, Lab gives it its
 * translation bundle, and everywhere else the English text is used as it is.
 */

/** The part of JupyterLab's TranslationBundle that is used here. */
export interface Translate {
  __(text: string, ...values: unknown[]): string;
  _n(one: string, many: string, count: number, ...values: unknown[]): string;
}

function fill(text: string, values: unknown[]): string {
  return text.replace(/%(\d)/g, (_, place) => String(values[Number(place) - 1] ?? ''));
}

/** English as written in the source; `%1` is the first value. */
export const english: Translate = {
  __: (text, ...values) => fill(text, values),
  _n: (one, many, count, ...values) => fill(count === 1 ? one : many, [count, ...values])
};
