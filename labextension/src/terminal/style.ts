/**
 * How a stretch of terminal text looks, and how SGR codes (`ESC [ ... m`) change that. A Style is never changed in place.
 */

export interface Style {
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly italic?: boolean;
  readonly underline?: boolean;
  readonly inverse?: boolean;
  /** `0` to `15` for the colours of the theme, else a CSS colour. */
  readonly fg?: string;
  readonly bg?: string;
}

export const PLAIN: Style = {};

const SWITCHES: Record<number, Partial<Style>> = {
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  22: { bold: undefined, dim: undefined },
  23: { italic: undefined },
  24: { underline: undefined },
  27: { inverse: undefined },
  39: { fg: undefined },
  49: { bg: undefined }
};

/** The style after the codes of one SGR sequence, `codes` being what stood between `[` and `m`. */
export function applySgr(style: Style, codes: string): Style {
  const parts = codes.split(';');
  for (let i = 0; i < parts.length; i++) {
    const [code, ...details] = parts[i].split(':').map(Number);
    const n = code === 4 && details[0] === 0 ? 24 : code; // no underline of the several that there are
    if (n === 0) {
      style = PLAIN;
    } else if (n in SWITCHES) {
      style = { ...style, ...SWITCHES[n] };
    } else if (n === 38 || n === 48) {
      const [colour, used] = details.length ? [detailedColour(details), 0] : extendedColour(parts.slice(i + 1).map(Number));
      style = { ...style, [n === 38 ? 'fg' : 'bg']: colour };
      i += used;
    } else {
      style = { ...style, ...themeColour(n) };
    }
  }
  return style;
}

function themeColour(n: number): Partial<Style> {
  const tens = Math.floor(n / 10);
  const index = n % 10;
  if (index > 7) {
    return {};
  }
  const bright = tens === 9 || tens === 10 ? 8 : 0;
  const colour = String(index + bright);
  return tens === 3 || tens === 9 ? { fg: colour } : tens === 4 || tens === 10 ? { bg: colour } : {};
}

/** The colour of `5:n`, `2:r:g:b`, or as the standard has it `2:space:r:g:b`, where the space is mostly empty. */
function detailedColour(details: number[]): string | undefined {
  const [kind, ...values] = details;
  return extendedColour([kind, ...(kind === 2 && values.length > 3 ? values.slice(1) : values)])[0];
}

/** The colour of `5;n` or `2;r;g;b`, and how many numbers it took. */
function extendedColour(numbers: number[]): [string | undefined, number] {
  if (numbers[0] === 2) {
    const [r, g, b] = numbers.slice(1, 4).map(part => part & 255);
    return [`rgb(${r}, ${g}, ${b})`, 4];
  }
  return numbers[0] === 5 ? [paletteColour(numbers[1] & 255), 2] : [undefined, 0];
}

/** The 256 colours of terminals: 16 of the theme, a cube of 6 x 6 x 6, 24 greys. */
function paletteColour(n: number): string {
  if (n < 16) {
    return String(n);
  }
  if (n >= 232) {
    const grey = 8 + (n - 232) * 10;
    return `rgb(${grey}, ${grey}, ${grey})`;
  }
  const level = (step: number) => (step === 0 ? 0 : 55 + step * 40);
  const cube = n - 16;
  return `rgb(${level(Math.floor(cube / 36))}, ${level(Math.floor(cube / 6) % 6)}, ${level(cube % 6)})`;
}
