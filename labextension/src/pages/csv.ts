/** The first rows of comma separated values (RFC 4180): quoted cells may hold separators, line breaks and doubled quotes. */
export function firstRows(text: string, separator: string, most: number): string[][] {
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|([^"${separator}\\r\\n][^${separator}\\r\\n]*)?)(${separator}|\\r?\\n|$)`, 'y');
  const rows: string[][] = [];
  let row: string[] = [];
  while (cell.lastIndex < text.length && rows.length < most) {
    const found = cell.exec(text);
    if (!found) {
      break; // a quote that is never closed
    }
    row.push(found[1] === undefined ? (found[2] ?? '') : found[1].replace(/""/g, '"'));
    if (found[3] !== separator) {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}
